//! From the demonstration to a page of one of the two gateways, signed in on the way.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::{
    side::{Side, Which},
    stage::Stage,
};
use crate::cli::admin::SOCKET;

/// `GET /demo/go/{side}/{page}`: a one-time link is used up here, and its session goes along.
pub(super) async fn go(
    State(stage): State<Arc<Stage>>,
    Path((side, page)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(which) = Which::ALL.into_iter().find(|which| which.as_str() == side) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    let ours = which.host();
    if name != ours {
        // The session is for that name alone: ask again under it.
        return Redirect::to(&format!("http://{ours}:{port}/demo/go/{side}/{page}"))
            .into_response();
    }
    let side = stage.side(which);
    let Some(http) = side.run().http else { return away() };
    let Some(cookie) = session(&stage, side).await else { return away() };
    let to = format!("http://{ours}:{}/{page}", http.port());
    let mut response = Redirect::to(&to).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

fn away() -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    let told = "that gateway is just being started again, go back and try again / 该网关正在重启，请返回重试\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, kind)], told).into_response()
}

/// Opens a session as the one-time link that `serve` prints would.
async fn session(stage: &Stage, side: &Side) -> Option<HeaderValue> {
    let path = login_path(side).await?;
    let asked = stage.client.get(format!("http://{}{path}", side.run().http?));
    let answer = asked.send().await.ok()?;
    let cookie = answer.headers().get("set-cookie")?;
    HeaderValue::from_bytes(cookie.as_bytes()).ok()
}

/// A fresh link, from the operator's own door.
async fn login_path(side: &Side) -> Option<String> {
    let stream = UnixStream::connect(side.data.join(SOCKET)).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let body = Body::from(json!({"role": "operator"}).to_string());
    let request = Request::post("/admin/login-link").header("host", "localhost");
    let request = request.header("content-type", "application/json").body(body).ok()?;
    let asked = async {
        let body = sender.send_request(request).await.ok()?.into_body().collect().await.ok()?;
        let told: Value = serde_json::from_slice(&body.to_bytes()).ok()?;
        told.get("path").and_then(Value::as_str).map(str::to_owned)
    };
    tokio::select! {
        path = asked => path,
        _ended = connection => None,
    }
}
