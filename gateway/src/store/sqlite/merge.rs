//! Two files of one person: merges and what takes them back, and whose a file's readings and events
//! are meanwhile.

use rusqlite::{Connection, params, types::Value};
use smol_str::SmolStr;

use super::{
    change, decision,
    feed::{Entries, entry},
    list::{ask, before, probe},
    lookup::Tokens,
    reader::{SqliteReader, reaches},
    registry, roll,
    row::{Cells, cell, fetch, fetch_one, name_cell, number, run},
    scope::{self, Clause},
};
use crate::{
    domain::{BenchId, IdNumber, PersonId, Registered, SiteId, Timestamp},
    store::{
        BenchSession, CardScan, CommitSeq, Fact, FileReader, HeldClaim, HeldMerge, Merged,
        RegistryKey, StoreError,
        merge::SAME_MAX,
        paging,
        view::{Page, Paging, Scope},
    },
};

const WHAT: &str = "merging two files";

/// Keeps a merge or its undoing, and gives what came under the file to whom it belongs from now on.
pub(super) fn add(
    connection: &Connection,
    seq: CommitSeq,
    merged: &Merged,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO merge (seq, person, survivor, undoes, reason, by, at) \
               VALUES (?1, ?2, ?3, ?4, seal_text(?1, 'reason', ?5), ?6, ?7)";
    let (person, survivor) = (merged.person.as_str(), merged.survivor.as_str());
    let undoes = merged.undoes.map(|undone| undone.0);
    let (by, at) = (merged.by.as_str(), merged.at.as_millis());
    let params = params![seq.0, person, survivor, undoes, merged.reason, by, at];
    run(connection, WHAT, sql, params)?;
    if let Some(undone) = undoes {
        let sql = "DELETE FROM merged WHERE person = ? AND survivor = ? AND seq = ?";
        if run(connection, WHAT, sql, params![person, survivor, undone])? == 0 {
            return Err(StoreError::Asked { what: "no such merge is in force" });
        }
        forget_owners(connection, merged)?;
    } else {
        let chained = "SELECT count(*) FROM merged WHERE person IN (?1, ?2) OR survivor = ?1";
        if person == survivor || number(connection, chained, [person, survivor])? > 0 {
            return Err(StoreError::Asked { what: "a merge of a merge" });
        }
        let sql = "INSERT INTO merged (person, survivor, seq) VALUES (?, ?, ?)";
        run(connection, WHAT, sql, params![person, survivor, seq.0])?;
    }
    own(connection, merged)
}

/// What came under a file belongs to whoever the merges in force say.
fn own(connection: &Connection, merged: &Merged) -> Result<(), StoreError> {
    let (person, survivor) = (merged.person.as_str(), merged.survivor.as_str());
    for forgotten in [person, survivor] {
        super::kept::forget(connection, forgotten)?;
    }
    let joins = merged.undoes.is_none();
    let (now, then) = if joins { (person, survivor) } else { (survivor, person) };
    roll::give(connection, (person, joins), (now, then))?;
    let events = if joins {
        "UPDATE person_event SET person = ?2, filed = ?1 WHERE person = ?1"
    } else {
        "UPDATE person_event SET person = ?1, filed = NULL WHERE person = ?2 AND filed = ?1"
    };
    run(connection, WHAT, events, [person, survivor]).map(|_| ())
}

/// Alerts that came to a doctor by a merge which is taken back came to them no more.
fn forget_owners(connection: &Connection, merged: &Merged) -> Result<(), StoreError> {
    let sql = format!(
        "DELETE FROM alert_owner WHERE person IN (?1, ?2) AND NOT EXISTS (SELECT 1 \
         FROM alert_event e WHERE e.owner = alert_owner.doctor AND e.person = alert_owner.person \
         AND {OWNED})"
    );
    let people = [merged.person.as_str(), merged.survivor.as_str()];
    run(connection, WHAT, &sql, people).map(|_| ())
}

/// Steps `e` by which an alert came to its owner: not those of a merge that was taken back.
pub(super) const OWNED: &str = "(e.cause IS NULL OR e.cause NOT IN \
                                (SELECT undoes FROM merge WHERE undoes IS NOT NULL))";

