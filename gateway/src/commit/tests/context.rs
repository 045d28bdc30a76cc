//! A measurement and its context, by every way that the two can come, against both stores.

use std::sync::Arc;

use firmware_protocols::Meal;
use tokio::sync::oneshot;

use super::super::{Pace, Registering, Settings, Trust, Work, WriterHandle, start};
use crate::{
    admit::{self, Source},
    assess::Pack,
    domain::{AlertState, Clock, Device, DeviceId, Millis, Registered, Road, SiteId, Timestamp},
    store::{
        Fact, ModelStore, Options, Reader, SqliteStore, Status, Store,
        view::{AlertFilter, HeldState, Paging, ReadingFilter, Scope},
    },
    supervise::Supervisor,
};

/// 7.2 mmol/L under number 7, taken at 06:02 by the meter's clock; a context is announced.
const SEVEN: &str = "160700EA07030206020048C011";

/// The same number a life of the counter later, at 07:02.
const SEVEN_AGAIN: &str = "160700EA07030207020048C011";

/// Number 7 was taken fasting, or after a meal.
const FASTING: &str = "02070003";
const AFTER_MEAL: &str = "02070002";

const MEASUREMENT: &str = "sig-glucose-2a18";
const CONTEXT: &str = "sig-glucose-context-2a34";

/// What opens for 7.2 fasting, in somebody who is not known to have diabetes.
const OPENED: &str = "glu_first_found";

/// What opens for it while nobody says when it was taken.
const ASKED: &str = "dq_context";

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// What happens, one after another.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Frames in one delivery; those of a format glued in one payload.
    Deliver(&'static [(&'static str, &'static str)]),
    /// The process ends and begins again on the same store: nothing is remembered.
    Restart,
    /// Time passes for whoever receives; the writer looks at the clock of the day after.
    Wait(Millis),
}
use Step::{Deliver, Restart, Wait};

const M: Step = Deliver(&[(MEASUREMENT, SEVEN)]);
const C: Step = Deliver(&[(CONTEXT, FASTING)]);

/// A gateway's writer on a store, one person, and the meter that is theirs.
struct Bench {
    open: Box<dyn Fn() -> Box<dyn Store>>,
    now: Timestamp,
    supervisor: Supervisor,
    writer: WriterHandle,
    reader: Arc<dyn Reader>,
    told: Vec<Status>,
}

impl Bench {
    async fn new(open: Box<dyn Fn() -> Box<dyn Store>>) -> Self {
        let now = at("2026-03-02T07:05:00+08:00");
        let (supervisor, writer, reader) = begin(&open);
        let bench = Self { open, now, supervisor, writer, reader, told: Vec::new() };
        let person = r#"{"person":"P1","village":"North"}"#;
        let device = Device {
            device: DeviceId::new("G1").unwrap(),
            model: String::new(),
            site: None,
            bench: None,
            owner: Some("P1".parse().unwrap()),
            epoch: None,
            slots: Vec::new(),
            attributes: std::collections::BTreeMap::new(),
        };
        let rows = vec![
            Registered::Person(serde_json::from_str(person).unwrap()),
            Registered::Device(device),
        ];
        let (reply, told) = oneshot::channel();
        let work = Work::Register(Registering { rows, author: "test".into(), reply });
        bench.writer.inlet.hand_over(work).await.unwrap();
        assert_eq!(told.await.unwrap().1, 2);
        bench
    }

    async fn step(&mut self, step: Step) {
        match step {
            Deliver(frames) => {
                let (site, device) = (SiteId::new("H1").unwrap(), DeviceId::new("G1").unwrap());
                let source = Source {
                    road: Road::Mqtt,
                    site: &site,
                    device: &device,
                    bench: None,
                    model: None,
                    received_at: self.now,
                    live: false,
                };
                let admit =
                    |(format, hex): &(&str, &str)| admit::frame(format, &bytes(hex), &source);
                let items = frames.iter().flat_map(admit).collect();
                let pending = self.writer.inlet.deliver(items, 64).await.unwrap();
                let receipt = pending.receipt().await.unwrap();
                self.told.extend(receipt.outcomes.into_iter().map(|outcome| outcome.status));
            }
            Restart => {
                self.supervisor.stop();
                self.supervisor.wait().await.unwrap();
                (self.supervisor, self.writer, self.reader) = begin(&self.open);
            }
            Wait(time) => self.now = self.now.plus(time),
        }
    }

