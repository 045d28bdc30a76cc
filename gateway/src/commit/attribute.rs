//! Whose a reading is: the right person, or nobody (promise P4).
//!
//! The bases are asked in this order: the person in the payload, the bench session that was open
//! while the value was taken, the owner of the device, the user slot that the device names. A
//! person who is named and not known is not replaced by anybody else. A session decides only if it
//! was open as long as the measurement may have been going on ([`super::window`]): what may belong
//! to two people, or to one and somebody without a card, waits.

use crate::{
    domain::{
        AtBench, Attribution, Basis, BenchId, Device, Millis, PersonId, Reading, SiteId, Timestamp,
    },
    store::{BenchSession, CardScan, Change, QuarantineReason, StoreError, Unit},
};

use super::{
    desk::{Desk, bench_of},
    window::{Window, window},
};

/// A bench session ends by itself after this long, where its site's row says nothing (proposed;
/// issue text "default 10 min").
pub const BENCH_SESSION_LIMIT: Millis = Millis::minutes(10);

/// Cards in the time of one measurement, at most: a bench where more are read tells nothing.
const CARDS_MAX: usize = 256;

/// What attribution found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// A person, and why.
    Known(Attribution),
    /// Nobody could be named, and why not.
    Nobody(QuarantineReason),
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
    let own = device.map_or(Own::Nobody, |device| own(device, reading));
    if let Some(bench) = bench {
        let hearing = desk.hearings.told(reading);
        let Some(window) = window(reading, hearing, &desk.pace) else {
            return Ok(Whose::Nobody(QuarantineReason::UnprovenTime));
        };
        match session_of(desk, unit, (&reading.site, &bench), window)? {
            Meant::One(session) => return in_session(desk, unit, session),
            Meant::Several => return Ok(Whose::Nobody(QuarantineReason::BetweenPeople)),
            Meant::None => {}
        }
    }
    match own {
        Own::Of(person, basis) => known(desk, unit, &person, basis),
        Own::Nobody => Ok(Whose::Nobody(QuarantineReason::NoPerson)),
    }
}

/// To whom a device belongs.
enum Own {
    Of(PersonId, Basis),
    Nobody,
}

/// The owner, unless users have keys of their own on the device and it names another one's: then
/// that user, and nobody where the key is no registered user's.
fn own(device: &Device, reading: &Reading) -> Own {
    let owner = || match &device.owner {
        Some(owner) => Own::Of(owner.clone(), Basis::DeviceOwner),
        None => Own::Nobody,
    };
    let Some(slot) = reading.measurement.user().filter(|_| !device.slots.is_empty()) else {
        return owner();
    };
    match device.slots.iter().find(|(number, _)| *number == slot) {
        Some((_, person)) if device.owner.as_ref() == Some(person) => owner(),
        Some((_, person)) => Own::Of(person.clone(), Basis::DeviceSlot),
        None => Own::Nobody,
    }
}

/// Whose session a reading at a bench belongs to.
enum Meant {
    One(BenchSession),
    /// Two people could be meant, or one and somebody without a card, so nobody is.
    Several,
    None,
}

/// Whose session was open as long as the measurement may have been going on. It had begun a while
/// before its end: a card that is taken out meanwhile changes nothing, another that is held to the
/// reader leaves open whose it is.
fn session_of(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    (site, bench): (&SiteId, &BenchId),
    window: Window,
) -> Result<Meant, StoreError> {
    if window.exact {
        return session_then(desk, unit, (site, bench), window);
    }
    let mut person: Option<PersonId> = None;
    let mut at = window.begun;
    for _ in 0..CARDS_MAX {
        let mut sessions = unit.sessions(site, bench, at)?;
        let (Some(session), true) = (sessions.pop(), sessions.is_empty()) else {
            let nobody = person.is_none() && sessions.is_empty();
            let anybody = !nobody || touched(unit, (site, bench), window)?;
            return Ok(if anybody { Meant::Several } else { Meant::None });
        };
        if person.as_ref().is_some_and(|person| *person != session.person) {
            return Ok(Meant::Several);
        }
        if session.from <= window.from {
            let other = other_came(desk, unit, &session, window)?;
            return Ok(if other { Meant::Several } else { Meant::One(session) });
        }
        person = Some(session.person);
        at = session.from.minus(Millis(1));
    }
    Ok(Meant::Several)
}

