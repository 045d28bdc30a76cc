//! `sig-glucose-2a18`: the Glucose Measurement characteristic (FORMATS §3.3; Bluetooth Glucose
//! Service, "Glucose Measurement").
//!
//! The true time is base time plus offset. Concentrations are kg/L or mol/L and are scaled in
//! decimal: × 100 000 is mg/dL, × 1000 is mmol/L (FORMATS §2.1).

use crate::bytes::{Packet, Reader};
use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::decimal::Decimal;
use crate::deframe::{Framing, Scan};
use crate::error::DecodeError;
use crate::ieee11073::{Real, Sfloat};
use crate::measurement::{Glucose, GlucoseUnit, GlucoseValue, Meaning, Measurement};
use crate::sig::date_time::SigDateTime;
use crate::time::DateTime;

/// `sig-glucose-2a18`.
pub const FORMAT: Format = Format {
    name: "sig-glucose-2a18",
    models: &[],
    parts: &[Part::Frame],
    decode,
    framing: Some(|_model| Framing { scan, intact: super::always_intact }),
};

/// Flags, sequence number and base time (FORMATS §2.4).
const FIXED_LENGTH: usize = 10;

mod flag {
    pub(super) const OFFSET: u8 = 0x01;
    pub(super) const CONCENTRATION: u8 = 0x02;
    pub(super) const MOL_PER_L: u8 = 0x04;
    pub(super) const STATUS: u8 = 0x08;
    pub(super) const CONTEXT: u8 = 0x10;
}

/// Status bits "result higher / lower than the device can process" (FORMATS §3.3;
/// Bluetooth Glucose Service, "Sensor Status Annunciation Field").
const RESULT_HIGH: u16 = 0x20;
const RESULT_LOW: u16 = 0x40;
/// Sample type and location of control solution (FORMATS §3.3).
const TYPE_CONTROL: u8 = 10;
const LOCATION_CONTROL: u8 = 4;
/// An offset at either end says that the true one did not fit (Bluetooth Glucose Service,
/// "Time Offset Field").
const OFFSET_OVERRUN: i16 = i16::MAX;
const OFFSET_UNDERRUN: i16 = i16::MIN;

/// Status bits 0 to 11 (FORMATS §3.3; Bluetooth Glucose Service, "Sensor Status Annunciation
/// Field").
const STATUS_NAMES: [&str; 12] = [
    "battery_low",
    "sensor_malfunction",
    "sample_insufficient",
    "strip_insertion",
    "strip_type",
    "result_high",
    "result_low",
    "temp_too_high",
    "temp_too_low",
    "read_interrupt",
    "general_fault",
    "time_fault",
];

/// A concentration with what it was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concentration {
    /// The value in kg/L or mol/L.
    pub value: Sfloat,
    /// Sample type, 0 to 15.
    pub sample_type: u8,
    /// Sample location, 0 to 15.
    pub location: u8,
}

/// The frame, believed in its lengths only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlucoseFrame {
    /// The unit flag: mol/L where true, kg/L otherwise. It is sent even without a concentration.
    pub mol_per_litre: bool,
    /// A context (2A34) with the same sequence number follows.
    pub context_follows: bool,
    /// The meter's record number.
    pub sequence: u16,
    /// The meter's own clock.
    pub base_time: SigDateTime,
    /// Minutes that a user moved the clock by.
    pub time_offset: Option<i16>,
    /// The result.
    pub concentration: Option<Concentration>,
    /// Sensor status.
    pub status: Option<u16>,
}

