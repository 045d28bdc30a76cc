//! The chain of a sender's batches: each names the hash of the one before it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    domain::BoxId,
    store::{CommitSeq, Watermark},
    uplink::parcel::Parcel,
};

/// What a hash is of; another version of it would be another chain.
const CONTEXT: &str = "xunzhen batch chain 1";

/// The hash of a batch, as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text is not 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no hash: 64 hexadecimal digits in lower case are")]
pub struct NoHash;

impl FromStr for Hash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        let hash = blake3::Hash::from_hex(text).map_err(|_not_hex| NoHash)?;
        let hash = Self(*hash.as_bytes());
        if hash.to_string() == text { Ok(hash) } else { Err(NoHash) }
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The hash of the batch of one life of a sender's log that continues another batch: of who sends,
/// from where to where, the hash before it, and every byte of what it carries.
#[must_use]
pub fn batch_hash(
    sender: (&BoxId, u64),
    (after, upto): (CommitSeq, CommitSeq),
    previous: Hash,
    parcels: &[Parcel],
) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    let (name, epoch) = sender;
    sized(&mut hasher, name.as_str().as_bytes());
    hasher.update(&epoch.to_be_bytes());
    hasher.update(&after.0.to_be_bytes()).update(&upto.0.to_be_bytes());
    hasher.update(&previous.0);
    for parcel in parcels {
        hasher.update(&parcel.seq.0.to_be_bytes());
        sized(&mut hasher, &parcel.line);
    }
    Hash(*hasher.finalize().as_bytes())
}

fn sized(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes()).update(bytes);
}

/// A point of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Point {
    /// Up to which position.
    pub upto: CommitSeq,
    /// The hash of the batch that ends there; zeros before the first.
    pub hash: Hash,
}

impl From<&Watermark> for Point {
    fn from(mark: &Watermark) -> Self {
        Self { upto: mark.upto, hash: Hash(mark.hash) }
    }
}
