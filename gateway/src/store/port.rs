//! The store port: what a store must do, batch-shaped, with one conformance suite for all.
//!
//! Writing goes through one [`Unit`] at a time: look up, append, commit. What was looked up stays
//! true until the unit ends, and nothing of a unit exists unless its commit returned [`Committed`].
//! Reading goes through [`Reader`], beside the writer and never in its way.

use std::{path::Path, sync::Arc};

use super::{
    Answer, BenchSession, CardScan, CommitSeq, Counts, Crossing, Fact, Owed, StoreError,
    StoredReading, Timer, TokenRow,
    view::{
        AlertFilter, AlertHistory, Board, Delivered, FeedEntry, HeldQuarantine, HeldRefusal, Page,
        Paging, ReadingFilter, Scope,
    },
};
use crate::domain::{
    Alert, AlertId, BenchId, CareLevel, ContentDigest, DeviceId, Doctor, DoctorId, HouseholdId,
    Millis, NotificationKey, PersonId, ReadingId, Registered, SiteId, Timestamp,
};

/// Longest bench session that is found by an instant within it: a card opens one for minutes, and a
/// bound keeps the look-up from walking through a bench's whole past.
pub const SESSION_MAX: Millis = Millis::hours(24);

/// How long the answer to a repeatable request is kept (DESIGN section 9, HTTP).
pub const ANSWER_KEPT: Millis = Millis::days(30);

/// Proof that a unit is on disk and synced. Only a store makes one; acknowledging needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    last: CommitSeq,
}

impl Committed {
    /// For stores alone: call it after the sync returned, never before.
    pub(in crate::store) const fn after_sync(last: CommitSeq) -> Self {
        Self { last }
    }

    /// A proof without a store, for tests of those who only pass it on.
    #[cfg(test)]
    pub(crate) const fn for_tests() -> Self {
        Self { last: CommitSeq(0) }
    }

    /// The position of the unit's last fact, or of the last fact before it if it had none.
    #[must_use]
    pub const fn last(&self) -> CommitSeq {
        self.last
    }
}

/// The name of a registry row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RegistryKey {
    /// A person.
    Person(PersonId),
    /// A household.
    Household(HouseholdId),
    /// A doctor.
    Doctor(DoctorId),
    /// A device.
    Device(DeviceId),
    /// A site.
    Site(SiteId),
    /// A card, by its number.
    Card(String),
}

/// Working state that changes together with the facts of a unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The alert as it stands now; inserted or replaced by its key.
    Alert(Box<Alert>),
    /// An older id by which the alert is still known.
    Alias(AlertId, i64),
    /// A timer begins, or moves: (kind, person, alert) is its name.
    SetTimer(Timer),
    /// A timer ends.
    ClearTimer(Timer),
    /// A notification is owed. A known key changes nothing. Its position for
    /// [`Reader::delivered_to`] is that of the alert's latest step: append that first.
    Owe(Box<Owed>),
    /// A notification is owed no more, or later: after an attempt.
    Resend {
        /// Which.
        key: NotificationKey,
        /// When to try again; `None`: done, dropped or dead.
        due_at: Option<Timestamp>,
        /// What the attempt said, if it failed.
        last_error: Option<String>,
    },
    /// Messages that still wait to be due leave sooner: never later than before.
    Hasten {
        /// Of this alert.
        alert: i64,
        /// Not after this.
        due_at: Timestamp,
    },
    /// A follower has done everything up to a position; `None`: it is no more.
    Cursor {
        /// Which.
        follower: String,
        /// Up to here.
        to: Option<CommitSeq>,
    },
    /// A bench session begins or its end moves: (site, bench, from) is its name.
    Session(BenchSession),
    /// A request was answered.
    Answer(Box<Answer>),
    /// A token was made, or ended.
    Token(Box<TokenRow>),
    /// Items were counted.
    Count(Counts),
    /// A reading belongs to somebody else from now on, or to nobody.
    Reattribute(ReadingId, Option<crate::domain::Attribution>),
}

/// One transaction. Dropped without [`Unit::commit`], nothing of it happened.
pub trait Unit {
    /// The position of the last fact, this unit's included.
    ///
    /// # Errors
    /// Any error of the store.
    fn last(&mut self) -> Result<CommitSeq, StoreError>;

    /// The content held under each id, in the order asked: a known reading, or an item that waits
    /// in quarantine under that id.
    ///
    /// # Errors
    /// Any error of the store.
    fn held(&mut self, ids: &[ReadingId]) -> Result<Vec<Option<ContentDigest>>, StoreError>;

    /// Whether each content already waits in quarantine, in the order asked.
    ///
    /// # Errors
    /// Any error of the store.
    fn waiting(&mut self, contents: &[ContentDigest]) -> Result<Vec<bool>, StoreError>;

    /// The registry rows in force, in the order asked.
    ///
    /// # Errors
    /// Any error of the store.
    fn registered(&mut self, keys: &[RegistryKey]) -> Result<Vec<Option<Registered>>, StoreError>;

