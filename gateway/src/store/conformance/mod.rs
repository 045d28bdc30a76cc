//! What every store must do. Each case runs against each implementation of the port.

mod access;
mod carry;
mod enrol;
mod random;
mod receipt;
mod staff;
mod told;

use std::sync::Arc;

use firmware_protocols::Meal;

use super::{
    ANSWER_KEPT, AlertChange, Answer, Attempt, Change, ClockFound, ClockNote, CommitSeq, Committed,
    Done, Fact, KeptState, Merged, ModelStore, Options, Outcome, Owed, QuarantineReason, Reader,
    RegistryKey, Request, Retimed, Sending, SqliteStore, Status, Store, StoreError, StoredReading,
    Timer, TimerKind, Timing, ToldBy,
    fixtures::{
        NOON, after_noon, alert, card, commit, context, context_fact, crossing, doctor, event,
        glucose, happened, household, id, key, owed, person, person_with_cards, plan, quarantined,
        reading, reading_fact, refused, registration, site,
    },
    view::{AlertFilter, HeldState, Paging, ReadingFilter, Scope},
};
use crate::domain::{
    Attribution, Basis, CareLevel, Grade, IdNumber, Level, Measured, Millis, Registered, Sequence,
};

/// Runs a case against each store.
#[track_caller]
fn check(case: impl Fn(&mut dyn Store)) {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = SqliteStore::open(Options::new(folder.path())).unwrap();
    case(&mut ModelStore::new());
    case(&mut sqlite);
    assert_eq!(sqlite.reader().recount().unwrap(), Vec::<String>::new(), "recount of SQLite");
}

fn township(store: &mut dyn Store) -> Arc<dyn Reader> {
    let facts = [
        site("clinic1", "North", "Qingshi", "Yun"),
        site("clinic2", "South", "Qingshi", "Yun"),
        site("clinic3", "Far", "Other", "Yun"),
        doctor("DR1", CareLevel::Village, "North"),
        doctor("DR2", CareLevel::Village, "South"),
        doctor("DR3", CareLevel::Township, "Qingshi"),
        household("H1", "North", Some("DR1")),
        household("H2", "South", Some("DR2")),
        person("P1", Some("H1"), ""),
        person("P2", Some("H2"), ""),
        person("P3", None, "Far"),
    ];
    commit(store, &facts, &[]);
    store.reader()
}

fn people_of(reader: &dyn Reader, scope: &Scope) -> Vec<String> {
    let page = reader.readings(scope, &ReadingFilter::default(), &Paging::default()).unwrap();
    let name = |attribution: &Attribution| attribution.person.to_string();
    let mut people: Vec<_> =
        page.items.iter().filter_map(|(_, stored)| stored.attribution.as_ref().map(name)).collect();
    people.sort();
    people
}

#[test]
fn a_proof_for_tests_stands_before_the_first_fact() {
    assert_eq!(Committed::for_tests().last(), CommitSeq(0));
}

#[test]
fn a_unit_that_is_dropped_leaves_nothing() {
    check(|store| {
        let mut unit = store.begin(NOON).unwrap();
        unit.append(&[reading_fact(1, "P1", "clinic1", 0)]).unwrap();
        assert_eq!(unit.held(&[key(1)]).unwrap(), [Some(key(1 + (1 << 40)))]);
        drop(unit);
        assert_eq!(store.reader().last().unwrap(), CommitSeq(0));
        let mut unit = store.begin(NOON).unwrap();
        assert_eq!(unit.held(&[key(1)]).unwrap(), [None]);
    });
}

#[test]
fn positions_have_no_gaps_and_the_feed_skips_nothing() {
    check(|store| {
        let reader = township(store);
        let before = reader.last().unwrap();
        drop(store.begin(NOON).unwrap().append(&[refused(None)]));
        let alert = alert(1, "P1", Some("DR1"), Level::Red);
        let facts = [
            reading_fact(1, "P1", "clinic1", 0),
            refused(Some("clinic1")),
            quarantined(2, Some("P1"), "clinic1"),
            event(&alert, AlertChange::Opened),
            crossing(key(1), &alert),
            refused(None),
        ];
        let last = commit(store, &facts, &[Change::Alert(Box::new(alert.clone()))]);
        assert_eq!(last.0, before.0 + 6);
        let fed = reader.feed(before, 4).unwrap();
        let rest = reader.feed(fed[3].seq, 100).unwrap();
        let all: Vec<Fact> = fed.into_iter().chain(rest).map(|entry| entry.fact).collect();
        assert_eq!(all, facts);
    });
}

#[test]
fn an_event_is_kept_once_and_read_back_as_it_was_with_what_is_kept_of_its_person() {
    check(|store| {
        let reader = township(store);
        let all: Vec<_> = (0..12)
            .map(|number| happened(number, "P1", 9 - i64::try_from(number).unwrap()))
            .collect();
        let mut expected = all.clone();
        expected.sort_by_key(|event| (event.at, event.id));
        let alert = alert(1, "P1", Some("DR1"), Level::Red);
        let mut facts: Vec<_> = all.iter().cloned().map(|one| Fact::Event(Box::new(one))).collect();
        facts.push(event(&alert, AlertChange::Opened));
        facts.push(crossing(crate::domain::Key::from_bytes(*all[0].id.as_bytes()), &alert));
        let kept = KeptState { person: id("P1"), judged_with: [1; 16], state: vec![1, 2] };
        let changes = [Change::Alert(Box::new(alert)), Change::KeepState(Box::new(kept))];
        commit(store, &facts, &changes);
        let later = happened(40, "P1", -90);
        commit(store, &[Fact::Event(Box::new(later.clone()))], &[]);
        let fed = reader.feed(CommitSeq(11), 12).unwrap();
        assert_eq!(fed.into_iter().map(|entry| entry.fact).collect::<Vec<_>>(), facts[..12]);
        assert_eq!(reader.events_of(&[id("P2"), id("P1")]).unwrap()[1][1..], expected);
        let mut unit = store.begin(NOON).unwrap();
        assert_eq!(unit.events(&[id("P1")]).unwrap()[0][0], later);
        let known = unit.known_events(&[key(1), later.id]).unwrap();
        assert_eq!(known, [None, Some(later.content)]);
        let resumed = unit.kept(&[id("P1")]).unwrap().pop().unwrap().unwrap();
        assert_eq!((resumed.since.len(), resumed.events), (0, vec![later]));
        assert_eq!(unit.measured_lately(Millis::minutes(30)).unwrap(), [id("P1")]);
        let again = unit.append(&[Fact::Event(Box::new(all[3].clone()))]);
        assert!(matches!(again, Err(StoreError::Duplicate)), "{again:?}");
    });
}

