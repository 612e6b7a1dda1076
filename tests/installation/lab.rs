//! `torchbook lab` with the real JupyterLab, and without one.

use crate::jupyter::{Jupyter, skip};
use crate::machine::{Machine, alone_and_prepared, both};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use torchbook_kernel::processes::descendants;
use torchbook_kernel::setup::{Cache, Environment};

/// Only a server that hangs lets a reader wait so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A JupyterLab, ended with all it has started also where the test fails.
struct Lab(Child);

impl Lab {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Ended already unless the test failed.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// JupyterLab says where it listens a moment before it does.
fn connect(port: u16) -> TcpStream {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(connection) => return connection,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "port {port}: {error}"),
        }
        std::thread::yield_now();
    }
}

/// What JupyterLab's server answers to `GET path`.
fn get(server: &Value, path: &str) -> String {
    let port = server["port"].as_u64().unwrap().try_into().unwrap();
    let token = server["token"].as_str().unwrap();
    let mut connection = connect(port);
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: token {token}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn jupyterlab_starts_with_the_kernel_and_leaves_nothing() {
    let _alone = alone_and_prepared();
    let Some(jupyter) = Jupyter::ready() else {
        return;
    };
    let mut lab = Lab(jupyter
        .command(env!("CARGO_BIN_EXE_torchbook"))
        .args(["lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"])
        .current_dir(jupyter.home())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap());
    // JupyterLab tells the user where it is once it has written that into files; an earlier line with
    // the address comes before the files. The program has become JupyterLab: the
    // files bear its number.
    let pid = lab.0.id();
    let mut told = BufReader::new(lab.0.stderr.take().unwrap());
    let mut before = String::new();
    while !before.contains(&format!("jpserver-{pid}-open.html")) {
        assert!(told.read_line(&mut before).unwrap() > 0, "{before}");
    }
    // It goes on writing, and shall not wait for a reader.
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        told.read_to_string(&mut rest).map(|_| rest)
    });
    let runtime = jupyter.home().join("jupyter/runtime");
    let file = runtime.join(format!("jpserver-{pid}.json"));
    let server: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let page = get(&server, "/lab");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let kernels = get(&server, "/api/kernelspecs");
    let program = env!("CARGO_BIN_EXE_torchbook");
    assert!(
        kernels.contains("Rust (torchbook)") && kernels.contains(program),
        "{kernels}"
    );

    let started = descendants(pid);
    kill_process(lab.pid(), Signal::TERM).unwrap();
    let status = lab.0.wait().unwrap();
    let said = rest.join().unwrap().unwrap();
    assert!(status.success(), "{status}: {said}");
    assert!(!file.exists(), "{file:?}");
    for pid in started {
        assert!(
            !fs::exists(format!("/proc/{pid}")).unwrap(),
            "{pid} goes on"
        );
    }
}

#[test]
fn without_jupyterlab_and_network_the_remedy_is_told() {
    let _alone = alone_and_prepared();
    let machine = Machine::new();
    let user = Environment::of_process();
    let cache = Cache::of(&user).unwrap();
    if cache.root().join("lab").exists() || user.find_program("jupyter-lab").is_some() {
        return skip("this machine has a JupyterLab, which would start");
    }
    let mut command = machine.torchbook();
    let output = command
        .args(["--set", "offline=true", "lab"])
        .output()
        .unwrap();
    let text = both(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("pip install jupyterlab"), "{text}");
}
