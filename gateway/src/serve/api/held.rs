//! What waits in quarantine, and what was refused.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::serve::{
    caller::Caller,
    describe,
    extract::{Asked, paging},
    refusal::Refusal,
    scope::Right,
    shared::Shared,
    wire,
};

/// What waits in quarantine, newest first.
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "kept aside", params(wire::PageAsked),
    responses((status = 200, body = wire::List<wire::QuarantineItem>)),
    extensions(("x-right" = json!("read_held"))))]
pub(in crate::serve) async fn quarantine(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::PageAsked>,
) -> Result<Json<wire::List<wire::QuarantineItem>>, Refusal> {
    caller.need(Right::ReadHeld)?;
    let paging = paging(asked.limit, asked.after)?;
    let full = caller.full();
    let page =
        shared.ask(move |shared| shared.reader.quarantine(&caller.reach.board, &paging)).await?;
    let items = page.items.iter().map(|held| describe::quarantined(held, full)).collect();
    Ok(Json(wire::List { items, next: page.next }))
}

/// What was refused, newest first.
#[utoipa::path(get, path = "/api/v1/refused", tag = "kept aside", params(wire::PageAsked),
    responses((status = 200, body = wire::List<wire::RefusedItem>)),
    extensions(("x-right" = json!("read_held"))))]
pub(in crate::serve) async fn refused(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::PageAsked>,
) -> Result<Json<wire::List<wire::RefusedItem>>, Refusal> {
    caller.need(Right::ReadHeld)?;
    let paging = paging(asked.limit, asked.after)?;
    let full = caller.full();
    let page =
        shared.ask(move |shared| shared.reader.refused(&caller.reach.board, &paging)).await?;
    let items = page.items.iter().map(|held| describe::refused(held, full)).collect();
    Ok(Json(wire::List { items, next: page.next }))
}