/// The file that survives, if another one counts as its.
pub(super) fn survivor(
    connection: &Connection,
    person: &PersonId,
) -> Result<Option<PersonId>, StoreError> {
    let sql = "SELECT survivor FROM merged WHERE person = ?";
    fetch_one(connection, "merged", (sql, [person.as_str()]), name_cell)
}

/// Whether any merge is in force.
pub(super) fn any(connection: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM merged LIMIT 1";
    Ok(fetch_one(connection, "merged", (sql, []), cell::<i64>)?.is_some())
}

/// Every merge in force: the file that counts as another's, and that other.
pub(super) fn in_force(connection: &Connection) -> Result<Vec<(PersonId, PersonId)>, StoreError> {
    let sql = "SELECT person, survivor FROM merged ORDER BY person";
    fetch(connection, "merged", (sql, []), |cells| Ok((cells.id()?, cells.id()?)))
}

const COLUMNS: &str = "seq, person, survivor, undoes, unseal_text(seq, 'reason', reason), by, at";

fn decode(cells: &mut Cells<'_, '_>) -> Result<(CommitSeq, Merged), StoreError> {
    let seq = cells.seq()?;
    let merged = Merged {
        person: cells.id()?,
        survivor: cells.id()?,
        undoes: cells.take::<Option<i64>>()?.map(CommitSeq),
        reason: cells.take()?,
        by: cells.text(|by| Some(SmolStr::new(by)))?,
        at: cells.time()?,
    };
    Ok((seq, merged))
}

fn whole(
    connection: &Connection,
    (seq, merged): (CommitSeq, Merged),
) -> Result<HeldMerge, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM merge WHERE undoes = ? ORDER BY seq LIMIT 1");
    let undone = fetch_one(connection, "merge", (&sql, [seq.0]), decode)?;
    Ok(HeldMerge { seq, merged, undone })
}

/// The merge at a position.
pub(super) fn at(connection: &Connection, seq: CommitSeq) -> Result<Option<HeldMerge>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM merge WHERE seq = ? AND undoes IS NULL");
    let found = fetch_one(connection, "merge", (&sql, [seq.0]), decode)?;
    found.map(|found| whole(connection, found)).transpose()
}

/// Every merge that names a person on either side, in force or not, oldest first.
pub(super) fn of_person(
    connection: &Connection,
    person: &PersonId,
) -> Result<Vec<HeldMerge>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM merge WHERE (person = ?1 OR survivor = ?1) AND undoes IS NULL \
         ORDER BY seq"
    );
    let found = fetch(connection, "merge", (&sql, [person.as_str()]), decode)?;
    found.into_iter().map(|found| whole(connection, found)).collect()
}

/// Merges of people whom a scope reaches, newest first, with those that were taken back.
pub(super) fn merges(
    connection: &Connection,
    scope: &Scope,
    page: &Paging,
) -> Result<Page<HeldMerge>, StoreError> {
    let limit = paging::limit_of(page);
    let mut clause =
        Clause::new(&format!("SELECT {COLUMNS} FROM merge m WHERE m.undoes IS NULL"), []);
    clause.and(scope::people(scope, "m.person"));
    clause.and(scope::people(scope, "m.survivor"));
    before(&mut clause, "m.seq", page)?;
    clause.push(" ORDER BY m.seq DESC LIMIT ?", [probe(limit)]);
    let found = ask(connection, "merge", clause, decode)?;
    let page = paging::cut(found, limit, |(seq, _)| paging::write([seq.0]));
    let items: Result<Vec<_>, StoreError> =
        page.items.into_iter().map(|found| whole(connection, found)).collect();
    Ok(Page { items: items?, next: page.next })
}

/// People within a scope whose row in force carries a number, by name.
pub(super) fn with_id_number(
    connection: &Connection,
    scope: &Scope,
    number: &IdNumber,
) -> Result<Vec<PersonId>, StoreError> {
    let digest = Tokens::of(connection)?.digest(&number.digest()).to_vec();
    let sql = "SELECT p.person FROM person p WHERE p.id_digest = ?";
    let mut clause = Clause::new(sql, [Value::Blob(digest)]);
    clause.and(scope::people(scope, "p.person"));
    clause.push(" ORDER BY p.person LIMIT ?", [probe(SAME_MAX.saturating_sub(1))]);
    ask(connection, "person", clause, name_cell)
}

