//! What the writer can be asked to do: one closed list.

use smol_str::SmolStr;
use tokio::sync::oneshot;

use crate::{
    domain::{AlertId, AlertOutcome, BoxId, DoctorId, PersonId, Registered, Timestamp, Visit},
    intake::{Delivery, KeyReused},
    store::{
        AccessChange, Attempt, BoxChange, CommitSeq, Committed, NeighbourSaid, Registration,
        Request, RosterHeld, TokenRow, Watermark,
    },
    uplink::parcel::Parcel,
};

/// One piece of work for the writer.
#[derive(Debug)]
pub enum Work {
    /// Items of a source, and the acknowledgement it owes.
    Deliver(Delivery),
    /// A doctor or a nurse did something about an alert.
    Act(Act),
    /// Somebody decides about an item of quarantine.
    Decide(Decide),
    /// Rows for the registry.
    Register(Registering),
    /// Rows that another gateway entered.
    Roster(Rostering),
    /// Facts that another gateway has.
    Carry(Carrying),
    /// A notification was tried.
    Attempted {
        /// How it ended.
        attempt: Attempt,
        /// Told when it is on disk.
        reply: oneshot::Sender<Committed>,
    },
    /// A token was made or ended.
    Token {
        /// The row.
        row: TokenRow,
        /// Told when it is on disk.
        reply: oneshot::Sender<Committed>,
    },
    /// An account changed, or somebody broke the glass.
    Access {
        /// What; `None`: only the answer to a request is looked for or kept.
        change: Option<AccessChange>,
        /// The request that asks for it, if that may come again: it is done once.
        asked: Option<AccessAsked>,
        /// Told when it is on disk.
        reply: oneshot::Sender<Result<AccessDone, KeyReused>>,
    },
    /// A box is let in or turned away, or got codes: its rows, tokens and certificates together.
    Enrol(Enrolling),
    /// A follower has done everything up to a position.
    Advance {
        /// Which.
        follower: String,
        /// Up to here; `None`: nobody follows under that name any more.
        to: Option<CommitSeq>,
        /// Told when it is kept.
        reply: oneshot::Sender<()>,
    },
    /// Something is known of a neighbour; whatever it said, its seal was checked.
    Said {
        /// What.
        said: Box<NeighbourSaid>,
        /// Told when it is on disk.
        reply: oneshot::Sender<Committed>,
    },
    /// A gateway below had told everything that it had at an instant of our own clock.
    Heard {
        /// Which.
        sender: BoxId,
        /// The instant.
        until: Timestamp,
    },
    /// Time has passed: look at the timers.
    Tick,
    /// Nothing comes after this; commit what queued and end.
    Close,
}

impl Work {
    /// Items of a transaction that it counts for.
    pub(super) const fn size(&self) -> usize {
        match self {
            Self::Deliver(delivery) => delivery.items.len(),
            Self::Register(rows) => rows.rows.len(),
            Self::Roster(rows) => rows.rows.len(),
            Self::Enrol(enrolling) => enrolling.changes.len(),
            Self::Carry(carrying) => carrying.parcels.len(),
            Self::Act(_)
            | Self::Decide(_)
            | Self::Attempted { .. }
            | Self::Token { .. }
            | Self::Access { .. }
            | Self::Advance { .. }
            | Self::Said { .. }
            | Self::Heard { .. }
            | Self::Tick
            | Self::Close => 1,
        }
    }

    /// Nobody waits for it.
    pub(super) const fn owes_nothing(&self) -> bool {
        matches!(self, Self::Heard { .. } | Self::Tick | Self::Close)
    }

    /// Whether it answers a request that may come again.
    #[cfg(feature = "faults")]
    pub(super) const fn may_come_again(&self) -> bool {
        match self {
            Self::Deliver(delivery) => delivery.request().is_some(),
            Self::Act(act) => act.request.is_some(),
            Self::Decide(decide) => decide.request.is_some(),
            Self::Access { asked, .. } => asked.is_some(),
            Self::Register(_)
            | Self::Roster(_)
            | Self::Enrol(_)
            | Self::Carry(_)
            | Self::Attempted { .. }
            | Self::Token { .. }
            | Self::Advance { .. }
            | Self::Said { .. }
            | Self::Heard { .. }
            | Self::Tick
            | Self::Close => false,
        }
    }
}

