//! Wire formats of blood-pressure cuffs and glucose meters.
//!
//! Bytes become meaning here, and nothing else happens here: no I/O, no clock, no allocation, no
//! plausibility. The path of a frame:
//!
//! 1. [`deframe`]: a serial line's bytes become frames; every byte comes out in a frame or in a
//!    refusal.
//! 2. [`codec`]: [`format()`](codec::format) finds a format by its name, [`Format::decode`] checks one
//!    frame and hands out its named fields and its [`Meaning`].
//! 3. [`measurement`]: what a device said, in its own units and its own naive time.
//!
//! Decoders are pure functions that never panic, whatever the bytes. A value that the wire can
//! carry is kept even where it is absurd: only the rule pack judges. Codes without a name are kept
//! as numbers, never folded into a default.
//!
//! A new format is one module with one `FORMAT` constant, its `mod` line, one row in the table of
//! [`codec`], and its vectors in `vectors/vectors.json`.
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

pub mod ieee11073;
pub mod raycome;
pub mod sig;
pub mod sinocare;
pub mod taidoc;

pub use codec::{FieldSink, Format, Part, Selector, Value, format, formats};
pub use decimal::Decimal;
pub use deframe::{Deframer, Piece, Refusal};
pub use error::DecodeError;
pub use measurement::{
    BloodPressure, Flags, Glucose, GlucoseUnit, GlucoseValue, Meal, Meaning, Measurement,
    PressureUnit,
};
pub use time::DateTime;
