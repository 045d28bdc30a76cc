//! Readings as JSON, version 1 (DESIGN section 9, MQTT): one object or an array of them.

use std::borrow::Cow;

use firmware_protocols::{
    BloodPressure, Flags, Glucose, GlucoseUnit, GlucoseValue, Meal, Measurement, PressureUnit,
};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::{
    Decoded, Order, ReadOut, Source,
    fields::{Fields, number, text},
    settle, typed,
};
use crate::{
    domain::{DeviceId, PersonId, Remarks, Road, Sequence, Setting, SiteId, Timestamp},
    intake::Item,
    store::{Origin, QuarantineReason},
};

/// Most readings of one payload (DESIGN section 9, HTTP).
pub(super) const READINGS_MAX: usize = 10_000;

/// Why one object is no reading yet.
enum Trouble {
    /// It cannot be understood.
    Refuse(String),
    /// It can be, and waits for a decision.
    Wait(QuarantineReason, String),
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Refuse(reason)
    }
}

/// What one object says: a measurement, and whether the person it names can be one at all.
struct Said {
    decoded: Decoded,
    bad_person: Option<String>,
}

/// Admits the payload of one device.
#[must_use]
pub fn readings(payload: &[u8], source: &Source<'_>) -> Vec<Item> {
    let objects = match split(payload) {
        Ok(objects) => objects,
        Err(reason) => return vec![source.refuse(reason, payload)],
    };
    let mut read_out = ReadOut::default();
    let mut items: Vec<_> =
        objects.into_iter().map(|object| one(object, source, &mut read_out)).collect();
    settle(&mut items, Order::Numbered, None);
    items
}

/// Admits a posted payload, in which every reading names its device and site. A reading without
/// number and time is the same when it is posted again under the same key.
#[must_use]
pub fn posted(payload: &[u8], received_at: Timestamp, key: Option<&str>) -> Vec<Item> {
    let nowhere = || Origin { road: Road::Http, site: None, device: None };
    let objects = match split(payload) {
        Ok(objects) => objects,
        Err(reason) => return vec![super::refuse(nowhere(), received_at, reason, payload)],
    };
    let mut read_outs: Vec<(DeviceId, ReadOut)> = Vec::new();
    let mut position = 0_u32;
    let mut admit = |object: &RawValue| {
        let request = key.map(|key| (key.to_owned(), position));
        position = position.saturating_add(1);
        if typed::is_typed(object) {
            return match typed::place(object) {
                Ok(place) => typed::one(object, &place, received_at, request),
                Err(reason) => {
                    let origin = Origin { road: Road::Typed, ..nowhere() };
                    super::refuse(origin, received_at, reason, object.get().as_bytes())
                }
            };
        }
        let (device, site) = match place(object) {
            Ok(place) => place,
            Err(reason) => {
                let raw = object.get().as_bytes();
                return super::refuse(nowhere(), received_at, reason, raw);
            }
        };
        let known = read_outs.iter().position(|(of, _)| *of == device);
        let at = known.unwrap_or_else(|| {
            read_outs.push((device.clone(), ReadOut::default()));
            read_outs.len().saturating_sub(1)
        });
        let source = Source {
            road: Road::Http,
            site: &site,
            device: &device,
            bench: None,
            model: None,
            received_at,
            live: false,
        };
        let mut lone = ReadOut::default();
        let read_out = read_outs.get_mut(at).map_or(&mut lone, |(_, read_out)| read_out);
        read_out.request = request;
        one(object, &source, read_out)
    };
    let mut items: Vec<_> = objects.into_iter().map(&mut admit).collect();
    settle(&mut items, Order::Numbered, None);
    items
}

