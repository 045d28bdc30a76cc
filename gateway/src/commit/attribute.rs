//! Whose a reading is: the right person, or nobody (promise P4).
//!
//! The bases are asked in this order: the person in the payload, the bench session that was open
//! when the value was taken, the owner of the device. A person who is named and not known is not
//! replaced by anybody else.

use crate::{
    domain::{Attribution, Basis, BenchId, Millis, PersonId, Reading},
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
        // Two sessions that could both be meant are none.
        let open = unit.sessions(&reading.site, &bench, reading.measured.at)?;
        if let [session] = open.as_slice() {
            return known(desk, unit, &session.person, Basis::BenchSession);
        }
    }
    match owner {
        Some(owner) => known(desk, unit, &owner, Basis::DeviceOwner),
        None => Ok(Whose::Nobody),
    }
}

fn known(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    person: &PersonId,
    basis: Basis,
) -> Result<Whose, StoreError> {
    Ok(match desk.person(unit, person)? {
        Some(_) => Whose::Known(Attribution { person: person.clone(), basis }),
        None => Whose::Unknown(person.clone()),
    })
}

/// What a card scan does to the sessions of its bench: the open one ends where the scan begins, and
/// a card that the registry knows begins the next. An unknown card ends the session all the same:
/// whoever comes next is not the one before.
pub(super) fn scan(unit: &mut dyn Unit, scan: &CardScan) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    for session in unit.sessions(&scan.site, &scan.bench, scan.at)? {
        if session.from < scan.at {
            changes.push(Change::Session(BenchSession { until: scan.at, ..session }));
        }
    }
    if let (false, Some(person)) = (scan.out, &scan.person) {
        changes.push(Change::Session(session(scan, person)));
    }
    Ok(changes)
}

fn session(scan: &CardScan, person: &PersonId) -> BenchSession {
    let bench: BenchId = scan.bench.clone();
    BenchSession {
        site: scan.site.clone(),
        bench,
        person: person.clone(),
        from: scan.at,
        until: scan.at.plus(BENCH_SESSION_LIMIT),
    }
}
