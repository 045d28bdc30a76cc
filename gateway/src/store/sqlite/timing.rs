//! Corrections of time as rows, and what they do to the readings.

use rusqlite::{Connection, params};

use super::{
    code,
    feed::{Entries, entry},
    reading,
    roll::{self, ALL, BY_DEVICE, BY_SITE},
    row::{Cells, fetch, fetch_one, run},
};
use crate::{
    domain::{Measured, Millis, PersonId, ReadingId, Timestamp},
    store::{ClockFound, ClockNote, CommitSeq, Fact, Retimed, StoreError, StoredReading, Timing},
};

/// Keeps a correction.
pub(super) fn keep(
    connection: &Connection,
    seq: CommitSeq,
    retimed: &Retimed,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO retiming (seq, reading, was_at, was_grade, was_received, was_late, \
               now_at, now_grade, now_received, now_late, at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let Retimed { reading, before, after, at } = retimed;
    let params = params![
        seq.0,
        reading.as_bytes(),
        before.measured.at.as_millis(),
        code::grade(before.measured.grade),
        before.received_at.as_millis(),
        before.late,
        after.measured.at.as_millis(),
        code::grade(after.measured.grade),
        after.received_at.as_millis(),
        after.late,
        at.as_millis(),
    ];
    run(connection, "keeping a correction of time", sql, params).map(|_| ())
}

/// Keeps what was found of the gateway's clock.
pub(super) fn note(
    connection: &Connection,
    seq: CommitSeq,
    note: &ClockNote,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO gateway_clock (seq, since, by_ms, at) VALUES (?, ?, ?, ?)";
    let (since, by) = match note.found {
        ClockFound::Doubted => (None, None),
        ClockFound::Right { since, by } => (Some(since.0), Some(by.0)),
    };
    let params = params![seq.0, since, by, note.at.as_millis()];
    run(connection, "keeping what the clock is worth", sql, params).map(|_| ())
}

pub(super) fn notes(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = "SELECT seq, since, by_ms, at FROM gateway_clock WHERE seq > ? AND seq <= ?";
    fetch(connection, "gateway_clock", (sql, span), |cells| {
        let seq = cells.seq()?;
        let (since, by) = (cells.take::<Option<i64>>()?, cells.take::<Option<i64>>()?);
        let found = match (since, by) {
            (None, None) => ClockFound::Doubted,
            (Some(since), Some(by)) => {
                ClockFound::Right { since: CommitSeq(since), by: Millis(by) }
            }
            (Some(_), None) | (None, Some(_)) => return Err(cells.damaged("half a finding")),
        };
        Ok(entry(seq, Fact::Clock(ClockNote { found, at: cells.time()? })))
    })
}

const COLUMNS: &str = "seq, reading, was_at, was_grade, was_received, was_late, now_at, now_grade, \
                       now_received, now_late, at";

fn timing(cells: &mut Cells<'_, '_>) -> Result<Timing, StoreError> {
    let measured = Measured { at: cells.time()?, grade: cells.one_of(&code::GRADES, code::grade)? };
    Ok(Timing { measured, received_at: cells.time()?, late: cells.flag()? })
}

fn decode(cells: &mut Cells<'_, '_>) -> Result<(CommitSeq, Retimed), StoreError> {
    let (seq, reading) = (cells.seq()?, cells.key()?);
    let (before, after) = (timing(cells)?, timing(cells)?);
    Ok((seq, Retimed { reading, before, after, at: cells.time()? }))
}

pub(super) fn retimings(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = format!("SELECT {COLUMNS} FROM retiming WHERE seq > ? AND seq <= ?");
    fetch(connection, "retiming", (&sql, span), |cells| {
        let (seq, retimed) = decode(cells)?;
        Ok(entry(seq, Fact::Retimed(Box::new(retimed))))
    })
}

/// Every correction of the readings that are a person's now, in the order of the log.
pub(super) fn of_person(
    connection: &Connection,
    person: &PersonId,
) -> Result<Vec<Retimed>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM retiming WHERE reading IN \
         (SELECT id FROM reading WHERE person = ?) ORDER BY seq"
    );
    let found = fetch(connection, "retiming", (&sql, [person.as_str()]), decode)?;
    Ok(found.into_iter().map(|(_, retimed)| retimed).collect())
}

/// The first correction of a reading.
pub(super) fn first_of(
    connection: &Connection,
    reading: &ReadingId,
) -> Result<Option<Retimed>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM retiming WHERE reading = ? ORDER BY seq LIMIT 1");
    let found = fetch_one(connection, "retiming", (&sql, [reading.as_bytes()]), decode)?;
    Ok(found.map(|(_, retimed)| retimed))
}

/// A reading has other times from now on; what is counted by time and found by it moves.
pub(super) fn retime(
    connection: &Connection,
    id: &ReadingId,
    timing: &Timing,
) -> Result<(), StoreError> {
    roll::moved(connection, id, || {
        let place = "SELECT ?1, CASE ?1 WHEN 0 THEN '' WHEN 1 THEN device ELSE site END, \
                     measured_at, seq FROM reading WHERE id = ?2 AND seq <= ?3";
        let done = roll::cursor(connection, roll::FOLLOWER)?.0;
        let gone = format!("DELETE FROM route WHERE (kind, name, measured_at, seq) IN ({place})");
        let come = format!("INSERT INTO route (kind, name, measured_at, seq) {place}");
        for kind in [ALL, BY_DEVICE, BY_SITE] {
            run(connection, "moving a reading", &gone, params![kind, id.as_bytes(), done])?;
        }
        let set = "UPDATE reading SET measured_at = ?, grade = ?, late = ?, \
                   rebased_at = nullif(?, received_at) WHERE id = ?";
        let Timing { measured, received_at, late } = timing;
        let (at, grade) = (measured.at.as_millis(), code::grade(measured.grade));
        let params = params![at, grade, late, received_at.as_millis(), id.as_bytes()];
        run(connection, "correcting a time", set, params)?;
        for kind in [ALL, BY_DEVICE, BY_SITE] {
            run(connection, "moving a reading", &come, params![kind, id.as_bytes(), done])?;
        }
        Ok(())
    })
}

/// A card was held to its reader at another time than was believed.
pub(super) fn move_scan(
    connection: &Connection,
    scan: CommitSeq,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE card_scan SET at = ? WHERE seq = ?";
    match run(connection, "moving a card scan", sql, params![at.as_millis(), scan.0])? {
        0 => Err(StoreError::Asked { what: "no such card scan" }),
        _ => Ok(()),
    }
}

/// What did not come from another gateway.
const OWN: &str = "NOT EXISTS (SELECT 1 FROM carried c WHERE c.own = seq)";

/// Readings that came after a position, those of other gateways left out: their clocks are theirs.
pub(super) fn came_since(
    connection: &Connection,
    after: CommitSeq,
) -> Result<Vec<StoredReading>, StoreError> {
    let sql =
        format!("SELECT {} FROM reading WHERE seq > ? AND {OWN} ORDER BY seq", reading::COLUMNS);
    let readings = fetch(connection, "reading", (&sql, [after.0]), reading::decode)?;
    Ok(readings.into_iter().map(|(_, stored)| stored).collect())
}
