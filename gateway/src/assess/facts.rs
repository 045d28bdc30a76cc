//! The facts that are judged: readings, follow-ups, doctors' acts, money, watermarks.
//!
//! A fact is what happened, when, and when the first gateway stored it. By which road it came and
//! when a higher gateway had it is no part of it and can change nothing (DESIGN section 5).

use std::fmt;

use firmware_protocols::{
    BloodPressure, Decimal, Flags, GlucoseUnit, GlucoseValue, Meal, Measurement, PressureUnit,
};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{concept::Concept, pack::Pack, symptoms::Symptoms};
pub use crate::domain::{ActOutcome, Money, MoneyKind};
use crate::{
    admit::Stated,
    domain::{EventId, Grade, Happened, Key, PersonEvent, ReadingId, Setting, SiteRole, Timestamp},
    store::StoredReading,
};

/// What makes a fact the same; breaks ties of equal time. A reading's is its [`ReadingId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FactId(pub [u8; 16]);

impl FactId {
    /// The id of the fact at a place in a list, as scenarios number them.
    #[must_use]
    pub fn of_place(place: u64) -> Self {
        Self(u128::from(place).to_be_bytes())
    }

    /// The place that [`FactId::of_place`] was made from.
    #[must_use]
    pub const fn place(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// As a reading's id.
    #[must_use]
    pub const fn reading(self) -> ReadingId {
        Key::from_bytes(self.0)
    }
}

impl From<ReadingId> for FactId {
    fn from(id: ReadingId) -> Self {
        Self(*id.as_bytes())
    }
}

impl From<EventId> for FactId {
    fn from(id: EventId) -> Self {
        Self(*id.as_bytes())
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.reading(), f)
    }
}

/// One fact about a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its name.
    pub id: FactId,
    /// When it was measured, or happened. A doctor's act: when the server had it (DESIGN 6).
    pub at: Timestamp,
    /// When the first gateway stored it.
    pub received_at: Timestamp,
    /// What tells copies of it under another id; `None` where the id alone does.
    pub source: Option<Source>,
    /// What happened.
    pub body: Body,
}

/// What tells two copies of a fact whose sender gave it no id (LINES 6.1, "Duplicates first").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A device, and its number for the reading if it gave one.
    Device {
        /// The device.
        device: SmolStr,
        /// Its number.
        sequence: Option<u64>,
    },
    /// Nothing but the content.
    Content,
}

/// What a fact says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A blood pressure.
    BloodPressure(Cuff),
    /// A blood glucose.
    Glucose(Meter),
    /// A formal follow-up by the doctor.
    FollowUp(FollowUp),
    /// A doctor did something about an alert.
    Act(Act),
    /// A person paid out of their own pocket.
    Money(Money),
    /// All readings up to the fact's `at` have been uploaded.
    Watermark,
    /// Only time passes.
    Tick,
}

/// What a cuff said, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cuff {
    /// Systolic pressure.
    pub systolic: Decimal,
    /// Diastolic pressure.
    pub diastolic: Decimal,
    /// Unit of both.
    pub unit: PressureUnit,
    /// Pulse, in beats per minute.
    pub pulse: Option<Decimal>,
    /// Home or clinic.
    pub setting: Setting,
    /// The cuff's marks.
    pub flags: Flags,
    /// Symptoms reported with it.
    pub symptoms: Symptoms,
    /// It could not be told apart from an earlier reading, so it counts once in a session.
    pub possible_duplicate: bool,
}

/// What a glucose meter said, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meter {
    /// The value, or which end of the meter's range it met.
    pub value: GlucoseValue,
    /// Its unit.
    pub unit: GlucoseUnit,
    /// Relation to the last meal.
    pub meal: Meal,
    /// Symptoms reported with it.
    pub symptoms: Symptoms,
}

