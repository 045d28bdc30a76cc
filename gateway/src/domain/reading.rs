//! Readings: a measurement with a device, a site and times, and, beside it, whose it is.

use firmware_protocols::{BloodPressure, Flags, Glucose, Meal, Measurement};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    AtBench, BenchId, ContentDigest, DeviceId, Measured, Millis, PersonId, ReadingId, SiteId,
    Timestamp,
};

/// Where a value was taken, which decides the line it is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// At home.
    Home,
    /// At a van, a clinic or a township centre.
    Clinic,
}

/// How the device numbers its readings: a counter within one life of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// One life of the counter, where the device says which.
    pub epoch: Option<u64>,
    /// The number within it.
    pub number: u64,
}

/// By which road a delivery came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Road {
    /// A serial line.
    Serial,
    /// The gateway's own MQTT listener.
    Mqtt,
    /// A broker between the sender and the gateway.
    Broker,
    /// `POST /api/v1/readings`.
    Http,
    /// Somebody typed it because a device failed: no device said it.
    Typed,
}

/// What the sender of a measurement said beside the measurement itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Remarks {
    /// The person the sender named, believed only if the registry knows them.
    pub person: Option<PersonId>,
    /// Home or clinic, where the sender said.
    pub setting: Option<Setting>,
    /// Danger symptoms, by the codes of the rule pack; codes it does not know are kept too.
    pub symptoms: Vec<SmolStr>,
    /// Whatever else the sender wrote, as one JSON object.
    pub attributes: Option<String>,
}

/// A reading without a person: what a device said, where, and when. It never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What makes another delivery the same reading.
    pub id: ReadingId,
    /// What makes another delivery with the same id a conflict.
    pub content: ContentDigest,
    /// The native values and units.
    pub measurement: Measurement,
    /// The device that took it.
    pub device: DeviceId,
    /// Where it was received.
    pub site: SiteId,
    /// The bench the device stood at, if any.
    pub bench: Option<BenchId>,
    /// The device's own number, if it gives any.
    pub sequence: Option<Sequence>,
    /// Device time exactly as sent.
    pub device_time: Option<SmolStr>,
    /// When the first gateway had it.
    pub received_at: Timestamp,
    /// The estimate of when it was taken.
    pub measured: Measured,
    /// What the sender said beside it.
    pub remarks: Remarks,
    /// By which road it came.
    pub road: Road,
    /// It has neither number nor time, so a second copy could not be told apart.
    pub unnumbered: bool,
    /// The device frame, where there was one.
    pub raw: Option<Vec<u8>>,
    /// The JSON it was written in, on its way to the store: kept only with what has to wait.
    pub written: Option<Box<str>>,
}

impl Reading {
    /// The measured estimate, or the time of receipt where the device's clock runs ahead by more
    /// than the pack's `future_skew_minutes`.
    #[must_use]
    pub fn effective_at(&self, future_skew: Millis) -> Timestamp {
        if self.measured.at > self.received_at.plus(future_skew) {
            self.received_at
        } else {
            self.measured.at
        }
    }

    /// The quality marks of a blood pressure; none for glucose.
    #[must_use]
    pub fn flags(&self) -> Flags {
        match &self.measurement {
            Measurement::BloodPressure(BloodPressure { flags, .. }) => *flags,
            Measurement::Glucose(_) => Flags::default(),
        }
    }

    /// When the value was taken relative to food; unknown for blood pressure.
    #[must_use]
    pub fn meal(&self) -> Meal {
        match &self.measurement {
            Measurement::Glucose(Glucose { meal, .. }) => *meal,
            Measurement::BloodPressure(_) => Meal::Unknown,
        }
    }

    /// The kind's name on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.measurement {
            Measurement::BloodPressure(_) => "blood_pressure",
            Measurement::Glucose(_) => "glucose",
        }
    }
}

/// Why a reading belongs to a person, in the order in which the bases are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The sender named a person whom the registry knows.
    Payload,
    /// A bench session was open when the value was taken.
    BenchSession,
    /// The device belongs to a person.
    DeviceOwner,
    /// The device named the user slot of a person.
    DeviceSlot,
    /// A nurse or a doctor claimed it from quarantine.
    Claim,
}

/// Whose a reading is, and why. A fact of its own: the latest one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The person.
    pub person: PersonId,
    /// Why.
    pub basis: Basis,
    /// By which session of a bench, if by one.
    pub session: Option<Box<AtBench>>,
}

impl Attribution {
    /// Somebody's by anything but a session.
    #[must_use]
    pub const fn new(person: PersonId, basis: Basis) -> Self {
        Self { person, basis, session: None }
    }
}

/// Whether a stored reading takes part in the assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Within the pack's validity.
    Stored,
    /// Outside the pack's validity: shown struck through, seen by no line but DQ and those for
    /// extreme values.
    Rejected,
}

/// The meal's code on the wire (DESIGN section 9, MQTT).
#[must_use]
pub const fn meal_name(meal: Meal) -> &'static str {
    match meal {
        Meal::Fasting => "fasting",
        Meal::BeforeMeal => "before_meal",
        Meal::AfterMeal => "after_meal",
        Meal::Random => "random",
        Meal::Bedtime => "bedtime",
        Meal::Unknown => "unknown",
    }
}

/// The quality marks that are set, by their codes on the wire, each with its bit in stored form.
#[must_use]
pub const fn flag_bits(flags: Flags) -> [(&'static str, u8, bool); 5] {
    [
        ("body_movement", 1, flags.body_movement),
        ("cuff_too_loose", 2, flags.cuff_too_loose),
        ("improper_position", 4, flags.improper_position),
        ("irregular_pulse", 8, flags.irregular_pulse),
        ("pulse_out_of_range", 16, flags.pulse_out_of_range),
    ]
}
