//! Fetches a file of a dataset over HTTP, and gives up soon on a server that does not answer.

use std::io::Read;
use std::time::Duration;

use ureq::{Agent, Timeout};

use super::catalogue::FileSpec;
use super::verify;
use crate::setup::progress::Step;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the address of a server, and then for a connection to it.
    pub connect: Duration,
    /// For the beginning of its answer.
    pub response: Duration,
    /// For the next bytes of a file.
    pub read: Duration,
    /// For a whole file.
    pub file: Duration,
    /// Whether the proxy in the environment is used.
    pub proxy: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A server that works answers within a tenth of that.
            connect: Duration::from_secs(3),
            response: Duration::from_secs(5),
            read: Duration::from_secs(8),
            // 47 MB compress to 26 MB at most: 90 kB/s, a slow line that still gets there.
            file: Duration::from_secs(300),
            proxy: true,
        }
    }
}

/// A client for mirrors.
pub struct Client {
    agent: Agent,
    limits: Limits,
}

impl Client {
    pub fn new(limits: Limits) -> Self {
        let mut config = Agent::config_builder()
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_send_request(Some(limits.response))
            .timeout_recv_response(Some(limits.response))
            .timeout_per_read(Some(limits.read))
            .timeout_recv_body(Some(limits.file));
        if !limits.proxy {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().new_agent(),
            limits,
        }
    }

    /// The verified, uncompressed bytes of a file, or why this mirror does not serve.
    pub fn fetch(&self, mirror: &str, file: &FileSpec, step: &Step) -> Result<Vec<u8>, String> {
        let address = format!("{mirror}{}.gz", file.name);
        step.message(format!("asking {mirror}"));
        let mut response = self
            .agent
            .get(&address)
            .call()
            .map_err(|error| self.reason(&error, file))?;
        let total = response.body().content_length();
        // No file is larger compressed, and a wrong one need not be read to its end.
        let mut body = response.body_mut().as_reader().take(file.bytes + 1024);
        let mut raw = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        step.message(format!("from {mirror}"));
        loop {
            let count = body
                .read(&mut chunk)
                .map_err(|error| self.reason(&ureq::Error::from(error), file))?;
            if count == 0 {
                break;
            }
            raw.extend_from_slice(&chunk[..count]);
            step.bytes(raw.len() as u64, total);
        }
        verify::contents(raw, file).map_err(|fault| format!("{} {fault}", file.name))
    }

    fn reason(&self, error: &ureq::Error, file: &FileSpec) -> String {
        let (limits, name) = (&self.limits, &file.name);
        match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                format!("no connection within {:?}", limits.connect)
            }
            ureq::Error::Timeout(Timeout::RecvResponse | Timeout::SendRequest) => {
                format!("no answer within {:?}", limits.response)
            }
            ureq::Error::Timeout(Timeout::PerRead) => {
                format!("{name}: nothing more came within {:?}", limits.read)
            }
            ureq::Error::Timeout(Timeout::RecvBody) => {
                format!("{name}: not complete within {:?}", limits.file)
            }
            ureq::Error::StatusCode(status) => format!("{name}: HTTP status {status}"),
            ureq::Error::Io(error) => error.to_string(),
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Reporter;
    use crate::setup::datasets::verify::tests::{gzip, labels, spec};
    use crate::setup::fakes;
    use std::collections::BTreeMap;

    fn fetch(mirror: &str, limits: Limits) -> Result<Vec<u8>, String> {
        let limits = Limits {
            proxy: false,
            ..limits
        };
        let step = Reporter::silent().step("Test");
        Client::new(limits).fetch(mirror, &spec("labels", &labels()), &step)
    }

    #[test]
    fn a_file_is_fetched_uncompressed_and_verified() {
        let mirror = fakes::web_server(BTreeMap::from([("labels.gz".into(), gzip(&labels()))]));
        assert_eq!(fetch(&mirror, Limits::default()), Ok(labels()));
        let bad = fakes::web_server(BTreeMap::from([("labels.gz".into(), b"<html>".to_vec())]));
        let reason = fetch(&bad, Limits::default()).unwrap_err();
        assert!(
            reason.starts_with("labels is no complete IDX file"),
            "{reason}"
        );
    }

    #[test]
    fn a_missing_file_is_told_by_its_status() {
        let mirror = fakes::web_server(BTreeMap::new());
        assert_eq!(
            fetch(&mirror, Limits::default()).unwrap_err(),
            "labels: HTTP status 404"
        );
    }

    #[test]
    fn a_server_that_never_answers_is_given_up() {
        let (_listener, mirror) = fakes::silent_server();
        let limits = Limits {
            response: Duration::from_millis(20),
            ..Limits::default()
        };
        assert_eq!(fetch(&mirror, limits).unwrap_err(), "no answer within 20ms");
    }
}
