//! The reading side: each answer is of one state of the store.

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, params};

use super::{
    alert, backup, board, change, counters, decision, event, feed, find, held, list, message,
    pool::Pool,
    reading, recount, registry, roll,
    row::{cell, fetch, fetch_one, number},
    scope, staff, timing,
};
use crate::{
    domain::{
        Alert, AlertId, BenchId, DoctorId, Duty, EventId, HouseholdId, Id, IdNumber, Person,
        PersonEvent, PersonId, ReadingId, Registered, SiteId, TeamOf, Timestamp,
    },
    store::{
        AlertChange, Attributed, BenchSession, CommitSeq, Counts, Crossing, Decided, Holders, Owed,
        Reader, RegistryKey, Retimed, StoreError, StoredReading, TokenRow,
        view::{
            AlertFilter, AlertHistory, Board, Delivered, FeedEntry, HeldQuarantine, HeldRefusal,
            HeldState, Message, Page, Paging, ReadingFilter, Scope,
        },
    },
};

/// Reads through the pool's connections.
pub(super) struct SqliteReader {
    pool: Arc<Pool>,
    few_people: u64,
}

impl SqliteReader {
    pub(super) const fn new(pool: Arc<Pool>, few_people: u64) -> Self {
        Self { pool, few_people }
    }

    pub(super) fn ring(&self) -> &super::KeyRing {
        &self.pool.ring
    }

    pub(super) fn see<T>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.pool.lend()?.see(ask)
    }
}

pub(super) fn reaches(
    connection: &Connection,
    scope: &Scope,
    person: &str,
) -> Result<bool, StoreError> {
    let clause = scope::people(scope, "w.person");
    let sql = format!("SELECT 1 FROM (SELECT ? AS person) w WHERE {}", clause.sql);
    let mut values = vec![scope::text(person)];
    values.extend(clause.values);
    let found =
        fetch_one(connection, "person", (&sql, rusqlite::params_from_iter(values)), |cells| {
            cells.flag()
        })?;
    Ok(found.is_some())
}

fn reaches_household(
    connection: &Connection,
    scope: &Scope,
    household: &str,
) -> Result<bool, StoreError> {
    let clause = match scope {
        Scope::Everything => return Ok(true),
        Scope::Nobody => return Ok(false),
        Scope::Place(place) => scope::villages("h.village", place),
        Scope::Doctor(doctor) => scope::Clause::new("h.doctor = ?", [scope::text(doctor.as_str())]),
    };
    let sql = format!("SELECT count(*) FROM household h WHERE h.household = ? AND {}", clause.sql);
    let mut values = vec![scope::text(household)];
    values.extend(clause.values);
    Ok(number(connection, &sql, rusqlite::params_from_iter(values))? > 0)
}

impl Reader for SqliteReader {
    fn last(&self) -> Result<CommitSeq, StoreError> {
        self.see(feed::last)
    }

    fn gateway(&self) -> Result<(String, u64), StoreError> {
        let sql = "SELECT gateway, epoch FROM state";
        let found = self.see(|connection| {
            fetch_one(connection, "state", (sql, []), |cells| {
                Ok((cells.take()?, cells.small::<u64>()?))
            })
        })?;
        let what = "the row that names the gateway is missing".to_owned();
        found.ok_or(StoreError::Damaged { table: "state", what })
    }

    fn feed(&self, after: CommitSeq, limit: usize) -> Result<Vec<FeedEntry>, StoreError> {
        self.see(|connection| feed::feed(connection, after, limit))
    }

    fn cursor(&self, follower: &str) -> Result<CommitSeq, StoreError> {
        self.see(|connection| roll::cursor(connection, follower))
    }

    fn readings(
        &self,
        scope: &Scope,
        filter: &ReadingFilter,
        paging: &Paging,
    ) -> Result<Page<(CommitSeq, StoredReading)>, StoreError> {
        let few = self.few_people;
        self.see(|connection| list::readings((connection, few), scope, filter, paging))
    }

    fn reading(
        &self,
        scope: &Scope,
        id: &ReadingId,
    ) -> Result<Option<(CommitSeq, StoredReading)>, StoreError> {
        self.see(|connection| list::reading(connection, scope, id))
    }

