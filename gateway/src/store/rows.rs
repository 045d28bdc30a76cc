//! Working state beside the log: what is still owed, due, open, answered, or counted.

use crate::domain::{
    AlertId, BenchId, CareLevel, ContentDigest, DeviceId, DoctorId, Level, NotificationKey,
    OpenedBy, PersonEvent, PersonId, ReadingId, SiteId, Timestamp,
};

use super::{AlertChange, CommitSeq, StoredReading};

/// By which road a message leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// A signed POST to the doctor's address.
    Webhook,
    /// A publication to the doctor's MQTT topic.
    Mqtt,
}

impl Channel {
    /// The channel's name in keys and on boards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mqtt => "mqtt",
        }
    }
}

/// An owed notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Makes a repeated send the same message.
    pub key: NotificationKey,
    /// The alert it is about.
    pub alert: i64,
    /// The alert's id when the message was made.
    pub alert_id: AlertId,
    /// Which change it tells of.
    pub change: AlertChange,
    /// The level it tells of.
    pub level: Level,
    /// Who gets it.
    pub recipient: DoctorId,
    /// How.
    pub channel: Channel,
    /// Not before this.
    pub due_at: Timestamp,
    /// When retries have lost their sense: the alert's deadline.
    pub deadline: Option<Timestamp>,
    /// Attempts so far.
    pub attempts: u32,
    /// What the last failed attempt said.
    pub last_error: Option<String>,
}

/// What is due for an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimerKind {
    /// The step that owns the alert should have acknowledged.
    AckDeadline,
}

/// A timer: a row, not a task in memory, so a restart forgets none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// What is due.
    pub kind: TimerKind,
    /// The person it is about.
    pub person: PersonId,
    /// The alert, for timers of alerts; 0 for those of a person.
    pub alert: i64,
    /// The step whose deadline it is.
    pub step: CareLevel,
    /// When.
    pub due_at: Timestamp,
}

/// A span at a bench in which readings belong to the person whose card opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchSession {
    /// Where.
    pub site: SiteId,
    /// At which bench.
    pub bench: BenchId,
    /// Whose.
    pub person: PersonId,
    /// From this instant.
    pub from: Timestamp,
    /// Until this instant, not included.
    pub until: Timestamp,
    /// What opened it.
    pub opened_by: OpenedBy,
}

/// A request that may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The key under which it is known: its sender, what it asks for, and the sender's own key.
    pub key: String,
    /// Hash of its body: another body under the same key is a conflict.
    pub digest: ContentDigest,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Stored, and seen by the lines.
    Stored,
    /// Stored on the person, outside the pack's validity.
    Rejected,
    /// Known already, with the same content.
    Duplicate,
    /// Kept until somebody decides.
    Quarantined,
    /// Kept, undecodable.
    Refused,
}

impl Status {
    /// Every status, for decoding.
    pub const ALL: [Self; 5] =
        [Self::Stored, Self::Rejected, Self::Duplicate, Self::Quarantined, Self::Refused];

    /// The status's code on the wire (DESIGN section 9, HTTP).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
            Self::Refused => "refused",
        }
    }
}

/// What became of one item, as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The id of the reading, or by its key of the event, where it has one.
    pub id: Option<ReadingId>,
    /// What became of it.
    pub status: Status,
    /// Why, where it was not simply stored.
    pub reason: Option<String>,
}

/// What a request came to, as every repeat of it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Items were delivered: what became of each.
    Delivered(Vec<Outcome>),
    /// A step of an alert's life was taken: its position in the log.
    Acted(CommitSeq),
    /// What was done is no fact: the JSON object that was answered. Sealed on disk; never a secret.
    Told(String),
}

/// The answer to a request that may come again. It changes together with what it speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// To which request.
    pub request: Request,
    /// What it came to.
    pub done: Done,
    /// When.
    pub at: Timestamp,
}

/// What the lines remembered of a person, kept so that a whole past need not be read again. Never
/// the truth: without it, or where it does not fit, the readings are judged anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptState {
    /// Whom.
    pub person: PersonId,
    /// What it was judged with; it is of no use with anything else.
    pub judged_with: [u8; 16],
    /// The state, as `assess` writes it.
    pub state: Vec<u8>,
}

/// A kept state, and what it lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct Resumed {
    /// What was kept.
    pub kept: KeptState,
    /// The person's readings stored since, by (measured time, id).
    pub since: Vec<StoredReading>,
    /// Their events stored since, by (when they happened, id).
    pub events: Vec<PersonEvent>,
}

/// A bearer token. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// BLAKE3 of the token.
    pub hash: [u8; 32],
    /// What it may do.
    pub role: Role,
    /// The place it is bound to.
    pub place: Option<String>,
    /// The doctor it speaks for.
    pub doctor: Option<DoctorId>,
    /// The device it speaks for, where it is bound to one.
    pub device: Option<DeviceId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub revoked_at: Option<Timestamp>,
}

impl TokenRow {
    /// What a token is called by people: the beginning of its hash, which opens nothing. The audit log
    /// shows the first half of it.
    #[must_use]
    pub fn id(&self) -> String {
        Self::id_of(&self.hash)
    }

    /// The same of a hash.
    #[must_use]
    pub fn id_of(hash: &[u8; 32]) -> String {
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What the bearer of a token may do (DESIGN section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Delivers readings.
    Device,
    /// Works at a van or a clinic.
    Nurse,
    /// Answers for people.
    Doctor,
    /// Watches a township.
    Township,
    /// Watches a county, aggregates only.
    County,
    /// A contract team (1+3): its members' people, without taking alerts.
    Team,
    /// Runs the gateway of a small site: system and security in one hand.
    Operator,
    /// Runs the gateway where powers are separate, and gives nobody access.
    System,
    /// Gives and takes access where powers are separate, and runs nothing.
    Security,
    /// Reads who did what.
    Auditor,
    /// Shows a board, without names or values.
    Wall,
    /// Works at an assistance office (健康帮扶专干): household, colour and date, never a value.
    Assistant,
}

impl Role {
    /// Every role, for decoding and for help texts.
    pub const ALL: [Self; 12] = [
        Self::Device,
        Self::Nurse,
        Self::Doctor,
        Self::Township,
        Self::County,
        Self::Team,
        Self::Operator,
        Self::System,
        Self::Security,
        Self::Auditor,
        Self::Wall,
        Self::Assistant,
    ];

    /// The role's name on the command line and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Nurse => "nurse",
            Self::Doctor => "doctor",
            Self::Township => "township",
            Self::County => "county",
            Self::Team => "team",
            Self::Operator => "operator",
            Self::System => "system_admin",
            Self::Security => "security_admin",
            Self::Auditor => "auditor",
            Self::Wall => "wall",
            Self::Assistant => "assistant",
        }
    }
}

/// What a commit counts beside its facts, so that received = stored + rejected + duplicate +
/// quarantined + refused, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Items received.
    pub received: u64,
    /// Stored and seen by the lines.
    pub stored: u64,
    /// Stored, outside validity.
    pub rejected: u64,
    /// Known already, with the same content.
    pub duplicate: u64,
    /// Waiting.
    pub quarantined: u64,
    /// Undecodable.
    pub refused: u64,
}
