//! The store port: what a store must do, batch-shaped, with one conformance suite for all.
//!
//! Writing goes through one [`Unit`] at a time: look up, append, commit. What was looked up stays
//! true until the unit ends, and nothing of a unit exists unless its commit returned [`Committed`].
//! Reading goes through [`Reader`], beside the writer and never in its way.

use std::sync::Arc;

use super::{
    AlertEvent, Answer, Awaiting, BenchSession, CardScan, CarryUnit, Change, CommitSeq, Committed,
    Concerned, Crossing, Decided, Fact, HeldMerge, Numbered, Owed, PackInForce, Reader,
    RegistryKey, Resumed, Staff, StoreError, StoredReading, Timer, ToldUnit, view::HeldQuarantine,
};
use crate::domain::{
    Alert, AlertId, BenchId, CareLevel, ContentDigest, DeviceId, Doctor, EventId, Millis,
    PersonEvent, PersonId, ReadingId, Registered, SiteId, Timestamp,
};

/// Longest bench session that is found by an instant within it: a card opens one for minutes, and a
/// bound keeps the look-up from walking through a bench's whole past.
pub const SESSION_MAX: Millis = Millis::hours(24);

/// How long the answer to a repeatable request is kept (DESIGN section 9, HTTP).
pub const ANSWER_KEPT: Millis = Millis::days(30);

/// One transaction. Dropped without [`Unit::commit`], nothing of it happened.
pub trait Unit: Staff + CarryUnit + ToldUnit {
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

    /// An item of quarantine by its position, with the latest decision about it.
    ///
    /// # Errors
    /// Any error of the store.
    fn quarantined(&mut self, item: CommitSeq) -> Result<Option<HeldQuarantine>, StoreError>;

    /// The latest item of quarantine that holds a reading which is stored, if one does.
    ///
    /// # Errors
    /// Any error of the store.
    fn item_of(&mut self, reading: &ReadingId) -> Result<Option<HeldQuarantine>, StoreError>;

    /// The item of quarantine with a content, if one was ever kept.
    ///
    /// # Errors
    /// Any error of the store.
    fn item_with(&mut self, content: &ContentDigest) -> Result<Option<HeldQuarantine>, StoreError>;

    /// What waits for a row of the registry, as far as it was received since an instant.
    ///
    /// # Errors
    /// Any error of the store.
    fn awaiting(&mut self, key: &RegistryKey, since: Timestamp) -> Result<Awaiting, StoreError>;

