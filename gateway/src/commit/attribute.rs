//! Whose a reading is: the right person, or nobody (promise P4).
//!
//! The bases are asked in this order: the person in the payload, the bench session that was open
//! when the value was taken, the owner of the device. A person who is named and not known is not
//! replaced by anybody else.

use crate::{
    admit::{Stated, only_ordered},
    domain::{Attribution, Basis, BenchId, Grade, Measured, Millis, PersonId, Reading, Timestamp},
    store::{BenchSession, CardScan, Change, StoreError, Unit},
};

use super::desk::{Desk, bench_of};

/// A bench session ends by itself after this long (proposed; issue text "default 10 min").
pub const BENCH_SESSION_LIMIT: Millis = Millis::minutes(10);

/// What attribution found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// A person, and why.
    Known(Attribution),
    /// Nobody could be named.
    Nobody,
    /// Somebody is named whom the registry lacks.
    Unknown(PersonId),
}

/// Attributes a reading.
pub(super) fn attribute(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    reading: &Reading,
) -> Result<Whose, StoreError> {
    if let Some(person) = &reading.remarks.person {
        return known(desk, unit, person, Basis::Payload);
    }
    let device = desk.device(unit, &reading.device)?;
    let bench = bench_of(reading.bench.as_ref(), device);
    let owner = device.and_then(|device| device.owner.clone());
    if let Some(bench) = bench {
        match session_of(unit, reading, &bench)? {
            Meant::One(person) => return known(desk, unit, &person, Basis::BenchSession),
            Meant::Several => return Ok(Whose::Nobody),
            Meant::None => {}
        }
    }
    match owner {
        Some(owner) => known(desk, unit, &owner, Basis::DeviceOwner),
        None => Ok(Whose::Nobody),
    }
}

/// Whose session a reading at a bench belongs to.
enum Meant {
    One(PersonId),
    /// Two people could be meant, so nobody is.
    Several,
    None,
}

/// Many clocks tell no seconds: a reading that states a whole minute was taken at some time within
/// it, and the card may have changed hands in that minute. An offset that was measured on such a
/// clock is as coarse, both ways. What is only in an order was at no known time at the bench.
fn session_of(
    unit: &mut dyn Unit,
    reading: &Reading,
    bench: &BenchId,
) -> Result<Meant, StoreError> {
    const MINUTE: Millis = Millis::minutes(1);
    if only_ordered(reading) {
        return Ok(Meant::None);
    }
    let Measured { at, grade } = reading.measured;
    let stated = reading.device_time.as_deref().and_then(Stated::read);
    let naive = matches!(stated, Some(Stated::Naive(_)));
    let told_at = stated.map_or(at, Stated::instant);
    let mut instants = vec![at];
    if reading.device_time.is_some() && told_at.as_millis() % MINUTE.0 == 0 {
        instants.push(at.plus(MINUTE).minus(Millis(1)));
    }
    if naive && grade == Grade::B {
        instants.extend([at.minus(MINUTE), at.plus(MINUTE)]);
    }
    let mut sessions = Vec::new();
    for instant in instants {
        sessions.extend(unit.sessions(&reading.site, bench, instant)?);
    }
    if sessions.is_empty() {
        return Ok(Meant::None);
    }
    // A clock that tells no zone may be minutes off, and still look live: whoever is at the bench
    // when the value comes must be the same person.
    if naive && grade == Grade::A {
        sessions.extend(unit.sessions(&reading.site, bench, reading.received_at)?);
    }
    let mut people: Vec<_> = sessions.into_iter().map(|session| session.person).collect();
    people.sort_unstable();
    people.dedup();
    Ok(match (people.pop(), people.is_empty()) {
        (Some(person), true) => Meant::One(person),
        (Some(_), false) => Meant::Several,
        (None, _) => Meant::None,
    })
}

fn known(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    person: &PersonId,
    basis: Basis,
) -> Result<Whose, StoreError> {
    Ok(if desk.people.knows(person) || desk.person(unit, person)?.is_some() {
        Whose::Known(Attribution { person: person.clone(), basis })
    } else {
        Whose::Unknown(person.clone())
    })
}

/// What a card scan does to the sessions of its bench: the open one ends where the scan begins, and
/// a card that the registry knows begins the next, which ends at the next scan there, if that one
/// came first. An unknown card ends the session all the same: whoever comes next is not the one
/// before. `None`: the same scan was recorded before.
pub(super) fn scan(
    unit: &mut dyn Unit,
    scan: &CardScan,
) -> Result<Option<Vec<Change>>, StoreError> {
    let limit = scan.at.plus(BENCH_SESSION_LIMIT);
    let scans = unit.scans((&scan.site, &scan.bench), (scan.at, limit))?;
    let same =
        |other: &CardScan| (other.at, &other.card, other.out) == (scan.at, &scan.card, scan.out);
    if scans.iter().any(same) {
        return Ok(None);
    }
    let mut changes = Vec::new();
    for session in unit.sessions(&scan.site, &scan.bench, scan.at)? {
        if session.from < scan.at {
            changes.push(Change::Session(BenchSession { until: scan.at, ..session }));
        }
    }
    if let (false, Some(person)) = (scan.out, &scan.person) {
        changes.push(Change::Session(session(scan, person, end_of(scan, &scans))));
    }
    Ok(Some(changes))
}

/// The session that a recorded scan began, now that its card is known.
pub(super) fn session_of_scan(
    unit: &mut dyn Unit,
    scan: &CardScan,
    person: &PersonId,
) -> Result<Change, StoreError> {
    let limit = scan.at.plus(BENCH_SESSION_LIMIT);
    let scans = unit.scans((&scan.site, &scan.bench), (scan.at, limit))?;
    Ok(Change::Session(session(scan, person, end_of(scan, &scans))))
}

/// A session ends at the next scan at its bench, or after its limit.
fn end_of(scan: &CardScan, scans: &[CardScan]) -> Timestamp {
    let next = scans.iter().map(|later| later.at).find(|at| *at > scan.at);
    next.unwrap_or(scan.at.plus(BENCH_SESSION_LIMIT))
}

fn session(scan: &CardScan, person: &PersonId, until: Timestamp) -> BenchSession {
    let bench: BenchId = scan.bench.clone();
    BenchSession { site: scan.site.clone(), bench, person: person.clone(), from: scan.at, until }
}
