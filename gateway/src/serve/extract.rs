//! How requests are read: every failure is a refusal in our own shape.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequestParts, Query},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{
    refusal::Refusal,
    shared::{BODIES_KIB, Shared},
};
use crate::{domain::Timestamp, store::view::Paging};

/// Deepest nesting of posted JSON, in brackets: an honest reading has two.
pub(super) const DEPTH_MAX: usize = 32;

/// What is asked for in the address.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Shared>> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        let query = Query::<T>::from_request_parts(parts, shared).await;
        query.map(|Query(asked)| Self(asked)).map_err(|error| Refusal::bad(error.body_text()))
    }
}

/// The body, at most so many bytes, and only while there is room for it among all bodies.
pub(super) async fn body(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    body: Body,
    max: usize,
) -> Result<Bytes, Refusal> {
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let stated = stated.and_then(|text| text.parse::<usize>().ok());
    let too_large = || Refusal::too_large(format!("at most {max} bytes"));
    if stated.is_some_and(|stated| stated > max) {
        return Err(too_large());
    }
    let kib = stated.unwrap_or(max).div_ceil(1024);
    let kib = u32::try_from(kib).unwrap_or(BODIES_KIB).clamp(1, BODIES_KIB);
    let _room = shared.bodies.acquire_many(kib).await.map_err(|_closed| Refusal::busy())?;
    to_bytes(body, max).await.map_err(|_too_large_or_cut| too_large())
}

/// A JSON body; an empty one stands for `{}`.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if let Some(depth) = too_deep(body) {
        return Err(Refusal::bad_json(format!("nested {depth} deep, at most {DEPTH_MAX}")));
    }
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refusal::bad_json(error.to_string()))
}

/// The depth of a text's brackets outside strings, where it is more than [`DEPTH_MAX`].
pub(super) fn too_deep(json: &[u8]) -> Option<usize> {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (deepest > DEPTH_MAX).then_some(deepest)
}

/// Which part of a list.
pub(super) fn paging(limit: Option<usize>, after: Option<String>) -> Result<Paging, Refusal> {
    let limit = match limit {
        None => Paging::LIMIT,
        Some(0) => return Err(Refusal::bad("limit: at least 1")),
        Some(limit) => limit.min(Paging::LIMIT_MAX),
    };
    if after.as_ref().is_some_and(|after| after.len() > 512) {
        return Err(Refusal::bad("after: not a cursor of ours"));
    }
    Ok(Paging { limit, after: after.filter(|after| !after.is_empty()) })
}

/// An instant in the address.
pub(super) fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    // A plus in an address stands for a space.
    let parse = |text: &str| {
        Timestamp::parse(&text.replace(' ', "+")).ok_or_else(|| {
            Refusal::bad(format!("{name}: no time with an offset, as 2026-03-02T07:10:00+08:00"))
        })
    };
    text.map(parse).transpose()
}

/// A name in the address.
pub(super) fn name<T: std::str::FromStr>(
    what: &str,
    text: Option<&str>,
) -> Result<Option<T>, Refusal>
where
    T::Err: std::fmt::Display,
{
    let parse = |text: &str| text.parse().map_err(|e| Refusal::bad(format!("{what}: {e}")));
    text.filter(|text| !text.is_empty()).map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<usize>) {
        assert_eq!(too_deep(json.as_bytes()), expected, "{json:.40}");
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        check(r#"{"a":[1,{"b":2}]}"#, None);
        check(&format!(r#"{{"a":"{}"}}"#, "[".repeat(100)), None);
        check(&format!(r#"{{"a":"\"{}"}}"#, "[".repeat(100)), None);
        check(&"[".repeat(32), None);
        check(&"[".repeat(33), Some(33));
        check(&"[".repeat(300_000), Some(300_000));
    }
}
