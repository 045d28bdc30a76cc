//! A claim gives a reading to a person as if it had always been theirs; its undoing leaves everybody
//! as if it had never been.

use std::{io::Write as _, sync::Arc};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::sync::oneshot;

use super::super::{
    Decide, DecideRefused, Wish, desk::Desk, group::Group, nobody::Stands, people::People,
};
use crate::{
    assess::{Pack, Packs},
    domain::{
        Alert, AlertState, Attribution, Basis, CareLevel, Dated, Level, Millis, Registered,
        Timestamp,
    },
    store::{
        Change, CommitSeq, Counts, Decision, Fact, ModelStore, Options, QuarantineReason,
        SqliteStore, Store, StoredReading,
        fixtures::{
            self, NOON, commit, id, key, person, quarantined, reading, reading_fact, systolic,
        },
        view::{AlertFilter, HeldState, Paging, ReadingFilter, Scope},
    },
};

/// Change it to try other histories; a failure prints the shortest history that shows it.
const SEED: [u8; 32] = *b"xunzhen commit claims are undone";
const CASES: u32 = 12;

/// A store with people P1 and P2, and the gateway's memory.
pub(super) struct Bench<'s> {
    pub(super) store: &'s mut dyn Store,
    desk: Desk,
    pub(super) now: Timestamp,
}

impl<'s> Bench<'s> {
    pub(super) fn new(store: &'s mut dyn Store) -> Self {
        commit(store, &[person("P1", None, "North"), person("P2", None, "North")], &[]);
        Self { store, desk: Desk::new(People::new(100)), now: NOON }
    }

