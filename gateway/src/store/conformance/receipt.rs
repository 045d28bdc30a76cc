//! Receipts: what a store counts of a site's day, and what it keeps of what others say.

use super::check;
use crate::{
    domain::{AlertState, Attribution, Basis, Grade, Level, Measured, Millis, Registered},
    receipt::{Day, DayLog, Kind, Receipt, VillageReceipt},
    store::{
        AlertChange, Change, CommitSeq, Decided, Decision, Fact, KeptAlarm, NeighbourSaid,
        ReceiptDiffers, ReceiptSaid, Retimed, Store, Timing,
        fixtures::{
            NOON, after_noon, alert, commit, context_fact, crossing, event, id, key, person,
            quarantined, reading, reading_fact, site,
        },
    },
};

const TODAY: Day = Day::of(NOON);

fn log(store: &dyn Store, day: Day) -> DayLog {
    store.reader().day_log(&id("V03"), day).unwrap()
}

fn receipt(store: &dyn Store) -> Receipt {
    log(store, TODAY).receipt()
}

/// People of two villages, readings of theirs and of nobody, an alert, an item; and what lies outside
/// the day and the site.
fn day() -> (Vec<Fact>, Vec<Change>) {
    let raised = alert(1, "P1", Some("DR1"), Level::Red);
    let taken_back = crate::domain::Alert {
        state: AlertState::Withdrawn,
        ..alert(2, "P2", Some("DR1"), Level::Red)
    };
    let facts = vec![
        site("V03", "North", "Qingshi", "Yun"),
        person("P1", None, "North"),
        person("P2", None, "South"),
        reading_fact(1, "P1", "V03", 0),
        reading_fact(2, "P1", "V03", 11 * 60 + 59),
        reading_fact(3, "P2", "V03", -12 * 60),
        Fact::Reading(Box::new(reading(4, None, "V03", 5))),
        reading_fact(5, "P2", "V03", 12 * 60),
        reading_fact(6, "P2", "V04", 0),
        quarantined(7, None, "V03"),
        quarantined(8, None, "V04"),
        event(&raised, AlertChange::Opened),
        crossing(key(1), &raised),
        event(&taken_back, AlertChange::Withdrawn),
        crossing(key(3), &taken_back),
    ];
    (facts, vec![Change::Alert(Box::new(raised)), Change::Alert(Box::new(taken_back))])
}

fn counts(of: Option<&VillageReceipt>) -> [u64; 4] {
    of.map_or([0; 4], |of| [of.people, of.readings, of.alerts, of.quarantined])
}

#[test]
fn a_receipt_counts_what_came_to_a_site_on_a_day_by_village() {
    check(|store| {
        assert_eq!(receipt(store).villages, []);
        let (facts, changes) = day();
        commit(store, &facts, &changes);
        let told = receipt(store);
        assert_eq!(told.villages.len(), 3, "{told:?}");
        assert_eq!(counts(told.village("North")), [1, 2, 1, 0]);
        assert_eq!(counts(told.village("South")), [1, 1, 0, 0]);
        assert_eq!(counts(told.village("")), [0, 1, 0, 1]);
        assert_eq!(counts(Some(&told.whole())), [2, 4, 1, 1]);
        let tomorrow = log(store, TODAY.plus(1)).receipt();
        assert_eq!(counts(Some(&tomorrow.whole())), [1, 1, 0, 0]);
        assert_eq!(log(store, TODAY.plus(-1)).receipt().villages, []);
    });
}

#[test]
fn neither_the_order_of_arrival_nor_the_cut_into_commits_changes_a_receipt() {
    let (facts, changes) = day();
    let told = std::cell::RefCell::new(Vec::new());
    for turn in 0..facts.len() {
        check(|store| {
            // The steps of alerts keep their order; the rest comes as it likes.
            let (mut first, later) = (facts[..11].to_vec(), &facts[11..]);
            first.rotate_left(turn % 11);
            if turn % 2 == 0 {
                for fact in first {
                    commit(store, &[fact], &[]);
                }
            } else {
                commit(store, &first, &[]);
            }
            commit(store, later, &changes);
            told.borrow_mut().push(receipt(store));
        });
    }
    let told = told.into_inner();
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
}

/// What one more unit makes of the receipt of the day.
#[track_caller]
fn check_after(facts: &[Fact], changes: &[Change], same: bool) {
    check(|store| {
        let (day, raised) = day();
        commit(store, &day, &raised);
        let before = receipt(store);
        commit(store, facts, changes);
        let after = receipt(store);
        assert_eq!(before == after, same, "{before:?} {after:?}");
        assert_eq!(before.hash == after.hash, same, "the hash alone shows it");
    });
}

fn moved(at: crate::domain::Timestamp) -> Fact {
    let mut row = person("P1", None, "South");
    if let Fact::Registration(entered) = &mut row {
        entered.at = at;
    }
    row
}

