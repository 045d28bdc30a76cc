//! What a roster for another gateway is made of, and how far one from another gateway was taken.

use smol_str::SmolStr;

use super::{CommitSeq, Registration, RegistryKey, StoreError};
use crate::domain::{HouseholdId, PersonId, SiteId};

/// A roster that was taken whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterHeld {
    /// The gateway that made it.
    pub issuer: SmolStr,
    /// Which life of that gateway's log.
    pub epoch: u64,
    /// Names the villages it is of.
    pub villages: String,
    /// The position of the maker's log up to which it goes.
    pub upto: CommitSeq,
}

/// The registry as a roster needs it: whole histories, and who belongs to whom. It is asked for
/// places, never for what a caller may see: a roster is made by the operator. A reader that does not say how
/// refuses.
pub trait RosterReader {
    /// Names of the rows that were entered after a position, in the order of the log, each with its
    /// position; at most so many.
    ///
    /// # Errors
    /// Any error of the store.
    fn rows_since(
        &self,
        after: CommitSeq,
        limit: usize,
    ) -> Result<Vec<(CommitSeq, RegistryKey)>, StoreError> {
        none((after, limit))
    }

    /// Every registration under a name, by the time of its entry.
    ///
    /// # Errors
    /// Any error of the store.
    fn history(&self, key: &RegistryKey) -> Result<Vec<(CommitSeq, Registration)>, StoreError> {
        none((key,))
    }

    /// What is a person's: the cards of which a row of their own names them, or named them once, and
    /// the devices that they own.
    ///
    /// # Errors
    /// Any error of the store.
    fn belongings_of(&self, person: &PersonId) -> Result<Vec<RegistryKey>, StoreError> {
        none(person)
    }

    /// The people of a household.
    ///
    /// # Errors
    /// Any error of the store.
    fn people_of(&self, household: &HouseholdId) -> Result<Vec<PersonId>, StoreError> {
        none((household,))
    }

    /// The villages of a place, by name; a village is its own.
    ///
    /// # Errors
    /// Any error of the store.
    fn villages_of(&self, place: &str) -> Result<Vec<String>, StoreError> {
        none((place,))
    }

    /// Whether a site lies within a place.
    ///
    /// # Errors
    /// Any error of the store.
    fn has_site(&self, place: &str, site: &SiteId) -> Result<bool, StoreError> {
        none((place, site))
    }

    /// Everybody who lives in a village, or did once, after a name, by name: whoever has them from an
    /// earlier roster must learn that they left.
    ///
    /// # Errors
    /// Any error of the store.
    fn people_in(
        &self,
        village: &str,
        after: Option<&PersonId>,
        limit: usize,
    ) -> Result<Vec<PersonId>, StoreError> {
        none((village, after, limit))
    }

    /// The roster held of a gateway.
    ///
    /// # Errors
    /// Any error of the store.
    fn roster_held(&self, issuer: &str) -> Result<Option<RosterHeld>, StoreError> {
        none((issuer,))
    }
}

fn none<A, T>(_asked: A) -> Result<T, StoreError> {
    Err(StoreError::Asked { what: "this reader makes no roster" })
}
