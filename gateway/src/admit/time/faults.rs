//! Clocks that are wrong in every way that clocks are, by every road, beside the truth
//! (trust/FAULTS.md F9): a time of grade A or B is right within the tolerance, and what a device
//! made in an order stays in it.

use std::io::Write as _;

use firmware_protocols::{
    BloodPressure, DateTime, Decimal, Meaning, Measurement, PressureUnit, taidoc::session::Record,
};
use jiff::civil;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::*;
use crate::{
    admit::{Source, memory, readings},
    domain::{DeviceId, Measured, Road, SiteId},
    intake::Item,
};

/// Change it to try other clocks; a failure prints the shortest list of records that shows it.
const SEED: [u8; 32] = *b"xunzhen clocks in their own turn";

/// Readings of a device, in the order in which they were taken.
const COUNT: u64 = 6;

/// When a reading was taken, in truth: some minutes after another, with seconds.
fn truth(number: u64) -> Timestamp {
    let first = Timestamp::parse("2026-03-02T07:00:11+08:00").unwrap();
    first.plus(Millis::seconds(i64::try_from(number).unwrap() * 797))
}

/// When everything is read out.
fn read_out_at() -> Timestamp {
    truth(COUNT).plus(Millis::hours(2))
}

/// How a clock goes wrong: what it shows at a time.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Off(Millis),
    Unset(civil::DateTime),
    Stuck(civil::DateTime),
}

impl Fault {
    fn shows(self, at: Timestamp) -> civil::DateTime {
        let begun = truth(0).minus(Millis::hours(30));
        let shown = match self {
            Self::Off(by) => at.plus(by).to_shanghai().unwrap(),
            Self::Unset(from) => {
                let on = Timestamp::from_shanghai(from).unwrap().plus(at.since(begun));
                on.to_shanghai().unwrap()
            }
            Self::Stuck(at) => at,
        };
        // As most devices, it tells no seconds.
        shown.with().second(0).subsec_nanosecond(0).build().unwrap()
    }
}

fn admitted(items: Vec<Item>) -> Vec<Measured> {
    let mut readings: Vec<_> = items
        .into_iter()
        .map(|item| {
            let Item::Reading(reading) = item else { panic!("{item:?}") };
            reading
        })
        .collect();
    readings.sort_by_key(|reading| reading.sequence.map(|sequence| sequence.number));
    readings.into_iter().map(|reading| reading.measured).collect()
}

