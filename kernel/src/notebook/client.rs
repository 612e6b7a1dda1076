//! The client's end of a kernel: five sockets, requests out, events in.
//!
//! What the events mean for a notebook is decided in [`super::execute`] and [`super::outputs`];
//! the process behind the sockets is [`super::process`]'s.

use std::future::Future;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use jupyter_protocol::connection_info::Transport;
use jupyter_protocol::{
    ConnectionInfo, ExecuteRequest, InputReply, InterruptRequest, JupyterMessage,
    KernelInfoRequest, ReplyError, ReplyStatus, ShutdownRequest,
};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, ClientStdinConnection,
    Connection, RawMessage, RuntimeError, create_client_control_connection,
    create_client_heartbeat_connection, create_client_iopub_connection,
    create_client_shell_connection_with_identity, create_client_stdin_connection_with_identity,
    peer_identity_for_session,
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use uuid::Uuid;
use zeromq::SocketRecv;

use super::error::Error;
use super::heartbeat::Heartbeat;
use super::message::Message;
use super::process::{KernelLaunch, KernelLog, KernelProcess};

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

/// A kernel that has been started but has not answered yet.
#[derive(Debug)]
pub(super) struct StartingKernel {
    process: KernelProcess,
    connection_file: NamedTempFile,
    connection: ConnectionInfo,
    _ports: [TcpSocket; 5],
}

/// A kernel that answers. Dropping it kills the process and removes the connection file.
pub(super) struct KernelClient {
    process: KernelProcess,
    shell: ClientShellConnection,
    iopub: ClientIoPubConnection,
    control: ClientControlConnection,
    stdin: ClientStdinConnection,
    heartbeat: Heartbeat,
    exit: Option<ExitStatus>,
    kernel_info: Value,
    _connection_file: NamedTempFile,
}

impl StartingKernel {
    /// Starts the process in a folder.
    pub(super) async fn spawn(launch: &KernelLaunch, folder: &Path) -> Result<Self, Error> {
        let ports = reserve_ports().map_err(connecting("find free ports"))?;
        let number = |index: usize| ports[index].local_addr().map(|address| address.port());
        let number = |index| number(index).map_err(connecting("find free ports"));
        let connection = ConnectionInfo {
            ip: Ipv4Addr::LOCALHOST.to_string(),
            transport: Transport::TCP,
            shell_port: number(0)?,
            iopub_port: number(1)?,
            stdin_port: number(2)?,
            control_port: number(3)?,
            hb_port: number(4)?,
            key: Uuid::new_v4().to_string(),
            signature_scheme: "hmac-sha256".to_owned(),
            kernel_name: launch.kernelspec["name"].as_str().map(str::to_owned),
        };
        let connection_file = write_connection_file(&connection)
            .map_err(|error| connecting("write the connection file")(error))?;
        let process = KernelProcess::spawn(launch, connection_file.path(), folder)?;
        Ok(StartingKernel {
            process,
            connection_file,
            connection,
            _ports: ports,
        })
    }

    /// What the kernel writes on stderr while it starts.
    pub(super) fn log(&self) -> KernelLog {
        self.process.log().clone()
    }

    /// Waits until the kernel answers and its output reaches us.
    pub(super) async fn ready(mut self, patience: &Patience) -> Result<KernelClient, Error> {
        let deadline = Instant::now() + patience.start;
        let silent = |log: &KernelLog| Error::KernelSilent {
            expected: "answer kernel_info_request",
            seconds: patience.start.as_secs(),
            stderr: log.text(),
        };
        let connected = tokio::select! {
            result = timeout_at(deadline, connect(&self.connection)) => result,
            status = self.process.exited() => {
                return Err(self.process.death(status, "while it was starting").await);
            }
        };
        let (shell, iopub, control, stdin, heartbeat) =
            connected.map_err(|_| silent(self.process.log()))??;
        let mut client = KernelClient {
            process: self.process,
            shell,
            iopub,
            control,
            stdin,
            heartbeat,
            exit: None,
            kernel_info: Value::Null,
            _connection_file: self.connection_file,
        };
        match timeout_at(deadline, client.introduce()).await {
            Ok(result) => result?,
            Err(_) => return Err(silent(client.process.log())),
        }
        Ok(client)
    }
}

impl KernelClient {
    /// The content of the kernel's `kernel_info_reply`.
    pub(super) fn kernel_info(&self) -> &Value {
        &self.kernel_info
    }

    /// Whether the kernel's process lives but does not answer.
    pub(super) fn is_hanging(&self) -> bool {
        self.heartbeat.is_missing()
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
        self.shell
            .send(request)
            .await
            .map_err(connecting("send a cell"))?;
        Ok(id)
    }

