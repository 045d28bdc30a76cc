//! The interface, described for programs.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, HttpMethod, PathItem, Ref, RefOr, ResponseBuilder,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{api, refusal::Refusal, shared::Shared, wire};

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Xunzhen",
        description = "Readings in, alerts out. Every list takes `limit` and `after`; every write \
            takes `Idempotency-Key`, kept 30 days with its answer; every refusal is \
            `{code, message, message_zh, detail}`. `x-right` names the right that a route needs."
    ),
    paths(
        api::me::me, api::readings::list, api::post::readings,
        api::alerts::list, api::alerts::one,
        api::alerts::ack, api::alerts::forward, api::alerts::note, api::visits::visit,
        api::people::list, api::people::one, api::people::timeline,
        api::happened::follow_up, api::happened::money, api::happened::site_act, api::void::void,
        api::merge::merge, api::merge::undo, api::merge::list, api::merge::proposed,
        api::board::board, api::board::snapshot, api::indicators::indicators, api::live::events, api::live::stream,
        api::held::quarantine, api::held::one, api::held::refused,
        api::decide::claim, api::decide::dismiss, api::decide::undo,
        api::audit::list,
        api::health::alive, api::health::ready, api::health::metrics,
    ),
    components(schemas(wire::ErrorBody)),
    modifiers(&Everywhere),
    security(("bearer" = []), ("session" = []))
)]
struct Interface;

/// What holds for every route.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(super::caller::COOKIE));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        for item in document.paths.paths.values_mut() {
            for (_, operation) in operations_mut(item) {
                let error = RefOr::Ref(Ref::from_schema_name("ErrorBody"));
                let content = ContentBuilder::new().schema(Some(error)).build();
                let refused = ResponseBuilder::new()
                    .description("Refused.")
                    .content("application/json", content);
                let refused = RefOr::T(refused.build());
                operation.responses.responses.entry("default".to_owned()).or_insert(refused);
            }
        }
    }
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    [(HttpMethod::Get, &mut item.get), (HttpMethod::Post, &mut item.post)]
        .into_iter()
        .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

/// The document.
pub(super) static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Interface::openapi);

/// The document as JSON.
pub(super) async fn json(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let text = shared.ask(|_shared| Ok(DOCUMENT.to_json())).await?;
    let text = text.map_err(|error| Refusal::broken(&error))?;
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
