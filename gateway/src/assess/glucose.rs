//! Glucose, value by value: the red lines and the recovery from a low.

use std::collections::VecDeque;

use firmware_protocols::{Decimal, GlucoseUnit, GlucoseValue, Meal};
use serde::{Deserialize, Serialize};

use super::{
    concept::{Concept, Measure},
    facts::Meter,
    ledger::{Bench, Moment},
    pack::Pack,
    patient::Condition,
    quantity::Glycaemia,
    snug,
    state::{Red, State},
    symptoms::{Symptoms, names},
    words::Words,
};
use crate::domain::{Level, Timestamp};

/// An accepted glucose value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sugar {
    /// Above what the meter can measure.
    High,
    /// Below what the meter can measure.
    Low,
    /// A number.
    Number(Glycaemia),
}

impl Sugar {
    /// At or over a line.
    pub(super) fn reaches(self, line: Glycaemia) -> bool {
        match self {
            Self::High => true,
            Self::Low => false,
            Self::Number(value) => value >= line,
        }
    }

    /// The number, if it is one.
    pub(super) const fn number(self) -> Option<Glycaemia> {
        match self {
            Self::Number(value) => Some(value),
            Self::High | Self::Low => None,
        }
    }
}

impl std::fmt::Display for Sugar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::High => f.write_str("HI"),
            Self::Low => f.write_str("LO"),
            Self::Number(value) => write!(f, "{value} mmol/L"),
        }
    }
}

/// The last values that enter the control count, oldest first. Bounded: those that the counts ask
/// for and those of the mean's days, at most [`PastSugars::MOST`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct PastSugars(VecDeque<PastSugar>);

/// What later windows need of a value.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct PastSugar {
    pub at: Timestamp,
    pub fasting: bool,
    pub value: Glycaemia,
    pub over: bool,
    /// The same by the pack's line alone, without the person's own plan.
    pub over_pack: bool,
}

impl PastSugars {
    /// More finger pricks in a week than anybody bears: older ones leave the mean.
    const MOST: usize = 512;

    pub(super) fn push(&mut self, pack: &Pack, newest: PastSugar) {
        snug::push_back(&mut self.0, newest);
        let depth = pack.sugar_depth();
        let in_mean = |past: &PastSugar| newest.at.since(past.at) < pack.repeat.mean_window;
        while self.0.len() > depth
            && (self.0.len() > Self::MOST || self.0.front().is_some_and(|it| !in_mean(it)))
        {
            self.0.pop_front();
        }
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &PastSugar> + Clone {
        self.0.iter().rev()
    }
}

/// An accepted value and what it came with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub sugar: Sugar,
    pub meal: Meal,
    pub symptoms: Symptoms,
}

impl State {
    pub(super) fn judge_meter(&mut self, bench: &mut Bench<'_>, moment: Moment, meter: &Meter) {
        let sugar = match meter.value {
            GlucoseValue::High => Some(Sugar::High),
            GlucoseValue::Low => Some(Sugar::Low),
            GlucoseValue::Number(value) => accepted(bench, value, meter.unit),
        };
        self.danger_sign(bench, moment, sugar, meter.symptoms);
        let Some(sugar) = sugar else {
            if let GlucoseValue::Number(value) = meter.value {
                self.glucose_refused(bench, moment, value, meter.unit);
            }
            return;
        };
        self.value_of(Measure::Glucose);
        self.sign_of_life(bench, moment.at);
        let sample = Sample { sugar, meal: meter.meal, symptoms: meter.symptoms };
        self.red_sugar(bench, moment, sugar);
        let judged = self.pregnant_sugar(bench, moment, sample);
        self.recovered(bench, moment, sugar);
        self.low_again(bench, moment, sugar);
        if !judged {
            self.judge_sample(bench, moment, sample);
        }
        self.rising_fasting(bench, moment, sample);
    }

    /// GL-E1: at or over 16.7, or HI, which is severe (CN1). GL-E2: the low line of the person, or LO (CN1, G1, G2);
    /// under 3.0 it is severe (I8).
    pub(super) fn red_sugar(&mut self, bench: &mut Bench<'_>, moment: Moment, sugar: Sugar) {
        let lines = &bench.pack.lines;
        let high = lines.glu_high_emergency_ge;
        if sugar.reaches(high) {
            let severe = sugar == Sugar::High;
            let red = Red { concept: Concept::GluHighEmergency, moment, severe };
            self.raise_red(bench, red, || Words {
                zh: format!("血糖{sugar}，达到{high}"),
                en: format!("{sugar}, at or over {high}"),
            });
        } else if is_low(bench, moment, sugar) {
            let severe = sugar.number().is_none_or(|value| value < lines.glu_low_severe_lt);
            let red = Red { concept: Concept::GluLowEmergency, moment, severe };
            self.raise_red(bench, red, || Words {
                zh: format!("血糖{sugar}，低于急症线{}", if severe { "（严重）" } else { "" }),
                en: format!(
                    "{sugar}, beyond the low line{}",
                    if severe { " (severe)" } else { "" }
                ),
            });
        }
    }

