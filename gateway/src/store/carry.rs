//! What of a log goes to another gateway, and how far another's log is here (DESIGN section 7).
//!
//! A fact has a name for ever: the gateway where it was first, the epoch and the position there. A
//! store remembers, for every fact that came from a neighbour, its name, from whom it came and which
//! way: so it is entered once, is not sent back, and is found by whatever refers to it.

use smol_str::SmolStr;

use super::{Attributed, CommitSeq, Reader, Retimed, StoreError, cargo};
use crate::{
    domain::{AlertId, Attribution, BoxId, EventId, PersonId, ReadingId, Timestamp},
    uplink::parcel::Parcel,
};

/// The name of a fact: where it was first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactId {
    /// The gateway.
    pub gateway: BoxId,
    /// Which life of its log.
    pub epoch: u64,
    /// The position there.
    pub seq: CommitSeq,
}

/// How a fact came here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Its name.
    pub id: FactId,
    /// The neighbour who brought it.
    pub by: BoxId,
    /// That neighbour is above.
    pub down: bool,
}

/// Where a fact that came is in this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// At a position.
    At(CommitSeq),
    /// Where that reading is.
    Reading(ReadingId),
    /// Where that event is.
    Event(EventId),
}

/// A parcel that waits for what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingParcel {
    /// How it came.
    pub came: Came,
    /// Its line.
    pub line: Vec<u8>,
    /// When it came.
    pub at: Timestamp,
}

/// What of a neighbour waits for what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The neighbour.
    pub by: BoxId,
    /// How many parcels.
    pub parcels: u64,
    /// Since when the oldest does.
    pub oldest: Timestamp,
}

/// What a neighbour's last batch left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The neighbour.
    pub sender: BoxId,
    /// Up to where its log is here.
    pub mark: Watermark,
    /// When the batch came.
    pub at: Timestamp,
}

/// What changes beside the facts when other gateways bring some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarryChange {
    /// A fact that came from a neighbour is in this log. A name that is known changes nothing. Append
    /// first.
    Landed(Landed, Came),
    /// Everything after one position and up to another never travels: it came from above by another
    /// road.
    Stay(CommitSeq, CommitSeq),
    /// A parcel waits for what it refers to.
    Wait(WaitingParcel),
    /// A parcel was tried again, in vain.
    Tried(FactId),
    /// A parcel waits no more.
    Unwait(FactId),
    /// So far is a neighbour's log here.
    Upload(Uploaded),
    /// Everything that a gateway below had stored up to an instant of our own clock is here.
    Heard(BoxId, Timestamp),
}

/// What was first known of a reading that is known otherwise now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct First {
    /// Whose it was, if somebody was said to have it since.
    pub attributed: Option<Option<Attribution>>,
    /// Its first correction of time, which says what was known before.
    pub retimed: Option<Retimed>,
}

/// Which way facts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toward {
    /// To the next gateway up: everything that did not come from there.
    Up,
    /// To one below: what concerns the people of the places that it serves.
    Down {
        /// Which.
        to: BoxId,
        /// The places.
        places: Vec<SmolStr>,
    },
    /// To the one above that was brought back from a copy: what it once sent down, in a life of its
    /// log that is over. What it still has it knows by its names.
    Back {
        /// Which.
        to: BoxId,
        /// Its present life, of which nothing can be lost.
        epoch: u64,
    },
}

/// Facts of the log that travel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cargo {
    /// The facts, by position. None where nothing of what was looked at travels.
    pub parcels: Vec<Parcel>,
    /// Everything up to here was looked at; what does not travel is passed over.
    pub upto: CommitSeq,
}

/// Up to where another gateway's log is here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watermark {
    /// Which life of its log.
    pub epoch: u64,
    /// Everything up to here is on disk.
    pub upto: CommitSeq,
    /// The hash of the last batch; zeros before the first.
    pub hash: [u8; 32],
}

