//! Indicators: what a township's centre answers for, each with what is counted above the line, what
//! below, and what is left out and why.
//!
//! Pure: histories of people in, counts out. The national ones follow the management norms of CN1
//! (LINES section 2.1 and 2.2), the categories those of HEARTS and Simple (LINES section 2.8). All
//! are judged by the national norm whoever the person is: no cohort's stricter line, so that places
//! can be compared.

use firmware_protocols::{GlucoseValue, Meal, Measurement};
use jiff::{ToSpan, civil::Date};

use super::{
    pack::Pack,
    patient::{Cohort, Condition, Patient},
    quantity::{Glycaemia, Pressure, mean},
};
use crate::{
    domain::{Setting, Standing, Timestamp},
    store::StoredReading,
};

/// Into which category of HEARTS and Simple a person falls at the end of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Registered within the last months: left out.
    NewlyRegistered,
    /// Last visit within the last months, under both numbers.
    Controlled,
    /// The same, at or over one of them.
    Uncontrolled,
    /// No visit within the last months, but one within the year.
    NoVisit,
    /// No visit within the year.
    LostToFollowUp,
    /// Left out.
    Dead,
}

impl Category {
    /// Every category, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Controlled,
        Self::Uncontrolled,
        Self::NoVisit,
        Self::LostToFollowUp,
        Self::NewlyRegistered,
        Self::Dead,
    ];

    /// Its name in scenarios and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewlyRegistered => "newly_registered",
            Self::Controlled => "controlled",
            Self::Uncontrolled => "uncontrolled",
            Self::NoVisit => "no_visit",
            Self::LostToFollowUp => "lost_to_follow_up",
            Self::Dead => "dead",
        }
    }
}

/// One day on which staff measured a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// When: its last value.
    pub at: Timestamp,
    /// The mean of its pressures, half up.
    pub pressure: Option<Pressure>,
    /// Its last fasting glucose.
    pub fasting: Option<Glycaemia>,
}

/// What is known of a person's care.
#[derive(Debug, Clone)]
pub struct History {
    /// Age, diagnoses and their days.
    pub patient: Patient,
    /// A doctor has signed for the household.
    pub contracted: bool,
    /// When the person was taken into care; `None`: nobody knows, and no visit says.
    pub registered: Option<Timestamp>,
    /// When the person died.
    pub died: Option<Timestamp>,
    /// Visits, oldest first.
    pub visits: Vec<Visit>,
}

/// A share, with what it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Of those below the line, who meet it.
    pub numerator: u64,
    /// Who should.
    pub denominator: u64,
    /// Who is not asked.
    pub excluded: u64,
}

/// The indicators of some people at the end of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Indicators {
    /// 签约率: of all who are registered and alive, those for whose household a doctor has signed.
    pub contracted: Share,
    /// 高血压规范管理率: of hypertensives with a visit in the year, those with
    /// as many as the pack asks for (LINES 2.1, "follow-up frequency"); left out are those without any.
    pub managed_pressure: Share,
    /// 糖尿病规范管理率: of diabetics with a visit in the year, those with as many that have a
    /// fasting value (LINES 2.2, "frequency"); left out are those without any visit.
    pub managed_glucose: Share,
    /// 血压控制率: of hypertensives with a visit in the year, those whose last pressure is under the
    /// national control line of their age; left out are those without a visit.
    pub pressure_controlled: Share,
    /// 血糖控制率: of diabetics with a visit in the year, those whose last fasting glucose is under
    /// the national line; left out are those without a visit. One without a fasting value counts as
    /// not controlled.
    pub glucose_controlled: Share,
    /// Hypertensives by category, in the order of [`Category::ALL`].
    pub categories: [u64; 6],
    /// Hypertensives of whom nobody knows when they were registered.
    pub unregistered: u64,
}

