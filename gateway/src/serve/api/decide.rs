//! Deciding what waits in quarantine: claiming it for a person, dismissing it, taking that back.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use smol_str::SmolStr;
use tokio::sync::oneshot;

use crate::{
    commit::{Decide, Wish, Work},
    domain::PersonId,
    serve::{
        answers::{self, Answered},
        caller::Caller,
        describe,
        extract::{self, name},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{CommitSeq, RegistryKey, Request},
};

/// Longest body of a decision, in bytes.
pub(super) const DECISION_MAX: usize = 16 * 1024;

/// Longest reason, in characters.
const REASON_MAX: usize = 500;

/// What a form or a body asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::serve) enum Asked {
    /// It is this person's.
    Claim(String),
    /// It is nobody's.
    Dismiss,
    /// The decision was wrong.
    Undo,
}

/// The wish that somebody may have about an item, or about a decision.
pub(in crate::serve) async fn wish(
    shared: &Arc<Shared>,
    caller: &Caller,
    id: &str,
    asked: Asked,
) -> Result<Wish, Refusal> {
    let at = position(id)?;
    match asked {
        Asked::Claim(person) => {
            let item = reachable(shared, caller, at).await?;
            let person: Option<PersonId> = name("person", Some(&person))?;
            let person = person.ok_or_else(|| Refusal::bad("person: whose it is must be said"))?;
            known(shared, caller, &person).await?;
            Ok(Wish::Claim { item, person })
        }
        Asked::Dismiss => Ok(Wish::Dismiss { item: reachable(shared, caller, at).await? }),
        Asked::Undo => {
            let about = shared.ask(move |shared| shared.reader.decision(at)).await?;
            let about = about.ok_or(Refusal::not_found())?;
            reachable(shared, caller, about.item).await?;
            Ok(Wish::Undo { decision: at })
        }
    }
}

/// Says whose a reading in quarantine is: it is theirs from now on, and they are judged anew.
#[utoipa::path(post, path = "/api/v1/quarantine/{id}/claim", tag = "kept aside",
    params(("id" = String, Path, description = "The item.")), request_body = wire::ClaimAsked,
    responses((status = 200, body = wire::Decision)), extensions(("x-right" = json!("decide"))))]
pub(in crate::serve) async fn claim(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Decide)?;
    let body = extract::body(&shared, &headers, body, DECISION_MAX).await?;
    let asked: wire::ClaimAsked = extract::json(&body)?;
    let wish = wish(&shared, &caller, &id, Asked::Claim(asked.person)).await?;
    let request = answers::repeatable(&headers, &caller, &format!("claim {id}"), &body)?;
    decide(&shared, &caller, (wish, asked.reason), request).await
}

/// Says that an item of quarantine is nobody's: it waits no more, and is kept.
#[utoipa::path(post, path = "/api/v1/quarantine/{id}/dismiss", tag = "kept aside",
    params(("id" = String, Path, description = "The item.")), request_body = wire::ReasonAsked,
    responses((status = 200, body = wire::Decision)), extensions(("x-right" = json!("decide"))))]
pub(in crate::serve) async fn dismiss(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Decide)?;
    let body = extract::body(&shared, &headers, body, DECISION_MAX).await?;
    let asked: wire::ReasonAsked = extract::json(&body)?;
    let wish = wish(&shared, &caller, &id, Asked::Dismiss).await?;
    let request = answers::repeatable(&headers, &caller, &format!("dismiss {id}"), &body)?;
    decide(&shared, &caller, (wish, asked.reason), request).await
}

/// Takes a claim or a dismissal back: the item waits again, and whoever had its reading is judged
/// anew without it.
#[utoipa::path(post, path = "/api/v1/claims/{id}/undo", tag = "kept aside",
    params(("id" = String, Path, description = "The decision.")), request_body = wire::ReasonAsked,
    responses((status = 200, body = wire::Decision)), extensions(("x-right" = json!("decide"))))]
pub(in crate::serve) async fn undo(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Decide)?;
    let body = extract::body(&shared, &headers, body, DECISION_MAX).await?;
    let asked: wire::ReasonAsked = extract::json(&body)?;
    let wish = wish(&shared, &caller, &id, Asked::Undo).await?;
    let request = answers::repeatable(&headers, &caller, &format!("undo {id}"), &body)?;
    decide(&shared, &caller, (wish, asked.reason), request).await
}

pub(super) fn position(id: &str) -> Result<CommitSeq, Refusal> {
    id.parse().map(CommitSeq).map_err(|_no_number| Refusal::not_found())
}

/// The item, if the caller may see it.
async fn reachable(
    shared: &Arc<Shared>,
    caller: &Caller,
    item: CommitSeq,
) -> Result<CommitSeq, Refusal> {
    let scope = caller.reach.board.clone();
    let held = shared.ask(move |shared| shared.reader.quarantined(&scope, item)).await?;
    held.map(|held| held.seq).ok_or(Refusal::not_found())
}

/// A reading is given to nobody whom the caller may not see.
async fn known(shared: &Arc<Shared>, caller: &Caller, person: &PersonId) -> Result<(), Refusal> {
    let (scope, key) = (caller.scope().clone(), RegistryKey::Person(person.clone()));
    let found = shared.ask(move |shared| shared.reader.registered(&scope, &key)).await?;
    found.map(|_row| ()).ok_or_else(|| Refusal::bad("person: no such person within your reach"))
}

async fn decide(
    shared: &Arc<Shared>,
    caller: &Caller,
    wish: (Wish, String),
    request: Option<Request>,
) -> Result<Answered, Refusal> {
    let seq = hand_over(shared, caller, wish, request).await?;
    let decided = shared.ask(move |shared| shared.reader.decision(seq)).await?;
    let decided = decided.ok_or(Refusal::not_found())?;
    Answered::ok(&describe::decided(seq, &decided))
}

/// Hands a wish with its reason to the writer; returns where the decision stands.
pub(in crate::serve) async fn hand_over(
    shared: &Arc<Shared>,
    caller: &Caller,
    (wish, reason): (Wish, String),
    request: Option<Request>,
) -> Result<CommitSeq, Refusal> {
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Refusal::bad("reason: say why, for those who look at it later"));
    }
    if reason.chars().count() > REASON_MAX {
        return Err(Refusal::too_large(format!("a reason has at most {REASON_MAX} characters")));
    }
    shared.writable()?;
    let (reply, done) = oneshot::channel();
    let by = SmolStr::new(caller.grant.author());
    answers::in_time(async {
        shared.inlet.hand_over(Work::Decide(Decide { wish, reason, by, request, reply })).await?;
        let done = done.await.map_err(|_dropped| Refusal::from(crate::intake::NotCommitted))?;
        done.map_err(Refusal::from)
    })
    .await
}
