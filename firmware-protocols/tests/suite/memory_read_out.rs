//! A TaiDoc session against a simulated meter: in order, joined right, bounded, and harmless.

use std::collections::VecDeque;

use firmware_protocols::hazard::HazardOptIn;
use firmware_protocols::taidoc::session::{
    ATTEMPTS_MAX, Event, Failure, MeterKind, Options, Output, Record, Session,
};
use firmware_protocols::taidoc::{Direction, Frame, RecordTime, command, device_frame};
use firmware_protocols::{DateTime, Decimal, DecodeError, Meaning, Measurement};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::property;

/// What a simulated meter does with a request, besides answering it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Prompt,
    Silent,
    /// Answers, but only after the request was sent again: both answers then come.
    Late,
    /// Says "entered communication mode" first.
    Chatty,
}

struct Meter {
    model: u16,
    clock: [u8; 4],
    /// Newest first: time and value.
    records: Vec<([u8; 4], [u8; 4])>,
    connect_answer: u8,
    cleared: bool,
    requests: Vec<u8>,
}

impl Meter {
    fn new(model: u16, records: Vec<([u8; 4], [u8; 4])>) -> Self {
        let clock = [0x05, 0x35, 0x27, 0x12];
        let (connect_answer, cleared, requests) = (command::CONNECT, false, Vec::new());
        Self { model, clock, records, connect_answer, cleared, requests }
    }

    fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let frame = Frame::new_checked(request, false).unwrap();
        assert_eq!(frame.direction, Direction::Host);
        self.requests.push(frame.command);
        let [d0, d1, _, _] = frame.payload;
        let index = usize::from(u16::from_le_bytes([d0, d1]));
        let [m0, m1] = self.model.to_le_bytes();
        let [c0, c1] = u16::try_from(self.records.len()).unwrap().to_le_bytes();
        let (answered, answer) = match frame.command {
            command::CONNECT => (self.connect_answer, [0; 4]),
            command::MODEL => (command::MODEL, [m0, m1, 0, 0]),
            command::CLOCK => (command::CLOCK, self.clock),
            command::COUNT if self.records.is_empty() => (command::COUNT, [0, 0, 0xFF, 0xFF]),
            command::COUNT => (command::COUNT, [c0, c1, 0, 0]),
            command::RECORD_TIME => (command::RECORD_TIME, self.records[index].0),
            command::RECORD_VALUE => (command::RECORD_VALUE, self.records[index].1),
            command::CLEAR => {
                self.cleared = true;
                (command::CLEAR, [0; 4])
            }
            other => panic!("the session sent {other:02X}"),
        };
        device_frame(answered, answer).to_vec()
    }
}

/// The line between the two: answers in flight, and answers that take their time.
#[derive(Default)]
struct Line {
    arriving: VecDeque<Vec<u8>>,
    /// Late answers, with the number of requests answered since.
    late: Vec<(u8, Vec<u8>)>,
}

impl Line {
    /// A late answer overtakes nothing before two more requests were answered, unless there is a
    /// pause: then it comes at once.
    fn carry(&mut self, request: &[u8], mood: Mood, meter: &mut Meter) {
        match mood {
            Mood::Silent => return,
            Mood::Late => return self.late.push((0, meter.answer(request))),
            Mood::Chatty => self
                .arriving
                .push_back(device_frame(command::ENTERED_COMMUNICATION, [0; 4]).to_vec()),
            Mood::Prompt => {}
        }
        self.late.iter_mut().for_each(|(since, _)| *since += 1);
        self.release(3);
        self.arriving.push_back(meter.answer(request));
    }

    fn release(&mut self, answered_since: u8) {
        let (due, kept) = self.late.drain(..).partition(|(since, _)| *since >= answered_since);
        self.late = kept;
        self.arriving.extend(Vec::into_iter(due).map(|(_, answer)| answer));
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.arriving.is_empty() {
            self.release(1);
        }
        self.arriving.pop_front()
    }
}

