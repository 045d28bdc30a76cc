//! Rollups: numbers derived from the log up to the cursor of the follower `rollup`, moved in the
//! same transaction as that cursor, so that rollup and rest of the log together are a recount.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::{
    merge,
    row::{Cells, cell, fetch, fetch_one, run},
    session,
};
use crate::{
    domain::{Attribution, Id, Millis, PersonId, ReadingId, Timestamp},
    store::{CommitSeq, StoreError},
};

/// The follower that derives rollups.
pub(super) const FOLLOWER: &str = "rollup";
const WHAT: &str = "deriving rollups";

pub(super) const ALL: i64 = 0;
pub(super) const BY_DEVICE: i64 = 1;
pub(super) const BY_SITE: i64 = 2;

/// The axes of people counted a day.
pub(super) const SITES: i64 = 0;
pub(super) const VILLAGES: i64 = 1;

/// The hour of the day on the clocks of China.
pub(super) const fn hour(at: Timestamp) -> i64 {
    const HOUR: i64 = Millis::hours(1).0;
    const SHANGHAI: i64 = Millis::hours(8).0;
    at.as_millis().saturating_add(SHANGHAI).div_euclid(HOUR).rem_euclid(24)
}

/// A reading, or a crossing of it, as it is counted.
pub(super) struct Counted {
    pub(super) site: String,
    pub(super) village: String,
    pub(super) at: Timestamp,
    pub(super) kind: i64,
    pub(super) person: Option<String>,
    /// How many readings, and how many crossings; negative to take back.
    pub(super) readings: i64,
    pub(super) crossings: i64,
}

/// From the columns site, village, measured_at, kind, person, readings, crossings.
pub(super) fn counted(cells: &mut Cells<'_, '_>) -> Result<Counted, StoreError> {
    Ok(Counted {
        site: cells.take()?,
        village: cells.take()?,
        at: cells.time()?,
        kind: cells.take()?,
        person: cells.take()?,
        readings: cells.take()?,
        crossings: cells.take()?,
    })
}

/// Where a follower stands.
pub(super) fn cursor(connection: &Connection, follower: &str) -> Result<CommitSeq, StoreError> {
    let sql = "SELECT seq FROM follower WHERE name = ?";
    let found = fetch_one(connection, "follower", (sql, [follower]), cell::<i64>)?;
    Ok(found.map(CommitSeq).unwrap_or_default())
}

/// Followers whose name begins so.
pub(super) fn followers(
    connection: &Connection,
    beginning: &str,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM follower WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
    fetch(connection, "follower", (sql, [beginning]), cell::<String>)
}

/// Moves a follower forward; never back.
pub(super) fn advance(
    connection: &Connection,
    follower: &str,
    to: CommitSeq,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO follower (name, seq) VALUES (?, ?) \
               ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)";
    run(connection, "moving a follower", sql, params![follower, to.0]).map(|_| ())
}

/// Moves a follower that is not ours forward, or forgets it.
pub(super) fn move_cursor(
    connection: &Connection,
    follower: &str,
    to: Option<CommitSeq>,
) -> Result<(), StoreError> {
    if follower == FOLLOWER {
        return Err(StoreError::Asked { what: "the rollup follower moves by itself" });
    }
    match to {
        Some(to) => advance(connection, follower, to),
        None => {
            let sql = "DELETE FROM follower WHERE name = ?";
            run(connection, "forgetting a follower", sql, [follower]).map(|_| ())
        }
    }
}

/// What facts of a span of positions add. A crossing that was recorded again, with another
/// disposition, is still one.
pub(super) const COUNTED_READINGS: &str = "SELECT r.site, coalesce(p.village, ''), r.measured_at, r.kind, r.person, 1, 0 \
     FROM reading r LEFT JOIN person p ON p.person = r.person \
     WHERE r.seq > ? AND r.seq <= ?";
pub(super) const COUNTED_CROSSINGS: &str = "SELECT r.site, coalesce(p.village, ''), r.measured_at, r.kind, NULL, 0, 1 \
     FROM crossing c JOIN reading r ON r.id = c.reading \
     LEFT JOIN person p ON p.person = r.person \
     WHERE c.seq > ? AND c.seq <= ? AND NOT EXISTS (SELECT 1 FROM crossing e WHERE e.reading = c.reading \
     AND e.concept = c.concept AND e.seq < c.seq)";

