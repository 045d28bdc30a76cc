//! What the operator sees of the channels: counts, the last word of every recipient's receiver, and
//! the alarms. Written by the notifier, read by pages and metrics.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::{AlertId, DoctorId, Timestamp};

/// Alarms kept for the page; older ones are in the log only.
const ALARMS_KEPT: usize = 100;

/// Something that the operator must act on: a doctor was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// When.
    pub at: Timestamp,
    /// Who was not told.
    pub recipient: DoctorId,
    /// Of which alert.
    pub alert: AlertId,
    /// Why. Nothing personal.
    pub why: String,
}

/// How one recipient's receiver does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// When it last took a message.
    pub last_delivered: Option<Timestamp>,
    /// When an attempt last failed, and what was said.
    pub last_failed: Option<(Timestamp, String)>,
    /// Messages that wait for it.
    pub waiting: usize,
    /// It said that it takes none any more (HTTP 410).
    pub gone: bool,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// Owed rows whose receiver has them.
    pub delivered: u64,
    /// Attempts to send a message, each about one or more rows.
    pub attempts: u64,
    /// Attempts that failed and are tried again.
    pub failed: u64,
    /// Rows given up: each is an alarm.
    pub dead: u64,
    /// Rows that nobody needed any more.
    pub dropped: u64,
    /// Red messages held by a cap, whose alert went to the next step: each is an alarm.
    pub capped: u64,
    /// Messages sent without a signature, for want of a secret.
    pub unsigned: u64,
    /// Rows in hand now.
    pub claimed: usize,
    /// Whether messages may leave at all.
    pub gate_open: bool,
}

#[derive(Debug, Default)]
struct Inner {
    numbers: Numbers,
    alarms: VecDeque<Alarm>,
    recipients: BTreeMap<DoctorId, Standing>,
}

/// The notifier's board.
#[derive(Debug, Default)]
pub struct Board(Mutex<Inner>);

impl Board {
    /// The counts.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.lock().numbers
    }

    /// The latest alarms, oldest first.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        self.lock().alarms.iter().cloned().collect()
    }

    /// How every recipient's receiver does.
    #[must_use]
    pub fn recipients(&self) -> BTreeMap<DoctorId, Standing> {
        self.lock().recipients.clone()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Numbers)) {
        change(&mut self.lock().numbers);
    }

    pub(super) fn recipient(&self, name: &DoctorId, change: impl FnOnce(&mut Standing)) {
        change(self.lock().recipients.entry(name.clone()).or_default());
    }

    pub(super) fn alarm(&self, alarm: Alarm) {
        let mut inner = self.lock();
        inner.alarms.push_back(alarm);
        if inner.alarms.len() > ALARMS_KEPT {
            inner.alarms.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
