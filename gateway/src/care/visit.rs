//! Whom a visit counts for, and what it makes of its alert.

use smol_str::SmolStr;

use super::life::{Step, after, deadline_timer, event, first_step, runs_by_day, set_deadline};
use crate::{
    domain::{Alert, AlertState, DoctorId, Millis, Timestamp, Visit, VisitRejected},
    store::{AlertChange, AlertEvent, Change},
};

/// A visit may lie so far after its receipt: clocks of telephones. P.
const AHEAD_MAX: Millis = Millis::minutes(5);

/// Whoever was responsible at an instant: the doctor who answered for the household then, or where
/// none had signed whoever the alert was with; and whom it had been handed to by then, at whatever
/// step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Responsible {
    first: Option<DoctorId>,
    handed_to: Option<DoctorId>,
}

impl Responsible {
    /// By who answered for the household then, and the steps of the alert, oldest first.
    #[must_use]
    pub fn at<'e>(
        at: Timestamp,
        answered: Option<DoctorId>,
        steps: impl DoubleEndedIterator<Item = &'e AlertEvent> + Clone,
    ) -> Self {
        let mut then = steps.rev().filter(|step| step.acted_at() <= at);
        let owner = then.clone().next().and_then(|step| step.alert.owner.clone());
        let handed = |step: &&AlertEvent| {
            matches!(step.change, AlertChange::Forwarded | AlertChange::Escalated)
        };
        let handed_to = then.find(handed).and_then(|step| step.alert.owner.clone());
        Self { first: answered.or(owner), handed_to }
    }

    /// A visit with whom it counts for, or why for nobody. Where it does not say who visited, it was
    /// whoever was responsible.
    #[must_use]
    pub fn judge(&self, told: Visit, now: Timestamp) -> Visit {
        let doctor = told.doctor.clone().or_else(|| self.first.clone());
        let own = |doctor: &DoctorId| {
            self.first.as_ref() == Some(doctor) || self.handed_to.as_ref() == Some(doctor)
        };
        let rejected = match &doctor {
            _ if is_ahead(&told, now) => Some(VisitRejected::InFuture),
            Some(doctor) if own(doctor) => None,
            Some(_) if self.first.is_some() || self.handed_to.is_some() => {
                Some(VisitRejected::NotResponsible)
            }
            Some(_) | None => Some(VisitRejected::NobodyResponsible),
        };
        Visit { doctor, rejected, ..told }
    }
}

/// Whether a visit is told of before its time.
#[must_use]
pub fn is_ahead(visit: &Visit, told_at: Timestamp) -> bool {
    visit.at > told_at.plus(AHEAD_MAX)
}

/// A visit took place: an alert that waited is visited. One that has ended stays as it is, and a
/// visit that counts for nobody changes nothing.
#[must_use]
pub fn visit(before: &Alert, visit: Visit, by: &SmolStr, now: Timestamp) -> Step {
    let waited = match before.state {
        AlertState::Open | AlertState::Acknowledged | AlertState::Planned => true,
        AlertState::Visited
        | AlertState::Closed
        | AlertState::Withdrawn
        | AlertState::Superseded
        | AlertState::Merged => false,
    };
    let counts = visit.rejected.is_none();
    let mut alert = before.clone();
    let mut changes = Vec::new();
    if counts && waited {
        alert.state = AlertState::Visited;
        changes.push(Change::ClearTimer(deadline_timer(&alert, now)));
    }
    let change = if counts { AlertChange::Visited } else { AlertChange::VisitRejected };
    let mut event = event(&alert, change, now, Some(before.state));
    event.by = Some(by.clone());
    event.claimed_at = Some(visit.at);
    event.visit = Some(Box::new(visit));
    Step { alert, event, changes }
}

/// A visit that counted is found to count for nobody, and no other one of its alert counts: whoever
/// answers for the alert has to see to it again, and gets as long as the first step had.
#[must_use]
pub fn unvisited(before: &Alert, visited: Visit, by: &SmolStr, stood: Stood) -> Step {
    let Stood { state, now } = stood;
    let mut step = visit(before, visited, by, now);
    let alert = &mut step.alert;
    alert.state = state;
    if state == AlertState::Open {
        let fresh = first_step(alert).map(|patience| after(now, patience, runs_by_day(alert)));
        alert.deadline = alert.deadline.max(fresh);
        step.changes.extend(set_deadline(alert));
    }
    step.event.alert = step.alert.clone();
    step
}

/// Where an alert stands but for its visits, from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stood {
    state: AlertState,
    now: Timestamp,
}

impl Stood {
    /// By its steps, oldest first.
    #[must_use]
    pub fn of<'e>(steps: impl Iterator<Item = &'e AlertEvent>, now: Timestamp) -> Self {
        let state = steps.fold(AlertState::Open, |stood, step| {
            let acknowledged = step.change == AlertChange::Acknowledged;
            match (step.alert.state == AlertState::Visited, acknowledged) {
                (true, true) => AlertState::Acknowledged,
                (true, false) => stood,
                (false, _) => step.alert.state,
            }
        });
        Self { state, now }
    }
}
