//! The files of the people whom the lines know by heart: bounded, and never the truth.

use std::collections::{BTreeSet, HashMap};

use crate::{
    assess::{InForce, State},
    domain::{PersonId, Timestamp},
};

use super::served::Home;

/// What the lines remember of each person; bounded, and never the truth.
#[derive(Debug)]
pub(super) struct People {
    /// Files used of late.
    files: HashMap<PersonId, Box<File>>,
    /// Files used before those; one that is used again moves to them.
    older: HashMap<PersonId, Box<File>>,
    /// People of both together. Full: the older ones are forgotten, and half of all is kept.
    limit: usize,
    /// When time alone may change what the lines say of somebody within a day of a reading. Derived
    /// from the readings, so not rows; rebuilt at the start from whoever was measured of late. At
    /// most one for each person.
    instants: BTreeSet<(Timestamp, PersonId)>,
}

/// One person between units.
#[derive(Debug)]
pub(super) struct File {
    pub(super) in_force: InForce,
    pub(super) state: State,
    /// Where the person lives, while gateways below serve anybody.
    pub(super) home: Option<Home>,
    /// The instant that stands for the person.
    due_at: Option<Timestamp>,
    /// The registry has the person.
    registered: bool,
    /// The instant in the store at which the person is looked at, come what may.
    pub(super) watched: Option<Timestamp>,
    pub(super) steps: Steps,
    /// Readings in the state that a kept one would lack.
    pub(super) unkept: usize,
}

/// What is known of the steps that led to a file's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// All were taken: the store's alerts are those of the state.
    Taken,
    /// Those of the facts were; what time alone did since the state was kept may have been.
    Kept,
    /// The past was judged anew, perhaps by another registry or pack: any may be news.
    Folded,
}

impl File {
    /// A person of whom nothing has been judged.
    pub(super) fn new(in_force: InForce, registered: bool, watched: Option<Timestamp>) -> Self {
        Self {
            in_force,
            state: State::new(),
            home: None,
            due_at: None,
            registered,
            watched,
            steps: Steps::Taken,
            unkept: 0,
        }
    }
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

    pub(super) fn file(&self, person: &PersonId) -> Option<&File> {
        self.files.get(person).or_else(|| self.older.get(person)).map(Box::as_ref)
    }

    pub(super) fn take(&mut self, person: &PersonId) -> Option<Box<File>> {
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
    pub(super) fn keep(&mut self, person: PersonId, file: Box<File>) {
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

    /// Sets or clears the instant that stands for a person.
    pub(super) fn set_instant(
        &mut self,
        person: &PersonId,
        file: &mut File,
        due_at: Option<Timestamp>,
    ) {
        if due_at == file.due_at {
            return;
        }
        if let Some(before) = file.due_at {
            self.instants.remove(&(before, person.clone()));
        }
        self.instants.extend(due_at.map(|due_at| (due_at, person.clone())));
        file.due_at = due_at;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::assess::{Pack, Patient};

    fn person(number: usize) -> PersonId {
        PersonId::new(&format!("P{number}")).unwrap()
    }

    fn file(number: usize) -> Box<File> {
        let pack = Arc::new(Pack::built_in().unwrap());
        Box::new(File::new(InForce::always(pack, Patient::new(person(number))), true, None))
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
