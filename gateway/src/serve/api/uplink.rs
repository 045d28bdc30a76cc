//! What gateways below hand up, over HTTP: one signed envelope in, the signed answers out.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    domain::{BoxId, BoxState, Registered, Road},
    serve::{
        caller::{Caller, bearer},
        extract,
        refusal::Refusal,
        scope::Right,
        shared::Shared,
    },
    store::{RegistryKey, Role, view::Scope},
    uplink::batch::{Code, ENVELOPE_MAX, refusal_of},
};

/// Takes what a gateway below hands up, and answers when it is on disk. The body and the answer are
/// envelopes as the operator's page about gateways describes them; an envelope that is not taken is
/// answered with a signed refusal, so that nothing in between can say no in our name; that of a box which
/// was withdrawn comes with status 403. The token is of
/// role `device` and bound to the box.
#[utoipa::path(post, path = "/api/v1/uplink", tag = "gateways",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 403, content_type = "application/octet-stream", body = Vec<u8>)),
    extensions(("x-right" = json!("uplink"))))]
pub(in crate::serve) async fn exchange(
    State(shared): State<Arc<Shared>>,
    caller: Result<Caller, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let by = match caller {
        Ok(caller) => {
            caller.need(Right::Uplink)?;
            let bound = caller.grant.device.and_then(|device| BoxId::new(device.as_str()).ok());
            bound.ok_or_else(|| Refusal::forbidden("a token bound to the box"))?
        }
        Err(refusal) => turned_away(&shared, &headers).await?.ok_or(refusal)?,
    };
    let question = extract::body(&shared, &headers, body, ENVELOPE_MAX).await?;
    let answer = shared.upper.answer(&by, Road::Http, question).await;
    if answer.is_empty() {
        return Err(Refusal::not_committing("the store does not answer"));
    }
    let kind = HeaderValue::from_static("application/octet-stream");
    // Said by the status as well, for whoever stands in between and in the audit log.
    let withdrawn = refusal_of(&answer) == Some(Code::Revoked);
    let status = if withdrawn { StatusCode::FORBIDDEN } else { StatusCode::OK };
    Ok((status, [(header::CONTENT_TYPE, kind)], answer).into_response())
}

/// The box whose token ended with its own row: it is told so, signed, as over every other road. An answer
/// that anybody in between could give would tell its people nothing.
async fn turned_away(shared: &Arc<Shared>, headers: &HeaderMap) -> Result<Option<BoxId>, Refusal> {
    let Some(hash) = bearer(headers) else { return Ok(None) };
    let found = shared.ask(move |shared| {
        let ended = shared.reader.token(&hash)?.filter(|row| row.revoked_at.is_some());
        let device = ended.filter(|row| row.role == Role::Device).and_then(|row| row.device);
        let Some(by) = device.and_then(|device| BoxId::new(device.as_str()).ok()) else {
            return Ok(None);
        };
        let row = shared.reader.registered(&Scope::Everything, &RegistryKey::neighbour(&by))?;
        let revoked = matches!(row, Some(Registered::Box(row)) if row.state == BoxState::Revoked);
        Ok(revoked.then_some(by))
    });
    found.await
}
