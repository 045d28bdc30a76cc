//! Formal follow-ups: judged by the red rules like a reading, and by the control lines on their own
//! terms (LINES 6.1; CN1, CN11b).

use firmware_protocols::{Decimal, GlucoseUnit, Meal, PressureUnit};

use super::{
    concept::Measure,
    control::Written,
    facts::FollowUp,
    glucose::{Sample, Sugar, accepted, is_low},
    ledger::{Bench, Moment},
    pack::PressureWorth,
    patient::Condition,
    plan::control_line,
    quantity::Pressure,
    state::State,
    symptoms::Symptoms,
    words::Words,
};
use crate::domain::Setting;

impl State {
    pub(super) fn judge_followup(
        &mut self,
        bench: &mut Bench<'_>,
        moment: Moment,
        followup: &FollowUp,
    ) {
        let pressure = followup.pressure.and_then(|pair| written_pressure(bench, pair));
        let sugar =
            followup.fasting.and_then(|value| accepted(bench, value, GlucoseUnit::MmolPerL));
        self.sign_of_life(bench, moment.at);
        self.danger_symptom(bench, moment, pressure, followup.symptoms);
        if let Some(pressure) = pressure {
            self.value_of(Measure::BloodPressure);
            let place = || ("随访".to_owned(), "follow-up ".to_owned());
            self.red_pressure(bench, moment, pressure, &place);
            self.formal_pressure(bench, moment, pressure);
        }
        if let Some(sugar) = sugar {
            self.value_of(Measure::Glucose);
            self.red_sugar(bench, moment, sugar);
            let symptoms = Symptoms::default();
            self.pregnant_sugar(bench, moment, Sample { sugar, meal: Meal::Fasting, symptoms });
            self.formal_sugar(bench, moment, sugar);
        }
    }

    /// A follow-up of a known hypertensive is unsatisfactory at or over the office control line.
    fn formal_pressure(&mut self, bench: &mut Bench<'_>, moment: Moment, pressure: Pressure) {
        if !bench.patient.has(Condition::Hypertension, moment.at) {
            return;
        }
        let line = control_line(bench, Setting::Clinic, true, moment.at);
        let over = pressure.reaches(line.line);
        let own = !pressure.reaches(line.pack);
        let written = Written { measure: Measure::BloodPressure, over, own };
        self.judge_formal(bench, written, moment, &|| {
            let (zh, en) = line.words();
            Words {
                zh: format!("随访血压{pressure} mmHg，控制线{zh}"),
                en: format!("follow-up {pressure} mmHg, control line {en}"),
            }
        });
    }

    /// A follow-up of a known diabetic is unsatisfactory from fasting 7.0. An emergency low is
    /// neither satisfactory nor over the line.
    fn formal_sugar(&mut self, bench: &mut Bench<'_>, moment: Moment, sugar: Sugar) {
        if !bench.patient.has(Condition::Diabetes, moment.at) || is_low(bench, moment, sugar) {
            return;
        }
        let line = bench.pack.lines.glu_control_fasting_ge;
        let line = bench.patient.tighten_fasting(line, moment.at);
        let over = sugar.reaches(line.line);
        let written = Written { measure: Measure::Glucose, over, own: !sugar.reaches(line.pack) };
        self.judge_formal(bench, written, moment, &|| {
            let (zh, en) = line.words();
            Words {
                zh: format!("随访空腹血糖{sugar}，控制线{zh}"),
                en: format!("follow-up fasting {sugar}, control line {en}"),
            }
        });
    }
}

fn written_pressure(
    bench: &Bench<'_>,
    (systolic, diastolic): (Decimal, Decimal),
) -> Option<Pressure> {
    let mmhg = |value| bench.pack.convert.mmhg(value, PressureUnit::MmHg);
    match bench.pack.pressure_worth(mmhg(systolic).zip(mmhg(diastolic))) {
        PressureWorth::Accepted(pressure) => Some(pressure),
        PressureWorth::Extreme { .. } | PressureWorth::Illegible => None,
    }
}
