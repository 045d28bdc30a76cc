//! A visit counts for whoever was responsible when it took place, whoever sends it, in whatever
//! order and however often it arrives.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::{Act, ActRefused, Deed, desk::Desk, group::Group, people::People};
use crate::{
    assess::{Pack, Packs},
    domain::{
        Alert, AlertState, Assigned, CareLevel, DoctorId, Household, Millis, Registered, Span,
        Timestamp, Visit, VisitRejected,
    },
    intake::Item,
    store::{
        AlertChange, Change, CommitSeq, Fact, ModelStore, Options, Registration, SqliteStore,
        Store,
        fixtures::{NOON, commit, doctor, id, person, reading, registration, site, systolic},
        view::{AlertFilter, Paging, Scope},
    },
};

/// Minutes after noon: at noon the household changes from DR1 to DR2.
pub(super) fn minute(minutes: i64) -> Timestamp {
    NOON.plus(Millis::minutes(minutes))
}

fn handed_over(at: i64) -> Fact {
    let span = |from, until| Span { from, until };
    let assigned = vec![
        Assigned { doctor: id("DR1"), span: span(Some(minute(-10_000)), Some(minute(at))) },
        Assigned { doctor: id("DR2"), span: span(Some(minute(at)), None) },
    ];
    registration(Registered::Household(Household {
        household: id("H1"),
        village: "North".to_owned(),
        doctor: None,
        assigned,
        cause: String::new(),
        attributes: std::collections::BTreeMap::new(),
    }))
}

pub(super) struct Day<'s> {
    pub(super) store: &'s mut dyn Store,
    desk: Desk,
}

/// A day on each store: the alert opens at nine, the household changes at noon.
#[track_caller]
pub(super) fn check(case: impl Fn(&mut Day<'_>, &Alert)) {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = SqliteStore::open(Options::new(folder.path())).unwrap();
    for store in [&mut ModelStore::new() as &mut dyn Store, &mut sqlite] {
        let facts = [
            site("clinic1", "North", "Qingshi", "Yun"),
            doctor("DR1", CareLevel::Village, "North"),
            doctor("DR2", CareLevel::Village, "North"),
            doctor("T1", CareLevel::Township, "Qingshi"),
            handed_over(0),
            person("P1", Some("H1"), ""),
        ];
        commit(store, &facts, &[]);
        let mut day = Day { store, desk: Desk::new(People::new(10)) };
        let alert = day.measured(1, -180);
        assert_eq!(alert.owner, Some(id("DR1")), "the present doctor owns it");
        case(&mut day, &alert);
    }
    assert_eq!(sqlite.reader().recount().unwrap(), Vec::<String>::new(), "recount of SQLite");
}

pub(super) fn visit(at: i64, doctor: Option<&str>) -> Visit {
    Visit {
        at: minute(at),
        home: true,
        reading: None,
        reason: Some("asleep".to_owned()),
        doctor: doctor.map(id),
        rejected: None,
    }
}

impl Day<'_> {
    pub(super) fn group<T>(&mut self, now: Timestamp, work: impl FnOnce(&mut Group<'_>) -> T) -> T {
        let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
        let gateway = ("G1".to_owned(), 1);
        let mut unit = self.store.begin(now).unwrap();
        let mut group = Group::new(unit.as_mut(), &mut self.desk, &packs, &gateway, now);
        let done = work(&mut group);
        let counts = Change::Count(group.counts);
        group.flush().unwrap();
        drop(group);
        unit.change(&[counts]).unwrap();
        unit.commit().unwrap();
        done
    }

    /// A crisis is measured, and its alert opens.
    fn measured(&mut self, number: u64, at: i64) -> Alert {
        self.value(number, at, 210);
        self.alert()
    }

    /// A systolic value is measured.
    pub(super) fn value(&mut self, number: u64, at: i64, value: i64) {
        let mut reading = reading(number, Some("P1"), "clinic1", 0).reading;
        reading.measurement = systolic(value);
        (reading.measured.at, reading.received_at) = (minute(at), minute(at));
        let item = Item::Reading(Box::new(reading));
        self.group(minute(at), |group| {
            group.receive(&[&item]).unwrap();
            group.judge().unwrap();
        });
    }

    pub(super) fn alert(&self) -> Alert {
        let page = Paging::default();
        let all = self.store.reader().alerts(&Scope::Everything, &AlertFilter::default(), &page);
        all.unwrap().items.into_iter().next().unwrap()
    }

    /// Somebody tells of a visit; the answer is where its step stands.
    fn told(&mut self, alert: &Alert, now: i64, by: &str, visit: Visit) -> CommitSeq {
        self.did(alert, now, by, Deed::Visit(visit))
    }

    pub(super) fn did(&mut self, alert: &Alert, now: i64, by: &str, deed: Deed) -> CommitSeq {
        self.tried(alert, now, by, deed).unwrap()
    }

    /// Somebody tries to do something.
    pub(super) fn tried(
        &mut self,
        alert: &Alert,
        now: i64,
        by: &str,
        deed: Deed,
    ) -> Result<CommitSeq, ActRefused> {
        let (reply, _told) = oneshot::channel();
        let (alert, by) = (alert.id, by.into());
        let act = Act { alert, deed, note: None, by, claimed_at: None, request: None, reply };
        self.group(minute(now), |group| group.act(&act).unwrap())
    }

    /// What is kept of visits: when, whose, and why not; by their own time.
    fn visits(&self, alert: &Alert) -> Vec<(i64, String, Option<VisitRejected>)> {
        let found = self.store.reader().alert(&Scope::Everything, &alert.id).unwrap().unwrap();
        let told = found.events.iter().filter_map(|(_, event)| {
            let visit = event.visit.as_ref()?;
            assert_eq!(event.claimed_at, Some(visit.at), "the time claimed is kept beside");
            let change = if visit.rejected.is_some() {
                AlertChange::VisitRejected
            } else {
                AlertChange::Visited
            };
            assert_eq!(event.change, change);
            let minutes = visit.at.since(NOON).whole_minutes();
            let doctor = visit.doctor.as_ref().map_or("", DoctorId::as_str).to_owned();
            Some((minutes, doctor, visit.rejected))
        });
        let mut told: Vec<_> = told.collect();
        told.sort_by_key(|(at, doctor, _)| (*at, doctor.clone()));
        told
    }
}

/// Every order of some things.
fn orders<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    if all.is_empty() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for place in 0..all.len() {
        let mut rest = all.to_vec();
        let first = rest.remove(place);
        found.extend(orders(&rest).into_iter().map(|mut rest| {
            rest.insert(0, first.clone());
            rest
        }));
    }
    found
}