/// The objects of a payload.
fn split(payload: &[u8]) -> Result<Vec<&RawValue>, String> {
    let text = std::str::from_utf8(payload)
        .map_err(|error| format!("invalid UTF-8 at byte {}", error.valid_up_to()))?;
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| format!("json: {error}"))?;
    if !whole.get().starts_with('[') {
        return Ok(vec![whole]);
    }
    let list: Vec<&RawValue> =
        serde_json::from_str(whole.get()).map_err(|error| format!("json: {error}"))?;
    match list.len() {
        0 => Err("json: the array is empty".to_owned()),
        got if got > READINGS_MAX => {
            Err(format!("json: {got} readings in one array, at most {READINGS_MAX} are allowed"))
        }
        _ => Ok(list),
    }
}

/// The device and the site that a posted object names.
fn place(object: &RawValue) -> Result<(DeviceId, SiteId), String> {
    let mut fields = Fields::read(object).map_err(|error| format!("json: {error}"))?;
    let device = fields.text("device")?.ok_or("device: missing")?;
    let site = fields.text("site")?.ok_or("site: missing")?;
    Ok((
        DeviceId::new(&device).map_err(|error| format!("device: {error}"))?,
        SiteId::new(&site).map_err(|error| format!("site: {error}"))?,
    ))
}

pub(super) fn one(object: &RawValue, source: &Source<'_>, read_out: &mut ReadOut) -> Item {
    let raw = object.get().as_bytes();
    let said = match read(object, source.road) {
        Ok(said) => said,
        Err(Trouble::Refuse(reason)) => return source.refuse(reason, raw),
        Err(Trouble::Wait(reason, detail)) => {
            let (sequence, time) = stated(object);
            let told = (sequence, time.as_deref());
            return source.wait_raw(told, (reason, &detail), raw, read_out);
        }
    };
    let reading = said.decoded.into_reading(source, read_out);
    match said.bad_person {
        None => Item::Reading(Box::new(reading)),
        Some(person) => source.wait(reading, (QuarantineReason::UnknownPerson, &person), raw),
    }
}

/// The number and the time of an object that is no reading yet, where it states them.
fn stated(object: &RawValue) -> (Option<Sequence>, Option<SmolStr>) {
    let Ok(mut fields) = Fields::read(object) else { return (None, None) };
    let epoch = fields.count("epoch").unwrap_or_default();
    let number = fields.count("seq").unwrap_or_default();
    let sequence = number.map(|number| Sequence { epoch, number });
    (sequence, fields.take("measured_at").map(as_sent))
}

fn read(object: &RawValue, road: Road) -> Result<Said, Trouble> {
    let mut fields = Fields::read(object).map_err(|error| format!("json: {error}"))?;
    // They named the source already; as attributes they would only repeat it.
    let place: &[&str] = match road {
        Road::Http => &["device", "site"],
        Road::Typed => &["source", "site", "bench"],
        Road::Serial | Road::Mqtt | Road::Broker => &[],
    };
    for name in place {
        fields.take(name);
    }
    let kind = fields.text("kind")?.ok_or_else(|| "kind: missing".to_owned())?;
    let measurement = match kind.as_ref() {
        "blood_pressure" => blood_pressure(&mut fields)?,
        "glucose" => glucose(&mut fields)?,
        other => return Err(Trouble::Wait(QuarantineReason::UnknownKind, other.to_owned())),
    };
    let epoch = fields.count("epoch")?;
    let sequence = fields.count("seq")?.map(|number| Sequence { epoch, number });
    let device_time = fields.take("measured_at").map(as_sent);
    let (person, bad_person) = person(&mut fields);
    let setting = setting(&mut fields);
    let symptoms = fields.texts("symptoms").iter().map(SmolStr::new).collect();
    let remarks = Remarks { person, setting, symptoms, attributes: fields.attributes() };
    let written = Some(object.get().into());
    let decoded = Decoded { measurement, sequence, device_time, remarks, raw: None, written };
    Ok(Said { decoded, bad_person })
}

/// Device time exactly as sent: the text, or the JSON of whatever else was sent in its place.
fn as_sent(value: &RawValue) -> SmolStr {
    text(value).map_or_else(|| SmolStr::new(value.get()), SmolStr::from)
}