#[test]
fn what_is_held_is_known_by_id_and_what_waits_by_content() {
    check(|store| {
        township(store);
        commit(store, &[reading_fact(1, "P1", "clinic1", 0), quarantined(2, None, "clinic1")], &[]);
        let mut unit = store.begin(NOON).unwrap();
        let held = unit.held(&[key(2), key(3), key(1)]).unwrap();
        assert_eq!(held, [Some(key(2 + (1 << 40))), None, Some(key(1 + (1 << 40)))]);
        let waiting = unit.waiting(&[key(3 + (1 << 41)), key(2 + (1 << 41))]).unwrap();
        assert_eq!(waiting, [false, true]);
    });
}

#[test]
fn an_answer_is_kept_thirty_days_and_belongs_to_its_unit() {
    check(|store| {
        let answer = |digest: u64, done| {
            let request = Request { key: "K".to_owned(), digest: key(digest) };
            Change::Answer(Box::new(Answer { request, done, at: NOON }))
        };
        let outcome = |id, status, reason: Option<&str>| Outcome {
            id,
            status,
            reason: reason.map(str::to_owned),
        };
        let outcomes = vec![
            outcome(Some(key(7)), Status::Stored, None),
            outcome(None, Status::Refused, Some("json: \"x\"")),
        ];
        let mut unit = store.begin(NOON).unwrap();
        unit.change(&[answer(1, Done::Acted(CommitSeq(9)))]).unwrap();
        assert_eq!(unit.answer("K").unwrap().unwrap().done, Done::Acted(CommitSeq(9)));
        drop(unit);
        assert_eq!(store.begin(NOON).unwrap().answer("K").unwrap(), None);
        let told = Done::Told("{\"name\":\"wang\"}".to_owned());
        commit(store, &[], &[answer(3, told.clone())]);
        assert_eq!(store.begin(NOON).unwrap().answer("K").unwrap().unwrap().done, told);
        commit(store, &[], &[answer(2, Done::Delivered(outcomes.clone()))]);
        let last = NOON.plus(ANSWER_KEPT);
        let known = store.begin(last).unwrap().answer("K").unwrap().unwrap();
        assert_eq!((known.request.digest, known.done), (key(2), Done::Delivered(outcomes)));
        let later = last.plus(Millis(1));
        assert_eq!(store.begin(later).unwrap().answer("K").unwrap(), None);
    });
}

#[test]
fn the_same_reading_twice_spoils_its_unit_and_nothing_else() {
    check(|store| {
        township(store);
        let last = commit(store, &[reading_fact(1, "P1", "clinic1", 0)], &[]);
        let again = reading_fact(1, "P1", "clinic1", 5);
        for facts in [
            vec![refused(None), again],
            vec![reading_fact(2, "P1", "clinic1", 0), reading_fact(2, "P1", "clinic1", 0)],
        ] {
            let mut unit = store.begin(NOON).unwrap();
            assert!(matches!(unit.append(&facts), Err(StoreError::Duplicate)));
            assert!(unit.commit().is_err(), "a spoiled unit must not commit");
        }
        assert_eq!(store.reader().last().unwrap(), last);
        commit(store, &[reading_fact(2, "P1", "clinic1", 0)], &[]);
    });
}

#[test]
fn all_readings_of_people_come_by_time_in_the_order_asked() {
    check(|store| {
        let reader = township(store);
        for (number, person, minutes) in
            [(1, "P2", 5), (2, "P1", 9), (3, "P2", 1), (4, "P1", 3), (5, "P3", 0)]
        {
            commit(store, &[reading_fact(number, person, "clinic1", minutes)], &[]);
        }
        let found = reader.readings_of(&[id("P2"), id("P9"), id("P1")]).unwrap();
        let ids = |person: usize| found[person].iter().map(|it| it.reading.id).collect::<Vec<_>>();
        assert_eq!(ids(0), [key(3), key(1)]);
        assert_eq!(ids(1), []);
        assert_eq!(ids(2), [key(4), key(2)]);
    });
}

#[test]
fn readings_come_newest_first_in_pages_by_every_road() {
    check(|store| {
        let reader = township(store);
        let minutes = [5, 3, 9, 3, 7, 1];
        for (number, minutes) in (1..).zip(minutes) {
            commit(store, &[reading_fact(number, "P1", "clinic1", minutes)], &[]);
            if number == 3 {
                store.roll_up(1000).unwrap();
            }
        }
        let by_site = ReadingFilter { site: Some(id("clinic1")), ..ReadingFilter::default() };
        let by_person = ReadingFilter { person: Some(id("P1")), ..ReadingFilter::default() };
        for filter in [by_site, by_person, ReadingFilter::default()] {
            let mut paging = Paging { limit: 2, after: None };
            let mut found = Vec::new();
            loop {
                let page = reader.readings(&Scope::Everything, &filter, &paging).unwrap();
                found.extend(page.items.iter().map(|(_, stored)| stored.reading.measured.at));
                paging.after = page.next;
                if paging.after.is_none() {
                    break;
                }
            }
            assert_eq!(found, [9, 7, 5, 3, 3, 1].map(after_noon), "{filter:?}");
        }
        let filter = ReadingFilter { device: Some(id("cuff0")), ..ReadingFilter::default() };
        let page = reader.readings(&Scope::Everything, &filter, &Paging::default()).unwrap();
        assert_eq!(page.items.len(), 2);
        let foreign = Paging { limit: 2, after: Some("tomorrow".to_owned()) };
        let asked = reader.readings(&Scope::Everything, &filter, &foreign);
        assert!(asked.is_err_and(|error| error.is_asked()));
    });
}

