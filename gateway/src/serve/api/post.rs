//! Readings posted over HTTP: 200 only when they are on disk.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::HeaderMap,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::people;
use crate::{
    admit,
    domain::{DeviceId, Road, SiteId},
    intake::{Item, Receipt},
    serve::{
        answers::{self, Answered},
        caller::Caller,
        extract::{self, DEPTH_MAX},
        refusal::Refusal,
        scope::Right,
        shared::{PostedReadings, Shared},
        wire,
    },
    store::{Origin, Outcome, Refused, Request},
};

/// Largest posted body, in bytes: 10,000 readings of 400 bytes, twice.
pub(in crate::serve) const POST_MAX: usize = 8 * 1024 * 1024;

/// Most readings of one body (DESIGN section 9, HTTP).
const ITEMS_MAX: usize = 10_000;

/// Takes one reading or an array of at most 10,000, in the shape of the MQTT contract with `device`
/// and `site`, and answers when they are on disk.
#[utoipa::path(post, path = "/api/v1/readings", tag = "readings",
    request_body(content = Object, description = "One reading or an array of them."),
    responses((status = 200, body = wire::Delivered)), extensions(("x-right" = json!("deliver"))))]
pub(in crate::serve) async fn readings(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::Deliver)?;
    shared.writable()?;
    let body = extract::body(&shared, &headers, body, POST_MAX).await?;
    let request = answers::repeatable(&headers, &caller, "readings", &body)?;
    let key = answers::key(&headers)?.map(SmolStr::new);
    may_type(&shared, &caller, &body, key.is_some()).await?;
    stays_there(&shared, &caller, &body).await?;
    let posted = PostedReadings {
        body,
        received_at: shared.clock.now(),
        sender: caller.grant,
        idempotency_key: key,
    };
    answers::in_time(deliver(&shared, posted, request)).await
}

/// Whoever is bound to a place delivers for the sites within it and for no other, as at the MQTT listener.
async fn stays_there(shared: &Arc<Shared>, caller: &Caller, body: &Bytes) -> Result<(), Refusal> {
    let Some(place) = caller.grant.place.clone() else { return Ok(()) };
    let body = body.clone();
    let inside = shared.ask(move |shared| {
        if extract::too_deep(&body).is_some() {
            return Ok(true);
        }
        // What cannot be read, or names no site, is refused later.
        let items = elements(&body).unwrap_or_default();
        let at = |item: &RawValue| serde_json::from_str::<Where>(item.get()).ok()?.site;
        let sites: BTreeSet<SmolStr> = items.into_iter().filter_map(at).collect();
        for site in sites {
            let Ok(site) = SiteId::new(&site) else { continue };
            if site.as_str() != place && !shared.reader.has_site(&place, &site)? {
                return Ok(false);
            }
        }
        Ok(true)
    });
    if inside.await? {
        Ok(())
    } else {
        Err(Refusal::forbidden("the token is bound to another place"))
    }
}

#[derive(Deserialize)]
struct Where {
    #[serde(default)]
    site: Option<SmolStr>,
}

