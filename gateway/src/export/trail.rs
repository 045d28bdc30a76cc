//! How far back a sink may have forgotten: decides when the cursor may move, and from where to
//! send again.
//!
//! VictoriaMetrics answers 204 before the points are on disk; killed right after, it forgets them
//! (STORE section 9: 5,000 of 5,000 points; after 7 s none). So a position counts as kept only when
//! a later write was accepted [`SETTLE`] after it, and after a failure everything accepted within
//! [`RESEND`] before the last acceptance is sent again. Points are idempotent, so twice is once.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::store::CommitSeq;

/// The cursor trails the last accepted write by at least this (STORE section 9).
pub(super) const SETTLE: Duration = Duration::from_secs(10);

/// What was accepted so long before the last acceptance is sent again after a failure
/// (STORE section 9).
pub(super) const RESEND: Duration = Duration::from_secs(30);

/// Positions whose facts a sink accepted lately.
#[derive(Debug)]
pub(super) struct Trail {
    /// Up to here everything was accepted longer than [`RESEND`] ago.
    base: CommitSeq,
    /// Up to here everything is kept.
    settled: CommitSeq,
    accepted: VecDeque<(Instant, CommitSeq)>,
    /// What is not settled is being sent once more.
    confirming: bool,
}

impl Trail {
    pub(super) const fn new(cursor: CommitSeq) -> Self {
        Self { base: cursor, settled: cursor, accepted: VecDeque::new(), confirming: false }
    }

    /// The sink accepted everything up to a position.
    pub(super) fn accept(&mut self, now: Instant, to: CommitSeq) {
        self.confirming = false;
        self.accepted.push_back((now, to));
        for (at, seq) in &self.accepted {
            if *at + SETTLE <= now {
                self.settled = self.settled.max(*seq);
            }
        }
        while let Some((at, seq)) = self.accepted.front().copied() {
            if at + RESEND > now {
                break;
            }
            self.base = self.base.max(seq);
            self.accepted.pop_front();
        }
    }

    /// Nothing up to a position had to be sent: it is kept as soon as what stands before it is.
    pub(super) fn pass(&mut self, to: CommitSeq) {
        match self.accepted.back_mut() {
            Some((_, seq)) if *seq > self.settled => *seq = (*seq).max(to),
            _ => self.settled = self.settled.max(to),
        }
    }

    /// Everything up to here is kept.
    pub(super) const fn settled(&self) -> CommitSeq {
        self.settled
    }

    /// Where to send again from after a failure.
    pub(super) fn resend_from(&mut self) -> CommitSeq {
        self.accepted.clear();
        self.confirming = false;
        self.never_before()
    }

    /// When what is not settled should be sent once more, because no later write has shown that it
    /// is kept.
    pub(super) fn confirm_at(&self) -> Option<Instant> {
        let (at, seq) = self.accepted.back()?;
        (*seq > self.settled && !self.confirming).then_some(*at + SETTLE)
    }

    /// Begins to send once more what is not settled: from where.
    pub(super) const fn confirm(&mut self) -> CommitSeq {
        self.confirming = true;
        self.settled
    }

    /// Nothing up to here is ever sent again.
    pub(super) fn never_before(&self) -> CommitSeq {
        self.base.min(self.settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        start: Instant,
        trail: Trail,
    }

    impl Case {
        fn new() -> Self {
            Self { start: Instant::now(), trail: Trail::new(CommitSeq(100)) }
        }

        #[track_caller]
        fn check(&mut self, second: u64, accepted: i64, (settled, resend): (i64, i64)) {
            self.trail.accept(self.start + Duration::from_secs(second), CommitSeq(accepted));
            let mut probe = Trail { accepted: self.trail.accepted.clone(), ..self.trail };
            let got = (self.trail.settled().0, probe.resend_from().0);
            assert_eq!(got, (settled, resend), "after {accepted} at {second} s");
        }
    }

    #[test]
    fn a_position_is_kept_when_a_write_ten_seconds_later_was_accepted() {
        let mut case = Case::new();
        case.check(0, 110, (100, 100));
        case.check(9, 120, (100, 100));
        case.check(10, 130, (110, 100));
        case.check(19, 140, (120, 100));
    }

    #[test]
    fn half_a_minute_is_sent_again_after_a_failure() {
        let mut case = Case::new();
        case.check(0, 110, (100, 100));
        case.check(20, 120, (110, 100));
        case.check(30, 130, (120, 110));
        case.check(55, 140, (130, 120));
    }

    #[test]
    fn what_no_later_write_confirms_is_sent_once_more_and_then_settled() {
        let mut case = Case::new();
        case.check(0, 110, (100, 100));
        assert_eq!(case.trail.confirm_at(), Some(case.start + SETTLE));
        assert_eq!((case.trail.confirm(), case.trail.confirm_at()), (CommitSeq(100), None));
        case.check(10, 110, (110, 100));
        assert_eq!(case.trail.confirm_at(), None);
    }

    #[test]
    fn facts_without_lines_wait_for_those_before_them() {
        let mut case = Case::new();
        case.trail.pass(CommitSeq(105));
        assert_eq!(case.trail.settled(), CommitSeq(105));
        case.check(0, 110, (105, 100));
        case.trail.pass(CommitSeq(115));
        assert_eq!(case.trail.settled(), CommitSeq(105));
        case.check(10, 120, (115, 100));
    }
}
