//! Exact decimal numbers: what a device prints is what we keep.
//!
//! No float takes part anywhere: 18.9 stays 18.9, and 120e-5 kg/L is 120 mg/dL and not
//! 120.00000000000001 (FORMATS §3.1).

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

/// A number `mantissa × 10^exponent`, exact.
///
/// Equality, order and hash go by value (`24.0 == 24`); `Display` prints the shortest exact
/// decimal without an exponent.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    mantissa: i64,
    exponent: i8,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self::new(0, 0);

    /// `mantissa × 10^exponent`, kept as given.
    #[must_use]
    pub const fn new(mantissa: i64, exponent: i8) -> Self {
        Self { mantissa, exponent }
    }

    /// The mantissa as given to [`Decimal::new`]: not normalised.
    #[must_use]
    pub const fn mantissa(self) -> i64 {
        self.mantissa
    }

    /// The exponent as given to [`Decimal::new`]: not normalised.
    #[must_use]
    pub const fn exponent(self) -> i8 {
        self.exponent
    }

    /// True below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// True for zero with any exponent.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The same number times `10^power`; `None` when the exponent leaves -128..=127.
    #[must_use]
    pub const fn shifted(self, power: i8) -> Option<Self> {
        match self.exponent.checked_add(power) {
            Some(exponent) => Some(Self::new(self.mantissa, exponent)),
            None => None,
        }
    }

    /// The value as an integer, when it is one and fits.
    #[must_use]
    pub fn as_integer(self) -> Option<i64> {
        let (mantissa, exponent) = self.canonical();
        let power = u32::try_from(exponent).ok()?;
        if mantissa == 0 { Some(0) } else { mantissa.checked_mul(10_i64.checked_pow(power)?) }
    }

    /// `self × mul / div`, rounded half up to `digits` decimals; halves of negative numbers go away
    /// from zero (-0.05 to one digit is -0.1).
    ///
    /// Exact in 128 bits. `None` when `div` is 0, when `digits` is over 127, or on overflow.
    #[must_use]
    pub fn checked_mul_div_round_half_up(self, mul: i64, div: i64, digits: u8) -> Option<Self> {
        let exponent = i8::try_from(digits).ok()?.checked_neg()?;
        let product = i128::from(self.mantissa).checked_mul(i128::from(mul))?;
        let power = i16::from(self.exponent).checked_sub(i16::from(exponent))?;
        let scale = 10_i128.checked_pow(u32::from(power.unsigned_abs()));
        let (numerator, denominator) = if power >= 0 {
            (if product == 0 { 0 } else { product.checked_mul(scale?)? }, i128::from(div))
        } else {
            match scale.and_then(|scale| i128::from(div).checked_mul(scale)) {
                Some(denominator) => (product, denominator),
                // The product is at most 2^126: over a denominator beyond 2^127 it rounds to zero.
                None => return Some(Self::new(0, exponent)),
            }
        };
        let rounded = divide_half_away(numerator, denominator)?;
        Some(Self::new(i64::try_from(rounded).ok()?, exponent))
    }

    /// Mantissa without trailing zeros, and its exponent; zero is (0, 0).
    fn canonical(self) -> (i64, i16) {
        if self.mantissa == 0 {
            return (0, 0);
        }
        let (mut mantissa, mut exponent) = (self.mantissa, i16::from(self.exponent));
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.saturating_add(1);
        }
        (mantissa, exponent)
    }

    /// The power of ten just above the magnitude, and the mantissa filled up to 20 digits, so that
    /// two magnitudes compare as a pair.
    fn magnitude(self) -> (i32, u128) {
        let (mantissa, exponent) = self.canonical();
        let absolute = u128::from(mantissa.unsigned_abs());
        let Some(log) = absolute.checked_ilog10() else { return (i32::MIN, 0) };
        let digits = log.saturating_add(1);
        let filled = absolute.saturating_mul(10_u128.saturating_pow(20_u32.saturating_sub(digits)));
        let above = i32::from(exponent).saturating_add(i32::try_from(digits).unwrap_or(i32::MAX));
        (above, filled)
    }
}

