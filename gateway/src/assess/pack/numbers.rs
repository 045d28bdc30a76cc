//! The pack's numbers, each with its unit in its type or its name. What they mean stands at the line
//! that reads them; where they come from stands in the design's LINES.md.

use firmware_protocols::Decimal;
use smol_str::SmolStr;

use crate::{
    assess::{
        concept::Concept,
        patient::Cohort,
        quantity::{Glycaemia, Pressure},
    },
    domain::Millis,
};

/// A value for each cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::assess) struct ByCohort<T> {
    pub(super) c0: T,
    pub(super) c1: T,
    pub(super) c2: T,
    pub(super) c3: T,
}

impl<T> ByCohort<T> {
    pub(in crate::assess) const fn of(&self, cohort: Cohort) -> &T {
        match cohort {
            Cohort::C0 => &self.c0,
            Cohort::C1 => &self.c1,
            Cohort::C2 => &self.c2,
            Cohort::C3 => &self.c3,
        }
    }
}

/// Ages at which lines change, in years.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Ages {
    pub older_from: u16,
    pub oldest_from: u16,
}

/// What counts as a value at all (`validity`).
#[derive(Debug, Clone)]
pub(in crate::assess) struct Validity {
    pub accept: PressureLimits,
    pub legible: PressureLimits,
    pub accept_mmoll: (Decimal, Decimal),
    pub accept_mgdl: (Decimal, Decimal),
    pub plausible_mmoll: Decimal,
    pub plausible_mgdl: Decimal,
    pub unreliable: Vec<SmolStr>,
    pub stale: Millis,
    pub future_skew: Millis,
}

/// A box of pressures, its edges included.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct PressureLimits {
    pub lowest: Pressure,
    pub highest: Pressure,
}

impl PressureLimits {
    pub(super) const fn hold(self, pressure: Pressure) -> bool {
        pressure.systolic >= self.lowest.systolic
            && pressure.systolic <= self.highest.systolic
            && pressure.diastolic >= self.lowest.diastolic
            && pressure.diastolic <= self.highest.diastolic
    }
}

/// What a blood-pressure session is (`session`).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct SessionNumbers {
    pub window: Millis,
    pub confirm_min_readings: u32,
}

/// The lines' own numbers (`lines`).
#[derive(Debug, Clone)]
pub(in crate::assess) struct Lines {
    pub bp_emergency: Pressure,
    pub bp_symptom_nodx: Pressure,
    pub bp_pregnancy: Pressure,
    pub bp_grade2: Grade2,
    pub bp_low_sbp_lt: u16,
    pub bp_low_orange_age_ge: u16,
    pub bp_control: ByCohort<ControlLine>,
    pub bp_home_from_office: Vec<(Pressure, Pressure)>,
    pub bp_early_lt65: EarlyLine,
    pub bp_early_nodx: EarlyLine,
    pub bp_screen_office: Pressure,
    pub bp_screen_home_mean: Pressure,
    pub irregular_marked_min: u32,
    pub irregular_readings_min: u32,
    pub clinic_screen_days: usize,
    pub home_screen: HomeScreen,
    pub tachycardia: Tachycardia,
    pub glu_high_emergency_ge: Glycaemia,
    pub glu_low_emergency_le_dm: Glycaemia,
    pub glu_low_emergency_lt_nodm: Glycaemia,
    pub glu_low_severe_lt: Glycaemia,
    pub glu_low_refused_gt: Decimal,
    pub glu_low_recovered_gt: Glycaemia,
    pub glu_symptom_ge: Glycaemia,
    pub glu_symptom_le: Glycaemia,
    pub glu_pregnancy_fasting_ge: Glycaemia,
    pub glu_pregnancy_red_ge: Glycaemia,
    pub glu_high_urgent_ge: Glycaemia,
    pub glu_control_fasting_ge: Glycaemia,
    pub glu_control_other_ge: ByCohort<Glycaemia>,
    pub glu_early_low_lt: Glycaemia,
    pub glu_early_low_cohorts: Vec<Cohort>,
    pub glu_nodx_early_fasting_ge: Glycaemia,
    pub glu_nodx_early_post_ge: Glycaemia,
    pub glu_nodx_early_cohorts: Vec<Cohort>,
    pub glu_nodx_fasting_ge: Glycaemia,
    pub glu_nodx_random_ge: Glycaemia,
    pub low_recurrent: LowRecurrent,
}

/// Grade 2 (BP-G2).
#[derive(Debug, Clone)]
pub(in crate::assess) struct Grade2 {
    pub line: Pressure,
    pub sessions_k: usize,
    pub sessions_m: usize,
    pub days: usize,
    pub one_reading_cohorts: Vec<Cohort>,
}

impl Grade2 {
    pub(in crate::assess) const fn repeats(&self) -> Repeats {
        Repeats { k: self.sessions_k, m: self.sessions_m, days: self.days }
    }
}

/// The office control line of a cohort, by age.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct ControlLine {
    pub younger: Pressure,
    pub older: Pressure,
    pub oldest: Pressure,
}

/// The early line (BP-B1).
#[derive(Debug, Clone)]
pub(in crate::assess) struct EarlyLine {
    pub cohorts: Vec<Cohort>,
    pub office: Pressure,
    pub home_sbp: u16,
}

