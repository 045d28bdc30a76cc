//! Silence: days without a valid value (MM-1, MM-2), as far as the uploads are known, of people for
//! whom the lines hold. Whoever leaves them (no diagnosis and no watched cohort any more, or dead)
//! leaves their silence: its alerts end, and whoever comes back is told of anew.

use serde::{Deserialize, Serialize};

use super::{
    concept::Concept,
    episode::{Ended, Ending},
    ledger::{Bench, Moment},
    pack::Pack,
    patient::{Cohort, Condition, Patient},
    relapse::Component,
    state::State,
    words::{Words, in_days},
};
use crate::domain::{Level, Timestamp};

/// Who is told of a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// MM-1: the patient.
    Patient,
    /// MM-2: the doctor.
    Doctor,
}

/// What silence remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Silence {
    /// The last valid value: accepted readings, HI and LO, follow-ups, flagged readings too.
    last_value: Option<Timestamp>,
    /// Whether this silence has been told of, to each.
    prompted: bool,
    doctor_told: bool,
    /// What was told last was due then, or the person left the lines then: nothing earlier is told.
    settled: Option<Timestamp>,
    pub uploads: Uploads,
}

impl Silence {
    /// When the silence that lasts now reaches somebody who has not been told: in the cohort of that
    /// instant, and of people with a diagnosis or in a cohort that is watched without one.
    pub(super) fn due(&self, pack: &Pack, patient: &Patient, told: Told) -> Option<Timestamp> {
        let done = match told {
            Told::Patient => self.prompted,
            Told::Doctor => self.doctor_told,
        };
        let since = self.last_value.or(patient.enrolled_at).filter(|_| !done)?;
        let of_cohort = |cohort| {
            let days = match told {
                Told::Patient => pack.missed.of(cohort).prompt,
                Told::Doctor => pack.missed.of(cohort).doctor,
            };
            patient.first_instant(since.plus(days).max(self.not_before(patient)), |at| {
                patient.cohort(pack, at) == cohort && watched(pack, patient, at)
            })
        };
        Cohort::ALL.into_iter().filter_map(of_cohort).min()
    }

    /// When the lines no longer hold for a person of whose silence somebody was told.
    pub(super) fn leaves(&self, pack: &Pack, patient: &Patient) -> Option<Timestamp> {
        if !self.prompted && !self.doctor_told {
            return None;
        }
        patient.first_instant(self.not_before(patient), |at| !watched(pack, patient, at))
    }

    fn not_before(&self, patient: &Patient) -> Timestamp {
        self.settled.map_or(patient.in_force_from, |settled| settled.max(patient.in_force_from))
    }

    pub(super) const fn value_at(&mut self, at: Timestamp) {
        self.last_value = Some(at);
        self.prompted = false;
        self.doctor_told = false;
    }

    pub(super) const fn tell(&mut self, told: Told, due: Timestamp) {
        self.settled = Some(due);
        match told {
            Told::Patient => self.prompted = true,
            Told::Doctor => self.doctor_told = true,
        }
    }
}

/// All readings up to `until` had been uploaded by `known_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub until: Timestamp,
    pub known_at: Timestamp,
}

/// Up to when the uploads are known. Without any watermark wall time counts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Uploads {
    /// By `until`; those that no later due instant can ask for are forgotten.
    known: Vec<Upload>,
    /// The earliest due instant that was passed while no watermark covered it.
    passed: Option<Timestamp>,
}

impl Uploads {
    /// All watermarks of a set of facts, before it is judged.
    pub(super) fn foreseen(mut known: Vec<Upload>) -> Self {
        known.sort_by_key(|upload| (upload.until, upload.known_at));
        Self { known, passed: None }
    }

    /// When a silence due at an instant could first be known; `None` while it cannot.
    pub(super) fn covers(&self, due: Timestamp) -> Option<Timestamp> {
        if self.known.is_empty() {
            return Some(due);
        }
        let covering = self.known.iter().filter(|upload| upload.until >= due);
        covering.map(|upload| upload.known_at).min().map(|known_at| known_at.max(due))
    }

