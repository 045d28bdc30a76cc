//! Corrections of time: what was found of the gateway's own clock, and what that makes of readings
//! that were stored before. What was received stays as it was.

use super::CommitSeq;
use crate::{
    domain::{Measured, Millis, ReadingId, Timestamp},
    uplink::parcel::SaidClock,
};

/// When a reading was taken and came, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The estimate of when it was taken.
    pub measured: Measured,
    /// When the first gateway had it, by a clock that was right.
    pub received_at: Timestamp,
    /// The first gateway had it more than the pack's `stale_hours` after it was measured.
    pub late: bool,
}

/// The times of a stored reading are others from now on. The latest correction counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retimed {
    /// Which.
    pub reading: ReadingId,
    /// What was known before.
    pub before: Timing,
    /// What is known now.
    pub after: Timing,
    /// When.
    pub at: Timestamp,
}

/// What the gateway found of its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockFound {
    /// It cannot be right: what is received from now on is only in its order.
    Doubted,
    /// It is right from now on. Whatever came after the position `since` was received by a clock that
    /// showed so much too little.
    Right {
        /// The beginning of the session, the position before its first fact.
        since: CommitSeq,
        /// By how much the clock moved.
        by: Millis,
    },
}

/// Something was found of the gateway's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockNote {
    /// What.
    pub found: ClockFound,
    /// When, as the clock shows then.
    pub at: Timestamp,
}

impl ClockNote {
    /// What other gateways are told of it: a setting moves what was told by that clock before.
    pub(super) fn said(&self) -> Option<SaidClock> {
        let ClockFound::Right { since, by } = self.found else { return None };
        (by != Millis::ZERO).then_some(SaidClock { since, by, at: self.at })
    }
}
