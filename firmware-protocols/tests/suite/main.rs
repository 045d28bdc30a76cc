//! What the formats promise, tested from outside: one binary, one module for each promise.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise; clippy#13981 reaches only #[test] functions"
)]

mod check_order;
mod fields;
mod meanings;
mod memory_read_out;
mod no_std;
mod noise;
mod round_trip;
mod stream;
mod vectors;

use firmware_protocols::{DecodeError, Meaning, Part, Selector, codec::NoFields, format};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Runs a property over many cases from a fixed seed; `XUNZHEN_TEST_SEED=n` gives another.
#[track_caller]
fn property<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let seed: u8 =
        std::env::var("XUNZHEN_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    if let Err(failure) = TestRunner::new_with_rng(config, rng).run(strategy, test) {
        panic!("seed {seed}: {failure}");
    }
}

/// The bytes of a hexadecimal text.
#[track_caller]
fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4) | pair[1]).collect()
}

/// Decodes one frame for its meaning alone.
#[track_caller]
fn decode(name: &str, model: Option<&str>, bytes: &[u8]) -> Result<Meaning, DecodeError> {
    let selector = Selector { model, part: Part::Frame };
    format(name).unwrap().decode(bytes, selector, &mut NoFields)
}