    fn readings_of(&self, people: &[PersonId]) -> Result<Vec<Vec<StoredReading>>, StoreError> {
        let ever = Timestamp::from_millis(i64::MIN);
        let people: Vec<_> = people.iter().map(|person| (person.clone(), ever)).collect();
        self.see(|connection| reading::of_people(connection, &people))
    }

    fn events_of(&self, people: &[PersonId]) -> Result<Vec<Vec<PersonEvent>>, StoreError> {
        self.see(|connection| event::of_people(connection, people))
    }

    fn alerts(
        &self,
        scope: &Scope,
        filter: &AlertFilter,
        paging: &Paging,
    ) -> Result<Page<Alert>, StoreError> {
        let few = self.few_people;
        self.see(|connection| list::alerts((connection, few), scope, filter, paging))
    }

    fn alert(&self, scope: &Scope, id: &AlertId) -> Result<Option<AlertHistory>, StoreError> {
        self.see(|connection| {
            let Some(alert) = alert::find(connection, id)? else { return Ok(None) };
            if !reaches(connection, scope, alert.person.as_str())? {
                return Ok(None);
            }
            let events = alert::events(connection, alert.key)?;
            Ok(Some(AlertHistory { alert, events }))
        })
    }

    fn crossings_of(
        &self,
        alert: i64,
    ) -> Result<Vec<(Crossing, Option<StoredReading>)>, StoreError> {
        self.see(|connection| alert::crossings_of(connection, alert))
    }

    fn registered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Option<Registered>, StoreError> {
        self.see(|connection| {
            let Some(row) = registry::in_force(connection, key)? else { return Ok(None) };
            Ok(reaches_row(connection, scope, &row)?.then_some(row))
        })
    }

    fn entered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Vec<(Timestamp, Registered)>, StoreError> {
        self.see(|connection| match registry::in_force(connection, key)? {
            Some(row) if reaches_row(connection, scope, &row)? => {
                registry::entered(connection, key)
            }
            Some(_) | None => Ok(Vec::new()),
        })
    }

    fn people(
        &self,
        scope: &Scope,
        query: &str,
        paging: &Paging,
    ) -> Result<Page<Person>, StoreError> {
        let few = self.few_people;
        self.see(|connection| find::people((connection, few), scope, query, paging))
    }

    fn registry(&self, kind: &str, paging: &Paging) -> Result<Page<Registered>, StoreError> {
        self.see(|connection| list::registry(connection, kind, paging))
    }

    fn quarantine(
        &self,
        scope: &Scope,
        state: HeldState,
        paging: &Paging,
    ) -> Result<Page<HeldQuarantine>, StoreError> {
        self.see(|connection| held::quarantine(connection, scope, state, paging))
    }

    fn quarantined(
        &self,
        scope: &Scope,
        item: CommitSeq,
    ) -> Result<Option<HeldQuarantine>, StoreError> {
        self.see(|connection| held::quarantined(connection, scope, item))
    }

    fn attributions(&self, person: &PersonId) -> Result<Vec<Attributed>, StoreError> {
        self.see(|connection| decision::of_person(connection, person))
    }

    fn retimings(&self, person: &PersonId) -> Result<Vec<Retimed>, StoreError> {
        self.see(|connection| timing::of_person(connection, person))
    }

    fn decision(&self, at: CommitSeq) -> Result<Option<Decided>, StoreError> {
        self.see(|connection| decision::at(connection, at))
    }

    fn refused(&self, scope: &Scope, paging: &Paging) -> Result<Page<HeldRefusal>, StoreError> {
        self.see(|connection| held::refused(connection, scope, paging))
    }

    fn board(
        &self,
        scope: &Scope,
        place: Option<&str>,
        now: Timestamp,
    ) -> Result<Board, StoreError> {
        self.see(|connection| board::board(connection, scope, place, now))
    }