/// A person named in a way that cannot be a person's name is not nobody: it waits.
fn person(fields: &mut Fields<'_>) -> (Option<PersonId>, Option<String>) {
    let Some(value) = fields.take("person") else { return (None, None) };
    match text(value).and_then(|name| PersonId::new(&name).ok()) {
        Some(person) => (Some(person), None),
        None => (None, Some(value.get().to_owned())),
    }
}

fn setting(fields: &mut Fields<'_>) -> Option<Setting> {
    let value = fields.take("setting")?;
    match text(value).as_deref() {
        Some("home") => Some(Setting::Home),
        Some("clinic") => Some(Setting::Clinic),
        _ => {
            fields.keep("setting", value);
            None
        }
    }
}

fn blood_pressure(fields: &mut Fields<'_>) -> Result<Measurement, Trouble> {
    let unit = match unit(fields)?.as_ref() {
        "mmHg" => PressureUnit::MmHg,
        "kPa" => PressureUnit::KPa,
        other => return Err(Trouble::Wait(QuarantineReason::UnknownUnit, other.to_owned())),
    };
    let missing = |name: &str| format!("{name}: missing");
    let systolic = fields.number("systolic")?.ok_or_else(|| missing("systolic"))?;
    let diastolic = fields.number("diastolic")?.ok_or_else(|| missing("diastolic"))?;
    let mut pressure = BloodPressure::new(systolic, diastolic, unit);
    pressure.mean = fields.number("mean")?;
    pressure.pulse = fields.number("pulse")?;
    pressure.flags = flags(fields);
    Ok(Measurement::BloodPressure(pressure))
}

fn glucose(fields: &mut Fields<'_>) -> Result<Measurement, Trouble> {
    let value = glucose_value(fields)?;
    let unit = match unit(fields)?.as_ref() {
        "mmol/L" => GlucoseUnit::MmolPerL,
        "mg/dL" => GlucoseUnit::MgPerDl,
        other => return Err(Trouble::Wait(QuarantineReason::UnknownUnit, other.to_owned())),
    };
    let mut glucose = Glucose::new(value, unit);
    glucose.meal = meal(fields);
    glucose.control = control(fields);
    Ok(Measurement::Glucose(glucose))
}

fn unit<'a>(fields: &mut Fields<'a>) -> Result<Cow<'a, str>, String> {
    Ok(fields.text("unit")?.unwrap_or(Cow::Borrowed("")))
}

fn glucose_value(fields: &mut Fields<'_>) -> Result<GlucoseValue, String> {
    let value = fields.take("value").ok_or("value: missing")?;
    if let Some(number) = number(value) {
        return Ok(GlucoseValue::Number(number));
    }
    match text(value).as_deref() {
        Some("HI") => Ok(GlucoseValue::High),
        Some("LO") => Ok(GlucoseValue::Low),
        _ => Err("value: expected a number, \"HI\" or \"LO\"".to_owned()),
    }
}

fn meal(fields: &mut Fields<'_>) -> Meal {
    let Some(value) = fields.take("meal") else { return Meal::Unknown };
    match text(value).as_deref() {
        Some("fasting") => Meal::Fasting,
        Some("before_meal") => Meal::BeforeMeal,
        Some("after_meal" | "postprandial") => Meal::AfterMeal,
        Some("random") => Meal::Random,
        Some("bedtime") => Meal::Bedtime,
        Some("unknown") => Meal::Unknown,
        _ => {
            fields.keep("meal", value);
            Meal::Unknown
        }
    }
}

fn control(fields: &mut Fields<'_>) -> bool {
    let Some(value) = fields.take("sample") else { return false };
    let control = text(value).as_deref() == Some("control");
    if !control {
        fields.keep("sample", value);
    }
    control
}

