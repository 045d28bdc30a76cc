//! A whole township and its year: who lives there, what is true of each, and what a cuff or a meter
//! finds at an instant. From one seed; what one person's devices find does not depend on what
//! anybody did about another, nor on how often they were asked.
//!
//! It knows neither lines nor alerts. Whether a true value is too high is for whoever asks.

mod sitting;
pub mod spread;

use fastrand::Rng;

pub use sitting::{Found, Sitting};

use crate::chance::{around, happens};
use spread::{Spread, between_people, exponential};

/// Households: the registered-poor ones of Hongta (SEED2).
pub const HOUSEHOLDS: u32 = 3181;
/// Their people (SEED2).
pub const PEOPLE: u32 = 9262;
/// Village doctors; households are shared out among them in turn.
pub const DOCTORS: u32 = 31;
/// Days of the simulated year.
pub const DAYS: i32 = 365;

/// Share of people under care: 1,535 followed up and 876 with chronic disease of 9,262 (SEED2), in
/// thousandths. That they are hypertensive or diabetic is assumed.
const UNDER_CARE_PER_MILLE: u16 = 260;
/// Of the others, who are 35 or older and measured at check-ups; assumed.
const CHECKED_PER_MILLE: u16 = 486;
/// Of those under care: with diabetes at all, and among these with hypertension too. Half of the
/// diabetics of ROADMAP (see [`spread::FASTING_DIABETIC`]) are hypertensive; three hypertensives
/// for each diabetic are assumed.
const DIABETIC_PER_MILLE: u16 = 287;
const BOTH_PER_MILLE: u16 = 520;
/// Of diabetics, on insulin or a sulphonylurea; assumed.
const LOW_RISK_PER_MILLE: u16 = 400;
/// Households by class, in thousandths: C0 to C3; assumed. Figures are given by class.
const CLASSES_PER_MILLE: [u16; 4] = [400, 400, 80, 120];

/// People under care whose pressure or glucose rises for good on a day of the year, because they
/// stop their tablets, in thousandths; assumed. So much, in tenths of mmHg and in thousandths of
/// the logarithm (a third more glucose); assumed.
const RISES_PER_MILLE: u16 = 150;
const RISE_SYSTOLIC: i32 = 200;
const RISE_FASTING: i32 = 285;
/// Days on which a rise may begin, so that there is a time before and after.
const RISE_DAYS: std::ops::RangeInclusive<i32> = 20..=300;

/// True emergencies in a year: of hypertensives, and low glucose of those at risk, in thousandths;
/// assumed.
const EMERGENCY_PER_MILLE: u16 = 20;
const LOW_PER_MILLE: u16 = 40;
/// Of emergencies, with a danger symptom; and whose first reading the cuff marks as doubtful, in
/// thousandths; assumed.
const SYMPTOM_PER_MILLE: u16 = 300;
const DOUBTFUL_PER_MILLE: u16 = 100;

const MINUTES_A_DAY: i32 = 24 * 60;

/// The class of a household, by the names of the lines' cohorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// General.
    C0,
    /// Lifted out of poverty.
    C1,
    /// Monitored.
    C2,
    /// Cured and tracked.
    C3,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::C0, Self::C1, Self::C2, Self::C3];

    /// Days from one visit to the next, as the seeds have it: weekly to monitored households
    /// (SEED4), monthly to lifted ones and to the cured (SEED3, SEED1), quarterly to everybody else
    /// under care (CN1); without a diagnosis two check-ups a year (SEED2), but the household's
    /// visits where silence is judged without one (C2, C3).
    #[must_use]
    pub const fn cadence_days(self, under_care: bool) -> i32 {
        match (self, under_care) {
            (Self::C2, _) => 7,
            (Self::C3, _) | (Self::C1, true) => 30,
            (Self::C0, true) => 91,
            (Self::C0 | Self::C1, false) => 182,
        }
    }

    /// How many days a visit may be early or late; assumed.
    const fn slack_days(cadence: i32) -> i32 {
        if cadence <= 7 { 1 } else { cadence / 10 }
    }
}

/// Something that happens at an instant, in minutes of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emergency {
    /// When it begins.
    pub minute: i32,
    /// When it is measured for the first time.
    pub measured: i32,
    /// Low glucose; otherwise high pressure.
    pub low_glucose: bool,
    /// With a danger symptom.
    pub symptom: bool,
    /// The first reading is marked as doubtful.
    pub doubtful: bool,
}

