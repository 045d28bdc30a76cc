//! What people enter about a person: follow-ups and money.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

/// A formal follow-up: the values that the doctor wrote down.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUpAsked {
    /// When it was, as `2026-03-02T07:10:00+08:00`; without an offset on the clocks of China.
    pub at: String,
    /// Systolic pressure in mmHg, with the diastolic one.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub systolic: Option<Number>,
    /// Diastolic pressure in mmHg.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub diastolic: Option<Number>,
    /// Fasting glucose in mmol/L.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub fasting: Option<Number>,
    /// Codes of danger symptoms.
    #[serde(default)]
    pub symptoms: Vec<String>,
    /// What was written beside it.
    #[serde(default)]
    pub note: Option<String>,
    /// The sender's own name for it: the same again is the same follow-up.
    #[serde(default)]
    pub reference: Option<String>,
}

/// Money paid out of the person's own pocket.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyAsked {
    /// The day or the instant for which the sum stands.
    pub at: String,
    /// A local profile of the rule pack.
    pub profile: String,
    /// `year_to_date` or `outpatient_month`.
    pub kind: String,
    /// The sum in yuan.
    #[schema(value_type = f64)]
    pub yuan: Number,
    /// What was written beside it.
    #[serde(default)]
    pub note: Option<String>,
    /// The sender's own name for it: the same again is the same entry.
    #[serde(default)]
    pub reference: Option<String>,
}

/// What somebody did at the bench.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteActAsked {
    /// When, as `2026-03-02T07:10:00+08:00`; where absent, now.
    #[serde(default)]
    pub at: Option<String>,
    /// Where.
    pub site: String,
    /// At which bench.
    #[serde(default)]
    pub bench: Option<String>,
    /// `re_measured`, `no_symptoms`, `has_symptoms`, `sent_home`, `referred` or `called_120`.
    pub act: String,
    /// Codes of danger symptoms; they count as the reading's own.
    #[serde(default)]
    pub symptoms: Vec<String>,
    /// After which reading of the person; symptoms need one.
    #[serde(default)]
    pub reading: Option<String>,
    /// About which alert of the person.
    #[serde(default)]
    pub alert: Option<String>,
    /// What was written beside it.
    #[serde(default)]
    pub note: Option<String>,
    /// The sender's own name for it: the same again is the same act.
    #[serde(default)]
    pub reference: Option<String>,
}

/// Why something was entered by mistake.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidAsked {
    /// In words, for those who look at it later.
    pub reason: String,
}

/// What became of an entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventKept {
    /// Its id.
    pub id: String,
    /// `stored`, or `duplicate` where it was known.
    pub status: &'static str,
}

/// One row of a file of entries, as the operator's tool sends it.
#[derive(Debug, Serialize, Deserialize)]
pub struct EventLine<T> {
    /// Whose.
    pub person: String,
    /// What.
    pub entry: T,
}

/// Whose rows, and whether they are only to be checked.
#[derive(Debug, Deserialize)]
pub struct EventsEntered {
    /// `follow_ups` or `money`.
    pub kind: String,
    /// Who enters them.
    pub author: Option<String>,
    /// Check them and enter none.
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of each row, in their order: `stored`, `duplicate`, or the column and the reason.
#[derive(Debug, Serialize, Deserialize)]
pub struct EventsCounted {
    /// Rows that were new.
    pub stored: u64,
    /// Rows that are none: their place, the column, the reason.
    pub rejected: Vec<(usize, String, String)>,
}