/// The known marks; a list that holds others stays as an attribute too.
fn flags(fields: &mut Fields<'_>) -> Flags {
    let mut flags = Flags::default();
    let Some(value) = fields.take("flags") else { return flags };
    fields.keep("flags", value);
    let names = fields.texts("flags");
    let mut whole = !names.is_empty() || value.get() == "[]";
    for name in &names {
        match name.as_ref() {
            "body_movement" => flags.body_movement = true,
            "cuff_too_loose" => flags.cuff_too_loose = true,
            "improper_position" => flags.improper_position = true,
            "irregular_pulse" => flags.irregular_pulse = true,
            "pulse_out_of_range" => flags.pulse_out_of_range = true,
            _ => whole = false,
        }
    }
    if !whole && !names.is_empty() {
        fields.keep("flags", value);
    }
    flags
}

#[cfg(test)]
mod tests {
    use firmware_protocols::Decimal;

    use super::*;
    use crate::domain::{Grade, flag_bits};

    const RECEIVED: &str = "2026-03-02T07:12:00+08:00";

    fn whole(number: i64) -> Decimal {
        Decimal::new(number, 0)
    }

    fn admit(payload: &[u8]) -> Vec<Item> {
        let site = SiteId::new("V03").unwrap();
        let device = DeviceId::new("BP-7").unwrap();
        let source = Source {
            road: Road::Mqtt,
            site: &site,
            device: &device,
            bench: None,
            model: None,
            received_at: Timestamp::parse(RECEIVED).unwrap(),
            live: false,
        };
        readings(payload, &source)
    }

    /// What became of each item: `reading`, or `refused: why`, or `unknown_unit: detail`.
    #[track_caller]
    fn check(payload: &str, expected: &[&str]) {
        let told: Vec<String> = admit(payload.as_bytes())
            .into_iter()
            .map(|item| match item {
                Item::Reading(_) => "reading".to_owned(),
                Item::Refused(refused) => format!("refused: {}", refused.reason),
                Item::Quarantined(held) | Item::Unnumbered(held) => {
                    format!("{}: {}", held.reason.as_str(), held.detail)
                }
                Item::Context(_) | Item::Event(_) | Item::Card(_) | Item::Presence(_) => {
                    "other".to_owned()
                }
            })
            .collect();
        assert_eq!(told, expected, "{payload}");
    }

    fn reading(payload: &str) -> crate::domain::Reading {
        let items = admit(payload.as_bytes());
        let [Item::Reading(reading)] = items.as_slice() else { panic!("{items:?}") };
        reading.as_ref().clone()
    }

    const FULL: &str = r#"{"kind":"blood_pressure","seq":42,"epoch":1,"measured_at":"2026-03-02T07:10:00+08:00","systolic":182,"diastolic":96,"unit":"mmHg","pulse":80,"flags":["irregular_pulse"],"person":"P000123","setting":"home","battery":{"v":3.0}}"#;

