//! The messages between two gateways: what is asked from below, and what is answered from above.
//!
//! The lower gateway asks, the upper one answers: a greeting, a batch or an express copy brings back
//! the upper gateway's signed watermark (or why not), and with a greeting what comes down. So the
//! same messages do over a request and its answer, and over two topics of a broker.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use smol_str::SmolStr;

use super::{
    chain::{Hash, Point, batch_hash},
    envelope::{self, EnvelopeError, Sealed},
    facts::{put_batch, take_batch},
    hello::Hello,
    pieces::{Certified, Renew, RosterPart},
    receipts::{ReceiptsAsked, ReceiptsSaid},
    refused::Code,
};
use crate::{
    domain::BoxId,
    store::{CommitSeq, Watermark},
    uplink::{GatewayKey, parcel::Parcel},
};

/// Told with a question and repeated by its answer: an answer kept by somebody in between is of an
/// earlier question, and proves nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Nonce(pub u64);

/// Who says something: the names by which a neighbour knows a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The box that made the envelope.
    #[serde(rename = "box")]
    pub by: BoxId,
    /// One life of its log.
    pub epoch: u64,
    /// Of the question.
    pub nonce: Nonce,
}

/// Up to where a neighbour's log is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// The life of the neighbour's log that is followed.
    pub epoch: u64,
    /// Everything up to here is on disk.
    pub upto: i64,
    /// The hash of the last batch.
    pub hash: Hash,
}

impl From<Watermark> for Holds {
    fn from(mark: Watermark) -> Self {
        Self { epoch: mark.epoch, upto: mark.upto.0, hash: Hash(mark.hash) }
    }
}

impl Holds {
    /// The same as a point of the chain.
    #[must_use]
    pub const fn point(&self) -> Point {
        Point { upto: CommitSeq(self.upto), hash: self.hash }
    }
}

/// What a gateway holds of its parent's rosters, and of the package that it is fetching.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterState {
    /// The life of the parent's log of which a roster is held.
    pub epoch: u64,
    /// Which villages it was of.
    pub villages: String,
    /// Up to which position of the parent's log; 0: none is held.
    pub upto: i64,
    /// The package under way, by its hash.
    pub fetching: Option<Hash>,
    /// How many bytes of it are here.
    pub have: u64,
}

/// What a lower gateway has of its parent, and so what it lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wants {
    /// Up to where the parent's log is held.
    pub holds: Option<Holds>,
    /// What is held of its rosters.
    pub roster: RosterState,
}

/// What the lower gateway says about a watermark that is not of its own chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The position that was stated.
    pub upto: i64,
    /// The hash that was stated, of no batch that this gateway ever made.
    pub hash: Hash,
}

/// Facts, one after the other, in the order of their sender's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Who sends.
    pub told: Told,
    /// It begins after this position.
    pub after: CommitSeq,
    /// It goes up to this position.
    pub upto: CommitSeq,
    /// The hash of the batch before it.
    pub previous: Hash,
    /// The end of the sender's log when it was made.
    pub last: CommitSeq,
    /// The facts.
    pub parcels: Vec<Parcel>,
}

impl Batch {
    /// Its own hash.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let sender = (&self.told.by, self.told.epoch);
        batch_hash(sender, (self.after, self.upto), self.previous, &self.parcels)
    }

    /// Where the chain stands once it is taken.
    #[must_use]
    pub fn end(&self) -> Point {
        Point { upto: self.upto, hash: self.hash() }
    }
}

/// A watermark: what is on disk at the end that signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// Who answers.
    pub told: Told,
    /// Whose log it is about.
    pub of: BoxId,
    /// Up to where it is held; absent: nothing of it is.
    pub holds: Option<Holds>,
    /// When, in milliseconds, by the clock of the end that signed it: the next greeting repeats it, and
    /// nobody else looks at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

/// Why nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Who answers.
    pub told: Told,
    /// Whom: `None` where it could not be read who asked.
    pub of: Option<BoxId>,
    /// Why.
    pub code: Code,
    /// In Chinese.
    pub zh: SmolStr,
    /// In English.
    pub en: SmolStr,
    /// Not before so many seconds, by chance up to as many more.
    pub wait: u32,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// From below: where we stand, and what we wish.
    Hello(Hello),
    /// Either way: facts in their turn.
    Batch(Batch),
    /// From below: copies of facts that overtake the rest; they move no watermark.
    Express(Batch),
    /// From above: what is on disk here.
    Watermark(Stated),
    /// From above: why nothing was taken.
    Refused(Refusal),
    /// From above: a piece of the roster.
    Roster(RosterPart),
    /// From below: receipts of days, and what is asked about them.
    Receipts(ReceiptsAsked),
    /// From above: the same of what is held there.
    Receipted(ReceiptsSaid),
    /// From below: whether it is time for another certificate.
    Renew(Renew),
    /// From above: the certificate.
    Certified(Certified),
}