/// What goes to other gateways. A reader that does not say how refuses.
pub trait CarryReader {
    /// Facts after a position that travel, at most so many and so many bytes of them (one at least).
    /// One call looks at a bounded stretch of the log: it goes on after [`Cargo::upto`].
    ///
    /// # Errors
    /// Any error of the store.
    fn cargo(
        &self,
        toward: &Toward,
        after: CommitSeq,
        count: usize,
        bytes: usize,
    ) -> Result<Cargo, StoreError> {
        none((toward, after, count, bytes))
    }

    /// What is stored of the people whose alerts opened or rose after a position, and the steps of
    /// those alerts: so many facts, or those of one alert where it has more.
    ///
    /// # Errors
    /// Any error of the store.
    fn express(
        &self,
        toward: &Toward,
        after: CommitSeq,
        count: usize,
    ) -> Result<Cargo, StoreError> {
        none((toward, after, count))
    }

    /// Up to where a neighbour's log is here.
    ///
    /// # Errors
    /// Any error of the store.
    fn watermark(&self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        none(sender)
    }

    /// Every neighbour's last batch, by name: since when nothing is known of what it serves.
    ///
    /// # Errors
    /// Any error of the store.
    fn uploads(&self) -> Result<Vec<Uploaded>, StoreError> {
        none(())
    }

    /// Up to when everything that each gateway below had stored is here, by our own clock; by name.
    ///
    /// # Errors
    /// Any error of the store.
    fn heard(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        none(())
    }

    /// When each gateway below was first entered, revoked ones too; by name.
    ///
    /// # Errors
    /// Any error of the store.
    fn boxes_since(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        none(())
    }

    /// The sites of which a live alert says that their gateway is silent, by the names that
    /// [`PersonId::of_site`] makes of them.
    ///
    /// # Errors
    /// Any error of the store.
    fn silent_sites(&self) -> Result<Vec<PersonId>, StoreError> {
        none(())
    }

    /// Which facts of a span came from other gateways, its first position excluded.
    ///
    /// # Errors
    /// Any error of the store.
    fn carried(&self, span: (CommitSeq, CommitSeq)) -> Result<Vec<CommitSeq>, StoreError> {
        none(span)
    }

    /// Parcels that wait for what they refer to, by neighbour.
    ///
    /// # Errors
    /// Any error of the store.
    fn waiting_by(&self) -> Result<Vec<Waiting>, StoreError> {
        none(())
    }

    /// All of them together.
    ///
    /// # Errors
    /// Any error of the store.
    fn parcels_waiting(&self) -> Result<u64, StoreError> {
        Ok(self.waiting_by()?.iter().map(|of| of.parcels).fold(0, u64::saturating_add))
    }
}

fn none<A, T>(_asked: A) -> Result<T, StoreError> {
    Err(StoreError::Asked { what: "this reader carries nothing" })
}

/// What choosing the facts that travel has to know of a store.
pub(super) trait CarryLook {
    /// The name of the fact at a position.
    fn name_of(&self, own: CommitSeq) -> Result<FactId, StoreError>;

    /// Which facts of a span came from neighbours, its first position excluded, and how.
    fn came(&self, span: (CommitSeq, CommitSeq)) -> Result<Vec<(CommitSeq, Came)>, StoreError>;

    /// Stretches of the log that touch a span and never travel: after which position, up to which.
    fn stays(
        &self,
        span: (CommitSeq, CommitSeq),
    ) -> Result<Vec<(CommitSeq, CommitSeq)>, StoreError>;

    /// What was first known of a reading.
    fn first(&self, reading: &ReadingId) -> Result<First, StoreError>;

    /// The ids that an alert has and had, the present one first, and the readings and events, by their
    /// keys, that its crossings name, latest first, so many at most.
    fn known_as(
        &self,
        alert: i64,
        limit: usize,
    ) -> Result<(Vec<AlertId>, Vec<ReadingId>), StoreError>;

