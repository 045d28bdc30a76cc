//! The interface, described for people: rendered from the document for programs.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use utoipa::openapi::{
    RefOr,
    path::{Operation, Parameter, ParameterIn},
};

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
    let info = &DOCUMENT.info;
    let described = DocsPage {
        style: PLAIN_STYLE,
        title: info.title.clone(),
        says: info.description.clone().unwrap_or_default(),
        routes,
    };
    page.answer(&described)
}

fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in &DOCUMENT.paths.paths {
        for (method, operation) in [("GET", &item.get), ("POST", &item.post)] {
            routes.extend(operation.as_ref().map(|operation| route(method, path, operation)));
        }
    }
    routes
}

fn route(method: &'static str, path: &str, operation: &Operation) -> Route {
    let asks: Vec<&str> = operation.parameters.iter().flatten().filter_map(asked).collect();
    let says = [&operation.summary, &operation.description];
    let says: Vec<&str> = says.into_iter().flatten().map(String::as_str).collect();
    let right = operation.extensions.as_ref().and_then(|of| of.get("x-right"));
    Route {
        method,
        path: path.to_owned(),
        says: says.join(" "),
        asks: asks.join(", "),
        answers: answers(operation),
        right: right.and_then(|right| right.as_str()).unwrap_or_default().to_owned(),
    }
}

fn asked(parameter: &RefOr<Parameter>) -> Option<&str> {
    match parameter {
        RefOr::T(Parameter { parameter_in: ParameterIn::Query, name, .. }) => Some(name),
        RefOr::T(_) | RefOr::Ref(_) => None,
    }
}

/// The name of what a route answers with.
fn answers(operation: &Operation) -> String {
    let json = serde_json::to_value(operation.responses.responses.get("200")).unwrap_or_default();
    let content = json.get("content").and_then(|content| content.as_object());
    let Some((kind, of)) = content.and_then(|content| content.iter().next()) else {
        return String::new();
    };
    let schema = of.pointer("/schema/$ref").and_then(|name| name.as_str());
    let name = schema.and_then(|name| name.rsplit('/').next());
    name.map_or_else(|| kind.clone(), |name| name.replace('_', " of "))
}
