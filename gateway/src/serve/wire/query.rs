//! What is asked for in the address.

use serde::Deserialize;
use utoipa::IntoParams;

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageAsked {
    /// At most so many, 100 where absent, at most 1,000.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// Which part of a person's timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimelineAsked {
    /// As it was known here at this instant, RFC 3339; absent: now.
    pub as_of: Option<String>,
    /// At most so many, 100 where absent, at most 1,000.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// Which items of quarantine.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HeldAsked {
    /// `waiting`, which is meant where it is absent, `claimed` or `dismissed`.
    pub state: Option<String>,
    /// At most so many, 100 where absent, at most 1,000.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// Which readings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReadingsAsked {
    /// Of this person.
    pub person: Option<String>,
    /// Of this device.
    pub device: Option<String>,
    /// Received at this site.
    pub site: Option<String>,
    /// Measured at or after, RFC 3339.
    pub from: Option<String>,
    /// Measured before, RFC 3339.
    pub to: Option<String>,
    /// At most so many, 100 where absent, at most 1,000.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertsAsked {
    /// In this state, or one of several separated by commas; `live` stands for all that have not
    /// ended.
    pub state: Option<String>,
    /// Owned by this doctor.
    pub doctor: Option<String>,
    /// Of this level.
    pub level: Option<String>,
    /// About this person.
    pub person: Option<String>,
    /// At most so many, 100 where absent, at most 1,000.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// Which people.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeopleAsked {
    /// By what they are found: the beginning of a name or of a part of it, the initials of its pinyin,
    /// the beginning of an id or of a village's name, a card, an id number or its last four digits.
    pub q: Option<String>,
    /// The same under its former name.
    pub query: Option<String>,
    /// At most so many, 100 where absent, at most 1,000.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// Which board.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BoardAsked {
    /// Of this place within the caller's own.
    pub place: Option<String>,
}

/// Which indicators.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IndicatorsAsked {
    /// Of this place within the caller's own.
    pub place: Option<String>,
    /// From this month on, as `2026-01`; where absent, the last one alone.
    pub from: Option<String>,
    /// Through this month; where absent, the present one.
    pub to: Option<String>,
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsAsked {
    /// After this position.
    pub after: Option<i64>,
    /// At most so many, 100 where absent, at most 1,000.
    pub limit: Option<usize>,
}

/// Rows of the registry.
#[derive(Debug, Deserialize)]
pub struct RegistryAsked {
    /// `person`, `household`, `doctor`, `device`, `site` or `card`.
    pub kind: String,
    /// Who enters them.
    pub author: Option<String>,
    /// `true`: say what would become of them, and enter none.
    pub dry_run: Option<bool>,
    /// `true`, in a dry run: answer with the rows in force, too.
    pub ours: Option<bool>,
    /// At most so many.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// What a page is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct PageWords {
    /// `zh` or `en`.
    pub lang: Option<String>,
    /// By what people are found.
    pub q: Option<String>,
    /// The same under its former name.
    pub query: Option<String>,
    /// Where a list goes on.
    pub after: Option<String>,
    /// A wall's token, which a cookie then replaces.
    pub token: Option<String>,
}

/// What a button at a bench sends.
#[derive(Debug, Default, Deserialize)]
pub struct BenchForm {
    /// The session's token.
    #[serde(default)]
    pub csrf: String,
    /// Makes a second press of the same button the same act.
    #[serde(default)]
    pub key: String,
    /// About whom.
    pub person: String,
    /// What was done; of a symptom, with its code behind a colon.
    pub act: String,
    /// After which reading.
    #[serde(default)]
    pub reading: String,
    /// About which alert.
    #[serde(default)]
    pub alert: String,
    /// What was written.
    #[serde(default)]
    pub note: String,
}

/// Whose slip is printed again.
#[derive(Debug, Default, Deserialize)]
pub struct PrintForm {
    /// The session's token.
    #[serde(default)]
    pub csrf: String,
    /// Whose.
    pub person: String,
}

/// Which slip, of an operator's own door.
#[derive(Debug, Deserialize)]
pub struct SlipAsked {
    /// Whose.
    pub person: String,
    /// Measured where.
    pub site: String,
    /// How many hours back.
    pub hours: u32,
    /// Half-width columns.
    pub columns: usize,
}

/// A value that somebody types.
#[derive(Debug, Default, Deserialize)]
pub struct TypedForm {
    /// The session's token.
    #[serde(default)]
    pub csrf: String,
    /// Makes a second press the same value.
    #[serde(default)]
    pub key: String,
    /// Of whom.
    #[serde(default)]
    pub person: String,
    /// `blood_pressure` or `glucose`.
    #[serde(default)]
    pub kind: String,
    /// In mmHg.
    #[serde(default)]
    pub systolic: String,
    /// In mmHg.
    #[serde(default)]
    pub diastolic: String,
    /// Beats per minute, or nothing.
    #[serde(default)]
    pub pulse: String,
    /// In mmol/L.
    #[serde(default)]
    pub value: String,
    /// Relation to the last meal.
    #[serde(default)]
    pub meal: String,
}

/// What a form sends.
#[derive(Debug, Default, Deserialize)]
pub struct FormSent {
    /// The session's token.
    #[serde(default)]
    pub csrf: String,
    /// What the button says.
    #[serde(default)]
    pub act: String,
    /// What was written.
    #[serde(default)]
    pub note: String,
    /// Who was chosen.
    #[serde(default)]
    pub person: String,
    /// Who was typed in instead.
    #[serde(default)]
    pub other: String,
    /// The step that owned the alert when the form was shown.
    #[serde(default)]
    pub step: String,
    /// Makes a second press of the same button the same act.
    #[serde(default)]
    pub key: String,
    /// When it took place, on the clocks of China.
    #[serde(default)]
    pub at: String,
    /// `yes`: at the person's home.
    #[serde(default)]
    pub home: String,
    /// The reading that it rests on.
    #[serde(default)]
    pub reading: String,
    /// What became of it.
    #[serde(default)]
    pub code: String,
    /// To whom the person was sent.
    #[serde(default)]
    pub refer_to: String,
}
