//! The `torchbook` program: also the process that runs cells, see [`torchbook_kernel::child`].

use std::process::ExitCode;

fn main() -> ExitCode {
    // Both return only when this process is not one that runs cells.
    torchbook_kernel::child::attach::attach_if_child();
    evcxr::runtime_hook();
    torchbook_kernel::cli::main()
}
