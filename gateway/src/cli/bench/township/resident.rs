//! One person of the township: what the lines remember, and the sitting that is under way.

use firmware_protocols::{
    BloodPressure, Decimal, Flags, Glucose, GlucoseUnit, GlucoseValue, Meal, Measurement,
    PressureUnit,
};
use simulators::township::{Calendar, Class, Found, Sitting, Villager};

use super::{alerts::Scene, year::start_of};
use crate::{
    assess::{
        Act, ActOutcome, Body, Cohort, Concept, Condition, Fact, FactId, Pack, Patient, State,
        Transition,
    },
    cli::Failure,
    domain::{
        DeviceId, Grade, Key, Measured, PersonId, Reading, Remarks, Road, Setting, SiteId,
        Timestamp,
    },
    store::StoredReading,
};

/// What is measured at an instant, beside the values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// Staff take it, at a clinic's site; otherwise the household at home.
    pub(super) staffed: bool,
    /// The cuff marks it as doubtful.
    pub(super) doubtful: bool,
    /// A danger symptom is reported.
    pub(super) symptom: bool,
}

/// Where a sitting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing taken yet.
    First,
    /// One reading taken.
    Second,
    /// Two that differ.
    Third,
    /// A red: once more, some minutes later.
    Again,
    /// The meter.
    Glucose,
    /// A red of the meter: once more.
    GlucoseAgain,
    /// Done; the session is judged and the doctor decides.
    Leave,
}

/// A sitting under way.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) sitting: Sitting,
    pub(super) began: Timestamp,
    pub(super) phase: Phase,
    /// An emergency at home, by its place in the person's list; otherwise a visit.
    pub(super) emergency: Option<usize>,
    /// The calendar has it.
    pub(super) planned: bool,
    /// Reliable readings, with their time.
    pub(super) found: Vec<(Timestamp, Found)>,
    /// The glucose found, in tenths of mmol/L.
    pub(super) sugar: Option<u16>,
    /// Reds of the cuff that this sitting opened.
    pub(super) reds: u32,
    /// Reds of the meter that it opened.
    pub(super) meter_reds: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Resident {
    pub(super) villager: Villager,
    pub(super) id: PersonId,
    pub(super) patient: Patient,
    pub(super) state: State,
    /// The instant for which an event waits.
    pub(super) due_at: Option<Timestamp>,
    pub(super) calendar: Calendar,
    pub(super) visits: u32,
    pub(super) seat: Option<Seat>,
    /// When glucose was last measured.
    pub(super) meter_at: Option<Timestamp>,
    /// A visit outside the calendar is planned.
    pub(super) recheck: bool,
    facts: u64,
}

impl Resident {
    pub(super) fn new(villager: Villager) -> Result<Self, Failure> {
        let id = PersonId::new(&format!("P{:06}", villager.number));
        let id = id.map_err(|error| Failure::of(&error))?;
        let cohort = match villager.class {
            Class::C0 => Cohort::C0,
            Class::C1 => Cohort::C1,
            Class::C2 => Cohort::C2,
            Class::C3 => Cohort::C3,
        };
        let mut patient =
            Patient::new(id.clone()).aged(villager.age).with(Condition::Cohort(cohort));
        let conditions = [
            (villager.hypertensive, Condition::Hypertension),
            (villager.hypertensive, Condition::Antihypertensive),
            (villager.diabetic, Condition::Diabetes),
            (villager.diabetic, Condition::GlucoseLowering),
            (villager.low_risk, Condition::InsulinOrSulphonylurea),
        ];
        for (_, condition) in conditions.into_iter().filter(|(holds, _)| *holds) {
            patient = patient.with(condition);
        }
        Ok(Self {
            calendar: villager.calendar(),
            villager,
            id,
            patient,
            state: State::new(),
            due_at: None,
            visits: 0,
            seat: None,
            meter_at: None,
            recheck: false,
            facts: 0,
        })
    }