/// Drives a session to its end; every mood lasts for one request.
fn run(session: &mut Session, meter: &mut Meter, moods: &[Mood], commit: bool) -> Vec<Output> {
    let mut moods = moods.iter().copied();
    let mut told = Vec::new();
    let mut line = Line::default();
    let mut todo: VecDeque<Output> = session.start().into_iter().collect();
    for _ in 0..20_000 {
        match todo.pop_front() {
            Some(Output::Wait(_)) => {}
            Some(Output::Send(bytes)) => {
                line.carry(&bytes, moods.next().unwrap_or(Mood::Prompt), meter);
            }
            Some(output) => {
                told.push(output);
                if output == Output::ReadyToClear && !commit {
                    return told;
                }
                if output == Output::ReadyToClear {
                    todo.extend(session.handle(Event::Committed));
                }
            }
            None if session.is_finished() => return told,
            None => todo.extend(match line.next() {
                Some(frame) => session.handle(Event::Frame(&frame)),
                None => session.handle(Event::Timeout),
            }),
        }
    }
    panic!("the session never ended");
}

fn records(told: &[Output]) -> Vec<Record> {
    told.iter()
        .filter_map(|output| if let Output::Record(record) = output { Some(*record) } else { None })
        .collect()
}

fn time(minute: u8) -> [u8; 4] {
    RecordTime::clock(DateTime::new(2026, 8, 5, 18, minute, 0).unwrap()).0
}

fn systolic(record: &Record) -> Option<Decimal> {
    match record.meaning {
        Ok(Meaning::Measurement(Measurement::BloodPressure(pressure))) => Some(pressure.systolic),
        _ => None,
    }
}

/// A cuff with `count` records whose systolic pressure is 100 + index.
fn cuff(count: u8) -> Meter {
    let record = |index: u8| (time(59 - index), [100 + index, 0, 70, 60]);
    Meter::new(0x3128, (0..count).map(record).collect())
}

fn check_cuff(told: &[Output], count: u8) {
    let read = records(told);
    assert_eq!(read.len(), usize::from(count));
    for (record, index) in read.iter().zip((0..count).rev()) {
        assert_eq!(record.index, u16::from(index), "oldest first");
        assert_eq!(systolic(record), Some(Decimal::from(100 + index)), "value of another index");
        assert_eq!(record.time, DateTime::new(2026, 8, 5, 18, 59 - index, 0));
    }
}

#[test]
fn a_whole_memory_is_read_oldest_first() {
    let mut meter = cuff(5);
    let mut session = Session::new(Options { kind: None, user: Some(2) });
    let told = run(&mut session, &mut meter, &[], true);
    check_cuff(&told, 5);
    let device = DateTime::new(2026, 8, 5, 18, 39, 0).ok();
    assert_eq!(told[..2], [Output::Model { bcd: 0x3128 }, Output::Clock { device }]);
    assert_eq!(told.last(), Some(&Output::Done));
    let Ok(Meaning::Measurement(first)) = records(&told)[0].meaning else { panic!("no reading") };
    assert_eq!(first.user(), Some(2));
    assert_eq!(first.device_time(), DateTime::new(2026, 8, 5, 18, 55, 0).ok());
    assert!(!meter.cleared && meter.requests.iter().all(|sent| *sent != command::CLEAR));
}

#[test]
fn every_answer_to_connect_is_understood() {
    for answer in [command::CONNECT, command::MODEL, command::ENTERED_COMMUNICATION] {
        let mut meter = cuff(1);
        meter.connect_answer = answer;
        let told = run(&mut Session::new(Options::default()), &mut meter, &[], true);
        check_cuff(&told, 1);
    }
}

#[test]
fn silence_lateness_and_chatter_never_join_the_wrong_records() {
    let mood = prop_oneof![
        4 => Just(Mood::Prompt),
        1 => Just(Mood::Silent),
        1 => Just(Mood::Late),
        1 => Just(Mood::Chatty),
    ];
    property(500, &vec(mood, 0..60), |moods| {
        let mut session = Session::new(Options::default());
        let told = run(&mut session, &mut cuff(9), &moods, true);
        match told.last() {
            Some(Output::Done) => check_cuff(&told, 9),
            Some(Output::Failed(Failure::NoAnswer { .. })) => {}
            other => panic!("{other:?}"),
        }
        Ok(())
    });
}