const HELLO: u8 = 1;
const BATCH: u8 = 2;
const EXPRESS: u8 = 3;
const WATERMARK: u8 = 4;
pub(super) const REFUSED: u8 = 5;
const ROSTER: u8 = 6;
const RECEIPTS: u8 = 7;
const RECEIPTED: u8 = 8;
const RENEW: u8 = 9;
const CERTIFIED: u8 = 10;

impl Message {
    /// Who made it.
    #[must_use]
    pub const fn told(&self) -> &Told {
        match self {
            Self::Hello(hello) => &hello.told,
            Self::Batch(batch) | Self::Express(batch) => &batch.told,
            Self::Watermark(stated) => &stated.told,
            Self::Refused(refusal) => &refusal.told,
            Self::Roster(part) => &part.told,
            Self::Receipts(asked) => &asked.told,
            Self::Receipted(said) => &said.told,
            Self::Renew(asked) => &asked.told,
            Self::Certified(answer) => &answer.told,
        }
    }

    /// Writes it into a signed envelope.
    ///
    /// # Errors
    /// `too_large`: there is too much in it.
    pub fn seal(&self, key: &GatewayKey) -> Result<Vec<u8>, EnvelopeError> {
        match self {
            Self::Hello(hello) => put(HELLO, hello, &[], key),
            Self::Batch(batch) => put_batch(BATCH, batch, key),
            Self::Express(batch) => put_batch(EXPRESS, batch, key),
            Self::Watermark(stated) => put(WATERMARK, stated, &[], key),
            Self::Refused(refusal) => put(REFUSED, refusal, &[], key),
            Self::Roster(part) => part.put(ROSTER, key),
            Self::Renew(asked) => put(RENEW, asked, &[], key),
            Self::Certified(answer) => answer.put(CERTIFIED, key),
            Self::Receipts(asked) => put(RECEIPTS, &asked.header(), &asked.body()?, key),
            Self::Receipted(said) => put(RECEIPTED, &said.header(), &said.body()?, key),
        }
    }

    /// Reads what an envelope holds, once its signature is known to be good.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn open(sealed: &Sealed<'_>) -> Result<Self, EnvelopeError> {
        Ok(match sealed.kind {
            HELLO => Self::Hello(header(sealed)?),
            BATCH => Self::Batch(take_batch(sealed)?),
            EXPRESS => Self::Express(take_batch(sealed)?),
            WATERMARK => Self::Watermark(header(sealed)?),
            REFUSED => Self::Refused(header(sealed)?),
            ROSTER => Self::Roster(RosterPart::take(sealed)?),
            RENEW => Self::Renew(header(sealed)?),
            CERTIFIED => Self::Certified(Certified::take(sealed)?),
            RECEIPTS => Self::Receipts(ReceiptsAsked::open(sealed)?),
            RECEIPTED => Self::Receipted(ReceiptsSaid::open(sealed)?),
            kind => {
                return Err(EnvelopeError::new(Code::TooNew, format!("message {kind} is unknown")));
            }
        })
    }

    /// The box that an envelope names, and its question, before anybody believes it.
    ///
    /// # Errors
    /// `not_an_envelope`.
    pub fn named(sealed: &Sealed<'_>) -> Result<Told, EnvelopeError> {
        #[derive(Deserialize)]
        struct Named {
            told: Told,
        }
        let named: Named = serde_json::from_slice(sealed.header())
            .map_err(|why| EnvelopeError::new(Code::NotAnEnvelope, why.to_string()))?;
        Ok(named.told)
    }
}

pub(super) fn put<H: Serialize>(
    kind: u8,
    header: &H,
    body: &[u8],
    key: &GatewayKey,
) -> Result<Vec<u8>, EnvelopeError> {
    let header = serde_json::to_vec(header)
        .map_err(|why| EnvelopeError::new(Code::Malformed, why.to_string()))?;
    envelope::seal(kind, &header, body, key)
}

pub(super) fn header<H: DeserializeOwned>(sealed: &Sealed<'_>) -> Result<H, EnvelopeError> {
    serde_json::from_slice(sealed.header())
        .map_err(|why| EnvelopeError::new(Code::Malformed, why.to_string()))
}