/// A formal follow-up: the values that the doctor wrote down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FollowUp {
    /// Systolic and diastolic, in mmHg.
    pub pressure: Option<(Decimal, Decimal)>,
    /// Fasting glucose, in mmol/L.
    pub fasting: Option<Decimal>,
    /// Symptoms, matched to the hypertension list.
    pub symptoms: Symptoms,
}

/// A doctor's act about the open alerts of a concept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// Which alerts.
    pub concept: Concept,
    /// What became of them.
    pub outcome: ActOutcome,
}

impl Fact {
    /// A stored reading as a fact, rejected ones too: the quality lines see them. `None` for
    /// control solution, which is nobody's blood.
    #[must_use]
    pub fn of_reading(pack: &Pack, stored: &StoredReading, site: Option<SiteRole>) -> Option<Self> {
        let reading = &stored.reading;
        let symptoms = pack.symptoms.find(&stored.symptoms().collect::<Vec<_>>());
        let body = match &reading.measurement {
            Measurement::BloodPressure(pressure) => Body::BloodPressure(Cuff {
                setting: reading.remarks.setting.unwrap_or_else(|| usual_setting(site)),
                symptoms,
                possible_duplicate: stored.possible_duplicate,
                ..Cuff::of(pressure)
            }),
            Measurement::Glucose(glucose) if glucose.control => return None,
            Measurement::Glucose(glucose) => Body::Glucose(Meter {
                value: glucose.value,
                unit: glucose.unit,
                meal: stored.meal(),
                symptoms,
            }),
        };
        Some(Self {
            id: reading.id.into(),
            at: reading.measured.at,
            received_at: stored.received_at(),
            source: None,
            body,
        })
    }

    /// A stored reading as it is judged: of one whose clock was not believed because it ran ahead, the
    /// fact has what the clock stated, so that the lines tell of it.
    #[must_use]
    pub fn of_stored(pack: &Pack, stored: &StoredReading) -> Option<Self> {
        let mut fact = Self::of_reading(pack, stored, None)?;
        let reading = &stored.reading;
        if reading.measured.grade == Grade::D {
            let stated = reading.device_time.as_deref().and_then(Stated::read);
            let ahead = stored.received_at().plus(pack.validity.future_skew);
            if let Some(stated) = stated.map(Stated::instant).filter(|stated| *stated > ahead) {
                fact.at = stated;
            }
        }
        Some(fact)
    }

    /// An event as it is judged. `None` for an act about alerts that no line of ours opens, and for
    /// one at the bench.
    #[must_use]
    pub fn of_event(pack: &Pack, event: &PersonEvent) -> Option<Self> {
        let body = match &event.what {
            Happened::FollowUp { pressure, fasting, symptoms } => Body::FollowUp(FollowUp {
                pressure: *pressure,
                fasting: *fasting,
                symptoms: pack.symptoms.find(symptoms),
            }),
            Happened::Money(money) => Body::Money(money.clone()),
            Happened::Act { concept, outcome } => {
                Body::Act(Act { concept: concept.parse().ok()?, outcome: *outcome })
            }
            // Its symptoms are its reading's; nothing else of it opens, calms or ends anything.
            Happened::SiteAct(_) | Happened::Voided(_) => return None,
        };
        let (at, received_at) = (event.at, event.received_at);
        Some(Self { id: event.id.into(), at, received_at, source: None, body })
    }

    /// When the fact counts: when it happened, or when the first gateway had it where the device's
    /// clock runs ahead (LINES 6.1, "Facts and order").
    #[must_use]
    pub fn effective(&self, pack: &Pack) -> Timestamp {
        if self.runs_ahead(pack) { self.received_at } else { self.at }
    }

    pub(super) fn runs_ahead(&self, pack: &Pack) -> bool {
        self.at > self.received_at.plus(pack.validity.future_skew)
    }

    pub(super) const fn is_reading(&self) -> bool {
        matches!(self.body, Body::BloodPressure(_) | Body::Glucose(_))
    }
}

