//! The rule pack: every number of every line, read as data.
//!
//! The built-in pack is `clinical/rulepack.json`; a file of the same shape with any subset of its
//! keys is laid over it. A key that nobody reads, a value of the wrong kind, a unit that is missing
//! and an emergency line that is loosened are errors that name their place. The pack never changes
//! once it is read, and its hash names exactly what was read.

mod floor;
mod lay;
mod read;
mod section;

use std::collections::BTreeMap;

use firmware_protocols::{Decimal, Flags, GlucoseUnit, GlucoseValue, Measurement};
use smol_str::SmolStr;

use super::{
    concept::{Concept, Family},
    patient::Cohort,
    quantity::{Convert, Glycaemia, Pressure},
    symptoms::SymptomLists,
};
use crate::domain::{Level, Millis, Standing};

/// The pack that is built in.
const BUILT_IN: &str = include_str!("../../../clinical/rulepack.json");

/// Why a pack is refused. The pack in force stays.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The text is no JSON.
    #[error("the rule pack is not JSON: {source}")]
    Json {
        /// What the reader said.
        #[from]
        source: serde_json::Error,
    },
    /// A key that no line reads.
    #[error("{path}: no line knows this key")]
    Unknown {
        /// Its place.
        path: String,
    },
    /// A key that a line needs.
    #[error("{path}: is missing")]
    Missing {
        /// Its place.
        path: String,
    },
    /// A value of the wrong kind, or without its unit.
    #[error("{path}: expected {expected}, got {got}")]
    Wrong {
        /// Its place.
        path: String,
        /// What belongs there.
        expected: &'static str,
        /// What was there.
        got: String,
    },
    /// A meaning that is built in.
    #[error("{path}: only {known} is known, got {got}")]
    Fixed {
        /// Its place.
        path: String,
        /// The one value.
        known: String,
        /// What was there.
        got: String,
    },
    /// An emergency line that the guideline fixes.
    #[error("{path}: {got} loosens the emergency floor {floor}")]
    Loosened {
        /// Its place.
        path: String,
        /// The built-in value.
        floor: String,
        /// What was there.
        got: String,
    },
}

impl PackError {
    fn wrong(path: String, expected: &'static str, got: &serde_json::Value) -> Self {
        Self::Wrong { path, expected, got: got.to_string() }
    }
}

/// A value for each cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByCohort<T> {
    c0: T,
    c1: T,
    c2: T,
    c3: T,
}

impl<T> ByCohort<T> {
    pub(super) const fn of(&self, cohort: Cohort) -> &T {
        match cohort {
            Cohort::C0 => &self.c0,
            Cohort::C1 => &self.c1,
            Cohort::C2 => &self.c2,
            Cohort::C3 => &self.c3,
        }
    }
}

/// The versioned set of warning lines with all their numbers.
#[derive(Debug, Clone)]
pub struct Pack {
    pub(super) name: SmolStr,
    pub(super) version: SmolStr,
    pub(super) norm_profile: SmolStr,
    pub(super) signed_by: Option<SmolStr>,
    pub(super) hash: SmolStr,
    /// "name version", shared by every alert.
    pub(super) title: SmolStr,
    pub(super) convert: Convert,
    pub(super) cohort_classes: BTreeMap<SmolStr, Cohort>,
    pub(super) cohort_precedence: Vec<Cohort>,
    pub(super) ages: Ages,
    pub(super) validity: Validity,
    pub(super) session: SessionNumbers,
    pub(super) lines: Lines,
    pub(super) persistence: ByCohort<Persistence>,
    pub(super) timers: Timers,
    pub(super) ack: ByCohort<AckMinutes>,
    /// Minutes to acknowledge a severe low glucose.
    pub(super) severe_ack_minutes: u32,
    pub(super) page: Page,
    pub(super) escalation: Escalation,
    pub(super) missed: ByCohort<MissedDays>,
    pub(super) money: BTreeMap<SmolStr, MoneyProfile>,
    pub(super) suppression: Suppression,
    pub(super) repeat: RepeatFromReadings,
    pub(super) auto_resolve: AutoResolve,
    /// Cohorts in which silence is watched without a diagnosis.
    pub(super) silence_cohorts: Vec<Cohort>,
    pub(super) relapse: Relapse,
    pub(super) symptoms: SymptomLists,
    rules: BTreeMap<Concept, Rule>,
}

