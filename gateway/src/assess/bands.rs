//! The lines by which one person's values are judged now, for charts: the person's own, never
//! fixed ones (UX section 2.2).

use firmware_protocols::Decimal;

use super::{
    concept::Concept,
    pack::Pack,
    patient::Patient,
    plan::pack_line,
    quantity::{Glycaemia, Pressure},
};
use crate::domain::{Level, Setting, Timestamp};

/// One line of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// `systolic`, `diastolic`, `glucose_fasting` or `glucose_other`.
    pub measure: &'static str,
    /// From this value on, in mmHg or mmol/L.
    pub from: Decimal,
    /// The level of its alerts.
    pub level: Level,
    /// What crossing it is called.
    pub concept: Concept,
    /// Where it holds; `None`: everywhere.
    pub setting: Option<Setting>,
}

impl Pack {
    /// A person's lines at an instant, gravest first.
    #[must_use]
    pub fn bands(&self, patient: &Patient, at: Timestamp) -> Vec<Band> {
        let lines = &self.lines;
        let cohort = patient.cohort(self, at);
        let control = |setting| {
            let line = pack_line(self, patient, (setting, true), at);
            patient.tighten_pressure(line, at).line
        };
        let (office, home) = (control(Setting::Clinic), control(Setting::Home));
        let mut bands = Vec::new();
        let mut pressure = |line: Pressure, level, concept, setting| {
            let both = [("systolic", line.systolic), ("diastolic", line.diastolic)];
            bands.extend(both.map(|(measure, from)| {
                let from = Decimal::from(from);
                Band { measure, from, level, concept, setting }
            }));
        };
        pressure(lines.bp_emergency, Level::Red, Concept::BpEmergency, None);
        pressure(lines.bp_grade2.line, Level::Orange, Concept::BpGrade2, None);
        let first = Concept::BpUncontrolledFirst;
        pressure(office, Level::Yellow, first, Some(Setting::Clinic));
        pressure(home, Level::Yellow, first, Some(Setting::Home));
        let mut glucose = |measures: &[&'static str], from: Glycaemia, level, concept| {
            let from = Decimal::new(i64::from(from.0), -1);
            bands.extend(measures.iter().map(|measure| Band {
                measure,
                from,
                level,
                concept,
                setting: None,
            }));
        };
        let every = ["glucose_fasting", "glucose_other"];
        glucose(&every, lines.glu_high_emergency_ge, Level::Red, Concept::GluHighEmergency);
        glucose(&every, lines.glu_high_urgent_ge, Level::Orange, Concept::GluHighUrgent);
        let first = Concept::GluUncontrolledFirst;
        let fasting = patient.tighten_fasting(lines.glu_control_fasting_ge, at).line;
        glucose(&["glucose_fasting"], fasting, Level::Yellow, first);
        let other = *lines.glu_control_other_ge.of(cohort);
        glucose(&["glucose_other"], other, Level::Yellow, first);
        bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        assess::{Cohort, Condition},
        domain::PersonId,
    };

    /// The office line of the general cohort: under 65 140/90, from 65 150/90 (LINES 6.2); of the
    /// lifted from 80.
    #[test]
    fn the_lines_that_are_shown_change_with_the_birthday() {
        let (pack, at) = (Pack::built_in().unwrap(), Timestamp::from_millis(0));
        let office = |cohort, age| {
            let patient = Patient::new(PersonId::new("P1").unwrap()).aged(age);
            let bands = pack.bands(&patient.with(Condition::Cohort(cohort)), at);
            let own = bands
                .iter()
                .find(|band| band.measure == "systolic" && band.setting == Some(Setting::Clinic));
            own.unwrap().from.as_integer().unwrap()
        };
        assert_eq!([64, 65].map(|age| office(Cohort::C0, age)), [140, 150]);
        assert_eq!([79, 80].map(|age| office(Cohort::C1, age)), [140, 150]);
    }
}
