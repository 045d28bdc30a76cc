//! A person's own plan as a row of a CSV file, and back.

use super::table::{CellError, Cells, wrong};
use crate::domain::Plan;

/// Its columns.
pub(super) const PLAN_COLUMNS: [&str; 8] = [
    "person",
    "from",
    "until",
    "systolic_lt",
    "diastolic_lt",
    "fasting_lt",
    "cadence_days",
    "author",
];

/// Targets in mmHg and mmol/L, dates and days; what cannot be a plan is refused here already.
pub(super) fn plan(mut cells: Cells<'_>) -> Result<Plan, CellError> {
    let plan = Plan {
        person: cells.required("person")?,
        from: cells.optional("from")?,
        until: cells.optional("until")?,
        systolic_lt: cells.optional("systolic_lt")?,
        diastolic_lt: cells.optional("diastolic_lt")?,
        fasting_lt: cells.optional("fasting_lt")?,
        cadence_days: cells.optional("cadence_days")?,
        author: cells.owned("author"),
        attributes: cells.attributes(),
    };
    plan.check().map_err(|error| wrong(&error.column, error.why))?;
    Ok(plan)
}

/// Its cells, in the order of the columns.
pub(super) fn plan_cells(row: &Plan) -> Vec<String> {
    fn text(value: Option<impl ToString>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    vec![
        row.person.to_string(),
        text(row.from),
        text(row.until),
        text(row.systolic_lt),
        text(row.diastolic_lt),
        text(row.fasting_lt),
        text(row.cadence_days),
        row.author.clone(),
    ]
}
