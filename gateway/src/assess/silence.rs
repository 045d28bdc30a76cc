//! Silence: days without a valid value (MM-1, MM-2), as far as the uploads are known, of people for
//! whom the lines hold, or whose own plan has a cadence. What leaving does is said in [`super::tracking`].

use serde::{Deserialize, Serialize};

use super::{
    concept::Concept,
    ledger::{Bench, Moment},
    pack::Pack,
    patient::{Cohort, Condition, Patient, Span},
    plan::Own,
    relapse::Component,
    state::State,
    words::{Words, in_days, in_hours},
};
use crate::domain::{AlertId, Level, Millis, Timestamp};

/// Who is told of a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// MM-1: the patient.
    Patient,
    /// MM-2: the doctor.
    Doctor,
}

impl Told {
    pub(super) const ALL: [Self; 2] = [Self::Patient, Self::Doctor];
}

/// What silence remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Silence {
    /// The last valid value: accepted readings, HI and LO, follow-ups, flagged readings too.
    last_value: Option<Timestamp>,
    /// Whether this silence has been told of, to each.
    prompted: bool,
    doctor_told: bool,
    /// What was told last was due then, or the person left what it rested on then: nothing earlier
    /// is told.
    settled: Option<Timestamp>,
    pub uploads: Uploads,
}

impl Silence {
    /// When the silence that lasts now reaches somebody who has not been told: in the cohort of that
    /// instant, and of people with a diagnosis or in a cohort that is watched without one.
    pub(super) fn due(&self, pack: &Pack, patient: &Patient, told: Told) -> Option<Timestamp> {
        if self.is_told(told) {
            return None;
        }
        let by_pack = self.due_by_pack(pack, patient, told);
        by_pack.into_iter().chain(self.due_by_plan(patient, told)).min()
    }

    /// Nothing was told yet of a silence since a value.
    pub(super) fn since(last_value: Option<Timestamp>) -> Self {
        Self { last_value, ..Self::default() }
    }

    /// Whether a silence is long enough, by what holds at an instant.
    pub(super) fn reached(
        &self,
        pack: &Pack,
        patient: &Patient,
        told: Told,
        at: Timestamp,
    ) -> bool {
        let fresh = Self { settled: Some(at), ..Self::since(self.last_value) };
        fresh.due(pack, patient, told).is_some_and(|due| due <= at)
    }

    /// Whether a person, or the doctor, has been told of the silence that lasts now.
    pub(super) const fn is_told(&self, told: Told) -> bool {
        match told {
            Told::Patient => self.prompted,
            Told::Doctor => self.doctor_told,
        }
    }

    /// What was told lost its ground at an instant: who is silent still is told anew.
    pub(super) fn forget(&mut self, told: Told, at: Timestamp) {
        self.set(told, false, at);
    }

    fn tell(&mut self, told: Told, due: Timestamp) {
        self.set(told, true, due);
    }

    fn set(&mut self, told: Told, is_told: bool, at: Timestamp) {
        self.settled = self.settled.max(Some(at));
        match told {
            Told::Patient => self.prompted = is_told,
            Told::Doctor => self.doctor_told = is_told,
        }
    }

    /// A length after an instant, but not before the row and the pack that say so, nor before what
    /// is settled.
    fn after(&self, patient: &Patient, since: Timestamp, days: Millis) -> Timestamp {
        since.plus(days).max(self.settled_by(patient))
    }

    /// Of what lies before this nothing is told, or ends, any more.
    pub(super) fn settled_by(&self, patient: &Patient) -> Timestamp {
        self.settled.map_or(patient.in_force_from, |settled| settled.max(patient.in_force_from))
    }

    /// The same by the person's own plan, whatever their cohort.
    fn due_by_plan(&self, patient: &Patient, told: Told) -> Option<Timestamp> {
        let since = self.last_value.or(patient.enrolled_at)?;
        let of_plan = |own: &Own| {
            let (prompt, doctor) = own.silences()?;
            let days = match told {
                Told::Patient => prompt,
                Told::Doctor => doctor,
            };
            let due = self.after(patient, since, days);
            patient.first_instant(due, |at| patient.own_cadence(at) == Some(own))
        };
        patient.plans.iter().filter_map(of_plan).min()
    }

    /// The same by the pack alone.
    fn due_by_pack(&self, pack: &Pack, patient: &Patient, told: Told) -> Option<Timestamp> {
        let days = |cohort| match told {
            Told::Patient => pack.missed.of(cohort).prompt,
            Told::Doctor => pack.missed.of(cohort).doctor,
        };
        let holds = |cohort, at| patient.cohort(pack, at) == cohort && watched(pack, patient, at);
        let tracked = Condition::Cohort(Cohort::C3);
        let of_cohort = |cohort| {
            let since = self.last_value.or(patient.enrolled_at)?;
            // Without a value the cured are tracked from the first day of their cohort.
            let from_cohort = |at| {
                self.last_value.is_none()
                    && cohort == Cohort::C3
                    && patient
                        .spans(tracked)
                        .any(|span| span.from.is_some() && span.holds(Timestamp::shanghai_day(at)))
            };
            let due = self.after(patient, since, days(cohort));
            patient.first_instant(due, |at| holds(cohort, at) && !from_cohort(at))
        };
        let of_span = |span: Span, cohort| {
            let begins = span.begins().filter(|_| self.last_value.is_none())?;
            let since = patient.enrolled_at.map_or(begins, |enrolled| enrolled.max(begins));
            let due = self.after(patient, since, days(cohort));
            patient.first_instant(due, |at| holds(cohort, at) && span.holds(at.shanghai_day()))
        };
        let cohorts = || Cohort::ALL.into_iter();
        let spans = patient.spans(tracked);
        let of_spans =
            spans.flat_map(|span| cohorts().filter_map(move |cohort| of_span(span, cohort)));
        cohorts().filter_map(of_cohort).chain(of_spans).min()
    }

