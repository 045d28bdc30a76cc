//! Starting anew between any two groups changes no alert, whatever is kept of people.

use std::{io::Write as _, sync::Arc};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::super::{desk::Desk, group::Group, people::People};
use crate::{
    assess::{Pack, Packs},
    domain::{Dated, Person, PersonId, Registered, Timestamp},
    store::{
        Change, Fact, ModelStore, Options, SqliteStore, Store, StoredReading,
        fixtures::{NOON, after_noon, commit, id, person, reading, systolic},
        view::{AlertFilter, Paging, Scope},
    },
};

/// Change it to try other histories; a failure prints the shortest history that shows it.
const SEED: [u8; 32] = *b"xunzhen commit starts anew seed1";
const CASES: u32 = 12;
const PEOPLE: usize = 3;

/// One reading or one change of the registry: whose, how many minutes later, what, how late it
/// comes, and whether the gateway starts anew before it.
type Step = (usize, i64, i64, u8, bool);

/// What the gateway forgets on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forgets {
    /// Nothing.
    Nothing,
    /// What is in memory, at every start.
    Memory,
    /// That, and what is kept in the store.
    Everything,
}

fn who(number: usize) -> PersonId {
    id(&format!("P{number}"))
}

fn registered(number: usize, hypertensive: bool, at: Timestamp) -> Fact {
    let Fact::Registration(mut row) = person(who(number).as_str(), None, "North") else {
        unreachable!("a person is a registration")
    };
    row.at = at;
    if let Registered::Person(Person { diagnoses, .. }) = &mut row.row
        && hypertensive
    {
        diagnoses.push(Dated { code: "htn".into(), from: None, until: None, cause: None });
    }
    Fact::Registration(row)
}

/// Runs a group of fresh readings of one person, or a tick where there are none.
fn run(store: &mut dyn Store, desk: &mut Desk, now: Timestamp, fresh: Option<StoredReading>) {
    let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
    let gateway = ("G1".to_owned(), 1);
    let mut unit = store.begin(now).unwrap();
    let mut group = Group::new(unit.as_mut(), desk, &packs, &gateway, now);
    group.touched = fresh.into_iter().map(Box::new).collect();
    group.judge().unwrap();
    group.timers().unwrap();
    group.flush().unwrap();
    unit.commit().unwrap();
}

/// Lives a history and tells every alert and crossing that stands at its end.
fn live(store: &mut dyn Store, history: &[Step], forgets: Forgets) -> Vec<String> {
    let new_desk = || Desk::new(People::new(100));
    commit(
        store,
        &(0..PEOPLE).map(|number| registered(number, false, NOON)).collect::<Vec<_>>(),
        &[],
    );
    let (mut desk, mut now) = (new_desk(), NOON);
    for (number, (whose, minutes, value, late, anew)) in (0_u64..).zip(history) {
        let at = now.plus(crate::domain::Millis::minutes(*minutes));
        if *anew && forgets != Forgets::Nothing {
            desk = new_desk();
            // As the writer does at its start.
            (0..PEOPLE).for_each(|number| desk.people.look_at(who(number)));
        }
        if forgets == Forgets::Everything {
            let all: Vec<_> = (0..PEOPLE).map(|number| Change::ForgetState(who(number))).collect();
            commit(store, &[], &all);
        }
        if *value < 85 {
            commit(store, &[registered(*whose, value % 2 == 0, now)], &[]);
            desk.forget();
            continue;
        }
        let mut stored = reading(number, Some(who(*whose).as_str()), "clinic1", 0);
        stored.reading.measurement = systolic(*value);
        // One that comes late was measured before others that came.
        let measured = if *late == 0 { now.minus(crate::domain::Millis::hours(7)) } else { at };
        (stored.reading.measured.at, stored.reading.received_at) = (measured, at);
        run(store, &mut desk, at, Some(stored));
        now = at;
    }
    (0..PEOPLE).for_each(|number| desk.people.look_at(who(number)));
    run(store, &mut desk, now.plus(crate::domain::Millis::hours(1)), None);
    told(store)
}

