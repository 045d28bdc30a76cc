//! Acts of doctors, and deadlines that passed: facts like readings.

use smol_str::SmolStr;

use crate::{
    care::{self, Responsible, Step, Stood},
    domain::{
        ActOutcome, Alert, AlertOutcome, AlertState, DoctorId, PersonId, Timestamp, Visit,
        VisitRejected,
    },
    store::{AlertEvent, CarryChange, Change, CommitSeq, StoreError, Timer},
};

use super::{
    entered,
    group::Group,
    watch::Look,
    work::{Act, ActRefused, Deed},
};

/// Timers of one group; more wait for the next one, which begins at once.
const TIMERS_MAX: usize = 256;

impl Group<'_> {
    /// Records an act, if there is a live alert to act on; returns where its step stands.
    pub(super) fn act(&mut self, act: &Act) -> Result<Result<CommitSeq, ActRefused>, StoreError> {
        let Some(alert) = self.unit.alert(&act.alert)? else {
            return Ok(Err(ActRefused::Unknown));
        };
        // What took place about an alert that has ended took place all the same.
        let of_past = matches!(act.deed, Deed::Note | Deed::Visit(_));
        if !alert.state.is_live() && !of_past {
            return self.why_ended(&alert).map(Err);
        }
        if let Deed::Visit(told) = &act.deed {
            return self.visited(&alert, told, act).map(Ok);
        }
        if let Deed::Outcome(outcome) = &act.deed {
            return self.outcome_of(&alert, outcome, act);
        }
        let mut step = match &act.deed {
            Deed::Acknowledge => care::acknowledge(&alert, &act.by, act.note.clone(), self.now),
            // A visit or an outcome has been taken already.
            Deed::Note | Deed::Visit(_) | Deed::Outcome(_) => {
                care::note(&alert, &act.by, act.note.clone(), self.now)
            }
            Deed::Forward(to) => {
                let team = self.team_of(&alert)?;
                let step = care::forward(&alert, to.as_ref(), &act.by, &team, self.now);
                let Some(mut step) = step else { return Ok(Err(ActRefused::NobodyNext)) };
                step.event.note.clone_from(&act.note);
                step
            }
        };
        step.event.claimed_at = act.claimed_at;
        self.take(step);
        self.flush()?;
        let taken = self.unit.last()?;
        if act.deed == Deed::Acknowledge {
            self.tell_lines(&alert, &[ActOutcome::Seen], &act.by)?;
        }
        Ok(Ok(taken))
    }

    /// Records a visit for whoever was responsible when it took place; the same told again, by
    /// whomever, is the same visit. Returns where its step stands.
    pub(super) fn visited(
        &mut self,
        alert: &Alert,
        told: &Visit,
        act: &Act,
    ) -> Result<CommitSeq, StoreError> {
        let steps = self.unit.steps(alert.key)?;
        // A clock that is doubted does not tell on which day it was.
        let by_doubted_clock = self.doubted.is_some() && self.said_at.is_none();
        let at = if by_doubted_clock { told.at.max(self.day()) } else { told.at };
        let answered = self.answered(alert, at)?;
        let events = steps.iter().map(|(_, event)| event);
        let stood = steps.iter().any(|(_, event)| event.acted_at() <= told.at);
        let elsewhere = self.said_visit.take().filter(|_| answered.is_none() && !stood);
        let visit = match elsewhere {
            Some(visit) => visit,
            None => Responsible::at(told.at, answered, events).judge(told.clone(), self.now),
        };
        let told_before = steps.iter().rev().find_map(|(seq, event)| {
            event.visit.as_ref().filter(|known| known.is_same(&visit)).map(|known| (*seq, known))
        });
        // What counted for nobody, and counts by the rows of today, is told anew.
        if let Some((seq, known)) = told_before
            && (known.rejected.is_none() || visit.rejected.is_some())
        {
            return Ok(seq);
        }
        let counts = visit.rejected.is_none();
        let mut step = care::visit(alert, visit, &act.by, self.now);
        step.event.claimed_at = self.said_at.or(step.event.claimed_at);
        step.event.note.clone_from(&act.note);
        self.take(step);
        self.flush()?;
        let taken = self.unit.last()?;
        // Where it was told first the lines learned of it, and that travels too.
        if counts && alert.state == AlertState::Open && self.said_at.is_none() {
            self.tell_lines(alert, &[ActOutcome::Seen], &act.by)?;
        }
        Ok(taken)
    }

    /// Who answered for the household of an alert's person at the time of a visit.
    fn answered(&mut self, alert: &Alert, at: Timestamp) -> Result<Option<DoctorId>, StoreError> {
        let home = entered::household_at(self.unit, &alert.person, at)?;
        home.map_or(Ok(None), |home| self.unit.doctor_of(&home, at))
    }

    /// Rows of the registry came that may say otherwise who answered for a person when they were
    /// visited: at a van after a change of doctor that it had not heard of, here where dates of the
    /// past were entered. What was told of visits is judged by the rows of now.
    pub(super) fn judge_visits_anew(&mut self, person: &PersonId) -> Result<(), StoreError> {
        self.flush()?;
        for alert in self.unit.alerts(std::slice::from_ref(person))?.into_iter().flatten() {
            let steps = self.unit.steps(alert.key)?;
            let mut latest: Vec<(&AlertEvent, &Visit)> = Vec::new();
            for (_, step) in &steps {
                let Some(told) = step.visit.as_deref() else { continue };
                latest.retain(|(_, known)| !known.is_same(told));
                latest.push((step, told));
            }
            let mut told = Vec::new();
            for (step, known) in latest {
                let visit = self.visit_anew(&alert, (step, known), &steps)?;
                told.push((step.by.clone().unwrap_or_default(), known.rejected, visit));
            }
            self.tell_visits_anew(alert, &steps, told)?;
        }
        Ok(())
    }

    /// A visit by the rows of now. Where nobody had signed, what was found when it was told stands; so
    /// does that it was told before its time, unless it was the clock that was behind.
    fn visit_anew(
        &mut self,
        alert: &Alert,
        (step, known): (&AlertEvent, &Visit),
        steps: &[(CommitSeq, AlertEvent)],
    ) -> Result<Visit, StoreError> {
        let was_ahead = known.rejected == Some(VisitRejected::InFuture);
        if was_ahead && care::is_ahead(known, step.at) {
            return Ok(known.clone());
        }
        let answered = self.answered(alert, known.at)?;
        if answered.is_none() && !was_ahead {
            return Ok(known.clone());
        }
        let told = Visit { rejected: None, ..known.clone() };
        let events = steps.iter().map(|(_, step)| step);
        Ok(Responsible::at(known.at, answered, events).judge(told, self.now))
    }

    /// Records the visits that count now and did not, and those that counted and do not. It is this
    /// gateway's own finding, and stays here: every gateway has the rows.
    fn tell_visits_anew(
        &mut self,
        mut alert: Alert,
        steps: &[(CommitSeq, AlertEvent)],
        told: Vec<(SmolStr, Option<VisitRejected>, Visit)>,
    ) -> Result<(), StoreError> {
        let visited = told.iter().any(|(_, _, visit)| visit.rejected.is_none());
        for (by, before, visit) in told {
            if before.is_none() == visit.rejected.is_none() {
                continue;
            }
            let step = if visited || alert.state != AlertState::Visited {
                care::visit(&alert, visit, &by, self.now)
            } else {
                let stood = Stood::of(steps.iter().map(|(_, step)| step), self.now);
                care::unvisited(&alert, visit, &by, stood)
            };
            alert = step.alert.clone();
            let end = self.unit.last()?;
            self.take(step);
            self.flush()?;
            let stay = CarryChange::Stay(end, self.unit.last()?);
            self.changes.push(Change::Carry(Box::new(stay)));
            self.flush()?;
        }
        Ok(())
    }

    /// Ends a visited alert with its outcome, and tells the lines, which let it rest from then on.
    fn outcome_of(
        &mut self,
        alert: &Alert,
        outcome: &AlertOutcome,
        act: &Act,
    ) -> Result<Result<CommitSeq, ActRefused>, StoreError> {
        if let Some(reading) = &outcome.reading {
            let whose = self.unit.reading(reading)?.and_then(|stored| stored.attribution);
            let person = whose.map(|whose| self.survivor(whose.person)).transpose()?;
            if person.as_ref() != Some(&alert.person) {
                return Ok(Err(ActRefused::NotTheirReading));
            }
        }
        let Some(mut step) = care::end(alert, outcome.clone(), &act.by, self.now) else {
            return Ok(Err(ActRefused::NotVisited));
        };
        step.event.note.clone_from(&act.note);
        self.take(step);
        self.flush()?;
        let taken = self.unit.last()?;
        self.tell_lines(alert, outcome.code.acts(), &act.by)?;
        Ok(Ok(taken))
    }

    /// Why nothing more is done about an alert that has ended.
    fn why_ended(&mut self, alert: &Alert) -> Result<ActRefused, StoreError> {
        let steps = self.unit.steps(alert.key)?;
        let last = steps.iter().rev().find(|(_, step)| step.from != Some(step.alert.state));
        let by_outcome = last.is_some_and(|(_, step)| step.outcome.is_some());
        Ok(if by_outcome { ActRefused::HasOutcome } else { ActRefused::Ended })
    }

    /// Puts a step of an alert's life into the group.
    pub(super) fn take(&mut self, mut step: Step) {
        step.event.cause = self.because();
        let (fact, changes) = step.into_parts();
        self.facts.push(fact);
        self.changes.extend(changes);
    }

    fn deadline_passed(&mut self, timer: &Timer) -> Result<(), StoreError> {
        let Some(alert) = self.unit.alert_by_key(timer.alert)? else { return Ok(()) };
        let team = self.team_of(&alert)?;
        match care::escalate(&alert, &team, self.now) {
            Some(step) => self.take(step),
            None => self.changes.extend(care::ask_again(&alert, self.now)),
        }
        Ok(())
    }

    /// Whoever answers for a household from now on sees it from now on.
    pub(super) fn hand_over(&mut self) -> Result<(), StoreError> {
        if self.unit.next_handover()?.is_some_and(|at| at <= self.now) {
            self.changes.push(Change::HandOver(self.now));
            self.flush()?;
        }
        Ok(())
    }

    /// What time alone does: passed deadlines go to the next step, people are judged again.
    pub(super) fn timers(&mut self) -> Result<(), StoreError> {
        for timer in self.unit.due_timers(self.now, TIMERS_MAX)? {
            // First cleared: what it causes may set it anew.
            self.changes.push(Change::ClearTimer(timer.clone()));
            self.flush()?;
            self.deadline_passed(&timer)?;
            self.flush()?;
        }
        for person in self.desk.people.take_due(self.now, TIMERS_MAX) {
            self.judge_again(&person, Look::Near)?;
        }
        Ok(())
    }
}
