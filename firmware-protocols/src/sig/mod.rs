//! Bluetooth SIG characteristics of blood-pressure cuffs and glucose meters (FORMATS §3).
//!
//! Services 1810 (Blood Pressure) and 1808 (Glucose). A Bluetooth-to-serial bridge forwards these
//! payloads unchanged; they carry neither header nor checksum.

pub mod blood_pressure;
pub mod cuff_pressure;
pub mod date_time;
pub mod glucose;
pub mod glucose_context;
pub mod glucose_feature;
pub mod record_access;

use crate::codec::{FieldSink, Value};
use crate::deframe::Scan;

/// Without a checksum a frame of the right length is all that can be asked for.
pub(crate) const fn always_intact(_frame: &[u8]) -> bool {
    true
}

/// The length of a frame is a fixed part and, for each flag bit that is set, some more bytes.
pub(crate) fn flagged_length(flags: u8, fixed: usize, parts: &[(u8, usize)]) -> Scan {
    let optional = parts.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, length)| *length);
    Scan::Length(optional.fold(fixed, usize::saturating_add))
}

/// Bytes beyond what the flags announced are counted, not judged.
pub(crate) fn put_trailing(count: usize, out: &mut dyn FieldSink) {
    out.field("trailing", Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)));
}

/// The names of the bits that are set, lowest first.
pub(crate) fn put_bit_names(
    field: &'static str,
    bits: u16,
    names: &[&'static str],
    out: &mut dyn FieldSink,
) {
    let mut set = [""; 16];
    let mut count = 0_usize;
    let named = names.iter().enumerate().filter(|(bit, _)| (bits >> bit) & 1 == 1);
    for ((_, name), slot) in named.zip(set.iter_mut()) {
        *slot = name;
        count = count.saturating_add(1);
    }
    out.field(field, Value::Strings(set.get(..count).unwrap_or_default()));
}
