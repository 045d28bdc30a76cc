//! The yardstick of benchmarks: readings into one table of their own, as a textbook does it. One
//! INSERT for each, a commit and a sync for each group; nothing is looked up, judged or derived.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{code, fault::failed, reading};
use crate::store::{StoreError, StoredReading};

const WHAT: &str = "measuring the yardstick";

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
