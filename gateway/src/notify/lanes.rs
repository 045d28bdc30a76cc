//! One lane a recipient: their rows in order, one message at a time, so that a slow or dead
//! receiver keeps nobody waiting but its own messages. Decides only; does nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    pace::{Caps, Pace},
    plan::Turn,
};
use crate::{
    domain::{DoctorId, Level, NotificationKey, Timestamp},
    store::Owed,
};

/// Recipients served at the same time. Full: the others wait their turn, in order.
const BUSY_MAX: usize = 256;

/// Of these, recipients whose last attempt failed: dead receivers must not take every place.
const SUSPECT_BUSY_MAX: usize = 64;

/// Rows of one recipient that are looked at for the next message: what a van brings after days away is
/// one digest.
const ROWS_LOOKED_AT: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No rows.
    Idle,
    /// In the queue for a place.
    Queued,
    /// Not before then.
    Resting(Timestamp),
    /// A message is being decided, sent or recorded.
    Busy,
}

#[derive(Debug)]
struct Lane {
    rows: Vec<Owed>,
    pace: Pace,
    phase: Phase,
    suspect: bool,
    /// The address that said it takes no message any more.
    gone: Option<String>,
}

/// Every recipient with something owed.
#[derive(Debug)]
pub(super) struct Lanes {
    caps: Caps,
    lanes: BTreeMap<DoctorId, Lane>,
    queue: VecDeque<DoctorId>,
    resting: BTreeSet<(Timestamp, DoctorId)>,
    busy: usize,
    suspect_busy: usize,
}

impl Lanes {
    pub(super) fn new(caps: Caps) -> Self {
        Self {
            caps,
            lanes: BTreeMap::new(),
            queue: VecDeque::new(),
            resting: BTreeSet::new(),
            busy: 0,
            suspect_busy: 0,
        }
    }

    /// A row came due.
    pub(super) fn add(&mut self, row: Owed, now: Timestamp) {
        let name = row.recipient.clone();
        let caps = &self.caps;
        let lane = self.lanes.entry(name.clone()).or_insert_with(|| Lane {
            rows: Vec::new(),
            pace: Pace::new(caps, now),
            phase: Phase::Idle,
            suspect: false,
            gone: None,
        });
        lane.rows.push(row);
        if lane.phase == Phase::Idle {
            lane.phase = Phase::Queued;
            self.queue.push_back(name);
        }
    }

    /// The turns that begin now.
    pub(super) fn begin(&mut self, now: Timestamp) -> Vec<Turn> {
        while let Some((until, name)) = self.resting.first().cloned() {
            if until > now {
                break;
            }
            self.resting.pop_first();
            if let Some(lane) = self.lanes.get_mut(&name) {
                lane.phase = Phase::Queued;
                self.queue.push_back(name);
            }
        }
        let mut turns = Vec::new();
        for _ in 0..self.queue.len() {
            if self.busy >= BUSY_MAX {
                break;
            }
            if let Some(name) = self.queue.pop_front() {
                match self.begin_one(&name, now) {
                    Some(turn) => turns.push(turn),
                    None => self.queue.push_back(name),
                }
            }
        }
        turns
    }

    fn begin_one(&mut self, name: &DoctorId, now: Timestamp) -> Option<Turn> {
        let lane = self.lanes.get_mut(name)?;
        if lane.suspect && self.suspect_busy >= SUSPECT_BUSY_MAX {
            return None;
        }
        lane.phase = Phase::Busy;
        self.busy += 1;
        self.suspect_busy += usize::from(lane.suspect);
        lane.rows.sort_by_key(|row| (row.level != Level::Red, row.due_at, row.key));
        let rows = lane.rows.iter().take(ROWS_LOOKED_AT).cloned().collect();
        let scarce = lane.pace.is_scarce(&self.caps, now);
        Some(Turn { recipient: name.clone(), rows, scarce, now })
    }

    /// A turn ended: these rows are done, and the next turn is not before then.
    pub(super) fn end(&mut self, name: &DoctorId, done: &[NotificationKey], rest: Timestamp) {
        let Some(lane) = self.lanes.get_mut(name).filter(|lane| lane.phase == Phase::Busy) else {
            return;
        };
        self.busy = self.busy.saturating_sub(1);
        self.suspect_busy = self.suspect_busy.saturating_sub(usize::from(lane.suspect));
        lane.rows.retain(|row| !done.contains(&row.key));
        if lane.rows.is_empty() {
            lane.phase = Phase::Idle;
        } else {
            lane.phase = Phase::Resting(rest);
            self.resting.insert((rest, name.clone()));
        }
    }

    /// The recipient's receiver answered, or did not. Only while its turn lasts.
    pub(super) fn suspect(&mut self, name: &DoctorId, suspect: bool) {
        if let Some(lane) = self.lanes.get_mut(name).filter(|lane| lane.suspect != suspect) {
            lane.suspect = suspect;
            let busy = self.suspect_busy.saturating_sub(1);
            self.suspect_busy = if suspect { self.suspect_busy + 1 } else { busy };
        }
    }

    /// Whether the recipient's last attempt failed.
    pub(super) fn is_suspect(&self, name: &DoctorId) -> bool {
        self.lanes.get(name).is_some_and(|lane| lane.suspect)
    }

    /// The address takes no message any more.
    pub(super) fn close(&mut self, name: &DoctorId, url: &str) {
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.gone = Some(url.to_owned());
        }
    }

    /// Whether that address takes no message any more.
    pub(super) fn is_closed(&self, name: &DoctorId, url: &str) -> bool {
        self.lanes.get(name).is_some_and(|lane| lane.gone.as_deref() == Some(url))
    }

    /// The recipient's pace.
    pub(super) fn pace(&mut self, name: &DoctorId) -> Option<&mut Pace> {
        self.lanes.get_mut(name).map(|lane| &mut lane.pace)
    }

    /// When the next resting lane wakes.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.resting.first().map(|(until, _)| *until)
    }

    /// Rows that wait for a recipient.
    pub(super) fn waiting(&self, name: &DoctorId) -> usize {
        self.lanes.get(name).map_or(0, |lane| lane.rows.len())
    }

    /// Forgets recipients of whom nothing needs remembering.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let caps = self.caps;
        self.lanes.retain(|_, lane| {
            lane.phase != Phase::Idle
                || lane.gone.is_some()
                || lane.suspect
                || !lane.pace.is_rested(&caps, now)
        });
    }
}
