//! The receipt of a site's day (promise P8): what was received there, counted by village, with a hash
//! over every record. Two gateways that hold the same records say the same receipt; where they do not,
//! [`compare`](fn@compare) finds the first record that differs.
//!
//! **The day** of a reading or an item is the calendar day of China that the first gateway's clock
//! showed when it came: a part of the record itself, that travels with it and is never changed. When a
//! value was *measured* is an estimate that later frames and a corrected clock move, and when *this*
//! gateway had it differs from gateway to gateway; with either, yesterday's receipt would change
//! tomorrow. A gateway whose clock was wrong files its records under a wrong day, at both ends alike.
//!
//! **The village** is where the registry, as it stood when that day began, says that the person lives
//! (or the first row of whom it had not by then): rows are dated facts that travel with their time, so a
//! person who moves later moves no receipt of the past. What is of nobody stands under no village.
//!
//! **The hash** is BLAKE3 over the digests of the records in the order of their keys, with their
//! number before them. Sorting takes the order of arrival out, and the whole rests on nothing but BLAKE3. A sum
//! of digests would need no sorting, but a sum modulo 2^256 of many terms can be made to collide (Wagner's
//! generalised birthday), and a day has few hundred records: sorting them costs nothing.
//!
//! Pure: nothing here does I/O or reads a clock.

mod compare;
mod day;
mod digest;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::standing::{Standing, standing, standing_of};
pub use self::{
    compare::{Difference, Inside, LISTED_MAX, Part, Statement, Verdict, answer, compare},
    day::{Day, NoDay},
    digest::{Digest, NoDigest, of_alert, of_item, of_reading},
};
use crate::domain::{PersonId, SiteId};

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A reading: its id; its content, whose file it came under, and what was told of it.
    Reading,
    /// An alert that a reading opened: its id, and whom it is about.
    Alert,
    /// An item of quarantine: its content, and whether it waits.
    Quarantined,
}

impl Kind {
    /// Every kind, in the order in which they are compared.
    pub const ALL: [Self; 3] = [Self::Reading, Self::Alert, Self::Quarantined];

    /// The kind's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Alert => "alert",
            Self::Quarantined => "quarantined",
        }
    }
}

/// One record: what names it, and everything that is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The id of a reading or an alert, the digest of an item's content.
    pub key: crate::domain::ContentDigest,
    /// Names exactly what is held under it.
    pub digest: Digest,
}

/// One record where it is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Where its person lived when the day began; empty for what is of nobody.
    pub village: String,
    /// What it is.
    pub kind: Kind,
    /// The record.
    #[serde(flatten)]
    pub record: Record,
    /// Whose file a reading came under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
}

/// Every record of a site's day, in the order of (village, kind, key, digest).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayLog {
    /// Where it was received.
    pub site: SiteId,
    /// On which day.
    pub day: Day,
    entries: Vec<Entry>,
}

/// What a village's people gave in a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageReceipt {
    /// The village; empty for what is of nobody.
    pub village: String,
    /// People with a reading.
    pub people: u64,
    /// Readings.
    pub readings: u64,
    /// Alerts that these readings opened and that were not taken back.
    pub alerts: u64,
    /// Items of quarantine, whatever was decided about them.
    pub quarantined: u64,
    /// Over every record.
    pub hash: Digest,
}

/// The receipt of a site's day. One without villages says that nothing was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where it was received.
    pub site: SiteId,
    /// On which day.
    pub day: Day,
    /// By village, by name.
    pub villages: Vec<VillageReceipt>,
    /// Over all villages.
    pub hash: Digest,
}

impl Receipt {
    /// What is told of a village; `None` where nothing was received of it.
    #[must_use]
    pub fn village(&self, name: &str) -> Option<&VillageReceipt> {
        self.villages.iter().find(|of| of.village == name)
    }

    /// The sums over all villages, under no name. A person counts in one village alone.
    #[must_use]
    pub fn whole(&self) -> VillageReceipt {
        let sum = |of: fn(&VillageReceipt) -> u64| {
            self.villages.iter().map(of).fold(0_u64, u64::saturating_add)
        };
        VillageReceipt {
            village: String::new(),
            people: sum(|of| of.people),
            readings: sum(|of| of.readings),
            alerts: sum(|of| of.alerts),
            quarantined: sum(|of| of.quarantined),
            hash: self.hash,
        }
    }
}

impl DayLog {
    /// The records of a day, whatever order they come in. An alert that is named twice in a village
    /// is one.
    #[must_use]
    pub fn new(site: SiteId, day: Day, mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        entries.dedup_by(|one, other| one.kind == Kind::Alert && one == other);
        Self { site, day, entries }
    }

    /// The records, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The same in order, where somebody else wrote it down.
    #[must_use]
    pub fn sorted(self) -> Self {
        Self::new(self.site, self.day, self.entries)
    }

    /// The receipt.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        let mut villages: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in &self.entries {
            villages.entry(&entry.village).or_default().push(entry);
        }
        let villages = villages.into_iter().map(|(name, entries)| {
            let count = |kind| {
                let own = entries.iter().filter(|entry| entry.kind == kind).count();
                u64::try_from(own).unwrap_or(u64::MAX)
            };
            let people: BTreeSet<_> =
                entries.iter().filter_map(|entry| entry.person.as_ref()).collect();
            VillageReceipt {
                village: name.to_owned(),
                people: u64::try_from(people.len()).unwrap_or(u64::MAX),
                readings: count(Kind::Reading),
                alerts: count(Kind::Alert),
                quarantined: count(Kind::Quarantined),
                hash: self.hash(&Part::Village { village: name.to_owned() }),
            }
        });
        let villages = villages.collect();
        Receipt { site: self.site.clone(), day: self.day, villages, hash: self.hash(&Part::Day) }
    }
}

#[cfg(test)]
mod tests;
