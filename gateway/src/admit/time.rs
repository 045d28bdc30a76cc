//! How far a device's clock can be trusted, from what it said and when we had it.
//!
//! Raw device time is kept exactly as sent; this is only the estimate beside it. Offsets measured
//! at read-out and whole-session rebasing refine it later; nothing here ever enters an id.

use jiff::civil;

use crate::domain::{Grade, Measured, Millis, Timestamp};

/// A reading received so soon after the time it states was taken live (grade A).
pub const LIVE_WINDOW: Millis = Millis::minutes(10);

/// No reading is older than this: clocks that were never set show 1970, 2000, 2007, 2010 or 2014
/// and count on from there (FORMATS section 2.2).
const FIRST_CREDIBLE_DAY: civil::Date = civil::date(2015, 1, 1);

/// What a text says of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stated {
    /// With an offset: the sender knows its own.
    Absolute(Timestamp),
    /// Without: read on the clocks of China.
    Naive(Timestamp),
}

impl Stated {
    /// Reads device time as sent; `None` where it says no instant.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if let Some(instant) = Timestamp::parse(text) {
            return Some(Self::Absolute(instant));
        }
        let local = text.parse::<civil::DateTime>().ok()?;
        Timestamp::from_shanghai(local).map(Self::Naive)
    }

    /// The instant.
    #[must_use]
    pub const fn instant(self) -> Timestamp {
        match self {
            Self::Absolute(instant) | Self::Naive(instant) => instant,
        }
    }
}

/// The estimate of when a value was taken. `live_line`: the line it came by has no memory, so a
/// value without a time was taken when it came.
#[must_use]
pub fn measured(device_time: Option<&str>, received_at: Timestamp, live_line: bool) -> Measured {
    let Some(text) = device_time else {
        let grade = if live_line { Grade::A } else { Grade::D };
        return Measured { at: received_at, grade };
    };
    let unknown = Measured { at: received_at, grade: Grade::D };
    let Some(stated) = Stated::read(text) else {
        return unknown;
    };
    let at = stated.instant();
    let never_set = at.to_shanghai().is_none_or(|local| local.date() < FIRST_CREDIBLE_DAY);
    if never_set || at > received_at.plus(LIVE_WINDOW) {
        return unknown;
    }
    let grade = match stated {
        _ if received_at.since(at) <= LIVE_WINDOW => Grade::A,
        Stated::Absolute(_) => Grade::B,
        Stated::Naive(_) => Grade::C,
    };
    Measured { at, grade }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: &str = "2026-03-02T07:15:00+08:00";

    #[track_caller]
    fn check(sent: Option<&str>, live_line: bool, at: &str, grade: Grade) {
        let received = Timestamp::parse(RECEIVED).unwrap();
        let expected = Measured { at: Timestamp::parse(at).unwrap(), grade };
        assert_eq!(measured(sent, received, live_line), expected, "{sent:?}");
    }

    #[test]
    fn a_live_reading_is_trusted_whatever_its_zone() {
        check(Some("2026-03-02T07:10:00+08:00"), false, "2026-03-02T07:10:00+08:00", Grade::A);
        check(Some("2026-03-02T07:10:00"), false, "2026-03-02T07:10:00+08:00", Grade::A);
        check(Some("2026-03-01T23:10:00Z"), false, "2026-03-02T07:10:00+08:00", Grade::A);
    }

    #[test]
    fn a_stored_reading_is_trusted_as_far_as_its_sender_knows_its_offset() {
        check(Some("2026-02-27T07:10:00+08:00"), false, "2026-02-27T07:10:00+08:00", Grade::B);
        check(Some("2026-02-27T07:10:00"), false, "2026-02-27T07:10:00+08:00", Grade::C);
    }

    #[test]
    fn a_clock_that_was_never_set_or_runs_ahead_says_nothing() {
        check(Some("1970-01-01T00:00:05"), false, RECEIVED, Grade::D);
        check(Some("2014-01-01T01:01:01"), true, RECEIVED, Grade::D);
        check(Some("2014-03-05T10:00:00+08:00"), false, RECEIVED, Grade::D);
        check(Some("2099-01-01T00:00:00+08:00"), false, RECEIVED, Grade::D);
        check(Some("2026-03-02T07:25:00+08:00"), false, "2026-03-02T07:25:00+08:00", Grade::A);
        check(Some("2026-03-02T07:25:01+08:00"), false, RECEIVED, Grade::D);
    }

    #[test]
    fn an_absent_or_unreadable_time_is_the_time_of_receipt() {
        check(None, true, RECEIVED, Grade::A);
        check(None, false, RECEIVED, Grade::D);
        check(Some("2026-02-31T07:10:00"), false, RECEIVED, Grade::D);
        check(Some("yesterday"), true, RECEIVED, Grade::D);
    }
}
