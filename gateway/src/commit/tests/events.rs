//! Events of people among their readings: in any order, in any batches, across any start, the same
//! alerts; and what a doctor's acknowledgement changes, and what it does not.

use std::{collections::BTreeSet, io::Write as _, sync::Arc};

use firmware_protocols::Decimal;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::sync::oneshot;

use super::super::{Act, Deed, desk::Desk, group::Group, people::People};
use crate::{
    assess::{Pack, Packs},
    domain::{
        ActOutcome, Alert, AlertState, CareLevel, Dated, Happened, Millis, Money, MoneyKind,
        PersonEvent, Registered, Timestamp,
    },
    intake::Item,
    store::{
        AlertChange, Change, CommitSeq, Fact, ModelStore, Options, Outcome, SqliteStore, Status,
        Store,
        fixtures::{NOON, commit, doctor, household, id, person, reading, site, systolic},
        view::{AlertFilter, Paging, Scope},
    },
};

/// Change it to try other histories; a failure prints the shortest history that shows it.
const SEED: [u8; 32] = *b"xunzhen commit takes events seed";
const CASES: u32 = 12;

fn day(count: i64) -> Timestamp {
    NOON.plus(Millis::days(count))
}

/// A township with one person, hypertensive and monitored, and their doctor.
fn township(store: &mut dyn Store) {
    let Fact::Registration(mut row) = person("P1", Some("H1"), "") else { unreachable!() };
    if let Registered::Person(person) = &mut row.row {
        let since_ever =
            |code: &str| vec![Dated { code: code.into(), from: None, until: None, cause: None }];
        (person.diagnoses, person.cohorts) = (since_ever("htn"), since_ever("C2"));
    }
    let facts = [
        site("clinic1", "North", "Qingshi", "Yun"),
        doctor("DR1", CareLevel::Village, "North"),
        household("H1", "North", Some("DR1")),
        Fact::Registration(row),
    ];
    commit(store, &facts, &[]);
}

fn desk() -> Desk {
    Desk::new(People::new(100))
}

/// Runs a group of items, and the acknowledgement of an alert after them.
fn run(
    store: &mut dyn Store,
    desk: &mut Desk,
    now: Timestamp,
    items: &[Item],
    acknowledged: Option<&Alert>,
) -> Vec<Outcome> {
    let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
    let gateway = ("G1".to_owned(), 1);
    let mut unit = store.begin(now).unwrap();
    let mut group = Group::new(unit.as_mut(), desk, &packs, &gateway, now);
    let outcomes = group.receive(&items.iter().collect::<Vec<_>>()).unwrap();
    group.judge().unwrap();
    group.flush().unwrap();
    if let Some(alert) = acknowledged {
        let (reply, _told) = oneshot::channel();
        let (alert, by) = (alert.id, "DR1".into());
        let (deed, note, claimed_at, request) = (Deed::Acknowledge, None, None, None);
        let act = Act { alert, deed, note, by, claimed_at, request, reply };
        group.act(&act).unwrap().unwrap();
    }
    group.timers().unwrap();
    let counts = Change::Count(group.counts);
    group.flush().unwrap();
    unit.change(&[counts]).unwrap();
    unit.commit().unwrap();
    outcomes
}

fn alerts(store: &dyn Store) -> Vec<Alert> {
    let paging = Paging { limit: 1000, after: None };
    store.reader().alerts(&Scope::Everything, &AlertFilter::default(), &paging).unwrap().items
}

/// Every alert that somebody still has to do something about.
fn open(store: &dyn Store) -> BTreeSet<String> {
    let live = alerts(store).into_iter().filter(|alert| alert.state.is_live());
    live.map(|alert| format!("{} {} {:?}", alert.id, alert.concept, alert.level)).collect()
}

fn cuff(number: u64, at: Timestamp, received_at: Timestamp, value: i64) -> Item {
    let mut reading = reading(number, Some("P1"), "clinic1", 0).reading;
    reading.measurement = systolic(value);
    (reading.measured.at, reading.received_at) = (at, received_at);
    Item::Reading(Box::new(reading))
}

fn item(what: Happened, at: Timestamp, received_at: Timestamp) -> Item {
    Item::Event(Box::new(PersonEvent::new(id("P1"), what, (at, received_at), "DR1".into())))
}

fn follow_up(systolic: i64, diastolic: i64) -> Happened {
    let pressure = Some((Decimal::from(systolic), Decimal::from(diastolic)));
    Happened::FollowUp { pressure, fasting: None, symptoms: Vec::new() }
}

fn money(yuan: i64) -> Happened {
    let (profile, kind) = ("xian-2025".into(), MoneyKind::YearToDate);
    Happened::Money(Money { profile, kind, yuan: Decimal::from(yuan) })
}

fn act(concept: &str, outcome: ActOutcome) -> Happened {
    Happened::Act { concept: concept.into(), outcome }
}

/// What, how many minutes after the one before, a number that says which, how many minutes late.
type Step = (u8, i64, i64, i64);

