//! What the new facts of each touched person change: the lines are asked, and care turns their
//! answer into owners, deadlines and messages, in the same transaction as the facts.
//!
//! A person's state stays in memory between units, so that a fact in its order costs one step, and is
//! kept in the store every few readings, so that a start reads those few instead of a whole past. A
//! fact that lies before the state is judged by folding everything again from nothing; the
//! difference between what comes out and what stands is what changed. Every way ends in the same
//! alerts.

use crate::{
    assess::{Assessment, Fact as Judged, InForce, State, Transition},
    domain::{PersonId, Reading, Timestamp},
    store::{Change, Fact, KeptState, Resumed, StoreError, StoredReading},
};

use super::{
    entered::in_force,
    group::Group,
    people::{File, Steps},
};

/// People whose files are opened at once, with all their readings in memory for as long.
const OPENED_AT_ONCE: usize = 64;

/// Readings of a person after which their state is kept again: so many, at most, are read when they
/// come for the first time after a start. The fewer, the more is written for each reading.
const KEPT_EVERY: usize = 8;

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
        self.changes.push(Change::ForgetState(person.clone()));
        self.past.entry(person).or_default().push(Box::new(stored));
    }

    /// Judges everybody whose past changed.
    fn judge_pasts(&mut self) -> Result<(), StoreError> {
        for (person, changed) in std::mem::take(&mut self.past) {
            self.open_files([&person].into_iter())?;
            let mut file = match self.desk.people.take(&person) {
                Some(file) => file,
                None => Box::new(self.unread(&person)?),
            };
            self.fold_again(&person, &mut file, &changed)?;
            self.put_away(person, file);
        }
        Ok(())
    }

    /// A person's file goes back to the others.
    fn put_away(&mut self, person: PersonId, mut file: Box<File>) {
        let due_at = file.in_force.next_due(&file.state);
        self.desk.people.set_instant(&person, &mut file, due_at);
        self.desk.people.keep(person, file);
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
        let count = fresh.len();
        self.open_files([person].into_iter())?;
        let mut file = match self.desk.people.take(person) {
            Some(file) => file,
            None => Box::new(self.unread(person)?),
        };
        let before = file.steps;
        self.mark_possible_duplicates(person, &mut fresh)?;
        let File { in_force, state, .. } = &mut *file;
        let facts = facts_of(in_force, fresh.iter().map(Box::as_ref));
        let mut steps = Vec::new();
        let in_order = facts.iter().all(|fact| in_force.apply(state, fact, &mut steps).is_ok());
        if in_order {
            in_force.advance(state, self.now, &mut steps);
        }
        if in_order && steps.is_empty() && before != Steps::Folded {
            file.steps = Steps::Taken;
            // Nearly every reading: nobody asks for it again.
            self.facts.extend(fresh.into_iter().map(Fact::Reading));
        } else {
            self.facts.extend(fresh.iter().cloned().map(Fact::Reading));
            match before {
                Steps::Taken if in_order => self.take_steps(person, &fresh, steps)?,
                Steps::Kept if in_order => self.take_news(person, &fresh, steps)?,
                // Only a comparison of everything with the store tells what is news.
                Steps::Taken | Steps::Kept | Steps::Folded => {
                    self.fold_again(person, &mut file, &fresh)?;
                }
            }
            file.steps = Steps::Taken;
        }
        file.unkept = file.unkept.saturating_add(count);
        if file.unkept >= KEPT_EVERY {
            self.keep_state(person, &mut file);
        }
        self.put_away(person.clone(), file);
        Ok(())
    }

    /// Opens the files of those who have none open: from what is kept of them and what came since,
    /// else by folding everything that the store holds of them.
    fn open_files<'p>(
        &mut self,
        people: impl Iterator<Item = &'p PersonId>,
    ) -> Result<(), StoreError> {
        let closed = people.filter(|person| self.desk.people.file(person).is_none());
        let closed: Vec<PersonId> = closed.cloned().collect();
        if closed.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let kept = self.unit.kept(&closed)?;
        let mut unread = Vec::new();
        for (person, kept) in closed.into_iter().zip(kept) {
            let mut file = self.unread(&person)?;
            if kept.is_some_and(|kept| Self::resume(&mut file, &kept)) {
                self.desk.people.keep(person, Box::new(file));
            } else {
                unread.push((person, file));
            }
        }
        let ever = Timestamp::from_millis(i64::MIN);
        let asked: Vec<_> = unread.iter().map(|(person, _)| (person.clone(), ever)).collect();
        let held = self.unit.readings(&asked)?;
        for ((person, mut file), held) in unread.into_iter().zip(held) {
            self.fold_all(&mut file, &held);
            self.desk.people.keep(person, Box::new(file));
        }
        Ok(())
    }

    /// The file of a person before anything of theirs is judged.
    fn unread(&mut self, id: &PersonId) -> Result<File, StoreError> {
        let registered = self.desk.take_person(self.unit, id)?.is_some();
        Ok(File::new(in_force(self.unit, self.packs, id)?, registered))
    }

    /// Goes on from a kept state, if it was judged with what is in force now and nothing came since
    /// that belongs before what it holds; says whether it did.
    fn resume(file: &mut File, Resumed { kept, since }: &Resumed) -> bool {
        let Some(mut state) = State::from_bytes(&kept.state) else { return false };
        let begun = state.position().at;
        let with = file.in_force.judged_with(begun);
        if with.is_none_or(|with| *with.as_bytes() != kept.judged_with) {
            return false;
        }
        // What they did is on disk.
        let mut done = Vec::new();
        let facts = facts_of(&file.in_force, since.iter());
        let in_order =
            facts.iter().all(|fact| file.in_force.apply(&mut state, fact, &mut done).is_ok());
        if in_order {
            // A row that was entered later may reach back to what came since.
            let other = file.in_force.changes_between(begun, state.position().at);
            file.steps = if other { Steps::Folded } else { Steps::Kept };
            file.in_force.forget_before(state.position().at);
            (file.state, file.unkept) = (state, since.len());
        }
        in_order
    }

    /// Folds everything that the store holds of a person.
    fn fold_all(&self, file: &mut File, held: &[StoredReading]) {
        if held.is_empty() {
            return;
        }
        let facts = facts_of(&file.in_force, held.iter());
        let last = facts.last().map(|fact| file.in_force.effective(fact));
        let until = last.unwrap_or(self.now).min(self.now);
        (file.state, _) = file.in_force.fold(&facts, until);
        (file.steps, file.unkept) = (Steps::Folded, held.len());
    }

    /// Keeps what the lines remember of a person, so that a start need not read their past.
    fn keep_state(&mut self, person: &PersonId, file: &mut File) {
        file.unkept = 0;
        let with = file.in_force.judged_with(file.state.position().at);
        if let (Some(with), Some(state)) = (with, file.state.to_bytes()) {
            let (person, judged_with) = (person.clone(), *with.as_bytes());
            self.changes.push(Change::KeepState(Box::new(KeptState {
                person,
                judged_with,
                state,
            })));
        }
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
        // What only earlier facts ask for may have been forgotten.
        file.in_force = in_force(self.unit, self.packs, person)?;
        let facts = facts_of(&file.in_force, held.iter());
        let (state, assessment) = file.in_force.fold(&facts, self.now);
        file.in_force.forget_before(state.position().at);
        (file.state, file.steps) = (state, Steps::Taken);
        self.take_assessment(person, fresh, &assessment)
    }

    /// What has neither number nor time and says the same as another of its device within one
    /// session of the pack cannot be told apart from it: kept twice, marked, counted once.
    fn mark_possible_duplicates(
        &mut self,
        person: &PersonId,
        fresh: &mut [Box<StoredReading>],
    ) -> Result<(), StoreError> {
        if !fresh.iter().any(|stored| stored.reading.unnumbered) {
            return Ok(());
        }
        let window = self.pack.session_window();
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

    /// Takes what the lines did, some of which may have been taken before the state was forgotten:
    /// what time alone did. Only what the store lacks is news.
    fn take_news(
        &mut self,
        person: &PersonId,
        fresh: &[Box<StoredReading>],
        steps: Vec<Transition>,
    ) -> Result<(), StoreError> {
        let mut news = Assessment::default();
        news.follow(steps, None);
        let mut docket = self.docket(person, fresh)?;
        self.remember_recorded(&mut docket)?;
        for episode in &news.episodes {
            self.follow(&mut docket, episode)?;
        }
        docket.crossed.extend(&news.crossings);
        self.record_crossings(&docket);
        Ok(())
    }
}

/// Whose a reading is.
fn owner(stored: &StoredReading) -> Option<&PersonId> {
    stored.attribution.as_ref().map(|attribution| &attribution.person)
}

/// Stored readings as the lines see them, in the order in which they are judged.
fn facts_of<'r>(
    in_force: &InForce,
    readings: impl Iterator<Item = &'r StoredReading>,
) -> Vec<Judged> {
    let fact = |stored: &StoredReading| {
        let Reading { measured, received_at, .. } = &stored.reading;
        Judged::of_stored(in_force.pack_at(measured.at, *received_at), stored)
    };
    let mut facts: Vec<Judged> = readings.filter_map(fact).collect();
    facts.sort_by_key(|fact| (in_force.effective(fact), fact.id));
    facts
}
