//! Files of the script pages: compressed where the browser takes it, never sent twice.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
};

use super::{bundle::Asset, caller::reads, refusal::Refusal, shared::Shared};

/// A file of the bundle; a path without a dot that nothing else serves leads to the start page.
pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    std::future::ready(find(&shared, &method, &uri, &headers)).await
}

fn find(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if !reads(method) || path.starts_with("api/") || path.starts_with("fhir/") {
        return Refusal::not_found().into_response();
    }
    match (shared.bundle.asset)(path) {
        // The start page carries a session's data and is served by its own route.
        Some(asset) if !path.ends_with(".html") => send(asset, headers),
        _ if path.contains('.') => Refusal::not_found().into_response(),
        Some(_) | None => Redirect::temporary("/").into_response(),
    }
}

/// The file itself, or that the browser has it already.
fn send(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [
        (header::ETAG, HeaderValue::from_static(asset.etag)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    if has_it(headers, asset.etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let (encoding, bytes) = negotiate(asset, headers);
    let mut response = (common, Body::from(bytes)).into_response();
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.mime));
    if let Some(encoding) = encoding {
        own.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn has_it(headers: &HeaderMap, etag: &str) -> bool {
    let sent = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let tags = sent.unwrap_or_default().split(',').map(str::trim);
    tags.map(|tag| tag.trim_start_matches("W/")).any(|tag| tag == etag || tag == "*")
}

fn negotiate(asset: &Asset, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    match (asset.brotli, asset.gzip) {
        (Some(bytes), _) if accepts(headers, "br") => (Some("br"), bytes),
        (_, Some(bytes)) if accepts(headers, "gzip") => (Some("gzip"), bytes),
        (Some(_) | None, Some(_) | None) => (None, asset.raw),
    }
}

/// Whether the browser names an encoding, with a weight above zero. A browser on plain HTTP does
/// not name brotli, and cannot read it.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let zero = weight.trim().strip_prefix("q=").is_some_and(|weight| {
            weight.trim().trim_end_matches('0').trim_end_matches('.') == "0" || weight.trim() == "0"
        });
        name.trim().eq_ignore_ascii_case(encoding) && !zero
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &str, encoding: &str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(sent).unwrap());
        assert_eq!(accepts(&headers, encoding), expected, "{sent}");
    }

    #[test]
    fn an_encoding_is_sent_only_to_a_browser_that_names_it() {
        check("gzip, deflate, br", "br", true);
        check("gzip, deflate", "br", false);
        check("gzip;q=0.5, BR;q=1.0", "br", true);
        check("br;q=0, gzip", "br", false);
        check("br;q=0.000", "br", false);
        check("br;q=0.001", "br", true);
        check("brotli", "br", false);
        check("", "gzip", false);
    }
}