fn with_source<T>(received_at: Timestamp, live: bool, of: impl FnOnce(&Source<'_>) -> T) -> T {
    let (site, device) = (SiteId::new("V03").unwrap(), DeviceId::new("BP-7").unwrap());
    let road = if live { Road::Serial } else { Road::Mqtt };
    of(&Source { road, site: &site, device: &device, bench: None, model: None, received_at, live })
}

fn written(number: u64, shown: civil::DateTime) -> String {
    format!(
        r#"{{"kind":"blood_pressure","seq":{number},"epoch":1,"systolic":1{number}1,"diastolic":80,"unit":"mmHg","measured_at":"{shown}"}}"#
    )
}

fn uploaded(texts: &[String], received_at: Timestamp, live: bool) -> Vec<Measured> {
    let payload = format!("[{}]", texts.join(","));
    admitted(with_source(received_at, live, |source| readings(payload.as_bytes(), source)))
}

fn record(shown: civil::DateTime, value: u64) -> Record {
    let part = |part: i8| u8::try_from(part).unwrap();
    let year = u16::try_from(shown.year()).unwrap();
    let time = DateTime::new(
        year,
        part(shown.month()),
        part(shown.day()),
        part(shown.hour()),
        part(shown.minute()),
        0,
    );
    let value = Decimal::new(i64::try_from(100 + value).unwrap(), 0);
    let mut pressure = BloodPressure::new(value, Decimal::new(80, 0), PressureUnit::MmHg);
    pressure.device_time = time.ok();
    Record {
        index: 0,
        user: None,
        time,
        average: false,
        meaning: Ok(Meaning::Measurement(Measurement::BloodPressure(pressure))),
        time_frame: [0; 8],
        value_frame: [0; 8],
    }
}

fn read(shown: &[civil::DateTime], check: Option<(civil::DateTime, Timestamp)>) -> Vec<Measured> {
    let records: Vec<_> = (0..).zip(shown).map(|(number, at)| record(*at, number)).collect();
    let check =
        check.map(|(shown, at)| ClockCheck { shown: Timestamp::from_shanghai(shown).unwrap(), at });
    admitted(with_source(read_out_at(), false, |source| memory(&records, check, source)))
}

/// What comes of the readings by each road: alone over a line, alone over a network, in one upload
/// hours later, and out of a memory whose clock was asked.
fn roads(fault: Fault) -> [Vec<Measured>; 4] {
    let numbers = || 1..=COUNT;
    let alone = |live: bool| -> Vec<Measured> {
        let one = |number: u64| {
            let text = [written(number, fault.shows(truth(number)))];
            uploaded(&text, truth(number).plus(Millis::seconds(3)), live).remove(0)
        };
        numbers().map(one).collect()
    };
    // An upload may stand in any order: the device numbered them.
    let texts: Vec<_> =
        numbers().rev().map(|number| written(number, fault.shows(truth(number)))).collect();
    let shown: Vec<_> = numbers().map(|number| fault.shows(truth(number))).collect();
    let check = Some((fault.shows(read_out_at()), read_out_at()));
    [alone(true), alone(false), uploaded(&texts, read_out_at(), false), read(&shown, check)]
}

/// The grades of the readings by each road, all of one road being alike.
#[track_caller]
fn check(fault: Fault, expected: &str) {
    let found = roads(fault);
    for (road, estimates) in found.iter().enumerate() {
        for (number, estimate) in (1..).zip(estimates) {
            let off = estimate.at.since(truth(number)).0.abs();
            let good = matches!(estimate.grade, Grade::A | Grade::B);
            assert!(!good || off <= CLOCK_TOLERANCE.0, "{fault:?} road {road}: {estimate:?}");
        }
        let together = road >= 2;
        let in_order = estimates.is_sorted_by(|one, next| one.at < next.at);
        assert!(!together || in_order, "{fault:?} road {road}: {estimates:?}");
    }
    let grades = found.map(|estimates| {
        let mut grades: Vec<_> = estimates.iter().map(|one| format!("{:?}", one.grade)).collect();
        grades.dedup();
        grades.concat()
    });
    assert_eq!(grades.join(" "), expected, "{fault:?}");
}

fn days(count: i64) -> Fault {
    Fault::Off(Millis::days(count))
}

fn hours(count: i64) -> Fault {
    Fault::Off(Millis::hours(count))
}

fn date(year: i16, month: i8, day: i8) -> civil::DateTime {
    civil::date(year, month, day).at(0, 1, 0, 0)
}

#[test]
fn a_clock_that_is_right() {
    check(hours(0), "A A C A");
    check(Fault::Off(Millis::seconds(70)), "A A C A");
}

#[test]
fn a_clock_that_is_days_off() {
    check(days(1), "D D C B");
    check(days(-1), "C C C B");
    check(days(400), "D D C B");
    check(days(-400), "C C C B");
}

#[test]
fn a_clock_that_was_never_set() {
    check(Fault::Unset(date(1970, 1, 1)), "D D C B");
    check(Fault::Unset(date(2000, 1, 1)), "D D C B");
    check(Fault::Unset(date(2007, 1, 1)), "D D C B");
    check(Fault::Unset(date(2010, 1, 1)), "D D C B");
    check(Fault::Unset(date(2014, 1, 1)), "D D C B");
}

#[test]
fn a_clock_of_another_century() {
    check(Fault::Unset(date(2099, 12, 30)), "D D C B");
}

#[test]
fn a_clock_that_stands_still() {
    check(Fault::Stuck(date(2026, 2, 27)), "C C C C");
    check(Fault::Stuck(date(2014, 1, 1)), "D D C C");
    check(Fault::Stuck(date(2099, 1, 1)), "D D C C");
}

#[test]
fn a_clock_that_keeps_another_hour() {
    check(hours(1), "B D C B");
    check(hours(-1), "B C C B");
    check(hours(-8), "B C C B");
}

#[test]
fn a_clock_that_was_set_between_two_readings_has_an_offset_only_since() {
    let (behind, right) = (days(-3), hours(0));
    let mut shown: Vec<_> = (1..=3).map(|number| days(3).shows(truth(number))).collect();
    shown.extend((4..=COUNT).map(|number| right.shows(truth(number))));
    let found = read(&shown, Some((right.shows(read_out_at()), read_out_at())));
    let grades: Vec<_> = found.iter().map(|one| one.grade).collect();
    assert_eq!(grades, [[Grade::C; 3], [Grade::A; 3]].concat(), "set back");
    assert!(found.is_sorted_by(|one, next| one.at < next.at), "{found:?}");

    let mut shown: Vec<_> =
        (1..=3).map(|number| Fault::Unset(date(2014, 1, 1)).shows(truth(number))).collect();
    shown.extend((4..=COUNT).map(|number| behind.shows(truth(number))));
    let found = read(&shown, Some((behind.shows(read_out_at()), read_out_at())));
    let grades: Vec<_> = found.iter().map(|one| one.grade).collect();
    assert_eq!(grades, [[Grade::C; 3], [Grade::B; 3]].concat(), "set for the first time");
    assert!(found.is_sorted_by(|one, next| one.at < next.at), "{found:?}");
    let told = found[2].at.since(found[0].at).0 - truth(3).since(truth(1)).0;
    assert!(told.abs() <= 60_000, "the clock that ran tells how far apart they were: {found:?}");
}

#[test]
fn what_a_shared_meter_made_at_an_unknown_time_waits_for_somebody_to_say_whose_it_is() {
    let (site, device) = (SiteId::new("V03").unwrap(), DeviceId::new("BP-7").unwrap());
    let bench = crate::domain::BenchId::new("bench1").unwrap();
    let received_at = read_out_at();
    let source = Source {
        road: Road::Serial,
        site: &site,
        device: &device,
        bench: Some(&bench),
        model: None,
        received_at,
        live: false,
    };
    let stuck = Fault::Stuck(date(2014, 1, 1)).shows(received_at);
    let records = [record(stuck, 1), record(stuck, 2)];
    let items = memory(&records, None, &source);
    assert!(items.iter().all(|item| matches!(item, Item::Quarantined(_))), "{items:?}");
}

/// A clock that is set to anything at any time, and stands still now and then.
fn clocks(settings: usize) -> impl Strategy<Value = Vec<civil::DateTime>> {
    let moment = (0..4_000_i64, 0..3_000_i64, 0..86_400_i64);
    let runs = vec((moment, vec(0..2_000_i64, 1..8)), 1..=settings);
    runs.prop_map(|runs| {
        let run = |((years, days, seconds), apart): ((i64, i64, i64), Vec<i64>)| {
            let from = Timestamp::parse("2012-06-01T00:00:00+08:00").unwrap();
            let mut at = from.plus(Millis::days(years + days)).plus(Millis::seconds(seconds));
            let mut step = |apart: i64| {
                at = at.plus(Millis::seconds(apart));
                let shown = at.to_shanghai().unwrap();
                shown.with().second(0).subsec_nanosecond(0).build().unwrap()
            };
            apart.into_iter().map(&mut step).collect::<Vec<_>>()
        };
        runs.into_iter().flat_map(run).collect()
    })
}

fn runner(cases: u32) -> TestRunner {
    writeln!(std::io::stdout(), "seed {:?}", std::str::from_utf8(&SEED)).unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &SEED))
}

