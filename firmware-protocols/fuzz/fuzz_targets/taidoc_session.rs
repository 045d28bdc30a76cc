#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../promises.rs"]
#[expect(dead_code, reason = "each target drives one promise")]
mod promises;

fuzz_target!(|bytes: &[u8]| promises::taidoc_session(bytes));
