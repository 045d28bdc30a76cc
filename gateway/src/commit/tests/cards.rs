//! Cards, and whoever was looked up instead: whose session it is, what is said of it, and why a card
//! is nobody's.

use std::{collections::BTreeMap, sync::Arc};

use super::super::{desk::Desk, group::Group, people::People};
use crate::{
    assess::{Pack, Packs},
    domain::{
        AtBench, Attribution, Basis, Millis, OpenedBy, Place, PlaceKind, ReadingId, Registered,
        Timestamp,
    },
    intake::Item,
    store::{
        CardScan, Change, CommitSeq, Fact, ModelStore, Options, SqliteStore, Store,
        fixtures::{NOON, card, commit, id, key, person, reading, registration, site},
        view::{HeldState, Paging, Scope},
    },
};

fn minute(minutes: i64) -> Timestamp {
    NOON.plus(Millis::minutes(minutes))
}

/// A card of that number, held to the reader of B1 at a minute.
fn held(card: &str, minutes: i64) -> CardScan {
    CardScan {
        site: id("van1"),
        bench: id("B1"),
        card: card.to_owned(),
        person: None,
        at: minute(minutes),
        received_at: minute(minutes),
        out: false,
        opened_by: OpenedBy::Reader(Some(id("reader-1"))),
    }
}

/// Somebody whom a nurse looked up.
fn looked_up(person: &str, minutes: i64) -> CardScan {
    let opened_by = OpenedBy::Staff("N1".into());
    CardScan { person: Some(id(person)), opened_by, ..held("", minutes) }
}

/// Whoever sits there stands up.
fn stands_up(minutes: i64) -> CardScan {
    let opened_by = OpenedBy::Staff("N1".into());
    CardScan { out: true, opened_by, ..held("", minutes) }
}

fn scanned(scan: CardScan) -> Item {
    Item::Card(scan)
}

/// A value that a cuff at B1 without a clock sent at half past that minute.
fn measured(number: u64, minutes: i64) -> Item {
    let at = minute(minutes).plus(Millis::seconds(30));
    let mut inside = reading(number, None, "van1", 0).reading;
    (inside.bench, inside.device_time) = (Some(id("B1")), None);
    (inside.measured.at, inside.received_at) = (at, at);
    Item::Reading(Box::new(inside))
}

fn live(store: &mut dyn Store, rows: &[Fact], items: &[Item]) {
    let people = ["P1", "P2"].map(|name| person(name, None, "North"));
    commit(store, &people, &[]);
    commit(store, &[card("C1", "P1"), card("C2", "P2")], &[]);
    commit(store, rows, &[]);
    let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
    let gateway = ("G1".to_owned(), 1);
    let mut desk = Desk::new(People::new(100));
    for item in items {
        let mut unit = store.begin(minute(240)).unwrap();
        let mut group = Group::new(unit.as_mut(), &mut desk, &packs, &gateway, minute(240));
        group.cards(std::iter::once(item)).unwrap();
        group.receive(&[item]).unwrap();
        group.flush().unwrap();
        group.attribute_stretches().unwrap();
        group.judge().unwrap();
        group.changes.push(Change::Count(group.counts));
        group.flush().unwrap();
        drop(group);
        unit.commit().unwrap();
    }
    assert_eq!(store.reader().recount().unwrap(), Vec::<String>::new());
}

/// Lives it in both stores.
#[track_caller]
fn check_both(rows: &[Fact], items: &[Item], look: impl Fn(&dyn Store)) {
    let mut store = ModelStore::new();
    live(&mut store, rows, items);
    look(&store);
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
    live(&mut store, rows, items);
    look(&store);
}

fn whose(store: &dyn Store, number: u64) -> Option<Attribution> {
    let reading: ReadingId = key(number);
    store.reader().reading(&Scope::Everything, &reading).unwrap().unwrap().1.attribution
}

/// Whose a reading is, and by which session.
#[track_caller]
fn check(items: &[Item], expected: Option<(&str, i64, OpenedBy)>) {
    let expected = expected.map(|(person, from, opened_by)| Attribution {
        person: id(person),
        basis: Basis::BenchSession,
        session: Some(Box::new(AtBench { bench: id("B1"), from: minute(from), opened_by })),
    });
    check_both(&[], items, |store| assert_eq!(whose(store, 1), expected, "{items:?}"));
}

fn reader() -> OpenedBy {
    OpenedBy::Reader(Some(id("reader-1")))
}

fn staff() -> OpenedBy {
    OpenedBy::Staff("N1".into())
}

#[test]
fn a_reading_says_by_which_session_it_is_theirs_and_what_opened_that() {
    check(&[scanned(held("C1", 0)), measured(1, 4)], Some(("P1", 0, reader())));
    check(&[scanned(looked_up("P1", 0)), measured(1, 4)], Some(("P1", 0, staff())));
}

#[test]
fn whoever_is_looked_up_ends_the_session_before_and_stands_up_like_a_card() {
    let cards = [scanned(held("C1", 0)), scanned(looked_up("P2", 2))];
    let with = |last: &[Item]| cards.iter().chain(last).cloned().collect::<Vec<_>>();
    check(&with(&[measured(1, 5)]), Some(("P2", 2, staff())));
    check(&with(&[scanned(stands_up(4)), measured(1, 8)]), None);
    check(&with(&[scanned(held("C1", 3)), measured(1, 8)]), Some(("P1", 3, reader())));
}

