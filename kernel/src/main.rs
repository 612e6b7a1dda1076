//! The `torchbook` program: also the process that runs cells, see [`torchbook_kernel::child`].

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = torchbook_kernel::stand_in::run_if_tool() {
        return code;
    }
    // A program that a cell starts inherits evcxr's variables, also when it is this one
    // (`torchbook data`): only what the kernel itself has started takes part in evcxr's game.
    let is_rustc_wrapper = std::env::var_os("EVCXR_RUSTC_WRAPPER").is_some();
    if torchbook_kernel::child::attach::attach_if_child() || is_rustc_wrapper {
        // Does not return.
        evcxr::runtime_hook();
    }
    torchbook_kernel::cli::main()
}
