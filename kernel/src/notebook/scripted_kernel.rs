//! A kernel for tests: a real process on real sockets whose cells are lines of a tiny script.
//!
//! The test binary starts itself again with [`serve`] as the only test; no Rust is compiled and
//! nothing waits. One command a line: `out TEXT`, `err TEXT`, `result TEXT`, `display ID TEXT`,
//! `update ID TEXT`, `image WIDTH HEIGHT RED GREEN BLUE`, `fail NAME MESSAGE`, `input`, `hang`
//! (until interrupted), `deaf` (to interrupts), `mute` (no idle), `die`. `\n` in texts is a
//! newline, `\r` a carriage return.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jupyter_protocol::{
    ConnectionInfo, ExecuteReply, InputRequest, IoPubWelcome, JupyterMessage,
    JupyterMessageContent, ReplyError, ReplyStatus, Status,
};
use jupyter_zmq_client::{
    KernelControlConnection, KernelIoPubXPubConnection, KernelShellConnection,
    KernelStdinConnection, SubscriptionEvent, create_kernel_control_connection,
    create_kernel_heartbeat_connection, create_kernel_iopub_xpub_connection,
    create_kernel_shell_connection, create_kernel_stdin_connection,
};
use serde_json::{Value, json};

use super::image::test_png;
use super::process::KernelLaunch;

/// How to start the scripted kernel.
pub(super) fn launch() -> KernelLaunch {
    let test = concat!(module_path!(), "::serve");
    let test = test.split_once("::").map_or(test, |(_crate, path)| path);
    KernelLaunch {
        program: std::env::current_exe().unwrap(),
        arguments: [
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "{connection_file}",
        ]
        .map(Into::into)
        .into(),
        environment: Vec::new(),
        kernelspec: json!({"name": "scripted", "display_name": "Scripted", "language": "rust"}),
    }
}

#[tokio::test]
#[ignore = "not a test: other tests start it as their kernel"]
async fn serve() {
    let file = std::env::args()
        .next_back()
        .map(PathBuf::from)
        .unwrap_or_default();
    if file.extension().is_none_or(|extension| extension != "json") {
        return;
    }
    // A test that fails must not leave its kernel behind.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    eprintln!("scripted kernel starting");
    let info: ConnectionInfo = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut heartbeat = create_kernel_heartbeat_connection(&info).await.unwrap();
    tokio::spawn(async move { while heartbeat.single_heartbeat().await.is_ok() {} });
    let mut kernel = Kernel {
        shell: create_kernel_shell_connection(&info, "scripted")
            .await
            .unwrap(),
        control: create_kernel_control_connection(&info, "scripted")
            .await
            .unwrap(),
        stdin: create_kernel_stdin_connection(&info, "scripted")
            .await
            .unwrap(),
        iopub: create_kernel_iopub_xpub_connection(&info, "scripted")
            .await
            .unwrap(),
        count: 0,
        is_interrupted: false,
    };
    kernel.run().await;
}

struct Kernel {
    shell: KernelShellConnection,
    control: KernelControlConnection,
    stdin: KernelStdinConnection,
    iopub: KernelIoPubXPubConnection,
    count: usize,
    /// An interrupt overtook its cell: tests must not depend on which socket is read first.
    is_interrupted: bool,
}

impl Kernel {
    async fn run(&mut self) {
        loop {
            tokio::select! {
                biased;
                event = self.iopub.recv_subscription() => {
                    if let Ok(SubscriptionEvent::Subscribe(topic)) = event {
                        let welcome = JupyterMessage::new(IoPubWelcome::new(topic), None);
                        self.iopub.send(welcome).await.unwrap();
                    }
                }
                message = self.control.read() => {
                    if self.is_shutdown(&message.unwrap()).await {
                        return;
                    }
                    self.is_interrupted = true;
                }
                message = self.shell.read() => {
                    let message = message.unwrap();
                    self.publish(&message, Status::busy()).await;
                    if !self.answer(&message).await {
                        continue;
                    }
                    self.publish(&message, Status::idle()).await;
                }
            }
        }
    }

    async fn is_shutdown(&mut self, message: &JupyterMessage) -> bool {
        let JupyterMessageContent::ShutdownRequest(request) = &message.content else {
            return false;
        };
        let reply = json!({"status": "ok", "restart": request.restart});
        let reply = content("shutdown_reply", reply);
        self.control
            .send(JupyterMessage::new(reply, Some(message)))
            .await
            .unwrap();
        true
    }

