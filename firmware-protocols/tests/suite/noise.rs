//! Whatever the bytes, the promises of the fuzz targets hold; here on a stable toolchain, from a
//! fixed seed.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::vectors::vectors;
use crate::{property, unhex};

#[path = "../../fuzz/promises.rs"]
#[expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]
mod promises;

#[test]
fn no_bytes_break_a_decoder() {
    property(20_000, &vec(any::<u8>(), 0..40), |bytes| {
        promises::decode_any(&bytes);
        Ok(())
    });
}

#[test]
fn no_damaged_vector_breaks_a_decoder() {
    let frames: Vec<Vec<u8>> =
        vectors().iter().filter_map(|vector| vector["hex"].as_str()).map(unhex).collect();
    let damage = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<[u8; 2]>());
    property(10_000, &damage, |(frame, at, [byte, pick])| {
        let mut bytes = frame.get(&frames).clone();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let cut = &bytes[..at.index(bytes.len() + 1)];
        promises::decode_any(&[&[pick], bytes.as_slice()].concat());
        promises::decode_any(&[&[pick], cut].concat());
        Ok(())
    });
}

#[test]
fn no_bytes_break_a_deframer() {
    let headers = [0x51, 0xA5, 0xAA, 0x80, 0x02, 0x53, 0x4E, 0x10, 0x00];
    let byte = prop_oneof![any::<u8>(), prop::sample::select(headers.to_vec())];
    property(4000, &vec(byte, 0..700), |bytes| {
        promises::deframe(&bytes);
        Ok(())
    });
}

#[test]
fn no_script_breaks_a_session() {
    property(4000, &vec(any::<u8>(), 0..600), |bytes| {
        promises::taidoc_session(&bytes);
        Ok(())
    });
}
