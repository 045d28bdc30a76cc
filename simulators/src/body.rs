//! Bodies of people who do not exist: believable values, and no more than that.
//!
//! The numbers serve a demonstration and tests. Where they have a source it is named; the others
//! are assumed.

use fastrand::Rng;

use crate::chance::around;

/// Systolic pressure of a treated hypertensive cohort in mmHg: the mean that the alert budget of
/// LINES is stated for.
pub const SYSTOLIC_TREATED_MEAN: i32 = 146;
/// Spread of systolic pressure between people, between visits and within a visit, in mmHg (the
/// simulation in LINES, there assumed too).
pub const SYSTOLIC_BETWEEN_PEOPLE: i32 = 14;
/// See [`SYSTOLIC_BETWEEN_PEOPLE`].
pub const SYSTOLIC_BETWEEN_VISITS: i32 = 10;
/// See [`SYSTOLIC_BETWEEN_PEOPLE`].
pub const SYSTOLIC_WITHIN_VISIT: i32 = 6;
/// The first reading of a visit lies higher by so much, in mmHg (the simulation in LINES).
pub const SYSTOLIC_FIRST_READING: i32 = 3;
/// Systolic pressure of people without hypertension, in mmHg; assumed.
pub const SYSTOLIC_OTHERS_MEAN: i32 = 124;
/// Diastolic pressure that goes with [`SYSTOLIC_TREATED_MEAN`], and its own spread, in mmHg;
/// assumed. It follows the systolic pressure by half.
pub const DIASTOLIC_MEAN: i32 = 86;
/// See [`DIASTOLIC_MEAN`].
pub const DIASTOLIC_SPREAD: i32 = 5;
/// Pulse and its spread, in beats per minute; assumed.
pub const PULSE_MEAN: i32 = 74;
/// See [`PULSE_MEAN`].
pub const PULSE_SPREAD: i32 = 9;
/// Glucose of treated diabetics and of others, with its spread, in tenths of mmol/L; assumed.
pub const GLUCOSE_DIABETIC_TENTHS: (i32, i32) = (84, 18);
/// See [`GLUCOSE_DIABETIC_TENTHS`].
pub const GLUCOSE_OTHERS_TENTHS: (i32, i32) = (54, 5);

/// The emergency that every world holds, in mmHg: over the line of 180/110 (LINES BP-E1).
pub const EMERGENCY: Pressure = Pressure { systolic: 186, diastolic: 112, pulse: 88 };

const _OVER_THE_LINE: () = assert!(EMERGENCY.systolic >= 180 && EMERGENCY.diastolic >= 110);

/// What a cuff may find. Chance stays within it: emergencies are set, not drawn, so that a short
/// demonstration shows the one it promises and few others.
const SYSTOLIC_RANGE: (i32, i32) = (88, 178);
const DIASTOLIC_RANGE: (i32, i32) = (48, 108);
const PULSE_RANGE: (i32, i32) = (46, 118);
const GLUCOSE_RANGE_TENTHS: (i32, i32) = (42, 160);

/// A blood pressure in mmHg, a pulse in beats per minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pressure {
    /// Systolic pressure.
    pub systolic: u8,
    /// Diastolic pressure.
    pub diastolic: u8,
    /// Pulse.
    pub pulse: u8,
}

/// One body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    systolic_own_mean: i32,
    glucose_tenths: (i32, i32),
}

impl Body {
    /// A body with or without hypertension and diabetes.
    pub fn born(rng: &mut Rng, hypertensive: bool, diabetic: bool) -> Self {
        let mean = if hypertensive { SYSTOLIC_TREATED_MEAN } else { SYSTOLIC_OTHERS_MEAN };
        Self {
            systolic_own_mean: around(rng, mean, SYSTOLIC_BETWEEN_PEOPLE),
            glucose_tenths: if diabetic { GLUCOSE_DIABETIC_TENTHS } else { GLUCOSE_OTHERS_TENTHS },
        }
    }

    /// The pressures of one visit, first to last.
    pub fn pressures(&self, rng: &mut Rng, count: usize) -> Vec<Pressure> {
        let visit = around(rng, self.systolic_own_mean, SYSTOLIC_BETWEEN_VISITS);
        (0..count)
            .map(|number| {
                let first = if number == 0 { SYSTOLIC_FIRST_READING } else { 0 };
                let mean = visit.saturating_add(first);
                let systolic = around(rng, mean, SYSTOLIC_WITHIN_VISIT);
                pressure(rng, systolic)
            })
            .collect()
    }

    /// One glucose value in tenths of mmol/L.
    pub fn glucose_tenths(&self, rng: &mut Rng) -> u16 {
        let (mean, spread) = self.glucose_tenths;
        let (low, high) = GLUCOSE_RANGE_TENTHS;
        u16::try_from(around(rng, mean, spread).clamp(low, high)).unwrap_or(u16::MAX)
    }
}

fn pressure(rng: &mut Rng, systolic: i32) -> Pressure {
    let within = |value: i32, (low, high): (i32, i32)| {
        u8::try_from(value.clamp(low, high)).unwrap_or(u8::MAX)
    };
    let systolic = within(systolic, SYSTOLIC_RANGE);
    let follows = i32::from(systolic).saturating_sub(SYSTOLIC_TREATED_MEAN).saturating_div(2);
    let diastolic = around(rng, DIASTOLIC_MEAN.saturating_add(follows), DIASTOLIC_SPREAD);
    let diastolic = within(diastolic, DIASTOLIC_RANGE).min(systolic.saturating_sub(15));
    Pressure {
        systolic,
        diastolic,
        pulse: within(around(rng, PULSE_MEAN, PULSE_SPREAD), PULSE_RANGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_makes_no_emergency_and_no_absurdity() {
        for seed in 0..200 {
            let mut rng = Rng::with_seed(seed);
            let body = Body::born(&mut rng, seed % 2 == 0, seed % 3 == 0);
            for Pressure { systolic, diastolic, .. } in body.pressures(&mut rng, 3) {
                assert!(systolic < 180 && diastolic < 110 && diastolic < systolic, "seed {seed}");
            }
            assert!((39..167).contains(&body.glucose_tenths(&mut rng)), "seed {seed}");
        }
    }
}
