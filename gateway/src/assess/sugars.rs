//! Glucose, value by value, below the red lines: very high, the control line, first found, early and
//! low values.

use std::collections::VecDeque;

use firmware_protocols::Meal;
use serde::{Deserialize, Serialize};

use super::{
    concept::{Concept, Measure},
    control::{Judged, persists},
    glucose::{PastSugar, Sample, Sugar, is_low, prone_to_lows},
    ledger::{Bench, Moment},
    pack::Pack,
    patient::{Cohort, Condition},
    plan::Tightened,
    quantity::{Glycaemia, mean},
    relapse::Component,
    snug,
    state::State,
    words::{Words, in_days},
};
use crate::domain::{Level, Timestamp};

/// What is remembered of single findings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Findings {
    /// The day of the first value over the screening line, ever (GL-S1).
    first_over_day: Option<i64>,
    /// When the last low episodes began (GL-H3).
    low_starts: VecDeque<Timestamp>,
}

/// A value with what the lines ask of the person at its time.
#[derive(Clone, Copy)]
struct Value {
    moment: Moment,
    sample: Sample,
    number: Option<Glycaemia>,
    cohort: Cohort,
    known: bool,
    /// It crossed GL-E1 or GL-E2.
    emergency: bool,
}

impl Value {
    fn sugar(&self) -> Sugar {
        self.sample.sugar
    }

    fn fasting(&self) -> bool {
        self.sample.meal == Meal::Fasting
    }

    fn words(&self, zh: &str, en: &str) -> Words {
        let (meal_zh, meal_en) = match self.sample.meal {
            Meal::Fasting => ("空腹", "fasting"),
            Meal::BeforeMeal => ("餐前", "before a meal"),
            Meal::AfterMeal => ("餐后", "after a meal"),
            Meal::Random => ("随机", "random"),
            Meal::Bedtime => ("睡前", "at bedtime"),
            Meal::Unknown => ("餐次不明", "unknown meal"),
        };
        let sugar = self.sugar();
        Words { zh: format!("{meal_zh}血糖{sugar},{zh}"), en: format!("{sugar} {meal_en}, {en}") }
    }

    fn reached(&self, line: Glycaemia) -> Words {
        self.words(&format!("达到{line}"), &format!("at or over {line}"))
    }
}

impl State {
    /// The lines below red. An emergency value counts for first found and suspected only.
    pub(super) fn judge_sample(&mut self, bench: &mut Bench<'_>, moment: Moment, sample: Sample) {
        let sugar = sample.sugar;
        let high = sugar.reaches(bench.pack.lines.glu_high_emergency_ge);
        let value = Value {
            moment,
            sample,
            number: sugar.number(),
            cohort: bench.patient.cohort(bench.pack, moment.at),
            known: bench.patient.has(Condition::Diabetes, moment.at),
            emergency: high || is_low(bench, moment, sugar),
        };
        if high {
            self.control_broken(Measure::Glucose);
        }
        self.urgent(bench, &value);
        if value.known {
            self.sugar_control(bench, &value);
        } else {
            self.found(bench, &value);
            self.early_sugar(bench, &value);
        }
        self.near_low(bench, &value);
        self.meal_unknown(bench, &value);
    }

    /// GL-G2: 13.9 to 16.6 (CN9).
    fn urgent(&mut self, bench: &mut Bench<'_>, value: &Value) {
        let line = bench.pack.lines.glu_high_urgent_ge;
        if !value.emergency && value.sugar().reaches(line) {
            let urgent = (Concept::GluHighUrgent, Level::Orange);
            self.raise(bench, urgent, value.moment, || value.reached(line));
        }
    }

