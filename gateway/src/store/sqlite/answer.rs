//! Answers to requests that may come again.

use rusqlite::{Connection, params};

use super::{
    reading::json,
    row::{Cells, fetch_one, run},
};
use crate::{
    domain::{ReadingId, Timestamp},
    store::{Answer, CommitSeq, Done, Outcome, Request, Status, StoreError, port},
};

/// Expired answers that a new one clears away.
const CLEARED: i64 = 16;

/// An outcome as its column holds it: id, status, reason.
type Row = (Option<String>, String, Option<String>);

/// Keeps an answer in place of any before it.
pub(super) fn keep(connection: &Connection, answer: &Answer) -> Result<(), StoreError> {
    let expired = answer.at.minus(port::ANSWER_KEPT).as_millis();
    let sql = "DELETE FROM answer WHERE rowid IN \
               (SELECT rowid FROM answer WHERE at < ? ORDER BY at LIMIT ?)";
    run(connection, "clearing old answers", sql, [expired, CLEARED])?;
    let (step, outcomes) = match &answer.done {
        Done::Acted(step) => (Some(step.0), None),
        Done::Delivered(outcomes) => (None, Some(encode(outcomes)?)),
        Done::Told(object) => (None, Some(object.clone())),
    };
    let sql = "INSERT OR REPLACE INTO answer (key, request, step, outcomes, at) \
               VALUES (?1, ?2, ?3, seal_text(CAST(?1 AS BLOB), 'outcomes', ?4), ?5)";
    let Answer { request: Request { key, digest }, at, .. } = answer;
    let params = params![key, digest.as_bytes(), step, outcomes, at.as_millis()];
    run(connection, "keeping an answer", sql, params).map(|_| ())
}

/// The answer under a key, unless it has expired.
pub(super) fn find(
    connection: &Connection,
    key: &str,
    now: Timestamp,
) -> Result<Option<Answer>, StoreError> {
    let sql = "SELECT key, request, step, unseal_text(CAST(key AS BLOB), 'outcomes', outcomes), at \
               FROM answer WHERE key = ? AND at >= ?";
    let since = now.minus(port::ANSWER_KEPT).as_millis();
    fetch_one(connection, "answer", (sql, params![key, since]), |cells| {
        Ok(Answer {
            request: Request { key: cells.take()?, digest: cells.key()? },
            done: done(cells)?,
            at: cells.time()?,
        })
    })
}

fn done(cells: &mut Cells<'_, '_>) -> Result<Done, StoreError> {
    let step = cells.take::<Option<i64>>()?;
    match (step, cells.text_or_none(told)?) {
        (Some(step), None) => Ok(Done::Acted(CommitSeq(step))),
        (None, Some(done)) => Ok(done),
        (Some(_), Some(_)) | (None, None) => Err(cells.damaged("neither step nor outcomes")),
    }
}

/// An answer is an object, outcomes are a list.
fn told(text: &str) -> Option<Done> {
    if text.starts_with('{') {
        return Some(Done::Told(text.to_owned()));
    }
    decode(text).map(Done::Delivered)
}

fn encode(outcomes: &[Outcome]) -> Result<String, StoreError> {
    let row = |outcome: &Outcome| -> Row {
        let id = outcome.id.map(|id| id.to_string());
        (id, outcome.status.as_str().to_owned(), outcome.reason.clone())
    };
    json(&outcomes.iter().map(row).collect::<Vec<_>>())
}

fn decode(text: &str) -> Option<Vec<Outcome>> {
    let rows: Vec<Row> = serde_json::from_str(text).ok()?;
    let outcome = |(id, status, reason): Row| {
        let id: Option<ReadingId> = id.map(|id| id.parse()).transpose().ok()?;
        let status = Status::ALL.into_iter().find(|known| known.as_str() == status)?;
        Some(Outcome { id, status, reason })
    };
    rows.into_iter().map(outcome).collect()
}
