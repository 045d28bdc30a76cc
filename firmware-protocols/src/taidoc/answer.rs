//! What a meter answers: for simulators, and for the proof that what is emitted is read back.

use crate::taidoc::frame::{command, device_frame};
use crate::taidoc::time::RecordTime;
use crate::time::DateTime;

/// What the patient told a glucose meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// Nothing.
    General,
    /// Before a meal.
    BeforeMeal,
    /// After a meal.
    AfterMeal,
    /// Control solution.
    Control,
}

impl Context {
    /// d3 b6-7.
    const fn bits(self) -> u8 {
        match self {
            Self::General => 0x00,
            Self::BeforeMeal => 0x40,
            Self::AfterMeal => 0x80,
            Self::Control => 0xC0,
        }
    }
}

/// An answer, or an unasked frame, of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// To connect.
    Connected,
    /// Unasked: the meter entered communication mode.
    EnteredCommunication,
    /// The model number in BCD: `0x4277` is TD-4277.
    Model {
        /// Four BCD digits.
        bcd: u16,
    },
    /// The clock.
    Clock(DateTime),
    /// The number of records.
    Count(u16),
    /// When a record was made.
    RecordTime(RecordTime),
    /// A blood pressure.
    Pressure {
        /// Systolic pressure in mmHg.
        systolic_mmhg: u8,
        /// Mean pressure in mmHg, between the other two, or none.
        mean_mmhg: Option<u8>,
        /// Diastolic pressure in mmHg.
        diastolic_mmhg: u8,
        /// Pulse in beats per minute.
        pulse_bpm: u8,
    },
    /// A glucose value of a meter with one kind of strip.
    Glucose {
        /// mg/dL; over 600 is HI, under 20 is LO, 255 and 65535 are no reading.
        mg_per_dl: u16,
        /// Ambient temperature.
        ambient: u8,
        /// What the patient told.
        context: Context,
    },
    /// The memory was cleared.
    Cleared,
}

impl Answer {
    /// The eight bytes of this frame.
    #[must_use]
    pub fn emit(&self) -> [u8; 8] {
        let (answered, answer) = match *self {
            Self::Connected => (command::CONNECT, [0; 4]),
            Self::EnteredCommunication => (command::ENTERED_COMMUNICATION, [0; 4]),
            Self::Model { bcd } => (command::MODEL, low_half(bcd)),
            Self::Clock(time) => (command::CLOCK, RecordTime::clock(time).0),
            Self::Count(0) => (command::COUNT, [0, 0, 0xFF, 0xFF]),
            Self::Count(count) => (command::COUNT, low_half(count)),
            Self::RecordTime(time) => (command::RECORD_TIME, time.0),
            Self::Pressure { systolic_mmhg, mean_mmhg, diastolic_mmhg, pulse_bpm } => {
                let mean = mean_mmhg.unwrap_or(0);
                (command::RECORD_VALUE, [systolic_mmhg, mean, diastolic_mmhg, pulse_bpm])
            }
            Self::Glucose { mg_per_dl, ambient, context } => {
                let [low, high] = mg_per_dl.to_le_bytes();
                (command::RECORD_VALUE, [low, high, ambient, context.bits()])
            }
            Self::Cleared => (command::CLEAR, [0; 4]),
        };
        device_frame(answered, answer)
    }
}

const fn low_half(value: u16) -> [u8; 4] {
    let [low, high] = value.to_le_bytes();
    [low, high, 0, 0]
}
