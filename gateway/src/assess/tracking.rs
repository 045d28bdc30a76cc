//! The cured who are tracked (C3): since when, when the next value is due, and what leaving does.
//!
//! Entering schedules: where there is no value yet, silence counts from the cohort's first day.
//! Leaving, by its last day or by a row without it, cancels what was due, and ends what is open of
//! it with a reason that stays in the alert's history. So does everything after which nobody watches
//! a person: no diagnosis, no watched cohort and no own cadence any more, or a death.

use super::{
    concept::Concept,
    episode::{Ended, Ending, Episode},
    ledger::Bench,
    pack::Pack,
    patient::{Cohort, Condition, Patient, Span},
    silence::{Silence, Told, watched},
    state::State,
};
use crate::domain::{Reason, Timestamp};

/// The code of the reason with which alerts of silence end when nobody is to be watched any more.
pub const LEFT_TRACKING: &str = "left_tracking";

/// Why an alert of silence ended without a value.
#[must_use]
pub fn left_tracking() -> Reason {
    Reason {
        line: LEFT_TRACKING.into(),
        zh: "已退出治愈跟踪（或登记表上已无诊断、不在监测名单、无个人频次，或已去世）：未到期的随访取消，\
             未了的提醒撤回。"
            .to_owned(),
        en: "No longer in the tracked cohort (or the registry has no diagnosis, no watched cohort \
             and no own cadence any more, or a death): what was due is cancelled, what was open is \
             withdrawn."
            .to_owned(),
    }
}

/// Why an alert is taken back that the facts as they are now do not give.
#[must_use]
pub fn facts_changed() -> Reason {
    Reason {
        line: "facts_changed".into(),
        zh: "依据的事实后来有变化（补传、更正或登记变更），不再构成提醒，撤回。".to_owned(),
        en:
            "The facts it rested on changed (a late value, a correction, or the registry); as they \
             are now they give no alert, and it is withdrawn."
                .to_owned(),
    }
}

/// Why an alert of a file ends that counts as another's from now on, where it is one episode with an
/// alert of the surviving file, or nothing there says so.
#[must_use]
pub fn files_merged() -> Reason {
    Reason {
        line: "files_merged".into(),
        zh: "本档案已并入同一人的另一份档案，今后在保留的档案下判断和提醒，本条撤回。".to_owned(),
        en: "This file was merged into another file of the same person, under which everything is \
             judged from now on; this alert is withdrawn."
            .to_owned(),
    }
}

/// A person in the cured cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracking {
    /// The first day of the cohort, where the registry names one.
    pub since: Option<Timestamp>,
    /// When the next value is due: later the patient is asked.
    pub next_due: Option<Timestamp>,
    /// When the doctor is told of the silence.
    pub doctor_due: Option<Timestamp>,
}

/// How a person stands in the cured cohort at an instant; `None` where they are not in it.
#[must_use]
pub fn tracking(
    pack: &Pack,
    patient: &Patient,
    last_value: Option<Timestamp>,
    at: Timestamp,
) -> Option<Tracking> {
    let span = patient.spans(Condition::Cohort(Cohort::C3));
    let mut span = span.filter(|span| span.holds(at.shanghai_day()));
    let since = span.next()?.begins();
    let silence = Silence::since(last_value);
    let due = |told| silence.due(pack, patient, told);
    Some(Tracking { since, next_due: due(Told::Patient), doctor_due: due(Told::Doctor) })
}

/// Whether silence of a person matters to anybody at an instant.
#[must_use]
pub(super) fn minded(pack: &Pack, patient: &Patient, at: Timestamp) -> bool {
    patient.own_cadence(at).is_some() || watched(pack, patient, at)
}

/// Whether whoever was told of a silence in the cured cohort has left it, and by what holds then would
/// not be told yet.
fn left(
    pack: &Pack,
    patient: &Patient,
    (silence, told): (&Silence, Told),
    (open, at): (&Episode, Timestamp),
) -> bool {
    let tracked = Condition::Cohort(Cohort::C3);
    let (opened, day) = (open.at.shanghai_day(), at.shanghai_day());
    let over = |span: Span| span.holds(opened) && span.until.is_some_and(|until| until < day);
    !patient.has(tracked, at)
        && patient.spans(tracked).any(over)
        && !silence.reached(pack, patient, told, at)
}

impl State {
    /// When what was told of a silence loses its ground: nobody is to watch the person, or they have
    /// left the cured cohort in which the alert opened. A doctor who closed the alert has dealt with
    /// the cohort's silence, but who comes back into care still silent is told of anew.
    pub(super) fn lets_go(&self, pack: &Pack, patient: &Patient, told: Told) -> Option<Timestamp> {
        if !self.silence.is_told(told) {
            return None;
        }
        let open = self.ledger.open(of(told));
        let from = open.map_or_else(
            || self.silence.settled_by(patient),
            |open| open.at.max(patient.in_force_from),
        );
        patient.first_instant(from, |at| {
            !minded(pack, patient, at)
                || open.is_some_and(|open| left(pack, patient, (&self.silence, told), (open, at)))
        })
    }

    /// What was told of a silence has lost its ground: its alert ends.
    pub(super) fn let_go(&mut self, bench: &mut Bench<'_>, told: Told, at: Timestamp) {
        let ending = Ending { at, how: Ended::Left };
        let concept = of(told);
        self.ledger.end_all(bench, ending, |episode| episode.concept == concept);
        self.silence.forget(told, at);
    }
}

/// The alert of each silence.
const fn of(told: Told) -> Concept {
    match told {
        Told::Patient => Concept::Missed,
        Told::Doctor => Concept::MissedDoctor,
    }
}