    /// The meals of the readings, oldest first; the concepts that are open; what waits.
    fn end(&self) -> (Vec<Meal>, Vec<String>, usize) {
        let page = Paging::default();
        let all = &Scope::Everything;
        let readings = self.reader.readings(all, &ReadingFilter::default(), &page).unwrap().items;
        let meals = readings.iter().rev().map(|(_, stored)| stored.meal()).collect();
        let alerts = self.reader.alerts(all, &AlertFilter::default(), &page).unwrap().items;
        let open = alerts.iter().filter(|alert| alert.state == AlertState::Open);
        let concepts = open.map(|alert| alert.concept.to_string()).collect();
        assert_eq!(self.reader.recount().unwrap(), Vec::<String>::new());
        (
            meals,
            concepts,
            self.reader.quarantine(all, HeldState::Waiting, &page).unwrap().items.len(),
        )
    }
}

fn begin(open: &dyn Fn() -> Box<dyn Store>) -> (Supervisor, WriterHandle, Arc<dyn Reader>) {
    let supervisor = Supervisor::new();
    let settings = Settings {
        pack: Arc::new(Pack::built_in().unwrap()),
        people_cached: 100,
        clock: Clock::scripted(|| at("2026-03-03T09:00:00+08:00")),
        trust: Trust::default(),
        pace: Pace::REAL,
        silent_after: crate::commit::SILENT_AFTER,
    };
    let store = open();
    let reader = store.reader();
    let writer = start(store, settings, &supervisor).unwrap();
    (supervisor, writer, reader)
}

/// Runs the steps on SQLite, and on the model where nothing restarts.
async fn run(steps: &[Step]) -> Vec<Bench> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    // The folder goes with the closure, and that with the bench.
    let open = move || -> Box<dyn Store> {
        assert!(folder.path().try_exists().unwrap());
        Box::new(SqliteStore::open(Options::new(&path)).unwrap())
    };
    let mut benches = vec![Bench::new(Box::new(open)).await];
    if steps.iter().all(|step| matches!(step, Deliver(_))) {
        benches.push(Bench::new(Box::new(|| Box::new(ModelStore::new()))).await);
    }
    for bench in &mut benches {
        for step in steps {
            bench.step(*step).await;
        }
    }
    benches
}

/// Whatever way they come: one reading, its meal, and the alert that the meal makes of it.
#[track_caller]
fn check_joined(steps: &[Step]) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        for bench in run(steps).await {
            let expected = (vec![Meal::Fasting], vec![OPENED.to_owned()], 0);
            assert_eq!(bench.end(), expected, "{at}: {steps:?}");
            bench.supervisor.stop();
            bench.supervisor.wait().await.unwrap();
        }
    }
}

/// Other ends, on SQLite.
async fn ends(steps: &[Step]) -> (Vec<Meal>, Vec<String>, usize) {
    let benches = run(steps).await;
    let end = benches.first().unwrap().end();
    for bench in benches {
        bench.supervisor.stop();
        bench.supervisor.wait().await.unwrap();
    }
    end
}

#[tokio::test]
async fn a_measurement_alone_is_judged_without_a_meal() {
    assert_eq!(ends(&[M]).await, (vec![Meal::Unknown], vec![ASKED.to_owned()], 0));
}

#[tokio::test]
async fn a_context_reaches_its_measurement_by_every_way() {
    check_joined(&[Deliver(&[(MEASUREMENT, SEVEN), (CONTEXT, FASTING)])]).await;
    check_joined(&[Deliver(&[(CONTEXT, FASTING), (MEASUREMENT, SEVEN)])]).await;
    check_joined(&[M, C]).await;
    check_joined(&[C, M]).await;
}

