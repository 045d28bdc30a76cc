//! Reads `indicators` and `registry`: what is counted of people, and from when a row about them counts.

use super::{
    super::{Indicators, section::Section},
    Result,
};
use crate::domain::Millis;

/// Reads what centres answer for.
pub(super) fn indicators(top: &mut Section) -> Result<Indicators> {
    let mut section = top.section("indicators")?;
    section.explanation("source")?;
    let indicators = Indicators {
        controlled_lt: section.pressure("bp_controlled_lt")?,
        recent_months: section.whole("recent_months")?,
        under_care_months: section.whole("under_care_months")?,
        visits_a_year: section.whole("visits_a_year")?,
    };
    section.finish()?;
    Ok(indicators)
}

/// Reads how far a row of the registry reaches back.
pub(super) fn rejudged(top: &mut Section) -> Result<Millis> {
    let mut section = top.section("registry")?;
    let rejudged = section.days("rejudged_days")?;
    section.finish()?;
    Ok(rejudged)
}