/// One person who is measured, and what is true of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Villager {
    /// Their number, from 0.
    pub number: u32,
    /// Their doctor's number, from 0.
    pub doctor: u32,
    /// Their household's class.
    pub class: Class,
    /// In years.
    pub age: u16,
    /// Known hypertension.
    pub hypertensive: bool,
    /// Known diabetes.
    pub diabetic: bool,
    /// On insulin or a sulphonylurea.
    pub low_risk: bool,
    /// True emergencies of the year.
    pub emergencies: Vec<Emergency>,
    systolic: i32,
    diastolic: i32,
    /// Fasting glucose, as thousandths of a logarithm over the median.
    fasting: i32,
    fasting_median: i32,
    rise: Option<i32>,
    seed: u64,
}

/// What the township is drawn by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Everything random.
    pub seed: u64,
    /// Mean systolic pressure of hypertensives, in tenths of mmHg.
    pub systolic_mean: i32,
    /// How many of the township's people are drawn, the first ones.
    pub people: u32,
}

impl Draw {
    /// The published means.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self { seed, systolic_mean: spread::SYSTOLIC_MANAGED.mean, people: PEOPLE }
    }

    /// Everybody who is measured.
    #[must_use]
    pub fn people(self) -> Vec<Villager> {
        (0..self.people.min(PEOPLE)).filter_map(|number| self.villager(number)).collect()
    }

    fn villager(self, number: u32) -> Option<Villager> {
        let household = number.saturating_mul(HOUSEHOLDS) / PEOPLE;
        let class = class(&mut Rng::with_seed(mix(self.seed, u64::from(household), 1)));
        let seed = mix(self.seed, u64::from(number), 2);
        let mut rng = Rng::with_seed(seed);
        let under_care = happens(&mut rng, UNDER_CARE_PER_MILLE);
        let checked = happens(&mut rng, CHECKED_PER_MILLE);
        let diabetic = under_care && happens(&mut rng, DIABETIC_PER_MILLE);
        let hypertensive = under_care && (!diabetic || happens(&mut rng, BOTH_PER_MILLE));
        let ages = if under_care { spread::AGE_MANAGED } else { spread::AGE_OTHERS };
        let (systolic, diastolic) = self.pressures(&mut rng, hypertensive);
        let sugars = if diabetic { spread::FASTING_DIABETIC } else { spread::FASTING_OTHERS };
        let own = between_people(sugars, spread::FASTING_BETWEEN_DAYS);
        let mut villager = Villager {
            number,
            doctor: household % DOCTORS,
            class,
            age: u16::try_from(drawn(&mut rng, ages).clamp(35, 95)).unwrap_or(35),
            hypertensive,
            diabetic,
            low_risk: diabetic && happens(&mut rng, LOW_RISK_PER_MILLE),
            emergencies: Vec::new(),
            systolic,
            diastolic,
            fasting: around(&mut rng, 0, own),
            fasting_median: sugars.mean,
            rise: None,
            seed,
        };
        if under_care && happens(&mut rng, RISES_PER_MILLE) {
            villager.rise = Some(rng.i32(RISE_DAYS));
        }
        villager.emergencies = emergencies(&mut rng, &villager);
        (under_care || checked).then_some(villager)
    }

    /// A person's own means, in tenths of mmHg.
    fn pressures(self, rng: &mut Rng, hypertensive: bool) -> (i32, i32) {
        let (systolic, diastolic) = if hypertensive {
            let managed = spread::SYSTOLIC_MANAGED;
            (Spread { mean: self.systolic_mean, ..managed }, spread::DIASTOLIC_MANAGED)
        } else {
            (spread::SYSTOLIC_OTHERS, spread::DIASTOLIC_OTHERS)
        };
        let own = between_people(systolic, spread::SYSTOLIC_BETWEEN_VISITS);
        let systolic_own = around(rng, systolic.mean, own);
        let follows = follow(systolic_own.saturating_sub(systolic.mean));
        let mean = diastolic.mean.saturating_add(follows);
        (systolic_own, around(rng, mean, spread::DIASTOLIC_OWN))
    }
}

impl Villager {
    /// Whether they have a diagnosis.
    #[must_use]
    pub const fn under_care(&self) -> bool {
        self.hypertensive || self.diabetic
    }

    /// The day on which their truth rises for good.
    #[must_use]
    pub const fn rises_on(&self) -> Option<i32> {
        self.rise
    }

