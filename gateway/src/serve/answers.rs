//! Repeatable requests: the same key gets the same answer, and another body under it is a conflict.
//!
//! The answer is committed after what it speaks of. A crash between the two leaves a request whose
//! repeat does nothing new: readings are known by their ids, an acknowledged alert stays
//! acknowledged.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::{caller::Caller, refusal::Refusal, shared::Shared};
use crate::{
    commit::Work,
    domain::{ContentDigest, Millis},
    store::Answer,
};

/// How long a key keeps its answer (DESIGN section 9, HTTP).
const KEPT: Millis = Millis::days(30);

/// Longest key, in characters.
const KEY_MAX: usize = 200;

/// Keys in work at once. Full: 503, and the sender tries again.
const IN_WORK_MAX: usize = 1024;

/// Longest wait for a write to be on disk. The write goes on; a repeat gets its answer.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(20);

/// Requests in work, by stored key: a repeat waits for the first.
#[derive(Debug, Default)]
pub(super) struct Answers {
    in_work: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Answers {
    async fn turn(&self, key: &str) -> Result<OwnedMutexGuard<()>, Refusal> {
        let lock = {
            let mut in_work = self.in_work.lock().unwrap_or_else(PoisonError::into_inner);
            if in_work.len() >= IN_WORK_MAX {
                in_work.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            if in_work.len() >= IN_WORK_MAX {
                return Err(Refusal::busy());
            }
            Arc::clone(in_work.entry(key.to_owned()).or_default())
        };
        Ok(lock.lock_owned().await)
    }
}

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

/// One request that may be repeated.
#[derive(Debug)]
pub(super) struct Repeatable {
    stored_key: Option<String>,
    request: ContentDigest,
}

impl Repeatable {
    /// The request's key, if it brings one; keys of different callers and routes never meet.
    pub(super) fn read(
        headers: &HeaderMap,
        caller: &Caller,
        route: &str,
        body: &[u8],
    ) -> Result<Self, Refusal> {
        Ok(Self::of(key(headers)?, caller, route, body))
    }

    /// A request under a key that came by another way than the header.
    pub(super) fn of(key: Option<&str>, caller: &Caller, route: &str, body: &[u8]) -> Self {
        let stored_key = key.map(|key| {
            let mut hasher = blake3::Hasher::new();
            for part in [caller.principal().as_str(), route, key] {
                hasher.update(&part.len().to_be_bytes());
                hasher.update(part.as_bytes());
            }
            hasher.finalize().to_hex().to_string()
        });
        let mut digest = [0; 16];
        blake3::Hasher::new().update(body).finalize_xof().fill(&mut digest);
        Self { stored_key, request: ContentDigest::from_bytes(digest) }
    }

    /// Does the work once for its key, whoever asks and whoever hangs up meanwhile.
    pub(super) async fn once(
        self,
        shared: &Arc<Shared>,
        work: impl Future<Output = Result<Answered, Refusal>> + Send + 'static,
    ) -> Result<Answered, Refusal> {
        let (reply, answer) = oneshot::channel();
        let task = Arc::clone(shared);
        shared.supervisor.spawn("http write", async move {
            // A sender that went away repeats the request and gets the answer that was kept.
            drop(reply.send(self.answer(&task, work).await));
        });
        match tokio::time::timeout(COMMIT_WAIT_MAX, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(Refusal::not_committing("the gateway is stopping")),
            Err(_elapsed) => Err(Refusal::not_committing("the disk is slow")),
        }
    }

    async fn answer(
        self,
        shared: &Arc<Shared>,
        work: impl Future<Output = Result<Answered, Refusal>> + Send,
    ) -> Result<Answered, Refusal> {
        let Some(key) = self.stored_key else { return work.await };
        let _turn = shared.answers.turn(&key).await?;
        let asked = key.clone();
        let oldest = shared.clock.now().minus(KEPT);
        let known =
            shared.ask(move |shared| shared.reader.answer(&asked, shared.clock.now())).await?;
        if let Some(known) = known.filter(|known| known.at >= oldest) {
            if known.request != self.request {
                return Err(Refusal::key_reused());
            }
            let status = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
            return Ok(Answered { status, body: known.body });
        }
        let answered = work.await?;
        let answer = Answer {
            key,
            request: self.request,
            status: answered.status.as_u16(),
            body: answered.body.clone(),
            at: shared.clock.now(),
        };
        let (reply, kept) = oneshot::channel();
        shared.inlet.hand_over(Work::Answered { answer, reply }).await?;
        kept.await.map_err(|_dropped| Refusal::not_committing("the answer was not kept"))?;
        Ok(answered)
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
