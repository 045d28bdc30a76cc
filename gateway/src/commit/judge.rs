//! What the new facts of each touched person change: the lines are asked, and care turns their
//! answer into owners, deadlines and messages, in the same transaction as the facts.
//!
//! A person's state is kept between units, so that a fact in its order costs one step. A fact that
//! lies before the state is judged by folding everything again from nothing; the difference between
//! what comes out and what stands is what changed. Both ways end in the same alerts.

use std::collections::{BTreeSet, HashMap};

use crate::{
    admit::Stated,
    assess::{self, Fact as Judged, Patient, State, Transition},
    domain::{Millis, PersonId, Timestamp},
    store::{Fact, StoreError, StoredReading},
};

use super::group::Group;

/// Readings without number and time that say the same within so long cannot be told apart: one
/// session of the pack's `session.window_minutes`.
const SESSION_WINDOW: Millis = Millis::minutes(10);

/// What the lines remember of each person; bounded, and never the truth.
#[derive(Debug)]
pub(super) struct People {
    files: HashMap<PersonId, File>,
    limit: usize,
    /// When time alone may change what the lines say of somebody. Derived from the readings, so not
    /// rows; rebuilt at the start from whoever was measured of late. At most one for each person.
    instants: BTreeSet<(Timestamp, PersonId)>,
}

/// One person between units.
#[derive(Debug)]
pub(super) struct File {
    patient: Patient,
    state: State,
    /// The instant that stands for the person.
    due_at: Option<Timestamp>,
}

impl People {
    pub(super) fn new(limit: usize) -> Self {
        Self { files: HashMap::new(), limit, instants: BTreeSet::new() }
    }

    pub(super) fn forget(&mut self) {
        self.files.clear();
    }

    pub(super) fn forget_person(&mut self, person: &PersonId) {
        self.files.remove(person);
    }

    /// Whose instant has come, earliest first, at most so many.
    pub(super) fn take_due(&mut self, now: Timestamp, most: usize) -> Vec<PersonId> {
        let mut due = Vec::new();
        while due.len() < most
            && self.instants.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, person)) = self.instants.pop_first()
        {
            if let Some(file) = self.files.get_mut(&person) {
                file.due_at = None;
            }
            due.push(person);
        }
        due
    }

    /// Somebody is to be looked at as soon as there is time.
    pub(super) fn look_at(&mut self, person: PersonId) {
        self.instants.insert((Timestamp::from_millis(i64::MIN), person));
    }

    /// Full: everybody is forgotten, and read again when they come.
    fn keep(&mut self, person: &PersonId, file: File) {
        if self.files.len() >= self.limit {
            self.files.clear();
        }
        self.files.insert(person.clone(), file);
    }
}

