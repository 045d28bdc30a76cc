//! Receipts on the line (promise P8): what each end holds of sites' days, and, where they differ, the
//! questions by which the first record that differs is found.
//!
//! An optional kind: a lower gateway sends it by itself, never with anything else. One above that does
//! not know it answers `too_new`, and everything else goes on as it did. The body is one JSON object;
//! a later version may add fields, which are passed over.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{EnvelopeError, Sealed, Told, facts::malformed, message::header};
use crate::{
    domain::{BoxId, SiteId},
    receipt::{Day, Difference, Digest, Part, Receipt, Statement, VillageReceipt},
};

/// Days of one envelope, and as many questions: some 10 KB on the line, where ten villages are a day.
pub const PAGE: usize = 16;

/// Largest body, unpacked, in bytes: every record of [`PAGE`] parts is less.
const BODY_BYTES: usize = 2 * 1024 * 1024;

/// A question about a part of a site's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartAsked {
    /// Where.
    pub site: SiteId,
    /// On which day.
    pub day: Day,
    /// Which part.
    pub part: Part,
}

/// What the lower end found to differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Where.
    pub site: SiteId,
    /// On which day.
    pub day: Day,
    /// The record: `ours` is the lower end's.
    pub first: Difference,
}

/// What the lower end holds, and asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptsAsked {
    /// Who asks.
    pub told: Told,
    /// Up to which position of its log it counted.
    pub upto: i64,
    /// Its receipts of the days that it asks about.
    pub days: Vec<Receipt>,
    /// What it asks of days that differ.
    pub parts: Vec<PartAsked>,
    /// What it found.
    pub found: Vec<Found>,
}

/// What the upper end holds of a site's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySaid {
    /// Where.
    pub site: SiteId,
    /// On which day.
    pub day: Day,
    /// Over everything that it holds of it.
    pub hash: Digest,
    /// By village; absent where it is what the question says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub villages: Option<Vec<VillageReceipt>>,
}

impl DaySaid {
    /// What is said of a day, to whoever said this of it.
    #[must_use]
    pub fn of(ours: &Receipt, theirs: &Receipt) -> Self {
        let villages = (ours != theirs).then(|| ours.villages.clone());
        Self { site: ours.site.clone(), day: ours.day, hash: ours.hash, villages }
    }

    /// The receipt that was said, by who asked with this one; `None`: it says two things at once.
    #[must_use]
    pub fn receipt(&self, asked: &Receipt) -> Option<Receipt> {
        if (&self.site, self.day) != (&asked.site, asked.day) {
            return None;
        }
        let receipt = match &self.villages {
            None => asked.clone(),
            Some(villages) => Receipt {
                site: self.site.clone(),
                day: self.day,
                villages: villages.clone(),
                hash: self.hash,
            },
        };
        (receipt.hash == self.hash).then_some(receipt)
    }
}

/// What the upper end holds, and answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptsSaid {
    /// Who answers.
    pub told: Told,
    /// Whom.
    pub of: BoxId,
    /// Up to which position of its log it counted.
    pub upto: i64,
    /// Its receipts; days of which the box may know nothing are left out.
    pub days: Vec<DaySaid>,
    /// What it holds of the parts.
    pub parts: Vec<Statement>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AskedHeader {
    told: Told,
    upto: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SaidHeader {
    told: Told,
    of: BoxId,
    upto: i64,
}

#[derive(Serialize, Deserialize)]
struct AskedBody {
    #[serde(default)]
    days: Vec<Receipt>,
    #[serde(default)]
    parts: Vec<PartAsked>,
    #[serde(default)]
    found: Vec<Found>,
}

#[derive(Serialize, Deserialize)]
struct SaidBody {
    #[serde(default)]
    days: Vec<DaySaid>,
    #[serde(default)]
    parts: Vec<Statement>,
}

impl ReceiptsAsked {
    pub(super) fn header(&self) -> AskedHeader {
        AskedHeader { told: self.told.clone(), upto: self.upto }
    }

    pub(super) fn body(&self) -> Result<Vec<u8>, EnvelopeError> {
        let Self { days, parts, found, .. } = self.clone();
        write(&AskedBody { days, parts, found })
    }

    pub(super) fn open(sealed: &Sealed<'_>) -> Result<Self, EnvelopeError> {
        let AskedHeader { told, upto } = header(sealed)?;
        let AskedBody { days, parts, found } = body(sealed)?;
        if days.len().max(parts.len()).max(found.len()) > PAGE {
            return Err(malformed("more than a page of days"));
        }
        Ok(Self { told, upto, days, parts, found })
    }
}

impl ReceiptsSaid {
    pub(super) fn header(&self) -> SaidHeader {
        SaidHeader { told: self.told.clone(), of: self.of.clone(), upto: self.upto }
    }

    pub(super) fn body(&self) -> Result<Vec<u8>, EnvelopeError> {
        let Self { days, parts, .. } = self.clone();
        write(&SaidBody { days, parts })
    }

    pub(super) fn open(sealed: &Sealed<'_>) -> Result<Self, EnvelopeError> {
        let SaidHeader { told, of, upto } = header(sealed)?;
        let SaidBody { days, parts } = body(sealed)?;
        Ok(Self { told, of, upto, days, parts })
    }
}

fn write<B: Serialize>(body: &B) -> Result<Vec<u8>, EnvelopeError> {
    serde_json::to_vec(body).map_err(|why| malformed(&why.to_string()))
}

fn body<B: DeserializeOwned>(sealed: &Sealed<'_>) -> Result<B, EnvelopeError> {
    let bytes = sealed.body()?;
    if bytes.len() > BODY_BYTES {
        return Err(malformed("more than a page of days holds"));
    }
    serde_json::from_slice(&bytes).map_err(|why| malformed(&why.to_string()))
}