/// The home week (BP-S3).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct HomeScreen {
    pub days: usize,
    pub dropped_days: usize,
    pub readings_min: u32,
}

/// Fast pulse (GL-HR).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Tachycardia {
    pub pulse_gt: u16,
    pub apart_min: Millis,
    pub apart_max: Millis,
}

/// Recurrent lows (GL-H3).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct LowRecurrent {
    pub episodes: usize,
    pub apart_gt: Millis,
    pub window: Millis,
}

/// How often a control line must be crossed (`persistence`).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Persistence {
    pub window: Millis,
    pub pressure: PressureRepeats,
    pub glucose: Repeats,
}

/// `k` of the last `m`, on at least `days` calendar days.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Repeats {
    pub k: usize,
    pub m: usize,
    pub days: usize,
}

/// How the repeats of pressure are counted.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) enum PressureRepeats {
    /// `k` of `m` on days, or `k` of `m` that span a time.
    Sessions { repeats: Repeats, spaced: Option<Spaced> },
    /// One confirmed session, or `k` of `m` single ones.
    Confirmed { singles: Repeats },
}

/// `k` of the last `m`, the first and the last of them at least `min_span` apart.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Spaced {
    pub k: usize,
    pub m: usize,
    pub min_span: Millis,
}

/// Waiting times (`timers_minutes`).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Timers {
    pub extreme_to_red: Millis,
    pub recheck_after: Millis,
    pub recheck_until: Millis,
    pub sugar_recheck_after: Millis,
    pub sugar_recheck_until: Millis,
    pub repeat_after_red: Millis,
}

/// Minutes to acknowledge, by level.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct AckMinutes {
    pub red: u32,
    pub orange: u32,
    pub yellow: u32,
}

/// When the first page to a doctor may leave from a site with staff (`page`).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Page {
    pub settle: Millis,
    pub at_once_sbp_ge: u16,
    pub at_once_dbp_ge: u16,
}

/// When the county is told (`escalation`).
#[derive(Debug, Clone)]
pub(in crate::assess) struct Escalation {
    /// After the alert clock.
    pub county: Millis,
    /// Concepts whose county step comes at twice the time to acknowledge.
    pub fast: Vec<Concept>,
    /// Whether a severe low glucose is among them.
    pub fast_severe_low: bool,
}

/// Days without a value until somebody is told.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct MissedDays {
    pub prompt: Millis,
    pub doctor: Millis,
}

/// A local line for out-of-pocket money.
#[derive(Debug, Clone)]
pub(in crate::assess) struct MoneyProfile {
    pub low_income: MoneyLine,
    pub general: MoneyLine,
    pub outpatient_month_ge: Option<Decimal>,
}

/// A sum and its comparator; localities differ (LINES finding 3).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) enum MoneyLine {
    /// More than.
    Over(Decimal),
    /// This much or more.
    From(Decimal),
}

impl MoneyLine {
    pub(in crate::assess) fn reached_by(self, yuan: Decimal) -> bool {
        match self {
            Self::Over(line) => yuan > line,
            Self::From(line) => yuan >= line,
        }
    }
}

/// What keeps alerts quiet (`suppression`).
#[derive(Debug, Clone)]
pub(in crate::assess) struct Suppression {
    pub family: Millis,
    pub episode: Millis,
    pub blue_repeat: Millis,
    pub quiet: ByCohort<Millis>,
    pub quiet_concepts: Vec<Concept>,
    pub quiet_fixed: Vec<(Concept, Millis)>,
    pub first_after_repeat: Millis,
    pub formal_bypasses: bool,
}

/// The second failure from readings alone (`repeat_from_readings`).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct RepeatFromReadings {
    pub after_first: Millis,
    pub mean_window: Millis,
    pub mean_min: usize,
}

/// When values under the line end an alert (`auto_resolve`).
#[derive(Debug, Clone)]
pub(in crate::assess) struct AutoResolve {
    pub concepts: Vec<Concept>,
    pub consecutive_under: u32,
    pub on_days: u32,
}

/// The poverty-relapse line (`poverty_relapse`).
#[derive(Debug, Clone)]
pub(in crate::assess) struct Relapse {
    pub cohorts: Vec<Cohort>,
    pub or_cause_illness: bool,
    pub threshold: u32,
    pub weak: u32,
    pub strong: ByCohort<u32>,
    pub repeat_failure: ComponentRule,
    pub emergency_referred: ComponentRule,
    pub rising_trend: ComponentRule,
    pub missed_visits: ComponentRule,
    pub money_line: ComponentRule,
    pub trend: Trend,
}

/// How a component counts.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct ComponentRule {
    pub strong: bool,
    pub valid_days: i64,
}

/// What rises.
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Trend {
    pub sessions: usize,
    pub min_gap: Millis,
    pub sbp_step: u16,
    pub fasting_step: u16,
}

/// What centres answer for (`indicators`).
#[derive(Debug, Clone, Copy)]
pub(in crate::assess) struct Indicators {
    /// Under both is controlled.
    pub controlled_lt: Pressure,
    /// Calendar months, the reference month included.
    pub recent_months: i64,
    /// Calendar months, the reference month included.
    pub under_care_months: i64,
    /// Face-to-face visits of a managed patient in those months at least, and free fasting tests of
    /// a managed diabetic.
    pub visits_a_year: usize,
}
