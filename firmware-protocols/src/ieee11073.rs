//! The number formats of IEEE 11073-20601: SFLOAT (16 bits) and FLOAT (32 bits).
//!
//! Exponent and mantissa are both two's complement, value = mantissa × 10^exponent (FORMATS §3.1;
//! IEEE 11073-20601, "SFLOAT-Type" and "FLOAT-Type"). Little-endian, as in GATT. Five bit
//! patterns with exponent 0 are no numbers; the same mantissa under another exponent is a number.

use crate::bytes::Reader;
use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::decimal::Decimal;
use crate::error::DecodeError;
use crate::measurement::Meaning;

/// `ieee11073-sfloat`: two bytes.
pub const SFLOAT: Format = Format {
    name: "ieee11073-sfloat",
    models: &[],
    parts: &[Part::Frame],
    decode: decode_sfloat,
    framing: None,
};

/// `ieee11073-float`: four bytes.
pub const FLOAT: Format = Format {
    name: "ieee11073-float",
    models: &[],
    parts: &[Part::Frame],
    decode: decode_float,
    framing: None,
};

/// What an SFLOAT or a FLOAT says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Real {
    /// A number.
    Number(Decimal),
    /// Not a number: no result.
    NaN,
    /// Not at this resolution.
    NRes,
    /// Beyond the upper end.
    PositiveInfinity,
    /// Beyond the lower end.
    NegativeInfinity,
    /// Reserved for future use.
    Reserved,
}

impl Real {
    /// The number, when it is one.
    #[must_use]
    pub const fn number(self) -> Option<Decimal> {
        match self {
            Self::Number(decimal) => Some(decimal),
            Self::NaN
            | Self::NRes
            | Self::PositiveInfinity
            | Self::NegativeInfinity
            | Self::Reserved => None,
        }
    }

    pub(crate) const fn value(self) -> Value<'static> {
        match self {
            Self::Number(decimal) => Value::Decimal(decimal),
            Self::NaN => Value::Text("NaN"),
            Self::NRes => Value::Text("NRes"),
            Self::PositiveInfinity => Value::Text("+INF"),
            Self::NegativeInfinity => Value::Text("-INF"),
            Self::Reserved => Value::Text("reserved"),
        }
    }
}

/// Sixteen bits: exponent of 4 bits above a mantissa of 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sfloat(pub u16);

impl Sfloat {
    /// Beyond the upper end.
    pub const POSITIVE_INFINITY: Self = Self(0x07FE);
    /// Not a number.
    pub const NAN: Self = Self(0x07FF);
    /// Not at this resolution.
    pub const NRES: Self = Self(0x0800);
    /// Reserved for future use.
    pub const RESERVED: Self = Self(0x0801);
    /// Beyond the lower end.
    pub const NEGATIVE_INFINITY: Self = Self(0x0802);

    /// What the bits say.
    #[must_use]
    pub fn real(self) -> Real {
        match self {
            Self::POSITIVE_INFINITY => Real::PositiveInfinity,
            Self::NAN => Real::NaN,
            Self::NRES => Real::NRes,
            Self::RESERVED => Real::Reserved,
            Self::NEGATIVE_INFINITY => Real::NegativeInfinity,
            Self(bits) => {
                let [_, high] = bits.to_le_bytes();
                let mantissa = (bits << 4).cast_signed() >> 4;
                Real::Number(Decimal::new(i64::from(mantissa), high.cast_signed() >> 4))
            }
        }
    }

    /// The bits of exactly this number, with the exponent nearest to its own; `None` where there
    /// are none.
    #[must_use]
    pub fn from_decimal(decimal: Decimal) -> Option<Self> {
        (-8..=7_i8)
            .filter_map(|exponent| Self::with_exponent(decimal, exponent))
            .min_by_key(|(exponent, _)| exponent.abs_diff(decimal.exponent()))
            .map(|(_, sfloat)| sfloat)
    }

