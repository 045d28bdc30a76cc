//! When the page to the doctor leaves from a site with staff, and what is done there changes of it.

use std::sync::Arc;

use firmware_protocols::{
    BloodPressure, Decimal, Glucose, GlucoseUnit, GlucoseValue, Measurement, PressureUnit,
};

use super::super::{desk::Desk, group::Group, people::People};
use crate::{
    assess::{Pack, Packs},
    domain::{
        CareLevel, Dated, Happened, Level, Millis, PersonEvent, ReadingId, Registered, Setting,
        SiteAct, SiteDeed, Timestamp,
    },
    intake::Item,
    store::{
        Change, Fact, ModelStore, Options, Owed, SqliteStore, Status, Store,
        fixtures::{NOON, commit, doctor, household, id, key, person, reading, site},
        view::{AlertFilter, Paging, Scope},
    },
};

/// A diabetic at a clinic, whose doctor reads MQTT.
fn township(store: &mut dyn Store) {
    let mut row = person("P1", Some("H1"), "");
    if let Fact::Registration(row) = &mut row
        && let Registered::Person(person) = &mut row.row
    {
        person.diagnoses = vec![Dated { code: "dm".into(), from: None, until: None, cause: None }];
    }
    let facts = [
        site("clinic1", "North", "Qingshi", "Yun"),
        doctor("DR1", CareLevel::Village, "North"),
        household("H1", "North", Some("DR1")),
        row,
    ];
    commit(store, &facts, &[]);
}

struct Bench<'s> {
    store: &'s mut dyn Store,
    desk: Desk,
    begun: Timestamp,
}

impl<'s> Bench<'s> {
    fn new(store: &'s mut dyn Store, begun: Timestamp) -> Self {
        township(store);
        Self { store, desk: Desk::new(People::new(10)), begun }
    }

    fn after(&self, minutes: i64) -> Timestamp {
        self.begun.plus(Millis::minutes(minutes))
    }

    /// Items that come so many minutes after the beginning.
    fn take(&mut self, minutes: i64, items: &[Item]) -> Vec<Status> {
        let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
        let (gateway, now) = (("G1".to_owned(), 1), self.after(minutes));
        let mut unit = self.store.begin(now).unwrap();
        let mut group = Group::new(unit.as_mut(), &mut self.desk, &packs, &gateway, now);
        let outcomes = group.receive(&items.iter().collect::<Vec<_>>()).unwrap();
        group.judge().unwrap();
        group.timers().unwrap();
        let counts = Change::Count(group.counts);
        group.changes.push(counts);
        group.flush().unwrap();
        unit.commit().unwrap();
        outcomes.into_iter().map(|outcome| outcome.status).collect()
    }

    fn measured(&mut self, number: u64, minutes: i64, measurement: Measurement) {
        let mut reading = reading(number, Some("P1"), "clinic1", 0).reading;
        (reading.measured.at, reading.received_at) = (self.after(minutes), self.after(minutes));
        reading.measurement = measurement;
        self.take(minutes, &[Item::Reading(Box::new(reading))]);
    }

    fn acted(&mut self, minutes: i64, deed: SiteDeed, symptoms: &[&str]) -> Vec<Status> {
        let item = act(self.after(minutes), deed, symptoms, Some(key(1)));
        self.take(minutes, &[item])
    }

    fn owed(&self) -> Vec<Owed> {
        self.store.reader().owed(self.after(24 * 60), 100).unwrap()
    }

    /// The pages that are owed: what they tell of and when they leave, in minutes.
    fn pages(&self) -> Vec<(Level, i64)> {
        let minutes = |owed: &Owed| owed.due_at.since(self.begun).whole_minutes();
        let mut pages: Vec<_> =
            self.owed().iter().map(|owed| (owed.level, minutes(owed))).collect();
        pages.sort_unstable();
        pages
    }

    fn alerts(&self) -> Vec<(String, Level)> {
        let all = Paging { limit: 100, after: None };
        let filter = AlertFilter::default();
        let alerts = self.store.reader().alerts(&Scope::Everything, &filter, &all).unwrap().items;
        let live = alerts.into_iter().filter(|alert| alert.state.is_live());
        let mut live: Vec<_> = live.map(|alert| (alert.concept.to_string(), alert.level)).collect();
        live.sort();
        live
    }
}