    /// GL-E3: a listed danger sign of a known diabetic, even on a refused value; of anybody else
    /// with a value at or over 11.1 or at or under 3.9, HI and LO included (CN1).
    fn danger_sign(
        &mut self,
        bench: &mut Bench<'_>,
        moment: Moment,
        sugar: Option<Sugar>,
        symptoms: Symptoms,
    ) {
        if symptoms.diabetes == 0 {
            return;
        }
        let pack = bench.pack;
        let (ge, le) = (pack.lines.glu_symptom_ge, pack.lines.glu_symptom_le);
        let telling = sugar.is_some_and(|sugar| {
            sugar.reaches(ge) || sugar.number().map_or(sugar == Sugar::Low, |value| value <= le)
        });
        if !telling && !bench.patient.has(Condition::Diabetes, moment.at) {
            return;
        }
        let red = Red { concept: Concept::GluSymptom, moment, severe: false };
        self.raise_red(bench, red, || {
            let (zh, en) = names(&pack.symptoms.diabetes, symptoms.diabetes);
            let value = sugar.map_or_else(|| "—".to_owned(), |sugar| sugar.to_string());
            Words { zh: format!("{zh}，血糖{value}"), en: format!("{en}, with {value}") }
        });
    }

    /// GL-E4: pregnant and at or over 11.1 in any context, or fasting at or over 5.1 with a danger
    /// sign: red; fasting at or over 5.1: orange (CN1; 5.1 K). Says whether it is crossed: such a
    /// value is judged by no later rule.
    pub(super) fn pregnant_sugar(
        &mut self,
        bench: &mut Bench<'_>,
        moment: Moment,
        sample: Sample,
    ) -> bool {
        if !bench.patient.has(Condition::Pregnant, moment.at) {
            return false;
        }
        let sugar = sample.sugar;
        let lines = &bench.pack.lines;
        let (any, fasting) = (lines.glu_pregnancy_red_ge, lines.glu_pregnancy_fasting_ge);
        let fasting_over = sample.meal == Meal::Fasting && sugar.reaches(fasting);
        if sugar.reaches(any) || (fasting_over && sample.symptoms.diabetes != 0) {
            let red = Red { concept: Concept::GluPregnancy, moment, severe: false };
            self.raise_red(bench, red, || Words {
                zh: format!("孕期血糖{sugar}，达到{any}，或空腹达到{fasting}并有危险体征"),
                en: format!(
                    "pregnant, {sugar}: at or over {any}, or fasting {fasting} with a danger sign"
                ),
            });
            true
        } else if fasting_over {
            self.raise(bench, (Concept::GluPregnancy, Level::Orange), moment, || Words {
                zh: format!("孕期空腹血糖{sugar}，达到{fasting}"),
                en: format!("pregnant, fasting {sugar}, at or over {fasting}"),
            });
            true
        } else {
            false
        }
    }

    /// GL-E2d: a value over 3.9 within 10 to 60 min after the low makes it orange, while no
    /// `glu_symptom` is open (G1).
    fn recovered(&mut self, bench: &mut Bench<'_>, moment: Moment, sugar: Sugar) {
        let Some(low) = self.ledger.open(Concept::GluLowEmergency) else { return };
        let (timers, line) = (bench.pack.timers, bench.pack.lines.glu_low_recovered_gt);
        let since = moment.at.since(low.at);
        let in_time = since >= timers.sugar_recheck_after && since <= timers.sugar_recheck_until;
        let calm = sugar.number().is_some_and(|value| value > line)
            && !self.ledger.is_open(Concept::GluSymptom);
        if in_time && calm {
            self.ledger.downgrade(bench, Concept::GluLowEmergency, moment.at);
        }
    }
}

/// A value within the pack's validity.
pub(super) fn accepted(bench: &Bench<'_>, value: Decimal, unit: GlucoseUnit) -> Option<Sugar> {
    let number = bench.pack.convert.glycaemia(value, unit)?;
    bench.pack.accepts_glucose(value, unit).then_some(Sugar::Number(number))
}

/// Diabetic, or on drugs that lower glucose: the line of 3.9 holds.
pub(super) fn prone_to_lows(bench: &Bench<'_>, moment: Moment) -> bool {
    let holds = |condition| bench.patient.has(condition, moment.at);
    holds(Condition::Diabetes)
        || holds(Condition::InsulinOrSulphonylurea)
        || holds(Condition::GlucoseLowering)
}

/// Whether a value crosses the low line of the person (GL-E2).
pub(super) fn is_low(bench: &Bench<'_>, moment: Moment, sugar: Sugar) -> bool {
    let lines = &bench.pack.lines;
    match sugar {
        Sugar::High => false,
        Sugar::Low => true,
        Sugar::Number(value) if prone_to_lows(bench, moment) => {
            value <= lines.glu_low_emergency_le_dm
        }
        Sugar::Number(value) => value < lines.glu_low_emergency_lt_nodm,
    }
}
