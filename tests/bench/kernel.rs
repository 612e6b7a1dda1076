//! A Jupyter client for any kernel, which measures how long answers take.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jupyter_protocol::messaging::UnknownMessage;
use jupyter_protocol::{
    CompleteRequest, ConnectionInfo, ExecuteRequest, JupyterMessage, JupyterMessageContent,
    KernelInfoRequest, Transport,
};
use jupyter_zmq_client::connection as zmq;
use serde_json::Value;
use tokio::runtime::Runtime;
use zeromq::SocketRecv;

use crate::Result;

/// The first cell of a peer may compile libtorch's bindings.
const PATIENCE: Duration = Duration::from_secs(1800);
/// A cell that is still there then does not stop.
const PATIENCE_OF_AN_INTERRUPT: Duration = Duration::from_secs(10);

/// A running kernel.
pub struct Kernel {
    runtime: Runtime,
    shell: zmq::ClientShellConnection,
    iopub: zmq::ClientIoPubConnection,
    process: Child,
    started: Instant,
    /// From the start of the process to its first answer.
    pub ready_after: f64,
    _folder: tempfile::TempDir,
    _reserved: [tokio::net::TcpSocket; 5],
}

/// What came of a cell.
pub struct Executed {
    /// From the request to reply and idle.
    pub seconds: f64,
    /// What it has printed, and its value as text.
    pub text: String,
    /// Name and value of its error.
    pub error: Option<String>,
}