/// Ages at which lines change, in years.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    pub older_from: u16,
    pub oldest_from: u16,
}

/// What counts as a value at all (`validity`).
#[derive(Debug, Clone)]
pub(super) struct Validity {
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
pub(super) struct PressureLimits {
    pub lowest: Pressure,
    pub highest: Pressure,
}

impl PressureLimits {
    const fn hold(self, pressure: Pressure) -> bool {
        pressure.systolic >= self.lowest.systolic
            && pressure.systolic <= self.highest.systolic
            && pressure.diastolic >= self.lowest.diastolic
            && pressure.diastolic <= self.highest.diastolic
    }
}

/// What a blood-pressure session is (`session`).
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionNumbers {
    pub window: Millis,
    pub confirm_min_readings: u32,
}

/// The lines' own numbers (`lines`).
#[derive(Debug, Clone)]
pub(super) struct Lines {
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
pub(super) struct Grade2 {
    pub line: Pressure,
    pub sessions_k: usize,
    pub sessions_m: usize,
    pub days: usize,
    pub one_reading_cohorts: Vec<Cohort>,
}

/// The office control line of a cohort, by age.
#[derive(Debug, Clone, Copy)]
pub(super) struct ControlLine {
    pub younger: Pressure,
    pub older: Pressure,
    pub oldest: Pressure,
}

/// The early line (BP-B1).
#[derive(Debug, Clone)]
pub(super) struct EarlyLine {
    pub cohorts: Vec<Cohort>,
    pub office: Pressure,
    pub home_sbp: u16,
}

/// The home week (BP-S3).
#[derive(Debug, Clone, Copy)]
pub(super) struct HomeScreen {
    pub days: usize,
    pub dropped_days: usize,
    pub readings_min: u32,
}

/// Fast pulse (GL-HR).
#[derive(Debug, Clone, Copy)]
pub(super) struct Tachycardia {
    pub pulse_gt: u16,
    pub apart_min: Millis,
    pub apart_max: Millis,
}

/// Recurrent lows (GL-H3).
#[derive(Debug, Clone, Copy)]
pub(super) struct LowRecurrent {
    pub episodes: usize,
    pub apart_gt: Millis,
    pub window: Millis,
}

/// How often a control line must be crossed (`persistence`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Persistence {
    pub window: Millis,
    pub pressure: PressureRepeats,
    pub glucose: Repeats,
}

/// `k` of the last `m`, on at least `days` calendar days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeats {
    pub k: usize,
    pub m: usize,
    pub days: usize,
}

/// How the repeats of pressure are counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum PressureRepeats {
    /// `k` of `m` on days, or `k` of `m` that span a time.
    Sessions { repeats: Repeats, spaced: Option<Spaced> },
    /// One confirmed session, or `k` of `m` single ones.
    Confirmed { singles: Repeats },
}

/// `k` of the last `m`, the first and the last of them at least `min_span` apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spaced {
    pub k: usize,
    pub m: usize,
    pub min_span: Millis,
}

/// Waiting times (`timers_minutes`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Timers {
    pub extreme_to_red: Millis,
    pub recheck_after: Millis,
    pub recheck_until: Millis,
    pub sugar_recheck_after: Millis,
    pub sugar_recheck_until: Millis,
    pub repeat_after_red: Millis,
}

/// Minutes to acknowledge, by level.
#[derive(Debug, Clone, Copy)]
pub(super) struct AckMinutes {
    pub red: u32,
    pub orange: u32,
    pub yellow: u32,
}

/// When the first page to a doctor may leave from a site with staff (`page`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub settle: Millis,
    pub at_once_sbp_ge: u16,
    pub at_once_dbp_ge: u16,
}

/// When the county is told (`escalation`).
#[derive(Debug, Clone)]
pub(super) struct Escalation {
    /// After the alert clock.
    pub county: Millis,
    /// Concepts whose county step comes at twice the time to acknowledge.
    pub fast: Vec<Concept>,
    /// Whether a severe low glucose is among them.
    pub fast_severe_low: bool,
}

/// Days without a value until somebody is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct MissedDays {
    pub prompt: Millis,
    pub doctor: Millis,
}

