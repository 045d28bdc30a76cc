//! Two files of one person: what is said about them, and how it is asked for.

use smol_str::SmolStr;

use super::CommitSeq;
use crate::domain::{PersonId, Timestamp};

/// Two files of the registry are one person's, or, where it undoes that, are not. Nothing moves: what
/// came under either file stays under it, and counts as the surviving one's while the merge stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The file that counts as another's.
    pub person: PersonId,
    /// The file that survives.
    pub survivor: PersonId,
    /// The merge at this position is taken back; `None`: it is one.
    pub undoes: Option<CommitSeq>,
    /// Why, in the words of whoever says so.
    pub reason: String,
    /// Who says so.
    pub by: SmolStr,
    /// When.
    pub at: Timestamp,
}

/// A merge, with what took it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMerge {
    /// Its position, by which it is taken back.
    pub seq: CommitSeq,
    /// What it says.
    pub merged: Merged,
    /// What took it back, with its position.
    pub undone: Option<(CommitSeq, Merged)>,
}

impl HeldMerge {
    /// Whether it stood as it was known at an instant; `None`: now.
    #[must_use]
    pub fn stood(&self, as_of: Option<Timestamp>) -> bool {
        let known = |at: Timestamp| as_of.is_none_or(|as_of| at <= as_of);
        known(self.merged.at) && !self.undone.as_ref().is_some_and(|(_, undone)| known(undone.at))
    }
}

/// Files with one number that are looked at, at most: it is two where it is not a placeholder.
pub(super) const SAME_MAX: usize = 8;
