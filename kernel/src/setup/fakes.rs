//! Stand-ins for the world outside, shared by the tests of this module.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::progress::StepView;
use super::{Progress, Reporter};

/// Writes an executable shell script that plays the program `name`.
///
/// A child process writes it: were this process to hold the file open for writing while another
/// test's thread forks, running the script would fail with "Text file busy".
pub fn program(folder: &Path, name: &str, body: &str) -> PathBuf {
    let path = folder.join(name);
    let status = Command::new("/bin/sh")
        .args([
            "-c",
            r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod +x "$0""#,
        ])
        .arg(&path)
        .arg(body)
        .status()
        .expect("every Linux machine has /bin/sh");
    assert!(status.success());
    path
}

/// Keeps the notes and shows nothing.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// A reporter that keeps its notes here.
    pub fn reporter(&self) -> Reporter {
        Reporter::new(self.clone())
    }

    /// The notes so far.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Progress for Notes {
    fn interval(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn show(&self, _: &StepView) {}

    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// A web server on this machine that answers `GET /NAME` with the bytes of that name, and 404
/// otherwise. It serves until the test's process ends.
pub fn web_server(files: BTreeMap<String, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that went away is the test's own business.
            let _ = stream.and_then(|stream| answer(stream, &files));
        }
    });
    address
}

fn answer(stream: TcpStream, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    // The headers end with an empty line and say nothing of interest.
    let mut header = request.clone();
    while !header.trim().is_empty() {
        header.clear();
        reader.read_line(&mut header)?;
    }
    let name = request
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .trim_start_matches('/');
    let (status, body) = match files.get(name) {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", &b""[..]),
    };
    write!(
        &stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    (&stream).write_all(body)
}

/// The address of a server that accepts connections and never says a word.
pub fn silent_server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    (listener, address)
}
