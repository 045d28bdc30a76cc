//! What a van knows, carried up in any pieces, doubled, overtaken and cut off, makes the same of it at
//! every gateway above; what is done there comes down and meets what was done below.

use std::{io::Write as _, sync::Arc};

use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::sync::oneshot;

use super::super::{
    Act, ActRefused, CarryRefused, Carrying, Decide, Deed, Link, Wish, Work,
    clock::{Doubt, Finding},
    desk::Desk,
    group::{Group, Reply},
    people::People,
};
use crate::{
    assess::{Pack, Packs},
    domain::{
        Alert, AlertState, CareLevel, Grade, Happened, Measured, Millis, OpenedBy, PersonEvent,
        SiteAct, SiteDeed, Timestamp, Visit,
    },
    intake::Item,
    store::{
        CardScan, Cargo, Change, ClockFound, CommitSeq, Fact, FactId, ModelStore, Options,
        PackInForce, SqliteStore, Store, Toward, Watermark,
        fixtures::{
            NOON, card, commit, doctor, household, id, person, reading, refused, site, systolic,
        },
        view::{AlertFilter, HeldState, Paging, ReadingFilter, Scope},
    },
    uplink::parcel::{self, Parcel},
};

/// Change it to try other vans; a failure prints the shortest history that shows it.
const SEED: [u8; 32] = *b"xunzhen van and centre are equal";
const CASES: u32 = 24;

/// One thing that happens in the van: after so many minutes, what, and two numbers that say which.
type Event = (i64, u8, u8, i64);

/// How facts are carried: so many of a batch, and whether before it an express copy goes, a batch goes
/// twice, the receiver is killed before it commits.
pub(super) type Trip = (usize, bool, bool, bool);

pub(super) struct Gateway {
    pub(super) store: Box<dyn Store>,
    pub(super) desk: Desk,
    pub(super) name: (String, u64),
    pub(super) now: Timestamp,
    /// Its clock cannot be right.
    pub(super) doubted: Option<Doubt>,
}

