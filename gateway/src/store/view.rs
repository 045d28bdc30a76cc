//! What the reading side answers with, and what a query must say of whom it may see.

use smol_str::SmolStr;

use super::{
    AlertChange, AlertEvent, Attempt, Channel, CommitSeq, Decided, Decision, Fact, Origin,
    QuarantineReason, StoredReading,
};
use crate::domain::{
    Alert, AlertId, AlertState, DeviceId, DoctorId, Level, NotificationKey, PersonId, SiteId,
    SiteRole, Timestamp,
};

/// Whom a query may see. Every query about people takes one (promise P10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody: the gateway itself, and the operator where no clinical value is shown.
    Everything,
    /// People of a village, or of the villages within a township or county: by the tree of places,
    /// and by the sites' words where the tree is silent ([`crate::domain::Within`]).
    Place(String),
    /// People of the households that a doctor signed for, and of alerts that came to the doctor.
    Doctor(DoctorId),
    /// Nobody.
    Nobody,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paging {
    /// At most so many; 0 is taken as [`Paging::LIMIT`].
    pub limit: usize,
    /// The cursor of the last page.
    pub after: Option<String>,
}

impl Paging {
    /// Items of a page where the query does not say.
    pub const LIMIT: usize = 100;
    /// Most items of a page.
    pub const LIMIT_MAX: usize = 1000;
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Which readings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadingFilter {
    /// Of this person, with what came under files that count as theirs.
    pub person: Option<PersonId>,
    /// That came under this file, whosever it counts as.
    pub filed: Option<PersonId>,
    /// Of this device.
    pub device: Option<DeviceId>,
    /// Received at this site.
    pub site: Option<SiteId>,
    /// Measured at or after.
    pub from: Option<Timestamp>,
    /// Measured before.
    pub to: Option<Timestamp>,
}

/// Which alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertFilter {
    /// In one of these states; empty: in any.
    pub states: Vec<AlertState>,
    /// Owned by this doctor.
    pub doctor: Option<DoctorId>,
    /// Of this level.
    pub level: Option<Level>,
    /// About this person.
    pub person: Option<PersonId>,
}

/// An alert and every step of its life, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertHistory {
    /// As it stands now.
    pub alert: Alert,
    /// Its steps, with their positions.
    pub events: Vec<(CommitSeq, AlertEvent)>,
}

/// A fact with its position.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedEntry {
    /// Where it stands in the log.
    pub seq: CommitSeq,
    /// What it says.
    pub fact: Fact,
}

/// A message that a doctor's MQTT client must have.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered {
    /// The position of the alert's step.
    pub seq: CommitSeq,
    /// The alert's id.
    pub alert: AlertId,
    /// Its level.
    pub level: Level,
    /// What happened.
    pub change: AlertChange,
    /// When it must be acknowledged.
    pub deadline: Option<Timestamp>,
}

/// A message about an alert, with every try to send it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Makes a repeated send the same message.
    pub key: NotificationKey,
    /// The alert's id when the message was made.
    pub alert: AlertId,
    /// Which change it tells of.
    pub change: AlertChange,
    /// The alert's level at that change.
    pub level: Level,
    /// Who gets it.
    pub recipient: DoctorId,
    /// How.
    pub channel: Channel,
    /// When it was owed.
    pub owed_at: Timestamp,
    /// The tries, in the order of the log.
    pub attempts: Vec<Attempt>,
}

/// An item of quarantine.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldQuarantine {
    /// Its position, by which it is claimed.
    pub seq: CommitSeq,
    /// Why it waits.
    pub reason: QuarantineReason,
    /// What the reason rests on.
    pub detail: String,
    /// The bytes.
    pub raw: Vec<u8>,
    /// Where they came from.
    pub origin: Origin,
    /// When.
    pub received_at: Timestamp,
    /// The reading, where one could be made.
    pub reading: Option<StoredReading>,
    /// The latest decision about it with its position, unless that was taken back: it waits no more.
    pub decided: Option<(CommitSeq, Decided)>,
    /// Who took the latest decision back, if that is what came last.
    pub taken_back_by: Option<SmolStr>,
}

/// Which items of quarantine are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeldState {
    /// Those that wait.
    #[default]
    Waiting,
    /// Those that somebody claimed.
    Claimed,
    /// Those that somebody dismissed.
    Dismissed,
}

impl HeldState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Claimed, Self::Dismissed];

    /// The state's code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Dismissed => "dismissed",
        }
    }
}

impl HeldQuarantine {
    /// What the latest decision about an item says: that it is in force, or who took one back.
    pub(super) fn told(
        latest: Option<(CommitSeq, Decided)>,
    ) -> (Option<(CommitSeq, Decided)>, Option<SmolStr>) {
        match latest {
            Some((_, Decided { decision: Decision::Undone(_), by, .. })) => (None, Some(by)),
            in_force => (in_force, None),
        }
    }

    /// Whether it holds a reading that could be somebody's.
    #[must_use]
    pub fn is_claimable(&self) -> bool {
        self.reading.is_some() && self.reason != QuarantineReason::Conflict
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> HeldState {
        match self.decided.as_ref().map(|(_, decided)| &decided.decision) {
            Some(Decision::Claimed(_)) => HeldState::Claimed,
            Some(Decision::Dismissed) => HeldState::Dismissed,
            Some(Decision::Undone(_)) | None => HeldState::Waiting,
        }
    }
}

/// A refused delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldRefusal {
    /// Its position.
    pub seq: CommitSeq,
    /// What was refused.
    pub refused: super::Refused,
}

/// The counted numbers of a place: of the people of its villages, and, where nobody's village is
/// known, of its sites, so that each reading counts in one place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    /// The position up to which everything is counted.
    pub cursor: CommitSeq,
    /// People of the place.
    pub people: u64,
    /// Readings measured today.
    pub readings_today: u64,
    /// People with a reading today.
    pub people_today: u64,
    /// Live alerts by level: blue, yellow, orange, red.
    pub open: [u64; 4],
    /// Live alerts past their deadline and not acknowledged.
    pub overdue: u64,
    /// When the oldest live and unacknowledged alert was opened.
    pub oldest_unacknowledged: Option<Timestamp>,
    /// Items waiting in quarantine.
    pub quarantined: u64,
    /// Deliveries refused.
    pub refused: u64,
    /// The sites of the place.
    pub sites: Vec<SiteRow>,
    /// Its villages.
    pub villages: Vec<VillageRow>,
    /// Readings and crossings by hour of the day.
    pub hourly: Vec<HourRow>,
}

/// A site on the board.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteRow {
    /// Which.
    pub site: SiteId,
    /// What people call it.
    pub name: String,
    /// What kind of place.
    pub kind: SiteRole,
    /// Connected; `None`: never heard of.
    pub online: Option<bool>,
    /// When it was last heard.
    pub last_seen: Option<Timestamp>,
    /// Readings received there that were measured today.
    pub readings_today: u64,
    /// People with a reading there today.
    pub people_today: u64,
    /// Items of it waiting in quarantine.
    pub quarantined: u64,
}

/// A village on the board.
#[derive(Debug, Clone, PartialEq)]
pub struct VillageRow {
    /// Which.
    pub village: String,
    /// People who live there.
    pub people: u64,
    /// Of them, with a reading today.
    pub people_today: u64,
    /// Their gravest live alert.
    pub worst: Option<Level>,
}

/// An hour of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourRow {
    /// 0 to 23, clocks of China.
    pub hour: u8,
    /// Readings measured in it.
    pub readings: u64,
    /// Crossings of readings measured in it.
    pub crossings: u64,
}
