//! How things stand between this gateway and its neighbours: for pages, metrics and whoever asks.
//!
//! Every neighbour has at most one alarm, and it stays until an operator entered a row for that
//! neighbour and it was heard again; what was refused is kept in the log, whatever is shown here.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{batch::Code, red::Days};
use crate::{domain::BoxId, domain::Timestamp, store::CommitSeq};

/// Boxes that are shown; more than any county has. One more is counted and not shown.
const BOXES_MAX: usize = 10_000;

/// What somebody must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Why.
    pub code: Code,
    /// Since when.
    pub since: Timestamp,
    /// How often since.
    pub times: u64,
}

/// How far this gateway's own log is above.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upward {
    /// Where to, as configured.
    pub to: String,
    /// Up to where the gateway above said, signed, that it has everything; `None`: it said nothing yet.
    pub uploaded: Option<CommitSeq>,
    /// When it last said something that was believed.
    pub contact: Option<Timestamp>,
    /// Exchanges that failed since.
    pub failures: u64,
    /// Batches that were taken.
    pub batches: u64,
    /// Envelopes that went up, in bytes.
    pub bytes: u64,
    /// Why the last one was not taken, if it was not.
    pub refused: Option<Code>,
    /// What somebody must look at.
    pub alarm: Option<Alarm>,
    /// Sites' days whose receipts are still to be compared with the gateway above.
    pub unchecked: u64,
    /// The gateway above is of a version that says no receipts.
    pub without_receipts: bool,
    /// Nothing can go up since then: what this box was enrolled with is damaged.
    pub damaged: Option<Timestamp>,
}

impl Upward {
    /// Facts that the gateway above has not said it has.
    #[must_use]
    pub fn waiting(&self, last: CommitSeq) -> u64 {
        let uploaded = self.uploaded.unwrap_or_default();
        u64::try_from(last.0.saturating_sub(uploaded.0)).unwrap_or(0)
    }

    /// The far end said that it has everything (promise P8).
    #[must_use]
    pub fn is_green(&self, last: CommitSeq) -> bool {
        self.uploaded == Some(last) && !self.must_be_looked_at()
    }

    /// Somebody must look at it.
    #[must_use]
    pub const fn must_be_looked_at(&self) -> bool {
        self.alarm.is_some() || self.damaged.is_some()
    }
}

/// How a gateway below stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Below {
    /// When something of it was last believed.
    pub contact: Option<Timestamp>,
    /// Up to where its log is here.
    pub upto: CommitSeq,
    /// Where its log ended when it last said so.
    pub last: CommitSeq,
    /// Batches that were taken.
    pub batches: u64,
    /// Envelopes that were refused.
    pub refused: u64,
    /// What somebody must look at.
    pub alarm: Option<Alarm>,
}

/// How things stand.
#[derive(Debug, Default)]
pub struct Status {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    up: Option<Upward>,
    below: BTreeMap<BoxId, Below>,
    days: Days,
}

impl Status {
    /// The gateway above, where one is configured.
    #[must_use]
    pub fn up(&self) -> Option<Upward> {
        self.state().up.clone()
    }

    /// Every gateway below that was heard, by name.
    #[must_use]
    pub fn below(&self) -> Vec<(BoxId, Below)> {
        self.state().below.iter().map(|(name, below)| (name.clone(), below.clone())).collect()
    }

    pub(super) fn alarm_of(&self, name: &BoxId) -> Option<Alarm> {
        self.state().below.get(name).and_then(|below| below.alarm.clone())
    }

    pub(super) fn change_up(&self, change: impl FnOnce(&mut Upward)) {
        change(self.state().up.get_or_insert_default());
    }

    pub(super) fn change_below(&self, name: &BoxId, change: impl FnOnce(&mut Below)) {
        let mut state = self.state();
        if state.below.len() < BOXES_MAX || state.below.contains_key(name) {
            change(state.below.entry(name.clone()).or_default());
        }
    }

    /// Nothing can go up: what this box was enrolled with is damaged.
    pub fn damaged(&self, to: &str, now: Timestamp) {
        self.change_up(|up| {
            to.clone_into(&mut up.to);
            up.damaged = Some(now);
        });
    }

    /// Receipts that are not equal at both ends.
    pub fn days<T>(&self, look: impl FnOnce(&mut Days) -> T) -> T {
        look(&mut self.state().days)
    }

    /// Somebody must look at a gateway below.
    pub fn alarm(&self, name: &BoxId, code: Code, now: Timestamp) {
        self.change_below(name, |below| raise(&mut below.alarm, code, now));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Raises an alarm, or counts one more of it. The first cause stays.
pub(super) fn raise(alarm: &mut Option<Alarm>, code: Code, now: Timestamp) {
    let alarm = alarm.get_or_insert(Alarm { code, since: now, times: 0 });
    alarm.times = alarm.times.saturating_add(1);
}
