//! One JSON object, field by field, without losing any: numbers keep the digits they were written
//! with, and what has no meaning to us stays as an attribute.

use std::{borrow::Cow, fmt};

use firmware_protocols::Decimal;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Most fields of one object; more is no reading.
const FIELDS_MAX: usize = 64;

/// The fields of one object that nobody has taken yet, in the order written.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object. A key written twice is an error: two persons are not one.
    pub(super) fn read(text: &'a RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text.get())
    }

    /// Takes a field; absent and `null` are the same.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.0.swap_remove(at);
        (value.get() != "null").then_some(value)
    }

    /// Puts a field back among the attributes.
    pub(super) fn keep(&mut self, name: &'static str, value: &'a RawValue) {
        self.0.push((Cow::Borrowed(name), value));
    }

    /// Takes a field that must be a text.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<Cow<'a, str>>, String> {
        self.take(name).map(|value| text(value).ok_or_else(|| wrong(name, "a text"))).transpose()
    }

    /// Takes a field that must be a number.
    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<Decimal>, String> {
        self.take(name)
            .map(|value| number(value).ok_or_else(|| wrong(name, "a number")))
            .transpose()
    }

    /// Takes a field that must be a whole number from 0 to 2^63 - 1.
    pub(super) fn count(&mut self, name: &'static str) -> Result<Option<u64>, String> {
        let read = |value: &RawValue| {
            let count = value.get().parse::<u64>().ok()?;
            i64::try_from(count).is_ok().then_some(count)
        };
        let expected = "a whole number from 0 to 9223372036854775807";
        self.take(name).map(|value| read(value).ok_or_else(|| wrong(name, expected))).transpose()
    }

    /// Takes a list of texts; anything else stays as an attribute.
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<Cow<'a, str>> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let read: Result<Vec<&'a RawValue>, _> = serde_json::from_str(value.get());
        let texts: Option<Vec<_>> = read.ok().and_then(|list| list.into_iter().map(text).collect());
        texts.unwrap_or_else(|| {
            self.keep(name, value);
            Vec::new()
        })
    }

    /// What nobody took, as one JSON object; `None` where nothing is left.
    pub(super) fn attributes(mut self) -> Option<String> {
        self.0.retain(|(_, value)| value.get() != "null");
        if self.0.is_empty() {
            return None;
        }
        self.0.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut object = String::from("{");
        for (at, (key, value)) in self.0.iter().enumerate() {
            if at > 0 {
                object.push(',');
            }
            object.push_str(&serde_json::Value::from(key.as_ref()).to_string());
            object.push(':');
            object.push_str(value.get());
        }
        object.push('}');
        Some(object)
    }
}

/// A JSON text.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

/// A JSON number with the digits it was written with.
pub(super) fn number(value: &RawValue) -> Option<Decimal> {
    let digits = value.get();
    let is_number = digits.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

fn wrong(name: &str, expected: &str) -> String {
    format!("{name}: expected {expected}")
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                #[derive(Deserialize)]
                struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
                let mut fields: Self::Value = Vec::with_capacity(12);
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    if fields.len() >= FIELDS_MAX {
                        return Err(A::Error::custom(format_args!("over {FIELDS_MAX} fields")));
                    }
                    if fields.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(format_args!("field {key:?} stands twice")));
                    }
                    fields.push((key, value));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object).map(Self)
    }
}
