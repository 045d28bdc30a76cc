//! Two files of one person: merging them, taking that back, and which may be.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};

use super::{
    decide::{DECISION_MAX, hand_over, position},
    people::reached,
};
use crate::{
    commit::Wish,
    domain::PersonId,
    serve::{
        answers::{self, Answered},
        caller::Caller,
        describe,
        extract::{self, Asked, name, paging},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{CommitSeq, HeldMerge, RegistryKey},
};

/// Says that a file is the same person's as another one: what came under either counts as that
/// one's from now on, and is judged together. Nothing moves, and it can be taken back.
#[utoipa::path(post, path = "/api/v1/people/{id}/merge", tag = "people",
    params(("id" = String, Path, description = "The file that counts as the other's.")),
    request_body = wire::MergeAsked,
    responses((status = 200, body = wire::Merge)), extensions(("x-right" = json!("decide"))))]
pub(in crate::serve) async fn merge(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Decide)?;
    let body = extract::body(&shared, &headers, body, DECISION_MAX).await?;
    let person = own_file(&shared, &caller, &id).await?;
    let asked: wire::MergeAsked = extract::json(&body)?;
    let wish = merging(&shared, &caller, (person, &asked.into)).await?;
    let request = answers::repeatable(&headers, &caller, &format!("merge {id}"), &body)?;
    let seq = hand_over(&shared, &caller, (wish, asked.reason), request).await?;
    let held = shared.ask(move |shared| shared.reader.merge(seq)).await?;
    Answered::ok(&describe::merge(&held.ok_or(Refusal::not_found())?))
}

/// Takes a merge back: both files are judged apart again, as if they had never been one.
#[utoipa::path(post, path = "/api/v1/merges/{id}/undo", tag = "people",
    params(("id" = String, Path, description = "The merge.")), request_body = wire::ReasonAsked,
    responses((status = 200, body = wire::Merge)), extensions(("x-right" = json!("decide"))))]
pub(in crate::serve) async fn undo(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Decide)?;
    let body = extract::body(&shared, &headers, body, DECISION_MAX).await?;
    let (merge, wish) = unmerging(&shared, &caller, &id).await?;
    let asked: wire::ReasonAsked = extract::json(&body)?;
    let request = answers::repeatable(&headers, &caller, &format!("unmerge {id}"), &body)?;
    hand_over(&shared, &caller, (wish, asked.reason), request).await?;
    let held = shared.ask(move |shared| shared.reader.merge(merge)).await?;
    Answered::ok(&describe::merge(&held.ok_or(Refusal::not_found())?))
}

/// A file within the caller's reach.
pub(in crate::serve) async fn own_file(
    shared: &Arc<Shared>,
    caller: &Caller,
    id: &str,
) -> Result<PersonId, Refusal> {
    let (scope, path) = (caller.scope().clone(), id.to_owned());
    let person = shared.ask(move |shared| reached(shared, &scope, &path)).await?;
    Ok(person.ok_or(Refusal::not_found())?.person)
}

/// The wish that a file counts as another one within the caller's reach.
pub(in crate::serve) async fn merging(
    shared: &Arc<Shared>,
    caller: &Caller,
    (person, into): (PersonId, &str),
) -> Result<Wish, Refusal> {
    let survivor: Option<PersonId> = name("into", Some(into))?;
    let survivor = survivor.ok_or_else(|| Refusal::bad("into: the other file must be said"))?;
    within_reach(shared, caller, &survivor).await?;
    Ok(Wish::Merge { person, survivor })
}

/// The wish that a merge of two files within the caller's reach is taken back.
pub(in crate::serve) async fn unmerging(
    shared: &Arc<Shared>,
    caller: &Caller,
    id: &str,
) -> Result<(CommitSeq, Wish), Refusal> {
    let merge = position(id)?;
    let held = shared.ask(move |shared| shared.reader.merge(merge)).await?;
    let held = held.ok_or(Refusal::not_found())?;
    if !both_within_reach(shared, caller, &held).await? {
        return Err(Refusal::not_found());
    }
    Ok((merge, Wish::Unmerge { merge }))
}

/// Merges of people within one's scope, newest first, with those that were taken back and why.
#[utoipa::path(get, path = "/api/v1/merges", tag = "people", params(wire::PageAsked),
    responses((status = 200, body = wire::List<wire::Merge>)),
    extensions(("x-right" = json!("read_people"))))]
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::PageAsked>,
) -> Result<Json<wire::List<wire::Merge>>, Refusal> {
    caller.need(Right::ReadPeople)?;
    let paging = paging(asked.limit, asked.after)?;
    let page = shared.ask(move |shared| shared.reader.merges(caller.scope(), &paging)).await?;
    let items = page.items.iter().map(describe::merge).collect();
    Ok(Json(wire::List { items, next: page.next }))
}

/// Files within one's scope that carry the same identity number and are not merged: the same person,
/// if neither was typed wrong. Somebody has to say so.
#[utoipa::path(get, path = "/api/v1/merges/proposed", tag = "people", params(wire::PageAsked),
    responses((status = 200, body = wire::List<wire::MergeProposed>)),
    extensions(("x-right" = json!("read_people"))))]
pub(in crate::serve) async fn proposed(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::PageAsked>,
) -> Result<Json<wire::List<wire::MergeProposed>>, Refusal> {
    caller.need(Right::ReadPeople)?;
    let paging = paging(asked.limit, asked.after)?;
    let page =
        shared.ask(move |shared| shared.reader.same_numbers(caller.scope(), &paging)).await?;
    let proposed = |(person, other): &(PersonId, PersonId)| wire::MergeProposed {
        person: person.to_string(),
        same_as: describe::same_number(other),
    };
    Ok(Json(wire::List { items: page.items.iter().map(proposed).collect(), next: page.next }))
}

/// Files of two scopes are merged by nobody who does not see both.
async fn within_reach(
    shared: &Arc<Shared>,
    caller: &Caller,
    person: &PersonId,
) -> Result<(), Refusal> {
    let (scope, key) = (caller.scope().clone(), RegistryKey::Person(person.clone()));
    let found = shared.ask(move |shared| shared.reader.registered(&scope, &key)).await?;
    found.map(|_row| ()).ok_or_else(|| Refusal::bad("into: no such person within your reach"))
}

async fn both_within_reach(
    shared: &Arc<Shared>,
    caller: &Caller,
    held: &HeldMerge,
) -> Result<bool, Refusal> {
    let scope = caller.scope().clone();
    let both = [held.merged.person.clone(), held.merged.survivor.clone()].map(RegistryKey::Person);
    let found = shared.ask(move |shared| {
        let reached = both.iter().map(|key| shared.reader.registered(&scope, key));
        reached.collect::<Result<Vec<_>, _>>()
    });
    Ok(found.await?.iter().all(Option::is_some))
}
