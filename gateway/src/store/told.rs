//! What somebody told a gateway whose clock was wrong (events of people, steps of alerts): when it
//! counts, once the clock was set.
//!
//! One rule at every gateway: what the gateway's own clock said (a receipt, a step) moves with the
//! clock, and so does a time that was stated by it: one of the day before its receipt that is nearer to
//! what the clock showed than to what was right. Any other stated time is somebody's own and stays. What
//! was told, and every id, stays as it was: the log and what travels hold it, look-ups find it moved.

use super::{AlertEvent, CardScan, CommitSeq, FactId, StoreError};
use crate::domain::{BenchId, Happened, Millis, PersonEvent, PersonId, SiteId, Timestamp};

/// What is stated of longer ago than this was looked up or remembered, not read off the clock. Our choice.
const STATED_WITHIN: Millis = Millis::hours(24);

/// What was told counts by so much later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldMoved {
    /// By how much.
    pub by: Millis,
    /// A step is this gateway's own, so that its own time moves; else what is claimed of it does.
    pub own: bool,
    /// This gateway's own estimate: what the clock's gateway says later replaces it.
    pub guess: bool,
}

impl ToldMoved {
    /// What holds where a clock was set before.
    pub(super) fn after(self, before: Option<Self>) -> Self {
        match before {
            Some(before) if !before.guess && !self.guess => {
                Self { by: Millis(before.by.0.saturating_add(self.by.0)), ..self }
            }
            Some(_) | None => self,
        }
    }

    /// An event as it counts. An act counts from its receipt: nobody did it before.
    #[must_use]
    pub fn event(self, mut event: PersonEvent) -> PersonEvent {
        let shown = event.received_at;
        event.received_at = shown.plus(self.by);
        event.at = self.stated(event.at, shown);
        if matches!(event.what, Happened::Act { .. }) {
            event.at = event.at.max(event.received_at);
        }
        event
    }

    /// A step as it counts, with the alert as it stood then.
    #[must_use]
    pub fn step(self, mut step: AlertEvent) -> AlertEvent {
        let shown = if self.own { step.at } else { step.claimed_at.unwrap_or(step.at) };
        step.claimed_at = step.claimed_at.map(|claimed| self.stated(claimed, shown));
        if let Some(visit) = &mut step.visit {
            visit.at = self.stated(visit.at, shown);
        }
        if self.own {
            step.at = shown.plus(self.by);
            let alert = &mut step.alert;
            alert.opened_at = self.stated(alert.opened_at, shown);
            alert.alert_at = self.stated(alert.alert_at, shown);
            alert.deadline = alert.deadline.map(|deadline| self.stated(deadline, shown));
        }
        step
    }

    /// A time that was stated when the clock showed another.
    #[must_use]
    pub fn stated(self, stated: Timestamp, shown: Timestamp) -> Timestamp {
        let ago = shown.since(stated);
        let (by_it, by_right) = (ago.0.abs(), ago.0.saturating_add(self.by.0).abs());
        if ago.0 <= STATED_WITHIN.0 && by_it <= by_right { stated.plus(self.by) } else { stated }
    }
}

/// By whose clock, and where in the log of that gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToldBy {
    /// By ours, after a position.
    Us(CommitSeq),
    /// By another gateway's: after a position of its log, before that fact of it.
    Gateway {
        /// After this position there.
        after: CommitSeq,
        /// Before this fact.
        before: FactId,
    },
}

/// What was told by a clock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToldSince {
    /// Events and steps: where each is in this log, and of whom. In the order of the log.
    pub told: Vec<(CommitSeq, PersonId)>,
    /// Cards: where each is in this log, and its name. In the order of the log.
    pub scans: Vec<(CommitSeq, FactId, CardScan)>,
}

/// What a unit finds of what was told, and of cards, by clocks that may be wrong.
pub trait ToldUnit {
    /// What was told by a clock. What other gateways told is found once its name is known.
    ///
    /// # Errors
    /// Any error of the store.
    fn told(&mut self, whose: &ToldBy) -> Result<ToldSince, StoreError>;

    /// By how much the settings of its gateway's clock that are known here moved a fact with a name.
    ///
    /// # Errors
    /// Any error of the store.
    fn clock_moved(&mut self, id: &FactId) -> Result<Millis, StoreError>;

    /// Whether cards were held to the reader of a bench from one instant to another, both included, that
    /// the log has up to a position.
    ///
    /// # Errors
    /// Any error of the store.
    fn had_scans(
        &mut self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
        upto: CommitSeq,
    ) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stated: &str, shown: &str, days: i64, expected: &str) {
        let at = |text: &str| Timestamp::parse(&format!("{text}:00+08:00")).unwrap();
        let moved = ToldMoved { by: Millis::days(days), own: true, guess: false };
        assert_eq!(moved.stated(at(stated), at(shown)), at(expected), "{stated}");
    }

    #[test]
    fn a_time_that_was_read_off_the_clock_moves_with_it() {
        check("2024-03-01T09:00", "2024-03-01T11:00", 996, "2026-11-22T09:00");
        check("2024-03-01T11:30", "2024-03-01T11:00", 996, "2026-11-22T11:30");
        check("2028-03-01T09:00", "2028-03-01T11:00", -465, "2026-11-22T09:00");
        check("2026-11-21T09:00", "2026-11-21T11:00", 1, "2026-11-22T09:00");
    }

    #[test]
    fn a_time_that_somebody_knew_stays() {
        check("2026-11-22T09:00", "2024-03-01T11:00", 996, "2026-11-22T09:00");
        check("2026-11-22T09:00", "2028-03-01T11:00", -465, "2026-11-22T09:00");
        check("2023-12-31T00:00", "2024-03-01T11:00", 996, "2023-12-31T00:00");
        check("2026-11-20T09:00", "2026-11-22T11:00", 1, "2026-11-20T09:00");
    }

    #[test]
    fn settings_add_up_and_a_guess_is_replaced() {
        let moved = |minutes, guess| ToldMoved { by: Millis::minutes(minutes), own: false, guess };
        assert_eq!(moved(60, false).after(None), moved(60, false));
        assert_eq!(moved(-20, false).after(Some(moved(60, false))), moved(40, false));
        assert_eq!(moved(-20, false).after(Some(moved(60, true))), moved(-20, false));
        assert_eq!(moved(-20, true).after(Some(moved(60, true))), moved(-20, true));
    }
}
