//! `sinocare-sn`: Sinocare (三诺) glucose meters (FORMATS §6).
//!
//! `53 4E`, length of machine to checksum, machine (big-endian), command, body, low byte of the sum
//! from the length byte on. A result body is long (seconds and code) or short; the length byte says
//! which. Other lengths are refused rather than guessed.
//!
//! An impossible date costs the time, not the measurement.

use crate::bytes::{Packet, Reader, sum8};
use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::decimal::Decimal;
use crate::deframe::{Framing, Scan};
use crate::error::DecodeError;
use crate::measurement::{Glucose, GlucoseUnit, GlucoseValue, Meaning, Measurement};
use crate::time::DateTime;

/// `sinocare-sn`.
pub const FORMAT: Format = Format {
    name: "sinocare-sn",
    models: &[],
    parts: &[Part::Frame],
    decode,
    framing: Some(|_model| Framing { scan, intact }),
};

/// Header, length, machine, command, checksum (FORMATS §2.4).
const FIXED_LENGTH: usize = 7;
/// What the length byte does not count: header and itself.
const OUTSIDE_LENGTH: usize = 3;
const HEADER: [u8; 2] = [0x53, 0x4E];
/// The length byte of a frame without a body.
const LENGTH_EMPTY: u8 = 0x04;
const LENGTH_SHORT: u8 = 0x0E;
const LENGTH_LONG: u8 = 0x10;

const COMMAND_RESULT: u8 = 0x04;
const COMMAND_HISTORY: u8 = 0x0E;

/// What only the long body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LongBody {
    /// Second, as sent.
    pub second: u8,
    /// The strip code of the meter.
    pub code: u8,
}

/// A result, current or from the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultFrame {
    /// The machine id; 0004 in every capture.
    pub machine: u16,
    /// True for an answer to "history" (0E), false for the current result (04).
    pub history: bool,
    /// Year minus 2000, month, day, hour, minute, as sent.
    pub time: [u8; 5],
    /// Glucose in 0.1 mmol/L. The meter measures 1.1 to 33.3 mmol/L.
    pub glucose_tenths: u16,
    /// Sample type code, as sent.
    pub sample_type: u8,
    /// Temperature in 0.1 °C.
    pub temperature_tenths: u16,
    /// Present in the long body.
    pub long: Option<LongBody>,
}

impl ResultFrame {
    /// The meter's clock; `None` where it shows an impossible date. Seconds are zero in the short
    /// body.
    #[must_use]
    pub fn device_time(&self) -> Option<DateTime> {
        let [year, month, day, hour, minute] = self.time;
        let year = u16::from(year).saturating_add(2000);
        let second = self.long.map_or(0, |long| long.second);
        DateTime::new(year, month, day, hour, minute, second).ok()
    }

    /// The bytes of this frame.
    #[must_use]
    pub fn emit(&self) -> Packet {
        let command = if self.history { COMMAND_HISTORY } else { COMMAND_RESULT };
        let length = if self.long.is_some() { LENGTH_LONG } else { LENGTH_SHORT };
        let mut packet = Packet::new()
            .put(&HEADER)
            .put(&[length])
            .put(&self.machine.to_be_bytes())
            .put(&[command])
            .put(&self.time);
        if let Some(long) = self.long {
            packet = packet.put(&[long.second]);
        }
        packet = packet
            .put(&self.glucose_tenths.to_be_bytes())
            .put(&[self.sample_type])
            .put(&self.temperature_tenths.to_be_bytes());
        if let Some(long) = self.long {
            packet = packet.put(&[long.code]);
        }
        packet.put(&[sum8(packet.as_bytes().get(2..).unwrap_or_default())])
    }

