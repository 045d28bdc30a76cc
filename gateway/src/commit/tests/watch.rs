//! Whoever is never measured is missed when the pack says so, whatever the gateway does meanwhile.

use std::{cell::Cell, io::Write as _, sync::Arc};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::sync::oneshot;

use super::super::{
    Registering, Work,
    desk::Desk,
    entered::in_force,
    group::{Group, Reply},
    people::People,
    watch::{CURSOR, INSTANTS_LAST, Watch},
};
use crate::{
    assess::{Fact as Judged, LEFT_TRACKING, Pack, Packs},
    domain::{
        Alert, AlertState, Dated, Household, Millis, Person, PersonId, Registered, Timestamp,
        alert_id,
    },
    store::{
        Change, Fact, ModelStore, Options, SqliteStore, Store,
        fixtures::{self, NOON, commit, id, reading, systolic},
        view::{AlertFilter, Paging, Scope},
    },
};

/// Change it to try other histories; a failure prints the shortest history that shows it.
const SEED: [u8; 32] = *b"xunzhen watches everybody, seed1";
const CASES: u32 = 24;

/// The built-in pack's days for people outside every cohort.
const MISSED: i64 = 91;
const MISSED_DOCTOR: i64 = 120;

fn day(count: i64) -> Timestamp {
    NOON.plus(Millis::days(count))
}

/// A gateway whose clock the test holds.
struct Gateway {
    store: Box<dyn Store>,
    desk: Desk,
    packs: Packs,
    readings: u64,
}

impl Gateway {
    fn new(store: Box<dyn Store>) -> Self {
        let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
        let mut new = Self { store, desk: Desk::new(People::new(100)), packs, readings: 0 };
        new.restart();
        new
    }

    /// As the writer does at its start.
    fn restart(&mut self) {
        self.desk = Desk::new(People::new(100));
        let people = self.store.begin(NOON).unwrap().measured_lately(INSTANTS_LAST).unwrap();
        people.into_iter().for_each(|person| self.desk.people.look_at(person));
        self.desk.watch = Watch::new(self.store.reader().cursor(CURSOR).unwrap());
    }

    fn group(&mut self, now: Timestamp, works: &[Work]) -> Vec<Reply> {
        let gateway = ("G1".to_owned(), 1);
        let mut unit = self.store.begin(now).unwrap();
        let group = Group::new(unit.as_mut(), &mut self.desk, &self.packs, &gateway, now);
        let (replies, dirty) = group.apply(works).unwrap();
        if dirty {
            unit.commit().unwrap();
        }
        replies
    }

    /// Ticks until everybody who is to be looked at has been.
    fn tick(&mut self, now: Timestamp) {
        self.group(now, &[Work::Tick]);
        for _ in 0..1000 {
            if !self.desk.watch.goes_on(true) {
                return;
            }
            self.group(now, &[Work::Tick]);
        }
        panic!("the watch comes to no end");
    }

    fn register(&mut self, now: Timestamp, rows: Vec<Registered>) -> usize {
        let reply = oneshot::channel().0;
        let rows = Registering { rows, author: "import".into(), reply };
        match self.group(now, &[Work::Register(rows)]).pop() {
            Some(Reply::Registered(count)) => count,
            other => panic!("{other:?}"),
        }
    }

    fn measure(&mut self, whose: &str, at: Timestamp, received_at: Timestamp) {
        self.readings += 1;
        let mut stored = reading(self.readings, Some(whose), "clinic1", 0);
        stored.reading.measurement = systolic(120);
        (stored.reading.measured.at, stored.reading.received_at) = (at, received_at);
        stored.server_at = received_at;
        let gateway = ("G1".to_owned(), 1);
        let mut unit = self.store.begin(received_at).unwrap();
        let mut group =
            Group::new(unit.as_mut(), &mut self.desk, &self.packs, &gateway, received_at);
        group.touched = vec![Box::new(stored)];
        group.judge().unwrap();
        group.timers().unwrap();
        group.flush().unwrap();
        unit.commit().unwrap();
    }

    fn alerts(&self) -> Vec<Alert> {
        let paging = Paging { limit: 1000, after: None };
        let reader = self.store.reader();
        let mut alerts =
            reader.alerts(&Scope::Everything, &AlertFilter::default(), &paging).unwrap().items;
        alerts.sort_by_key(|alert| (alert.alert_at, alert.concept.clone(), alert.id));
        alerts
    }

