//! Follow-ups and money from a file: the operator's tool sends rows, and is told of each that is
//! none.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use serde::de::DeserializeOwned;
use smol_str::SmolStr;

use super::{
    admin::ROWS_MAX,
    api::happened::Entry,
    extract::{self, Asked},
    refusal::Refusal,
    shared::Shared,
    wire,
};
use crate::{
    admit::EventProblem,
    domain::{PersonEvent, PersonId},
    intake::Item,
    store::{RegistryKey, Status, view::Scope},
};

/// A row that is none: the column and the reason.
type Rejected = (String, String);

/// A row: whose, and what, if it can be that.
type Row = (String, Result<Entry, Rejected>);

/// Checks rows, and enters those that are events unless they are only to be checked.
pub(super) async fn enter(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<wire::EventsEntered>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::EventsCounted>, Refusal> {
    shared.writable()?;
    let body = extract::body(&shared, &headers, body, ROWS_MAX).await?;
    let author = SmolStr::new(asked.author.as_deref().unwrap_or("operator"));
    let rules = shared.rules();
    let now = shared.clock.now();
    let rows: Vec<_> = match asked.kind.as_str() {
        "follow_ups" => rows(&body, &|entry| Entry::follow_up(&rules, entry, now))?,
        "money" => rows(&body, &|entry| Entry::money(&rules, entry, now))?,
        other => return Err(Refusal::bad(format!("kind: {other:?} is none"))),
    };
    let checked = shared.ask(move |shared| {
        let known = |(person, entry): Row| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(rejected) => return Ok(Err(rejected)),
            };
            let Ok(person) = PersonId::new(&person) else { return Ok(Err(unknown())) };
            let key = RegistryKey::Person(person.clone());
            let row = shared.reader.registered(&Scope::Everything, &key)?;
            let event = || Box::new(entry.event(person, now, author.clone()));
            Ok(if row.is_some() { Ok(event()) } else { Err(unknown()) })
        };
        rows.into_iter().map(known).collect::<Result<Vec<_>, _>>()
    });
    commit(&shared, checked.await?, asked.dry_run, body.len()).await.map(Json)
}

fn unknown() -> Rejected {
    ("person".to_owned(), "no such person in the registry / 登记中没有此人".to_owned())
}

fn rows<T: DeserializeOwned>(
    body: &[u8],
    check: &dyn Fn(T) -> Result<Entry, EventProblem>,
) -> Result<Vec<Row>, Refusal> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let row = |line: &[u8]| {
        let row: wire::EventLine<T> =
            serde_json::from_slice(line).map_err(|error| Refusal::bad_json(error.to_string()))?;
        let problem = |problem: EventProblem| {
            (problem.field().to_owned(), format!("{problem} / {}", problem.zh()))
        };
        let entry = check(row.entry).map_err(problem);
        let entry = entry.and_then(|entry| match entry.too_long() {
            Some((field, max)) => Err((field.to_owned(), format!("at most {max} characters"))),
            None => Ok(entry),
        });
        Ok((row.person, entry))
    };
    lines.map(row).collect()
}

async fn commit(
    shared: &Arc<Shared>,
    checked: Vec<Result<Box<PersonEvent>, Rejected>>,
    dry_run: bool,
    bytes: usize,
) -> Result<wire::EventsCounted, Refusal> {
    let mut counted = wire::EventsCounted { stored: 0, rejected: Vec::new() };
    let (mut items, mut places) = (Vec::new(), Vec::new());
    for (place, row) in checked.into_iter().enumerate() {
        match row {
            Err((column, why)) => counted.rejected.push((place, column, why)),
            Ok(event) => {
                places.push(place);
                items.push(Item::Event(event));
            }
        }
    }
    if dry_run || items.is_empty() {
        return Ok(counted);
    }
    let receipt = shared.inlet.deliver(items, bytes).await?.receipt().await?;
    for (place, outcome) in places.into_iter().zip(receipt.outcomes) {
        match (outcome.status, outcome.reason) {
            (Status::Stored, _) => counted.stored = counted.stored.saturating_add(1),
            (_, None) => {}
            (_, Some(_conflict)) => counted.rejected.push((
                place,
                "reference".to_owned(),
                "other content is stored under this reference, or the same with another note \
                 / 该编号下已有不同内容"
                    .to_owned(),
            )),
        }
    }
    counted.rejected.sort();
    Ok(counted)
}
