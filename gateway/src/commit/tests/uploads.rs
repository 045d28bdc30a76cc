//! What is silent where a gateway below serves is judged as far as it was heard, and comes to the same
//! as if everything had been known at once; a site that is silent is one alert.

use std::{collections::BTreeMap, io::Write as _};

use firmware_protocols::Decimal;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::sync::oneshot;

use super::{
    super::{Deed, Registering, Work, desk::Desk, people::People},
    carry::{ALL, Gateway, measured},
};
use crate::{
    domain::{
        Alert, AlertState, BOX_SILENT, BoxState, Dated, Happened, Level, Millis, Neighbour, Person,
        PersonEvent, PersonId, Place, PlaceKind, Registered, Timestamp,
    },
    intake::Item,
    store::{
        CommitSeq, Fact, ModelStore, Options, SqliteStore, Store, Toward,
        fixtures::{self, NOON, id},
        view::{AlertFilter, Paging, Scope},
    },
};

/// Change it to try other tours; a failure prints the shortest one that shows it.
const SEED: [u8; 32] = *b"xunzhen van that was not heard 1";
const CASES: u32 = 24;

/// The built-in pack's days for people outside every cohort.
const MISSED: i64 = 91;

fn day(count: i64) -> Timestamp {
    NOON.plus(Millis::days(count))
}

fn hour(count: i64) -> Timestamp {
    NOON.plus(Millis::hours(count))
}

impl Gateway {
    fn at(&mut self, now: Timestamp) -> &mut Self {
        self.now = now;
        self
    }

    /// Ticks until everybody who is to be looked at has been.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.now = now;
        for _ in 0..1000 {
            self.apply(false, &[Work::Tick]);
            if !self.desk.watch.goes_on(true) {
                return;
            }
        }
        panic!("the watch comes to no end");
    }

    /// In memory nothing is left.
    fn restart(&mut self) {
        let swept = self.store.reader().cursor(super::super::watch::CURSOR).unwrap();
        self.desk = Desk::new(People::new(100));
        self.desk.watch = super::super::watch::Watch::new(swept);
        for person in ["P1", "P2", "P3"] {
            self.desk.people.look_at(id(person));
        }
    }

    pub(super) fn register(&mut self, now: Timestamp, row: Registered) {
        self.now = now;
        let rows =
            Registering { rows: vec![row], author: "import".into(), reply: oneshot::channel().0 };
        self.apply(false, &[Work::Register(rows)]);
    }

    fn ill(&mut self, whose: &str, household: &str) {
        let Fact::Registration(row) = fixtures::person(whose, Some(household), "") else {
            unreachable!()
        };
        let Registered::Person(person) = row.row else { unreachable!() };
        let diagnoses = vec![Dated { code: "htn".into(), from: None, until: None, cause: None }];
        self.register(NOON, Registered::Person(Person { diagnoses, ..person }));
    }

    pub(super) fn heard(&mut self, sender: &crate::domain::BoxId, until: Timestamp) {
        let (sender, until) = (sender.clone(), until);
        self.apply(false, &[Work::Heard { sender, until }]);
    }

    pub(super) fn of(&self, concepts: &[&str]) -> Vec<Alert> {
        let all = self.alerts().into_iter();
        all.filter(|alert| concepts.contains(&alert.concept.as_str())).collect()
    }

    /// Silences: whose, which, of which day, and how they stand.
    fn silences(&self) -> Vec<String> {
        let days = |alert: &Alert| alert.alert_at.since(NOON).0 / Millis::days(1).0;
        let silences = self.of(&["missed", "missed_doctor", "missed_repeat"]);
        let tell = |it: &Alert| {
            format!("{} {} {} {} {:?}", it.id, it.person, it.concept, days(it), it.state)
        };
        let mut told: Vec<_> = silences.iter().map(tell).collect();
        told.sort();
        told
    }
}

fn row(of: &Gateway, serves: &[&str], state: BoxState) -> Neighbour {
    Neighbour {
        name: of.id(),
        key: format!("ed25519:{}", "A".repeat(43)),
        site: Some(id("V03")),
        serves: serves.iter().map(|place| (*place).to_owned()).collect(),
        state,
        epoch: None,
        attributes: BTreeMap::new(),
    }
}

