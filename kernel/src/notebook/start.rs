//! Starts a kernel: ports, connection file, process, sockets, first answer.
//!
//! What is said afterwards is [`super::client`]'s.

use std::future::Future;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use jupyter_protocol::ConnectionInfo;
use jupyter_protocol::connection_info::Transport;
use jupyter_zmq_client::{
    RuntimeError, create_client_control_connection, create_client_heartbeat_connection,
    create_client_iopub_connection, create_client_shell_connection_with_identity,
    create_client_stdin_connection_with_identity, peer_identity_for_session,
};
use tempfile::NamedTempFile;
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use uuid::Uuid;

use super::client::{KernelClient, Patience, Sockets};
use super::error::Error;
use super::heartbeat::Heartbeat;
use super::process::{KernelLaunch, KernelLog, KernelProcess};

/// A kernel that has been started but has not answered yet.
#[derive(Debug)]
pub(super) struct StartingKernel {
    process: KernelProcess,
    connection_file: NamedTempFile,
    connection: ConnectionInfo,
    /// Kept from everybody else until the kernel has bound them.
    _ports: [TcpSocket; 5],
}

impl StartingKernel {
    /// Starts the process in a folder.
    pub(super) async fn spawn(launch: &KernelLaunch, folder: &Path) -> Result<Self, Error> {
        let ports = reserve_ports().map_err(|error| failed("find free ports", error))?;
        let port = |index: usize| {
            let address = ports[index].local_addr();
            address
                .map(|address| address.port())
                .map_err(|error| failed("find free ports", error))
        };
        let connection = ConnectionInfo {
            ip: Ipv4Addr::LOCALHOST.to_string(),
            transport: Transport::TCP,
            shell_port: port(0)?,
            iopub_port: port(1)?,
            stdin_port: port(2)?,
            control_port: port(3)?,
            hb_port: port(4)?,
            key: Uuid::new_v4().to_string(),
            signature_scheme: "hmac-sha256".to_owned(),
            kernel_name: launch.kernelspec["name"].as_str().map(str::to_owned),
        };
        let connection_file = write_connection_file(&connection)
            .map_err(|error| failed("write its connection file", error))?;
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
        let sockets = connected.map_err(|_| silent(self.process.log()))??;
        let log = self.process.log().clone();
        let client = KernelClient::new(self.process, sockets, self.connection_file);
        timeout_at(deadline, client.introduced())
            .await
            .unwrap_or_else(|_| Err(silent(&log)))
    }
}

async fn connect(connection: &ConnectionInfo) -> Result<Sockets, Error> {
    let session = Uuid::new_v4().to_string();
    // The kernel finds the stdin socket of a cell's sender by this identity.
    let identity =
        peer_identity_for_session(&session).map_err(|error| failed("name ourselves", error))?;
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
    Ok(Sockets {
        shell,
        iopub,
        control,
        stdin,
        heartbeat: Heartbeat::start(heartbeat),
    })
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
///
/// # Errors
/// When the system has no more sockets or ports.
pub fn reserve_ports() -> std::io::Result<[TcpSocket; 5]> {
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

fn failed(doing: &'static str, error: impl ToString) -> Error {
    let detail = error.to_string();
    Error::Connection { doing, detail }
}
