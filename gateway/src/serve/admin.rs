//! The operator's own door: a socket file that only the owner of the data folder can open, or the
//! same program without a server. No log-in: whoever can open it owns the data.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::HeaderMap,
    middleware,
    routing::{get, post},
};
use smol_str::SmolStr;
use tokio::sync::oneshot;

use super::{
    accounts,
    caller::Grant,
    extract::{self, Asked, name, paging},
    refusal::Refusal,
    rehearse::rehearse,
    secret,
    shared::Shared,
    trail,
    weigh::{Weighed, weigh},
    wire,
};
use crate::{
    audit::Kind,
    commit::{Registering, Work},
    domain::{Millis, Registered},
    intake::NotCommitted,
    store::{Role, TokenRow},
};

/// Largest body of registry rows: the tools send a few thousand at once.
pub(super) const ROWS_MAX: usize = 16 * 1024 * 1024;

/// Other bodies.
pub(super) const BODY_MAX: usize = 16 * 1024;

/// A login link works so long.
const LINK_LIFETIME: Millis = Millis::hours(24);

/// First characters of a token, by which a leaked one is found in logs and repositories.
pub(super) const TOKEN_PREFIX: &str = "xzt_";

/// The operator's routes. Whoever reaches them has every right.
pub fn admin_router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/admin/registry", get(registry).post(register))
        .route("/admin/events", post(super::admin_events::enter))
        .route("/admin/roster/key", get(super::admin_roster::key))
        .route("/admin/roster/make", post(super::admin_roster::make))
        .route("/admin/roster/take", post(super::admin_roster::take))
        .route("/admin/enrol", get(super::admin_enrol::list))
        .route("/admin/enrol/codes", post(super::admin_enrol::codes))
        .route("/admin/enrol/revoke", post(super::admin_enrol::revoke))
        .route("/admin/enrol/server", post(super::admin_enrol::server))
        .route("/admin/audit", get(super::api::audit::list_at_door))
        .route("/admin/keys", get(super::admin_keys::list))
        .route("/admin/keys/rotate", post(super::admin_keys::rotate))
        .route("/admin/receipts/log", get(super::admin_receipts::log))
        .route("/admin/receipts/said", get(super::admin_receipts::said))
        .route("/admin/slip", get(super::admin_slip::slip))
        .route("/admin/tokens", get(super::admin_tokens::list).post(make_token))
        .route("/admin/tokens/revoke", post(super::admin_tokens::revoke))
        .route("/admin/users", get(accounts::list).post(accounts::add))
        .route("/admin/users/change", post(accounts::change))
        .route("/admin/users/sessions", get(accounts::sessions))
        .route("/admin/backup", post(back_up))
        .route("/admin/check", get(check))
        .route("/admin/stats", get(stats))
        .route("/admin/login-link", post(make_login_link))
        .fallback(async || Refusal::not_found())
        .method_not_allowed_fallback(async || Refusal::method())
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), trail::follow_door))
        .with_state(shared)
}

async fn registry(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<wire::RegistryAsked>,
) -> Result<Json<wire::List<Registered>>, Refusal> {
    trail::is(Kind::Export);
    let paging = paging(asked.limit, asked.after)?;
    let page = shared.ask(move |shared| shared.reader.registry(&asked.kind, &paging)).await?;
    Ok(Json(wire::List { items: page.items, next: page.next }))
}

