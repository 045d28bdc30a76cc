//! The port's reading side: what may be asked, beside the writer and never in its way.

use std::path::Path;

use super::{
    Attributed, CommitSeq, Counts, Crossing, Decided, Owed, RegistryKey, Retimed, StoreError,
    StoredReading, TokenRow,
    view::{
        AlertFilter, AlertHistory, Board, Delivered, FeedEntry, HeldQuarantine, HeldRefusal,
        HeldState, Page, Paging, ReadingFilter, Scope,
    },
};
use crate::domain::{
    Alert, AlertId, DoctorId, PersonEvent, PersonId, ReadingId, Registered, Timestamp,
};

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

    /// One reading with its position, if the scope reaches it.
    ///
    /// # Errors
    /// Any error of the store.
    fn reading(
        &self,
        scope: &Scope,
        id: &ReadingId,
    ) -> Result<Option<(CommitSeq, StoredReading)>, StoreError>;

    /// Every reading of each person, in the order asked, by (measured time, id). For those who judge
    /// the past anew: ask for a few people at a time.
    ///
    /// # Errors
    /// Any error of the store.
    fn readings_of(&self, people: &[PersonId]) -> Result<Vec<Vec<StoredReading>>, StoreError> {
        people.iter().map(|person| every_reading(self, person)).collect()
    }

    /// Every event of each person, in the order asked, by (when it happened, id). The caller may know
    /// of these people: there is no scope.
    ///
    /// # Errors
    /// Any error of the store.
    fn events_of(&self, people: &[PersonId]) -> Result<Vec<Vec<PersonEvent>>, StoreError>;

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

    /// Every row that was ever entered under a key, oldest first, if the scope reaches the one in
    /// force.
    ///
    /// # Errors
    /// Any error of the store.
    fn entered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Vec<(Timestamp, Registered)>, StoreError>;

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
    /// `card`, `plan`), by name. For exports.
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
        state: HeldState,
        paging: &Paging,
    ) -> Result<Page<HeldQuarantine>, StoreError>;

    /// An item of quarantine within a scope, whatever was decided about it.
    ///
    /// # Errors
    /// Any error of the store.
    fn quarantined(
        &self,
        scope: &Scope,
        item: CommitSeq,
    ) -> Result<Option<HeldQuarantine>, StoreError>;

    /// Every attribution, in the order of the log, of the readings that were ever given to a person or
    /// taken from them after they were stored.
    ///
    /// # Errors
    /// Any error of the store.
    fn attributions(&self, person: &PersonId) -> Result<Vec<Attributed>, StoreError>;

    /// Every correction of time of the readings that are a person's now, in the order of the log.
    ///
    /// # Errors
    /// Any error of the store.
    fn retimings(&self, person: &PersonId) -> Result<Vec<Retimed>, StoreError>;

    /// The decision at a position.
    ///
    /// # Errors
    /// Any error of the store.
    fn decision(&self, at: CommitSeq) -> Result<Option<Decided>, StoreError>;

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

/// Every reading of a person, page by page.
fn every_reading<R: Reader + ?Sized>(
    reader: &R,
    person: &PersonId,
) -> Result<Vec<StoredReading>, StoreError> {
    let filter = ReadingFilter { person: Some(person.clone()), ..ReadingFilter::default() };
    let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
    let mut all = Vec::new();
    loop {
        let page = reader.readings(&Scope::Everything, &filter, &paging)?;
        all.extend(page.items.into_iter().map(|(_, stored)| stored));
        paging.after = page.next;
        if paging.after.is_none() {
            all.sort_by_key(|stored| (stored.reading.measured.at, stored.reading.id));
            return Ok(all);
        }
    }
}
