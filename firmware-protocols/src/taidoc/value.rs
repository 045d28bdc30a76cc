//! The answer to command 26, which means something else on every kind of meter (FORMATS §4).

use crate::codec::{FieldSink, Value};
use crate::decimal::Decimal;
use crate::error::DecodeError;
use crate::measurement::{
    BloodPressure, Glucose, GlucoseUnit, GlucoseValue, Meal, Meaning, Measurement, PressureUnit,
};
use crate::taidoc::Frame;

/// What a meter measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A cuff.
    BloodPressure,
    /// A glucose meter.
    Glucose,
    /// A thermometer.
    Thermometer,
    /// An oximeter.
    Oximeter,
    /// A scale, with frames of seven bytes.
    Scale,
}

impl Kind {
    /// The kind of a model name of the format.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "bp" => Some(Self::BloodPressure),
            "glucose" => Some(Self::Glucose),
            "thermometer" => Some(Self::Thermometer),
            "oximeter" => Some(Self::Oximeter),
            "scale" => Some(Self::Scale),
            _ => None,
        }
    }
}

/// The type code of blood glucose; 6 Hct, 7 ketone, 8 uric acid, 9 cholesterol, 11 Hb, 12 lactate,
/// 13 triglycerides are other strips. An enumeration, not a set of bits.
const TYPE_GLUCOSE: u8 = 0;
/// What a glucose meter stores in place of a value.
const INVALID_GLUCOSE: [u16; 2] = [255, 65_535];

pub(super) fn decode(
    frame: Frame,
    kind: Kind,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    match kind {
        Kind::BloodPressure => decode_pressure(frame, out),
        Kind::Glucose => decode_glucose(frame, LowBits::Type, out),
        Kind::Thermometer => {
            frame.put_fields(out);
            let tenths = Decimal::new(i64::from(twelve_bits(frame)), -1);
            out.field("object_temp_C", Value::Decimal(tenths));
            Ok(Meaning::Event("temperature"))
        }
        Kind::Oximeter => {
            frame.put_fields(out);
            let [_, _, _, pulse] = frame.payload;
            out.field("spo2_pct", twelve_bits(frame).into());
            out.field("pulse_bpm", pulse.into());
            Ok(Meaning::Event("oxygen_saturation"))
        }
        Kind::Scale => {
            frame.put_fields(out);
            Ok(Meaning::Event("weight"))
        }
    }
}

fn twelve_bits(frame: Frame) -> u16 {
    let [low, high, _, _] = frame.payload;
    u16::from_le_bytes([low, high & 0x0F])
}

/// d0 systolic, d1 mean or 0, d2 diastolic, d3 pulse. One source reads d1 as the high byte of the
/// systolic pressure; a d1 that is neither 0 nor a mean contradicts this layout and is refused,
/// never guessed (FORMATS §4, §12).
fn decode_pressure(frame: Frame, out: &mut dyn FieldSink) -> Result<Meaning, DecodeError> {
    let [systolic, mean, diastolic, pulse] = frame.payload;
    if mean != 0 && !(diastolic..=systolic).contains(&mean) {
        return Err(DecodeError::InvalidReading);
    }
    let mean = Some(mean).filter(|mean| *mean != 0);
    frame.put_fields(out);
    out.field("systolic_mmHg", systolic.into());
    out.field("diastolic_mmHg", diastolic.into());
    out.field("map_mmHg", mean.map_or(Value::Null, Value::from));
    out.field("pulse_bpm", pulse.into());
    Ok(Meaning::Measurement(Measurement::BloodPressure(BloodPressure {
        mean: mean.map(Decimal::from),
        pulse: Some(pulse.into()),
        ..BloodPressure::new(systolic.into(), diastolic.into(), PressureUnit::MmHg)
    })))
}

/// What d3 b0-5 of a glucose value says: on multi-strip meters b2-5 are the type of the strip, on
/// the 2-in-1 D40 all six are a strip code and every strip is glucose (FORMATS §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LowBits {
    Type,
    StripCode,
}

/// d0 | d1 << 8 mg/dL, d2 ambient temperature, d3 context (b6-7) and the rest as [`LowBits`] says.
pub(super) fn decode_glucose(
    frame: Frame,
    low_bits: LowBits,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let [low, high, ambient, bits] = frame.payload;
    let value = u16::from_le_bytes([low, high]);
    let sample_type = match low_bits {
        LowBits::Type => (bits >> 2) & 0x0F,
        LowBits::StripCode => TYPE_GLUCOSE,
    };
    if sample_type == TYPE_GLUCOSE && INVALID_GLUCOSE.contains(&value) {
        return Err(DecodeError::InvalidReading);
    }
    let (context, meal) = match bits >> 6 {
        0 => ("general", Meal::Unknown),
        1 => ("ac", Meal::BeforeMeal),
        2 => ("pc", Meal::AfterMeal),
        _ => ("qc", Meal::Unknown),
    };
    frame.put_fields(out);
    out.field("context", Value::Text(context));
    out.field("ambient", ambient.into());
    out.field("type", sample_type.into());
    if sample_type != TYPE_GLUCOSE {
        out.field("value_raw", value.into());
        return Ok(Meaning::Event("other_analyte"));
    }
    out.field("glucose_mg_dL", value.into());
    Ok(Meaning::Measurement(Measurement::Glucose(Glucose {
        meal,
        control: context == "qc",
        sample_type: Some(sample_type),
        ..Glucose::new(GlucoseValue::Number(value.into()), GlucoseUnit::MgPerDl)
    })))
}
