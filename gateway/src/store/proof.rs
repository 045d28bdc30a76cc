//! The proof without which nothing is acknowledged.

use super::CommitSeq;

/// Proof that a unit is on disk and synced. Only a store makes one; acknowledging needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    last: CommitSeq,
}

impl Committed {
    /// For stores alone: call it after the sync returned, never before.
    pub(in crate::store) const fn after_sync(last: CommitSeq) -> Self {
        Self { last }
    }

    /// A proof without a store, for tests of those who only pass it on.
    #[cfg(test)]
    pub(crate) const fn for_tests() -> Self {
        Self { last: CommitSeq(0) }
    }

    /// The position of the unit's last fact, or of the last fact before it if it had none.
    #[must_use]
    pub const fn last(&self) -> CommitSeq {
        self.last
    }
}
