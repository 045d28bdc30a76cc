//! What the log and the registry answer to larger questions.

use std::collections::BTreeSet;

use super::{
    held::quarantined,
    state::{Promise, State, named},
};
use crate::{
    domain::{
        BenchId, DeviceId, DoctorId, Millis, Person, PersonId, ReadingId, Registered, SiteId,
        Timestamp,
    },
    store::{
        Awaiting, BenchSession, CardScan, Channel, CommitSeq, Concerned, Context, Crossing, Fact,
        Numbered, QuarantineReason, RegistryKey, SESSION_MAX, StoreError, StoredReading, paging,
        terms,
        view::{Delivered, HeldQuarantine, Page, Paging, Scope},
    },
};

/// Readings that came after a position.
pub(super) fn came_since(state: &State, after: CommitSeq) -> Vec<StoredReading> {
    let readings = state.readings().filter(|(seq, _)| *seq > after && !state.is_carried(*seq));
    readings.map(|(_, stored)| stored).collect()
}

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
            | Registered::Card(_)
            | Registered::Place(_)
            | Registered::Bench(_)
            | Registered::Team(_)
            | Registered::Duty(_)
            | Registered::Pairing(_)
            | Registered::Box(_) => {}
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
            | RegistryKey::Plan(_)
            | RegistryKey::Other(..) => false,
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
    let mut people: BTreeSet<_> = lately.filter_map(|(_, stored)| state.owner(&stored)).collect();
    let events = || state.person_events().map(|(_, event)| event);
    let newest = events().map(|event| event.received_at).max();
    let since = newest.unwrap_or(Timestamp::from_millis(0)).minus(within);
    let lately = events().filter(|event| event.received_at >= since);
    let merged = state.merged();
    let whose = |person: &PersonId| merged.get(person).unwrap_or(person).clone();
    people.extend(lately.map(|event| whose(&event.person)));
    people.into_iter().collect()
}

/// Those of some people who are found by a text.
pub(super) fn found<'s>(
    state: &'s State,
    people: impl Iterator<Item = &'s Person>,
    asked: &str,
    page: &Paging,
) -> Result<Page<Person>, StoreError> {
    let after = paging::read_home(page)?;
    let term = terms::asked(asked);
    let by_term =
        |person: &Person| term.as_ref().is_some_and(|it| terms::of_person(person).contains(it));
    let by_card =
        |person: &Person| {
            let row = state.registry.get(&("card", asked.to_owned()));
            let named = row.and_then(|(_, row)| {
                if let Registered::Card(card) = row { Some(&card.person) } else { None }
            });
            named == Some(&person.person) || person.cards.iter().any(|card| card == asked)
        };
    let mut found: Vec<_> = people
        .map(|person| (state.village_of(person).to_owned(), person))
        .filter(|(village, person)| {
            let id = person.person.as_str();
            village.starts_with(asked)
                || id.starts_with(asked)
                || by_term(person)
                || by_card(person)
        })
        .map(|(village, person)| (village, person.person.to_string(), person.clone()))
        .collect();
    found.sort_by(|left, right| (&left.0, &left.1).cmp(&(&right.0, &right.1)));
    found.retain(|(village, id, _)| {
        after.as_ref().is_none_or(|after| (village, id) > (&after.0, &after.1))
    });
    let limit = paging::limit_of(page);
    let page = paging::cut(found, limit, |(village, id, _)| paging::write_home(village, id));
    let items = page.items.into_iter().map(|(_, _, person)| person).collect();
    Ok(Page { items, next: page.next })
}

/// Cards held to the readers of a bench within a span, both ends included, by time.
pub(super) fn scans(
    state: &State,
    (site, bench): (&SiteId, &BenchId),
    (from, to): (Timestamp, Timestamp),
) -> Vec<CardScan> {
    let there = |scan: &&CardScan| {
        scan.site == *site && scan.bench == *bench && (from..=to).contains(&scan.at)
    };
    let mut scans: Vec<_> = state.scans().filter(there).cloned().collect();
    scans.sort_by_key(|scan| scan.at);
    scans
}

/// Sessions of a bench that touch a span, by beginning.
pub(super) fn sessions(
    state: &State,
    (site, bench): (&SiteId, &BenchId),
    (from, to): (Timestamp, Timestamp),
) -> Vec<BenchSession> {
    let touches = |session: &&BenchSession| {
        session.site == *site
            && session.bench == *bench
            && session.from > from.minus(SESSION_MAX)
            && session.from <= to
            && session.until >= from
    };
    state.sessions.values().filter(touches).cloned().collect()
}

/// What is known under a number that a device gave.
pub(super) fn numbered(state: &State, (device, number): &(DeviceId, u64)) -> Numbered {
    let reading = |stored: &StoredReading| {
        let sequence = stored.reading.sequence;
        let named = sequence.is_some_and(|of| of.epoch.is_none() && of.number == *number);
        named && stored.reading.device == *device && stored.reading.kind() == "glucose"
    };
    let readings = state.readings().map(|(_, stored)| stored);
    let contexts = state.contexts().map(|(_, context)| context);
    let own = |of: &Context| of.device == *device && of.number == *number;
    Numbered {
        readings: readings.filter(reading).collect(),
        contexts: contexts.filter(own).collect(),
    }
}

/// The crossings of an alert, newest first, each with its reading if that is the alert's person's now.
pub(super) fn crossings_of(state: &State, alert: i64) -> Vec<(Crossing, Option<StoredReading>)> {
    let person = state.alerts.get(&alert).map(|alert| &alert.person);
    let crossings = state.crossings().rev().filter(|crossing| crossing.alert == alert);
    let reading = |found: &Crossing| {
        let stored = state.reading(&found.reading?)?;
        let whose = state.owner(&stored).unwrap_or_else(|| PersonId::of_nobody(&stored.reading.id));
        (person == Some(&whose)).then_some(stored)
    };
    crossings.map(|found| (found.clone(), reading(found))).collect()
}

/// Alert messages for one doctor after a position.
pub(super) fn delivered_to(
    state: &State,
    doctor: &DoctorId,
    after: CommitSeq,
    limit: usize,
) -> Vec<Delivered> {
    let theirs = |promise: &&Promise| {
        promise.owed.recipient == *doctor
            && promise.owed.channel == Channel::Mqtt
            && promise.seq > after
    };
    let mut found: Vec<_> = state.promises.values().filter(theirs).collect();
    found.sort_by_key(|promise| promise.seq);
    let delivered = |Promise { owed, seq, .. }: &Promise| Delivered {
        seq: *seq,
        alert: owed.alert_id,
        level: owed.level,
        change: owed.change,
        deadline: owed.deadline,
    };
    found.into_iter().take(limit).map(delivered).collect()
}