/// Typed values are people's, not devices': whoever types one works at a bench, reaches the person
/// whom it names, and brings a key, which alone tells it from the next one.
async fn may_type(
    shared: &Arc<Shared>,
    caller: &Caller,
    body: &Bytes,
    has_key: bool,
) -> Result<(), Refusal> {
    // What cannot be read is refused later, and most of what is posted is a device's.
    if !String::from_utf8_lossy(body).contains("typed") || extract::too_deep(body).is_some() {
        return Ok(());
    }
    let Ok(items) = elements(body) else { return Ok(()) };
    let typed: Vec<_> = items.into_iter().filter(|item| admit::is_typed(item)).collect();
    if typed.is_empty() {
        return Ok(());
    }
    caller.need(Right::SiteAct)?;
    if !has_key {
        return Err(Refusal::bad("Idempotency-Key: a typed value needs one"));
    }
    let people: Vec<String> = typed
        .into_iter()
        .filter_map(|item| serde_json::from_str::<Whose>(item.get()).ok()?.person)
        .collect();
    let scope = caller.scope().clone();
    let reached = shared.ask(move |shared| {
        for person in &people {
            if people::reached(shared, &scope, person)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    });
    if reached.await? { Ok(()) } else { Err(Refusal::not_found()) }
}

#[derive(Deserialize)]
struct Whose {
    #[serde(default)]
    person: Option<String>,
}

/// Takes what somebody typed on a page.
pub(in crate::serve) async fn type_in(
    shared: &Arc<Shared>,
    caller: &Caller,
    body: Bytes,
    (key, request): (SmolStr, Request),
) -> Result<(), Refusal> {
    caller.need(Right::Deliver)?;
    shared.writable()?;
    may_type(shared, caller, &body, true).await?;
    let posted = PostedReadings {
        body,
        received_at: shared.clock.now(),
        sender: caller.grant.clone(),
        idempotency_key: Some(key),
    };
    answers::in_time(deliver(shared, posted, Some(request))).await.map(|_told| ())
}

async fn deliver(
    shared: &Arc<Shared>,
    posted: PostedReadings,
    request: Option<Request>,
) -> Result<Answered, Refusal> {
    let bytes = posted.body.len();
    let task = Arc::clone(shared);
    // Ten thousand readings take milliseconds to decode, which would hold up other requests.
    let admitted = tokio::task::spawn_blocking(move || match unusable(&posted) {
        Ok(()) => Ok((task.admit)(&posted)),
        Err(refusal) => Err(Box::new((kept(&posted, &refusal), refusal))),
    });
    match admitted.await.map_err(|error| Refusal::broken(&error))?.map_err(|unusable| *unusable) {
        Ok(items) => {
            let receipt = commit(shared, request, items, bytes).await?;
            let items = receipt.outcomes.into_iter().map(outcome).collect();
            Answered::ok(&wire::Delivered { items })
        }
        Err((None, refusal)) => Err(refusal),
        Err((Some(item), refusal)) => {
            commit(shared, request.map(unreadable), vec![item], bytes).await?;
            Err(refusal)
        }
    }
}

/// A body that cannot be read is kept once, however often it comes under its key, and takes nothing
/// from the key: what the sender puts right may come under the same.
fn unreadable(Request { key, digest }: Request) -> Request {
    Request { key: format!("{key} unreadable {digest}"), digest }
}

/// Commits items, once for their request.
pub(in crate::serve) async fn commit(
    shared: &Arc<Shared>,
    request: Option<Request>,
    items: Vec<Item>,
    bytes: usize,
) -> Result<Receipt, Refusal> {
    match request {
        Some(request) => Ok(shared.inlet.deliver_once(request, items, bytes).await??),
        None => Ok(shared.inlet.deliver(items, bytes).await?.receipt().await?),
    }
}

fn outcome(outcome: Outcome) -> wire::DeliveredItem {
    wire::DeliveredItem {
        id: outcome.id.map(|id| id.to_string()),
        status: outcome.status.as_str(),
        reason: outcome.reason,
    }
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    device: Option<&'a RawValue>,
}

/// Why a body as a whole cannot be admitted.
fn unusable(posted: &PostedReadings) -> Result<(), Refusal> {
    if let Some(depth) = extract::too_deep(&posted.body) {
        return Err(Refusal::bad_json(format!("nested {depth} deep, at most {DEPTH_MAX}")));
    }
    let items = elements(&posted.body).map_err(|error| Refusal::bad_json(error.to_string()))?;
    match items.len() {
        0 => return Err(Refusal::bad_json("the array is empty")),
        1..=ITEMS_MAX => {}
        got => return Err(Refusal::too_large(format!("{got} items, at most {ITEMS_MAX}"))),
    }
    let Some(own) = &posted.sender.device else { return Ok(()) };
    let other = |item: &&RawValue| names_other(item, own);
    match items.iter().find(|item| other(item)) {
        Some(_) => Err(Refusal::forbidden("the token speaks for another device")),
        None => Ok(()),
    }
}

fn elements(body: &Bytes) -> Result<Vec<&RawValue>, serde_json::Error> {
    let whole: &RawValue = serde_json::from_slice(body)?;
    if whole.get().starts_with('[') { serde_json::from_str(whole.get()) } else { Ok(vec![whole]) }
}

/// Whether an item names a device other than the token's. What is not even an object names none,
/// and admission refuses it.
fn names_other(item: &RawValue, own: &DeviceId) -> bool {
    let Ok(named) = serde_json::from_str::<Named<'_>>(item.get()) else { return false };
    let device = named.device.map(|device| serde_json::from_str::<String>(device.get()));
    matches!(device, Some(Ok(device)) if device != own.as_str())
}

/// A body that cannot be read is kept all the same; one that is not for us, or too large, is not.
fn kept(posted: &PostedReadings, refusal: &Refusal) -> Option<Item> {
    (refusal.status == axum::http::StatusCode::BAD_REQUEST).then(|| {
        let device = posted.sender.device.as_ref().map(|device| SmolStr::new(device.as_str()));
        let detail = refusal.body().detail.unwrap_or_default();
        Item::Refused(Refused {
            reason: format!("json: {detail}"),
            raw: posted.body.to_vec(),
            origin: Origin { road: Road::Http, site: None, device },
            received_at: posted.received_at,
        })
    })
}
