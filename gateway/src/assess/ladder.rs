//! The steps beyond the first, as minutes: what care sets its timers by.

use firmware_protocols::{GlucoseValue, Measurement};

use super::{episode::Episode, pack::Pack, patient::Cohort};
use crate::{
    domain::{CareLevel, Level, Millis, Rung},
    store::StoredReading,
};

impl Pack {
    /// When each later step gets an alert that nobody has acknowledged, counted from when the
    /// gateway knew: the township after the time to acknowledge, the county for reds after the
    /// pack's time, or after twice the time to acknowledge for symptoms and a severe low glucose
    /// (LINES 6.1, "Escalation"). Empty for blue.
    #[must_use]
    pub fn ladder(&self, episode: &Episode) -> Vec<Rung> {
        let Some(ack) = episode.ack_minutes else { return Vec::new() };
        let township = Rung { step: CareLevel::Township, after_minutes: ack };
        if episode.level != Level::Red {
            return vec![township];
        }
        let fast = self.escalation.fast.contains(&episode.concept)
            || (episode.severe && self.escalation.fast_severe_low);
        let county = u32::try_from(self.escalation.county.whole_minutes()).unwrap_or(u32::MAX);
        let after_minutes = if fast { ack.saturating_mul(2) } else { county };
        vec![township, Rung { step: CareLevel::County, after_minutes }]
    }

    /// The same for an emergency value of nobody, which is orange and comes to the township's duty
    /// first: the county after the time that the general cohort has to acknowledge.
    #[must_use]
    pub fn ladder_of_nobody(&self) -> Vec<Rung> {
        let ack = self.ack_minutes(Cohort::C0, Level::Orange, false);
        let county = |after_minutes| Rung { step: CareLevel::County, after_minutes };
        ack.map(county).into_iter().collect()
    }

    /// The same for a site whose gateway is silent, which is yellow.
    #[must_use]
    pub fn ladder_of_silent_box(&self) -> Vec<Rung> {
        let ack = self.ack_minutes(Cohort::C0, Level::Yellow, false);
        let county = |after_minutes| Rung { step: CareLevel::County, after_minutes };
        ack.map(county).into_iter().collect()
    }

    /// The longest that the first page may wait for a second reading of the session (DESIGN
    /// section 6).
    #[must_use]
    pub const fn page_settle(&self) -> Millis {
        self.page.settle
    }

    /// Whether a reading's page leaves at once wherever it was taken: with symptoms, from 200/120,
    /// and for every glucose emergency but a high one (DESIGN section 6).
    #[must_use]
    pub fn pages_at_once(&self, stored: &StoredReading) -> bool {
        stored.symptoms().next().is_some() || self.never_waits(&stored.reading.measurement)
    }

    /// Whether a value alone is so grave that its page never waits.
    pub(super) fn never_waits(&self, measurement: &Measurement) -> bool {
        match measurement {
            Measurement::BloodPressure(pressure) => {
                let mmhg = |native| self.convert.mmhg(native, pressure.unit);
                let (systolic, diastolic) = (mmhg(pressure.systolic), mmhg(pressure.diastolic));
                systolic.is_some_and(|value| value >= self.page.at_once_sbp_ge)
                    || diastolic.is_some_and(|value| value >= self.page.at_once_dbp_ge)
            }
            Measurement::Glucose(glucose) => match glucose.value {
                GlucoseValue::Low => true,
                GlucoseValue::High => false,
                GlucoseValue::Number(value) => self
                    .convert
                    .glycaemia(value, glucose.unit)
                    .is_some_and(|value| value <= self.lines.glu_low_emergency_le_dm),
            },
        }
    }
}