#[test]
fn a_scope_leaks_nothing() {
    check(|store| {
        let reader = township(store);
        let facts = [
            reading_fact(1, "P1", "clinic1", 0),
            reading_fact(2, "P2", "clinic2", 0),
            reading_fact(3, "P3", "clinic3", 0),
        ];
        commit(store, &facts, &[]);
        let place = |place: &str| Scope::Place(place.to_owned());
        let seen = |scope: &Scope| people_of(&*reader, scope);
        for rolled in [false, true] {
            assert_eq!(seen(&Scope::Everything), ["P1", "P2", "P3"], "rolled {rolled}");
            assert_eq!(seen(&place("North")), ["P1"]);
            assert_eq!(seen(&place("Qingshi")), ["P1", "P2"]);
            assert_eq!(seen(&place("Yun")), ["P1", "P2", "P3"]);
            assert_eq!(seen(&place("")), Vec::<String>::new());
            assert_eq!(seen(&Scope::Doctor(id("DR1"))), ["P1"]);
            assert_eq!(seen(&Scope::Doctor(id("DR3"))), Vec::<String>::new());
            assert_eq!(seen(&Scope::Nobody), Vec::<String>::new());
            store.roll_up(1000).unwrap();
        }
    });
}

#[test]
fn an_alert_opens_its_person_to_the_doctor_and_nobody_else_to_them() {
    check(|store| {
        let reader = township(store);
        let raised = alert(1, "P3", Some("DR1"), Level::Orange);
        let facts = [
            reading_fact(1, "P1", "clinic1", 0),
            reading_fact(3, "P3", "clinic3", 0),
            quarantined(4, Some("P2"), "clinic1"),
            refused(Some("clinic3")),
        ];
        commit(store, &facts, &[]);
        let place = |place: &str| Scope::Place(place.to_owned());
        let seen = |scope: &Scope| people_of(&*reader, scope);
        let opened = event(&raised, AlertChange::Opened);
        commit(store, &[opened], &[Change::Alert(Box::new(raised.clone()))]);
        assert_eq!(seen(&Scope::Doctor(id("DR1"))), ["P1", "P3"], "an alert came to the doctor");
        let lists = |scope: &Scope| {
            let page = Paging::default();
            let alerts = reader.alerts(scope, &AlertFilter::default(), &page).unwrap().items.len();
            let people = reader.people(scope, "", &page).unwrap().items.len();
            let quarantine =
                reader.quarantine(scope, HeldState::Waiting, &page).unwrap().items.len();
            let refused = reader.refused(scope, &page).unwrap().items.len();
            let alert = reader.alert(scope, &raised.id).unwrap().is_some();
            (alerts, people, quarantine, refused, alert)
        };
        assert_eq!(lists(&Scope::Everything), (1, 3, 1, 1, true));
        assert_eq!(lists(&Scope::Nobody), (0, 0, 0, 0, false));
        assert_eq!(lists(&place("North")), (0, 1, 1, 0, false));
        assert_eq!(lists(&place("Far")), (1, 1, 0, 1, true));
        assert_eq!(lists(&Scope::Doctor(id("DR1"))), (1, 2, 0, 0, true));
        assert_eq!(lists(&Scope::Doctor(id("DR2"))), (0, 1, 1, 0, false));
        let person = RegistryKey::Person(id("P2"));
        assert!(reader.registered(&place("South"), &person).unwrap().is_some());
        assert!(reader.registered(&place("North"), &person).unwrap().is_none());
        assert!(reader.registered(&Scope::Doctor(id("DR1")), &person).unwrap().is_none());
    });
}

#[test]
fn the_board_is_the_same_before_during_and_after_the_rollup() {
    check(|store| {
        let reader = township(store);
        let raised = alert(1, "P1", Some("DR1"), Level::Red);
        let facts = [
            reading_fact(1, "P1", "clinic1", 0),
            reading_fact(2, "P1", "clinic2", 61),
            reading_fact(3, "P2", "clinic2", 0),
            reading_fact(4, "P2", "clinic2", -24 * 60),
            event(&raised, AlertChange::Opened),
            crossing(key(2), &raised),
            refused(Some("clinic2")),
        ];
        commit(store, &facts, &[Change::Alert(Box::new(raised.clone()))]);
        let look = || {
            let doctor = Scope::Doctor(id("DR1"));
            let now = after_noon(16);
            [
                reader.board(&Scope::Everything, None, now).unwrap(),
                reader.board(&Scope::Everything, Some("North"), now).unwrap(),
                reader.board(&Scope::Place("Qingshi".to_owned()), Some("South"), now).unwrap(),
                reader.board(&doctor, None, now).unwrap(),
                reader.board(&Scope::Nobody, None, now).unwrap(),
            ]
        };
        let before = look();
        let [all, north, south, doctor, nobody] = &before;
        assert_eq!((all.people, all.people_today, all.readings_today), (3, 2, 3));
        assert_eq!((all.open, all.overdue, all.refused), ([0, 0, 0, 1], 1, 1));
        assert_eq!((all.hourly[12].readings, all.hourly[13].crossings), (2, 1));
        assert_eq!((north.people, north.people_today, north.readings_today), (1, 1, 2));
        assert_eq!((south.people, south.people_today, south.readings_today), (1, 1, 1));
        assert_eq!((doctor.people, doctor.readings_today, doctor.open), (1, 2, [0, 0, 0, 1]));
        assert_eq!((nobody.people, nobody.readings_today, nobody.sites.len()), (0, 0, 0));
        for _ in 0..8 {
            store.roll_up(5).unwrap();
            assert_eq!(look(), before);
        }
        assert_eq!(reader.cursor("rollup").unwrap(), reader.last().unwrap());
    });
}

#[test]
fn numbers_move_with_a_person_and_with_a_reading() {
    check(|store| {
        let reader = township(store);
        commit(store, &[reading_fact(1, "P1", "clinic1", 0)], &[]);
        store.roll_up(1000).unwrap();
        let today = |place: &str| {
            let board = reader.board(&Scope::Everything, Some(place), NOON).unwrap();
            (board.people, board.people_today, board.readings_today)
        };
        assert_eq!((today("North"), today("South")), ((1, 1, 1), (1, 0, 0)));
        commit(store, &[household("H1", "South", None)], &[]);
        assert_eq!((today("North"), today("South")), ((0, 0, 0), (2, 1, 1)));
        let far = Attribution::new(id("P3"), Basis::Claim);
        commit(store, &[], &[Change::Reattribute(key(1), Some(far))]);
        assert_eq!((today("South"), today("Far")), ((2, 0, 0), (1, 1, 1)));
        commit(store, &[], &[Change::Reattribute(key(1), None)]);
        assert_eq!((today("Far"), today("South")), ((1, 0, 0), (2, 0, 0)));
        let mut unit = store.begin(NOON).unwrap();
        let missing = unit.change(&[Change::Reattribute(key(99), None)]);
        assert!(missing.is_err_and(|error| error.is_asked()));
    });
}

