//! The naive local time of a device. No device of this crate sends a zone (FORMATS §2.2).

use core::fmt;

use crate::error::DecodeError;

/// A date and a time of day as a device's own clock showed it, without a zone.
///
/// Only dates that exist can be built. Whether the clock was ever set is not asked here: the
/// gateway grades time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

const MINUTES_PER_HOUR: i32 = 60;
const MINUTES_PER_DAY: i32 = 1440;
const YEAR_MAX: u16 = 9999;

impl DateTime {
    /// Year 1 to 9999, month 1 to 12, a day that month has, hour 0 to 23, minute and second 0 to
    /// 59.
    ///
    /// # Errors
    /// `invalid_date` when there is no such moment (no leap second either).
    #[expect(clippy::too_many_arguments, reason = "the six parts of a date and time, in order")]
    pub const fn new(
        year: u16,
        month: u8,
        day: u8,
        hour: u8,
        minute: u8,
        second: u8,
    ) -> Result<Self, DecodeError> {
        let day_exists = year >= 1 && year <= YEAR_MAX && day >= 1 && day <= days_in(year, month);
        if day_exists && hour < 24 && minute < 60 && second < 60 {
            Ok(Self { year, month, day, hour, minute, second })
        } else {
            Err(DecodeError::InvalidDate)
        }
    }

    /// Year, 1 to 9999.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// Month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// Day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// Hour, 0 to 23.
    #[must_use]
    pub const fn hour(self) -> u8 {
        self.hour
    }

    /// Minute, 0 to 59.
    #[must_use]
    pub const fn minute(self) -> u8 {
        self.minute
    }

    /// Second, 0 to 59; zero where the device keeps none.
    #[must_use]
    pub const fn second(self) -> u8 {
        self.second
    }

    /// This time moved by some minutes, across month and year ends; `None` outside years 1 to 9999.
    #[must_use]
    pub fn plus_minutes(self, minutes: i16) -> Option<Self> {
        let total = i32::from(self.hour)
            .checked_mul(MINUTES_PER_HOUR)?
            .checked_add(i32::from(self.minute))?
            .checked_add(i32::from(minutes))?;
        let minute_of_day = total.checked_rem_euclid(MINUTES_PER_DAY)?;
        let mut moved = Self {
            hour: u8::try_from(minute_of_day.checked_div(MINUTES_PER_HOUR)?).ok()?,
            minute: u8::try_from(minute_of_day.checked_rem(MINUTES_PER_HOUR)?).ok()?,
            ..self
        };
        // At most 23 steps: an i16 of minutes is under 23 days.
        let days = total.checked_div_euclid(MINUTES_PER_DAY)?;
        for _ in 0..days.unsigned_abs() {
            moved = if days > 0 { moved.next_day()? } else { moved.previous_day()? };
        }
        Some(moved)
    }

    fn next_day(self) -> Option<Self> {
        if self.day < days_in(self.year, self.month) {
            Some(Self { day: self.day.checked_add(1)?, ..self })
        } else if self.month < 12 {
            Some(Self { month: self.month.checked_add(1)?, day: 1, ..self })
        } else if self.year < YEAR_MAX {
            Some(Self { year: self.year.checked_add(1)?, month: 1, day: 1, ..self })
        } else {
            None
        }
    }

    fn previous_day(self) -> Option<Self> {
        if self.day > 1 {
            Some(Self { day: self.day.checked_sub(1)?, ..self })
        } else if self.month > 1 {
            let month = self.month.checked_sub(1)?;
            Some(Self { month, day: days_in(self.year, month), ..self })
        } else if self.year > 1 {
            Some(Self { year: self.year.checked_sub(1)?, month: 12, day: 31, ..self })
        } else {
            None
        }
    }
}

/// Days of a month in the Gregorian calendar; 0 for a month that does not exist.
const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 0,
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    fn at(text: &str) -> DateTime {
        let parts: std::vec::Vec<u16> =
            text.split(['-', 'T', ':']).map(|part| part.parse().unwrap()).collect();
        let small = |at: usize| u8::try_from(parts[at]).unwrap();
        DateTime::new(parts[0], small(1), small(2), small(3), small(4), small(5)).unwrap()
    }

    #[track_caller]
    fn check_plus(from: &str, minutes: i16, expected: &str) {
        assert_eq!(at(from).plus_minutes(minutes).unwrap().to_string(), expected);
    }

    #[test]
    fn offsets_cross_month_and_year_ends() {
        check_plus("2019-02-27T11:10:30", -5, "2019-02-27T11:05:30");
        check_plus("2024-12-31T23:59:07", 1, "2025-01-01T00:00:07");
        check_plus("2025-01-01T00:00:00", -1, "2024-12-31T23:59:00");
        check_plus("2024-02-28T12:00:00", 1440, "2024-02-29T12:00:00");
        check_plus("2023-03-01T00:00:00", -1, "2023-02-28T23:59:00");
        check_plus("2023-03-15T10:00:00", i16::MAX, "2023-04-07T04:07:00");
        check_plus("2023-03-15T10:00:00", i16::MIN, "2023-02-20T15:52:00");
        assert_eq!(at("9999-12-31T23:59:00").plus_minutes(1), None);
        assert_eq!(at("0001-01-01T00:00:00").plus_minutes(-1), None);
    }

    #[test]
    fn impossible_dates_are_refused() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (0, 1, 1), (2023, 13, 1), (2023, 4, 31), (2023, 1, 0)]
        {
            assert_eq!(
                DateTime::new(year, month, day, 0, 0, 0),
                Err(DecodeError::InvalidDate),
                "{year}-{month}-{day}"
            );
        }
        assert!(DateTime::new(2000, 2, 29, 23, 59, 59).is_ok());
        assert!(DateTime::new(2000, 2, 29, 24, 0, 0).is_err());
        assert!(DateTime::new(2000, 2, 29, 0, 60, 0).is_err());
        assert!(DateTime::new(2000, 2, 29, 0, 0, 60).is_err());
    }
}
