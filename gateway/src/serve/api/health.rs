//! Whether the gateway lives, commits, and what it counts.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    commit::Health,
    serve::{metrics::Sample, refusal::Refusal, shared::Shared},
    store::view::Scope,
};

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, content_type = "text/plain", body = String)),
    extensions(("x-right" = json!("none"))))]
pub(in crate::serve) async fn alive() -> &'static str {
    std::future::ready("ok\n").await
}

/// Whether what is sent now can be stored, and the store answers.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Object), (status = 503, body = Object)),
    extensions(("x-right" = json!("none"))))]
pub(in crate::serve) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let health = shared.health.borrow().clone();
    let why = match health {
        Health::Refusing { why } => Some(why),
        Health::Ready => {
            let answer = shared.ask(|shared| shared.reader.last()).await;
            answer.err().map(|refusal| refusal.message().to_owned())
        }
    };
    match why {
        None => {
            // Keys that lie with the data are shown: a thief of the one has the other.
            let key = shared.reader.key_place().as_str();
            let body = json!({"ready": true, "why": null, "identity_key": key});
            (StatusCode::OK, Json(body)).into_response()
        }
        Some(why) => {
            let body = Json(json!({"ready": false, "why": why}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

/// What is counted, as Prometheus text.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, content_type = "text/plain", body = String)),
    extensions(("x-right" = json!("none"))))]
pub(in crate::serve) async fn metrics(
    State(shared): State<Arc<Shared>>,
) -> Result<Response, Refusal> {
    let ready = i64::from(*shared.health.borrow() == Health::Ready);
    let mut samples = shared.ask(store_samples).await?;
    samples.push(gauge("xunzhen_ready", "1 while the writer commits.", ready));
    let text = shared.metrics.text(&samples);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

fn store_samples(shared: &Shared) -> Result<Vec<Sample>, crate::store::StoreError> {
    let counts = shared.reader.counts()?;
    let now = shared.clock.now();
    let board = shared.reader.board(&Scope::Everything, None, now)?;
    let [blue, yellow, orange, red] = board.open;
    let item = |status: &'static str, count| Sample {
        name: "xunzhen_items_total",
        help: "Items received since the store was made, by what became of them.",
        kind: "counter",
        labels: vec![("status", status.into())],
        value: whole(count),
    };
    let open = |level: &'static str, count| Sample {
        name: "xunzhen_alerts_open",
        help: "Alerts that have not ended, by level.",
        kind: "gauge",
        labels: vec![("level", level.into())],
        value: whole(count),
    };
    let oldest = board.oldest_unacknowledged.map_or(0, |at| now.since(at).0 / 1000);
    Ok(vec![
        Sample {
            name: "xunzhen_items_received_total",
            help: "Items received since the store was made.",
            kind: "counter",
            labels: vec![],
            value: whole(counts.received),
        },
        item("stored", counts.stored),
        item("rejected", counts.rejected),
        item("duplicate", counts.duplicate),
        item("quarantined", counts.quarantined),
        item("refused", counts.refused),
        open("red", red),
        open("orange", orange),
        open("yellow", yellow),
        open("blue", blue),
        gauge("xunzhen_alerts_overdue", "Alerts past their deadline.", whole(board.overdue)),
        gauge(
            "xunzhen_alert_unacknowledged_oldest_seconds",
            "Age of the oldest alert that nobody has taken.",
            oldest,
        ),
        gauge("xunzhen_commit_position", "Newest position of the log.", shared.reader.last()?.0),
    ])
}

const fn gauge(name: &'static str, help: &'static str, value: i64) -> Sample {
    Sample { name, help, kind: "gauge", labels: Vec::new(), value }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
