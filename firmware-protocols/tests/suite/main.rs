//! What the formats promise, tested from outside: one binary, one module for each promise.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise; clippy#13981 reaches only #[test] functions"
)]

mod vectors;
