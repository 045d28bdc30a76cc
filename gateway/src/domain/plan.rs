//! A person's own plan (一人一法): their own targets and how often they are to be measured, as a
//! doctor signed it.
//!
//! A plan may only tighten (issue 3, part 3): which of its numbers count is `assess`'s to say. Here
//! it is a dated row of the registry, as it was entered.

use std::fmt;

use firmware_protocols::Decimal;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smol_str::SmolStr;

use super::{Attributes, PersonId, Timestamp};

/// A glucose target in tenths of a mmol/L; written as `6.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenthsMmol(pub u16);

/// Not a glucose target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected mmol/L with at most one decimal, as 6.5")]
pub struct NoTarget;

impl std::str::FromStr for TenthsMmol {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number: Decimal = text.trim().parse().map_err(|_unfit| NoTarget)?;
        let tenths = number.checked_mul_div_round_half_up(10, 1, 0).ok_or(NoTarget)?;
        let whole = tenths.as_integer().and_then(|whole| u16::try_from(whole).ok());
        let target = Self(whole.ok_or(NoTarget)?);
        // Rounding here would move a line that a doctor signed.
        let same = Decimal::new(i64::from(target.0), -1) == number;
        if same { Ok(target) } else { Err(NoTarget) }
    }
}

impl fmt::Display for TenthsMmol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl Serialize for TenthsMmol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TenthsMmol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Target;
        impl de::Visitor<'_> for Target {
            type Value = TenthsMmol;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("mmol/L with at most one decimal, as 6.5")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TenthsMmol, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<TenthsMmol, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<TenthsMmol, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Target)
    }
}

/// A person's own plan. A later row of the same person takes its place from the day on which that
/// row begins; until then this one holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Whose.
    pub person: PersonId,
    /// First day on which it holds; since ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Last day on which it holds; without end where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Systolic pressure is to stay under this, in mmHg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub systolic_lt: Option<u16>,
    /// Diastolic pressure is to stay under this, in mmHg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diastolic_lt: Option<u16>,
    /// Fasting glucose is to stay under this, in mmol/L.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fasting_lt: Option<TenthsMmol>,
    /// A value at least every so many days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cadence_days: Option<u16>,
    /// Who signed it, as written.
    #[serde(default)]
    pub author: String,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

/// What is wrong with a plan by itself, whoever's it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{column}: {why}")]
pub struct PlanError {
    /// The column.
    pub column: SmolStr,
    /// What is wrong, without the value.
    pub why: SmolStr,
}

/// Systolic targets that can be one, in mmHg. A target at or under 90 would ask for what BP-L1 warns
/// of; one in kPa lies below. P.
const SYSTOLIC: std::ops::RangeInclusive<u16> = 100..=200;

/// Diastolic targets that can be one, in mmHg. P.
const DIASTOLIC: std::ops::RangeInclusive<u16> = 60..=120;

/// Fasting targets that can be one, in tenths of a mmol/L: over the early low line of 4.4 (GL-B2),
/// and so low that a target in mg/dL lies above. P.
const FASTING: std::ops::RangeInclusive<u16> = 45..=160;

/// Days between two values: daily to yearly. P.
const CADENCE: std::ops::RangeInclusive<u16> = 1..=366;

impl Plan {
    /// Refuses what cannot be a plan: a number in another unit, an end before the beginning.
    ///
    /// # Errors
    /// The first column that is wrong.
    pub fn check(&self) -> Result<(), PlanError> {
        let wrong = |column: &'static str, why: &'static str| {
            Err(PlanError { column: column.into(), why: why.into() })
        };
        if self.from.zip(self.until).is_some_and(|(from, until)| until < from) {
            return wrong("until", "before from / 早于 from");
        }
        if self.systolic_lt.is_some_and(|target| !SYSTOLIC.contains(&target)) {
            return wrong("systolic_lt", "expected 100 to 200 mmHg / 应为100至200 mmHg");
        }
        if self.diastolic_lt.is_some_and(|target| !DIASTOLIC.contains(&target)) {
            return wrong("diastolic_lt", "expected 60 to 120 mmHg / 应为60至120 mmHg");
        }
        if self.fasting_lt.is_some_and(|target| !FASTING.contains(&target.0)) {
            return wrong("fasting_lt", "expected 4.5 to 16.0 mmol/L / 应为4.5至16.0 mmol/L");
        }
        if self.cadence_days.is_some_and(|days| !CADENCE.contains(&days)) {
            return wrong("cadence_days", "expected 1 to 366 days / 应为1至366天");
        }
        Ok(())
    }

    /// Whether the row has begun by an instant, by the calendar of China.
    #[must_use]
    pub fn begun_by(&self, at: Timestamp) -> bool {
        let today = at.to_shanghai().map(jiff::civil::DateTime::date);
        self.from.is_none_or(|from| today.is_some_and(|today| from <= today))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Result<&str, &str>) {
        let told = serde_json::from_str::<Plan>(json).map_err(|error| error.to_string());
        let told = told.and_then(|plan| {
            plan.check().map_err(|error| error.to_string())?;
            Ok(serde_json::to_string(&plan.fasting_lt).unwrap())
        });
        match expected {
            Ok(fasting) => assert_eq!(told.as_deref(), Ok(fasting), "{json}"),
            Err(start) => assert!(told.as_ref().is_err_and(|it| it.starts_with(start)), "{told:?}"),
        }
    }

    #[test]
    fn a_target_is_a_number_or_a_text_with_one_decimal() {
        check(r#"{"person":"P1","fasting_lt":6.5}"#, Ok(r#""6.5""#));
        check(r#"{"person":"P1","fasting_lt":"6.5"}"#, Ok(r#""6.5""#));
        check(r#"{"person":"P1","fasting_lt":6}"#, Ok(r#""6.0""#));
        check(r#"{"person":"P1"}"#, Ok("null"));
        check(r#"{"person":"P1","fasting_lt":6.55}"#, Err("expected mmol/L"));
        check(r#"{"person":"P1","fasting_lt":"low"}"#, Err("expected mmol/L"));
    }

    #[test]
    fn a_number_in_another_unit_and_an_end_before_the_beginning_are_refused() {
        check(r#"{"person":"P1","fasting_lt":117}"#, Err("fasting_lt"));
        check(r#"{"person":"P1","fasting_lt":4.4}"#, Err("fasting_lt"));
        check(r#"{"person":"P1","systolic_lt":17}"#, Err("systolic_lt"));
        check(r#"{"person":"P1","systolic_lt":90}"#, Err("systolic_lt"));
        check(r#"{"person":"P1","diastolic_lt":11}"#, Err("diastolic_lt"));
        check(r#"{"person":"P1","cadence_days":0}"#, Err("cadence_days"));
        check(r#"{"person":"P1","from":"2026-05-02","until":"2026-05-01"}"#, Err("until"));
        check(r#"{"person":"P1","from":"2026-05-02","until":"2026-05-02"}"#, Ok("null"));
    }
}
