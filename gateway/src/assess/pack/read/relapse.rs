//! Reads `poverty_relapse`.

use serde_json::json;

use super::{
    super::{ComponentRule, PackError, Relapse, Trend, section::Section},
    Result,
};
use crate::assess::concept::Concept;

/// Reads the poverty-relapse line.
pub(super) fn relapse(top: &mut Section) -> Result<Relapse> {
    let mut section = top.section("poverty_relapse")?;
    let mut scope = section.section("scope")?;
    let cohorts = scope.cohorts("cohorts")?;
    let or_cause_illness = scope.flag("or_cause_illness")?;
    scope.finish()?;
    let mut points = section.section("points")?;
    let weak = points.whole("weak")?;
    let strong = points.by_cohort("strong", Section::whole)?;
    points.finish()?;
    let mut components = section.section("components")?;
    let opens = |concepts: &[Concept]| {
        json!(concepts.iter().map(|concept| concept.as_str()).collect::<Vec<_>>())
    };
    let repeats = opens(&[Concept::BpUncontrolledRepeat, Concept::GluUncontrolledRepeat]);
    let repeat_failure =
        component(&mut components, "repeat_failure", |own| own.fixed("opens_with", &repeats))?;
    let emergency_referred = component(&mut components, "emergency_referred", |own| {
        own.fixed("ack_outcome", &json!("confirmed_referred"))
    })?;
    let mut trend = None;
    let rising_trend = component(&mut components, "rising_trend", |own| {
        trend = Some(read_trend(own)?);
        Ok(())
    })?;
    let missed_visits = component(&mut components, "missed_visits", |own| {
        own.fixed("silence", &json!("missed_days.yellow"))
    })?;
    let money = opens(&[Concept::OopLine]);
    let money_line =
        component(&mut components, "money_line", |own| own.fixed("opens_with", &money))?;
    components.finish()?;
    let threshold = section.whole("threshold")?;
    section.finish()?;
    let trend = trend.ok_or_else(|| PackError::Missing {
        path: "/poverty_relapse/components/rising_trend".to_owned(),
    })?;
    Ok(Relapse {
        cohorts,
        or_cause_illness,
        threshold,
        weak,
        strong,
        repeat_failure,
        emergency_referred,
        rising_trend,
        missed_visits,
        money_line,
        trend,
    })
}

fn component(
    components: &mut Section,
    key: &str,
    rest: impl FnOnce(&mut Section) -> Result<()>,
) -> Result<ComponentRule> {
    let mut own = components.section(key)?;
    let kind = own.text("kind")?;
    let strong = match kind.as_str() {
        "strong" => true,
        "weak" => false,
        other => {
            return Err(PackError::Wrong {
                path: own.path_of("kind"),
                expected: "strong or weak",
                got: other.to_owned(),
            });
        }
    };
    let valid_days = own.whole("valid_days")?;
    rest(&mut own)?;
    own.finish()?;
    Ok(ComponentRule { strong, valid_days })
}

fn read_trend(own: &mut Section) -> Result<Trend> {
    Ok(Trend {
        sessions: own.whole("sessions")?,
        min_gap: own.days("min_gap_days")?,
        sbp_step: own.whole("bp_step_sbp_ge")?,
        fasting_step: own.glycaemia("glucose_step_fasting_ge")?.0,
    })
}
