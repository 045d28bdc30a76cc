//! Events after a position, once or for as long as the page is open.

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap, response::Response};

use crate::{
    serve::{
        caller::Caller,
        extract::{Asked, paging},
        live,
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::CommitSeq,
};

/// Events after a position that the caller may see, oldest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "live", params(wire::EventsAsked),
    responses((status = 200, body = wire::Events)),
    extensions(("x-right" = json!("read_board"))))]
pub(in crate::serve) async fn events(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::EventsAsked>,
) -> Result<Json<wire::Events>, Refusal> {
    caller.need(Right::ReadBoard)?;
    let limit = paging(asked.limit, None)?.limit;
    let after = CommitSeq(asked.after.unwrap_or(0).max(0));
    live::since(&shared, &caller, after, limit).await.map(Json)
}

/// Events as they happen (server-sent events): `hello`, then everything after `Last-Event-ID` or
/// `after`, a heartbeat `hb` every 10 s, and `reset` where a new snapshot must be taken.
#[utoipa::path(get, path = "/api/v1/stream", tag = "live", params(wire::EventsAsked),
    responses((status = 200, content_type = "text/event-stream", body = String)),
    extensions(("x-right" = json!("read_board"))))]
pub(in crate::serve) async fn stream(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(asked): Asked<wire::EventsAsked>,
) -> Result<Response, Refusal> {
    caller.need(Right::ReadBoard)?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let resumed = resumed.and_then(|id| id.trim().parse().ok());
    live::open(&shared, caller, resumed.or(asked.after))
}
