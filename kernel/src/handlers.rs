//! One handler per request type: what it does and the content of its reply.
//!
//! Busy, idle and sending the reply are [`crate::dispatch`]'s.

pub mod comm;
pub mod complete;
pub mod cursor;
pub mod execute;
pub mod history;
pub mod inspect;
pub mod is_complete;
pub mod kernel_info;
pub mod shutdown;
pub mod usage;
