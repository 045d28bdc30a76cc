//! Saying that something was entered by mistake: it is kept, and counts no more.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use smol_str::SmolStr;

use super::{happened, people};
use crate::{
    domain::{EventId, Happened, PersonEvent},
    serve::{
        answers::{self, Answered},
        caller::Caller,
        extract,
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{StoreError, view::Scope},
};

/// Longest body, in bytes.
const BODY_MAX: usize = 16 * 1024;

/// Longest reason, in characters.
const REASON_MAX: usize = 500;

/// Says that a follow-up, a sum or an act at the bench was entered by mistake. It stays in the
/// timeline with the reason, and the lines judge the person anew without it.
#[utoipa::path(post, path = "/api/v1/events/{id}/void", tag = "people",
    params(("id" = String, Path, description = "The event.")), request_body = wire::VoidAsked,
    responses((status = 200, body = wire::EventKept)), extensions(("x-right" = json!("void"))))]
pub(in crate::serve) async fn void(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Void)?;
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let request = answers::repeatable(&headers, &caller, &format!("void {id}"), &body)?;
    let asked: wire::VoidAsked = extract::json(&body)?;
    let id: EventId = id.parse().map_err(|_no_key| Refusal::not_found())?;
    let scope = caller.scope().clone();
    let found = shared.ask(move |shared| entered(shared, &scope, &id)).await?;
    let mistake = found.ok_or(Refusal::not_found())?;
    let reason = asked.reason.trim();
    if reason.is_empty() {
        return Err(Refusal::bad("reason: say why, for those who look at it later"));
    }
    if reason.chars().count() > REASON_MAX {
        return Err(Refusal::too_large(format!("a reason has at most {REASON_MAX} characters")));
    }
    shared.writable()?;
    // It stands beside what it speaks of: whoever says it, and when, it is the same voiding.
    let (times, by) = ((mistake.at, shared.clock.now()), SmolStr::new(caller.grant.author()));
    let event = PersonEvent::new(mistake.person, Happened::Voided(mistake.id), times, by);
    happened::commit(&shared, event.with(None, Some(reason.to_owned())), request).await
}

/// What somebody entered about a person whom the scope reaches. A doctor's act about an alert and a
/// voiding are none of that.
fn entered(
    shared: &Shared,
    scope: &Scope,
    id: &EventId,
) -> Result<Option<PersonEvent>, StoreError> {
    let Some(event) = shared.reader.event(id)? else { return Ok(None) };
    let entered = match event.what {
        Happened::FollowUp { .. } | Happened::Money(_) | Happened::SiteAct(_) => true,
        Happened::Act { .. } | Happened::Voided(_) => false,
    };
    let reached = people::reached(shared, scope, event.person.as_str())?.is_some();
    Ok(Some(event).filter(|_| entered && reached))
}