    fn owed(&self, now: Timestamp, limit: usize) -> Result<Vec<Owed>, StoreError> {
        let sql = format!(
            "SELECT {} FROM owed WHERE due_at <= ? ORDER BY due_at, key LIMIT ?",
            alert::OWED_COLUMNS
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.see(|connection| {
            fetch(connection, "owed", (&sql, [now.as_millis(), limit]), alert::decode_owed)
        })
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(due_at) FROM (SELECT min(due_at) AS due_at FROM timer UNION ALL \
                   SELECT min(due_at) FROM owed WHERE due_at IS NOT NULL)";
        self.see(|connection| {
            let earliest = fetch_one(connection, "timer", (sql, []), cell::<Option<i64>>)?;
            Ok(earliest.flatten().map(Timestamp::from_millis))
        })
    }

    fn delivered_to(
        &self,
        doctor: &DoctorId,
        after: CommitSeq,
        limit: usize,
    ) -> Result<Vec<Delivered>, StoreError> {
        let sql = "SELECT seq, alert_id, level, change, deadline FROM owed \
                   WHERE recipient = ? AND channel = 'mqtt' AND seq > ? ORDER BY seq, key LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params = params![doctor.as_str(), after.0, limit];
        self.see(|connection| {
            fetch(connection, "owed", (sql, params), |cells| {
                Ok(Delivered {
                    seq: cells.seq()?,
                    alert: cells.key()?,
                    level: cells.one_of(&super::code::LEVELS, super::code::level)?,
                    change: cells.word(&AlertChange::ALL, AlertChange::as_str)?,
                    deadline: cells.time_or_none()?,
                })
            })
        })
    }

    fn sessions_at(
        &self,
        site: &SiteId,
        bench: &BenchId,
        at: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError> {
        self.see(|connection| change::sessions(connection, site, bench, at))
    }

    fn event(&self, id: &EventId) -> Result<Option<PersonEvent>, StoreError> {
        self.see(|connection| event::one(connection, id))
    }

    fn messages_of(&self, alert: i64) -> Result<Vec<Message>, StoreError> {
        self.see(|connection| message::of_alert(connection, alert))
    }

    fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        self.see(|connection| change::token(connection, hash))
    }

    fn doctor_of(
        &self,
        household: &HouseholdId,
        at: Timestamp,
    ) -> Result<Option<DoctorId>, StoreError> {
        self.see(|connection| staff::doctor_of(connection, household, at))
    }

    fn duties_of(&self, site_or_place: &str) -> Result<Vec<Duty>, StoreError> {
        self.see(|connection| staff::duties_of(connection, site_or_place))
    }

    fn team_of(&self, place: &str) -> Result<Option<TeamOf>, StoreError> {
        self.see(|connection| staff::team_of(connection, place))
    }

    fn person_with_id_number(&self, number: &IdNumber) -> Result<Option<PersonId>, StoreError> {
        self.see(|connection| staff::person_with_id_number(connection, &number.digest()))
    }

    fn holders(&self, card: &str) -> Result<Holders, StoreError> {
        self.see(|connection| staff::holders(connection, card))
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        self.see(counters::counts)
    }

    fn recount(&self) -> Result<Vec<String>, StoreError> {
        self.see(recount::recount)
    }

    fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        backup::back_up(self.pool.database(), to)
    }
}

/// Whether a scope reaches a row of the registry.
fn reaches_row(
    connection: &Connection,
    scope: &Scope,
    row: &Registered,
) -> Result<bool, StoreError> {
    match row {
        Registered::Person(row) => reaches(connection, scope, row.person.as_str()),
        Registered::Card(row) => reaches(connection, scope, row.person.as_str()),
        Registered::Plan(row) => reaches(connection, scope, row.person.as_str()),
        Registered::Household(row) => reaches_household(connection, scope, row.household.as_str()),
        Registered::Device(row) => match row.owner.as_ref().map(Id::as_str) {
            Some(owner) => reaches(connection, scope, owner),
            None => Ok(*scope != Scope::Nobody),
        },
        Registered::Doctor(_)
        | Registered::Site(_)
        | Registered::Place(_)
        | Registered::Bench(_)
        | Registered::Team(_)
        | Registered::Duty(_)
        | Registered::Pairing(_)
        | Registered::Box(_) => Ok(*scope != Scope::Nobody),
    }
}