impl Gateway {
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        let mut store = store;
        let facts = [
            site("van1", "North", "Qingshi", "Yun"),
            doctor("DR1", CareLevel::Village, "North"),
            doctor("T1", CareLevel::Township, "Qingshi"),
            household("H1", "North", Some("DR1")),
            household("H9", "South", Some("DR1")),
            person("P1", Some("H1"), ""),
            person("P2", Some("H1"), ""),
            person("P3", Some("H9"), ""),
            card("C1", "P1"),
            card("C2", "P2"),
        ];
        commit(store.as_mut(), &facts, &[]);
        let name = store.reader().gateway().unwrap();
        Self { store, desk: Desk::new(People::new(100)), name, now: NOON, doubted: None }
    }

    pub(super) fn model(number: u32) -> Self {
        Self::new(Box::new(ModelStore::numbered(number)))
    }

    pub(super) fn id(&self) -> crate::domain::BoxId {
        id(&self.name.0)
    }

    /// One transaction; killed, it leaves nothing, in memory neither.
    pub(super) fn group<T>(&mut self, killed: bool, work: impl FnOnce(&mut Group<'_>) -> T) -> T {
        let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
        let mut unit = self.store.begin(self.now).unwrap();
        let mut group = Group::new(unit.as_mut(), &mut self.desk, &packs, &self.name, self.now);
        group.doubted = self.doubted;
        let done = work(&mut group);
        drop(group);
        if killed {
            drop(unit);
            self.desk = Desk::new(People::new(100));
        } else {
            unit.commit().unwrap();
        }
        done
    }

    pub(super) fn apply(&mut self, killed: bool, works: &[Work]) -> Vec<Reply> {
        let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
        let mut unit = self.store.begin(self.now).unwrap();
        let mut group = Group::new(unit.as_mut(), &mut self.desk, &packs, &self.name, self.now);
        group.doubted = self.doubted;
        let (replies, _) = group.apply(works).unwrap();
        if killed {
            drop(unit);
            self.desk = Desk::new(People::new(100));
        } else {
            unit.commit().unwrap();
        }
        replies
    }

    pub(super) fn items(&mut self, items: &[Item], set: Option<Finding>) {
        let refs: Vec<&Item> = items.iter().collect();
        self.group(false, |group| {
            group.clock = set;
            if let Some(finding) = group.clock {
                group.clock_found(&finding).unwrap();
            }
            group.cards(items.iter()).unwrap();
            group.receive(&refs).unwrap();
            group.flush().unwrap();
            group.attribute_stretches().unwrap();
            group.judge().unwrap();
            group.flush().unwrap();
            group.changes.append(&mut group.joins);
            group.flush().unwrap();
            group.timers().unwrap();
            group.changes.push(Change::Count(group.counts));
            group.flush().unwrap();
        });
    }

    pub(super) fn decide(&mut self, wish: Wish) {
        let (reply, _told) = oneshot::channel();
        let decide =
            Decide { wish, reason: "seen".to_owned(), by: "N1".into(), request: None, reply };
        self.apply(false, &[Work::Decide(decide)]);
    }

    pub(super) fn act(
        &mut self,
        alert: &Alert,
        deed: Deed,
        by: &str,
    ) -> Result<CommitSeq, ActRefused> {
        let (reply, _told) = oneshot::channel();
        let note = Some("noted".to_owned());
        let (alert, by) = (alert.id, by.into());
        let act = Act { alert, deed, note, by, claimed_at: None, request: None, reply };
        match self.apply(false, &[Work::Act(act)]).pop() {
            Some(Reply::Act(done)) => done,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn alerts(&self) -> Vec<Alert> {
        let page = Paging { limit: 1000, after: None };
        let reader = self.store.reader();
        let mut all =
            reader.alerts(&Scope::Everything, &AlertFilter::default(), &page).unwrap().items;
        all.sort_by_key(|alert| alert.key);
        all
    }

    fn live(&mut self, number: u64, (minutes, what, which, value): Event) {
        self.now = self.now.plus(Millis::minutes(minutes)).plus(Millis::seconds(13));
        let now = self.now;
        match what {
            0..=4 => {
                let at = now.minus(Millis::minutes(if which % 4 == 3 { value * 7 } else { 0 }));
                let whose = [Some("P1"), Some("P2"), None, Some("P3")][usize::from(which % 4)];
                self.items(&[measured(number, whose, (at, now), value)], None);
            }
            5 | 6 => {
                let card = ["C1", "C2", "C9"][usize::from(which % 3)].to_owned();
                let at = now.minus(Millis::minutes(i64::from(which % 2) * 3));
                let (site, bench) = (id("van1"), id("B1"));
                let out = value % 9 == 0;
                let scan = CardScan {
                    site,
                    bench,
                    card,
                    person: None,
                    at,
                    received_at: now,
                    out,
                    opened_by: OpenedBy::Reader(None),
                };
                self.items(&[Item::Card(scan)], None);
            }
            7 => self.happened(which, value),
            8 => self.decide_something(which),
            9 => self.act_somehow(which),
            10 => {
                let (person, survivor) = (id("P2"), id("P1"));
                let merges = self.store.reader().merges_of(&person).unwrap();
                let wish = match merges.iter().rev().find(|held| held.undone.is_none()) {
                    Some(held) => Wish::Unmerge { merge: held.seq },
                    None => Wish::Merge { person, survivor },
                };
                self.decide(wish);
            }
            11 => {
                let Fact::Refused(bytes) = refused(Some("van1")) else { unreachable!() };
                self.items(&[Item::Refused(bytes)], None);
            }
            _ => drop(self.apply(false, &[Work::Tick])),
        }
    }

    fn happened(&mut self, which: u8, value: i64) {
        let page = Paging { limit: 5, after: None };
        let filter = ReadingFilter { person: Some(id("P1")), ..ReadingFilter::default() };
        let last = self.store.reader().readings(&Scope::Everything, &filter, &page).unwrap().items;
        let reading = last.first().map(|(_, stored)| stored.reading.id);
        let events = self.store.reader().events_of(&[id("P1")]).unwrap().pop().unwrap();
        let voided = events.iter().find(|event| matches!(event.what, Happened::SiteAct(_)));
        let what = match voided {
            Some(event) if which.is_multiple_of(3) => Happened::Voided(event.id),
            Some(_) | None => Happened::SiteAct(SiteAct {
                site: id("van1"),
                bench: None,
                deed: SiteDeed::HasSymptoms,
                symptoms: vec!["chest_pain".into()],
                reading: reading.filter(|_| value % 2 == 0),
                alert: None,
            }),
        };
        let event = PersonEvent::new(id("P1"), what, (self.now, self.now), "N1".into());
        self.items(&[Item::Event(Box::new(event))], None);
    }

    fn decide_something(&mut self, which: u8) {
        let page = Paging { limit: 100, after: None };
        let reader = self.store.reader();
        let held = |state| reader.quarantine(&Scope::Everything, state, &page).unwrap().items;
        let (waiting, claimed) = (held(HeldState::Waiting), held(HeldState::Claimed));
        let decided = claimed.last().and_then(|held| Some(held.decided.as_ref()?.0));
        let wish = match (waiting.last(), decided) {
            (_, Some(decision)) if which.is_multiple_of(3) => Wish::Undo { decision },
            (Some(item), _) if which % 5 == 4 => Wish::Dismiss { item: item.seq },
            (Some(item), _) => Wish::Claim { item: item.seq, person: id("P1") },
            (None, Some(decision)) => Wish::Undo { decision },
            (None, None) => return,
        };
        self.decide(wish);
    }

    fn act_somehow(&mut self, which: u8) {
        let alerts = self.alerts();
        let live: Vec<_> = alerts.iter().filter(|alert| alert.state.is_live()).collect();
        let Some(alert) = live.get(usize::from(which) % live.len().max(1)) else { return };
        let deed = match which % 5 {
            0 | 1 => Deed::Acknowledge,
            2 => Deed::Forward(None),
            3 => Deed::Note,
            _ => Deed::Visit(Visit {
                at: self.now,
                home: true,
                reading: None,
                reason: None,
                doctor: None,
                rejected: None,
            }),
        };
        // One that has no next step is refused.
        drop(self.act(alert, deed, "DR1"));
    }

    fn mark(&self, sender: &Self) -> Watermark {
        let epoch = sender.name.1;
        let known = self.store.reader().watermark(&sender.id()).unwrap();
        known.unwrap_or(Watermark { epoch, ..Watermark::default() })
    }

    /// Takes parcels from another gateway.
    pub(super) fn take(
        &mut self,
        sender: &Self,
        (link, parcels): (Option<Link>, &[Parcel]),
        killed: bool,
    ) -> Result<Watermark, CarryRefused> {
        let (reply, _told) = oneshot::channel();
        let (epoch, parcels) = (sender.name.1, parcels.to_vec());
        let above =
            parcels.first().is_some_and(|parcel| parcel::decode(&parcel.line).unwrap().down);
        let carrying = Carrying { sender: sender.id(), epoch, link, above, parcels, reply };
        match self.apply(killed, &[Work::Carry(carrying)]).pop() {
            Some(Reply::Carried(done, _)) => done,
            other => panic!("{other:?}"),
        }
    }

    /// Carries everything, in pieces as the trips say, over and over.
    pub(super) fn carry(&mut self, sender: &Self, toward: &Toward, trips: &[Trip]) {
        let reader = sender.store.reader();
        let mut trips = trips.iter().cycle();
        loop {
            let (count, express, twice, killed) = *trips.next().unwrap();
            let have = self.mark(sender);
            if express {
                let copies = reader.express(toward, CommitSeq(0), count).unwrap();
                self.take(sender, (None, &copies.parcels), false).unwrap();
            }
            let cargo = reader.cargo(toward, have.upto, count, 4096).unwrap();
            if cargo.upto == have.upto {
                break;
            }
            let link = link(have, &cargo);
            if killed {
                self.take(sender, (Some(link), &cargo.parcels), true).unwrap();
                assert_eq!(self.mark(sender), have, "nothing of it is there");
            }
            let mark = self.take(sender, (Some(link), &cargo.parcels), false).unwrap();
            assert_eq!((mark.upto, mark.hash), (cargo.upto, link.hash));
            if twice {
                assert_eq!(self.take(sender, (Some(link), &cargo.parcels), false), Ok(mark));
            }
        }
    }

    /// What is on disk says the same as what is in memory, and time has passed.
    pub(super) fn start_again(&mut self, now: Timestamp) {
        self.now = now;
        self.desk = Desk::new(People::new(100));
        for person in ["P1", "P2", "P3"] {
            self.desk.people.look_at(id(person));
        }
        self.group(false, |group| {
            group.timers().unwrap();
            group.flush().unwrap();
        });
    }

    /// Readings, whose they are and when they were taken; alerts that stand, and how.
    pub(super) fn told(&self) -> Vec<String> {
        let reader = self.store.reader();
        let page = Paging { limit: 1000, after: None };
        let all = &Scope::Everything;
        let readings = reader.readings(all, &ReadingFilter::default(), &page).unwrap().items;
        let reading = |it: &crate::store::StoredReading| {
            let whose = it.attribution.as_ref().map(|of| (of.person.to_string(), of.basis));
            let times = (it.reading.measured, it.reading.received_at, it.received_at());
            let (id, content) = (it.reading.id, it.reading.content);
            format!("{id} {content} {whose:?} {times:?} {} {:?}", it.late, it.told_symptoms)
        };
        let mut told: Vec<_> = readings.iter().map(|(_, it)| reading(it)).collect();
        let alerts = self.alerts();
        let stands = alerts.iter().filter(|alert| alert.state != AlertState::Withdrawn);
        // An alert that a graver one followed keeps the level at which it ended, whatever later facts
        // would have made of it meanwhile.
        let level = |it: &Alert| (it.state != AlertState::Superseded).then_some(it.level);
        told.extend(stands.map(|it| {
            format!("{} {} {} {:?} {:?}", it.id, it.concept, it.person, level(it), it.state)
        }));
        for person in ["P1", "P2", "P3"] {
            let events = reader.events_of(&[id(person)]).unwrap().pop().unwrap();
            told.extend(events.iter().map(|event| format!("{event:?}")));
        }
        told.sort();
        assert_eq!(reader.recount().unwrap(), Vec::<String>::new(), "recount of {}", self.name.0);
        assert_eq!(reader.parcels_waiting().unwrap(), 0, "parcels wait at {}", self.name.0);
        told
    }
}

fn link(have: Watermark, cargo: &Cargo) -> Link {
    let mut hash = blake3::Hasher::new();
    hash.update(&have.hash);
    for parcel in &cargo.parcels {
        hash.update(&parcel.line);
    }
    hash.update(&cargo.upto.0.to_be_bytes());
    let (after, upto, previous) = (have.upto, cargo.upto, have.hash);
    Link { after, upto, previous, hash: *hash.finalize().as_bytes() }
}

pub(super) fn measured(
    number: u64,
    whose: Option<&str>,
    (at, received_at): (Timestamp, Timestamp),
    value: i64,
) -> Item {
    let mut stored = reading(number, whose, "van1", 0);
    stored.reading.bench = whose.is_none().then(|| id("B1"));
    stored.reading.device_time = None;
    stored.reading.measurement = systolic(value);
    stored.reading.received_at = received_at;
    stored.reading.measured = Measured { at, grade: Grade::A };
    Item::Reading(Box::new(stored.reading))
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    vec((0..40_i64, 0..13_u8, any::<u8>(), 95..215_i64), 1..24)
}

fn trips() -> impl Strategy<Value = Vec<Trip>> {
    vec((1..9_usize, any::<bool>(), any::<bool>(), any::<bool>()), 1..5)
}

fn runner() -> TestRunner {
    writeln!(std::io::stdout(), "seed {:?}", std::str::from_utf8(&SEED)).unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &SEED))
}

