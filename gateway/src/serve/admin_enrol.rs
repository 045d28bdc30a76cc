//! The operator's routes for enrolment: codes for boxes, who was enrolled, turning one away, and
//! certificates for this gateway's own listeners.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::{SemaphorePermit, oneshot};

use super::{
    admin::ROWS_MAX,
    api::enrol::ended,
    extract::{self, Asked, paging},
    refusal::Refusal,
    shared::Shared,
    trail, wire,
};
use crate::{
    commit::{Enrolling, Registering, Work},
    domain::{BoxId, BoxState, Millis, Neighbour, Registered, SiteId, Timestamp},
    enrol::{AuthorityError, CODE_HOURS, CODE_MAX, Code, SERVER_DAYS, Span, kept},
    intake::NotCommitted,
    store::{BoxChange, BoxCode, RegistryKey, StoreError, view::Scope},
};

/// Boxes of one request: a county has fewer.
const BOXES_MAX: usize = 10_000;

/// Host names of one certificate.
const NAMES_MAX: usize = 50;

/// Who acts through the door.
const BY: &str = "operator";

/// Codes to make.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodesAsked {
    boxes: Vec<BoxAsked>,
    hours: Option<i64>,
    certificate: Option<PathBuf>,
}

/// One box.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BoxAsked {
    #[serde(rename = "box")]
    name: BoxId,
    site: Option<SiteId>,
    #[serde(default)]
    serves: Vec<String>,
}

/// What is asked for, where it changes something.
async fn changing<T: DeserializeOwned>(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Refusal> {
    shared.writable()?;
    extract::json(&extract::body(shared, headers, body, ROWS_MAX).await?)
}

/// What is wrong with the authority's files or with the certificate that was named, and which file it is.
fn unusable(error: &AuthorityError) -> Refusal {
    match std::error::Error::source(error) {
        Some(cause) => Refusal::bad(format!("{error}: {cause}")),
        None => Refusal::bad(error.to_string()),
    }
}

/// One request at a time weighs and enters.
async fn turn(shared: &Shared) -> Result<SemaphorePermit<'_>, Refusal> {
    shared.entering.acquire().await.map_err(|_closed| NotCommitted.into())
}

/// `POST /admin/enrol/codes`: a code each, all or none. A later code of a box ends the one before.
pub(super) async fn codes(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let asked: CodesAsked = changing(&shared, &headers, body).await?;
    if let [one] = asked.boxes.as_slice() {
        trail::about(one.name.as_str());
    }
    let hours = asked.hours.unwrap_or(CODE_HOURS);
    let lifetime = Millis::hours(hours.clamp(0, i64::from(u16::MAX)));
    if lifetime.0 <= 0 || lifetime.0 > CODE_MAX.0 {
        return Err(Refusal::bad("hours: from 1 to 336 / 有效期须为 1 至 336 小时"));
    }
    if asked.boxes.len() > BOXES_MAX {
        return Err(Refusal::bad(format!("at most {BOXES_MAX} boxes at once")));
    }
    let _turn = turn(&shared).await?;
    let task = Arc::clone(&shared);
    let made = tokio::task::spawn_blocking(move || make(&task, asked, lifetime)).await;
    let (items, changes) = made.map_err(|error| Refusal::broken(&error))??;
    hand_over(&shared, (Vec::new(), Vec::new()), changes).await?;
    Ok(Json(json!({ "items": items })))
}

fn make(
    shared: &Shared,
    asked: CodesAsked,
    lifetime: Millis,
) -> Result<(Vec<Value>, Vec<BoxChange>), Refusal> {
    let pin = shared.office.pin(asked.certificate.as_deref());
    let pin = pin.map_err(|error| unusable(&error))?;
    let (above, now) = (shared.key.public(), shared.office.floor.now());
    let (gateway, _) = shared.reader.gateway().map_err(|error| Refusal::store(&error))?;
    let (mut items, mut changes, mut names) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (line, BoxAsked { name, site, serves }) in (1_usize..).zip(asked.boxes) {
        if name.as_str() == gateway {
            let why = "is this gateway's own name / 是本网关自己的名称";
            return Err(Refusal::bad(format!("line {line}: {name} {why}")));
        }
        if names.insert(name.clone(), line).is_some() {
            return Err(Refusal::bad(format!("line {line}: {name} twice / 重复")));
        }
        let code = Code::random(name.clone(), pin, &above);
        let code = code.map_err(|error| Refusal::broken(&error))?;
        let until = now.plus(lifetime);
        items.push(json!({
            "box": name, "code": code.text().expose(), "until": until, "site": site,
            "serves": serves,
        }));
        changes.push(BoxChange::Code(Box::new(BoxCode {
            hash: *kept(&name, code.secret.expose()).as_bytes(),
            name,
            site,
            serves,
            made_at: now,
            made_by: BY.into(),
            until,
            used: None,
        })));
    }
    Ok((items, changes))
}

