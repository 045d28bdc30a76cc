//! Whom to look at when, and whom rows of the registry concern.

use rusqlite::{Connection, params};

use super::row::{Cells, fetch, fetch_one, run};
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

fn whom(cells: &mut Cells<'_, '_>) -> Result<PersonId, StoreError> {
    cells.id()
}

fn when(cells: &mut Cells<'_, '_>) -> Result<Timestamp, StoreError> {
    cells.time()
}

/// When a person is to be looked at.
pub(super) fn of_person(
    connection: &Connection,
    person: &PersonId,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT due_at FROM watch WHERE person = ?";
    fetch_one(connection, "watch", (sql, [person.as_str()]), when)
}

/// Who is to be looked at by now, earliest first.
pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<PersonId>, StoreError> {
    let sql = "SELECT person FROM watch WHERE due_at <= ? ORDER BY due_at, person LIMIT ?";
    fetch(connection, "watch", (sql, params![now.as_millis(), limit]), whom)
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
    let full = |count: usize| i64::try_from(count).is_ok_and(|count| count >= limit);
    let mut concerned = Concerned { upto: after, people: Vec::new() };
    let all = !full(rows.len());
    for (seq, kind, name) in rows {
        if full(concerned.people.len()) {
            return Ok(concerned);
        }
        concerned.upto = seq;
        let sql = match kind.as_str() {
            "person" => {
                "SELECT person FROM person p WHERE person = ? AND seq = ? AND NOT EXISTS \
                 (SELECT 1 FROM household h WHERE h.household = p.household AND h.seq > p.seq)"
            }
            "household" => {
                "SELECT p.person FROM household h JOIN person p ON p.household = h.household \
                 WHERE h.household = ? AND h.seq = ? AND p.seq < h.seq ORDER BY p.person"
            }
            "plan" => {
                "SELECT p.person FROM person p WHERE p.person = ?1 AND p.seq < ?2 AND NOT EXISTS \
                 (SELECT 1 FROM registration g WHERE g.kind = 'plan' AND g.name = p.person \
                 AND g.seq > ?2)"
            }
            _ => continue,
        };
        let people = fetch(connection, "person", (sql, params![name, seq.0]), whom)?;
        concerned.people.extend(people);
    }
    if all {
        concerned.upto = last;
    }
    Ok(concerned)
}
