//! What a device says of a measurement, apart from it: the Glucose Measurement Context (Bluetooth
//! Glucose Service; FORMATS 3.3), which names its measurement by the device's own number.

use std::collections::BTreeMap;

use firmware_protocols::{
    Selector, Value, format,
    sig::{glucose::GlucoseFrame, glucose_context::ContextFrame},
};
use serde_json::value::RawValue;

use super::Source;
use crate::{
    domain::{Numbering, raw_digest},
    intake::Item,
    store::{Context, Told},
};

/// The formats of a glucose measurement and of its context.
pub(super) const MEASUREMENT: &str = "sig-glucose-2a18";
const CONTEXT: &str = "sig-glucose-context-2a34";

/// Fields of a context that its own columns hold, or that say nothing.
const APART: [&str; 2] = ["sequence", "trailing"];

/// Admits a context; `None` where the bytes are none.
pub(super) fn context(raw: &[u8], source: &Source<'_>) -> Option<Item> {
    let (frame, _trailing) = ContextFrame::parse(raw).ok()?;
    let number = u64::from(frame.sequence);
    let numbering = Numbering::Number { number, device_time: "" };
    Some(Item::Context(Box::new(Context {
        device: source.device.clone(),
        site: source.site.clone(),
        road: source.road,
        number,
        told: Told { meal: frame.meal_kind(), attributes: attributes(raw) },
        raw: raw.to_vec(),
        content: raw_digest(source.device, numbering, raw),
        received_at: source.received_at,
        reading: None,
    })))
}

/// One frame of several.
pub(super) enum Cut<'a> {
    Measurement(&'a [u8]),
    Context(&'a [u8]),
}

/// Cuts a payload into measurements and their contexts, where it is nothing but them, glued as a
/// meter sends them: each measurement, and after it at most one context of its number. `None`: it
/// is one measurement at most, whatever follows it.
pub(super) fn cut_pairs(payload: &[u8]) -> Option<Vec<Cut<'_>>> {
    let mut frames = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let (measurement, left) = GlucoseFrame::parse(rest).ok()?;
        let (own, after) = cut(rest, left)?;
        frames.push(Cut::Measurement(own));
        rest = after;
        if let Ok((context, left)) = ContextFrame::parse(rest)
            && context.sequence == measurement.sequence
            && (measurement.context_follows || left == 0)
        {
            let (own, after) = cut(rest, left)?;
            frames.push(Cut::Context(own));
            rest = after;
        }
    }
    (frames.len() > 1).then_some(frames)
}

/// A frame, and what is left of the bytes behind it.
fn cut(bytes: &[u8], left: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(left)?)
}