/// A local line for out-of-pocket money.
#[derive(Debug, Clone)]
pub(super) struct MoneyProfile {
    pub low_income: MoneyLine,
    pub general: MoneyLine,
    pub outpatient_month_ge: Option<Decimal>,
}

/// A sum and its comparator; localities differ (LINES finding 3).
#[derive(Debug, Clone, Copy)]
pub(super) enum MoneyLine {
    /// More than.
    Over(Decimal),
    /// This much or more.
    From(Decimal),
}

impl MoneyLine {
    pub(super) fn reached_by(self, yuan: Decimal) -> bool {
        match self {
            Self::Over(line) => yuan > line,
            Self::From(line) => yuan >= line,
        }
    }
}

/// What keeps alerts quiet (`suppression`).
#[derive(Debug, Clone)]
pub(super) struct Suppression {
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
pub(super) struct RepeatFromReadings {
    pub after_first: Millis,
    pub mean_window: Millis,
    pub mean_min: usize,
}

/// When values under the line end an alert (`auto_resolve`).
#[derive(Debug, Clone)]
pub(super) struct AutoResolve {
    pub concepts: Vec<Concept>,
    pub consecutive_under: u32,
    pub on_days: u32,
}

/// The poverty-relapse line (`poverty_relapse`).
#[derive(Debug, Clone)]
pub(super) struct Relapse {
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
pub(super) struct ComponentRule {
    pub strong: bool,
    pub valid_days: i64,
}

/// What rises.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trend {
    pub sessions: usize,
    pub min_gap: Millis,
    pub sbp_step: u16,
    pub fasting_step: u16,
}

/// A line's name and place (`rules`).
#[derive(Debug, Clone)]
pub struct Rule {
    /// The line's name, as `BP-E1`.
    pub name: SmolStr,
    /// Whether the line is asked at all.
    pub enabled: bool,
    /// Its family.
    pub family: Option<Family>,
    /// Days until the follow-up that its task names.
    pub followup_due_days: Option<u16>,
    /// What it finds, in Chinese.
    pub zh: SmolStr,
    /// What it finds, in English.
    pub en: SmolStr,
}

/// What a blood pressure is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PressureWorth {
    /// Within the validity.
    Accepted(Pressure),
    /// Refused, but still legible: the high or the low side.
    Extreme { pressure: Pressure, high: bool },
    /// Refused.
    Illegible,
}

impl Pack {
    /// The pack that is built in.
    ///
    /// # Errors
    /// None in a program that passed its tests: they read it.
    pub fn built_in() -> Result<Self, PackError> {
        let base = serde_json::from_str(BUILT_IN)?;
        read::pack(base)
    }

    /// The built-in pack with the keys of `text` laid over it.
    ///
    /// # Errors
    /// [`PackError`] names the place of the first thing that is wrong.
    pub fn laid_over(text: &str) -> Result<Self, PackError> {
        let base: serde_json::Value = serde_json::from_str(BUILT_IN)?;
        let over = serde_json::from_str(text)?;
        let laid = lay::over(base.clone(), over)?;
        floor::check(&base, &laid)?;
        read::pack(laid)
    }

    /// The pack's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pack's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Name and version in one, as alerts carry it.
    #[must_use]
    pub const fn title(&self) -> &SmolStr {
        &self.title
    }

    /// Which norm the pack follows where norms differ.
    #[must_use]
    pub fn norm_profile(&self) -> &str {
        &self.norm_profile
    }

    /// The doctor who signed the pack; nothing is sent to anybody before one has (DESIGN 11).
    #[must_use]
    pub fn signed_by(&self) -> Option<&str> {
        self.signed_by.as_deref()
    }

    /// BLAKE3 over all that was read, keys sorted, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// How far a device's clock may run ahead before the time of receipt takes its place.
    #[must_use]
    pub const fn future_skew(&self) -> Millis {
        self.validity.future_skew
    }

    /// Longer than this between measuring and the first gateway's storing is late.
    #[must_use]
    pub const fn stale_after(&self) -> Millis {
        self.validity.stale
    }