impl Cuff {
    /// What a cuff measured, at home, without symptoms.
    #[must_use]
    pub fn of(pressure: &BloodPressure) -> Self {
        Self {
            systolic: pressure.systolic,
            diastolic: pressure.diastolic,
            unit: pressure.unit,
            pulse: pressure.pulse,
            setting: Setting::Home,
            flags: pressure.flags,
            symptoms: Symptoms::default(),
            possible_duplicate: false,
        }
    }
}

/// The setting of a reading that does not say one, by its site (LINES 6.1, "Setting").
#[must_use]
pub const fn usual_setting(site: Option<SiteRole>) -> Setting {
    match site {
        Some(SiteRole::Van | SiteRole::Clinic | SiteRole::Township) => Setting::Clinic,
        Some(SiteRole::Home) | None => Setting::Home,
    }
}

/// The facts without copies, in the order in which they are judged.
///
/// Of copies, the one that the first gateway stored earliest stays, then the one of the smaller id
/// (LINES 6.1, "Duplicates first").
#[must_use]
pub(super) fn distinct(effective: impl Fn(&Fact) -> Timestamp, facts: &[Fact]) -> Vec<Fact> {
    let mut by_receipt: Vec<&Fact> = facts.iter().collect();
    by_receipt.sort_by_key(|fact| (fact.received_at, fact.id));
    let mut kept: Vec<&Fact> = Vec::with_capacity(facts.len());
    // Copies can only be found among facts that are alike; ids and sources index them.
    let mut ids = std::collections::BTreeSet::new();
    for fact in by_receipt {
        let copy = match &fact.source {
            None => false,
            Some(source) => kept.iter().any(|earlier| is_copy(fact, source, earlier)),
        };
        if !copy && ids.insert(fact.id) {
            kept.push(fact);
        }
    }
    kept.sort_by_key(|fact| (effective(fact), fact.id));
    kept.into_iter().cloned().collect()
}

fn is_copy(fact: &Fact, source: &Source, earlier: &Fact) -> bool {
    match (source, &earlier.source) {
        (
            Source::Device { device, sequence },
            Some(Source::Device { device: same, sequence: number }),
        ) => {
            device == same
                && ((sequence.is_some() && sequence == number)
                    || (fact.at == earlier.at && same_values(&fact.body, &earlier.body)))
        }
        (Source::Content, Some(Source::Content)) => {
            fact.at == earlier.at && fact.body == earlier.body
        }
        (Source::Device { .. }, _) | (Source::Content, _) => false,
    }
}