/// Two files are one person's, or what says so is taken back.
fn merged(who: &str, survivor: &str, undoes: Option<CommitSeq>) -> Fact {
    Fact::Merged(Box::new(Merged {
        person: id(who),
        survivor: id(survivor),
        undoes,
        reason: "双档".to_owned(),
        by: "N1".into(),
        at: NOON,
    }))
}

#[test]
fn what_came_under_a_merged_file_counts_as_the_survivors_until_that_is_taken_back() {
    check(|store| {
        let reader = township(store);
        let event = Fact::Event(Box::new(happened(1, "P1", 3)));
        commit(store, &[reading_fact(1, "P1", "clinic1", 0), event], &[]);
        store.roll_up(1000).unwrap();
        let of = |filter: ReadingFilter| {
            let all = reader.readings(&Scope::Everything, &filter, &Paging::default()).unwrap();
            all.items.iter().map(|(_, stored)| stored.reading.id).collect::<Vec<_>>()
        };
        let owned =
            |who: &str| of(ReadingFilter { person: Some(id(who)), ..ReadingFilter::default() });
        let filed =
            |who: &str| of(ReadingFilter { filed: Some(id(who)), ..ReadingFilter::default() });
        let happened_to = |who: &str| reader.events_of(&[id(who)]).unwrap()[0].len();
        let today = |place: &str| {
            let board = reader.board(&Scope::Everything, Some(place), NOON).unwrap();
            (board.people_today, board.readings_today)
        };
        let of_doctor = |who: &str| {
            let scope = Scope::Doctor(id("DR1"));
            reader.reading(&scope, &key(1)).unwrap().map(|(_, it)| it.attribution.unwrap().person)
                == Some(id(who))
        };
        assert!(of_doctor("P1"));
        let merge = commit(store, &[merged("P1", "P2", None)], &[]);
        assert_eq!((owned("P1"), owned("P2")), (vec![], vec![key(1)]));
        assert_eq!((filed("P1"), filed("P2")), (vec![key(1)], vec![]));
        assert_eq!((happened_to("P1"), happened_to("P2")), (0, 1));
        assert_eq!((today("North"), today("South")), ((0, 0), (1, 1)));
        assert!(!of_doctor("P1"), "it counts as another doctor's person's");
        // What comes under the file meanwhile counts as the survivor's too, in the same way.
        let late = Attribution::new(id("P1"), Basis::Claim);
        commit(store, &[reading_fact(2, "P3", "clinic1", 1)], &[]);
        commit(store, &[reading_fact(3, "P1", "clinic1", 2)], &[]);
        commit(store, &[], &[Change::Reattribute(key(2), Some(late))]);
        assert_eq!(owned("P2"), [3, 2, 1].map(key));
        commit(store, &[merged("P1", "P2", Some(merge))], &[]);
        assert_eq!((owned("P1"), owned("P2")), ([3, 2, 1].map(key).to_vec(), vec![]));
        assert_eq!((happened_to("P1"), happened_to("P2")), (1, 0));
        assert_eq!((today("North"), today("South")), ((1, 3), (0, 0)));
        assert!(of_doctor("P1"));
    });
}

/// The times of the readings as a list of all, of a device, of a person and of a site tells them.
fn found_by_every_road(store: &mut dyn Store) -> Vec<Vec<Timing>> {
    let reader = store.reader();
    let device = ReadingFilter { device: Some(id("cuff1")), ..ReadingFilter::default() };
    let person = ReadingFilter { person: Some(id("P1")), ..ReadingFilter::default() };
    let site = ReadingFilter { site: Some(id("clinic1")), ..ReadingFilter::default() };
    let page = |filter: &ReadingFilter| {
        let paging = Paging { limit: 10, after: None };
        let page = reader.readings(&Scope::Everything, filter, &paging).unwrap();
        page.items.iter().map(|(_, stored)| stored.timing()).collect()
    };
    [ReadingFilter::default(), device, person, site].iter().map(page).collect()
}

#[test]
fn only_what_is_there_can_be_corrected() {
    check(|store| {
        commit(store, &[reading_fact(1, "P1", "clinic1", 0)], &[]);
        let mut unit = store.begin(NOON).unwrap();
        let missing = unit.change(&[Change::MoveScan(CommitSeq(1), NOON)]);
        assert!(missing.is_err_and(|error| error.is_asked()));
        drop(unit);
        let timing = reading(1, None, "clinic1", 0).timing();
        let mut unit = store.begin(NOON).unwrap();
        let missing = unit.change(&[Change::Retime(key(99), timing)]);
        assert!(missing.is_err_and(|error| error.is_asked()));
    });
}

#[test]
fn merges_have_no_chains_and_are_never_forgotten() {
    check(|store| {
        let reader = township(store);
        let merge = commit(store, &[merged("P1", "P2", None)], &[]);
        for refused in [
            merged("P1", "P3", None),
            merged("P2", "P3", None),
            merged("P3", "P1", None),
            merged("P3", "P3", None),
            merged("P1", "P3", Some(merge)),
            merged("P1", "P2", Some(CommitSeq(1))),
        ] {
            let mut unit = store.begin(NOON).unwrap();
            assert!(unit.append(&[refused]).is_err_and(|error| error.is_asked()));
        }
        assert_eq!(reader.survivor(&id("P1")).unwrap(), Some(id("P2")));
        commit(store, &[merged("P1", "P2", Some(merge))], &[]);
        assert_eq!(reader.survivor(&id("P1")).unwrap(), None);
        let held = reader.merge(merge).unwrap().unwrap();
        assert!(held.undone.is_some(), "nothing is forgotten");
        assert_eq!(reader.merges(&Scope::Everything, &Paging::default()).unwrap().items, [held]);
        let north = Scope::Place("North".to_owned());
        assert_eq!(reader.merges(&north, &Paging::default()).unwrap().items, [], "P2 is South's");
    });
}

