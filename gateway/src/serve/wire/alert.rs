//! Alerts as they leave, and what is asked about them.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use utoipa::ToSchema;

use super::{OutcomeTold, Reading};
use crate::domain::{AlertState, CareLevel, Level};

/// One sentence of an alert's explanation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reason {
    /// The line's name in the rule pack's document.
    pub line: String,
    /// What crossed which number, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// A danger symptom to ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SymptomOffered {
    /// Its code, for an act at the bench.
    pub code: String,
    /// Its name in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// An alert. On a wall everything that speaks of the person is `null` or empty; an assistance office
/// sees the household and the village, and never a value.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Alert {
    /// The same at every gateway.
    pub id: String,
    /// The code by which people speak of it.
    pub case: String,
    /// What was crossed.
    pub concept: Option<String>,
    /// The same in Chinese.
    pub concept_zh: Option<String>,
    /// The same in English.
    pub concept_en: Option<String>,
    /// Urgency.
    #[schema(value_type = String)]
    pub level: Level,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: AlertState,
    /// Whom it is about.
    pub person: Option<String>,
    /// Their name.
    pub person_name: Option<String>,
    /// Their age in years.
    pub age: Option<i16>,
    /// `male` or `female`.
    pub sex: Option<&'static str>,
    /// Their household.
    pub household: Option<String>,
    /// Their village.
    pub village: Option<String>,
    /// Their telephone.
    pub phone: Option<String>,
    /// Who answers for it now.
    pub owner: Option<String>,
    /// The owner's name.
    pub owner_name: Option<String>,
    /// Which step owns it.
    #[schema(value_type = String)]
    pub step: CareLevel,
    /// When the next step gets it, unless somebody takes it first.
    pub next_step_at: Option<String>,
    /// When the gateway that owns the doctor first knew.
    pub opened_at: String,
    /// The time of the fact that completed it.
    pub alert_at: Option<String>,
    /// When it must be acknowledged.
    pub deadline: Option<String>,
    /// The deadline has passed and nobody has taken it.
    pub overdue: bool,
    /// Its first reading came late.
    pub late: bool,
    /// Why, in words.
    pub reasons: Vec<Reason>,
    /// The rule pack that judges its beginning: the same at every gateway that knows the same packs.
    pub pack: String,
    /// Its newest reading.
    pub reading: Option<Reading>,
    /// Danger symptoms to ask for, where the value of that reading is an emergency; else empty.
    pub symptoms_offered: Vec<SymptomOffered>,
    /// Who took it.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<String>,
    /// Position of its newest step.
    pub commit: i64,
    /// Its steps, oldest first; only where one alert is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<AlertStep>>,
}

/// One step in the life of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertStep {
    /// When the gateway learned of it.
    pub at: String,
    /// What happened.
    pub kind: &'static str,
    /// Who did it; `null` for the lines and the clock.
    pub by: Option<String>,
    /// What they wrote.
    pub note: Option<String>,
    /// The state before.
    #[schema(value_type = Option<String>)]
    pub from: Option<AlertState>,
    /// The state after.
    #[schema(value_type = String)]
    pub to: AlertState,
    /// The visit that it tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visit: Option<VisitTold>,
    /// The outcome that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeTold>,
}

/// A visit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VisitTold {
    /// When it took place, by whoever told of it.
    pub at: String,
    /// At the person's home.
    pub home: bool,
    /// Who visited; whom it counts for, unless it is rejected.
    pub doctor: Option<String>,
    /// The reading taken there.
    pub reading: Option<String>,
    /// Why none was taken.
    pub reason: Option<String>,
    /// Why it counts for nobody.
    pub rejected: Option<VisitRefused>,
}

/// Why a visit counts for nobody.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VisitRefused {
    /// `not_responsible`, `nobody_responsible` or `in_future`.
    pub code: &'static str,
    /// Why, in Chinese.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
}

/// Telling of a visit: it has a reading, or a reason why there is none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitAsked {
    /// When it took place.
    pub at: String,
    /// At the person's home.
    pub home: bool,
    /// The id of the reading taken there.
    #[serde(default)]
    pub reading: Option<String>,
    /// Why none was taken.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who visited, where that is not the sender.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub doctor: Option<SmolStr>,
}

/// Taking an alert.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteAsked {
    /// What the doctor wrote.
    #[serde(default)]
    pub note: Option<String>,
}

/// Writing something down.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextAsked {
    /// What was written.
    pub text: String,
}

/// Handing an alert on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardAsked {
    /// To this doctor; absent: to the next step.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub to: Option<SmolStr>,
    /// What was written.
    #[serde(default)]
    pub note: Option<String>,
}
