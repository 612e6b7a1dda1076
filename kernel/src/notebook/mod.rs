//! Notebooks without Jupyter.
mod client;
mod document;
mod error;
mod execute;
mod heartbeat;
mod image;
mod interrupts;
mod layout;
mod message;
mod outputs;
mod process;
mod progress;
#[cfg(test)]
mod scripted_kernel;
mod terminal;