    /// Each person's readings measured at or after an instant, by (measured time, id).
    ///
    /// # Errors
    /// Any error of the store.
    fn readings(
        &mut self,
        people: &[(PersonId, Timestamp)],
    ) -> Result<Vec<Vec<StoredReading>>, StoreError>;

    /// Everybody with a reading that this gateway stored within a length of time before the newest
    /// one, by name: however long the gateway was away, it was there when it stored that one.
    ///
    /// # Errors
    /// Any error of the store.
    fn measured_lately(&mut self, within: Millis) -> Result<Vec<PersonId>, StoreError>;

    /// A person's crossings, oldest first; of several of one reading, concept and alert the latest
    /// counts.
    ///
    /// # Errors
    /// Any error of the store.
    fn crossings(&mut self, person: &PersonId) -> Result<Vec<Crossing>, StoreError>;

    /// Cards held to the readers of a bench from one instant to another, both included, by time.
    ///
    /// # Errors
    /// Any error of the store.
    fn scans(
        &mut self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError>;

    /// Each person's alerts, live and ended, oldest first.
    ///
    /// # Errors
    /// Any error of the store.
    fn alerts(&mut self, people: &[PersonId]) -> Result<Vec<Vec<Alert>>, StoreError>;

    /// An alert by its id, or by an id it had before.
    ///
    /// # Errors
    /// Any error of the store.
    fn alert(&mut self, id: &AlertId) -> Result<Option<Alert>, StoreError>;

    /// An alert by this gateway's number for it.
    ///
    /// # Errors
    /// Any error of the store.
    fn alert_by_key(&mut self, key: i64) -> Result<Option<Alert>, StoreError>;

    /// The next free key: one more than the greatest in use, changes of this unit included.
    ///
    /// # Errors
    /// Any error of the store.
    fn next_alert_key(&mut self) -> Result<i64, StoreError>;

    /// Every doctor of a level, by name.
    ///
    /// # Errors
    /// Any error of the store.
    fn doctors(&mut self, level: CareLevel) -> Result<Vec<Doctor>, StoreError>;

    /// The township and, where a site says so, the county that contain a village.
    ///
    /// # Errors
    /// Any error of the store.
    fn places_above(&mut self, village: &str) -> Result<Vec<String>, StoreError>;

    /// The sessions of a bench that touch an instant, begun at most [`SESSION_MAX`] before it,
    /// latest beginning first.
    ///
    /// # Errors
    /// Any error of the store.
    fn sessions(
        &mut self,
        site: &SiteId,
        bench: &BenchId,
        at: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError>;

    /// Timers due at or before an instant, earliest first.
    ///
    /// # Errors
    /// Any error of the store.
    fn due_timers(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Timer>, StoreError>;

    /// Notifications still owed for an alert.
    ///
    /// # Errors
    /// Any error of the store.
    fn owed_for(&mut self, alert: i64) -> Result<Vec<Owed>, StoreError>;

    /// The answer given to a repeatable request.
    ///
    /// # Errors
    /// Any error of the store.
    fn answer(&mut self, key: &str) -> Result<Option<Answer>, StoreError>;

    /// Appends facts to the log, in order, and gives each its position; returns the last one. The
    /// reading of a crossing stands before it or in the same unit.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] for a reading whose id is stored already; any error of the store.
    /// After any error the unit can only be dropped.
    fn append(&mut self, facts: &[Fact]) -> Result<CommitSeq, StoreError>;

    /// Changes working state.
    ///
    /// # Errors
    /// [`StoreError::Asked`] for a resend or a re-attribution of what is not there; any error of
    /// the store. After any error the unit can only be dropped.
    fn change(&mut self, changes: &[Change]) -> Result<(), StoreError>;

    /// Writes and syncs.
    ///
    /// # Errors
    /// [`StoreError::is_full`] asks for a later retry; after any other error the file must not be
    /// trusted any more.
    fn commit(self: Box<Self>) -> Result<Committed, StoreError>;
}

/// The writing side: one at a time, on its own thread.
pub trait Store: Send {
    /// Begins a unit.
    ///
    /// # Errors
    /// Any error of the store.
    fn begin(&mut self, now: Timestamp) -> Result<Box<dyn Unit + '_>, StoreError>;

    /// Drops everything cached and opens the files anew, as after a failed commit.
    ///
    /// # Errors
    /// Any error of the store.
    fn reopen(&mut self) -> Result<(), StoreError>;

    /// Derives rollups from the log up to a position: readings, people and crossings by site,
    /// village, hour and kind. Idempotent by the follower's cursor; returns the new cursor.
    ///
    /// # Errors
    /// Any error of the store.
    fn roll_up(&mut self, limit: usize) -> Result<CommitSeq, StoreError>;

    /// Bounds the write-ahead file. Called when the writer is idle.
    ///
    /// # Errors
    /// Any error of the store.
    fn checkpoint(&mut self) -> Result<(), StoreError>;

    /// The reading side.
    fn reader(&self) -> Arc<dyn Reader>;
}

/// The reading side: many at a time, always a consistent state, never in the writer's way.
/// Every query about people takes a [`Scope`]. Every call blocks: async callers use
/// `spawn_blocking`, and lists are bounded by their limit.
pub trait Reader: Send + Sync {
    /// The last position.
    ///
    /// # Errors
    /// Any error of the store.
    fn last(&self) -> Result<CommitSeq, StoreError>;

    /// This gateway's own name and its epoch, made when the store was made.
    ///
    /// # Errors
    /// Any error of the store.
    fn gateway(&self) -> Result<(String, u64), StoreError>;

    /// Facts after a position, in commit order, at most `limit`.
    ///
    /// # Errors
    /// Any error of the store.
    fn feed(&self, after: CommitSeq, limit: usize) -> Result<Vec<FeedEntry>, StoreError>;

    /// Where a follower stands.
    ///
    /// # Errors
    /// Any error of the store.
    fn cursor(&self, follower: &str) -> Result<CommitSeq, StoreError>;

    /// Readings, newest measured first.
    ///
    /// # Errors
    /// Any error of the store.
    fn readings(
        &self,
        scope: &Scope,
        filter: &ReadingFilter,
        paging: &Paging,
    ) -> Result<Page<(CommitSeq, StoredReading)>, StoreError>;

    /// Alerts: live ones first, gravest first, then newest.
    ///
    /// # Errors
    /// Any error of the store.
    fn alerts(
        &self,
        scope: &Scope,
        filter: &AlertFilter,
        paging: &Paging,
    ) -> Result<Page<Alert>, StoreError>;

    /// One alert with its history, by any id it has or had.
    ///
    /// # Errors
    /// Any error of the store.
    fn alert(&self, scope: &Scope, id: &AlertId) -> Result<Option<AlertHistory>, StoreError>;

    /// The crossings of an alert with their readings, newest first. The caller got the key through
    /// [`Reader::alert`], within a scope.
    ///
    /// # Errors
    /// Any error of the store.
    fn crossings_of(
        &self,
        alert: i64,
    ) -> Result<Vec<(Crossing, Option<StoredReading>)>, StoreError>;

    /// A registry row in force, if the scope reaches it.
    ///
    /// # Errors
    /// Any error of the store.
    fn registered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Option<Registered>, StoreError>;

    /// People whose name or id begins with a text.
    ///
    /// # Errors
    /// Any error of the store.
    fn people(
        &self,
        scope: &Scope,
        query: &str,
        paging: &Paging,
    ) -> Result<Page<crate::domain::Person>, StoreError>;

    /// Every registry row in force of a kind (`person`, `household`, `doctor`, `device`, `site`,
    /// `card`), by name. For exports.
    ///
    /// # Errors
    /// [`StoreError::Asked`] for any other kind; any error of the store.
    fn registry(&self, kind: &str, paging: &Paging) -> Result<Page<Registered>, StoreError>;

    /// What waits in quarantine, newest first: for a place what its sites sent, for a doctor what
    /// names one of their people.
    ///
    /// # Errors
    /// Any error of the store.
    fn quarantine(
        &self,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<HeldQuarantine>, StoreError>;

    /// What was refused, newest first. Bytes without a meaning are nobody's: a place sees those of
    /// its sites, a doctor none.
    ///
    /// # Errors
    /// Any error of the store.
    fn refused(&self, scope: &Scope, paging: &Paging) -> Result<Page<HeldRefusal>, StoreError>;

    /// The counted numbers of a place on a calendar day of China.
    ///
    /// # Errors
    /// Any error of the store.
    fn board(
        &self,
        scope: &Scope,
        place: Option<&str>,
        now: Timestamp,
    ) -> Result<Board, StoreError>;

    /// Notifications due, earliest first.
    ///
    /// # Errors
    /// Any error of the store.
    fn owed(&self, now: Timestamp, limit: usize) -> Result<Vec<Owed>, StoreError>;

    /// When the next timer or notification is due.
    ///
    /// # Errors
    /// Any error of the store.
    fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Alert messages for one doctor after a position, for their MQTT client.
    ///
    /// # Errors
    /// Any error of the store.
    fn delivered_to(
        &self,
        doctor: &DoctorId,
        after: CommitSeq,
        limit: usize,
    ) -> Result<Vec<Delivered>, StoreError>;

    /// A token by the hash of its text.
    ///
    /// # Errors
    /// Any error of the store.
    fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError>;

    /// The answer given to a repeatable request, unless it has expired.
    ///
    /// # Errors
    /// Any error of the store.
    fn answer(&self, key: &str, now: Timestamp) -> Result<Option<Answer>, StoreError>;

    /// What was counted since the store was made.
    ///
    /// # Errors
    /// Any error of the store.
    fn counts(&self) -> Result<Counts, StoreError>;

    /// Counts everything anew from the facts and lists every difference from what is kept.
    ///
    /// # Errors
    /// Any error of the store.
    fn recount(&self) -> Result<Vec<String>, StoreError>;

    /// A consistent copy of the store while it runs.
    ///
    /// # Errors
    /// Any error of the store, or of the destination.
    fn back_up(&self, to: &Path) -> Result<(), StoreError>;
}