#[test]
fn a_record_more_or_of_somebody_else_changes_the_receipt() {
    let whose = |person: &str| Some(Attribution::new(id(person), Basis::Claim));
    check_after(&[reading_fact(9, "P1", "V03", 1)], &[], false);
    check_after(&[quarantined(9, None, "V03")], &[], false);
    check_after(&[], &[Change::Reattribute(key(1), whose("P2"))], false);
    check_after(&[], &[Change::Reattribute(key(4), whose("P1"))], false);
    check_after(&[], &[Change::Reattribute(key(2), None)], false);
    // The alert has an earlier beginning, or is taken back.
    let raised = alert(1, "P1", Some("DR1"), Level::Red);
    let earlier = crate::domain::Alert { id: key(77), ..raised.clone() };
    check_after(
        &[event(&earlier, AlertChange::Revised)],
        &[Change::Alert(Box::new(earlier))],
        false,
    );
    let gone = crate::domain::Alert { state: AlertState::Withdrawn, ..raised };
    check_after(&[event(&gone, AlertChange::Withdrawn)], &[Change::Alert(Box::new(gone))], false);
    // Somebody decided about the item.
    let decided = |decision| {
        let (reason, by) = ("test".to_owned(), "N1".into());
        Fact::Decided(Box::new(Decided { item: CommitSeq(10), decision, reason, by, at: NOON }))
    };
    check_after(&[decided(Decision::Dismissed)], &[], false);
    check_after(&[decided(Decision::Claimed(id("P1")))], &[], false);
    let taken_back = [decided(Decision::Dismissed), decided(Decision::Undone(CommitSeq(16)))];
    check_after(&taken_back, &[], true);
    // She lived elsewhere when the day began.
    check_after(&[moved(TODAY.begin())], &[], false);
}

#[test]
fn what_lies_elsewhere_and_what_is_learned_later_of_time_and_place_does_not() {
    check_after(&[reading_fact(9, "P1", "V04", 1)], &[], true);
    check_after(&[reading_fact(9, "P1", "V03", 24 * 60)], &[], true);
    check_after(&[quarantined(9, None, "V04")], &[], true);
    check_after(&[moved(after_noon(1))], &[], true);
    check_after(&[context_fact(("cuff1", 9), firmware_protocols::Meal::Fasting, "V03")], &[], true);
    // The gateway's clock was a day ahead.
    let timing =
        |at| Timing { measured: Measured { at, grade: Grade::B }, received_at: at, late: false };
    let (before, after) = (timing(NOON), timing(NOON.minus(Millis::days(1))));
    let retimed = Fact::Retimed(Box::new(Retimed { reading: key(1), before, after, at: NOON }));
    check_after(&[retimed], &[Change::Retime(key(1), after)], true);
}

#[test]
fn a_household_s_village_counts_as_it_was_when_the_day_began() {
    check(|store| {
        let home = |village: &str, at| {
            let mut row = crate::store::fixtures::household("H1", village, None);
            if let Fact::Registration(entered) = &mut row {
                entered.at = at;
            }
            row
        };
        let facts = [
            home("North", TODAY.begin().minus(Millis::days(3))),
            home("South", after_noon(0)),
            person("P1", Some("H1"), "own"),
            reading_fact(1, "P1", "V03", 0),
        ];
        commit(store, &facts, &[]);
        let villages = |day| {
            let told = log(store, day).receipt().villages.into_iter();
            told.map(|of| of.village).collect::<Vec<_>>()
        };
        assert_eq!(villages(TODAY), ["North"]);
    });
}

fn said(by: &str, day: Day, upto: i64, epoch: u64) -> ReceiptSaid {
    let log = DayLog::new(id("V03"), day, Vec::new());
    ReceiptSaid {
        receipt: log.receipt(),
        by: by.into(),
        key: format!("ed25519:{upto}"),
        epoch,
        upto: CommitSeq(upto),
        said_at: NOON,
        at: NOON,
    }
}

