//! The yardsticks of benchmarks: people found by a scan, and readings into one table of their own, as a textbook does it. One
//! INSERT for each, a commit and a sync for each group; nothing is looked up, judged or derived.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{
    code,
    fault::failed,
    reading,
    row::{cell, fetch, run},
};
use crate::store::{StoreError, StoredReading};

const WHAT: &str = "measuring the yardstick";

/// Names in one table of a new file, looked through from its beginning to its end for every
/// question, as a textbook does it: `LIKE '%…%'`.
#[derive(Debug)]
pub struct BareNames(Connection);

impl BareNames {
    /// Fills the table with ids, names and initials.
    ///
    /// # Errors
    /// Any error of SQLite.
    pub fn fill(
        file: &Path,
        people: impl Iterator<Item = [String; 3]>,
    ) -> Result<Self, StoreError> {
        let connection = Connection::open(file).map_err(failed(WHAT))?;
        let sql = "CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT, initials TEXT)";
        connection.execute_batch(sql).map_err(failed(WHAT))?;
        let transaction = connection.unchecked_transaction().map_err(failed(WHAT))?;
        for person in people {
            run(&transaction, WHAT, "INSERT INTO person VALUES (?, ?, ?)", person)?;
        }
        transaction.commit().map_err(failed(WHAT))?;
        Ok(Self(connection))
    }

    /// The first so many people whose name or initials hold a text.
    ///
    /// # Errors
    /// Any error of SQLite.
    pub fn like(&self, text: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id FROM person WHERE name LIKE ?1 OR initials LIKE ?1 \
                   ORDER BY id LIMIT ?2";
        let params = params![format!("%{text}%"), limit];
        fetch(&self.0, "person", (sql, params), cell)
    }
}

/// Appends readings to a new file, so many in a transaction.
///
/// # Errors
/// Any error of SQLite.
pub fn bare_append(
    file: &Path,
    readings: &[StoredReading],
    group: usize,
) -> Result<(), StoreError> {
    let connection = Connection::open(file).map_err(failed(WHAT))?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE reading (\
             id INTEGER PRIMARY KEY, device TEXT, site TEXT, person TEXT, number INTEGER, \
             measured_at INTEGER, received_at INTEGER, kind INTEGER, unit TEXT, value TEXT, \
             value2 TEXT, pulse TEXT)",
        )
        .map_err(failed(WHAT))?;
    for group in readings.chunks(group.max(1)) {
        let transaction = connection.unchecked_transaction().map_err(failed(WHAT))?;
        let mut statement = connection
            .prepare_cached(
                "INSERT INTO reading (device, site, person, number, measured_at, received_at, \
                 kind, unit, value, value2, pulse) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .map_err(failed(WHAT))?;
        for stored in group {
            let reading = &stored.reading;
            let (kind, unit, [value, value2, pulse]) = reading::plain(&reading.measurement);
            let params = params![
                reading.device.as_str(),
                reading.site.as_str(),
                stored.attribution.as_ref().map(|whose| whose.person.as_str()),
                reading.sequence.map(|sequence| sequence.number.cast_signed()),
                reading.measured.at.as_millis(),
                reading.received_at.as_millis(),
                kind,
                unit,
                value.map(code::decimal),
                value2.map(code::decimal),
                pulse.map(code::decimal),
            ];
            statement.execute(params).map_err(failed(WHAT))?;
        }
        drop(statement);
        transaction.commit().map_err(failed(WHAT))?;
    }
    Ok(())
}
