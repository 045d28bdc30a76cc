//! Alerts, and what is done about them.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use smol_str::SmolStr;
use tokio::sync::oneshot;

use crate::{
    commit::{Act, Deed, Work},
    domain::{AlertId, AlertState, DoctorId, Level},
    serve::{
        answers::{self, Answered},
        caller::Caller,
        describe::{Describer, LIVE},
        extract::{self, Asked, name, paging},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{
        CommitSeq, RegistryKey, Request, StoreError,
        view::{AlertFilter, AlertHistory, Scope},
    },
};

/// Longest body of an act, in bytes.
pub(super) const ACT_MAX: usize = 16 * 1024;

/// Longest note, in characters.
pub(super) const NOTE_MAX: usize = 2_000;

/// Alerts: live ones first, gravest first, then newest.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(wire::AlertsAsked),
    responses((status = 200, body = wire::List<wire::Alert>)),
    extensions(("x-right" = json!("read_alerts"))))]
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::AlertsAsked>,
) -> Result<Json<wire::List<wire::Alert>>, Refusal> {
    caller.need(Right::ReadAlerts)?;
    let filter = AlertFilter {
        states: states(asked.state.as_deref().unwrap_or_default())?,
        doctor: name("doctor", asked.doctor.as_deref())?,
        level: asked.level.as_deref().map(level).transpose()?,
        person: name("person", asked.person.as_deref())?,
    };
    if filter.person.is_some() && !caller.full() {
        // Whoever may not know whom an alert is about may not ask by name either.
        return Err(Refusal::forbidden(Right::ReadPeople.as_str()));
    }
    let paging = paging(asked.limit, asked.after)?;
    let answer = shared.ask(move |shared| {
        let page = shared.reader.alerts(caller.scope(), &filter, &paging)?;
        let mut describer = Describer::new(shared);
        let full = caller.full();
        let items = page.items.iter().map(|alert| {
            if full { describer.alert(alert) } else { describer.household_alert(alert) }
        });
        Ok(wire::List { items: items.collect::<Result<_, StoreError>>()?, next: page.next })
    });
    answer.await.map(Json)
}

/// One alert with every step of its life.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "alerts",
    params(("id" = String, Path, description = "The alert.")),
    responses((status = 200, body = wire::Alert)),
    extensions(("x-right" = json!("read_alerts"))))]
pub(in crate::serve) async fn one(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Alert>, Refusal> {
    caller.need(Right::ReadAlerts)?;
    let id: AlertId = id.parse().map_err(|_no_key| Refusal::not_found())?;
    described(&shared, caller, id).await.map(Json)
}

/// Takes an alert: whoever takes it answers for it.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/ack", tag = "alerts",
    params(("id" = String, Path, description = "The alert.")), request_body = wire::NoteAsked,
    responses((status = 200, body = wire::Alert)), extensions(("x-right" = json!("ack"))))]
pub(in crate::serve) async fn ack(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Ack)?;
    let body = extract::body(&shared, &headers, body, ACT_MAX).await?;
    let asked: wire::NoteAsked = extract::json(&body)?;
    let request = answers::repeatable(&headers, &caller, &format!("ack {id}"), &body)?;
    let deed = Wanted { deed: Deed::Acknowledge, note: asked.note };
    act(&shared, caller, &id, deed, request).await
}

/// Hands an alert to a doctor, or to the next step.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/forward", tag = "alerts",
    params(("id" = String, Path, description = "The alert.")), request_body = wire::ForwardAsked,
    responses((status = 200, body = wire::Alert)), extensions(("x-right" = json!("forward"))))]
pub(in crate::serve) async fn forward(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Forward)?;
    let body = extract::body(&shared, &headers, body, ACT_MAX).await?;
    let asked: wire::ForwardAsked = extract::json(&body)?;
    let to: Option<DoctorId> = name("to", asked.to.as_deref())?;
    let request = answers::repeatable(&headers, &caller, &format!("forward {id}"), &body)?;
    let deed = Wanted { deed: Deed::Forward(to), note: asked.note };
    act(&shared, caller, &id, deed, request).await
}

/// Writes something down about an alert.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/note", tag = "alerts",
    params(("id" = String, Path, description = "The alert.")), request_body = wire::TextAsked,
    responses((status = 200, body = wire::Alert)), extensions(("x-right" = json!("note"))))]
pub(in crate::serve) async fn note(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Note)?;
    let body = extract::body(&shared, &headers, body, ACT_MAX).await?;
    let asked: wire::TextAsked = extract::json(&body)?;
    let request = answers::repeatable(&headers, &caller, &format!("note {id}"), &body)?;
    let deed = Wanted { deed: Deed::Note, note: Some(asked.text) };
    act(&shared, caller, &id, deed, request).await
}

/// What is to be done about an alert.
#[derive(Debug)]
pub(in crate::serve) struct Wanted {
    pub(in crate::serve) deed: Deed,
    pub(in crate::serve) note: Option<String>,
}