async fn register(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<wire::RegistryAsked>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::RegistryCounted>, Refusal> {
    let dry_run = asked.dry_run.unwrap_or_default();
    if !dry_run {
        shared.writable()?;
    }
    let body = extract::body(&shared, &headers, body, ROWS_MAX).await?;
    let rows = parsed(&body, &asked.kind)?;
    if dry_run {
        let with_ours = asked.ours.unwrap_or_default();
        return shared.ask(move |shared| rehearse(shared, rows, with_ours)).await.map(Json);
    }
    let turn = shared.entering.acquire().await;
    turn.as_ref().map_err(|_closed| Refusal::from(NotCommitted))?;
    let Weighed { rows, rejected, warned } = shared.ask(move |shared| weigh(shared, rows)).await?;
    let sent = rows.len();
    if sent == 0 {
        let (new_or_changed, unchanged) = (0, 0);
        return Ok(Json(counted((new_or_changed, unchanged), rejected, warned)));
    }
    let (reply, done) = oneshot::channel();
    let author = SmolStr::new(asked.author.as_deref().unwrap_or("operator"));
    let work = Work::Register(Registering { rows, author, reply });
    shared.inlet.hand_over(work).await?;
    let (_proof, changed) = done.await.map_err(|_dropped| Refusal::from(NotCommitted))?;
    let unchanged = sent.saturating_sub(changed);
    Ok(Json(counted((changed, unchanged), rejected, warned)))
}

const fn counted(
    (new_or_changed, unchanged): (usize, usize),
    rejected: Vec<wire::RowNote>,
    warned: Vec<wire::RowNote>,
) -> wire::RegistryCounted {
    let (changed, ours) = (None, None);
    wire::RegistryCounted { new_or_changed, unchanged, changed, ours, rejected, warned }
}

/// The rows of a body, each with its line.
fn parsed(body: &[u8], of_kind: &str) -> Result<Vec<(usize, Registered)>, Refusal> {
    let lines = body.split(|byte| *byte == b'\n').zip(1_usize..);
    let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    lines
        .map(|(text, line)| {
            let row: Registered = serde_json::from_slice(text)
                .map_err(|error| Refusal::bad_json(format!("line {line}: {error}")))?;
            let found = row.kind();
            if found == of_kind {
                Ok((line, row))
            } else {
                Err(Refusal::bad(format!("line {line}: a {found}, not a {of_kind}")))
            }
        })
        .collect()
}

async fn make_token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::TokenMade>, Refusal> {
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asked: wire::TokenAsked = extract::json(&body)?;
    let role = role(&asked.role)?;
    fits_powers(&shared, role)?;
    let doctor = name("doctor", asked.doctor.as_deref())?;
    let device = name("device", asked.device.as_deref())?;
    if role == Role::Doctor && doctor.is_none() {
        return Err(Refusal::bad("doctor: a token of role doctor speaks for one doctor"));
    }
    let token = secret::text().map_err(|error| Refusal::broken(&error))?;
    let token = format!("{TOKEN_PREFIX}{token}");
    let row = TokenRow {
        hash: secret::hash(&token),
        role,
        place: asked.scope.filter(|place| !place.is_empty()),
        doctor,
        device,
        created_at: shared.clock.now(),
        revoked_at: None,
    };
    let (reply, done) = oneshot::channel();
    shared.inlet.hand_over(Work::Token { row, reply }).await?;
    done.await.map_err(|_dropped| Refusal::from(NotCommitted))?;
    Ok(Json(wire::TokenMade { token }))
}

async fn back_up(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::Stats>, Refusal> {
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    trail::is(Kind::Export);
    let wire::BackupAsked { to } = extract::json(&body)?;
    copy(&shared, to).await?;
    shared.ask(stats_of).await.map(Json)
}

async fn copy(shared: &Arc<Shared>, to: PathBuf) -> Result<(), Refusal> {
    let task = Arc::clone(shared);
    // A backup takes long: it has its own thread and takes nobody's turn.
    let done = tokio::task::spawn_blocking(move || task.reader.back_up(&to)).await;
    match done.map_err(|error| Refusal::broken(&error))? {
        Ok(()) => Ok(()),
        Err(error) => Err(Refusal::bad(error.to_string())),
    }
}

async fn check(State(shared): State<Arc<Shared>>) -> Result<Json<wire::Checked>, Refusal> {
    let task = Arc::clone(&shared);
    let found = tokio::task::spawn_blocking(move || task.reader.recount()).await;
    let found = found.map_err(|error| Refusal::broken(&error))?;
    let differences = found.map_err(|error| Refusal::store(&error))?;
    Ok(Json(wire::Checked { differences }))
}

async fn stats(State(shared): State<Arc<Shared>>) -> Result<Json<wire::Stats>, Refusal> {
    shared.ask(stats_of).await.map(Json)
}

fn stats_of(shared: &Shared) -> Result<wire::Stats, crate::store::StoreError> {
    let (gateway, epoch) = shared.reader.gateway()?;
    let counts = shared.reader.counts()?;
    Ok(wire::Stats {
        gateway,
        epoch,
        last: shared.reader.last()?.0,
        received: counts.received,
        stored: counts.stored,
        rejected: counts.rejected,
        duplicate: counts.duplicate,
        quarantined: counts.quarantined,
        refused: counts.refused,
    })
}

async fn make_login_link(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::LoginLinkMade>, Refusal> {
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asked: wire::LoginLinkAsked = extract::json(&body)?;
    let grant = Grant {
        role: role(&asked.role)?,
        place: asked.scope.filter(|place| !place.is_empty()),
        doctor: name("doctor", asked.doctor.as_deref())?,
        device: None,
        account: None,
    };
    Ok(Json(wire::LoginLinkMade { path: shared.login_link(grant, LINK_LIFETIME) }))
}

/// Where powers are separate nobody is made an operator.
pub(super) fn fits_powers(shared: &Shared, role: Role) -> Result<(), Refusal> {
    if role == Role::Operator && shared.settings.accounts.separate_powers {
        let why = "role: powers are separate here: system_admin or security_admin / 三权分立";
        return Err(Refusal::bad(why));
    }
    Ok(())
}

pub(super) fn role(text: &str) -> Result<Role, Refusal> {
    Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        Refusal::bad(format!("role: {text:?} is none of {}", names.join(", ")))
    })
}