fn act(at: Timestamp, deed: SiteDeed, symptoms: &[&str], reading: Option<ReadingId>) -> Item {
    let what = Happened::SiteAct(SiteAct {
        site: id("clinic1"),
        bench: None,
        deed,
        symptoms: symptoms.iter().map(|code| (*code).into()).collect(),
        reading,
        alert: None,
    });
    Item::Event(Box::new(PersonEvent::new(id("P1"), what, (at, at), "nurse".into())))
}

fn pressure(systolic: i64, diastolic: i64) -> Measurement {
    let (systolic, diastolic) = (Decimal::from(systolic), Decimal::from(diastolic));
    Measurement::BloodPressure(BloodPressure::new(systolic, diastolic, PressureUnit::MmHg))
}

fn glucose(text: &str) -> Measurement {
    let value = GlucoseValue::Number(text.parse().unwrap());
    Measurement::Glucose(Glucose::new(value, GlucoseUnit::MmolPerL))
}

/// Runs a case on both stores.
#[track_caller]
fn check(begun: Timestamp, case: impl Fn(&mut Bench<'_>)) {
    case(&mut Bench::new(&mut ModelStore::new(), begun));
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = SqliteStore::open(Options::new(folder.path())).unwrap();
    let mut bench = Bench::new(&mut sqlite, begun);
    case(&mut bench);
    assert_eq!(bench.store.reader().recount().unwrap(), Vec::<String>::new());
}

#[test]
fn one_emergency_at_a_staffed_bench_pages_after_ten_minutes() {
    check(NOON, |bench| {
        bench.measured(1, 0, pressure(185, 112));
        assert_eq!(bench.pages(), [(Level::Red, 10)]);
    });
}

#[test]
fn a_second_reading_of_the_session_pages_at_once() {
    check(NOON, |bench| {
        bench.measured(1, 0, pressure(185, 112));
        bench.measured(2, 4, pressure(183, 100));
        assert_eq!(bench.pages(), [(Level::Red, 4)]);
    });
}

#[test]
fn values_that_never_wait_page_at_once() {
    for measurement in [pressure(205, 100), pressure(181, 120), glucose("3.0")] {
        check(NOON, |bench| {
            bench.measured(1, 0, measurement);
            assert_eq!(bench.pages(), [(Level::Red, 0)], "{measurement:?}");
        });
    }
}

#[test]
fn at_home_nobody_stands_beside_and_the_page_leaves_at_once() {
    check(NOON, |bench| {
        let mut at_home = reading(1, Some("P1"), "clinic1", 0).reading;
        at_home.measurement = pressure(185, 112);
        at_home.remarks.setting = Some(Setting::Home);
        bench.take(0, &[Item::Reading(Box::new(at_home))]);
        assert_eq!(bench.pages(), [(Level::Red, 0)]);
    });
}

#[test]
fn a_symptom_told_at_the_bench_opens_its_alert_and_both_pages_leave_at_once() {
    check(NOON, |bench| {
        bench.measured(1, 0, pressure(185, 112));
        let told = bench.acted(3, SiteDeed::HasSymptoms, &["severe_headache"]);
        assert_eq!(told, [Status::Stored]);
        assert_eq!(bench.pages(), [(Level::Red, 3), (Level::Red, 3)]);
        let alerts = bench.alerts();
        let both = ["bp_emergency", "bp_symptom"].map(|name| (name.to_owned(), Level::Red));
        assert_eq!(alerts, both);
        // A re-measure calms no red beside a symptom (LINES 6.1).
        bench.measured(2, 9, pressure(150, 90));
        assert_eq!(bench.alerts(), both);
        let again = bench.acted(3, SiteDeed::HasSymptoms, &["severe_headache"]);
        assert_eq!((again, bench.pages().len()), (vec![Status::Duplicate], 2));
        let (_, stored) =
            bench.store.reader().reading(&Scope::Everything, &key(1)).unwrap().unwrap();
        assert!(stored.reading.remarks.symptoms.is_empty(), "the reading itself never changes");
        assert_eq!(stored.told_symptoms, ["severe_headache"]);
    });
}

#[test]
fn a_symptom_that_was_entered_by_mistake_is_its_reading_s_no_more() {
    check(NOON, |bench| {
        bench.measured(1, 0, pressure(185, 112));
        bench.acted(3, SiteDeed::HasSymptoms, &["severe_headache"]);
        bench.acted(4, SiteDeed::HasSymptoms, &["eye_pain"]);
        let events = bench.store.reader().events_of(&[id("P1")]).unwrap().remove(0);
        let void = |bench: &mut Bench<'_>, minutes: i64, mistake: &PersonEvent| {
            let (what, times) = (Happened::Voided(mistake.id), (mistake.at, bench.after(minutes)));
            let event = PersonEvent::new(id("P1"), what, times, "nurse".into());
            bench.take(minutes, &[Item::Event(Box::new(event))])
        };
        let told = |bench: &Bench<'_>| {
            let found = bench.store.reader().reading(&Scope::Everything, &key(1)).unwrap();
            found.unwrap().1.told_symptoms
        };
        assert_eq!(void(bench, 5, &events[0]), [Status::Stored]);
        assert_eq!((told(bench), bench.alerts().len()), (vec!["eye_pain".into()], 2));
        assert_eq!(void(bench, 6, &events[1]), [Status::Stored]);
        assert_eq!(void(bench, 7, &events[1]), [Status::Duplicate]);
        assert!(told(bench).is_empty());
        assert_eq!(bench.alerts(), [("bp_emergency".to_owned(), Level::Red)]);
    });
}