/// A request about access that may come again.
#[derive(Debug)]
pub struct AccessAsked {
    /// The request.
    pub request: Request,
    /// What it is told, a JSON object without a secret; `None`: nothing is kept, only looked for.
    pub told: Option<String>,
}

/// What became of a change of access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessDone {
    /// It is on disk.
    Now,
    /// It was done when it was first asked for, and told this.
    Before(String),
}

/// What somebody does about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// They take it.
    Acknowledge,
    /// They hand it to somebody, or to the next step.
    Forward(Option<DoctorId>),
    /// They write something down.
    Note,
    /// They tell of a visit; whom it counts for is decided here.
    Visit(Visit),
    /// They say what became of a visited alert.
    Outcome(AlertOutcome),
}

/// A doctor's act: a fact like a reading. It counts from its receipt here.
#[derive(Debug)]
pub struct Act {
    /// Which alert, by any id that it has or had.
    pub alert: AlertId,
    /// What is done.
    pub deed: Deed,
    /// What they wrote.
    pub note: Option<String>,
    /// Who did it: a doctor's name, or the role that acted.
    pub by: SmolStr,
    /// When they say they did it.
    pub claimed_at: Option<Timestamp>,
    /// The request that asks for it, if that may come again: it is done once.
    pub request: Option<Request>,
    /// Told what became of it, when it is on disk.
    pub reply: oneshot::Sender<Result<Acted, ActRefused>>,
}

/// An act is on disk, whether it was done now or when it was first asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acted {
    /// The store's proof.
    pub proof: Committed,
    /// Where its step stands in the log.
    pub step: CommitSeq,
}

/// Why an act was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActRefused {
    /// No alert has or had that id.
    #[error("no such alert")]
    Unknown,
    /// The alert has ended.
    #[error("the alert has ended")]
    Ended,
    /// It ended with an outcome before.
    #[error("the alert has an outcome")]
    HasOutcome,
    /// It was not visited yet.
    #[error("the alert was not visited yet")]
    NotVisited,
    /// The reading that it rests on is none of the person's.
    #[error("the person has no such reading")]
    NotTheirReading,
    /// There is nobody to hand it to.
    #[error("there is no next step for this alert")]
    NobodyNext,
    /// Another request was made under its key.
    #[error("another request was made under this key")]
    KeyReused,
}

/// What somebody wishes about quarantine, or about two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// An item is this person's.
    Claim {
        /// Its position.
        item: CommitSeq,
        /// Whose it is.
        person: PersonId,
    },
    /// An item is nobody's.
    Dismiss {
        /// Its position.
        item: CommitSeq,
    },
    /// A claim or a dismissal was wrong.
    Undo {
        /// Its position.
        decision: CommitSeq,
    },
    /// Two files are one person's.
    Merge {
        /// The file that counts as the other's from now on.
        person: PersonId,
        /// The file that survives.
        survivor: PersonId,
    },
    /// A merge was wrong.
    Unmerge {
        /// Its position.
        merge: CommitSeq,
    },
}

/// A decision about quarantine or about two files: a fact like a reading.
#[derive(Debug)]
pub struct Decide {
    /// What is wished.
    pub wish: Wish,
    /// Why, in their words.
    pub reason: String,
    /// Who wishes it.
    pub by: SmolStr,
    /// The request that asks for it, if that may come again: it is done once.
    pub request: Option<Request>,
    /// Told what became of it, when it is on disk: the decision's position.
    pub reply: oneshot::Sender<Result<CommitSeq, DecideRefused>>,
}

