//! What waits in quarantine, and what was refused.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Reading, Suggestion};

/// An item of quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantineItem {
    /// Its name.
    pub id: String,
    /// Why it waits.
    pub reason: &'static str,
    /// What the reason rests on; `null` for readers without clinical rights.
    pub detail: Option<String>,
    /// `waiting`, `claimed` or `dismissed`.
    pub state: &'static str,
    /// The decision that says so; `null` while it waits.
    pub decision: Option<Decision>,
    /// When it came.
    pub received_at: String,
    /// The bytes; `null` for readers without clinical rights.
    pub raw: Option<String>,
    /// `text` or `hex`.
    pub raw_encoding: &'static str,
    /// The device it named.
    pub device: Option<String>,
    /// The site it named.
    pub site: Option<String>,
    /// The road it came by.
    pub source: &'static str,
    /// The reading, where one could be made.
    pub reading: Option<Reading>,
    /// Who it could be while it waits, the likeliest first, of the people whom the caller may see. What
    /// was measured suggests nobody.
    pub suggestions: Vec<Suggestion>,
}

/// Whose a reading is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimAsked {
    /// The person.
    pub person: String,
    /// Why.
    pub reason: String,
}

/// Why something is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonAsked {
    /// In the words of whoever decides.
    pub reason: String,
}

/// A decision about an item of quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub struct Decision {
    /// Its name: what `claims/{id}/undo` takes.
    pub id: String,
    /// The item.
    pub item: String,
    /// `claimed`, `dismissed` or `undone`.
    pub decision: &'static str,
    /// For whom it was claimed.
    pub person: Option<String>,
    /// The decision that was taken back.
    pub undoes: Option<String>,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: String,
}

/// A refused delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedItem {
    /// Its name.
    pub id: String,
    /// Why it was refused.
    pub reason: String,
    /// When it came.
    pub received_at: String,
    /// The bytes; `null` for readers without clinical rights.
    pub raw: Option<String>,
    /// `text` or `hex`.
    pub raw_encoding: &'static str,
    /// The device it named.
    pub device: Option<String>,
    /// The site it named.
    pub site: Option<String>,
    /// The road it came by.
    pub source: &'static str,
}
