//! An emergency value of nobody calls the duty of its site, until somebody decides whose it is.

use super::{super::Wish, claims::Bench};
use crate::{
    domain::{
        Alert, AlertState, CareLevel, Level, Millis, PersonId, UNATTRIBUTED_EMERGENCY, alert_id,
    },
    store::{
        ModelStore, Options, SqliteStore, Store,
        fixtures::{NOON, commit, doctor, household, id, key, person, site},
        view::{AlertFilter, Paging, Scope},
    },
};

/// Runs a case on both stores: a clinic of one township, and doctors of two.
#[track_caller]
fn check(case: impl Fn(&mut Bench<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = SqliteStore::open(Options::new(folder.path())).unwrap();
    let mut model = ModelStore::new();
    let stores: [&mut dyn Store; 2] = [&mut model, &mut sqlite];
    for store in stores {
        let facts = [
            site("clinic1", "North", "Qingshi", "Yun"),
            site("clinic2", "South", "Heshan", "Yun"),
            doctor("DR1", CareLevel::Village, "North"),
            doctor("T1", CareLevel::Township, "Qingshi"),
            doctor("T2", CareLevel::Township, "Heshan"),
            doctor("C1", CareLevel::County, "Yun"),
            household("H3", "North", Some("DR1")),
            person("P3", Some("H3"), ""),
        ];
        commit(store, &facts, &[]);
        let mut bench = Bench::new(store);
        case(&mut bench);
        assert_eq!(bench.store.reader().recount().unwrap(), Vec::<String>::new());
    }
}

fn alerts(bench: &Bench<'_>, scope: &Scope) -> Vec<Alert> {
    let all = Paging { limit: 100, after: None };
    let reader = bench.store.reader();
    let mut alerts = reader.alerts(scope, &AlertFilter::default(), &all).unwrap().items;
    alerts.retain(|alert| alert.concept == UNATTRIBUTED_EMERGENCY);
    alerts
}

/// The only one there is.
#[track_caller]
fn only(bench: &Bench<'_>) -> Alert {
    let mut alerts = alerts(bench, &Scope::Everything);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    alerts.remove(0)
}

#[test]
fn it_is_orange_for_the_duty_of_the_site_and_the_same_alert_at_every_gateway() {
    check(|bench| {
        bench.receive(7, 186, None);
        let alert = only(bench);
        let whoever = PersonId::of_nobody(&key(7));
        let name = key::<crate::domain::ReadingKind>(7).to_string();
        assert_eq!(alert.id, alert_id(&whoever, UNATTRIBUTED_EMERGENCY, &name));
        assert_eq!((alert.level, alert.state), (Level::Orange, AlertState::Open));
        assert_eq!((alert.owner, alert.step), (Some(id("T1")), CareLevel::Township));
        let owed = bench.store.reader().owed(NOON.plus(Millis::hours(24)), 10).unwrap();
        let told: Vec<_> = owed.iter().map(|owed| (owed.recipient.as_str(), owed.due_at)).collect();
        assert_eq!(told, [("T1", NOON.plus(Millis::minutes(10)))], "a late card calls nobody");
    });
}

#[test]
fn whoever_reaches_the_site_reaches_it_and_nobody_else_does() {
    check(|bench| {
        bench.receive(7, 186, None);
        let count = |scope: &Scope| {
            let reader = bench.store.reader();
            let listed = alerts(bench, scope).len();
            let one = reader.alert(scope, &only(bench).id).unwrap();
            assert_eq!(one.is_some(), listed == 1, "{scope:?}");
            let board = reader.board(scope, None, NOON).unwrap();
            assert_eq!(board.open.iter().sum::<u64>() == 1, listed == 1, "{scope:?}");
            listed
        };
        let place = |name: &str| Scope::Place(name.to_owned());
        assert_eq!(count(&Scope::Everything), 1);
        for inside in ["North", "Qingshi", "Yun"] {
            assert_eq!(count(&place(inside)), 1, "{inside}");
        }
        for outside in ["South", "Heshan", "", "nobody."] {
            assert_eq!(count(&place(outside)), 0, "{outside}");
        }
        let doctors = ["T1", "T2", "DR1"].map(|name| count(&Scope::Doctor(id(name))));
        assert_eq!(doctors, [1, 0, 0]);
        assert_eq!(count(&Scope::Nobody), 0);
    });
}

#[test]
fn a_claim_ends_it_and_the_person_s_own_lines_speak_until_that_is_undone() {
    check(|bench| {
        let item = bench.receive(7, 186, None);
        let before = only(bench);
        let claimed = bench.decide(Wish::Claim { item, person: id("P3") }).unwrap();
        let after = only(bench);
        assert_eq!((after.state, after.key), (AlertState::Withdrawn, before.key));
        let own = |bench: &Bench<'_>| {
            let filter = AlertFilter { person: Some(id("P3")), ..AlertFilter::default() };
            let reader = bench.store.reader();
            let found = reader.alerts(&Scope::Everything, &filter, &Paging::default()).unwrap();
            let live = found.items.into_iter().filter(|alert| alert.state.is_live());
            live.map(|alert| (alert.concept.to_string(), alert.owner)).collect::<Vec<_>>()
        };
        assert_eq!(own(bench), [("bp_emergency".to_owned(), Some(id("DR1")))]);
        bench.decide(Wish::Undo { decision: claimed }).unwrap();
        let back = only(bench);
        assert_eq!((back.state, back.id, back.owner), (AlertState::Open, before.id, before.owner));
        assert_eq!(back.reasons, before.reasons, "why it was taken back is history");
        assert_eq!(own(bench), []);
    });
}

#[test]
fn what_is_put_aside_calls_nobody_until_that_is_undone() {
    check(|bench| {
        let item = bench.receive(7, 186, None);
        let dismissed = bench.decide(Wish::Dismiss { item }).unwrap();
        assert_eq!(only(bench).state, AlertState::Closed);
        bench.decide(Wish::Undo { decision: dismissed }).unwrap();
        assert_eq!(only(bench).state, AlertState::Open);
        bench.decide(Wish::Dismiss { item }).unwrap();
        assert_eq!(only(bench).state, AlertState::Closed);
    });
}

#[test]
fn nobody_is_called_for_a_value_that_is_no_emergency_or_has_its_person() {
    check(|bench| {
        let item = bench.receive(7, 179, None);
        bench.receive(8, 190, Some("P3"));
        bench.decide(Wish::Dismiss { item }).unwrap();
        assert_eq!(alerts(bench, &Scope::Everything), []);
    });
}

#[test]
fn one_that_nobody_takes_goes_to_the_county() {
    check(|bench| {
        bench.receive(7, 186, None);
        bench.now = NOON.plus(Millis::hours(3));
        bench.group(|_| ());
        assert_eq!(only(bench).owner, Some(id("T1")));
        bench.now = NOON.plus(Millis::hours(5));
        bench.group(|_| ());
        assert_eq!(only(bench).owner, Some(id("C1")));
    });
}