fn told(store: &dyn Store) -> Vec<String> {
    let reader = store.reader();
    let paging = Paging { limit: 1000, after: None };
    let alerts = reader.alerts(&Scope::Everything, &AlertFilter::default(), &paging).unwrap();
    let mut told = Vec::new();
    for alert in alerts.items {
        let crossings = reader.crossings_of(alert.key).unwrap();
        let mut names: Vec<_> = crossings
            .iter()
            .filter_map(|(it, _)| Some((it.reading?, it.concept.clone(), it.disposition)))
            .collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a crossing of {} is recorded twice", alert.concept);
        told.extend(
            crossings.iter().map(|(it, _)| format!("{} {:?} {}", alert.id, it.reading, it.concept)),
        );
        told.push(format!("{} {} {:?} {:?}", alert.id, alert.concept, alert.level, alert.state));
    }
    told.sort();
    told.dedup();
    told
}

/// How many of the people have a state kept, and the most readings that one of them lacks.
fn kept(store: &mut dyn Store) -> (usize, usize) {
    let people: Vec<_> = (0..PEOPLE).map(who).collect();
    let kept = store.begin(after_noon(0)).unwrap().kept(&people).unwrap();
    let lacking = kept.iter().flatten().map(|resumed| resumed.since.len());
    (kept.iter().flatten().count(), lacking.max().unwrap_or(0))
}

fn histories() -> impl Strategy<Value = Vec<Step>> {
    let minutes = prop_oneof![3 => 1..12_i64, 2 => 60..900_i64, 1 => Just(3000_i64)];
    let value = prop_oneof![1 => 80..85_i64, 12 => 86..200_i64];
    vec((0..PEOPLE, minutes, value, 0..8_u8, prop::bool::weighted(0.3)), 20..50)
}

#[test]
fn starting_anew_between_any_two_groups_changes_no_alert() {
    writeln!(std::io::stdout(), "seed: {}", String::from_utf8_lossy(&SEED)).unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let outcome = TestRunner::new_with_rng(config, rng).run(&histories(), |history| {
        let expected = live(&mut ModelStore::new(), &history, Forgets::Nothing);
        let nothing_kept = live(&mut ModelStore::new(), &history, Forgets::Everything);
        prop_assert_eq!(&nothing_kept, &expected);
        let mut store = ModelStore::new();
        prop_assert_eq!(&live(&mut store, &history, Forgets::Memory), &expected);
        let (people, lacking) = kept(&mut store);
        prop_assert!(lacking < 8, "{} kept states, one lacks {}", people, lacking);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn what_is_kept_is_used_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
    let history: Vec<Step> = (0..24).map(|_| (0, 600, 130, 1, false)).collect();
    live(&mut store, &history, Forgets::Nothing);
    assert_eq!(kept(&mut store), (1, 0), "24 readings of one person");
    let mut desk = Desk::new(People::new(100));
    let later = after_noon(30_000);
    let mut unread = reading(99, Some("P0"), "clinic1", 30_000);
    unread.reading.measurement = systolic(130);
    run(&mut store, &mut desk, later, Some(unread));
    assert_eq!(kept(&mut store), (1, 1));
    let file = desk.people.file(&who(0)).unwrap();
    assert_eq!(file.unkept, 1, "the file went on from the kept state");
}

#[test]
fn a_row_that_reaches_back_beyond_what_is_kept_is_not_missed_after_a_start() {
    let mut store = ModelStore::new();
    let day = |number: i64| after_noon(number * 24 * 60);
    commit(&mut store, &[registered(0, false, day(0))], &[]);
    let mut desk = Desk::new(People::new(100));
    for number in 1..10 {
        let mut stored = reading(number, Some("P0"), "clinic1", 0);
        let at = day(2 * i64::try_from(number).unwrap());
        (stored.reading.measured.at, stored.reading.received_at) = (at, at);
        stored.reading.measurement = systolic(if number == 9 { 150 } else { 120 });
        run(&mut store, &mut desk, at, Some(stored));
    }
    assert_eq!(kept(&mut store), (1, 1));
    let pregnant = |told: &[String]| told.iter().any(|line| line.contains("bp_pregnancy Red"));
    assert!(!pregnant(&told(&store)));
    let Fact::Registration(mut row) = registered(0, false, day(31)) else { unreachable!() };
    if let Registered::Person(person) = &mut row.row {
        person.pregnant =
            vec![Dated { code: "pregnant".into(), from: None, until: None, cause: None }];
    }
    commit(&mut store, &[Fact::Registration(row)], &[]);
    let mut desk = Desk::new(People::new(100));
    desk.people.look_at(who(0));
    run(&mut store, &mut desk, day(32), None);
    assert!(pregnant(&told(&store)), "{:?}", told(&store));
}
