//! Who may sign in, for those who give access. Making an account and choosing its first password is
//! the operator's, at the machine.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};

use crate::{
    serve::{
        accounts::{Act, act},
        caller::Caller,
        extract::{Asked, paging},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::AccountName,
};

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
) -> Result<Json<wire::AccountShown>, Refusal> {
    perform(&shared, &caller, &id, Act::Disable).await
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
) -> Result<Json<wire::AccountShown>, Refusal> {
    perform(&shared, &caller, &id, Act::Enable).await
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
) -> Result<Json<wire::AccountShown>, Refusal> {
    perform(&shared, &caller, &id, Act::Revoke).await
}

async fn perform(
    shared: &Arc<Shared>,
    caller: &Caller,
    id: &str,
    what: Act,
) -> Result<Json<wire::AccountShown>, Refusal> {
    caller.need(Right::ManageAccounts)?;
    let name = AccountName::new(id).map_err(|_no_name| Refusal::not_found())?;
    let row = act(shared, name, what, caller.grant.author()).await?;
    Ok(Json(wire::AccountShown::of(&row)))
}
