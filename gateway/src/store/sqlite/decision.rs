//! Decisions about items of quarantine, and what they did to the attribution of readings.

use rusqlite::{Connection, params};
use smol_str::SmolStr;

use super::{
    code,
    feed::{Entries, entry},
    row::{Cells, cell, fetch, fetch_one, run},
    session,
};
use crate::{
    domain::{Attribution, Id, PersonId, ReadingId},
    store::{
        Attributed, CommitSeq, Decided, Decision, Fact, HeldClaim, StoreError, view::HeldState,
    },
};

/// The kind of the latest decision about the item `q`; `undone` while there is none in force.
pub(super) const LATEST: &str = "coalesce((SELECT d.kind FROM decision d WHERE d.item = q.seq \
                                 ORDER BY d.seq DESC LIMIT 1), 'undone')";

/// What [`LATEST`] says of items in a state.
pub(super) const fn latest_of(state: HeldState) -> &'static str {
    match state {
        HeldState::Waiting => "undone",
        HeldState::Claimed => "claimed",
        HeldState::Dismissed => "dismissed",
    }
}

/// Keeps a decision; returns the site of its item, and whether the item waits from now on.
pub(super) fn decide(
    connection: &Connection,
    seq: CommitSeq,
    decided: &Decided,
) -> Result<(Option<SmolStr>, bool), StoreError> {
    let (person, undoes) = match &decided.decision {
        Decision::Claimed(person) => (Some(person.as_str()), None),
        Decision::Dismissed => (None, None),
        Decision::Undone(claim) => (None, Some(claim.0)),
    };
    let sql = "INSERT INTO decision (seq, item, kind, person, undoes, reason, by, at) \
               VALUES (?1, ?2, ?3, ?4, ?5, seal_text(?1, 'reason', ?6), ?7, ?8)";
    let (kind, by) = (decided.decision.as_str(), decided.by.as_str());
    let params = params![
        seq.0,
        decided.item.0,
        kind,
        person,
        undoes,
        decided.reason,
        by,
        decided.at.as_millis()
    ];
    run(connection, "keeping a decision", sql, params)?;
    let sql = "SELECT site FROM quarantine WHERE seq = ?";
    let site =
        fetch_one(connection, "quarantine", (sql, [decided.item.0]), cell::<Option<String>>)?;
    let site = site.ok_or(StoreError::Asked { what: "no such item of quarantine" })?;
    Ok((site.map(SmolStr::new), undoes.is_some()))
}

/// Keeps an attribution.
pub(super) fn attribute(
    connection: &Connection,
    seq: CommitSeq,
    moved: &Attributed,
) -> Result<(), StoreError> {
    let sql =
        format!("INSERT INTO attribution ({MOVED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let name = |whose: Option<&Attribution>| {
        whose.map(|whose| (whose.person.to_string(), code::basis(whose.basis))).unzip()
    };
    let (before, after) = (moved.before.as_ref(), moved.after.as_ref());
    let ((was, was_basis), (person, basis)) = (name(before), name(after));
    let (was_bench, was_at, was_by) = session::columns(before);
    let (bench, from, by) = session::columns(after);
    let (reading, at) = (moved.reading.as_bytes(), moved.at.as_millis());
    let params = params![
        seq.0, reading, was, was_basis, was_bench, was_at, was_by, person, basis, bench, from, by,
        at
    ];
    run(connection, "keeping an attribution", &sql, params).map(|_| ())
}

const MOVED: &str = "seq, reading, was, was_basis, was_bench, was_at, was_by, person, basis, \
                     session_bench, session_at, session_by, at";

const COLUMNS: &str = "seq, item, kind, person, undoes, unseal_text(seq, 'reason', reason), by, at";

fn decode(cells: &mut Cells<'_, '_>) -> Result<(CommitSeq, Decided), StoreError> {
    let (seq, item) = (cells.seq()?, cells.seq()?);
    let kind: String = cells.take()?;
    let (person, undoes) = (cells.id_or_none()?, cells.take::<Option<i64>>()?);
    let decision = match (kind.as_str(), person, undoes) {
        ("claimed", Some(person), None) => Decision::Claimed(person),
        ("dismissed", None, None) => Decision::Dismissed,
        ("undone", None, Some(claim)) => Decision::Undone(CommitSeq(claim)),
        _ => return Err(cells.damaged("unknown decision")),
    };
    let (reason, by) = (cells.take()?, cells.text(|by| Some(SmolStr::new(by)))?);
    Ok((seq, Decided { item, decision, reason, by, at: cells.time()? }))
}

