//! The first picture, and what changes it.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Alert, Board, Me, Reading};

/// Everything a first screen needs, as of one position.
#[derive(Debug, Serialize, ToSchema)]
pub struct Snapshot {
    /// Events after this position change the picture.
    pub cursor: i64,
    /// The program's build.
    pub build: String,
    /// Version of these shapes.
    pub schema: u32,
    /// Who is asking.
    pub me: Me,
    /// The counted numbers.
    pub board: Board,
    /// At most 40 live alerts, gravest first.
    pub alerts: Vec<Alert>,
    /// At most 40 newest readings.
    pub readings: Vec<Reading>,
}

/// One event, as the stream sends it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LiveEvent {
    /// Its position in the log.
    pub id: i64,
    /// `reading`, `alert`, `presence`, `quarantine` or `board`.
    pub event: &'static str,
    /// What the stream sends as its data.
    #[serde(serialize_with = "as_it_is")]
    #[schema(value_type = Object)]
    pub data: Arc<RawValue>,
}

fn as_it_is<S: Serializer>(json: &Arc<RawValue>, serializer: S) -> Result<S::Ok, S::Error> {
    json.as_ref().serialize(serializer)
}

/// An emergency rings at the bench where it was measured. It names nobody and tells no value: whoever
/// stands there sees both.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ring {
    /// Where.
    pub site: String,
    /// At which bench, if that is known.
    pub bench: Option<String>,
    /// The alert that opened or rose.
    pub alert: String,
    /// Its case code.
    pub case: String,
    /// Its level.
    #[schema(value_type = String)]
    pub level: crate::domain::Level,
    /// The reading.
    pub reading: String,
    /// Nobody knows whose it is.
    pub nobodys: bool,
    /// When it was measured.
    pub measured_at: String,
    /// The value is to be taken again after so many minutes of rest,
    pub again_after_minutes: i64,
    /// and within so many.
    pub again_within_minutes: i64,
    /// Danger symptoms to ask for.
    pub symptoms_offered: Vec<super::SymptomOffered>,
}
