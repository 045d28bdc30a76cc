//! Receipts through the operator's own door: every record, and what others said.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{describe, extract::Asked, refusal::Refusal, shared::Shared, wire};
use crate::{
    domain::SiteId,
    receipt::{Day, DayLog},
    store::{ReceiptDiffers, ReceiptSaid, StoreError},
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
    let (said, differ) = shared
        .ask(move |shared| {
            let said = shared.reader.receipts_said(&site, (day, day))?;
            let mut differ = shared.reader.receipts_differ()?;
            differ.retain(|it| it.site == site && it.day == day);
            Ok::<_, StoreError>((said, differ))
        })
        .await?;
    let told = |one: &ReceiptSaid| told(one, differ.iter().find(|it| it.by == one.by));
    Ok(Json(Value::Array(said.iter().map(told).collect())))
}

fn told(said: &ReceiptSaid, differs: Option<&ReceiptDiffers>) -> Value {
    json!({
        "first": differs.and_then(describe::first_differing),
        "by": said.by, "key": said.key, "said_at": said.said_at, "at": said.at,
        "receipt": said.receipt,
    })
}