impl GlucoseFrame {
    /// Reads a frame; also answers how many bytes are left over.
    ///
    /// # Errors
    /// `too_short` under 10 bytes, `truncated` when the flags promise more than there is.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), DecodeError> {
        if bytes.len() < FIXED_LENGTH {
            return Err(DecodeError::TooShort);
        }
        let mut reader = Reader::new(bytes);
        let flags = reader.u8()?;
        let sequence = reader.u16_le()?;
        let base_time = SigDateTime::read(&mut reader)?;
        let has = |bit: u8| flags & bit != 0;
        let time_offset = if has(flag::OFFSET) { Some(reader.i16_le()?) } else { None };
        let concentration =
            if has(flag::CONCENTRATION) { Some(Concentration::read(&mut reader)?) } else { None };
        let status = if has(flag::STATUS) { Some(reader.u16_le()?) } else { None };
        let frame = Self {
            mol_per_litre: has(flag::MOL_PER_L),
            context_follows: has(flag::CONTEXT),
            sequence,
            base_time,
            time_offset,
            concentration,
            status,
        };
        Ok((frame, reader.remaining()))
    }

    /// The bytes of this frame.
    #[must_use]
    pub fn emit(&self) -> Packet {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = bit(self.time_offset.is_some(), flag::OFFSET)
            | bit(self.concentration.is_some(), flag::CONCENTRATION)
            | bit(self.mol_per_litre, flag::MOL_PER_L)
            | bit(self.status.is_some(), flag::STATUS)
            | bit(self.context_follows, flag::CONTEXT);
        let mut packet = Packet::new()
            .put(&[flags])
            .put(&self.sequence.to_le_bytes())
            .put(&self.base_time.to_bytes());
        if let Some(offset) = self.time_offset {
            packet = packet.put(&offset.to_le_bytes());
        }
        if let Some(concentration) = self.concentration {
            packet = packet.put(&concentration.to_bytes());
        }
        if let Some(status) = self.status {
            packet = packet.put(&status.to_le_bytes());
        }
        packet
    }

    /// Base time plus offset; `None` where the base is unknown or the offset did not fit.
    #[must_use]
    pub fn device_time(&self) -> Option<DateTime> {
        let base = self.base_time.known()?;
        match self.time_offset {
            None => Some(base),
            Some(OFFSET_OVERRUN | OFFSET_UNDERRUN) => None,
            Some(minutes) => base.plus_minutes(minutes),
        }
    }

    /// The unit that the scaled value has.
    #[must_use]
    pub const fn unit(&self) -> GlucoseUnit {
        if self.mol_per_litre { GlucoseUnit::MmolPerL } else { GlucoseUnit::MgPerDl }
    }

    /// What the meter said. A frame without a result is the event `no_value`, NaN and its like are
    /// the event `failed_measurement`, and so is a status that says both too high and too low.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match self.value() {
            Ok(value) => Meaning::Measurement(Measurement::Glucose(Glucose {
                control: self.is_control(),
                sample_type: self.concentration.map(|concentration| concentration.sample_type),
                sample_location: self.concentration.map(|concentration| concentration.location),
                status: self.status,
                device_time: self.device_time(),
                sequence: Some(u32::from(self.sequence)),
                ..Glucose::new(value, self.unit())
            })),
            Err(event) => Meaning::Event(event),
        }
    }

    fn value(&self) -> Result<GlucoseValue, &'static str> {
        let status = self.status.unwrap_or(0);
        let outside = match (status & RESULT_HIGH != 0, status & RESULT_LOW != 0) {
            (true, true) => return Err("failed_measurement"),
            (true, false) => Some(GlucoseValue::High),
            (false, true) => Some(GlucoseValue::Low),
            (false, false) => None,
        };
        match (outside, self.concentration.map(|concentration| concentration.value.real())) {
            (Some(outside), _) => Ok(outside),
            (None, None) => Err("no_value"),
            (None, Some(Real::PositiveInfinity)) => Ok(GlucoseValue::High),
            (None, Some(Real::NegativeInfinity)) => Ok(GlucoseValue::Low),
            (None, Some(Real::Number(number))) => {
                self.scaled(number).map(GlucoseValue::Number).ok_or("failed_measurement")
            }
            (None, Some(Real::NaN | Real::NRes | Real::Reserved)) => Err("failed_measurement"),
        }
    }

    /// kg/L × 100 000 is mg/dL, mol/L × 1000 is mmol/L.
    fn scaled(&self, number: Decimal) -> Option<Decimal> {
        number.shifted(if self.mol_per_litre { 3 } else { 5 })
    }

    fn is_control(&self) -> bool {
        self.concentration.is_some_and(|concentration| {
            concentration.sample_type == TYPE_CONTROL || concentration.location == LOCATION_CONTROL
        })
    }

    fn put_fields(&self, out: &mut dyn FieldSink) {
        out.field("sequence", self.sequence.into());
        out.field("base_time", Value::time(self.base_time.known()));
        out.field("time_offset_min", self.time_offset.unwrap_or(0).into());
        out.field("device_time", Value::time(self.device_time()));
        out.field("context_follows", Value::Bool(self.context_follows));
        if let Some(concentration) = self.concentration {
            self.put_concentration(concentration, out);
        }
        if let Some(status) = self.status {
            out.field("status_raw", status.into());
            super::put_bit_names("status_flags", status, &STATUS_NAMES, out);
        }
    }

    fn put_concentration(&self, concentration: Concentration, out: &mut dyn FieldSink) {
        let (native, scaled) = if self.mol_per_litre {
            ("concentration_mol_L", "glucose_mmol_L")
        } else {
            ("concentration_kg_L", "glucose_mg_dL")
        };
        let real = concentration.value.real();
        out.field(native, real.value());
        if let Some(number) = real.number().and_then(|number| self.scaled(number)) {
            out.field(scaled, Value::Decimal(number));
        }
        out.field("type", concentration.sample_type.into());
        out.field("type_name", Value::Text(type_name(concentration.sample_type)));
        out.field("location", concentration.location.into());
        out.field("location_name", Value::Text(location_name(concentration.location)));
    }
}

impl Concentration {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let value = Sfloat(reader.u16_le()?);
        let kind = reader.u8()?;
        Ok(Self { value, sample_type: kind & 0x0F, location: kind >> 4 })
    }

    const fn to_bytes(self) -> [u8; 3] {
        let [low, high] = self.value.to_bytes();
        [low, high, (self.location << 4) | (self.sample_type & 0x0F)]
    }
}

const fn type_name(code: u8) -> &'static str {
    match code {
        1 => "capillary_whole_blood",
        2 => "capillary_plasma",
        3 => "venous_whole_blood",
        4 => "venous_plasma",
        5 => "arterial_whole_blood",
        6 => "arterial_plasma",
        7 => "undetermined_whole_blood",
        8 => "undetermined_plasma",
        9 => "interstitial_fluid",
        TYPE_CONTROL => "control_solution",
        _ => "reserved",
    }
}

const fn location_name(code: u8) -> &'static str {
    match code {
        1 => "finger",
        2 => "alternate_site_test",
        3 => "earlobe",
        LOCATION_CONTROL => "control_solution",
        15 => "not_available",
        _ => "reserved",
    }
}

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let (frame, trailing) = GlucoseFrame::parse(bytes)?;
    frame.put_fields(out);
    super::put_trailing(trailing, out);
    Ok(frame.meaning())
}

fn scan(candidate: &[u8]) -> Scan {
    const PARTS: [(u8, usize); 3] =
        [(flag::OFFSET, 2), (flag::CONCENTRATION, 3), (flag::STATUS, 2)];
    candidate
        .first()
        .map_or(Scan::More, |flags| super::flagged_length(*flags, FIXED_LENGTH, &PARTS))
}
