//! Which keys a store is sealed with, and how it comes under another one: in bounded steps, from
//! where the last one ended, whatever happened in between.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, config::DbConfig, params, types::Value};

use super::{
    fault::failed,
    reader::SqliteReader,
    ring::{KeyFile, KeyId, KeyRing, Made, listed},
    row::{cell, fetch, fetch_one, number, run},
};
use crate::store::{KeyError, KeyPlace, SealKey, SealReader, Seals, StoreError};

const WHAT: &str = "keeping which keys seal";

/// What a key must open to be the store's.
const PROOF: &str = "xunzhen";

/// Rows that one step looks at: some milliseconds.
pub(super) const STEP: i64 = 2000;

/// A table with sealed columns: its key, and each column with its field.
struct Part {
    table: &'static str,
    key: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const READING: &[(&str, &str)] =
    &[("raw", "raw"), ("attributes", "attributes"), ("context_told", "context_told")];

/// Everything that is sealed. What is not here is never sealed anew.
const PARTS: [Part; 19] = [
    part("lookup_key", "x'00'", &[("key", "lookup")]),
    part(
        "identity",
        "key",
        &[
            ("name", "name"),
            ("id_number", "id_number"),
            ("phone", "phone"),
            ("told", "told"),
            ("further", "further"),
        ],
    ),
    part("quarantine", "seq", &[("raw", "raw"), ("detail", "detail"), ("told", "told")]),
    part("quarantined_reading", "seq", READING),
    part("refused", "seq", &[("raw", "raw"), ("reason", "reason")]),
    part("context", "seq", &[("raw", "raw"), ("attributes", "attributes")]),
    part("reading", "seq", READING),
    part("card_scan", "seq", &[("card", "card")]),
    part("person_event", "seq", &[("note", "note")]),
    part("alert_event", "seq", &[("note", "note")]),
    part("decision", "seq", &[("reason", "reason")]),
    part("merge", "seq", &[("reason", "reason")]),
    part("presence", "seq", &[("detail", "detail")]),
    part("attempt", "seq", &[("why", "why")]),
    part("owed", "key", &[("last_error", "last_error")]),
    part("answer", "CAST(key AS BLOB)", &[("outcomes", "outcomes")]),
    part(
        "account",
        "key",
        &[("called", "called"), ("password", "password"), ("second", "second"), ("oidc", "oidc")],
    ),
    part("glass", "number", &[("reason", "reason")]),
    part("waiting_parcel", "theirs", &[("line", "line")]),
];

const fn part(
    table: &'static str,
    key: &'static str,
    columns: &'static [(&'static str, &'static str)],
) -> Part {
    Part { table, key, columns }
}

/// Lays out what older formats lack, so that a key is entered before anything is sealed with it.
const TABLES: &str = "CREATE TABLE IF NOT EXISTS seal_key (\
      id INTEGER PRIMARY KEY, proof BLOB NOT NULL) STRICT; \
    CREATE TABLE IF NOT EXISTS seal_anew (\
      one INTEGER PRIMARY KEY CHECK (one = 1), part INTEGER NOT NULL, after ANY) STRICT;";

/// The keys that fields of a store may be sealed with. None where it is no store yet.
pub(super) fn in_use(connection: &Connection) -> Result<Vec<(KeyId, Vec<u8>)>, StoreError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'seal_key'";
    if number(connection, sql, [])? == 0 {
        return Ok(Vec::new());
    }
    fetch(connection, "seal_key", ("SELECT id, proof FROM seal_key ORDER BY id", []), |cells| {
        Ok((KeyId(cells.small()?), cells.take()?))
    })
}

/// Refuses a ring that cannot open everything, before anything is changed.
pub(super) fn check(connection: &Connection, keys: &KeyRing) -> Result<(), StoreError> {
    let known = keys.ids();
    for (id, proof) in in_use(connection)? {
        let opened = keys.open_sealed((&id.0.to_be_bytes(), "proof"), &proof);
        if opened.is_ok_and(|text| text == PROOF.as_bytes()) {
            continue;
        }
        let from = keys
            .file()
            .map_or_else(|| "nowhere".to_owned(), |file| file.path().display().to_string());
        let (wanted, known) = (id.to_string(), listed(&known));
        return Err(KeyError::Wrong { wanted, known, from }.into());
    }
    Ok(())
}

