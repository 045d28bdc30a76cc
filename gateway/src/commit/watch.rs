//! Everybody is watched: whoever is never measured is looked at when their silence is due.
//!
//! Two things make somebody be looked at who is not measured. Their instant comes: it stands in the
//! store (`watch`), never later than when silence alone changes what the lines say of them, so that a
//! reading, which moves that instant, need not move the row: whoever is looked at too early gets their
//! next instant. Or the registry says something new of them, or of their household: its rows are
//! facts of the log, and a cursor tells up to which everybody concerned has been looked at. Neither
//! holds anything in memory, both go on after a restart where they stood, and both are paced: a few
//! people at each tick, more while nobody waits.

use crate::{
    domain::{Millis, PersonId, Timestamp},
    store::{Change, CommitSeq, StoreError},
};

use super::{group::Group, people::File};

/// Where the look at the registry's rows stands. Forgotten when a pack comes into force: it changes
/// the instants of all.
pub(super) const CURSOR: &str = "watch";

/// The longest time after a reading at which time alone changes what the lines say of it: the
/// repeat that a red wants within a day (LINES 6.3, MM-3), and an hour. Instants so near stand in
/// memory, and come back at a start from whoever was measured of late; those of silence stand in
/// the store.
pub(super) const INSTANTS_LAST: Millis = Millis::hours(25);

/// People looked at with the work of a tick: under a millisecond, which those who wait may notice.
const STEP_FIRST: usize = 4;

/// People looked at in one transaction while nobody waits: whoever comes meanwhile waits for it.
const STEP_MOST: usize = 64;

/// People looked at for one tick: an import of 121,300 is through within minutes, and rollups and
/// checkpoints have their turn between.
const TICK_MOST: usize = 1024;

/// How often somebody is looked at whose silence is due and waits for a gateway below: so long after it
/// was heard, at the latest, the silence is told. Our choice: silences are days long, and one look is
/// two writes at most.
pub(super) const HELD_LOOK: Millis = Millis::minutes(30);

/// How the looking goes on.
#[derive(Debug)]
pub(super) struct Watch {
    /// Up to here everybody whom the registry's rows concern has been looked at.
    swept: CommitSeq,
    step: usize,
    looked: usize,
    behind: bool,
}

impl Watch {
    pub(super) const fn new(swept: CommitSeq) -> Self {
        Self { swept, step: STEP_FIRST, looked: 0, behind: false }
    }

    /// Somebody was left over, and this tick's share is not used up: the next step is a larger one.
    /// Otherwise the next tick begins with a small one.
    pub(super) fn goes_on(&mut self, idle: bool) -> bool {
        let more = idle && self.behind && self.looked < TICK_MOST;
        if more {
            self.step = self.step.saturating_mul(2).min(STEP_MOST);
        } else {
            (self.step, self.looked) = (STEP_FIRST, 0);
        }
        more
    }
}

/// Why a person is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// They were measured, or an instant of theirs in memory came.
    Near,
    /// The watch says so: their instant in the store is made anew.
    Watch,
}

impl Group<'_> {
    /// Looks at the next few people whose instant has come, then at those whom the registry's rows
    /// concern.
    pub(super) fn look_around(&mut self) -> Result<(), StoreError> {
        let step = self.desk.watch.step;
        let due = self.unit.due_watches(self.now, step)?;
        let left = step.saturating_sub(due.len());
        for person in due {
            self.look(&person)?;
        }
        self.desk.watch.looked = self.desk.watch.looked.saturating_add(step);
        self.desk.watch.behind = left == 0;
        let (swept, last) = (self.desk.watch.swept, self.unit.last()?);
        if left == 0 || swept >= last {
            return Ok(());
        }
        let concerned = self.unit.concerned(swept, left)?;
        for person in &concerned.people {
            self.look(person)?;
            self.judge_visits_anew(person)?;
        }
        self.desk.watch.behind = concerned.upto < last;
        let rows = !concerned.people.is_empty() || self.desk.watch.behind;
        self.sweep_to(concerned.upto, rows)
    }

    /// The sweep stands there. Facts that are no rows of the registry cost no write.
    fn sweep_to(&mut self, upto: CommitSeq, keep: bool) -> Result<(), StoreError> {
        self.desk.watch.swept = upto;
        if keep {
            let follower = CURSOR.to_owned();
            self.changes.push(Change::Cursor { follower, to: Some(upto) });
        }
        self.flush()
    }

    /// Judges a person anew who may not have been measured for long. Their file stays open only if
    /// it was: looking at everybody must not drive those out who are measured.
    fn look(&mut self, person: &PersonId) -> Result<(), StoreError> {
        let open = self.desk.people.file(person).is_some();
        self.judge_again(person, Look::Watch)?;
        if !open {
            self.desk.people.forget_person(person);
        }
        Ok(())
    }

    /// Remembers when a person is to be looked at next: soon, or when their silence is due.
    pub(super) fn remember_due(&mut self, person: &PersonId, file: &mut File, look: Look) {
        let due_at = file.in_force.next_due(&file.state, self.now);
        let near = due_at.filter(|due_at| due_at.since(self.now) <= INSTANTS_LAST);
        self.desk.people.set_instant(person, file, near);
        let silence = file.in_force.next_silence(&file.state, self.now);
        let held = self.next_held(file);
        if let (Some(home), true) = (&file.home, held.is_some_and(|(_, waits)| waits)) {
            self.desk.served.hold(home, person);
        }
        let silence = silence.into_iter().chain(held.map(|(at, _)| at)).min();
        if silence == file.watched || (look == Look::Near && !self.too_late(file.watched, silence))
        {
            return;
        }
        file.watched = silence;
        self.changes.push(Change::Watch(person.clone(), silence));
    }

    /// When to look next at somebody whose silence waits for a gateway below: when it is due, and from
    /// then on again and again, and as soon as the gateway was heard; the flag says that it waits now.
    fn next_held(&self, file: &File) -> Option<(Timestamp, bool)> {
        if !file.in_force.waits_for_uploads() {
            return None;
        }
        let held = file.in_force.next_held(&file.state, self.now)?;
        let waits = held <= self.now;
        Some((if waits { self.now.plus(HELD_LOOK) } else { held }, waits))
    }

    /// Whether the instant in the store is none, or one that is over, or lies after the one that
    /// counts. An earlier one only makes somebody be looked at for nothing, and costs no write.
    fn too_late(&self, stored: Option<Timestamp>, counts: Option<Timestamp>) -> bool {
        match (stored, counts) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(stored), Some(counts)) => counts < stored || stored <= self.now,
        }
    }
}