/// Pairs of people within a scope whose rows in force carry the same number, neither of whom counts
/// as another, by name.
pub(super) fn same_numbers(
    connection: &Connection,
    scope: &Scope,
    page: &Paging,
) -> Result<Page<(PersonId, PersonId)>, StoreError> {
    let limit = paging::limit_of(page);
    let sql = "WITH twice AS MATERIALIZED (SELECT id_digest FROM person \
               WHERE id_digest IS NOT NULL GROUP BY id_digest HAVING count(*) > 1) \
               SELECT a.person, b.person FROM twice t JOIN person a ON a.id_digest = t.id_digest \
               JOIN person b ON b.id_digest = t.id_digest AND b.person > a.person \
               WHERE a.person NOT IN (SELECT person FROM merged) \
               AND b.person NOT IN (SELECT person FROM merged) AND a.person || ' ' || b.person > ?";
    let after = page.after.as_deref().unwrap_or_default();
    let mut clause = Clause::new(sql, [scope::text(after)]);
    clause.and(scope::people(scope, "a.person"));
    clause.and(scope::people(scope, "b.person"));
    clause.push(" ORDER BY a.person || ' ' || b.person LIMIT ?", [probe(limit)]);
    let found = ask(connection, "person", clause, |cells| Ok((cells.id()?, cells.id()?)))?;
    Ok(paging::cut(found, limit, |(one, other): &(PersonId, PersonId)| format!("{one} {other}")))
}

/// Merges and undoings of a span of the log.
pub(super) fn span(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = format!("SELECT {COLUMNS} FROM merge WHERE seq > ? AND seq <= ?");
    fetch(connection, "merge", (&sql, span), |cells| {
        let (seq, merged) = decode(cells)?;
        Ok(entry(seq, Fact::Merged(Box::new(merged))))
    })
}

impl FileReader for SqliteReader {
    fn merges(&self, scope: &Scope, paging: &Paging) -> Result<Page<HeldMerge>, StoreError> {
        self.see(|connection| merges(connection, scope, paging))
    }

    fn merge(&self, seq: CommitSeq) -> Result<Option<HeldMerge>, StoreError> {
        self.see(|connection| at(connection, seq))
    }

    fn merges_of(&self, person: &PersonId) -> Result<Vec<HeldMerge>, StoreError> {
        self.see(|connection| of_person(connection, person))
    }

    fn claims_of(&self, person: &PersonId) -> Result<Vec<HeldClaim>, StoreError> {
        self.see(|connection| decision::claims_of(connection, person))
    }

    fn reached(&self, scope: &Scope, people: &[PersonId]) -> Result<Vec<PersonId>, StoreError> {
        self.see(|connection| {
            let mut reached = Vec::new();
            for person in people {
                let key = RegistryKey::Person(person.clone());
                if reaches(connection, scope, person.as_str())?
                    && registry::in_force(connection, &key)?.is_some()
                {
                    reached.push(person.clone());
                }
            }
            Ok(reached)
        })
    }

    fn card_holders(&self, cards: &[String]) -> Result<Vec<(String, PersonId)>, StoreError> {
        self.see(|connection| {
            let mut known = Vec::new();
            for card in cards {
                let row = registry::in_force(connection, &RegistryKey::Card(card.clone()))?;
                if let Some(Registered::Card(row)) = row {
                    known.push((card.clone(), row.person));
                }
            }
            Ok(known)
        })
    }

    fn sessions(
        &self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<BenchSession>, StoreError> {
        self.see(|connection| change::sessions_within(connection, bench, span))
    }

    fn scans(
        &self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError> {
        self.see(|connection| change::scans(connection, bench, span))
    }

    fn with_id_number(
        &self,
        scope: &Scope,
        number: &IdNumber,
    ) -> Result<Vec<PersonId>, StoreError> {
        self.see(|connection| with_id_number(connection, scope, number))
    }

    fn same_numbers(
        &self,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<(PersonId, PersonId)>, StoreError> {
        self.see(|connection| same_numbers(connection, scope, paging))
    }

    fn survivor(&self, person: &PersonId) -> Result<Option<PersonId>, StoreError> {
        self.see(|connection| survivor(connection, person))
    }
}