/// The clock of the van is set at the end of its day: by whole days, so that hours stay hours.
fn set_clock(van: &mut Gateway, since: CommitSeq) {
    let by = Millis::days(2);
    let was = van.now;
    van.now = van.now.plus(by).plus(Millis::minutes(1));
    van.desk = Desk::new(People::new(100));
    let finding = Finding { found: ClockFound::Right { since, by }, span: (NOON, was) };
    van.items(&[], Some(finding));
}

fn check(
    (history, trips): (&[Event], &[Trip]),
    (mut van, mut township, mut county): (Gateway, Gateway, Gateway),
    sets_clock: bool,
) {
    let since = van.store.reader().last().unwrap();
    let (first, later) = history.split_at(history.len() / 2);
    for (number, event) in (0..).zip(first) {
        van.live(number, *event);
    }
    township.now = van.now;
    township.carry(&van, &Toward::Up, trips);
    for (number, event) in (100..).zip(later) {
        van.live(number, *event);
    }
    if sets_clock {
        set_clock(&mut van, since);
    }
    let end = van.now.plus(Millis::hours(3));
    (township.now, county.now) = (end, end);
    township.carry(&van, &Toward::Up, trips);
    county.carry(&township, &Toward::Up, trips);
    for gateway in [&mut van, &mut township, &mut county] {
        gateway.start_again(end);
    }
    let told = van.told();
    assert_eq!(township.told(), told, "the township knows what the van knows");
    assert_eq!(county.told(), told, "and so does the county");
    let last = township.store.reader().last().unwrap();
    let all = van.store.reader().cargo(&Toward::Up, CommitSeq(0), 1000, 1 << 20).unwrap();
    township.take(&van, (None, &all.parcels), false).unwrap();
    assert_eq!(township.store.reader().last().unwrap(), last, "carrying again adds no fact");
    assert_eq!(township.told(), told);
}

