//! What the clocks of devices in China show.

use firmware_protocols::DateTime;
use tokio::time::Instant;

/// China keeps one offset and no summer time.
const SHANGHAI_OFFSET_SECONDS: i64 = 8 * 3600;
const DAY_SECONDS: i64 = 86_400;

/// The machine's time, read once; it then goes on with tokio's clock.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    unix_seconds: i64,
    read_at: Instant,
}

impl WallClock {
    /// Reads the machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one door through which time enters here")]
    pub fn read() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        Self::starting_at(i64::try_from(seconds).unwrap_or(0))
    }

    /// A clock that shows this time now.
    #[must_use]
    pub fn starting_at(unix_seconds: i64) -> Self {
        Self { unix_seconds, read_at: Instant::now() }
    }

    /// What a clock that is `wrong_by_minutes` off shows now.
    #[must_use]
    pub fn shown(&self, wrong_by_minutes: i32) -> DateTime {
        let passed = i64::try_from(self.read_at.elapsed().as_secs()).unwrap_or(0);
        let wrong = i64::from(wrong_by_minutes).saturating_mul(60);
        shanghai(self.unix_seconds.saturating_add(passed).saturating_add(wrong))
    }
}

/// What a right clock in China shows so many seconds after 1970-01-01T00:00:00Z; the first moment of
/// 2000 for a time that no clock shows.
#[must_use]
pub fn shanghai(unix_seconds: i64) -> DateTime {
    let local = unix_seconds.saturating_add(SHANGHAI_OFFSET_SECONDS);
    let second = local.rem_euclid(DAY_SECONDS);
    at(local.div_euclid(DAY_SECONDS), second).unwrap_or(FALLBACK)
}

const FALLBACK: DateTime = match DateTime::new(2000, 1, 1, 0, 0, 0) {
    Ok(time) => time,
    Err(_) => unreachable!(),
};

/// Days since 1970-01-01 to a date, counted from 1 March 0000 in cycles of 400 years.
fn at(days: i64, second: i64) -> Option<DateTime> {
    let shifted = days.checked_add(719_468)?;
    let (cycle, day_of_cycle) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    let small = |number: i64| u8::try_from(number).ok();
    DateTime::new(
        u16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(second / 3600)?,
        small(second / 60 % 60)?,
        small(second % 60)?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unix_seconds: i64, expected: &str) {
        assert_eq!(shanghai(unix_seconds).to_string(), expected);
    }

    #[test]
    fn clocks_in_china_are_eight_hours_ahead() {
        check(0, "1970-01-01T08:00:00");
        check(951_782_400, "2000-02-29T08:00:00");
        check(1_772_409_599, "2026-03-02T07:59:59");
        check(1_798_732_799, "2026-12-31T23:59:59");
        check(1_798_732_800, "2027-01-01T00:00:00");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_clock_stays_wrong_by_the_same() {
        let clock = WallClock::starting_at(1_772_409_599);
        tokio::time::advance(std::time::Duration::from_secs(61)).await;
        assert_eq!(clock.shown(0).to_string(), "2026-03-02T08:01:00");
        assert_eq!(clock.shown(-60).to_string(), "2026-03-02T07:01:00");
    }
}