/// Integer division rounded to the nearest, halves away from zero. `None` for a zero divisor.
fn divide_half_away(numerator: i128, denominator: i128) -> Option<i128> {
    let quotient = numerator.checked_div(denominator)?;
    let remainder = numerator.checked_rem(denominator)?.unsigned_abs();
    if remainder < denominator.unsigned_abs().checked_sub(remainder)? {
        return Some(quotient);
    }
    let away = if (numerator < 0) == (denominator < 0) { 1 } else { -1 };
    quotient.checked_add(away)
}

impl From<u8> for Decimal {
    fn from(value: u8) -> Self {
        Self::new(i64::from(value), 0)
    }
}

impl From<u16> for Decimal {
    fn from(value: u16) -> Self {
        Self::new(i64::from(value), 0)
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::new(value, 0)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitudes = self.magnitude().cmp(&other.magnitude());
        match (self.is_negative(), other.is_negative()) {
            (false, false) => magnitudes,
            (true, true) => magnitudes.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mantissa, exponent) = self.canonical();
        let Ok(zeros) = usize::try_from(exponent) else {
            return write_fraction(formatter, mantissa, exponent.unsigned_abs());
        };
        write!(formatter, "{mantissa}")?;
        (0..zeros).try_for_each(|_| formatter.write_str("0"))
    }
}

fn write_fraction(formatter: &mut fmt::Formatter<'_>, mantissa: i64, places: u16) -> fmt::Result {
    let sign = if mantissa < 0 { "-" } else { "" };
    let absolute = mantissa.unsigned_abs();
    let scale = 10_u64.checked_pow(u32::from(places));
    let whole = scale.and_then(|scale| absolute.checked_div(scale)).unwrap_or(0);
    let fraction = scale.and_then(|scale| absolute.checked_rem(scale)).unwrap_or(absolute);
    write!(formatter, "{sign}{whole}.{fraction:0>places$}", places = usize::from(places))
}

/// The text is not a decimal number, or does not fit into [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseDecimalError;

impl fmt::Display for ParseDecimalError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a decimal number that fits")
    }
}

impl core::error::Error for ParseDecimalError {}

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    /// Reads `24.0`, `-7.8`, `1e-3`: an optional minus, digits, optionally a point with digits and
    /// an exponent. Neither a plus in front nor a bare point is accepted.
    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (number, power) = split_exponent(unsigned)?;
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return Err(ParseDecimalError),
            Some((whole, fraction)) => (whole, fraction.trim_end_matches('0')),
            None => (number, ""),
        };
        if whole.is_empty() {
            return Err(ParseDecimalError);
        }
        let digits = whole.bytes().chain(fraction.bytes());
        let mantissa = digits.clone().try_fold(0_i64, |sum, byte| push_digit(sum, byte, negative));
        let places = i16::try_from(fraction.len()).map_err(|_too_long| ParseDecimalError)?;
        let exponent = power.checked_sub(places).and_then(|sum| i8::try_from(sum).ok());
        match (mantissa, exponent) {
            (Some(mantissa), Some(exponent)) => Ok(Self::new(mantissa, exponent)),
            (Some(_), None) | (None, _) => Err(ParseDecimalError),
        }
    }
}

fn split_exponent(text: &str) -> Result<(&str, i16), ParseDecimalError> {
    match text.split_once(['e', 'E']) {
        None => Ok((text, 0)),
        Some((number, power)) => match power.parse() {
            Ok(power) => Ok((number, power)),
            Err(_not_a_power) => Err(ParseDecimalError),
        },
    }
}

