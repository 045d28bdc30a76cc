//! One clue a case, then all together.

use super::*;
use crate::domain::{Id, OpenedBy};

const NOON: i64 = 1_772_424_000_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(NOON).plus(Millis::minutes(minutes))
}

fn id<K>(name: &str) -> Id<K> {
    Id::new(name).unwrap()
}

fn waiting() -> Waiting {
    Waiting {
        at: at(0),
        received_at: at(0),
        named: Some(id("P000132")),
        sequence: Some(Sequence { epoch: Some(1), number: 7 }),
    }
}

fn session(person: &str, from: i64, until: i64) -> (BenchSession, Option<Timestamp>) {
    let (site, bench) = (id("V1"), id("B1"));
    let session = BenchSession {
        site,
        bench,
        person: id(person),
        from: at(from),
        until: at(until),
        opened_by: OpenedBy::Reader(None),
    };
    (session, Some(at(from)))
}

fn other(person: &str, minutes: i64, number: u64) -> Other {
    let sequence = Some(Sequence { epoch: Some(1), number });
    Other { person: id(person), at: at(minutes), sequence, here: true }
}

fn scan(card: &str, minutes: i64) -> CardScan {
    CardScan {
        site: id("V1"),
        bench: id("B1"),
        card: card.to_owned(),
        person: None,
        at: at(minutes),
        received_at: at(minutes),
        out: false,
        opened_by: OpenedBy::Reader(None),
    }
}

/// Who is suggested, each with the codes of what speaks for them.
#[track_caller]
fn check(around: &Around, expected: &[(&str, &[&str])]) {
    let found = suggest(&waiting(), around);
    let told: Vec<(&str, Vec<&str>)> = found
        .iter()
        .map(|it| (it.person.as_str(), it.clues.iter().map(|clue| clue.code).collect()))
        .collect();
    let expected: Vec<(&str, Vec<&str>)> =
        expected.iter().map(|(person, codes)| (*person, codes.to_vec())).collect();
    assert_eq!(told, expected);
    for clue in found.iter().flat_map(|it| &it.clues) {
        assert!(!clue.zh.is_empty() && !clue.en.is_empty(), "{clue:?}");
    }
}

#[test]
fn nothing_around_suggests_nobody() {
    check(&Around::default(), &[]);
}

#[test]
fn whoever_had_the_bench_then_before_or_after_is_suggested_in_that_order() {
    let sessions = vec![
        session("P3", 4, 14),
        session("P2", -12, -2),
        session("P1", -1, 9),
        session("P4", -60, -50),
    ];
    let around = Around { sessions, ..Around::default() };
    check(
        &around,
        &[("P1", &["bench_session"]), ("P2", &["bench_before"]), ("P3", &["bench_after"])],
    );
}

#[test]
fn a_card_that_came_more_than_a_day_apart_proposes() {
    let (own, _) = session("P1", -1, 9);
    let of = |hours: i64| {
        let card_at = Some(at(0).plus(Millis::hours(hours)));
        Around { sessions: vec![(own.clone(), card_at)], ..Around::default() }
    };
    check(&of(24), &[("P1", &["bench_session"])]);
    check(&of(25), &[("P1", &["late_card"])]);
}

#[test]
fn a_name_one_slip_away_is_suggested() {
    let spelled = ["P000123", "P000131", "P00132", "P000999"].map(id).to_vec();
    let around = Around { spelled, ..Around::default() };
    let slipped: &[&str] = &["person_mistyped"];
    check(&around, &[("P000123", slipped), ("P000131", slipped), ("P00132", slipped)]);
}

#[test]
fn a_card_one_digit_away_is_suggested_while_it_is_near() {
    let near = (scan("6222020100", 3), "6222020101".to_owned(), id("P1"));
    let far = (scan("6222020100", 30), "6222020101".to_owned(), id("P2"));
    let other = (scan("6222020100", 3), "9222020109".to_owned(), id("P3"));
    let around = Around { cards: vec![near, far, other], ..Around::default() };
    check(&around, &[("P1", &["card_misread"])]);
}

#[test]
fn the_number_before_speaks_for_its_person_if_it_is_of_the_same_visit() {
    let device = vec![other("P1", -2, 6), other("P2", 2, 9), other("P3", 30, 8)];
    check(&Around { device, ..Around::default() }, &[("P1", &["next_number"])]);
    let elsewhere = Other { here: false, ..other("P1", -2, 6) };
    check(&Around { device: vec![elsewhere], ..Around::default() }, &[]);
    let epoch = Some(Sequence { epoch: Some(2), number: 6 });
    let reset = Other { sequence: epoch, ..other("P1", -2, 6) };
    check(&Around { device: vec![reset], ..Around::default() }, &[]);
}

#[test]
fn whoever_uses_the_device_most_is_suggested_last() {
    let own = (0..6).map(|number| other("P1", -1000 - number, 100));
    let rare = (0..2).map(|number| other("P2", -2000 - number, 100));
    let device: Vec<Other> = own.chain(rare).collect();
    let sessions = vec![session("P9", -12, -2)];
    let around = Around { device, sessions, ..Around::default() };
    check(&around, &[("P9", &["bench_before"]), ("P1", &["usual_device"])]);
}

#[test]
fn what_speaks_for_the_same_person_adds_up_and_the_list_is_short() {
    let sessions = (0..9).map(|number| session(&format!("P{number}"), -12, -2)).collect();
    let around = Around { sessions, device: vec![other("P7", -2, 6)], ..Around::default() };
    let found = suggest(&waiting(), &around);
    assert_eq!(found.len(), SUGGESTED_MAX);
    assert_eq!(found[0].person, id("P7"));
    let codes: Vec<_> = found[0].clues.iter().map(|clue| clue.code).collect();
    assert_eq!(codes, ["next_number", "bench_before"]);
    assert_eq!(found, suggest(&waiting(), &around), "the same again");
}
