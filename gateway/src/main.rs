//! The gateway's one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    xunzhen::heaps::few();
    xunzhen::cli::main(std::env::args_os())
}