    fn with_exponent(decimal: Decimal, exponent: i8) -> Option<(i8, Self)> {
        let mantissa = decimal.shifted(exponent.checked_neg()?)?.as_integer()?;
        let mantissa = i16::try_from(mantissa).ok().filter(|m| (-2048..=2047).contains(m))?;
        let bits = (i16::from(exponent) << 12) | (mantissa & 0x0FFF);
        let sfloat = Self(bits.cast_unsigned());
        (sfloat.real() == Real::Number(decimal)).then_some((exponent, sfloat))
    }

    /// The two bytes as sent in GATT.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.to_le_bytes()
    }
}

/// Thirty-two bits: exponent of 8 bits above a mantissa of 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Float(pub u32);

impl Float {
    /// Beyond the upper end.
    pub const POSITIVE_INFINITY: Self = Self(0x007F_FFFE);
    /// Not a number.
    pub const NAN: Self = Self(0x007F_FFFF);
    /// Not at this resolution.
    pub const NRES: Self = Self(0x0080_0000);
    /// Reserved for future use.
    pub const RESERVED: Self = Self(0x0080_0001);
    /// Beyond the lower end.
    pub const NEGATIVE_INFINITY: Self = Self(0x0080_0002);

    /// What the bits say.
    #[must_use]
    pub fn real(self) -> Real {
        match self {
            Self::POSITIVE_INFINITY => Real::PositiveInfinity,
            Self::NAN => Real::NaN,
            Self::NRES => Real::NRes,
            Self::RESERVED => Real::Reserved,
            Self::NEGATIVE_INFINITY => Real::NegativeInfinity,
            Self(bits) => {
                let [_, _, _, high] = bits.to_le_bytes();
                let mantissa = (bits << 8).cast_signed() >> 8;
                Real::Number(Decimal::new(i64::from(mantissa), high.cast_signed()))
            }
        }
    }

    /// The four bytes, little-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }
}

fn decode_sfloat(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let mut reader = Reader::new(bytes);
    let bits = reader.u16_le().map_err(|_truncated| DecodeError::TooShort)?;
    put_number(Sfloat(bits).real(), reader.remaining(), out)
}

fn decode_float(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let mut reader = Reader::new(bytes);
    let bits = reader.u32_le().map_err(|_truncated| DecodeError::TooShort)?;
    put_number(Float(bits).real(), reader.remaining(), out)
}

/// A number field is exactly as long as its format.
fn put_number(
    real: Real,
    trailing: usize,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    if trailing > 0 {
        return Err(DecodeError::BadLength);
    }
    out.field("value", real.value());
    Ok(Meaning::Event("number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sfloat_number_can_be_written_again() {
        for bits in 0..=u16::MAX {
            let Real::Number(decimal) = Sfloat(bits).real() else { continue };
            let again = Sfloat::from_decimal(decimal).map(Sfloat::real);
            assert_eq!(again, Some(Real::Number(decimal)), "{bits:04X}");
        }
    }

    #[test]
    fn five_patterns_are_no_numbers_and_only_with_exponent_zero() {
        let specials = (0..=u16::MAX).filter(|bits| Sfloat(*bits).real().number().is_none());
        assert_eq!(specials.count(), 5);
        assert_eq!(Sfloat(0x17FF).real(), Real::Number(Decimal::new(2047, 1)));
        assert_eq!(Float(0x017F_FFFF).real(), Real::Number(Decimal::new(8_388_607, 1)));
    }

    #[test]
    fn numbers_without_bits_are_refused() {
        assert_eq!(Sfloat::from_decimal(Decimal::new(2047, 0)), None, "that is NaN");
        assert_eq!(Sfloat::from_decimal(Decimal::new(12_345, 0)), None);
        assert_eq!(Sfloat::from_decimal(Decimal::new(1, -9)), None);
        assert_eq!(Sfloat::from_decimal(Decimal::new(120, -5)), Some(Sfloat(0xB078)));
    }
}