async fn hand_over(
    shared: &Shared,
    (rows, tokens): (Vec<Registered>, Vec<crate::store::TokenRow>),
    changes: Vec<BoxChange>,
) -> Result<(), Refusal> {
    let (reply, done) = oneshot::channel();
    let rows = Registering { rows, author: BY.into(), reply };
    shared.inlet.hand_over(Work::Enrol(Enrolling { rows, tokens, changes })).await?;
    done.await.map_err(|_dropped| Refusal::from(NotCommitted))?;
    Ok(())
}

/// `GET /admin/enrol`: boxes that have a code or a certificate, by name.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<wire::Paged>,
) -> Result<Json<Value>, Refusal> {
    let paging = paging(asked.limit, asked.after)?;
    let heard: BTreeMap<_, _> = shared.upper.status().below().into_iter().collect();
    let page = move |shared: &Shared| {
        let after = paging.after.as_deref().unwrap_or_default();
        let names = shared.reader.boxes(after, paging.limit)?;
        let next = (names.len() >= paging.limit).then(|| names.last().map(ToString::to_string));
        let shown = |name: &BoxId| {
            let contact = heard.get(name).and_then(|below| below.contact);
            shown(shared, name, contact)
        };
        let items: Vec<Value> = names.iter().map(shown).collect::<Result<_, _>>()?;
        Ok(json!({ "items": items, "next": next.flatten() }))
    };
    shared.ask(page).await.map(Json)
}

fn shown(shared: &Shared, name: &BoxId, heard: Option<Timestamp>) -> Result<Value, StoreError> {
    let reader = &shared.reader;
    let (code, made) = (reader.box_code(name)?, reader.box_certificate(name)?);
    let row = row_of(shared, name)?;
    let now = shared.office.floor.now();
    let open = code.as_ref().filter(|code| code.used.is_none() && code.until > now);
    let state = match &row {
        Some(row) if row.state == BoxState::Revoked => "revoked",
        Some(_) if made.as_ref().is_some_and(|made| made.until <= now) => "expired",
        Some(_) => "enabled",
        None if open.is_some() => "invited",
        None => "code_expired",
    };
    Ok(json!({
        "box": name, "state": state, "site": row.and_then(|row| row.site),
        "certificate_until": made.map(|made| made.until), "last_heard": heard,
        "code_until": open.map(|code| code.until),
    }))
}

fn row_of(shared: &Shared, name: &BoxId) -> Result<Option<Neighbour>, StoreError> {
    let row = shared.reader.registered(&Scope::Everything, &RegistryKey::neighbour(name))?;
    Ok(if let Some(Registered::Box(row)) = row { Some(row) } else { None })
}

/// A box to turn away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeAsked {
    #[serde(rename = "box")]
    name: BoxId,
}

/// `POST /admin/enrol/revoke`: from its commit on nothing of the box is taken; its token and its open code
/// end with it.
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let RevokeAsked { name } = changing(&shared, &headers, body).await?;
    trail::about(name.as_str());
    let _turn = turn(&shared).await?;
    let of = name.clone();
    let held = shared.ask(move |shared| Ok((row_of(shared, &of)?, shared.reader.box_code(&of)?)));
    let (row, code) = held.await?;
    if row.is_none() && code.is_none() {
        return Err(Refusal::bad(format!("box: {name} is not known here / 未登记该网关")));
    }
    let tokens: Vec<_> = ended(&shared, &name).await?.into_iter().collect();
    let row = row.map(|row| Registered::Box(Neighbour { state: BoxState::Revoked, ..row }));
    let now = shared.office.floor.now();
    let ends = code.filter(|code| code.until > now).map(|code| BoxCode { until: now, ..code });
    let changes = ends.map(|code| BoxChange::Code(Box::new(code)));
    let rows = row.into_iter().collect();
    hand_over(&shared, (rows, tokens), changes.into_iter().collect()).await?;
    tracing::warn!(gateway = %name, "a box was turned away");
    Ok(Json(json!({ "box": name, "state": "revoked" })))
}

/// Names of a listener.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerAsked {
    names: Vec<String>,
}

/// `POST /admin/enrol/server`: a certificate and its key for this gateway's own listeners.
pub(super) async fn server(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let body = extract::body(&shared, &headers, body, ROWS_MAX).await?;
    let ServerAsked { names } = extract::json(&body)?;
    if names.is_empty() || names.len() > NAMES_MAX {
        return Err(Refusal::bad(format!("names: from 1 to {NAMES_MAX}")));
    }
    let made = tokio::task::spawn_blocking(move || {
        let office = &shared.office;
        let at = office.floor.now();
        let made = office.authority()?.for_server(&names, Span::of_days(SERVER_DAYS, at))?;
        Ok((made, at.plus(Millis::days(SERVER_DAYS))))
    });
    let made = made.await.map_err(|error| Refusal::broken(&error))?;
    let (made, until) = made.map_err(|error| unusable(&error))?;
    Ok(Json(json!({ "chain": made.chain, "key": made.key.expose(), "until": until })))
}