    #[test]
    fn the_example_of_the_contract_is_a_reading_with_every_field() {
        let reading = reading(FULL);
        assert_eq!(reading.sequence, Some(Sequence { epoch: Some(1), number: 42 }));
        assert_eq!(reading.device_time.as_deref(), Some("2026-03-02T07:10:00+08:00"));
        assert_eq!(reading.measured.grade, Grade::A);
        assert_eq!(reading.remarks.person, Some(PersonId::new("P000123").unwrap()));
        assert_eq!(reading.remarks.setting, Some(Setting::Home));
        assert_eq!(reading.remarks.attributes.as_deref(), Some(r#"{"battery":{"v":3.0}}"#));
        let set: Vec<_> = flag_bits(reading.flags()).into_iter().filter(|flag| flag.2).collect();
        assert_eq!(set, [("irregular_pulse", 8, true)]);
        let Measurement::BloodPressure(pressure) = reading.measurement else { panic!() };
        assert_eq!(
            (pressure.systolic, pressure.diastolic, pressure.pulse),
            (whole(182), whole(96), Some(whole(80)))
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = r#"{"kind":"glucose","value":7.80,"unit":"mmol/L"}"#;
        let Measurement::Glucose(glucose) = reading(text).measurement else { panic!() };
        assert_eq!(glucose.value, GlucoseValue::Number(Decimal::new(78, -1)));
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_its_reason() {
        check("", &["refused: json: EOF while parsing a value at line 1 column 0"]);
        check("[]", &["refused: json: the array is empty"]);
        check(
            "7",
            &["refused: json: invalid type: integer `7`, expected an object at line 1 column 1"],
        );
        check(r#"{"unit":"mmHg"}"#, &["refused: kind: missing"]);
        check(
            r#"{"kind":"blood_pressure","unit":"mmHg","systolic":"182","diastolic":96}"#,
            &["refused: systolic: expected a number"],
        );
        check(
            r#"{"kind":"blood_pressure","unit":"mmHg","systolic":"１８２","diastolic":96}"#,
            &["refused: systolic: expected a number"],
        );
        check(
            r#"{"kind":"blood_pressure","unit":"mmHg","systolic":182}"#,
            &["refused: diastolic: missing"],
        );
        check(
            r#"{"kind":"glucose","unit":"mmol/L","value":"high"}"#,
            &["refused: value: expected a number, \"HI\" or \"LO\""],
        );
        check(
            r#"{"kind":"glucose","unit":"mmol/L","value":5.5,"seq":-1}"#,
            &["refused: seq: expected a whole number from 0 to 9223372036854775807"],
        );
        check(
            r#"{"kind":"glucose","kind":"glucose","unit":"mmol/L","value":5.5}"#,
            &["refused: json: field \"kind\" stands twice at line 1 column 34"],
        );
    }

    #[test]
    fn not_a_number_and_deep_nesting_and_bad_bytes_are_refused_whole() {
        for payload in [
            r#"{"kind":"glucose","value":NaN,"unit":"mmol/L"}"#.as_bytes(),
            "[".repeat(100_000).as_bytes(),
            b"{\"kind\":\"\xff\"}",
        ] {
            let items = admit(payload);
            let [Item::Refused(refused)] = items.as_slice() else { panic!("{items:?}") };
            assert_eq!(refused.raw, payload);
        }
    }

    #[test]
    fn unknown_units_and_kinds_and_persons_wait() {
        check(
            r#"{"kind":"blood_pressure","unit":"bar","systolic":0.2,"diastolic":0.1}"#,
            &["unknown_unit: bar"],
        );
        check(r#"{"kind":"glucose","unit":"mmHg","value":5.5}"#, &["unknown_unit: mmHg"]);
        check(r#"{"kind":"glucose","value":5.5}"#, &["unknown_unit: "]);
        check(r#"{"kind":"weight","unit":"kg","value":70}"#, &["unknown_kind: weight"]);
        check(
            r#"{"kind":"glucose","unit":"mmol/L","value":5.5,"person":"张三"}"#,
            &["unknown_person: \"张三\""],
        );
        check(
            r#"{"kind":"glucose","unit":"mmol/L","value":5.5,"person":7}"#,
            &["unknown_person: 7"],
        );
    }

    #[test]
    fn one_bad_object_does_not_take_the_others_with_it() {
        let good = r#"{"kind":"glucose","unit":"mmol/L","value":5.5,"seq":1}"#;
        check(&format!("[{good},{{}},{good}]"), &["reading", "refused: kind: missing", "reading"]);
    }

    #[test]
    fn equal_records_of_one_read_out_are_told_apart_and_a_repeat_is_not() {
        let record =
            r#"{"kind":"glucose","unit":"mmol/L","value":5.5,"measured_at":"2026-03-01T07:00:00"}"#;
        let ids = |payload: &str| -> Vec<_> {
            admit(payload.as_bytes())
                .into_iter()
                .map(|item| if let Item::Reading(reading) = item { reading.id } else { panic!() })
                .collect()
        };
        let twice = ids(&format!("[{record},{record}]"));
        assert_ne!(twice.first(), twice.last());
        assert_eq!(twice, ids(&format!("[{record},{record}]")));
        assert_eq!(ids(record).first(), twice.first());
    }

    /// Of two items: whether only commit can tell them apart, and whether they are known as one.
    #[track_caller]
    fn check_like(items: &[Item], unnumbered: bool, one: bool) {
        let held = |item: &Item| match item {
            Item::Quarantined(held) => (false, held.content),
            Item::Unnumbered(held) => (true, held.content),
            Item::Reading(_)
            | Item::Context(_)
            | Item::Event(_)
            | Item::Refused(_)
            | Item::Card(_)
            | Item::Presence(_) => panic!(),
        };
        let [first, second] = items else { panic!("{items:?}") };
        let (first, second) = (held(first), held(second));
        assert_eq!((first.0, second.0, first.1 == second.1), (unnumbered, unnumbered, one));
    }

    #[test]
    fn what_waits_is_known_again_by_its_number_or_its_time_and_by_nothing_else() {
        const UNUSABLE: [&str; 3] = [
            r#""kind":"weight","unit":"kg","value":70"#,
            r#""kind":"glucose","unit":"stone","value":5.5"#,
            r#""kind":"glucose","unit":"mmol/L","value":5.5,"person":7"#,
        ];
        let time = r#","measured_at":"2026-03-02T07:00:00""#;
        for what in UNUSABLE {
            let once = |more: &str| admit(format!("{{{what}{more}}}").as_bytes());
            let both = |more: &str| [once(more), once(more)].concat();
            let twice =
                |more: &str| admit(format!("[{{{what}{more}}},{{{what}{more}}}]").as_bytes());
            check_like(&both(""), true, true);
            check_like(&both(r#","seq":4"#), false, true);
            check_like(&twice(r#","seq":4,"epoch":1"#), false, true);
            check_like(&both(time), false, true);
            // Equal records of one read-out are two, here as among readings.
            check_like(&twice(time), false, false);
        }
        let unreadable = |what: &str| admit(format!("{{{what}}}").as_bytes());
        let weight = r#""kind":"weight","seq":"four""#;
        check_like(&[unreadable(weight), unreadable(weight)].concat(), true, true);
    }

    #[test]
    fn what_waits_is_known_again_by_the_key_under_which_it_was_posted() {
        let object = r#"{"kind":"weight","device":"G1","site":"C1"}"#;
        let received = Timestamp::parse(RECEIVED).unwrap();
        let post = |key| posted(format!("[{object},{object}]").as_bytes(), received, key);
        check_like(&post(Some("k")), false, false);
        check_like(&[&post(Some("k"))[1..], &post(Some("k"))[1..]].concat(), false, true);
        check_like(&[&post(Some("k"))[..1], &post(Some("n"))[..1]].concat(), false, false);
        check_like(&post(None), true, true);
    }

    #[test]
    fn an_unreadable_clock_never_costs_the_reading() {
        for time in ["17", "\"2026-02-31T07:00:00\"", "{\"a\":1}", "\"yesterday\""] {
            let text = format!(
                r#"{{"kind":"glucose","unit":"mmol/L","value":17.1,"seq":1,"measured_at":{time}}}"#
            );
            assert_eq!(reading(&text).measured.grade, Grade::D, "{time}");
        }
    }

    #[test]
    fn posted_readings_name_their_device_and_site() {
        let received = Timestamp::parse(RECEIVED).unwrap();
        let body =
            br#"[{"kind":"glucose","unit":"mmol/L","value":5.5,"seq":1,"device":"G1","site":"C1"},
            {"kind":"glucose","unit":"mmol/L","value":5.5,"seq":1,"site":"C1"}]"#;
        let items = posted(body, received, None);
        let [Item::Reading(reading), Item::Refused(refused)] = items.as_slice() else {
            panic!("{items:?}")
        };
        assert_eq!((reading.device.as_str(), reading.site.as_str()), ("G1", "C1"));
        assert_eq!(reading.remarks.attributes, None);
        assert_eq!(refused.reason, "device: missing");
    }
}
