//! One transaction of the writer.

use rusqlite::{Connection, ToSql};

use super::{
    SqliteStore, alert, answer, change, context, decision, event,
    fact::Tally,
    fault::failed,
    feed, held, kept, list, merge, reading, registry,
    row::{Cells, cell, fetch_one, key_cell, number},
    timing, watch,
};
use crate::{
    domain::{
        Alert, AlertId, BenchId, CareLevel, ContentDigest, DeviceId, Doctor, EventId, Millis,
        PersonEvent, PersonId, ReadingId, Registered, SiteId, Timestamp,
    },
    store::{
        AlertEvent, Answer, Awaiting, BenchSession, CardScan, Change, CommitSeq, Committed,
        Concerned, Counts, Crossing, Decided, Fact, HeldMerge, Numbered, Owed, PackInForce,
        RegistryKey, Resumed, StoreError, StoredReading, Timer, Unit,
        view::{HeldQuarantine, Scope},
    },
};

/// A unit under way. Whatever fails in it, it can only be dropped.
pub(super) struct SqliteUnit<'s> {
    store: &'s mut SqliteStore,
    tally: Tally,
    now: Timestamp,
    /// Something failed: the transaction may be half of what was asked for.
    spoiled: bool,
    /// What failed ends the trust in the connection.
    fatal: bool,
    ended: bool,
}

impl<'s> SqliteUnit<'s> {
    /// Begins the transaction; returns the last position before it.
    pub(super) fn begin(connection: &Connection) -> Result<CommitSeq, StoreError> {
        #[cfg(feature = "faults")]
        if crate::fault::is_left_open() {
            return feed::last(connection);
        }
        connection.execute_batch("BEGIN IMMEDIATE").map_err(failed("beginning a unit"))?;
        feed::last(connection)
    }

    pub(super) fn new(store: &'s mut SqliteStore, last: CommitSeq, now: Timestamp) -> Self {
        let tally = Tally::after(last, store.options.keys);
        Self { store, tally, now, spoiled: false, fatal: false, ended: false }
    }

    /// Does something with the connection; a failure spoils the unit.
    pub(super) fn work<T>(
        &mut self,
        work: impl FnOnce(&Connection, &mut Tally) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.spoiled {
            return Err(StoreError::Asked { what: "the unit has failed and can only be dropped" });
        }
        let done = match self.store.connection() {
            Ok(connection) => work(connection, &mut self.tally),
            Err(error) => Err(error),
        };
        done.map_err(|error| {
            let error = self.store.excuse(error);
            self.spoiled = true;
            self.fatal |= super::ends_trust(&error);
            error
        })
    }

    fn roll_back(&mut self) {
        self.ended = true;
        #[cfg(feature = "faults")]
        if crate::fault::is_left_open() {
            return;
        }
        let Some(connection) = &self.store.connection else { return };
        let open = !connection.is_autocommit();
        let failed = open && connection.execute_batch("ROLLBACK").is_err();
        if failed || self.fatal {
            // Closing the connection ends the transaction without a commit.
            self.store.connection = None;
        }
    }
}

impl Drop for SqliteUnit<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.roll_back();
        }
    }
}