#[test]
fn a_silent_meter_ends_the_session_after_bounded_requests() {
    let moods = [Mood::Silent; 100];
    let mut session = Session::new(Options::default());
    let told = run(&mut session, &mut cuff(1), &moods, true);
    assert_eq!(told, [Output::Failed(Failure::NoAnswer { command: command::CONNECT })]);
    let mut session = Session::new(Options::default());
    let mut sent = session.start().into_iter().filter(|o| matches!(o, Output::Send(_))).count();
    while !session.is_finished() {
        let outputs = session.handle(Event::Timeout);
        sent += outputs.into_iter().filter(|o| matches!(o, Output::Send(_))).count();
    }
    assert_eq!(sent, usize::from(ATTEMPTS_MAX));
}

#[test]
fn a_two_in_one_meter_is_read_by_the_bit_of_each_record() {
    let pressure = [time(1)[0], time(1)[1], time(1)[2] | 0x80, time(1)[3]];
    let memory = vec![(pressure, [114, 0, 71, 78]), (time(0), [107, 0, 0, 0x11])];
    let options = Options { kind: Some(MeterKind::TwoInOne), user: None };
    let told = run(&mut Session::new(options), &mut Meter::new(0x3261, memory), &[], true);
    let read = records(&told);
    assert!(
        matches!(read[0].meaning, Ok(Meaning::Measurement(Measurement::Glucose(_)))),
        "with a strip code in the low bits: {read:?}"
    );
    assert_eq!(systolic(&read[1]), Some(Decimal::from(114_u8)));
}

#[test]
fn an_irregular_pulse_and_an_average_come_from_the_record_time() {
    let [d0, d1, d2, d3] = time(5);
    let memory = vec![
        ([d0, d1, d2 | 0x40, d3], [120, 0, 80, 70]),
        ([d0, d1, d2, d3 | 0x80], [120, 0, 80, 70]),
    ];
    let told =
        run(&mut Session::new(Options::default()), &mut Meter::new(0x3140, memory), &[], true);
    let irregular = |record: &Record| {
        let Ok(Meaning::Measurement(Measurement::BloodPressure(pressure))) = record.meaning else {
            panic!("no pressure: {record:?}");
        };
        pressure.flags.irregular_pulse
    };
    let read = records(&told);
    assert!(read[0].average && !irregular(&read[0]));
    assert!(!read[1].average && irregular(&read[1]));
}

#[test]
fn a_bad_date_or_value_costs_that_fact_and_not_the_session() {
    let memory = vec![([0; 4], [107, 0, 0, 0]), (time(0), [255, 0, 0, 0])];
    let told =
        run(&mut Session::new(Options::default()), &mut Meter::new(0x4277, memory), &[], true);
    let read = records(&told);
    assert_eq!(read[0].meaning, Err(DecodeError::InvalidReading));
    assert_eq!(read[1].time, Err(DecodeError::InvalidDate));
    let Ok(Meaning::Measurement(kept)) = read[1].meaning else { panic!("the value was lost") };
    assert_eq!(kept.device_time(), None);
}

#[test]
fn an_unknown_or_other_model_is_not_read() {
    let mut session = Session::new(Options::default());
    let told = run(&mut session, &mut Meter::new(0x3261, Vec::new()), &[], true);
    assert_eq!(told, [Output::Failed(Failure::UnknownModel { bcd: 0x3261 })]);
    let options = Options { kind: Some(MeterKind::BloodPressure), user: None };
    let told = run(&mut Session::new(options), &mut Meter::new(0x4277, Vec::new()), &[], true);
    assert_eq!(told, [Output::Failed(Failure::OtherKind { bcd: 0x4277 })]);
}

