//! Indicator cases: into which category of the HEARTS and Simple definitions a person falls
//! (LINES section 2.8).

use firmware_protocols::Decimal;
use serde_json::Value;

use super::{
    super::{
        Pack, Patient,
        indicators::{History, Visit, category},
        quantity::Pressure,
    },
    ScenarioError,
    file::Item,
};
use crate::domain::PersonId;

/// Runs one case: its line, and whether it came out as expected.
pub(super) fn run(pack: &Pack, value: &Value) -> Result<(String, bool), ScenarioError> {
    let id = value.get("id").and_then(Value::as_str).unwrap_or("a case without id");
    let case = Item { value, place: id };
    let person = case.get("patient").ok_or_else(|| case.wrong("patient", "a person"))?;
    let person = Item { value: person, place: id };
    let end = person.needed_time("ref_month_end")?;
    let wrong = || person.wrong("ref_month_end", "a time that can be written");
    let category = category(pack, &history(person)?, end).ok_or_else(wrong)?.as_str();
    let ok = case.text("expect_category")? == Some(category);
    let line = format!(
        "{{\"id\":{},\"ok\":{ok},\"category\":{}}}",
        Value::from(id),
        Value::from(category)
    );
    Ok((line, ok))
}

fn history(person: Item<'_>) -> Result<History, ScenarioError> {
    let name = PersonId::new(person.place).map_err(|_name| person.wrong("id", "a name"))?;
    let registered = person.needed_time("registered")?;
    let mut visits = visits(person)?;
    visits.sort_by_key(|visit| visit.at);
    Ok(History {
        patient: Patient::new(name),
        contracted: false,
        registered: Some(registered),
        // A case does not say when.
        died: person.flag("dead")?.then_some(registered),
        visits,
    })
}

fn visits(person: Item<'_>) -> Result<Vec<Visit>, ScenarioError> {
    let read = |value| {
        let visit = Item { value, place: person.place };
        let mmhg = |key| {
            let whole = visit.needed_decimal(key).map(Decimal::as_integer)?;
            let mmhg = whole.and_then(|whole| u16::try_from(whole).ok());
            mmhg.ok_or_else(|| visit.wrong(key, "whole mmHg"))
        };
        Ok(Visit {
            at: visit.needed_time("t")?,
            pressure: Some(Pressure { systolic: mmhg("sbp")?, diastolic: mmhg("dbp")? }),
            fasting: None,
        })
    };
    person.list("bp_visits")?.iter().map(read).collect()
}
