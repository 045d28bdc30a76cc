//! Who is asking.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    serve::{caller::Caller, describe::Describer, refusal::Refusal, shared::Shared, wire},
    store::StoreError,
};

/// Who is asking, and what they may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "session",
    responses((status = 200, body = wire::Me)), extensions(("x-right" = json!("any"))))]
pub(in crate::serve) async fn me(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
) -> Result<Json<wire::Me>, Refusal> {
    shared.ask(move |shared| describe(shared, &caller)).await.map(Json)
}

/// The caller, for themselves.
pub(in crate::serve) fn describe(shared: &Shared, caller: &Caller) -> Result<wire::Me, StoreError> {
    let name = match &caller.grant.doctor {
        Some(doctor) => Describer::new(shared).doctor(doctor)?.map(|doctor| doctor.name),
        None => None,
    };
    Ok(wire::Me {
        role: caller.grant.role.as_str(),
        doctor: caller.grant.doctor.as_ref().map(ToString::to_string),
        name,
        scope: caller.grant.place.clone(),
        rights: caller.reach.rights(),
        account: caller.grant.account.as_ref().map(ToString::to_string),
        glass_until: caller.glass.as_ref().map(|glass| glass.until.to_string()),
    })
}