    /// Concept, day and state of every alert.
    fn told(&self) -> Vec<(String, i64, AlertState)> {
        let told = |alert: &Alert| {
            let days = alert.alert_at.since(NOON).0 / Millis::days(1).0;
            (alert.concept.to_string(), days, alert.state)
        };
        self.alerts().iter().map(told).collect()
    }

    /// What the lines say of the stored facts of a person, judged from nothing: what is open.
    fn open_by_the_lines(&mut self, whose: &PersonId, now: Timestamp) -> Vec<String> {
        let mut unit = self.store.begin(now).unwrap();
        let in_force = in_force(unit.as_mut(), &self.packs, whose).unwrap();
        let ever = Timestamp::from_millis(i64::MIN);
        let held = unit.readings(&[(whose.clone(), ever)]).unwrap().remove(0);
        let fact = |stored| Judged::of_stored(&in_force.last().pack, stored);
        let facts: Vec<_> = held.iter().filter_map(fact).collect();
        let (_, assessment) = in_force.fold(&facts, now);
        let mut open: Vec<_> =
            assessment.live().map(|it| format!("{} {} {}", it.id, it.concept, it.at)).collect();
        open.sort();
        open
    }

    fn open_in_the_store(&self, whose: &PersonId) -> Vec<String> {
        let own = |alert: &&Alert| alert.person == *whose && alert.state.is_live();
        let alerts = self.alerts();
        let open = alerts.iter().filter(own);
        let mut open: Vec<_> =
            open.map(|it| format!("{} {} {}", it.id, it.concept, it.alert_at)).collect();
        open.sort();
        open
    }
}

fn sqlite() -> (tempfile::TempDir, Box<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(folder.path())).unwrap();
    (folder, Box::new(store))
}

fn person(whose: &str) -> Person {
    let Fact::Registration(row) = fixtures::person(whose, None, "North") else { unreachable!() };
    let Registered::Person(person) = row.row else { unreachable!() };
    person
}

fn dated(code: &str) -> Vec<Dated> {
    vec![Dated { code: code.into(), from: None, until: None, cause: None }]
}

fn hypertensive(whose: &str) -> Registered {
    Registered::Person(Person { diagnoses: dated("htn"), ..person(whose) })
}

/// What happens to somebody with hypertension who is registered on day 0.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The gateway is up and ticks on a day.
    Tick(i64),
    /// It is killed and started again.
    Restart,
    /// A good value, measured and received on a day.
    Measured(i64),
}

use Step::{Measured, Restart, Tick};

/// The alerts at the end, by concept and day.
#[track_caller]
fn check(steps: &[Step], expected: &[(&str, i64, AlertState)]) {
    let (_folder, sqlite) = sqlite();
    for store in [sqlite, Box::new(ModelStore::new())] {
        let mut gateway = Gateway::new(store);
        assert_eq!(gateway.register(NOON, vec![hypertensive("P1")]), 1);
        gateway.tick(NOON);
        assert_eq!(gateway.told(), [], "nobody is missed at their import");
        for step in steps {
            match step {
                Tick(at) => gateway.tick(day(*at)),
                Restart => gateway.restart(),
                Measured(at) => gateway.measure("P1", day(*at), day(*at)),
            }
        }
        let expected: Vec<_> =
            expected.iter().map(|(what, at, state)| ((*what).to_owned(), *at, *state)).collect();
        assert_eq!(gateway.told(), expected, "{steps:?}");
        for alert in gateway.alerts() {
            let own = alert_id(&id("P1"), &alert.concept, &alert.alert_at.to_string());
            assert_eq!(alert.id, own, "its id is made of the instant at which it was due");
        }
    }
}

const OPEN: AlertState = AlertState::Open;
const CLOSED: AlertState = AlertState::Closed;
const BOTH: [(&str, i64, AlertState); 2] =
    [("missed", MISSED, OPEN), ("missed_doctor", MISSED_DOCTOR, OPEN)];

#[test]
fn who_is_never_measured_is_missed_at_exactly_the_packs_day() {
    check(&[Tick(MISSED - 1)], &[]);
    check(&[Tick(MISSED)], &BOTH[..1]);
    check(&[Tick(MISSED), Tick(MISSED_DOCTOR - 1)], &BOTH[..1]);
    check(&[Tick(MISSED), Tick(MISSED_DOCTOR)], &BOTH);
}

#[test]
fn starts_and_nights_without_power_change_neither_alert_nor_instant() {
    check(&[Restart, Tick(MISSED)], &BOTH[..1]);
    check(&[Tick(MISSED - 1), Restart, Tick(MISSED), Restart, Tick(MISSED_DOCTOR)], &BOTH);
    check(&[Tick(MISSED), Restart, Tick(MISSED + 1), Restart, Tick(MISSED_DOCTOR)], &BOTH);
    check(&[Restart, Tick(MISSED_DOCTOR + 40)], &BOTH);
    check(&[Tick(MISSED_DOCTOR), Restart, Tick(200), Restart, Tick(300)], &BOTH);
}

