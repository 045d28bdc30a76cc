//! What a device said: whatever the wire can carry, in the device's own units and time.
//!
//! Plausibility is not asked here; the rule pack's `validity` is the only judge. Nothing is
//! converted here either (FORMATS §2.1).

use crate::decimal::Decimal;
pub use crate::time::DateTime;

/// What a valid frame means to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A reading of a patient or of control solution.
    Measurement(Measurement),
    /// A valid frame that is no measurement. The names are stable:
    ///
    /// - no reading came of it: `failed_measurement`, `no_value`;
    /// - belongs to a reading: `glucose_context`, `record_time`, `value_without_model`;
    /// - another quantity: `other_analyte`, `temperature`, `oxygen_saturation`, `weight`;
    /// - on the way to a reading: `inflation`, `cuff_pressure`, `cuff_started`;
    /// - about the device: `device_clock`, `battery`, `model`, `serial_number`, `record_count`,
    ///   `glucose_feature`, `connected`, `acknowledged`, `power_off`, `memory_cleared`,
    ///   `record_access_response`;
    /// - from a reader of cards: `card`, `line_end`, `reader_state`;
    /// - from the host: `command`;
    /// - a bare number: `number`;
    /// - valid, with codes that have no name here: `unknown_frame`, `unknown_answer`.
    Event(&'static str),
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measurement {
    /// A blood pressure.
    BloodPressure(BloodPressure),
    /// A blood glucose.
    Glucose(Glucose),
}

impl Measurement {
    /// The time the device gave it; `None` where it gave none or an impossible one.
    #[must_use]
    pub const fn device_time(&self) -> Option<DateTime> {
        match self {
            Self::BloodPressure(pressure) => pressure.device_time,
            Self::Glucose(glucose) => glucose.device_time,
        }
    }

    /// The device's own number of this record.
    #[must_use]
    pub const fn sequence(&self) -> Option<u32> {
        match self {
            Self::BloodPressure(pressure) => pressure.sequence,
            Self::Glucose(glucose) => glucose.sequence,
        }
    }

    /// The user slot of the device.
    #[must_use]
    pub const fn user(&self) -> Option<u8> {
        match self {
            Self::BloodPressure(pressure) => pressure.user,
            Self::Glucose(glucose) => glucose.user,
        }
    }
}

/// The unit of a pressure, as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PressureUnit {
    /// Millimetres of mercury.
    MmHg,
    /// Kilopascal.
    KPa,
}

impl PressureUnit {
    /// `mmHg` or `kPa`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MmHg => "mmHg",
            Self::KPa => "kPa",
        }
    }
}

/// What a cuff said about the circumstances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent bits of a status word")]
pub struct Flags {
    /// The body moved.
    pub body_movement: bool,
    /// The cuff was too loose.
    pub cuff_too_loose: bool,
    /// The pulse was irregular.
    pub irregular_pulse: bool,
    /// The pulse was above or below the range of the device.
    pub pulse_out_of_range: bool,
    /// The cuff was not at the height of the heart.
    pub improper_position: bool,
}

/// A blood pressure as the cuff sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BloodPressure {
    /// Systolic pressure in `unit`.
    pub systolic: Decimal,
    /// Diastolic pressure in `unit`.
    pub diastolic: Decimal,
    /// Mean arterial pressure in `unit`; `None` where absent or sent as 0 (FORMATS §2.4).
    pub mean: Option<Decimal>,
    /// Unit of the three pressures.
    pub unit: PressureUnit,
    /// Pulse in beats per minute.
    pub pulse: Option<Decimal>,
    /// Circumstances.
    pub flags: Flags,
    /// The status word as sent, with bits that have no name here.
    pub status: Option<u16>,
    /// Naive device-local time; `None` where unknown or never said.
    pub device_time: Option<DateTime>,
    /// The device's own record number.
    pub sequence: Option<u32>,
    /// The device's user slot; `None` where unknown or never said.
    pub user: Option<u8>,
}

impl BloodPressure {
    /// Two pressures and nothing else known.
    #[must_use]
    pub const fn new(systolic: Decimal, diastolic: Decimal, unit: PressureUnit) -> Self {
        Self {
            systolic,
            diastolic,
            mean: None,
            unit,
            pulse: None,
            flags: Flags {
                body_movement: false,
                cuff_too_loose: false,
                irregular_pulse: false,
                pulse_out_of_range: false,
                improper_position: false,
            },
            status: None,
            device_time: None,
            sequence: None,
            user: None,
        }
    }
}

/// The unit of a glucose value, as sent or exactly scaled from what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GlucoseUnit {
    /// Milligrams per decilitre.
    MgPerDl,
    /// Millimoles per litre.
    MmolPerL,
}

impl GlucoseUnit {
    /// `mg/dL` or `mmol/L`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MgPerDl => "mg/dL",
            Self::MmolPerL => "mmol/L",
        }
    }
}

/// A glucose value, or which end of its range the meter met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GlucoseValue {
    /// A number in the measurement's unit.
    Number(Decimal),
    /// Above what the meter can measure.
    High,
    /// Below what the meter can measure.
    Low,
}

/// What the meter was told about the last meal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Meal {
    /// Nothing eaten for hours.
    Fasting,
    /// Before a meal.
    BeforeMeal,
    /// After a meal.
    AfterMeal,
    /// At any time.
    Random,
    /// At bedtime.
    Bedtime,
    /// Not said, or a code without a name.
    #[default]
    Unknown,
}

/// A blood glucose as the meter sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glucose {
    /// The value in `unit`.
    pub value: GlucoseValue,
    /// Unit of the value.
    pub unit: GlucoseUnit,
    /// Relation to the last meal.
    pub meal: Meal,
    /// True for control solution: never a patient's value.
    pub control: bool,
    /// The sample type code as sent, in the numbering of the format.
    pub sample_type: Option<u8>,
    /// The sample location code as sent (Bluetooth Glucose Measurement only).
    pub sample_location: Option<u8>,
    /// The status word as sent, with bits that have no name here.
    pub status: Option<u16>,
    /// Naive device-local time; `None` where unknown or never said.
    pub device_time: Option<DateTime>,
    /// The device's own record number.
    pub sequence: Option<u32>,
    /// The device's user slot.
    pub user: Option<u8>,
}

impl Glucose {
    /// A value and nothing else known.
    #[must_use]
    pub const fn new(value: GlucoseValue, unit: GlucoseUnit) -> Self {
        Self {
            value,
            unit,
            meal: Meal::Unknown,
            control: false,
            sample_type: None,
            sample_location: None,
            status: None,
            device_time: None,
            sequence: None,
            user: None,
        }
    }
}
