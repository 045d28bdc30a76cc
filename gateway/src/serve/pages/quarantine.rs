//! What waits in quarantine, with who it could be and the buttons to decide, and what was decided.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    marks::{Shown, shown},
    page::{Guest, Lang, Page, Refused, clock_time},
    words::Words,
};
use crate::{
    domain::PersonId,
    serve::{
        answers,
        api::decide::{self, Asked},
        describe::{self, Describer},
        extract,
        refusal::Refusal,
        scope::Right,
        secret,
        shared::Shared,
        wire,
    },
    store::{
        StoreError,
        view::{HeldQuarantine, HeldState, Paging},
    },
};

/// Items of a page that wait: a page has 30 KB at most (UX section 7).
const WAITING: usize = 10;

/// Items of each kind that were decided about, newest first.
const DECIDED: usize = 5;

/// Bytes of a delivery that a page shows; the interface gives all of them.
const BYTES_SHOWN: usize = 96;

/// Somebody it could be.
#[derive(Debug)]
struct Candidate {
    person: String,
    name: String,
    why: Vec<String>,
}

/// One item.
#[derive(Debug)]
struct Item {
    id: String,
    reason: &'static str,
    code: &'static str,
    detail: String,
    received: String,
    site: String,
    device: String,
    reading: Option<Shown>,
    grade: &'static str,
    hex: String,
    bytes: usize,
    candidates: Vec<Candidate>,
    may_claim: bool,
    may_dismiss: bool,
    decision: Option<Told>,
    key: String,
}

/// What was decided.
#[derive(Debug)]
struct Told {
    id: String,
    what: String,
    by: String,
    at: String,
    why: String,
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct QuarantinePage {
    page: Page,
    waiting: Vec<Item>,
    next: Option<String>,
    decided: Vec<Item>,
}

/// `GET /lite/quarantine`
pub(in crate::serve) async fn quarantine(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    extract::Asked(asked): extract::Asked<wire::PageWords>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::Decide)?;
    let t = lang.words;
    let page = Page::new(&shared, lang, Some(&caller), t.quarantine);
    let (waiting, next, decided) = shared
        .ask(move |shared| {
            let mut describer = Describer::new(shared);
            let board = &caller.reach.board;
            let of = |state, limit, after| {
                shared.reader.quarantine(board, state, &Paging { limit, after })
            };
            let found = of(HeldState::Waiting, WAITING, asked.after)?;
            let mut item = |held: &HeldQuarantine| {
                let suggested = describer.suggestions(caller.scope(), held)?;
                item(&mut describer, held, suggested, t)
            };
            let waiting = found.items.iter().map(&mut item).collect::<Result<Vec<_>, _>>()?;
            let mut decided = of(HeldState::Claimed, DECIDED, None)?.items;
            decided.extend(of(HeldState::Dismissed, DECIDED, None)?.items);
            let decided = decided.iter().map(&mut item).collect::<Result<Vec<_>, StoreError>>()?;
            Ok((waiting, found.next, decided))
        })
        .await?;
    let mut page = QuarantinePage { page, waiting, next, decided };
    for item in page.waiting.iter_mut().chain(&mut page.decided) {
        item.key = secret::text().map_err(|error| Refusal::broken(&error))?;
    }
    page.page.answer(&page)
}

/// `POST /lite/quarantine/{id}`
pub(in crate::serve) async fn decide(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
    Path(id): Path<String>,
    form: Result<Form<wire::FormSent>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_form(&form)?;
    let caller = guest.0;
    caller.need(Right::Decide)?;
    let asked = match form.act.as_str() {
        // What was typed is meant, if something was typed.
        "claim" if form.other.trim().is_empty() => Asked::Claim(form.person.clone()),
        "claim" => Asked::Claim(form.other.trim().to_owned()),
        "dismiss" => Asked::Dismiss,
        "undo" => Asked::Undo,
        other => return Err(Refusal::bad(format!("act: {other:?} is none")).into()),
    };
    let route = format!("form {} {id}", form.act);
    let key = Some(form.key.as_str()).filter(|key| !key.is_empty());
    let body = format!("{asked:?} {}", form.note);
    let principal = caller.principal();
    let request = key.map(|key| answers::request(key, &principal, &route, body.as_bytes()));
    let wish = decide::wish(&shared, &caller, &id, asked).await?;
    decide::hand_over(&shared, &caller, (wish, form.note), request).await?;
    Ok(Redirect::to("/lite/quarantine").into_response())
}

fn item(
    describer: &mut Describer<'_>,
    held: &HeldQuarantine,
    suggested: Vec<wire::Suggestion>,
    t: &Words,
) -> Result<Item, StoreError> {
    let told = describe::quarantined(held, true, Vec::new());
    let mut candidates = Vec::new();
    for found in suggested {
        let why = found.evidence.into_iter().map(|it| if t.lang == "en" { it.en } else { it.zh });
        let (name, why) = (named(describer, &found.person)?, why.collect());
        candidates.push(Candidate { name, why, person: found.person });
    }
    let decision = match told.decision {
        Some(decision) => Some(decided(describer, decision, t)?),
        None => None,
    };
    let waits = held.state() == HeldState::Waiting && held.reason.waits_for_decision();
    Ok(Item {
        id: told.id,
        reason: t.held(held.reason),
        code: told.reason,
        detail: held.detail.clone(),
        received: clock_time(&told.received_at),
        site: told.site.unwrap_or_default(),
        device: told.device.unwrap_or_default(),
        grade: told.reading.as_ref().map_or("", |reading| reading.grade),
        may_claim: waits && held.is_claimable(),
        may_dismiss: waits,
        reading: told.reading.as_ref().map(|reading| shown(reading, t)),
        hex: describe::hex(held.raw.get(..BYTES_SHOWN).unwrap_or(&held.raw)),
        bytes: held.raw.len(),
        candidates,
        decision,
        key: String::new(),
    })
}

fn decided(
    describer: &mut Describer<'_>,
    decision: wire::Decision,
    t: &Words,
) -> Result<Told, StoreError> {
    let what = match &decision.person {
        Some(person) => format!("{} {} {person}", t.claimed, named(describer, person)?),
        None => t.dismissed.to_owned(),
    };
    Ok(Told {
        id: decision.id,
        what,
        by: decision.by,
        at: clock_time(&decision.at),
        why: decision.reason,
    })
}

fn named(describer: &mut Describer<'_>, person: &str) -> Result<String, StoreError> {
    let Ok(id) = PersonId::new(person) else { return Ok(String::new()) };
    Ok(describer.person_row(&id)?.map(|row| row.name).unwrap_or_default())
}
