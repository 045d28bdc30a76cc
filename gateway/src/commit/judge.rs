//! What the new facts of each touched person change: the lines are asked, and care turns their
//! answer into owners, deadlines and messages, in the same transaction as the facts.
//!
//! A person's state is kept between units, so that a fact in its order costs one step. A fact that
//! lies before the state is judged by folding everything again from nothing; the difference between
//! what comes out and what stands is what changed. Both ways end in the same alerts.

use std::collections::HashMap;

use crate::{
    assess::{
        Assessment, Crossed, Ended, Episode, EpisodeState, Fact as Judged, Patient, State,
        Transition, Trigger, assess, episode,
    },
    care::{self, Opening, Paging, Team},
    domain::{
        Alert, AlertId, AlertState, Level, Person, PersonId, ReadingId, Rung, Setting, SiteRole,
        Timestamp,
    },
    store::{AlertChange, Change, Crossing, Fact, StoreError, StoredReading, Timer, TimerKind},
};

use super::group::Group;

/// What the lines remember of each person; bounded, and never the truth.
#[derive(Debug)]
pub(super) struct People {
    files: HashMap<PersonId, File>,
    limit: usize,
}

/// One person between units.
#[derive(Debug)]
struct File {
    patient: Patient,
    state: State,
}

impl People {
    pub(super) fn new(limit: usize) -> Self {
        Self { files: HashMap::new(), limit }
    }

    pub(super) fn forget(&mut self) {
        self.files.clear();
    }

    pub(super) fn forget_person(&mut self, person: &PersonId) {
        self.files.remove(person);
    }

    /// Full: everybody is forgotten, and read again when they come.
    fn keep(&mut self, person: PersonId, file: File) {
        if self.files.len() >= self.limit {
            self.files.clear();
        }
        self.files.insert(person, file);
    }
}

/// One person while their new facts are judged.
struct Case<'a> {
    person: &'a PersonId,
    patient: Patient,
    /// New readings, in the order of judgement.
    fresh: Vec<(Judged, &'a StoredReading)>,
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
        self.mark_possible_duplicates(person, fresh)?;
        for reading in fresh.iter() {
            self.facts.push(Fact::Reading(Box::new(reading.clone())));
        }
        let mut file = match self.desk.people.files.remove(person) {
            Some(file) => file,
            None => self.open_file(person)?,
        };
        let mut facts: Vec<Judged> = Vec::with_capacity(fresh.len());
        for reading in fresh.iter() {
            facts.extend(Judged::of_reading(self.pack, reading, None));
        }
        facts.sort_by_key(|fact| (fact.effective(self.pack), fact.id));
        let in_order = facts.first().is_none_or(|first| file.state.accepts(self.pack, first));
        if in_order {
            let mut steps = Vec::new();
            for fact in &facts {
                file.state.apply(self.pack, &file.patient, fact, &mut steps);
            }
            file.state.advance(self.pack, &file.patient, self.now, &mut steps);
            self.take_steps(person, fresh, steps)?;
        } else {
            self.flush()?;
            file = self.fold_again(person, &file.patient, fresh)?;
        }
        if let Some(due_at) = file.state.next_due() {
            self.changes.push(Change::SetTimer(reassess(person, due_at)));
        }
        self.desk.people.keep(person.clone(), file);
        Ok(())
    }
}
