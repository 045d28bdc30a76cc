//! Visits: what a doctor tells of one, whenever it arrives.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use smol_str::SmolStr;

use super::alerts::{ACT_MAX, Deeded, NOTE_MAX, as_of, commit};
use crate::{
    commit::Deed,
    domain::{AlertId, DoctorId, Household, Registered, Timestamp, Visit, answering},
    serve::{
        answers::{self, Answered},
        caller::Caller,
        describe::Describer,
        extract::{self, name},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{RegistryKey, StoreError, view::Scope},
};

/// Tells of a visit. It counts for the doctor who was responsible when it took place; one that
/// counts for nobody is kept with its reason, as the last step of the alert's `history` says.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/visit", tag = "alerts",
    params(("id" = String, Path, description = "The alert.")), request_body = wire::VisitAsked,
    responses((status = 200, body = wire::Alert)), extensions(("x-right" = json!("ack"))))]
pub(in crate::serve) async fn visit(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Ack)?;
    let alert: AlertId = id.parse().map_err(|_no_key| Refusal::not_found())?;
    let reach = reach(&shared, &caller, alert).await?;
    let body = extract::body(&shared, &headers, body, ACT_MAX).await?;
    let told = told(extract::json(&body)?, caller.grant.doctor.as_ref())?;
    let request = answers::repeatable(&headers, &caller, &format!("visit {id}"), &body)?;
    shared.writable()?;
    let by = SmolStr::new(caller.grant.author());
    let deeded = Deeded { deed: Deed::Visit(told), note: None, by, request };
    let step = commit(&shared, alert, deeded).await?;
    let answer = shared.ask(move |shared| {
        let Some(history) = shared.reader.alert(&Scope::Everything, &alert)? else {
            return Ok(None);
        };
        let full = reach == Reached::Theirs && caller.full();
        Describer::new(shared).alert_history(&as_of(history, step), full).map(Some)
    });
    Answered::ok(&answer.await?.ok_or(Refusal::not_found())?)
}

/// What is said of a visit, as it can be one.
pub(in crate::serve) fn told(
    asked: wire::VisitAsked,
    sender: Option<&DoctorId>,
) -> Result<Visit, Refusal> {
    let at = Timestamp::parse(&asked.at)
        .ok_or_else(|| Refusal::bad("at: expected a time with its offset, as RFC 3339 has it"))?;
    let reason = asked.reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if reason.as_ref().is_some_and(|text| text.chars().count() > NOTE_MAX) {
        return Err(Refusal::too_large(format!("a reason has at most {NOTE_MAX} characters")));
    }
    let reading = asked.reading.as_deref().map(str::parse).transpose();
    let reading =
        reading.map_err(|_no_key| Refusal::bad("reading: expected the id of a reading"))?;
    if reading.is_none() && reason.is_none() {
        return Err(Refusal::bad("reading: a visit has a reading, or a reason why there is none"));
    }
    let said: Option<DoctorId> = name("doctor", asked.doctor.as_deref())?;
    let doctor = said.or_else(|| sender.cloned());
    Ok(Visit { at, home: asked.home, reading, reason, doctor, rejected: None })
}

/// Why a caller may tell of a visit about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// The alert is within their reach now.
    Theirs,
    /// They answered for the household once: a visit of then may arrive late. They are told what
    /// became of it, and nothing of the person.
    Once,
}

async fn reach(shared: &Arc<Shared>, caller: &Caller, alert: AlertId) -> Result<Reached, Refusal> {
    let (scope, sender) = (caller.scope().clone(), caller.grant.doctor.clone());
    let reached = shared.ask(move |shared| {
        if shared.reader.alert(&scope, &alert)?.is_some() {
            return Ok(Some(Reached::Theirs));
        }
        let once = match sender {
            Some(sender) => answered_once(shared, alert, &sender)?,
            None => false,
        };
        Ok(once.then_some(Reached::Once))
    });
    reached.await?.ok_or(Refusal::not_found())
}

/// Whether a doctor ever answered for a household in which the alert's person lives or lived.
fn answered_once(shared: &Shared, alert: AlertId, doctor: &DoctorId) -> Result<bool, StoreError> {
    let everything = &Scope::Everything;
    let Some(history) = shared.reader.alert(everything, &alert)? else { return Ok(false) };
    let person = RegistryKey::Person(history.alert.person);
    for (_, row) in shared.reader.entered(everything, &person)? {
        let Registered::Person(row) = row else { continue };
        let Some(household) = row.household else { continue };
        let rows = shared.reader.entered(everything, &RegistryKey::Household(household))?;
        let homes = rows.into_iter().filter_map(|(at, row)| {
            if let Registered::Household(row) = row { Some((at, row)) } else { None }
        });
        let homes: Vec<(Timestamp, Household)> = homes.collect();
        if answering(&homes).iter().any(|assigned| assigned.doctor == *doctor) {
            return Ok(true);
        }
    }
    Ok(false)
}
