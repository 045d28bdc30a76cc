//! Meters that have a memory and speak only when asked: when to read them, and what was read.
//!
//! Decides, and does nothing: bytes to send and read-outs to hand over come back to the line's task.

use std::time::Duration;

use firmware_protocols::{
    hazard::HazardOptIn,
    taidoc::{
        self,
        session::{Event, Failure, MeterKind, Options, Output, Outputs, Record, Session},
    },
};
use tokio::time::Instant;

use super::{ReadOut, SerialLine};
use crate::domain::Timestamp;

/// How soon a memory is read again after it changed while it was read. Our choice.
const CHANGED_RETRY: Duration = Duration::from_secs(2);

/// How soon a meter that did not answer at all is called again: it is switched off, and will be
/// switched on for a minute. Our choice.
const ABSENT_RETRY: Duration = Duration::from_secs(5);

/// A time as both clocks show it: one for waiting, one for keeping.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) timestamp: Timestamp,
}

/// What the line's task does next for a meter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    /// Send these bytes.
    Send([u8; 8]),
    /// Everything is read: hand it over, and say [`Poller::committed`] after the receipt.
    HandOver(ReadOut),
    /// Everything is read, and it is what was read and saved before.
    Unchanged,
    /// The read-out failed.
    Failed(Failure),
}

/// Reads one meter again and again.
#[derive(Debug)]
pub(super) struct Poller {
    options: Options,
    clear: Option<HazardOptIn>,
    every: Duration,
    session: Option<Session>,
    /// When to begin the next read-out; meaningless while one runs.
    next: Instant,
    timeout_at: Option<Instant>,
    read: ReadOut,
    /// What was handed over last: frames of its records, oldest first, and whether it is on disk.
    handed_over: Vec<[u8; 16]>,
    saved: Vec<[u8; 16]>,
}

/// Whether the device of this line has a memory that the gateway reads.
pub(super) fn is_polled(line: &SerialLine) -> bool {
    let scale = line.model.as_deref() == Some("scale");
    line.format.name == taidoc::FORMAT.name && !scale
}

impl Poller {
    /// The poller of a line; `None` for a device that speaks unasked.
    pub(super) fn new(line: &SerialLine, now: Instant) -> Option<Self> {
        if !is_polled(line) {
            return None;
        }
        let kind = match line.model.as_deref() {
            Some("bp") => Some(MeterKind::BloodPressure),
            Some("glucose") => Some(MeterKind::Glucose),
            Some("two-in-one") => Some(MeterKind::TwoInOne),
            Some("thermometer") => Some(MeterKind::Thermometer),
            Some("oximeter") => Some(MeterKind::Oximeter),
            Some(_) | None => None,
        };
        Some(Self {
            options: Options { kind, user: None },
            clear: line.clear_memory.then(HazardOptIn::i_mean_to_act_on_the_device),
            every: line.timing.poll_every,
            session: None,
            next: now,
            timeout_at: None,
            read: empty(),
            handed_over: Vec::new(),
            saved: Vec::new(),
        })
    }

    /// When [`Poller::due`] has something to do; `None` while a read-out waits for its receipt.
    pub(super) fn due_at(&self) -> Option<Instant> {
        if self.session.is_some() { self.timeout_at } else { Some(self.next) }
    }

    /// Begins a read-out, or goes on after a silence.
    pub(super) fn due(&mut self, now: Moment) -> Vec<Deed> {
        if self.due_at().is_none_or(|due| due > now.instant) {
            return Vec::new();
        }
        match &mut self.session {
            Some(session) => {
                self.timeout_at = None;
                let outputs = session.handle(Event::Timeout);
                self.carry_out(outputs, now)
            }
            None => self.begin(now),
        }
    }

    /// Takes a frame of the line.
    pub(super) fn frame(&mut self, bytes: &[u8], now: Moment) -> Vec<Deed> {
        match &mut self.session {
            Some(session) => {
                let outputs = session.handle(Event::Frame(bytes));
                self.carry_out(outputs, now)
            }
            // The meter says that somebody connected it: read it now.
            None if is_greeting(bytes) => self.begin(now),
            None => Vec::new(),
        }
    }

