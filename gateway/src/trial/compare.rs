//! What two packs open for the same people: pure, and the same whatever order people come in.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::{
    assess::{Assessment, Concept, Episode},
    domain::{AlertId, DoctorId, Level, PersonId, Timestamp},
};

/// How many alerts one pack opens alone, the other alone, and both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Split {
    /// Opened by the first pack alone.
    pub a_only: u64,
    /// Opened by the second pack alone.
    pub b_only: u64,
    /// Opened by both, of the same beginning.
    pub both: u64,
    /// Of those of both, so many at another level.
    pub other_level: u64,
}

impl Split {
    /// What the first pack opens.
    #[must_use]
    pub const fn a(self) -> u64 {
        self.a_only.saturating_add(self.both)
    }

    /// What the second pack opens.
    #[must_use]
    pub const fn b(self) -> u64 {
        self.b_only.saturating_add(self.both)
    }

    /// Whether both open the same at the same levels.
    #[must_use]
    pub const fn is_same(self) -> bool {
        self.a_only == 0 && self.b_only == 0 && self.other_level == 0
    }

    pub(super) const fn add(&mut self, more: Self) {
        self.a_only = self.a_only.saturating_add(more.a_only);
        self.b_only = self.b_only.saturating_add(more.b_only);
        self.both = self.both.saturating_add(more.both);
        self.other_level = self.other_level.saturating_add(more.other_level);
    }
}

/// An alert that one of the packs opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// What was crossed.
    pub concept: Concept,
    /// At which level it opens.
    pub level: Level,
    /// Its alert time.
    pub at: Timestamp,
}

impl Opening {
    const fn of(episode: &Episode) -> Self {
        Self { concept: episode.concept, level: episode.opened_level, at: episode.at }
    }
}

/// A person whom the packs treat differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Who.
    pub person: PersonId,
    /// The doctor who signed for the household.
    pub doctor: Option<DoctorId>,
    /// What the first pack opens and the second does not, or at another level.
    pub a: Vec<Opening>,
    /// What the second pack opens and the first does not, or at another level.
    pub b: Vec<Opening>,
}

/// The comparison of two packs over people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// People judged.
    pub people: u64,
    /// Of them, people with readings.
    pub measured: u64,
    /// Readings judged.
    pub readings: u64,
    /// When the first of them was measured.
    pub first: Option<Timestamp>,
    /// People whom the packs treat differently, by name once [`Tally::finish`] was called.
    pub changed: Vec<Changed>,
    /// By line.
    pub lines: BTreeMap<Concept, Split>,
    /// What each pack opens, by level: blue, yellow, orange, red.
    pub levels: [[u64; 2]; 4],
    /// Yellow and above of each pack, by doctor and month of China, as `2026-03`.
    pub doctors: BTreeMap<(Option<DoctorId>, SmolStr), [u64; 2]>,
}

impl Tally {
    /// Adds one person.
    pub fn add(
        &mut self,
        (person, doctor): (&PersonId, Option<&DoctorId>),
        measured: impl ExactSizeIterator<Item = Timestamp>,
        [a, b]: [&Assessment; 2],
    ) {
        let readings = u64::try_from(measured.len()).unwrap_or(u64::MAX);
        self.people = self.people.saturating_add(1);
        self.measured = self.measured.saturating_add(u64::from(readings > 0));
        self.readings = self.readings.saturating_add(readings);
        self.first = self.first.into_iter().chain(measured).min();
        let opened = |of: &Assessment| -> BTreeMap<AlertId, Opening> {
            of.episodes.iter().map(|episode| (episode.id, Opening::of(episode))).collect()
        };
        let (opened_a, opened_b) = (opened(a), opened(b));
        let mut changed =
            Changed { person: person.clone(), doctor: doctor.cloned(), a: vec![], b: vec![] };
        for (id, opening) in &opened_a {
            self.count(0, doctor, opening);
            let other = opened_b.get(id);
            let other_level = other.is_some_and(|other| other.level != opening.level);
            self.line(
                opening.concept,
                Split {
                    a_only: u64::from(other.is_none()),
                    both: u64::from(other.is_some()),
                    other_level: u64::from(other_level),
                    b_only: 0,
                },
            );
            if other.is_none() || other_level {
                changed.a.push(*opening);
                changed.b.extend(other);
            }
        }
        for (id, opening) in &opened_b {
            self.count(1, doctor, opening);
            if !opened_a.contains_key(id) {
                self.line(opening.concept, Split { b_only: 1, ..Split::default() });
                changed.b.push(*opening);
            }
        }
        if !changed.a.is_empty() || !changed.b.is_empty() {
            self.changed.push(changed);
        }
    }

    fn line(&mut self, concept: Concept, more: Split) {
        self.lines.entry(concept).or_default().add(more);
    }

    fn count(&mut self, pack: usize, doctor: Option<&DoctorId>, opening: &Opening) {
        let level = match opening.level {
            Level::Blue => 0,
            Level::Yellow => 1,
            Level::Orange => 2,
            Level::Red => 3,
        };
        let one = |counts: Option<&mut [u64; 2]>| {
            if let Some(count) = counts.and_then(|counts| counts.get_mut(pack)) {
                *count = count.saturating_add(1);
            }
        };
        one(self.levels.get_mut(level));
        if level > 0 {
            let key = (doctor.cloned(), month(opening.at));
            one(Some(self.doctors.entry(key).or_default()));
        }
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.people = self.people.saturating_add(other.people);
        self.measured = self.measured.saturating_add(other.measured);
        self.readings = self.readings.saturating_add(other.readings);
        self.first = self.first.into_iter().chain(other.first).min();
        self.changed.extend(other.changed);
        for (concept, split) in other.lines {
            self.line(concept, split);
        }
        let sum = |counts: &mut [u64; 2], more: [u64; 2]| {
            for (count, more) in counts.iter_mut().zip(more) {
                *count = count.saturating_add(more);
            }
        };
        for (counts, more) in self.levels.iter_mut().zip(other.levels) {
            sum(counts, more);
        }
        for (key, more) in other.doctors {
            sum(self.doctors.entry(key).or_default(), more);
        }
    }

    /// Puts people, and what changes for each, in order.
    pub fn finish(&mut self) {
        self.changed.sort_by(|one, other| one.person.cmp(&other.person));
        for changed in &mut self.changed {
            changed.a.sort_by_key(|opening| (opening.at, opening.concept));
            changed.b.sort_by_key(|opening| (opening.at, opening.concept));
        }
    }
}

/// The month of China, as `2026-03`.
fn month(at: Timestamp) -> SmolStr {
    let local = at.to_shanghai();
    local.map_or_else(SmolStr::default, |local| {
        smol_str::format_smolstr!("{:04}-{:02}", local.year(), local.month())
    })
}
