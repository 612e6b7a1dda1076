//! torchbook on machines and in homes of many kinds, each clean but for the cache that all share.
//!
//! | file | what |
//! |---|---|
//! | `homes.rs` | cells run whatever the home, the environment and the network are |
//! | `commands.rs` | `install`, `doctor`, `config`, `clean` and what the program says about itself |
//! | `lab.rs` | `torchbook lab` with the real JupyterLab, and without one |
//! | `wheel.rs` | `pip install` of the wheel, and Jupyter starting what it finds then |
//! | `licences.rs` | licences of everything that is built, and the versions that are promised |

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

mod commands;
mod homes;
// Other tests use more of it.
#[allow(dead_code)]
#[path = "../jupyter/mod.rs"]
mod jupyter;
mod lab;
mod licences;
mod machine;
mod wheel;
