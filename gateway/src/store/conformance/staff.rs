//! Who answers for whom, when: one doctor at any instant, in every store.

use super::check;
use crate::{
    domain::{
        Assigned, CareLevel, Duty, Household, IdNumber, Millis, Place, PlaceKind, Registered, Span,
        TeamOf, Timestamp,
    },
    store::{
        Change, Fact, Reader, Registration, Store, StoreError, Unit,
        fixtures::{
            NOON, after_noon, card, commit, doctor, id, person, person_with_cards, registration,
            site,
        },
        view::{Paging, Scope},
    },
};

/// A row of a household with dates, entered some minutes after noon.
pub(super) fn dated(name: &str, village: &str, doctors: &[(&str, i64, Option<i64>)]) -> Fact {
    let assigned = doctors.iter().map(|(doctor, from, until)| Assigned {
        doctor: id(doctor),
        span: Span { from: Some(after_noon(*from)), until: until.map(after_noon) },
    });
    registration(Registered::Household(Household {
        household: id(name),
        village: village.to_owned(),
        doctor: None,
        assigned: assigned.collect(),
        cause: String::new(),
        attributes: std::collections::BTreeMap::new(),
    }))
}

pub(super) fn place(name: &str, kind: PlaceKind, parent: &str) -> Fact {
    registration(Registered::Place(Place {
        place: name.to_owned(),
        kind,
        name: String::new(),
        parent: parent.to_owned(),
        attributes: std::collections::BTreeMap::new(),
    }))
}

pub(super) fn duty(place: &str, doctor: Option<&str>, from: i64, until: Option<i64>) -> Fact {
    registration(Registered::Duty(Duty {
        site_or_place: place.to_owned(),
        doctor: doctor.map(id),
        span: Span { from: Some(after_noon(from)), until: until.map(after_noon) },
        attributes: std::collections::BTreeMap::new(),
    }))
}

pub(super) fn team(name: &str, place: &str, township: Option<&str>) -> Fact {
    registration(Registered::Team(TeamOf {
        team: name.into(),
        place: place.to_owned(),
        village_doctor: None,
        township: township.map(id),
        county: None,
        city: None,
        attributes: std::collections::BTreeMap::new(),
    }))
}

fn entered_at(fact: Fact, at: Timestamp) -> Fact {
    let Fact::Registration(row) = fact else { panic!("{fact:?}") };
    Fact::Registration(Box::new(Registration { at, ..*row }))
}

/// What a unit says of who answers, for the random histories.
pub(super) fn look_within(unit: &mut dyn Unit, seen: &mut Vec<String>) {
    for minutes in (-3000..4000).step_by(700) {
        let at = after_noon(minutes);
        for home in ["H0", "H1", "H2"] {
            seen.push(format!("{:?}", unit.doctor_of(&id(home), at).unwrap()));
        }
        for place in ["V0", "T0", "S1"] {
            seen.push(format!("{:?}", unit.on_duty(place, at).unwrap()));
        }
    }
    for place in ["V0", "T0", "T1"] {
        seen.push(format!("{:?}", unit.team_of(place).unwrap()));
    }
    for number in NUMBERS {
        let number = IdNumber::parse(number).unwrap();
        seen.push(format!("{:?}", unit.person_with_id_number(&number.digest()).unwrap()));
    }
    for alert in 0..5 {
        seen.push(format!("{:?}", unit.steps(alert).unwrap()));
    }
    seen.push(format!("{:?}", unit.next_handover().unwrap()));
}

/// The same beside the writer.
pub(super) fn look(reader: &dyn Reader, seen: &mut Vec<String>) {
    for minutes in (-3000..4000).step_by(1400) {
        let at = after_noon(minutes);
        seen.push(format!("{:?}", reader.doctor_of(&id("H1"), at).unwrap()));
        seen.push(format!("{:?}", reader.on_duty("V0", at).unwrap()));
    }
    for place in ["V0", "T0"] {
        seen.push(format!("{:?}", reader.duties_of(place).unwrap()));
        seen.push(format!("{:?}", reader.team_of(place).unwrap()));
    }
    for number in NUMBERS {
        let number = IdNumber::parse(number).unwrap();
        seen.push(format!("{:?}", reader.person_with_id_number(&number).unwrap()));
    }
    for card in ["K0", "K1", "K2"] {
        seen.push(format!("{:?}", reader.holders(card).unwrap()));
    }
}

/// Numbers of the standard's own examples.
pub(super) const NUMBERS: [&str; 2] = ["11010519491231002X", "440524188001010014"];

fn seen(store: &dyn Store, doctor: &str) -> Vec<String> {
    let page = store.reader().people(&Scope::Doctor(id(doctor)), "", &Paging::default()).unwrap();
    page.items.iter().map(|person| person.person.to_string()).collect()
}