#[test]
fn two_rows_with_one_whole_number_are_found_within_a_scope() {
    check(|store| {
        let reader = township(store);
        let numbered = |who: &str, village: &str, number: &str| {
            let Fact::Registration(mut row) = person(who, None, village) else { unreachable!() };
            if let Registered::Person(row) = &mut row.row {
                row.id_number = number.to_owned();
            }
            Fact::Registration(row)
        };
        let number = "11010519491231002X";
        let rows = [
            numbered("N1", "North", number),
            numbered("N2", "North", number),
            numbered("N3", "Far", number),
            numbered("N4", "North", "无"),
            numbered("N5", "North", "无"),
        ];
        commit(store, &rows, &[]);
        let north = Scope::Place("North".to_owned());
        let with = |scope: &Scope, number: &str| {
            reader.with_id_number(scope, &IdNumber::parse(number).unwrap()).unwrap()
        };
        assert_eq!(with(&north, number), ["N1", "N2"].map(id));
        assert_eq!(with(&Scope::Everything, number), ["N1", "N2", "N3"].map(id));
        assert_eq!(with(&Scope::Nobody, number), []);
        let pairs = |scope: &Scope| {
            let first = Paging { limit: 2, after: None };
            let page = reader.same_numbers(scope, &first).unwrap();
            let mut all = page.items;
            if let Some(next) = page.next {
                let rest = Paging { limit: 2, after: Some(next) };
                all.extend(reader.same_numbers(scope, &rest).unwrap().items);
            }
            all
        };
        let pair = |one: &str, other: &str| (id(one), id(other));
        assert_eq!(pairs(&north), [pair("N1", "N2")]);
        let all = [pair("N1", "N2"), pair("N1", "N3"), pair("N2", "N3")];
        assert_eq!(pairs(&Scope::Everything), all);
        // A row that says otherwise later, and a merge, end it.
        commit(store, &[numbered("N3", "Far", ""), merged("N1", "N2", None)], &[]);
        assert_eq!(pairs(&Scope::Everything), []);
    });
}

#[test]
fn a_correction_of_time_moves_a_reading_wherever_it_is_looked_for() {
    let other = |stored: &StoredReading| Timing {
        measured: Measured { at: after_noon(-3000), grade: Grade::B },
        received_at: after_noon(-2990),
        late: !stored.late,
    };
    check(|store| {
        let reader = township(store);
        let facts = [
            reading_fact(1, "P1", "clinic1", 30),
            reading_fact(2, "P1", "clinic1", 40),
            Fact::CardScan(told::scan()),
        ];
        let begun = reader.last().unwrap();
        commit(store, &facts, &[]);
        store.roll_up(1000).unwrap();
        let mut unit = store.begin(NOON).unwrap();
        let came = unit.came_since(begun).unwrap();
        let told = unit.told(&ToldBy::Us(begun)).unwrap();
        drop(unit);
        let [first, second] = &came[..] else { panic!("{came:?}") };
        let [(scan, ..)] = told.scans[..] else { panic!("{told:?}") };
        let retimed = Retimed {
            reading: first.reading.id,
            before: first.timing(),
            after: other(first),
            at: NOON,
        };
        let note = ClockFound::Right { since: begun, by: Millis::days(-2) };
        let notes = [ClockFound::Doubted, note];
        let mut facts = notes.map(|found| Fact::Clock(ClockNote { found, at: NOON })).to_vec();
        facts.push(Fact::Retimed(Box::new(retimed)));
        let changes =
            [Change::Retime(key(1), other(first)), Change::MoveScan(scan, after_noon(-3000))];
        commit(store, &facts, &changes);
        let both = vec![second.timing(), other(first)];
        let expected = vec![both.clone(), vec![other(first)], both.clone(), both];
        assert_eq!(found_by_every_road(store), expected);
        let reader = store.reader();
        assert_eq!(reader.retimings(&id("P1")).unwrap(), [retimed]);
        assert_eq!(reader.retimings(&id("P2")).unwrap(), []);
        let day = |minutes| {
            let at = after_noon(minutes);
            reader.board(&Scope::Everything, None, at).unwrap().readings_today
        };
        assert_eq!((day(0), day(-3000)), (1, 1));
        let after = reader.last().unwrap();
        let told = reader.feed(CommitSeq(after.0 - 3), 9).unwrap();
        assert_eq!(told.into_iter().map(|entry| entry.fact).collect::<Vec<_>>(), facts);
        let mut unit = store.begin(NOON).unwrap();
        let span = (after_noon(-3000), after_noon(-3000));
        assert_eq!(unit.scans((&id("clinic1"), &id("B1")), span).unwrap().len(), 1);
    });
}

#[test]
fn a_kept_state_comes_with_what_was_stored_since_until_the_past_changes() {
    let kept = |who: &str| KeptState { person: id(who), judged_with: [7; 16], state: vec![1, 2] };
    let keep = |who: &str| Change::KeepState(Box::new(kept(who)));
    let numbers = |since: &[StoredReading]| -> Vec<_> {
        since.iter().map(|stored| stored.reading.id).collect()
    };
    check(|store| {
        township(store);
        commit(store, &[reading_fact(1, "P1", "clinic1", 30)], &[keep("P1"), keep("P2")]);
        let later = [
            reading_fact(2, "P1", "clinic1", 20),
            reading_fact(3, "P1", "clinic1", 10),
            reading_fact(4, "P2", "clinic1", 0),
        ];
        commit(store, &later, &[]);
        let mut unit = store.begin(NOON).unwrap();
        let found = unit.kept(&["P3", "P1", "P2"].map(id)).unwrap();
        drop(unit);
        let [None, Some(first), Some(second)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&first.kept, &second.kept), (&kept("P1"), &kept("P2")));
        assert_eq!(numbers(&first.since), [key(3), key(2)]);
        assert_eq!(numbers(&second.since), [key(4)]);
        let held = |store: &mut dyn Store| -> Vec<bool> {
            let mut unit = store.begin(NOON).unwrap();
            unit.kept(&["P1", "P2"].map(id)).unwrap().iter().map(Option::is_some).collect()
        };
        let to = Attribution::new(id("P2"), Basis::Claim);
        commit(store, &[], &[Change::Reattribute(key(1), Some(to))]);
        assert_eq!(held(store), [false, false]);
        commit(store, &[], &[keep("P1"), keep("P2"), Change::ForgetState(id("P1"))]);
        assert_eq!(held(store), [false, true]);
    });
}

