//! `sig-bp-2a35`: the Blood Pressure Measurement characteristic, and the Beurer BM85's own reading
//! of it (FORMATS §3.2; Bluetooth Blood Pressure Service, "Blood
//! Pressure Measurement").
//!
//! The same layout carries the Intermediate Cuff Pressure (2A36), see
//! [`cuff_pressure`](super::cuff_pressure).

use crate::bytes::{Packet, Reader};
use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::deframe::{Framing, Scan};
use crate::error::DecodeError;
use crate::ieee11073::Sfloat;
use crate::measurement::{BloodPressure, Flags, Meaning, Measurement, PressureUnit};
use crate::sig::date_time::SigDateTime;

/// `sig-bp-2a35`.
pub const FORMAT: Format = Format {
    name: "sig-bp-2a35",
    models: &[],
    parts: &[Part::Frame],
    decode: decode_strict,
    framing: Some(|_model| Framing { scan: scan_strict, intact: super::always_intact }),
};

/// `sig-bp-2a35.quirk-beurer`: Beurer BM85, selected by the model name.
pub const BEURER: Format = Format {
    name: "sig-bp-2a35.quirk-beurer",
    models: &[],
    parts: &[Part::Frame],
    decode: decode_beurer,
    framing: Some(|_model| Framing { scan: scan_beurer, intact: super::always_intact }),
};

/// Flags and three SFLOATs (FORMATS §2.4).
const FIXED_LENGTH: usize = 7;
/// "User id unknown" (Bluetooth Blood Pressure Service, "User ID Field").
const USER_UNKNOWN: u8 = 0xFF;

mod flag {
    pub(super) const KPA: u8 = 0x01;
    pub(super) const TIME: u8 = 0x02;
    pub(super) const PULSE: u8 = 0x04;
    pub(super) const USER: u8 = 0x08;
    pub(super) const STATUS: u8 = 0x10;
}

/// Which reading of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// As the Bluetooth specification says.
    Strict,
    /// Beurer BM85: the user id is there whatever its flag says; pulse and status are big-endian
    /// (FORMATS §3.2, four captures).
    Beurer,
}

/// The frame, believed in its lengths only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PressureFrame {
    /// Unit of the three values.
    pub unit: PressureUnit,
    /// 2A35: systolic, diastolic, mean. 2A36: cuff pressure and two unused values.
    pub values: [Sfloat; 3],
    /// Device time.
    pub time: Option<SigDateTime>,
    /// Pulse in beats per minute.
    pub pulse: Option<Sfloat>,
    /// User id; FF is unknown.
    pub user: Option<u8>,
    /// Status word.
    pub status: Option<u16>,
}

impl PressureFrame {
    /// Reads a frame; also answers how many bytes are left over.
    ///
    /// # Errors
    /// `too_short` under 7 bytes, `truncated` when the flags promise more than there is.
    pub fn parse(bytes: &[u8], layout: Layout) -> Result<(Self, usize), DecodeError> {
        if bytes.len() < FIXED_LENGTH {
            return Err(DecodeError::TooShort);
        }
        let mut reader = Reader::new(bytes);
        let flags = reader.u8()?;
        let unit = if flags & flag::KPA == 0 { PressureUnit::MmHg } else { PressureUnit::KPa };
        let values = [Sfloat(reader.u16_le()?), Sfloat(reader.u16_le()?), Sfloat(reader.u16_le()?)];
        let time = when(flags & flag::TIME != 0, || SigDateTime::read(&mut reader))?;
        let word = match layout {
            Layout::Strict => Reader::u16_le,
            Layout::Beurer => Reader::u16_be,
        };
        let pulse = when(flags & flag::PULSE != 0, || word(&mut reader).map(Sfloat))?;
        let has_user = layout == Layout::Beurer || flags & flag::USER != 0;
        let user = when(has_user, || reader.u8())?;
        let status = when(flags & flag::STATUS != 0, || word(&mut reader))?;
        Ok((Self { unit, values, time, pulse, user, status }, reader.remaining()))
    }

    /// The bytes of this frame. In the Beurer layout a frame without a user is written with the
    /// unknown one, because that layout always has the byte.
    #[must_use]
    pub fn emit(&self, layout: Layout) -> Packet {
        let word = match layout {
            Layout::Strict => u16::to_le_bytes,
            Layout::Beurer => u16::to_be_bytes,
        };
        let mut packet = Packet::new().put(&[self.flags(layout)]);
        for value in self.values {
            packet = packet.put(&value.to_bytes());
        }
        if let Some(time) = self.time {
            packet = packet.put(&time.to_bytes());
        }
        if let Some(Sfloat(pulse)) = self.pulse {
            packet = packet.put(&word(pulse));
        }
        match (self.user, layout) {
            (Some(user), _) => packet = packet.put(&[user]),
            (None, Layout::Beurer) => packet = packet.put(&[USER_UNKNOWN]),
            (None, Layout::Strict) => {}
        }
        if let Some(status) = self.status {
            packet = packet.put(&word(status));
        }
        packet
    }