/// Enters the ring's newest key, with which everything is sealed from here on.
pub(super) fn enter(connection: &Connection, keys: &KeyRing) -> Result<(), StoreError> {
    let Some(id) = keys.newest() else { return Ok(()) };
    if in_use(connection)?.iter().any(|(known, _)| *known == id) {
        return Ok(());
    }
    let proof = keys.close((&id.0.to_be_bytes(), "proof"), PROOF.as_bytes());
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'state'";
    let of_before = number(connection, sql, [])? > 0;
    super::transact(connection, WHAT, |connection| keep(connection, (id, &proof?), of_before))
}

/// Keeps a key and, where there are rows of before it, that they are to be sealed anew.
fn keep(
    connection: &Connection,
    (id, proof): (KeyId, &[u8]),
    of_before: bool,
) -> Result<(), StoreError> {
    connection.execute_batch(TABLES).map_err(failed(WHAT))?;
    run(connection, WHAT, "INSERT INTO seal_key VALUES (?, ?)", params![id.0, proof])?;
    if !of_before {
        return Ok(());
    }
    let sql = "INSERT OR REPLACE INTO seal_anew VALUES (1, 0, NULL)";
    run(connection, WHAT, sql, []).map(|_| ())
}

impl From<super::ring::Broken> for StoreError {
    fn from(broken: super::ring::Broken) -> Self {
        Self::Database { what: "sealing a field", source: Box::new(broken) }
    }
}

/// A new key seals from here on: it is in the file, then in the store, then in use.
pub(super) fn rotate(connection: &Connection, keys: &KeyRing) -> Result<KeyId, StoreError> {
    let made: Made = keys.make()?;
    let id = made.id();
    let proof = made.close((&id.0.to_be_bytes(), "proof"), PROOF.as_bytes())?;
    super::transact(connection, WHAT, |connection| keep(connection, (id, &proof), true))?;
    keys.adopt(made);
    Ok(id)
}

/// Where sealing anew stands: the part, and the row that it ended with.
type Cursor = (usize, Value);

/// Where sealing anew goes on; `None`: everything is under the newest key.
pub(super) fn cursor(connection: &Connection) -> Result<Option<Cursor>, StoreError> {
    let sql = "SELECT part, after FROM seal_anew";
    fetch_one(connection, "seal_anew", (sql, []), |cells| Ok((cells.small()?, cells.take()?)))
}

/// What a step of sealing anew came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There was nothing to do.
    Nothing,
    /// More is to be done.
    More,
    /// Everything is under the newest key.
    Last,
}

/// One step.
pub(super) fn step(connection: &Connection, keys: &KeyRing) -> Result<Step, StoreError> {
    let Some((at, after)) = cursor(connection)? else { return Ok(Step::Nothing) };
    let what = "sealing anew";
    // What was there before must not stay behind in parts of pages that nothing uses any more.
    connection.execute_batch("PRAGMA secure_delete = ON").map_err(failed(what))?;
    let done = super::transact(connection, what, |connection| match PARTS.get(at) {
        None => end(connection, keys).map(|()| Step::Last),
        Some(part) => {
            let last = part.walk(connection, &after)?;
            let (part, after) = match last {
                Some(last) => (at, last),
                None => (at.saturating_add(1), Value::Null),
            };
            let part = i64::try_from(part).unwrap_or(i64::MAX);
            let sql = "UPDATE seal_anew SET part = ?, after = ?";
            run(connection, what, sql, params![part, after])?;
            Ok(Step::More)
        }
    });
    connection.execute_batch("PRAGMA secure_delete = OFF").map_err(failed(what))?;
    done
}

/// Everything is under the newest key: no other is needed any more.
fn end(connection: &Connection, keys: &KeyRing) -> Result<(), StoreError> {
    let newest = keys.newest().map(|id| id.0);
    run(connection, WHAT, "DELETE FROM seal_key WHERE id IS NOT ?", [newest])?;
    run(connection, WHAT, "DELETE FROM seal_anew", []).map(|_| ())
}

