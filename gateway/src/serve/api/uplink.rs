//! What gateways below hand up, over HTTP: one signed envelope in, the signed answers out.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    domain::{BoxId, Road},
    serve::{caller::Caller, extract, refusal::Refusal, scope::Right, shared::Shared},
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
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    caller.need(Right::Uplink)?;
    let bound = caller.grant.device.as_ref().and_then(|device| BoxId::new(device.as_str()).ok());
    let Some(by) = bound else { return Err(Refusal::forbidden("a token bound to the box")) };
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
