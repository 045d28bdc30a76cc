//! `sig-glucose-feature-2a51`: the Glucose Feature characteristic (FORMATS §3.3; Bluetooth Glucose
//! Service, "Glucose Feature"): which faults a meter can report.

use crate::bytes::Reader;
use crate::codec::{FieldSink, Format, Part, Selector};
use crate::error::DecodeError;
use crate::measurement::Meaning;

/// `sig-glucose-feature-2a51`.
pub const FORMAT: Format = Format {
    name: "sig-glucose-feature-2a51",
    models: &[],
    parts: &[Part::Frame],
    decode,
    framing: None,
};

const NAMES: [&str; 11] = [
    "low_battery",
    "sensor_malfunction",
    "sample_size",
    "strip_insertion",
    "strip_type",
    "result_high_low",
    "temp_high_low",
    "read_interrupt",
    "general_fault",
    "time_fault",
    "multiple_bond",
];

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let mut reader = Reader::new(bytes);
    let bits = reader.u16_le().map_err(|_truncated| DecodeError::TooShort)?;
    super::put_bit_names("features", bits, &NAMES, out);
    out.field("features_raw", bits.into());
    super::put_trailing(reader.remaining(), out);
    Ok(Meaning::Event("glucose_feature"))
}