    pub(super) fn group<T>(&mut self, work: impl FnOnce(&mut Group<'_>) -> T) -> T {
        let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
        let gateway = ("G1".to_owned(), 1);
        let mut unit = self.store.begin(self.now).unwrap();
        let mut group = Group::new(unit.as_mut(), &mut self.desk, &packs, &gateway, self.now);
        let done = work(&mut group);
        group.judge().unwrap();
        group.timers().unwrap();
        group.flush().unwrap();
        drop(group);
        unit.commit().unwrap();
        done
    }

    /// A reading of a person, or one that waits; returns the item's position.
    pub(super) fn receive(&mut self, number: u64, value: i64, whose: Option<&str>) -> CommitSeq {
        let mut stored: StoredReading = reading(number, None, "clinic1", 0);
        stored.reading.measurement = systolic(value);
        (stored.reading.measured.at, stored.reading.received_at) = (self.now, self.now);
        if let Some(whose) = whose {
            let basis = Basis::Payload;
            stored.attribution = Some(Attribution::new(id(whose), basis));
            self.group(|group| {
                group.touched.push(Box::new(stored));
                group.counts = Counts { received: 1, stored: 1, ..Counts::default() };
                group.changes.push(Change::Count(group.counts));
            });
            return CommitSeq(0);
        }
        let Fact::Quarantined(mut item) = quarantined(number, None, "clinic1") else {
            unreachable!("it is an item of quarantine")
        };
        item.reason = QuarantineReason::NoPerson;
        item.reading = Some(Box::new(stored.reading.clone()));
        let nobodys = stored.clone();
        let facts = [Fact::Reading(Box::new(stored)), Fact::Quarantined(item)];
        let mut unit = self.store.begin(self.now).unwrap();
        let item = unit.append(&facts).unwrap();
        let counts = Counts { received: 1, quarantined: 1, ..Counts::default() };
        unit.change(&[Change::Count(counts)]).unwrap();
        unit.commit().unwrap();
        self.group(|group| group.mind_nobody(&nobodys, Stands::Waits, None).unwrap());
        item
    }

    pub(super) fn decide(&mut self, wish: Wish) -> Result<CommitSeq, DecideRefused> {
        let (reply, _told) = oneshot::channel();
        let reason = "the card lay at the bench".to_owned();
        let decide = Decide { wish, reason, by: "N1".into(), request: None, reply };
        self.group(|group| group.decide_once(&decide).unwrap())
    }

    /// Whatever is in memory, what is on disk must say the same.
    pub(super) fn start_again(&mut self) {
        self.desk = Desk::new(People::new(100));
        for person in ["P1", "P2"] {
            self.desk.people.look_at(id(person));
        }
        self.group(|_| ());
    }

    /// Whose readings are, and every alert that was not taken back.
    fn told(&mut self) -> Vec<String> {
        self.start_again();
        let reader = self.store.reader();
        let page = Paging { limit: 1000, after: None };
        let everything = &Scope::Everything;
        let readings = reader.readings(everything, &ReadingFilter::default(), &page).unwrap();
        let mut told: Vec<String> = readings
            .items
            .iter()
            .map(|(_, it)| {
                format!("{} {:?}", it.reading.id, it.attribution.as_ref().map(|of| &of.person))
            })
            .collect();
        let alerts = reader.alerts(everything, &AlertFilter::default(), &page).unwrap();
        let stands = alerts.items.iter().filter(|alert| alert.state != AlertState::Withdrawn);
        told.extend(stands.map(|it| {
            format!("{} {} {} {:?} {:?}", it.id, it.concept, it.person, it.level, it.state)
        }));
        told.sort();
        assert_eq!(reader.recount().unwrap(), Vec::<String>::new());
        told
    }
}

/// What became of the reading that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was P1's from the beginning.
    Known,
    /// It was claimed at the end.
    Claimed,
    /// It was claimed for somebody, and that was taken back.
    Undone(&'static str),
    /// It waits.
    Waits,
}

/// One reading: how many minutes after the one before, its systolic value, whose.
type Step = (i64, i64, u8);

fn live(store: &mut dyn Store, history: &[Step], waits: usize, fate: Fate) -> Vec<String> {
    let mut bench = Bench::new(store);
    let mut item = CommitSeq(0);
    for (at, (minutes, value, whose)) in history.iter().enumerate() {
        bench.now = bench.now.plus(Millis::minutes(*minutes));
        let number = u64::try_from(at).unwrap();
        let whose = if whose % 2 == 0 { "P1" } else { "P2" };
        match fate {
            _ if at != waits => drop(bench.receive(number, *value, Some(whose))),
            Fate::Known => drop(bench.receive(number, *value, Some("P1"))),
            Fate::Claimed | Fate::Undone(_) | Fate::Waits => {
                item = bench.receive(number, *value, None);
            }
        }
    }
    let claim = |person| Wish::Claim { item, person: id(person) };
    match fate {
        Fate::Claimed => drop(bench.decide(claim("P1")).unwrap()),
        Fate::Undone(person) => {
            let decision = bench.decide(claim(person)).unwrap();
            bench.decide(Wish::Undo { decision }).unwrap();
        }
        Fate::Known | Fate::Waits => {}
    }
    bench.told()
}

fn check(history: &[Step], waits: usize) -> Result<(), TestCaseError> {
    let model = |fate| live(&mut ModelStore::new(), history, waits, fate);
    let sqlite = |fate| {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
        live(&mut store, history, waits, fate)
    };
    let (known, waiting) = (model(Fate::Known), model(Fate::Waits));
    prop_assert_eq!(&model(Fate::Claimed), &known);
    prop_assert_eq!(&sqlite(Fate::Claimed), &known);
    for person in ["P1", "P2"] {
        prop_assert_eq!(&model(Fate::Undone(person)), &waiting);
    }
    prop_assert_eq!(&sqlite(Fate::Undone("P1")), &waiting);
    Ok(())
}

#[test]
fn a_claim_is_as_if_it_had_always_been_and_undone_as_if_never() {
    writeln!(std::io::stdout(), "seed {}", String::from_utf8_lossy(&SEED)).unwrap();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let step = (0_i64..3000, 100_i64..215, any::<u8>());
    let histories = (vec(step, 1..9), any::<prop::sample::Index>());
    runner.run(&histories, |(history, waits)| check(&history, waits.index(history.len()))).unwrap();
}

#[test]
fn an_emergency_opens_at_its_claim_and_is_withdrawn_at_its_undoing() {
    let mut store = ModelStore::new();
    let mut bench = Bench::new(&mut store);
    let item = bench.receive(1, 190, None);
    let before = bench.told();
    let decision = bench.decide(Wish::Claim { item, person: id("P2") }).unwrap();
    let during = bench.told();
    assert!(during.iter().any(|it| it.contains("bp_emergency P2 Red Open")), "{during:?}");
    bench.decide(Wish::Undo { decision }).unwrap();
    assert_eq!(bench.told(), before);
    let reader = bench.store.reader();
    let page = Paging::default();
    let filter = AlertFilter { person: Some(id("P2")), ..AlertFilter::default() };
    let all = reader.alerts(&Scope::Everything, &filter, &page).unwrap().items;
    assert_eq!(all.len(), 1, "nothing is deleted");
    let steps = reader.alert(&Scope::Everything, &all[0].id).unwrap().unwrap().events.len();
    assert_eq!(steps, 2, "opened and withdrawn");
    let reasons = |alert: &Alert| -> Vec<String> {
        alert.reasons.iter().map(|reason| reason.line.to_string()).collect()
    };
    assert!(reasons(&all[0]).contains(&"facts_changed".to_owned()), "{:?}", reasons(&all[0]));
    let shown = reader.crossings_of(all[0].key).unwrap();
    assert!(shown.iter().all(|(_, reading)| reading.is_none()), "it is nobody's value any more");
    bench.decide(Wish::Claim { item, person: id("P2") }).unwrap();
    let again = reader.alert(&Scope::Everything, &all[0].id).unwrap().unwrap().alert;
    assert!(!reasons(&again).contains(&"facts_changed".to_owned()), "{:?}", reasons(&again));
}

/// A person whose doctor takes messages.
fn signed(who: &str) -> [Fact; 3] {
    let mut facts = [
        fixtures::doctor("DR1", CareLevel::Village, "North"),
        fixtures::household("H1", "North", Some("DR1")),
        person(who, Some("H1"), ""),
    ];
    if let Fact::Registration(row) = &mut facts[0]
        && let Registered::Doctor(row) = &mut row.row
    {
        row.mqtt = true;
    }
    facts
}

#[test]
fn what_a_new_row_makes_of_an_old_reading_waits_for_the_morning() {
    let mut store = ModelStore::new();
    let mut bench = Bench::new(&mut store);
    commit(bench.store, &signed("P2"), &[]);
    bench.receive(1, 165, Some("P2"));
    let owed = |bench: &Bench<'_>| {
        let all = bench.store.reader().owed(NOON.plus(Millis::hours(48)), 10).unwrap();
        let red = all.into_iter().filter(|owed| owed.level == Level::Red);
        red.map(|owed| owed.due_at).collect::<Vec<_>>()
    };
    assert_eq!(owed(&bench), []);
    // At two in the night the registry learns that she is pregnant.
    bench.now = bench.now.plus(Millis::hours(14));
    let [.., mut row] = signed("P2");
    if let Fact::Registration(row) = &mut row {
        row.at = bench.now;
        if let Registered::Person(row) = &mut row.row {
            row.pregnant.push(Dated {
                code: "pregnant".into(),
                from: None,
                until: None,
                cause: None,
            });
        }
    }
    commit(bench.store, &[row], &[]);
    bench.told();
    assert_eq!(owed(&bench), [NOON.plus(Millis::hours(19))]);
}

