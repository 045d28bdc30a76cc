//! Finding the first record that differs, by asking for ever smaller parts: the day, a village, a kind,
//! a range of keys, records. Whoever carries the questions and answers (a link, a file) is not known here.
//!
//! Each round asks for one part and gets a [`Statement`] about what is inside it. A part that was asked for lies
//! strictly within the one before, so that the questions end: after at most four, and one more for every
//! sixteenfold of [`LISTED_MAX`] records that a kind of a village has in a day.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{DayLog, Digest, Entry, Kind, Record, digest::Fields};
use crate::domain::{ContentDigest, SiteId};

use super::Day;

/// Up to so many records a part is answered with the records themselves: some 4 KB of JSON.
pub const LISTED_MAX: usize = 32;

/// Into how many ranges of keys a larger one is cut.
const CUT: u128 = 16;

/// A part of a site's day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    Day,
    /// What is of a village.
    Village {
        /// Which; empty for what is of nobody.
        village: String,
    },
    /// What is of a village and a kind.
    Kind {
        /// Which village.
        village: String,
        /// Which kind.
        kind: Kind,
    },
    /// Of these the keys from one to another, both included.
    Range {
        /// Which village.
        village: String,
        /// Which kind.
        kind: Kind,
        /// The least key.
        first: ContentDigest,
        /// The greatest key.
        last: ContentDigest,
    },
}

/// What is inside a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inside {
    /// Smaller parts, each with its hash. What is empty may be left out.
    Parts(Vec<(Part, Digest)>),
    /// The records, in order.
    Records(Vec<Record>),
}

/// What a gateway holds of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Where.
    pub site: SiteId,
    /// On which day.
    pub day: Day,
    /// Of which part.
    pub part: Part,
    /// Over all of it.
    pub hash: Digest,
    /// What is inside.
    pub inside: Inside,
}

/// The first record that two gateways do not hold alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The village that it is counted in.
    pub village: String,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub key: ContentDigest,
    /// What we hold under it; `None`: nothing.
    pub ours: Option<Digest>,
    /// What the other end holds.
    pub theirs: Option<Digest>,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Both hold the same of that part.
    Equal,
    /// Ask what the other end holds of this part.
    Ask(Part),
    /// This is the first record that differs.
    Differs(Difference),
    /// The statement is not about our day, or says two things at once: nobody can be believed about it.
    Senseless,
}

/// What we hold of a part, for whoever asks.
#[must_use]
pub fn answer(ours: &DayLog, part: &Part) -> Statement {
    let inside = match ours.within(part) {
        Some(parts) => {
            let told = parts.into_iter().map(|part| {
                let hash = ours.hash(&part);
                (part, hash)
            });
            Inside::Parts(told.collect())
        }
        None => Inside::Records(ours.part(part).map(|entry| entry.record).collect()),
    };
    let (site, day) = (ours.site.clone(), ours.day);
    Statement { site, day, part: part.clone(), hash: ours.hash(part), inside }
}

/// Compares what we hold with what the other end says of a part: whoever asked sees to it that it is the part
/// that was asked for.
#[must_use]
pub fn compare(ours: &DayLog, theirs: &Statement) -> Verdict {
    if (&ours.site, ours.day) != (&theirs.site, theirs.day) {
        return Verdict::Senseless;
    }
    if ours.hash(&theirs.part) == theirs.hash {
        return Verdict::Equal;
    }
    match &theirs.inside {
        Inside::Records(records) => first_record(ours, &theirs.part, records),
        Inside::Parts(parts) => first_part(ours, &theirs.part, parts),
    }
}

/// The first smaller part that differs, in the order of parts.
fn first_part(ours: &DayLog, of: &Part, theirs: &[(Part, Digest)]) -> Verdict {
    let told: BTreeMap<&Part, &Digest> = theirs.iter().map(|(part, hash)| (part, hash)).collect();
    let own = ours.within(of).unwrap_or_default();
    let all: BTreeSet<&Part> = told.keys().copied().chain(&own).collect();
    for part in all.into_iter().filter(|part| part.lies_in(of)) {
        // What the other end leaves out it holds nothing of.
        let empty = part.hash_of(&[]);
        let hash = told.get(part).copied().unwrap_or(&empty);
        if *hash != ours.hash(part) {
            return Verdict::Ask(part.clone());
        }
    }
    Verdict::Senseless
}

