//! One object of a pack while it is read: every key must be asked for, and be of its kind.

use firmware_protocols::Decimal;
use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::{
    super::{
        patient::Cohort,
        quantity::{Fraction, Glycaemia, Pressure},
    },
    ByCohort, PackError, place,
};
use crate::domain::Millis;

type Result<T, E = PackError> = std::result::Result<T, E>;

/// An object, where it stands, and what of it has not been read yet.
#[derive(Debug)]
pub(super) struct Section {
    path: String,
    unread: Map<String, Value>,
}

impl Section {
    pub(super) fn new(path: String, value: Value) -> Result<Self> {
        if let Value::Object(unread) = value {
            return Ok(Self { path, unread });
        }
        Err(PackError::wrong(path, "an object", &value))
    }

    /// Where a key of this section stands, as a JSON pointer.
    pub(super) fn path_of(&self, key: &str) -> String {
        place::within(&self.path, key)
    }

    pub(super) fn optional(&mut self, key: &str) -> Option<Value> {
        self.unread.remove(key)
    }

    fn take(&mut self, key: &str) -> Result<Value> {
        self.optional(key).ok_or_else(|| PackError::Missing { path: self.path_of(key) })
    }

    fn wrong(&self, key: &str, expected: &'static str, got: &Value) -> PackError {
        PackError::wrong(self.path_of(key), expected, got)
    }

    pub(super) fn section(&mut self, key: &str) -> Result<Self> {
        let value = self.take(key)?;
        Self::new(self.path_of(key), value)
    }

    pub(super) fn optional_section(&mut self, key: &str) -> Result<Option<Self>> {
        self.optional(key).map(|value| Self::new(self.path_of(key), value)).transpose()
    }

    pub(super) fn text(&mut self, key: &str) -> Result<SmolStr> {
        let value = self.take(key)?;
        value.as_str().map(SmolStr::new).ok_or_else(|| self.wrong(key, "a text", &value))
    }

    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<SmolStr>> {
        let value = self.take(key)?;
        let texts = value.as_array().and_then(|items| {
            items.iter().map(|item| item.as_str().map(SmolStr::new)).collect::<Option<Vec<_>>>()
        });
        texts.ok_or_else(|| self.wrong(key, "a list of texts", &value))
    }

    /// Text that only explains: read, so that it is not unknown, and not used.
    pub(super) fn explanation(&mut self, key: &str) -> Result<()> {
        match self.optional(key) {
            None | Some(Value::String(_)) => Ok(()),
            Some(other) => Err(self.wrong(key, "a text", &other)),
        }
    }