/// Every field, as one JSON object.
fn attributes(raw: &[u8]) -> Option<String> {
    let mut fields: BTreeMap<&'static str, Box<RawValue>> = BTreeMap::new();
    let mut keep = |name: &'static str, value: Value<'_>| {
        let json = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Decimal(number) => number.to_string(),
            Value::Text(text) => serde_json::Value::from(text).to_string(),
            Value::DateTime(time) => serde_json::Value::from(time.to_string()).to_string(),
            Value::Strings(texts) => serde_json::Value::from(texts.to_vec()).to_string(),
        };
        let json = RawValue::from_string(json).ok().filter(|_| !APART.contains(&name));
        fields.extend(json.map(|json| (name, json)));
    };
    format(CONTEXT)?.decode(raw, Selector::default(), &mut keep).ok()?;
    if fields.is_empty() { None } else { serde_json::to_string(&fields).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admit::{frame, left},
        domain::{DeviceId, Road, SiteId, Timestamp},
    };

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    /// Does something as the road from a meter does.
    fn from_a_meter<T>(admit: impl FnOnce(&Source<'_>) -> T) -> T {
        let (site, device) = (SiteId::new("C1").unwrap(), DeviceId::new("G1").unwrap());
        admit(&Source {
            road: Road::Mqtt,
            site: &site,
            device: &device,
            bench: None,
            model: None,
            received_at: Timestamp::parse("2026-03-02T08:00:00+08:00").unwrap(),
            live: false,
        })
    }

    /// Admits bytes of a format; what each item says of itself.
    #[track_caller]
    fn check(format: &str, hex: &str, expected: &[&str]) {
        let told: Vec<_> = from_a_meter(|source| frame(format, &bytes(hex), source))
            .into_iter()
            .map(|item| match item {
                Item::Reading(reading) => {
                    let raw = reading.raw.map_or(0, |raw| raw.len());
                    format!("reading {} of {raw}", reading.sequence.unwrap().number)
                }
                Item::Context(context) => {
                    let told = context.told;
                    let attributes = told.attributes.unwrap_or_default();
                    format!("context {} {:?} {attributes}", context.number, told.meal)
                }
                Item::Refused(refused) => format!("refused {}", refused.reason),
                Item::Quarantined(_)
                | Item::Unnumbered(_)
                | Item::Event(_)
                | Item::Card(_)
                | Item::Presence(_) => "other".to_owned(),
            })
            .collect();
        assert_eq!(told, expected, "{format} {hex}");
    }

    /// Two measurements, 7 and 8, of which contexts follow; the first one's is "after a meal".
    const SEVEN: &str = "120700EA07030207000078B011";
    const EIGHT: &str = "120800EA07030207050079B011";
    const OF_SEVEN: &str = "02070002";
    const OF_EIGHT: &str = "0E08000321580240";

    #[test]
    fn a_context_names_its_measurement_and_keeps_every_field() {
        check("sig-glucose-context-2a34", OF_SEVEN, &["context 7 AfterMeal {\"meal\":2}"]);
        check(
            "sig-glucose-context-2a34",
            OF_EIGHT,
            &[
                "context 8 Fasting {\"exercise_pct\":64,\"exercise_s\":600,\"health\":2,\"meal\":3,\"tester\":1}",
            ],
        );
        check("sig-glucose-context-2a34", "002A00", &["context 42 Unknown "]);
    }

    #[test]
    fn a_meal_without_a_name_is_unknown_and_kept() {
        check("sig-glucose-context-2a34", "02070009", &["context 7 Unknown {\"meal\":9}"]);
    }

    #[test]
    fn half_a_context_is_refused() {
        check("sig-glucose-context-2a34", "0207", &["refused too_short"]);
        check("sig-glucose-context-2a34", "020700", &["refused truncated"]);
    }

    #[test]
    fn glued_measurements_and_contexts_all_come_out_whole() {
        let (seven, eight) = ("reading 7 of 13", "reading 8 of 13");
        let of_seven = "context 7 AfterMeal {\"meal\":2}";
        let pair = format!("{SEVEN}{OF_SEVEN}");
        check(MEASUREMENT, &pair, &[seven, of_seven]);
        check(MEASUREMENT, &format!("{EIGHT}{pair}"), &[eight, seven, of_seven]);
        check(MEASUREMENT, &format!("{pair}{EIGHT}"), &[seven, of_seven, eight]);
        check(MEASUREMENT, &format!("{SEVEN}{EIGHT}"), &[seven, eight]);
        // A meter that does not announce its context.
        check(
            MEASUREMENT,
            &format!("{}{OF_SEVEN}", SEVEN.replacen("12", "02", 1)),
            &[seven, of_seven],
        );
    }

    #[test]
    fn of_what_is_left_on_a_line_only_a_whole_context_with_a_meal_is_believed() {
        #[track_caller]
        fn check_left(name: &str, hex: &str, expected: bool) {
            let line = format(name).unwrap();
            let item = from_a_meter(|source| left(line, &bytes(hex), source));
            assert_eq!(matches!(item, Some(Item::Context(_))), expected, "{name} {hex}");
        }
        check_left(MEASUREMENT, OF_SEVEN, true);
        check_left(MEASUREMENT, OF_EIGHT, true);
        check_left("raycome-rbp", OF_SEVEN, false);
        // Half a context, more than one, none that says something, and half a measurement.
        check_left(MEASUREMENT, "020700", false);
        check_left(MEASUREMENT, "0207000200", false);
        check_left(MEASUREMENT, "002A00", false);
        check_left(MEASUREMENT, "120700EA070302", false);
    }

    #[test]
    fn what_else_follows_a_measurement_stays_with_it() {
        check(MEASUREMENT, SEVEN, &["reading 7 of 13"]);
        check(MEASUREMENT, &format!("{SEVEN}00"), &["reading 7 of 14"]);
        check(MEASUREMENT, &format!("{SEVEN}02080002"), &["reading 7 of 17"]);
        check(MEASUREMENT, &format!("{SEVEN}0000000000000000000000"), &["reading 7 of 24"]);
    }
}