    /// GL-C1 and GL-C2 from values, of known diabetics: fasting from 7.0, other from the cohort's
    /// line (CN1, G3). A value of unknown meal is over only from the line for other.
    fn sugar_control(&mut self, bench: &mut Bench<'_>, value: &Value) {
        let Some(number) = value.number.filter(|_| !value.emergency) else { return };
        let pack = bench.pack;
        let at = value.moment.at;
        let line = control_line(pack, value.fasting(), value.cohort);
        let line = if value.fasting() {
            bench.patient.tighten_fasting(line, at)
        } else {
            Tightened::untouched(line)
        };
        let (over, over_pack) = (number >= line.line, number >= line.pack);
        let past = PastSugar { at, fasting: value.fasting(), value: number, over, over_pack };
        self.sugars.push(pack, past);
        let week = self.sugar_week(pack, past);
        let persistence = pack.persistence.of(value.cohort);
        let persists = |over: fn(&PastSugar) -> bool| {
            let values = self.sugars.newest_first().map(|past| (past.at, over(past)));
            persists(persistence.glucose, persistence.window, values)
        };
        let repeated = persists(|past| past.over);
        let by_pack = over_pack && persists(|past| past.over_pack);
        let judged = Judged {
            measure: Measure::Glucose,
            begun: at,
            moment: value.moment,
            over,
            persistent: over && repeated,
            persistent_own: !by_pack,
            decides_second: week.map_or(over, |mean| mean >= line.line),
            decides_second_own: !week.map_or(over_pack, |mean| mean >= line.pack),
        };
        self.judge_control(bench, judged, &|| {
            let (zh, en) = line.words();
            match week {
                Some(mean) => value.words(
                    &format!("控制线{zh}，七日均值{mean}"),
                    &format!("control line {en}, {mean} over seven days"),
                ),
                None => value.words(&format!("控制线{zh}"), &format!("control line {en}")),
            }
        });
    }

    /// The mean of the values of the same kind less than 7 days before, this one included, where
    /// there are at least 3.
    fn sugar_week(&self, pack: &Pack, newest: PastSugar) -> Option<Glycaemia> {
        let numbers = pack.repeat;
        let same = self.sugars.newest_first().filter(|past| {
            past.fasting == newest.fasting && newest.at.since(past.at) < numbers.mean_window
        });
        let (sum, count) = same.fold((0_u32, 0_u32), |(sum, count), past| {
            (sum.saturating_add(u32::from(past.value.0)), count.saturating_add(1))
        });
        let enough = usize::try_from(count).is_ok_and(|count| count >= numbers.mean_min);
        enough.then(|| Glycaemia(mean(sum, count)))
    }

    /// GL-S1: the first value over the screening line ever; GL-S2: one on a later day, or random
    /// with typical symptoms (CN5). Without a diagnosis; emergency values count.
    fn found(&mut self, bench: &mut Bench<'_>, value: &Value) {
        let line = screening_line(bench.pack, value.fasting());
        if !value.sugar().reaches(line) {
            return;
        }
        let day = value.moment.at.shanghai_day();
        let first =
            self.findings.first_over_day.replace(self.findings.first_over_day.unwrap_or(day));
        let typical = !value.fasting() && value.sample.symptoms.typical != 0;
        if typical || first.is_some_and(|first| first != day) {
            let line_of = (Concept::GluSuspectedDm, Level::Orange);
            self.raise(bench, line_of, value.moment, || value.reached(line));
        } else {
            let again = first.is_some();
            if !again || self.ledger.is_open(Concept::GluFirstFound) {
                let line_of = (Concept::GluFirstFound, Level::Yellow);
                self.raise(bench, line_of, value.moment, || value.reached(line));
            }
        }
    }

    /// GL-B1: without a diagnosis in C1 to C3, fasting 6.1 to 6.9 or after a meal 7.8 to 11.0 (CN5).
    fn early_sugar(&mut self, bench: &mut Bench<'_>, value: &Value) {
        let lines = &bench.pack.lines;
        let line = match value.sample.meal {
            Meal::Fasting => lines.glu_nodx_early_fasting_ge,
            Meal::AfterMeal => lines.glu_nodx_early_post_ge,
            Meal::BeforeMeal | Meal::Random | Meal::Bedtime | Meal::Unknown => return,
        };
        let over = screening_line(bench.pack, value.fasting());
        let band = value.sugar().reaches(line) && !value.sugar().reaches(over);
        if band && lines.glu_nodx_early_cohorts.contains(&value.cohort) {
            let early = (Concept::GluEarlyLine, Level::Blue);
            self.raise(bench, early, value.moment, || value.reached(line));
        }
    }

