//! Lines of a sink, and what reads them back.

use std::collections::BTreeMap;

use firmware_protocols::{Decimal, Flags};
use proptest::prelude::*;

use super::*;
use crate::domain::{
    Attribution, Basis, ContentDigest, DeviceId, Measured, PersonId, ReadingId, Remarks, Road,
    SiteId, Timestamp,
};

/// A point, as a strict server understands a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) fields: BTreeMap<String, f64>,
    pub(crate) time: i64,
}

impl Point {
    pub(crate) fn series(&self) -> (Vec<(String, String)>, i64) {
        (self.tags.clone().into_iter().collect(), self.time)
    }
}

/// Splits at a separator that no backslash stands before.
fn split(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == at && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        parts.last_mut().unwrap().push(c);
    }
    parts
}

fn unescape(text: &str) -> String {
    [("\\,", ","), ("\\=", "="), ("\\ ", " ")]
        .into_iter()
        .fold(text.to_owned(), |text, (pair, plain)| text.replace(pair, plain))
}

/// Reads a line as strictly as the protocol's description allows; `None`: a 400.
pub(crate) fn parse(line: &str) -> Option<Point> {
    let parts = split(line, ' ');
    let [head, fields, time] = parts.as_slice() else { return None };
    let mut head = split(head, ',').into_iter();
    if head.next()? != "reading" {
        return None;
    }
    let pair = |text: String| match split(&text, '=').as_slice() {
        [name, value] if !name.is_empty() && !value.is_empty() => {
            Some((unescape(name), unescape(value)))
        }
        _ => None,
    };
    let tags = head.map(pair).collect::<Option<_>>()?;
    let number = |(name, value): (String, String)| {
        let value = value.strip_suffix('i').map_or_else(
            || value.parse::<f64>().ok(),
            |whole| whole.parse::<i32>().ok().map(f64::from),
        )?;
        value.is_finite().then_some((name, value))
    };
    let fields =
        split(fields, ',').into_iter().map(|f| pair(f).and_then(number)).collect::<Option<_>>()?;
    Some(Point { tags, fields, time: time.parse().ok()? })
}