    /// The lines judge a reading that was taken now and stored at once.
    pub(super) fn measure(
        &mut self,
        pack: &Pack,
        (measurement, taken): (Measurement, Taken),
        now: Timestamp,
    ) -> Result<(Vec<Transition>, Scene), Failure> {
        let stored = self.stored(pack, (measurement, taken), now)?;
        let scene = Scene { staffed: taken.staffed, grave: pack.pages_at_once(&stored) };
        let steps = match Fact::of_reading(pack, &stored, None) {
            Some(fact) => self.judge(pack, &fact, now)?,
            None => Vec::new(),
        };
        Ok((steps, scene))
    }

    /// A doctor's act about the alerts of a concept.
    pub(super) fn act(
        &mut self,
        pack: &Pack,
        (concept, outcome): (Concept, ActOutcome),
        now: Timestamp,
    ) -> Result<Vec<Transition>, Failure> {
        let fact = Fact {
            id: self.next_fact(),
            at: now,
            received_at: now,
            source: None,
            body: Body::Act(Act { concept, outcome }),
        };
        self.judge(pack, &fact, now)
    }

    /// Time alone passes.
    pub(super) fn wait(&mut self, pack: &Pack, now: Timestamp) -> Vec<Transition> {
        let mut steps = Vec::new();
        self.state.advance(pack, &self.patient, now, &mut steps);
        steps
    }

    fn judge(
        &mut self,
        pack: &Pack,
        fact: &Fact,
        now: Timestamp,
    ) -> Result<Vec<Transition>, Failure> {
        let mut steps = Vec::new();
        let judged = self.state.apply(pack, &self.patient, fact, &mut steps);
        judged.map_err(|error| Failure::of(&error))?;
        self.state.advance(pack, &self.patient, now, &mut steps);
        Ok(steps)
    }

    fn next_fact(&mut self) -> FactId {
        self.facts = self.facts.saturating_add(1);
        FactId::of_place(self.facts)
    }

    fn stored(
        &mut self,
        pack: &Pack,
        (measurement, taken): (Measurement, Taken),
        at: Timestamp,
    ) -> Result<StoredReading, Failure> {
        let name = |text: &str| DeviceId::new(text).map_err(|error| Failure::of(&error));
        let site = SiteId::new("site").map_err(|error| Failure::of(&error))?;
        let id = self.next_fact().reading();
        let setting = if taken.staffed { Setting::Clinic } else { Setting::Home };
        let symptoms = if taken.symptom { vec!["severe_headache".into()] } else { Vec::new() };
        Ok(StoredReading {
            context: None,
            told_symptoms: Vec::new(),
            standing: pack.standing(&measurement),
            reading: Reading {
                id,
                content: Key::from_bytes([0; 16]),
                measurement,
                device: name("device")?,
                site,
                bench: None,
                sequence: None,
                device_time: None,
                received_at: at,
                measured: Measured { at, grade: Grade::A },
                remarks: Remarks { setting: Some(setting), symptoms, ..Remarks::default() },
                road: Road::Mqtt,
                unnumbered: false,
                raw: None,
                written: None,
            },
            attribution: None,
            late: false,
            possible_duplicate: false,
            server_at: at,
            rebased_at: None,
        })
    }
}

/// A pressure as a cuff sends it.
pub(super) fn cuff(found: Found, doubtful: bool) -> Measurement {
    let mut pressure = BloodPressure::new(
        Decimal::from(found.systolic),
        Decimal::from(found.diastolic),
        PressureUnit::MmHg,
    );
    pressure.flags = Flags { body_movement: doubtful, ..Flags::default() };
    Measurement::BloodPressure(pressure)
}

/// Glucose as a meter sends it; fasting at visits, whenever at an emergency.
pub(super) fn meter(tenths: u16, meal: Meal) -> Measurement {
    let value = GlucoseValue::Number(Decimal::new(i64::from(tenths), -1));
    Measurement::Glucose(Glucose { meal, ..Glucose::new(value, GlucoseUnit::MmolPerL) })
}

/// The day of the year at an instant.
pub(super) fn day_of(at: Timestamp) -> i32 {
    let days = at.since(start_of()).whole_minutes().div_euclid(24 * 60);
    i32::try_from(days).unwrap_or(i32::MAX)
}
