//! Reads a meter's memory: a state machine without I/O, clock or buffer.
//!
//! The driver passes events in and does what comes out. Order: connect, model, clock, count, then
//! for every record, oldest first, its time and its value, then the count once more. Records are
//! joined by their index only, so the answers must not slip:
//!
//! - an answer that needed a second request is followed by a pause in which every frame is dropped,
//!   because the first request may still be answered;
//! - when the second count differs from the first, indices have moved and the session fails. Commit
//!   records only when [`Output::Done`] or [`Output::ReadyToClear`] comes.
//!
//! The memory is cleared only by a session that was built for it, and only after the driver says
//! that everything is on disk. No command of a session starts a cuff or powers a meter off.

use crate::codec::NoFields;
use crate::error::DecodeError;
use crate::hazard::HazardOptIn;
use crate::measurement::{Meaning, Measurement};
use crate::taidoc::frame::{Direction, Frame, Hazard, Request, command};
use crate::taidoc::value::{self, Kind, LowBits};
use crate::taidoc::{RecordTime, device_frame};
use crate::time::DateTime;

/// How long a meter may take to answer, in milliseconds. Our choice; no source gives one.
pub const ANSWER_WAIT_MS: u32 = 1000;
/// How long late answers are waited out after a repeated request, in milliseconds.
pub const SETTLE_MS: u32 = 500;
/// How often one request is sent before the session fails.
pub const ATTEMPTS_MAX: u8 = 4;

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
#[derive(Debug, Clone, Copy, PartialEq)]
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
        /// The second count.
        after: u16,
    },
}

/// One record of the memory.
#[derive(Debug, Clone, Copy, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "a session stalls when its outputs are not carried out"]
pub struct Outputs([Option<Output>; 3]);

impl Outputs {
    const NONE: Self = Self([None, None, None]);