/// The latest decision about an item.
pub(super) fn latest(
    connection: &Connection,
    item: CommitSeq,
) -> Result<Option<(CommitSeq, Decided)>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM decision WHERE item = ? ORDER BY seq DESC LIMIT 1");
    fetch_one(connection, "decision", (&sql, [item.0]), decode)
}

/// The decision at a position.
pub(super) fn at(connection: &Connection, seq: CommitSeq) -> Result<Option<Decided>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM decision WHERE seq = ?");
    let found = fetch_one(connection, "decision", (&sql, [seq.0]), decode)?;
    Ok(found.map(|(_, decided)| decided))
}

/// Every claim for a person, oldest first.
pub(super) fn claims_of(
    connection: &Connection,
    person: &PersonId,
) -> Result<Vec<HeldClaim>, StoreError> {
    let sql = "SELECT d.seq, d.at, u.seq, u.at FROM decision d LEFT JOIN decision u \
               ON u.undoes = d.seq WHERE d.person = ? ORDER BY d.seq";
    fetch(connection, "decision", (sql, [person.as_str()]), |cells| {
        let (seq, at) = (cells.seq()?, cells.time()?);
        let undone = cells.take::<Option<i64>>()?.map(CommitSeq).zip(cells.time_or_none()?);
        Ok(HeldClaim { seq, at, undone })
    })
}

pub(super) fn decisions(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = format!("SELECT {COLUMNS} FROM decision WHERE seq > ? AND seq <= ?");
    fetch(connection, "decision", (&sql, span), |cells| {
        let (seq, decided) = decode(cells)?;
        Ok(entry(seq, Fact::Decided(Box::new(decided))))
    })
}

pub(super) fn attributions(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = format!("SELECT {MOVED} FROM attribution WHERE seq > ? AND seq <= ?");
    fetch(connection, "attribution", (&sql, span), |cells| {
        let (seq, moved) = attributed(cells)?;
        Ok(entry(seq, Fact::Attributed(Box::new(moved))))
    })
}

fn attributed(cells: &mut Cells<'_, '_>) -> Result<(CommitSeq, Attributed), StoreError> {
    let (seq, reading) = (cells.seq()?, cells.key()?);
    let (before, after) = (whose(cells)?, whose(cells)?);
    Ok((seq, Attributed { reading, before, after, at: cells.time()? }))
}

/// Every attribution of the readings that were ever given to a person or taken from them.
pub(super) fn of_person(
    connection: &Connection,
    person: &PersonId,
) -> Result<Vec<Attributed>, StoreError> {
    let sql = format!(
        "SELECT {MOVED} FROM attribution \
         WHERE reading IN (SELECT reading FROM attribution WHERE was = ?1 \
         UNION SELECT reading FROM attribution WHERE person = ?1) ORDER BY seq"
    );
    let found = fetch(connection, "attribution", (&sql, [person.as_str()]), attributed)?;
    Ok(found.into_iter().map(|(_, moved)| moved).collect())
}

/// The first or the latest that was said of whose a reading is, after it was stored.
pub(super) fn of_reading(
    connection: &Connection,
    reading: &ReadingId,
    latest: bool,
) -> Result<Option<Attributed>, StoreError> {
    let order = if latest { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {MOVED} FROM attribution \
         WHERE reading = ? ORDER BY seq {order} LIMIT 1"
    );
    let params = [reading.as_bytes()];
    let found = fetch_one(connection, "attribution", (&sql, params), attributed)?;
    Ok(found.map(|(_, moved)| moved))
}

fn whose(cells: &mut Cells<'_, '_>) -> Result<Option<Attribution>, StoreError> {
    let person = cells.text_or_none(|text| Id::new(text).ok())?;
    let basis = cells.one_of_or_none(&code::BASES, code::basis)?;
    let session = session::decode(cells)?;
    Ok(person.zip(basis).map(|(person, basis)| Attribution { person, basis, session }))
}