#[test]
fn a_household_with_two_doctors_at_once_spoils_its_unit_and_nothing_else() {
    check(|store| {
        let mut unit = store.begin(NOON).unwrap();
        let twice = dated("H1", "North", &[("DR1", 0, Some(60)), ("DR2", 59, None)]);
        assert!(matches!(unit.append(&[twice]), Err(StoreError::Asked { .. })));
        assert!(unit.commit().is_err(), "a spoiled unit must not commit");
        let once = dated("H1", "North", &[("DR1", 0, Some(60)), ("DR2", 60, None)]);
        commit(store, &[once], &[]);
        let mut unit = store.begin(NOON).unwrap();
        let whose = |unit: &mut dyn Unit, at| unit.doctor_of(&id("H1"), at).unwrap();
        assert_eq!(whose(&mut *unit, after_noon(-1)), None);
        assert_eq!(whose(&mut *unit, after_noon(0)), Some(id("DR1")));
        assert_eq!(whose(&mut *unit, after_noon(60).minus(Millis(1))), Some(id("DR1")));
        assert_eq!(whose(&mut *unit, after_noon(60)), Some(id("DR2")));
    });
}

#[test]
fn a_later_row_keeps_the_history_before_it() {
    check(|store| {
        let plain = |doctor| crate::store::fixtures::household("H1", "North", Some(doctor));
        let rows = [
            entered_at(plain("DR1"), after_noon(-600)),
            entered_at(plain("DR2"), after_noon(0)),
            entered_at(dated("H1", "North", &[("DR3", 60, Some(120))]), after_noon(30)),
        ];
        commit(store, &rows, &[]);
        let reader = store.reader();
        let whose = |at| reader.doctor_of(&id("H1"), after_noon(at)).unwrap();
        let expected = [
            (-601, None),
            (-600, Some("DR1")),
            (-1, Some("DR1")),
            (0, Some("DR2")),
            (59, Some("DR2")),
            (60, Some("DR3")),
            (120, None),
        ];
        for (minutes, doctor) in expected {
            assert_eq!(whose(minutes), doctor.map(id), "{minutes}");
        }
    });
}

#[test]
fn a_doctor_sees_a_household_from_when_it_is_handed_over() {
    check(|store| {
        let facts = [
            doctor("DR1", CareLevel::Village, "North"),
            doctor("DR2", CareLevel::Village, "North"),
            dated("H1", "North", &[("DR1", -60, Some(60)), ("DR2", 60, Some(90))]),
            person("P1", Some("H1"), ""),
        ];
        commit(store, &facts, &[]);
        let both = |store: &dyn Store| (seen(store, "DR1"), seen(store, "DR2"));
        let (one, nobody) = (vec!["P1".to_owned()], Vec::<String>::new());
        assert_eq!(both(store), (one.clone(), nobody.clone()));
        assert_eq!(store.begin(NOON).unwrap().next_handover().unwrap(), Some(after_noon(-60)));
        commit(store, &[], &[Change::HandOver(NOON)]);
        assert_eq!(both(store), (one.clone(), nobody.clone()));
        assert_eq!(store.begin(NOON).unwrap().next_handover().unwrap(), Some(after_noon(60)));
        commit(store, &[], &[Change::HandOver(after_noon(61))]);
        assert_eq!(both(store), (nobody.clone(), one));
        // It never goes back.
        commit(store, &[], &[Change::HandOver(NOON)]);
        assert_eq!(both(store).0, nobody);
        commit(store, &[], &[Change::HandOver(after_noon(90))]);
        assert_eq!(both(store), (nobody.clone(), nobody));
        assert_eq!(store.begin(NOON).unwrap().next_handover().unwrap(), None);
    });
}

#[test]
fn the_tree_says_what_lies_above_and_the_sites_where_it_does_not() {
    check(|store| {
        let facts = [
            site("clinic1", "North", "Qingshi", "Yun"),
            site("clinic2", "South", "Qingshi", "Yun"),
            place("Zhu", PlaceKind::City, ""),
            place("Ping", PlaceKind::County, "Zhu"),
            place("Baihe", PlaceKind::Township, "Ping"),
            place("North", PlaceKind::Village, "Baihe"),
        ];
        commit(store, &facts, &[]);
        let mut unit = store.begin(NOON).unwrap();
        assert_eq!(unit.places_above("North").unwrap(), ["Baihe", "Ping", "Zhu"]);
        assert_eq!(unit.places_above("South").unwrap(), ["Qingshi", "Yun"]);
        assert_eq!(unit.places_above("Zhu").unwrap(), Vec::<String>::new());
        assert_eq!(unit.places_above("").unwrap(), Vec::<String>::new());
    });
}

