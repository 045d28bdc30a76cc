//! What goes into a session and what comes out of it.

use crate::error::DecodeError;
use crate::measurement::Meaning;
use crate::time::DateTime;

/// What a meter's memory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeterKind {
    /// Blood pressures.
    BloodPressure,
    /// Glucose, on multi-strip meters other analytes as well.
    Glucose,
    /// Both: the record time says which (FORMATS §4), as on the D40.
    TwoInOne,
    /// Temperatures.
    Thermometer,
    /// Oxygen saturations.
    Oximeter,
}

impl MeterKind {
    /// The kind of a model number in BCD (`0x4277` is TD-4277), for the numbers that FORMATS §4
    /// names: TD-3128 and TD-3140, TD-42xx, TD-8201 and TD-8255. No other number is guessed.
    #[must_use]
    pub const fn of_model(bcd: u16) -> Option<Self> {
        match bcd {
            0x3128 | 0x3140 => Some(Self::BloodPressure),
            0x4200..=0x4299 => Some(Self::Glucose),
            0x8201 | 0x8255 => Some(Self::Oximeter),
            _ => None,
        }
    }
}

/// What the driver knows about the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The kind, where the model number alone does not tell it.
    pub kind: Option<MeterKind>,
    /// The user slot to read; none reads slot 0 and names no user.
    pub user: Option<u8>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A frame came in.
    Frame(&'a [u8]),
    /// The time of the last [`Output::Wait`] is over.
    Timeout,
    /// Every record handed out is on disk.
    Committed,
}

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Send([u8; 8]),
    /// Start the timer anew: pass [`Event::Timeout`] after so many milliseconds. Frames that make
    /// no output leave the timer running.
    Wait(u32),
    /// The model number in BCD.
    Model {
        /// `0x4277` is TD-4277.
        bcd: u16,
    },
    /// The meter's clock, now.
    Clock {
        /// `None` where it shows an impossible date.
        device: Option<DateTime>,
    },
    /// One record.
    Record(Record),
    /// All is read. Pass [`Event::Committed`] once it is on disk, and the memory is cleared.
    ReadyToClear,
    /// All is read, and cleared where that was asked for.
    Done,
    /// The session is over without success.
    Failed(Failure),
}

/// Why a session ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The meter stayed silent.
    NoAnswer {
        /// The command that was not answered.
        command: u8,
    },
    /// The model number is not known, and no kind was given.
    UnknownModel {
        /// The model number.
        bcd: u16,
    },
    /// The given kind is not that of the model number.
    OtherKind {
        /// The model number.
        bcd: u16,
    },
    /// A record was made or deleted meanwhile: indices and records may not belong together.
    RecordsChanged {
        /// The first count.
        before: u16,
        /// The count now.
        after: u16,
    },
    /// The newest record is another one than at the beginning. A full memory keeps its count when
    /// a record is made.
    NewestChanged,
}

/// One record of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// 0 is the newest. Records come oldest first.
    pub index: u16,
    /// The user slot that was asked for.
    pub user: Option<u8>,
    /// When the record was made.
    pub time: Result<DateTime, DecodeError>,
    /// The record is an average of several measurements.
    pub average: bool,
    /// What it says, with time and user filled in.
    pub meaning: Result<Meaning, DecodeError>,
    /// The answer to command 25 as sent.
    pub time_frame: [u8; 8],
    /// The answer to command 26 as sent.
    pub value_frame: [u8; 8],
}

/// What one event leads to, in order: at most three outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a session stalls when its outputs are not carried out"]
pub struct Outputs(pub(super) [Option<Output>; 3]);

impl Outputs {
    pub(super) const NONE: Self = Self([None, None, None]);

    pub(super) const fn one(output: Output) -> Self {
        Self([Some(output), None, None])
    }
}

impl IntoIterator for Outputs {
    type Item = Output;
    type IntoIter = core::iter::Flatten<core::array::IntoIter<Option<Output>, 3>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}