#[test]
fn what_is_done_at_the_bench_without_a_symptom_moves_nothing() {
    check(NOON, |bench| {
        bench.measured(1, 0, pressure(185, 112));
        let before = bench.alerts();
        for (minutes, deed) in [
            (1, SiteDeed::NoSymptoms),
            (2, SiteDeed::ReMeasured),
            (3, SiteDeed::SentHome),
            (4, SiteDeed::Referred),
            (5, SiteDeed::Called120),
        ] {
            assert_eq!(bench.acted(minutes, deed, &[]), [Status::Stored]);
            assert_eq!((bench.alerts(), bench.pages()), (before.clone(), vec![(Level::Red, 10)]));
        }
    });
}

#[test]
fn an_act_beside_a_reading_in_one_group_leaves_the_page_to_its_session() {
    check(NOON, |bench| {
        let mut first = reading(1, Some("P1"), "clinic1", 0).reading;
        first.measurement = pressure(185, 112);
        let done = act(NOON, SiteDeed::NoSymptoms, &[], Some(key(1)));
        bench.take(0, &[Item::Reading(Box::new(first)), done]);
        assert_eq!(bench.pages(), [(Level::Red, 10)]);
    });
}

#[test]
fn a_reading_and_its_symptom_in_one_group_are_as_one_after_the_other() {
    check(NOON, |bench| {
        let mut first = reading(1, Some("P1"), "clinic1", 0).reading;
        first.measurement = pressure(185, 112);
        let told = act(NOON, SiteDeed::HasSymptoms, &["severe_headache"], Some(key(1)));
        bench.take(0, &[Item::Reading(Box::new(first)), told]);
        assert_eq!(bench.pages(), [(Level::Red, 0), (Level::Red, 0)]);
        assert_eq!(bench.alerts().len(), 2);
    });
}

#[test]
fn what_a_remeasure_calms_leaves_as_orange_and_not_at_night() {
    let night = NOON.plus(Millis::hours(15));
    for (begun, expected) in [(NOON, 6), (night, 4 * 60)] {
        check(begun, |bench| {
            bench.measured(1, 0, pressure(185, 112));
            bench.measured(2, 6, pressure(150, 90));
            assert_eq!(bench.pages(), [(Level::Orange, expected)]);
        });
    }
}

#[test]
fn an_orange_that_waits_for_the_morning_is_not_called_by_a_second_reading() {
    let night = NOON.plus(Millis::hours(15));
    check(night, |bench| {
        for (number, minutes) in [(1, 0), (2, 3), (3, 20), (4, 23)] {
            bench.measured(number, minutes, pressure(165, 95));
            bench.take(minutes + 11, &[]);
        }
        let grade2 = bench.alerts().into_iter().any(|(concept, _)| concept == "bp_grade2");
        assert!(grade2, "{:?}", bench.alerts());
        assert!(bench.owed().iter().all(|owed| owed.due_at >= bench.after(4 * 60)));
    });
}
