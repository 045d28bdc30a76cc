//! A primary fact as it travels from one gateway to another (DESIGN section 7).
//!
//! Only what somebody or something told a gateway travels; what follows from it (crossings, alerts,
//! timers, messages) every gateway judges for itself. A parcel is one JSON object in one line, with
//! the version of its shape in `v`, its kind in `t`, and in `o` where the fact was first: gateway,
//! epoch, position. That is its name for ever, at whatever gateway, and what refers to it refers to
//! that. A later version may add fields, which are passed over, and kinds, which wait for a program
//! that knows them; nothing that a version wrote ever changes meaning. Instants are milliseconds
//! since 1970, decimals mantissa and exponent, bytes base64, so that everything comes back exactly.

mod body;
#[cfg(test)]
mod tests;
mod wire;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use body::{Body, Deed, Moved, SaidClock, SaidDecided, SaidMerged, SaidStep};
pub(crate) use wire::{STEPS, travels};

use crate::store::{CommitSeq, FactId};

/// The version of the shape that this program writes. 1: the first.
pub const SHAPE: u32 = 1;

/// One fact as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its position in the sender's log.
    pub seq: CommitSeq,
    /// One JSON object without a line break.
    pub line: Vec<u8>,
}

/// A fact that came.
#[derive(Debug, Clone, PartialEq)]
pub struct Brought {
    /// Its name.
    pub id: FactId,
    /// It came from the gateway above.
    pub down: bool,
    /// What it says.
    pub body: Body,
}

/// Why a parcel cannot be read. It holds no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParcelError {
    /// Not a JSON object of the shape that its kind has.
    #[error("{kind}: at column {column} of the line it is not what it should be")]
    Shape {
        /// The kind, as far as it could be read.
        kind: SmolStr,
        /// Where.
        column: usize,
    },
    /// Something in it is no name, code or number of its kind.
    #[error("{kind}: no such {what}")]
    Word {
        /// The kind.
        kind: SmolStr,
        /// Of what.
        what: &'static str,
    },
    /// It cannot be written.
    #[error("{kind}: it cannot be written as JSON")]
    Unwritable {
        /// The kind.
        kind: SmolStr,
    },
}

/// What every parcel begins with.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    v: u32,
    t: SmolStr,
    o: wire::Name,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    down: bool,
}

#[derive(Serialize)]
struct Whole<'a, B> {
    #[serde(flatten)]
    head: Head,
    b: &'a B,
}

#[derive(Deserialize)]
struct Inside<B> {
    b: B,
}

/// The line of a fact.
///
/// # Errors
/// [`ParcelError::Unwritable`] where JSON has no way to say it.
pub fn encode(id: &FactId, down: bool, body: &Body) -> Result<Vec<u8>, ParcelError> {
    let kind = body.kind();
    let head = Head { v: SHAPE, t: SmolStr::new_static(kind), o: id.into(), down };
    wire::written(head, body)
        .map_err(|_not_json| ParcelError::Unwritable { kind: SmolStr::new_static(kind) })
}

/// Reads a line.
///
/// # Errors
/// [`ParcelError`] says what is wrong with it. A kind that this program does not know is none.
pub fn decode(line: &[u8]) -> Result<Brought, ParcelError> {
    let head: Head = shaped("parcel", line)?;
    let id = FactId::try_from(&head.o)
        .map_err(|()| ParcelError::Word { kind: head.t.clone(), what: "gateway's name" })?;
    let body = wire::read(&head.t, line)?;
    Ok(Brought { id, down: head.down, body })
}

fn shaped<'l, T: Deserialize<'l>>(kind: &str, line: &'l [u8]) -> Result<T, ParcelError> {
    serde_json::from_slice(line)
        .map_err(|error| ParcelError::Shape { kind: SmolStr::new(kind), column: error.column() })
}
