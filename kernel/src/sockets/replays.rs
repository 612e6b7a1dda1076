//! Refuses messages that came before: a signed message cannot be replayed.
//!
//! The signature check is jupyter-zmq-client's, which forgets signatures once they are
//! verified; a digest of what was signed takes their place. Ids would not do: jupyter_client's
//! kernel manager and its client count their messages apart and under one session, so the first
//! interrupt of `jupyter console` has the id of its first request.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};

/// How many messages are remembered.
const REMEMBERED: usize = 4096;

type Fingerprint = [u8; 32];

/// The messages that have come in, shared by all sockets of a kernel; cheap to clone.
#[derive(Clone, Default)]
pub struct SeenMessages(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    fingerprints: HashSet<Fingerprint>,
    in_order: VecDeque<Fingerprint>,
}

impl SeenMessages {
    /// Remembers the signed parts of a message; false when it is among the last few thousand that
    /// came.
    pub fn is_new(&self, signed: &[Bytes]) -> bool {
        let mut hasher = Sha256::new();
        // As the signature does, without the borders between the parts.
        signed.iter().for_each(|part| hasher.update(part));
        let fingerprint: Fingerprint = hasher.finalize().into();
        let mut memory = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if !memory.fingerprints.insert(fingerprint) {
            return false;
        }
        memory.in_order.push_back(fingerprint);
        if memory.in_order.len() > REMEMBERED
            && let Some(oldest) = memory.in_order.pop_front()
        {
            memory.fingerprints.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(texts: &[&str]) -> Vec<Bytes> {
        let copy = |text: &&str| Bytes::copy_from_slice(text.as_bytes());
        texts.iter().map(copy).collect()
    }

    #[test]
    fn a_message_is_new_once_whoever_asks() {
        let (shell, control) = {
            let seen = SeenMessages::default();
            (seen.clone(), seen)
        };
        assert!(shell.is_new(&parts(&["{\"msg_id\":1}", "{}", "{}", "a"])));
        assert!(!control.is_new(&parts(&["{\"msg_id\":1}", "{}", "{}", "a"])));
        assert!(!control.is_new(&parts(&["{\"msg_id\":1}", "{}{}", "", "a"])));
        assert!(control.is_new(&parts(&["{\"msg_id\":1}", "{}", "{}", "b"])));
    }

    #[test]
    fn memory_is_bounded() {
        let seen = SeenMessages::default();
        for i in 0..3 * REMEMBERED {
            assert!(seen.is_new(&parts(&[&i.to_string()])));
        }
        assert_eq!(seen.0.lock().unwrap().fingerprints.len(), REMEMBERED);
        assert!(!seen.is_new(&parts(&[&(3 * REMEMBERED - 1).to_string()])));
    }
}