impl Group<'_> {
    /// Judges every person whom this group's readings touch.
    pub(super) fn judge(&mut self) -> Result<(), StoreError> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_by(|left, right| owner(left).cmp(&owner(right)));
        for readings in touched.chunk_by_mut(|left, right| owner(left) == owner(right)) {
            if let Some(person) = readings.first().and_then(owner).cloned() {
                self.judge_person(&person, readings)?;
            }
        }
        Ok(())
    }

    /// Time alone may have changed what the lines say of a person.
    pub(super) fn judge_again(&mut self, person: &PersonId) -> Result<(), StoreError> {
        self.judge_person(person, &mut [])
    }

    fn judge_person(
        &mut self,
        person: &PersonId,
        fresh: &mut [StoredReading],
    ) -> Result<(), StoreError> {
        let known = self.desk.people.files.remove(person);
        let warm = known.is_some();
        let mut file = match known {
            Some(file) => file,
            None => self.open_file(person)?,
        };
        self.mark_possible_duplicates(person, fresh)?;
        let mut facts: Vec<Judged> =
            fresh.iter().filter_map(|reading| self.fact(reading)).collect();
        facts.sort_by_key(|fact| (fact.effective(self.pack), fact.id));
        let mut steps = Vec::new();
        let in_order = facts
            .iter()
            .all(|fact| file.state.apply(self.pack, &file.patient, fact, &mut steps).is_ok());
        for reading in fresh.iter() {
            self.facts.push(Fact::Reading(Box::new(reading.clone())));
        }
        if in_order {
            file.state.advance(self.pack, &file.patient, self.now, &mut steps);
        }
        // What a cold start folded was judged before, perhaps by another registry or pack: only a
        // comparison with the store tells what is news.
        if in_order && (warm || steps.is_empty()) {
            if !steps.is_empty() {
                self.take_steps(person, fresh, steps)?;
            }
        } else {
            self.fold_again(person, &mut file, fresh)?;
        }
        self.set_next_instant(person, &mut file);
        self.desk.people.keep(person, file);
        Ok(())
    }

    /// The person's state, folded from everything the store holds of them.
    fn open_file(&mut self, person: &PersonId) -> Result<File, StoreError> {
        let patient = self.patient(person)?;
        self.flush()?;
        let mut held = self.unit.readings(&[(person.clone(), Timestamp::from_millis(i64::MIN))])?;
        let held = held.pop().unwrap_or_default();
        if held.is_empty() {
            let state = State::new();
            return Ok(File { patient, state, due_at: None });
        }
        let facts: Vec<Judged> = held.iter().filter_map(|reading| self.fact(reading)).collect();
        let last = facts.iter().map(|fact| fact.effective(self.pack)).max();
        let until = last.unwrap_or(self.now).min(self.now);
        let (state, _) = assess::fold(self.pack, &patient, &facts, until);
        Ok(File { patient, state, due_at: None })
    }

    fn patient(&mut self, id: &PersonId) -> Result<Patient, StoreError> {
        let Some(person) = self.desk.person(self.unit, id)?.cloned() else {
            return Ok(Patient::new(id.clone()));
        };
        let household = self.desk.household(self.unit, &person)?;
        Ok(Patient::registered(self.pack, &person, household.as_ref(), None))
    }

    /// Judges everything of a person anew, because a fact came that lies before what was judged.
    fn fold_again(
        &mut self,
        person: &PersonId,
        file: &mut File,
        fresh: &[StoredReading],
    ) -> Result<(), StoreError> {
        self.flush()?;
        let mut held = self.unit.readings(&[(person.clone(), Timestamp::from_millis(i64::MIN))])?;
        let held = held.pop().unwrap_or_default();
        let facts: Vec<Judged> = held.iter().filter_map(|reading| self.fact(reading)).collect();
        let (state, assessment) = assess::fold(self.pack, &file.patient, &facts, self.now);
        file.state = state;
        self.take_assessment(person, fresh, &assessment)
    }

    /// A stored reading as the lines see it; a clock that ran ahead is told as it was stated.
    fn fact(&self, stored: &StoredReading) -> Option<Judged> {
        let mut fact = Judged::of_reading(self.pack, stored, None)?;
        let stated = stored.reading.device_time.as_deref().and_then(Stated::read);
        if let Some(stated) = stated.map(Stated::instant)
            && stated > stored.reading.received_at.plus(self.pack.future_skew())
        {
            fact.at = stated;
        }
        Some(fact)
    }

    fn set_next_instant(&mut self, person: &PersonId, file: &mut File) {
        let due_at = file.state.next_due(self.pack, &file.patient);
        if due_at == file.due_at {
            return;
        }
        let instants = &mut self.desk.people.instants;
        if let Some(before) = file.due_at {
            instants.remove(&(before, person.clone()));
        }
        instants.extend(due_at.map(|due_at| (due_at, person.clone())));
        file.due_at = due_at;
    }

    /// What has neither number nor time and says the same as another of its device within one
    /// session cannot be told apart from it: kept twice, marked, counted once.
    fn mark_possible_duplicates(
        &mut self,
        person: &PersonId,
        fresh: &mut [StoredReading],
    ) -> Result<(), StoreError> {
        if !fresh.iter().any(|stored| stored.reading.unnumbered) {
            return Ok(());
        }
        let window = SESSION_WINDOW;
        let earliest = fresh.iter().map(|stored| stored.reading.received_at).min();
        let from = earliest.unwrap_or(self.now).minus(window);
        let mut seen: Vec<StoredReading> =
            self.unit.readings(&[(person.clone(), from)])?.pop().unwrap_or_default();
        for stored in fresh.iter_mut().filter(|stored| stored.reading.unnumbered) {
            let alike = |other: &StoredReading| {
                let apart = stored.reading.received_at.since(other.reading.received_at);
                other.reading.unnumbered
                    && other.reading.device == stored.reading.device
                    && other.reading.content == stored.reading.content
                    && apart < window
            };
            stored.possible_duplicate = seen.iter().any(alike);
            seen.push(stored.clone());
        }
        Ok(())
    }

    /// Takes what the lines did, all of it for the first time.
    fn take_steps(
        &mut self,
        person: &PersonId,
        fresh: &[StoredReading],
        steps: Vec<Transition>,
    ) -> Result<(), StoreError> {
        let mut docket = self.docket(person, fresh)?;
        for step in steps {
            match step {
                Transition::Changed(_, episode) => self.follow(&mut docket, &episode)?,
                Transition::Crossed(crossed) => docket.crossed.push(crossed),
            }
        }
        self.record_crossings(&docket);
        Ok(())
    }
}

/// Whose a reading is.
fn owner(stored: &StoredReading) -> Option<&PersonId> {
    stored.attribution.as_ref().map(|attribution| &attribution.person)
}
