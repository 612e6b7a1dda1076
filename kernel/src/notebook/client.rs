//! The client's end of a kernel: five sockets, requests out, events in.
//!
//! What the events mean for a notebook is decided in [`super::execute`] and [`super::outputs`];
//! the process behind the sockets is [`super::process`]'s.

use std::process::ExitStatus;
use std::time::Duration;

use jupyter_protocol::{
    ExecuteRequest, InputReply, InterruptRequest, JupyterMessage, KernelInfoRequest, ReplyError,
    ReplyStatus, ShutdownRequest,
};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, ClientStdinConnection,
    Connection, RawMessage, RuntimeError,
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::time::timeout;
use zeromq::SocketRecv;

use super::error::Error;
use super::heartbeat::Heartbeat;
use super::message::Message;
use super::process::{KernelLog, KernelProcess};

/// How long a kernel may take for what should be quick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From its start to its first answer.
    pub(super) start: Duration,
    /// From a cell's reply to its idle; nbclient waits 4 s.
    pub(super) idle_after_reply: Duration,
    /// From the interrupt of a cell that took too long to its end.
    pub(super) after_interrupt: Duration,
    /// From a shutdown request to the end of the process.
    pub(super) shutdown: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            start: Duration::from_secs(120),
            idle_after_reply: Duration::from_secs(20),
            after_interrupt: Duration::from_secs(20),
            shutdown: Duration::from_secs(5),
        }
    }
}

/// Something that came from the kernel.
#[derive(Debug)]
pub(super) enum Event {
    /// On IOPub: output or a change of state.
    Output(Message),
    /// On the shell socket.
    Reply(Message),
    /// On the stdin socket: a cell asks for input.
    InputRequest(Box<JupyterMessage>),
}

/// A kernel that answers. Dropping it kills the process and removes the connection file.
pub(super) struct KernelClient {
    process: KernelProcess,
    sockets: Sockets,
    exit: Option<ExitStatus>,
    kernel_info: Value,
    _connection_file: NamedTempFile,
}

/// Our ends of the kernel's five sockets.
pub(super) struct Sockets {
    pub(super) shell: ClientShellConnection,
    pub(super) iopub: ClientIoPubConnection,
    pub(super) control: ClientControlConnection,
    pub(super) stdin: ClientStdinConnection,
    pub(super) heartbeat: Heartbeat,
}

impl KernelClient {
    /// A client whose sockets are connected, but whose kernel has not answered yet.
    pub(super) fn new(process: KernelProcess, sockets: Sockets, file: NamedTempFile) -> Self {
        KernelClient {
            process,
            sockets,
            exit: None,
            kernel_info: Value::Null,
            _connection_file: file,
        }
    }

    /// The content of the kernel's `kernel_info_reply`.
    pub(super) fn kernel_info(&self) -> &Value {
        &self.kernel_info
    }

    /// Whether the kernel's process lives but does not answer.
    pub(super) fn is_hanging(&self) -> bool {
        self.sockets.heartbeat.is_missing()
    }

    /// What the kernel writes on stderr.
    pub(super) fn log(&self) -> &KernelLog {
        self.process.log()
    }

    /// Asks the kernel to run a cell; the id returned is the parent of everything it causes.
    pub(super) async fn execute(
        &mut self,
        source: &str,
        cell_id: &str,
        stop_on_error: bool,
    ) -> Result<String, Error> {
        let request = ExecuteRequest {
            stop_on_error,
            ..ExecuteRequest::new(source.to_owned())
        };
        // JupyterLab names the cell in the same way.
        let request = JupyterMessage::from(request).with_metadata(json!({ "cellId": cell_id }));
        let id = request.header.msg_id.clone();
        match self.sockets.shell.send(request).await {
            Ok(()) => Ok(id),
            Err(error) => Err(self.failure("send a cell", error).await),
        }
    }

