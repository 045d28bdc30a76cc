//! Who may sign in, for those who give access. Making an account and choosing its first password is
//! the operator's, at the machine.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};

use crate::{
    serve::{
        accounts::{Act, By, act},
        answers::{self, Answered},
        caller::Caller,
        extract::{self, Asked, paging},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::AccountName,
};

/// Largest body: there is nothing to say.
const BODY_MAX: usize = 1024;

/// Every account, by name.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "access", params(wire::Paged),
    responses((status = 200, body = wire::List<wire::AccountShown>)),
    extensions(("x-right" = json!("manage_accounts"))))]
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::Paged>,
) -> Result<Json<wire::List<wire::AccountShown>>, Refusal> {
    caller.need(Right::ManageAccounts)?;
    let paging = paging(asked.limit, asked.after)?;
    let page = shared.ask(move |shared| shared.reader.accounts(&paging)).await?;
    let items = page.items.iter().map(wire::AccountShown::of).collect();
    Ok(Json(wire::List { items, next: page.next }))
}

/// Nobody signs in to the account from now on; its sessions end with their next request.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/disable", tag = "access",
    params(("id" = String, Path, description = "The account.")),
    responses((status = 200, body = wire::AccountShown)),
    extensions(("x-right" = json!("manage_accounts"))))]
pub(in crate::serve) async fn disable(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    perform(&shared, &caller, (&id, Act::Disable), (headers, body)).await
}

/// The account may be signed in to again, at once, whatever was tried against it.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/enable", tag = "access",
    params(("id" = String, Path, description = "The account.")),
    responses((status = 200, body = wire::AccountShown)),
    extensions(("x-right" = json!("manage_accounts"))))]
pub(in crate::serve) async fn enable(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    perform(&shared, &caller, (&id, Act::Enable), (headers, body)).await
}

/// Every session of the account ends with its next request.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/revoke", tag = "access",
    params(("id" = String, Path, description = "The account.")),
    responses((status = 200, body = wire::AccountShown)),
    extensions(("x-right" = json!("manage_accounts"))))]
pub(in crate::serve) async fn revoke(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    perform(&shared, &caller, (&id, Act::Revoke), (headers, body)).await
}

async fn perform(
    shared: &Arc<Shared>,
    caller: &Caller,
    (id, what): (&str, Act),
    (headers, body): (HeaderMap, Body),
) -> Result<Answered, Refusal> {
    caller.need(Right::ManageAccounts)?;
    let name = AccountName::new(id).map_err(|_no_name| Refusal::not_found())?;
    let body = extract::body(shared, &headers, body, BODY_MAX).await?;
    let route = format!("account {name} {}", what.as_str());
    let request = answers::repeatable(&headers, caller, &route, &body)?;
    let done = act(shared, name, what, By { name: caller.grant.author(), request }).await?;
    Ok(Answered { status: StatusCode::OK, body: done.told })
}