/// A township that is served by a van in the village North, where P1 and P2 live; P3 lives in South.
fn served(stores: [Box<dyn Store>; 2]) -> (Gateway, Gateway) {
    let [van, township] = stores;
    let (mut van, mut township) = (Gateway::new(van), Gateway::new(township));
    for gateway in [&mut van, &mut township] {
        for (person, home) in [("P1", "H1"), ("P2", "H1"), ("P3", "H9")] {
            gateway.ill(person, home);
        }
    }
    let row = row(&van, &["North"], BoxState::Enabled);
    township.register(NOON, Registered::Box(row));
    township.tick(NOON);
    (van, township)
}

fn models() -> [Box<dyn Store>; 2] {
    [1, 2].map(|number| Box::new(ModelStore::numbered(number)) as Box<dyn Store>)
}

#[track_caller]
fn each_store(case: impl Fn(Gateway, Gateway)) {
    let (van, township) = served(models());
    case(van, township);
    let folder = tempfile::tempdir().unwrap();
    let (van, township) = served(["van", "township"].map(|name| {
        let store = SqliteStore::open(Options::new(folder.path().join(name))).unwrap();
        Box::new(store) as Box<dyn Store>
    }));
    case(van, township);
}

fn whose(gateway: &Gateway) -> Vec<(String, String)> {
    let silences = gateway.of(&["missed", "missed_doctor", "missed_repeat"]);
    let mut all: Vec<_> =
        silences.iter().map(|it| (it.person.to_string(), it.concept.to_string())).collect();
    all.sort();
    all
}

fn pair(person: &str, concept: &str) -> (String, String) {
    (person.to_owned(), concept.to_owned())
}

#[test]
fn silence_waits_for_the_van_and_is_told_as_of_its_own_day() {
    each_store(|van, mut township| {
        township.heard(&van.id(), day(0));
        township.tick(day(MISSED));
        township.tick(day(MISSED + 5));
        assert_eq!(whose(&township), [pair("P3", "missed")], "by our own tick in South");
        township.restart();
        township.tick(day(MISSED + 6));
        assert_eq!(whose(&township).len(), 1, "a restart knows no more");
        township.at(day(MISSED + 7)).heard(&van.id(), day(MISSED).minus(Millis(1)));
        township.tick(day(MISSED + 8));
        assert_eq!(whose(&township).len(), 1, "a moment too early");
        township.at(day(MISSED + 8)).heard(&van.id(), day(MISSED));
        township.tick(day(MISSED + 8).plus(super::super::watch::HELD_LOOK));
        let told = whose(&township);
        assert_eq!(told, ["P1", "P2", "P3"].map(|whose| pair(whose, "missed")));
        for alert in township.of(&["missed"]) {
            assert_eq!(alert.alert_at, day(MISSED));
            let learned = alert.person != id("P3");
            assert_eq!(alert.late, learned, "learned late, it runs in day hours");
        }
        assert_eq!(township.store.reader().recount().unwrap(), Vec::<String>::new());
    });
}

#[test]
fn a_value_that_the_van_brings_ends_a_silence_that_was_none() {
    each_store(|mut van, mut township| {
        let at = day(MISSED - 10);
        van.at(at).items(&[measured(1, Some("P1"), (at, at), 120)], None);
        township.at(day(1)).heard(&van.id(), day(1));
        township.tick(day(MISSED + 3));
        township.at(day(MISSED + 4)).carry(&van, &Toward::Up, &[ALL]);
        township.heard(&van.id(), day(MISSED + 4));
        township.tick(day(MISSED + 4).plus(Millis::hours(1)));
        assert_eq!(whose(&township), ["P2", "P3"].map(|whose| pair(whose, "missed")));
    });
}

#[test]
fn who_is_measured_at_the_centre_is_alive_at_once() {
    each_store(|van, mut township| {
        township.at(day(1)).heard(&van.id(), day(1));
        let at = day(MISSED + 3);
        township.at(at).items(&[measured(1, Some("P1"), (at, at), 120)], None);
        township.tick(at.plus(Millis::hours(1)));
        assert_eq!(whose(&township), [pair("P3", "missed")]);
        // What was silent before that value was silent, once the van has said so too.
        township.heard(&van.id(), at.plus(Millis::hours(1)));
        township.tick(at.plus(Millis::hours(3)));
        let of = township.of(&["missed"]);
        let states: Vec<_> = of.iter().map(|it| (it.person.as_str(), it.state)).collect();
        assert!(states.contains(&("P1", AlertState::Closed)), "{states:?}");
        assert!(states.contains(&("P2", AlertState::Open)), "{states:?}");
    });
}

