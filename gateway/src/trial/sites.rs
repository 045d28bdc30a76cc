//! What the shadow and the pack in force decided, by site.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::{
    compare::Split,
    record::{Decision, Record},
};
use crate::domain::{AlertId, Level, PersonId, SiteId};

/// One site. The first pack is the one in force, the second its shadow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteReport {
    /// People whose newest reading came from here.
    pub people: u64,
    /// People about whom the packs decide differently here.
    pub changed: BTreeSet<PersonId>,
    /// By concept.
    pub lines: BTreeMap<SmolStr, Split>,
    /// What each pack opens, by level: blue, yellow, orange, red.
    pub levels: [[u64; 2]; 4],
}

/// Counts decisions by site; of those that no reading completed the site is unknown.
#[must_use]
pub fn by_site<'r>(
    records: impl Iterator<Item = &'r Record>,
) -> BTreeMap<Option<SiteId>, SiteReport> {
    let mut sites: BTreeMap<Option<SiteId>, SiteReport> = BTreeMap::new();
    for record in records {
        let here = sites.entry(record.site.clone()).or_default();
        here.people = here.people.saturating_add(1);
        let of = |decisions: &'r [Decision]| -> BTreeMap<AlertId, &'r Decision> {
            decisions.iter().map(|decision| (decision.id, decision)).collect()
        };
        let (a, b) = (of(&record.a), of(&record.b));
        for (id, decision) in &a {
            let other = b.get(id);
            let other_level = other.is_some_and(|other| other.level != decision.level);
            let site = sites.entry(decision.site.clone()).or_default();
            site.count(0, decision);
            site.split(
                &record.person,
                decision,
                Split {
                    a_only: u64::from(other.is_none()),
                    both: u64::from(other.is_some()),
                    other_level: u64::from(other_level),
                    b_only: 0,
                },
            );
        }
        for (id, decision) in &b {
            let site = sites.entry(decision.site.clone()).or_default();
            site.count(1, decision);
            if !a.contains_key(id) {
                site.split(&record.person, decision, Split { b_only: 1, ..Split::default() });
            }
        }
    }
    sites
}

impl SiteReport {
    fn count(&mut self, pack: usize, decision: &Decision) {
        let level = match decision.level {
            Level::Blue => 0,
            Level::Yellow => 1,
            Level::Orange => 2,
            Level::Red => 3,
        };
        let counts =
            self.levels.get_mut(level).and_then(|counts: &mut [u64; 2]| counts.get_mut(pack));
        if let Some(count) = counts {
            *count = count.saturating_add(1);
        }
    }

    fn split(&mut self, person: &PersonId, decision: &Decision, more: Split) {
        if !more.is_same() {
            self.changed.insert(person.clone());
        }
        self.lines.entry(decision.concept.clone()).or_default().add(more);
    }
}
