//! torchbook: a Jupyter kernel for deep learning in Rust.
//!
//! The life of a cell: [`server`] reads the request from a socket, [`dispatch`] announces
//! it and gives it to [`handlers::execute`], which lets an [`evaluator`] run it in the
//! process that [`child`] connects; what the cell writes becomes [`display`] frames and
//! text, which [`session`] puts on IOPub. Questions about code that is not run go to [`analysis`]. [`setup`] makes the machine ready before,
//! [`notebook`] is a client that needs no Jupyter.

pub mod cli;
pub mod doctor;
pub mod logging;
pub mod settings;

pub mod dispatch;
pub mod handlers;
pub mod history;
pub mod messages;
mod output_limit;
pub mod parent;
pub mod processes;
pub mod server;
pub mod session;
pub mod sockets;

pub mod analysis;
pub mod child;
pub mod display;
pub mod evaluator;

pub mod notebook;
pub mod setup;
pub mod stand_in;