#[test]
fn an_empty_memory_is_done() {
    let told = run(&mut Session::new(Options::default()), &mut cuff(0), &[], true);
    assert_eq!((told.len(), told.last()), (3, Some(&Output::Done)));
}

/// Reads three records; something happens to the memory when the one of index 1 was read.
fn run_disturbed(disturb: fn(&mut Meter)) -> Option<Output> {
    let mut session = Session::new(Options::default());
    let mut meter = cuff(3);
    let mut last = None;
    let mut todo: VecDeque<Output> = session.start().into_iter().collect();
    while let Some(output) = todo.pop_front() {
        if let Output::Send(bytes) = output {
            let answer = meter.answer(&bytes);
            todo.extend(session.handle(Event::Frame(&answer)));
        }
        if matches!(output, Output::Record(record) if record.index == 1) {
            disturb(&mut meter);
        }
        last = Some(output);
    }
    last
}

#[test]
fn a_record_made_meanwhile_fails_the_session() {
    let made = |meter: &mut Meter| meter.records.insert(0, (time(58), [200, 0, 90, 60]));
    let failure = Failure::RecordsChanged { before: 3, after: 4 };
    assert_eq!(run_disturbed(made), Some(Output::Failed(failure)));
    let made_in_a_full_memory = |meter: &mut Meter| {
        meter.records.insert(0, (time(58), [200, 0, 90, 60]));
        meter.records.truncate(3);
    };
    let failure = Output::Failed(Failure::NewestChanged);
    assert_eq!(run_disturbed(made_in_a_full_memory), Some(failure));
    assert_eq!(run_disturbed(|_| ()), Some(Output::Done));
}

#[test]
fn a_record_made_before_the_clearing_saves_the_memory() {
    let opt_in = HazardOptIn::i_mean_to_act_on_the_device();
    let mut meter = cuff(2);
    let mut session = Session::clearing_after_commit(Options::default(), opt_in);
    run(&mut session, &mut meter, &[], false);
    meter.records.insert(0, (time(58), [200, 0, 90, 60]));
    let mut outputs: VecDeque<Output> = session.handle(Event::Committed).into_iter().collect();
    while let Some(output) = outputs.pop_front() {
        if let Output::Send(bytes) = output {
            outputs.extend(session.handle(Event::Frame(&meter.answer(&bytes))));
        }
    }
    assert!(session.is_finished() && !meter.cleared);
}

#[test]
fn the_memory_is_cleared_only_on_demand_and_only_after_the_commit() {
    let opt_in = HazardOptIn::i_mean_to_act_on_the_device();
    let mut meter = cuff(2);
    let mut session = Session::clearing_after_commit(Options::default(), opt_in);
    let told = run(&mut session, &mut meter, &[], false);
    assert_eq!(told.last(), Some(&Output::ReadyToClear));
    assert!(!meter.cleared, "before the commit");
    assert_eq!(session.handle(Event::Timeout).into_iter().count(), 0);

    let mut session = Session::clearing_after_commit(Options::default(), opt_in);
    let told = run(&mut session, &mut meter, &[], true);
    assert!(meter.cleared && told.last() == Some(&Output::Done));
}

#[test]
fn a_commit_clears_nothing_in_a_session_that_only_reads() {
    let mut session = Session::new(Options::default());
    let told = run(&mut session, &mut cuff(1), &[], true);
    assert_eq!(told.last(), Some(&Output::Done));
    assert_eq!(session.handle(Event::Committed).into_iter().count(), 0);
}

#[test]
fn noise_never_makes_a_session_panic_or_run_on() {
    property(500, &vec(vec(any::<u8>(), 0..12), 0..60), |frames| {
        let mut session = Session::new(Options::default());
        let mut outputs = session.start().into_iter().count();
        for frame in frames {
            outputs += session.handle(Event::Frame(&frame)).into_iter().count();
        }
        while !session.is_finished() {
            outputs += session.handle(Event::Timeout).into_iter().count();
            prop_assert!(outputs < 200, "the session runs on");
        }
        Ok(())
    });
}
