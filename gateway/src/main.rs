//! The gateway's one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    xunzhen::cli::main(std::env::args_os())
}
