//! People of the caller's own scope.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};

use crate::{
    domain::{Person, PersonId, Registered, Timestamp},
    serve::{
        caller::Caller,
        describe::{Describer, Part},
        extract::{Asked, instant, paging},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        trail, wire,
    },
    store::{RegistryKey, StoreError, view::Scope},
};

/// Longest text to look people up by, in characters.
const QUERY_MAX: usize = 64;

/// People who are found by a text, by village and id; everybody where there is none.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", params(wire::PeopleAsked),
    responses((status = 200, body = wire::List<wire::PersonRow>)),
    extensions(("x-right" = json!("read_people"))))]
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::PeopleAsked>,
) -> Result<Json<wire::List<wire::PersonRow>>, Refusal> {
    caller.need(Right::ReadPeople)?;
    let paging = paging(asked.limit, asked.after)?;
    let query: String =
        asked.q.or(asked.query).unwrap_or_default().chars().take(QUERY_MAX).collect();
    let answer = shared.ask(move |shared| {
        let page = shared.reader.people(caller.scope(), &query, &paging)?;
        let mut describer = Describer::new(shared);
        let items = page.items.iter().map(|person| describer.person_in_list(person));
        Ok(wire::List { items: items.collect::<Result<_, StoreError>>()?, next: page.next })
    });
    answer.await.map(Json)
}

/// One person with their lines, newest readings and open alerts.
#[utoipa::path(get, path = "/api/v1/people/{id}", tag = "people",
    params(("id" = String, Path, description = "The person.")),
    responses((status = 200, body = wire::Person)),
    extensions(("x-right" = json!("read_people"))))]
pub(in crate::serve) async fn one(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Person>, Refusal> {
    caller.need(Right::ReadPeople)?;
    let answer = shared.ask(move |shared| {
        let Some(person) = reached(shared, caller.scope(), &id)? else { return Ok(None) };
        note_look(&person);
        Describer::new(shared).person(caller.scope(), &person).map(Some)
    });
    answer.await?.map(Json).ok_or(Refusal::not_found())
}

/// What happened to a person, newest first.
#[utoipa::path(get, path = "/api/v1/people/{id}/timeline", tag = "people",
    params(("id" = String, Path, description = "The person."), wire::TimelineAsked),
    responses((status = 200, body = wire::List<wire::TimelineItem>)),
    extensions(("x-right" = json!("read_people"))))]
pub(in crate::serve) async fn timeline(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(asked): Asked<wire::TimelineAsked>,
) -> Result<Json<wire::List<wire::TimelineItem>>, Refusal> {
    caller.need(Right::ReadPeople)?;
    let as_of = instant("as_of", asked.as_of.as_deref())?;
    let paging = paging(asked.limit, asked.after)?;
    let before = match paging.after.as_deref().map(str::parse::<i64>) {
        None => None,
        Some(Ok(millis)) => Some(Timestamp::from_millis(millis)),
        Some(Err(_not_ours)) => return Err(Refusal::bad("after: not a cursor of ours")),
    };
    let answer = shared.ask(move |shared| {
        let Some(person) = reached(shared, caller.scope(), &id)? else { return Ok(None) };
        note_look(&person);
        let describer = Describer::new(shared);
        let part = Part { before, as_of, limit: paging.limit };
        describer.timeline(&person, &part).map(Some)
    });
    answer.await?.map(Json).ok_or(Refusal::not_found())
}

/// A person, if the scope reaches them. A text that is no name is nobody's.
pub(in crate::serve) fn reached(
    shared: &Shared,
    scope: &Scope,
    id: &str,
) -> Result<Option<Person>, StoreError> {
    let Ok(id) = PersonId::new(id) else { return Ok(None) };
    match shared.reader.registered(scope, &RegistryKey::Person(id))? {
        Some(Registered::Person(person)) => Ok(Some(person)),
        Some(_) | None => Ok(None),
    }
}

/// A person is looked at (P10).
pub(in crate::serve) fn note_look(person: &Person) {
    trail::shows(&person.person);
}
