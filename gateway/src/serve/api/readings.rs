//! Reading back what was stored.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    serve::{
        caller::Caller,
        describe,
        extract::{Asked, instant, name, paging},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::view::ReadingFilter,
};

/// Readings, newest measured first.
#[utoipa::path(get, path = "/api/v1/readings", tag = "readings", params(wire::ReadingsAsked),
    responses((status = 200, body = wire::List<wire::Reading>)),
    extensions(("x-right" = json!("read_people"))))]
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::ReadingsAsked>,
) -> Result<Json<wire::List<wire::Reading>>, Refusal> {
    caller.need(Right::ReadPeople)?;
    let filter = ReadingFilter {
        filed: None,
        person: name("person", asked.person.as_deref())?,
        device: name("device", asked.device.as_deref())?,
        site: name("site", asked.site.as_deref())?,
        from: instant("from", asked.from.as_deref())?,
        to: instant("to", asked.to.as_deref())?,
    };
    let paging = paging(asked.limit, asked.after)?;
    let page =
        shared.ask(move |shared| shared.reader.readings(caller.scope(), &filter, &paging)).await?;
    let items = page.items.iter().map(|(seq, stored)| describe::reading(*seq, stored)).collect();
    Ok(Json(wire::List { items, next: page.next }))
}