fn same_values(one: &Body, other: &Body) -> bool {
    match (one, other) {
        (Body::BloodPressure(one), Body::BloodPressure(other)) => {
            (one.systolic, one.diastolic, one.unit) == (other.systolic, other.diastolic, other.unit)
        }
        (Body::Glucose(one), Body::Glucose(other)) => {
            (one.value, one.unit) == (other.value, other.unit)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack() -> Pack {
        Pack::built_in().unwrap()
    }

    fn reading(place: u64, at: i64, received_at: i64, source: (&str, Option<u64>)) -> Fact {
        let pressure =
            BloodPressure::new(Decimal::from(184_u16), Decimal::from(100_u16), PressureUnit::MmHg);
        Fact {
            id: FactId::of_place(place),
            at: Timestamp::from_millis(at),
            received_at: Timestamp::from_millis(received_at),
            source: Some(Source::Device { device: source.0.into(), sequence: source.1 }),
            body: Body::BloodPressure(Cuff::of(&pressure)),
        }
    }

    #[track_caller]
    fn check(facts: &[Fact], expected: &[u128]) {
        let kept: Vec<u128> = distinct(|fact| fact.effective(&pack()), facts)
            .iter()
            .map(|fact| fact.id.place())
            .collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn of_copies_the_one_that_was_stored_earliest_stays() {
        let first = || reading(0, 0, 900, ("A", Some(7)));
        check(&[first(), reading(1, 0, 60, ("A", Some(7)))], &[1]);
        check(&[first(), reading(1, 0, 900, ("A", Some(7)))], &[0]);
        check(&[first(), reading(1, 5, 60, ("A", Some(7)))], &[1]);
        check(&[first(), reading(1, 0, 60, ("A", Some(8)))], &[1]);
        check(&[first(), reading(1, 5, 60, ("A", Some(8)))], &[0, 1]);
        check(&[first(), reading(1, 0, 60, ("B", Some(7)))], &[0, 1]);
        check(&[reading(0, 0, 0, ("A", None)), reading(1, 5, 0, ("A", None))], &[0, 1]);
    }

    #[test]
    fn facts_without_a_device_are_copies_only_with_the_same_content() {
        let act = |place, at, outcome| Fact {
            source: Some(Source::Content),
            body: Body::Act(Act { concept: Concept::BpEmergency, outcome }),
            ..reading(place, at, at, ("", None))
        };
        check(&[act(0, 1, ActOutcome::Seen), act(1, 1, ActOutcome::Seen)], &[0]);
        check(&[act(0, 1, ActOutcome::Seen), act(1, 1, ActOutcome::Closed)], &[0, 1]);
        check(&[act(0, 2, ActOutcome::Seen), act(1, 1, ActOutcome::Seen)], &[1, 0]);
    }

    #[test]
    fn without_a_source_the_id_alone_tells_copies() {
        let stored = |place| Fact { source: None, ..reading(place, 0, 0, ("A", Some(7))) };
        check(&[stored(0), stored(1), stored(0)], &[0, 1]);
    }

    #[test]
    fn a_stored_reading_becomes_a_fact_unless_it_is_control_solution() {
        let glucose = |control| {
            let value = GlucoseValue::Number("2.9".parse().unwrap());
            Measurement::Glucose(firmware_protocols::Glucose {
                control,
                ..firmware_protocols::Glucose::new(value, GlucoseUnit::MmolPerL)
            })
        };
        let of = |measurement| {
            Fact::of_reading(&pack(), &stored_reading(measurement), Some(SiteRole::Van))
        };
        assert_eq!(of(glucose(true)), None);
        let fact = of(glucose(false)).unwrap();
        assert_eq!((fact.id.reading(), fact.at.as_millis()), (Key::from_bytes([7; 16]), 5));
        let pressure =
            BloodPressure::new(Decimal::from(120_u16), Decimal::from(70_u16), PressureUnit::MmHg);
        let fact = of(Measurement::BloodPressure(pressure)).unwrap();
        assert!(matches!(fact.body, Body::BloodPressure(Cuff { setting: Setting::Clinic, .. })));
    }

    fn stored_reading(measurement: Measurement) -> StoredReading {
        use crate::domain::{DeviceId, Measured, Reading, Remarks, Road, SiteId, Standing};
        let at = Timestamp::from_millis(5);
        StoredReading {
            reading: Reading {
                id: Key::from_bytes([7; 16]),
                content: Key::from_bytes([8; 16]),
                measurement,
                device: DeviceId::new("D1").unwrap(),
                site: SiteId::new("van-1").unwrap(),
                bench: None,
                sequence: None,
                device_time: None,
                received_at: at,
                measured: Measured { at, grade: Grade::A },
                remarks: Remarks::default(),
                road: Road::Mqtt,
                unnumbered: false,
                written: None,
                raw: None,
            },
            attribution: None,
            context: None,
            told_symptoms: Vec::new(),
            standing: Standing::Stored,
            late: false,
            possible_duplicate: false,
            server_at: at,
            rebased_at: None,
        }
    }

    #[test]
    fn the_site_decides_the_setting_of_a_reading_that_does_not() {
        assert_eq!(usual_setting(Some(SiteRole::Van)), Setting::Clinic);
        assert_eq!(usual_setting(Some(SiteRole::Home)), Setting::Home);
        assert_eq!(usual_setting(None), Setting::Home);
    }
}
