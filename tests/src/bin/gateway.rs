//! The gateway as the suites start it: the same `main`, built with the suites' features.
fn main() {}