fn first_record(ours: &DayLog, part: &Part, theirs: &[Record]) -> Verdict {
    let (Part::Kind { village, kind } | Part::Range { village, kind, .. }) = part else {
        return Verdict::Senseless;
    };
    let own: BTreeSet<Record> = ours.part(part).map(|entry| entry.record).collect();
    let told: BTreeSet<Record> = theirs.iter().copied().collect();
    let Some(first) = own.symmetric_difference(&told).next() else { return Verdict::Senseless };
    let under = |records: &BTreeSet<Record>, others: &BTreeSet<Record>| {
        let own = |record: &&Record| record.key == first.key && !others.contains(*record);
        records.iter().find(own).map(|record| record.digest)
    };
    Verdict::Differs(Difference {
        village: village.clone(),
        kind: *kind,
        key: first.key,
        ours: under(&own, &told),
        theirs: under(&told, &own),
    })
}

impl Part {
    /// Whether it is strictly smaller than another and within it.
    pub(super) fn lies_in(&self, outer: &Self) -> bool {
        match (outer, self) {
            (Self::Day, Self::Village { .. }) => true,
            (Self::Village { village }, Self::Kind { village: own, .. }) => own == village,
            (Self::Kind { village, kind }, Self::Range { village: own, kind: of, .. }) => {
                own == village && of == kind
            }
            (
                Self::Range { village, kind, first, last },
                Self::Range { village: own, kind: of, first: from, last: to },
            ) => {
                let smaller = (first, last) != (from, to);
                own == village && of == kind && first <= from && to <= last && smaller
            }
            (Self::Day | Self::Village { .. } | Self::Kind { .. } | Self::Range { .. }, _) => false,
        }
    }

    fn holds(&self, entry: &Entry) -> bool {
        match self {
            Self::Day => true,
            Self::Village { village } => entry.village == *village,
            Self::Kind { village, kind } => entry.village == *village && entry.kind == *kind,
            Self::Range { village, kind, first, last } => {
                let key = &entry.record.key;
                entry.village == *village && entry.kind == *kind && first <= key && key <= last
            }
        }
    }

    /// The hash of the part if it held these records. An empty part has one hash, whatever part it is.
    fn hash_of(&self, entries: &[&Entry]) -> Digest {
        let mut fields = Fields::of("part");
        fields.count(entries.len());
        for entry in entries {
            // A range or a kind has one village and one kind; the day tells them apart.
            fields.add(entry.village.as_bytes());
            fields.add(entry.kind.as_str().as_bytes());
            fields.add(entry.record.key.as_bytes());
            fields.add(entry.record.digest.as_bytes());
        }
        fields.finish()
    }
}

impl DayLog {
    fn part<'s>(&'s self, part: &Part) -> impl Iterator<Item = &'s Entry> + use<'s> {
        let part = part.clone();
        self.entries.iter().filter(move |entry| part.holds(entry))
    }

    /// The hash of a part.
    pub(super) fn hash(&self, part: &Part) -> Digest {
        let entries: Vec<&Entry> = self.part(part).collect();
        part.hash_of(&entries)
    }

    /// The parts inside a part; `None` where its records are told instead.
    fn within(&self, part: &Part) -> Option<Vec<Part>> {
        let range = match part {
            Part::Day => {
                let villages: BTreeSet<&str> =
                    self.entries.iter().map(|entry| entry.village.as_str()).collect();
                let of = |village: &str| Part::Village { village: village.to_owned() };
                return Some(villages.into_iter().map(of).collect());
            }
            Part::Village { village } => {
                let of = |kind| Part::Kind { village: village.clone(), kind };
                return Some(Kind::ALL.map(of).to_vec());
            }
            Part::Kind { village, kind } => (village, *kind, 0, u128::MAX),
            Part::Range { village, kind, first, last } => {
                (village, *kind, number(first), number(last))
            }
        };
        let (village, kind, first, last) = range;
        let one_key = first >= last;
        if one_key || self.part(part).count() <= LISTED_MAX {
            return None;
        }
        Some(
            cut(first, last)
                .map(|(first, last)| Part::Range {
                    village: village.clone(),
                    kind,
                    first: ContentDigest::from_bytes(first.to_be_bytes()),
                    last: ContentDigest::from_bytes(last.to_be_bytes()),
                })
                .collect(),
        )
    }
}

fn number(key: &ContentDigest) -> u128 {
    u128::from_be_bytes(*key.as_bytes())
}

/// A range of keys in [`CUT`] ranges without gaps, the last one the longest.
fn cut(first: u128, last: u128) -> impl Iterator<Item = (u128, u128)> {
    let step = last.saturating_sub(first) / CUT;
    (0..CUT).filter_map(move |place| {
        let step = step.max(1);
        let from = first.checked_add(step.checked_mul(place)?)?;
        let to = if place == CUT - 1 { last } else { from.saturating_add(step - 1).min(last) };
        (from <= last).then_some((from, to))
    })
}