    /// Answers a request; false if its idle must not follow.
    async fn answer(&mut self, request: &JupyterMessage) -> bool {
        match &request.content {
            JupyterMessageContent::KernelInfoRequest(_) => {
                let info = json!({
                    "status": "ok", "protocol_version": "5.4", "implementation": "scripted",
                    "implementation_version": "1", "banner": "",
                    "language_info": {"name": "rust", "version": "1", "file_extension": ".rs"},
                });
                self.reply(request, content("kernel_info_reply", info))
                    .await;
                true
            }
            JupyterMessageContent::ExecuteRequest(execute) => {
                self.count += 1;
                let input = json!({"code": execute.code, "execution_count": self.count});
                self.publish(request, content("execute_input", input)).await;
                let mut error = None;
                for line in execute.code.lines() {
                    error = self.step(request, line).await;
                    if error.is_some() {
                        break;
                    }
                }
                if let Some(error) = &error {
                    let error = json!({
                        "ename": error.ename, "evalue": error.evalue, "traceback": error.traceback,
                    });
                    self.publish(request, content("error", error)).await;
                }
                let reply = ExecuteReply {
                    status: if error.is_some() {
                        ReplyStatus::Error
                    } else {
                        ReplyStatus::Ok
                    },
                    execution_count: self.count.into(),
                    error: error.map(Box::new),
                    ..ExecuteReply::default()
                };
                self.reply(request, reply).await;
                !execute.code.contains("mute")
            }
            _ => true,
        }
    }

    async fn step(&mut self, request: &JupyterMessage, line: &str) -> Option<ReplyError> {
        let line = line.replace("\\n", "\n").replace("\\r", "\r");
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        let display = |id: &str, data: Value| json!({"data": data, "metadata": {}, "transient": {"display_id": id}});
        let (kind, value) = match command {
            "out" => ("stream", json!({"name": "stdout", "text": rest})),
            "err" => ("stream", json!({"name": "stderr", "text": rest})),
            "result" => (
                "execute_result",
                json!({
                    "execution_count": self.count, "data": {"text/plain": rest}, "metadata": {},
                }),
            ),
            "display" => (
                "display_data",
                display(first, json!({"text/plain": second})),
            ),
            "update" => (
                "update_display_data",
                display(first, json!({"text/plain": second})),
            ),
            "image" => {
                let numbers: Vec<u32> = rest.split(' ').map(|text| text.parse().unwrap()).collect();
                let colour = [2, 3, 4].map(|index| u8::try_from(numbers[index]).unwrap());
                let png = test_png(numbers[0], numbers[1], colour);
                ("display_data", display("image", json!({"image/png": png})))
            }
            "fail" => return Some(error(first, second)),
            "input" => return self.ask(request).await,
            "hang" | "deaf" => return self.hang(command == "deaf").await,
            "die" => {
                eprintln!("scripted kernel: told to die");
                std::process::exit(3);
            }
            _ => return None,
        };
        self.publish(request, content(kind, value)).await;
        None
    }

    async fn hang(&mut self, is_deaf: bool) -> Option<ReplyError> {
        while is_deaf || !std::mem::take(&mut self.is_interrupted) {
            let message = self.control.read().await.unwrap();
            if self.is_shutdown(&message).await {
                std::process::exit(0);
            }
            self.is_interrupted = true;
        }
        Some(error("Interrupted", "by request"))
    }

    async fn ask(&mut self, request: &JupyterMessage) -> Option<ReplyError> {
        let question = InputRequest::default();
        self.stdin
            .send(JupyterMessage::new(question, Some(request)))
            .await
            .unwrap();
        match self.stdin.read().await.unwrap().content {
            JupyterMessageContent::InputReply(reply) => reply.error.map(|error| *error),
            other => Some(error("Unexpected", other.message_type())),
        }
    }

    async fn publish(
        &mut self,
        parent: &JupyterMessage,
        content: impl Into<JupyterMessageContent>,
    ) {
        self.iopub
            .send(JupyterMessage::new(content, Some(parent)))
            .await
            .unwrap();
    }

    async fn reply(&mut self, parent: &JupyterMessage, content: impl Into<JupyterMessageContent>) {
        self.shell
            .send(JupyterMessage::new(content, Some(parent)))
            .await
            .unwrap();
    }
}

fn content(kind: &str, value: Value) -> JupyterMessageContent {
    JupyterMessageContent::from_type_and_content(kind, value).unwrap()
}

fn error(ename: &str, evalue: &str) -> ReplyError {
    let traceback = vec![format!("\u{1b}[31m{ename}\u{1b}[0m: {evalue}")];
    ReplyError {
        ename: ename.to_owned(),
        evalue: evalue.to_owned(),
        traceback,
    }
}

/// A writer whose text can be read afterwards.
#[derive(Clone, Default)]
pub(super) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    /// Everything written so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
