//! A Jupyter client for tests: starts the kernel's binary and reads transcripts.

use jupyter_protocol::messaging::UnknownMessage;
use jupyter_protocol::{
    ConnectionInfo, ExecuteRequest, JupyterMessage, JupyterMessageContent, Transport,
};
use jupyter_zmq_client::connection as zmq;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::runtime::Runtime;
use zeromq::{SocketRecv, SocketSend};

/// Only a hang lasts this long; no test measures time.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Client {
    runtime: Runtime,
    pub connection: ConnectionInfo,
    shell: zmq::ClientShellConnection,
    control: zmq::ClientControlConnection,
    stdin: zmq::ClientStdinConnection,
    iopub: zmq::ClientIoPubConnection,
    heartbeat: zmq::ClientHeartbeatConnection,
    pub process: Child,
    /// IOPub messages of requests that nobody has asked for yet.
    backlog: Vec<JupyterMessage>,
    _folder: tempfile::TempDir,
    /// Keep the ports from other kernels of the same test run.
    _reserved: [tokio::net::TcpSocket; 5],
}

/// What came of one request.
#[derive(Debug)]
pub struct Transcript {
    /// The reply's content.
    pub reply: Value,
    /// IOPub messages of this request, busy and idle included, one line each: see [`line`].
    pub iopub: Vec<String>,
    /// The same messages, whole.
    pub messages: Vec<JupyterMessage>,
}

impl Client {
    /// A kernel on the scripted evaluator.
    pub fn scripted() -> Client {
        Client::start(&["--scripted"], &[])
    }

    /// A kernel that compiles and runs Rust.
    pub fn real() -> Client {
        Client::real_with(&[])
    }

    /// As [`Client::real`], with more in the kernel's environment.
    pub fn real_with(environment: &[(&str, &str)]) -> Client {
        // What takes minutes the first time happens here, with its progress on stderr.
        let prepared = Command::new(env!("CARGO_BIN_EXE_torchbook"))
            .arg("build-environment")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(prepared.success(), "the prelude was not built");
        Client::start(&[], environment)
    }

