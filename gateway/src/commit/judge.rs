//! What the new facts of each touched person change: the lines are asked, and care turns their
//! answer into owners, deadlines and messages, in the same transaction as the facts.
//!
//! A person's state stays in memory between units, so that a fact in its order costs one step, and is
//! kept in the store every few readings, so that a start reads those few instead of a whole past. A
//! fact that lies before the state is judged by folding everything again from nothing; the
//! difference between what comes out and what stands is what changed. Every way ends in the same
//! alerts.

use std::collections::BTreeMap;

use crate::{
    assess::{Assessment, State, Transition},
    domain::{PersonEvent, PersonId, Timestamp},
    store::{Change, KeptState, Resumed, StoreError, StoredReading},
};

use super::{
    entered::known,
    event::{Fresh, judged},
    group::Group,
    people::{File, Steps},
    watch::Look,
};

/// People whose files are opened at once, with all their readings in memory for as long.
const OPENED_AT_ONCE: usize = 64;

/// Readings and events of a person after which their state is kept again: so many, at most, are read when they
/// come for the first time after a start. The fewer, the more is written for each reading.
const KEPT_EVERY: usize = 8;

impl Group<'_> {
    /// Judges every person whom this group's readings and events touch.
    pub(super) fn judge(&mut self) -> Result<(), StoreError> {
        let readings = std::mem::take(&mut self.touched);
        let events = std::mem::take(&mut self.happened);
        let mut fresh: BTreeMap<PersonId, Fresh> = BTreeMap::new();
        for (file, of_file) in Fresh::by_person(readings, events) {
            fresh.entry(self.survivor(file)?).or_default().join(of_file);
        }
        let mut rest = fresh.into_iter();
        loop {
            let some: Vec<_> = rest.by_ref().take(OPENED_AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            self.open_files(some.iter().map(|(person, _)| person))?;
            for (person, fresh) in some {
                self.judge_person(&person, fresh, Look::Near)?;
            }
        }
        self.judge_pasts()
    }

    /// The one place that says: something stored of a person means something else from now on. What
    /// is remembered of them is dropped, and they are judged anew, as by a late fact.
    pub(super) fn past_changed(&mut self, stored: StoredReading) {
        let Some(person) = owner(&stored).cloned() else { return };
        self.judge_anew(person).push(Box::new(stored));
    }

    /// A person is judged anew at the end of the group, with the readings that are given back.
    #[expect(clippy::vec_box, reason = "they are looked at beside new ones, which are held so")]
    pub(super) fn judge_anew(&mut self, person: PersonId) -> &mut Vec<Box<StoredReading>> {
        self.desk.people.forget_person(&person);
        self.changes.push(Change::ForgetState(person.clone()));
        self.past.entry(person).or_default()
    }

    /// Judges everybody whose past changed.
    pub(super) fn judge_pasts(&mut self) -> Result<(), StoreError> {
        let mut pasts: BTreeMap<PersonId, Fresh> = BTreeMap::new();
        for (file, readings) in std::mem::take(&mut self.past) {
            let person = self.survivor(file.clone())?;
            if person != file {
                self.desk.people.forget_person(&person);
                self.changes.push(Change::ForgetState(person.clone()));
            }
            pasts.entry(person).or_default().join(Fresh { readings, events: Vec::new() });
        }
        for (person, changed) in pasts {
            self.open_files([&person].into_iter())?;
            let mut file = match self.desk.people.take(&person) {
                Some(file) => file,
                None => Box::new(self.unread(&person)?),
            };
            self.fold_again(&person, &mut file, &changed)?;
            self.put_away(person, file, Look::Near);
        }
        Ok(())
    }

    /// A person's file goes back to the others.
    fn put_away(&mut self, person: PersonId, mut file: Box<File>, look: Look) {
        self.remember_due(&person, &mut file, look);
        self.desk.people.keep(person, file);
    }

    /// Time alone may have changed what the lines say of a person; of whoever counts as another they
    /// say nothing.
    pub(super) fn judge_again(&mut self, person: &PersonId, look: Look) -> Result<(), StoreError> {
        if self.desk.merged(self.unit)?.contains_key(person) {
            return Ok(());
        }
        self.judge_person(person, Fresh::default(), look)
    }

    pub(super) fn judge_person(
        &mut self,
        person: &PersonId,
        mut fresh: Fresh,
        look: Look,
    ) -> Result<(), StoreError> {
        let count = fresh.count();
        self.open_files([person].into_iter())?;
        let mut file = match self.desk.people.take(person) {
            Some(file) => file,
            None => Box::new(self.unread(person)?),
        };
        let before = file.steps;
        let passed = self.learn_until(&mut file)?;
        self.mark_possible_duplicates(person, &mut fresh.readings)?;
        let File { in_force, state, .. } = &mut *file;
        let facts = fresh.judged(in_force);
        let mut steps = Vec::new();
        let in_order =
            !passed && facts.iter().all(|fact| in_force.apply(state, fact, &mut steps).is_ok());
        if in_order {
            in_force.advance(state, self.now, &mut steps);
        }
        let nothing = in_order && steps.is_empty();
        let known = match before {
            Steps::Taken => true,
            Steps::Kept => nothing && self.agrees(person, &file.state)?,
            Steps::Folded => false,
        };
        if nothing && known {
            file.steps = Steps::Taken;
            // Nearly every reading: nobody asks for it again.
            self.facts.extend(fresh.into_facts());
        } else {
            self.facts.extend(fresh.facts());
            match before {
                Steps::Taken if in_order => self.take_steps(person, &fresh, steps)?,
                Steps::Kept if in_order && !nothing => {
                    self.take_news(person, &fresh, steps)?;
                    if !self.agrees(person, &file.state)? {
                        self.fold_again(person, &mut file, &fresh)?;
                    }
                }
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
        self.put_away(person.clone(), file, look);
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
                self.compare_where_rows_changed(&person, &mut file)?;
                self.desk.people.keep(person, Box::new(file));
            } else {
                unread.push((person, file));
            }
        }
        let ever = Timestamp::from_millis(i64::MIN);
        let asked: Vec<_> = unread.iter().map(|(person, _)| (person.clone(), ever)).collect();
        let held = self.unit.readings(&asked)?;
        let names: Vec<_> = asked.into_iter().map(|(person, _)| person).collect();
        let events = self.unit.events(&names)?;
        for (((person, mut file), held), events) in unread.into_iter().zip(held).zip(events) {
            let told = self.was_told_of(&person)?;
            self.fold_all(&mut file, (&held, &events), told);
            self.desk.people.keep(person, Box::new(file));
        }
        Ok(())
    }

    /// The file of a person before anything of theirs is judged.
    fn unread(&mut self, id: &PersonId) -> Result<File, StoreError> {
        let registered = self.desk.take_person(self.unit, id)?.is_some();
        let watched = self.unit.watched(id)?;
        let (in_force, lives) = known(self.unit, self.packs, id)?;
        let mut file = File::new(in_force, registered, watched);
        file.home = self.desk.served.home(self.unit, lives)?;
        self.learn_until(&mut file)?;
        Ok(file)
    }

    /// Goes on from a kept state, if it was judged with what is in force now and nothing came since
    /// that belongs before what it holds; says whether it did.
    fn resume(file: &mut File, Resumed { kept, since, events }: &Resumed) -> bool {
        let Some(mut state) = State::from_bytes(&kept.state) else { return false };
        let begun = state.position().at;
        let with = file.in_force.judged_with(begun);
        if with.is_none_or(|with| *with.as_bytes() != kept.judged_with) {
            return false;
        }
        // What they did is on disk.
        let mut done = Vec::new();
        let facts = judged(&file.in_force, since.iter(), events.iter());
        let in_order =
            facts.iter().all(|fact| file.in_force.apply(&mut state, fact, &mut done).is_ok());
        if in_order && !file.in_force.has_passed(&state) {
            // A row that was entered later may reach back to what came since.
            let other = file.in_force.changes_between(begun, state.position().at);
            file.steps = if other { Steps::Folded } else { Steps::Kept };
            file.in_force.forget_before(state.position().at);
            (file.state, file.unkept) = (state, facts.len());
            return true;
        }
        false
    }

    /// Whether the store has alerts of a person, with which a whole past has to be compared.
    fn was_told_of(&mut self, person: &PersonId) -> Result<bool, StoreError> {
        let alerts = self.unit.alerts(std::slice::from_ref(person))?;
        Ok(alerts.iter().any(|alerts| !alerts.is_empty()))
    }

    /// What time alone did after a state was kept may be undone by a row or a pack of since.
    fn compare_where_rows_changed(
        &mut self,
        person: &PersonId,
        file: &mut File,
    ) -> Result<(), StoreError> {
        if file.in_force.changes() && self.was_told_of(person)? {
            file.steps = Steps::Folded;
        }
        Ok(())
    }

    /// Folds everything that the store holds of a person, who was told of before or not.
    fn fold_all(
        &self,
        file: &mut File,
        (held, events): (&[StoredReading], &[PersonEvent]),
        told: bool,
    ) {
        if held.is_empty() && events.is_empty() {
            file.steps = if told { Steps::Folded } else { Steps::Taken };
            return;
        }
        let facts = judged(&file.in_force, held.iter(), events.iter());
        let last = facts.last().map(|fact| file.in_force.effective(fact));
        let until = last.unwrap_or(self.now).min(self.now);
        let (state, assessment) = file.in_force.fold(&facts, until);
        let news = told || !assessment.crossings.is_empty();
        file.steps = if news { Steps::Folded } else { Steps::Taken };
        (file.state, file.unkept) = (state, held.len().saturating_add(events.len()));
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
        fresh: &Fresh,
    ) -> Result<(), StoreError> {
        self.flush()?;
        let mut held = self.unit.readings(&[(person.clone(), Timestamp::from_millis(i64::MIN))])?;
        let held = held.pop().unwrap_or_default();
        let events = self.unit.events(std::slice::from_ref(person))?.pop().unwrap_or_default();
        // What only earlier facts ask for may have been forgotten.
        let (in_force, lives) = known(self.unit, self.packs, person)?;
        file.in_force = in_force;
        file.home = self.desk.served.home(self.unit, lives)?;
        self.learn_until(file)?;
        let facts = judged(&file.in_force, held.iter(), events.iter());
        let (state, assessment) = file.in_force.fold(&facts, self.now);
        file.in_force.forget_before(state.position().at);
        (file.state, file.steps) = (state, Steps::Taken);
        self.take_over(person, &assessment)?;
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
        fresh: &Fresh,
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
        self.hasten(&docket);
        Ok(())
    }

    /// Takes what the lines did, some of which may have been taken before the state was forgotten:
    /// what time alone did. Only what the store lacks is news.
    fn take_news(
        &mut self,
        person: &PersonId,
        fresh: &Fresh,
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
        self.hasten(&docket);
        Ok(())
    }
}

/// Whose a reading is.
fn owner(stored: &StoredReading) -> Option<&PersonId> {
    stored.attribution.as_ref().map(|attribution| &attribution.person)
}
