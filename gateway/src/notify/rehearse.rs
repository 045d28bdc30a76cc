//! What leaves, and when, rehearsed: the lanes, the groups and the caps of the one task that sends,
//! over rows and a clock that the caller moves. For simulations; it sends nothing.

use super::{
    lanes::Lanes,
    pace::{Ask, Cap, Caps, Verdict},
    plan::{Needed, Turn, is_needed, next_group},
};
use crate::{
    domain::{DoctorId, Level, NotificationKey, Timestamp},
    store::{Owed, view::AlertHistory},
};

/// A message that would have left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// To whom.
    pub recipient: DoctorId,
    /// When.
    pub at: Timestamp,
    /// Its rows.
    pub rows: Vec<Owed>,
    /// How many people it is about.
    pub people: usize,
    /// The gravest level that it tells of.
    pub level: Level,
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turned {
    /// A message leaves.
    Left(Left),
    /// A cap holds these rows for good: their alerts go to the next step.
    Capped(Cap, Vec<Owed>),
}

/// See the module.
#[derive(Debug)]
pub struct Rehearsal {
    lanes: Lanes,
    caps: Caps,
}

impl Rehearsal {
    /// Nothing is owed yet.
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        Self { lanes: Lanes::new(caps), caps }
    }

    /// A row came due.
    pub fn add(&mut self, row: Owed, now: Timestamp) {
        self.lanes.add(row, now);
    }

    /// When something may leave that may not now.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.lanes.next_wake()
    }

    /// Everything that leaves now, in order. `history` tells how the alert of a row stands.
    pub fn run<'h>(
        &mut self,
        now: Timestamp,
        history: impl Fn(&Owed) -> Option<&'h AlertHistory>,
    ) -> Vec<Turned> {
        let mut turned = Vec::new();
        loop {
            let turns = self.lanes.begin(now);
            if turns.is_empty() {
                return turned;
            }
            turned.extend(turns.into_iter().filter_map(|turn| self.turn(turn, &history)));
        }
    }

    fn turn<'h>(
        &mut self,
        turn: Turn,
        history: &impl Fn(&Owed) -> Option<&'h AlertHistory>,
    ) -> Option<Turned> {
        let Turn { recipient, rows, scarce, now } = turn;
        let (mut needed, mut done) = (Vec::new(), Vec::new());
        for row in rows {
            match history(&row).filter(|history| is_needed(row.change, history)) {
                Some(history) => needed.push(Needed::of(row, history)),
                None => done.push(row.key),
            }
        }
        let Some(group) = next_group(needed, scarce) else {
            self.lanes.end(&recipient, &done, now);
            return None;
        };
        let level = group.rows.iter().map(|row| row.level).max().unwrap_or(Level::Blue);
        let mut alerts: Vec<i64> = group.rows.iter().map(|row| row.alert).collect();
        alerts.dedup();
        let ask = Ask { red: level == Level::Red, again: false, alerts: &alerts };
        let caps = self.caps;
        let verdict = self.lanes.pace(&recipient).map(|pace| pace.admit(&caps, ask, now));
        let keys = |rows: &[Owed]| rows.iter().map(|row| row.key).collect::<Vec<NotificationKey>>();
        match verdict {
            Some(Verdict::Wait(until)) => {
                self.lanes.end(&recipient, &done, until);
                None
            }
            Some(Verdict::Capped(cap, alerts)) => {
                let mut held = group.rows;
                held.retain(|row| alerts.contains(&row.alert));
                done.extend(keys(&held));
                self.lanes.end(&recipient, &done, now);
                Some(Turned::Capped(cap, held))
            }
            Some(Verdict::Go) | None => {
                done.extend(keys(&group.rows));
                self.lanes.end(&recipient, &done, now);
                let (rows, people) = (group.rows, group.people);
                Some(Turned::Left(Left { recipient, at: now, rows, people, level }))
            }
        }
    }
}
