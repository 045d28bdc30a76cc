//! A person's own plan (一人一法): a number of it counts only where it is stricter than the pack's
//! line for that person at that instant, so a plan can tighten and never loosen (issue 3, part 3).
//!
//! Emergency lines know nothing of plans, nor do the early lines: what crosses them crosses them as
//! before. The control lines of the diagnosed (BP-C*, GL-C*) and silence (6.2) take the stricter of
//! both, and say so.

use jiff::civil::Date;
use serde::Serialize;

use super::{
    ledger::Bench,
    pack::Pack,
    patient::{Condition, Patient, Span, day_number},
    quantity::{Glycaemia, Pressure},
};
use crate::domain::{Millis, Plan, Setting, Timestamp};

/// Days of grace after a cadence until the patient is asked: LINES 6.2 asks after 8, 31 and 91 days of a
/// weekly, monthly and quarterly cadence.
const PROMPT_GRACE: i64 = 1;

/// Cadences missed until the doctor is told: LINES 6.2 tells after 14 and 60 days of a weekly and a
/// monthly cadence.
const DOCTOR_CADENCES: i64 = 2;

/// A plan's numbers as the lines ask for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Own {
    pub(super) span: Span,
    systolic: Option<u16>,
    diastolic: Option<u16>,
    fasting: Option<Glycaemia>,
    cadence_days: Option<u16>,
}

impl Own {
    fn of(plan: &Plan) -> Self {
        Self {
            span: Span::between(plan.from, plan.until),
            systolic: plan.systolic_lt,
            diastolic: plan.diastolic_lt,
            fasting: plan.fasting_lt.map(|target| Glycaemia(target.0)),
            cadence_days: plan.cadence_days,
        }
    }

    /// Without a value for so long, the patient is asked, and the doctor told.
    pub(super) fn silences(&self) -> Option<(Millis, Millis)> {
        let days = i64::from(self.cadence_days?);
        Some((
            Millis::days(days.saturating_add(PROMPT_GRACE)),
            Millis::days(days.saturating_mul(DOCTOR_CADENCES)),
        ))
    }
}

/// A line as it counts, and as the pack has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tightened<T> {
    pub line: T,
    pub pack: T,
}

impl<T: Copy + PartialEq + std::fmt::Display> Tightened<T> {
    pub(super) const fn untouched(pack: T) -> Self {
        Self { line: pack, pack }
    }

    /// The person's own plan gave a number of it.
    pub(super) fn is_own(&self) -> bool {
        self.line != self.pack
    }

    /// The line in words, with its source where that is the plan.
    pub(super) fn words(&self) -> (String, String) {
        let Self { line, pack } = self;
        if self.is_own() {
            (
                format!("{line}（个人方案给出，规则包为{pack}）"),
                format!("{line} (given by the person's own plan; the pack says {pack})"),
            )
        } else {
            (line.to_string(), line.to_string())
        }
    }
}

impl Patient {
    /// The same person with their plans, in the order in which they were entered.
    #[must_use]
    pub fn planned<'p>(mut self, plans: impl IntoIterator<Item = &'p Plan>) -> Self {
        self.plans.extend(plans.into_iter().map(Own::of));
        self
    }

    /// The plan in force at an instant: of those that have begun, the one entered last.
    pub(super) fn own_plan(&self, at: Timestamp) -> Option<&Own> {
        let day = at.shanghai_day();
        let begun = |own: &&Own| own.span.from.is_none_or(|from| from <= day);
        self.plans.iter().rev().find(begun).filter(|own| own.span.holds(day))
    }

    /// The plan by whose cadence somebody watches the person at an instant: nobody watches the dead.
    pub(super) fn own_cadence(&self, at: Timestamp) -> Option<&Own> {
        let own = self.own_plan(at)?;
        (own.cadence_days.is_some() && !self.has(Condition::Dead, at)).then_some(own)
    }

    /// The control line of a hypertensive, each of its numbers the stricter of both.
    pub(super) fn tighten_pressure(&self, pack: Pressure, at: Timestamp) -> Tightened<Pressure> {
        let Some(own) = self.own_plan(at) else { return Tightened::untouched(pack) };
        let stricter = |own: Option<u16>, pack: u16| own.map_or(pack, |own| own.min(pack));
        let line = Pressure {
            systolic: stricter(own.systolic, pack.systolic),
            diastolic: stricter(own.diastolic, pack.diastolic),
        };
        Tightened { line, pack }
    }

    /// The fasting control line of a diabetic, the stricter of both.
    pub(super) fn tighten_fasting(&self, pack: Glycaemia, at: Timestamp) -> Tightened<Glycaemia> {
        let own = self.own_plan(at).and_then(|own| own.fasting);
        Tightened { line: own.map_or(pack, |own| own.min(pack)), pack }
    }
}

