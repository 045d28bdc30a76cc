//! `sig-glucose-context-2a34`: the Glucose Measurement Context characteristic (FORMATS §3.3;
//! Bluetooth Glucose Service, "Glucose Measurement Context").
//!
//! It follows the 2A18 with the same sequence number; the caller joins the two. Carbohydrate and
//! medication are kilograms, not grams.

use crate::bytes::{Packet, Reader};
use crate::codec::{FieldSink, Format, Part, Selector};
use crate::deframe::{Framing, Scan};
use crate::error::DecodeError;
use crate::ieee11073::Sfloat;
use crate::measurement::{Meal, Meaning};

/// `sig-glucose-context-2a34`.
pub const FORMAT: Format = Format {
    name: "sig-glucose-context-2a34",
    models: &[],
    parts: &[Part::Frame],
    decode,
    framing: Some(|_model| Framing { scan, intact: super::always_intact }),
};

/// Flags and sequence number (FORMATS §2.4).
const FIXED_LENGTH: usize = 3;

mod flag {
    pub(super) const CARBOHYDRATE: u8 = 0x01;
    pub(super) const MEAL: u8 = 0x02;
    pub(super) const TESTER_HEALTH: u8 = 0x04;
    pub(super) const EXERCISE: u8 = 0x08;
    pub(super) const MEDICATION: u8 = 0x10;
    pub(super) const LITRES: u8 = 0x20;
    pub(super) const HBA1C: u8 = 0x40;
    pub(super) const EXTENDED: u8 = 0x80;
}

/// The frame, believed in its lengths only. Codes are kept as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ContextFrame {
    /// The sequence number of the measurement that this belongs to.
    pub sequence: u16,
    /// Extended flags, all reserved.
    pub extended: Option<u8>,
    /// Carbohydrate id and amount in kg.
    pub carbohydrate: Option<(u8, Sfloat)>,
    /// Meal code: 1 before, 2 after, 3 fasting, 4 casual, 5 bedtime.
    pub meal: Option<u8>,
    /// Tester (low nibble) and health (high nibble).
    pub tester_health: Option<u8>,
    /// Exercise duration in seconds and intensity in percent.
    pub exercise: Option<(u16, u8)>,
    /// Medication id and amount, in litres where `litres` is set, otherwise in kg.
    pub medication: Option<(u8, Sfloat)>,
    /// The unit flag of the medication. It is sent even without one.
    pub litres: bool,
    /// Haemoglobin A1c in percent.
    pub hba1c: Option<Sfloat>,
}

