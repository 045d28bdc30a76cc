//! The records of a site's day for its receipt, and what other gateways say of theirs (promise P8).

use smol_str::SmolStr;

use super::{CommitSeq, StoreError};
use crate::{
    domain::{BoxId, SiteId, Timestamp},
    receipt::{Day, DayLog, Difference, Receipt},
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

/// The first record of a site's day that another gateway does not hold alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptDiffers {
    /// Where it was received.
    pub site: SiteId,
    /// On which day.
    pub day: Day,
    /// The other gateway.
    pub by: SmolStr,
    /// The record, ours and theirs; `None`: both hold the same now.
    pub first: Option<Difference>,
    /// When that was found.
    pub at: Timestamp,
}

/// What somebody must look at about a neighbour, kept over a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAlarm {
    /// The neighbour; empty for the gateway above.
    pub of: SmolStr,
    /// Why; `None`: somebody has.
    pub code: Option<SmolStr>,
    /// Since when.
    pub since: Timestamp,
    /// How often until it was kept.
    pub times: u64,
}

/// What is known of a neighbour beside the facts that it brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NeighbourSaid {
    /// It said what it holds of a site's day.
    Receipt(ReceiptSaid),
    /// A record that it does not hold alike was found, or both hold the same.
    Differs(ReceiptDiffers),
    /// Somebody must look at it, or has.
    Alarm(KeptAlarm),
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

    /// Sites and days, from one day to another, both included, on which something was received there;
    /// by (day, site).
    ///
    /// # Errors
    /// Any error of the store.
    fn received_on(&self, days: (Day, Day)) -> Result<Vec<(Day, SiteId)>, StoreError> {
        none(days)
    }

    /// Whether a gateway below brought anything that was received at a site on a day.
    ///
    /// # Errors
    /// Any error of the store.
    fn brought(&self, site: &SiteId, day: Day, by: &BoxId) -> Result<bool, StoreError> {
        none((site, day, by))
    }

    /// Every first record that another gateway does not hold alike; by (site, day, gateway).
    ///
    /// # Errors
    /// Any error of the store.
    fn receipts_differ(&self) -> Result<Vec<ReceiptDiffers>, StoreError> {
        none(())
    }

    /// What somebody must look at about neighbours, by their names.
    ///
    /// # Errors
    /// Any error of the store.
    fn kept_alarms(&self) -> Result<Vec<KeptAlarm>, StoreError> {
        none(())
    }
}

fn none<A, T>(_asked: A) -> Result<T, StoreError> {
    Err(StoreError::Asked { what: "this reader makes no receipts" })
}