/// The line that controls a person at a time: the pack's (6.2), of the diagnosed tightened by their own
/// plan.
pub(super) fn control_line(
    bench: &Bench<'_>,
    setting: Setting,
    known: bool,
    at: Timestamp,
) -> Tightened<Pressure> {
    let pack = pack_line(bench.pack, bench.patient, (setting, known), at);
    if known { bench.patient.tighten_pressure(pack, at) } else { Tightened::untouched(pack) }
}

/// The pack's control line (6.2): by cohort and age, at home the line that belongs to the office
/// line; without a diagnosis the screening line at any age.
pub(super) fn pack_line(
    pack: &Pack,
    patient: &Patient,
    (setting, known): (Setting, bool),
    at: Timestamp,
) -> Pressure {
    let lines = &pack.lines;
    let office = if known {
        let own = lines.bp_control.of(patient.cohort(pack, at));
        let at_age = |age| match age {
            Some(years) if years >= pack.ages.oldest_from => own.oldest,
            Some(years) if years >= pack.ages.older_from => own.older,
            Some(_) | None => own.younger,
        };
        // Of two ages the one with the stricter line, number by number.
        let ages = patient.ages(at);
        at_age(ages.youngest).stricter(at_age(ages.oldest.or(ages.youngest)))
    } else {
        lines.bp_screen_office
    };
    match setting {
        Setting::Clinic => office,
        Setting::Home => {
            let home = lines.bp_home_from_office.iter().find(|(line, _)| *line == office);
            home.map_or(office, |(_, home)| *home)
        }
    }
}

/// A number of a plan that would loosen a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looser {
    /// The plan's column.
    pub column: &'static str,
    /// What the pack's line says, in the column's unit.
    pub line: LooserThan,
}

/// The pack's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LooserThan {
    /// In mmHg.
    Pressure(u16),
    /// In mmol/L.
    Glucose(Glycaemia),
    /// In days without a value, until the patient is asked.
    Days(i64),
}

impl std::fmt::Display for LooserThan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pressure(line) => write!(f, "{line} mmHg"),
            Self::Glucose(line) => write!(f, "{line} mmol/L"),
            Self::Days(days) => write!(f, "{days} d"),
        }
    }
}

/// The numbers of a plan over the pack's line for the person at an instant. They count for nothing;
/// an import refuses them, and a page shows them where the person's line fell later.
#[must_use]
pub fn looser(pack: &Pack, patient: &Patient, plan: &Plan, at: Timestamp) -> Vec<Looser> {
    let mut found = Vec::new();
    let office = pack_line(pack, patient, (Setting::Clinic, true), at);
    let over = |own: Option<u16>, line: u16| own.is_some_and(|own| own > line);
    if over(plan.systolic_lt, office.systolic) {
        let line = LooserThan::Pressure(office.systolic);
        found.push(Looser { column: "systolic_lt", line });
    }
    if over(plan.diastolic_lt, office.diastolic) {
        let line = LooserThan::Pressure(office.diastolic);
        found.push(Looser { column: "diastolic_lt", line });
    }
    let fasting = pack.lines.glu_control_fasting_ge;
    if plan.fasting_lt.is_some_and(|own| own.0 > fasting.0) {
        found.push(Looser { column: "fasting_lt", line: LooserThan::Glucose(fasting) });
    }
    let watched = super::silence::watched(pack, patient, at);
    let prompt = pack.missed.of(patient.cohort(pack, at)).prompt;
    let days = super::words::in_days(prompt);
    if watched && plan.cadence_days.is_some_and(|own| i64::from(own) > days) {
        found.push(Looser { column: "cadence_days", line: LooserThan::Days(days) });
    }
    found
}

/// The instant at which a plan is looked at when it comes: its first day, or now where that is past.
#[must_use]
pub fn begins(plan: &Plan, now: Timestamp) -> Timestamp {
    let day = |from: Date| Timestamp::from_shanghai(from.at(0, 0, 0, 0));
    plan.from.and_then(day).map_or(now, |from| from.max(now))
}

/// The plan in force of those that were entered for a person, in that order, and whether it may
/// still come into force.
#[must_use]
pub fn in_force(plans: &[Plan], at: Timestamp) -> Option<&Plan> {
    let day = at.shanghai_day();
    let begun = plans.iter().rev().find(|plan| plan.begun_by(at))?;
    Some(begun).filter(|plan| plan.until.is_none_or(|until| day <= day_number(until)))
}

/// Whether the plan's line of a measure is for people with a diagnosis that this one lacks: such
/// numbers wait.
#[must_use]
pub fn waits_for_diagnosis(patient: &Patient, plan: &Plan, at: Timestamp) -> bool {
    let lacks = |condition| !patient.has(condition, at);
    let pressure = plan.systolic_lt.is_some() || plan.diastolic_lt.is_some();
    (pressure && lacks(Condition::Hypertension))
        || (plan.fasting_lt.is_some() && lacks(Condition::Diabetes))
}
