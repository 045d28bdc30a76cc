//! Wire formats of blood-pressure cuffs and glucose meters.
//!
//! Bytes become meaning here, and nothing else happens here: no I/O, no clock, no allocation, no
//! plausibility. The path of a frame:
//!
//! 1. [`deframe`]: a serial line's bytes become frames; every byte comes out in a frame or in a
//!    refusal.
//! 2. [`codec`]: [`format()`](crate::format()) finds a format by its name, [`Format::decode`] checks
//!    one frame and hands out its named fields and its [`Meaning`].
//! 3. [`measurement`]: what a device said, in its own units and its own naive time.
//!
//! Decoders are pure functions that never panic, whatever the bytes. A value that the wire can
//! carry is kept even where it is absurd: only the rule pack judges. Codes without a name are kept
//! as numbers, never folded into a default.
//!
//! ```
//! use firmware_protocols::{Selector, Value, format};
//!
//! let frame = [0x00, 0x8A, 0x00, 0x58, 0x00, 0x78, 0x00];
//! let mut systolic = None;
//! let mut fields = |name: &'static str, value: Value<'_>| {
//!     if let ("systolic_mmHg", Value::Decimal(decimal)) = (name, value) {
//!         systolic = decimal.as_integer();
//!     }
//! };
//! let format = format("sig-bp-2a35").expect("a format of this crate");
//! let meaning = format.decode(&frame, Selector::default(), &mut fields)?;
//! assert!(matches!(meaning, firmware_protocols::Meaning::Measurement(_)));
//! assert_eq!(systolic, Some(138));
//! # Ok::<(), firmware_protocols::DecodeError>(())
//! ```
//!
//! A new format is one module with one `FORMAT` constant, its `mod` line and its row in the table
//! below, and its vectors in `vectors/vectors.json`.
#![no_std]
#![warn(missing_docs, clippy::arithmetic_side_effects, clippy::as_conversions)]

pub mod bytes;
pub mod decimal;
pub mod time;

pub mod measurement;

pub mod deframe;

pub mod codec;
pub mod error;
pub mod hazard;

pub use codec::{FieldSink, Format, Part, Selector, Value};
pub use decimal::Decimal;
pub use deframe::{Deframer, Piece, Refusal};
pub use error::DecodeError;
pub use measurement::{
    BloodPressure, Flags, Glucose, GlucoseUnit, GlucoseValue, Meal, Meaning, Measurement,
    PressureUnit,
};
pub use time::DateTime;

pub mod card_line;
pub mod ieee11073;
pub mod raycome;
pub mod resident_id;
pub mod sig;
pub mod sinocare;
pub mod taidoc;

/// Every format, in the order of FORMATS. A new format adds one row.
static FORMATS: &[Format] = &[
    ieee11073::SFLOAT,
    ieee11073::FLOAT,
    sig::date_time::FORMAT,
    sig::blood_pressure::FORMAT,
    sig::blood_pressure::BEURER,
    sig::cuff_pressure::FORMAT,
    sig::glucose::FORMAT,
    sig::glucose_context::FORMAT,
    sig::glucose_feature::FORMAT,
    sig::record_access::FORMAT,
    taidoc::FORMAT,
    raycome::FORMAT,
    sinocare::FORMAT,
    card_line::FORMAT,
    resident_id::FORMAT,
];

/// All formats of this crate.
#[must_use]
pub fn formats() -> &'static [Format] {
    FORMATS
}

/// The format of that name, for example `sig-bp-2a35`.
#[must_use]
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}
