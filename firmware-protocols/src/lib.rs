//! Wire formats of blood-pressure cuffs and glucose meters.
#![no_std]
#![warn(missing_docs, clippy::arithmetic_side_effects, clippy::as_conversions)]

pub mod decimal;
pub mod error;
pub mod measurement;
mod time;

pub use decimal::*;
pub use error::*;
pub use measurement::*;
