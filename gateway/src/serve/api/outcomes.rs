//! How an alert ends: what a doctor says became of it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use smol_str::SmolStr;

use super::alerts::{self, ACT_MAX, NOTE_MAX, Wanted};
use crate::{
    commit::Deed,
    domain::{AlertOutcome, DoctorId, OutcomeCode, SiteId},
    serve::{
        answers::{self, Answered},
        caller::Caller,
        extract,
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{RegistryKey, StoreError, view::Scope},
};

/// Says what became of a visited alert, and ends it: every code does, `confirmed_referred` also
/// counts for the poverty-relapse line.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/outcome", tag = "alerts",
    params(("id" = String, Path, description = "The alert.")), request_body = wire::OutcomeAsked,
    responses((status = 200, body = wire::Alert)), extensions(("x-right" = json!("ack"))))]
pub(in crate::serve) async fn outcome(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Ack)?;
    let body = extract::body(&shared, &headers, body, ACT_MAX).await?;
    let told = told(extract::json(&body)?)?;
    let request = answers::repeatable(&headers, &caller, &format!("outcome {id}"), &body)?;
    end(&shared, caller, &id, told, request).await
}

/// Ends it, if the caller reaches the alert.
pub(in crate::serve) async fn end(
    shared: &Arc<Shared>,
    caller: Caller,
    id: &str,
    told: AlertOutcome,
    request: Option<crate::store::Request>,
) -> Result<Answered, Refusal> {
    if let Some(to) = told.refer_to.clone()
        && !shared.ask(move |shared| is_known(shared, &to)).await?
    {
        return Err(Refusal::bad("refer_to: no such step, place, site or doctor"));
    }
    let wanted = Wanted { deed: Deed::Outcome(told), note: None };
    alerts::act(shared, caller, id, wanted, request).await
}

/// What is said of an outcome, as it can be one.
pub(in crate::serve) fn told(asked: wire::OutcomeAsked) -> Result<AlertOutcome, Refusal> {
    let wire::OutcomeAsked { code: said, reading, reason, refer_to } = asked;
    let code = OutcomeCode::ALL.into_iter().find(|code| code.as_str() == said);
    let Some(code) = code else {
        let all = OutcomeCode::ALL.map(OutcomeCode::as_str).join(", ");
        return Err(Refusal::bad(format!("code: expected one of {all}")));
    };
    let reason = filled(reason);
    if reason.as_ref().is_some_and(|text| text.chars().count() > NOTE_MAX) {
        return Err(Refusal::too_large(format!("a reason has at most {NOTE_MAX} characters")));
    }
    let reading = filled(reading).map(|id| id.parse()).transpose();
    let reading =
        reading.map_err(|_no_key| Refusal::bad("reading: expected the id of a reading"))?;
    if reading.is_none() && reason.is_none() {
        return Err(Refusal::bad("reason: an outcome rests on a reading, or has a reason"));
    }
    let refer_to = filled(refer_to.map(String::from)).map(SmolStr::from);
    if refer_to.is_some() && code != OutcomeCode::ConfirmedReferred {
        return Err(Refusal::bad("refer_to: only with confirmed_referred"));
    }
    Ok(AlertOutcome { code, reading, reason, refer_to })
}

/// What was said, if anything was.
fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Whether somebody can be sent there: a step of care, or a row of the registry.
fn is_known(shared: &Shared, to: &SmolStr) -> Result<bool, StoreError> {
    if ["township", "county", "city"].contains(&to.as_str()) {
        return Ok(true);
    }
    let mut keys = vec![RegistryKey::Other("place", to.clone())];
    keys.extend(SiteId::new(to).ok().map(RegistryKey::Site));
    keys.extend(DoctorId::new(to).ok().map(RegistryKey::Doctor));
    for key in keys {
        if shared.reader.registered(&Scope::Everything, &key)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
