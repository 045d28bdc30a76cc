//! The interface, described for people: rendered from the document for programs.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use serde_json::Value;

use super::page::{Lang, PLAIN_STYLE, Page, Refused};
use crate::serve::{openapi::DOCUMENT, shared::Shared};

#[derive(Debug)]
struct Route {
    method: &'static str,
    path: String,
    says: String,
    asks: String,
    answers: String,
    right: String,
}

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage {
    style: &'static str,
    title: String,
    says: String,
    routes: Vec<Route>,
}

/// `/docs`
pub(in crate::serve) async fn docs(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
) -> Result<Response, Refused> {
    let page = Page::new(&shared, lang, None, "API");
    let routes = shared.ask(|_shared| Ok(routes())).await?;
    let described = DocsPage {
        style: PLAIN_STYLE,
        title: said("/info/title"),
        says: said("/info/description"),
        routes,
    };
    page.answer(&described)
}

/// A text of the document, by where it stands.
fn said(place: &str) -> String {
    DOCUMENT.pointer(place).map(text).unwrap_or_default()
}

fn text(of: &Value) -> String {
    of.as_str().unwrap_or_default().to_owned()
}

fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    let paths = DOCUMENT.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in [("GET", item.get("get")), ("POST", item.get("post"))] {
            routes.extend(operation.map(|operation| route(method, path, operation)));
        }
    }
    routes
}

fn route(method: &'static str, path: &str, operation: &Value) -> Route {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let asks: Vec<&str> = parameters.into_iter().flatten().filter_map(asked).collect();
    let says = [operation.get("summary"), operation.get("description")];
    let says: Vec<&str> = says.into_iter().flatten().filter_map(Value::as_str).collect();
    Route {
        method,
        path: path.to_owned(),
        says: says.join(" "),
        asks: asks.join(", "),
        answers: answers(operation),
        right: operation.get("x-right").map(text).unwrap_or_default(),
    }
}

fn asked(parameter: &Value) -> Option<&str> {
    let of_query = parameter.get("in").and_then(Value::as_str) == Some("query");
    parameter.get("name").filter(|_| of_query).and_then(Value::as_str)
}

/// The name of what a route answers with.
fn answers(operation: &Value) -> String {
    let content = operation.pointer("/responses/200/content").and_then(Value::as_object);
    let Some((kind, of)) = content.and_then(|content| content.iter().next()) else {
        return String::new();
    };
    let schema = of.pointer("/schema/$ref").and_then(Value::as_str);
    let name = schema.and_then(|name| name.rsplit('/').next());
    name.map_or_else(|| kind.clone(), |name| name.replace('_', " of "))
}