    /// The read-out handed over last is on disk.
    pub(super) fn committed(&mut self, now: Moment) -> Vec<Deed> {
        self.saved = std::mem::take(&mut self.handed_over);
        match &mut self.session {
            Some(session) => {
                let outputs = session.handle(Event::Committed);
                self.carry_out(outputs, now)
            }
            None => Vec::new(),
        }
    }

    /// The line is gone: a session cannot go on over another connection.
    pub(super) fn hang_up(&mut self, now: Instant) {
        self.session = None;
        self.timeout_at = None;
        self.next = now;
    }

    fn begin(&mut self, now: Moment) -> Vec<Deed> {
        self.read = empty();
        let mut session = match self.clear {
            Some(opt_in) => Session::clearing_after_commit(self.options, opt_in),
            None => Session::new(self.options),
        };
        let outputs = session.start();
        self.session = Some(session);
        self.carry_out(outputs, now)
    }

    fn carry_out(&mut self, outputs: Outputs, now: Moment) -> Vec<Deed> {
        outputs.into_iter().filter_map(|output| self.carry_out_one(output, now)).collect()
    }

    fn carry_out_one(&mut self, output: Output, now: Moment) -> Option<Deed> {
        match output {
            Output::Send(bytes) => return Some(Deed::Send(bytes)),
            Output::Wait(ms) => {
                self.timeout_at = Some(now.instant + Duration::from_millis(u64::from(ms)));
            }
            Output::Model { bcd } => self.read.model_bcd = Some(bcd),
            Output::Clock { device } => {
                self.read.clock = device;
                self.read.clock_read_at = Some(now.timestamp);
            }
            Output::Record(record) => self.read.records.push(record),
            Output::ReadyToClear => {
                self.timeout_at = None;
                return Some(self.hand_over_to_clear());
            }
            Output::Done => return self.end(now),
            Output::Failed(failure) => return self.fail(failure, now),
        }
        None
    }

    /// Before a memory is cleared everything is handed over again, saved before or not: the receipt
    /// that allows it must be of these records.
    fn hand_over_to_clear(&mut self) -> Deed {
        self.handed_over = fingerprint(&self.read.records);
        Deed::HandOver(std::mem::replace(&mut self.read, empty()))
    }

    fn end(&mut self, now: Moment) -> Option<Deed> {
        self.rest(now, self.every);
        if self.clear.is_some() {
            // Already handed over; it is cleared now, or was empty.
            return None;
        }
        let fingerprint = fingerprint(&self.read.records);
        if fingerprint == self.saved {
            return Some(Deed::Unchanged);
        }
        self.handed_over = fingerprint;
        Some(Deed::HandOver(std::mem::replace(&mut self.read, empty())))
    }

    fn fail(&mut self, failure: Failure, now: Moment) -> Option<Deed> {
        let absent = Failure::NoAnswer { command: taidoc::command::CONNECT };
        let wait = match failure {
            failure if failure == absent => ABSENT_RETRY,
            Failure::RecordsChanged { .. } | Failure::NewestChanged => CHANGED_RETRY,
            Failure::NoAnswer { .. } | Failure::UnknownModel { .. } | Failure::OtherKind { .. } => {
                self.every
            }
        };
        self.rest(now, wait.min(self.every));
        (failure != absent).then_some(Deed::Failed(failure))
    }

    fn rest(&mut self, now: Moment, wait: Duration) {
        self.session = None;
        self.timeout_at = None;
        self.next = now.instant + wait;
    }
}

const fn empty() -> ReadOut {
    ReadOut { model_bcd: None, clock: None, clock_read_at: None, records: Vec::new() }
}

fn fingerprint(records: &[Record]) -> Vec<[u8; 16]> {
    let join = |record: &Record| {
        let mut frames = [0; 16];
        let (time, value) = frames.split_at_mut(8);
        time.copy_from_slice(&record.time_frame);
        value.copy_from_slice(&record.value_frame);
        frames
    };
    records.iter().map(join).collect()
}

fn is_greeting(bytes: &[u8]) -> bool {
    taidoc::Frame::new_checked(bytes, false).is_ok_and(|frame| {
        frame.direction == taidoc::Direction::Device
            && frame.command == taidoc::command::ENTERED_COMMUNICATION
    })
}