pub(crate) fn stored(
    number: u64,
    device: &str,
    at_millis: i64,
    measurement: Measurement,
) -> StoredReading {
    let at = Timestamp::from_millis(at_millis);
    let mut hasher = blake3::Hasher::new();
    hasher.update(device.as_bytes()).update(&number.to_be_bytes());
    let id = *hasher.finalize().as_bytes().first_chunk().unwrap();
    let person = PersonId::new("CANARY-P1").unwrap();
    StoredReading {
        reading: Reading {
            id: ReadingId::from_bytes(id),
            content: ContentDigest::from_bytes([0; 16]),
            measurement,
            device: DeviceId::new(device).unwrap(),
            site: SiteId::new("V1").unwrap(),
            bench: None,
            sequence: None,
            device_time: None,
            received_at: at,
            measured: Measured { at, grade: Grade::B },
            remarks: Remarks {
                person: Some(person.clone()),
                attributes: Some(r#"{"name":"CANARY"}"#.to_owned()),
                ..Remarks::default()
            },
            road: Road::Mqtt,
            unnumbered: false,
            written: None,
            raw: None,
        },
        attribution: Some(Attribution::new(person, Basis::Payload)),
        context: None,
        told_symptoms: Vec::new(),
        standing: Standing::Stored,
        late: false,
        possible_duplicate: false,
        server_at: at,
        rebased_at: None,
    }
}

pub(crate) fn pressure(systolic: i64, diastolic: i64) -> Measurement {
    let mut pressure = BloodPressure::new(
        Decimal::new(systolic, 0),
        Decimal::new(diastolic, 0),
        PressureUnit::MmHg,
    );
    pressure.pulse = Some(Decimal::new(80, 0));
    pressure.flags = Flags { irregular_pulse: true, ..Flags::default() };
    Measurement::BloodPressure(pressure)
}

fn glucose(value: GlucoseValue, unit: GlucoseUnit, control: bool) -> Measurement {
    let mut glucose = Glucose::new(value, unit);
    (glucose.meal, glucose.control) = (Meal::Fasting, control);
    Measurement::Glucose(glucose)
}

#[track_caller]
fn check(measurement: Measurement, expected: &[(&str, f64)]) {
    let line = line(&stored(1, "BP1", 1_772_406_600_123, measurement), Some("青石镇")).unwrap();
    let point = parse(&line).unwrap();
    let expected: BTreeMap<String, f64> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    assert_eq!(point.fields, expected, "{line}");
    assert!(!line.contains("CANARY"), "{line}");
    assert_eq!(point.time / NANOS_PER_MILLI, 1_772_406_600_123);
}

#[test]
fn fields_are_numbers_in_native_units() {
    let common = [("flags", 0.0), ("grade", 2.0)];
    let with = |fields: &[(&'static str, f64)]| [fields, &common].concat();
    check(
        pressure(182, 96),
        &[
            ("systolic_mmhg", 182.0),
            ("diastolic_mmhg", 96.0),
            ("pulse_bpm", 80.0),
            ("flags", 8.0),
            ("grade", 2.0),
        ],
    );
    let kpa = BloodPressure::new(Decimal::new(189, -1), Decimal::new(12, 0), PressureUnit::KPa);
    check(
        Measurement::BloodPressure(kpa),
        &with(&[("systolic_kpa", 18.9), ("diastolic_kpa", 12.0)]),
    );
    let number = |mantissa, exponent| GlucoseValue::Number(Decimal::new(mantissa, exponent));
    let (mmol, mg) = (GlucoseUnit::MmolPerL, GlucoseUnit::MgPerDl);
    check(glucose(number(78, -1), mmol, false), &with(&[("glucose_mmol_l", 7.8), ("meal", 1.0)]));
    check(glucose(number(140, 0), mg, false), &with(&[("glucose_mg_dl", 140.0), ("meal", 1.0)]));
    check(glucose(GlucoseValue::High, mg, false), &with(&[("glucose_range", 1.0), ("meal", 1.0)]));
    check(
        glucose(GlucoseValue::Low, mmol, false),
        &with(&[("glucose_range", -1.0), ("meal", 1.0)]),
    );
    check(glucose(number(55, -1), mmol, true), &with(&[("control_mmol_l", 5.5), ("meal", 1.0)]));
}

#[test]
fn the_same_reading_is_the_same_point_and_another_is_another() {
    for at in [1_772_406_600_000, 1_772_406_600_123] {
        let one = line(&stored(1, "BP1", at, pressure(120, 80)), None).unwrap();
        let again = line(&stored(1, "BP1", at, pressure(120, 80)), None).unwrap();
        let other = line(&stored(2, "BP1", at, pressure(120, 80)), None).unwrap();
        assert_eq!(one, again);
        let (one, other) = (parse(&one).unwrap(), parse(&other).unwrap());
        assert_ne!(one.series(), other.series());
        let second = |point: &Point| point.time / NANOS_PER_MILLI / MILLIS_PER_SECOND;
        assert_eq!(second(&one), at / MILLIS_PER_SECOND);
    }
}

#[test]
fn a_time_beyond_nanoseconds_is_no_line() {
    assert_eq!(line(&stored(1, "BP1", i64::MAX, pressure(120, 80)), None), None);
    assert_eq!(line(&stored(1, "BP1", i64::MIN, pressure(120, 80)), None), None);
    assert!(line(&stored(1, "BP1", 4_102_444_800_000, pressure(120, 80)), None).is_some());
}

#[test]
fn marks_appear_only_where_they_hold() {
    let mut stored = stored(1, "BP1", 0, pressure(300, 20));
    (stored.standing, stored.late, stored.possible_duplicate) = (Standing::Rejected, true, true);
    let point = parse(&line(&stored, None).unwrap()).unwrap();
    assert!(
        ["rejected", "late", "possible_duplicate"].iter().all(|mark| point.fields[*mark] > 0.0)
    );
}

proptest! {
    #[test]
    fn any_township_stays_one_tag_of_one_line(township in any::<String>(), mantissa in any::<i64>(), exponent in any::<i8>()) {
        let value = GlucoseValue::Number(Decimal::new(mantissa, exponent));
        let stored = stored(1, "BP1", 1_772_406_600_000, glucose(value, GlucoseUnit::MgPerDl, false));
        let line = line(&stored, Some(&township)).unwrap();
        prop_assert_eq!(line.lines().count(), 1);
        let point = parse(&line);
        prop_assert!(point.is_some(), "{:?}", line);
        let point = point.unwrap();
        let kept: String = township.trim().chars().take(TAG_MAX)
            .map(|c| if c == '\\' { '/' } else if c.is_control() { '_' } else { c }).collect();
        prop_assert_eq!(point.tags.get("township").cloned().unwrap_or_default(), kept);
        prop_assert_eq!(point.tags.get("device").map(String::as_str), Some("BP1"));
        prop_assert_eq!(point.fields.len(), 4);
    }
}
