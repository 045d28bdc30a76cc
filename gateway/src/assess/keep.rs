//! A state as it is kept between lives of the process: compact bytes, and what it was judged with.
//!
//! Kept states are never the truth. One that was judged with other lines, another pack or another
//! registry row than those in force, or that cannot be read, is not used: the person's facts are
//! folded anew. Bytes are postcard's encoding of the state's fields in their order.

use serde::Serialize;

use super::{pack::Pack, patient::Patient, state::State};
use crate::domain::Timestamp;

/// Changes whenever the same facts come to another state, or a state to other bytes: a test with the
/// open scenarios tells. What was kept under another number is folded anew.
pub(super) const JUDGEMENT: u32 = 3;

/// What a state was judged with: this code, and the packs and rows that were in force, each with the
/// instant from which it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgedWith([u8; 16]);

#[derive(Serialize)]
struct Inputs<'a> {
    judgement: u32,
    before: [u8; 16],
    from: Timestamp,
    pack: &'a str,
    patient: &'a Patient,
}

impl JudgedWith {
    /// Before anything was in force.
    pub(super) const NOTHING: Self = Self([0; 16]);

    /// This, and from an instant on another pack or row. `None` where they have no encoding, so that
    /// nothing is kept.
    #[must_use]
    pub(super) fn and(self, from: Timestamp, pack: &Pack, patient: &Patient) -> Option<Self> {
        let (before, pack) = (self.0, pack.hash());
        let inputs = Inputs { judgement: JUDGEMENT, before, from, pack, patient };
        let bytes = postcard::to_stdvec(&inputs).ok()?;
        let mut digest = [0; 16];
        blake3::Hasher::new().update(&bytes).finalize_xof().fill(&mut digest);
        Some(Self(digest))
    }

    /// As it is stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl State {
    /// As it is kept; `None` where it has no encoding, so that nothing is kept.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(self).ok()
    }

    /// A kept state; `None` where the bytes are not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (state, rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(state)
    }
}