    /// GL-B2: over 3.9 and under 4.4 on insulin or sulphonylurea in C1 and C2 (CN9, G3). GL-R: 2.8
    /// to 3.9 without diabetes asks for a repeat (G2).
    fn near_low(&mut self, bench: &mut Bench<'_>, value: &Value) {
        let Some(number) = value.number.filter(|_| !value.emergency) else { return };
        let lines = &bench.pack.lines;
        let low = lines.glu_low_emergency_le_dm;
        let treated = bench.patient.has(Condition::InsulinOrSulphonylurea, value.moment.at);
        let near = number > low && number < lines.glu_early_low_lt;
        if near && treated && lines.glu_early_low_cohorts.contains(&value.cohort) {
            let line = lines.glu_early_low_lt;
            let early = (Concept::GluLowEarly, Level::Blue);
            self.raise(bench, early, value.moment, || {
                value.words(&format!("低于{line}"), &format!("under {line}"))
            });
        }
        if number <= low && !prone_to_lows(bench, value.moment) {
            let again = (Concept::GluLowRemeasure, Level::Blue);
            self.raise(bench, again, value.moment, || {
                value.words(&format!("不高于{low}"), &format!("at or under {low}"))
            });
        }
    }

    /// GL-H3: a low more than 2 hours after the start of the episode before begins a new one; two
    /// episodes in 14 days are a reason to refer (CN8, CN10).
    pub(super) fn low_again(&mut self, bench: &mut Bench<'_>, moment: Moment, sugar: Sugar) {
        if !is_low(bench, moment, sugar) {
            return;
        }
        let numbers = bench.pack.lines.low_recurrent;
        let starts = &mut self.findings.low_starts;
        if starts.back().is_some_and(|last| moment.at.since(*last) <= numbers.apart_gt) {
            return;
        }
        snug::push_back(starts, moment.at);
        while starts.len() > numbers.episodes {
            starts.pop_front();
        }
        let near = starts.iter().filter(|start| moment.at.since(**start) <= numbers.window).count();
        if near >= numbers.episodes {
            let days = in_days(numbers.window);
            let line = (Concept::GluLowRecurrent, Level::Orange);
            self.raise(bench, line, moment, || Words {
                zh: format!("{days}天内{near}次低血糖，本次{sugar}"),
                en: format!("{near} low episodes in {days} days, now {sugar}"),
            });
        }
    }

    /// DQ-4: a value of unknown meal from 7.0 up to the line for other meals (P).
    fn meal_unknown(&mut self, bench: &mut Bench<'_>, value: &Value) {
        let lines = &bench.pack.lines;
        let (from, to) = if value.known {
            (lines.glu_control_fasting_ge, control_line(bench.pack, false, value.cohort))
        } else {
            (lines.glu_nodx_fasting_ge, screening_line(bench.pack, false))
        };
        let between = value.sugar().reaches(from) && !value.sugar().reaches(to);
        if value.sample.meal == Meal::Unknown && between {
            self.raise(bench, (Concept::DqContext, Level::Blue), value.moment, || {
                value.words(
                    &format!("若为空腹则达到{from}，请补充餐次"),
                    &format!("over {from} if it was fasting: ask for the meal"),
                )
            });
        }
    }

    /// A trend component of the poverty-relapse line: fasting values that rise.
    pub(super) fn rising_fasting(&mut self, bench: &mut Bench<'_>, moment: Moment, sample: Sample) {
        let Some(number) = sample.sugar.number().filter(|_| sample.meal == Meal::Fasting) else {
            return;
        };
        let step = bench.pack.relapse.trend.fasting_step;
        if self.rising_fasting.push(bench.pack, step, (moment.at, number.0)) {
            self.component(bench, Component::RisingTrend, moment);
        }
    }
}

/// The control line of a diabetic (6.2).
fn control_line(pack: &Pack, fasting: bool, cohort: Cohort) -> Glycaemia {
    if fasting {
        pack.lines.glu_control_fasting_ge
    } else {
        *pack.lines.glu_control_other_ge.of(cohort)
    }
}

/// The line of the undiagnosed (CN5).
const fn screening_line(pack: &Pack, fasting: bool) -> Glycaemia {
    if fasting { pack.lines.glu_nodx_fasting_ge } else { pack.lines.glu_nodx_random_ge }
}
