//! What waits in quarantine, and what was refused.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};

use super::decide::position;
use crate::{
    serve::{
        caller::Caller,
        describe::{self, Describer},
        extract::{Asked, paging},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{
        StoreError,
        view::{HeldQuarantine, HeldRefusal, HeldState, Page, Paging},
    },
};

/// Bytes of kept deliveries after which a page ends early: one may be a body of 8 MiB.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Kept deliveries read at once.
const PART: usize = 8;

/// What waits in quarantine, newest first.
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "kept aside", params(wire::HeldAsked),
    responses((status = 200, body = wire::List<wire::QuarantineItem>)),
    extensions(("x-right" = json!("read_held"))))]
pub(in crate::serve) async fn quarantine(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::HeldAsked>,
) -> Result<Json<wire::List<wire::QuarantineItem>>, Refusal> {
    caller.need(Right::ReadHeld)?;
    let state = state(asked.state.as_deref())?;
    let paging = paging(asked.limit, asked.after)?;
    let full = caller.full();
    let page = shared
        .ask(move |shared| {
            let size = |held: &HeldQuarantine| held.raw.len();
            let part = |part: &Paging| shared.reader.quarantine(&caller.reach.board, state, part);
            let page = gather(paging, size, part)?;
            let describer = Describer::new(shared);
            let item = |held: &HeldQuarantine| {
                let suggested =
                    if full { describer.suggestions(caller.scope(), held)? } else { Vec::new() };
                Ok(describe::quarantined(held, full, suggested))
            };
            let items: Result<Vec<_>, StoreError> = page.items.iter().map(item).collect();
            Ok(wire::List { items: items?, next: page.next })
        })
        .await?;
    Ok(Json(page))
}

/// One item, whatever was decided about it, for those who decide.
#[utoipa::path(get, path = "/api/v1/quarantine/{id}", tag = "kept aside",
    params(("id" = String, Path, description = "The item.")),
    responses((status = 200, body = wire::QuarantineItem)),
    extensions(("x-right" = json!("decide"))))]
pub(in crate::serve) async fn one(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::QuarantineItem>, Refusal> {
    caller.need(Right::Decide)?;
    let item = position(&id)?;
    let found = shared.ask(move |shared| {
        let Some(held) = shared.reader.quarantined(&caller.reach.board, item)? else {
            return Ok(None);
        };
        let suggested = Describer::new(shared).suggestions(caller.scope(), &held)?;
        Ok(Some(describe::quarantined(&held, caller.full(), suggested)))
    });
    found.await?.map(Json).ok_or(Refusal::not_found())
}

fn state(asked: Option<&str>) -> Result<HeldState, Refusal> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(HeldState::default());
    };
    let known = HeldState::ALL.into_iter().find(|state| state.as_str() == asked);
    known.ok_or_else(|| Refusal::bad("state: waiting, claimed or dismissed"))
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
    let page = shared
        .ask(move |shared| {
            let size = |held: &HeldRefusal| held.refused.raw.len();
            let part = |part: &Paging| shared.reader.refused(&caller.reach.board, part);
            gather(paging, size, part)
        })
        .await?;
    let items = page.items.iter().map(|held| describe::refused(held, full)).collect();
    Ok(Json(wire::List { items, next: page.next }))
}

/// A page of at most so many items that ends early where their bytes are many.
fn gather<T>(
    asked: Paging,
    size: impl Fn(&T) -> usize,
    part: impl Fn(&Paging) -> Result<Page<T>, StoreError>,
) -> Result<Page<T>, StoreError> {
    let (mut items, mut next, mut bytes) = (Vec::new(), asked.after, 0_usize);
    loop {
        let limit = asked.limit.saturating_sub(items.len()).min(PART);
        let page = part(&Paging { limit, after: next })?;
        bytes = page.items.iter().map(&size).fold(bytes, usize::saturating_add);
        items.extend(page.items);
        next = page.next;
        if next.is_none() || items.len() >= asked.limit || bytes >= PAGE_BYTES {
            return Ok(Page { items, next });
        }
    }
}
