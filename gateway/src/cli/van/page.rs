//! The page of the demonstration: van, cable, centre, and what to look at. Without script it comes
//! again every two seconds; with it the parts that changed are put in place.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form, Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    go,
    parts::{self, CablePart, SidePart, StepsPart},
    side::Which,
    stage::Stage,
};

const STYLE: &str = include_str!("../../../templates/demo_van.css");
const SCRIPT: &str = include_str!("../../../templates/demo_van.js");

/// Our own style and script, our own buttons, and nothing of anybody else's.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The whole page.
#[derive(Template)]
#[template(path = "demo_van.html")]
struct Whole {
    plugged: bool,
    auto: bool,
    steps: String,
    cable: String,
    van: String,
    centre: String,
}

/// The demonstration's own routes.
pub(super) fn router(stage: Arc<Stage>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::to("/demo")))
        .route("/demo", get(page))
        .route("/demo/live", get(live))
        .route("/demo/state", get(state))
        .route("/demo/style.css", get(async || file("text/css; charset=utf-8", STYLE)))
        .route("/demo/live.js", get(async || file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/demo/cable", post(cable))
        .route("/demo/measure", post(measure))
        .route("/demo/auto", post(auto))
        .route("/demo/kill/{side}", post(kill))
        .route("/demo/go/{side}/{*page}", get(go::go))
        .layer(middleware::from_fn(own))
        .with_state(stage)
}

/// Only our own page presses our buttons: another page of the same browser is refused.
async fn own(request: Request, next: Next) -> Response {
    if !is_own(request.headers()) {
        return (StatusCode::FORBIDDEN, "not from here / 非本页请求\n").into_response();
    }
    let mut response = next.run(request).await;
    let put = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in put {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let ours = Which::ALL.iter().any(|which| which.host() == name);
    ours && text(header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

fn rendered(of: &impl Template) -> Result<String, Broken> {
    of.render().map_err(|_unwritten| Broken)
}

/// A part could not be written, which the templates cannot do.
struct Broken;

impl IntoResponse for Broken {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

async fn page(State(stage): State<Arc<Stage>>) -> Result<Response, Broken> {
    let [steps, cable, van, centre] = all(&stage)?;
    let (plugged, auto) = (stage.cable.is_plugged(), *stage.auto.borrow());
    let text = rendered(&Whole { plugged, auto, steps, cable, van, centre })?;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(std::future::ready(([(header::CONTENT_TYPE, kind)], text).into_response()).await)
}

fn all(stage: &Stage) -> Result<[String; 4], Broken> {
    Ok([
        rendered(&StepsPart::of(stage))?,
        rendered(&CablePart::of(stage))?,
        rendered(&SidePart::of(stage, Which::Van))?,
        rendered(&SidePart::of(stage, Which::Centre))?,
    ])
}

/// The parts as they are now, for the script.
async fn live(State(stage): State<Arc<Stage>>) -> Result<Response, Broken> {
    let [steps, cable, van, centre] = all(&stage)?;
    let (plugged, auto) = (stage.cable.is_plugged(), *stage.auto.borrow());
    let parts = json!({"steps": steps, "cable": cable, "van": van, "centre": centre});
    let told = json!({"plugged": plugged, "auto": auto, "parts": parts});
    Ok(std::future::ready(Json(told).into_response()).await)
}

/// The same in figures, for tests and for whoever wants to draw their own.
async fn state(State(stage): State<Arc<Stage>>) -> Response {
    std::future::ready(Json(parts::figures(&stage)).into_response()).await
}

#[derive(Deserialize)]
struct Plug {
    plugged: bool,
}

async fn cable(State(stage): State<Arc<Stage>>, Form(form): Form<Plug>) -> Response {
    stage.plug(form.plugged);
    back().await
}

async fn measure(State(stage): State<Arc<Stage>>) -> Response {
    if stage.measure() { back().await } else { busy() }
}

#[derive(Deserialize)]
struct Auto {
    on: bool,
}

async fn auto(State(stage): State<Arc<Stage>>, Form(form): Form<Auto>) -> Response {
    stage.auto.send_replace(form.on);
    back().await
}

async fn kill(State(stage): State<Arc<Stage>>, Path(side): Path<String>) -> Response {
    let which = Which::ALL.into_iter().find(|which| which.as_str() == side);
    match which.map(|which| stage.side(which).kill()) {
        None => StatusCode::NOT_FOUND.into_response(),
        // One that does not run was killed by somebody else just now.
        Some(Ok(()) | Err(_)) => back().await,
    }
}

async fn back() -> Response {
    std::future::ready(Redirect::to("/demo").into_response()).await
}

fn busy() -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, kind);
    let told = "three people wait already / 已有三人排队\n";
    (StatusCode::SERVICE_UNAVAILABLE, headers, told).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, origin: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(is_own(&headers), expected, "{host} {origin:?}");
    }

    #[test]
    fn only_our_own_page_presses_our_buttons() {
        check("127.0.0.1:8080", None, true);
        check("localhost:8080", Some("http://localhost:8080"), true);
        check("127.0.0.1:8080", Some("http://127.0.0.1:9000"), false);
        check("127.0.0.1:8080", Some("https://elsewhere.example"), false);
        check("elsewhere.example", Some("http://elsewhere.example"), false);
    }
}
