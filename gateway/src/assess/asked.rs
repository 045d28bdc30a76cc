//! What is asked and done at the bench when a value is an emergency.

use firmware_protocols::{GlucoseValue, Measurement};
use smol_str::SmolStr;

use super::pack::{Pack, PressureWorth};
use crate::domain::Millis;

/// Danger symptoms that are asked for at an emergency pressure: those of the pack's list (CN1) which
/// the transfer list of the counties names too (CN6: severe headache, vomiting, sudden speech or
/// limb deficit, chest pain, dyspnoea). Five, so that they fit a bench; which five is proposed (P).
const OF_PRESSURE: [&str; 5] =
    ["severe_headache", "precordial_pain", "consciousness_change", "nausea_vomiting", "orthopnea"];

/// The same at an emergency glucose, from the pack's list for diabetes (CN1); which five is proposed
/// (P).
const OF_GLUCOSE: [&str; 5] =
    ["consciousness_change", "behaviour_change", "vomiting", "deep_breathing", "acetone_breath"];

/// A danger symptom by its code and its Chinese name.
pub type NamedSymptom = (SmolStr, SmolStr);

impl Pack {
    /// Whether a value alone is an emergency, of whomever it is: 180/110 and over, also where the
    /// cuff doubts it or it is refused and still legible; 16.7 and over, the diabetic's low line and
    /// under, HI and LO. Control solution is nobody's blood.
    #[must_use]
    pub fn is_emergency(&self, measurement: &Measurement) -> bool {
        match measurement {
            Measurement::BloodPressure(pressure) => {
                let mmhg = |native| self.convert.mmhg(native, pressure.unit);
                let pair = mmhg(pressure.systolic).zip(mmhg(pressure.diastolic));
                match self.pressure_worth(pair) {
                    PressureWorth::Accepted(pressure) => pressure.reaches(self.lines.bp_emergency),
                    PressureWorth::Extreme { .. } => true,
                    PressureWorth::Illegible => false,
                }
            }
            Measurement::Glucose(glucose) if glucose.control => false,
            Measurement::Glucose(glucose) => match glucose.value {
                GlucoseValue::High | GlucoseValue::Low => true,
                GlucoseValue::Number(value) => {
                    let lines = &self.lines;
                    let over = self.convert.glycaemia(value, glucose.unit).is_some_and(|value| {
                        value >= lines.glu_high_emergency_ge
                            || value <= lines.glu_low_emergency_le_dm
                    });
                    over && self.accepts_glucose(value, glucose.unit)
                }
            },
        }
    }

    /// The danger symptoms to ask for at a value, as far as the pack has them; none where the value is
    /// no emergency.
    #[must_use]
    pub fn symptoms_asked(&self, measurement: &Measurement) -> Vec<NamedSymptom> {
        if !self.is_emergency(measurement) {
            return Vec::new();
        }
        let (asked, list) = match measurement {
            Measurement::BloodPressure(_) => (OF_PRESSURE, &self.symptoms.hypertension),
            Measurement::Glucose(_) => (OF_GLUCOSE, &self.symptoms.diabetes),
        };
        let named = |code: &&str| list.iter().find(|(known, _)| known == *code).cloned();
        asked.iter().filter_map(named).collect()
    }

    /// The Chinese name of a symptom, where some list has it.
    #[must_use]
    pub fn symptom_zh(&self, code: &str) -> Option<&SmolStr> {
        let lists = &self.symptoms;
        let all = lists.hypertension.iter().chain(&lists.diabetes).chain(&lists.typical);
        all.clone().find(|(known, _)| known == code).map(|(_, zh)| zh)
    }

    /// After how long, and until when, an emergency value is taken again at the bench
    /// (`timers_minutes`).
    #[must_use]
    pub const fn taken_again(&self, measurement: &Measurement) -> (Millis, Millis) {
        let timers = &self.timers;
        match measurement {
            Measurement::BloodPressure(_) => (timers.recheck_after, timers.recheck_until),
            Measurement::Glucose(_) => (timers.sugar_recheck_after, timers.sugar_recheck_until),
        }
    }
}

#[cfg(test)]
mod tests {
    use firmware_protocols::{BloodPressure, Glucose, GlucoseUnit, PressureUnit};

    use super::*;

    fn pressure(systolic: u16, diastolic: u16) -> Measurement {
        Measurement::BloodPressure(BloodPressure::new(
            systolic.into(),
            diastolic.into(),
            PressureUnit::MmHg,
        ))
    }

    fn glucose(value: GlucoseValue) -> Measurement {
        Measurement::Glucose(Glucose::new(value, GlucoseUnit::MmolPerL))
    }

    /// How many symptoms are asked for.
    #[track_caller]
    fn check(measurement: &Measurement, expected: usize) {
        let pack = Pack::built_in().unwrap();
        assert_eq!(pack.symptoms_asked(measurement).len(), expected, "{measurement:?}");
    }

    #[test]
    fn five_symptoms_are_asked_for_at_an_emergency_value_and_none_below_it() {
        check(&pressure(180, 90), 5);
        check(&pressure(150, 110), 5);
        check(&pressure(179, 109), 0);
        check(&pressure(310, 160), 5);
        check(&pressure(45, 28), 5);
        check(&pressure(90, 120), 0);
        let number = |text: &str| glucose(GlucoseValue::Number(text.parse().unwrap()));
        check(&number("16.7"), 5);
        check(&number("16.6"), 0);
        check(&number("3.9"), 5);
        check(&number("4.0"), 0);
        check(&number("0.1"), 0);
        check(&glucose(GlucoseValue::High), 5);
        check(&glucose(GlucoseValue::Low), 5);
    }
}
