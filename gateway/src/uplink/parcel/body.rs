//! What travels, in the words of the store, with whatever it refers to by the name it was given where
//! it was first.

use smol_str::SmolStr;

use crate::{
    domain::{
        AlertId, AlertOutcome, Attribution, DoctorId, Millis, PersonEvent, PersonId, ReadingId,
        Timestamp, Visit,
    },
    store::{
        AlertChange, CardScan, CommitSeq, Context, FactId, PackInForce, Presence, Quarantined,
        Refused, Registration, Retimed, StoredReading,
    },
};

/// A primary fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A reading as it was first stored: with its first attribution and times, without what contexts
    /// and acts at the bench tell of it, which travel by themselves.
    Reading(Box<StoredReading>),
    /// What was refused.
    Refused(Box<Refused>),
    /// What waits in quarantine.
    Quarantined(Box<Quarantined>),
    /// What somebody decided about it.
    Decided(Box<SaidDecided>),
    /// A reading belongs to somebody else.
    Moved(Box<Moved>),
    /// Two files are one person's, or not after all.
    Merged(Box<SaidMerged>),
    /// A reading was taken at another time.
    Retimed(Box<Retimed>),
    /// The clock of a gateway was set.
    Clock(SaidClock),
    /// Circumstances of a measurement.
    Context(Box<Context>),
    /// Something happened to a person.
    Event(Box<PersonEvent>),
    /// A card was held to a reader.
    Card(Box<CardScan>),
    /// A site came or went.
    Presence(Box<Presence>),
    /// A row entered the registry.
    Row(Box<Registration>),
    /// A rule pack came into force. From above alone.
    Pack(Box<PackInForce>),
    /// Somebody did something about an alert.
    Step(Box<SaidStep>),
    /// A kind that a later program made.
    Unknown(SmolStr),
}

impl Body {
    /// The kind's name on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Reading(_) => "reading",
            Self::Refused(_) => "refused",
            Self::Quarantined(_) => "item",
            Self::Decided(_) => "decided",
            Self::Moved(_) => "moved",
            Self::Merged(_) => "merged",
            Self::Retimed(_) => "retimed",
            Self::Clock(_) => "clock",
            Self::Context(_) => "context",
            Self::Event(_) => "event",
            Self::Card(_) => "card",
            Self::Presence(_) => "presence",
            Self::Row(_) => "row",
            Self::Pack(_) => "pack",
            Self::Step(_) => "step",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What a gateway told (events, steps, cards) after a position of its log, and before this fact of it,
/// was told by a clock that showed so much too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaidClock {
    /// After this position.
    pub since: CommitSeq,
    /// By how much the clock moved.
    pub by: Millis,
    /// When it was set, as it showed then.
    pub at: Timestamp,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// It is this person's.
    Claimed(PersonId),
    /// It is nobody's.
    Dismissed,
    /// That decision is taken back.
    Undone(FactId),
}

/// A decision about an item of quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidDecided {
    /// The item.
    pub item: FactId,
    /// What.
    pub deed: Deed,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: SmolStr,
    /// When.
    pub at: Timestamp,
}

/// A reading was given to somebody or taken from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub reading: ReadingId,
    /// Whose it was.
    pub before: Option<Attribution>,
    /// Whose it is.
    pub after: Option<Attribution>,
    /// When.
    pub at: Timestamp,
}

/// What was said of two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidMerged {
    /// The file that counts as another's.
    pub person: PersonId,
    /// The file that survives.
    pub survivor: PersonId,
    /// That merge is taken back.
    pub undoes: Option<FactId>,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: SmolStr,
    /// When.
    pub at: Timestamp,
}

/// What somebody did about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidStep {
    /// Every id by which it may be known, the present one first: those that it had, and those that it
    /// has where less is known of its episode.
    pub alerts: Vec<AlertId>,
    /// What.
    pub change: AlertChange,
    /// When the first gateway knew.
    pub at: Timestamp,
    /// When they say they did it.
    pub claimed_at: Option<Timestamp>,
    /// Who did it.
    pub by: SmolStr,
    /// What they wrote.
    pub note: Option<String>,
    /// Who had the alert then.
    pub owner: Option<DoctorId>,
    /// The visit that it tells of.
    pub visit: Option<Box<Visit>>,
    /// How it ended.
    pub outcome: Option<Box<AlertOutcome>>,
}