impl ContextFrame {
    /// Reads a frame; also answers how many bytes are left over.
    ///
    /// # Errors
    /// `too_short` under 3 bytes, `truncated` when the flags promise more than there is.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), DecodeError> {
        if bytes.len() < FIXED_LENGTH {
            return Err(DecodeError::TooShort);
        }
        let mut reader = Reader::new(bytes);
        let flags = reader.u8()?;
        let has = |bit: u8| flags & bit != 0;
        let mut frame =
            Self { sequence: reader.u16_le()?, litres: has(flag::LITRES), ..Self::default() };
        if has(flag::EXTENDED) {
            frame.extended = Some(reader.u8()?);
        }
        if has(flag::CARBOHYDRATE) {
            frame.carbohydrate = Some((reader.u8()?, Sfloat(reader.u16_le()?)));
        }
        if has(flag::MEAL) {
            frame.meal = Some(reader.u8()?);
        }
        if has(flag::TESTER_HEALTH) {
            frame.tester_health = Some(reader.u8()?);
        }
        if has(flag::EXERCISE) {
            frame.exercise = Some((reader.u16_le()?, reader.u8()?));
        }
        if has(flag::MEDICATION) {
            frame.medication = Some((reader.u8()?, Sfloat(reader.u16_le()?)));
        }
        if has(flag::HBA1C) {
            frame.hba1c = Some(Sfloat(reader.u16_le()?));
        }
        Ok((frame, reader.remaining()))
    }

    /// The bytes of this frame.
    #[must_use]
    pub fn emit(&self) -> Packet {
        let mut packet = Packet::new().put(&[self.flags()]).put(&self.sequence.to_le_bytes());
        if let Some(extended) = self.extended {
            packet = packet.put(&[extended]);
        }
        if let Some((id, amount)) = self.carbohydrate {
            packet = packet.put(&[id]).put(&amount.to_bytes());
        }
        for byte in [self.meal, self.tester_health].into_iter().flatten() {
            packet = packet.put(&[byte]);
        }
        if let Some((seconds, percent)) = self.exercise {
            packet = packet.put(&seconds.to_le_bytes()).put(&[percent]);
        }
        if let Some((id, amount)) = self.medication {
            packet = packet.put(&[id]).put(&amount.to_bytes());
        }
        if let Some(hba1c) = self.hba1c {
            packet = packet.put(&hba1c.to_bytes());
        }
        packet
    }

    fn flags(&self) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        bit(self.extended.is_some(), flag::EXTENDED)
            | bit(self.carbohydrate.is_some(), flag::CARBOHYDRATE)
            | bit(self.meal.is_some(), flag::MEAL)
            | bit(self.tester_health.is_some(), flag::TESTER_HEALTH)
            | bit(self.exercise.is_some(), flag::EXERCISE)
            | bit(self.medication.is_some(), flag::MEDICATION)
            | bit(self.litres, flag::LITRES)
            | bit(self.hba1c.is_some(), flag::HBA1C)
    }

    /// The meal in our words; [`Meal::Unknown`] where none or a code without a name was sent.
    #[must_use]
    pub const fn meal_kind(&self) -> Meal {
        match self.meal {
            Some(1) => Meal::BeforeMeal,
            Some(2) => Meal::AfterMeal,
            Some(3) => Meal::Fasting,
            Some(4) => Meal::Random,
            Some(5) => Meal::Bedtime,
            Some(_) | None => Meal::Unknown,
        }
    }

    fn put_fields(&self, out: &mut dyn FieldSink) {
        out.field("sequence", self.sequence.into());
        if let Some(extended) = self.extended {
            out.field("extended_flags", extended.into());
        }
        if let Some((id, amount)) = self.carbohydrate {
            out.field("carbohydrate_id", id.into());
            out.field("carbohydrate_kg", amount.real().value());
        }
        if let Some(meal) = self.meal {
            out.field("meal", meal.into());
        }
        if let Some(both) = self.tester_health {
            out.field("tester", (both & 0x0F).into());
            out.field("health", (both >> 4).into());
        }
        if let Some((seconds, percent)) = self.exercise {
            out.field("exercise_s", seconds.into());
            out.field("exercise_pct", percent.into());
        }
        if let Some((id, amount)) = self.medication {
            out.field("medication_id", id.into());
            let name = if self.litres { "medication_L" } else { "medication_kg" };
            out.field(name, amount.real().value());
        }
        if let Some(hba1c) = self.hba1c {
            out.field("hba1c_pct", hba1c.real().value());
        }
    }
}

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let (frame, trailing) = ContextFrame::parse(bytes)?;
    frame.put_fields(out);
    super::put_trailing(trailing, out);
    Ok(Meaning::Event("glucose_context"))
}

fn scan(candidate: &[u8]) -> Scan {
    const PARTS: [(u8, usize); 7] = [
        (flag::EXTENDED, 1),
        (flag::CARBOHYDRATE, 3),
        (flag::MEAL, 1),
        (flag::TESTER_HEALTH, 1),
        (flag::EXERCISE, 3),
        (flag::MEDICATION, 3),
        (flag::HBA1C, 2),
    ];
    candidate
        .first()
        .map_or(Scan::More, |flags| super::flagged_length(*flags, FIXED_LENGTH, &PARTS))
}
