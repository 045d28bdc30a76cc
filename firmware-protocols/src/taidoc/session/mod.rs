//! Reads a meter's memory: a state machine without I/O, clock or buffer.
//!
//! The driver passes events in and does what comes out. Order: connect, model, clock, count, time
//! of the newest record; then of every record, oldest first, its time and its value; then count and
//! time of the newest once more. Records are joined by their index only, so the answers must not
//! slip:
//!
//! - an answer that needed a second request is followed by a pause in which every frame is dropped,
//!   because the first request may still be answered;
//! - when count or newest record changed, indices have moved and the session fails. Commit records
//!   only when [`Output::Done`] or [`Output::ReadyToClear`] comes.
//!
//! The memory is cleared only by a session that was built for it, only after the driver says that
//! everything is on disk, and only when no record was made since. No command of a session starts a
//! cuff or powers a meter off.

mod exchange;

pub use exchange::{Event, Failure, MeterKind, Options, Output, Outputs, Record};

use crate::codec::NoFields;
use crate::error::DecodeError;
use crate::hazard::HazardOptIn;
use crate::measurement::{Meaning, Measurement};
use crate::taidoc::frame::{Direction, Frame, Hazard, Request, command};
use crate::taidoc::value::{self, Kind, LowBits};
use crate::taidoc::{RecordTime, device_frame};

/// How long a meter may take to answer, in milliseconds. Our choice; no source gives one.
pub const ANSWER_WAIT_MS: u32 = 1000;
/// How long late answers are waited out after a repeated request, in milliseconds.
pub const SETTLE_MS: u32 = 500;
/// How often one request is sent before the session fails.
pub const ATTEMPTS_MAX: u8 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Connecting,
    Model,
    Clock,
    Count,
    Newest,
    Time { index: u16 },
    Value { index: u16, time: RecordTime },
    Recount,
    CheckNewest,
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
    newest: RecordTime,
    committed: bool,
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
            newest: RecordTime([0; 4]),
            committed: false,
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
            Event::Committed => self.take_commit(),
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

    /// Before the memory is cleared it is checked again: a record may have been made since.
    fn take_commit(&mut self) -> Outputs {
        if self.state != State::AwaitingCommit {
            return Outputs::NONE;
        }
        self.committed = true;
        self.advance(None, State::Recount)
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
                let device = RecordTime(frame.payload).device_time().ok();
                self.advance(Some(Output::Clock { device }), State::Count)
            }
            (State::Count, command::COUNT) => {
                self.count = frame.record_count();
                if self.count == 0 { self.finish() } else { self.advance(None, State::Newest) }
            }
            (State::Newest, command::RECORD_TIME) => {
                self.newest = RecordTime(frame.payload);
                self.read_before(self.count, None)
            }
            (State::Time { index }, command::RECORD_TIME) => {
                self.advance(None, State::Value { index, time: RecordTime(frame.payload) })
            }
            (State::Value { index, time }, command::RECORD_VALUE) => {
                let record = self.record(index, time, frame);
                self.read_before(index, Some(Output::Record(record)))
            }
            (State::Recount, command::COUNT) => self.take_recount(frame.record_count()),
            (State::CheckNewest, command::RECORD_TIME) => {
                self.take_newest(RecordTime(frame.payload))
            }
            (State::Clearing(_), command::CLEAR) => self.finish(),
            _ => Outputs::NONE,
        }
    }

    fn take_model(&mut self, frame: Frame) -> Outputs {
        let [low, high, _, _] = frame.payload;
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

    /// Goes on with the record just newer than `index`, or to the checks at the end.
    fn read_before(&mut self, index: u16, output: Option<Output>) -> Outputs {
        let next = index.checked_sub(1).map_or(State::Recount, |index| State::Time { index });
        self.advance(output, next)
    }

    fn take_recount(&mut self, after: u16) -> Outputs {
        if after != self.count {
            return self.fail(Failure::RecordsChanged { before: self.count, after });
        }
        self.advance(None, State::CheckNewest)
    }

    fn take_newest(&mut self, newest: RecordTime) -> Outputs {
        if newest != self.newest {
            return self.fail(Failure::NewestChanged);
        }
        match self.clear {
            None => self.finish(),
            Some(opt_in) if self.committed => self.advance(None, State::Clearing(opt_in)),
            Some(_) => {
                self.state = State::AwaitingCommit;
                self.attempts = 0;
                Outputs::one(Output::ReadyToClear)
            }
        }
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
            value_frame: device_frame(command::RECORD_VALUE, frame.payload),
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
            State::Newest | State::CheckNewest => Request::RecordTime { index: 0, user },
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

    fn finish(&mut self) -> Outputs {
        self.state = State::Finished;
        Outputs::one(Output::Done)
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
