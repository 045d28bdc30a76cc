//! The frame itself, and the commands.

use crate::bytes::sum8;
use crate::codec::{FieldSink, Value};
use crate::deframe::Scan;
use crate::error::DecodeError;
use crate::hazard::HazardOptIn;
use crate::taidoc::RecordTime;
use crate::time::DateTime;

/// Command bytes (FORMATS §4).
pub mod command {
    /// Connect; answered by itself, [`MODEL`] or [`ENTERED_COMMUNICATION`].
    pub const CONNECT: u8 = 0x22;
    /// Read the clock.
    pub const CLOCK: u8 = 0x23;
    /// Read the model, two bytes of BCD.
    pub const MODEL: u8 = 0x24;
    /// Read the time of a record.
    pub const RECORD_TIME: u8 = 0x25;
    /// Read the value of a record.
    pub const RECORD_VALUE: u8 = 0x26;
    /// Read the low half of the serial number.
    pub const SERIAL_LOW: u8 = 0x27;
    /// Read the high half of the serial number.
    pub const SERIAL_HIGH: u8 = 0x28;
    /// Read how many records there are.
    pub const COUNT: u8 = 0x2B;
    /// Set the clock.
    pub const SET_CLOCK: u8 = 0x33;
    /// Start a blood-pressure measurement: inflates the cuff.
    pub const START_BP: u8 = 0x43;
    /// Oxygen saturation.
    pub const SPO2: u8 = 0x49;
    /// Power off.
    pub const POWER_OFF: u8 = 0x50;
    /// Clear the memory.
    pub const CLEAR: u8 = 0x52;
    /// The device says that it entered communication mode, unasked and at any moment.
    pub const ENTERED_COMMUNICATION: u8 = 0x54;
}

const START: u8 = 0x51;
const STOP_HOST: u8 = 0xA3;
const STOP_DEVICE: u8 = 0xA5;
const LENGTH: usize = 8;
const LENGTH_SCALE: usize = 7;

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Stop byte A3.
    Host,
    /// Stop byte A5.
    Device,
}

impl Direction {
    const fn from_stop(stop: u8) -> Option<Self> {
        match stop {
            STOP_HOST => Some(Self::Host),
            STOP_DEVICE => Some(Self::Device),
            _ => None,
        }
    }

    const fn stop(self) -> u8 {
        match self {
            Self::Host => STOP_HOST,
            Self::Device => STOP_DEVICE,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Device => "device",
        }
    }
}

/// A frame whose length, stop byte and checksum are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The command, or the command that is answered.
    pub command: u8,
    /// d0 to d3. A scale's frame of seven bytes has fewer; the rest is zero.
    pub payload: [u8; 4],
    /// Who sent it.
    pub direction: Direction,
}

impl Frame {
    /// Checks a frame of 8 bytes, or of 7 where `scale` is set.
    ///
    /// # Errors
    /// In this order: `bad_header`, `bad_length`, `bad_terminator`, `bad_checksum`. An empty slice
    /// is `bad_length`.
    pub fn new_checked(bytes: &[u8], scale: bool) -> Result<Self, DecodeError> {
        if bytes.first().is_some_and(|first| *first != START) {
            return Err(DecodeError::BadHeader);
        }
        let frame = if scale { Self::read_scale(bytes)? } else { Self::read(bytes)? };
        if !sum_is_right(bytes) {
            return Err(DecodeError::BadChecksum);
        }
        Ok(frame)
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let &[_, command, d0, d1, d2, d3, stop, _] = bytes else {
            return Err(DecodeError::BadLength);
        };
        let direction = Direction::from_stop(stop).ok_or(DecodeError::BadTerminator)?;
        Ok(Self { command, payload: [d0, d1, d2, d3], direction })
    }

    /// Two data bytes fewer, sum in the seventh byte (FORMATS §4). That leaves one byte whose place
    /// is not documented, so the stop byte is taken before or after it. No measurement is ever read
    /// from this form.
    fn read_scale(bytes: &[u8]) -> Result<Self, DecodeError> {
        let &[_, command, d0, d1, fourth, fifth, _] = bytes else {
            return Err(DecodeError::BadLength);
        };
        if let Some(direction) = Direction::from_stop(fifth) {
            return Ok(Self { command, payload: [d0, d1, fourth, 0], direction });
        }
        let direction = Direction::from_stop(fourth).ok_or(DecodeError::BadTerminator)?;
        Ok(Self { command, payload: [d0, d1, fifth, 0], direction })
    }

    /// The eight bytes.
    #[must_use]
    pub(crate) fn emit(&self) -> [u8; LENGTH] {
        let [d0, d1, d2, d3] = self.payload;
        let summed = [START, self.command, d0, d1, d2, d3, self.direction.stop()];
        [START, self.command, d0, d1, d2, d3, self.direction.stop(), sum8(&summed)]
    }

