//! `raycome-rbp`: Raycome (瑞光康泰, 脉搏波, MaiBoBo) arm cuffs (FORMATS §5).
//!
//! `CC 80` host / `AA 80` device, version 02, length of type + sub + data, type, sub, data, and the
//! exclusive or of version to last data byte.
//!
//! The clock of these cuffs is usually not set. An impossible date costs the time, not the
//! measurement: the frame stays a measurement without a device time.

use crate::bytes::{Packet, xor8};
use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::decimal::Decimal;
use crate::deframe::{Framing, Scan};
use crate::error::DecodeError;
use crate::hazard::HazardOptIn;
use crate::measurement::{BloodPressure, Meaning, Measurement, PressureUnit};
use crate::time::DateTime;

/// `raycome-rbp`.
pub const FORMAT: Format = Format {
    name: "raycome-rbp",
    models: &[],
    parts: &[Part::Frame],
    decode,
    framing: Some(|_model| Framing { scan, intact }),
};

/// Header, version, length, type, sub, one data byte, checksum (FORMATS §2.4).
const FIXED_LENGTH: usize = 8;
/// What the length byte does not count: header, version, itself, checksum.
const OUTSIDE_LENGTH: usize = 5;
const HOST: u8 = 0xCC;
const DEVICE: u8 = 0xAA;
const SECOND: u8 = 0x80;
const VERSION: u8 = 0x02;

const TYPE_MEASURING: u8 = 1;
const TYPE_BATTERY: u8 = 4;
const SUB_ACK: u8 = 1;
const SUB_INFLATION: u8 = 5;
const SUB_RESULT: u8 = 6;
const SUB_ERROR: u8 = 7;
const SUB_BATTERY: u8 = 4;
/// Type, sub and one data byte.
const SHORTEST_LENGTH: u8 = 3;
/// Type, sub, user, six bytes of time, three values of two bytes.
const RESULT_LENGTH: u8 = 15;

/// A finished measurement as the cuff sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultFrame {
    /// User slot.
    pub user: u8,
    /// Year minus 2000, month, day, hour, minute, second, as sent.
    pub time: [u8; 6],
    /// Systolic pressure in mmHg.
    pub systolic_mmhg: u16,
    /// Diastolic pressure in mmHg.
    pub diastolic_mmhg: u16,
    /// Pulse in beats per minute.
    pub pulse_bpm: u16,
}

impl ResultFrame {
    /// The cuff's clock; `None` where it shows an impossible date.
    #[must_use]
    pub fn device_time(&self) -> Option<DateTime> {
        let [year, month, day, hour, minute, second] = self.time;
        let year = u16::from(year).saturating_add(2000);
        DateTime::new(year, month, day, hour, minute, second).ok()
    }

    fn read(payload: &[u8]) -> Result<Self, DecodeError> {
        let &[user, yy, mm, dd, hh, mi, ss, s1, s0, d1, d0, p1, p0] = payload else {
            return Err(DecodeError::BadLength);
        };
        Ok(Self {
            user,
            time: [yy, mm, dd, hh, mi, ss],
            systolic_mmhg: u16::from_be_bytes([s1, s0]),
            diastolic_mmhg: u16::from_be_bytes([d1, d0]),
            pulse_bpm: u16::from_be_bytes([p1, p0]),
        })
    }

    fn put_fields(&self, out: &mut dyn FieldSink) {
        out.field("user", self.user.into());
        out.field("device_time", Value::time(self.device_time()));
        out.field("systolic_mmHg", self.systolic_mmhg.into());
        out.field("diastolic_mmHg", self.diastolic_mmhg.into());
        out.field("pulse_bpm", self.pulse_bpm.into());
    }

    /// What the cuff said.
    #[must_use]
    pub fn measurement(&self) -> Measurement {
        let (systolic, diastolic) = (self.systolic_mmhg.into(), self.diastolic_mmhg.into());
        Measurement::BloodPressure(BloodPressure {
            pulse: Some(Decimal::from(self.pulse_bpm)),
            device_time: self.device_time(),
            user: Some(self.user),
            ..BloodPressure::new(systolic, diastolic, PressureUnit::MmHg)
        })
    }
}

/// What a cuff sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A command was taken.
    Acknowledge,
    /// The cuff pressure while inflating, under 256 mmHg.
    Inflation {
        /// Pressure in mmHg.
        cuff_mmhg: u8,
    },
    /// A finished measurement.
    Result(ResultFrame),
    /// A failed measurement: 01 over-pressure, 02 movement or leak on inflation, 05 leak on
    /// deflation, 06 no pulse, 07 low battery, 09 deflation too slow.
    Error {
        /// The code as sent.
        code: u8,
    },
    /// The battery voltage.
    Battery {
        /// Millivolts; 3600 is the minimum.
        millivolts: u16,
    },
}

impl Answer {
    /// The bytes of this frame.
    #[must_use]
    pub fn emit(&self) -> Packet {
        match *self {
            Self::Acknowledge => emit(DEVICE, TYPE_MEASURING, SUB_ACK, &[0]),
            Self::Inflation { cuff_mmhg } => {
                emit(DEVICE, TYPE_MEASURING, SUB_INFLATION, &[0, 0, 0, 0, cuff_mmhg, 0])
            }
            Self::Result(result) => {
                let [yy, mm, dd, hh, mi, ss] = result.time;
                let [s1, s0] = result.systolic_mmhg.to_be_bytes();
                let [d1, d0] = result.diastolic_mmhg.to_be_bytes();
                let [p1, p0] = result.pulse_bpm.to_be_bytes();
                let payload = [result.user, yy, mm, dd, hh, mi, ss, s1, s0, d1, d0, p1, p0];
                emit(DEVICE, TYPE_MEASURING, SUB_RESULT, &payload)
            }
            Self::Error { code } => emit(DEVICE, TYPE_MEASURING, SUB_ERROR, &[code]),
            Self::Battery { millivolts } => {
                emit(DEVICE, TYPE_BATTERY, SUB_BATTERY, &millivolts.to_be_bytes())
            }
        }
    }
}

