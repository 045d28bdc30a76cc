//! Every route, and what surrounds each of them.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    handler::Handler,
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};

use super::{
    api::{
        accounts, alerts, audit, bench, board, decide, enrol, glass, happened, health, held,
        indicators, live, me, merge, outcomes, people, post as posted, readings, receipts, uplink,
        visits, void,
    },
    assets,
    extract::DEPTH_MAX,
    openapi, pages,
    refusal::Refusal,
    shared::Shared,
    trail,
};

/// Longest time for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Longest time for posted readings, and for what a gateway below hands up, over a line of 50 KB/s.
const POST_TIME_MAX: Duration = Duration::from_secs(180);

pub(super) const POSTED: &str = "/api/v1/readings";

const UPLINK: &str = "/api/v1/uplink";

/// Routes, with their names for the test that compares them with the OpenAPI document.
struct Routes {
    router: Router<Arc<Shared>>,
    listed: Vec<(Method, &'static str)>,
}

impl Routes {
    fn get<H: Handler<T, Arc<Shared>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::GET, path, get(handler))
    }

    fn post<H: Handler<T, Arc<Shared>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::POST, path, post(handler))
    }

    fn add(
        mut self,
        method: Method,
        path: &'static str,
        handler: MethodRouter<Arc<Shared>>,
    ) -> Self {
        self.listed.push((method, path));
        self.router = self.router.route(path, handler);
        self
    }
}

fn api() -> Routes {
    Routes { router: Router::new(), listed: Vec::new() }
        .get("/api/v1/me", me::me)
        .get(POSTED, readings::list)
        .post(POSTED, posted::readings)
        .get("/api/v1/alerts", alerts::list)
        .get("/api/v1/alerts/{id}", alerts::one)
        .post("/api/v1/alerts/{id}/ack", alerts::ack)
        .post("/api/v1/alerts/{id}/forward", alerts::forward)
        .post("/api/v1/alerts/{id}/note", alerts::note)
        .post("/api/v1/alerts/{id}/visit", visits::visit)
        .post("/api/v1/alerts/{id}/outcome", outcomes::outcome)
        .get("/api/v1/people", people::list)
        .get("/api/v1/people/{id}", people::one)
        .get("/api/v1/people/{id}/timeline", people::timeline)
        .post("/api/v1/people/{id}/merge", merge::merge)
        .post("/api/v1/people/{id}/follow-ups", happened::follow_up)
        .post("/api/v1/people/{id}/money", happened::money)
        .get("/api/v1/merges", merge::list)
        .get("/api/v1/merges/proposed", merge::proposed)
        .post("/api/v1/merges/{id}/undo", merge::undo)
        .post("/api/v1/people/{id}/site-acts", happened::site_act)
        .post("/api/v1/events/{id}/void", void::void)
        .post("/api/v1/benches/{site}/{bench}/card", bench::card)
        .get("/api/v1/board", board::board)
        .get("/api/v1/receipts", receipts::receipts)
        .get("/api/v1/snapshot", board::snapshot)
        .get("/api/v1/indicators", indicators::indicators)
        .get("/api/v1/events", live::events)
        .get("/api/v1/stream", live::stream)
        .get("/api/v1/quarantine", held::quarantine)
        .get("/api/v1/quarantine/{id}", held::one)
        .post("/api/v1/quarantine/{id}/claim", decide::claim)
        .post("/api/v1/quarantine/{id}/dismiss", decide::dismiss)
        .post("/api/v1/claims/{id}/undo", decide::undo)
        .get("/api/v1/refused", held::refused)
        .post(UPLINK, uplink::exchange)
        .post("/api/v1/enrol", enrol::enrol)
        .get("/api/v1/accounts", accounts::list)
        .post("/api/v1/accounts/{id}/disable", accounts::disable)
        .post("/api/v1/accounts/{id}/enable", accounts::enable)
        .post("/api/v1/accounts/{id}/revoke", accounts::revoke)
        .get("/api/v1/break-glass", glass::list)
        .post("/api/v1/break-glass", glass::break_it)
        .post("/api/v1/break-glass/end", glass::end)
        .get("/api/v1/audit", audit::list)
        .get("/healthz", health::alive)
        .get("/readyz", health::ready)
        .get("/metrics", health::metrics)
}

