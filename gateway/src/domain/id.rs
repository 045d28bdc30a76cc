//! Names of things and keys of facts.
//!
//! A name is what people and devices write on the wire; a key is a hash of facts that two gateways
//! compute alike. Neither can hold a value outside its alphabet, so neither needs escaping in a
//! topic, a path or a log line.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// Longest name on the wire, in characters (DESIGN section 9, MQTT).
pub const NAME_MAX: usize = 64;

/// A name of one kind of thing: `[A-Za-z0-9_.-]{1,64}` (DESIGN section 9, MQTT).
pub struct Id<K> {
    text: SmolStr,
    kind: PhantomData<fn() -> K>,
}

/// Marks the names of people.
#[derive(Debug)]
pub enum PersonKind {}
/// Marks the names of households.
#[derive(Debug)]
pub enum HouseholdKind {}
/// Marks the names of devices.
#[derive(Debug)]
pub enum DeviceKind {}
/// Marks the names of sites.
#[derive(Debug)]
pub enum SiteKind {}
/// Marks the names of benches.
#[derive(Debug)]
pub enum BenchKind {}
/// Marks the names of doctors.
#[derive(Debug)]
pub enum DoctorKind {}
/// Marks the names of gateways.
#[derive(Debug)]
pub enum BoxKind {}

/// A person of the registry.
pub type PersonId = Id<PersonKind>;
/// A household of the registry.
pub type HouseholdId = Id<HouseholdKind>;
/// A cuff, a meter, or a bridge that speaks for one.
pub type DeviceId = Id<DeviceKind>;
/// A van, a clinic, a township centre, a home.
pub type SiteId = Id<SiteKind>;
/// A place at a site where shared devices stand.
pub type BenchId = Id<BenchKind>;
/// A doctor of any level.
pub type DoctorId = Id<DoctorKind>;
/// A gateway, as its neighbours know it.
pub type BoxId = Id<BoxKind>;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was written.
    #[error("name is empty")]
    Empty,
    /// Longer than [`NAME_MAX`].
    #[error("name has {got} characters, at most {NAME_MAX} are allowed")]
    TooLong {
        /// Length found, in characters.
        got: usize,
    },
    /// Holds a character outside the alphabet.
    #[error("name holds {got:?}, allowed are letters, digits, `_`, `.` and `-`")]
    Character {
        /// The first such character.
        got: char,
    },
}

impl<K> Id<K> {
    /// Checks a text and makes it a name.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with the text.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let got = text.chars().count();
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        match text.chars().find(|c| !allowed(c)) {
            _ if got == 0 => Err(NameError::Empty),
            _ if got > NAME_MAX => Err(NameError::TooLong { got }),
            Some(got) => Err(NameError::Character { got }),
            None => Ok(Self { text: SmolStr::new(text), kind: PhantomData }),
        }
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What the names begin with that stand for whoever a reading of nobody is of. No person of the
/// registry is named so.
pub const NOBODY: &str = "nobody.";

/// What the names begin with that stand for nobody but a site whose gateway is silent; the site's name
/// follows.
pub const SILENT_SITE: &str = "nobody.site.";

impl PersonId {
    /// Nobody, but a site whose gateway is silent; or the gateway, where its row names no site. A name
    /// that would be too long stands as its hash.
    #[must_use]
    pub fn of_site(name: &str) -> Self {
        let text = if SILENT_SITE.len().saturating_add(name.len()) <= NAME_MAX {
            format!("{SILENT_SITE}{name}")
        } else {
            let hash = blake3::hash(name.as_bytes()).to_hex();
            format!("{SILENT_SITE}{}", hash.get(..32).unwrap_or_default())
        };
        Self { text: SmolStr::new(text), kind: PhantomData }
    }

    /// What such a name is made of.
    #[must_use]
    pub fn silent_site(&self) -> Option<&str> {
        self.text.strip_prefix(SILENT_SITE)
    }