    /// The number of records in an answer to 2B: the low 16 bits; the high ones are FFFF where the
    /// memory is empty (FORMATS §4).
    #[must_use]
    pub const fn record_count(&self) -> u16 {
        match self.payload {
            [_, _, 0xFF, 0xFF] => 0,
            [low, high, _, _] => u16::from_le_bytes([low, high]),
        }
    }

    pub(crate) fn put_fields(&self, out: &mut dyn FieldSink) {
        out.field("command", self.command.into());
        out.field("direction", Value::Text(self.direction.name()));
    }
}

/// A frame as the device sends it: for simulators.
#[must_use]
pub fn device_frame(command: u8, payload: [u8; 4]) -> [u8; LENGTH] {
    Frame { command, payload, direction: Direction::Device }.emit()
}

/// What a host may ask for without acting on the patient or the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// Opens the conversation.
    Connect,
    /// Asks for the clock.
    Clock,
    /// Sets the clock; the device keeps no seconds and years 2000 to 2127.
    SetClock(DateTime),
    /// Asks for the model.
    Model,
    /// Asks for the low half of the serial number.
    SerialLow,
    /// Asks for the high half of the serial number.
    SerialHigh,
    /// Asks how many records there are.
    Count {
        /// The user slot.
        user: u8,
    },
    /// Asks for the time of a record.
    RecordTime {
        /// 0 is the newest.
        index: u16,
        /// The user slot.
        user: u8,
    },
    /// Asks for the value of a record.
    RecordValue {
        /// 0 is the newest.
        index: u16,
        /// The user slot.
        user: u8,
    },
}

impl Request {
    /// The command byte.
    #[must_use]
    pub const fn command(&self) -> u8 {
        match self {
            Self::Connect => command::CONNECT,
            Self::Clock => command::CLOCK,
            Self::SetClock(_) => command::SET_CLOCK,
            Self::Model => command::MODEL,
            Self::SerialLow => command::SERIAL_LOW,
            Self::SerialHigh => command::SERIAL_HIGH,
            Self::Count { .. } => command::COUNT,
            Self::RecordTime { .. } => command::RECORD_TIME,
            Self::RecordValue { .. } => command::RECORD_VALUE,
        }
    }

    /// The eight bytes of this command.
    #[must_use]
    pub fn emit(&self) -> [u8; LENGTH] {
        let payload = match *self {
            Self::Connect | Self::Clock | Self::Model | Self::SerialLow | Self::SerialHigh => {
                [0; 4]
            }
            Self::SetClock(time) => RecordTime::clock(time).0,
            Self::Count { user } => [0, 0, 0, user],
            Self::RecordTime { index, user } | Self::RecordValue { index, user } => {
                let [low, high] = index.to_le_bytes();
                [low, high, 0, user]
            }
        };
        Frame { command: self.command(), payload, direction: Direction::Host }.emit()
    }
}

/// What acts on the patient, the records or the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hazard {
    /// Inflates the cuff.
    StartBloodPressure {
        /// The user slot.
        user: u8,
    },
    /// Clears the memory.
    ClearMemory,
    /// Switches the device off.
    PowerOff,
}

impl Hazard {
    /// The eight bytes of this command. Starting a cuff carries 01 in d2, as the shipping apps send
    /// it (vector `taidoc-req-start-bp`).
    #[must_use]
    pub fn emit(&self, _opt_in: HazardOptIn) -> [u8; LENGTH] {
        let (command, payload) = match *self {
            Self::StartBloodPressure { user } => (command::START_BP, [0, 0, 1, user]),
            Self::ClearMemory => (command::CLEAR, [0; 4]),
            Self::PowerOff => (command::POWER_OFF, [0; 4]),
        };
        Frame { command, payload, direction: Direction::Host }.emit()
    }
}

pub(crate) fn scan(candidate: &[u8]) -> Scan {
    scan_length(candidate, LENGTH)
}

pub(crate) fn scan_scale(candidate: &[u8]) -> Scan {
    scan_length(candidate, LENGTH_SCALE)
}

fn scan_length(candidate: &[u8], length: usize) -> Scan {
    match candidate.first() {
        Some(&START) => Scan::Length(length),
        Some(_) | None => Scan::NotHere,
    }
}

/// On a line without silences the stop byte tells a frame from noise as well as the sum does.
pub(crate) fn intact(frame: &[u8]) -> bool {
    Frame::new_checked(frame, false).is_ok()
}

pub(crate) fn intact_scale(frame: &[u8]) -> bool {
    Frame::new_checked(frame, true).is_ok()
}

/// The low byte of the sum of all but the last byte is the last byte.
fn sum_is_right(frame: &[u8]) -> bool {
    frame.split_last().is_some_and(|(checksum, summed)| sum8(summed) == *checksum)
}
