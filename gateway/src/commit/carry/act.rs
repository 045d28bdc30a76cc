//! What people did about an alert at another gateway acts on the same alert here.

use tokio::sync::oneshot;

use super::{Fate, Group, Load};
use crate::{
    care,
    commit::work::{Act, Deed},
    domain::{Alert, Timestamp, Visit},
    store::{AlertChange, AlertEvent, Change, Landed, StoreError},
    uplink::parcel::SaidStep,
};

impl Group<'_> {
    pub(super) fn bring_step(
        &mut self,
        load: &Load<'_>,
        said: &SaidStep,
    ) -> Result<Fate, StoreError> {
        let Some(alert) = self.alert_of(said)? else { return Ok(Fate::Waits) };
        if let Some(visit) = &said.visit {
            return self.bring_visit(load, said, (&alert, visit));
        }
        let told_at = said.claimed_at.unwrap_or(said.at);
        let moved = self.told_moved(load, told_at)?;
        let at = moved.map_or(said.at, |moved| told_at.plus(moved.by));
        let mut step = match self.step_of(&alert, (said, at))? {
            Some(step) => step,
            // A later act of somebody's stands, or the alert has ended: what was done was done.
            None => care::tell(&alert, said.change, self.now),
        };
        step.event.by = Some(said.by.clone());
        step.event.note.clone_from(&said.note);
        step.event.claimed_at = Some(told_at);
        self.take(step);
        self.landed_last(load)?;
        let last = self.unit.last()?;
        self.changes.extend(moved.map(|moved| Change::MoveTold(last, moved)));
        Ok(Fate::Here)
    }

    fn alert_of(&mut self, said: &SaidStep) -> Result<Option<Alert>, StoreError> {
        for id in &said.alerts {
            if let Some(alert) = self.unit.alert(id)? {
                return Ok(Some(alert));
            }
        }
        Ok(None)
    }

    /// What an act does to its alert, if it still does anything.
    fn step_of(
        &mut self,
        alert: &Alert,
        (said, at): (&SaidStep, Timestamp),
    ) -> Result<Option<care::Step>, StoreError> {
        let steps = self.unit.steps(alert.key)?;
        let later = |event: &AlertEvent| {
            let acts = matches!(event.change, AlertChange::Acknowledged | AlertChange::Forwarded);
            acts && event.by.is_some() && event.acted_at() > at
        };
        let stands = alert.state.is_live() && !steps.iter().any(|(_, event)| later(event));
        Ok(match said.change {
            AlertChange::Acknowledged if stands => {
                Some(care::acknowledge(alert, &said.by, said.note.clone(), self.now))
            }
            AlertChange::Forwarded if stands => {
                let team = self.team_of(alert)?;
                let to = said.owner.as_ref();
                to.and_then(|to| care::forward(alert, Some(to), &said.by, &team, self.now))
            }
            AlertChange::Closed => said
                .outcome
                .as_deref()
                .and_then(|outcome| care::end(alert, outcome.clone(), &said.by, self.now)),
            AlertChange::Noted => Some(care::note(alert, &said.by, said.note.clone(), self.now)),
            AlertChange::Acknowledged
            | AlertChange::Forwarded
            | AlertChange::Opened
            | AlertChange::Raised
            | AlertChange::Lowered
            | AlertChange::Revised
            | AlertChange::Escalated
            | AlertChange::Visited
            | AlertChange::VisitRejected
            | AlertChange::Withdrawn
            | AlertChange::Superseded => None,
        })
    }

    /// A visit counts for whoever was responsible then, as this gateway knows it. Where no doctor had
    /// signed for the household, and the alert did not stand here yet, whoever it was with there was.
    fn bring_visit(
        &mut self,
        load: &Load<'_>,
        said: &SaidStep,
        (alert, visit): (&Alert, &Visit),
    ) -> Result<Fate, StoreError> {
        let (reply, _nobody_asks) = oneshot::channel();
        let told = Visit { rejected: None, ..visit.clone() };
        self.said_visit = Some(visit.clone());
        let act = Act {
            alert: alert.id,
            deed: Deed::Visit(told.clone()),
            note: said.note.clone(),
            by: said.by.clone(),
            claimed_at: said.claimed_at,
            request: None,
            reply,
        };
        // Where it was told first, its step claims the time of the visit.
        let told_at = said.claimed_at.filter(|claimed| *claimed != visit.at).unwrap_or(said.at);
        let before = self.unit.last()?;
        self.said_at = Some(told_at);
        let taken = self.visited(alert, &told, &act);
        (self.said_at, self.said_visit) = (None, None);
        let taken = taken?;
        self.landed(load, Landed::At(taken));
        if taken > before
            && let Some(moved) = self.told_moved(load, told_at)?
        {
            self.changes.push(Change::MoveTold(taken, moved));
            self.judge_visits_anew(&alert.person)?;
        }
        Ok(Fate::Here)
    }
}
