//! Acts of doctors, and deadlines that passed: facts like readings.

use crate::{
    care::{self, Step},
    store::{Change, CommitSeq, StoreError, Timer},
};

use super::{
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
        if !alert.state.is_live() && act.deed != Deed::Note {
            return Ok(Err(ActRefused::Ended));
        }
        let mut step = match &act.deed {
            Deed::Acknowledge => care::acknowledge(&alert, &act.by, act.note.clone(), self.now),
            Deed::Note => care::note(&alert, &act.by, act.note.clone(), self.now),
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
        // Of whom it is no line knows.
        if act.deed == Deed::Acknowledge && !alert.person.is_nobody() {
            self.seen(&alert, &act.by)?;
        }
        Ok(Ok(taken))
    }

    /// Puts a step of an alert's life into the group.
    pub(super) fn take(&mut self, step: Step) {
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
