//! The operator's routes for tokens: which there are, and their ends. No answer holds what would let
//! anybody in.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    admin::BODY_MAX,
    extract::{self, Asked, paging},
    refusal::Refusal,
    shared::Shared,
    trail, wire,
};
use crate::{
    commit::Work,
    domain::Id,
    intake::NotCommitted,
    store::{StoreError, TokenRow, view::Paging},
};

/// Least letters of an id by which a token may be called: as many as the audit log shows.
const ID_MIN: usize = 8;

/// `GET /admin/tokens`: every token, also those that ended.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<wire::Paged>,
) -> Result<Json<wire::List<Value>>, Refusal> {
    let paging = paging(asked.limit, asked.after)?;
    let page = shared.ask(move |shared| shared.reader.tokens(&paging)).await?;
    Ok(Json(wire::List { items: page.items.iter().map(shown).collect(), next: page.next }))
}

/// Which token ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeAsked {
    /// Its id or the beginning of it, or the name of the doctor or device that it speaks for.
    token: String,
    /// Every token of that name.
    #[serde(default)]
    all: bool,
}

/// `POST /admin/tokens/revoke`: it opens nothing from now on, and whoever came by it is put out.
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    shared.writable()?;
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let RevokeAsked { token, all } = extract::json(&body)?;
    // Whoever pastes the token itself must not find it in the log.
    if token.starts_with(super::admin::TOKEN_PREFIX) {
        return Err(Refusal::bad(
            "token: that is the token itself; say its id, as token list shows it / 请填写编号，而不是令牌本身",
        ));
    }
    let named = token.clone();
    let found = shared.ask(move |shared| of_name(shared, &named)).await?;
    let rows = chosen(&token, found, all)?;
    trail::about(&rows.iter().map(TokenRow::id).collect::<Vec<_>>().join(" "));
    let mut items = Vec::new();
    for row in rows {
        items.push(shown(&end(&shared, row).await?));
    }
    Ok(Json(json!({ "items": items })))
}

/// Ends a token; one that ended before stays as it is.
async fn end(shared: &Arc<Shared>, row: TokenRow) -> Result<TokenRow, Refusal> {
    if row.revoked_at.is_some() {
        return Ok(row);
    }
    let row = TokenRow { revoked_at: Some(shared.clock.now()), ..row };
    let (reply, done) = oneshot::channel();
    shared.inlet.hand_over(Work::Token { row: row.clone(), reply }).await?;
    done.await.map_err(|_dropped| Refusal::from(NotCommitted))?;
    tracing::warn!(target: "audit", token = %row.id(), role = row.role.as_str(), "a token was revoked");
    Ok(row)
}

/// The tokens that are called so.
#[derive(Debug, Default)]
struct Called {
    by_id: Vec<TokenRow>,
    by_name: Vec<TokenRow>,
}

fn of_name(shared: &Shared, text: &str) -> Result<Called, StoreError> {
    let mut called = Called::default();
    let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
    loop {
        let page = shared.reader.tokens(&paging)?;
        for row in page.items {
            if is_id(text) && blake3::Hash::from_bytes(row.hash).to_hex().starts_with(text) {
                called.by_id.push(row);
            } else if of_whom(&row) == Some(text) && row.revoked_at.is_none() {
                called.by_name.push(row);
            }
        }
        paging.after = page.next;
        if paging.after.is_none() {
            return Ok(called);
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() >= ID_MIN && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The ones to end: nobody's is ended by mistake.
fn chosen(text: &str, called: Called, all: bool) -> Result<Vec<TokenRow>, Refusal> {
    let Called { by_id, by_name } = called;
    let ids = |rows: &[TokenRow]| rows.iter().map(TokenRow::id).collect::<Vec<_>>().join(", ");
    match (by_id.len(), by_name.len()) {
        (1, 0) => Ok(by_id),
        (0, 1) => Ok(by_name),
        (0, 2..) if all => Ok(by_name),
        (0, 0) => Err(Refusal::bad(format!("token: none is called {text:?} / 没有此令牌"))),
        (_, 0) => {
            let ids = ids(&by_id);
            Err(Refusal::bad(format!("token: several ids begin with {text}: {ids} / 编号不唯一")))
        }
        (0, _) => {
            let ids = ids(&by_name);
            Err(Refusal::bad(format!(
                "token: {text} has several: {ids}; say one of these, or --all / 有多个令牌，请指定编号或加 --all"
            )))
        }
        (..) => Err(Refusal::bad(format!(
            "token: {text} is an id and somebody's name; say more of the id / 编号与名称相同，请填写完整编号"
        ))),
    }
}

/// For whom a token speaks.
fn of_whom(row: &TokenRow) -> Option<&str> {
    let device = row.device.as_ref().map(Id::as_str);
    row.doctor.as_ref().map(Id::as_str).or(device)
}

fn shown(row: &TokenRow) -> Value {
    json!({
        "id": row.id(), "role": row.role.as_str(), "doctor": row.doctor, "device": row.device,
        "scope": row.place, "created_at": row.created_at, "revoked_at": row.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Timestamp, store::Role};

    fn row(number: u8, doctor: &str) -> TokenRow {
        TokenRow {
            hash: [number; 32],
            role: Role::Doctor,
            place: None,
            doctor: Some(doctor.parse().unwrap()),
            device: None,
            created_at: Timestamp::from_millis(0),
            revoked_at: None,
        }
    }

    /// How many end, of these by id and these by name.
    #[track_caller]
    fn check((by_id, by_name): (u8, u8), all: bool, expected: Option<usize>) {
        let rows = |count: u8| (0..count).map(|number| row(number, "DR1")).collect();
        let called = Called { by_id: rows(by_id), by_name: rows(by_name) };
        let ended = chosen("DR1", called, all).ok().map(|rows| rows.len());
        assert_eq!(ended, expected, "{by_id} {by_name} {all}");
    }

    #[test]
    fn several_end_only_where_somebody_says_so() {
        check((0, 0), true, None);
        check((1, 0), false, Some(1));
        check((2, 0), true, None);
        check((0, 1), false, Some(1));
        check((0, 3), false, None);
        check((0, 3), true, Some(3));
        check((1, 1), true, None);
    }

    #[test]
    fn an_id_is_what_the_audit_log_shows_or_more_of_it() {
        assert!(is_id("00ff00ff") && is_id("0123456789abcdef"));
        assert!(!is_id("00ff00f") && !is_id("00FF00FF") && !is_id("DR1"));
    }
}