const CONCEPTS: [&str; 4] =
    ["bp_emergency", "bp_uncontrolled_first", "bp_uncontrolled_repeat", "poverty_relapse_risk"];

/// The items of a history, and an instant when all of them are known.
fn items(history: &[Step]) -> (Vec<Item>, Timestamp) {
    let mut at = NOON;
    let mut items = Vec::new();
    for (number, (what, minutes, value, late)) in (0..).zip(history) {
        at = at.plus(Millis::minutes(*minutes));
        let received_at = at.plus(Millis::minutes(*late));
        let place = usize::try_from(*value).unwrap();
        items.push(match what {
            0..5 => cuff(number, at, received_at, *value),
            5..8 => item(follow_up(*value, 85), at, received_at),
            8 => item(money(value * 100), at, received_at),
            _ => {
                let outcome = ActOutcome::ALL[place % 3];
                item(act(CONCEPTS[place % 4], outcome), at, received_at)
            }
        });
    }
    (items, at.plus(Millis::days(3)))
}

fn histories() -> impl Strategy<Value = Vec<Step>> {
    let minutes = prop_oneof![2 => 1..12_i64, 2 => 60..900_i64, 2 => 4000..30_000_i64];
    let late = prop_oneof![6 => Just(0_i64), 1 => 60..1000_i64, 1 => 2000..4000_i64];
    vec((0..10_u8, minutes, 100..200_i64, late), 8..24)
}

/// Lives a history in an order, so many items a group, starting anew before every third group.
fn live(store: &mut dyn Store, items: &[Item], now: Timestamp, at_once: usize, anew: bool) {
    township(store);
    let mut own = desk();
    for (number, group) in items.chunks(at_once).enumerate() {
        if anew && number % 3 == 2 {
            own = desk();
        }
        run(store, &mut own, now, group, None);
    }
}