impl Part {
    /// Seals the stale fields of the next rows anew; says which row was the last, if there was one.
    fn walk(&self, connection: &Connection, after: &Value) -> Result<Option<Value>, StoreError> {
        let Self { table, key, columns } = self;
        let alone = *table == "lookup_key";
        let next = if alone {
            // One row, which has no key of its own.
            "SELECT 1 WHERE ?1 IS NULL AND ?2 > 0".to_owned()
        } else {
            format!(
                "SELECT max(place) FROM (SELECT {key} AS place FROM {table} \
                 WHERE ?1 IS NULL OR {key} > ?1 ORDER BY 1 LIMIT ?2)"
            )
        };
        let last =
            fetch_one(connection, "seal_anew", (&next, params![after, STEP]), cell::<Value>)?;
        let Some(last) = last.filter(|last| *last != Value::Null) else { return Ok(None) };
        let set: Vec<String> = columns
            .iter()
            .map(|(column, field)| format!("{column} = reseal({key}, '{field}', {column})"))
            .collect();
        let any: Vec<String> =
            columns.iter().map(|(column, _)| format!("stale({column})")).collect();
        let (set, any) = (set.join(", "), any.join(" OR "));
        let within = if alone {
            "?2 = 1 AND ?1 IS NULL".to_owned()
        } else {
            format!("(?1 IS NULL OR {key} > ?1) AND {key} <= ?2")
        };
        let sql = format!("UPDATE {table} SET {set} WHERE {within} AND ({any})");
        run(connection, "sealing anew", &sql, params![after, last])?;
        Ok(Some(last))
    }
}

impl SealReader for SqliteReader {
    fn seals(&self) -> Result<Seals, StoreError> {
        let ring = self.ring();
        self.see(|connection| {
            let needed: Vec<KeyId> = in_use(connection)?.into_iter().map(|(id, _)| id).collect();
            let newest = ring.newest();
            let key = |id: KeyId| SealKey {
                id: id.to_string(),
                seals: newest == Some(id),
                needed: needed.contains(&id),
            };
            let sealing_anew = cursor(connection)?.is_some();
            let keys = ring.ids().into_iter().map(key).collect();
            Ok(Seals { keys, place: self.key_place(), sealing_anew })
        })
    }

    fn key_place(&self) -> KeyPlace {
        match self.ring().file() {
            None => KeyPlace::None,
            Some(KeyFile::Beside(_)) => KeyPlace::Beside,
            Some(KeyFile::Apart(_)) => KeyPlace::Apart,
            Some(KeyFile::Credential(_)) => KeyPlace::Credential,
        }
    }

    fn wish_key(&self) -> Result<(), StoreError> {
        self.ring().wish()
    }
}

/// The keys that the store in a database may be sealed with, without opening it for writing.
pub(super) fn of_file(database: &Path) -> Result<Vec<KeyId>, StoreError> {
    use rusqlite::OpenFlags;
    let there = database.try_exists().map_err(super::files::file("looking for", database))?;
    if !there {
        return Ok(Vec::new());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(failed(WHAT))?;
    connection.execute_batch("PRAGMA busy_timeout = 1000").map_err(failed(WHAT))?;
    let empty = connection
        .query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(()))
        .optional()
        .map_err(failed(WHAT))?
        .is_none();
    if empty {
        return Ok(Vec::new());
    }
    Ok(in_use(&connection)?.into_iter().map(|(id, _)| id).collect())
}

/// No key where nobody says otherwise.
#[cfg(not(test))]
pub(super) fn usual_ring() -> KeyRing {
    KeyRing::plain()
}

/// What the tests of this crate do, they do with sealed stores.
#[cfg(test)]
pub(super) fn usual_ring() -> KeyRing {
    KeyRing::for_tests(7)
}

/// The keys that the store in a folder may be sealed with; none where there is no store, or it is
/// not sealed. Changes nothing.
///
/// # Errors
/// The file cannot be read, or is none of ours.
pub fn sealed_under(folder: &Path) -> Result<Vec<KeyId>, StoreError> {
    of_file(&folder.join(super::files::DATABASE))
}

/// The same of a copy.
///
/// # Errors
/// The file cannot be read, or is none of ours.
pub fn copy_sealed_under(copy: &Path) -> Result<Vec<KeyId>, StoreError> {
    of_file(copy)
}

/// A store that other keys sealed is left as it is: not even its write-ahead file is copied back.
pub(super) fn refuse_others(connection: &Connection, ring: &KeyRing) -> Result<(), StoreError> {
    let what = "opening the store";
    let as_it_is = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(as_it_is, true).map_err(failed(what))?;
    check(connection, ring)?;
    connection.set_db_config(as_it_is, false).map(|_| ()).map_err(failed(what))
}