    /// The longest that a line looks back. What is "first ever" and which alerts are open stand in
    /// the state itself; a state made from nothing needs all facts of the person.
    #[must_use]
    pub fn window(&self) -> Millis {
        let cohorts = [Cohort::C0, Cohort::C1, Cohort::C2, Cohort::C3];
        let repeats = cohorts.map(|cohort| self.persistence.of(cohort).window);
        let quiet = cohorts.map(|cohort| *self.suppression.quiet.of(cohort));
        let fixed = self.suppression.quiet_fixed.iter().map(|(_, quiet)| *quiet);
        let relapse = &self.relapse;
        let valid = [
            relapse.repeat_failure,
            relapse.emergency_referred,
            relapse.rising_trend,
            relapse.missed_visits,
            relapse.money_line,
        ];
        let valid = valid.into_iter().map(|rule| Millis::days(rule.valid_days));
        let all = repeats.into_iter().chain(quiet).chain(fixed).chain(valid);
        all.max().unwrap_or(Millis::ZERO)
    }

    /// The rule of a concept; `None` where the pack does not have it.
    #[must_use]
    pub fn rule(&self, concept: Concept) -> Option<&Rule> {
        self.rules.get(&concept)
    }

    /// The cohort that a class name of a registry stands for.
    #[must_use]
    pub fn cohort_of(&self, class: &str) -> Option<Cohort> {
        Cohort::parse(class).or_else(|| self.cohort_classes.get(class).copied())
    }

    /// Whether the lines may see a measurement: the pack's `validity` is the only judge.
    #[must_use]
    pub fn standing(&self, measurement: &Measurement) -> Standing {
        let accepted = match measurement {
            Measurement::BloodPressure(pressure) => {
                let native = (pressure.systolic, pressure.diastolic);
                let systolic = self.convert.mmhg(native.0, pressure.unit);
                let diastolic = self.convert.mmhg(native.1, pressure.unit);
                let worth = self.pressure_worth(systolic.zip(diastolic));
                matches!(worth, PressureWorth::Accepted(_))
            }
            Measurement::Glucose(glucose) => match glucose.value {
                GlucoseValue::Number(value) => self.accepts_glucose(value, glucose.unit),
                GlucoseValue::High | GlucoseValue::Low => true,
            },
        };
        if accepted { Standing::Stored } else { Standing::Rejected }
    }

    /// What a pressure in mmHg is worth; `None` is one that no number of mmHg can hold.
    pub(super) fn pressure_worth(&self, mmhg: Option<(u16, u16)>) -> PressureWorth {
        let Some((systolic, diastolic)) = mmhg else { return PressureWorth::Illegible };
        let pressure = Pressure { systolic, diastolic };
        let Validity { accept, legible, .. } = &self.validity;
        if systolic <= diastolic || !(accept.hold(pressure) || legible.hold(pressure)) {
            PressureWorth::Illegible
        } else if accept.hold(pressure) {
            PressureWorth::Accepted(pressure)
        } else {
            let high = systolic > accept.highest.systolic || diastolic > accept.highest.diastolic;
            PressureWorth::Extreme { pressure, high }
        }
    }

    /// Whether a glucose value is accepted as declared.
    pub(super) fn accepts_glucose(&self, value: Decimal, unit: GlucoseUnit) -> bool {
        let (low, high) = match unit {
            GlucoseUnit::MmolPerL => self.validity.accept_mmoll,
            GlucoseUnit::MgPerDl => self.validity.accept_mgdl,
        };
        low <= value && value <= high
    }

    /// Whether a cuff's own marks make its value doubtful.
    #[must_use]
    pub(super) fn doubts(&self, flags: Flags) -> bool {
        let set = crate::domain::flag_bits(flags);
        set.iter().any(|(name, _, on)| *on && self.validity.unreliable.iter().any(|it| it == name))
    }

    /// Minutes within which an alert must be acknowledged; `None` for blue, which waits for nobody.
    pub(super) fn ack_minutes(&self, cohort: Cohort, level: Level, severe: bool) -> Option<u32> {
        let minutes = self.ack.of(cohort);
        match level {
            Level::Red if severe => Some(minutes.red.min(self.severe_ack_minutes)),
            Level::Red => Some(minutes.red),
            Level::Orange => Some(minutes.orange),
            Level::Yellow => Some(minutes.yellow),
            Level::Blue => None,
        }
    }
}
