//! How far a device's clock can be trusted, from what it said and when we had it.
//!
//! Raw device time is kept exactly as sent; this is only the estimate beside it. What one reading
//! says of itself is judged here; what the readings of one delivery and a clock that was asked say
//! together, in `order`. Nothing here ever enters an id.

mod order;

#[cfg(test)]
mod faults;

use jiff::civil;

pub use order::ClockCheck;
pub(super) use order::{Order, settle};

use crate::domain::{Grade, Measured, Millis, Reading, Timestamp};

/// A reading received so soon after the time it states was taken live (grade A).
pub const LIVE_WINDOW: Millis = Millis::minutes(10);

/// What a clock may be off and still count as right (issue 4, "measured time within 2 min").
pub const CLOCK_TOLERANCE: Millis = Millis::minutes(2);

/// No reading is older than this: clocks that were never set show 1970, 2000, 2007, 2010 or 2014
/// and count on from there (FORMATS section 2.2).
const FIRST_CREDIBLE_DAY: civil::Date = civil::date(2015, 1, 1);

/// Clocks that begin at the New Year of a later year: a stated time on that day is no time where
/// the reading comes so long after it. Our choice; in between, a New Year's Day is one.
const NEW_YEAR_EPOCH_AFTER: Millis = Millis::days(366);

/// By how much clocks are wrong that were set with care: summer time kept or missed, where China
/// keeps none, and a clock set to UTC. What the clock shows is so much before the true time.
const HOUR_MISTAKES: [Millis; 3] =
    [Millis::hours(1), Millis::hours(-1), Timestamp::SHANGHAI_OFFSET];

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
        of_naive(local).map(Self::Naive)
    }

    /// The instant.
    #[must_use]
    pub const fn instant(self) -> Timestamp {
        match self {
            Self::Absolute(instant) | Self::Naive(instant) => instant,
        }
    }
}

/// The instant of a naive device time. This is the one place that says in which zone devices count:
/// all in China's, for no model of FORMATS sends UTC (section 2.2). A model that does belongs here.
fn of_naive(local: civil::DateTime) -> Option<Timestamp> {
    Timestamp::from_shanghai(local)
}

/// Whether a clock that shows this was never set. Such clocks begin at a factory's day and count on.
fn never_set(at: Timestamp, received_at: Timestamp) -> bool {
    at.to_shanghai().is_none_or(|local| {
        let new_year = local.month() == 1 && local.day() == 1;
        local.date() < FIRST_CREDIBLE_DAY
            || (new_year && received_at.since(at) > NEW_YEAR_EPOCH_AFTER)
    })
}

/// The estimate of when a value was taken, from what it says alone. `live_line`: the line it came by
/// has no memory, so a value without a time was taken when it came.
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
    if never_set(at, received_at) {
        return unknown;
    }
    let behind = received_at.since(at);
    let live = behind <= LIVE_WINDOW && behind >= Millis(-LIVE_WINDOW.0);
    if live {
        return Measured { at, grade: Grade::A };
    }
    if let (true, Stated::Naive(_), Some(mistake)) = (live_line, stated, hour_mistake(behind)) {
        return Measured { at: at.plus(mistake), grade: Grade::B };
    }
    if behind < Millis::ZERO {
        return unknown;
    }
    let grade = match stated {
        Stated::Absolute(_) => Grade::B,
        Stated::Naive(_) => Grade::C,
    };
    Measured { at, grade }
}

/// Whether the estimate is no instant that a clock told, but only a place between others: it says
/// nothing of who was at a bench then.
#[must_use]
pub fn only_ordered(reading: &Reading) -> bool {
    const MOVED_AT_LEAST: Millis = Millis::minutes(1);
    let Measured { at, grade } = reading.measured;
    let stated = reading.device_time.as_deref().and_then(Stated::read);
    let moved = stated.is_some_and(|stated| at.since(stated.instant()).0.abs() >= MOVED_AT_LEAST.0);
    grade == Grade::C && moved
}

/// The mistake of a clock whose live reading came so long after the time it states, if it is one of
/// those that are made.
fn hour_mistake(behind: Millis) -> Option<Millis> {
    HOUR_MISTAKES.into_iter().find(|mistake| (behind.0 - mistake.0).abs() <= CLOCK_TOLERANCE.0)
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
    fn the_new_year_of_a_past_year_is_where_a_clock_began_to_count() {
        check(Some("2023-01-01T03:05:00"), false, RECEIVED, Grade::D);
        check(Some("2023-01-02T03:05:00"), false, "2023-01-02T03:05:00+08:00", Grade::C);
        check(Some("2026-01-01T03:05:00"), false, "2026-01-01T03:05:00+08:00", Grade::C);
    }

    #[test]
    fn a_live_line_shows_a_clock_set_to_summer_time_or_to_utc() {
        check(Some("2026-03-02T06:14:00"), true, "2026-03-02T07:14:00+08:00", Grade::B);
        check(Some("2026-03-02T08:16:00"), true, "2026-03-02T07:16:00+08:00", Grade::B);
        check(Some("2026-03-01T23:14:30"), true, "2026-03-02T07:14:30+08:00", Grade::B);
        // Further off than the clock's own tolerance, it may as well be an hour old.
        check(Some("2026-03-02T06:10:00"), true, "2026-03-02T06:10:00+08:00", Grade::C);
    }

    #[test]
    fn without_a_live_line_an_hour_ago_is_an_hour_ago() {
        check(Some("2026-03-02T06:14:00"), false, "2026-03-02T06:14:00+08:00", Grade::C);
        check(Some("2026-03-02T08:16:00"), false, RECEIVED, Grade::D);
        check(Some("2026-03-02T06:14:00+08:00"), true, "2026-03-02T06:14:00+08:00", Grade::B);
    }

    #[test]
    fn an_absent_or_unreadable_time_is_the_time_of_receipt() {
        check(None, true, RECEIVED, Grade::A);
        check(None, false, RECEIVED, Grade::D);
        check(Some("2026-02-31T07:10:00"), false, RECEIVED, Grade::D);
        check(Some("yesterday"), true, RECEIVED, Grade::D);
    }
}
