//! Who sits down, where no card is read: looked up by name, initials, card or village, and pressed.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    super::page::{Guest, Lang, Page, Refused},
    names,
    words::{BenchWords, words},
};
use crate::{
    serve::{
        answers,
        api::bench,
        describe::Describer,
        extract::{Asked, paging},
        refusal::Refusal,
        scope::Right,
        secret,
        shared::Shared,
        wire,
    },
    store::{StoreError, view::Page as Found},
};

/// People in the list: whoever is not among them is looked up by more of their name.
const LISTED: usize = 12;

/// Longest text to look people up by, in characters.
const QUERY_MAX: usize = 64;

#[derive(Template)]
#[template(path = "bench_card.html")]
struct SearchPage {
    page: Page,
    b: &'static BenchWords,
    site: String,
    bench: String,
    query: String,
    people: Vec<wire::PersonRow>,
    key: String,
}

/// `GET /lite/bench/{site}/{bench}/card`
pub(in crate::serve) async fn page(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    Path((site, bench)): Path<(String, String)>,
    Asked(asked): Asked<wire::PageWords>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::SiteAct)?;
    caller.need(Right::ReadPeople)?;
    let (site, bench) = names(&site, &bench)?;
    let b = words(lang.english());
    let page = Page::new(&shared, lang, Some(&caller), b.sit_down);
    let query: String = asked.q.unwrap_or_default().trim().chars().take(QUERY_MAX).collect();
    let (wanted, at, paging) = (query.clone(), site.clone(), paging(Some(LISTED), None)?);
    let people = shared.ask(move |shared| {
        let mut describer = Describer::new(shared);
        if !describer.reaches_site(caller.scope(), &at)? {
            return Ok(None);
        }
        // Nobody is listed before somebody is looked for.
        if wanted.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let Found { items, .. } = shared.reader.people(caller.scope(), &wanted, &paging)?;
        let rows = items.iter().map(|person| describer.person_in_list(person));
        rows.collect::<Result<Vec<_>, StoreError>>().map(Some)
    });
    let people = people.await?.ok_or(Refusal::not_found())?;
    let key = secret::text().map_err(|error| Refusal::broken(&error))?;
    let (site, bench) = (site.to_string(), bench.to_string());
    let page = SearchPage { page, b, site, bench, query, people, key };
    page.page.answer(&page)
}

/// `POST /lite/bench/{site}/{bench}/card`
pub(in crate::serve) async fn hold(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
    Path((site, bench)): Path<(String, String)>,
    form: Result<Form<wire::CardForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_csrf(&form.csrf)?;
    let caller = guest.0;
    caller.need(Right::SiteAct)?;
    let (site, bench) = names(&site, &bench)?;
    let out = form.out == "out";
    let person = Some(form.person).filter(|person| !person.is_empty() && !out);
    // A second press of the same button on the same page is the same card.
    let route = format!("form card {site} {bench} {} {out}", person.as_deref().unwrap_or_default());
    let key = Some(form.key).filter(|key| !key.is_empty());
    let request = key.map(|key| answers::request(&key, &caller.principal(), &route, b""));
    let asked = wire::CardAsked { person, out, ..wire::CardAsked::default() };
    let there = format!("/lite/bench/{site}/{bench}");
    bench::hold(&shared, &caller, (site, bench), (asked, request)).await?;
    Ok(Redirect::to(&there).into_response())
}
