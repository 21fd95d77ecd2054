//! The `gpuenv` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    gpuenv::main()
}
