//! What people enter about a person: a formal follow-up, a sum of money.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use firmware_protocols::Decimal;
use serde_json::Number;
use smol_str::SmolStr;

use super::{people, post};
use crate::{
    admit::{self, EventProblem},
    assess::Pack,
    domain::{Happened, PersonEvent, PersonId, Timestamp},
    intake::Item,
    serve::{
        answers::{self, Answered},
        caller::Caller,
        extract,
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{Request, Status},
};

/// Longest body of an entry, in bytes.
const ENTRY_MAX: usize = 16 * 1024;

/// Longest note, in characters.
const NOTE_MAX: usize = 2_000;

/// Longest reference, in characters.
const REFERENCE_MAX: usize = 128;

/// An entry that can be one: what happened, when, the sender's reference, and the note.
#[derive(Debug)]
pub(in crate::serve) struct Entry {
    what: Happened,
    at: Timestamp,
    reference: Option<SmolStr>,
    note: Option<String>,
}

impl Entry {
    /// Checks a follow-up.
    pub(in crate::serve) fn follow_up(
        pack: &Pack,
        asked: wire::FollowUpAsked,
        now: Timestamp,
    ) -> Result<Self, EventProblem> {
        let at = admit::happened_at(&asked.at, pack, now)?;
        let number = |value: Option<Number>, problem: EventProblem| {
            value.as_ref().map(|value| exact(value).ok_or(problem)).transpose()
        };
        let systolic = number(asked.systolic, EventProblem::Pressure)?;
        let diastolic = number(asked.diastolic, EventProblem::Pressure)?;
        let fasting = number(asked.fasting, EventProblem::Fasting)?;
        let symptoms = asked.symptoms.iter().map(SmolStr::new).collect();
        let what = admit::follow_up(pack, (systolic, diastolic), fasting, symptoms)?;
        Ok(Self::of(what, at, asked.reference, asked.note))
    }

    /// Checks a sum of money.
    pub(in crate::serve) fn money(
        pack: &Pack,
        asked: wire::MoneyAsked,
        now: Timestamp,
    ) -> Result<Self, EventProblem> {
        let at = admit::happened_at(&asked.at, pack, now)?;
        let yuan = exact(&asked.yuan).ok_or(EventProblem::Yuan)?;
        let what = admit::money(pack, &asked.profile, &asked.kind, yuan)?;
        Ok(Self::of(what, at, asked.reference, asked.note))
    }

    fn of(what: Happened, at: Timestamp, reference: Option<String>, note: Option<String>) -> Self {
        let said = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let reference = reference.and_then(said).map(SmolStr::from);
        Self { what, at, reference, note: note.and_then(said) }
    }

    /// The event of a person that it is.
    pub(in crate::serve) fn event(
        self,
        person: PersonId,
        received_at: Timestamp,
        author: SmolStr,
    ) -> PersonEvent {
        let event = PersonEvent::new(person, self.what, (self.at, received_at), author);
        event.with(self.reference, self.note)
    }

    /// The first text that is longer than is kept.
    pub(in crate::serve) fn too_long(&self) -> Option<(&'static str, usize)> {
        let long = |text: Option<&str>, max| text.is_some_and(|text| text.chars().count() > max);
        if long(self.note.as_deref(), NOTE_MAX) {
            return Some(("note", NOTE_MAX));
        }
        long(self.reference.as_deref(), REFERENCE_MAX).then_some(("reference", REFERENCE_MAX))
    }
}

/// A JSON number as it is written; `None` where it has more digits than any value.
fn exact(number: &Number) -> Option<Decimal> {
    number.to_string().parse().ok()
}

/// Enters a formal follow-up of a person: the lines judge it among the readings.
#[utoipa::path(post, path = "/api/v1/people/{id}/follow-ups", tag = "people",
    params(("id" = String, Path, description = "The person.")),
    request_body = wire::FollowUpAsked,
    responses((status = 200, body = wire::EventKept)), extensions(("x-right" = json!("follow_up"))))]
pub(in crate::serve) async fn follow_up(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::FollowUp)?;
    let body = extract::body(&shared, &headers, body, ENTRY_MAX).await?;
    let request = answers::repeatable(&headers, &caller, &format!("follow-up {id}"), &body)?;
    let entry = Entry::follow_up(&shared.rules, extract::json(&body)?, shared.clock.now());
    enter(&shared, &caller, id, entry, request).await
}

/// Enters what a person paid out of their own pocket: the money line judges it.
#[utoipa::path(post, path = "/api/v1/people/{id}/money", tag = "people",
    params(("id" = String, Path, description = "The person.")),
    request_body = wire::MoneyAsked,
    responses((status = 200, body = wire::EventKept)), extensions(("x-right" = json!("money"))))]
pub(in crate::serve) async fn money(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Money)?;
    let body = extract::body(&shared, &headers, body, ENTRY_MAX).await?;
    let request = answers::repeatable(&headers, &caller, &format!("money {id}"), &body)?;
    let entry = Entry::money(&shared.rules, extract::json(&body)?, shared.clock.now());
    enter(&shared, &caller, id, entry, request).await
}

/// Enters it, if the caller reaches the person, and answers when it is on disk.
async fn enter(
    shared: &Arc<Shared>,
    caller: &Caller,
    id: String,
    entry: Result<Entry, EventProblem>,
    request: Option<Request>,
) -> Result<Answered, Refusal> {
    let scope = caller.scope().clone();
    let person = shared.ask(move |shared| people::reached(shared, &scope, &id)).await?;
    let person = person.ok_or(Refusal::not_found())?.person;
    let entry = entry.map_err(|problem| Refusal::event(&problem))?;
    if let Some((field, max)) = entry.too_long() {
        return Err(Refusal::too_large(format!("{field}: at most {max} characters")));
    }
    shared.writable()?;
    let event = entry.event(person, shared.clock.now(), SmolStr::new(caller.grant.author()));
    let id = event.id.to_string();
    let items = vec![Item::Event(Box::new(event))];
    let receipt = answers::in_time(post::commit(shared, request, items, ENTRY_MAX)).await?;
    let status = receipt.outcomes.first().map_or(Status::Stored, |outcome| outcome.status);
    let conflict = receipt.outcomes.iter().any(|outcome| outcome.reason.is_some());
    if conflict {
        return Err(Refusal::event_conflict());
    }
    Answered::ok(&wire::EventKept { id, status: status.as_str() })
}
