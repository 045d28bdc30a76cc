//! A reading as one line of InfluxDB's line protocol. No person is in it.
//!
//! Measurement `reading`; tags `kind`, `township`, `site`, `device`. Every field is a number and
//! carries its native unit in its name, so two units never share a series and nothing is
//! converted:
//!
//! | field | meaning |
//! |---|---|
//! | `systolic_mmhg`, `diastolic_mmhg`, `mean_mmhg`, or `…_kpa` | pressures as the cuff sent them |
//! | `pulse_bpm` | pulse |
//! | `glucose_mmol_l` or `glucose_mg_dl` | glucose as the meter sent it |
//! | `glucose_range` | 1: above what the meter can measure (HI), -1: below (LO) |
//! | `control_mmol_l`, `control_mg_dl`, `control_range` | the same of control solution, never a patient's |
//! | `meal` | 1 fasting, 2 before a meal, 3 after, 4 random, 5 bedtime, 0 not said |
//! | `flags` | 1 body movement, 2 cuff too loose, 4 improper position, 8 irregular pulse, 16 pulse out of range |
//! | `grade` | how far the time can be trusted: 1 = A … 4 = D |
//! | `rejected`, `late`, `possible_duplicate` | 1 where it holds, else absent |
//! | `moved` | 1: its time was corrected, its point stands elsewhere; 0: it was corrected to here; else absent |
//!
//! The time is the measured time in nanoseconds. Its part below a millisecond, and below a second
//! where the measured time is a whole second, is drawn from the reading's id: the same reading is
//! always the same point, and two readings of one device at one time are two points.

use firmware_protocols::{
    BloodPressure, Glucose, GlucoseUnit, GlucoseValue, Meal, Measurement, PressureUnit,
};

use crate::{
    domain::{Grade, Reading, Standing, flag_bits},
    store::StoredReading,
};

const NANOS_PER_MILLI: i64 = 1_000_000;
const MILLIS_PER_SECOND: i64 = 1000;

/// Longest tag value, in characters. Names are shorter (`NAME_MAX`); a township is free text.
const TAG_MAX: usize = 128;

/// The line of a reading, or `None` where its time cannot be written in nanoseconds.
#[must_use]
pub fn line(stored: &StoredReading, township: Option<&str>) -> Option<String> {
    with(stored, township, None)
}

/// The line of a reading whose time was corrected, as it stands before or after: the point at the
/// time that was believed before stays in the sink, and says that it moved.
#[must_use]
pub(super) fn corrected(
    stored: &StoredReading,
    township: Option<&str>,
    moved: bool,
) -> Option<String> {
    with(stored, township, Some(if moved { "moved=1i" } else { "moved=0i" }))
}

fn with(
    stored: &StoredReading,
    township: Option<&str>,
    more: Option<&'static str>,
) -> Option<String> {
    let reading = &stored.reading;
    let time = time(reading)?;
    let mut line = "reading".to_owned();
    let tags = [
        ("kind", Some(reading.kind())),
        ("township", township),
        ("site", Some(reading.site.as_str())),
        ("device", Some(reading.device.as_str())),
    ];
    for (name, value) in tags {
        if let Some(value) = value.map(tag).filter(|value| !value.is_empty()) {
            line.extend([",", name, "=", &value]);
        }
    }
    line.push(' ');
    let fields = fields(stored).into_iter().chain(more.map(str::to_owned));
    line.push_str(&fields.collect::<Vec<_>>().join(","));
    line.push(' ');
    line.push_str(&time.to_string());
    Some(line)
}

fn time(reading: &Reading) -> Option<i64> {
    let millis = reading.measured.at.as_millis();
    let [a, b, c, d, e, f, ..] = *reading.id.as_bytes();
    let below = i64::from(u32::from_be_bytes([0, a, b, c])) % NANOS_PER_MILLI;
    let whole = millis.rem_euclid(MILLIS_PER_SECOND) == 0;
    let shift =
        if whole { i64::from(u32::from_be_bytes([0, d, e, f])) % MILLIS_PER_SECOND } else { 0 };
    millis.checked_add(shift)?.checked_mul(NANOS_PER_MILLI)?.checked_add(below)
}

fn fields(stored: &StoredReading) -> Vec<String> {
    let reading = &stored.reading;
    let mut fields = match &reading.measurement {
        Measurement::BloodPressure(pressure) => pressures(pressure),
        Measurement::Glucose(glucose) => glucoses(glucose, stored.meal()),
    };
    let flags: u8 =
        flag_bits(reading.flags()).iter().filter(|(.., set)| *set).map(|(_, bit, _)| bit).sum();
    let grade = match reading.measured.grade {
        Grade::A => 1,
        Grade::B => 2,
        Grade::C => 3,
        Grade::D => 4,
    };
    fields.push(format!("flags={flags}i"));
    fields.push(format!("grade={grade}i"));
    let marks = [
        ("rejected", stored.standing == Standing::Rejected),
        ("late", stored.late),
        ("possible_duplicate", stored.possible_duplicate),
    ];
    fields.extend(marks.into_iter().filter(|(_, set)| *set).map(|(name, _)| format!("{name}=1i")));
    fields
}

fn pressures(pressure: &BloodPressure) -> Vec<String> {
    let unit = match pressure.unit {
        PressureUnit::MmHg => "mmhg",
        PressureUnit::KPa => "kpa",
    };
    let mut fields = vec![
        format!("systolic_{unit}={}", pressure.systolic),
        format!("diastolic_{unit}={}", pressure.diastolic),
    ];
    fields.extend(pressure.mean.map(|mean| format!("mean_{unit}={mean}")));
    fields.extend(pressure.pulse.map(|pulse| format!("pulse_bpm={pulse}")));
    fields
}

fn glucoses(glucose: &Glucose, meal: Meal) -> Vec<String> {
    let what = if glucose.control { "control" } else { "glucose" };
    let unit = match glucose.unit {
        GlucoseUnit::MgPerDl => "mg_dl",
        GlucoseUnit::MmolPerL => "mmol_l",
    };
    let value = match glucose.value {
        GlucoseValue::Number(number) => format!("{what}_{unit}={number}"),
        GlucoseValue::High => format!("{what}_range=1i"),
        GlucoseValue::Low => format!("{what}_range=-1i"),
    };
    let meal = match meal {
        Meal::Unknown => 0,
        Meal::Fasting => 1,
        Meal::BeforeMeal => 2,
        Meal::AfterMeal => 3,
        Meal::Random => 4,
        Meal::Bedtime => 5,
    };
    vec![value, format!("meal={meal}i")]
}

/// A tag value: separators escaped. A backslash would be read differently by different servers
/// when a separator follows it, and a control character ends the line: both are replaced.
fn tag(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.trim().chars().take(TAG_MAX) {
        match c {
            ',' | '=' | ' ' => escaped.extend(['\\', c]),
            '\\' => escaped.push('/'),
            c if c.is_control() => escaped.push('_'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
pub(crate) mod tests;