#[test]
fn visits_of_an_offline_day_count_for_each_ones_own_hours_in_any_order_and_twice() {
    let day = [
        visit(-60, Some("DR1")),
        visit(-1, Some("DR1")),
        visit(0, Some("DR1")),
        visit(0, Some("DR2")),
        visit(90, Some("DR2")),
    ];
    let refused = Some(VisitRejected::NotResponsible);
    let expected = [
        (-60, "DR1".to_owned(), None),
        (-1, "DR1".to_owned(), None),
        (0, "DR1".to_owned(), refused),
        (0, "DR2".to_owned(), None),
        (90, "DR2".to_owned(), None),
    ];
    for (number, order) in orders(&day).into_iter().enumerate().filter(|(n, _)| n % 7 == 0) {
        check(|day, alert| {
            for told in order.iter().chain(&order) {
                day.told(alert, 600, "DR2", told.clone());
            }
            assert_eq!(day.visits(alert), expected, "order {number}");
            assert_eq!(day.alert().state, AlertState::Visited);
        });
    }
}

#[test]
fn a_change_of_doctor_that_is_entered_late_counts_for_visits_that_come_later_still() {
    check(|day, alert| {
        let refused = Some(VisitRejected::NotResponsible);
        day.told(alert, 500, "DR2", visit(-90, Some("DR2")));
        assert_eq!(day.visits(alert), [(-90, "DR2".to_owned(), refused)]);
        commit(day.store, &[handed_over(-120)], &[]);
        day.told(alert, 600, "DR1", visit(-60, Some("DR1")));
        // One that was refused by the rows of before counts when it is told again, once.
        for _ in 0..3 {
            day.told(alert, 600, "DR2", visit(-90, Some("DR2")));
        }
        let expected = [
            (-90, "DR2".to_owned(), refused),
            (-90, "DR2".to_owned(), None),
            (-60, "DR1".to_owned(), refused),
        ];
        assert_eq!(day.visits(alert), expected);
    });
}

#[test]
fn a_visit_that_counts_for_nobody_changes_nothing_of_its_alert() {
    check(|day, alert| {
        day.told(alert, 30, "DR1", visit(20, Some("DR1")));
        day.told(alert, 30, "T1", visit(20, Some("T1")));
        day.told(alert, 30, "DR2", visit(60, Some("DR2")));
        let expected = [
            (20, "DR1".to_owned(), Some(VisitRejected::NotResponsible)),
            (20, "T1".to_owned(), Some(VisitRejected::NotResponsible)),
            (60, "DR2".to_owned(), Some(VisitRejected::InFuture)),
        ];
        assert_eq!(day.visits(alert), expected);
        assert_eq!(day.alert(), *alert);
    });
}

