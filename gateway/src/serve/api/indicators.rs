//! What a place answers for.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::serve::{
    caller::Caller, describe, extract::Asked, refusal::Refusal, scope::Right, shared::Shared, wire,
};

/// Indicators of a place: shares with what is above the line, below it, and left out.
///
/// Counted once an hour for the present month and the twelve before it; `as_of` says when.
#[utoipa::path(get, path = "/api/v1/indicators", tag = "board", params(wire::IndicatorsAsked),
    responses((status = 200, body = wire::Indicators)),
    extensions(("x-right" = json!("read_indicators"))))]
pub(in crate::serve) async fn indicators(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::IndicatorsAsked>,
) -> Result<Json<wire::Indicators>, Refusal> {
    caller.need(Right::ReadIndicators)?;
    let place = asked.place.filter(|place| !place.is_empty());
    let months = (month(asked.from.as_deref())?, month(asked.to.as_deref())?);
    let counted = shared.indicators.borrow().clone();
    let scope = &caller.reach.board;
    Ok(Json(describe::indicators(counted.as_deref(), scope, place.as_deref(), months)))
}

/// A month as `2026-11`, or a day or an instant within it.
fn month(text: Option<&str>) -> Result<Option<&str>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let month = text.get(..7).filter(|month| {
        let digits = |part: Option<&str>, count| {
            part.is_some_and(|it| it.len() == count && it.bytes().all(|it| it.is_ascii_digit()))
        };
        let mut parts = month.split('-');
        digits(parts.next(), 4) && digits(parts.next(), 2) && parts.next().is_none()
    });
    month.map(Some).ok_or_else(|| Refusal::bad(format!("{text} is no month, as 2026-11")))
}