/// Sums on the side of the sign, so that the most negative mantissa can be read as well.
fn push_digit(sum: i64, byte: u8, negative: bool) -> Option<i64> {
    let digit = char::from(byte).to_digit(10).map(i64::from)?;
    let shifted = sum.checked_mul(10)?;
    if negative { shifted.checked_sub(digit) } else { shifted.checked_add(digit) }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[track_caller]
    fn check_print(mantissa: i64, exponent: i8, expected: &str) {
        let decimal = Decimal::new(mantissa, exponent);
        assert_eq!(decimal.to_string(), expected);
        let again: Decimal = expected.parse().unwrap_or(Decimal::new(i64::MAX, 127));
        assert!(again == decimal || expected.len() > 19, "{expected} does not read back");
    }

    #[test]
    fn prints_exactly_and_shortest() {
        check_print(189, -1, "18.9");
        check_print(110, -1, "11");
        check_print(120, -5, "0.0012");
        check_print(120, -8, "0.0000012");
        check_print(-1, -1, "-0.1");
        check_print(-105, -2, "-1.05");
        check_print(2047, 1, "20470");
        check_print(0, 5, "0");
        check_print(0, -5, "0");
        check_print(1, -25, "0.0000000000000000000000001");
        check_print(i64::MIN, 0, "-9223372036854775808");
        check_print(i64::MIN, -19, "-0.9223372036854775808");
    }

    #[track_caller]
    fn check_parse(text: &str, expected: Option<(i64, i8)>) {
        assert_eq!(text.parse().ok(), expected.map(|(m, e)| Decimal::new(m, e)), "{text}");
    }

    #[test]
    fn reads_what_people_and_json_write() {
        check_parse("24.0", Some((24, 0)));
        check_parse("-7.8", Some((-78, -1)));
        check_parse("1e-3", Some((1, -3)));
        check_parse("1.5E+2", Some((150, 0)));
        check_parse("-9223372036854775808", Some((i64::MIN, 0)));
        for bad in
            ["", "-", ".5", "5.", "1e", "1.2.3", "0x1", "1e400", "9223372036854775808", "NaN"]
        {
            check_parse(bad, None);
        }
    }

    #[test]
    fn order_goes_by_value() {
        let ascending = ["-100", "-7.8", "-0.1", "0", "0.001", "0.9", "1", "9.99", "10", "1e20"];
        for pair in ascending.windows(2) {
            let (low, high): (Decimal, Decimal) =
                (pair[0].parse().unwrap(), pair[1].parse().unwrap());
            assert_eq!(low.cmp(&high), Ordering::Less, "{low} {high}");
            assert_eq!(high.cmp(&low), Ordering::Greater, "{high} {low}");
        }
        assert_eq!(Decimal::new(240, -1), Decimal::new(24, 0));
        assert_eq!(Decimal::new(240, -1).cmp(&Decimal::new(24, 0)), Ordering::Equal);
        assert!(Decimal::new(i64::MIN, 127) < Decimal::new(i64::MAX, -128));
    }

    #[track_caller]
    fn check_mul_div(value: &str, mul: i64, div: i64, digits: u8, expected: Option<&str>) {
        let result = value
            .parse::<Decimal>()
            .unwrap()
            .checked_mul_div_round_half_up(mul, div, digits)
            .map(|result| result.to_string());
        assert_eq!(result.as_deref(), expected);
    }

    #[test]
    fn multiplies_divides_and_rounds_half_up() {
        check_mul_div("126", 1, 18, 1, Some("7"));
        check_mul_div("200", 1, 18, 1, Some("11.1"));
        check_mul_div("18.9", 750_062, 100_000, 0, Some("142"));
        check_mul_div("0.45", 1, 1, 1, Some("0.5"));
        check_mul_div("0.44999", 1, 1, 1, Some("0.4"));
        check_mul_div("-0.45", 1, 1, 1, Some("-0.5"));
        check_mul_div("1", 1, -3, 2, Some("-0.33"));
        check_mul_div("1", 1, 0, 2, None);
        check_mul_div("9e18", 9_000_000_000, 1, 0, None);
        check_mul_div("1e-100", i64::MAX, 1, 3, Some("0"));
        check_mul_div("0e100", 1, 1, 3, Some("0"));
    }

    #[test]
    fn whole_numbers_come_out_whole() {
        assert_eq!(Decimal::new(120, -1).as_integer(), Some(12));
        assert_eq!(Decimal::new(12, 3).as_integer(), Some(12_000));
        assert_eq!(Decimal::new(121, -1).as_integer(), None);
        assert_eq!(Decimal::new(1, 100).as_integer(), None);
    }
}
