//! Readings.

use firmware_protocols::{
    BloodPressure, DateTime, Flags, Glucose, GlucoseUnit, GlucoseValue, Measurement, PressureUnit,
};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{At, Exact, No, Raw, meal, word};
use crate::{
    domain::{
        Attribution, Basis, BenchId, ContentDigest, DeviceId, Grade, Measured, PersonId, Reading,
        ReadingId, Remarks, Road, Sequence, Setting, SiteId, Standing, flag_bits, meal_name,
    },
    store::StoredReading,
};

/// A device's own clock: year, month, day, hour, minute, second.
#[derive(Serialize, Deserialize)]
struct Clock(u16, u8, u8, u8, u8, u8);

impl From<DateTime> for Clock {
    fn from(at: DateTime) -> Self {
        Self(at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second())
    }
}

impl TryFrom<Clock> for DateTime {
    type Error = No;

    fn try_from(Clock(year, month, day, hour, minute, second): Clock) -> Result<Self, No> {
        Self::new(year, month, day, hour, minute, second).map_err(|_no_moment| "moment")
    }
}

/// What a device said of its record, whatever it measures.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<Clock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Value {
    Number(Exact),
    High,
    Low,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Native {
    BloodPressure {
        systolic: Exact,
        diastolic: Exact,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mean: Option<Exact>,
        unit: SmolStr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pulse: Option<Exact>,
        /// The bits of [`flag_bits`].
        flags: u8,
        record: Record,
    },
    Glucose {
        value: Value,
        unit: SmolStr,
        meal: SmolStr,
        control: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sample_type: Option<u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sample_location: Option<u8>,
        record: Record,
    },
}

impl From<&Measurement> for Native {
    fn from(measurement: &Measurement) -> Self {
        match measurement {
            Measurement::BloodPressure(it) => Self::BloodPressure {
                systolic: it.systolic.into(),
                diastolic: it.diastolic.into(),
                mean: it.mean.map(Exact::from),
                unit: SmolStr::new_static(it.unit.name()),
                pulse: it.pulse.map(Exact::from),
                flags: flag_bits(it.flags)
                    .iter()
                    .filter(|(_, _, set)| *set)
                    .fold(0, |bits, (_, bit, _)| bits | bit),
                record: Record {
                    status: it.status,
                    clock: it.device_time.map(Clock::from),
                    number: it.sequence,
                    user: it.user,
                },
            },
            Measurement::Glucose(it) => Self::Glucose {
                value: match it.value {
                    GlucoseValue::Number(value) => Value::Number(value.into()),
                    GlucoseValue::High => Value::High,
                    GlucoseValue::Low => Value::Low,
                },
                unit: SmolStr::new_static(it.unit.name()),
                meal: SmolStr::new_static(meal_name(it.meal)),
                control: it.control,
                sample_type: it.sample_type,
                sample_location: it.sample_location,
                record: Record {
                    status: it.status,
                    clock: it.device_time.map(Clock::from),
                    number: it.sequence,
                    user: it.user,
                },
            },
        }
    }
}

const fn flags(bits: u8) -> Flags {
    Flags {
        body_movement: bits & 1 != 0,
        cuff_too_loose: bits & 2 != 0,
        improper_position: bits & 4 != 0,
        irregular_pulse: bits & 8 != 0,
        pulse_out_of_range: bits & 16 != 0,
    }
}

impl TryFrom<Native> for Measurement {
    type Error = No;

    fn try_from(native: Native) -> Result<Self, No> {
        let time = |clock: Option<Clock>| clock.map(DateTime::try_from).transpose();
        Ok(match native {
            Native::BloodPressure {
                systolic,
                diastolic,
                mean,
                unit,
                pulse,
                flags: bits,
                record,
            } => {
                let units = [PressureUnit::MmHg, PressureUnit::KPa];
                Self::BloodPressure(BloodPressure {
                    systolic: systolic.into(),
                    diastolic: diastolic.into(),
                    mean: mean.map(Into::into),
                    unit: word(&unit, &units, PressureUnit::name, "unit of pressure")?,
                    pulse: pulse.map(Into::into),
                    flags: flags(bits),
                    status: record.status,
                    device_time: time(record.clock)?,
                    sequence: record.number,
                    user: record.user,
                })
            }
            Native::Glucose {
                value,
                unit,
                meal: eaten,
                control,
                sample_type,
                sample_location,
                record,
            } => {
                let units = [GlucoseUnit::MgPerDl, GlucoseUnit::MmolPerL];
                Self::Glucose(Glucose {
                    value: match value {
                        Value::Number(value) => GlucoseValue::Number(value.into()),
                        Value::High => GlucoseValue::High,
                        Value::Low => GlucoseValue::Low,
                    },
                    unit: word(&unit, &units, GlucoseUnit::name, "unit of glucose")?,
                    meal: meal(&eaten)?,
                    control,
                    sample_type,
                    sample_location,
                    status: record.status,
                    device_time: time(record.clock)?,
                    sequence: record.number,
                    user: record.user,
                })
            }
        })
    }
}

