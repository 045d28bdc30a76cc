//! `sig-datetime-2a08`: the Date Time characteristic, 7 bytes (FORMATS §3; GATT Specification
//! Supplement, "Date Time").

use crate::bytes::Reader;
use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::error::DecodeError;
use crate::measurement::Meaning;
use crate::time::DateTime;

/// `sig-datetime-2a08`.
pub const FORMAT: Format =
    Format { name: "sig-datetime-2a08", models: &[], parts: &[Part::Frame], decode, framing: None };

/// The years a Date Time field may carry besides 0 (GATT Specification Supplement, "Date Time").
const YEARS: core::ops::RangeInclusive<u16> = 1582..=9999;

/// The seven bytes as sent: a year, month or day of 0 says "unknown", and impossible dates are
/// kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SigDateTime {
    /// Year, 1582 to 9999, or 0.
    pub year: u16,
    /// Month, 1 to 12, or 0.
    pub month: u8,
    /// Day of the month, 1 to 31, or 0.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
}

impl SigDateTime {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let year = reader.u16_le()?;
        let [month, day, hour, minute, second] = reader.array()?;
        Ok(Self { year, month, day, hour, minute, second })
    }

    /// The moment, where all of it is known and possible.
    #[must_use]
    pub fn known(self) -> Option<DateTime> {
        let Self { year, month, day, hour, minute, second } = self;
        DateTime::new(year, month, day, hour, minute, second)
            .ok()
            .filter(|time| YEARS.contains(&time.year()))
    }

    /// The seven bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 7] {
        let [low, high] = self.year.to_le_bytes();
        [low, high, self.month, self.day, self.hour, self.minute, self.second]
    }

    /// All parts, with null for the unknown ones, and the moment.
    pub(crate) fn put_fields(self, out: &mut dyn FieldSink) {
        let known = |part: u16| if part == 0 { Value::Null } else { Value::from(part) };
        out.field("year", known(self.year));
        out.field("month", known(u16::from(self.month)));
        out.field("day", known(u16::from(self.day)));
        out.field("hour", self.hour.into());
        out.field("minute", self.minute.into());
        out.field("second", self.second.into());
        out.field("device_time", Value::time(self.known()));
        out.field("date_valid", Value::Bool(self.known().is_some()));
    }
}

impl From<DateTime> for SigDateTime {
    fn from(time: DateTime) -> Self {
        Self {
            year: time.year(),
            month: time.month(),
            day: time.day(),
            hour: time.hour(),
            minute: time.minute(),
            second: time.second(),
        }
    }
}

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let mut reader = Reader::new(bytes);
    let time = SigDateTime::read(&mut reader)?;
    time.put_fields(out);
    super::put_trailing(reader.remaining(), out);
    Ok(Meaning::Event("device_clock"))
}
