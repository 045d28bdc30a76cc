//! The operator's routes to the keys under which identities are sealed. No key leaves here.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{refusal::Refusal, shared::Shared};
use crate::store::Seals;

/// How often it is looked whether everything is sealed anew.
const LOOK: Duration = Duration::from_millis(100);

/// An answer comes by then; sealing anew goes on behind it.
const ANSWER_MAX: Duration = Duration::from_secs(20);

fn told(seals: &Seals) -> Json<Value> {
    let keys: Vec<Value> = seals
        .keys
        .iter()
        .map(|key| json!({"id": key.id, "seals": key.seals, "needed": key.needed}))
        .collect();
    let place = seals.place.as_str();
    Json(json!({"keys": keys, "place": place, "sealing_anew": seals.sealing_anew}))
}

/// `GET /admin/keys`
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Refusal> {
    shared.ask(|shared| shared.reader.seals()).await.map(|seals| told(&seals))
}

/// `POST /admin/keys/rotate`: answers when everything is under the new key, or while it goes on.
pub(super) async fn rotate(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Refusal> {
    shared.writable()?;
    let before = shared.ask(|shared| shared.reader.seals()).await?;
    shared.reader.wish_key().map_err(|error| Refusal::bad(error.to_string()))?;
    let until = Instant::now() + ANSWER_MAX;
    loop {
        let now = shared.ask(|shared| shared.reader.seals()).await?;
        let made = now.keys.len() > before.keys.len();
        if made && !now.sealing_anew {
            return Ok(told(&now));
        }
        if Instant::now() >= until {
            return if made { Ok(told(&now)) } else { Err(Refusal::busy()) };
        }
        tokio::time::sleep(LOOK).await;
    }
}