#[test]
fn people_are_looked_at_when_they_are_due_earliest_first() {
    check(|store| {
        let watch =
            |who: &str, minutes: Option<i64>| Change::Watch(id(who), minutes.map(after_noon));
        commit(store, &[], &[watch("P1", Some(9)), watch("P2", Some(3)), watch("P3", Some(3))]);
        commit(store, &[], &[watch("P1", Some(1)), watch("P4", Some(0)), watch("P4", None)]);
        let mut unit = store.begin(NOON).unwrap();
        assert_eq!(unit.due_watches(after_noon(0), 9).unwrap(), []);
        assert_eq!(unit.due_watches(after_noon(3), 9).unwrap(), ["P1", "P2", "P3"].map(id));
        assert_eq!(unit.due_watches(after_noon(3), 2).unwrap(), ["P1", "P2"].map(id));
        assert_eq!(unit.watched(&id("P1")).unwrap(), Some(after_noon(1)));
        assert_eq!(unit.watched(&id("P4")).unwrap(), None);
    });
}

#[test]
fn rows_of_the_registry_tell_whom_they_concern_while_they_are_in_force() {
    check(|store| {
        township(store);
        let mut unit = store.begin(NOON).unwrap();
        let all = unit.concerned(CommitSeq(0), 100).unwrap();
        assert_eq!(all.people, ["P1", "P2", "P3"].map(id), "each once, with their own row");
        assert_eq!(all.upto, unit.last().unwrap());
        drop(unit);
        let before = store.reader().last().unwrap();
        commit(store, &[household("H1", "South", None), person("P3", None, "North")], &[]);
        commit(store, &[reading_fact(1, "P1", "clinic1", 0)], &[]);
        let mut unit = store.begin(NOON).unwrap();
        let first = unit.concerned(before, 1).unwrap();
        assert_eq!((first.people, first.upto), (vec![id("P1")], CommitSeq(before.0 + 1)));
        let rest = unit.concerned(first.upto, 9).unwrap();
        assert_eq!((rest.people, rest.upto), (vec![id("P3")], CommitSeq(before.0 + 3)));
        assert_eq!(unit.concerned(rest.upto, 9).unwrap().people, []);
        let again = unit.concerned(CommitSeq(0), 100).unwrap().people;
        drop(unit);
        assert_eq!(again, ["P2", "P1", "P3"].map(id), "each once, with the latest");
        commit(store, &[person("P4", Some("H1"), ""), household("H1", "North", None)], &[]);
        let mut unit = store.begin(NOON).unwrap();
        let first = unit.concerned(rest.upto, 1).unwrap();
        assert_eq!((&first.people[..], first.upto.0), (&[][..], rest.upto.0 + 1));
        let two = unit.concerned(first.upto, 1).unwrap();
        assert_eq!((two.people, two.upto.0), (["P1", "P4"].map(id).into(), rest.upto.0 + 2));
        drop(unit);
        let before = store.reader().last().unwrap();
        // A plan of somebody whose own row comes after it, and two plans of one person.
        commit(store, &[plan("P5", 9), plan("P4", 9), plan("P4", 8), plan("P9", 9)], &[]);
        commit(store, &[person("P5", None, "North")], &[]);
        let mut unit = store.begin(NOON).unwrap();
        assert_eq!(unit.concerned(before, 9).unwrap().people, ["P4", "P5"].map(id));
    });
}

#[test]
fn the_latest_row_of_the_registry_is_in_force() {
    check(|store| {
        township(store);
        let facts = [
            person_with_cards("P1", Some("H1"), "", &["C7"]),
            person_with_cards("P2", Some("H2"), "", &["C7", "C8"]),
            card("C8", "P1"),
        ];
        commit(store, &facts, &[]);
        let mut unit = store.begin(NOON).unwrap();
        unit.append(&[person_with_cards("P3", None, "South", &["C9"])]).unwrap();
        let cards = ["C7", "C8", "C9", "C0"].map(|card| RegistryKey::Card(card.to_owned()));
        let owners: Vec<_> = unit
            .registered(&cards)
            .unwrap()
            .into_iter()
            .map(|row| match row {
                Some(Registered::Card(card)) => Some(card.person.to_string()),
                _ => None,
            })
            .collect();
        let expected = [None, Some("P1"), Some("P3"), None];
        assert_eq!(owners, expected.map(|owner| owner.map(str::to_owned)));
        assert_eq!(unit.places_above("North").unwrap(), ["Qingshi", "Yun"]);
        assert_eq!(unit.doctors(CareLevel::Village).unwrap().len(), 2);
        unit.commit().unwrap();
    });
}

#[test]
fn an_owed_notification_stays_known_after_it_was_sent() {
    check(|store| {
        let reader = township(store);
        let raised = alert(1, "P1", Some("DR1"), Level::Red);
        let message = owed(&raised, "DR1", 1);
        let changes = [
            Change::Alert(Box::new(raised.clone())),
            Change::Alias(key(77), 1),
            Change::Owe(Box::new(message.clone())),
            Change::SetTimer(Timer {
                kind: TimerKind::AckDeadline,
                person: id("P1"),
                alert: 1,
                step: CareLevel::Village,
                due_at: after_noon(15),
            }),
        ];
        let last = commit(store, &[event(&raised, AlertChange::Opened)], &changes);
        assert_eq!(reader.next_due().unwrap(), Some(after_noon(1)));
        assert_eq!(reader.owed(after_noon(1), 10).unwrap(), vec![message.clone()]);
        let delivered = reader.delivered_to(&id("DR1"), CommitSeq(0), 10).unwrap();
        assert_eq!(delivered.iter().map(|message| message.seq).collect::<Vec<_>>(), [last]);
        let told = reader.messages_of(1).unwrap();
        assert_eq!(told.iter().map(|message| message.key).collect::<Vec<_>>(), [message.key]);
        assert!(told[0].attempts.is_empty() && reader.messages_of(2).unwrap().is_empty());
        assert!(reader.alert(&Scope::Everything, &key(77)).unwrap().is_some());
        let sent = Change::Resend { key: message.key, due_at: None, last_error: None };
        let attempt = Attempt { key: message.key, sending: Sending::Delivered, at: after_noon(2) };
        let tried = [Fact::Attempt(attempt.clone())];
        commit(store, &tried, &[sent, Change::Owe(Box::new(message.clone()))]);
        assert_eq!(reader.messages_of(1).unwrap()[0].attempts, [attempt]);
        assert_eq!(reader.owed(after_noon(60), 10).unwrap(), []);
        assert_eq!(reader.next_due().unwrap(), Some(after_noon(15)));
        assert_eq!(reader.delivered_to(&id("DR1"), last, 10).unwrap(), []);
        let mut unit = store.begin(NOON).unwrap();
        assert_eq!(unit.due_timers(after_noon(15), 10).unwrap().len(), 1);
        assert_eq!(unit.next_alert_key().unwrap(), 2);
        assert_eq!(unit.owed_for(1).unwrap(), []);
        assert_eq!(unit.alert(&key(77)).unwrap(), Some(raised));
    });
}

