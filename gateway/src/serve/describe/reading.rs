//! Readings.

use firmware_protocols::{BloodPressure, Glucose, GlucoseValue, Measurement};

use crate::{
    domain::{AtBench, Basis, Grade, OpenedBy, Road, Setting, Standing, flag_bits, meal_name},
    serve::{
        trail,
        wire::{self, Number, Value},
    },
    store::{CommitSeq, StoredReading},
};

/// A stored reading as it leaves.
pub(in crate::serve) fn reading(seq: CommitSeq, stored: &StoredReading) -> wire::Reading {
    let reading = &stored.reading;
    if let Some(of) = &stored.attribution {
        trail::shows(&of.person);
    }
    let plain = wire::Reading {
        id: reading.id.to_string(),
        kind: reading.kind(),
        person: stored.attribution.as_ref().map(|of| of.person.to_string()),
        device: reading.device.to_string(),
        site: reading.site.to_string(),
        bench: reading.bench.as_ref().map(ToString::to_string),
        seq: reading.sequence.map(|sequence| sequence.number),
        epoch: reading.sequence.and_then(|sequence| sequence.epoch),
        measured_at: reading.measured.at.to_string(),
        device_time: reading.device_time.as_ref().map(ToString::to_string),
        received_at: reading.received_at.to_string(),
        server_at: stored.server_at.to_string(),
        rebased_at: stored.rebased_at.map(|at| at.to_string()),
        grade: grade(reading.measured.grade),
        unit: "",
        systolic: None,
        diastolic: None,
        mean: None,
        pulse: None,
        value: None,
        meal: None,
        flags: flag_bits(reading.flags())
            .into_iter()
            .filter_map(|(name, _, set)| set.then_some(name))
            .collect(),
        symptoms: reading.remarks.symptoms.iter().map(ToString::to_string).collect(),
        setting: reading.remarks.setting.map(setting),
        sample: None,
        status: match stored.standing {
            Standing::Stored => "stored",
            Standing::Rejected => "rejected",
        },
        late: stored.late,
        possible_duplicate: stored.possible_duplicate,
        source: road(reading.road),
        basis: stored.attribution.as_ref().map(|of| basis(of.basis)),
        session: session_of(stored).map(session),
        operator: operator(stored),
        commit: seq.0,
    };
    match &reading.measurement {
        Measurement::BloodPressure(pressure) => with_pressure(plain, pressure),
        Measurement::Glucose(glucose) => {
            wire::Reading { meal: Some(meal_name(stored.meal())), ..with_glucose(plain, glucose) }
        }
    }
}

fn session_of(stored: &StoredReading) -> Option<&AtBench> {
    stored.attribution.as_ref()?.session.as_deref()
}

fn session(session: &AtBench) -> wire::SessionOf {
    wire::SessionOf {
        bench: session.bench.to_string(),
        from: session.from.to_string(),
        opened_by: session.opened_by.as_str(),
        name: session.opened_by.name().map(str::to_owned),
    }
}

/// Who measured: a member `operator` that the sender gave is kept with the reading as it came.
fn operator(stored: &StoredReading) -> Option<String> {
    let attributes = stored.reading.remarks.attributes.as_deref();
    let said = attributes.filter(|text| text.contains("\"operator\""));
    let said =
        said.and_then(|text| serde_json::from_str::<wire::OperatorSaid>(text).ok()?.operator);
    let opener = || match &session_of(stored)?.opened_by {
        OpenedBy::Staff(who) => Some(who.to_string()),
        OpenedBy::Reader(_) => None,
    };
    said.or_else(opener)
}

fn with_pressure(plain: wire::Reading, pressure: &BloodPressure) -> wire::Reading {
    wire::Reading {
        unit: pressure.unit.name(),
        systolic: Some(Number(pressure.systolic)),
        diastolic: Some(Number(pressure.diastolic)),
        mean: pressure.mean.map(Number),
        pulse: pressure.pulse.map(Number),
        ..plain
    }
}

fn with_glucose(plain: wire::Reading, glucose: &Glucose) -> wire::Reading {
    wire::Reading {
        unit: glucose.unit.name(),
        value: Some(match glucose.value {
            GlucoseValue::Number(number) => Value::Number(Number(number)),
            GlucoseValue::High => Value::End("HI"),
            GlucoseValue::Low => Value::End("LO"),
        }),
        sample: glucose.control.then_some("control"),
        ..plain
    }
}

pub(super) const fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::A => "A",
        Grade::B => "B",
        Grade::C => "C",
        Grade::D => "D",
    }
}

const fn setting(setting: Setting) -> &'static str {
    match setting {
        Setting::Home => "home",
        Setting::Clinic => "clinic",
    }
}

pub(super) const fn road(road: Road) -> &'static str {
    match road {
        Road::Serial => "serial",
        Road::Mqtt => "mqtt",
        Road::Broker => "broker",
        Road::Http => "http",
        Road::Typed => "typed",
    }
}

const fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Payload => "payload",
        Basis::BenchSession => "bench_session",
        Basis::DeviceOwner => "device_owner",
        Basis::DeviceSlot => "device_slot",
        Basis::Claim => "claim",
    }
}
