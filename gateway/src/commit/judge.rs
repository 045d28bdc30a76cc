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
    domain::{Grade, Millis, PersonId, Timestamp},
    store::{Fact, StoreError, StoredReading},
};

use super::group::Group;

/// Readings without number and time that say the same within so long cannot be told apart: one
/// session of the pack's `session.window_minutes`.
const SESSION_WINDOW: Millis = Millis::minutes(10);

/// People whose files are opened at once, with all their readings in memory for as long.
const OPENED_AT_ONCE: usize = 64;

/// What the lines remember of each person; bounded, and never the truth.
#[derive(Debug)]
pub(super) struct People {
    /// Files used of late.
    files: HashMap<PersonId, Box<File>>,
    /// Files used before those; one that is used again moves to them.
    older: HashMap<PersonId, Box<File>>,
    /// People of both together. Full: the older ones are forgotten, and half of all is kept.
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
    /// The registry has the person.
    registered: bool,
    /// Opened from the store, and not judged since.
    cold: bool,
}

impl People {
    pub(super) fn new(limit: usize) -> Self {
        Self { files: HashMap::new(), older: HashMap::new(), limit, instants: BTreeSet::new() }
    }

    pub(super) fn forget(&mut self) {
        self.files.clear();
        self.older.clear();
    }

    pub(super) fn forget_person(&mut self, person: &PersonId) {
        self.take(person);
    }

    /// Whether a file says that the registry has the person.
    pub(super) fn knows(&self, person: &PersonId) -> bool {
        self.file(person).is_some_and(|file| file.registered)
    }

    fn file(&self, person: &PersonId) -> Option<&File> {
        self.files.get(person).or_else(|| self.older.get(person)).map(Box::as_ref)
    }

    fn take(&mut self, person: &PersonId) -> Option<Box<File>> {
        self.files.remove(person).or_else(|| self.older.remove(person))
    }

