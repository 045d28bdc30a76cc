//! `taidoc-51`: TaiDoc and FORA meters (FORMATS §4).
//!
//! `51`, command, four data bytes, `A3` from the host or `A5` from the device, low byte of the sum.
//! Scales use a form of seven bytes. The same command 26 means something else on every kind of
//! meter, so the model must be known before a value is read; without one a value frame is the event
//! `value_without_model`.
//!
//! A value (26) carries no time; the time is the answer to command 25. [`session`] joins the two.

mod answer;
mod frame;
pub mod session;
mod time;
mod value;

pub use answer::{Answer, Context};
pub use frame::{Direction, Frame, Hazard, Request, command, device_frame};
pub use time::RecordTime;
pub use value::Kind;

use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::deframe::Framing;
use crate::error::DecodeError;
use crate::measurement::Meaning;

/// `taidoc-51`.
pub const FORMAT: Format = Format {
    name: "taidoc-51",
    models: &["bp", "glucose", "thermometer", "oximeter", "scale"],
    parts: &[Part::Frame, Part::Time],
    decode,
    framing: Some(framing),
};

fn framing(model: Option<&str>) -> Framing {
    match model.and_then(Kind::from_name) {
        Some(Kind::Scale) => Framing { scan: frame::scan_scale, intact: frame::intact_scale },
        Some(_) | None => Framing { scan: frame::scan, intact: frame::intact },
    }
}

fn decode(
    bytes: &[u8],
    selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    if selector.part == Part::Time {
        return decode_time(bytes, out);
    }
    let kind = selector.model.and_then(Kind::from_name);
    let frame = Frame::new_checked(bytes, kind == Some(Kind::Scale))?;
    match frame.direction {
        Direction::Host => decode_request(frame, out),
        Direction::Device => decode_answer(frame, kind, out),
    }
}

fn decode_time(bytes: &[u8], out: &mut dyn FieldSink) -> Result<Meaning, DecodeError> {
    let raw: [u8; 4] = bytes.try_into().map_err(|_other_length| DecodeError::BadLength)?;
    let time = RecordTime(raw);
    time.device_time()?;
    time.put_fields(out);
    Ok(Meaning::Event("record_time"))
}

fn decode_request(frame: Frame, out: &mut dyn FieldSink) -> Result<Meaning, DecodeError> {
    let clock = match frame.command {
        command::SET_CLOCK => Some(RecordTime(frame.payload).device_time()?),
        _ => None,
    };
    frame.put_fields(out);
    if let Some(clock) = clock {
        out.field("device_time", Value::DateTime(clock));
    }
    if matches!(frame.command, command::RECORD_TIME | command::RECORD_VALUE) {
        let [low, high, _, user] = frame.payload;
        out.field("index", u16::from_le_bytes([low, high]).into());
        out.field("user", user.into());
    }
    Ok(Meaning::Event("command"))
}

fn decode_answer(
    frame: Frame,
    kind: Option<Kind>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let time = RecordTime(frame.payload);
    let [d0, d1, _, _] = frame.payload;
    let event = match (frame.command, kind) {
        (command::RECORD_VALUE, Some(kind)) => return value::decode(frame, kind, out),
        (command::RECORD_VALUE, None) => {
            frame.put_fields(out);
            "value_without_model"
        }
        (command::CLOCK | command::SET_CLOCK, _) => {
            let clock = time.device_time()?;
            frame.put_fields(out);
            out.field("device_time", Value::DateTime(clock));
            "device_clock"
        }
        (command::RECORD_TIME, _) => {
            time.device_time()?;
            frame.put_fields(out);
            time.put_fields(out);
            "record_time"
        }
        (command::COUNT, _) => {
            frame.put_fields(out);
            out.field("record_count", frame.record_count().into());
            "record_count"
        }
        (command::MODEL, _) => {
            frame.put_fields(out);
            put_model(d0, d1, out);
            "model"
        }
        (other, _) => {
            frame.put_fields(out);
            answer_name(other)
        }
    };
    Ok(Meaning::Event(event))
}

/// `77 42` is TD-4277 (FORMATS §4). Nibbles that are no decimal digits are told as they are.
fn put_model(low: u8, high: u8, out: &mut dyn FieldSink) {
    let mut name = *b"TD-0000";
    let nibbles = [high >> 4, high & 0x0F, low >> 4, low & 0x0F];
    for (letter, nibble) in name.iter_mut().skip(3).zip(nibbles) {
        *letter = b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or(b'?');
    }
    if let Ok(name) = core::str::from_utf8(&name) {
        out.field("model", Value::Text(name));
    }
}

const fn answer_name(answered: u8) -> &'static str {
    match answered {
        command::CONNECT | command::ENTERED_COMMUNICATION => "connected",
        command::SERIAL_LOW | command::SERIAL_HIGH => "serial_number",
        command::START_BP => "cuff_started",
        command::SPO2 => "oxygen_saturation",
        command::POWER_OFF => "power_off",
        command::CLEAR => "memory_cleared",
        _ => "unknown_answer",
    }
}
