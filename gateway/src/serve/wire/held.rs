//! What waits in quarantine, and what was refused.

use serde::Serialize;
use utoipa::ToSchema;

use super::Reading;

/// An item of quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantineItem {
    /// Its name.
    pub id: String,
    /// Why it waits.
    pub reason: &'static str,
    /// What the reason rests on; `null` for readers without clinical rights.
    pub detail: Option<String>,
    /// `waiting`.
    pub state: &'static str,
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