    /// Whose instant has come, earliest first, at most so many.
    pub(super) fn take_due(&mut self, now: Timestamp, most: usize) -> Vec<PersonId> {
        let mut due = Vec::new();
        while due.len() < most
            && self.instants.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, person)) = self.instants.pop_first()
        {
            let file = self.files.get_mut(&person).or_else(|| self.older.get_mut(&person));
            if let Some(file) = file {
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

    /// Full: whoever was not seen for longest is forgotten, and read again when they come.
    fn keep(&mut self, person: PersonId, file: Box<File>) {
        if self.files.len().saturating_add(self.older.len()) >= self.limit {
            let mut room = self.limit / 2;
            self.older = std::mem::take(&mut self.files);
            self.older.retain(|_, _| {
                let stays = room > 0;
                room = room.saturating_sub(1);
                stays
            });
        }
        self.files.insert(person, file);
    }
}

impl Group<'_> {
    /// Judges every person whom this group's readings touch.
    pub(super) fn judge(&mut self) -> Result<(), StoreError> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_by(|left, right| owner(left).cmp(&owner(right)));
        let mut rest = touched.into_iter().peekable();
        while rest.peek().is_some() {
            let mut some = Vec::with_capacity(OPENED_AT_ONCE);
            while some.len() < OPENED_AT_ONCE
                && let Some(first) = rest.next()
            {
                let Some(person) = owner(&first).cloned() else { continue };
                let mut fresh = vec![first];
                while let Some(more) = rest.next_if(|more| owner(more) == Some(&person)) {
                    fresh.push(more);
                }
                some.push((person, fresh));
            }
            self.open_files(some.iter().map(|(person, _)| person))?;
            for (person, fresh) in some {
                self.judge_person(&person, fresh)?;
            }
        }
        self.judge_pasts()
    }

    /// The one place that says: something stored of a person means something else from now on. What
    /// is remembered of them is dropped, and they are judged anew, as by a late fact.
    pub(super) fn past_changed(&mut self, stored: StoredReading) {
        let Some(person) = owner(&stored).cloned() else { return };
        self.desk.people.forget_person(&person);
        self.past.entry(person).or_default().push(Box::new(stored));
    }

    /// Judges everybody whose past changed.
    fn judge_pasts(&mut self) -> Result<(), StoreError> {
        for (person, changed) in std::mem::take(&mut self.past) {
            self.open_files([&person].into_iter())?;
            let mut file = match self.desk.people.take(&person) {
                Some(file) => file,
                None => Box::new(self.folded(&person, &[])?),
            };
            self.fold_again(&person, &mut file, &changed)?;
            file.cold = false;
            self.set_next_instant(&person, &mut file);
            self.desk.people.keep(person, file);
        }
        Ok(())
    }

    /// Time alone may have changed what the lines say of a person.
    pub(super) fn judge_again(&mut self, person: &PersonId) -> Result<(), StoreError> {
        self.judge_person(person, Vec::new())
    }

    #[expect(clippy::vec_box, reason = "they become facts, which hold them so")]
    fn judge_person(
        &mut self,
        person: &PersonId,
        mut fresh: Vec<Box<StoredReading>>,
    ) -> Result<(), StoreError> {
        self.open_files([person].into_iter())?;
        let mut file = match self.desk.people.take(person) {
            Some(file) => file,
            None => Box::new(self.folded(person, &[])?),
        };
        let warm = !std::mem::take(&mut file.cold);
        self.mark_possible_duplicates(person, &mut fresh)?;
        let mut facts: Vec<Judged> =
            fresh.iter().filter_map(|reading| self.fact(reading)).collect();
        facts.sort_by_key(|fact| (fact.effective(self.pack), fact.id));
        let mut steps = Vec::new();
        let in_order = facts
            .iter()
            .all(|fact| file.state.apply(self.pack, &file.patient, fact, &mut steps).is_ok());
        if in_order {
            file.state.advance(self.pack, &file.patient, self.now, &mut steps);
        }
        if in_order && steps.is_empty() {
            // Nearly every reading: nobody asks for it again.
            self.facts.extend(fresh.into_iter().map(Fact::Reading));
        } else {
            self.facts.extend(fresh.iter().cloned().map(Fact::Reading));
            // What a cold start folded was judged before, perhaps by another registry or pack: only
            // a comparison with the store tells what is news.
            if in_order && warm {
                self.take_steps(person, &fresh, steps)?;
            } else {
                self.fold_again(person, &mut file, &fresh)?;
            }
        }
        self.set_next_instant(person, &mut file);
        self.desk.people.keep(person.clone(), file);
        Ok(())
    }

    /// Opens the files of those who have none open: everything the store holds of them is folded.
    fn open_files<'p>(
        &mut self,
        people: impl Iterator<Item = &'p PersonId>,
    ) -> Result<(), StoreError> {
        let closed = people.filter(|person| self.desk.people.file(person).is_none());
        let ever = Timestamp::from_millis(i64::MIN);
        let closed: Vec<_> = closed.map(|person| (person.clone(), ever)).collect();
        if closed.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let held = self.unit.readings(&closed)?;
        for ((person, _), held) in closed.into_iter().zip(held) {
            let file = self.folded(&person, &held)?;
            self.desk.people.keep(person, Box::new(file));
        }
        Ok(())
    }

    /// The state of a person of whom the store holds so much.
    fn folded(&mut self, person: &PersonId, held: &[StoredReading]) -> Result<File, StoreError> {
        let (patient, registered) = self.patient(person)?;
        let mut file = File { patient, state: State::new(), due_at: None, registered, cold: true };
        if held.is_empty() {
            return Ok(file);
        }
        let facts: Vec<Judged> = held.iter().filter_map(|reading| self.fact(reading)).collect();
        let last = facts.iter().map(|fact| fact.effective(self.pack)).max();
        let until = last.unwrap_or(self.now).min(self.now);
        (file.state, _) = assess::fold(self.pack, &file.patient, &facts, until);
        Ok(file)
    }

    /// The person as the lines see them, and whether the registry has them.
    fn patient(&mut self, id: &PersonId) -> Result<(Patient, bool), StoreError> {
        let Some(person) = self.desk.take_person(self.unit, id)? else {
            return Ok((Patient::new(id.clone()), false));
        };
        let household = self.desk.household(self.unit, &person)?;
        Ok((Patient::registered(self.pack, &person, household.as_ref(), None), true))
    }

    /// Judges everything of a person anew, because a fact came that lies before what was judged.
    fn fold_again(
        &mut self,
        person: &PersonId,
        file: &mut File,
        fresh: &[Box<StoredReading>],
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
        if stored.reading.measured.grade != Grade::D {
            // Its clock was believed: the fact has what it stated.
            return Some(fact);
        }
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
        fresh: &mut [Box<StoredReading>],
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
            seen.push(StoredReading::clone(stored));
        }
        Ok(())
    }

    /// Takes what the lines did, all of it for the first time.
    fn take_steps(
        &mut self,
        person: &PersonId,
        fresh: &[Box<StoredReading>],
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

#[cfg(test)]
mod tests {
    use super::*;

    fn person(number: usize) -> PersonId {
        PersonId::new(&format!("P{number}")).unwrap()
    }

    fn file(number: usize) -> Box<File> {
        let (patient, state) = (Patient::new(person(number)), State::new());
        Box::new(File { patient, state, due_at: None, registered: true, cold: false })
    }

    /// Uses the files of people in this order, ten in memory at most; how many had to be opened?
    #[track_caller]
    fn check(order: impl Iterator<Item = usize>, expected: usize) {
        let mut people = People::new(10);
        let mut opened = 0;
        for number in order {
            let known = people.take(&person(number)).unwrap_or_else(|| {
                opened += 1;
                file(number)
            });
            people.keep(person(number), known);
            assert!(people.knows(&person(number)));
            let kept = people.files.len() + people.older.len();
            assert!((opened.min(6)..=10).contains(&kept), "{kept}");
        }
        assert_eq!(opened, expected);
    }

    #[test]
    fn nobody_is_forgotten_while_there_is_room_for_all() {
        check((0..10).cycle().take(50), 10);
    }

    #[test]
    fn when_there_is_no_room_half_of_them_stay() {
        check(0..100, 100);
    }
}
