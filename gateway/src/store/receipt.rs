//! The records of a site's day for its receipt, and what other gateways say of theirs (promise P8).

use smol_str::SmolStr;

use super::{CommitSeq, StoreError};
use crate::{
    domain::{SiteId, Timestamp},
    receipt::{Day, DayLog, Receipt},
};

/// What another gateway said of a site's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptSaid {
    /// Its receipt.
    pub receipt: Receipt,
    /// Its name.
    pub by: SmolStr,
    /// The public key that signed it.
    pub key: String,
    /// Which life of its log.
    pub epoch: u64,
    /// Up to which position of its log it counted.
    pub upto: CommitSeq,
    /// When it says that it counted.
    pub said_at: Timestamp,
    /// When we had it.
    pub at: Timestamp,
}

impl ReceiptSaid {
    /// Whether it takes the place of an earlier one of the same gateway: one that was counted before, and
    /// comes again, does not.
    #[must_use]
    pub fn follows(&self, earlier: &Self) -> bool {
        self.epoch != earlier.epoch || self.upto >= earlier.upto
    }
}

/// What receipts are made of and compared with. The caller may know of the site: there is no scope.
/// A reader that does not say how refuses.
pub trait ReceiptReader {
    /// Every record that the first gateway's clock showed on a day at a site.
    ///
    /// # Errors
    /// Any error of the store.
    fn day_log(&self, site: &SiteId, day: Day) -> Result<DayLog, StoreError> {
        none((site, day))
    }

    /// What others said of a site's days, from one to another, both included; by (day, name).
    ///
    /// # Errors
    /// Any error of the store.
    fn receipts_said(
        &self,
        site: &SiteId,
        days: (Day, Day),
    ) -> Result<Vec<ReceiptSaid>, StoreError> {
        none((site, days))
    }
}

fn none<A, T>(_asked: A) -> Result<T, StoreError> {
    Err(StoreError::Asked { what: "this reader makes no receipts" })
}
