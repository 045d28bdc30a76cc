//! What a cuff and a meter find while somebody sits there: the truth of the day, the day's own
//! difference from it, and the noise of each reading.

use fastrand::Rng;

use super::{Emergency, Villager, follow, mix, spread};
use crate::chance::around;

/// What a cuff can show, in mmHg; nothing is made to fit a line.
const SYSTOLIC_RANGE: (i32, i32) = (70, 260);
const DIASTOLIC_RANGE: (i32, i32) = (40, 150);
/// Between them at least, in mmHg.
const PULSE_PRESSURE_LEAST: i32 = 15;
/// What a meter can show, in tenths of mmol/L.
const METER_RANGE: (i32, i32) = (11, 333);
/// True pressures of an emergency, in tenths of mmHg; assumed.
const EMERGENCY_SYSTOLIC: std::ops::RangeInclusive<i32> = 1950..=2250;
const EMERGENCY_DIASTOLIC: std::ops::RangeInclusive<i32> = 1050..=1250;
/// Low glucose, and after sugar, in tenths of mmol/L; assumed.
const LOW: std::ops::RangeInclusive<i32> = 22..=38;
const AFTER_SUGAR: std::ops::RangeInclusive<i32> = 48..=65;

/// A blood pressure as a cuff shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// In mmHg.
    pub systolic: u16,
    /// In mmHg.
    pub diastolic: u16,
}

/// One occasion on which somebody is measured. The same occasion always finds the same values.
#[derive(Debug, Clone)]
pub struct Sitting {
    rng: Rng,
    systolic: i32,
    diastolic: i32,
    readings: u32,
    glucose: i32,
    low: bool,
}

impl Villager {
    /// A visit: the so-manieth of this person, on a day.
    #[must_use]
    pub fn visit(&self, number: u32, day: i32) -> Sitting {
        let mut rng = Rng::with_seed(mix(self.seed, 4, u64::from(number)));
        let (systolic, diastolic) = self.true_pressure(day);
        let off = around(&mut rng, 0, spread::SYSTOLIC_BETWEEN_VISITS);
        let diastolic = diastolic.saturating_add(follow(off));
        let logarithm = around(&mut rng, self.fasting_on(day), spread::FASTING_BETWEEN_DAYS);
        Sitting {
            systolic: systolic.saturating_add(off),
            diastolic: around(&mut rng, diastolic, spread::DIASTOLIC_BETWEEN_VISITS),
            readings: 0,
            glucose: self.fasting_at(logarithm).saturating_add(50) / 100,
            low: false,
            rng,
        }
    }

    /// What is found at an emergency.
    #[must_use]
    pub fn emergency(&self, emergency: &Emergency) -> Sitting {
        let minute = u64::try_from(emergency.minute).unwrap_or(0);
        let mut rng = Rng::with_seed(mix(self.seed, 5, minute));
        Sitting {
            systolic: rng.i32(EMERGENCY_SYSTOLIC),
            diastolic: rng.i32(EMERGENCY_DIASTOLIC),
            // The cuff at home has been used before; no first reading lies higher.
            readings: 1,
            glucose: rng.i32(LOW),
            low: emergency.low_glucose,
            rng,
        }
    }
}

impl Sitting {
    /// One more reading of the cuff.
    pub fn pressure(&mut self) -> Found {
        let first = if self.readings == 0 { spread::SYSTOLIC_FIRST_READING } else { 0 };
        self.readings = self.readings.saturating_add(1);
        let mean = self.systolic.saturating_add(first);
        let systolic = around(&mut self.rng, mean, spread::SYSTOLIC_WITHIN_VISIT);
        let diastolic = around(&mut self.rng, self.diastolic, spread::DIASTOLIC_WITHIN_VISIT);
        let systolic = shown(systolic, SYSTOLIC_RANGE);
        let diastolic =
            shown(diastolic, DIASTOLIC_RANGE).min(systolic.saturating_sub(PULSE_PRESSURE_LEAST));
        Found { systolic: natural(systolic), diastolic: natural(diastolic) }
    }

    /// One value of the meter, in tenths of mmol/L. After a low one sugar has helped.
    pub fn glucose(&mut self) -> u16 {
        let (least, most) = METER_RANGE;
        let value = self.glucose.clamp(least, most);
        if self.low {
            self.glucose = self.rng.i32(AFTER_SUGAR);
        }
        natural(value)
    }
}

/// Tenths of mmHg as whole mmHg, half up, within what a cuff can show.
fn shown(tenths: i32, (least, most): (i32, i32)) -> i32 {
    tenths.saturating_add(5).div_euclid(10).clamp(least, most)
}

fn natural(value: i32) -> u16 {
    u16::try_from(value).unwrap_or(0)
}