/// The routes of the JSON interface, for tests.
#[cfg(test)]
pub(super) fn listed() -> Vec<(Method, &'static str)> {
    api().listed
}

/// Everything that a browser, a device or another program may ask for.
pub fn router(shared: Arc<Shared>) -> Router {
    let pages = Router::new()
        .route("/", get(pages::start::start))
        .route("/wall", get(pages::start::wall))
        .route("/login", get(pages::sign_in::form).post(pages::sign_in::step))
        .route("/account", get(pages::account::look).post(pages::account::act))
        .route("/login/oidc", get(pages::oidc::go))
        .route("/login/oidc/back", get(pages::oidc::back))
        .route("/login/{code}", get(pages::session::log_in))
        .route("/logout", post(pages::session::log_out))
        .route("/lite", get(pages::board::board))
        .route("/lite/inbox", get(pages::inbox::inbox))
        .route("/lite/indicators", get(pages::indicators::indicators))
        .route("/lite/receipts", get(pages::receipts::receipts))
        .route("/lite/people", get(pages::people::list))
        .route("/lite/quarantine", get(pages::quarantine::quarantine))
        .route("/lite/quarantine/{id}", post(pages::quarantine::decide))
        .route("/lite/people/{id}", get(pages::people::person).post(pages::files::decide))
        .route("/lite/bench/{site}/{bench}", get(pages::bench::bench).post(pages::bench::act))
        .route(
            "/lite/bench/{site}/{bench}/type",
            get(pages::bench::type_page).post(pages::bench::keep),
        )
        .route(
            "/lite/bench/{site}/{bench}/card",
            get(pages::bench::card_page).post(pages::bench::hold),
        )
        .route("/lite/bench/{site}/{bench}/print", post(pages::bench::print))
        .route("/lite/alerts/{id}", get(pages::alert::alert).post(pages::alert::act))
        .route("/a/{token}", get(pages::link::look).post(pages::link::act))
        .route("/docs", get(pages::docs::docs))
        .route("/api/openapi.json", get(openapi::json));
    api()
        .router
        .merge(pages)
        .fallback(assets::file)
        .method_not_allowed_fallback(async || Refusal::method())
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), trail::follow))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), around))
        .with_state(shared)
}

/// Bounds every answer in time, counts it, and adds what every answer says.
async fn around(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let slow = path.is_some_and(|path| [POSTED, UPLINK].contains(&path));
    let posts = slow && *request.method() == Method::POST;
    let limit = if posts { POST_TIME_MAX } else { ANSWER_MAX };
    let mut response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Refusal::busy().into_response(),
    };
    count(&shared, &response);
    guard(&shared, &mut response);
    response
}

fn count(shared: &Shared, response: &Response) {
    let [good, elsewhere, refused, failed] = &shared.counters.answered;
    match response.status().as_u16() {
        0..=299 => good.inc(),
        300..=399 => elsewhere.inc(),
        400..=499 => refused.inc(),
        500.. => failed.inc(),
    }
}

/// Answers are for the one who asked, are what they say they are, and tell no other site anything.
fn guard(shared: &Shared, response: &mut Response) {
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    put(header::CACHE_CONTROL, "no-store");
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // `no-referrer` would make browsers send `Origin: null` with our own forms.
    put(header::REFERRER_POLICY, "same-origin");
    put(header::X_FRAME_OPTIONS, "DENY");
    put(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    put(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    if shared.settings.secure {
        put(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

const _: () = assert!(DEPTH_MAX < 128, "serde_json stops at 128");