/// What a host may ask for without acting on the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// Opens the conversation; the 88A needs it, the 9000 does not.
    Connect,
    /// Asks for the battery voltage.
    Battery,
    /// Ends a measurement and lets the air out.
    Stop,
}

impl Request {
    /// The bytes of this command.
    #[must_use]
    pub fn emit(&self) -> Packet {
        match self {
            Self::Connect => emit(HOST, TYPE_MEASURING, 1, &[0]),
            Self::Battery => emit(HOST, TYPE_BATTERY, SUB_BATTERY, &[0]),
            Self::Stop => emit(HOST, TYPE_MEASURING, 3, &[0]),
        }
    }
}

/// What acts on the patient or the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hazard {
    /// Inflates the cuff.
    Start,
    /// Switches the device off.
    PowerOff,
}

impl Hazard {
    /// The bytes of this command.
    #[must_use]
    pub fn emit(&self, _opt_in: HazardOptIn) -> Packet {
        let sub = match self {
            Self::Start => 2,
            Self::PowerOff => 4,
        };
        emit(HOST, TYPE_MEASURING, sub, &[0])
    }
}

fn emit(sender: u8, kind: u8, sub: u8, payload: &[u8]) -> Packet {
    let length = u8::try_from(payload.len().saturating_add(2)).unwrap_or(u8::MAX);
    let packet = Packet::new().put(&[sender, SECOND, VERSION, length, kind, sub]).put(payload);
    let summed = packet.as_bytes().get(2..).unwrap_or_default();
    packet.put(&[xor8(summed)])
}

/// A frame whose lengths and checksum are right.
#[derive(Debug, Clone, Copy)]
struct Frame<'a> {
    from_device: bool,
    kind: u8,
    sub: u8,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    fn new_checked(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() < FIXED_LENGTH {
            return Err(DecodeError::TooShort);
        }
        let &[sender @ (HOST | DEVICE), SECOND, VERSION, length, kind, sub, ref payload @ .., _] =
            bytes
        else {
            return Err(DecodeError::BadHeader);
        };
        let frame = Self { from_device: sender == DEVICE, kind, sub, payload };
        let announced = usize::from(length).saturating_add(OUTSIDE_LENGTH);
        if announced != bytes.len() || (frame.is_result() && length != RESULT_LENGTH) {
            return Err(DecodeError::BadLength);
        }
        if !intact(bytes) {
            return Err(DecodeError::BadChecksum);
        }
        Ok(frame)
    }

    const fn is_result(&self) -> bool {
        self.from_device && self.kind == TYPE_MEASURING && self.sub == SUB_RESULT
    }
}

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let frame = Frame::new_checked(bytes)?;
    let result = if frame.is_result() { Some(ResultFrame::read(frame.payload)?) } else { None };
    out.field("direction", Value::Text(if frame.from_device { "device" } else { "host" }));
    out.field("type", frame.kind.into());
    out.field("sub", frame.sub.into());
    if let Some(result) = result {
        result.put_fields(out);
        return Ok(Meaning::Measurement(result.measurement()));
    }
    Ok(Meaning::Event(if frame.from_device { put_event(frame, out) } else { "command" }))
}

fn put_event(frame: Frame<'_>, out: &mut dyn FieldSink) -> &'static str {
    match (frame.kind, frame.sub, frame.payload) {
        (TYPE_MEASURING, SUB_ACK, _) => "acknowledged",
        (TYPE_MEASURING, SUB_INFLATION, payload) => {
            // Which byte holds pressures of 256 and more was never captured (FORMATS §12): the
            // pressure is told only while every candidate for a high byte is zero.
            if let &[_, 0, _, 0, cuff, _] = payload {
                out.field("cuff_mmHg", cuff.into());
            }
            "inflation"
        }
        (TYPE_MEASURING, SUB_ERROR, payload) => {
            if let [code, ..] = payload {
                out.field("error_code", (*code).into());
            }
            "failed_measurement"
        }
        (TYPE_BATTERY, SUB_BATTERY, payload) => {
            if let &[high, low] = payload {
                out.field("battery_mV", u16::from_be_bytes([high, low]).into());
            }
            "battery"
        }
        _ => "unknown_frame",
    }
}

fn scan(candidate: &[u8]) -> Scan {
    match candidate {
        [HOST | DEVICE] | [HOST | DEVICE, SECOND] | [HOST | DEVICE, SECOND, VERSION] => Scan::More,
        [HOST | DEVICE, SECOND, VERSION, length, ..] if *length >= SHORTEST_LENGTH => {
            Scan::Length(usize::from(*length).saturating_add(OUTSIDE_LENGTH))
        }
        _ => Scan::NotHere,
    }
}

fn intact(frame: &[u8]) -> bool {
    match frame {
        [_, _, summed @ .., checksum] => xor8(summed) == *checksum,
        _ => false,
    }
}