    /// The true systolic and diastolic pressure on a day, in tenths of mmHg: what many visits
    /// would come to.
    #[must_use]
    pub fn true_pressure(&self, day: i32) -> (i32, i32) {
        let rise = if self.has_risen(day) { RISE_SYSTOLIC } else { 0 };
        (self.systolic.saturating_add(rise), self.diastolic.saturating_add(follow(rise)))
    }

    /// The true fasting glucose on a day, in thousandths of mmol/L.
    #[must_use]
    pub fn true_fasting(&self, day: i32) -> i32 {
        self.fasting_at(self.fasting_on(day))
    }

    /// The visits of the year as they take place, one after the other.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        let mut rng = Rng::with_seed(mix(self.seed, 3, 0));
        let cadence = self.class.cadence_days(self.under_care());
        let first = rng.i32(0..cadence);
        Calendar { rng, nominal: first, cadence }
    }

    fn has_risen(&self, day: i32) -> bool {
        self.rise.is_some_and(|from| day >= from)
    }

    fn fasting_on(&self, day: i32) -> i32 {
        let rises = self.diabetic && self.has_risen(day);
        self.fasting.saturating_add(if rises { RISE_FASTING } else { 0 })
    }

    fn fasting_at(&self, logarithm: i32) -> i32 {
        let value = exponential(logarithm).saturating_mul(i64::from(self.fasting_median)) / 1000;
        i32::try_from(value).unwrap_or(i32::MAX)
    }
}

/// A planned visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// In minutes of the year.
    pub minute: i32,
    /// It takes place.
    pub kept: bool,
}

/// One person's visits, in order, without end.
#[derive(Debug, Clone)]
pub struct Calendar {
    rng: Rng,
    nominal: i32,
    cadence: i32,
}

impl Calendar {
    /// From now on visits come so often.
    pub fn set_cadence(&mut self, days: i32) {
        self.cadence = days;
    }

    /// How often they come.
    #[must_use]
    pub const fn cadence(&self) -> i32 {
        self.cadence
    }

    /// The next planned visit, on working hours of its day; so many of a thousand are kept.
    pub fn next_visit(&mut self, kept_per_mille: u16) -> Visit {
        let slack = Class::slack_days(self.cadence);
        let day = self.nominal.saturating_add(self.rng.i32(-slack..=slack)).max(0);
        let minute = self.rng.i32(8 * 60..17 * 60);
        self.nominal = self.nominal.saturating_add(self.cadence);
        let kept = happens(&mut self.rng, kept_per_mille);
        Visit { minute: day.saturating_mul(MINUTES_A_DAY).saturating_add(minute), kept }
    }
}

fn class(rng: &mut Rng) -> Class {
    let mut left = rng.u16(0..1000);
    for (class, share) in Class::ALL.into_iter().zip(CLASSES_PER_MILLE) {
        if left < share {
            return class;
        }
        left -= share;
    }
    Class::C0
}

fn emergencies(rng: &mut Rng, villager: &Villager) -> Vec<Emergency> {
    let rates = [
        (false, villager.hypertensive, EMERGENCY_PER_MILLE),
        (true, villager.low_risk, LOW_PER_MILLE),
    ];
    let mut found = Vec::new();
    for (low_glucose, at_risk, rate) in rates {
        if !(at_risk && happens(rng, rate)) {
            continue;
        }
        // Not on the last days, so that what follows from it is seen.
        let minute = rng.i32(0..(DAYS - 5) * MINUTES_A_DAY);
        found.push(Emergency {
            minute,
            measured: minute.saturating_add(rng.i32(5..60)),
            low_glucose,
            symptom: happens(rng, SYMPTOM_PER_MILLE),
            doubtful: !low_glucose && happens(rng, DOUBTFUL_PER_MILLE),
        });
    }
    found
}

fn drawn(rng: &mut Rng, spread: Spread) -> i32 {
    around(rng, spread.mean, spread.deviation)
}

/// How much the diastolic pressure follows a difference of the systolic one.
fn follow(systolic: i32) -> i32 {
    systolic.saturating_mul(spread::DIASTOLIC_FOLLOWS_TENTHS).saturating_div(10)
}

/// A seed of its own for each purpose (SplitMix64; constants of Steele, Lea and Flood 2014).
fn mix(seed: u64, who: u64, what: u64) -> u64 {
    let mut state = seed
        .wrapping_add(who.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(what.wrapping_mul(0xd1b5_4a32_d192_ed03));
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests;