impl Kernel {
    /// Starts a kernel: `command` gets the connection file.
    pub fn start(command: impl FnOnce(&Path) -> Command) -> Result<Self> {
        let runtime = Runtime::new()?;
        let folder = tempfile::tempdir()?;
        let session = uuid::Uuid::new_v4().to_string();
        let reserved = torchbook_kernel::notebook::reserve_ports()?;
        let mut ports = [0; 5];
        for (port, socket) in ports.iter_mut().zip(&reserved) {
            *port = socket.local_addr()?.port();
        }
        let [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports;
        let connection = ConnectionInfo {
            ip: "127.0.0.1".into(),
            transport: Transport::TCP,
            shell_port,
            iopub_port,
            stdin_port,
            control_port,
            hb_port,
            key: uuid::Uuid::new_v4().to_string(),
            signature_scheme: "hmac-sha256".into(),
            kernel_name: None,
        };
        let file = folder.path().join("connection.json");
        std::fs::write(&file, serde_json::to_vec(&connection)?)?;
        let started = Instant::now();
        let process = command(&file)
            .env("TORCHBOOK_HISTORY", ":memory:")
            .env("JPY_PARENT_PID", std::process::id().to_string())
            .stdin(Stdio::null())
            .spawn()?;
        let identity = zmq::peer_identity_for_session(&session)?;
        let (shell, iopub) = runtime.block_on(async {
            let shell =
                zmq::create_client_shell_connection_with_identity(&connection, &session, identity)
                    .await?;
            let iopub = zmq::create_client_iopub_connection(&connection, "", &session).await?;
            Ok::<_, Box<dyn std::error::Error>>((shell, iopub))
        })?;
        let mut kernel = Kernel {
            runtime,
            shell,
            iopub,
            process,
            started,
            ready_after: 0.0,
            _folder: folder,
            _reserved: reserved,
        };
        kernel.send(KernelInfoRequest {})?;
        kernel.next_reply()?;
        kernel.ready_after = kernel.started.elapsed().as_secs_f64();
        // A subscription takes effect some time after the connection: ask until an idle is seen.
        loop {
            let id = kernel.send(KernelInfoRequest {})?;
            kernel.next_reply()?;
            let idle = kernel.until_idle(&id, Duration::from_millis(300));
            if idle.is_ok() {
                return Ok(kernel);
            }
        }
    }

    /// Since the process was started, in seconds.
    pub fn age(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Runs a cell.
    pub fn execute(&mut self, code: &str) -> Result<Executed> {
        let began = Instant::now();
        let id = self.send(ExecuteRequest::new(code.to_owned()))?;
        self.executed(&id, began, PATIENCE)
    }

    /// Begins a cell and does something while it runs.
    pub fn while_executing<T>(
        &mut self,
        code: &str,
        meanwhile: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let began = Instant::now();
        let id = self.send(ExecuteRequest::new(code.to_owned()))?;
        let done = meanwhile(self)?;
        self.executed(&id, began, PATIENCE)?;
        Ok(done)
    }

    /// Begins a cell and sends the kernel SIGINT once the cell has printed `marker`: how long it takes to
    /// end from there.
    pub fn interrupt_when(&mut self, code: &str, marker: &str) -> Result<Executed> {
        let id = self.send(ExecuteRequest::new(code.to_owned()))?;
        let iopub = &mut self.iopub;
        let printed = async {
            loop {
                let message = read(iopub).await?;
                let content = content_of(&message);
                match message.message_type() {
                    _ if parent_of(&message) != Some(&id) => {}
                    "stream"
                        if content["text"]
                            .as_str()
                            .is_some_and(|text| text.contains(marker)) =>
                    {
                        return Ok::<_, Box<dyn std::error::Error>>(());
                    }
                    "error" => return Err(content.to_string().into()),
                    _ => {}
                }
            }
        };
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, printed).await })??;
        let began = Instant::now();
        let pid = i32::try_from(self.process.id())?;
        let pid = rustix::process::Pid::from_raw(pid).ok_or("no process")?;
        rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        self.executed(&id, began, PATIENCE_OF_AN_INTERRUPT)
            .map_err(|error| format!("the cell was not stopped: {error}\n{code}").into())
    }

    /// Asks for completions at the end of `code`: how long the answer takes, and how many there are.
    pub fn complete(&mut self, code: &str) -> Result<(f64, usize)> {
        let began = Instant::now();
        let id = self.send(CompleteRequest {
            code: code.to_owned(),
            cursor_pos: code.chars().count(),
        })?;
        let reply = self.reply_to(&id)?;
        let seconds = began.elapsed().as_secs_f64();
        Ok((seconds, reply["matches"].as_array().map_or(0, Vec::len)))
    }

    fn executed(&mut self, id: &str, began: Instant, patience: Duration) -> Result<Executed> {
        let messages = self.until_idle(id, patience)?;
        let reply = self.reply_to(id)?;
        let seconds = began.elapsed().as_secs_f64();
        let mut text = String::new();
        for message in &messages {
            let content = content_of(message);
            let part = match message.message_type() {
                "stream" => content["text"].as_str(),
                "execute_result" => content["data"]["text/plain"].as_str(),
                _ => None,
            };
            text.push_str(part.unwrap_or_default());
        }
        let error =
            (reply["status"] != "ok").then(|| format!("{}: {}", reply["ename"], reply["evalue"]));
        Ok(Executed {
            seconds,
            text,
            error,
        })
    }

    fn send(&mut self, content: impl Into<JupyterMessageContent>) -> Result<String> {
        let message = JupyterMessage::new(content, None);
        let id = message.header.msg_id.clone();
        self.runtime.block_on(self.shell.send(message))?;
        Ok(id)
    }

    fn next_reply(&mut self) -> Result<JupyterMessage> {
        let read = read(&mut self.shell);
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, read).await })?
    }

    /// The reply to this request; those to others are passed over.
    fn reply_to(&mut self, id: &str) -> Result<Value> {
        loop {
            let reply = self.next_reply()?;
            if parent_of(&reply) == Some(id) {
                return Ok(content_of(&reply));
            }
        }
    }

    fn until_idle(&mut self, id: &str, patience: Duration) -> Result<Vec<JupyterMessage>> {
        let iopub = &mut self.iopub;
        let reading = async {
            let mut messages = Vec::new();
            loop {
                let message = read(iopub).await?;
                if parent_of(&message) != Some(id) {
                    continue;
                }
                let idle = message.message_type() == "status"
                    && content_of(&message)["execution_state"] == "idle";
                messages.push(message);
                if idle {
                    return Ok(messages);
                }
            }
        };
        self.runtime
            .block_on(async { tokio::time::timeout(patience, reading).await })?
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // SIGTERM, so that it takes its cell process and its folder with it.
        if let Some(pid) = i32::try_from(self.process.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next message as it was sent.
async fn read<S: SocketRecv>(connection: &mut zmq::Connection<S>) -> Result<JupyterMessage> {
    let multipart = connection.socket.recv().await?;
    let raw = zmq::RawMessage::from_multipart(multipart, &connection.mac)?;
    let [header, parent, metadata, content, buffers @ ..] = &raw.jparts[..] else {
        return Err("a message of fewer than four parts".into());
    };
    let header: jupyter_protocol::Header = serde_json::from_slice(header)?;
    let content = UnknownMessage {
        msg_type: header.msg_type.clone(),
        content: serde_json::from_slice(content)?,
    };
    Ok(JupyterMessage {
        zmq_identities: raw.zmq_identities,
        header,
        parent_header: serde_json::from_slice(parent).ok(),
        metadata: serde_json::from_slice(metadata)?,
        content: content.into(),
        buffers: buffers.to_vec(),
        channel: None,
    })
}

fn parent_of(message: &JupyterMessage) -> Option<&str> {
    message
        .parent_header
        .as_ref()
        .map(|header| header.msg_id.as_str())
}

fn content_of(message: &JupyterMessage) -> Value {
    match &message.content {
        JupyterMessageContent::UnknownMessage(unknown) => unknown.content.clone(),
        known => serde_json::to_value(known).unwrap_or_default(),
    }
}