#[test]
fn whoever_is_on_duty_is_told_by_the_turns_in_force() {
    check(|store| {
        let facts = [
            duty("clinic1", Some("DR1"), 0, Some(480)),
            duty("clinic1", Some("DR2"), 480, None),
            duty("North", Some("DR3"), 0, None),
        ];
        commit(store, &facts, &[]);
        let on_duty = |store: &mut dyn Store, place: &str, at| {
            let told = store.reader().on_duty(place, after_noon(at)).unwrap();
            let mut unit = store.begin(NOON).unwrap();
            assert_eq!(unit.on_duty(place, after_noon(at)).unwrap(), told);
            told.map_or_else(String::new, |doctor| doctor.to_string())
        };
        assert_eq!(on_duty(store, "clinic1", -1), "");
        assert_eq!(on_duty(store, "clinic1", 0), "DR1");
        assert_eq!(on_duty(store, "clinic1", 480), "DR2");
        assert_eq!(on_duty(store, "North", 5), "DR3");
        assert_eq!(on_duty(store, "South", 5), "");
        // A turn is taken back by a row without a doctor, and moved by one with another.
        let facts = [duty("clinic1", None, 480, None), duty("clinic1", Some("DR4"), 0, Some(600))];
        commit(store, &facts, &[]);
        assert_eq!(on_duty(store, "clinic1", 500), "DR4");
        assert_eq!(on_duty(store, "clinic1", 700), "");
    });
}

#[test]
fn a_person_is_found_by_number_and_a_card_by_all_who_hold_it() {
    check(|store| {
        let mut numbered = person_with_cards("P1", None, "North", &["K1"]);
        if let Fact::Registration(row) = &mut numbered
            && let Registered::Person(row) = &mut row.row
        {
            row.id_number = NUMBERS[0].to_owned();
        }
        let facts = [numbered, person_with_cards("P2", None, "North", &["K1"]), card("K1", "P3")];
        commit(store, &facts, &[]);
        let reader = store.reader();
        let whose =
            |number| reader.person_with_id_number(&IdNumber::parse(number).unwrap()).unwrap();
        assert_eq!((whose(NUMBERS[0]), whose(NUMBERS[1])), (Some(id("P1")), None));
        let holders = reader.holders("K1").unwrap();
        assert_eq!((holders.row, holders.people), (Some(id("P3")), vec![id("P1"), id("P2")]));
        let gone = person_with_cards("P1", None, "North", &[]);
        commit(store, &[gone], &[]);
        assert_eq!(whose(NUMBERS[0]), None, "a later row without it takes it back");
        assert_eq!(reader.holders("K1").unwrap().people, [id("P2")]);
    });
}

#[test]
fn a_place_reaches_everything_below_it_in_the_tree_and_sites_words_where_the_tree_is_silent() {
    check(|store| {
        let facts = [
            // Its row names another township and county than the tree does.
            site("s1", "Da", "Wrong", "Elsewhere"),
            site("s2", "New", "Qing", "Elsewhere"),
            site("s3", "", "Qing", ""),
            site("s4", "Far", "Away", "Elsewhere"),
            person("P1", None, "Da"),
            person("P2", None, "New"),
            person("P3", None, "Xiao"),
            person("P4", None, "Far"),
            place("Da", PlaceKind::Village, "Qing"),
            place("Xiao", PlaceKind::Village, "Qing"),
            place("Qing", PlaceKind::Township, "Yun"),
            place("Yun", PlaceKind::County, "Bai"),
            place("Bai", PlaceKind::City, ""),
        ];
        commit(store, &facts, &[]);
        let reader = store.reader();
        for (place, people, sites) in [
            ("Da", &["P1"][..], &["s1"][..]),
            ("Xiao", &["P3"], &[]),
            ("Qing", &["P1", "P2", "P3"], &["s1", "s2", "s3"]),
            ("Yun", &["P1", "P2", "P3"], &["s1", "s2", "s3"]),
            ("Bai", &["P1", "P2", "P3"], &["s1", "s2", "s3"]),
            ("Wrong", &[], &[]),
            ("Elsewhere", &["P4"], &["s4"]),
            ("Away", &["P4"], &["s4"]),
            ("", &[], &[]),
        ] {
            let scope = Scope::Place(place.to_owned());
            let found = reader.people(&scope, "", &Paging::default()).unwrap().items;
            let found: Vec<_> = found.iter().map(|person| person.person.as_str()).collect();
            assert_eq!(found, people, "people of {place:?}");
            for site in ["s1", "s2", "s3", "s4"] {
                let inside = reader.has_site(place, &id(site)).unwrap();
                assert_eq!(inside, sites.contains(&site), "{site} in {place:?}");
            }
            let now = after_noon(60);
            for (scope, asked) in [(&scope, None), (&Scope::Everything, Some(place))] {
                let board = reader.board(scope, asked, now).unwrap();
                let counted = usize::try_from(board.people).unwrap();
                assert_eq!(counted, people.len(), "board of {place:?}");
                let named: Vec<_> = board.sites.iter().map(|row| row.site.as_str()).collect();
                assert_eq!(named, sites, "board of {place:?}");
            }
            let villages = reader.villages_of(place).unwrap();
            for person in people {
                let row = found_village(&*reader, person);
                assert!(villages.contains(&row), "{row} of {place:?}: {villages:?}");
            }
        }
    });
}

fn found_village(reader: &dyn Reader, person: &str) -> String {
    let key = crate::store::RegistryKey::Person(id(person));
    match reader.registered(&Scope::Everything, &key).unwrap() {
        Some(Registered::Person(row)) => row.village,
        other => panic!("{other:?}"),
    }
}