/// Does it, if the caller reaches the alert, and answers with the alert as it stands then.
pub(in crate::serve) async fn act(
    shared: &Arc<Shared>,
    caller: Caller,
    id: &str,
    wanted: Wanted,
    request: Option<Request>,
) -> Result<Answered, Refusal> {
    let alert: AlertId = id.parse().map_err(|_no_key| Refusal::not_found())?;
    let note = wanted.note.as_deref().unwrap_or_default().trim().to_owned();
    if note.chars().count() > NOTE_MAX {
        return Err(Refusal::too_large(format!("a note has at most {NOTE_MAX} characters")));
    }
    if wanted.deed == Deed::Note && note.is_empty() {
        return Err(Refusal::bad("text: nothing was written"));
    }
    shared.writable()?;
    reachable(shared, caller.scope().clone(), alert, &wanted.deed).await?;
    let note = Some(note).filter(|note| !note.is_empty());
    let (scope, by) = (caller.scope().clone(), SmolStr::new(caller.grant.author()));
    let step = commit(shared, alert, Deeded { deed: wanted.deed, note, by, request }).await?;
    Answered::ok(&described_at(shared, scope, alert, step).await?)
}

/// A deed with its author.
pub(in crate::serve) struct Deeded {
    pub(in crate::serve) deed: Deed,
    pub(in crate::serve) note: Option<String>,
    pub(in crate::serve) by: SmolStr,
    pub(in crate::serve) request: Option<Request>,
}

/// Records a deed once for its request, and returns where its step stands when it is on disk.
pub(in crate::serve) async fn commit(
    shared: &Arc<Shared>,
    alert: AlertId,
    deeded: Deeded,
) -> Result<CommitSeq, Refusal> {
    let (reply, done) = oneshot::channel();
    let Deeded { deed, note, by, request } = deeded;
    let act = Act { alert, deed, note, by, claimed_at: None, request, reply };
    answers::in_time(async {
        shared.inlet.hand_over(Work::Act(act)).await?;
        let done = done.await.map_err(|_dropped| Refusal::from(crate::intake::NotCommitted))?;
        done.map(|acted| acted.step).map_err(Refusal::from)
    })
    .await
}

async fn reachable(
    shared: &Arc<Shared>,
    scope: Scope,
    alert: AlertId,
    deed: &Deed,
) -> Result<(), Refusal> {
    let to = match deed {
        Deed::Forward(to) => to.clone(),
        Deed::Acknowledge | Deed::Note | Deed::Visit(_) | Deed::Outcome(_) => None,
    };
    let (alert, doctor) = shared
        .ask(move |shared| {
            let alert = shared.reader.alert(&scope, &alert)?;
            let doctor = match to.map(RegistryKey::Doctor) {
                Some(key) => shared.reader.registered(&Scope::Everything, &key)?.is_some(),
                None => true,
            };
            Ok((alert, doctor))
        })
        .await?;
    if alert.is_none() {
        return Err(Refusal::not_found());
    }
    if doctor { Ok(()) } else { Err(Refusal::bad("to: no such doctor")) }
}

async fn described(
    shared: &Arc<Shared>,
    caller: Caller,
    id: AlertId,
) -> Result<wire::Alert, Refusal> {
    let answer = shared.ask(move |shared| match shared.reader.alert(caller.scope(), &id)? {
        Some(history) => Describer::new(shared).alert_history(&history, caller.full()).map(Some),
        None => Ok(None),
    });
    answer.await?.ok_or(Refusal::not_found())
}

/// The alert as it stood after a step: what the act that took it is answered, now and whenever it
/// is asked for again.
async fn described_at(
    shared: &Arc<Shared>,
    scope: Scope,
    id: AlertId,
    step: CommitSeq,
) -> Result<wire::Alert, Refusal> {
    let answer = shared.ask(move |shared| match shared.reader.alert(&scope, &id)? {
        Some(history) => {
            Describer::new(shared).alert_history(&as_of(history, step), true).map(Some)
        }
        None => Ok(None),
    });
    answer.await?.ok_or(Refusal::not_found())
}

/// The life of an alert up to a step.
pub(super) fn as_of(mut history: AlertHistory, step: CommitSeq) -> AlertHistory {
    history.events.retain(|(seq, _)| *seq <= step);
    if let Some((_, last)) = history.events.last() {
        history.alert = last.alert.clone();
    }
    history
}

fn states(text: &str) -> Result<Vec<AlertState>, Refusal> {
    let mut states = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "live" => states.extend(LIVE),
            word => states.push(code("state", word)?),
        }
    }
    Ok(states)
}

fn level(text: &str) -> Result<Level, Refusal> {
    code("level", text)
}

/// A code of a closed list, by its name on the wire.
fn code<T: serde::de::DeserializeOwned>(what: &str, word: &str) -> Result<T, Refusal> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|_unknown| Refusal::bad(format!("{what}: {word:?} is none")))
}
