//! The five sockets of a kernel, each behind a task of its own.
//!
//! Transport and signatures are those of jupyter-zmq-client; this folder decides who
//! may read and write which socket. [`crate::server`] starts the tasks and ends them.

pub mod heartbeat;
pub mod iopub;
pub mod replays;
pub mod router;
pub mod stdin;
