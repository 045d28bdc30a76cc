//! Digests of records, and of many. Changing a byte here makes every gateway of another version say
//! another hash: raise [`VERSION`] then, and keep the sample hash of the tests.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::Record;
use crate::{
    domain::{Alert, ContentDigest, Key, PersonId, meal_name},
    store::{StoredReading, Told},
};

/// Version of the encoding, hashed into every digest.
const VERSION: &[u8] = b"xunzhen receipt 1";

/// 32 bytes of BLAKE3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no hash of 64 hexadecimal digits")]
pub struct NoDigest;

impl Digest {
    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let hash = blake3::Hash::from_hex(text).map_err(|_not_hex| NoDigest)?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Fields with their lengths, so that no two lists of them are one text.
#[derive(Debug)]
pub(super) struct Fields(blake3::Hasher);

impl Fields {
    pub(super) fn of(what: &str) -> Self {
        let mut fields = Self(blake3::Hasher::new());
        fields.add(VERSION);
        fields.add(what.as_bytes());
        fields
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    pub(super) fn count(&mut self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.update(&count.to_be_bytes());
    }

    pub(super) fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

fn record<K>(what: &str, key: &Key<K>, told: impl FnOnce(&mut Fields)) -> Record {
    let mut fields = Fields::of(what);
    fields.add(key.as_bytes());
    told(&mut fields);
    Record { key: ContentDigest::from_bytes(*key.as_bytes()), digest: fields.finish() }
}

/// A reading: what the device said, whose file it came under, what its context and the bench told
/// of it. Its corrected time is no part of it: both ends estimate that from the same records, and what
/// follows from it shows in the alerts.
#[must_use]
pub fn of_reading(stored: &StoredReading) -> Record {
    record("reading", &stored.reading.id, |fields| {
        fields.add(stored.reading.content.as_bytes());
        let person = stored.attribution.as_ref().map(|of| of.person.as_str());
        fields.add(person.unwrap_or_default().as_bytes());
        if let Some(Told { meal, attributes }) = &stored.context {
            fields.add(meal_name(*meal).as_bytes());
            fields.add(attributes.as_deref().unwrap_or_default().as_bytes());
        }
        fields.count(stored.told_symptoms.len());
        for symptom in &stored.told_symptoms {
            fields.add(SmolStr::as_str(symptom).as_bytes());
        }
    })
}

/// An alert as it is held: its id names its person, its concept and the reading that began it.
#[must_use]
pub fn of_alert(alert: &Alert) -> Record {
    record("alert", &alert.id, |fields| fields.add(alert.person.as_str().as_bytes()))
}

/// An item of quarantine: its content, why it was kept aside, and what was decided about it
/// (`waiting`, `claimed`, `dismissed`).
#[must_use]
pub fn of_item(
    content: &ContentDigest,
    reason: &str,
    state: &str,
    claimed: Option<&PersonId>,
) -> Record {
    record("quarantined", content, |fields| {
        fields.add(reason.as_bytes());
        fields.add(state.as_bytes());
        fields.add(claimed.map_or("", PersonId::as_str).as_bytes());
    })
}
