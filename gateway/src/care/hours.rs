//! Day hours: when a message that is not red may ring, and when a late alert's clock runs.

use crate::domain::{Millis, Timestamp};

/// Day hours begin, on the clocks of China (proposed; no norm fixes it: UX section 3.2, rule 6).
pub const DAY_BEGINS_HOUR: i64 = 7;
/// Day hours end (proposed; UX section 3.2, rule 6).
pub const DAY_ENDS_HOUR: i64 = 21;

const DAY: Millis = Millis::days(1);
const BEGINS: i64 = Millis::hours(DAY_BEGINS_HOUR).0;
const ENDS: i64 = Millis::hours(DAY_ENDS_HOUR).0;

/// The instant itself within day hours, else the next beginning of them.
#[must_use]
pub const fn next_day_time(at: Timestamp) -> Timestamp {
    let (midnight, passed) = split(at);
    if passed < BEGINS {
        midnight.plus(Millis(BEGINS))
    } else if passed < ENDS {
        at
    } else {
        midnight.plus(DAY).plus(Millis(BEGINS))
    }
}

/// The instant after so much time of day hours.
#[must_use]
pub fn add_day_time(from: Timestamp, length: Millis) -> Timestamp {
    let mut at = next_day_time(from);
    let mut left = length.0;
    loop {
        let (midnight, passed) = split(at);
        let today = ENDS.saturating_sub(passed);
        if left <= today {
            return at.plus(Millis(left));
        }
        left = left.saturating_sub(today);
        at = midnight.plus(DAY).plus(Millis(BEGINS));
    }
}

/// Midnight in China at or before an instant, and the milliseconds since.
const fn split(at: Timestamp) -> (Timestamp, i64) {
    let utc_midnight = Timestamp::from_millis(at.shanghai_day().saturating_mul(DAY.0));
    let midnight = utc_midnight.minus(Timestamp::SHANGHAI_OFFSET);
    (midnight, at.since(midnight).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[track_caller]
    fn check(from: &str, minutes: i64, expected: &str) {
        assert_eq!(add_day_time(at(from), Millis::minutes(minutes)), at(expected), "{from}");
    }

    #[test]
    fn a_clock_in_day_hours_sleeps_at_night() {
        check("2026-03-02T10:00:00+08:00", 240, "2026-03-02T14:00:00+08:00");
        check("2026-03-02T19:00:00+08:00", 240, "2026-03-03T09:00:00+08:00");
        check("2026-03-02T23:30:00+08:00", 240, "2026-03-03T11:00:00+08:00");
        check("2026-03-02T03:30:00+08:00", 0, "2026-03-02T07:00:00+08:00");
        check("2026-03-02T07:00:00+08:00", 14 * 60 * 3, "2026-03-04T21:00:00+08:00");
    }

    #[test]
    fn day_hours_begin_and_end_on_the_hour() {
        assert_eq!(next_day_time(at("2026-03-02T20:59:59+08:00")), at("2026-03-02T20:59:59+08:00"));
        assert_eq!(next_day_time(at("2026-03-02T21:00:00+08:00")), at("2026-03-03T07:00:00+08:00"));
        assert_eq!(next_day_time(at("2026-03-02T06:59:59+08:00")), at("2026-03-02T07:00:00+08:00"));
    }
}