    /// Asks the kernel to interrupt the running cell.
    pub(super) async fn interrupt(&mut self) -> Result<(), Error> {
        let request = JupyterMessage::from(InterruptRequest {});
        match self.sockets.control.send(request).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure("interrupt a cell", error).await),
        }
    }

    /// Tells a cell that asks for input that nobody is there.
    pub(super) async fn refuse_input(&mut self, request: &JupyterMessage) -> Result<(), Error> {
        let refusal = InputReply {
            value: String::new(),
            status: ReplyStatus::Error,
            error: Some(Box::new(ReplyError {
                ename: "StdinNotAvailable".to_owned(),
                evalue: "the notebook runs without a person to ask".to_owned(),
                traceback: Vec::new(),
            })),
        };
        let reply = refusal.as_child_of(request);
        match self.sockets.stdin.send(reply).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure("answer a request for input", error).await),
        }
    }

    /// Waits for the next thing that the kernel says. May be dropped and called again.
    ///
    /// # Errors
    /// [`Error::KernelDied`] when the process has ended and all it had said has been read.
    pub(super) async fn next_event(&mut self) -> Result<Event, Error> {
        loop {
            let received = if self.exit.is_some() {
                // What a dead process had sent is in our buffers already.
                timeout(Duration::from_millis(200), self.receive())
                    .await
                    .ok()
            } else {
                Some(self.receive().await)
            };
            match received {
                Some(Received::Event(event)) => return Ok(event),
                Some(Received::Nothing) => {}
                Some(Received::Exit(status)) => self.exit = Some(status),
                Some(Received::Failure(error)) => {
                    let failure = self.failure("read from it", error).await;
                    if self.exit.is_none() {
                        return Err(failure);
                    }
                }
                None => {
                    let status = self.exit.unwrap_or_default();
                    return Err(self.process.death(status, "while the notebook ran").await);
                }
            }
        }
    }

    /// Asks the kernel to end, and ends it if it does not.
    pub(super) async fn shutdown(mut self, patience: &Patience) {
        if self.exit.is_some() {
            return;
        }
        let request = JupyterMessage::from(ShutdownRequest { restart: false });
        if self.sockets.control.send(request).await.is_ok() {
            // Reading on, since a kernel may block on output that nobody takes.
            let ended = async { while self.next_event().await.is_ok() {} };
            let _ = timeout(patience.shutdown, ended).await;
        }
    }

    /// Sends kernel_info requests until one is answered on shell and IOPub.
    ///
    /// A subscription takes effect some time after it was made, and what a kernel publishes
    /// before is lost. So the first cell waits until IOPub has said anything: `iopub_welcome`
    /// from a kernel that has it, else the status of one of these requests.
    pub(super) async fn introduced(mut self) -> Result<Self, Error> {
        let mut is_subscribed = false;
        let mut info = None;
        loop {
            let request = JupyterMessage::from(KernelInfoRequest {});
            let id = request.header.msg_id.clone();
            if let Err(error) = self.sockets.shell.send(request).await {
                return Err(self.failure("send kernel_info_request", error).await);
            }
            let mut is_replied = false;
            while !is_replied || !is_subscribed {
                let event = match is_replied {
                    false => self.next_event().await?,
                    true => match timeout(Duration::from_millis(500), self.next_event()).await {
                        Ok(event) => event?,
                        Err(_) => break,
                    },
                };
                match event {
                    Event::Output(_) => is_subscribed = true,
                    Event::Reply(reply) if reply.parent_id == id => {
                        is_replied = true;
                        info = Some(reply.content);
                    }
                    Event::Reply(_) | Event::InputRequest(_) => {}
                }
            }
            if is_subscribed && let Some(info) = info {
                self.kernel_info = info;
                return Ok(self);
            }
        }
    }

    /// What a failing socket means: mostly that the process has ended, which it tells itself.
    async fn failure(&mut self, doing: &'static str, error: impl ToString) -> Error {
        match timeout(Duration::from_secs(2), self.process.exited()).await {
            Ok(status) => {
                self.exit = Some(status);
                self.process.death(status, "while the notebook ran").await
            }
            Err(_) => Error::Connection {
                doing,
                detail: error.to_string(),
            },
        }
    }

    async fn receive(&mut self) -> Received {
        tokio::select! {
            // Output first, so that what a dying kernel said comes before its end.
            biased;
            message = read(&mut self.sockets.iopub) => Received::from(message, Event::Output),
            message = read(&mut self.sockets.shell) => Received::from(message, Event::Reply),
            message = self.sockets.stdin.read() => match message {
                Ok(message) => Received::Event(Event::InputRequest(Box::new(message))),
                Err(error) => Received::Failure(error.to_string()),
            },
            // Replies to interrupt and shutdown: their effect shows elsewhere.
            message = read(&mut self.sockets.control) => match message {
                Ok(_) => Received::Nothing,
                Err(error) => Received::Failure(error.to_string()),
            },
            status = self.process.exited(), if self.exit.is_none() => Received::Exit(status),
        }
    }
}

enum Received {
    Event(Event),
    Nothing,
    Exit(ExitStatus),
    Failure(String),
}

impl Received {
    fn from(
        message: Result<Option<Message>, RuntimeError>,
        event: impl Fn(Message) -> Event,
    ) -> Self {
        match message {
            Ok(Some(message)) => Received::Event(event(message)),
            Ok(None) => Received::Nothing,
            Err(error) => Received::Failure(error.to_string()),
        }
    }
}

/// Reads one message; one that is damaged or not signed by our kernel is skipped.
async fn read<S: SocketRecv>(
    connection: &mut Connection<S>,
) -> Result<Option<Message>, RuntimeError> {
    let frames = connection.socket.recv().await?;
    let message = RawMessage::from_multipart(frames, &connection.mac)
        .map_err(|error| error.to_string())
        .and_then(|raw| Message::decode(&raw));
    Ok(message
        .inspect_err(|reason| tracing::warn!("message skipped: {reason}"))
        .ok())
}