#[test]
fn whoever_is_looked_up_late_has_what_was_measured_meanwhile() {
    let late = |minutes| CardScan { received_at: minute(9), ..looked_up("P2", minutes) };
    let items = [scanned(held("C1", 0)), measured(1, 6), scanned(late(3))];
    check(&items, Some(("P2", 3, staff())));
    // Just before the value came: it may still be the other one's.
    let items = [scanned(held("C1", 0)), measured(1, 6), scanned(late(6))];
    check(&items, None);
}

#[test]
fn two_people_who_are_looked_up_in_one_instant_are_both_nobody() {
    let items = [scanned(looked_up("P1", 0)), scanned(looked_up("P2", 0)), measured(1, 4)];
    check(&items, None);
    let items = [scanned(looked_up("P1", 0)), scanned(looked_up("P1", 0)), measured(1, 4)];
    check(&items, Some(("P1", 0, staff())));
}

#[test]
fn a_scanner_that_repeats_itself_leaves_the_reading_to_whose_card_it_is() {
    let again = |seconds: i64| {
        let at = minute(0).plus(Millis::seconds(seconds));
        scanned(CardScan { at, received_at: at, ..held("C1", 0) })
    };
    let repeats: Vec<Item> = (0..40).map(|number| again(number * 3)).collect();
    let items: Vec<Item> = repeats.into_iter().chain([measured(1, 4)]).collect();
    check_both(&[], &items, |store| {
        let whose = whose(store, 1).unwrap();
        assert_eq!((whose.person, whose.basis), (id("P1"), Basis::BenchSession));
        let waits = store.reader().quarantine(
            &Scope::Everything,
            HeldState::Waiting,
            &Paging { limit: 9, after: None },
        );
        assert_eq!(waits.unwrap().items.len(), 0);
    });
}

#[test]
fn another_card_of_theirs_that_comes_late_says_by_which_session_and_judges_nobody_anew() {
    let items = [scanned(held("C1", 0)), measured(1, 5), scanned(looked_up("P1", 2))];
    check(&items, Some(("P1", 2, staff())));
    check_both(&[], &items, |store| {
        let feed = store.reader().feed(CommitSeq(0), 100).unwrap();
        let said = feed.iter().filter_map(|entry| {
            if let Fact::Attributed(said) = &entry.fact { Some(said) } else { None }
        });
        let said: Vec<_> = said.collect();
        assert_eq!(said.len(), 1, "{feed:?}");
        assert_eq!(said[0].before.as_ref().unwrap().session.as_ref().unwrap().from, minute(0));
        let corrections = store.reader().attributions(&id("P1")).unwrap();
        assert_eq!(corrections.len(), 1);
    });
}

/// Resident identity numbers of Beijing (GB 11643-1999, the standard's own examples).
const NUMBERS: [&str; 2] = ["11010519491231002X", "440524188001010014"];

/// The county of the van's township, with the digits of its people's numbers.
fn county(area_code: Option<&str>) -> Vec<Fact> {
    let place = |name: &str, kind, parent: &str, code: Option<&str>| {
        let attributes: BTreeMap<String, String> =
            code.map(|code| ("area_code".to_owned(), code.to_owned())).into_iter().collect();
        registration(Registered::Place(Place {
            place: name.to_owned(),
            kind,
            name: String::new(),
            parent: parent.to_owned(),
            attributes,
        }))
    };
    vec![
        place("Yun", PlaceKind::County, "", area_code),
        place("Qingshi", PlaceKind::Township, "Yun", None),
        site("van1", "", "Qingshi", ""),
    ]
}

/// The reason and the detail under which a card waits.
#[track_caller]
fn check_card(area_code: Option<&str>, card: &str, expected: (&str, &str)) {
    check_both(&county(area_code), &[scanned(held(card, 0)), measured(1, 4)], |store| {
        let page = Paging { limit: 9, after: None };
        let waits = store.reader().quarantine(&Scope::Everything, HeldState::Waiting, &page);
        let waits = waits.unwrap().items;
        let card: Vec<_> = waits.iter().filter(|held| held.reading.is_none()).collect();
        assert_eq!(card.len(), 1, "{waits:?}");
        assert_eq!((card[0].reason.as_str(), card[0].detail.as_str()), expected);
        assert_eq!(whose(store, 1), None, "and what is measured then is nobody's");
    });
}

#[test]
fn an_identity_card_of_another_county_has_a_reason_of_its_own() {
    check_card(Some("110105"), NUMBERS[1], ("other_county", "440524"));
    check_card(Some("110105, 440524"), NUMBERS[1], ("unknown_card", ""));
    check_card(Some("110105"), NUMBERS[0], ("unknown_card", ""));
    check_card(None, NUMBERS[1], ("unknown_card", ""));
    // What is no identity number tells of no county.
    check_card(Some("110105"), "4405241880010100149", ("unknown_card", ""));
}
