//! What the log and the registry answer to larger questions.

use std::collections::BTreeSet;

use super::{
    held::quarantined,
    state::{State, named},
};
use crate::{
    domain::{Millis, Person, PersonId, ReadingId, Registered, SiteId, Timestamp},
    store::{
        Awaiting, CommitSeq, Concerned, Fact, QuarantineReason, RegistryKey, StoredReading,
        view::{HeldQuarantine, Scope},
    },
};

/// Whom the next rows of the registry concern.
pub(super) fn concerned(state: &State, after: CommitSeq, limit: usize) -> Concerned {
    let rows = state.log().filter_map(|(seq, fact)| {
        if let Fact::Registration(row) = fact { Some((seq, &row.row)) } else { None }
    });
    let rows: Vec<_> = rows.filter(|(seq, _)| *seq > after).take(limit).collect();
    let mut concerned = Concerned { upto: after, people: Vec::new() };
    let all = rows.len() < limit;
    let entered = |row: &Registered| state.registry.get(&named(row)).map(|(latest, _)| *latest);
    for (seq, row) in rows {
        if concerned.people.len() >= limit {
            return concerned;
        }
        concerned.upto = seq;
        if entered(row) != Some(seq) {
            continue;
        }
        match row {
            Registered::Person(person) => {
                let home = person.household.as_ref();
                let home = home.and_then(|home| state.in_force("household", home.as_str()));
                if home.and_then(entered).is_none_or(|home| home < seq) {
                    concerned.people.push(person.person.clone());
                }
            }
            Registered::Household(home) => {
                let lives = |person: &&Person| {
                    person.household.as_ref() == Some(&home.household)
                        && entered(&Registered::Person(Person::clone(person))) < Some(seq)
                };
                let mut people: Vec<_> = state.people().filter(lives).collect();
                people.sort_by(|left, right| left.person.cmp(&right.person));
                concerned.people.extend(people.into_iter().map(|person| person.person.clone()));
            }
            Registered::Plan(plan) => {
                let person = state.in_force("person", plan.person.as_str());
                if person.and_then(entered).is_some_and(|person| person < seq) {
                    concerned.people.push(plan.person.clone());
                }
            }
            Registered::Doctor(_)
            | Registered::Device(_)
            | Registered::Site(_)
            | Registered::Card(_) => {}
        }
    }
    if all {
        concerned.upto = state.last();
    }
    concerned
}

/// What waits for a row of the registry.
pub(super) fn awaiting(state: &State, key: &RegistryKey, since: Timestamp) -> Awaiting {
    let mut awaiting = Awaiting::default();
    for (_, item) in state.quarantine() {
        let Some(inside) = &item.reading else { continue };
        let meant = match key {
            RegistryKey::Person(person) => inside.remarks.person.as_ref() == Some(person),
            RegistryKey::Device(device) => inside.device == *device,
            RegistryKey::Household(_)
            | RegistryKey::Doctor(_)
            | RegistryKey::Site(_)
            | RegistryKey::Card(_)
            | RegistryKey::Plan(_) => false,
        };
        let stored = state.reading(&inside.id).filter(|stored| {
            meant && stored.attribution.is_none() && stored.reading.received_at >= since
        });
        let known = |stored: &StoredReading| stored.reading.id == inside.id;
        if !awaiting.readings.iter().any(known) {
            awaiting.readings.extend(stored);
        }
    }
    if let RegistryKey::Card(card) = key {
        awaiting.scans = state.scans().filter(|scan| scan.card == *card).cloned().collect();
        awaiting.scans.retain(|scan| scan.person.is_none() && scan.received_at >= since);
        awaiting.scans.sort_by_key(|scan| scan.at);
    }
    awaiting
}

/// Readings of a site received within a span, its end excluded.
pub(super) fn received(
    state: &State,
    site: &SiteId,
    (from, to): (Timestamp, Timestamp),
) -> Vec<StoredReading> {
    let there = |stored: &StoredReading| {
        let at = stored.reading.received_at;
        stored.reading.site == *site && from <= at && at < to
    };
    let all = state.readings().map(|(_, stored)| stored);
    let mut found: Vec<_> = all.filter(there).collect();
    found.sort_by_key(|stored| (stored.reading.received_at, stored.reading.id));
    found
}

/// The latest item of quarantine that holds a reading.
pub(super) fn item_of(state: &State, reading: &ReadingId) -> Option<HeldQuarantine> {
    let all = quarantined(state, &Scope::Everything);
    let holds = |held: &HeldQuarantine| {
        held.reason != QuarantineReason::Conflict
            && held.reading.as_ref().is_some_and(|inside| inside.reading.id == *reading)
    };
    all.into_iter().filter(holds).max_by_key(|held| held.seq)
}

/// Everybody of whom something was stored of late.
pub(super) fn measured_lately(state: &State, within: Millis) -> Vec<PersonId> {
    let newest = state.readings().last().map(|(_, stored)| stored.server_at);
    let since = newest.unwrap_or(Timestamp::from_millis(0)).minus(within);
    let lately = state.readings().filter(|(_, stored)| stored.server_at >= since);
    let owner = |stored: StoredReading| stored.attribution.map(|whose| whose.person);
    let mut people: BTreeSet<_> = lately.filter_map(|(_, stored)| owner(stored)).collect();
    let events = || state.person_events().map(|(_, event)| event);
    let newest = events().map(|event| event.received_at).max();
    let since = newest.unwrap_or(Timestamp::from_millis(0)).minus(within);
    let lately = events().filter(|event| event.received_at >= since);
    people.extend(lately.map(|event| event.person.clone()));
    people.into_iter().collect()
}