impl Share {
    fn count(&mut self, asked: bool, meets: bool) {
        self.excluded = self.excluded.saturating_add(u64::from(!asked));
        self.denominator = self.denominator.saturating_add(u64::from(asked));
        self.numerator = self.numerator.saturating_add(u64::from(asked && meets));
    }

    fn add(&mut self, other: Self) {
        self.numerator = self.numerator.saturating_add(other.numerator);
        self.denominator = self.denominator.saturating_add(other.denominator);
        self.excluded = self.excluded.saturating_add(other.excluded);
    }
}

impl Indicators {
    /// The HEARTS share: of those registered before the last months and seen within the year, those
    /// who are controlled; left out are the new, the lost, the dead and the unknown.
    #[must_use]
    pub fn hearts_controlled(&self) -> Share {
        let [controlled, uncontrolled, no_visit, lost, new, dead] = self.categories;
        let left_out = [lost, new, dead, self.unregistered];
        Share {
            numerator: controlled,
            denominator: controlled.saturating_add(uncontrolled).saturating_add(no_visit),
            excluded: left_out.into_iter().fold(0, u64::saturating_add),
        }
    }

    /// Adds those of other people.
    pub fn add(&mut self, other: &Self) {
        self.contracted.add(other.contracted);
        self.managed_pressure.add(other.managed_pressure);
        self.managed_glucose.add(other.managed_glucose);
        self.pressure_controlled.add(other.pressure_controlled);
        self.glucose_controlled.add(other.glucose_controlled);
        for (sum, more) in self.categories.iter_mut().zip(other.categories) {
            *sum = sum.saturating_add(more);
        }
        self.unregistered = self.unregistered.saturating_add(other.unregistered);
    }

    /// Counts one more person, as of the end of a month. Nothing after it is looked at.
    pub fn count(&mut self, pack: &Pack, history: &History, end: Timestamp) {
        let dead = history.died.is_some_and(|died| died <= end);
        let patient = &history.patient;
        let hypertensive = patient.has(Condition::Hypertension, end);
        if hypertensive {
            match category(pack, history, end) {
                None => self.unregistered = self.unregistered.saturating_add(1),
                Some(category) => {
                    let place = Category::ALL.iter().position(|it| *it == category);
                    if let Some(count) = place.and_then(|place| self.categories.get_mut(place)) {
                        *count = count.saturating_add(1);
                    }
                }
            }
        }
        self.contracted.count(!dead, history.contracted);
        if dead {
            return;
        }
        let year = months_before(end, pack.indicators.under_care_months);
        let within = |visit: &&Visit| visit.at <= end && year.is_some_and(|year| visit.at >= year);
        let visits: Vec<&Visit> = history.visits.iter().filter(within).collect();
        let seen = !visits.is_empty();
        if hypertensive {
            let last = visits.iter().rev().find_map(|visit| visit.pressure);
            let line = national_line(pack, patient, end);
            self.managed_pressure.count(seen, visits.len() >= pack.indicators.visits_a_year);
            self.pressure_controlled.count(seen, last.is_some_and(|last| !last.reaches(line)));
        }
        if patient.has(Condition::Diabetes, end) {
            let tests: Vec<Glycaemia> = visits.iter().filter_map(|visit| visit.fasting).collect();
            let line = pack.lines.glu_control_fasting_ge;
            self.managed_glucose.count(seen, tests.len() >= pack.indicators.visits_a_year);
            self.glucose_controlled.count(seen, tests.last().is_some_and(|last| *last < line));
        }
    }
}

/// The control line of CN1 at an age: that of the general cohort.
fn national_line(pack: &Pack, patient: &Patient, at: Timestamp) -> Pressure {
    let control = pack.lines.bp_control.of(Cohort::C0);
    match patient.age(at) {
        Some(age) if age >= pack.ages.oldest_from => control.oldest,
        Some(age) if age >= pack.ages.older_from => control.older,
        Some(_) | None => control.younger,
    }
}