    /// Readings of a site that the first gateway received within a span, its end excluded, by
    /// (receipt, id).
    ///
    /// # Errors
    /// Any error of the store.
    fn received(
        &mut self,
        site: &SiteId,
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<StoredReading>, StoreError>;

    /// Readings that came after a position, in the order of the log; not those that other gateways had first.
    ///
    /// # Errors
    /// Any error of the store.
    fn came_since(&mut self, after: CommitSeq) -> Result<Vec<StoredReading>, StoreError>;

    /// The decision at a position.
    ///
    /// # Errors
    /// Any error of the store.
    fn decision(&mut self, at: CommitSeq) -> Result<Option<Decided>, StoreError>;

    /// The merge at a position, with what took it back.
    ///
    /// # Errors
    /// Any error of the store.
    fn merge(&mut self, at: CommitSeq) -> Result<Option<HeldMerge>, StoreError>;

    /// Every merge in force, by name: the file that counts as another's, and that other.
    ///
    /// # Errors
    /// Any error of the store.
    fn merged(&mut self) -> Result<Vec<(PersonId, PersonId)>, StoreError>;

    /// The steps of an alert's life, oldest first.
    ///
    /// # Errors
    /// Any error of the store.
    fn steps(&mut self, alert: i64) -> Result<Vec<(CommitSeq, AlertEvent)>, StoreError>;

    /// A reading that is stored, with its latest attribution.
    ///
    /// # Errors
    /// Any error of the store.
    fn reading(&mut self, id: &ReadingId) -> Result<Option<StoredReading>, StoreError>;

    /// The registry rows in force, in the order asked.
    ///
    /// # Errors
    /// Any error of the store.
    fn registered(&mut self, keys: &[RegistryKey]) -> Result<Vec<Option<Registered>>, StoreError>;

    /// Every row that was ever entered under a name, with when it was, oldest first. A card that only
    /// people's own rows name has none.
    ///
    /// # Errors
    /// Any error of the store.
    fn entered(&mut self, key: &RegistryKey) -> Result<Vec<(Timestamp, Registered)>, StoreError>;

    /// When a person is to be looked at, as [`Change::Watch`] set it.
    ///
    /// # Errors
    /// Any error of the store.
    fn watched(&mut self, person: &PersonId) -> Result<Option<Timestamp>, StoreError>;

    /// Who is to be looked at by an instant, by (when, name).
    ///
    /// # Errors
    /// Any error of the store.
    fn due_watches(&mut self, now: Timestamp, limit: usize) -> Result<Vec<PersonId>, StoreError>;

    /// Whom the registry's rows after a position concern: so many rows at most, and none after so many
    /// people.
    ///
    /// # Errors
    /// Any error of the store.
    fn concerned(&mut self, after: CommitSeq, limit: usize) -> Result<Concerned, StoreError>;

    /// Every pack that came into force, in the order of the log.
    ///
    /// # Errors
    /// Any error of the store.
    fn packs(&mut self) -> Result<Vec<PackInForce>, StoreError>;

    /// Each person's readings measured at or after an instant, by (measured time, id), with what came
    /// under files that count as theirs.
    ///
    /// # Errors
    /// Any error of the store.
    fn readings(
        &mut self,
        people: &[(PersonId, Timestamp)],
    ) -> Result<Vec<Vec<StoredReading>>, StoreError>;

    /// Each person's events, by (when they happened, id), in the same way.
    ///
    /// # Errors
    /// Any error of the store.
    fn events(&mut self, people: &[PersonId]) -> Result<Vec<Vec<PersonEvent>>, StoreError>;

    /// The content of each event that is stored, in the order asked.
    ///
    /// # Errors
    /// Any error of the store.
    fn known_events(&mut self, ids: &[EventId]) -> Result<Vec<Option<ContentDigest>>, StoreError>;

    /// What is kept of each person, with their readings and events stored since; `None` where nothing is. In the
    /// order asked.
    ///
    /// # Errors
    /// Any error of the store.
    fn kept(&mut self, people: &[PersonId]) -> Result<Vec<Option<Resumed>>, StoreError>;

    /// What is known under each number that a device gave without stating an epoch: its glucose
    /// readings and the contexts, joined or waiting, each in the order of the log.
    ///
    /// # Errors
    /// Any error of the store.
    fn numbered(&mut self, names: &[(DeviceId, u64)]) -> Result<Vec<Numbered>, StoreError>;

    /// Everybody with a reading or an event that this gateway stored within a length of time before
    /// the newest of its kind, by name: however long the gateway was away, it was there when it stored that one.
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

    /// The answer given to a request under a key, unless it has expired.
    ///
    /// # Errors
    /// Any error of the store.
    fn answer(&mut self, key: &str) -> Result<Option<Answer>, StoreError>;

    /// Appends facts to the log, in order, and gives each its position; returns the last one. The
    /// reading of a crossing stands before it or in the same unit. A merge gives what came under its
    /// file to the survivor, from then on too, and its undoing gives it back.
    ///
    /// # Errors
    /// [`StoreError::Asked`] for a merge of a merge, or an undoing of none;
    /// [`StoreError::Duplicate`] for a reading or an event whose id is stored already; any error of the store.
    /// After any error the unit can only be dropped.
    fn append(&mut self, facts: &[Fact]) -> Result<CommitSeq, StoreError>;

    /// Changes working state.
    ///
    /// # Errors
    /// [`StoreError::Asked`] for a resend, a join or a re-attribution of what is not there; any
    /// error of the store. After any error the unit can only be dropped.
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

    /// Makes another identity key if one was asked for, and brings a bounded number of rows under the
    /// newest one; says whether more is to be done. Goes on after a restart where it stood.
    ///
    /// # Errors
    /// Any error of the store.
    fn seal_anew(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Bounds the write-ahead file. Called when the writer is idle.
    ///
    /// # Errors
    /// Any error of the store.
    fn checkpoint(&mut self) -> Result<(), StoreError>;

    /// The reading side.
    fn reader(&self) -> Arc<dyn Reader>;
}
