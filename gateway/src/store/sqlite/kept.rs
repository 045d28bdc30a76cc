//! What the lines remember of people, kept beside the facts.

use rusqlite::{Connection, params};

use super::{
    event,
    fault::failed,
    reading,
    row::{Cells, fetch_one, run},
};
use crate::{
    domain::PersonId,
    store::{CommitSeq, KeptState, Resumed, StoreError, StoredReading},
};

/// Keeps a state that holds every reading and event of its person up to a position.
pub(super) fn keep(
    connection: &Connection,
    kept: &KeptState,
    upto: CommitSeq,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO kept_state (person, seq, judged_with, state) \
               VALUES (?, ?, ?, ?)";
    let params = params![kept.person.as_str(), upto.0, kept.judged_with, kept.state];
    run(connection, "keeping a state", sql, params).map(|_| ())
}

/// Nothing kept of a person holds any more.
pub(super) fn forget(connection: &Connection, person: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM kept_state WHERE person = ?";
    run(connection, "forgetting a kept state", sql, [person]).map(|_| ())
}

/// What is kept of a person, and their readings and events since.
pub(super) fn of_person(
    connection: &Connection,
    person: &PersonId,
) -> Result<Option<Resumed>, StoreError> {
    let sql = "SELECT seq, judged_with, state FROM kept_state WHERE person = ?";
    let kept = fetch_one(connection, "kept_state", (sql, [person.as_str()]), |cells| {
        let (seq, judged_with) = (cells.seq()?, cells.take()?);
        Ok((seq, KeptState { person: person.clone(), judged_with, state: cells.take()? }))
    })?;
    let Some((upto, kept)) = kept else { return Ok(None) };
    let events = event::since(connection, person, upto)?;
    let since = since(connection, person, upto)?;
    Ok(Some(Resumed { kept, since, events }))
}

/// A person's readings after a position. Their entries in the index carry it, so that only those
/// after it are read.
fn since(
    connection: &Connection,
    person: &PersonId,
    upto: CommitSeq,
) -> Result<Vec<StoredReading>, StoreError> {
    let what = "reading what came since a kept state";
    let sql = format!(
        "SELECT {} FROM reading INDEXED BY reading_person WHERE person = ? AND seq > ? \
         ORDER BY measured_at, id",
        reading::COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed(what))?;
    let mut rows = statement.query(params![person.as_str(), upto.0]).map_err(failed(what))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed(what))? {
        found.push(reading::decode(&mut Cells::new(row, "reading"))?.1);
    }
    Ok(found)
}
