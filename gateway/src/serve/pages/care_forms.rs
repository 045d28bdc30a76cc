//! The forms of an alert's page that end it: the visit, and what became of it.

use super::{marks::shown, words::Words};
use crate::{
    domain::{AlertOutcome, Millis, OutcomeCode, PersonId, Timestamp, Visit},
    serve::{
        api::{outcomes, visits},
        caller::Caller,
        describe,
        refusal::Refusal,
        shared::Shared,
        wire,
    },
    store::{
        StoreError,
        view::{Paging, ReadingFilter},
    },
};

/// Readings that a visit or an outcome is offered to rest on: the newest ones.
const OFFERED: usize = 5;

/// Older readings are of no visit of now.
const OFFERED_FOR: Millis = Millis::days(14);

/// What the two forms offer.
#[derive(Debug)]
pub(super) struct CareForms {
    pub(super) may_visit: bool,
    pub(super) may_end: bool,
    /// Now, as a form says it.
    pub(super) now: String,
    /// Readings by id, each in a line.
    pub(super) readings: Vec<(String, String)>,
    /// Codes with their words.
    pub(super) codes: Vec<(&'static str, &'static str)>,
}

impl CareForms {
    /// What may be told now.
    pub(super) fn new(
        (may_visit, may_end): (bool, bool),
        now: Timestamp,
        readings: &[wire::Reading],
        t: &Words,
    ) -> Self {
        let line = |reading: &wire::Reading| {
            let shown = shown(reading, t);
            (reading.id.clone(), format!("{} {}", shown.value, shown.at))
        };
        let word =
            |code: OutcomeCode| (code.as_str(), if t.lang == "en" { code.en() } else { code.zh() });
        Self {
            may_visit,
            may_end,
            now: now.to_string().chars().take(16).collect(),
            readings: readings.iter().map(line).collect(),
            codes: OutcomeCode::ALL.map(word).to_vec(),
        }
    }
}

/// The person's newest readings.
pub(super) fn newest(
    shared: &Shared,
    caller: &Caller,
    person: Option<&str>,
) -> Result<Vec<wire::Reading>, StoreError> {
    let Some(person) = person.and_then(|person| PersonId::new(person).ok()) else {
        return Ok(Vec::new());
    };
    let from = Some(shared.clock.now().minus(OFFERED_FOR));
    let filter = ReadingFilter { person: Some(person), from, ..ReadingFilter::default() };
    let paging = Paging { limit: OFFERED, after: None };
    let page = shared.reader.readings(caller.scope(), &filter, &paging)?;
    Ok(page.items.iter().map(|(seq, stored)| describe::reading(*seq, stored)).collect())
}

/// The visit that a form tells of.
pub(super) fn visit(form: &wire::FormSent, caller: &Caller) -> Result<Visit, Refusal> {
    let asked = wire::VisitAsked {
        at: format!("{}:00+08:00", form.at.get(..16).unwrap_or(&form.at)),
        home: form.home == "yes",
        reading: filled(&form.reading),
        reason: filled(&form.note),
        doctor: None,
    };
    visits::told(asked, caller.grant.doctor.as_ref())
}

/// The outcome that a form tells.
pub(super) fn outcome(form: &wire::FormSent) -> Result<AlertOutcome, Refusal> {
    outcomes::told(wire::OutcomeAsked {
        code: form.code.as_str().into(),
        reading: filled(&form.reading),
        reason: filled(&form.note),
        refer_to: filled(&form.refer_to).map(Into::into),
    })
}

fn filled(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}
