//! A store's reading side that a test writes by hand, for those who follow the log.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::watch;

use super::{Advance, Log};
use crate::{
    domain::{
        AlertId, BenchId, BoxId, DoctorId, IdNumber, NotificationKey, Person, PersonEvent,
        PersonId, ReadingId, Registered, SiteId, Timestamp,
    },
    store::{
        AccessReader, Attempt, Attributed, BenchSession, BoxCertificate, BoxReader, CardScan,
        CommitSeq, Counts, Crossing, Decided, Fact, FileReader, HeldClaim, HeldMerge, Owed, Reader,
        RegistryKey, Retimed, SealReader, StoreError, StoredReading, TokenRow,
        view::{
            AlertFilter, AlertHistory, Board, Delivered, FeedEntry, HeldQuarantine, HeldRefusal,
            HeldState, Page, Paging, ReadingFilter, Scope,
        },
    },
};

/// What the script says.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) owed: BTreeMap<NotificationKey, Owed>,
    pub(crate) alerts: BTreeMap<AlertId, AlertHistory>,
    pub(crate) registry: BTreeMap<RegistryKey, Registered>,
    pub(crate) feed: Vec<FeedEntry>,
    pub(crate) cursors: BTreeMap<String, CommitSeq>,
    pub(crate) attempts: Vec<Attempt>,
    /// Alerts that were handed to the next step, with the note.
    pub(crate) forwarded: Vec<(AlertId, String)>,
    /// Every read fails while set.
    pub(crate) broken: bool,
    /// How often the feed was read.
    pub(crate) feed_reads: usize,
    /// What goes to other gateways and comes from them.
    pub(crate) carried: crate::uplink::fake_reader::Carried,
    /// Certificates of boxes.
    pub(crate) certificates: BTreeMap<BoxId, BoxCertificate>,
}

/// The reading side over a [`Script`].
#[derive(Debug, Default)]
pub(crate) struct Scripted(Mutex<Script>);

impl Scripted {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    fn read(&self) -> Result<MutexGuard<'_, Script>, StoreError> {
        let script = self.script();
        if script.broken { Err(StoreError::Busy) } else { Ok(script) }
    }
}

/// What no test of a follower asks.
fn unscripted<T>() -> Result<T, StoreError> {
    Err(StoreError::Damaged { table: "script", what: "not scripted".to_owned() })
}

impl Reader for Scripted {
    fn last(&self) -> Result<CommitSeq, StoreError> {
        Ok(self.read()?.feed.last().map_or(CommitSeq(0), |entry| entry.seq))
    }

    fn gateway(&self) -> Result<(String, u64), StoreError> {
        Ok(self.read()?.carried.name.clone())
    }

    fn feed(&self, after: CommitSeq, limit: usize) -> Result<Vec<FeedEntry>, StoreError> {
        let mut script = self.read()?;
        script.feed_reads += 1;
        let from = script.feed.partition_point(|entry| entry.seq <= after);
        Ok(script.feed.iter().skip(from).take(limit).cloned().collect())
    }

    fn cursor(&self, follower: &str) -> Result<CommitSeq, StoreError> {
        Ok(self.read()?.cursors.get(follower).copied().unwrap_or_default())
    }

    fn alert(&self, _: &Scope, id: &AlertId) -> Result<Option<AlertHistory>, StoreError> {
        Ok(self.read()?.alerts.get(id).cloned())
    }

    fn registered(&self, _: &Scope, key: &RegistryKey) -> Result<Option<Registered>, StoreError> {
        Ok(self.read()?.registry.get(key).cloned())
    }

    fn entered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Vec<(Timestamp, Registered)>, StoreError> {
        let row = self.registered(scope, key)?;
        Ok(row.map(|row| (Timestamp::from_millis(0), row)).into_iter().collect())
    }

