//! Whatever the bytes, decoding ends without a panic, the same way every time.

use firmware_protocols::codec::NoFields;
use firmware_protocols::{Format, Part, Selector, formats};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::vectors::vectors;
use crate::{property, unhex};

/// Decodes in every way the format has.
fn decode_every_way(format: &Format, bytes: &[u8]) {
    let models = format.models.iter().copied().map(Some).chain([None, Some("no such model")]);
    for model in models {
        for part in Part::ALL {
            let selector = Selector { model, part };
            let once = format.decode(bytes, selector, &mut NoFields);
            let twice = format.decode(bytes, selector, &mut NoFields);
            assert_eq!(once, twice, "{}", format.name);
        }
    }
}

#[test]
fn no_bytes_make_a_decoder_panic() {
    property(3000, &vec(any::<u8>(), 0..40), |bytes| {
        formats().iter().for_each(|format| decode_every_way(format, &bytes));
        Ok(())
    });
}

#[test]
fn no_damaged_vector_makes_a_decoder_panic() {
    let frames: Vec<Vec<u8>> =
        vectors().iter().filter_map(|v| v["hex"].as_str()).map(unhex).collect();
    let damage = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>());
    property(3000, &damage, |(frame, at, byte)| {
        let mut bytes = frame.get(&frames).clone();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        formats().iter().for_each(|format| decode_every_way(format, &bytes));
        bytes.truncate(at.index(bytes.len() + 1));
        formats().iter().for_each(|format| decode_every_way(format, &bytes));
        Ok(())
    });
}
