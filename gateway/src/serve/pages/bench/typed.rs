//! A value that somebody types because a device failed.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    body::Bytes,
    extract::{Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Map, Value, json};
use smol_str::SmolStr;

use super::{
    super::page::{Guest, Lang, Page, Refused},
    Sitting, names, sits,
    words::{BenchWords, words},
};
use crate::serve::{
    answers, api::post, describe::Describer, refusal::Refusal, scope::Right, secret,
    shared::Shared, wire,
};

#[derive(Template)]
#[template(path = "bench_type.html")]
struct TypePage {
    page: Page,
    b: &'static BenchWords,
    site: String,
    bench: String,
    sitting: Option<Sitting>,
    key: String,
}

/// `GET /lite/bench/{site}/{bench}/type`
pub(in crate::serve) async fn page(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    Path((site, bench)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::SiteAct)?;
    let (site, bench) = names(&site, &bench)?;
    let b = words(lang.english());
    let page = Page::new(&shared, lang, Some(&caller), b.type_in);
    let asked = (site.clone(), bench.clone());
    let found = shared.ask(move |shared| {
        let (site, bench) = asked;
        Describer::new(shared).bench(caller.scope(), (&site, &bench))
    });
    let found = found.await?.ok_or(Refusal::not_found())?;
    let page = TypePage {
        b,
        site: site.to_string(),
        bench: bench.to_string(),
        sitting: found.sitting.map(|sitting| sits(sitting, lang.words.years)),
        key: secret::text().map_err(|error| Refusal::broken(&error))?,
        page,
    };
    page.page.answer(&page)
}

/// `POST /lite/bench/{site}/{bench}/type`
pub(in crate::serve) async fn keep(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
    Path((site, bench)): Path<(String, String)>,
    form: Result<Form<wire::TypedForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_csrf(&form.csrf)?;
    let caller = guest.0;
    caller.need(Right::SiteAct)?;
    let (site, bench) = names(&site, &bench)?;
    if form.key.is_empty() {
        return Err(Refusal::bad("key: missing").into());
    }
    let mut typed = written(&form)?;
    typed.insert("source".to_owned(), json!("typed"));
    typed.insert("site".to_owned(), json!(site.as_str()));
    typed.insert("bench".to_owned(), json!(bench.as_str()));
    if form.person.trim().is_empty() {
        return Err(Refusal::bad("person: missing").into());
    }
    typed.insert("person".to_owned(), json!(form.person.trim()));
    let body = Value::Object(typed).to_string();
    let request = answers::request(&form.key, &caller.principal(), "form typed", body.as_bytes());
    let key = SmolStr::new(&form.key);
    post::type_in(&shared, &caller, Bytes::from(body), (key, request)).await?;
    Ok(Redirect::to(&format!("/lite/bench/{site}/{bench}")).into_response())
}

/// The values of the form, with exactly the digits that were typed.
fn written(form: &wire::TypedForm) -> Result<Map<String, Value>, Refusal> {
    let number = |name: &str, text: &str| -> Result<Value, Refusal> {
        let wrong = || Refusal::bad(format!("{name}: expected a number"));
        serde_json::from_str::<serde_json::Number>(text.trim())
            .map(Value::Number)
            .map_err(|_no_number| wrong())
    };
    let mut typed = Map::new();
    if form.kind == "glucose" {
        typed.insert("kind".to_owned(), json!("glucose"));
        typed.insert("unit".to_owned(), json!("mmol/L"));
        typed.insert("value".to_owned(), number("value", &form.value)?);
        typed.insert("meal".to_owned(), json!(form.meal));
        return Ok(typed);
    }
    typed.insert("kind".to_owned(), json!("blood_pressure"));
    typed.insert("unit".to_owned(), json!("mmHg"));
    typed.insert("systolic".to_owned(), number("systolic", &form.systolic)?);
    typed.insert("diastolic".to_owned(), number("diastolic", &form.diastolic)?);
    if !form.pulse.trim().is_empty() {
        typed.insert("pulse".to_owned(), number("pulse", &form.pulse)?);
    }
    Ok(typed)
}
