//! Lists: pages by key, bounded by their limit, each within a scope.

use rusqlite::{Connection, params, params_from_iter, types::Value};

use super::{
    alert, code,
    identity::{self, COLUMNS, ROWS, WHO},
    merge, reading, roll,
    row::{Cells, fetch},
    scope::{self, Clause, text},
};
use crate::{
    domain::{Alert, ReadingId, Registered, SiteId, Timestamp},
    store::{
        CommitSeq, StoreError, StoredReading, paging,
        view::{AlertFilter, Page, Paging, ReadingFilter, Scope},
    },
};

/// One item more than the page has, to see whether there is a next one.
pub(super) fn probe(limit: usize) -> Value {
    Value::Integer(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX))
}

pub(super) fn ask<T>(
    connection: &Connection,
    table: &'static str,
    clause: Clause,
    decode: impl FnMut(&mut Cells<'_, '_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    fetch(connection, table, (&clause.sql, params_from_iter(clause.values)), decode)
}

type Found = (CommitSeq, StoredReading);

/// Readings, newest measured first.
pub(super) fn readings(
    (connection, few_people): (&Connection, u64),
    scope: &Scope,
    filter: &ReadingFilter,
    page: &Paging,
) -> Result<Page<Found>, StoreError> {
    let limit = paging::limit_of(page);
    let after = paging::read::<2>(page)?;
    let rest = |clause: &mut Clause| narrow(clause, scope, filter, after);
    if let Some(file) = &filter.filed {
        let survivor = merge::survivor(connection, file)?;
        let now = text(survivor.as_ref().unwrap_or(file).as_str());
        let from = format!(
            "SELECT {} FROM reading r WHERE r.person = ? AND r.filed IS ?",
            reading::COLUMNS
        );
        let filed = survivor.map_or(Value::Null, |_| text(file.as_str()));
        let found = direct(connection, Clause::new(&from, [now, filed]), rest, limit)?;
        return Ok(paged(found, limit));
    }
    let found = match (&filter.person, &filter.device, &filter.site) {
        (Some(person), _, _) => {
            let from = format!("SELECT {} FROM reading r WHERE r.person = ?", reading::COLUMNS);
            direct(connection, Clause::new(&from, [text(person.as_str())]), rest, limit)?
        }
        (None, Some(device), _) => {
            routed(connection, (roll::BY_DEVICE, device.as_str()), rest, limit)?
        }
        (None, None, site) => match (scope::few(connection, few_people, scope)?, site) {
            (Some(people), _) => {
                let mut found = by_people(connection, people, rest, limit)?;
                if let Scope::Place(_) = scope {
                    found.extend(of_nobody(connection, rest, limit)?);
                }
                merged(found, limit)
            }
            (None, Some(site)) => routed(connection, (roll::BY_SITE, site.as_str()), rest, limit)?,
            (None, None) => routed(connection, (roll::ALL, ""), rest, limit)?,
        },
    };
    Ok(paged(found, limit))
}

fn paged(found: Vec<Found>, limit: usize) -> Page<Found> {
    paging::cut(found, limit, |(seq, stored)| {
        paging::write([stored.reading.measured.at.as_millis(), seq.0])
    })
}

/// Every reading of a site that was received within a span, its end excluded, by (receipt, id).
pub(super) fn received(
    connection: &Connection,
    site: &SiteId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<StoredReading>, StoreError> {
    let sql = format!(
        "SELECT {} FROM reading r WHERE r.site = ? AND r.received_at >= ? AND r.received_at < ? \
         ORDER BY r.received_at, r.id",
        reading::COLUMNS
    );
    let params = params![site.as_str(), from.as_millis(), to.as_millis()];
    let found = fetch(connection, "reading", (&sql, params), reading::decode)?;
    Ok(found.into_iter().map(|(_, stored)| stored).collect())
}

/// One reading.
pub(super) fn reading(
    connection: &Connection,
    scope: &Scope,
    id: &ReadingId,
) -> Result<Option<Found>, StoreError> {
    let from = format!("SELECT {} FROM reading r WHERE r.id = ?", reading::COLUMNS);
    let mut clause = Clause::new(&from, [Value::Blob(id.as_bytes().to_vec())]);
    clause.and(scope::readings(scope, "r.person", "r.site"));
    Ok(ask(connection, "reading", clause, reading::decode)?.pop())
}

fn newest(clause: &mut Clause, limit: usize) {
    clause.push(" ORDER BY r.measured_at DESC, r.seq DESC LIMIT ?", [probe(limit)]);
}

/// From the table itself, where an index leads to the rows.
fn direct(
    connection: &Connection,
    mut clause: Clause,
    rest: impl Fn(&mut Clause),
    limit: usize,
) -> Result<Vec<Found>, StoreError> {
    rest(&mut clause);
    newest(&mut clause, limit);
    ask(connection, "reading", clause, reading::decode)
}

/// Scope, filter and cursor, as conditions on `reading r`.
fn narrow(clause: &mut Clause, scope: &Scope, filter: &ReadingFilter, after: Option<[i64; 2]>) {
    clause.and(scope::readings(scope, "r.person", "r.site"));
    if let Some(person) = &filter.person {
        clause.push(" AND r.person = ?", [text(person.as_str())]);
    }
    if let Some(device) = &filter.device {
        clause.push(" AND r.device = ?", [text(device.as_str())]);
    }
    if let Some(site) = &filter.site {
        clause.push(" AND r.site = ?", [text(site.as_str())]);
    }
    let time = |at: Timestamp| Value::Integer(at.as_millis());
    if let Some(from) = filter.from {
        clause.push(" AND r.measured_at >= ?", [time(from)]);
    }
    if let Some(to) = filter.to {
        clause.push(" AND r.measured_at < ?", [time(to)]);
    }
    if let Some(after) = after {
        clause.push(" AND (r.measured_at, r.seq) < (?, ?)", after.map(Value::Integer));
    }
}

/// By way of the route table, and for what is not derived yet by the log itself.
fn routed(
    connection: &Connection,
    (kind, name): (i64, &str),
    rest: impl Fn(&mut Clause),
    limit: usize,
) -> Result<Vec<Found>, StoreError> {
    let done = roll::cursor(connection, roll::FOLLOWER)?;
    // The bounds of the walk are those of `k`: the same columns, in the order of its key.
    let mut inner = Clause::default();
    rest(&mut inner);
    let inner = Clause {
        sql: inner.sql.replace("r.measured_at", "k.measured_at").replace("r.seq", "k.seq"),
        values: inner.values,
    };
    let from = format!(
        "SELECT {} FROM route k CROSS JOIN reading r ON r.seq = k.seq \
         WHERE k.kind = ? AND k.name = ?",
        columns_of_r()
    );
    let mut old = Clause::new(&from, [Value::Integer(kind), text(name)]);
    old.push(&inner.sql, inner.values);
    old.push(" ORDER BY k.measured_at DESC, k.seq DESC LIMIT ?", [probe(limit)]);
    let mut found = ask(connection, "reading", old, reading::decode)?;

    let from = format!("SELECT {} FROM reading r WHERE r.seq > ?", reading::COLUMNS);
    let new = Clause::new(&from, [Value::Integer(done.0)]);
    found.extend(direct(connection, new, rest, limit)?);
    Ok(merged(found, limit))
}

/// The newest of what two ways have found.
fn merged(mut found: Vec<Found>, limit: usize) -> Vec<Found> {
    found.sort_by_key(|(seq, stored)| std::cmp::Reverse((stored.reading.measured.at, *seq)));
    found.truncate(limit.saturating_add(1));
    found
}

/// By way of each of a few people.
fn by_people(
    connection: &Connection,
    people: Clause,
    rest: impl Fn(&mut Clause),
    limit: usize,
) -> Result<Vec<Found>, StoreError> {
    let from = format!(
        "SELECT r.seq AS seq, r.measured_at AS measured_at FROM ({}) s \
         CROSS JOIN reading r ON r.person = s.person WHERE 1",
        people.sql
    );
    let mut inner = Clause::new(&from, people.values);
    rest(&mut inner);
    newest(&mut inner, limit);
    let sql = format!(
        "SELECT {} FROM ({}) k CROSS JOIN reading r ON r.seq = k.seq \
         ORDER BY k.measured_at DESC, k.seq DESC",
        columns_of_r(),
        inner.sql
    );
    let theirs = Clause::new(&sql, inner.values);
    ask(connection, "reading", theirs, reading::decode)
}

/// The readings that belong to nobody yet.
fn of_nobody(
    connection: &Connection,
    rest: impl Fn(&mut Clause),
    limit: usize,
) -> Result<Vec<Found>, StoreError> {
    let from = format!("SELECT {} FROM reading r WHERE r.person IS NULL", reading::COLUMNS);
    direct(connection, Clause::new(&from, []), rest, limit)
}

/// The columns of a reading where another table stands beside it.
fn columns_of_r() -> String {
    reading::columns_of("r")
}

/// Alerts: live ones first, gravest first, then newest.
pub(super) fn alerts(
    (connection, few_people): (&Connection, u64),
    scope: &Scope,
    filter: &AlertFilter,
    page: &Paging,
) -> Result<Page<Alert>, StoreError> {
    let limit = paging::limit_of(page);
    let mut clause = match scope::few(connection, few_people, scope)? {
        Some(people) => {
            let columns = alert::COLUMNS.replace(", ", ", a.");
            let sql = format!(
                "SELECT a.{columns} FROM ({}) s CROSS JOIN alert a ON a.person = s.person WHERE 1",
                people.sql
            );
            Clause::new(&sql, people.values)
        }
        None => {
            let by = if filter.person.is_some() { "alert_person" } else { "alert_rank" };
            let sql = format!("SELECT {} FROM alert a INDEXED BY {by} WHERE 1", alert::COLUMNS);
            let mut clause = Clause::new(&sql, []);
            clause.and(scope::people(scope, "a.person"));
            clause
        }
    };
    if !filter.states.is_empty() {
        let places = vec!["?"; filter.states.len()].join(", ");
        let states = filter.states.iter().map(|state| text(code::state(*state)));
        clause.push(&format!(" AND a.state IN ({places})"), states);
        if filter.states.iter().all(|state| state.is_live()) {
            clause.push(" AND a.live = 1", []);
        }
    }
    if let Some(doctor) = &filter.doctor {
        clause.push(" AND a.owner = ?", [text(doctor.as_str())]);
    }
    if let Some(level) = filter.level {
        clause.push(" AND a.level = ?", [Value::Integer(code::level(level))]);
    }
    if let Some(person) = &filter.person {
        clause.push(" AND a.person = ?", [text(person.as_str())]);
    }
    if let Some(after) = paging::read::<4>(page)? {
        let before = " AND (a.live, a.level, a.opened_at, a.key) < (?, ?, ?, ?)";
        clause.push(before, after.map(Value::Integer));
    }
    let order = " ORDER BY a.live DESC, a.level DESC, a.opened_at DESC, a.key DESC LIMIT ?";
    clause.push(order, [probe(limit)]);
    let found = ask(connection, "alert", clause, alert::decode)?;
    Ok(paging::cut(found, limit, |alert| {
        let live = i64::from(alert.state.is_live());
        paging::write([live, code::level(alert.level), alert.opened_at.as_millis(), alert.key])
    }))
}

/// Plans have no table of their own: the one entered last stands for a person.
const NAMED: &str = "g.kind = 'KIND' AND g.name > ? AND g.seq = (SELECT max(seq) FROM registration \
                     WHERE kind = 'KIND' AND name = g.name) ORDER BY g.name LIMIT ?";

/// The rows in force of one kind, by name.
pub(super) fn registry(
    connection: &Connection,
    kind: &str,
    page: &Paging,
) -> Result<Page<Registered>, StoreError> {
    let limit = paging::limit_of(page);
    let Some(kind) = Registered::KINDS.into_iter().find(|known| *known == kind) else {
        return Err(StoreError::Asked { what: "the registry has no such kind" });
    };
    let sql = if ["plan", "place", "bench", "team", "duty", "pairing", "box"].contains(&kind) {
        format!("SELECT {COLUMNS} FROM {ROWS} WHERE {}", NAMED.replace("KIND", kind))
    } else {
        format!(
            "SELECT {COLUMNS} FROM {kind} p JOIN registration g ON g.seq = p.seq {WHO} \
             WHERE p.{kind} > ? ORDER BY p.{kind} LIMIT ?"
        )
    };
    let after = page.after.as_deref().unwrap_or_default();
    let marked = if kind == "card" && !after.is_empty() {
        Some(super::lookup::mark_of(connection, after)?)
    } else {
        None
    };
    let clause = Clause::new(&sql, [text(marked.as_deref().unwrap_or(after)), probe(limit)]);
    let rows = ask(connection, "registration", clause, identity::row)?;
    Ok(paging::cut(rows, limit, |row| row.name().to_string()))
}

pub(super) fn before(clause: &mut Clause, column: &str, page: &Paging) -> Result<(), StoreError> {
    if let Some([after]) = paging::read::<1>(page)? {
        clause.push(&format!(" AND {column} < ?"), [Value::Integer(after)]);
    }
    Ok(())
}