#[test]
fn a_row_ends_the_waiting_and_a_new_row_takes_nothing_back() {
    for (state, serves) in [(BoxState::Revoked, "North"), (BoxState::Enabled, "East")] {
        each_store(|van, mut township| {
            township.tick(day(MISSED + 3));
            assert_eq!(whose(&township), [pair("P3", "missed")]);
            let last = row(&van, &[serves], state);
            township.register(day(MISSED + 4), Registered::Box(last));
            township.tick(day(MISSED + 4).plus(super::super::watch::HELD_LOOK));
            assert_eq!(whose(&township).len(), 3, "{state:?} {serves}");
            let again = row(&van, &["Qingshi"], BoxState::Enabled);
            township.register(day(MISSED + 5), Registered::Box(again));
            township.tick(day(MISSED + 6));
            let live = township.of(&["missed"]);
            assert!(live.iter().all(|alert| alert.state == AlertState::Open), "{live:?}");
        });
    }
}

#[test]
fn of_two_vans_the_one_that_was_heard_first_counts() {
    each_store(|van, mut township| {
        let other = Gateway::model(7);
        township.register(day(1), Registered::Box(row(&other, &["Qingshi"], BoxState::Enabled)));
        township.at(day(MISSED)).heard(&van.id(), day(MISSED));
        township.tick(day(MISSED + 1));
        assert_eq!(whose(&township), [pair("P3", "missed")]);
        township.heard(&other.id(), day(MISSED));
        township.tick(day(MISSED + 2));
        assert_eq!(whose(&township).len(), 3);
    });
}

#[test]
fn what_waited_is_told_with_the_next_tick_whatever_row_changed_meanwhile() {
    let other = Gateway::model(7);
    let elsewhere = Registered::Box(row(&other, &["East"], BoxState::Enabled));
    let place = Registered::Place(Place {
        place: "East".to_owned(),
        kind: PlaceKind::Village,
        name: String::new(),
        parent: "Qingshi".to_owned(),
        attributes: BTreeMap::new(),
    });
    for changed in [elsewhere, place] {
        each_store(|van, mut township| {
            township.tick(day(MISSED + 1));
            assert_eq!(whose(&township), [pair("P3", "missed")], "two wait for the van");
            township.register(day(MISSED + 1), changed.clone());
            township.heard(&van.id(), day(MISSED + 1));
            township.apply(false, &[Work::Tick]);
            assert_eq!(whose(&township).len(), 3, "{changed:?}");
        });
    }
}

#[test]
fn a_red_without_a_repeat_waits_too() {
    each_store(|mut van, mut township| {
        let red = hour(1);
        for gateway in [&mut van, &mut township] {
            gateway.at(red);
        }
        van.items(&[measured(1, Some("P1"), (red, red), 195)], None);
        township.carry(&van, &Toward::Up, &[ALL]);
        township.heard(&van.id(), red);
        township.tick(hour(30));
        assert_eq!(whose(&township), [], "the repeat may lie in the van");
        let again = hour(20);
        van.at(again).items(&[measured(2, Some("P1"), (again, again), 150)], None);
        township.carry(&van, &Toward::Up, &[ALL]);
        township.at(hour(30)).heard(&van.id(), hour(30));
        township.tick(hour(32));
        assert_eq!(whose(&township), []);
        let (mut van, mut township) = served(models());
        van.at(red).items(&[measured(1, Some("P1"), (red, red), 195)], None);
        township.at(red).carry(&van, &Toward::Up, &[ALL]);
        township.at(hour(30)).heard(&van.id(), hour(30));
        township.tick(hour(31));
        assert_eq!(whose(&township), [pair("P1", "missed_repeat")]);
    });
}

/// One thing that happens on a tour: after so many days, what.
type Event = (i64, u8);

