//! The port's reading side: what may be asked, beside the writer and never in its way.

use std::path::Path;

use super::{
    AccessReader, Attributed, BenchSession, BoxReader, CarryReader, CommitSeq, Counts, Crossing,
    Decided, FileReader, Holders, Owed, ReceiptReader, RegistryKey, Retimed, RosterReader,
    SealReader, StoreError, StoredReading, TokenRow, staff,
    view::{
        AlertFilter, AlertHistory, Board, Delivered, FeedEntry, HeldQuarantine, HeldRefusal,
        HeldState, Message, Page, Paging, ReadingFilter, Scope,
    },
};
use crate::domain::{
    Alert, AlertId, BenchId, DoctorId, Duty, EventId, HouseholdId, IdNumber, PersonEvent, PersonId,
    ReadingId, Registered, SiteId, TeamOf, Timestamp,
};

/// The reading side: many at a time, always a consistent state, never in the writer's way.
/// Every query about people takes a [`Scope`]. Every call blocks: async callers use
/// `spawn_blocking`, and lists are bounded by their limit.
pub trait Reader:
    AccessReader
    + BoxReader
    + FileReader
    + ReceiptReader
    + RosterReader
    + CarryReader
    + SealReader
    + Send
    + Sync
{
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

    /// One event by its id. The caller asks for its person within a scope: there is none here.
    ///
    /// # Errors
    /// Any error of the store.
    fn event(&self, id: &EventId) -> Result<Option<PersonEvent>, StoreError>;

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

    /// The crossings of an alert, newest first, each with its reading if that is the alert's person's
    /// now. The caller got the key through
    /// [`Reader::alert`], within a scope.
    ///
    /// # Errors
    /// Any error of the store.
    fn crossings_of(
        &self,
        alert: i64,
    ) -> Result<Vec<(Crossing, Option<StoredReading>)>, StoreError>;

    /// The sessions of a bench that touch an instant, latest beginning first. The caller may know of
    /// the site: there is no scope.
    ///
    /// # Errors
    /// Any error of the store.
    fn sessions_at(
        &self,
        site: &SiteId,
        bench: &BenchId,
        at: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError>;

    /// The messages about an alert, in the order in which they were owed. The caller got the key
    /// through [`Reader::alert`], within a scope.
    ///
    /// # Errors
    /// Any error of the store.
    fn messages_of(&self, alert: i64) -> Result<Vec<Message>, StoreError>;

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

    /// Who answered for a household at an instant. The caller may know of the household: there is no
    /// scope, here and in the four below.
    ///
    /// # Errors
    /// Any error of the store.
    fn doctor_of(
        &self,
        household: &HouseholdId,
        at: Timestamp,
    ) -> Result<Option<DoctorId>, StoreError> {
        staff::doctor_of(self, household, at)
    }

    /// The turns of duty in force of a site or place.
    ///
    /// # Errors
    /// Any error of the store.
    fn duties_of(&self, site_or_place: &str) -> Result<Vec<Duty>, StoreError> {
        Ok(staff::turns(staff::every(self, "duty")?, site_or_place))
    }

    /// Who is on duty at an instant at a site, by its id, or for a place, by its name. Only that
    /// site or place itself is asked.
    ///
    /// # Errors
    /// Any error of the store.
    fn on_duty(&self, site_or_place: &str, at: Timestamp) -> Result<Option<DoctorId>, StoreError> {
        let turns = self.duties_of(site_or_place)?;
        let on_duty = turns.into_iter().filter(|duty| duty.holds_at(at));
        Ok(on_duty.max_by_key(|duty| duty.span.from).and_then(|duty| duty.doctor))
    }

    /// The team of a place itself, the first by name of several.
    ///
    /// # Errors
    /// Any error of the store.
    fn team_of(&self, place: &str) -> Result<Option<TeamOf>, StoreError> {
        Ok(staff::team_of(staff::every(self, "team")?, place))
    }

    /// Whose identity number it is; the first by name of several.
    ///
    /// # Errors
    /// Any error of the store.
    fn person_with_id_number(&self, number: &IdNumber) -> Result<Option<PersonId>, StoreError> {
        Ok(staff::numbered(staff::every(self, "person")?, &number.digest()))
    }

    /// Who holds a card.
    ///
    /// # Errors
    /// Any error of the store.
    fn holders(&self, card: &str) -> Result<Holders, StoreError> {
        staff::holders(self, card)
    }

    /// People who are found by a text: by their name, or a part of it, from its start, the initials
    /// of its pinyin, the beginning of their id or of their village's name, the whole number of a
    /// card, the whole id number or its last four digits. By (village, id); everybody, by id,
    /// where the text is empty.
    ///
    /// # Errors
    /// Any error of the store.
    fn people(
        &self,
        scope: &Scope,
        query: &str,
        paging: &Paging,
    ) -> Result<Page<crate::domain::Person>, StoreError>;

    /// Every registry row in force of a kind of [`Registered::KINDS`], by name. For exports.
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