/// Asks the same question for each of several names.
fn each<K: ToSql, T>(
    connection: &Connection,
    (table, sql): (&'static str, &str),
    names: impl Iterator<Item = K>,
    decode: impl Fn(&mut Cells<'_, '_>) -> Result<T, StoreError>,
) -> Result<Vec<Option<T>>, StoreError> {
    let what = "looking up a batch";
    let mut statement = connection.prepare_cached(sql).map_err(failed(what))?;
    let mut found = Vec::new();
    for name in names {
        let mut rows = statement.query([name]).map_err(failed(what))?;
        let row = rows.next().map_err(failed(what))?;
        found.push(row.map(|row| decode(&mut Cells::new(row, table))).transpose()?);
    }
    Ok(found)
}

impl Unit for SqliteUnit<'_> {
    fn last(&mut self) -> Result<CommitSeq, StoreError> {
        Ok(self.tally.last)
    }

    fn measured_lately(&mut self, within: Millis) -> Result<Vec<PersonId>, StoreError> {
        self.work(|connection, _| {
            let mut people = reading::owners_lately(connection, within)?;
            people.extend(event::of_whom_lately(connection, within)?);
            people.sort_unstable();
            people.dedup();
            Ok(people)
        })
    }

    fn events(&mut self, people: &[PersonId]) -> Result<Vec<Vec<PersonEvent>>, StoreError> {
        self.work(|connection, _| event::of_people(connection, people))
    }

    fn known_events(&mut self, ids: &[EventId]) -> Result<Vec<Option<ContentDigest>>, StoreError> {
        self.work(|connection, _| {
            let names = ids.iter().map(crate::domain::Key::as_bytes);
            let sql = "SELECT content FROM person_event WHERE id = ?";
            each(connection, ("person_event", sql), names, key_cell)
        })
    }

    fn kept(&mut self, people: &[PersonId]) -> Result<Vec<Option<Resumed>>, StoreError> {
        self.work(|connection, _| {
            people.iter().map(|person| kept::of_person(connection, person)).collect()
        })
    }

    fn entered(&mut self, key: &RegistryKey) -> Result<Vec<(Timestamp, Registered)>, StoreError> {
        self.work(|connection, _| registry::entered(connection, key))
    }

    fn watched(&mut self, person: &PersonId) -> Result<Option<Timestamp>, StoreError> {
        self.work(|connection, _| watch::of_person(connection, person))
    }

    fn due_watches(&mut self, now: Timestamp, limit: usize) -> Result<Vec<PersonId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.work(|connection, _| watch::due(connection, now, limit))
    }

    fn concerned(&mut self, after: CommitSeq, limit: usize) -> Result<Concerned, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.work(|connection, tally| watch::concerned(connection, (after, tally.last), limit))
    }

    fn packs(&mut self) -> Result<Vec<PackInForce>, StoreError> {
        self.work(|connection, _| registry::packs(connection))
    }

    fn crossings(&mut self, person: &PersonId) -> Result<Vec<Crossing>, StoreError> {
        self.work(|connection, _| alert::crossings_of_person(connection, person))
    }

    fn scans(
        &mut self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError> {
        self.work(|connection, _| change::scans(connection, bench, span))
    }

    fn alert_by_key(&mut self, key: i64) -> Result<Option<Alert>, StoreError> {
        self.work(|connection, _| alert::by_key(connection, key))
    }

    fn held(&mut self, ids: &[ReadingId]) -> Result<Vec<Option<ContentDigest>>, StoreError> {
        self.work(|connection, _| {
            let names = || ids.iter().map(crate::domain::Key::as_bytes);
            let stored = "SELECT content FROM reading WHERE id = ?";
            let stored = each(connection, ("reading", stored), names(), key_cell)?;
            let waiting = "SELECT content FROM quarantined_reading WHERE id = ? \
                           ORDER BY seq LIMIT 1";
            let waiting = each(connection, ("quarantine", waiting), names(), key_cell)?;
            Ok(stored.into_iter().zip(waiting).map(|(stored, held)| stored.or(held)).collect())
        })
    }

    fn waiting(&mut self, contents: &[ContentDigest]) -> Result<Vec<bool>, StoreError> {
        self.work(|connection, _| {
            let tokens = super::lookup::Tokens::of(connection)?;
            let names = contents.iter().map(|content| tokens.content(content));
            let sql = "SELECT 1 FROM quarantine WHERE content = ? LIMIT 1";
            let found = each(connection, ("quarantine", sql), names, cell::<i64>)?;
            Ok(found.into_iter().map(|found| found.is_some()).collect())
        })
    }

    fn quarantined(&mut self, item: CommitSeq) -> Result<Option<HeldQuarantine>, StoreError> {
        self.work(|connection, _| held::quarantined(connection, &Scope::Everything, item))
    }

    fn item_of(&mut self, reading: &ReadingId) -> Result<Option<HeldQuarantine>, StoreError> {
        self.work(|connection, _| held::item_of(connection, reading))
    }

    fn item_with(&mut self, content: &ContentDigest) -> Result<Option<HeldQuarantine>, StoreError> {
        self.work(|connection, _| {
            let sql = "SELECT seq FROM quarantine WHERE content = ? ORDER BY seq LIMIT 1";
            let params = [super::lookup::Tokens::of(connection)?.content(content)];
            let found = fetch_one(connection, "quarantine", (sql, params), cell::<i64>)?;
            let seq = found.map(CommitSeq);
            seq.map_or(Ok(None), |seq| held::quarantined(connection, &Scope::Everything, seq))
        })
    }

    fn awaiting(&mut self, key: &RegistryKey, since: Timestamp) -> Result<Awaiting, StoreError> {
        self.work(|connection, _| held::awaiting(connection, key, since))
    }

    fn received(
        &mut self,
        site: &SiteId,
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<StoredReading>, StoreError> {
        self.work(|connection, _| list::received(connection, site, span))
    }

    fn came_since(&mut self, after: CommitSeq) -> Result<Vec<StoredReading>, StoreError> {
        self.work(|connection, _| timing::came_since(connection, after))
    }

    fn decision(&mut self, at: CommitSeq) -> Result<Option<Decided>, StoreError> {
        self.work(|connection, _| decision::at(connection, at))
    }

    fn merge(&mut self, at: CommitSeq) -> Result<Option<HeldMerge>, StoreError> {
        self.work(|connection, _| merge::at(connection, at))
    }

    fn merged(&mut self) -> Result<Vec<(PersonId, PersonId)>, StoreError> {
        self.work(|connection, _| merge::in_force(connection))
    }

    fn steps(&mut self, alert: i64) -> Result<Vec<(CommitSeq, AlertEvent)>, StoreError> {
        self.work(|connection, _| alert::events(connection, alert))
    }

    fn reading(&mut self, id: &ReadingId) -> Result<Option<StoredReading>, StoreError> {
        self.work(|connection, _| {
            let found = list::reading(connection, &Scope::Everything, id)?;
            Ok(found.map(|(_, stored)| stored))
        })
    }

    fn registered(&mut self, keys: &[RegistryKey]) -> Result<Vec<Option<Registered>>, StoreError> {
        self.work(|connection, _| {
            keys.iter().map(|key| registry::in_force(connection, key)).collect()
        })
    }

    fn readings(
        &mut self,
        people: &[(PersonId, Timestamp)],
    ) -> Result<Vec<Vec<StoredReading>>, StoreError> {
        self.work(|connection, _| reading::of_people(connection, people))
    }

    fn numbered(&mut self, names: &[(DeviceId, u64)]) -> Result<Vec<Numbered>, StoreError> {
        self.work(|connection, _| {
            names.iter().map(|name| context::numbered(connection, name)).collect()
        })
    }

    fn alerts(&mut self, people: &[PersonId]) -> Result<Vec<Vec<Alert>>, StoreError> {
        self.work(|connection, _| {
            people.iter().map(|person| alert::of_person(connection, person)).collect()
        })
    }

    fn alert(&mut self, id: &AlertId) -> Result<Option<Alert>, StoreError> {
        self.work(|connection, _| alert::find(connection, id))
    }

    fn next_alert_key(&mut self) -> Result<i64, StoreError> {
        self.work(|connection, _| {
            Ok(number(connection, "SELECT max(key) FROM alert", [])?.saturating_add(1))
        })
    }

    fn doctors(&mut self, level: CareLevel) -> Result<Vec<Doctor>, StoreError> {
        self.work(|connection, _| registry::doctors(connection, level))
    }

    fn places_above(&mut self, village: &str) -> Result<Vec<String>, StoreError> {
        self.work(|connection, _| registry::places_above(connection, village))
    }

    fn sessions(
        &mut self,
        site: &SiteId,
        bench: &BenchId,
        at: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError> {
        self.work(|connection, _| change::sessions(connection, site, bench, at))
    }

    fn due_timers(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Timer>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.work(|connection, _| alert::due_timers(connection, now, limit))
    }

    fn owed_for(&mut self, alert: i64) -> Result<Vec<Owed>, StoreError> {
        self.work(|connection, _| alert::owed_for(connection, alert))
    }

    fn answer(&mut self, key: &str) -> Result<Option<Answer>, StoreError> {
        let now = self.now;
        self.work(|connection, _| answer::find(connection, key, now))
    }

    fn append(&mut self, facts: &[Fact]) -> Result<CommitSeq, StoreError> {
        self.work(|connection, tally| tally.append(connection, facts))
    }

    fn change(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.work(|connection, tally| {
            for change in changes {
                #[cfg(feature = "faults")]
                if crate::fault::keep_apart(change) {
                    continue;
                }
                if let Change::Count(more) = change {
                    count(&mut tally.counts, more);
                } else if let Change::KeepState(kept) = change {
                    kept::keep(connection, kept, tally.last)?;
                } else if let Change::Join(content, reading) = change {
                    tally.joined(&context::join(connection, content, reading)?);
                } else {
                    change::apply(connection, change)?;
                }
            }
            Ok(())
        })
    }

    fn commit(mut self: Box<Self>) -> Result<Committed, StoreError> {
        let last = self.tally.last;
        let committed = self.work(|connection, tally| {
            tally.write(connection)?;
            #[cfg(feature = "faults")]
            {
                crate::fault::point("before_commit");
                if crate::fault::leave_open() {
                    return Ok(());
                }
            }
            connection.execute_batch("COMMIT").map_err(failed("committing a unit"))?;
            #[cfg(feature = "faults")]
            for owed in crate::fault::take_apart() {
                crate::fault::point("outbox_apart");
                change::apply(connection, &owed)?;
            }
            Ok(())
        });
        if committed.is_ok() {
            self.ended = true;
        } else {
            self.roll_back();
        }
        let proof = committed.map(|()| Committed::after_sync(last));
        #[cfg(feature = "faults")]
        if crate::fault::is_left_open() {
            return proof;
        }
        self.store.after_commit(proof)
    }
}

fn count(sum: &mut Counts, more: &Counts) {
    sum.received = sum.received.saturating_add(more.received);
    sum.stored = sum.stored.saturating_add(more.stored);
    sum.rejected = sum.rejected.saturating_add(more.rejected);
    sum.duplicate = sum.duplicate.saturating_add(more.duplicate);
    sum.quarantined = sum.quarantined.saturating_add(more.quarantined);
    sum.refused = sum.refused.saturating_add(more.refused);
}