#[test]
fn whatever_a_van_lives_through_three_tiers_know_the_same_of_it() {
    let inputs = (events(), trips(), any::<bool>());
    let ran = runner().run(&inputs, |(history, trips, sets_clock)| {
        let gateways = (Gateway::model(1), Gateway::model(2), Gateway::model(3));
        check((&history, &trips), gateways, sets_clock);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn stores_on_disk_carry_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    let mut open = || {
        number += 1;
        let path = folder.path().join(number.to_string());
        Gateway::new(Box::new(SqliteStore::open(Options::new(path)).unwrap()))
    };
    let config = Config { cases: CASES / 8, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let inputs = (vec((0..40_i64, 0..13_u8, any::<u8>(), 95..215_i64), 12..24), trips());
    let mut given: Vec<(Vec<Event>, Vec<Trip>)> = Vec::new();
    let mut runner = TestRunner::new_with_rng(config, rng);
    for _ in 0..CASES / 8 {
        given.push(inputs.new_tree(&mut runner).unwrap().current());
    }
    for (history, trips) in given {
        check((&history, &trips), (open(), open(), open()), true);
    }
}

/// A van with a grave reading of P1 that its township knows.
fn alarmed(stores: [Box<dyn Store>; 2]) -> (Gateway, Gateway, Toward) {
    let [van, township] = stores;
    let (mut van, mut township) = (Gateway::new(van), Gateway::new(township));
    let at = van.now.plus(Millis::minutes(1));
    (van.now, township.now) = (at, at);
    van.items(&[measured(1, Some("P1"), (at, at), 195)], None);
    van.items(&[measured(2, Some("P3"), (at, at), 196)], None);
    township.carry(&van, &Toward::Up, &[ALL]);
    let down = Toward::Down { to: van.id(), places: vec!["North".into()] };
    (van, township, down)
}

pub(super) const ALL: Trip = (100, false, false, false);

#[track_caller]
fn each_store(case: impl Fn(Gateway, Gateway, Toward)) {
    let (van, township, down) =
        alarmed([1, 2].map(|number| Box::new(ModelStore::numbered(number)) as Box<dyn Store>));
    case(van, township, down);
    let folder = tempfile::tempdir().unwrap();
    let (van, township, down) = alarmed(["van", "township"].map(|name| {
        let store = SqliteStore::open(Options::new(folder.path().join(name))).unwrap();
        Box::new(store) as Box<dyn Store>
    }));
    case(van, township, down);
}

impl Gateway {
    pub(super) fn alert_of(&self, person: &str) -> Alert {
        let of = |alert: &Alert| alert.person == id(person) && alert.state != AlertState::Withdrawn;
        self.alerts().into_iter().find(of).unwrap()
    }

    /// What was done about the alert of a person: what, by whom, said to be when.
    fn done(&self, person: &str) -> Vec<String> {
        let alert = self.alert_of(person).id;
        let history = self.store.reader().alert(&Scope::Everything, &alert).unwrap().unwrap();
        let by_people = history.events.iter().filter(|(_, event)| event.by.is_some());
        by_people
            .map(|(_, event)| format!("{:?} {:?} {}", event.change, event.by, event.acted_at()))
            .collect()
    }
}

#[test]
fn an_ack_that_comes_down_reaches_the_vans_alert_and_does_not_come_back() {
    each_store(|mut van, mut township, down| {
        let alert = township.alert_of("P1");
        assert_eq!(van.alert_of("P1").id, alert.id);
        let told = township.alert_of("P3");
        township.now = township.now.plus(Millis::minutes(5));
        township.act(&alert, Deed::Acknowledge, "DR1").unwrap();
        township.act(&told, Deed::Acknowledge, "DR1").unwrap();
        let at = township.now;
        van.now = at.plus(Millis::minutes(30));
        van.carry(&township, &down, &[ALL]);
        assert_eq!(van.alert_of("P1").state, AlertState::Acknowledged);
        assert_eq!(van.done("P1"), [format!("Acknowledged Some(\"DR1\") {at}")]);
        assert_eq!(van.alert_of("P3").state, AlertState::Open, "P3 lives where the van is not");
        let all = township.store.reader().cargo(&down, CommitSeq(0), 1000, 1 << 20).unwrap();
        let lines: Vec<_> =
            all.parcels.iter().map(|it| String::from_utf8(it.line.clone()).unwrap()).collect();
        assert_eq!(lines.len(), 2, "the act and what the lines learn of it: {lines:?}");
        assert!(lines.iter().all(|line| !line.contains("P3") && line.contains("\"down\":true")));
        let last = township.store.reader().last().unwrap();
        township.carry(&van, &Toward::Up, &[ALL]);
        assert_eq!(township.store.reader().last().unwrap(), last, "nothing new comes back");
        assert_eq!(van.store.reader().recount().unwrap(), Vec::<String>::new());
    });
}

#[test]
fn an_ack_in_the_van_and_one_at_the_centre_meet_and_each_counts_once() {
    each_store(|mut van, mut township, down| {
        for (gateway, minutes) in [(&mut van, 3), (&mut township, 4)] {
            gateway.now = gateway.now.plus(Millis::minutes(minutes));
            let alert = gateway.alert_of("P1");
            gateway.act(&alert, Deed::Acknowledge, "DR1").unwrap();
        }
        let trips = [(1, true, true, true)];
        township.carry(&van, &Toward::Up, &trips);
        van.now = township.now;
        van.carry(&township, &down, &trips);
        let mut done = (van.done("P1"), township.done("P1"));
        done.0.sort();
        done.1.sort();
        assert_eq!(done.0, done.1);
        assert_eq!(done.0.len(), 2);
        for gateway in [&van, &township] {
            assert_eq!(gateway.alert_of("P1").state, AlertState::Acknowledged);
        }
    });
}

#[test]
fn of_two_acts_the_later_one_stands_at_both_ends() {
    each_store(|mut van, mut township, down| {
        van.now = van.now.plus(Millis::minutes(3));
        let alert = van.alert_of("P1");
        van.act(&alert, Deed::Acknowledge, "DR1").unwrap();
        township.now = township.now.plus(Millis::minutes(4));
        let alert = township.alert_of("P1");
        township.act(&alert, Deed::Forward(Some(id("T1"))), "DR1").unwrap();
        township.carry(&van, &Toward::Up, &[ALL]);
        van.now = township.now;
        van.carry(&township, &down, &[ALL]);
        for gateway in [&van, &township] {
            let alert = gateway.alert_of("P1");
            assert_eq!((alert.state, alert.owner), (AlertState::Open, Some(id("T1"))));
        }
    });
}

#[test]
fn of_two_decisions_the_later_one_stands_at_both_ends_and_the_other_is_kept() {
    each_store(|mut van, mut township, down| {
        let at = van.now.plus(Millis::minutes(1));
        (van.now, township.now) = (at, at);
        van.items(&[measured(7, None, (at, at), 150)], None);
        township.carry(&van, &Toward::Up, &[ALL]);
        let waits = |gateway: &Gateway| {
            let page = Paging::default();
            let all =
                gateway.store.reader().quarantine(&Scope::Everything, HeldState::Waiting, &page);
            all.unwrap().items.first().map(|held| held.seq)
        };
        for (gateway, minutes, person) in [(&mut van, 1, "P1"), (&mut township, 2, "P2")] {
            gateway.now = gateway.now.plus(Millis::minutes(minutes));
            let (item, person) = (waits(gateway).unwrap(), id(person));
            gateway.decide(Wish::Claim { item, person });
        }
        township.carry(&van, &Toward::Up, &[ALL]);
        van.now = township.now;
        van.carry(&township, &down, &[ALL]);
        let Item::Reading(asked) = measured(7, None, (at, at), 150) else { unreachable!() };
        for gateway in [&van, &township] {
            let reader = gateway.store.reader();
            let found = reader.reading(&Scope::Everything, &asked.id).unwrap().unwrap().1;
            assert_eq!(found.attribution.unwrap().person, id("P2"), "{}", gateway.name.0);
            assert_eq!(waits(gateway), None);
            assert_eq!(reader.recount().unwrap(), Vec::<String>::new());
            assert_eq!(reader.parcels_waiting().unwrap(), 0);
        }
        let page = Paging::default();
        let kept = township.store.reader().refused(&Scope::Everything, &page).unwrap().items;
        assert_eq!(kept.len(), 2, "the van's claim and what it moved");
    });
}

#[test]
fn what_comes_before_what_it_refers_to_waits_and_is_not_lost() {
    each_store(|mut van, _township, _down| {
        van.now = van.now.plus(Millis::minutes(3));
        let alert = van.alert_of("P1");
        van.act(&alert, Deed::Acknowledge, "DR1").unwrap();
        let mut county = Gateway::model(9);
        county.now = van.now;
        let all = van.store.reader().cargo(&Toward::Up, CommitSeq(0), 100, 1 << 20).unwrap();
        let step = all.parcels.iter().find(|it| it.line.windows(8).any(|at| at == b"\"step\",\""));
        let step = vec![step.unwrap().clone()];
        county.take(&van, (None, &step), false).unwrap();
        county.take(&van, (None, &step), false).unwrap();
        assert_eq!(county.store.reader().parcels_waiting().unwrap(), 1);
        let invented = Parcel {
            seq: CommitSeq(1),
            line: br#"{"v":9,"t":"hologram","o":["van",1,2],"b":7}"#.to_vec(),
        };
        county.take(&van, (None, &[invented]), false).unwrap();
        county.carry(&van, &Toward::Up, &[ALL]);
        assert_eq!(county.alert_of("P1").state, AlertState::Acknowledged);
        assert_eq!(county.done("P1").len(), 1);
        assert_eq!(county.store.reader().parcels_waiting().unwrap(), 1, "the unknown one");
    });
}

#[test]
fn an_express_copy_brings_what_its_alert_rests_on() {
    each_store(|mut van, _township, _down| {
        for number in 10..40 {
            van.now = van.now.plus(Millis::minutes(1));
            let at = van.now;
            van.items(&[measured(number, Some("P2"), (at, at), 120)], None);
        }
        let at = van.now;
        van.items(&[measured(50, Some("P2"), (at, at), 199)], None);
        let reader = van.store.reader();
        let copies = reader.express(&Toward::Up, CommitSeq(0), 1).unwrap();
        let rest = reader.express(&Toward::Up, copies.upto, 100).unwrap();
        assert!(copies.parcels.len() < 5, "P1 has one reading");
        assert!(rest.parcels.len() > 30, "whole people, not parts of them");
        let mut county = Gateway::model(9);
        county.now = at;
        county.take(&van, (None, &rest.parcels), false).unwrap();
        assert_eq!(county.alert_of("P2").id, van.alert_of("P2").id);
        assert_eq!(county.mark(&van).upto, CommitSeq(0), "no watermark moves");
        county.carry(&van, &Toward::Up, &[ALL]);
        assert_eq!(county.told(), van.told());
    });
}

/// What only the gateway above may bring: a fact on its way down, and a rule pack.
fn not_from_below(van: &Gateway, first: &Parcel) -> [Parcel; 2] {
    let brought = parcel::decode(&first.line).unwrap();
    let down = parcel::encode(&brought.id, true, &brought.body).unwrap();
    let (hash, text) = ("h".to_owned(), "{}".to_owned());
    let pack = Box::new(PackInForce { hash, text, at: NOON, origin: None });
    let name = FactId { gateway: van.id(), epoch: van.name.1, seq: first.seq };
    let pack = parcel::encode(&name, false, &parcel::Body::Pack(pack)).unwrap();
    [down, pack].map(|line| Parcel { line, ..first.clone() })
}

#[test]
fn only_what_continues_the_chain_is_entered() {
    each_store(|mut van, mut township, _down| {
        let have = township.mark(&van);
        van.now = van.now.plus(Millis::minutes(1));
        van.items(&[measured(8, Some("P2"), (van.now, van.now), 130)], None);
        let cargo = van.store.reader().cargo(&Toward::Up, have.upto, 100, 4096).unwrap();
        let right = link(have, &cargo);
        let last = township.store.reader().last().unwrap();
        let mut check = |link: Link, parcels: &[Parcel], expected| {
            assert_eq!(township.take(&van, (Some(link), parcels), false), expected);
        };
        let all = &cargo.parcels;
        check(
            Link { after: CommitSeq(have.upto.0 + 1), ..right },
            all,
            Err(CarryRefused::Gap { have }),
        );
        check(
            Link { after: CommitSeq(have.upto.0 - 1), ..right },
            all,
            Err(CarryRefused::Gap { have }),
        );
        check(Link { previous: [9; 32], ..right }, all, Err(CarryRefused::Chain));
        check(
            Link { upto: have.upto, after: CommitSeq(0), ..right },
            &[],
            Err(CarryRefused::Chain),
        );
        check(
            Link { upto: have.upto, after: CommitSeq(0), hash: have.hash, ..right },
            &[],
            Ok(have),
        );
        let outside = Parcel { seq: CommitSeq(right.upto.0 + 1), ..all[0].clone() };
        let garbled = Parcel { line: b"{}".to_vec(), ..all[0].clone() };
        let [downward, pack] = not_from_below(&van, &all[0]);
        for parcel in [outside, garbled, downward, pack] {
            let (reply, _told) = oneshot::channel();
            let (sender, epoch) = (van.id(), van.name.1);
            let (link, parcels) = (Some(right), vec![parcel]);
            let above = false;
            let work = Work::Carry(Carrying { sender, epoch, link, above, parcels, reply });
            let replies = township.apply(false, &[work]);
            let malformed =
                matches!(replies[..], [Reply::Carried(Err(CarryRefused::Malformed { .. }), _)]);
            assert!(malformed, "{replies:?}");
        }
        assert_eq!(township.store.reader().last().unwrap(), last, "nothing of it was entered");
        let mut next = van.name.clone();
        next.1 += 1;
        std::mem::swap(&mut van.name, &mut next);
        let first = Link { after: CommitSeq(0), previous: [0; 32], ..right };
        let none = Watermark { epoch: van.name.1, ..Watermark::default() };
        let gap = township.take(&van, (Some(right), all), false);
        assert_eq!(
            gap,
            Err(CarryRefused::Gap { have: none }),
            "a new life begins at the beginning"
        );
        township.take(&van, (Some(first), all), false).unwrap();
        std::mem::swap(&mut van.name, &mut next);
        let other = Err(CarryRefused::OtherEpoch { have: next.1 });
        assert_eq!(township.take(&van, (Some(right), all), false), other);
        let uploads = township.store.reader().uploads().unwrap();
        assert_eq!(uploads.len(), 1);
        assert_eq!((uploads[0].mark.epoch, uploads[0].at), (next.1, township.now));
    });
}
