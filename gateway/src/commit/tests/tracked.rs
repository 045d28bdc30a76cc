//! Leaving the cured cohort withdraws what is open of it, and says why in the alert's history.

use std::sync::Arc;

use super::super::{desk::Desk, group::Group, people::People};
use crate::{
    assess::{LEFT_TRACKING, Pack, Packs},
    domain::{AlertState, Dated, Millis, Registered, Timestamp},
    store::{
        AlertChange, Fact, ModelStore, Store, StoredReading,
        fixtures::{NOON, commit, id, person, reading, systolic},
        view::{AlertFilter, Paging, Scope},
    },
};

fn day(number: i64) -> Timestamp {
    NOON.plus(Millis::days(number))
}

fn registered(tracked: bool, at: Timestamp) -> Fact {
    let Fact::Registration(mut row) = person("P0", None, "North") else { unreachable!() };
    row.at = at;
    if let Registered::Person(person) = &mut row.row
        && tracked
    {
        person.cohorts = vec![Dated { code: "C3".into(), from: None, until: None, cause: None }];
    }
    Fact::Registration(row)
}

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

#[test]
fn a_row_without_the_cohort_withdraws_with_a_reason() {
    // Told 31 days after the value; the row reaches back 14 days: to before it, or to after it.
    for entered in [40, 60] {
        let mut store = ModelStore::new();
        commit(&mut store, &[registered(true, day(-1))], &[]);
        let mut desk = Desk::new(People::new(100));
        let mut stored = reading(1, Some("P0"), "clinic1", 0);
        (stored.reading.measured.at, stored.reading.received_at) = (day(0), day(0));
        stored.reading.measurement = systolic(120);
        run(&mut store, &mut desk, day(0), Some(stored));
        run(&mut store, &mut desk, day(32), None);
        let reader = store.reader();
        let listed = || {
            let (filter, paging) = (AlertFilter::default(), Paging::default());
            reader.alerts(&Scope::Everything, &filter, &paging).unwrap().items
        };
        assert_eq!(listed().len(), 1, "{:?}", listed());
        assert_eq!(listed()[0].state, AlertState::Open);
        commit(&mut store, &[registered(false, day(entered))], &[]);
        let mut desk = Desk::new(People::new(100));
        desk.people.look_at(id("P0"));
        run(&mut store, &mut desk, day(entered), None);
        let alert = listed().remove(0);
        assert_eq!(alert.state, AlertState::Withdrawn, "entered on day {entered}");
        let reason = alert.reasons.last().unwrap();
        assert_eq!(reason.line, LEFT_TRACKING);
        let history = reader.alert(&Scope::Everything, &alert.id).unwrap().unwrap();
        let (_, last) = history.events.last().unwrap();
        assert_eq!(last.change, AlertChange::Withdrawn);
        let note = last.note.as_deref().unwrap_or_default();
        assert!(note.contains("退出治愈跟踪") && note.contains("No longer"), "{note}");
    }
}
