//! What of a log goes to another gateway, and how far another's log is here (DESIGN section 7).

use smol_str::SmolStr;

use super::{CommitSeq, StoreError};
use crate::{domain::BoxId, uplink::parcel::Parcel};

/// Which way facts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toward {
    /// To the next gateway up: everything that did not come from there.
    Up,
    /// To one below: what concerns the people of the places that it serves.
    Down {
        /// Which.
        to: BoxId,
        /// The places.
        places: Vec<SmolStr>,
    },
}

/// Facts of the log that travel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cargo {
    /// The facts, by position.
    pub parcels: Vec<Parcel>,
    /// Everything up to here was looked at; what does not travel is passed over.
    pub upto: CommitSeq,
}

/// Up to where another gateway's log is here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watermark {
    /// Which life of its log.
    pub epoch: u64,
    /// Everything up to here is on disk.
    pub upto: CommitSeq,
    /// The hash of the last batch; zeros before the first.
    pub hash: [u8; 32],
}

/// What goes to other gateways. A reader that does not say how refuses.
pub trait CarryReader {
    /// Facts after a position that travel, at most so many and so many bytes of them (one at least).
    ///
    /// # Errors
    /// Any error of the store.
    fn cargo(
        &self,
        toward: &Toward,
        after: CommitSeq,
        count: usize,
        bytes: usize,
    ) -> Result<Cargo, StoreError> {
        none((toward, after, count, bytes))
    }

    /// The facts of alerts that opened or rose after a position: their readings, events and steps.
    ///
    /// # Errors
    /// Any error of the store.
    fn express(
        &self,
        toward: &Toward,
        after: CommitSeq,
        count: usize,
    ) -> Result<Cargo, StoreError> {
        none((toward, after, count))
    }

    /// Up to where a neighbour's log is here.
    ///
    /// # Errors
    /// Any error of the store.
    fn watermark(&self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        none(sender)
    }
}

fn none<A, T>(_asked: A) -> Result<T, StoreError> {
    Err(StoreError::Asked { what: "this reader carries nothing" })
}