    /// Asks the kernel to interrupt the running cell.
    pub(super) async fn interrupt(&mut self) -> Result<(), Error> {
        let request = JupyterMessage::from(InterruptRequest {});
        self.control
            .send(request)
            .await
            .map_err(connecting("interrupt a cell"))
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
        self.stdin
            .send(reply)
            .await
            .map_err(connecting("answer a request for input"))
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
                    // A reset connection is how a death is seen from here; the process tells.
                    match timeout(Duration::from_secs(2), self.process.exited()).await {
                        Ok(status) => self.exit = Some(status),
                        Err(_) => return Err(connecting("read from it")(error)),
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
        if self.control.send(request).await.is_ok() {
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
    async fn introduce(&mut self) -> Result<(), Error> {
        let mut is_subscribed = false;
        let mut info = None;
        loop {
            let request = JupyterMessage::from(KernelInfoRequest {});
            let id = request.header.msg_id.clone();
            self.shell
                .send(request)
                .await
                .map_err(connecting("send kernel_info_request"))?;
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
                return Ok(());
            }
        }
    }

    async fn receive(&mut self) -> Received {
        tokio::select! {
            // Output first, so that what a dying kernel said comes before its end.
            biased;
            message = read(&mut self.iopub) => Received::from(message, Event::Output),
            message = read(&mut self.shell) => Received::from(message, Event::Reply),
            message = self.stdin.read() => match message {
                Ok(message) => Received::Event(Event::InputRequest(Box::new(message))),
                Err(error) => Received::Failure(error.to_string()),
            },
            // Replies to interrupt and shutdown: their effect shows elsewhere.
            message = read(&mut self.control) => match message {
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

type Sockets = (
    ClientShellConnection,
    ClientIoPubConnection,
    ClientControlConnection,
    ClientStdinConnection,
    Heartbeat,
);

async fn connect(connection: &ConnectionInfo) -> Result<Sockets, Error> {
    let session = Uuid::new_v4().to_string();
    // The kernel finds the stdin socket of a cell's sender by this identity.
    let identity = peer_identity_for_session(&session).map_err(connecting("name ourselves"))?;
    // IOPub first: it needs a head start to be subscribed before output comes.
    let iopub = persistently(|| create_client_iopub_connection(connection, "", &session)).await;
    let shell = persistently(|| {
        create_client_shell_connection_with_identity(connection, &session, identity.clone())
    });
    let shell = shell.await;
    let control = persistently(|| create_client_control_connection(connection, &session)).await;
    let stdin = persistently(|| {
        create_client_stdin_connection_with_identity(connection, &session, identity.clone())
    });
    let stdin = stdin.await;
    let heartbeat = persistently(|| create_client_heartbeat_connection(connection)).await;
    Ok((shell, iopub, control, stdin, Heartbeat::start(heartbeat)))
}

/// Tries until it works: the caller has a deadline and watches the process.
///
/// Gives each attempt a second more than the last. zeromq's own retries wait twice as long each
/// time, up to 30 s, while a kernel that starts under load binds its ports whenever it gets there.
async fn persistently<T, F>(attempt: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, RuntimeError>>,
{
    let mut patience = Duration::from_secs(1);
    loop {
        match timeout(patience, attempt()).await {
            Ok(Ok(connection)) => return connection,
            Ok(Err(error)) => {
                tracing::debug!("connecting to the kernel again: {error}");
                sleep(Duration::from_millis(50)).await;
            }
            Err(_) => patience += Duration::from_secs(1),
        }
    }
}

/// Five ports that the system gives to nobody who has not been told their numbers.
///
/// A socket that is bound but does not listen lets another one bind the same port if both set
/// SO_REUSEADDR, as ZeroMQ does. With listeners that are closed for the kernel
/// (`peek_ports_with_listeners`), 1 of 60 kernels of a parallel test run found its port taken.
fn reserve_ports() -> std::io::Result<[TcpSocket; 5]> {
    let reserve = || -> std::io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(socket)
    };
    Ok([reserve()?, reserve()?, reserve()?, reserve()?, reserve()?])
}

/// Temporary files are readable by their owner alone, which the key in this one needs.
fn write_connection_file(connection: &ConnectionInfo) -> std::io::Result<NamedTempFile> {
    let file = tempfile::Builder::new()
        .prefix("torchbook-kernel-")
        .suffix(".json")
        .tempfile()?;
    serde_json::to_writer_pretty(&file, connection)?;
    Ok(file)
}

fn connecting<E: ToString>(doing: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::Connection {
        doing,
        detail: error.to_string(),
    }
}
