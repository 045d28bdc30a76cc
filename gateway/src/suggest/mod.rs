//! Who a reading that waits could belong to, ranked, each with what speaks for it.
//!
//! Pure: the caller gathers what stands around the item, and this says whom it points to. A suggestion
//! is a question to somebody entitled and never an answer: nothing here attributes anything. What was
//! measured is not even passed in, because a value alone never suggests a person: two neighbours
//! with the same pressure are two people.

mod spelling;
mod words;

use std::collections::BTreeMap;

use crate::{
    domain::{Millis, PersonId, Sequence, Timestamp},
    store::{BenchSession, CardScan},
};

pub use spelling::{Slip, card_spellings, person_spellings, slip};

/// How far from a reading a session at its bench may begin or end to speak for anybody: three visitors
/// of a busy bench (issue 4, figures: 4 to 6 minutes a person). Proposed.
pub const NEAR: Millis = Millis::minutes(15);

/// Longest time between neighbouring numbers of a device that speaks for one visitor. Proposed: a
/// repeat is taken after a minute or two.
const NEXT: Millis = Millis::minutes(10);

/// How far back a device tells who uses it.
pub const USUAL_SPAN: Millis = Millis::days(30);

/// Readings of a device that are looked through.
pub const DEVICE_READINGS: usize = 64;

/// A card that came later than this after the reading gives it to nobody by itself (DESIGN section
/// 2, attribution): it proposes instead.
const LATE_CARD: Millis = Millis::hours(24);

/// Suggestions for one item, at most: more are no help.
pub const SUGGESTED_MAX: usize = 5;

/// The item.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// When it was taken, as far as that is believed; else when it came.
    pub at: Timestamp,
    /// When it came.
    pub received_at: Timestamp,
    /// The person it names, whom the registry lacks.
    pub named: Option<PersonId>,
    /// The device's own number of it.
    pub sequence: Option<Sequence>,
}

/// A reading of the same device that is somebody's.
#[derive(Debug, Clone)]
pub struct Other {
    /// Whose.
    pub person: PersonId,
    /// When.
    pub at: Timestamp,
    /// The device's own number of it.
    pub sequence: Option<Sequence>,
    /// Whether it was taken at the same site.
    pub here: bool,
}

/// What stands around an item.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Sessions at its bench near its time, each with when the card came that opened it.
    pub sessions: Vec<(BenchSession, Option<Timestamp>)>,
    /// Cards that nobody knows, held there near its time, each with a known card that is spelled nearly
    /// alike and whose that is.
    pub cards: Vec<(CardScan, String, PersonId)>,
    /// People whose names are spelled nearly as the one that it names.
    pub spelled: Vec<PersonId>,
    /// Readings of its device of late, newest first.
    pub device: Vec<Other>,
}

/// One thing that speaks for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clue {
    /// Its code.
    pub code: &'static str,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// How much it speaks for them, against other clues. Proposed; it orders a list and decides nothing.
    weight: u32,
}

/// Somebody it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Who.
    pub person: PersonId,
    /// What speaks for them, the strongest first.
    pub clues: Vec<Clue>,
}

impl Suggestion {
    fn weight(&self) -> u32 {
        self.clues.iter().map(|clue| clue.weight).fold(0, u32::saturating_add)
    }
}

/// Who it could be, the likeliest first.
#[must_use]
pub fn suggest(waiting: &Waiting, around: &Around) -> Vec<Suggestion> {
    let mut clues: BTreeMap<PersonId, Vec<Clue>> = BTreeMap::new();
    let mut say = |person: &PersonId, clue: Clue| {
        let said = clues.entry(person.clone()).or_default();
        if said.iter().all(|other| other.code != clue.code) {
            said.push(clue);
        }
    };
    for (session, card_at) in &around.sessions {
        if let Some(clue) = of_session(waiting, session, *card_at) {
            say(&session.person, clue);
        }
    }
    for (scan, known, person) in &around.cards {
        if let (Some(slip), true) = (slip(&scan.card, known), apart(scan.at, waiting.at) <= NEAR) {
            say(person, words::card(slip, in_minutes(apart(scan.at, waiting.at))));
        }
    }
    for person in &around.spelled {
        let named = waiting.named.as_ref().map(PersonId::as_str).unwrap_or_default();
        if let Some(slip) = slip(named, person.as_str()) {
            say(person, words::spelled(slip, named));
        }
    }
    for other in &around.device {
        if let Some(clue) = of_number(waiting, other) {
            say(&other.person, clue);
        }
    }
    for (person, (times, of)) in usual(&around.device) {
        say(person, words::usual(times, of));
    }
    ranked(clues)
}

fn ranked(clues: BTreeMap<PersonId, Vec<Clue>>) -> Vec<Suggestion> {
    let mut all: Vec<Suggestion> =
        clues.into_iter().map(|(person, clues)| Suggestion { person, clues }).collect();
    for suggestion in &mut all {
        suggestion.clues.sort_by_key(|clue| std::cmp::Reverse(clue.weight));
    }
    // Names decide between equals, so that a list stands still.
    all.sort_by_key(|suggestion| std::cmp::Reverse(suggestion.weight()));
    all.truncate(SUGGESTED_MAX);
    all
}

/// Who had the bench at that time, or shortly before or after.
fn of_session(
    waiting: &Waiting,
    session: &BenchSession,
    card_at: Option<Timestamp>,
) -> Option<Clue> {
    if (session.from..session.until).contains(&waiting.at) {
        let late = card_at.map(|at| apart(at, waiting.received_at)).filter(|it| *it > LATE_CARD);
        return Some(match late {
            Some(late) => words::late_card(late.0 / Millis::hours(1).0),
            None => words::at_bench(),
        });
    }
    let before = waiting.at >= session.until;
    let edge = if before { session.until } else { session.from };
    let apart = apart(waiting.at, edge);
    (apart <= NEAR).then(|| words::near_bench(before, in_minutes(apart)))
}

/// The number before or after is somebody's, of the same visit by its time.
fn of_number(waiting: &Waiting, other: &Other) -> Option<Clue> {
    let (own, theirs) = (waiting.sequence?, other.sequence?);
    let next = own.epoch == theirs.epoch && own.number.abs_diff(theirs.number) == 1;
    let near = apart(waiting.at, other.at) <= NEXT;
    (next && near && other.here)
        .then(|| words::number(theirs.number < own.number, in_minutes(apart(waiting.at, other.at))))
}

/// How many of a device's readings are each one's, for those who have at least a third of three.
fn usual(device: &[Other]) -> BTreeMap<&PersonId, (usize, usize)> {
    const TIMES_MIN: usize = 3;
    let mut times: BTreeMap<&PersonId, usize> = BTreeMap::new();
    for other in device {
        let count = times.entry(&other.person).or_default();
        *count = count.saturating_add(1);
    }
    let often = |count: &usize| *count >= TIMES_MIN && count.saturating_mul(3) >= device.len();
    let usual = times.into_iter().filter(|(_, count)| often(count));
    usual.map(|(person, count)| (person, (count, device.len()))).collect()
}

fn apart(one: Timestamp, other: Timestamp) -> Millis {
    one.max(other).since(one.min(other))
}

const fn in_minutes(length: Millis) -> i64 {
    length.0 / Millis::minutes(1).0
}

#[cfg(test)]
mod tests;