/// The category of a person at the end of a month; `None` where nobody knows since when they are
/// registered, or the month cannot be written.
#[must_use]
pub fn category(pack: &Pack, history: &History, end: Timestamp) -> Option<Category> {
    let numbers = pack.indicators;
    if history.died.is_some_and(|died| died <= end) {
        return Some(Category::Dead);
    }
    let registered = history.registered?;
    let recent = months_before(end, numbers.recent_months)?;
    let under_care = months_before(end, numbers.under_care_months)?;
    if registered >= recent {
        return Some(Category::NewlyRegistered);
    }
    let visits = history.visits.iter().rev().filter(|visit| visit.at <= end);
    let last = visits.clone().find_map(|visit| Some((visit.at, visit.pressure?)));
    Some(match last {
        Some((at, pressure)) if at >= recent && pressure.reaches(numbers.controlled_lt) => {
            Category::Uncontrolled
        }
        Some((at, _)) if at >= recent => Category::Controlled,
        Some((at, _)) if at >= under_care => Category::NoVisit,
        // Whoever registered within the year cannot have been lost for a year (Simple, I11).
        None if registered >= under_care => Category::NoVisit,
        Some(_) | None => Category::LostToFollowUp,
    })
}

/// The first instant of the span of so many calendar months that ends with the month of `end`.
#[must_use]
pub fn months_before(end: Timestamp, months: i64) -> Option<Timestamp> {
    let month = end.to_shanghai()?.date().first_of_month();
    let back = months.checked_sub(1)?;
    let first: Date = month.checked_sub(back.months()).ok()?;
    Timestamp::from_shanghai(first.at(0, 0, 0, 0))
}

/// The visits of readings in the order in which they were taken: a visit is a day on which staff
/// took an accepted value.
#[must_use]
pub fn visits(pack: &Pack, readings: &[StoredReading]) -> Vec<Visit> {
    let mut days: Vec<Day> = Vec::new();
    for stored in readings {
        let staffed = stored.reading.remarks.setting == Some(Setting::Clinic);
        let at = stored.reading.measured.at;
        if !staffed || stored.standing != Standing::Stored {
            continue;
        }
        if days.last().is_none_or(|day| day.at.shanghai_day() != at.shanghai_day()) {
            days.push(Day { at, sums: (0, 0, 0), fasting: None });
        }
        if let Some(day) = days.last_mut() {
            day.at = day.at.max(at);
            day.take(pack, &stored.reading.measurement);
        }
    }
    days.into_iter().map(Day::visit).collect()
}

struct Day {
    at: Timestamp,
    /// Systolic, diastolic, count.
    sums: (u32, u32, u32),
    fasting: Option<Glycaemia>,
}

impl Day {
    fn take(&mut self, pack: &Pack, measurement: &Measurement) {
        match measurement {
            Measurement::BloodPressure(pressure) => {
                let doubtful = pack.doubts(pressure.flags);
                let mmhg = |native| pack.convert.mmhg(native, pressure.unit);
                let pair = mmhg(pressure.systolic).zip(mmhg(pressure.diastolic));
                if let Some((systolic, diastolic)) = pair.filter(|_| !doubtful) {
                    self.sums.0 = self.sums.0.saturating_add(u32::from(systolic));
                    self.sums.1 = self.sums.1.saturating_add(u32::from(diastolic));
                    self.sums.2 = self.sums.2.saturating_add(1);
                }
            }
            Measurement::Glucose(glucose) if !glucose.control && glucose.meal == Meal::Fasting => {
                self.fasting = match glucose.value {
                    GlucoseValue::Number(value) => pack.convert.glycaemia(value, glucose.unit),
                    // Over and under what a meter can show.
                    GlucoseValue::High => Some(Glycaemia(u16::MAX)),
                    GlucoseValue::Low => Some(Glycaemia(0)),
                }
                .or(self.fasting);
            }
            Measurement::Glucose(_) => {}
        }
    }

