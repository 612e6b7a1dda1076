//! The kernel's process, from its start to its end, and what it has on disk.

use super::{Client, patience};
use jupyter_protocol::{ConnectionInfo, Transport};
use jupyter_zmq_client::connection as zmq;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tokio::runtime::Runtime;

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

/// The kernel binds its sockets a moment after it was started; until then connecting fails.
async fn connected<T>(connecting: impl Future<Output = jupyter_zmq_client::Result<T>>) -> T {
    patience("a connection", connecting).await.unwrap()
}