/// A tour, and what was known at once beside it.
fn check(history: &[Event]) -> Result<(), TestCaseError> {
    let (mut van, mut township) = served(models());
    let (mut known, _) =
        served([7, 8].map(|it| Box::new(ModelStore::numbered(it)) as Box<dyn Store>));
    let (mut now, mut number) = (NOON, 0);
    for (days, what) in history {
        now = now.plus(Millis::days(*days)).plus(Millis::hours(1));
        number += 1;
        match what {
            0..=2 => {
                let value = if *what == 2 { 190 } else { 120 };
                let whose = ["P1", "P2"][number % 2];
                let item =
                    [measured(u64::try_from(number).unwrap(), Some(whose), (now, now), value)];
                van.at(now).items(&item, None);
                known.at(now).items(&item, None);
            }
            3 => {
                township.at(now).carry(&van, &Toward::Up, &[ALL]);
                township.heard(&van.id(), now);
            }
            4 => {
                let mark =
                    township.store.reader().watermark(&van.id()).unwrap().unwrap_or_default();
                let some = van.store.reader().cargo(&Toward::Up, mark.upto, 1, 4096).unwrap();
                if some.upto > mark.upto {
                    township.at(now).take(&van, (None, &some.parcels), false).unwrap();
                }
            }
            5 => {
                let number = 1000 + u64::try_from(number).unwrap();
                let item = [measured(number, Some("P1"), (now, now), 121)];
                township.at(now).items(&item, None);
                known.at(now).items(&item, None);
            }
            6 => township.restart(),
            _ => township.tick(now),
        }
    }
    now = now.plus(Millis::hours(1));
    township.at(now).carry(&van, &Toward::Up, &[ALL]);
    township.heard(&van.id(), now);
    let end = now.plus(Millis::hours(2));
    township.tick(end);
    known.tick(end);
    let silences = township.silences();
    prop_assert!(silences.iter().all(|it| !it.ends_with("Withdrawn")), "{silences:?}");
    prop_assert_eq!(&silences, &known.silences());
    township.restart();
    township.tick(end.plus(Millis::minutes(1)));
    prop_assert_eq!(&township.silences(), &silences);
    prop_assert_eq!(township.store.reader().recount().unwrap(), Vec::<String>::new());
    Ok(())
}

#[test]
fn whenever_a_van_is_heard_nobody_is_silent_who_was_not_and_everybody_who_was() {
    writeln!(std::io::stdout(), "seed {:?}", std::str::from_utf8(&SEED)).unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let ran = TestRunner::new_with_rng(config, rng)
        .run(&vec((0..50_i64, 0..9_u8), 1..20), |history| check(&history));
    ran.unwrap();
}

fn silent(township: &Gateway) -> Vec<(AlertState, Timestamp)> {
    let mut all: Vec<_> =
        township.of(&[BOX_SILENT]).iter().map(|it| (it.state, it.alert_at)).collect();
    all.sort_by_key(|(_, at)| *at);
    all
}

#[test]
fn a_van_that_is_not_heard_is_one_alert_until_it_is() {
    each_store(|van, mut township| {
        let since = hour(3);
        township.at(since).heard(&van.id(), since);
        township.tick(hour(27));
        assert_eq!(silent(&township), [], "a day is not over");
        let night = hour(27).plus(Millis::hours(13));
        for at in [night, night.plus(Millis::hours(1)), night.plus(Millis::days(2))] {
            township.tick(at);
            township.restart();
        }
        assert_eq!(silent(&township), [(AlertState::Open, since)]);
        let alert = township.of(&[BOX_SILENT]).remove(0);
        assert_eq!((alert.level, alert.person.clone()), (Level::Yellow, PersonId::of_site("V03")));
        assert_eq!(township.store.reader().silent_sites().unwrap(), [PersonId::of_site("V03")]);
        assert_eq!(alert.reasons[0].line, "UP-1");
        assert!(alert.reasons[0].zh.contains("V03 自 2026-03-02 "), "{:?}", alert.reasons);
        assert!(alert.reasons[0].en.contains("V03 has not uploaded since"), "{:?}", alert.reasons);
        // 12:00 + 40 h is four in the morning: what is owed waits for seven.
        let owed = township.store.reader().owed(day(9), 100).unwrap();
        assert!(!owed.is_empty(), "the duty of the township is told");
        assert!(owed.iter().all(|it| it.due_at.since(night) == Millis::hours(3)), "{owed:?}");
        let heard = night.plus(Millis::days(3));
        township.at(heard).heard(&van.id(), heard);
        township.tick(heard.plus(Millis::minutes(2)));
        assert_eq!(silent(&township), [(AlertState::Closed, since)]);
        assert_eq!(township.store.reader().silent_sites().unwrap(), []);
        township.tick(heard.plus(Millis::hours(25)));
        assert_eq!(silent(&township), [(AlertState::Closed, since), (AlertState::Open, heard)]);
        assert_eq!(township.store.reader().recount().unwrap(), Vec::<String>::new());
    });
}

#[test]
fn what_somebody_ended_stays_ended_and_a_row_ends_the_rest() {
    each_store(|van, mut township| {
        township.tick(hour(30));
        assert_eq!(silent(&township), [(AlertState::Open, NOON)]);
        let alert = township.of(&[BOX_SILENT]).remove(0);
        township.act(&alert, Deed::Acknowledge, "T1").unwrap();
        let up = township.store.reader().cargo(&Toward::Up, CommitSeq(0), 1000, 1 << 20).unwrap();
        let lines = up.parcels.iter().map(|it| String::from_utf8(it.line.clone()).unwrap());
        assert_eq!(lines.filter(|line| line.contains("nobody.site")).count(), 0, "it stays here");
        let revoked = row(&van, &["North"], BoxState::Revoked);
        township.register(hour(40), Registered::Box(revoked));
        township.tick(hour(41));
        assert_eq!(silent(&township), [(AlertState::Closed, NOON)]);
        township.restart();
        township.tick(hour(90));
        assert_eq!(silent(&township).len(), 1);
    });
}

