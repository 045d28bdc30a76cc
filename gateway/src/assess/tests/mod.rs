//! The lines at their edges, the order of facts, and what a reading costs.

mod below_red;
mod in_force;
mod lines;
mod measure;
mod order;
mod own_plan;
mod tracked;

use firmware_protocols::{Decimal, Flags, GlucoseUnit, GlucoseValue, Meal, PressureUnit};

use super::*;
use crate::domain::{Millis, PersonId, Setting, Timestamp};

/// Monday 2026-03-02, 07:00 in China: minute 0 of every case.
pub(super) fn minute(count: i64) -> Timestamp {
    Timestamp::parse("2026-03-02T07:00:00+08:00").unwrap().plus(Millis::minutes(count))
}

pub(super) const DAY: i64 = 24 * 60;

pub(super) fn patient() -> Patient {
    Patient::new(PersonId::new("P000001").unwrap()).aged(58)
}

pub(super) fn hypertensive() -> Patient {
    patient().with(Condition::Hypertension)
}

pub(super) fn diabetic() -> Patient {
    patient().with(Condition::Diabetes)
}

/// A plan as the registry has it.
pub(super) fn own_plan(json: &str) -> crate::domain::Plan {
    serde_json::from_str(json).unwrap()
}

fn fact(at: i64, body: Body) -> Fact {
    let at = minute(at);
    Fact { id: FactId::of_place(0), at, received_at: at, source: None, body }
}

pub(super) fn bp(at: i64, systolic: i64, diastolic: i64) -> Fact {
    fact(
        at,
        Body::BloodPressure(Cuff {
            systolic: Decimal::from(systolic),
            diastolic: Decimal::from(diastolic),
            unit: PressureUnit::MmHg,
            pulse: None,
            setting: Setting::Home,
            flags: Flags::default(),
            symptoms: Symptoms::default(),
            possible_duplicate: false,
        }),
    )
}

pub(super) fn sugar(at: i64, value: &str) -> Fact {
    let (value, unit) = match value.split_once(' ') {
        Some((value, _)) => (value, GlucoseUnit::MgPerDl),
        None => (value, GlucoseUnit::MmolPerL),
    };
    let value = match value {
        "HI" => GlucoseValue::High,
        "LO" => GlucoseValue::Low,
        number => GlucoseValue::Number(number.parse().unwrap()),
    };
    let symptoms = Symptoms::default();
    fact(at, Body::Glucose(Meter { value, unit, meal: Meal::Random, symptoms }))
}

pub(super) fn fasting(at: i64, value: &str) -> Fact {
    let mut fact = sugar(at, value);
    if let Body::Glucose(meter) = &mut fact.body {
        meter.meal = Meal::Fasting;
    }
    fact
}

pub(super) fn act(at: i64, concept: Concept, outcome: ActOutcome) -> Fact {
    fact(at, Body::Act(Act { concept, outcome }))
}

pub(super) fn watermark(at: i64, known_at: i64) -> Fact {
    Fact { received_at: minute(known_at), ..fact(at, Body::Watermark) }
}

pub(super) fn followup(at: i64, systolic: i64, diastolic: i64) -> Fact {
    fact(
        at,
        Body::FollowUp(FollowUp {
            pressure: Some((Decimal::from(systolic), Decimal::from(diastolic))),
            fasting: None,
            symptoms: Symptoms::default(),
        }),
    )
}

pub(super) fn stored(fact: Fact, received_at: i64) -> Fact {
    Fact { received_at: minute(received_at), ..fact }
}

pub(super) fn loose(mut fact: Fact) -> Fact {
    if let Body::BloodPressure(cuff) = &mut fact.body {
        cuff.flags.cuff_too_loose = true;
    }
    fact
}

pub(super) fn with_symptom(pack: &Pack, mut fact: Fact, code: &str) -> Fact {
    let symptoms = pack.symptoms.find(&[code]);
    match &mut fact.body {
        Body::BloodPressure(cuff) => cuff.symptoms = symptoms,
        Body::Glucose(meter) => meter.symptoms = symptoms,
        Body::FollowUp(_) | Body::Act(_) | Body::Money(_) | Body::Watermark | Body::Tick => {}
    }
    fact
}

/// Numbers the facts by their places.
pub(super) fn numbered(facts: Vec<Fact>) -> Vec<Fact> {
    let places = 0_u64..;
    let number = |(fact, place)| Fact { id: FactId::of_place(place), ..fact };
    facts.into_iter().zip(places).map(number).collect()
}
