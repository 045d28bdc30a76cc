//! The packed time of four bytes: clock answers and record times.

use crate::codec::{FieldSink, Value};
use crate::error::DecodeError;
use crate::time::DateTime;

/// d0 | d1 << 8: day (5 bits), month (4), year - 2000 (7); d2: minute (6 bits), arrhythmia (b6),
/// blood pressure (b7); d3: hour (5 bits), irregular beats (b5-6), average (b7) (FORMATS §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordTime(pub [u8; 4]);

impl RecordTime {
    /// A clock time without record bits; the year is kept within 2000 to 2127.
    #[must_use]
    pub fn clock(time: DateTime) -> Self {
        let year = time.year().clamp(2000, 2127).saturating_sub(2000);
        let date = (year << 9) | (u16::from(time.month()) << 5) | u16::from(time.day());
        let [d0, d1] = date.to_le_bytes();
        Self([d0, d1, time.minute(), time.hour()])
    }

    /// The same time marked as that of a blood pressure.
    #[must_use]
    pub const fn of_blood_pressure(self, irregular: bool) -> Self {
        let [d0, d1, d2, d3] = self.0;
        Self([d0, d1, d2 | if irregular { 0xC0 } else { 0x80 }, d3])
    }

    /// The moment, without seconds.
    ///
    /// # Errors
    /// `invalid_date` when there is no such moment.
    pub fn device_time(self) -> Result<DateTime, DecodeError> {
        let [d0, d1, d2, d3] = self.0;
        let year = u16::from(d1 >> 1).saturating_add(2000);
        let [month_and_day, _] = (u16::from_le_bytes([d0, d1]) >> 5).to_le_bytes();
        DateTime::new(year, month_and_day & 0x0F, d0 & 0x1F, d3 & 0x1F, d2 & 0x3F, 0)
    }

    /// The record is a blood pressure; on a 2-in-1 meter its absence says glucose.
    #[must_use]
    pub const fn is_blood_pressure(self) -> bool {
        let [_, _, d2, _] = self.0;
        d2 & 0x80 != 0
    }

    /// The pulse was irregular.
    #[must_use]
    pub const fn arrhythmia(self) -> bool {
        let [_, _, d2, _] = self.0;
        d2 & 0x40 != 0
    }

    /// The code of irregular heart beats, 0 to 3; 0 is none.
    #[must_use]
    pub const fn irregular_beats(self) -> u8 {
        let [_, _, _, d3] = self.0;
        (d3 >> 5) & 0b11
    }

    /// The record is an average of several measurements.
    #[must_use]
    pub const fn average(self) -> bool {
        let [_, _, _, d3] = self.0;
        d3 & 0x80 != 0
    }

    pub(crate) fn put_fields(self, out: &mut dyn FieldSink) {
        let kind = if self.is_blood_pressure() { "bp" } else { "glucose" };
        out.field("device_time", Value::time(self.device_time().ok()));
        out.field("record_kind", Value::Text(kind));
        out.field("arrhythmia", Value::Bool(self.arrhythmia()));
        out.field("ihb", self.irregular_beats().into());
        out.field("average", Value::Bool(self.average()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clock_minute_survives_packing() {
        for year in [2000, 2026, 2127] {
            for (month, day, hour, minute) in [(1, 1, 0, 0), (12, 31, 23, 59), (2, 28, 8, 30)] {
                let time = DateTime::new(year, month, day, hour, minute, 0).unwrap();
                assert_eq!(RecordTime::clock(time).device_time(), Ok(time));
            }
        }
    }

    #[test]
    fn the_bits_of_a_record_do_not_touch_its_time() {
        let plain = RecordTime([0x05, 0x35, 0x27, 0x12]);
        let marked = RecordTime([0x05, 0x35, 0xE7, 0xF2]);
        assert_eq!(plain.device_time(), marked.device_time());
        assert!(marked.is_blood_pressure() && marked.arrhythmia() && marked.average());
        assert_eq!(marked.irregular_beats(), 3);
    }
}