/// Whose session was open at the time that a sender states who knows its own: one person's, and
/// nobody else's so short before that no measurement could have been done since.
fn session_then(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    (site, bench): (&SiteId, &BenchId),
    window: Window,
) -> Result<Meant, StoreError> {
    let mut open = unit.sessions(site, bench, window.from)?;
    open.extend(unit.sessions(site, bench, window.to)?);
    let Some(session) = open.first().cloned() else { return Ok(Meant::None) };
    open.extend(unit.sessions(site, bench, window.others_from)?);
    let several = open.iter().any(|other| other.person != session.person)
        || other_came(desk, unit, &session, Window { begun: window.from, ..window })?;
    Ok(if several { Meant::Several } else { Meant::One(session) })
}

/// Whether a card other than that of a session was held to the reader before the measurement ended.
fn other_came(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    session: &BenchSession,
    window: Window,
) -> Result<bool, StoreError> {
    if window.begun >= window.to {
        return Ok(false);
    }
    let span = (window.begun.plus(Millis(1)), window.to);
    for scan in unit.scans((&session.site, &session.bench), span)? {
        if !scan.out && holder(desk, unit, &scan)?.as_ref() != Some(&session.person) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether anybody's session was open at some time of a window at whose end none was.
fn touched(
    unit: &mut dyn Unit,
    (site, bench): (&SiteId, &BenchId),
    window: Window,
) -> Result<bool, StoreError> {
    Ok(!unit.sessions(site, bench, window.from)?.is_empty()
        || !unit.scans((site, bench), (window.from, window.to))?.is_empty())
}

/// Whose a scan is: whoever was looked up, else the holder of the card as far as is known now.
pub(super) fn holder(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    scan: &CardScan,
) -> Result<Option<PersonId>, StoreError> {
    if scan.is_without_card() {
        return Ok(scan.person.clone());
    }
    desk.card(unit, &scan.card)
}

/// The person of a session, with the session that says so.
fn in_session(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    session: BenchSession,
) -> Result<Whose, StoreError> {
    let BenchSession { bench, person, from, opened_by, .. } = session;
    Ok(match known(desk, unit, &person, Basis::BenchSession)? {
        Whose::Known(whose) => {
            let session = Some(Box::new(AtBench { bench, from, opened_by }));
            Whose::Known(Attribution { session, ..whose })
        }
        other @ (Whose::Nobody(_) | Whose::Unknown(_)) => other,
    })
}

fn known(
    desk: &mut Desk,
    unit: &mut dyn Unit,
    person: &PersonId,
    basis: Basis,
) -> Result<Whose, StoreError> {
    Ok(if desk.people.knows(person) || desk.person(unit, person)?.is_some() {
        Whose::Known(Attribution::new(person.clone(), basis))
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
    limit: Millis,
) -> Result<Option<Vec<Change>>, StoreError> {
    let scans = unit.scans((&scan.site, &scan.bench), (scan.at, scan.at.plus(limit)))?;
    let same = |other: &CardScan| other.at == scan.at && is_alike(other, scan, scan.out);
    if scans.iter().any(same) {
        return Ok(None);
    }
    let mut changes = Vec::new();
    for session in unit.sessions(&scan.site, &scan.bench, scan.at)? {
        changes.push(Change::Session(BenchSession { until: scan.at, ..session }));
    }
    if let (false, Some(person)) = (scan.out, &scan.person) {
        changes.push(Change::Session(session(scan, person, end_of(scan, &scans, limit))));
    }
    Ok(Some(changes))
}

/// The session that a recorded scan began, now that its card is known.
pub(super) fn session_of_scan(
    unit: &mut dyn Unit,
    scan: &CardScan,
    person: &PersonId,
    limit: Millis,
) -> Result<Change, StoreError> {
    let scans = unit.scans((&scan.site, &scan.bench), (scan.at, scan.at.plus(limit)))?;
    Ok(Change::Session(session(scan, person, end_of(scan, &scans, limit))))
}

/// Whether one scan says the same as another, in that direction: it names the same card, or without
/// a card the same person.
fn is_alike(one: &CardScan, other: &CardScan, out: bool) -> bool {
    let person = |it: &CardScan| it.person.clone().filter(|_| it.is_without_card());
    (&one.card, one.out, person(one)) == (&other.card, out, person(other))
}

/// A session ends at the next scan at its bench, or after its limit; at once, where another card
/// was read in the same instant: nobody knows which came first.
fn end_of(scan: &CardScan, scans: &[CardScan], limit: Millis) -> Timestamp {
    let other = |it: &&CardScan| it.at > scan.at || !is_alike(it, scan, false);
    let next = scans.iter().find(other).map(|later| later.at);
    next.unwrap_or(scan.at.plus(limit))
}

fn session(scan: &CardScan, person: &PersonId, until: Timestamp) -> BenchSession {
    let bench: BenchId = scan.bench.clone();
    BenchSession {
        site: scan.site.clone(),
        bench,
        person: person.clone(),
        from: scan.at,
        until,
        opened_by: scan.opened_by.clone(),
    }
}