    /// Whoever a reading is of, while nobody knows who that is.
    #[must_use]
    pub fn of_nobody(reading: &ReadingId) -> Self {
        Self { text: SmolStr::new(format!("{NOBODY}{reading}")), kind: PhantomData }
    }

    /// The name is none of the registry's.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.text.starts_with(NOBODY)
    }

    /// The reading that such a name is made of.
    #[must_use]
    pub fn nobodys_reading(&self) -> Option<ReadingId> {
        self.text.strip_prefix(NOBODY)?.parse().ok()
    }
}

impl BoxId {
    /// The name of a store in memory; the first one's is 0.
    #[must_use]
    pub fn of_model(number: u32) -> Self {
        let text = if number == 0 {
            SmolStr::new_static("gw-model")
        } else {
            SmolStr::new(format!("gw-model-{number}"))
        };
        Self { text, kind: PhantomData }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), kind: PhantomData }
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> FromStr for Id<K> {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// A 128-bit key of one kind of fact, written as 32 hexadecimal digits.
pub struct Key<K> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> K>,
}

/// Marks the keys of readings.
#[derive(Debug)]
pub enum ReadingKind {}
/// Marks the keys of alerts.
#[derive(Debug)]
pub enum AlertKind {}
/// Marks the keys of notifications.
#[derive(Debug)]
pub enum NotificationKind {}
/// Marks the keys of events.
#[derive(Debug)]
pub enum EventKind {}
/// Marks digests of content.
#[derive(Debug)]
pub enum ContentKind {}

/// What makes two deliveries the same reading (DESIGN section 5).
pub type ReadingId = Key<ReadingKind>;
/// What makes two entries the same event of a person.
pub type EventId = Key<EventKind>;
/// What makes two gateways speak of the same alert (DESIGN section 5).
pub type AlertId = Key<AlertKind>;
/// What makes a repeated send the same message (DESIGN section 5).
pub type NotificationKey = Key<NotificationKind>;
/// What a device said, without route and arrival: same id and other content is a conflict.
pub type ContentDigest = Key<ContentKind>;

/// A text is not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key is not 32 hexadecimal digits")]
pub struct KeyError;

impl<K> Key<K> {
    /// A key from its 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }
}

impl<K> Clone for Key<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Key<K> {}

impl<K> PartialEq for Key<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<K> Eq for Key<K> {}

impl<K> PartialOrd for Key<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Key<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl<K> Hash for Key<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<K> fmt::Display for Key<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<K> fmt::Debug for Key<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> FromStr for Key<K> {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KeyError);
        }
        u128::from_str_radix(text, 16)
            .map(|number| Self::from_bytes(number.to_be_bytes()))
            .map_err(|_not_hex| KeyError)
    }
}

/// For people as hexadecimal digits, else as its bytes.
impl<K> Serialize for Key<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.as_bytes().serialize(serializer)
        }
    }
}

impl<'de, K> Deserialize<'de> for Key<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 16]>::deserialize(deserializer).map(Self::from_bytes);
        }
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), NameError>) {
        assert_eq!(PersonId::new(text).map(|_| ()), expected, "{text:?}");
    }

    #[test]
    fn names_keep_to_their_alphabet() {
        check("P000123", Ok(()));
        check("van-03.bench_1", Ok(()));
        check("", Err(NameError::Empty));
        check("a/b", Err(NameError::Character { got: '/' }));
        check("+", Err(NameError::Character { got: '+' }));
        check("村医", Err(NameError::Character { got: '村' }));
        check(&"x".repeat(64), Ok(()));
        check(&"x".repeat(300), Err(NameError::TooLong { got: 300 }));
    }

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        let key = ReadingId::from_bytes([0xfe; 16]);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!("xyz".parse::<ReadingId>(), Err(KeyError));
        assert_eq!("+1111111111111111111111111111111".parse::<ReadingId>(), Err(KeyError));
    }
}