#[test]
fn a_claim_within_a_day_pages_at_once_and_a_later_one_in_day_hours() {
    // NOON is noon in China; 14 hours later it is night.
    for (hours, at_once) in [(14, true), (38, false)] {
        let mut store = ModelStore::new();
        let mut bench = Bench::new(&mut store);
        commit(bench.store, &signed("P2"), &[]);
        let item = bench.receive(1, 190, None);
        bench.now = bench.now.plus(Millis::hours(hours));
        let now = bench.now;
        bench.decide(Wish::Claim { item, person: id("P2") }).unwrap();
        let mut owed = bench.store.reader().owed(now.plus(Millis::hours(24)), 10).unwrap();
        owed.retain(|owed| owed.level == Level::Red);
        assert_eq!(owed.len(), 1, "{hours} h later");
        assert_eq!(owed[0].due_at == now, at_once, "{hours} h later: {:?}", owed[0].due_at);
    }
}

#[test]
fn what_cannot_be_decided_is_refused_with_its_reason() {
    let mut store = ModelStore::new();
    let mut bench = Bench::new(&mut store);
    let item = bench.receive(1, 150, None);
    let claim = |person: &str| Wish::Claim { item, person: id(person) };
    assert_eq!(bench.decide(claim("P9")), Err(DecideRefused::UnknownPerson));
    let nothing = CommitSeq(1);
    assert_eq!(bench.decide(Wish::Dismiss { item: nothing }), Err(DecideRefused::Unknown));
    assert_eq!(bench.decide(Wish::Undo { decision: item }), Err(DecideRefused::Unknown));
    let first = bench.decide(claim("P1")).unwrap();
    assert_eq!(bench.decide(claim("P2")), Err(DecideRefused::Decided));
    assert_eq!(bench.decide(Wish::Dismiss { item }), Err(DecideRefused::Decided));
    bench.decide(Wish::Undo { decision: first }).unwrap();
    assert_eq!(bench.decide(Wish::Undo { decision: first }), Err(DecideRefused::NotInForce));
    let second = bench.decide(Wish::Dismiss { item }).unwrap();
    assert_eq!(bench.decide(claim("P1")), Err(DecideRefused::Decided));
    bench.decide(Wish::Undo { decision: second }).unwrap();
    bench.decide(claim("P1")).unwrap();

    let mut conflict = quarantined(7, Some("P1"), "clinic1");
    if let Fact::Quarantined(item) = &mut conflict {
        item.reason = QuarantineReason::Conflict;
    }
    let stored = reading_fact(2, "P1", "clinic1", 0);
    let item = commit(bench.store, &[stored, conflict], &[]);
    let claimed = bench.decide(Wish::Claim { item, person: id("P1") });
    assert_eq!(claimed, Err(DecideRefused::NoReading));
    bench.decide(Wish::Dismiss { item }).unwrap();
}

