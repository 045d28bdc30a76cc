//! The page behind a link in a message: before anybody signs in it shows a level, a case code and a
//! deadline, and has two buttons. A look never changes anything: messengers fetch links by
//! themselves.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};
use smol_str::SmolStr;

use super::{
    marks::{Card, card},
    page::{Lang, Page, Refused},
};
use crate::{
    commit::Deed,
    domain::{Alert, AlertState, DoctorId},
    serve::{
        answers,
        api::alerts::{Deeded, commit},
        describe::Describer,
        links::LINK_MAX,
        refusal::Refusal,
        secret,
        shared::Shared,
        wire,
    },
    store::view::Scope,
};

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    page: Page,
    card: Card,
    open: bool,
    ended: bool,
    may_forward: bool,
    step: &'static str,
    key: String,
}

/// `GET /a/{token}`
pub(in crate::serve) async fn look(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    Path(token): Path<String>,
) -> Result<Response, Refused> {
    let (alert, _) = found(&shared, &token).await?;
    let page = Page::new(&shared, lang, None, lang.words.inbox);
    let known = alert.clone();
    let public = shared.ask(move |shared| Describer::new(shared).public_alert(&known, &[])).await?;
    let page = LinkPage {
        card: card(&public, lang.words),
        open: alert.state == AlertState::Open,
        ended: !alert.state.is_live(),
        may_forward: alert.state == AlertState::Open && alert.step.next().is_some(),
        step: step(&alert),
        key: secret::text().map_err(|error| Refusal::broken(&error))?,
        page,
    };
    page.page.answer(&page)
}

/// `POST /a/{token}`
pub(in crate::serve) async fn act(
    State(shared): State<Arc<Shared>>,
    Path(token): Path<String>,
    form: Result<Form<wire::FormSent>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    let (alert, doctor) = found(&shared, &token).await?;
    let deed = match form.act.as_str() {
        "ack" => Deed::Acknowledge,
        "forward" => Deed::Forward(None),
        other => return Err(Refusal::bad(format!("act: {other:?} is none")).into()),
    };
    // A second press, or one on an old page, finds the alert taken or with the next step already.
    if alert.state == AlertState::Open && form.step == step(&alert) {
        shared.writable()?;
        let by = SmolStr::new(doctor.as_str());
        let route = format!("link {} {}", form.act, alert.id);
        let request = (!form.key.is_empty())
            .then(|| answers::request(&form.key, &by, &route, form.step.as_bytes()));
        commit(&shared, alert.id, Deeded { deed, note: None, by, request }).await?;
    }
    Ok(Redirect::to(&format!("/a/{token}")).into_response())
}

/// The alert of a token, while the link works and the doctor's reach contains it.
async fn found(shared: &Arc<Shared>, token: &str) -> Result<(Alert, DoctorId), Refusal> {
    let (id, doctor) = shared.alert_links.read(token).ok_or(Refusal::not_found())?;
    let scope = Scope::Doctor(doctor.clone());
    let found = shared.ask(move |shared| shared.reader.alert(&scope, &id)).await?;
    let oldest = shared.clock.now().minus(LINK_MAX);
    let alert = found.map(|history| history.alert).filter(|alert| alert.opened_at >= oldest);
    alert.map(|alert| (alert, doctor)).ok_or(Refusal::not_found())
}

const fn step(alert: &Alert) -> &'static str {
    match alert.step {
        crate::domain::CareLevel::Village => "village",
        crate::domain::CareLevel::Township => "township",
        crate::domain::CareLevel::County => "county",
        crate::domain::CareLevel::City => "city",
    }
}
