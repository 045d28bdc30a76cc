//! Times: instants the gateway reasons with, and the words in which devices state them.
//!
//! The gateway never reads a clock here; [`Clock`] is the one door through which wall-clock time
//! enters, and the pure stages get instants as arguments.

use std::fmt;

use jiff::{
    civil,
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Offset of the pack's time zone, Asia/Shanghai, in hours: China keeps no summer time.
const SHANGHAI_OFFSET_HOURS: i8 = 8;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A length of time in milliseconds; may be negative as a difference of two instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    #[must_use]
    pub const fn seconds(count: i64) -> Self {
        Self(count.saturating_mul(1000))
    }

    /// So many minutes.
    #[must_use]
    pub const fn minutes(count: i64) -> Self {
        Self::seconds(count.saturating_mul(60))
    }

    /// So many hours.
    #[must_use]
    pub const fn hours(count: i64) -> Self {
        Self::minutes(count.saturating_mul(60))
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// So much longer than another.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The whole minutes in it.
    #[must_use]
    pub const fn whole_minutes(self) -> i64 {
        self.0.div_euclid(60_000)
    }

    /// So many multiples of 24 hours.
    #[must_use]
    pub const fn days(count: i64) -> Self {
        Self::hours(count.saturating_mul(24))
    }
}

impl Timestamp {
    /// How far the clocks of China are ahead of UTC.
    pub const SHANGHAI_OFFSET: Millis = Millis::hours(8);

    /// An instant from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant moved by a length of time; stops at the ends of what can be stored.
    #[must_use]
    pub const fn plus(self, length: Millis) -> Self {
        Self(self.0.saturating_add(length.0))
    }

    /// This instant moved back by a length of time.
    #[must_use]
    pub const fn minus(self, length: Millis) -> Self {
        Self(self.0.saturating_sub(length.0))
    }

    /// The time from `earlier` to this instant; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// The calendar day in Asia/Shanghai, as days since 1970-01-01 there.
    #[must_use]
    pub const fn shanghai_day(self) -> i64 {
        const DAY: i64 = Millis::days(1).0;
        self.0.saturating_add(Self::SHANGHAI_OFFSET.0).div_euclid(DAY)
    }

    /// Reads an RFC 3339 instant with an explicit offset, or `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|instant| Self(instant.as_millisecond()))
    }

    /// The instant at which clocks in China show `local`.
    #[must_use]
    pub fn from_shanghai(local: civil::DateTime) -> Option<Self> {
        shanghai().to_timestamp(local).ok().map(|instant| Self(instant.as_millisecond()))
    }

    /// What clocks in China show at this instant.
    #[must_use]
    pub fn to_shanghai(self) -> Option<civil::DateTime> {
        let instant = jiff::Timestamp::from_millisecond(self.0).ok()?;
        Some(shanghai().to_datetime(instant))
    }
}

fn shanghai() -> TimeZone {
    TimeZone::fixed(Offset::constant(SHANGHAI_OFFSET_HOURS))
}

/// Written as RFC 3339 with the offset of China, seconds, and milliseconds where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(local) = self.to_shanghai() else {
            return write!(f, "@{}ms", self.0);
        };
        let millis = self.0.rem_euclid(1000);
        write!(f, "{}", local.strftime("%Y-%m-%dT%H:%M:%S"))?;
        if millis != 0 {
            write!(f, ".{millis:03}")?;
        }
        write!(f, "+{SHANGHAI_OFFSET_HOURS:02}:00")
    }
}

/// For people as it is displayed, else as milliseconds.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self::from_millis);
        }
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format_args!(
                "{text:?} is no time with an offset, as 2026-03-02T07:10:00+08:00"
            ))
        })
    }
}

/// How far measured time can be trusted (DESIGN section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// The clock was checked at read-out, or the reading was taken live.
    A,
    /// Corrected by a measured offset, or stated by a sender that knows its own offset.
    B,
    /// Only the order within a session or a read-out is known.
    C,
    /// Unknown: measured time is the time of receipt.
    D,
}

/// Measured time: an estimate and how far it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The best estimate of when the value was taken.
    pub at: Timestamp,
    /// How good that estimate is.
    pub grade: Grade,
}

/// The one door for wall-clock time. Tests and simulations pass their own.
#[derive(Debug, Clone)]
pub struct Clock {
    read: fn() -> Timestamp,
    /// Absent: nobody ever sets the clock.
    elapsed: Option<fn() -> Millis>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self { read: system_now, elapsed: Some(since_boot) }
    }

    /// A clock that a test controls, and that nobody sets.
    #[must_use]
    pub const fn scripted(read: fn() -> Timestamp) -> Self {
        Self { read, elapsed: None }
    }

    /// Time that has passed since some instant of the past, whatever the clock was set to meanwhile;
    /// it passes while the machine sleeps, too.
    #[must_use]
    pub fn elapsed(&self) -> Millis {
        self.elapsed.map_or_else(|| Millis(self.now().as_millis()), |elapsed| elapsed())
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.read)()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door through which time enters")]
fn system_now() -> Timestamp {
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    #[cfg(feature = "faults")]
    let now = now.plus(Millis(crate::fault::clock_ahead_ms()));
    now
}

/// Time since the machine was started: no setting of the clock moves it.
fn since_boot() -> Millis {
    let passed = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Millis(passed.tv_sec.saturating_mul(1000).saturating_add(passed.tv_nsec / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn instants_are_written_on_the_clocks_of_china() {
        check("2026-03-02T07:10:00+08:00", Some("2026-03-02T07:10:00+08:00"));
        check("2026-03-01T23:10:00Z", Some("2026-03-02T07:10:00+08:00"));
        check("2026-03-01T23:10:00.250Z", Some("2026-03-02T07:10:00.250+08:00"));
        check("2026-03-02T07:10:00", None);
        check("2026-02-31T07:10:00Z", None);
        check("tomorrow", None);
    }

    #[test]
    fn a_day_in_china_begins_at_sixteen_hours_utc() {
        let before = Timestamp::parse("2026-03-01T15:59:59.999Z").unwrap();
        let after = Timestamp::parse("2026-03-01T16:00:00Z").unwrap();
        assert_eq!(before.shanghai_day() + 1, after.shanghai_day());
    }
}
