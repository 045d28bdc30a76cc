//! The rule pack: every number of every line, read as data.
//!
//! The built-in pack is `clinical/rulepack.json`; a file of the same shape with any subset of its
//! keys is laid over it. A key that nobody reads, a value of the wrong kind, a unit that is missing,
//! an emergency line that is loosened, a gap or an overlap between lines, a line that needs more than
//! a person's state holds and a number without a source are errors that name their place, all of
//! them at once. The pack never changes once it is read, and its hash names exactly what was read.

mod check;
mod floor;
mod lay;
mod norm;
#[cfg(test)]
pub(super) mod nudge;
mod numbers;
mod place;
mod problem;
mod read;
mod section;
mod sense;
mod sources;

use std::collections::BTreeMap;

use firmware_protocols::{Decimal, Flags, GlucoseUnit, GlucoseValue, Measurement};
use smol_str::SmolStr;

use super::{
    concept::{Concept, Family},
    patient::Cohort,
    quantity::{Convert, Pressure},
    symptoms::SymptomLists,
};
use crate::domain::{Level, Millis, Standing};
use check::Purpose;
pub use norm::Norm;
pub(super) use numbers::{
    AckMinutes, Ages, AutoResolve, ByCohort, ComponentRule, ControlLine, EarlyLine, Escalation,
    Grade2, HomeScreen, Indicators, Lines, LowRecurrent, MissedDays, MoneyLine, MoneyProfile, Page,
    Persistence, PressureLimits, PressureRepeats, Relapse, RepeatFromReadings, Repeats,
    SessionNumbers, Spaced, Suppression, Tachycardia, Timers, Trend, Validity,
};
pub use problem::{PackError, Problem, Refusal};

/// The pack that is built in.
pub(super) const BUILT_IN: &str = include_str!("../../../clinical/rulepack.json");

/// The versioned set of warning lines with all their numbers.
#[derive(Debug, Clone)]
pub struct Pack {
    pub(super) name: SmolStr,
    pub(super) version: SmolStr,
    pub(super) norm_profile: SmolStr,
    pub(super) signed_by: Option<SmolStr>,
    pub(super) signed_hash: Option<SmolStr>,
    pub(super) hash: SmolStr,
    /// All that was read, keys sorted.
    pub(super) text: Box<str>,
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
    pub(super) indicators: Indicators,
    /// A row of the registry counts from so long before it was entered: an error of the last days is
    /// mended, and no more.
    pub(super) rejudged: Millis,
    rules: BTreeMap<Concept, Rule>,
}

/// A line's name and place (`rules`).
#[derive(Debug, Clone)]
pub struct Rule {
    /// The line's name, as `BP-E1`.
    pub name: SmolStr,
    /// Whether the line is asked at all.
    pub enabled: bool,
    /// Whether silence about its alert is told to the next step; not where no doctor is asked.
    pub escalates: bool,
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

    /// The built-in pack with the keys of `text` laid over it, to judge people by.
    ///
    /// # Errors
    /// [`Refusal`] names everything that is wrong, each with its place.
    pub fn laid_over(text: &str) -> Result<Self, Refusal> {
        check::laid_over(text, Purpose::Force)
    }

    /// The same to be tried out, on cases or on the past: numbers may still be without a source, and
    /// the whole without a version of its own.
    ///
    /// # Errors
    /// [`Refusal`] names everything else that is wrong.
    pub fn draft(text: &str) -> Result<Self, Refusal> {
        check::laid_over(text, Purpose::Draft)
    }

    /// A pack from its own [`Pack::text`]. What a program before this one did not write there, a
    /// number that was in the code then, is the built-in one's; text and hash stay its own.
    ///
    /// # Errors
    /// [`PackError`] names the place of the first thing that is wrong.
    pub fn from_text(text: &str) -> Result<Self, PackError> {
        check::of_the_past(&serde_json::from_str(text)?)
    }

    /// All that it says, as JSON with its keys sorted: what [`Pack::hash`] is of.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
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

    /// BLAKE3 over the content without the signature, keys sorted, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The hash that the doctor signed, if it is that of this content: whoever changes a number
    /// after the signature has a pack that nobody signed.
    #[must_use]
    pub fn signed_hash(&self) -> Option<&str> {
        self.signed_hash.as_deref().filter(|signed| *signed == self.hash)
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
        let repeats = Cohort::ALL.map(|cohort| self.persistence.of(cohort).window);
        let quiet = Cohort::ALL.map(|cohort| *self.suppression.quiet.of(cohort));
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
                let mmhg = |native| self.convert.mmhg(native, pressure.unit);
                let pair = mmhg(pressure.systolic).zip(mmhg(pressure.diastolic));
                matches!(self.pressure_worth(pair), PressureWorth::Accepted(_))
            }
            Measurement::Glucose(glucose) => match glucose.value {
                GlucoseValue::Number(value) => self.accepts_glucose(value, glucose.unit),
                GlucoseValue::High | GlucoseValue::Low => true,
            },
        };
        if accepted { Standing::Stored } else { Standing::Rejected }
    }

    /// How many of the last sessions some line asks for, however old they are.
    pub(super) fn session_depth(&self) -> usize {
        let own = |cohort| match self.persistence.of(cohort).pressure {
            PressureRepeats::Confirmed { singles } => singles.m,
            PressureRepeats::Sessions { repeats, spaced } => {
                repeats.m.max(spaced.map_or(0, |spaced| spaced.m))
            }
        };
        let cohorts =
            own(Cohort::C0).max(own(Cohort::C1)).max(own(Cohort::C2)).max(own(Cohort::C3));
        cohorts.max(self.lines.bp_grade2.sessions_m)
    }

    /// How many of the last glucose values some line asks for.
    pub(super) fn sugar_depth(&self) -> usize {
        let own = |cohort| self.persistence.of(cohort).glucose.m;
        Cohort::ALL.into_iter().map(own).max().unwrap_or(0)
    }

    /// Whether a measurement of nobody known could be an emergency: by the lines that are strictest
    /// for anybody, so that a site's duty is asked rather than nobody.
    #[must_use]
    pub fn may_be_emergency(&self, measurement: &Measurement) -> bool {
        let lines = &self.lines;
        match measurement {
            Measurement::BloodPressure(pressure) => {
                let mmhg = |native| self.convert.mmhg(native, pressure.unit);
                match self.pressure_worth(mmhg(pressure.systolic).zip(mmhg(pressure.diastolic))) {
                    PressureWorth::Accepted(pressure) => pressure.reaches(lines.bp_emergency),
                    PressureWorth::Extreme { .. } => true,
                    PressureWorth::Illegible => false,
                }
            }
            Measurement::Glucose(glucose) if glucose.control => false,
            Measurement::Glucose(glucose) => match glucose.value {
                GlucoseValue::High | GlucoseValue::Low => true,
                GlucoseValue::Number(value) => {
                    self.convert.glycaemia(value, glucose.unit).is_some_and(|value| {
                        value >= lines.glu_high_emergency_ge
                            || value <= lines.glu_low_emergency_le_dm
                    })
                }
            },
        }
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