    /// Whether a new watermark changes what has been judged: the first one ends wall time, one that
    /// covers a passed due instant makes it happen in the past, and one that was known earlier than
    /// a later one makes what both cover known earlier.
    pub(super) fn would_revise(&self, upload: Upload, fresh: bool) -> bool {
        let earlier =
            |known: &Upload| known.until >= upload.until && known.known_at > upload.known_at;
        !self.known.contains(&upload)
            && ((self.known.is_empty() && !fresh)
                || self.passed.is_some_and(|passed| passed <= upload.until)
                || self.known.iter().any(earlier))
    }

    pub(super) fn add(&mut self, upload: Upload, judged_to: Timestamp) {
        if self.known.contains(&upload) {
            return;
        }
        self.known.push(upload);
        self.known.sort_by_key(|upload| (upload.until, upload.known_at));
        self.trim(judged_to);
    }

    /// Forgets what no due instant after `judged_to` can ask for; the latest stays.
    pub(super) fn trim(&mut self, judged_to: Timestamp) {
        let latest = self.known.last().map(|upload| upload.until);
        self.known.retain(|known| known.until > judged_to || Some(known.until) == latest);
    }

    pub(super) fn pass(&mut self, due: Timestamp) {
        self.passed = Some(self.passed.map_or(due, |passed| passed.min(due)));
    }
}

/// Silence lines hold for people with a diagnosis, or in C2 and C3 (DESIGN section 6).
fn watched(pack: &Pack, patient: &Patient, at: Timestamp) -> bool {
    let has = |condition| patient.has(condition, at);
    let tracked = has(Condition::Hypertension)
        || has(Condition::Diabetes)
        || pack.silence_cohorts.iter().any(|cohort| has(Condition::Cohort(*cohort)));
    tracked && !has(Condition::Dead)
}

impl State {
    /// When silence alone may change the answer next: the only instant that may lie far from the
    /// facts that it follows from.
    #[must_use]
    pub(super) fn next_silence(&self, pack: &Pack, patient: &Patient) -> Option<Timestamp> {
        let due = |told| self.silence.due(pack, patient, told);
        let told = [Told::Patient, Told::Doctor].into_iter().filter_map(due);
        let covered = told.filter(|due| self.silence.uploads.covers(*due).is_some());
        covered.chain(self.silence.leaves(pack, patient)).min()
    }

    /// A valid value was taken: silence begins anew, and its alerts end.
    pub(super) fn sign_of_life(&mut self, bench: &mut Bench<'_>, at: Timestamp) {
        self.silence.value_at(at);
        self.ledger.resolve(bench, Concept::Missed, at);
        self.ledger.resolve(bench, Concept::MissedDoctor, at);
    }

    /// The lines of silence hold for the person no more: what they opened ends.
    pub(super) fn leave_silence(&mut self, bench: &mut Bench<'_>, at: Timestamp) {
        self.silence.prompted = false;
        self.silence.doctor_told = false;
        self.silence.settled = Some(at);
        let ending = Ending { at, how: Ended::Unwatched };
        self.ledger.end_all(bench, ending, |episode| {
            matches!(episode.concept, Concept::Missed | Concept::MissedDoctor)
        });
    }

    /// A silence is due (SEED3, SEED4, A7).
    pub(super) fn silent(&mut self, bench: &mut Bench<'_>, due: Timestamp, told: Told) {
        self.silence.tell(told, due);
        let Some(known_at) = self.silence.uploads.covers(due) else { return };
        let moment = Moment { clock: known_at, ..Moment::due(due) };
        let line = match told {
            Told::Patient => (Concept::Missed, Level::Blue),
            Told::Doctor => (Concept::MissedDoctor, Level::Yellow),
        };
        let since = self.silence.last_value.or(bench.patient.enrolled_at).unwrap_or(due);
        let days = in_days(due.since(since));
        self.raise(bench, line, moment, || Words {
            zh: format!("已{days}天没有有效测量"),
            en: format!("no valid value for {days} days"),
        });
        if told == Told::Doctor {
            self.component(bench, Component::MissedVisits, moment);
        }
    }
}
