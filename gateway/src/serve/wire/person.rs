//! People as they leave.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Alert, AlertStep, Event, Merge, MergeTold, Number, Reading, Suggestion};
use crate::domain::Level;

/// A person in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonRow {
    /// The registry's name for the person.
    pub person: String,
    /// What people call them.
    pub name: String,
    /// `male` or `female`.
    pub sex: Option<&'static str>,
    /// Age in years.
    pub age: Option<i16>,
    /// The household they live in.
    pub household: Option<String>,
    /// Their village.
    pub village: Option<String>,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    /// The registry's name for the person.
    pub person: String,
    /// What people call them.
    pub name: String,
    /// `male` or `female`.
    pub sex: Option<&'static str>,
    /// As registered.
    pub birth_date: Option<String>,
    /// Age in years.
    pub age: Option<i16>,
    /// Telephone.
    pub phone: Option<String>,
    /// The household they live in.
    pub household: Option<String>,
    /// Their village.
    pub village: Option<String>,
    /// The doctor who signed for the household.
    pub doctor: Option<String>,
    /// The doctor's name.
    pub doctor_name: Option<String>,
    /// Cohorts in force.
    pub cohorts: Vec<String>,
    /// Diagnoses in force.
    pub diagnoses: Vec<String>,
    /// Medicines in force.
    pub medicines: Vec<String>,
    /// The lines by which this person's values are judged.
    pub lines: Vec<Line>,
    /// The newest reading of each kind.
    pub latest: Latest,
    /// Alerts that have not ended.
    pub open_alerts: Vec<Alert>,
    /// The file that this one counts as, while a merge stands: look there.
    pub merged_into: Option<String>,
    /// Merges that name the file on either side, with those that were taken back, oldest first.
    pub merges: Vec<Merge>,
    /// Files that may be the same person's.
    pub same_as: Vec<Suggestion>,
    /// Facts about the person that contradict each other; the stricter of both is used.
    pub contradictions: Vec<Contradiction>,
    /// Their own plan, of those entered the one in force; else `null`.
    pub plan: Option<Plan>,
    /// How they stand in the cured cohort; `null` for anybody else.
    pub tracking: Option<Tracking>,
}

/// Two facts that cannot both be true, or one that cannot be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contradiction {
    /// What it is, for programs.
    pub code: &'static str,
    /// What it is and what is used, in Chinese.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
}

/// A person's own plan.
#[derive(Debug, Serialize, ToSchema)]
pub struct Plan {
    /// Its first day.
    pub from: Option<String>,
    /// Its last day.
    pub until: Option<String>,
    /// Systolic pressure is to stay under this, in mmHg.
    pub systolic_lt: Option<u16>,
    /// Diastolic pressure is to stay under this, in mmHg.
    pub diastolic_lt: Option<u16>,
    /// Fasting glucose is to stay under this, in mmol/L.
    pub fasting_lt: Option<String>,
    /// A value at least every so many days.
    pub cadence_days: Option<u16>,
    /// Who signed it.
    pub author: Option<String>,
}

/// Tracking of the cured.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tracking {
    /// The first day of the cohort.
    pub since: Option<String>,
    /// When the next value is due.
    pub next_due: Option<String>,
    /// When the doctor is told if none came.
    pub doctor_due: Option<String>,
    /// The day of the next value has passed.
    pub overdue: bool,
}

/// A line by which a person's values are judged.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Line {
    /// `systolic`, `diastolic`, `glucose_fasting` or `glucose_other`.
    pub measure: String,
    /// From this value on, in `unit`.
    pub from: Number,
    /// At which level.
    #[schema(value_type = String)]
    pub level: Level,
    /// `mmHg` or `mmol/L`.
    pub unit: String,
    /// What it is called, in Chinese.
    pub label_zh: String,
    /// The same in English.
    pub label_en: String,
    /// Its name in the rule pack's document.
    pub line: String,
    /// `home`, `clinic` or `any`.
    pub setting: String,
    /// The rule pack that holds it.
    pub pack: String,
}

/// The newest reading of each kind.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Latest {
    /// Of blood pressure.
    pub blood_pressure: Option<Reading>,
    /// Of glucose.
    pub glucose: Option<Reading>,
}

/// Something that happened to a person.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TimelineItem {
    /// When.
    pub at: String,
    /// `reading`, `alert`, `act`, `message` about an alert, `event` where no device measured what
    /// happened, or `correction` where a reading that was stored before was given to the person or
    /// taken from them, or was taken at another time than was believed, or where two files are one
    /// person's.
    pub kind: &'static str,
    /// The reading, for `reading`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// The alert's id, for `alert`, `act` and `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// The alert's case code, for `alert`, `act` and `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The alert's level after the step, for `alert`, `act` and `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub level: Option<Level>,
    /// What happened to the alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<AlertStep>,
    /// What changed, for `correction` of a reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// The merge that stands, for `correction` of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge: Option<MergeTold>,
    /// What happened, for `event`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// To whom and how, for `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
}

/// A message about an alert: that it was owed, or how one try to send it ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Message {
    /// The message's own id: the same for every try.
    pub id: String,
    /// Which change of the alert it tells of.
    pub change: &'static str,
    /// Which doctor gets it.
    pub to: String,
    /// `webhook` or `mqtt`.
    pub channel: &'static str,
    /// `owed`, `delivered`, `failed`, or `dropped` where the alert needed it no more.
    pub how: &'static str,
    /// When it was to be tried again; `null` after a failure: never.
    pub again_at: Option<String>,
}

/// A reading that was stored before is somebody's, or not theirs any more, or of another time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Correction {
    /// The reading's id.
    pub reading: String,
    /// `given`, `taken` or `retimed`.
    pub what: &'static str,
    /// `payload`, `bench_session`, `device_owner`, `device_slot` or `claim`: what it rests on, or
    /// rested on. `gateway_clock` for `retimed`: the gateway's clock was set.
    pub basis: &'static str,
    /// What was believed before, for `retimed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<Estimate>,
    /// What is believed now, for `retimed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Estimate>,
}

/// When a reading was taken, as far as is known.
#[derive(Debug, Serialize, ToSchema)]
pub struct Estimate {
    /// The estimate.
    pub measured_at: String,
    /// How far it can be trusted, `A` to `D`.
    pub grade: &'static str,
}