/// Whose a reading is: the person and why.
#[derive(Serialize, Deserialize)]
pub(super) struct Whose(PersonId, Basis);

impl From<&Attribution> for Whose {
    fn from(of: &Attribution) -> Self {
        Self(of.person.clone(), of.basis)
    }
}

impl From<Whose> for Attribution {
    fn from(Whose(person, basis): Whose) -> Self {
        Self { person, basis }
    }
}

/// What a device said, where and when.
#[derive(Serialize, Deserialize)]
pub(super) struct Taken {
    id: ReadingId,
    content: ContentDigest,
    native: Native,
    device: DeviceId,
    site: SiteId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bench: Option<BenchId>,
    /// Epoch and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<(Option<u64>, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_time: Option<SmolStr>,
    received_at: At,
    at: At,
    grade: Grade,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<PersonId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    setting: Option<Setting>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    symptoms: Vec<SmolStr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<String>,
    road: Road,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unnumbered: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<Raw>,
}

impl From<&Reading> for Taken {
    fn from(it: &Reading) -> Self {
        Self {
            id: it.id,
            content: it.content,
            native: (&it.measurement).into(),
            device: it.device.clone(),
            site: it.site.clone(),
            bench: it.bench.clone(),
            sequence: it.sequence.map(|of| (of.epoch, of.number)),
            device_time: it.device_time.clone(),
            received_at: it.received_at.into(),
            at: it.measured.at.into(),
            grade: it.measured.grade,
            person: it.remarks.person.clone(),
            setting: it.remarks.setting,
            symptoms: it.remarks.symptoms.clone(),
            attributes: it.remarks.attributes.clone(),
            road: it.road,
            unnumbered: it.unnumbered,
            raw: it.raw.clone().map(Raw),
        }
    }
}

impl TryFrom<Taken> for Reading {
    type Error = No;

    fn try_from(it: Taken) -> Result<Self, No> {
        Ok(Self {
            id: it.id,
            content: it.content,
            measurement: it.native.try_into()?,
            device: it.device,
            site: it.site,
            bench: it.bench,
            sequence: it.sequence.map(|(epoch, number)| Sequence { epoch, number }),
            device_time: it.device_time,
            received_at: it.received_at.into(),
            measured: Measured { at: it.at.into(), grade: it.grade },
            remarks: Remarks {
                person: it.person,
                setting: it.setting,
                symptoms: it.symptoms,
                attributes: it.attributes,
            },
            road: it.road,
            unnumbered: it.unnumbered,
            raw: it.raw.map(|raw| raw.0),
            written: None,
        })
    }
}

/// A reading as the first gateway stored it.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    taken: Taken,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whose: Option<Whose>,
    standing: Standing,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    possible_duplicate: bool,
}

impl From<&StoredReading> for Stored {
    fn from(it: &StoredReading) -> Self {
        Self {
            taken: (&it.reading).into(),
            whose: it.attribution.as_ref().map(Whose::from),
            standing: it.standing,
            late: it.late,
            possible_duplicate: it.possible_duplicate,
        }
    }
}

impl TryFrom<Stored> for StoredReading {
    type Error = No;

    /// When this gateway had it, it says itself: until then the first gateway's receipt stands there.
    fn try_from(it: Stored) -> Result<Self, No> {
        let reading = Reading::try_from(it.taken)?;
        Ok(Self {
            attribution: it.whose.map(Attribution::from),
            context: None,
            told_symptoms: Vec::new(),
            standing: it.standing,
            late: it.late,
            possible_duplicate: it.possible_duplicate,
            server_at: reading.received_at,
            rebased_at: None,
            reading,
        })
    }
}
