//! Breaking the glass: in an emergency somebody of the clinical roles sees everybody for half an
//! hour, having said why. It is kept who did, every request of it is logged, and nothing can be done
//! about people of others meanwhile.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};

use crate::{
    domain::Millis,
    serve::{
        accounts::{commit_once, told_before},
        answers::{self, Answered},
        caller::{Caller, Proof},
        extract::{self, Asked, paging},
        refusal::Refusal,
        scope::Right,
        sessions::Glass,
        shared::Shared,
        wire,
    },
    store::{AccessChange, BrokenGlass, Request},
};

/// How long the glass stays broken (ATTACKS 2.3, RBAC; issue 5, part 7).
const GLASS_LIFETIME: Millis = Millis::minutes(30);

/// Fewest characters of a reason: one that says something.
const REASON_MIN: usize = 10;

/// Most characters of a reason.
const REASON_MAX: usize = 500;

/// Largest body.
const BODY_MAX: usize = 4 * 1024;

/// Sees everybody for 30 minutes, and acts on nobody. The reason is kept and shown to auditors.
#[utoipa::path(post, path = "/api/v1/break-glass", tag = "access",
    request_body = wire::GlassAsked,
    responses((status = 200, body = wire::GlassShown)), extensions(("x-right" = json!("break_glass"))))]
pub(in crate::serve) async fn break_it(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::BreakGlass)?;
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asked: wire::GlassAsked = extract::json(&body)?;
    let request = answers::repeatable(&headers, &caller, "break-glass", &body)?;
    begin(&shared, &caller, &asked.reason, request).await
}

/// Kept first, and only then open: there is no look that nobody can find. A request that comes again
/// opens nothing, nor does it lengthen anything.
pub(in crate::serve) async fn begin(
    shared: &Arc<Shared>,
    caller: &Caller,
    reason: &str,
    request: Option<Request>,
) -> Result<Answered, Refusal> {
    caller.need(Right::BreakGlass)?;
    let reason = reason.trim();
    let characters = reason.chars().count();
    if !(REASON_MIN..=REASON_MAX).contains(&characters) {
        let said = format!("reason: {REASON_MIN} to {REASON_MAX} characters / 请填写原因");
        return Err(Refusal::bad(said));
    }
    let at = shared.clock.now();
    let broken = BrokenGlass {
        at,
        until: at.plus(GLASS_LIFETIME),
        by: caller.grant.author().into(),
        role: caller.grant.role,
        reason: reason.to_owned(),
    };
    let (shown, change) = (wire::GlassShown::of(&broken), AccessChange::Glass(broken.clone()));
    if let Some(body) = commit_once(shared, Some(change), (request, &shown)).await? {
        return Ok(Answered { status: StatusCode::OK, body });
    }
    tracing::warn!(target: "audit", by = %broken.by, until = %broken.until, "the glass was broken");
    shared.counters.glass.inc();
    let glass = Glass { until: broken.until, reason: broken.reason.clone() };
    shared.sessions.break_glass(key(caller), glass, GLASS_LIFETIME);
    Answered::ok(&shown)
}

/// Ends it before its time.
#[utoipa::path(post, path = "/api/v1/break-glass/end", tag = "access",
    responses((status = 200, body = wire::Me)), extensions(("x-right" = json!("break_glass"))))]
pub(in crate::serve) async fn end(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::BreakGlass)?;
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let request = answers::repeatable(&headers, &caller, "break-glass end", &body)?;
    if let Some(body) = told_before(&shared, request.as_ref()).await? {
        return Ok(Answered { status: StatusCode::OK, body });
    }
    shared.sessions.mend_glass(&key(&caller));
    let caller = Caller::again(&shared, caller.proof).await?;
    let me = shared.ask(move |shared| super::me::describe(shared, &caller)).await?;
    if request.is_some() {
        commit_once(&shared, None, (request, &me)).await?;
    }
    Answered::ok(&me)
}

const fn key(caller: &Caller) -> [u8; 32] {
    let (Proof::Token(key) | Proof::Session(key)) = caller.proof;
    key
}

/// Who broke the glass, when and why, newest first.
#[utoipa::path(get, path = "/api/v1/break-glass", tag = "access", params(wire::Paged),
    responses((status = 200, body = wire::List<wire::GlassShown>)),
    extensions(("x-right" = json!("read_audit"))))]
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::Paged>,
) -> Result<Json<wire::List<wire::GlassShown>>, Refusal> {
    caller.need(Right::ReadAudit)?;
    let paging = paging(asked.limit, asked.after)?;
    let page = shared.ask(move |shared| shared.reader.broken_glass(&paging)).await?;
    let items = page.items.iter().map(wire::GlassShown::of).collect();
    Ok(Json(wire::List { items, next: page.next }))
}