    const fn one(output: Output) -> Self {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Connecting,
    Model,
    Clock,
    Count,
    Time { index: u16 },
    Value { index: u16, time: RecordTime },
    Recount,
    AwaitingCommit,
    Clearing(HazardOptIn),
    Finished,
}

/// One read-out of one meter.
#[derive(Debug, Clone)]
pub struct Session {
    options: Options,
    clear: Option<HazardOptIn>,
    state: State,
    kind: Option<MeterKind>,
    count: u16,
    /// How often the request of this state was sent.
    attempts: u8,
    /// The answer came, but late ones are waited out before the next request.
    settling: bool,
}

impl Session {
    /// A session that only reads.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self {
            options,
            clear: None,
            state: State::New,
            kind: None,
            count: 0,
            attempts: 0,
            settling: false,
        }
    }

    /// A session that clears the memory after everything read from it is on disk.
    #[must_use]
    pub const fn clearing_after_commit(options: Options, opt_in: HazardOptIn) -> Self {
        Self { clear: Some(opt_in), ..Self::new(options) }
    }

    /// Begins. Called again it does nothing.
    pub fn start(&mut self) -> Outputs {
        if self.state == State::New { self.advance(None, State::Connecting) } else { Outputs::NONE }
    }

    /// Takes one event.
    pub fn handle(&mut self, event: Event<'_>) -> Outputs {
        match event {
            Event::Timeout => self.time_out(),
            Event::Committed => self.clear_memory(),
            Event::Frame(bytes) => match Frame::new_checked(bytes, false) {
                Ok(frame) if frame.direction == Direction::Device && !self.settling => {
                    self.take_answer(frame)
                }
                // Noise, our own echo, or an answer that comes too late to be believed.
                Ok(_) | Err(_) => Outputs::NONE,
            },
        }
    }

    /// True after [`Output::Done`] or [`Output::Failed`].
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    fn time_out(&mut self) -> Outputs {
        if self.settling {
            self.settling = false;
            return self.ask(None);
        }
        match self.request() {
            Some(_) if self.attempts < ATTEMPTS_MAX => self.ask(None),
            Some((command, _)) => self.fail(Failure::NoAnswer { command }),
            None => Outputs::NONE,
        }
    }

    fn clear_memory(&mut self) -> Outputs {
        match (self.state, self.clear) {
            (State::AwaitingCommit, Some(opt_in)) => self.advance(None, State::Clearing(opt_in)),
            _ => Outputs::NONE,
        }
    }

    /// An answer to anything but the open request is ignored; so is 54 at any moment after the
    /// beginning.
    fn take_answer(&mut self, frame: Frame) -> Outputs {
        match (self.state, frame.command) {
            (
                State::Connecting,
                command::CONNECT | command::MODEL | command::ENTERED_COMMUNICATION,
            ) => self.advance(None, State::Model),
            (State::Model, command::MODEL) => self.take_model(frame),
            (State::Clock, command::CLOCK) => {
                let device = RecordTime(frame.data).device_time().ok();
                self.advance(Some(Output::Clock { device }), State::Count)
            }
            (State::Count, command::COUNT) => {
                self.count = frame.record_count();
                self.read_before(self.count, None)
            }
            (State::Time { index }, command::RECORD_TIME) => {
                self.advance(None, State::Value { index, time: RecordTime(frame.data) })
            }
            (State::Value { index, time }, command::RECORD_VALUE) => {
                let record = self.record(index, time, frame);
                self.read_before(index, Some(Output::Record(record)))
            }
            (State::Recount, command::COUNT) => self.take_recount(frame.record_count()),
            (State::Clearing(_), command::CLEAR) => self.finish(None),
            _ => Outputs::NONE,
        }
    }

    fn take_model(&mut self, frame: Frame) -> Outputs {
        let [low, high, _, _] = frame.data;
        let bcd = u16::from_le_bytes([low, high]);
        match (self.options.kind, MeterKind::of_model(bcd)) {
            (Some(given), Some(known)) if given != known => self.fail(Failure::OtherKind { bcd }),
            (None, None) => self.fail(Failure::UnknownModel { bcd }),
            (given, known) => {
                self.kind = given.or(known);
                self.advance(Some(Output::Model { bcd }), State::Clock)
            }
        }
    }

    /// Goes on with the record just newer than `index`, or to the second count.
    fn read_before(&mut self, index: u16, output: Option<Output>) -> Outputs {
        match (index.checked_sub(1), self.count) {
            (_, 0) => self.finish(output),
            (Some(index), _) => self.advance(output, State::Time { index }),
            (None, _) => self.advance(output, State::Recount),
        }
    }

    fn take_recount(&mut self, after: u16) -> Outputs {
        if after != self.count {
            return self.fail(Failure::RecordsChanged { before: self.count, after });
        }
        if self.clear.is_some() {
            self.state = State::AwaitingCommit;
            return Outputs::one(Output::ReadyToClear);
        }
        self.finish(None)
    }

    fn record(&self, index: u16, time: RecordTime, frame: Frame) -> Record {
        let decoded = match self.kind {
            Some(MeterKind::TwoInOne) if time.is_blood_pressure() => {
                value::decode(frame, Kind::BloodPressure, &mut NoFields)
            }
            Some(MeterKind::TwoInOne) => {
                value::decode_glucose(frame, LowBits::StripCode, &mut NoFields)
            }
            Some(MeterKind::BloodPressure) => {
                value::decode(frame, Kind::BloodPressure, &mut NoFields)
            }
            Some(MeterKind::Glucose) => value::decode(frame, Kind::Glucose, &mut NoFields),
            Some(MeterKind::Thermometer) => value::decode(frame, Kind::Thermometer, &mut NoFields),
            Some(MeterKind::Oximeter) => value::decode(frame, Kind::Oximeter, &mut NoFields),
            None => Err(DecodeError::UnknownModel),
        };
        Record {
            index,
            user: self.options.user,
            time: time.device_time(),
            average: time.average(),
            meaning: decoded.map(|meaning| stamp(meaning, time, self.options.user)),
            time_frame: device_frame(command::RECORD_TIME, time.0),
            value_frame: device_frame(command::RECORD_VALUE, frame.data),
        }
    }

    /// The command byte and the bytes of the open request.
    fn request(&self) -> Option<(u8, [u8; 8])> {
        let user = self.options.user.unwrap_or(0);
        let request = match self.state {
            State::New | State::AwaitingCommit | State::Finished => return None,
            State::Clearing(opt_in) => {
                return Some((command::CLEAR, Hazard::ClearMemory.emit(opt_in)));
            }
            State::Connecting => Request::Connect,
            State::Model => Request::Model,
            State::Clock => Request::Clock,
            State::Count | State::Recount => Request::Count { user },
            State::Time { index } => Request::RecordTime { index, user },
            State::Value { index, .. } => Request::RecordValue { index, user },
        };
        Some((request.command(), request.emit()))
    }

    fn ask(&mut self, first: Option<Output>) -> Outputs {
        let Some((_, bytes)) = self.request() else { return Outputs([first, None, None]) };
        self.attempts = self.attempts.saturating_add(1);
        Outputs([first, Some(Output::Send(bytes)), Some(Output::Wait(ANSWER_WAIT_MS))])
    }

    fn advance(&mut self, output: Option<Output>, next: State) -> Outputs {
        let was_repeated = self.attempts > 1;
        self.state = next;
        self.attempts = 0;
        if was_repeated {
            self.settling = true;
            return Outputs([output, Some(Output::Wait(SETTLE_MS)), None]);
        }
        self.ask(output)
    }

    fn finish(&mut self, output: Option<Output>) -> Outputs {
        self.state = State::Finished;
        Outputs([output, Some(Output::Done), None])
    }

    fn fail(&mut self, failure: Failure) -> Outputs {
        self.state = State::Finished;
        Outputs::one(Output::Failed(failure))
    }
}

/// The record time belongs to the value; on a blood pressure its bits tell an irregular pulse.
fn stamp(meaning: Meaning, time: RecordTime, user: Option<u8>) -> Meaning {
    let device_time = time.device_time().ok();
    match meaning {
        Meaning::Event(name) => Meaning::Event(name),
        Meaning::Measurement(Measurement::Glucose(mut glucose)) => {
            glucose.device_time = device_time;
            glucose.user = user;
            Meaning::Measurement(Measurement::Glucose(glucose))
        }
        Meaning::Measurement(Measurement::BloodPressure(mut pressure)) => {
            pressure.device_time = device_time;
            pressure.user = user;
            pressure.flags.irregular_pulse = time.arrhythmia() || time.irregular_beats() > 0;
            Meaning::Measurement(Measurement::BloodPressure(pressure))
        }
    }
}