#[test]
fn a_message_that_waits_leaves_sooner_or_as_what_its_alert_is_now() {
    check(|store| {
        let reader = township(store);
        let raised = alert(1, "P1", Some("DR1"), Level::Red);
        let message = owed(&raised, "DR1", 10);
        let opened =
            [Change::Alert(Box::new(raised.clone())), Change::Owe(Box::new(message.clone()))];
        commit(store, &[event(&raised, AlertChange::Opened)], &opened);
        let calm = |alert| Change::Calm { alert, level: Level::Orange, due_at: after_noon(60) };
        commit(store, &[], &[calm(2)]);
        assert_eq!(reader.owed(after_noon(60), 10).unwrap(), std::slice::from_ref(&message));
        commit(store, &[], &[calm(1)]);
        assert_eq!(reader.owed(after_noon(59), 10).unwrap(), []);
        let calmed = Owed { level: Level::Orange, due_at: after_noon(60), ..message };
        assert_eq!(reader.owed(after_noon(60), 10).unwrap(), std::slice::from_ref(&calmed));
        for (asked, expected) in [(30, 30), (45, 30)] {
            commit(store, &[], &[Change::Hasten { alert: 1, due_at: after_noon(asked) }]);
            let sooner = Owed { due_at: after_noon(expected), ..calmed.clone() };
            assert_eq!(reader.owed(after_noon(60), 10).unwrap(), [sooner]);
        }
        let why = Some("HTTP 500".to_owned());
        let again =
            Change::Resend { key: calmed.key, due_at: Some(after_noon(90)), last_error: why };
        commit(store, &[], &[again, calm(1)]);
        assert_eq!(reader.next_due().unwrap(), Some(after_noon(90)));
        let sent = Change::Resend { key: calmed.key, due_at: None, last_error: None };
        commit(store, &[], &[sent, calm(1)]);
        assert_eq!(reader.next_due().unwrap(), None);
    });
}

#[test]
fn a_context_waits_until_it_is_joined_and_is_then_part_of_its_reading() {
    check(|store| {
        let reader = township(store);
        let of = ("meter1", 7);
        let fasting = context(of, Meal::Fasting, "clinic1");
        commit(store, &[context_fact(of, Meal::Fasting, "clinic1")], &[]);
        let waiting = |scope: &Scope| {
            let held =
                reader.quarantine(scope, HeldState::Waiting, &Paging::default()).unwrap().items;
            let told = held.into_iter().map(|held| (held.reason, held.detail, held.raw));
            let board = reader.board(&Scope::Everything, None, NOON).unwrap().quarantined;
            (told.collect::<Vec<_>>(), board)
        };
        let place = Scope::Place("North".to_owned());
        let held = (QuarantineReason::NoMeasurement, "7".to_owned(), fasting.raw.clone());
        assert_eq!(waiting(&Scope::Everything), (vec![held.clone()], 1));
        assert_eq!(waiting(&place).0, [held]);
        for nobody in [Scope::Place("South".to_owned()), Scope::Doctor(id("DR1")), Scope::Nobody] {
            assert_eq!(waiting(&nobody).0, []);
        }
        let stored = glucose(1, of, Some("P1"), 0);
        let join = Change::Join(fasting.content, stored.reading.id);
        commit(store, &[Fact::Reading(Box::new(stored))], std::slice::from_ref(&join));
        assert_eq!(waiting(&Scope::Everything), (vec![], 0));
        let (_, now) = reader.reading(&place, &key(1)).unwrap().unwrap();
        assert_eq!((now.meal(), now.context), (Meal::Fasting, Some(fasting.told.clone())));
        assert_eq!(now.reading.meal(), Meal::Unknown, "the reading itself never changes");
        assert_eq!(reader.reading(&Scope::Doctor(id("DR2")), &key(1)).unwrap(), None);
        let fed = reader.feed(CommitSeq(0), 100).unwrap().into_iter();
        let joined: Vec<_> = fed
            .filter_map(|entry| {
                if let Fact::Context(context) = entry.fact { context.reading } else { None }
            })
            .collect();
        assert_eq!(joined, [key(1)]);
        // Nothing waits any more; and nothing can be joined to a reading that is not there.
        let mut unit = store.begin(NOON).unwrap();
        assert!(unit.change(&[join]).is_err_and(|error| error.is_asked()));
        drop(unit);
        let mut unit = store.begin(NOON).unwrap();
        unit.append(&[context_fact(of, Meal::AfterMeal, "clinic1")]).unwrap();
        let after = context(of, Meal::AfterMeal, "clinic1");
        let missing = unit.change(&[Change::Join(after.content, key(99))]);
        assert!(missing.is_err_and(|error| error.is_asked()));
    });
}

#[test]
fn what_a_device_numbered_is_found_by_device_and_number() {
    check(|store| {
        let reader = township(store);
        let of = ("meter1", 7);
        let mut with_epoch = glucose(3, of, Some("P1"), 3);
        with_epoch.reading.sequence = Some(Sequence { epoch: Some(1), number: 7 });
        let readings = [
            glucose(1, of, Some("P1"), 0),
            glucose(2, of, None, 1),
            with_epoch,
            glucose(4, ("meter1", 8), Some("P1"), 4),
            glucose(5, ("meter2", 7), Some("P2"), 5),
            reading(6, Some("P1"), "clinic1", 6),
        ];
        let mut facts: Vec<_> =
            readings.into_iter().map(|stored| Fact::Reading(Box::new(stored))).collect();
        facts
            .extend([Meal::Fasting, Meal::AfterMeal].map(|meal| context_fact(of, meal, "clinic1")));
        commit(store, &facts, &[]);
        let join = Change::Join(context(of, Meal::AfterMeal, "clinic1").content, key(2));
        commit(store, &[], &[join]);
        let mut unit = store.begin(NOON).unwrap();
        let names = [of, ("meter1", 9), ("meter2", 7)].map(|(device, number)| (id(device), number));
        let found = unit.numbered(&names).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|found| {
                let readings = found.readings.iter();
                let readings = readings.map(|stored| (stored.reading.id, stored.meal()));
                let contexts = found.contexts.iter();
                let contexts = contexts.map(|context| (context.told.meal, context.reading));
                (readings.collect::<Vec<_>>(), contexts.collect::<Vec<_>>())
            })
            .collect();
        let seven = (
            vec![(key(1), Meal::Unknown), (key(2), Meal::AfterMeal)],
            vec![(Meal::Fasting, None), (Meal::AfterMeal, Some(key(2)))],
        );
        assert_eq!(told, [seven, (vec![], vec![]), (vec![(key(5), Meal::Unknown)], vec![])]);
        drop(unit);
        drop(reader);
    });
}