#[test]
fn events_and_readings_in_any_order_batches_and_lives_come_to_the_same_alerts() {
    writeln!(std::io::stdout(), "seed: {}", String::from_utf8_lossy(&SEED)).unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let shuffled = histories().prop_flat_map(|history| {
        let places: Vec<usize> = (0..history.len()).collect();
        (Just(history), Just(places).prop_shuffle(), 1..6_usize)
    });
    let mut opened = BTreeSet::new();
    let outcome = runner.run(&shuffled, |(history, places, at_once)| {
        let (items, now) = items(&history);
        let mut store = ModelStore::new();
        live(&mut store, &items, now, items.len(), false);
        let expected = open(&store);
        let mut store = ModelStore::new();
        live(&mut store, &items, now, 1, true);
        prop_assert_eq!(&open(&store), &expected, "one by one, with starts");
        let other: Vec<Item> = places.iter().map(|place| items[*place].clone()).collect();
        let mut store = ModelStore::new();
        live(&mut store, &other, now, at_once, true);
        prop_assert_eq!(&open(&store), &expected, "{} at once, shuffled", at_once);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    // The histories reach what they are about.
    let (items, now) = items(&[(5, 0, 150, 0), (5, 20_000, 150, 0), (8, 60, 150, 0)]);
    let mut store = ModelStore::new();
    live(&mut store, &items, now, 2, true);
    opened.extend(alerts(&store).into_iter().map(|alert| alert.concept.to_string()));
    for concept in ["bp_uncontrolled_repeat", "oop_line", "poverty_relapse_risk"] {
        assert!(opened.contains(concept), "{concept}: {opened:?}");
    }
}

/// Runs a case against each store.
#[track_caller]
fn check(case: impl Fn(&mut dyn Store)) {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = SqliteStore::open(Options::new(folder.path())).unwrap();
    for store in [&mut ModelStore::new() as &mut dyn Store, &mut sqlite] {
        township(store);
        case(store);
    }
    assert_eq!(sqlite.reader().recount().unwrap(), Vec::<String>::new(), "recount of SQLite");
}

fn facts(store: &dyn Store) -> Vec<Fact> {
    let fed = store.reader().feed(CommitSeq(0), 10_000).unwrap();
    fed.into_iter().map(|entry| entry.fact).collect()
}

fn events(store: &dyn Store) -> Vec<PersonEvent> {
    store.reader().events_of(&[id("P1")]).unwrap().remove(0)
}

/// Steps of alerts' lives of one kind.
fn steps(store: &dyn Store, change: AlertChange) -> usize {
    let is = |fact: &&Fact| matches!(fact, Fact::Alert(event) if event.change == change);
    facts(store).iter().filter(is).count()
}

#[test]
fn the_same_again_is_counted_and_other_content_under_one_reference_waits() {
    check(|store| {
        let event = |what, reference: &str, note: Option<&str>| {
            let event = PersonEvent::new(id("P1"), what, (day(0), day(1)), "DR1".into());
            let reference = (!reference.is_empty()).then(|| reference.into());
            Item::Event(Box::new(event.with(reference, note.map(str::to_owned))))
        };
        let mut desk = desk();
        let items = [
            event(money(3000), "", None),
            event(money(3000), "", None),
            event(money(3000), "", Some("另有说明")),
            event(money(3000), "HIS-1", None),
            event(money(4000), "HIS-1", None),
            event(money(4000), "HIS-1", None),
        ];
        use Status::{Duplicate, Quarantined, Stored};
        let expected = [Stored, Duplicate, Quarantined, Stored, Quarantined, Duplicate];
        let told: Vec<Status> =
            run(store, &mut desk, day(1), &items, None).iter().map(|one| one.status).collect();
        assert_eq!(told, expected);
        let again: Vec<Status> =
            run(store, &mut desk, day(2), &items, None).iter().map(|one| one.status).collect();
        assert!(again.iter().all(|status| *status == Duplicate), "{again:?}");
        assert_eq!(events(store).len(), 2);
        let counts = store.reader().counts().unwrap();
        assert_eq!((counts.stored, counts.duplicate, counts.quarantined), (2, 8, 2));
    });
}

#[test]
fn an_acknowledgement_is_a_fact_of_the_lines_and_changes_nothing_else() {
    check(|store| {
        let mut desk = desk();
        run(store, &mut desk, day(0), &[cuff(1, day(0), day(0), 184)], None);
        let before = alerts(store).remove(0);
        let owed = store.reader().owed(day(99), 100).unwrap();
        let now = day(0).plus(Millis::minutes(3));
        run(store, &mut desk, now, &[], Some(&before));
        let what = act("bp_emergency", ActOutcome::Seen);
        let expected = PersonEvent::new(id("P1"), what, (now, now), "DR1".into());
        assert_eq!(events(store), [expected]);
        let after = alerts(store).remove(0);
        assert_eq!(after, Alert { state: AlertState::Acknowledged, ..before.clone() });
        assert_eq!(store.reader().owed(day(99), 100).unwrap(), owed, "no new message");
        let lines = desk.people.file(&id("P1")).unwrap().state.live().next().unwrap();
        assert_eq!((lines.id, lines.acknowledged_at), (before.id, Some(now)));
        let before = facts(store).len();
        // A late reading folds everything again: the acknowledgement stays what it is.
        let late = cuff(2, day(-1), now, 120);
        run(store, &mut desk, now.plus(Millis::minutes(1)), &[late], None);
        assert_eq!(facts(store).len(), before + 1, "only the reading");
        let lines = desk.people.file(&id("P1")).unwrap().state.live().next().unwrap();
        assert_eq!(lines.acknowledged_at, Some(now));
    });
}

#[test]
fn an_acknowledgement_counts_also_where_the_alert_began_by_a_clock_that_runs_ahead() {
    for number in 0..16 {
        let mut store = ModelStore::new();
        township(&mut store);
        let mut desk = desk();
        let ahead = day(0).plus(Millis::minutes(5));
        run(&mut store, &mut desk, day(0), &[cuff(number, ahead, day(0), 184)], None);
        let alert = alerts(&store).remove(0);
        run(&mut store, &mut desk, day(0).plus(Millis::minutes(1)), &[], Some(&alert));
        let lines = desk.people.file(&id("P1")).unwrap().state.live().next().unwrap();
        assert!(lines.acknowledged_at.is_some(), "reading {number}");
        assert_eq!(events(&store)[0].received_at, day(0).plus(Millis::minutes(1)));
    }
}

#[test]
fn a_follow_up_opens_its_alert_at_once_and_a_late_one_leaves_it() {
    check(|store| {
        let mut desk = desk();
        run(store, &mut desk, day(30), &[item(follow_up(182, 112), day(30), day(30))], None);
        let red = alerts(store).into_iter().find(|alert| alert.concept == "bp_emergency").unwrap();
        assert_eq!(red.state, AlertState::Open);
        let messages = store.reader().owed(day(30), 100).unwrap();
        assert!(messages.iter().any(|owed| owed.alert == red.key), "it leaves at once");
        let late = item(follow_up(120, 80), day(2), day(31));
        run(store, &mut desk, day(31), &[late], None);
        let same = alerts(store).into_iter().find(|alert| alert.concept == "bp_emergency").unwrap();
        assert_eq!((same.id, same.state), (red.id, AlertState::Open));
        assert_eq!(steps(store, AlertChange::Withdrawn), 0);
    });
}

#[test]
fn a_follow_up_that_comes_late_makes_the_one_after_it_the_second_in_a_row() {
    check(|store| {
        let mut own = desk();
        let open = |store: &dyn Store, concept: &str| {
            let is = |alert: &Alert| alert.concept == concept && alert.state.is_live();
            alerts(store).into_iter().filter(is).count()
        };
        run(store, &mut own, day(6), &[item(follow_up(150, 95), day(6), day(6))], None);
        assert_eq!((open(store, "bp_uncontrolled_first"), events(store).len()), (1, 1));
        own = desk();
        run(store, &mut own, day(7), &[item(follow_up(152, 95), day(1), day(7))], None);
        assert_eq!(open(store, "bp_uncontrolled_first"), 0);
        assert_eq!(open(store, "bp_uncontrolled_repeat"), 1);
    });
}
