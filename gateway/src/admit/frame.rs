//! Device frames to readings, through the codecs of `firmware-protocols`.

use firmware_protocols::{
    DecodeError, Deframer, Format, Meal, Meaning, Measurement, Part, Piece, Selector,
    codec::NoFields, format, sig::glucose_context::ContextFrame, taidoc::session::Record,
};
use smol_str::{SmolStr, ToSmolStr};

use super::{
    ClockCheck, Decoded, Order, ReadOut, Source,
    context::{Cut, MEASUREMENT, context, cut_pairs},
    only_ordered, settle,
};
use crate::{
    domain::{Grade, Remarks, Sequence},
    intake::Item,
    store::QuarantineReason,
};

/// Valid frames that carry nobody's result: answers, commands, the rising pressure of a cuff. They
/// are acknowledged and counted by their road, and not kept.
const CHATTER: [&str; 15] = [
    "acknowledged",
    "battery",
    "command",
    "connected",
    "cuff_pressure",
    "cuff_started",
    "device_clock",
    "glucose_feature",
    "inflation",
    "memory_cleared",
    "model",
    "power_off",
    "record_access_response",
    "record_count",
    "serial_number",
];

/// Admits a payload of one device: one frame of the named format, or several glued together.
#[must_use]
pub fn frame(name: &str, payload: &[u8], source: &Source<'_>) -> Vec<Item> {
    let mut items = frames(name, payload, source);
    settle(&mut items, Order::Numbered, None);
    items
}

fn frames(name: &str, payload: &[u8], source: &Source<'_>) -> Vec<Item> {
    let Some(format) = format(name) else {
        return vec![source.refuse(format!("unknown_format: {name}"), payload)];
    };
    let mut read_out = ReadOut::default();
    let pairs = if name == MEASUREMENT { cut_pairs(payload) } else { None };
    if let Some(frames) = pairs {
        let of = |frame| match frame {
            Cut::Context(bytes) => context(bytes, source),
            Cut::Measurement(bytes) => one(format, bytes, source, &mut read_out),
        };
        return frames.into_iter().filter_map(of).collect();
    }
    match decode(format, payload, source) {
        Ok(meaning) => item(meaning, payload, source, &mut read_out).into_iter().collect(),
        Err(error) => glued(format, payload, source, &mut read_out)
            .unwrap_or_else(|| vec![source.refuse(error.name(), payload)]),
    }
}

/// Admits one frame that a line's deframer has cut out.
#[must_use]
pub fn cut_frame(format: &Format, bytes: &[u8], source: &Source<'_>) -> Option<Item> {
    one(format, bytes, source, &mut ReadOut::default())
}

/// Bytes of a line that are in no frame of its format: a meter's line carries contexts as well, each
/// with silence behind it. Without a checksum only one that is whole and names a meal is believed.
#[must_use]
pub fn left(format: &Format, bytes: &[u8], source: &Source<'_>) -> Option<Item> {
    if format.name != MEASUREMENT {
        return None;
    }
    let (frame, left) = ContextFrame::parse(bytes).ok()?;
    let whole = left == 0 && frame.meal_kind() != Meal::Unknown;
    if whole { context(bytes, source) } else { None }
}

fn one(format: &Format, bytes: &[u8], source: &Source<'_>, read_out: &mut ReadOut) -> Option<Item> {
    match decode(format, bytes, source) {
        Ok(meaning) => item(meaning, bytes, source, read_out),
        Err(error) => Some(source.refuse(error.name(), bytes)),
    }
}

/// Admits the records of one read-out of a meter's memory, oldest first, with what its clock showed
/// when it was asked.
#[must_use]
pub fn memory(records: &[Record], check: Option<ClockCheck>, source: &Source<'_>) -> Vec<Item> {
    let mut read_out = ReadOut::default();
    let mut items: Vec<_> =
        records.iter().map(|record| of_memory(record, source, &mut read_out)).collect();
    settle(&mut items, Order::OldestFirst, check);
    if source.bench.is_some() {
        items = items.into_iter().map(|item| at_bench(item, source)).collect();
    }
    items
}