    fn read(frame: Frame<'_>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame.body);
        let time = reader.array()?;
        let second = if frame.length == LENGTH_LONG { Some(reader.u8()?) } else { None };
        let glucose_tenths = reader.u16_be()?;
        let sample_type = reader.u8()?;
        let temperature_tenths = reader.u16_be()?;
        let long = match second {
            Some(second) => Some(LongBody { second, code: reader.u8()? }),
            None => None,
        };
        Ok(Self {
            machine: frame.machine,
            history: frame.command == COMMAND_HISTORY,
            time,
            glucose_tenths,
            sample_type,
            temperature_tenths,
            long,
        })
    }

    fn glucose(&self) -> Decimal {
        Decimal::new(i64::from(self.glucose_tenths), -1)
    }

    fn put_fields(&self, out: &mut dyn FieldSink) {
        out.field("device_time", Value::time(self.device_time()));
        out.field("glucose_mmol_L", Value::Decimal(self.glucose()));
        out.field("sample_type", self.sample_type.into());
        let temperature = Decimal::new(i64::from(self.temperature_tenths), -1);
        out.field("temperature_C", Value::Decimal(temperature));
        if let Some(long) = self.long {
            out.field("code", long.code.into());
        }
    }

    /// What the meter said. No source names the sample types, so the code is handed on and
    /// `control` stays false.
    #[must_use]
    pub fn measurement(&self) -> Measurement {
        let value = GlucoseValue::Number(self.glucose());
        Measurement::Glucose(Glucose {
            sample_type: Some(self.sample_type),
            device_time: self.device_time(),
            ..Glucose::new(value, GlucoseUnit::MmolPerL)
        })
    }
}

/// A frame whose lengths and checksum are right.
#[derive(Debug, Clone, Copy)]
struct Frame<'a> {
    length: u8,
    machine: u16,
    command: u8,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    fn new_checked(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() < FIXED_LENGTH {
            return Err(DecodeError::TooShort);
        }
        let &[h0, h1, length, m1, m0, command, ref body @ .., _] = bytes else {
            return Err(DecodeError::TooShort);
        };
        if [h0, h1] != HEADER {
            return Err(DecodeError::BadHeader);
        }
        let frame = Self { length, machine: u16::from_be_bytes([m1, m0]), command, body };
        let announced = usize::from(length).saturating_add(OUTSIDE_LENGTH);
        if announced != bytes.len() || !frame.has_known_length() {
            return Err(DecodeError::BadLength);
        }
        if !intact(bytes) {
            return Err(DecodeError::BadChecksum);
        }
        Ok(frame)
    }

    /// The history command travels without a body when the host asks.
    const fn has_known_length(&self) -> bool {
        match (self.command, self.length) {
            (COMMAND_RESULT | COMMAND_HISTORY, LENGTH_SHORT | LENGTH_LONG)
            | (COMMAND_HISTORY, LENGTH_EMPTY) => true,
            (command, _) => !matches!(command, COMMAND_RESULT | COMMAND_HISTORY),
        }
    }

    const fn is_result(&self) -> bool {
        matches!(self.command, COMMAND_RESULT | COMMAND_HISTORY) && self.length != LENGTH_EMPTY
    }
}

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let frame = Frame::new_checked(bytes)?;
    let result = if frame.is_result() { Some(ResultFrame::read(frame)?) } else { None };
    out.field("machine", frame.machine.into());
    out.field("command", frame.command.into());
    let Some(result) = result else { return Ok(Meaning::Event("command")) };
    result.put_fields(out);
    Ok(Meaning::Measurement(result.measurement()))
}

fn scan(candidate: &[u8]) -> Scan {
    match candidate {
        [0x53] | [0x53, 0x4E] => Scan::More,
        [0x53, 0x4E, length, ..] if *length >= LENGTH_EMPTY => {
            Scan::Length(usize::from(*length).saturating_add(OUTSIDE_LENGTH))
        }
        _ => Scan::NotHere,
    }
}

fn intact(frame: &[u8]) -> bool {
    match frame {
        [_, _, summed @ .., checksum] => sum8(summed) == *checksum,
        _ => false,
    }
}
