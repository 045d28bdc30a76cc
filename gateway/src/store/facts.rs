//! What a commit appends to the log, and the rows of bookkeeping beside it.
//!
//! A fact never changes once it has a position. Rows (timers, owed notifications, answers to
//! repeated requests) are working state: the facts say what happened, the rows what is still owed.

use firmware_protocols::Meal;
use smol_str::SmolStr;

use super::{Attributed, ClockNote, Decided, Merged, Quarantined, Refused, Retimed, Timing};
use crate::domain::{
    Alert, AlertId, AlertOutcome, AlertState, Attribution, BenchId, BoxId, ContentDigest, DeviceId,
    Level, NotificationKey, OpenedBy, PersonEvent, PersonId, Reading, ReadingId, Registered, Road,
    SiteId, Standing, Timestamp, Visit,
};

/// Position of a fact in the log; positions of one commit are consecutive, and a later commit has
/// greater ones. 0 stands before the first fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CommitSeq(pub i64);

/// A reading as the log holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReading {
    /// The immutable reading.
    pub reading: Reading,
    /// Its first attribution, or the latest one when read back: the file it came under, whosever that
    /// counts as while a merge stands.
    pub attribution: Option<Attribution>,
    /// What its context said, once that is joined to it.
    pub context: Option<Told>,
    /// Symptoms that the person told of at the bench afterwards, by code, each once.
    pub told_symptoms: Vec<SmolStr>,
    /// Whether the lines may see it.
    pub standing: Standing,
    /// The first gateway stored it more than the pack's `stale_hours` after it was measured.
    pub late: bool,
    /// It could not be told apart from an earlier one, so it counts once in a session.
    pub possible_duplicate: bool,
    /// When this gateway had it.
    pub server_at: Timestamp,
    /// When the first gateway really had it, once its clock of then was found wrong.
    pub rebased_at: Option<Timestamp>,
}

impl StoredReading {
    /// When the first gateway had it, by a clock that was right as far as is known.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.rebased_at.unwrap_or(self.reading.received_at)
    }

    /// Its times, as far as they are known.
    #[must_use]
    pub fn timing(&self) -> Timing {
        let (measured, late) = (self.reading.measured, self.late);
        Timing { measured, received_at: self.received_at(), late }
    }

    /// The same with other times.
    pub fn retime(&mut self, timing: &Timing) {
        let Timing { measured, received_at, late } = *timing;
        (self.reading.measured, self.late) = (measured, late);
        self.rebased_at = (received_at != self.reading.received_at).then_some(received_at);
    }

    /// When the value was taken relative to food: as the measurement says, else as its context does.
    #[must_use]
    pub fn meal(&self) -> Meal {
        match (self.reading.meal(), &self.context) {
            (Meal::Unknown, Some(told)) => told.meal,
            (said, _) => said,
        }
    }

    /// Danger symptoms: those that came with it, and those told of at the bench afterwards.
    pub fn symptoms(&self) -> impl Iterator<Item = &SmolStr> {
        self.reading.remarks.symptoms.iter().chain(&self.told_symptoms)
    }

    /// Adds symptoms told of at the bench.
    pub fn tell(&mut self, symptoms: &[SmolStr]) {
        self.told_symptoms.extend_from_slice(symptoms);
        self.told_symptoms.sort_unstable();
        self.told_symptoms.dedup();
    }
}

/// What a context tells of the reading it is joined to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Relation to the last meal.
    pub meal: Meal,
    /// Everything it says, as one JSON object: names and codes as `xunzhen decode` prints them.
    pub attributes: Option<String>,
}

/// Circumstances that a device sends of one of its measurements, apart from it (Bluetooth Glucose
/// Service: 2A34 of 2A18). The device's own number says of which; whose it is, the reading says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The device.
    pub device: DeviceId,
    /// Where it was received.
    pub site: SiteId,
    /// By which road.
    pub road: Road,
    /// Its own number of the measurement; such devices state no epoch.
    pub number: u64,
    /// What it says.
    pub told: Told,
    /// The bytes.
    pub raw: Vec<u8>,
    /// What tells a repeated delivery of the same thing.
    pub content: ContentDigest,
    /// When the first gateway had it.
    pub received_at: Timestamp,
    /// The reading it is joined to: none when it is appended, the present one when read back.
    pub reading: Option<ReadingId>,
}

/// A card held to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardScan {
    /// Where.
    pub site: SiteId,
    /// At which bench.
    pub bench: BenchId,
    /// The number on the card; empty where somebody was looked up and no card read.
    pub card: String,
    /// Whose it is, if the registry knows.
    pub person: Option<PersonId>,
    /// When it was held there.
    pub at: Timestamp,
    /// When the gateway had it.
    pub received_at: Timestamp,
    /// It ends the session instead of beginning one.
    pub out: bool,
    /// What read it, or who looked its holder up.
    pub opened_by: OpenedBy,
}

impl CardScan {
    /// Somebody was looked up and no card read: the scan itself says whose it is.
    #[must_use]
    pub fn is_without_card(&self) -> bool {
        self.card.is_empty()
    }
}

/// A site came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The site.
    pub site: SiteId,
    /// `true` while it is connected.
    pub online: bool,
    /// What it said of itself, as JSON.
    pub detail: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A row entered the registry.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// The row.
    pub row: Registered,
    /// Who entered it.
    pub author: SmolStr,
    /// When.
    pub at: Timestamp,
}