    fn owed(&self, now: Timestamp, limit: usize) -> Result<Vec<Owed>, StoreError> {
        let script = self.read()?;
        let mut due: Vec<Owed> =
            script.owed.values().filter(|row| row.due_at <= now).cloned().collect();
        due.sort_by_key(|row| (row.due_at, row.key));
        due.truncate(limit);
        Ok(due)
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.read()?.owed.values().map(|row| row.due_at).min())
    }

    fn sessions_at(
        &self,
        _: &SiteId,
        _: &BenchId,
        _: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError> {
        unscripted()
    }

    fn event(&self, _: &crate::domain::EventId) -> Result<Option<PersonEvent>, StoreError> {
        unscripted()
    }

    fn messages_of(&self, _: i64) -> Result<Vec<crate::store::view::Message>, StoreError> {
        unscripted()
    }

    fn events_of(&self, _: &[PersonId]) -> Result<Vec<Vec<PersonEvent>>, StoreError> {
        unscripted()
    }

    fn readings(
        &self,
        _: &Scope,
        _: &ReadingFilter,
        _: &Paging,
    ) -> Result<Page<(CommitSeq, StoredReading)>, StoreError> {
        unscripted()
    }

    fn reading(
        &self,
        _: &Scope,
        id: &ReadingId,
    ) -> Result<Option<(CommitSeq, StoredReading)>, StoreError> {
        let script = self.read()?;
        let found = script.feed.iter().find_map(|entry| {
            let Fact::Reading(stored) = &entry.fact else { return None };
            (stored.reading.id == *id).then(|| (entry.seq, StoredReading::clone(stored)))
        });
        Ok(found)
    }

    fn alerts(
        &self,
        _: &Scope,
        _: &AlertFilter,
        _: &Paging,
    ) -> Result<Page<crate::domain::Alert>, StoreError> {
        unscripted()
    }

    fn crossings_of(&self, _: i64) -> Result<Vec<(Crossing, Option<StoredReading>)>, StoreError> {
        unscripted()
    }

    fn people(&self, _: &Scope, _: &str, _: &Paging) -> Result<Page<Person>, StoreError> {
        unscripted()
    }

    fn registry(&self, kind: &str, _: &Paging) -> Result<Page<Registered>, StoreError> {
        let script = self.script();
        let items = script.registry.values().filter(|row| row.kind() == kind).cloned().collect();
        Ok(Page { items, next: None })
    }

    fn quarantine(
        &self,
        _: &Scope,
        _: HeldState,
        _: &Paging,
    ) -> Result<Page<HeldQuarantine>, StoreError> {
        unscripted()
    }

    fn quarantined(&self, _: &Scope, _: CommitSeq) -> Result<Option<HeldQuarantine>, StoreError> {
        unscripted()
    }

    fn retimings(&self, _: &PersonId) -> Result<Vec<Retimed>, StoreError> {
        Ok(Vec::new())
    }

    fn attributions(&self, _: &PersonId) -> Result<Vec<Attributed>, StoreError> {
        unscripted()
    }

    fn decision(&self, _: CommitSeq) -> Result<Option<Decided>, StoreError> {
        unscripted()
    }

    fn refused(&self, _: &Scope, _: &Paging) -> Result<Page<HeldRefusal>, StoreError> {
        unscripted()
    }

    fn board(&self, _: &Scope, _: Option<&str>, _: Timestamp) -> Result<Board, StoreError> {
        unscripted()
    }

    fn delivered_to(
        &self,
        _: &DoctorId,
        _: CommitSeq,
        _: usize,
    ) -> Result<Vec<Delivered>, StoreError> {
        unscripted()
    }

    fn token(&self, _: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        unscripted()
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        unscripted()
    }

    fn recount(&self) -> Result<Vec<String>, StoreError> {
        unscripted()
    }

    fn back_up(&self, _: &Path) -> Result<(), StoreError> {
        unscripted()
    }
}

/// A log over a script: moving a cursor writes it there.
pub(crate) fn log(store: &Arc<Scripted>, commits: &watch::Sender<CommitSeq>) -> Log {
    let cursors = Arc::clone(store);
    let advance: Advance = Arc::new(move |name, to| {
        let cursors = Arc::clone(&cursors);
        Box::pin(async move {
            cursors.script().cursors.insert(name.to_owned(), to);
            Ok(())
        })
    });
    let reader = Arc::clone(store) as Arc<dyn Reader>;
    Log { reader, advance, commits: commits.subscribe() }
}

impl SealReader for Scripted {}

impl AccessReader for Scripted {}

impl BoxReader for Scripted {
    fn box_certificate(&self, name: &BoxId) -> Result<Option<BoxCertificate>, StoreError> {
        Ok(self.script().certificates.get(name).cloned())
    }
}

impl FileReader for Scripted {
    fn merges(&self, _: &Scope, _: &Paging) -> Result<Page<HeldMerge>, StoreError> {
        unscripted()
    }

    fn merge(&self, _: CommitSeq) -> Result<Option<HeldMerge>, StoreError> {
        unscripted()
    }

    fn merges_of(&self, _: &PersonId) -> Result<Vec<HeldMerge>, StoreError> {
        unscripted()
    }

    fn claims_of(&self, _: &PersonId) -> Result<Vec<HeldClaim>, StoreError> {
        unscripted()
    }

    fn reached(&self, _: &Scope, _: &[PersonId]) -> Result<Vec<PersonId>, StoreError> {
        unscripted()
    }

    fn card_holders(&self, _: &[String]) -> Result<Vec<(String, PersonId)>, StoreError> {
        unscripted()
    }

    fn sessions(
        &self,
        _: (&SiteId, &BenchId),
        _: (Timestamp, Timestamp),
    ) -> Result<Vec<BenchSession>, StoreError> {
        unscripted()
    }

    fn scans(
        &self,
        _: (&SiteId, &BenchId),
        _: (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError> {
        unscripted()
    }

    fn with_id_number(&self, _: &Scope, _: &IdNumber) -> Result<Vec<PersonId>, StoreError> {
        unscripted()
    }

    fn same_numbers(
        &self,
        _: &Scope,
        _: &Paging,
    ) -> Result<Page<(PersonId, PersonId)>, StoreError> {
        unscripted()
    }

    fn survivor(&self, _: &PersonId) -> Result<Option<PersonId>, StoreError> {
        unscripted()
    }
}
