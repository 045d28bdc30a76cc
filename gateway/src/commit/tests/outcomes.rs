//! How an alert ends by a doctor's word, and that it rests from then on as the rule pack says.

use super::{
    super::{ActRefused, Deed},
    visits::{Day, check, minute, visit},
};
use crate::{
    domain::{ActOutcome, Alert, AlertOutcome, AlertState, Happened, OutcomeCode, ReadingId},
    store::{
        AlertChange,
        fixtures::{id, reading},
        view::{AlertFilter, Paging, Scope},
    },
};

fn outcome(code: OutcomeCode) -> AlertOutcome {
    AlertOutcome { code, reading: None, reason: Some("moved".to_owned()), refer_to: None }
}

fn ends(code: OutcomeCode) -> Deed {
    Deed::Outcome(outcome(code))
}

fn rests_on(reading: ReadingId) -> Deed {
    let reading = Some(reading);
    Deed::Outcome(AlertOutcome { reading, reason: None, ..outcome(OutcomeCode::Controlled) })
}

impl Day<'_> {
    fn visited(&mut self, alert: &Alert, at: i64) {
        self.did(alert, at, "DR2", Deed::Visit(visit(at, Some("DR2"))));
    }

    fn all(&self) -> Vec<(String, AlertState)> {
        let page = Paging::default();
        let all = self.store.reader().alerts(&Scope::Everything, &AlertFilter::default(), &page);
        let mut all: Vec<_> =
            all.unwrap().items.into_iter().map(|it| (it.key, it.concept, it.state)).collect();
        all.sort_by_key(|(key, _, _)| *key);
        all.into_iter().map(|(_, concept, state)| (concept.to_string(), state)).collect()
    }

    /// What time alone does up to some minutes after noon.
    fn time(&mut self, at: i64) {
        self.group(minute(at), |group| group.timers().unwrap());
    }

    /// What the lines were told, oldest first.
    fn acts(&mut self) -> Vec<ActOutcome> {
        let mut unit = self.store.begin(minute(0)).unwrap();
        let events = unit.events(&[id("P1")]).unwrap().remove(0);
        let mut acts: Vec<_> = events
            .iter()
            .filter_map(|event| match event.what {
                Happened::Act { outcome, .. } => Some((event.at, outcome)),
                Happened::FollowUp { .. }
                | Happened::Money(_)
                | Happened::SiteAct(_)
                | Happened::Voided(_) => None,
            })
            .collect();
        acts.sort_by_key(|(at, _)| *at);
        acts.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

#[test]
fn every_outcome_of_a_visited_alert_closes_it_and_is_kept_with_its_step() {
    for code in OutcomeCode::ALL {
        check(|day, alert| {
            day.visited(alert, 10);
            let seq = day.did(alert, 20, "DR2", ends(code));
            assert_eq!(day.alert().state, AlertState::Closed);
            let found = day.store.reader().alert(&Scope::Everything, &alert.id).unwrap().unwrap();
            let (at, last) = found.events.last().unwrap();
            assert_eq!(
                (*at, last.change, last.from),
                (seq, AlertChange::Closed, Some(AlertState::Visited))
            );
            assert_eq!(last.outcome.as_deref(), Some(&outcome(code)));
            assert_eq!(last.by.as_deref(), Some("DR2"));
            let acts = day.acts();
            assert_eq!(acts.last(), Some(&ActOutcome::Closed), "the lines know that it ended");
            let confirmed = acts.contains(&ActOutcome::ConfirmedReferred);
            assert_eq!(confirmed, code == OutcomeCode::ConfirmedReferred, "{code:?}");
        });
    }
}

#[test]
fn an_outcome_needs_a_visit_is_given_once_and_rests_on_the_persons_own_reading() {
    check(|day, alert| {
        let closed = || ends(OutcomeCode::Closed);
        assert_eq!(day.tried(alert, 5, "DR2", closed()), Err(ActRefused::NotVisited));
        day.did(alert, 6, "DR2", Deed::Acknowledge);
        assert_eq!(day.tried(alert, 7, "DR2", closed()), Err(ActRefused::NotVisited));
        assert_eq!(day.alert().state, AlertState::Acknowledged, "refused: nothing changed");
        day.visited(alert, 10);
        let nobodys = rests_on(ReadingId::from_bytes([9; 16]));
        assert_eq!(day.tried(alert, 11, "DR2", nobodys), Err(ActRefused::NotTheirReading));
        let own = reading(1, Some("P1"), "clinic1", 0).reading.id;
        day.did(alert, 12, "DR2", rests_on(own));
        assert_eq!(day.tried(alert, 13, "DR2", closed()), Err(ActRefused::HasOutcome));
        assert_eq!(day.tried(alert, 13, "DR2", Deed::Acknowledge), Err(ActRefused::HasOutcome));
        // What was seen there later is written down all the same.
        day.did(alert, 14, "DR2", Deed::Note);
        assert_eq!(day.tried(alert, 15, "DR2", closed()), Err(ActRefused::HasOutcome));
    });
}

#[test]
fn an_emergency_after_its_end_is_a_new_alert_and_the_old_one_stays_closed() {
    check(|day, alert| {
        day.visited(alert, 10);
        day.did(alert, 20, "DR2", ends(OutcomeCode::ConfirmedReferred));
        let one = ("bp_emergency".to_owned(), AlertState::Closed);
        assert_eq!(day.all(), std::slice::from_ref(&one));
        // A value that comes late, of before the end, belongs to what ended.
        day.value(2, 15, 205);
        assert_eq!(day.all(), std::slice::from_ref(&one));
        day.value(3, 40, 205);
        assert_eq!(day.all(), [one, ("bp_emergency".to_owned(), AlertState::Open)]);
    });
}

#[test]
fn after_its_end_an_orange_alert_rests_as_long_as_the_pack_says() {
    const DAY: i64 = 24 * 60;
    check(|day, alert| {
        day.visited(alert, 10);
        day.did(alert, 20, "DR2", ends(OutcomeCode::Closed));
        // BP-G2: a confirmed session of 165, three days later.
        let mut number = 10;
        let mut session = |day: &mut Day<'_>, at: i64| {
            for minutes in [0, 2] {
                number += 1;
                day.value(number, at + minutes, 165);
            }
            day.time(at + 11);
        };
        session(day, 3 * DAY);
        let grade2 = |state| ("bp_grade2".to_owned(), state);
        assert_eq!(day.all().last(), Some(&grade2(AlertState::Open)));
        let opened = day.alert();
        assert_eq!(opened.concept, "bp_grade2");
        day.visited(&opened, 3 * DAY + 20);
        day.did(&opened, 3 * DAY + 30, "DR2", ends(OutcomeCode::MedicineChanged));
        let ended = day.all();
        assert_eq!(ended.last(), Some(&grade2(AlertState::Closed)));
        // `quiet_days_after_end`: 150 days for whoever is in no tracked cohort.
        for days in [4, 60, 152] {
            session(day, days * DAY);
            let again = day.all().iter().filter(|it| **it == grade2(AlertState::Open)).count();
            assert_eq!(again, 0, "day {days}: {:?}", day.all());
        }
        session(day, 155 * DAY);
        let again = day.all().iter().filter(|it| **it == grade2(AlertState::Open)).count();
        assert_eq!(again, 1, "{:?}", day.all());
    });
}