/// A rule pack came into force: it judges the facts from then on (DESIGN section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackInForce {
    /// Names exactly what the pack says.
    pub hash: String,
    /// The whole pack, as JSON.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// The gateway above whose pack it is; `None`: this gateway's own.
    pub origin: Option<BoxId>,
}

/// What became of a crossing: exactly one of these (DESIGN section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Disposition {
    /// It opened the alert.
    Opened,
    /// It joined the alert.
    Joined,
    /// It is held under the alert.
    Held,
}

/// Facts beyond a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The reading, or by its key the event, that completed it; `None` where time alone did.
    pub reading: Option<ReadingId>,
    /// The person.
    pub person: PersonId,
    /// What was crossed.
    pub concept: SmolStr,
    /// At which level.
    pub level: Level,
    /// What became of it.
    pub disposition: Disposition,
    /// The alert that opened, was joined, or holds it.
    pub alert: i64,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertChange {
    /// It was opened.
    Opened,
    /// Its level rose.
    Raised,
    /// Its level fell.
    Lowered,
    /// Its reasons or its beginning changed by a late fact.
    Revised,
    /// A doctor took it.
    Acknowledged,
    /// Its deadline passed and the next step has it.
    Escalated,
    /// A doctor handed it on.
    Forwarded,
    /// Somebody wrote a note.
    Noted,
    /// A visit was recorded.
    Visited,
    /// A visit was told of that counts for nobody.
    VisitRejected,
    /// It ended.
    Closed,
    /// Later facts took it back.
    Withdrawn,
    /// A graver one took its place.
    Superseded,
}

impl AlertChange {
    /// Every change, for decoding.
    pub const ALL: [Self; 13] = [
        Self::Opened,
        Self::Raised,
        Self::Lowered,
        Self::Revised,
        Self::Acknowledged,
        Self::Escalated,
        Self::Forwarded,
        Self::Noted,
        Self::Visited,
        Self::VisitRejected,
        Self::Closed,
        Self::Withdrawn,
        Self::Superseded,
    ];

    /// The change's code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Raised => "raised",
            Self::Lowered => "lowered",
            Self::Revised => "revised",
            Self::Acknowledged => "acknowledged",
            Self::Escalated => "escalated",
            Self::Forwarded => "forwarded",
            Self::Noted => "noted",
            Self::Visited => "visited",
            Self::VisitRejected => "visit_rejected",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
            Self::Superseded => "superseded",
        }
    }
}

/// One step in the life of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertEvent {
    /// The alert as it stands after the step.
    pub alert: Alert,
    /// What happened.
    pub change: AlertChange,
    /// When the gateway learned of it.
    pub at: Timestamp,
    /// When the doctor says it happened, if they say.
    pub claimed_at: Option<Timestamp>,
    /// Who did it; `None` for the lines and the clock.
    pub by: Option<SmolStr>,
    /// What they wrote.
    pub note: Option<String>,
    /// The state before.
    pub from: Option<AlertState>,
    /// An id that the alert had before and still answers to.
    pub alias: Option<AlertId>,
    /// The merge of two files, the claim, or the undoing of either, that it follows from.
    pub cause: Option<CommitSeq>,
    /// The visit that it tells of.
    pub visit: Option<Box<Visit>>,
    /// The outcome that ended it.
    pub outcome: Option<Box<AlertOutcome>>,
}

impl AlertEvent {
    /// When it was done, as far as is known: when a gateway first knew of it, where that is told. A
    /// visit tells when it took place, which is something else.
    #[must_use]
    pub fn acted_at(&self) -> Timestamp {
        let claimed = self.claimed_at.filter(|_| self.visit.is_none());
        claimed.map_or(self.at, |claimed| claimed.min(self.at))
    }
}

/// How an attempt to send ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sending {
    /// The receiver's answer says that it has the message.
    Delivered,
    /// It failed; the next attempt is due then.
    Failed {
        /// What the receiver answered, or what the connection said. No patient value.
        why: String,
        /// When to try again; `None`: never, the operator is told.
        retry_at: Option<Timestamp>,
    },
    /// The alert no longer needs the message.
    Dropped,
}

/// One try to send a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The notification.
    pub key: NotificationKey,
    /// How it ended.
    pub sending: Sending,
    /// When.
    pub at: Timestamp,
}

/// Everything that the log can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A reading of a person, or one that waits for one.
    Reading(Box<StoredReading>),
    /// Bytes without a meaning.
    Refused(Refused),
    /// A meaning without a person, or against another.
    Quarantined(Box<Quarantined>),
    /// Somebody decided about an item of quarantine.
    Decided(Box<Decided>),
    /// A reading was attributed anew.
    Attributed(Box<Attributed>),
    /// Two files are one person's, or are not after all.
    Merged(Box<Merged>),
    /// A reading was taken at another time than was believed.
    Retimed(Box<Retimed>),
    /// Something was found of the gateway's own clock.
    Clock(ClockNote),
    /// Circumstances of a measurement.
    Context(Box<Context>),
    /// Something happened to a person that no device measured.
    Event(Box<PersonEvent>),
    /// A card was held to a reader.
    CardScan(CardScan),
    /// A site came or went.
    Presence(Presence),
    /// A row entered the registry.
    Registration(Box<Registration>),
    /// A rule pack came into force.
    Pack(Box<PackInForce>),
    /// Facts lie beyond a line.
    Crossing(Crossing),
    /// An alert changed.
    Alert(Box<AlertEvent>),
    /// A message was tried.
    Attempt(Attempt),
}
