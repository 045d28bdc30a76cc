//! A person's lines with their names, for the chart.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    assess::{self, Pack, Patient},
    domain::{Person, Plan, Setting, Timestamp},
    serve::{Known, LineBand, Lines, Seen, Weighed},
};

/// The pack in force, as pages and imports ask it.
pub(super) struct PackLines(pub(super) watch::Receiver<Arc<Pack>>);

impl PackLines {
    fn pack(&self) -> Arc<Pack> {
        Arc::clone(&self.0.borrow())
    }
}

impl Lines for PackLines {
    fn seen(&self, known: Known<'_>, last_value: Option<Timestamp>, now: Timestamp) -> Seen {
        let pack = self.pack();
        let patient = patient(&pack, known);
        let mut contradictions = assess::contradictions(known.person, known.earlier, now);
        if let Some(plan) = assess::plan_in_force(known.plans, now) {
            let looser = assess::plan_contradictions(&pack, &patient, plan, now);
            contradictions.extend(looser);
        }
        Seen {
            lines: lines_for(&pack, &patient, now),
            contradictions,
            tracking: assess::tracking(&pack, &patient, last_value, now),
        }
    }

    fn weigh(&self, known: Known<'_>, plan: &Plan, now: Timestamp) -> Weighed {
        let pack = self.pack();
        let patient = patient(&pack, known);
        let at = assess::begins(plan, now);
        Weighed {
            looser: assess::looser(&pack, &patient, plan, at),
            waits: assess::waits_for_diagnosis(&patient, plan, at),
        }
    }
}

/// The person as the lines see them. The household decides no line of a chart.
fn patient(pack: &Pack, known: Known<'_>) -> Patient {
    let earlier: Vec<&Person> = known.earlier.iter().collect();
    Patient::registered(pack, known.person, None, known.enrolled_at)
        .also_born(known.person, &earlier)
        .planned(known.plans)
}

/// The lines of a person at an instant.
fn lines_for(pack: &Pack, patient: &Patient, at: Timestamp) -> Vec<LineBand> {
    let named = pack.bands(patient, at).into_iter().filter_map(|band| {
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