/// Derives from the next facts, inside the caller's transaction. Returns the new cursor.
pub(super) fn forward(
    connection: &Connection,
    limit: usize,
    last: CommitSeq,
) -> Result<CommitSeq, StoreError> {
    let from = cursor(connection, FOLLOWER)?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let to = CommitSeq(from.0.saturating_add(most).min(last.0));
    if to <= from {
        return Ok(from);
    }
    let span = [from.0, to.0];
    let mut rows = fetch(connection, "reading", (COUNTED_READINGS, span), counted)?;
    rows.extend(fetch(connection, "crossing", (COUNTED_CROSSINGS, span), counted)?);
    add(connection, &rows, &[SITES, VILLAGES])?;
    let routes = "INSERT INTO route (kind, name, measured_at, seq) \
                  SELECT ?1, CASE ?1 WHEN 0 THEN '' WHEN 1 THEN device ELSE site END AS name, \
                  measured_at, seq FROM reading WHERE seq > ?2 AND seq <= ?3 \
                  ORDER BY name, measured_at, seq";
    for kind in [ALL, BY_DEVICE, BY_SITE] {
        run(connection, WHAT, routes, [kind, from.0, to.0])?;
    }
    advance(connection, FOLLOWER, to)?;
    Ok(to)
}

/// Adds counted facts to the rollup, and their people to the given axes.
fn add(connection: &Connection, rows: &[Counted], axes: &[i64]) -> Result<(), StoreError> {
    let mut hours = BTreeMap::<_, (i64, i64)>::new();
    let mut people = BTreeMap::<_, i64>::new();
    for row in rows.iter().filter(|row| row.readings != 0 || row.crossings != 0) {
        let day = row.at.shanghai_day();
        let key = (day, row.site.as_str(), row.village.as_str(), hour(row.at), row.kind);
        let sum = hours.entry(key).or_default();
        sum.0 = sum.0.saturating_add(row.readings);
        sum.1 = sum.1.saturating_add(row.crossings);
        let Some(person) = row.person.as_deref().filter(|_| row.readings != 0) else { continue };
        for axis in axes.iter().copied() {
            let place = if axis == SITES { row.site.as_str() } else { row.village.as_str() };
            let count = people.entry((day, axis, place, person)).or_default();
            *count = count.saturating_add(row.readings);
        }
    }
    for ((day, site, village, hour, kind), (readings, crossings)) in hours {
        let sql = "INSERT INTO rollup (day, site, village, hour, kind, readings, crossings) \
                   VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                   readings = readings + excluded.readings, \
                   crossings = crossings + excluded.crossings";
        run(connection, WHAT, sql, params![day, site, village, hour, kind, readings, crossings])?;
        if readings < 0 || crossings < 0 {
            let sql = "DELETE FROM rollup WHERE day = ? AND site = ? AND village = ? AND hour = ? \
                       AND kind = ? AND readings = 0 AND crossings = 0";
            run(connection, WHAT, sql, params![day, site, village, hour, kind])?;
        }
    }
    add_people(connection, people)
}

fn add_people(
    connection: &Connection,
    people: BTreeMap<(i64, i64, &str, &str), i64>,
) -> Result<(), StoreError> {
    let mut places = BTreeMap::<_, i64>::new();
    for ((day, axis, place, person), readings) in people {
        let change = count_person(connection, (day, axis, place, person), readings)?;
        let count = places.entry((day, axis, place)).or_default();
        *count = count.saturating_add(change);
    }
    for ((day, axis, place), people) in places {
        let sql = "INSERT INTO day_place (day, axis, place, people) VALUES (?, ?, ?, ?) \
                   ON CONFLICT DO UPDATE SET people = people + excluded.people";
        run(connection, WHAT, sql, params![day, axis, place, people])?;
        if people <= 0 {
            let sql = "DELETE FROM day_place WHERE day = ? AND axis = ? AND place = ? \
                       AND people = 0";
            run(connection, WHAT, sql, params![day, axis, place])?;
        }
    }
    Ok(())
}

/// Counts readings of a person at a place on a day; says how many people that makes more there.
/// Most are the person's first there that day.
fn count_person(
    connection: &Connection,
    (day, axis, place, person): (i64, i64, &str, &str),
    readings: i64,
) -> Result<i64, StoreError> {
    let first = "INSERT OR IGNORE INTO day_person (day, axis, place, person, readings) \
                 VALUES (?, ?, ?, ?, ?)";
    if run(connection, WHAT, first, params![day, axis, place, person, readings])? > 0 {
        return Ok(1);
    }
    let more = "UPDATE day_person SET readings = readings + ?5 \
                WHERE day = ?1 AND axis = ?2 AND place = ?3 AND person = ?4";
    run(connection, WHAT, more, params![day, axis, place, person, readings])?;
    if readings > 0 {
        return Ok(0);
    }
    let none = "DELETE FROM day_person WHERE day = ? AND axis = ? AND place = ? AND person = ? \
                AND readings = 0";
    let gone = run(connection, WHAT, none, params![day, axis, place, person])?;
    Ok(if gone > 0 { -1 } else { 0 })
}

