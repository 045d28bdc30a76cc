//! Receipts through the operator's own door: every record, and what others said.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{extract::Asked, refusal::Refusal, shared::Shared, wire};
use crate::{
    domain::SiteId,
    receipt::{Day, DayLog},
    store::ReceiptSaid,
};

fn asked(asked: &wire::ReceiptAsked) -> Result<(SiteId, Day), Refusal> {
    let site = asked.site.parse().map_err(|error| Refusal::bad(format!("site: {error}")))?;
    let day = asked.day.parse().map_err(|error| Refusal::bad(format!("day: {error}")))?;
    Ok((site, day))
}

/// Every record of a site's day.
pub(super) async fn log(
    State(shared): State<Arc<Shared>>,
    Asked(sent): Asked<wire::ReceiptAsked>,
) -> Result<Json<DayLog>, Refusal> {
    let (site, day) = asked(&sent)?;
    shared.ask(move |shared| shared.reader.day_log(&site, day)).await.map(Json)
}

/// What others said of it.
pub(super) async fn said(
    State(shared): State<Arc<Shared>>,
    Asked(sent): Asked<wire::ReceiptAsked>,
) -> Result<Json<Value>, Refusal> {
    let (site, day) = asked(&sent)?;
    let said = shared.ask(move |shared| shared.reader.receipts_said(&site, (day, day))).await?;
    Ok(Json(Value::Array(said.iter().map(told).collect())))
}

fn told(said: &ReceiptSaid) -> Value {
    json!({
        "by": said.by, "key": said.key, "said_at": said.said_at, "at": said.at,
        "receipt": said.receipt,
    })
}
