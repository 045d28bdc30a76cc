//! A slip through the operator's own door.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{
    describe::{Describer, SlipAsked},
    extract::Asked,
    refusal::Refusal,
    shared::Shared,
    wire,
};
use crate::{domain::Millis, slip::escpos::printable};

/// Widest paper, in half-width columns: 80 mm.
const COLUMNS_MAX: usize = 48;

/// Farthest back.
const HOURS_MAX: u32 = 24 * 31;

/// The lines of a person's slip.
pub(super) async fn slip(
    State(shared): State<Arc<Shared>>,
    Asked(sent): Asked<wire::SlipAsked>,
) -> Result<Json<Value>, Refusal> {
    let named =
        |what: &str, error: &dyn std::fmt::Display| Refusal::bad(format!("{what}: {error}"));
    let person = sent.person.parse().map_err(|error| named("person", &error))?;
    let site = sent.site.parse().map_err(|error| named("site", &error))?;
    if !(16..=COLUMNS_MAX).contains(&sent.columns) || sent.hours > HOURS_MAX {
        return Err(Refusal::bad(format!(
            "columns: 16 to {COLUMNS_MAX}; hours: at most {HOURS_MAX}"
        )));
    }
    let since = shared.clock.now().minus(Millis::hours(i64::from(sent.hours)));
    let (operator, copy) = ("operator".to_owned(), true);
    let asked = SlipAsked { person, site, since, operator, copy };
    let slip = shared.ask(move |shared| Describer::new(shared).slip(&asked)).await?;
    let lines = slip.ok_or(Refusal::not_found())?.lines(sent.columns);
    let lines =
        lines.iter().map(|line| json!({ "text": printable(&line.text), "large": line.large }));
    Ok(Json(Value::Array(lines.collect())))
}
