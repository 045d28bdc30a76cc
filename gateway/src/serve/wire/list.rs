//! Lists, and how a request is refused.

use serde::Serialize;
use utoipa::ToSchema;

use super::LiveEvent;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins: send it as `after`. `null` at the end.
    pub next: Option<String>,
}

/// Events after a position.
#[derive(Debug, Serialize, ToSchema)]
pub struct Events {
    /// The events that this reader may see, oldest first.
    pub items: Vec<LiveEvent>,
    /// Where the next page begins; `null` when everything so far was read.
    pub next: Option<String>,
    /// The position up to which everything was read.
    pub cursor: i64,
}

/// Why a request was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// A stable word for programs.
    pub code: &'static str,
    /// The same for people.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
    /// The facts it rests on, if any.
    pub detail: Option<String>,
}