#[test]
fn a_measurement_begins_the_silence_anew_and_ends_what_it_opened() {
    check(&[Measured(50), Tick(MISSED), Tick(140)], &[]);
    check(&[Measured(50), Restart, Tick(141)], &[("missed", 141, OPEN)]);
    check(&[Tick(MISSED), Measured(95), Tick(150)], &[("missed", MISSED, CLOSED)]);
    check(&[Measured(50), Restart, Measured(51), Tick(140), Tick(142)], &[("missed", 142, OPEN)]);
    let again = [("missed", MISSED, CLOSED), ("missed", 95 + MISSED, OPEN)];
    check(&[Tick(MISSED), Restart, Measured(95), Restart, Tick(95 + MISSED)], &again);
}

#[test]
fn a_late_reading_that_makes_silence_due_earlier_than_the_watch_is_not_forgotten() {
    let mut gateway = Gateway::new(Box::new(ModelStore::new()));
    gateway.register(NOON, vec![hypertensive("P1"), hypertensive("P2")]);
    gateway.tick(NOON);
    gateway.tick(day(MISSED));
    // The watch stands at the doctor's day; the value of day 5 makes the prompt due on day 96.
    gateway.measure("P1", day(5), day(MISSED + 1));
    // Whoever was measured of late is looked at after a start: that is P2.
    gateway.measure("P2", day(MISSED + 4), day(MISSED + 4));
    gateway.restart();
    gateway.tick(day(5 + MISSED));
    let expected = ("missed".to_owned(), 5 + MISSED, OPEN);
    assert!(gateway.told().contains(&expected), "{:?}", gateway.told());
}

#[test]
fn a_row_of_the_registry_is_judged_at_once_and_says_why() {
    let (_folder, store) = sqlite();
    let mut gateway = Gateway::new(store);
    let home = |cause: &str| {
        let Fact::Registration(row) = fixtures::household("H1", "North", None) else {
            unreachable!()
        };
        let Registered::Household(home) = row.row else { unreachable!() };
        Registered::Household(Household { cause: cause.to_owned(), ..home })
    };
    let rows = |change: &dyn Fn(&mut Person)| {
        let mut one = person("P1");
        one.household = Some(id("H1"));
        one.diagnoses = dated("htn");
        change(&mut one);
        vec![home(""), Registered::Person(one)]
    };
    gateway.register(NOON, rows(&|_| {}));
    gateway.tick(day(MISSED));
    assert_eq!(gateway.told(), [("missed".to_owned(), MISSED, OPEN)]);
    assert_eq!(gateway.register(day(92), rows(&|_| {})), 0, "equal rows are no facts");
    gateway.register(day(95), rows(&|one| one.diagnoses.clear()));
    gateway.tick(day(95));
    assert_eq!(gateway.told(), [("missed".to_owned(), MISSED, AlertState::Withdrawn)]);
    gateway.tick(day(300));
    assert_eq!(gateway.told().len(), 1, "nothing is due of whoever left");
    gateway.register(day(301), rows(&|_| {}));
    gateway.tick(day(301));
    assert_eq!(
        gateway.open_in_the_store(&id("P1")),
        gateway.open_by_the_lines(&id("P1"), day(301))
    );
    assert_eq!(gateway.open_in_the_store(&id("P1")).len(), 2, "back, and silent still");
    gateway.restart();
    let left = |gateway: &Gateway| {
        notes(&*gateway.store).iter().filter(|note| note.starts_with(LEFT_TRACKING)).count()
    };
    assert_eq!(left(&gateway), 1, "whoever had no diagnosis any more");
    let dead = |one: &mut Person| {
        one.attributes.insert("died".to_owned(), "2027-02-01".to_owned());
    };
    gateway.register(day(340), rows(&dead));
    gateway.tick(day(340));
    assert_eq!(gateway.open_in_the_store(&id("P1")), Vec::<String>::new());
    let ended: Vec<_> = gateway.alerts().iter().map(|alert| alert.state).collect();
    assert_eq!(ended, [AlertState::Withdrawn; 3]);
    assert_eq!(left(&gateway), 3, "both alerts of the dead say why they ended");
}