/// Why nothing was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecideRefused {
    /// There is no such item, or no such decision.
    #[error("no such item or decision")]
    Unknown,
    /// Somebody decided about it before.
    #[error("the item does not wait any more")]
    Decided,
    /// The decision was taken back before, or another one was taken since.
    #[error("the decision is not in force any more")]
    NotInForce,
    /// There is no reading in it that could be somebody's.
    #[error("there is no reading in the item that could be somebody's")]
    NoReading,
    /// It waits for its measurement, and for no decision.
    #[error("the item waits for its measurement, not for a decision")]
    WaitsForMeasurement,
    /// The registry lacks the person.
    #[error("no such person")]
    UnknownPerson,
    /// A file is merged into itself.
    #[error("both are the same file")]
    SamePerson,
    /// The file counts as another's already.
    #[error("the file counts as another person's already")]
    CountsAsAnother,
    /// The survivor counts as another's itself.
    #[error("the surviving file counts as another person's itself")]
    SurvivorCountsAsAnother,
    /// Other files count as this one's.
    #[error("other files count as this one's")]
    OthersCountAsTheirs,
    /// Another request was made under its key.
    #[error("another request was made under this key")]
    KeyReused,
}

/// Rows for the registry, all or none.
#[derive(Debug)]
pub struct Registering {
    /// The rows, in order.
    pub rows: Vec<Registered>,
    /// Who enters them.
    pub author: SmolStr,
    /// Told when they are on disk: how many were new or changed.
    pub reply: oneshot::Sender<(Committed, usize)>,
}

/// Everything that lets boxes in or turns them away, all or none.
#[derive(Debug)]
pub struct Enrolling {
    /// Their rows of the registry, and who is told when everything is on disk.
    pub rows: Registering,
    /// Tokens that begin or end with it.
    pub tokens: Vec<TokenRow>,
    /// Codes and certificates.
    pub changes: Vec<BoxChange>,
}

/// Rows of a roster, all or none.
#[derive(Debug)]
pub struct Rostering {
    /// The rows, each as it was entered at the roster's maker.
    pub rows: Vec<Registration>,
    /// The roster ends with them: it was taken whole.
    pub held: Option<RosterHeld>,
    /// Told when they are on disk: how many were new.
    pub reply: oneshot::Sender<(Committed, usize)>,
}

/// Facts of another gateway's log, one after the other.
#[derive(Debug)]
pub struct Carrying {
    /// Whose log.
    pub sender: BoxId,
    /// Which life of that gateway's log.
    pub epoch: u64,
    /// Where they stand in it; `None`: copies that overtake the rest and come again in their turn.
    pub link: Option<Link>,
    /// It is the gateway above: its facts say so, and it alone brings rule packs.
    pub above: bool,
    /// The facts, by position.
    pub parcels: Vec<Parcel>,
    /// Told when they are on disk: up to where everything is.
    pub reply: oneshot::Sender<Result<Watermark, CarryRefused>>,
}

/// How a batch continues the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// It begins after this position.
    pub after: CommitSeq,
    /// It goes up to this position.
    pub upto: CommitSeq,
    /// The hash of the batch before it; zeros before the first.
    pub previous: [u8; 32],
    /// Its own hash.
    pub hash: [u8; 32],
}

/// Why nothing of a batch was entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarryRefused {
    /// Something before it has not come.
    #[error("the batch begins beyond position {}, up to which this gateway has everything", have.upto.0)]
    Gap {
        /// Up to where this gateway has everything.
        have: Watermark,
    },
    /// It is of a life of the sender's log that another one followed.
    #[error("the batch is of an earlier life of the sender's log than {have}")]
    OtherEpoch {
        /// The life that this gateway follows.
        have: u64,
    },
    /// It does not continue what this gateway has: two chains under one name.
    #[error("the batch does not continue the one that this gateway has")]
    Chain,
    /// A fact in it cannot be read.
    #[error("the fact at position {} cannot be read: {why}", seq.0)]
    Malformed {
        /// Its position.
        seq: CommitSeq,
        /// What is wrong with it. No value.
        why: String,
    },
}
