//! Indicator cases: into which category of the HEARTS and Simple definitions a person falls
//! (LINES section 2.8).

use firmware_protocols::Decimal;
use jiff::{ToSpan, civil::Date};
use serde_json::Value;

use super::{
    super::{Pack, quantity::Pressure},
    ScenarioError,
    file::Item,
};
use crate::domain::Timestamp;

/// A visit with a blood pressure.
struct Visit {
    at: Timestamp,
    pressure: Pressure,
}

/// Runs one case: its line, and whether it came out as expected.
pub(super) fn run(pack: &Pack, value: &Value) -> Result<(String, bool), ScenarioError> {
    let id = value.get("id").and_then(Value::as_str).unwrap_or("a case without id");
    let case = Item { value, place: id };
    let person = case.get("patient").ok_or_else(|| case.wrong("patient", "a person"))?;
    let category = category(pack, Item { value: person, place: id })?;
    let ok = case.text("expect_category")? == Some(category);
    let line = format!(
        "{{\"id\":{},\"ok\":{ok},\"category\":{}}}",
        Value::from(id),
        Value::from(category)
    );
    Ok((line, ok))
}

fn category(pack: &Pack, person: Item<'_>) -> Result<&'static str, ScenarioError> {
    let numbers = pack.indicators;
    if person.flag("dead")? {
        return Ok("dead");
    }
    let end = person.needed_time("ref_month_end")?;
    let registered = person.needed_time("registered")?;
    let wrong = || person.wrong("ref_month_end", "a time that can be written");
    let recent = months_before(end, numbers.recent_months).ok_or_else(wrong)?;
    let under_care = months_before(end, numbers.under_care_months).ok_or_else(wrong)?;
    if registered >= recent {
        return Ok("newly_registered");
    }
    let mut visits = visits(person)?;
    visits.retain(|visit| visit.at <= end);
    visits.sort_by_key(|visit| visit.at);
    Ok(match visits.last() {
        Some(last) if last.at >= recent && last.pressure.reaches(numbers.controlled_lt) => {
            "uncontrolled"
        }
        Some(last) if last.at >= recent => "controlled",
        Some(last) if last.at >= under_care => "no_visit",
        // Whoever registered within the year cannot have been lost for a year (Simple, I11).
        None if registered >= under_care => "no_visit",
        Some(_) | None => "lost_to_follow_up",
    })
}

/// The first instant of the span of so many calendar months that ends with the month of `end`.
fn months_before(end: Timestamp, months: i64) -> Option<Timestamp> {
    let month = end.to_shanghai()?.date().first_of_month();
    let back = months.checked_sub(1)?;
    let first: Date = month.checked_sub(back.months()).ok()?;
    Timestamp::from_shanghai(first.at(0, 0, 0, 0))
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
            pressure: Pressure { systolic: mmhg("sbp")?, diastolic: mmhg("dbp")? },
        })
    };
    person.list("bp_visits")?.iter().map(read).collect()
}