/// What the log says beside the steps of alerts.
fn notes(store: &dyn Store) -> Vec<String> {
    let feed = store.reader().feed(Default::default(), 1000).unwrap();
    let note = |fact: Fact| if let Fact::Alert(event) = fact { event.note } else { None };
    feed.into_iter().filter_map(|entry| note(entry.fact)).collect()
}

#[test]
fn a_row_undoes_what_time_did_after_a_state_was_kept() {
    let mut gateway = Gateway::new(Box::new(ModelStore::new()));
    gateway.register(NOON, vec![hypertensive("P1")]);
    for reading in 1..9 {
        gateway.measure("P1", day(reading), day(reading));
    }
    let kept = gateway.store.begin(NOON).unwrap().kept(&[id("P1")]).unwrap();
    assert!(kept[0].as_ref().is_some_and(|kept| kept.since.is_empty()));
    gateway.restart();
    gateway.tick(day(8 + MISSED));
    assert_eq!(gateway.told(), [("missed".to_owned(), 8 + MISSED, OPEN)]);
    gateway.restart();
    gateway.register(day(102), vec![Registered::Person(person("P1"))]);
    gateway.tick(day(102));
    assert_eq!(gateway.told(), [("missed".to_owned(), 8 + MISSED, AlertState::Withdrawn)]);
}

#[test]
fn a_household_concerns_everybody_in_it() {
    let (_folder, store) = sqlite();
    let mut gateway = Gateway::new(store);
    let people: Vec<_> = ["P1", "P2"]
        .map(|name| Registered::Person(Person { household: Some(id("H1")), ..person(name) }))
        .into();
    gateway.register(NOON, people);
    gateway.tick(NOON);
    let before = gateway.store.reader().last().unwrap();
    let Fact::Registration(home) = fixtures::household("H1", "North", None) else { unreachable!() };
    gateway.register(day(1), vec![home.row]);
    let mut unit = gateway.store.begin(day(1)).unwrap();
    assert_eq!(unit.concerned(before, 9).unwrap().people, ["P1", "P2"].map(id));
}

#[test]
fn a_plan_is_judged_at_once_and_moves_the_day_of_who_is_never_measured() {
    let (_folder, sqlite) = sqlite();
    for store in [sqlite, Box::new(ModelStore::new())] {
        let mut gateway = Gateway::new(store);
        gateway.register(NOON, vec![hypertensive("P1"), hypertensive("P2")]);
        gateway.tick(NOON);
        gateway.restart();
        let Fact::Registration(plan) = fixtures::plan("P1", 9) else { unreachable!() };
        gateway.register(day(2), vec![plan.row]);
        gateway.tick(day(2));
        gateway.restart();
        gateway.tick(day(10));
        assert_eq!(gateway.told(), [("missed".to_owned(), 10, OPEN)]);
        gateway.tick(day(18));
        let asked = gateway.told();
        assert_eq!(asked.last().unwrap(), &("missed_doctor".to_owned(), 18, OPEN));
        assert!(gateway.alerts().iter().all(|alert| alert.person == id("P1")));
    }
}

#[test]
fn an_import_is_looked_at_a_few_at_a_time_and_opens_no_files() {
    let (_folder, store) = sqlite();
    let mut gateway = Gateway::new(store);
    let rows: Vec<_> = (0..3000).map(|number| hypertensive(&format!("P{number}"))).collect();
    let names: Vec<PersonId> = (0..3000).map(|number| id(&format!("P{number}"))).collect();
    gateway.register(NOON, rows.clone());
    let watched = |gateway: &mut Gateway| {
        let mut unit = gateway.store.begin(NOON).unwrap();
        names.iter().filter(|name| unit.watched(name).unwrap().is_some()).count()
    };
    assert_eq!(watched(&mut gateway), 0, "the import itself looks at nobody");
    gateway.group(NOON, &[Work::Tick]);
    assert_eq!(watched(&mut gateway), 4, "a tick with others waiting looks at a few");
    assert!(!gateway.desk.watch.goes_on(false));
    gateway.tick(NOON);
    let once = watched(&mut gateway);
    assert!((1000..1200).contains(&once), "{once}");
    gateway.restart();
    (0..3).for_each(|_| gateway.tick(NOON));
    assert_eq!(watched(&mut gateway), 3000);
    assert!(names.iter().all(|name| gateway.desk.people.file(name).is_none()));
    let end = gateway.store.reader().last().unwrap();
    assert_eq!(gateway.register(day(1), rows), 0);
    gateway.tick(day(1));
    assert_eq!(gateway.store.reader().last().unwrap(), end, "nobody is judged for equal rows");
    assert_eq!(gateway.told(), []);
    gateway.restart();
    for _ in 0..4 {
        gateway.tick(day(MISSED));
    }
    assert_eq!(gateway.told().len(), 1000, "as many as a page lists");
    assert_eq!(gateway.store.reader().recount().unwrap(), Vec::<String>::new());
}