#[test]
fn two_gateways_of_one_site_are_one_alert_and_its_township_sees_it() {
    each_store(|van, mut township| {
        let other = Gateway::model(7);
        township.register(
            NOON,
            Registered::Site(crate::domain::Site {
                site: id("V03"),
                kind: crate::domain::SiteRole::Van,
                name: String::new(),
                village: String::new(),
                township: "Qingshi".to_owned(),
                lat: String::new(),
                lon: String::new(),
                session_minutes: None,
                attributes: BTreeMap::new(),
            }),
        );
        township.register(hour(1), Registered::Box(row(&other, &["North"], BoxState::Enabled)));
        township.tick(hour(40));
        assert_eq!(silent(&township), [(AlertState::Open, NOON)]);
        township.at(hour(41)).heard(&van.id(), hour(41));
        township.tick(hour(42));
        assert_eq!(silent(&township), [(AlertState::Open, NOON)], "the other one is silent still");
        let seen = |place: &str| {
            let (filter, page) = (AlertFilter::default(), Paging::default());
            let scope = Scope::Place(place.into());
            let seen = township.store.reader().alerts(&scope, &filter, &page).unwrap();
            seen.items.iter().filter(|alert| alert.concept == BOX_SILENT).count()
        };
        assert_eq!((seen("Qingshi"), seen("Yun-other")), (1, 0));
        let board =
            township.store.reader().board(&Scope::Place("Qingshi".into()), None, hour(42)).unwrap();
        assert_eq!(board.open.iter().sum::<u64>(), 1, "{board:?}");
    });
}

#[test]
fn a_van_whose_clock_is_two_years_off_makes_nobody_silent() {
    for off in [731, -731] {
        each_store(|mut van, mut township| {
            township.at(hour(1)).heard(&van.id(), hour(1));
            let shown = day(off);
            van.at(shown).items(&[measured(1, Some("P1"), (shown, shown), 120)], None);
            township.at(hour(2)).carry(&van, &Toward::Up, &[ALL]);
            township.heard(&van.id(), hour(2));
            township.tick(hour(3));
            assert_eq!(whose(&township), [], "{off}");
            township.at(day(MISSED)).heard(&van.id(), day(MISSED));
            township.tick(day(MISSED).plus(Millis::hours(1)));
            assert_eq!(whose(&township), ["P2", "P3"].map(|whose| pair(whose, "missed")), "{off}");
            township.at(day(MISSED + 2)).heard(&van.id(), day(MISSED + 2));
            township.tick(day(MISSED + 3));
            assert_eq!(whose(&township).len(), 3, "{off}");
        });
    }
}

#[test]
fn a_follow_up_by_a_clock_two_years_ahead_hides_nobodys_silence() {
    each_store(|mut van, mut township| {
        township.at(hour(1)).heard(&van.id(), hour(1));
        let shown = day(731);
        let what = Happened::FollowUp {
            pressure: Some((Decimal::from(130_u16), Decimal::from(80_u16))),
            fasting: None,
            symptoms: Vec::new(),
        };
        // P3 lives where no van serves: what time alone does to them is told at once.
        for whose in ["P1", "P3"] {
            let event = PersonEvent::new(id(whose), what.clone(), (shown, shown), "DR1".into());
            van.at(shown).items(&[Item::Event(Box::new(event))], None);
        }
        township.at(hour(2)).carry(&van, &Toward::Up, &[ALL]);
        township.heard(&van.id(), hour(2));
        township.tick(hour(3));
        assert_eq!(whose(&township), [], "time does not run on to what the clock showed");
        township.at(day(MISSED + 2)).heard(&van.id(), day(MISSED + 2));
        township.tick(day(MISSED + 3));
        assert_eq!(whose(&township), ["P1", "P2", "P3"].map(|whose| pair(whose, "missed")));
        let told = township.of(&["missed"]);
        assert!(told.iter().all(|alert| alert.state == AlertState::Open), "{told:?}");
        assert_eq!(township.store.reader().recount().unwrap(), Vec::<String>::new());
    });
}
