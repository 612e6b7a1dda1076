//! Refuses messages that came before: a signed message cannot be replayed.
//!
//! The signature check is jupyter-zmq-client's, which forgets signatures once they are
//! verified; message ids are unique by specification, so they take their place.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};

/// How many message ids are remembered.
const REMEMBERED: usize = 4096;

/// The ids that have come in, shared by all sockets of a kernel; cheap to clone.
#[derive(Clone, Default)]
pub struct SeenIds(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    ids: HashSet<String>,
    in_order: VecDeque<String>,
}

impl SeenIds {
    /// Remembers an id; false when it is among the last few thousand that came.
    pub fn is_new(&self, id: &str) -> bool {
        let mut memory = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if !memory.ids.insert(id.to_owned()) {
            return false;
        }
        memory.in_order.push_back(id.to_owned());
        if memory.in_order.len() > REMEMBERED
            && let Some(oldest) = memory.in_order.pop_front()
        {
            memory.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_whoever_asks() {
        let (shell, control) = {
            let seen = SeenIds::default();
            (seen.clone(), seen)
        };
        assert!(shell.is_new("a"));
        assert!(!control.is_new("a"));
        assert!(control.is_new("b"));
    }

    #[test]
    fn memory_is_bounded() {
        let seen = SeenIds::default();
        for i in 0..3 * REMEMBERED {
            assert!(seen.is_new(&i.to_string()));
        }
        assert_eq!(seen.0.lock().unwrap().ids.len(), REMEMBERED);
        assert!(!seen.is_new(&(3 * REMEMBERED - 1).to_string()));
    }
}