fn of_memory(record: &Record, source: &Source<'_>, read_out: &mut ReadOut) -> Item {
    let raw = [record.time_frame, record.value_frame].concat();
    // A clock that cannot be read is still what the device sent: it knows the record again.
    let as_sent = |_unreadable| SmolStr::new(hexadecimal(&record.time_frame));
    let time = record.time.map_or_else(as_sent, |time| time.to_smolstr());
    match record.meaning {
        Ok(Meaning::Measurement(measurement)) => {
            let mut decoded = decoded(measurement, &raw);
            decoded.device_time = decoded.device_time.or(Some(time));
            Item::Reading(Box::new(decoded.into_reading(source, read_out)))
        }
        Ok(Meaning::Event(event)) => source.refuse(format!("no_measurement: {event}"), &raw),
        Err(error) => source.refuse(error.name(), &raw),
    }
}

/// A record of a shared meter whose clock says nothing may be anybody's who came before.
fn at_bench(item: Item, source: &Source<'_>) -> Item {
    let Item::Reading(reading) = item else { return item };
    if reading.measured.grade == Grade::D || only_ordered(&reading) {
        let raw = reading.raw.clone().unwrap_or_default();
        return source.wait(*reading, (QuarantineReason::NoPerson, ""), &raw);
    }
    Item::Reading(reading)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(format: &Format, bytes: &[u8], source: &Source<'_>) -> Result<Meaning, DecodeError> {
    let model = source.model.filter(|model| format.models.contains(model));
    format.decode(bytes, Selector { model, part: Part::Frame }, &mut NoFields)
}

/// The frames of a payload that is not one; `None` where it holds none at all.
fn glued(
    format: &Format,
    payload: &[u8],
    source: &Source<'_>,
    read_out: &mut ReadOut,
) -> Option<Vec<Item>> {
    let model = source.model.filter(|model| format.models.contains(model));
    let mut deframer: Deframer = Deframer::new(format.framing(model)?);
    let mut items = Vec::new();
    let mut any = false;
    let mut take = |piece: Piece<'_>| match piece {
        Piece::Frame(bytes) => match decode(format, bytes, source) {
            Ok(meaning) => {
                any = true;
                items.extend(item(meaning, bytes, source, read_out));
            }
            Err(error) => items.push(source.refuse(error.name(), bytes)),
        },
        Piece::Refused { bytes, reason } => items.push(source.refuse(reason.name(), bytes)),
    };
    deframer.push(payload, &mut take);
    deframer.idle(&mut take);
    any.then_some(items)
}

fn item(meaning: Meaning, raw: &[u8], source: &Source<'_>, read_out: &mut ReadOut) -> Option<Item> {
    match meaning {
        Meaning::Measurement(measurement) => {
            let reading = decoded(measurement, raw).into_reading(source, read_out);
            Some(Item::Reading(Box::new(reading)))
        }
        Meaning::Event("glucose_context") => context(raw, source),
        Meaning::Event(event) if CHATTER.contains(&event) => None,
        Meaning::Event(event) => Some(source.refuse(format!("no_measurement: {event}"), raw)),
    }
}