#[test]
fn whom_an_alert_was_handed_to_by_then_may_visit_too() {
    check(|day, alert| {
        day.did(alert, 10, "DR1", Deed::Forward(None));
        day.told(alert, 600, "T1", visit(5, Some("T1")));
        day.told(alert, 600, "T1", visit(20, Some("T1")));
        let expected = [
            (5, "T1".to_owned(), Some(VisitRejected::NotResponsible)),
            (20, "T1".to_owned(), None),
        ];
        assert_eq!(day.visits(alert), expected);
    });
}

#[test]
fn an_unsigned_visit_counts_for_whoever_was_responsible() {
    check(|day, alert| {
        day.told(alert, 600, "operator", visit(-5, None));
        day.told(alert, 600, "operator", visit(5, None));
        let expected = [(-5, "DR1".to_owned(), None), (5, "DR2".to_owned(), None)];
        assert_eq!(day.visits(alert), expected);
    });
}

#[test]
fn an_acknowledgement_after_its_visit_takes_nothing_back() {
    for visit_first in [true, false] {
        check(|day, alert| {
            let deeds = [Deed::Visit(visit(-5, Some("DR1"))), Deed::Acknowledge];
            let [one, two] = if visit_first { [0, 1] } else { [1, 0] };
            day.did(alert, 600, "DR1", deeds[one].clone());
            day.did(alert, 600, "DR1", deeds[two].clone());
            assert_eq!(day.alert().state, AlertState::Visited, "visit first: {visit_first}");
        });
    }
}

impl Day<'_> {
    /// The household's row comes, and everybody whom it concerns is looked at.
    fn entered(&mut self, now: i64, row: &Fact) {
        let Fact::Registration(row) = row else { unreachable!() };
        let row = Registration { at: minute(now), ..(**row).clone() };
        self.group(minute(now), |group| group.enter_rows(&[row]).unwrap());
        for _ in 0..9 {
            self.group(minute(now), |group| group.look_around().unwrap());
        }
    }

    /// When the next step has the alert.
    fn due(&mut self, now: i64) -> Vec<i64> {
        let due =
            self.group(minute(now), |group| group.unit.due_timers(minute(99_999), 9).unwrap());
        due.iter().map(|timer| timer.due_at.since(NOON).whole_minutes()).collect()
    }
}

#[test]
fn dates_of_the_past_that_are_entered_later_judge_visits_anew() {
    check(|day, alert| {
        day.told(alert, 90, "DR1", visit(30, Some("DR1")));
        day.told(alert, 100, "DR2", visit(60, Some("DR2")));
        let rejected = Some(VisitRejected::NotResponsible);
        let of = |dr1, dr2| [(30, "DR1".to_owned(), dr1), (60, "DR2".to_owned(), dr2)];
        let latest = |day: &Day<'_>| {
            let found = day.store.reader().alert(&Scope::Everything, &alert.id).unwrap().unwrap();
            let told = found.events.iter().filter_map(|(_, event)| event.visit.as_ref());
            let latest: std::collections::BTreeMap<_, _> =
                told.map(|it| (it.at.since(NOON).whole_minutes(), it.rejected)).collect();
            [latest[&30], latest[&60]]
        };
        assert_eq!(day.visits(alert), of(rejected, None));
        // They changed at two, not at noon.
        day.entered(200, &handed_over(120));
        assert_eq!(latest(day), [None, rejected]);
        assert_eq!(day.alert().state, AlertState::Visited, "by the other one");
        assert!(day.due(200).is_empty());
        // It was at half past twelve; or at one.
        day.entered(210, &handed_over(30));
        assert_eq!(latest(day), [rejected, None]);
        assert_eq!(day.alert().state, AlertState::Visited);
        day.entered(220, &handed_over(60));
        assert_eq!(latest(day), [None, None]);
        let kept = day.visits(alert).len();
        day.entered(230, &handed_over(60));
        assert_eq!(day.visits(alert).len(), kept, "nothing is said twice");
    });
}

#[test]
fn an_alert_whose_only_visit_counts_for_nobody_stands_as_before_it_with_time_to_see_to_it() {
    for acknowledged in [false, true] {
        check(|day, alert| {
            if acknowledged {
                day.did(alert, 70, "DR2", Deed::Acknowledge);
            }
            day.told(alert, 100, "DR2", visit(60, Some("DR2")));
            assert_eq!((day.alert().state, day.due(100)), (AlertState::Visited, Vec::new()));
            day.entered(200, &handed_over(120));
            let expected = if acknowledged {
                (AlertState::Acknowledged, Vec::new())
            } else {
                (AlertState::Open, vec![215])
            };
            assert_eq!((day.alert().state, day.due(200)), expected);
        });
    }
}
