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
    domain::{Alert, AlertState, DoctorId, LINK_MAX, Registered},
    serve::{
        answers,
        api::alerts::{Deeded, commit},
        caller::Grant,
        describe::Describer,
        refusal::Refusal,
        shared::Shared,
        trail, wire,
    },
    store::{
        CommitSeq, RegistryKey, Role,
        view::{AlertHistory, Scope},
    },
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
}

/// `GET /a/{token}`
pub(in crate::serve) async fn look(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    Path(token): Path<String>,
) -> Result<Response, Refused> {
    let (alert, _, doctor) = found(&shared, &token).await?;
    let takes = !is_office(&shared, doctor).await?;
    let page = Page::new(&shared, lang, None, lang.words.inbox);
    let known = alert.clone();
    let public = shared.ask(move |shared| Describer::new(shared).public_alert(&known, &[])).await?;
    let page = LinkPage {
        card: card(&public, lang.words),
        open: takes && alert.state == AlertState::Open,
        ended: !alert.state.is_live(),
        may_forward: takes && alert.state == AlertState::Open && alert.step.next().is_some(),
        step: step(&alert),
        page,
    };
    page.page.answer(&page)
}

/// Whether the link is an assistance office's, which may look and take nothing.
async fn is_office(shared: &Arc<Shared>, doctor: DoctorId) -> Result<bool, Refusal> {
    let key = RegistryKey::Doctor(doctor);
    let row = shared.ask(move |shared| shared.reader.registered(&Scope::Everything, &key)).await?;
    Ok(matches!(row, Some(Registered::Doctor(row)) if row.is_office()))
}

/// `POST /a/{token}`
pub(in crate::serve) async fn act(
    State(shared): State<Arc<Shared>>,
    Path(token): Path<String>,
    form: Result<Form<wire::FormSent>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    let (alert, seen, doctor) = found(&shared, &token).await?;
    let deed = match form.act.as_str() {
        "ack" => Deed::Acknowledge,
        "forward" => Deed::Forward(None),
        other => return Err(Refusal::bad(format!("act: {other:?} is none")).into()),
    };
    // A second press, or one on an old page, finds the alert taken or with the next step already.
    if alert.state == AlertState::Open && form.step == step(&alert) {
        if is_office(&shared, doctor.clone()).await? {
            return Err(Refusal::forbidden("ack").into());
        }
        shared.writable()?;
        let by = SmolStr::new(doctor.as_str());
        // Two presses that find the alert as it stands are one.
        let route = format!("{} {}", form.act, alert.id);
        let request = Some(answers::request(&seen.0.to_string(), "link", &route, b""));
        commit(&shared, alert.id, Deeded { deed, note: None, by, request }).await?;
    }
    Ok(Redirect::to(&format!("/a/{token}")).into_response())
}

/// The alert of a token and where its last step stands, while the link works and the doctor's reach
/// contains it.
async fn found(shared: &Arc<Shared>, token: &str) -> Result<(Alert, CommitSeq, DoctorId), Refusal> {
    let (id, doctor) = shared.alert_links.read(token).ok_or(Refusal::not_found())?;
    let by = Grant { doctor: Some(doctor.clone()), ..Grant::of_role(Role::Doctor) };
    trail::by(&by, "link");
    let scope = Scope::Doctor(doctor.clone());
    let found = shared.ask(move |shared| shared.reader.alert(&scope, &id)).await?;
    let oldest = shared.clock.now().minus(LINK_MAX);
    let found = found.filter(|history| history.alert.opened_at >= oldest);
    let AlertHistory { alert, events } = found.ok_or(Refusal::not_found())?;
    let last = events.last().map_or(CommitSeq(0), |(seq, _)| *seq);
    Ok((alert, last, doctor))
}

const fn step(alert: &Alert) -> &'static str {
    match alert.step {
        crate::domain::CareLevel::Village => "village",
        crate::domain::CareLevel::Township => "township",
        crate::domain::CareLevel::County => "county",
        crate::domain::CareLevel::City => "city",
    }
}