    /// A key whose meaning the engine has built in: another value is refused, not ignored.
    pub(super) fn fixed(&mut self, key: &str, known: &Value) -> Result<()> {
        let value = self.take(key)?;
        let same = match (decimal(&value), decimal(known)) {
            (Some(value), Some(known)) => value == known,
            (None, _) | (_, None) => value == *known,
        };
        if same {
            return Ok(());
        }
        let got = value.to_string();
        Err(PackError::Fixed { path: self.path_of(key), known: known.to_string(), got })
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<bool> {
        let value = self.take(key)?;
        value.as_bool().ok_or_else(|| self.wrong(key, "true or false", &value))
    }

    pub(super) fn optional_flag(&mut self, key: &str) -> Result<Option<bool>> {
        let present = self.unread.contains_key(key);
        if present { self.flag(key).map(Some) } else { Ok(None) }
    }

    pub(super) fn decimal(&mut self, key: &str) -> Result<Decimal> {
        let value = self.take(key)?;
        decimal(&value).ok_or_else(|| self.wrong(key, "a number", &value))
    }

    pub(super) fn optional_decimal(&mut self, key: &str) -> Result<Option<Decimal>> {
        let present = self.unread.contains_key(key);
        if present { self.decimal(key).map(Some) } else { Ok(None) }
    }

    pub(super) fn fraction(&mut self, key: &str) -> Result<Fraction> {
        let value = self.take(key)?;
        let fraction = decimal(&value).and_then(Fraction::of);
        fraction.ok_or_else(|| self.wrong(key, "a number above 0", &value))
    }

    /// A whole number of a type that cannot hold what would make no sense.
    pub(super) fn whole<T: TryFrom<i64>>(&mut self, key: &str) -> Result<T> {
        let value = self.take(key)?;
        let whole = decimal(&value).and_then(Decimal::as_integer);
        let fitting = whole.and_then(|whole| T::try_from(whole).ok());
        fitting.ok_or_else(|| self.wrong(key, "a whole number that is not negative", &value))
    }

    fn time(&mut self, key: &str, unit: fn(i64) -> Millis) -> Result<Millis> {
        let time = unit(i64::from(self.whole::<u32>(key)?));
        #[cfg(test)]
        let time = super::nudge::read(self.path_of(key), time);
        Ok(time)
    }

    pub(super) fn minutes(&mut self, key: &str) -> Result<Millis> {
        self.time(key, Millis::minutes)
    }

    pub(super) fn hours(&mut self, key: &str) -> Result<Millis> {
        self.time(key, Millis::hours)
    }

    pub(super) fn days(&mut self, key: &str) -> Result<Millis> {
        self.time(key, Millis::days)
    }

    /// A glucose line: a multiple of 0.1 mmol/L, because values are rounded to that before they
    /// are compared.
    pub(super) fn glycaemia(&mut self, key: &str) -> Result<Glycaemia> {
        let value = self.take(key)?;
        glycaemia(&value).ok_or_else(|| self.wrong(key, "a multiple of 0.1 mmol/L", &value))
    }

    pub(super) fn pressure(&mut self, key: &str) -> Result<Pressure> {
        let value = self.take(key)?;
        pressure(&value).ok_or_else(|| self.wrong(key, "[systolic, diastolic] in mmHg", &value))
    }

    /// Two numbers, the lower first.
    pub(super) fn range(&mut self, key: &str) -> Result<(Decimal, Decimal)> {
        let value = self.take(key)?;
        let bounds: Option<Vec<Decimal>> =
            value.as_array().and_then(|items| items.iter().map(decimal).collect());
        match bounds.as_deref() {
            Some(&[low, high]) if low <= high => Ok((low, high)),
            _ => Err(self.wrong(key, "[lowest, highest]", &value)),
        }
    }

    pub(super) fn cohorts(&mut self, key: &str) -> Result<Vec<Cohort>> {
        let names = self.texts(key)?;
        let cohorts: Option<Vec<_>> = names.iter().map(|name| Cohort::parse(name)).collect();
        cohorts.ok_or_else(|| PackError::Wrong {
            path: self.path_of(key),
            expected: "a list of C0, C1, C2, C3",
            got: format!("{names:?}"),
        })
    }

    pub(super) fn by_cohort<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Self, &str) -> Result<T>,
    ) -> Result<ByCohort<T>> {
        let mut section = self.section(key)?;
        let by_cohort = ByCohort {
            c0: read(&mut section, "C0")?,
            c1: read(&mut section, "C1")?,
            c2: read(&mut section, "C2")?,
            c3: read(&mut section, "C3")?,
        };
        section.finish()?;
        Ok(by_cohort)
    }

    /// The keys that are left, as sections, for maps whose keys are names.
    pub(super) fn named_sections(self) -> Result<Vec<(SmolStr, Self)>> {
        let path = self.path;
        let at = |key: &str| place::within(&path, key);
        self.unread
            .into_iter()
            .map(|(key, value)| Ok((SmolStr::new(&key), Self::new(at(&key), value)?)))
            .collect()
    }

    /// The keys that are left, as texts, for maps whose keys are names.
    pub(super) fn named_texts(self) -> Result<Vec<(SmolStr, SmolStr)>> {
        let path = self.path;
        self.unread
            .into_iter()
            .map(|(key, value)| match value.as_str() {
                Some(text) => Ok((SmolStr::new(&key), SmolStr::new(text))),
                None => Err(PackError::wrong(place::within(&path, &key), "a text", &value)),
            })
            .collect()
    }

    /// The keys that are left, as pressure pairs by pressure pairs.
    pub(super) fn named_pressures(self) -> Result<Vec<(Pressure, Pressure)>> {
        let path = self.path;
        let read = |(key, value): (String, Value)| {
            let named = key.split_once('/').and_then(|(systolic, diastolic)| {
                Some(Pressure {
                    systolic: systolic.parse().ok()?,
                    diastolic: diastolic.parse().ok()?,
                })
            });
            named.zip(pressure(&value)).ok_or_else(|| {
                PackError::wrong(
                    place::within(&path, &key),
                    "\"systolic/diastolic\": [systolic, diastolic] in mmHg",
                    &value,
                )
            })
        };
        self.unread.into_iter().map(read).collect()
    }

    /// What has not been asked for is unknown.
    pub(super) fn finish(self) -> Result<()> {
        match self.unread.keys().next() {
            None => Ok(()),
            Some(key) => Err(PackError::Unknown { path: self.path_of(key) }),
        }
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    let Value::Number(number) = value else { return None };
    number.to_string().parse().ok()
}

fn glycaemia(value: &Value) -> Option<Glycaemia> {
    let tenths = decimal(value)?.shifted(1)?.as_integer()?;
    u16::try_from(tenths).ok().map(Glycaemia)
}

fn mmhg(value: &Value) -> Option<u16> {
    u16::try_from(decimal(value)?.as_integer()?).ok()
}

fn pressure(value: &Value) -> Option<Pressure> {
    match value.as_array()?.as_slice() {
        [systolic, diastolic] => {
            Some(Pressure { systolic: mmhg(systolic)?, diastolic: mmhg(diastolic)? })
        }
        _ => None,
    }
}
