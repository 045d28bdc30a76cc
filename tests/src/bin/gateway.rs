//! The gateway as the suites start it: the same `main`, built with the suites' features.
fn main() -> std::process::ExitCode {
    xunzhen::heaps::few();
    xunzhen::cli::main(std::env::args_os())
}
