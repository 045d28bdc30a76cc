//! What could not be used and is kept: refused bytes, items of quarantine, and what was decided about
//! them.

use smol_str::SmolStr;

use super::CommitSeq;
use crate::domain::{
    Attribution, ContentDigest, PersonId, Reading, ReadingId, Road, SiteId, Timestamp,
};

/// Where a delivery came from, for those who look at what was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// By which road.
    pub road: Road,
    /// The site it named, if it named one.
    pub site: Option<SiteId>,
    /// The device or bench it named, as written.
    pub device: Option<SmolStr>,
}

/// Bytes that could not be decoded, with the reason. Kept whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why, as a code with facts: `bad_checksum`, `json: expected a number at line 1 column 9`.
    pub reason: String,
    /// The bytes.
    pub raw: Vec<u8>,
    /// Where they came from.
    pub origin: Origin,
    /// When they came.
    pub received_at: Timestamp,
}

/// Why a decoded delivery waits for a person or a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QuarantineReason {
    /// No person in the payload, no open bench session, no device owner.
    NoPerson,
    /// The payload names a person whom the registry lacks.
    UnknownPerson,
    /// A unit that the wire contract does not have.
    UnknownUnit,
    /// A kind that the wire contract does not have.
    UnknownKind,
    /// The same id was stored with other content.
    Conflict,
    /// Outside the pack's validity, and of nobody.
    Implausible,
    /// A card that the registry lacks.
    UnknownCard,
    /// A card that came later tells of another session: it is not surely theirs any more.
    SessionChanged,
    /// It may have been taken from one of two people, or from somebody who had no card.
    BetweenPeople,
    /// Nothing tells when it was taken, so nobody can say in whose session.
    UnprovenTime,
    /// The context of a measurement that has not come. It waits for that, and for no decision.
    NoMeasurement,
}

impl QuarantineReason {
    /// Every reason, for decoding.
    pub const ALL: [Self; 11] = [
        Self::NoPerson,
        Self::UnknownPerson,
        Self::UnknownUnit,
        Self::UnknownKind,
        Self::Conflict,
        Self::Implausible,
        Self::UnknownCard,
        Self::SessionChanged,
        Self::BetweenPeople,
        Self::UnprovenTime,
        Self::NoMeasurement,
    ];

    /// Whether somebody has to decide; else it ends by itself.
    #[must_use]
    pub const fn waits_for_decision(self) -> bool {
        !matches!(self, Self::NoMeasurement)
    }

    /// The reason's code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoPerson => "no_person",
            Self::UnknownPerson => "unknown_person",
            Self::UnknownUnit => "unknown_unit",
            Self::UnknownKind => "unknown_kind",
            Self::Conflict => "conflict",
            Self::Implausible => "implausible",
            Self::UnknownCard => "unknown_card",
            Self::SessionChanged => "session_changed",
            Self::BetweenPeople => "between_people",
            Self::UnprovenTime => "unproven_time",
            Self::NoMeasurement => "no_measurement",
        }
    }
}

/// Something decoded that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    /// Why.
    pub reason: QuarantineReason,
    /// What the reason rests on, as the unit or the person as written.
    pub detail: String,
    /// The bytes.
    pub raw: Vec<u8>,
    /// Where they came from.
    pub origin: Origin,
    /// When they came.
    pub received_at: Timestamp,
    /// The reading, where it could be made.
    pub reading: Option<Box<Reading>>,
    /// What tells a repeated delivery of the same thing: it is counted, not kept twice.
    pub content: ContentDigest,
}

/// What was decided about an item of quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is this person's.
    Claimed(PersonId),
    /// It is nobody's, and waits no more.
    Dismissed,
    /// The decision at this position is taken back: the item waits again.
    Undone(CommitSeq),
}

impl Decision {
    /// The decision's code on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Claimed(_) => "claimed",
            Self::Dismissed => "dismissed",
            Self::Undone(_) => "undone",
        }
    }
}

/// A decision about an item of quarantine. The latest one about an item counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The item's position.
    pub item: CommitSeq,
    /// What was decided.
    pub decision: Decision,
    /// Why, in the words of whoever decided.
    pub reason: String,
    /// Who decided.
    pub by: SmolStr,
    /// When.
    pub at: Timestamp,
}

/// A reading that was stored before belongs to somebody else from now on, or to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributed {
    /// Which.
    pub reading: ReadingId,
    /// Whose it was.
    pub before: Option<Attribution>,
    /// Whose it is.
    pub after: Option<Attribution>,
    /// When.
    pub at: Timestamp,
}