/// Takes what is counted for a person in one village and counts it in another.
pub(super) fn move_village(
    connection: &Connection,
    person: &PersonId,
    from: &str,
    to: &str,
) -> Result<(), StoreError> {
    if from == to {
        return Ok(());
    }
    let done = cursor(connection, FOLLOWER)?.0;
    let sql = "SELECT site, ?3, measured_at, kind, person, \
               CASE WHEN seq <= ?2 THEN 1 ELSE 0 END, \
               (SELECT count(DISTINCT c.concept) FROM crossing c WHERE c.reading = r.id AND c.seq <= ?2) \
               FROM reading r WHERE person = ?1";
    let there = params![person.as_str(), done, from];
    let here = params![person.as_str(), done, to];
    let rows = fetch(connection, "reading", (sql, there), counted)?;
    take_back(connection, rows, &[VILLAGES])?;
    let rows = fetch(connection, "reading", (sql, here), counted)?;
    add(connection, &rows, &[VILLAGES])
}

/// A reading belongs to somebody else from now on.
pub(super) fn reattribute(
    connection: &Connection,
    id: &ReadingId,
    attribution: Option<&Attribution>,
) -> Result<(), StoreError> {
    let file = attribution.map(|attribution| &attribution.person);
    let survivor = match file {
        Some(file) => merge::survivor(connection, file)?,
        None => None,
    };
    moved(connection, id, || {
        let set = "UPDATE reading SET person = ?, filed = ?, basis = ?, session_bench = ?, \
                   session_at = ?, session_by = ? WHERE id = ?";
        let filed = file.filter(|_| survivor.is_some()).map(Id::as_str);
        let person = survivor.as_ref().or(file).map(Id::as_str);
        let basis = attribution.map(|attribution| super::code::basis(attribution.basis));
        let (bench, from, by) = session::columns(attribution);
        let params = params![person, filed, basis, bench, from, by, id.as_bytes()];
        run(connection, "attributing a reading", set, params).map(|_| ())
    })
}

/// Changes a stored reading: what was counted of it before is taken back, and counted as it is then.
pub(super) fn moved(
    connection: &Connection,
    id: &ReadingId,
    change: impl FnOnce() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let done = cursor(connection, FOLLOWER)?.0;
    let sql = "SELECT r.site, coalesce(p.village, ''), r.measured_at, r.kind, r.person, \
               CASE WHEN r.seq <= ?2 THEN 1 ELSE 0 END, \
               (SELECT count(DISTINCT c.concept) FROM crossing c WHERE c.reading = r.id AND c.seq <= ?2) \
               FROM reading r LEFT JOIN person p ON p.person = r.person WHERE r.id = ?1";
    let before = fetch(connection, "reading", (sql, params![id.as_bytes(), done]), counted)?;
    let Some(_) = before.first() else {
        return Err(StoreError::Asked { what: "no such reading to change" });
    };
    take_back(connection, before, &[SITES, VILLAGES])?;
    forget_owner(connection, id)?;
    change()?;
    forget_owner(connection, id)?;
    let after = fetch(connection, "reading", (sql, params![id.as_bytes(), done]), counted)?;
    add(connection, &after, &[SITES, VILLAGES])
}

/// Everything that came under a file counts as somebody else's from now on: the survivor's, if it
/// `joins` theirs, else its own again.
pub(super) fn give(
    connection: &Connection,
    (file, joins): (&str, bool),
    (now, then): (&str, &str),
) -> Result<(), StoreError> {
    let done = cursor(connection, FOLLOWER)?.0;
    let sql = "SELECT r.site, coalesce(p.village, ''), r.measured_at, r.kind, r.person, \
               CASE WHEN r.seq <= ?2 THEN 1 ELSE 0 END, \
               (SELECT count(DISTINCT c.concept) FROM crossing c WHERE c.reading = r.id AND c.seq <= ?2) \
               FROM reading r LEFT JOIN person p ON p.person = r.person \
               WHERE r.person = ?1 AND r.filed IS ?3";
    let filed = |inside: bool| inside.then_some(file);
    let before = fetch(connection, "reading", (sql, params![now, done, filed(!joins)]), counted)?;
    take_back(connection, before, &[SITES, VILLAGES])?;
    let set = "UPDATE reading SET person = ?, filed = ? WHERE person = ? AND filed IS ?";
    let params = params![then, filed(joins), now, filed(!joins)];
    run(connection, "giving readings to whom they belong", set, params)?;
    let after = fetch(connection, "reading", (sql, params![then, done, filed(joins)]), counted)?;
    add(connection, &after, &[SITES, VILLAGES])
}

/// What was kept of the person whom a reading belongs to now holds no more.
fn forget_owner(connection: &Connection, id: &ReadingId) -> Result<(), StoreError> {
    let sql = "DELETE FROM kept_state \
               WHERE person = (SELECT person FROM reading WHERE id = ?)";
    run(connection, "forgetting a kept state", sql, [id.as_bytes()]).map(|_| ())
}

fn take_back(
    connection: &Connection,
    mut rows: Vec<Counted>,
    axes: &[i64],
) -> Result<(), StoreError> {
    for row in &mut rows {
        row.readings = row.readings.saturating_neg();
        row.crossings = row.crossings.saturating_neg();
    }
    add(connection, &rows, axes)
}