#[test]
fn what_others_said_is_kept_by_day_and_gateway_and_what_is_older_comes_too_late() {
    check(|store| {
        let keep = |store: &mut dyn Store, said: &ReceiptSaid| {
            commit(
                store,
                &[],
                &[Change::Neighbour(Box::new(NeighbourSaid::Receipt(said.clone())))],
            );
        };
        let yesterday = TODAY.plus(-1);
        let all = [
            said("county", TODAY, 7, 1),
            said("van", TODAY, 5, u64::MAX),
            said("van", yesterday, 4, 1),
        ];
        for one in &all {
            keep(store, one);
        }
        let held = |store: &mut dyn Store, from, to| {
            store.reader().receipts_said(&id("V03"), (from, to)).unwrap()
        };
        assert_eq!(held(store, TODAY, TODAY), all[..2]);
        assert_eq!(held(store, yesterday, TODAY)[0], all[2]);
        assert_eq!(held(store, TODAY.plus(1), TODAY.plus(9)), []);
        // Replayed, nothing changes; newer, or of another life of the log, it takes the place.
        keep(store, &said("county", TODAY, 6, 1));
        assert_eq!(held(store, TODAY, TODAY)[0].upto, CommitSeq(7));
        keep(store, &said("county", TODAY, 8, 1));
        keep(store, &said("van", TODAY, 1, 2));
        let upto: Vec<_> = held(store, TODAY, TODAY).iter().map(|said| said.upto.0).collect();
        assert_eq!(upto, [8, 1]);
        assert!(log(store, TODAY).entries().iter().all(|entry| entry.kind == Kind::Reading));
    });
}

#[test]
fn what_differs_stands_until_both_hold_the_same_or_another_hash_is_said() {
    check(|store| {
        let keep = |store: &mut dyn Store, said: NeighbourSaid| {
            commit(store, &[], &[Change::Neighbour(Box::new(said))]);
        };
        let hash = log(store, TODAY).receipt().hash;
        let first = crate::receipt::Difference {
            village: "North".to_owned(),
            kind: Kind::Reading,
            key: key(1),
            ours: Some(hash),
            theirs: None,
        };
        let found = |day, first| ReceiptDiffers {
            site: id("V03"),
            day,
            by: "county".into(),
            first,
            at: NOON,
        };
        let (one, other) = (found(TODAY, Some(first.clone())), found(TODAY.plus(-1), Some(first)));
        for differs in [&one, &other] {
            keep(store, NeighbourSaid::Differs(differs.clone()));
        }
        let held = |store: &mut dyn Store| store.reader().receipts_differ().unwrap();
        assert_eq!(held(store), [other.clone(), one.clone()]);
        // The same again changes nothing, another hash ends what was found in the former one.
        keep(store, NeighbourSaid::Receipt(said("county", TODAY, 7, 1)));
        keep(store, NeighbourSaid::Receipt(said("county", TODAY, 8, 1)));
        assert_eq!(held(store), [other.clone(), one]);
        let mut more = said("county", TODAY, 9, 1);
        more.receipt.hash = crate::receipt::of_alert(&alert(1, "P1", None, Level::Red)).digest;
        keep(store, NeighbourSaid::Receipt(more));
        assert_eq!(held(store), [other]);
        keep(store, NeighbourSaid::Differs(found(TODAY.plus(-1), None)));
        assert_eq!(held(store), []);
    });
}

#[test]
fn an_alarm_stands_until_somebody_has_looked_at_it() {
    check(|store| {
        let alarm = |code: Option<&str>| KeptAlarm {
            of: "van".into(),
            code: code.map(Into::into),
            since: NOON,
            times: 3,
        };
        for (code, expected) in [(Some("chain"), 1), (Some("forged"), 1), (None, 0)] {
            let said = NeighbourSaid::Alarm(alarm(code));
            commit(store, &[], &[Change::Neighbour(Box::new(said))]);
            let held = store.reader().kept_alarms().unwrap();
            assert_eq!(held.len(), expected);
            assert!(held.iter().all(|held| *held == alarm(code)), "{held:?}");
        }
    });
}

#[test]
fn the_days_on_which_something_came_are_named_with_their_sites() {
    check(|store| {
        let (facts, changes) = day();
        commit(store, &facts, &changes);
        let on = |store: &mut dyn Store, from: i64, to: i64| {
            let days = store.reader().received_on((TODAY.plus(from), TODAY.plus(to))).unwrap();
            let days = days.into_iter().map(|(day, site)| (day.since(TODAY), site.to_string()));
            days.collect::<Vec<_>>()
        };
        let of = |day, site: &str| (day, site.to_owned());
        assert_eq!(on(store, -9, 9), [of(0, "V03"), of(0, "V04"), of(1, "V03")]);
        assert_eq!(on(store, 1, 9), [of(1, "V03")]);
        assert_eq!(on(store, -9, -1), []);
        commit(store, &[reading_fact(90, "P1", "V01", -30 * 24 * 60)], &[]);
        assert_eq!(on(store, -30, -1), [of(-30, "V01")]);
    });
}

/// The registry's rows that the stores are asked for by their JSON.
#[test]
fn a_person_whom_the_registry_lacks_lives_nowhere() {
    check(|store| {
        commit(store, &[reading_fact(1, "P9", "V03", 0)], &[]);
        assert_eq!(counts(receipt(store).village("")), [1, 1, 0, 0]);
        let Fact::Registration(row) = person("P9", None, "North") else { panic!("no row") };
        assert!(matches!(row.row, Registered::Person(_)));
    });
}
