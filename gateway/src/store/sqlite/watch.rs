//! Whom to look at when, and whom rows of the registry concern.

use rusqlite::{Connection, params};

use super::row::{fetch, fetch_one, run};
use crate::{
    domain::{PersonId, Timestamp},
    store::{CommitSeq, Concerned, StoreError},
};

/// Sets or clears when a person is to be looked at.
pub(super) fn set(
    connection: &Connection,
    person: &PersonId,
    due_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let Some(due_at) = due_at else {
        let sql = "DELETE FROM watch WHERE person = ?";
        return run(connection, "ending a watch", sql, [person.as_str()]).map(|_| ());
    };
    let sql = "INSERT INTO watch (person, due_at) VALUES (?, ?) \
               ON CONFLICT (person) DO UPDATE SET due_at = excluded.due_at";
    let params = params![person.as_str(), due_at.as_millis()];
    run(connection, "setting a watch", sql, params).map(|_| ())
}

/// When a person is to be looked at.
pub(super) fn of_person(
    connection: &Connection,
    person: &PersonId,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT due_at FROM watch WHERE person = ?";
    fetch_one(connection, "watch", (sql, [person.as_str()]), |cells| cells.time())
}

/// Who is to be looked at by now, earliest first.
pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<PersonId>, StoreError> {
    let sql = "SELECT person FROM watch WHERE due_at <= ? ORDER BY due_at, person LIMIT ?";
    fetch(connection, "watch", (sql, params![now.as_millis(), limit]), |cells| cells.id())
}

/// Whom the next rows of the registry concern, where they are still in force.
pub(super) fn concerned(
    connection: &Connection,
    (after, last): (CommitSeq, CommitSeq),
    limit: i64,
) -> Result<Concerned, StoreError> {
    let sql = "SELECT seq, kind, name FROM registration WHERE seq > ? ORDER BY seq LIMIT ?";
    let rows = fetch(connection, "registration", (sql, params![after.0, limit]), |cells| {
        Ok((cells.seq()?, cells.take::<String>()?, cells.take::<String>()?))
    })?;
    let mut concerned = Concerned { upto: last, people: Vec::new() };
    if i64::try_from(rows.len()).is_ok_and(|found| found >= limit) {
        concerned.upto = rows.last().map_or(after, |(seq, ..)| *seq);
    }
    for (seq, kind, name) in rows {
        let sql = match kind.as_str() {
            "person" => "SELECT person FROM person WHERE person = ? AND seq = ?",
            "household" => {
                "SELECT p.person FROM household h JOIN person p ON p.household = h.household \
                 WHERE h.household = ? AND h.seq = ? ORDER BY p.person"
            }
            _ => continue,
        };
        let people = fetch(connection, "person", (sql, params![name, seq.0]), |cells| cells.id())?;
        concerned.people.extend(people);
    }
    Ok(concerned)
}