    /// Where the last readings and the last events of a person are, so many of each.
    fn of_person(&self, person: &PersonId, limit: usize) -> Result<Vec<CommitSeq>, StoreError>;

    /// Where the steps of an alert are.
    fn steps_of(&self, alert: i64) -> Result<Vec<CommitSeq>, StoreError>;

    /// As [`CarryReader::watermark`].
    fn watermark_of(&self, sender: &BoxId) -> Result<Option<Watermark>, StoreError>;

    /// As [`CarryReader::uploads`].
    fn all_uploads(&self) -> Result<Vec<Uploaded>, StoreError>;

    /// As [`CarryReader::waiting_by`].
    fn waiting_of(&self) -> Result<Vec<Waiting>, StoreError>;

    /// As [`CarryReader::heard`].
    fn all_heard(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError>;

    /// As [`CarryReader::boxes_since`].
    fn all_since(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError>;

    /// As [`CarryReader::silent_sites`].
    fn all_silent(&self) -> Result<Vec<PersonId>, StoreError>;
}

impl<R: Reader + CarryLook> CarryReader for R {
    fn cargo(
        &self,
        toward: &Toward,
        after: CommitSeq,
        count: usize,
        bytes: usize,
    ) -> Result<Cargo, StoreError> {
        cargo::cargo(self, toward, after, (count, bytes))
    }

    fn express(
        &self,
        toward: &Toward,
        after: CommitSeq,
        count: usize,
    ) -> Result<Cargo, StoreError> {
        cargo::express(self, toward, after, count)
    }

    fn watermark(&self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        self.watermark_of(sender)
    }

    fn uploads(&self) -> Result<Vec<Uploaded>, StoreError> {
        self.all_uploads()
    }

    fn heard(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        self.all_heard()
    }

    fn boxes_since(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        self.all_since()
    }

    fn silent_sites(&self) -> Result<Vec<PersonId>, StoreError> {
        self.all_silent()
    }

    fn carried(&self, span: (CommitSeq, CommitSeq)) -> Result<Vec<CommitSeq>, StoreError> {
        Ok(self.came(span)?.into_iter().map(|(own, _)| own).collect())
    }

    fn waiting_by(&self) -> Result<Vec<Waiting>, StoreError> {
        self.waiting_of()
    }
}

/// What a unit knows of facts that came from neighbours.
pub trait CarryUnit {
    /// Where a fact with a name is in this log, if it is: one of its own too.
    ///
    /// # Errors
    /// Any error of the store.
    fn landed(&mut self, id: &FactId) -> Result<Option<CommitSeq>, StoreError>;

    /// Up to where a neighbour's log is here.
    ///
    /// # Errors
    /// Any error of the store.
    fn uploaded(&mut self, sender: &BoxId) -> Result<Option<Watermark>, StoreError>;

    /// Whether a life of a neighbour's log was ever followed.
    ///
    /// # Errors
    /// Any error of the store.
    fn followed(&mut self, sender: &BoxId, epoch: u64) -> Result<bool, StoreError>;

    /// The latest that was said of whose a reading is.
    ///
    /// # Errors
    /// Any error of the store.
    fn last_move(&mut self, reading: &ReadingId) -> Result<Option<Attributed>, StoreError>;

    /// As [`CarryReader::heard`].
    ///
    /// # Errors
    /// Any error of the store.
    fn heard(&mut self) -> Result<Vec<(BoxId, Timestamp)>, StoreError>;

    /// Every gateway below that the registry names, by name.
    ///
    /// # Errors
    /// Any error of the store.
    fn boxes(&mut self) -> Result<Vec<BoxId>, StoreError>;

    /// Parcels that wait, those that were tried least first; so many at most.
    ///
    /// # Errors
    /// Any error of the store.
    fn waiting_parcels(&mut self, limit: usize) -> Result<Vec<WaitingParcel>, StoreError>;
}
