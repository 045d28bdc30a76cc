//! How levels, values and people are shown: a level is a shape, a number, a word and a colour.

use super::{page::clock_time, words::Words};
use crate::{
    domain::Level,
    serve::wire::{Alert, Reading, Value},
};

/// A level as it is shown everywhere (UX section 6).
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) class: &'static str,
    pub(super) shape: &'static str,
    pub(super) number: u8,
    pub(super) word: &'static str,
}

/// The mark of a level.
pub(super) const fn mark(level: Level, t: &Words) -> Mark {
    let [blue, yellow, orange, red] = t.levels;
    match level {
        Level::Red => Mark { class: "red", shape: "⬡", number: 1, word: red },
        Level::Orange => Mark { class: "orange", shape: "▲", number: 2, word: orange },
        Level::Yellow => Mark { class: "yellow", shape: "◆", number: 3, word: yellow },
        Level::Blue => Mark { class: "blue", shape: "●", number: 4, word: blue },
    }
}

/// A reading in a line of text.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) at: String,
    pub(super) kind: &'static str,
    pub(super) value: String,
    pub(super) place: String,
    pub(super) late: bool,
    pub(super) rejected: bool,
    pub(super) typed: bool,
    /// What its time is worth, where that is not everything.
    pub(super) grade: Option<&'static str>,
}

/// A reading for people.
pub(super) fn shown(reading: &Reading, t: &Words) -> Shown {
    Shown {
        at: clock_time(&reading.measured_at),
        kind: if reading.kind == "glucose" { t.glucose } else { t.pressure },
        value: value(reading),
        place: reading.site.clone(),
        late: reading.late,
        rejected: reading.status == "rejected",
        typed: reading.source == "typed",
        grade: t.grade(reading.grade),
    }
}

fn value(reading: &Reading) -> String {
    let number = |number: &Option<crate::serve::wire::Number>| {
        number.map_or_else(|| "–".to_owned(), |number| number.0.to_string())
    };
    let value = match &reading.value {
        Some(Value::Number(number)) => number.0.to_string(),
        Some(Value::End(end)) => (*end).to_owned(),
        None => format!("{}/{}", number(&reading.systolic), number(&reading.diastolic)),
    };
    format!("{value} {}", reading.unit)
}

/// An alert in a list.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) id: String,
    pub(super) mark: Mark,
    pub(super) case: String,
    pub(super) who: String,
    pub(super) person: Option<String>,
    pub(super) state: &'static str,
    pub(super) concept: String,
    pub(super) reasons: Vec<(String, String)>,
    pub(super) reading: Option<Shown>,
    pub(super) deadline: Option<String>,
    pub(super) overdue: bool,
    pub(super) late: bool,
    pub(super) owner: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) pack: String,
}

/// An alert for people.
pub(super) fn card(alert: &Alert, t: &Words) -> Card {
    let english = t.lang == "en";
    let concept = if english { &alert.concept_en } else { &alert.concept_zh };
    let sex = t.sex(alert.sex);
    let age = alert.age.map(|age| format!("{age} {}", t.years));
    let name = alert.person_name.clone().or_else(|| alert.person.clone());
    let name = name.or_else(|| alert.household.clone());
    let parts = [name, sex.map(str::to_owned), age, alert.village.clone()];
    let who: Vec<String> = parts.into_iter().flatten().collect();
    let reason = |reason: &crate::serve::wire::Reason| {
        (reason.line.clone(), if english { reason.en.clone() } else { reason.zh.clone() })
    };
    Card {
        id: alert.id.clone(),
        mark: mark(alert.level, t),
        case: alert.case.clone(),
        who: who.join(" · "),
        person: alert.person.clone(),
        state: t.alert_state(alert.state),
        concept: concept.clone().unwrap_or_default(),
        reasons: alert.reasons.iter().map(reason).collect(),
        reading: alert.reading.as_ref().map(|reading| shown(reading, t)),
        deadline: alert.deadline.as_deref().map(clock_time),
        overdue: alert.overdue,
        late: alert.late,
        owner: alert.owner_name.clone().or_else(|| alert.owner.clone()),
        phone: alert.phone.clone().filter(|phone| dialable(phone)),
        pack: alert.pack.clone(),
    }
}

/// Whether a text can stand in a telephone link.
fn dialable(phone: &str) -> bool {
    !phone.is_empty() && phone.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | ' '))
}
