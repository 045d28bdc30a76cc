//! Rosters: histories of rows, and how far another gateway's were taken.

use rusqlite::{Connection, params};
use smol_str::SmolStr;

use super::{
    feed, identity,
    reader::SqliteReader,
    row::{Cells, fetch, fetch_one, run},
    scope,
};
use crate::{
    domain::{HouseholdId, Id, PersonId, SiteId},
    store::{CommitSeq, Registration, RegistryKey, RosterHeld, RosterReader, StoreError},
};

/// Keeps how far a roster was taken.
pub(super) fn hold(connection: &Connection, held: &RosterHeld) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO roster (issuer, epoch, villages, upto) VALUES (?, ?, ?, ?)";
    let epoch = i64::try_from(held.epoch).unwrap_or(i64::MAX);
    let params = params![held.issuer.as_str(), epoch, held.villages, held.upto.0];
    run(connection, "keeping a roster's end", sql, params).map(|_| ())
}

fn held(connection: &Connection, issuer: &str) -> Result<Option<RosterHeld>, StoreError> {
    let sql = "SELECT epoch, villages, upto FROM roster WHERE issuer = ?";
    fetch_one(connection, "roster", (sql, [issuer]), |cells| {
        Ok(RosterHeld {
            issuer: SmolStr::new(issuer),
            epoch: cells.small()?,
            villages: cells.take()?,
            upto: cells.seq()?,
        })
    })
}

fn rows_since(
    connection: &Connection,
    after: CommitSeq,
    limit: usize,
) -> Result<Vec<(CommitSeq, RegistryKey)>, StoreError> {
    let sql = format!(
        "SELECT g.seq, {} FROM {} WHERE g.seq > ? ORDER BY g.seq LIMIT ?",
        identity::COLUMNS,
        identity::ROWS
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    fetch(connection, "registration", (&sql, params![after.0, limit]), |cells| {
        Ok((cells.seq()?, RegistryKey::of(&identity::row(cells)?)))
    })
}

fn history(
    connection: &Connection,
    key: &RegistryKey,
) -> Result<Vec<(CommitSeq, Registration)>, StoreError> {
    let (kind, name) = super::lookup::name_on_disk(connection, key)?;
    let sql = format!(
        "SELECT g.seq, {}, g.author, g.at FROM {} WHERE g.kind = ? AND g.name = ? \
         ORDER BY g.at, g.seq",
        identity::COLUMNS,
        identity::ROWS
    );
    fetch(connection, "registration", (&sql, [kind, &name]), feed::registration)
}

impl RosterReader for SqliteReader {
    fn rows_since(
        &self,
        after: CommitSeq,
        limit: usize,
    ) -> Result<Vec<(CommitSeq, RegistryKey)>, StoreError> {
        self.see(|connection| rows_since(connection, after, limit))
    }

    fn history(&self, key: &RegistryKey) -> Result<Vec<(CommitSeq, Registration)>, StoreError> {
        self.see(|connection| history(connection, key))
    }

    fn belongings_of(&self, person: &PersonId) -> Result<Vec<RegistryKey>, StoreError> {
        // Their numbers stand with the rows that gave them the cards.
        let cards = format!(
            "SELECT {} FROM card_holder h JOIN registration g ON g.seq = (SELECT max(r.seq) FROM \
             registration r WHERE r.kind = 'card' AND r.name = h.card) {} WHERE h.person = ?",
            identity::COLUMNS,
            identity::WHO
        );
        let devices = "SELECT device FROM device WHERE owner = ? ORDER BY device";
        self.see(|connection| {
            let asked = (&*cards, [person.as_str()]);
            let mut all = fetch(connection, "card_holder", asked, |cells| {
                Ok(RegistryKey::of(&identity::row(cells)?))
            })?;
            all.sort_by(|one, other| one.kind_and_name().cmp(&other.kind_and_name()));
            all.extend(fetch(connection, "device", (devices, [person.as_str()]), |cells| {
                Ok(RegistryKey::Device(cells.id()?))
            })?);
            Ok(all)
        })
    }

    fn people_of(&self, household: &HouseholdId) -> Result<Vec<PersonId>, StoreError> {
        let sql = "SELECT person FROM person WHERE household = ? ORDER BY person";
        self.see(|connection| fetch(connection, "person", (sql, [household.as_str()]), name))
    }

    fn villages_of(&self, place: &str) -> Result<Vec<String>, StoreError> {
        self.see(|connection| Ok(scope::villages_of(connection, place)?.into_iter().collect()))
    }

    fn has_site(&self, place: &str, site: &SiteId) -> Result<bool, StoreError> {
        self.see(|connection| Ok(scope::sites_of(connection, place)?.contains(site.as_str())))
    }

    fn people_in(
        &self,
        village: &str,
        after: Option<&PersonId>,
        limit: usize,
    ) -> Result<Vec<PersonId>, StoreError> {
        let sql = "SELECT person FROM lived WHERE village = ? AND person > ? \
                   ORDER BY person LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params = params![village, after.map_or("", Id::as_str), limit];
        self.see(|connection| fetch(connection, "lived", (sql, params), name))
    }

    fn roster_held(&self, issuer: &str) -> Result<Option<RosterHeld>, StoreError> {
        self.see(|connection| held(connection, issuer))
    }
}

fn name(cells: &mut Cells<'_, '_>) -> Result<PersonId, StoreError> {
    cells.id()
}
