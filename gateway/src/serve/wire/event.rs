//! Events of people as they leave.

use serde::Serialize;
use utoipa::ToSchema;

use super::Number;

/// Something that happened to a person and no device measured. What its kind does not have is left
/// out.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// `follow_up`, `money`, `site_act`, or `voided` where one of these was entered by mistake.
    pub what: &'static str,
    /// When the first gateway had it.
    pub received_at: String,
    /// Who entered it.
    pub by: String,
    /// The sender's own name for it.
    pub reference: Option<String>,
    /// What was written beside it.
    pub note: Option<String>,
    /// Systolic pressure in mmHg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub systolic: Option<Number>,
    /// Diastolic pressure in mmHg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diastolic: Option<Number>,
    /// Fasting glucose in mmol/L.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fasting: Option<Number>,
    /// Codes of danger symptoms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symptoms: Vec<String>,
    /// The local profile whose money line is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// `year_to_date` or `outpatient_month`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<&'static str>,
    /// The sum in yuan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yuan: Option<Number>,
    /// The event that says it was entered by mistake, and counts no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voided_by: Option<String>,
    /// The event that was entered by mistake, for `voided`; the note says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voids: Option<String>,
    /// Where something was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// At which bench.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bench: Option<String>,
    /// `re_measured`, `no_symptoms`, `has_symptoms`, `sent_home`, `referred` or `called_120`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<&'static str>,
    /// After which reading it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// About which alert it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
}