#[tokio::test]
async fn a_restart_between_the_two_changes_nothing() {
    check_joined(&[M, Restart, C]).await;
    check_joined(&[C, Restart, M]).await;
    check_joined(&[M, Restart, C, Restart, M, C]).await;
}

#[tokio::test]
async fn repeats_change_nothing_in_any_order() {
    check_joined(&[M, M, C, C, M, C]).await;
    check_joined(&[C, C, M, M, C, M]).await;
    let pair = Deliver(&[(MEASUREMENT, SEVEN), (CONTEXT, FASTING)]);
    check_joined(&[pair, pair, C, M]).await;
    check_joined(&[Deliver(&[(CONTEXT, FASTING), (CONTEXT, FASTING), (MEASUREMENT, SEVEN)])]).await;
}

#[tokio::test]
async fn repeats_are_counted_and_not_kept() {
    for bench in run(&[M, C, M, C, C]).await {
        let stored = [Status::Stored, Status::Stored];
        assert_eq!(bench.told, [&stored[..], &[Status::Duplicate; 3]].concat());
        let counts = bench.reader.counts().unwrap();
        assert_eq!((counts.received, counts.stored, counts.duplicate), (5, 2, 3));
        let facts = bench.reader.feed(Default::default(), 100).unwrap();
        let contexts = facts.iter().filter(|entry| matches!(entry.fact, Fact::Context(_)));
        assert_eq!(contexts.count(), 1);
    }
}

#[tokio::test]
async fn the_context_of_an_unknown_measurement_waits_and_is_readable() {
    assert_eq!(ends(&[C]).await, (vec![], vec![], 1));
    check_joined(&[C, Wait(Millis::hours(23)), M]).await;
    assert_eq!(
        ends(&[C, Wait(Millis::hours(25)), M]).await,
        (vec![Meal::Unknown], vec![ASKED.to_owned()], 1),
        "a day later it may be another life of the counter"
    );
}

#[tokio::test]
async fn a_late_context_makes_its_reading_anew_and_leaves_the_id_and_the_content() {
    let benches = run(&[M, Wait(Millis::hours(3)), C, M]).await;
    let bench = benches.first().unwrap();
    assert_eq!(bench.end(), (vec![Meal::Fasting], vec![OPENED.to_owned()], 0));
    let last = bench.told.last();
    assert_eq!(last, Some(&Status::Duplicate), "a repeat is no conflict");
}

#[tokio::test]
async fn a_counter_that_began_again_mixes_nothing_up() {
    const AGAIN: Step = Deliver(&[(MEASUREMENT, SEVEN_AGAIN)]);
    const OTHER: Step = Deliver(&[(CONTEXT, AFTER_MEAL)]);
    let both = vec![Meal::Fasting, Meal::AfterMeal];
    assert_eq!(ends(&[M, C, AGAIN, OTHER]).await.0, both);
    assert_eq!(ends(&[M, C, OTHER, AGAIN]).await.0, both);
    let same = vec![Meal::Fasting, Meal::Fasting];
    assert_eq!(ends(&[M, C, AGAIN, C]).await.0, same);
    // One payload of an offline bridge.
    let all = Deliver(&[
        (MEASUREMENT, SEVEN),
        (CONTEXT, FASTING),
        (MEASUREMENT, SEVEN_AGAIN),
        (CONTEXT, AFTER_MEAL),
    ]);
    assert_eq!(ends(&[all, all]).await, (both, vec![OPENED.to_owned()], 0));
}

#[tokio::test]
async fn another_context_of_a_measurement_that_has_one_waits() {
    let other = Deliver(&[(CONTEXT, AFTER_MEAL)]);
    assert_eq!(ends(&[M, C, other]).await, (vec![Meal::Fasting], vec![OPENED.to_owned()], 1));
}