#[test]
fn a_stricter_pack_moves_everybodys_day() {
    let (_folder, store) = sqlite();
    let mut gateway = Gateway::new(store);
    gateway.register(NOON, vec![hypertensive("P1")]);
    gateway.tick(NOON);
    let stricter = r#"{"missed_days": {"C0": {"blue": 20}}}"#;
    let Ok(stricter) = Pack::draft(stricter) else { panic!("{:?}", Pack::draft(stricter)) };
    let stricter = Arc::new(stricter);
    let clock = day(30);
    super::super::packs::put_in_force(gateway.store.as_mut(), gateway.packs.last(), NOON).unwrap();
    gateway.packs =
        super::super::packs::put_in_force(gateway.store.as_mut(), &stricter, clock).unwrap();
    gateway.restart();
    gateway.tick(clock);
    assert_eq!(gateway.told(), [("missed".to_owned(), 30, OPEN)], "no earlier than the pack");
}

/// One step of a random history: what, whose, how many hours later.
type Random = (u8, usize, i64);

const PEOPLE: usize = 3;

fn who(number: usize) -> String {
    format!("P{number}")
}

/// A row of a person by a number.
fn random_row(what: u8, whose: usize) -> Registered {
    let mut one = person(&who(whose));
    match what {
        0 => {}
        1 => one.diagnoses = dated("htn"),
        2 => one.cohorts = dated("C2"),
        3 => one.cohorts = dated("C1"),
        4 => {
            one.diagnoses = dated("dm");
            one.cohorts = vec![Dated {
                code: "C2".into(),
                from: Some("2026-04-01".parse().unwrap()),
                until: Some("2026-06-01".parse().unwrap()),
                cause: None,
            }];
        }
        _ => {
            one.cohorts = dated("C2");
            one.attributes.insert("died".to_owned(), "2026-05-10".to_owned());
        }
    }
    Registered::Person(one)
}

/// Lives a history, ticking and starting anew on the way or not.
fn live(history: &[Random], busy: bool) -> (Gateway, Timestamp) {
    let mut gateway = Gateway::new(Box::new(ModelStore::new()));
    let mut now = NOON;
    gateway.register(now, (0..PEOPLE).map(|whose| random_row(1, whose)).collect());
    for (what, whose, hours) in history {
        now = now.plus(Millis::hours(*hours));
        if busy {
            gateway.tick(now);
        }
        match what {
            0..6 => {
                gateway.register(now, vec![random_row(*what, *whose)]);
            }
            6..9 => gateway.measure(&who(*whose), now, now),
            9 => gateway.measure(&who(*whose), now.minus(Millis::days(9)), now),
            10 if busy => gateway.restart(),
            12 => {
                let days = u16::try_from(1 + hours % 40).unwrap();
                let Fact::Registration(plan) = fixtures::plan(&who(*whose), days) else {
                    unreachable!()
                };
                gateway.register(now, vec![plan.row]);
            }
            11 if busy => {
                let all: Vec<_> = (0..PEOPLE).map(|it| Change::ForgetState(id(&who(it)))).collect();
                commit(gateway.store.as_mut(), &[], &all);
                gateway.restart();
            }
            _ => {}
        }
    }
    now = now.plus(Millis::hours(1));
    gateway.restart();
    gateway.tick(now);
    (gateway, now)
}

#[test]
fn what_is_open_is_what_the_lines_say_whenever_the_gateway_looked() {
    writeln!(std::io::stdout(), "seed: {}", String::from_utf8_lossy(&SEED)).unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let history = vec((0..13_u8, 0..PEOPLE, prop_oneof![1..30_i64, 100..700_i64]), 3..25);
    let open = Cell::new(0);
    let outcome = TestRunner::new_with_rng(config, rng).run(&history, |history| {
        let (mut busy, now) = live(&history, true);
        let (idle, _) = live(&history, false);
        for person in (0..PEOPLE).map(|whose| id(&who(whose))) {
            let expected = busy.open_by_the_lines(&person, now);
            open.set(open.get() + expected.len());
            prop_assert_eq!(&busy.open_in_the_store(&person), &expected);
            prop_assert_eq!(&idle.open_in_the_store(&person), &expected);
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    assert!(open.get() > 20, "{} alerts are too few to compare", open.get());
}