#[test]
fn lists_and_boards_count_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = SqliteStore::open(Options::new(folder.path())).unwrap();
    let mut model = ModelStore::new();
    let stores: [&mut dyn Store; 2] = [&mut sqlite, &mut model];
    for store in stores {
        let mut bench = Bench::new(store);
        let (item, other) = (bench.receive(1, 150, None), bench.receive(2, 151, None));
        let dismissed = bench.decide(Wish::Dismiss { item }).unwrap();
        bench.decide(Wish::Claim { item: other, person: id("P1") }).unwrap();
        let reader = bench.store.reader();
        let look = || {
            let all = &Scope::Everything;
            let in_state = |state| {
                let page = reader.quarantine(all, state, &Paging::default()).unwrap();
                page.items.iter().map(|held| held.seq).collect::<Vec<_>>()
            };
            let waiting = reader.board(all, None, NOON).unwrap().quarantined;
            (HeldState::ALL.map(in_state), waiting)
        };
        assert_eq!(look(), ([vec![], vec![other], vec![item]], 0));
        bench.decide(Wish::Undo { decision: dismissed }).unwrap();
        assert_eq!(look(), ([vec![item], vec![other], vec![]], 1));
        let decided = reader.decision(dismissed).unwrap().unwrap();
        assert_eq!((decided.item, decided.decision), (item, Decision::Dismissed));
        let (_, stored) = reader.reading(&Scope::Everything, &key(2)).unwrap().unwrap();
        assert_eq!(stored.attribution.unwrap().basis, Basis::Claim);
        assert_eq!(reader.recount().unwrap(), Vec::<String>::new());
    }
}
