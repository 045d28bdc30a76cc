//! The interface, described for programs.
//!
//! The handlers and the types of the wire say it themselves; a test writes down what they say, one
//! route and one type a line, and holds the file to it. The program carries the file alone: what makes
//! it would be 0.7 MB of code that says the same at every call.

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, HttpMethod, PathItem, Ref, RefOr, ResponseBuilder,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{api, wire};

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
        api::alerts::ack, api::alerts::forward, api::alerts::note, api::visits::visit, api::outcomes::outcome,
        api::people::list, api::people::one, api::people::timeline,
        api::happened::follow_up, api::happened::money, api::happened::site_act, api::void::void,
        api::bench::card,
        api::merge::merge, api::merge::undo, api::merge::list, api::merge::proposed,
        api::board::board, api::receipts::receipts, api::board::snapshot, api::indicators::indicators, api::live::events, api::live::stream,
        api::held::quarantine, api::held::one, api::held::refused,
        api::decide::claim, api::decide::dismiss, api::decide::undo,
        api::uplink::exchange, api::enrol::enrol,
        api::accounts::list, api::accounts::disable, api::accounts::enable, api::accounts::revoke,
        api::glass::break_it, api::glass::end, api::glass::list,
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

/// What the handlers say: for the test that writes it down, and no part of the program.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    Interface::openapi()
}

/// What the handlers said when it was written down.
#[cfg(not(test))]
static WRITTEN: LazyLock<&str> = LazyLock::new(|| include_str!("openapi.json"));

/// The same as it stands in the tree: whoever writes it anew need not build anew to test it.
#[cfg(test)]
static WRITTEN: LazyLock<&str> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve/openapi.json");
    std::fs::read_to_string(path).unwrap().leak()
});

/// The same to look into.
pub(super) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&WRITTEN).unwrap_or_default());

/// The document as JSON.
pub(super) async fn json() -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], *WRITTEN).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Set it to write the document anew, after a change of a route or a type.
    const WRITE: &str = "XUNZHEN_WRITE_OPENAPI";

    /// Every member of an object on a line of its own.
    fn lines(of: &Value, inner: impl Fn(&str, &Value) -> String) -> String {
        let members = of.as_object().unwrap().iter();
        let members =
            members.map(|(name, of)| format!("{}:{}", Value::from(&**name), inner(name, of)));
        format!("{{\n{}\n}}", members.collect::<Vec<_>>().join(",\n"))
    }

    #[test]
    fn the_document_is_what_the_handlers_say() {
        let said = serde_json::to_value(described()).unwrap();
        let plain = |_: &str, of: &Value| of.to_string();
        let text = lines(&said, |name, of| match name {
            "paths" => lines(of, plain),
            "components" => lines(of, |_, of| lines(of, plain)),
            _ => of.to_string(),
        });
        let text = format!("{text}\n");
        if std::env::var_os(WRITE).is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve/openapi.json");
            std::fs::write(path, &text).unwrap();
        }
        // Read after it was written, if it was.
        let written = *WRITTEN;
        let differs = text.lines().zip(written.lines()).find(|(said, written)| said != written);
        assert_eq!(differs, None, "set {WRITE}=1 and run this test once");
        assert!(text == written, "set {WRITE}=1 and run this test once");
        assert!(DOCUMENT["paths"].is_object());
    }
}
