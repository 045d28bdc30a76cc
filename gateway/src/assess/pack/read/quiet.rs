//! Reads who is told when, and what keeps alerts quiet.

use std::collections::BTreeMap;

use serde_json::json;
use smol_str::SmolStr;

use super::{
    super::{
        AckMinutes, Escalation, MissedDays, MoneyLine, MoneyProfile, PackError, Suppression,
        section::Section,
    },
    Result, concepts,
};
use crate::assess::concept::Concept;

pub(super) fn ack_minutes(section: &mut Section, cohort: &str) -> Result<AckMinutes> {
    let mut own = section.section(cohort)?;
    let minutes = AckMinutes {
        red: own.whole("red")?,
        orange: own.whole("orange")?,
        yellow: own.whole("yellow")?,
    };
    own.finish()?;
    Ok(minutes)
}

pub(super) fn severe_ack_minutes(top: &mut Section) -> Result<u32> {
    let mut section = top.section("red_ack_minutes_override")?;
    let minutes = section.whole("glu_low_severe")?;
    section.finish()?;
    Ok(minutes)
}

pub(super) fn escalation(top: &mut Section) -> Result<Escalation> {
    let mut section = top.section("escalation")?;
    for level in ["orange", "yellow"] {
        let mut own = section.section(level)?;
        own.fixed("L2_at", &json!("ack"))?;
        own.finish()?;
    }
    let mut red = section.section("red")?;
    red.fixed("L2_at", &json!("ack"))?;
    let mut fast = red.section("fast")?;
    fast.fixed("L3_at", &json!("2*ack"))?;
    let escalation = Escalation {
        county: red.minutes("L3_at_minutes")?,
        fast: concepts(&mut fast, "concepts")?,
        fast_severe_low: fast.flag("glu_low_severe")?,
    };
    fast.finish()?;
    red.finish()?;
    section.finish()?;
    Ok(escalation)
}

pub(super) fn missed_days(section: &mut Section, cohort: &str) -> Result<MissedDays> {
    let mut own = section.section(cohort)?;
    let days = MissedDays { prompt: own.days("blue")?, doctor: own.days("yellow")? };
    own.finish()?;
    Ok(days)
}

pub(super) fn money(top: &mut Section) -> Result<BTreeMap<SmolStr, MoneyProfile>> {
    let profiles = top.section("oop_profiles")?.named_sections()?;
    profiles
        .into_iter()
        .map(|(name, mut own)| {
            own.explanation("source")?;
            let profile = MoneyProfile {
                low_income: money_line(&mut own, "low_income")?,
                general: money_line(&mut own, "general")?,
                outpatient_month_ge: own.optional_decimal("monthly_outpatient_ge")?,
            };
            own.finish()?;
            Ok((name, profile))
        })
        .collect()
}

fn money_line(profile: &mut Section, key: &str) -> Result<MoneyLine> {
    let mut section = profile.section(key)?;
    let over = section.optional_decimal("gt")?;
    let from = section.optional_decimal("ge")?;
    section.finish()?;
    match (over, from) {
        (Some(over), None) => Ok(MoneyLine::Over(over)),
        (None, Some(from)) => Ok(MoneyLine::From(from)),
        (Some(_), Some(_)) | (None, None) => Err(PackError::Wrong {
            path: profile.path_of(key),
            expected: "one comparator, gt or ge, with yuan",
            got: "none or both".to_owned(),
        }),
    }
}

pub(super) fn suppression(top: &mut Section) -> Result<Suppression> {
    let mut section = top.section("suppression")?;
    section.fixed("one_open_per_concept", &json!(true))?;
    section.fixed("first_silent_while_repeat_open", &json!(true))?;
    let mut quiet = section.section("quiet_days_after_end")?;
    let fixed = [
        Concept::BpUncontrolledRepeat,
        Concept::GluUncontrolledRepeat,
        Concept::PovertyRelapseRisk,
    ];
    let suppression = Suppression {
        family: section.hours("no_lower_in_family_within_hours")?,
        episode: section.hours("episode_hours")?,
        blue_repeat: section.days("blue_repeat_days")?,
        quiet: quiet.by_cohort("by_cohort", Section::days)?,
        quiet_concepts: concepts(&mut quiet, "concepts")?,
        quiet_fixed: fixed
            .into_iter()
            .map(|concept| Ok((concept, quiet.days(concept.as_str())?)))
            .collect::<Result<_>>()?,
        first_after_repeat: quiet.days("first_after_repeat")?,
        formal_bypasses: quiet.flag("formal_followup_bypasses")?,
    };
    quiet.finish()?;
    section.finish()?;
    Ok(suppression)
}