    /// Starts the binary and waits until it can be talked to.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Client {
        Client::start_configured(arguments, |command| {
            command.envs(environment.iter().copied());
        })
    }

    /// As [`Client::start`], with a last word on the kernel's command.
    pub fn start_configured(arguments: &[&str], configure: impl FnOnce(&mut Command)) -> Client {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let session = uuid::Uuid::new_v4().to_string();
        let reserved = torchbook_kernel::notebook::reserve_ports().unwrap();
        let ports = reserved
            .each_ref()
            .map(|socket| socket.local_addr().unwrap().port());
        let connection = ConnectionInfo {
            ip: "127.0.0.1".into(),
            transport: Transport::TCP,
            shell_port: ports[0],
            iopub_port: ports[1],
            stdin_port: ports[2],
            control_port: ports[3],
            hb_port: ports[4],
            key: uuid::Uuid::new_v4().to_string(),
            signature_scheme: "hmac-sha256".into(),
            kernel_name: Some("torchbook".into()),
        };
        let file = folder.path().join("connection.json");
        std::fs::write(&file, serde_json::to_vec(&connection).unwrap()).unwrap();
        let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_torchbook")));
        command
            .arg("kernel")
            .arg("--connection-file")
            .arg(&file)
            .args(arguments)
            // Not the user's.
            .env("TORCHBOOK_HISTORY", folder.path().join("history.sqlite"))
            .env("JPY_PARENT_PID", std::process::id().to_string())
            .stdin(Stdio::null());
        configure(&mut command);
        let process = command.spawn().unwrap();
        let (shell, control, stdin, iopub, heartbeat) = runtime.block_on(async {
            let identity = zmq::peer_identity_for_session(&session).unwrap();
            let shell = zmq::create_client_shell_connection_with_identity(
                &connection,
                &session,
                identity.clone(),
            );
            let stdin =
                zmq::create_client_stdin_connection_with_identity(&connection, &session, identity);
            (
                connected(shell).await,
                connected(zmq::create_client_control_connection(&connection, &session)).await,
                connected(stdin).await,
                connected(zmq::create_client_iopub_connection(
                    &connection,
                    "",
                    &session,
                ))
                .await,
                connected(zmq::create_client_heartbeat_connection(&connection)).await,
            )
        });
        let mut client = Client {
            runtime,
            connection,
            shell,
            control,
            stdin,
            iopub,
            heartbeat,
            process,
            backlog: Vec::new(),
            _folder: folder,
            _reserved: reserved,
        };
        // From the welcome on, no message is missed.
        loop {
            let message = client.next_iopub();
            if message.message_type() == "iopub_welcome" {
                return client;
            }
        }
    }

    /// Runs a cell with everything at its default.
    #[track_caller]
    pub fn run(&mut self, code: &str) -> Transcript {
        self.execute(ExecuteRequest::new(code.into()))
    }

    /// Runs a cell.
    #[track_caller]
    pub fn execute(&mut self, request: ExecuteRequest) -> Transcript {
        self.shell_request(request)
    }

    /// Sends a request on shell and waits for its reply and its idle.
    #[track_caller]
    pub fn shell_request(&mut self, content: impl Into<JupyterMessageContent>) -> Transcript {
        let id = self.send_shell(content);
        self.transcript(&id)
    }

    /// Sends a request on control and waits for its reply and its idle.
    #[track_caller]
    pub fn control_request(&mut self, content: impl Into<JupyterMessageContent>) -> Transcript {
        let message = JupyterMessage::new(content, None);
        let id = message.header.msg_id.clone();
        self.runtime.block_on(self.control.send(message)).unwrap();
        let reply = self
            .runtime
            .block_on(patience("a reply on control", read(&mut self.control)))
            .unwrap();
        assert_eq!(parent_of(&reply), Some(id.as_str()));
        let messages = self.iopub_until_idle(&id);
        Transcript {
            reply: content_of(&reply),
            iopub: messages.iter().map(line).collect(),
            messages,
        }
    }

    /// Sends on shell without waiting; returns the message's id.
    pub fn send_shell(&mut self, content: impl Into<JupyterMessageContent>) -> String {
        self.send_shell_message(JupyterMessage::new(content, None))
    }

    /// As [`Client::send_shell`], the whole message being the test's.
    pub fn send_shell_message(&mut self, message: JupyterMessage) -> String {
        let id = message.header.msg_id.clone();
        self.runtime.block_on(self.shell.send(message)).unwrap();
        id
    }

    /// Sends on control without waiting; the whole message is the test's.
    pub fn send_control(&mut self, message: JupyterMessage) {
        self.runtime.block_on(self.control.send(message)).unwrap();
    }

    /// The reply to this request, and its IOPub messages up to its idle.
    #[track_caller]
    pub fn transcript(&mut self, id: &str) -> Transcript {
        let reply = self.next_reply();
        assert_eq!(
            parent_of(&reply),
            Some(id),
            "reply to another request: {reply:?}"
        );
        let messages = self.iopub_until_idle(id);
        Transcript {
            reply: content_of(&reply),
            iopub: messages.iter().map(line).collect(),
            messages,
        }
    }

    /// Waits until the kernel asks for input, without answering.
    #[track_caller]
    pub fn next_input_request(&mut self) -> JupyterMessage {
        self.runtime
            .block_on(patience("an input request", read(&mut self.stdin)))
            .unwrap()
    }

    /// Answers an input request.
    pub fn answer(&mut self, request: &JupyterMessage, answer: &str) {
        let reply = jupyter_protocol::InputReply {
            value: answer.into(),
            status: jupyter_protocol::ReplyStatus::Ok,
            error: None,
        };
        let reply = JupyterMessage::new(reply, Some(request)).with_zmq_identities(Vec::new());
        self.runtime.block_on(self.stdin.send(reply)).unwrap();
    }

    /// Sends the kernel's process a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.process.id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal)
            .unwrap();
    }

    /// The next reply on shell.
    #[track_caller]
    pub fn next_reply(&mut self) -> JupyterMessage {
        self.runtime
            .block_on(patience("a reply on shell", read(&mut self.shell)))
            .unwrap()
    }

    /// A reply on shell that has arrived already.
    pub fn reply_if_there(&mut self) -> Option<JupyterMessage> {
        let read = self.shell.read();
        let waited = self
            .runtime
            .block_on(async { tokio::time::timeout(Duration::from_millis(10), read).await });
        waited.ok().map(Result::unwrap)
    }

    /// The next message on IOPub.
    #[track_caller]
    pub fn next_iopub(&mut self) -> JupyterMessage {
        self.runtime
            .block_on(patience("a message on IOPub", read(&mut self.iopub)))
            .unwrap()
    }

    /// Reads IOPub until nothing has come for a second; returns how many messages came.
    pub fn read_iopub_until_silence(&mut self) -> usize {
        let mut received = 0;
        let silence = Duration::from_secs(1);
        while let Ok(message) = self
            .runtime
            .block_on(async { tokio::time::timeout(silence, self.iopub.read()).await })
        {
            message.unwrap();
            received += 1;
        }
        received
    }

    /// Reads IOPub until a line (see [`line`]) of this request fulfils the condition.
    #[track_caller]
    pub fn iopub_until(
        &mut self,
        id: &str,
        condition: impl Fn(&str) -> bool,
    ) -> Vec<JupyterMessage> {
        let mut messages = Vec::new();
        // Two requests at once are answered in any order: what belongs to the other one
        // is kept for whoever asks for it.
        let mut earlier = std::mem::take(&mut self.backlog).into_iter();
        loop {
            let message = earlier.next().unwrap_or_else(|| self.next_iopub());
            if parent_of(&message) != Some(id) {
                self.backlog.push(message);
                continue;
            }
            let done = condition(&line(&message));
            messages.push(message);
            if done {
                self.backlog.extend(earlier);
                return messages;
            }
        }
    }

    #[track_caller]
    fn iopub_until_idle(&mut self, id: &str) -> Vec<JupyterMessage> {
        self.iopub_until(id, |line| line == "idle")
    }

    /// Answers the next input request with `answer` and returns its content.
    #[track_caller]
    pub fn answer_input(&mut self, answer: &str) -> Value {
        let request = self.next_input_request();
        self.answer(&request, answer);
        content_of(&request)
    }

    /// Sends bytes to the heartbeat and returns what comes back.
    #[track_caller]
    pub fn heartbeat(&mut self, bytes: &'static [u8]) -> Vec<u8> {
        let echo = async {
            self.heartbeat
                .socket
                .send(bytes.to_vec().into())
                .await
                .unwrap();
            self.heartbeat
                .socket
                .recv()
                .await
                .unwrap()
                .into_vec()
                .concat()
        };
        self.runtime.block_on(patience("the heartbeat", echo))
    }

    /// Sends raw frames on shell.
    pub fn send_raw(&mut self, frames: Vec<bytes::Bytes>) {
        let message = zeromq::ZmqMessage::try_from(frames).unwrap();
        self.runtime
            .block_on(self.shell.socket.send(message))
            .unwrap();
    }

    /// Sends raw frames on control.
    pub fn send_raw_control(&mut self, frames: Vec<bytes::Bytes>) {
        let message = zeromq::ZmqMessage::try_from(frames).unwrap();
        self.runtime
            .block_on(self.control.socket.send(message))
            .unwrap();
    }

    /// Sends raw frames on stdin.
    pub fn send_raw_stdin(&mut self, frames: Vec<bytes::Bytes>) {
        let message = zeromq::ZmqMessage::try_from(frames).unwrap();
        self.runtime
            .block_on(self.stdin.socket.send(message))
            .unwrap();
    }

    /// The kernel's own folder on disk, below the cache.
    pub fn kernel_folder(&self) -> PathBuf {
        let mut kernels = kernel_folders(self.process.id());
        assert_eq!(kernels.len(), 1, "{kernels:?}");
        kernels.remove(0)
    }

    /// The process that runs the kernel's cells.
    pub fn cell_process(&self) -> u32 {
        // Compilers, which come and go, have arguments.
        let has_no_arguments = |pid: &u32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.iter().filter(|&&byte| byte == 0).count() == 1
        };
        let mut started = torchbook_kernel::processes::descendants(self.process.id());
        started.retain(has_no_arguments);
        assert_eq!(started.len(), 1, "{started:?}");
        started[0]
    }

    /// Ends the kernel by a shutdown request; returns its exit status.
    pub fn shut_down(mut self) -> std::process::ExitStatus {
        let reply = self.control_request(jupyter_protocol::ShutdownRequest { restart: false });
        assert_eq!(reply.reply["status"], "ok");
        self.process.wait().unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ended already unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folders that kernels' processes with this id have made, now or before.
pub fn kernel_folders(pid: u32) -> Vec<PathBuf> {
    use torchbook_kernel::setup::{Cache, Environment};
    let cache = Cache::of(&Environment::of_process()).unwrap();
    let prefix = format!("{pid}-");
    std::fs::read_dir(cache.root().join("kernels"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect()
}

/// The next message as it was sent: jupyter-protocol's types would add and drop fields.
async fn read<S: SocketRecv>(
    connection: &mut zmq::Connection<S>,
) -> jupyter_zmq_client::Result<JupyterMessage> {
    let multipart = connection.socket.recv().await?;
    let raw = zmq::RawMessage::from_multipart(multipart, &connection.mac)?;
    let header: jupyter_protocol::Header = serde_json::from_slice(&raw.jparts[0])?;
    let content = UnknownMessage {
        msg_type: header.msg_type.clone(),
        content: serde_json::from_slice(&raw.jparts[3])?,
    };
    Ok(JupyterMessage {
        zmq_identities: raw.zmq_identities,
        header,
        parent_header: serde_json::from_slice(&raw.jparts[1]).ok(),
        metadata: serde_json::from_slice(&raw.jparts[2])?,
        content: content.into(),
        buffers: raw.jparts[4..].to_vec(),
        channel: None,
    })
}

/// Waits, but not for ever: a hang must fail and say where.
async fn patience<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

/// The kernel binds its sockets a moment after it was started; until then connecting fails.
async fn connected<T>(connecting: impl Future<Output = jupyter_zmq_client::Result<T>>) -> T {
    patience("a connection", connecting).await.unwrap()
}

/// The id of the request a message belongs to.
pub fn parent_of(message: &JupyterMessage) -> Option<&str> {
    message
        .parent_header
        .as_ref()
        .map(|header| header.msg_id.as_str())
}

/// A message's content as JSON, whatever its type.
pub fn content_of(message: &JupyterMessage) -> Value {
    match &message.content {
        JupyterMessageContent::UnknownMessage(unknown) => unknown.content.clone(),
        known => serde_json::to_value(known).unwrap(),
    }
}

/// An IOPub message as one line that reads like what happened.
pub fn line(message: &JupyterMessage) -> String {
    let content = content_of(message);
    let text = |name: &str| content[name].as_str().unwrap_or_default().to_owned();
    let id = || {
        content["transient"]["display_id"]
            .as_str()
            .map(|id| format!(" #{id}"))
            .unwrap_or_default()
    };
    match message.message_type() {
        "status" => text("execution_state"),
        "execute_input" => format!("input [{}]", content["execution_count"]),
        "stream" => format!("{}: {:?}", text("name"), text("text")),
        "execute_result" => format!(
            "result [{}] {}",
            content["execution_count"], content["data"]
        ),
        "display_data" => format!("display{} {}", id(), content["data"]),
        "update_display_data" => format!("update{} {}", id(), content["data"]),
        "error" => format!("error {}: {}", text("ename"), text("evalue")),
        "clear_output" => format!("clear wait={}", content["wait"]),
        other => format!("{other} {content}"),
    }
}
