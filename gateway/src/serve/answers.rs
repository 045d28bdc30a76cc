//! Repeatable requests: the same key gets the same answer, and another body under it is a conflict.
//!
//! Nothing is kept here. A request goes to the writer with its key, which does it once and keeps
//! what it came to in the same transaction; the words of the answer are found anew from that, for
//! the first request as for every repeat.

use std::{future::Future, time::Duration};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{caller::Caller, refusal::Refusal};
use crate::{domain::ContentDigest, store::Request};

/// Longest key, in characters.
const KEY_MAX: usize = 200;

/// Longest wait for a write to be on disk. The write goes on; a repeat gets its answer.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(20);

/// What a write answers: a status and a JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

impl Answered {
    /// 200 with a body.
    pub(super) fn ok(body: &impl serde::Serialize) -> Result<Self, Refusal> {
        let body = serde_json::to_string(body).map_err(|error| Refusal::broken(&error))?;
        Ok(Self { status: StatusCode::OK, body })
    }
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        (self.status, [(header::CONTENT_TYPE, json)], self.body).into_response()
    }
}

/// The request, if it brings a key; keys of different callers and routes never meet.
pub(super) fn repeatable(
    headers: &HeaderMap,
    caller: &Caller,
    route: &str,
    body: &[u8],
) -> Result<Option<Request>, Refusal> {
    Ok(key(headers)?.map(|key| request(key, &caller.principal(), route, body)))
}

/// A request under a key that came by another way than the header.
pub(super) fn request(key: &str, principal: &str, route: &str, body: &[u8]) -> Request {
    let mut hasher = blake3::Hasher::new();
    for part in [principal, route, key] {
        hasher.update(&part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut digest = [0; 16];
    blake3::Hasher::new().update(body).finalize_xof().fill(&mut digest);
    let key = hasher.finalize().to_hex().to_string();
    Request { key, digest: ContentDigest::from_bytes(digest) }
}

/// Waits for a write as long as a client should. The writer does what it was handed all the same,
/// whoever hangs up.
pub(super) async fn in_time<T>(
    write: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    match tokio::time::timeout(COMMIT_WAIT_MAX, write).await {
        Ok(written) => written,
        Err(_elapsed) => Err(Refusal::not_committing("the disk is slow")),
    }
}

/// The key that a request brings.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(sent) = headers.get("idempotency-key") else { return Ok(None) };
    let fits = |key: &&str| (1..=KEY_MAX).contains(&key.len());
    sent.to_str()
        .ok()
        .filter(fits)
        .map(Some)
        .ok_or_else(|| Refusal::bad(format!("Idempotency-Key: 1 to {KEY_MAX} visible characters")))
}