#[test]
fn every_value_that_a_wire_can_carry_comes_back() {
    use firmware_protocols::{DateTime, Decimal, Flags, GlucoseUnit, GlucoseValue};
    check(|store| {
        let mut odd = Vec::new();
        for (number, value) in (10..).zip(["9223372036854775807e5", "-1e-25", "1e127", "0"]) {
            let mut stored = reading(number, Some("P1"), "clinic1", 0);
            let firmware_protocols::Measurement::BloodPressure(pressure) =
                &mut stored.reading.measurement
            else {
                panic!("a pressure");
            };
            pressure.systolic = value.parse().unwrap();
            pressure.mean = Some(Decimal::new(i64::MIN, -19));
            pressure.pulse = Some(Decimal::new(5, -1));
            pressure.flags = Flags { improper_position: true, ..Flags::default() };
            pressure.status = Some(u16::MAX);
            pressure.device_time = DateTime::new(1, 2, 28, 23, 59, 59).ok();
            pressure.sequence = Some(u32::MAX);
            pressure.user = Some(255);
            odd.push(stored);
        }
        for (number, value) in (20..).zip([GlucoseValue::High, GlucoseValue::Low]) {
            let mut glucose = firmware_protocols::Glucose::new(value, GlucoseUnit::MgPerDl);
            glucose.meal = Meal::Bedtime;
            glucose.control = true;
            glucose.sample_type = Some(3);
            glucose.sample_location = Some(0);
            let mut stored = reading(number, None, "clinic1", 0);
            stored.reading.measurement = firmware_protocols::Measurement::Glucose(glucose);
            stored.reading.raw = Some(vec![0, 255, 10]);
            stored.reading.bench = Some(id("bench1"));
            stored.reading.remarks.symptoms = vec!["chest_pain".into(), "a|b\n\"".into()];
            stored.reading.remarks.attributes = Some("{\"x\":1}".to_owned());
            stored.reading.sequence = Some(Sequence { epoch: None, number: u64::MAX });
            stored.standing = crate::domain::Standing::Rejected;
            stored.possible_duplicate = true;
            odd.push(stored);
        }
        let facts: Vec<_> = odd.into_iter().map(|stored| Fact::Reading(Box::new(stored))).collect();
        commit(store, &facts, &[]);
        let fed = store.reader().feed(CommitSeq(0), 100).unwrap();
        assert_eq!(fed.into_iter().map(|entry| entry.fact).collect::<Vec<_>>(), facts);
    });
}

#[test]
fn people_are_found_within_a_scope_by_name_initials_card_village_and_id() {
    check(|store| {
        let named = |number: u32, name: &str, home: &str| {
            let row = serde_json::json!({
                "person": format!("P{number}"), "name": name, "household": home,
                "id_number": format!("52212319550302000{number}"), "cards": [format!("62{number}")],
            });
            registration(Registered::Person(serde_json::from_value(row).unwrap()))
        };
        let reader = township(store);
        let facts = [
            named(4, "张三丰", "H1"),
            named(5, "单田芳", "H2"),
            named(6, "张𠮷", "H2"),
            card("99", "P4"),
        ];
        commit(store, &facts, &[]);
        let found = |scope: &Scope, query: &str| {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = reader.people(scope, query, &Paging { limit: 1, after }).unwrap();
                all.extend(page.items.into_iter().map(|person| person.person.to_string()));
                after = page.next;
                if after.is_none() {
                    return all;
                }
            }
        };
        let everything = &Scope::Everything;
        let cases: [(&str, &[&str]); 16] = [
            ("张", &["P4", "P6"]),
            ("三丰", &["P4"]),
            ("zs", &["P4"]),
            ("ZSF", &["P4"]),
            ("stf", &["P5"]),
            ("dt", &["P5"]),
            ("张𠮷", &["P6"]),
            ("zj", &["P6"]),
            ("624", &["P4"]),
            ("99", &["P4"]),
            ("0005", &["P5"]),
            ("522123195503020006", &["P6"]),
            ("P5", &["P5"]),
            ("South", &["P2", "P5", "P6"]),
            ("P", &["P3", "P1", "P4", "P2", "P5", "P6"]),
            ("丰", &[]),
        ];
        for (query, expected) in cases {
            assert_eq!(found(everything, query), expected, "{query}");
        }
        let place = |place: &str| Scope::Place(place.to_owned());
        assert_eq!(found(&place("South"), "张"), ["P6"]);
        assert_eq!(found(&place("Qingshi"), "张"), ["P4", "P6"]);
        assert_eq!(found(&place("Far"), "张"), Vec::<String>::new());
        assert_eq!(found(&Scope::Doctor(id("DR1")), "z"), ["P4"]);
        assert_eq!(found(&Scope::Doctor(id("DR1")), "624"), ["P4"]);
        assert_eq!(found(&Scope::Doctor(id("DR2")), "624"), Vec::<String>::new());
        assert_eq!(found(&Scope::Nobody, "z"), Vec::<String>::new());
        // They are renamed, and their household moves.
        commit(store, &[named(4, "李四", "H1"), household("H1", "Far", Some("DR1"))], &[]);
        assert_eq!(found(everything, "zs"), Vec::<String>::new());
        assert_eq!(found(&place("Far"), "ls"), ["P4"]);
        assert_eq!(found(&place("North"), "ls"), Vec::<String>::new());
        let foreign = Paging { limit: 1, after: Some("tomorrow".to_owned()) };
        assert!(reader.people(everything, "z", &foreign).is_err_and(|error| error.is_asked()));
    });
}
