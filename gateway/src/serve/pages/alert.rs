//! One alert: why, what was done, and the buttons to do something.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    care_forms::{self, CareForms},
    marks::{Card, card},
    page::{Guest, Lang, Page, Refused, clock_time},
    words::Words,
};
use crate::{
    commit::Deed,
    domain::{AlertId, AlertState},
    serve::{
        answers,
        api::{
            alerts::{self, Wanted},
            outcomes,
        },
        describe::Describer,
        refusal::Refusal,
        scope::Right,
        secret,
        shared::Shared,
        wire,
    },
};

/// A step of the alert's life, in a line of text.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: String,
    pub(super) what: &'static str,
    pub(super) by: String,
    pub(super) note: String,
    /// It counts for nothing: shown struck through, with why.
    pub(super) struck: bool,
}

/// A step for people.
pub(super) fn line(step: &wire::AlertStep, t: &Words) -> Line {
    Line {
        at: clock_time(&step.at),
        what: t.change(step.kind),
        by: step.by.clone().unwrap_or_default(),
        note: step
            .note
            .clone()
            .or_else(|| visited(step, t))
            .or_else(|| ended(step, t))
            .unwrap_or_default(),
        struck: step.visit.as_ref().is_some_and(|visit| visit.rejected.is_some()),
    }
}

/// A visit in words: whose, when, and why it counts for nobody.
fn visited(step: &wire::AlertStep, t: &Words) -> Option<String> {
    let visit = step.visit.as_ref()?;
    let why = visit.rejected.as_ref().map(|it| if t.lang == "en" { it.en } else { it.zh });
    let parts = [visit.doctor.clone(), Some(clock_time(&visit.at)), why.map(str::to_owned)];
    let parts = parts.into_iter().chain([visit.reason.clone()]).flatten();
    Some(parts.collect::<Vec<_>>().join(" · "))
}

/// An outcome in words: what became of it, why, and who takes over.
fn ended(step: &wire::AlertStep, t: &Words) -> Option<String> {
    let told = step.outcome.as_ref()?;
    let code = if t.lang == "en" { told.en } else { told.zh };
    let parts = [Some(code.to_owned()), told.reason.clone(), told.refer_to.clone()];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" · "))
}

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertPage {
    page: Page,
    card: Card,
    history: Vec<Line>,
    may_ack: bool,
    may_forward: bool,
    may_note: bool,
    key: String,
    care: CareForms,
}

/// `GET /lite/alerts/{id}`
pub(in crate::serve) async fn alert(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::ReadAlerts)?;
    let id: AlertId = id.parse().map_err(|_no_key| Refusal::not_found())?;
    let page = Page::new(&shared, lang, Some(&caller), lang.words.inbox);
    let reach = caller.reach.clone();
    let found = shared.ask(move |shared| match shared.reader.alert(caller.scope(), &id)? {
        Some(history) => {
            let told = Describer::new(shared).alert_history(&history, caller.full())?;
            let readings = care_forms::newest(shared, &caller, told.person.as_deref())?;
            Ok(Some((told, readings)))
        }
        None => Ok(None),
    });
    let (alert, readings) = found.await?.ok_or(Refusal::not_found())?;
    let steps = alert.history.iter().flatten();
    let visited = alert.state == AlertState::Visited;
    let may_end = reach.may(Right::Ack) && alert.state.is_live();
    let may = (may_end && !visited, may_end && visited);
    let page = AlertPage {
        card: card(&alert, lang.words),
        history: steps.map(|step| line(step, lang.words)).collect(),
        may_ack: reach.may(Right::Ack) && alert.state == AlertState::Open,
        may_forward: reach.may(Right::Forward) && alert.state.is_live(),
        may_note: reach.may(Right::Note),
        key: secret::text().map_err(|error| Refusal::broken(&error))?,
        care: CareForms::new(may, shared.clock.now(), &readings, lang.words),
        page,
    };
    page.page.answer(&page)
}

/// `POST /lite/alerts/{id}`
pub(in crate::serve) async fn act(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
    Path(id): Path<String>,
    form: Result<Form<wire::FormSent>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_form(&form)?;
    let caller = guest.0;
    let (right, deed) = match form.act.as_str() {
        "ack" => (Right::Ack, Deed::Acknowledge),
        "visit" => (Right::Ack, Deed::Visit(care_forms::visit(&form, &caller)?)),
        "outcome" => (Right::Ack, Deed::Outcome(care_forms::outcome(&form)?)),
        "forward" => (Right::Forward, Deed::Forward(None)),
        "note" => (Right::Note, Deed::Note),
        other => return Err(Refusal::bad(format!("act: {other:?} is none")).into()),
    };
    caller.need(right)?;
    let route = format!("form {} {id}", form.act);
    let key = Some(form.key.as_str()).filter(|key| !key.is_empty());
    let principal = caller.principal();
    // A visit's and an outcome's words are its reason.
    let note = match &deed {
        Deed::Visit(_) | Deed::Outcome(_) => None,
        Deed::Acknowledge | Deed::Forward(_) | Deed::Note => Some(form.note.clone()),
    };
    let said = format!("{deed:?} {}", form.note);
    let request = key.map(|key| answers::request(key, &principal, &route, said.as_bytes()));
    if let Deed::Outcome(told) = deed {
        outcomes::end(&shared, caller, &id, told, request).await?;
    } else {
        alerts::act(&shared, caller, &id, Wanted { deed, note }, request).await?;
    }
    Ok(Redirect::to(&format!("/lite/alerts/{id}")).into_response())
}