#[test]
fn a_memory_is_in_its_order_whatever_the_clock() {
    let with_check = (clocks(5), proptest::option::of(clocks(1)));
    let ran = runner(400).run(&with_check, |(shown, check)| {
        let check = check.and_then(|check| check.last().copied()).map(|at| (at, read_out_at()));
        let found = read(&shown, check);
        prop_assert!(found.is_sorted_by(|one, next| one.at < next.at), "{:?}", found);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn an_upload_is_in_the_order_of_its_numbers_though_the_clock_was_set() {
    let ran = runner(400).run(&clocks(2), |shown| {
        let numbered = (10..).zip(&shown);
        let mut texts: Vec<_> = numbered.map(|(number, at)| written(number, *at)).collect();
        let half = texts.len() / 2;
        texts.rotate_left(half);
        let found = uploaded(&texts, read_out_at(), false);
        prop_assert!(found.is_sorted_by(|one, next| one.at < next.at), "{:?}", found);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn numbers_that_most_of_the_times_contradict_change_nothing() {
    let hours = [11, 10, 9, 8, 7];
    let texts: Vec<_> = (1..)
        .zip(hours)
        .map(|(number, hour)| written(number, civil::date(2026, 2, 3).at(hour, 0, 0, 0)))
        .collect();
    let found = uploaded(&texts, read_out_at(), false);
    let at = |hour: i8| Timestamp::from_shanghai(civil::date(2026, 2, 3).at(hour, 0, 0, 0));
    let told: Vec<_> = found.iter().map(|one| Some(one.at)).collect();
    assert_eq!(told, hours.map(at));
}
