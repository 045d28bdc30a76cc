//! What people enter about a person: a formal follow-up, a sum of money, what was done at the bench.

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
    admit::{self, EventProblem, SiteActSaid},
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
    store::{Request, Status, StoreError, view::Scope},
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

    /// Checks what was done at the bench.
    pub(in crate::serve) fn site_act(
        pack: &Pack,
        asked: wire::SiteActAsked,
        now: Timestamp,
    ) -> Result<Self, EventProblem> {
        let at = asked.at.as_deref().map(|at| admit::happened_at(at, pack, now)).transpose()?;
        let said = SiteActSaid {
            site: asked.site,
            bench: asked.bench,
            act: asked.act,
            symptoms: asked.symptoms,
            reading: asked.reading,
            alert: asked.alert,
        };
        let what = admit::site_act(pack, said)?;
        Ok(Self::of(what, at.unwrap_or(now), asked.reference, asked.note))
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
    let entry = Entry::follow_up(&shared.rules(), extract::json(&body)?, shared.clock.now());
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
    let entry = Entry::money(&shared.rules(), extract::json(&body)?, shared.clock.now());
    enter(&shared, &caller, id, entry, request).await
}

/// Enters what was done at the bench. Symptoms count as those of the reading that is named: the lines
/// judge it anew, and the page to the doctor leaves at once.
#[utoipa::path(post, path = "/api/v1/people/{id}/site-acts", tag = "people",
    params(("id" = String, Path, description = "The person.")),
    request_body = wire::SiteActAsked,
    responses((status = 200, body = wire::EventKept)), extensions(("x-right" = json!("site_act"))))]
pub(in crate::serve) async fn site_act(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::SiteAct)?;
    let body = extract::body(&shared, &headers, body, ENTRY_MAX).await?;
    let request = answers::repeatable(&headers, &caller, &format!("site-act {id}"), &body)?;
    let asked = extract::json(&body)?;
    act_at_site(&shared, &caller, id, asked, request).await
}

/// Enters what was done at the bench, from the API or from the bench's page.
pub(in crate::serve) async fn act_at_site(
    shared: &Arc<Shared>,
    caller: &Caller,
    id: String,
    asked: wire::SiteActAsked,
    request: Option<Request>,
) -> Result<Answered, Refusal> {
    let entry = Entry::site_act(&shared.rules(), asked, shared.clock.now());
    enter(shared, caller, id, entry, request).await
}

/// The reading and the alert that an act at the bench names are the person's.
fn names_own(
    shared: &Shared,
    scope: &Scope,
    (person, what): (&PersonId, &Happened),
) -> Result<Result<(), EventProblem>, StoreError> {
    let Happened::SiteAct(act) = what else { return Ok(Ok(())) };
    if let Some(reading) = &act.reading {
        let found = shared.reader.reading(scope, reading)?;
        let whose = found.and_then(|(_, stored)| stored.attribution);
        if whose.is_none_or(|whose| whose.person != *person) {
            return Ok(Err(EventProblem::NoReading));
        }
    }
    if let Some(alert) = &act.alert {
        let found = shared.reader.alert(scope, alert)?;
        if found.is_none_or(|found| found.alert.person != *person) {
            return Ok(Err(EventProblem::NoAlert));
        }
    }
    Ok(Ok(()))
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
    let found = shared.ask(move |shared| {
        let Some(person) = people::reached(shared, &scope, &id)? else { return Ok(None) };
        let checked = match entry {
            Ok(entry) => names_own(shared, &scope, (&person.person, &entry.what))?.map(|()| entry),
            Err(problem) => Err(problem),
        };
        Ok(Some((person.person, checked)))
    });
    let (person, entry) = found.await?.ok_or(Refusal::not_found())?;
    let entry = entry.map_err(|problem| Refusal::event(&problem))?;
    if let Some((field, max)) = entry.too_long() {
        return Err(Refusal::too_large(format!("{field}: at most {max} characters")));
    }
    shared.writable()?;
    let event = entry.event(person, shared.clock.now(), SmolStr::new(caller.grant.author()));
    commit(shared, event, request).await
}

/// Answers when an event is on disk, once for its request.
pub(in crate::serve) async fn commit(
    shared: &Arc<Shared>,
    event: PersonEvent,
    request: Option<Request>,
) -> Result<Answered, Refusal> {
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
