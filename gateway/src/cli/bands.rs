//! A person's lines with their names, for the chart.

use crate::{
    assess::{Pack, Patient},
    domain::{Person, Setting, Timestamp},
    serve::LineBand,
};

/// The lines of a person at an instant.
pub(super) fn lines_for(pack: &Pack, person: &Person, at: Timestamp) -> Vec<LineBand> {
    // The household decides no line of a chart.
    let patient = Patient::registered(pack, person, None, None);
    let named = pack.bands(&patient, at).into_iter().filter_map(|band| {
        let rule = pack.rule(band.concept)?;
        Some(LineBand {
            measure: band.measure,
            from: band.from,
            level: band.level,
            unit: if band.measure.starts_with("glucose") { "mmol/L" } else { "mmHg" },
            label_zh: rule.zh.to_string(),
            label_en: rule.en.to_string(),
            line: rule.name.clone(),
            setting: match band.setting {
                None => "any",
                Some(Setting::Home) => "home",
                Some(Setting::Clinic) => "clinic",
            },
        })
    });
    named.collect()
}