    /// When a silence due at an instant could first be known; `None` while it cannot. What gateways
    /// upload gates it here without a trace: once known, it is as if it had been known when it was due.
    pub(super) fn covers(&self, patient: &Patient, due: Timestamp) -> Option<Timestamp> {
        if patient.is_known(due) { self.uploads.covers(due) } else { None }
    }

    pub(super) const fn value_at(&mut self, at: Timestamp) {
        self.last_value = Some(at);
        self.prompted = false;
        self.doctor_told = false;
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

    pub(super) const fn passed(&self) -> Option<Timestamp> {
        self.passed
    }

    pub(super) fn pass(&mut self, due: Timestamp) {
        self.passed = Some(self.passed.map_or(due, |passed| passed.min(due)));
    }
}

/// Silence lines hold for people with a diagnosis, or in C2 and C3 (DESIGN section 6).
pub(super) fn watched(pack: &Pack, patient: &Patient, at: Timestamp) -> bool {
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
        let covered = Told::ALL
            .into_iter()
            .filter_map(due)
            .filter(|due| self.silence.covers(patient, *due).is_some());
        let let_go = |told| self.lets_go(pack, patient, told);
        covered.chain(Told::ALL.into_iter().filter_map(let_go)).min()
    }

    /// When something would be due next that waits for a value, and whose gateways are not known to
    /// have told everything up to then.
    pub(super) fn next_held(&self, pack: &Pack, patient: &Patient) -> Option<Timestamp> {
        let due = self.uncertain_dues(pack, patient);
        let due = due.chain(self.silence.uploads.passed());
        due.filter(|due| !patient.is_known(*due)).min()
    }

    /// Whether something that was passed while it could not be known is known now.
    pub(super) fn has_passed(&self, patient: &Patient) -> bool {
        self.silence.uploads.passed().is_some_and(|passed| patient.is_known(passed))
    }

    /// Time alone goes on, past what waits for a gateway below.
    pub(super) fn pass_held(&mut self, pack: &Pack, patient: &Patient, at: Timestamp) {
        if patient.known_until.is_some() {
            self.pass_uncovered(pack, patient, at);
        }
    }

    /// Remembers what was due and could not be known: a later watermark may make it happen.
    pub(super) fn pass_uncovered(&mut self, pack: &Pack, patient: &Patient, at: Timestamp) {
        let uncovered = self.uncertain_dues(pack, patient);
        let earliest = uncovered.filter(|due| self.silence.covers(patient, *due).is_none()).min();
        if let Some(due) = earliest.filter(|due| *due <= at) {
            self.silence.uploads.pass(due);
        }
    }

    /// A valid value was taken: silence begins anew, and its alerts end.
    pub(super) fn sign_of_life(&mut self, bench: &mut Bench<'_>, at: Timestamp) {
        self.silence.value_at(at);
        self.ledger.resolve(bench, Concept::Missed, at);
        self.ledger.resolve(bench, Concept::MissedDoctor, at);
    }

    /// A silence is due (SEED3, SEED4, A7).
    pub(super) fn silent(&mut self, bench: &mut Bench<'_>, due: Timestamp, told: Told) {
        let by_pack = self.silence.due_by_pack(bench.pack, bench.patient, told);
        let own = by_pack.is_none_or(|by_pack| due < by_pack);
        self.silence.tell(told, due);
        let Some(known_at) = self.silence.covers(bench.patient, due) else { return };
        let moment = Moment { clock: known_at, ..Moment::due(due) };
        let line = match told {
            Told::Patient => (Concept::Missed, Level::Blue),
            Told::Doctor => (Concept::MissedDoctor, Level::Yellow),
        };
        let since = self.silence.last_value.or(bench.patient.enrolled_at).unwrap_or(due);
        let days = in_days(due.since(since));
        self.raise(bench, line, moment, || Words {
            zh: format!("已{days}天没有有效测量{}", if own { "（个人方案的频次）" } else { "" }),
            en: format!(
                "no valid value for {days} days{}",
                if own { " (cadence of the person's own plan)" } else { "" }
            ),
        });
        if told == Told::Doctor {
            self.component(bench, Component::MissedVisits, moment);
        }
    }

    /// "Red still open and no further value of that measure 24 h after its clock" (MM-3).
    pub(super) fn repeat_missed(&mut self, bench: &mut Bench<'_>, red: AlertId, due: Timestamp) {
        self.unrepeated.retain(|(waiting, _)| *waiting != red);
        let hours = in_hours(bench.pack.timers.repeat_after_red);
        let line = (Concept::MissedRepeat, Level::Orange);
        let known_at = self.silence.covers(bench.patient, due).unwrap_or(due);
        let moment = Moment { clock: known_at, ..Moment::due(due) };
        self.raise(bench, line, moment, || Words {
            zh: format!("急症提醒后{hours}小时内没有再测"),
            en: format!("no further value within {hours} h of an open emergency"),
        });
    }
}
