//! Blood pressure, reading by reading: the red lines, the doubtful extreme, the re-measure.
//!
//! "Red rules look at each reading at once; all other BP rules at the closed session" (LINES 6.1).

use super::{
    concept::{Concept, Measure},
    facts::Cuff,
    ledger::{Bench, Moment},
    pack::PressureWorth,
    patient::Condition,
    quantity::Pressure,
    session::Session,
    state::{Red, State},
    symptoms::{Symptoms, names},
    words::{Words, setting_en, setting_zh},
};
use crate::{domain::Level, store::Disposition};

impl State {
    pub(super) fn judge_cuff(&mut self, bench: &mut Bench<'_>, moment: Moment, cuff: &Cuff) {
        let convert = bench.pack.convert;
        let systolic = convert.mmhg(cuff.systolic, cuff.unit);
        let diastolic = convert.mmhg(cuff.diastolic, cuff.unit);
        let worth = bench.pack.pressure_worth(systolic.zip(diastolic));
        let doubtful = bench.pack.doubts(cuff.flags);
        let reliable = match worth {
            PressureWorth::Accepted(pressure) if !doubtful => Some(pressure),
            PressureWorth::Accepted(_)
            | PressureWorth::Extreme { .. }
            | PressureWorth::Illegible => None,
        };
        if matches!(worth, PressureWorth::Accepted(_)) {
            self.value_of(Measure::BloodPressure);
            self.sign_of_life(bench, moment.at);
        }
        self.danger_symptom(bench, moment, reliable, cuff.symptoms);
        match worth {
            PressureWorth::Illegible => self.pressure_refused(bench, moment, cuff),
            PressureWorth::Extreme { pressure, high } => {
                self.extreme(bench, moment, pressure, high);
            }
            PressureWorth::Accepted(pressure) if doubtful => {
                if pressure.reaches(bench.pack.lines.bp_emergency) {
                    self.extreme(bench, moment, pressure, true);
                }
            }
            PressureWorth::Accepted(pressure) => {
                self.red_pressure(bench, moment, pressure, &|| place_words(cuff));
                self.settle_extreme(bench, moment, pressure);
                self.remeasured(bench, moment, pressure, cuff.symptoms);
                self.fast_pulse(bench, moment, cuff.pulse);
                let open = self.session.take().map(|open| *open);
                let session = Session::with(open, bench.pack, moment, (cuff, pressure));
                self.session = Some(Box::new(session));
            }
        }
    }

    /// BP-E1: at or over 180/110, either (CN1). BP-E3: pregnant or lactating and at or over 140/90
    /// (CN1).
    pub(super) fn red_pressure(
        &mut self,
        bench: &mut Bench<'_>,
        moment: Moment,
        pressure: Pressure,
        place: &dyn Fn() -> (String, String),
    ) {
        let lines = &bench.pack.lines;
        let (emergency, pregnancy) = (lines.bp_emergency, lines.bp_pregnancy);
        let holds = |condition| bench.patient.has(condition, moment.at);
        let expecting = holds(Condition::Pregnant) || holds(Condition::Lactating);
        let over = |line: Pressure, whom: (&str, &str)| {
            let (zh, en) = place();
            Words {
                zh: format!("{}{zh}血压{pressure} mmHg，达到{line}（任一项）", whom.0),
                en: format!("{}{en} {pressure} mmHg, at or over {line} (either)", whom.1),
            }
        };
        if pressure.reaches(emergency) {
            let red = Red { concept: Concept::BpEmergency, moment, severe: false };
            self.raise_red(bench, red, || over(emergency, ("", "")));
        }
        if expecting && pressure.reaches(pregnancy) {
            let red = Red { concept: Concept::BpPregnancy, moment, severe: false };
            let whom = ("孕期或哺乳期，", "pregnant or lactating, ");
            self.raise_red(bench, red, || over(pregnancy, whom));
        }
    }

    /// BP-E2: a listed danger symptom of a known hypertensive, whatever the value and even if it is
    /// flagged or refused; of anybody else with a reliable value at or over 140/90 (CN1, CN6).
    pub(super) fn danger_symptom(
        &mut self,
        bench: &mut Bench<'_>,
        moment: Moment,
        reliable: Option<Pressure>,
        symptoms: Symptoms,
    ) {
        if symptoms.hypertension == 0 {
            return;
        }
        let known = bench.patient.has(Condition::Hypertension, moment.at);
        let line = bench.pack.lines.bp_symptom_nodx;
        if !known && !reliable.is_some_and(|pressure| pressure.reaches(line)) {
            return;
        }
        let pack = bench.pack;
        let red = Red { concept: Concept::BpSymptom, moment, severe: false };
        self.raise_red(bench, red, || {
            let (zh, en) = names(&pack.symptoms.hypertension, symptoms.hypertension);
            let value = reliable.map(|pressure| pressure.to_string());
            let value = value.as_deref().unwrap_or("—");
            Words {
                zh: format!("{zh}，血压{value} mmHg"), en: format!("{en}, with {value} mmHg")
            }
        });
    }

    /// BP-E0: a flagged reading at or over 180/110, or a refused one that is still legible. The
    /// high side runs to red unless it came late (P).
    fn extreme(&mut self, bench: &mut Bench<'_>, moment: Moment, pressure: Pressure, high: bool) {
        let line = (Concept::BpExtremeUnreliable, Level::Orange);
        let raised = self.raise(bench, line, moment, || Words {
            zh: format!("血压{pressure} mmHg，测量不可靠，请立即复测"),
            en: format!("{pressure} mmHg from a doubtful measurement, measure again now"),
        });
        let Some(raised) = raised else { return };
        let due = moment.clock.plus(bench.pack.timers.extreme_to_red);
        let runs = high && !moment.late;
        let earlier = match raised.disposition {
            Disposition::Held => return,
            Disposition::Opened => None,
            Disposition::Joined => self.extreme_due,
        };
        let due = runs.then_some(due);
        self.extreme_due = earlier.into_iter().chain(due).min();
    }

    /// A reliable reading stops the run to red; one under 180/110 ends the alert (LINES 6.1).
    fn settle_extreme(&mut self, bench: &mut Bench<'_>, moment: Moment, pressure: Pressure) {
        self.extreme_due = None;
        if !pressure.reaches(bench.pack.lines.bp_emergency) {
            self.ledger.resolve(bench, Concept::BpExtremeUnreliable, moment.at);
        }
    }

    /// BP-E1d: a reliable reading under both lines 5 to 30 min after the red, without a symptom and
    /// while no `bp_symptom` is open, makes it orange (I2, I3).
    fn remeasured(
        &mut self,
        bench: &mut Bench<'_>,
        moment: Moment,
        pressure: Pressure,
        symptoms: Symptoms,
    ) {
        let timers = bench.pack.timers;
        let Some(red) = self.ledger.open(Concept::BpEmergency) else { return };
        let since = moment.at.since(red.at);
        let in_time = since >= timers.recheck_after && since <= timers.recheck_until;
        let calm = !pressure.reaches(bench.pack.lines.bp_emergency)
            && symptoms.hypertension == 0
            && !self.ledger.is_open(Concept::BpSymptom);
        if in_time && calm {
            self.ledger.downgrade(bench, Concept::BpEmergency, moment.at);
        }
    }
}

/// Where a reading was taken, as its explanation says it.
fn place_words(cuff: &Cuff) -> (String, String) {
    (setting_zh(cuff.setting).to_owned(), setting_en(cuff.setting).to_owned())
}
