//! What is true of somebody, held against the lines of the pack: whose pressure or glucose is really
//! over their control line, and since when.

use firmware_protocols::Decimal;
use simulators::township::{DAYS, Found, Villager};

use super::resident::{Resident, Seat};
use crate::{
    assess::{Concept, Pack, Patient},
    domain::{Level, Millis, Setting, Timestamp},
};

/// The control lines of a person at visits: systolic and diastolic in mmHg, fasting glucose in
/// tenths of mmol/L.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lines {
    systolic: i64,
    diastolic: i64,
    fasting: i64,
    red: (i64, i64),
}

/// So much over the line is no matter of a few mmHg: 10 mmHg, or 1.0 mmol/L; assumed.
const CLEARLY_MMHG: i64 = 10;
const CLEARLY_TENTHS: i64 = 10;

impl Lines {
    pub(super) fn of(pack: &Pack, patient: &Patient, at: Timestamp) -> Self {
        let mut lines = Self::default();
        for band in pack.bands(patient, at) {
            let clinic = band.setting.is_none_or(|setting| setting == Setting::Clinic);
            let own = match (band.measure, band.level) {
                ("systolic", Level::Yellow) => &mut lines.systolic,
                ("diastolic", Level::Yellow) => &mut lines.diastolic,
                ("glucose_fasting", Level::Yellow) => &mut lines.fasting,
                ("systolic", Level::Red) => &mut lines.red.0,
                ("diastolic", Level::Red) => &mut lines.red.1,
                _ => continue,
            };
            if clinic {
                let tenths = i8::from(band.measure == "glucose_fasting");
                let whole = band.from.shifted(tenths).and_then(Decimal::as_integer);
                *own = whole.unwrap_or(i64::MAX);
            }
        }
        lines
    }

    /// Whether the pressures and the glucose of a sitting are over the line; `None` where there
    /// were none.
    pub(super) fn over(self, seat: &Seat) -> (Option<bool>, Option<bool>) {
        let found = seat.found.iter().map(|(_, found)| *found);
        let sugar = seat.sugar.map(|tenths| i64::from(tenths) >= self.fasting);
        (mean_reaches(found, (self.systolic, self.diastolic)), sugar)
    }

    /// Whether the mean of a session is over the emergency line; `None` without a reliable reading.
    pub(super) fn mean_is_red(self, session: impl Iterator<Item = Found>) -> Option<bool> {
        mean_reaches(session, self.red)
    }

    /// Whether the truth of a day is over the line, and whether clearly so.
    fn truth(self, villager: &Villager, day: i32) -> (bool, bool) {
        let (systolic, diastolic) = villager.true_pressure(day);
        let fasting = i64::from(villager.true_fasting(day));
        let by = |mmhg: i64, tenths: i64| {
            let pressure = villager.hypertensive
                && (i64::from(systolic) >= (self.systolic + mmhg) * 10
                    || i64::from(diastolic) >= (self.diastolic + mmhg) * 10);
            pressure || villager.diabetic && fasting >= (self.fasting + tenths) * 100
        };
        (by(0, 0), by(CLEARLY_MMHG, CLEARLY_TENTHS))
    }
}

/// Whether a mean, half up, reaches a line.
fn mean_reaches(found: impl Iterator<Item = Found>, (line, lower): (i64, i64)) -> Option<bool> {
    let mut sums = (0_i64, 0_i64, 0_i64);
    for one in found {
        sums.0 = sums.0.saturating_add(i64::from(one.systolic));
        sums.1 = sums.1.saturating_add(i64::from(one.diastolic));
        sums.2 = sums.2.saturating_add(1);
    }
    let (systolic, diastolic, count) = sums;
    let reaches = |sum: i64, line: i64| {
        let doubled = sum.saturating_mul(2).saturating_add(count);
        doubled >= line.saturating_mul(count).saturating_mul(2)
    };
    (count > 0).then(|| reaches(systolic, line) || reaches(diastolic, lower))
}

/// Whether what the visit found keeps an alert of this concept open.
pub(super) fn is_over(concept: Concept, (pressure, glucose): (Option<bool>, Option<bool>)) -> bool {
    let of_glucose = matches!(concept, Concept::GluHighUrgent | Concept::GluUncontrolledRepeat);
    let measure = if of_glucose { glucose } else { pressure };
    // Without a value nothing shows that it is down.
    measure.unwrap_or(true)
}

/// From which day on somebody under care is truly over their line, to the year's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uncontrolled {
    pub(super) day: i32,
    /// Clearly, not by a few mmHg.
    pub(super) clearly: bool,
}

/// `None`: truly under the line at the year's end, or without a diagnosis.
pub(super) fn uncontrolled(pack: &Pack, resident: &Resident) -> Option<Uncontrolled> {
    let villager = &resident.villager;
    if !villager.under_care() {
        return None;
    }
    let lines = Lines::of(pack, &resident.patient, super::year::start_of());
    let (over, clearly) = lines.truth(villager, DAYS);
    let from = match villager.rises_on() {
        Some(day) if !lines.truth(villager, 0).0 => day,
        _ => 0,
    };
    over.then_some(Uncontrolled { day: from, clearly })
}

/// What puts somebody whose values are over the line before a doctor.
pub(super) const fn lists(concept: Concept) -> bool {
    matches!(
        concept,
        Concept::BpUncontrolledFirst
            | Concept::BpUncontrolledRepeat
            | Concept::BpGrade2
            | Concept::BpEmergency
            | Concept::BpSymptom
            | Concept::GluUncontrolledFirst
            | Concept::GluUncontrolledRepeat
            | Concept::GluHighUrgent
            | Concept::GluHighEmergency
    )
}

/// What puts an emergency before a doctor.
pub(super) const fn lists_emergency(concept: Concept) -> bool {
    matches!(
        concept,
        Concept::BpEmergency
            | Concept::BpSymptom
            | Concept::BpExtremeUnreliable
            | Concept::StaleEmergency
            | Concept::GluLowEmergency
    )
}

/// The first instant of a day of the year.
pub(super) fn day_begins(day: i32) -> Timestamp {
    super::year::start_of().plus(Millis::days(i64::from(day)))
}
