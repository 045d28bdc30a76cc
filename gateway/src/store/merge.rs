//! Two files of one person: what is said about them, and how it is asked for.

use smol_str::SmolStr;

use super::{
    BenchSession, CardScan, CommitSeq, StoreError,
    view::{Page, Paging, Scope},
};
use crate::domain::{BenchId, IdNumber, PersonId, SiteId, Timestamp};

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

/// A claim of an item for a person, and when it was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldClaim {
    /// Its position.
    pub seq: CommitSeq,
    /// When it was made.
    pub at: Timestamp,
    /// What took it back, and when.
    pub undone: Option<(CommitSeq, Timestamp)>,
}

impl HeldClaim {
    /// Whether it stood as it was known at an instant; `None`: now.
    #[must_use]
    pub fn stood(&self, as_of: Option<Timestamp>) -> bool {
        let known = |at: Timestamp| as_of.is_none_or(|as_of| at <= as_of);
        known(self.at) && !self.undone.is_some_and(|(_, at)| known(at))
    }
}

/// Files with one number that are looked at, at most: it is two where it is not a placeholder.
pub(super) const SAME_MAX: usize = 8;

/// What is asked about files: merges of them, and who stood around a reading of nobody.
pub trait FileReader {
    /// Merges of two people whom the scope reaches both, newest first, with those that were taken
    /// back.
    ///
    /// # Errors
    /// Any error of the store.
    fn merges(&self, scope: &Scope, paging: &Paging) -> Result<Page<HeldMerge>, StoreError>;

    /// The merge at a position.
    ///
    /// # Errors
    /// Any error of the store.
    fn merge(&self, at: CommitSeq) -> Result<Option<HeldMerge>, StoreError>;

    /// Every merge that names a person on either side, in force or not, oldest first. The caller may
    /// know of the person: there is no scope.
    ///
    /// # Errors
    /// Any error of the store.
    fn merges_of(&self, person: &PersonId) -> Result<Vec<HeldMerge>, StoreError>;

    /// Every claim for a person, in force or not, oldest first. The caller may know of the person:
    /// there is no scope.
    ///
    /// # Errors
    /// Any error of the store.
    fn claims_of(&self, person: &PersonId) -> Result<Vec<HeldClaim>, StoreError>;

    /// The people of a list whom the registry has and the scope reaches.
    ///
    /// # Errors
    /// Any error of the store.
    fn reached(&self, scope: &Scope, people: &[PersonId]) -> Result<Vec<PersonId>, StoreError>;

    /// The cards of a list that the registry knows, each with whose it is. There is no scope: the caller
    /// shows nobody whom it has not asked [`FileReader::reached`] for.
    ///
    /// # Errors
    /// Any error of the store.
    fn card_holders(&self, cards: &[String]) -> Result<Vec<(String, PersonId)>, StoreError>;

    /// Sessions of a bench that touch a span, by beginning. There is no scope, as above.
    ///
    /// # Errors
    /// Any error of the store.
    fn sessions(
        &self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<BenchSession>, StoreError>;

    /// Cards held to the readers of a bench from one instant to another, both included, by time. There
    /// is no scope, as above.
    ///
    /// # Errors
    /// Any error of the store.
    fn scans(
        &self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError>;

    /// People within a scope whose row in force carries a resident identity number, by name, a few at
    /// most.
    ///
    /// # Errors
    /// Any error of the store.
    fn with_id_number(&self, scope: &Scope, number: &IdNumber)
    -> Result<Vec<PersonId>, StoreError>;

    /// Pairs of people within a scope whose rows in force carry the same resident identity number,
    /// neither of whom counts as another, by name.
    ///
    /// # Errors
    /// Any error of the store.
    fn same_numbers(
        &self,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<(PersonId, PersonId)>, StoreError>;

    /// The file that survives, if this one counts as another's.
    ///
    /// # Errors
    /// Any error of the store.
    fn survivor(&self, person: &PersonId) -> Result<Option<PersonId>, StoreError>;
}
