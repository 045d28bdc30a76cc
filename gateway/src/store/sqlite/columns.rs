//! The columns of readings: in the table, as they are read, and the statements that add a row. What may
//! name somebody passes the seal.

use std::sync::LazyLock;

use rusqlite::{CachedStatement, Connection};

use super::fault::failed;
use crate::store::StoreError;

/// The columns, in the order of [`insert`](super::reading::insert).
const NAMES: &str = "seq, id, content, kind, unit, value, value2, value3, pulse, \
     flags, meal, control, sample_type, sample_location, status, clock, record, slot, device, \
     site, bench, epoch, number, device_time, received_at, measured_at, grade, named, setting, \
     symptoms, attributes, road, unnumbered, raw, person, basis, standing, late, \
     possible_duplicate, server_at, context_meal, context_told, told_symptoms, filed, \
     rebased_at, session_bench, session_at, session_by";

/// The same as [`decode`](super::reading::decode) takes them: what may name somebody is opened.
pub(super) const COLUMNS: &str = "seq, id, content, kind, unit, value, value2, value3, pulse, \
     flags, meal, control, sample_type, sample_location, status, clock, record, slot, device, \
     site, bench, epoch, number, device_time, received_at, measured_at, grade, named, setting, \
     symptoms, CASE WHEN attributes NOTNULL THEN unseal_text(seq,'attributes',attributes) END, \
     road, unnumbered, CASE WHEN raw NOTNULL THEN unseal_raw(seq,'raw',raw) END, person, basis, \
     standing, late, possible_duplicate, server_at, context_meal, CASE WHEN context_told NOTNULL \
     THEN unseal_text(seq,'context_told',context_told) END, told_symptoms, filed, rebased_at, \
     session_bench, session_at, session_by";

/// [`COLUMNS`] of a table that has an alias.
pub(super) fn columns_of(alias: &str) -> String {
    let mut columns = format!("{alias}.{}", COLUMNS.replace(", ", &format!(", {alias}.")))
        .replace(&format!("{alias}.CASE WHEN "), &format!("CASE WHEN {alias}."))
        .replace("(seq,", &format!("({alias}.seq,"));
    for name in ["attributes", "raw", "context_told"] {
        columns = columns.replace(&format!(",{name})"), &format!(",{alias}.{name})"));
    }
    columns
}

static INSERT: LazyLock<[String; 2]> = LazyLock::new(|| {
    ["reading", "quarantined_reading"].map(|table| {
        let places = (1..).zip(NAMES.split(", ")).map(|(at, name)| match name {
            "attributes" | "context_told" => {
                format!("CASE WHEN ?{at} NOTNULL THEN seal_text(?1,'{name}',?{at}) END")
            }
            "raw" => format!("CASE WHEN ?{at} NOTNULL THEN seal_raw(?1,'raw',?{at}) END"),
            _ => format!("?{at}"),
        });
        let places = places.collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {table} ({NAMES}) VALUES ({places})")
    })
});

/// The statement that adds a reading, kept prepared.
pub(super) fn insertion(connection: &Connection) -> Result<CachedStatement<'_>, StoreError> {
    let [reading, _] = &*INSERT;
    connection.prepare_cached(reading).map_err(failed("preparing to add a reading"))
}

/// The statement that adds a reading inside quarantine.
pub(super) fn quarantine(connection: &Connection) -> Result<CachedStatement<'_>, StoreError> {
    let [_, quarantined] = &*INSERT;
    connection.prepare_cached(quarantined).map_err(failed("preparing to quarantine a reading"))
}