    fn visit(self) -> Visit {
        let (systolic, diastolic, count) = self.sums;
        let pressure = (count > 0).then(|| Pressure {
            systolic: mean(systolic, count),
            diastolic: mean(diastolic, count),
        });
        Visit { at: self.at, pressure, fasting: self.fasting }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Millis, PersonId};

    fn pack() -> Pack {
        Pack::built_in().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    const END: &str = "2026-06-30T23:59:59+08:00";

    /// A hypertensive diabetic of that age with monthly visits, the last one in June.
    fn history(age: u16, last: (u16, u16), fasting: u16, visits: i64) -> History {
        let patient = Patient::new(PersonId::new("P1").unwrap())
            .aged(age)
            .with(Condition::Hypertension)
            .with(Condition::Diabetes);
        let visit = |back: i64| Visit {
            at: at("2026-06-20T09:00:00+08:00").minus(Millis::days(30 * back)),
            pressure: Some(Pressure { systolic: last.0, diastolic: last.1 }),
            fasting: Some(Glycaemia(fasting)),
        };
        History {
            patient,
            contracted: true,
            registered: Some(at("2020-01-01T00:00:00+08:00")),
            died: None,
            visits: (0..visits).rev().map(visit).collect(),
        }
    }

    fn counted(history: &History) -> Indicators {
        let mut indicators = Indicators::default();
        indicators.count(&pack(), history, at(END));
        indicators
    }

    #[track_caller]
    fn check(share: Share, expected: (u64, u64, u64)) {
        assert_eq!((share.numerator, share.denominator, share.excluded), expected);
    }

    #[test]
    fn control_is_judged_by_the_national_line_of_the_age() {
        check(counted(&history(64, (139, 89), 69, 4)).pressure_controlled, (1, 1, 0));
        check(counted(&history(64, (140, 80), 69, 4)).pressure_controlled, (0, 1, 0));
        check(counted(&history(65, (149, 80), 69, 4)).pressure_controlled, (1, 1, 0));
        check(counted(&history(65, (150, 80), 69, 4)).pressure_controlled, (0, 1, 0));
    }

    #[test]
    fn fasting_glucose_is_controlled_under_seven() {
        check(counted(&history(64, (130, 80), 69, 4)).glucose_controlled, (1, 1, 0));
        check(counted(&history(64, (130, 80), 70, 4)).glucose_controlled, (0, 1, 0));
    }

    #[test]
    fn management_wants_four_visits_in_the_year() {
        check(counted(&history(64, (130, 80), 69, 4)).managed_pressure, (1, 1, 0));
        check(counted(&history(64, (130, 80), 69, 3)).managed_pressure, (0, 1, 0));
        check(counted(&history(64, (130, 80), 69, 3)).managed_glucose, (0, 1, 0));
    }

    #[test]
    fn whoever_was_not_seen_is_left_out_and_shown() {
        let unseen = counted(&history(64, (130, 80), 69, 0));
        check(unseen.managed_pressure, (0, 0, 1));
        check(unseen.glucose_controlled, (0, 0, 1));
        check(unseen.hearts_controlled(), (0, 0, 1));
        check(unseen.contracted, (1, 1, 0));
    }

    #[test]
    fn what_lies_after_the_end_is_not_looked_at() {
        let mut later = history(64, (130, 80), 69, 4);
        later.visits.push(Visit {
            at: at("2026-07-01T09:00:00+08:00"),
            pressure: Some(Pressure { systolic: 180, diastolic: 100 }),
            fasting: None,
        });
        assert_eq!(counted(&later), counted(&history(64, (130, 80), 69, 4)));
    }

    #[test]
    fn the_dead_are_asked_nothing() {
        let mut dead = history(64, (130, 80), 69, 4);
        dead.died = Some(at("2026-05-01T00:00:00+08:00"));
        let counted = counted(&dead);
        check(counted.contracted, (0, 0, 1));
        check(counted.managed_pressure, (0, 0, 0));
        check(counted.hearts_controlled(), (0, 0, 1));
    }
}