fn decoded(measurement: Measurement, raw: &[u8]) -> Decoded {
    let number = |number| Sequence { epoch: None, number: u64::from(number) };
    let attributes = measurement.user().map(|user| format!("{{\"user\":{user}}}"));
    Decoded {
        sequence: measurement.sequence().map(number),
        device_time: measurement.device_time().map(|time| -> SmolStr { time.to_smolstr() }),
        remarks: Remarks { attributes, ..Remarks::default() },
        raw: Some(raw.to_vec()),
        written: None,
        measurement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DeviceId, Road, SiteId, Timestamp};

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    #[track_caller]
    fn check(name: &str, model: Option<&str>, hex: &str, expected: &[&str]) {
        let (site, device) = (SiteId::new("C1").unwrap(), DeviceId::new("D1").unwrap());
        let source = Source {
            road: Road::Mqtt,
            site: &site,
            device: &device,
            bench: None,
            model,
            received_at: Timestamp::parse("2018-09-19T18:02:00+08:00").unwrap(),
            live: false,
        };
        let told: Vec<String> = frame(name, &bytes(hex), &source)
            .iter()
            .map(|item| match item {
                Item::Reading(reading) => {
                    let grade = reading.measured.grade;
                    format!("{} {grade:?} {:?}", reading.kind(), reading.device_time.as_deref())
                }
                Item::Refused(refused) => format!("refused {}", refused.reason),
                Item::Quarantined(_)
                | Item::Unnumbered(_)
                | Item::Event(_)
                | Item::Card(_)
                | Item::Presence(_)
                | Item::Context(_) => "other".to_owned(),
            })
            .collect();
        assert_eq!(told, expected, "{name} {hex}");
    }

    const RAYCOME: &str = "AA80020F01060112091312012000760045003F3C";
    const TOLD: &str = "blood_pressure A Some(\"2018-09-19T18:01:32\")";

    #[test]
    fn a_frame_is_a_reading_with_the_time_of_its_device() {
        check("raycome-rbp", None, RAYCOME, &[TOLD]);
    }

    #[test]
    fn a_clock_that_was_never_set_is_graded_d() {
        let never = "AA80020F0106000E010101010100D70086006733";
        check("raycome-rbp", None, never, &["blood_pressure D Some(\"2014-01-01T01:01:01\")"]);
    }

    #[test]
    fn glued_frames_and_noise_between_them_all_come_out() {
        let glued = format!("{RAYCOME}00FF{RAYCOME}");
        check("raycome-rbp", None, &glued, &[TOLD, "refused noise", TOLD]);
    }

    #[test]
    fn half_a_frame_and_a_wrong_sum_are_refused_whole() {
        check("raycome-rbp", None, "AA80020F0106", &["refused too_short"]);
        let wrong = RAYCOME.replace("3F3C", "3F3D");
        check("raycome-rbp", None, &wrong, &["refused bad_checksum"]);
    }

    #[test]
    fn a_failed_measurement_is_kept_and_is_no_reading() {
        check(
            "sig-bp-2a35",
            None,
            "04FF07FF07FF07FF07",
            &["refused no_measurement: failed_measurement"],
        );
    }

    #[test]
    fn a_record_whose_clock_cannot_be_read_is_known_again_at_every_read_out() {
        let meter = "5126600000000000";
        let records = [Record {
            index: 0,
            user: None,
            time: Err(DecodeError::InvalidDate),
            average: false,
            meaning: Ok(Meaning::Measurement(Measurement::Glucose(
                firmware_protocols::Glucose::new(
                    firmware_protocols::GlucoseValue::High,
                    firmware_protocols::GlucoseUnit::MgPerDl,
                ),
            ))),
            time_frame: bytes(meter).try_into().unwrap(),
            value_frame: [0; 8],
        }];
        let read_out = |received| {
            let (site, device) = (SiteId::new("C1").unwrap(), DeviceId::new("D1").unwrap());
            let source = Source {
                road: Road::Serial,
                site: &site,
                device: &device,
                bench: None,
                model: None,
                received_at: Timestamp::from_millis(received),
                live: false,
            };
            let items = memory(&records, None, &source);
            let [Item::Reading(reading)] = items.as_slice() else { panic!("{items:?}") };
            reading.as_ref().clone()
        };
        let (first, again) = (read_out(1_772_424_000_000), read_out(1_772_425_000_000));
        assert_eq!((first.id, first.unnumbered, first.measured.grade), (again.id, false, Grade::D));
        assert_eq!(first.device_time.as_deref(), Some(meter));
    }

    #[test]
    fn chatter_is_not_kept() {
        check("raycome-rbp", None, "CC80020301010001", &[]);
    }

    #[test]
    fn an_unknown_format_is_refused_by_name() {
        check("omron-9", None, "00", &["refused unknown_format: omron-9"]);
    }
}