    fn flags(&self, layout: Layout) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        bit(self.unit == PressureUnit::KPa, flag::KPA)
            | bit(self.time.is_some(), flag::TIME)
            | bit(self.pulse.is_some(), flag::PULSE)
            | bit(self.user.is_some() && layout == Layout::Strict, flag::USER)
            | bit(self.status.is_some(), flag::STATUS)
    }

    /// What the cuff said. A measurement whose systolic or diastolic is no number is the event
    /// `failed_measurement`.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        let [systolic, diastolic, mean] = self.values.map(|value| value.real().number());
        let (Some(systolic), Some(diastolic)) = (systolic, diastolic) else {
            return Meaning::Event("failed_measurement");
        };
        Meaning::Measurement(Measurement::BloodPressure(BloodPressure {
            mean: mean.filter(|mean| !mean.is_zero()),
            pulse: self.pulse.and_then(|pulse| pulse.real().number()),
            flags: self.status.map(flags_of).unwrap_or_default(),
            status: self.status,
            device_time: self.time.and_then(SigDateTime::known),
            user: self.user.filter(|user| *user != USER_UNKNOWN),
            ..BloodPressure::new(systolic, diastolic, self.unit)
        }))
    }

    /// The fields that 2A35 and 2A36 share.
    pub(crate) fn put_shared_fields(&self, trailing: usize, out: &mut dyn FieldSink) {
        out.field("unit", Value::Text(self.unit.name()));
        match self.time {
            Some(time) => time.put_fields(out),
            None => out.field("device_time", Value::Null),
        }
        if let Some(pulse) = self.pulse {
            out.field("pulse_bpm", pulse.real().value());
        }
        if let Some(user) = self.user {
            out.field("user_id", user.into());
        }
        if let Some(status) = self.status {
            put_status(status, out);
        }
        super::put_trailing(trailing, out);
    }

    fn put_fields(&self, trailing: usize, out: &mut dyn FieldSink) {
        let names = match self.unit {
            PressureUnit::MmHg => ["systolic_mmHg", "diastolic_mmHg", "map_mmHg"],
            PressureUnit::KPa => ["systolic_kPa", "diastolic_kPa", "map_kPa"],
        };
        for (name, value) in names.into_iter().zip(self.values) {
            out.field(name, value.real().value());
        }
        self.put_shared_fields(trailing, out);
    }
}

/// Reads an optional part when its flag is set.
fn when<T>(
    present: bool,
    read: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if present { read().map(Some) } else { Ok(None) }
}

/// Status word, FORMATS §3.2; Bluetooth Blood Pressure Service, "Measurement Status Field".
fn flags_of(status: u16) -> Flags {
    Flags {
        body_movement: status & 0x01 != 0,
        cuff_too_loose: status & 0x02 != 0,
        irregular_pulse: status & 0x04 != 0,
        pulse_out_of_range: matches!(pulse_range(status), "above" | "below"),
        improper_position: status & 0x20 != 0,
    }
}

const fn pulse_range(status: u16) -> &'static str {
    match (status >> 3) & 0b11 {
        0 => "in_range",
        1 => "above",
        2 => "below",
        _ => "reserved",
    }
}

fn put_status(status: u16, out: &mut dyn FieldSink) {
    let flags = flags_of(status);
    out.field("status_raw", status.into());
    out.field("body_movement", Value::Bool(flags.body_movement));
    out.field("cuff_too_loose", Value::Bool(flags.cuff_too_loose));
    out.field("irregular_pulse", Value::Bool(flags.irregular_pulse));
    out.field("pulse_range", Value::Text(pulse_range(status)));
    out.field("improper_position", Value::Bool(flags.improper_position));
}

fn decode_strict(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    decode(bytes, Layout::Strict, out)
}

fn decode_beurer(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    decode(bytes, Layout::Beurer, out)
}

fn decode(bytes: &[u8], layout: Layout, out: &mut dyn FieldSink) -> Result<Meaning, DecodeError> {
    let (frame, trailing) = PressureFrame::parse(bytes, layout)?;
    frame.put_fields(trailing, out);
    Ok(frame.meaning())
}

/// The length that the flags announce; also that of 2A36.
pub(crate) fn scan_strict(candidate: &[u8]) -> Scan {
    const PARTS: [(u8, usize); 4] =
        [(flag::TIME, 7), (flag::PULSE, 2), (flag::USER, 1), (flag::STATUS, 2)];
    candidate
        .first()
        .map_or(Scan::More, |flags| super::flagged_length(*flags, FIXED_LENGTH, &PARTS))
}

fn scan_beurer(candidate: &[u8]) -> Scan {
    const PARTS: [(u8, usize); 3] = [(flag::TIME, 7), (flag::PULSE, 2), (flag::STATUS, 2)];
    const FIXED_WITH_USER: usize = FIXED_LENGTH + 1;
    candidate
        .first()
        .map_or(Scan::More, |flags| super::flagged_length(*flags, FIXED_WITH_USER, &PARTS))
}
