//! A Jupyter client for tests: sends requests and collects what comes of them.
//!
//! `process.rs` starts and ends the kernel's binary, `transcript.rs` puts messages into words.

// Paths, since other tests take this file in by its own.
#[path = "client/process.rs"]
mod process;
#[path = "client/transcript.rs"]
mod transcript;

pub use process::kernel_folders;
pub use transcript::{Transcript, content_of, line, parent_of};

use jupyter_protocol::messaging::UnknownMessage;
use jupyter_protocol::{ConnectionInfo, ExecuteRequest, JupyterMessage, JupyterMessageContent};
use jupyter_zmq_client::connection as zmq;
use serde_json::Value;
use std::process::Child;
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

impl Client {
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
