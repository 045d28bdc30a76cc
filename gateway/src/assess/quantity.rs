//! What the lines compare: whole millimetres of mercury and tenths of a millimole per litre.
//!
//! A native value is converted here and nowhere else, exactly and once (LINES 6.1, "Convert
//! first"); no float takes part.

use std::fmt;

use firmware_protocols::{Decimal, GlucoseUnit, PressureUnit};
use serde::{Deserialize, Serialize};

/// A pressure pair in whole mmHg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressure {
    /// Systolic, in mmHg.
    pub systolic: u16,
    /// Diastolic, in mmHg.
    pub diastolic: u16,
}

impl Pressure {
    /// The lower of both, number by number: what reaches either line reaches this one.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self {
            systolic: self.systolic.min(other.systolic),
            diastolic: self.diastolic.min(other.diastolic),
        }
    }

    /// Systolic or diastolic at or over the line: "and/or", inclusive (LINES finding 5).
    #[must_use]
    pub const fn reaches(self, line: Self) -> bool {
        self.systolic >= line.systolic || self.diastolic >= line.diastolic
    }
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.systolic, self.diastolic)
    }
}

/// A glucose concentration in tenths of a mmol/L.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Glycaemia(pub u16);

impl fmt::Display for Glycaemia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// The pack's `convert`: factors as exact fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Convert {
    /// mg/dL in a mmol/L: 18, which keeps the published pairs together (LINES finding 6).
    pub mgdl_per_mmoll: Fraction,
    /// mmHg in a kPa: 7.50062.
    pub mmhg_per_kpa: Fraction,
}

/// A positive number as a fraction of two integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fraction {
    /// Above the line.
    pub over: i64,
    /// Below the line.
    pub under: i64,
}

impl Fraction {
    /// The exact fraction of a positive decimal number, where both parts fit.
    pub(super) fn of(number: Decimal) -> Option<Self> {
        let scale = 10_i64.checked_pow(u32::from(number.exponent().unsigned_abs()))?;
        let fraction = if number.exponent() < 0 {
            Self { over: number.mantissa(), under: scale }
        } else {
            Self { over: number.mantissa().checked_mul(scale)?, under: 1 }
        };
        (fraction.over > 0).then_some(fraction)
    }
}

impl Convert {
    /// A native pressure in whole mmHg, half up; `None` where it cannot be one.
    pub(super) fn mmhg(self, native: Decimal, unit: PressureUnit) -> Option<u16> {
        let Fraction { over, under } = match unit {
            PressureUnit::MmHg => Fraction { over: 1, under: 1 },
            PressureUnit::KPa => self.mmhg_per_kpa,
        };
        let whole = native.checked_mul_div_round_half_up(over, under, 0)?;
        u16::try_from(whole.as_integer()?).ok()
    }

    /// A native glucose value in tenths of a mmol/L, half up; `None` where it cannot be one.
    pub(super) fn glycaemia(self, native: Decimal, unit: GlucoseUnit) -> Option<Glycaemia> {
        let Fraction { over, under } = match unit {
            GlucoseUnit::MmolPerL => Fraction { over: 1, under: 1 },
            GlucoseUnit::MgPerDl => self.mgdl_per_mmoll,
        };
        let rounded = native.checked_mul_div_round_half_up(under, over, 1)?;
        u16::try_from(rounded.shifted(1)?.as_integer()?).ok().map(Glycaemia)
    }
}

/// The mean of whole numbers, half up; 0 of none.
#[must_use]
pub(super) fn mean(sum: u32, count: u32) -> u16 {
    let doubled = sum.saturating_mul(2).saturating_add(count);
    doubled
        .checked_div(count.saturating_mul(2))
        .map_or(0, |rounded| u16::try_from(rounded).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONVERT: Convert = Convert {
        mgdl_per_mmoll: Fraction { over: 18, under: 1 },
        mmhg_per_kpa: Fraction { over: 750_062, under: 100_000 },
    };

    #[track_caller]
    fn check_glucose(native: &str, unit: GlucoseUnit, expected: &str) {
        let got = CONVERT.glycaemia(native.parse().unwrap(), unit).unwrap();
        assert_eq!(got.to_string(), expected, "{native} {}", unit.name());
    }

    #[test]
    fn published_pairs_of_both_units_fall_on_the_same_tenth() {
        check_glucose("300", GlucoseUnit::MgPerDl, "16.7");
        check_glucose("299", GlucoseUnit::MgPerDl, "16.6");
        check_glucose("250", GlucoseUnit::MgPerDl, "13.9");
        check_glucose("200", GlucoseUnit::MgPerDl, "11.1");
        check_glucose("126", GlucoseUnit::MgPerDl, "7.0");
        check_glucose("71", GlucoseUnit::MgPerDl, "3.9");
        check_glucose("70", GlucoseUnit::MgPerDl, "3.9");
        check_glucose("3.95", GlucoseUnit::MmolPerL, "4.0");
        check_glucose("3.949", GlucoseUnit::MmolPerL, "3.9");
    }

    #[test]
    fn kilopascals_become_whole_millimetres_half_up() {
        let mmhg = |text: &str| CONVERT.mmhg(text.parse().unwrap(), PressureUnit::KPa);
        assert_eq!(mmhg("24.0"), Some(180));
        assert_eq!(mmhg("14.8"), Some(111));
        assert_eq!(mmhg("23.9"), Some(179));
        assert_eq!(mmhg("-1"), None);
        assert_eq!(mmhg("9e18"), None);
    }

    #[test]
    fn a_factor_is_above_nothing() {
        let of = |text: &str| Fraction::of(text.parse().unwrap());
        assert_eq!((of("0"), of("-18"), of("0.0")), (None, None, None));
        assert_eq!(of("18"), Some(CONVERT.mgdl_per_mmoll));
    }

    #[test]
    fn a_half_is_rounded_up_in_a_mean() {
        assert_eq!(mean(283, 2), 142);
        assert_eq!(mean(566, 4), 142);
        assert_eq!(mean(402, 3), 134);
        assert_eq!(mean(0, 0), 0);
    }
}
