//! The registry: every registration kept, and the rows in force beside them.

use rusqlite::{Connection, params};

use super::{
    code,
    reading::json,
    roll,
    row::{Cells, cell, fetch, fetch_one, run},
};
use crate::{
    domain::{
        Card, CareLevel, Doctor, Household, HouseholdId, Id, Person, PersonId, Registered, Site,
        Timestamp,
    },
    store::{CommitSeq, PackInForce, Registration, RegistryKey, StoreError},
};

const WHAT: &str = "entering a row of the registry";

/// The site attribute that names a county; the registry has no column for it.
pub(super) const COUNTY: &str = "county";

/// Adds a registration and puts its row in force.
pub(super) fn register(
    connection: &Connection,
    seq: CommitSeq,
    registration: &Registration,
) -> Result<(), StoreError> {
    let (kind, name) = named(&registration.row);
    let body = json(&registration.row)?;
    let sql = "INSERT INTO registration (seq, kind, name, body, author, at) \
               VALUES (?, ?, ?, ?, ?, ?)";
    let (author, at) = (registration.author.as_str(), registration.at.as_millis());
    run(connection, WHAT, sql, params![seq.0, kind, name, body, author, at])?;
    match &registration.row {
        Registered::Person(person) => put_person(connection, seq, person),
        Registered::Household(household) => put_household(connection, seq, household),
        Registered::Doctor(Doctor { doctor, level, place, .. }) => {
            let sql = "INSERT OR REPLACE INTO doctor (doctor, seq, level, place) \
                       VALUES (?, ?, ?, ?)";
            let params = params![doctor.as_str(), seq.0, code::step(*level), place];
            run(connection, WHAT, sql, params).map(|_| ())
        }
        Registered::Device(device) => {
            let sql = "INSERT OR REPLACE INTO device (device, seq, owner) VALUES (?, ?, ?)";
            let owner = device.owner.as_ref().map(Id::as_str);
            run(connection, WHAT, sql, params![device.device.as_str(), seq.0, owner]).map(|_| ())
        }
        Registered::Site(site) => put_site(connection, seq, site),
        Registered::Card(Card { card, person }) => {
            let sql = "INSERT OR REPLACE INTO card (card, seq, person) VALUES (?, ?, ?)";
            run(connection, WHAT, sql, params![card, seq.0, person.as_str()]).map(|_| ())
        }
        // The registration says it all: plans are asked for by person alone.
        Registered::Plan(_) => Ok(()),
    }
}

/// The kind and the name of a row, as the log has them.
pub(super) fn named(row: &Registered) -> (&'static str, &str) {
    match row {
        Registered::Person(row) => ("person", row.person.as_str()),
        Registered::Household(row) => ("household", row.household.as_str()),
        Registered::Doctor(row) => ("doctor", row.doctor.as_str()),
        Registered::Device(row) => ("device", row.device.as_str()),
        Registered::Site(row) => ("site", row.site.as_str()),
        Registered::Card(row) => ("card", &row.card),
        Registered::Plan(row) => ("plan", row.person.as_str()),
    }
}

fn put_site(connection: &Connection, seq: CommitSeq, site: &Site) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO site (site, seq, kind, name, village, township, county) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let county = site.attributes.get(COUNTY).map(String::as_str).unwrap_or_default();
    let kind = code::site_role(site.kind);
    let (name, village, township) = (&site.name, &site.village, &site.township);
    let params = params![site.site.as_str(), seq.0, kind, name, village, township, county];
    run(connection, WHAT, sql, params).map(|_| ())
}

fn put_person(connection: &Connection, seq: CommitSeq, person: &Person) -> Result<(), StoreError> {
    let id = &person.person;
    let household = person.household.as_ref();
    let village = match household {
        Some(household) => household_village(connection, household)?,
        None => None,
    };
    let village = village.filter(|village| !village.is_empty());
    let village = village.unwrap_or_else(|| person.village.clone());
    move_person(connection, id, &village)?;
    let sql = "INSERT OR REPLACE INTO person (person, seq, household, own_village, village, name) \
               VALUES (?, ?, ?, ?, ?, ?)";
    let household = household.map(Id::as_str);
    let (own, name) = (&person.village, &person.name);
    run(connection, WHAT, sql, params![id.as_str(), seq.0, household, own, village, name])?;
    run(connection, WHAT, "DELETE FROM person_card WHERE person = ?", [id.as_str()])?;
    for card in person.card_numbers() {
        let sql = "INSERT OR REPLACE INTO person_card (card, person, seq) VALUES (?, ?, ?)";
        run(connection, WHAT, sql, params![card, id.as_str(), seq.0])?;
    }
    Ok(())
}

fn put_household(
    connection: &Connection,
    seq: CommitSeq,
    household: &Household,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO household (household, seq, village, doctor) \
               VALUES (?, ?, ?, ?)";
    let name = household.household.as_str();
    let doctor = household.doctor.as_ref().map(Id::as_str);
    run(connection, WHAT, sql, params![name, seq.0, household.village, doctor])?;
    let sql = "SELECT person, own_village FROM person WHERE household = ?";
    let people = fetch(connection, "person", (sql, [name]), |cells| {
        Ok((cells.id()?, cells.take::<String>()?))
    })?;
    for (person, own_village) in people {
        let village = if household.village.is_empty() { &own_village } else { &household.village };
        move_person(connection, &person, village)?;
        let sql = "UPDATE person SET village = ? WHERE person = ?";
        run(connection, WHAT, sql, params![village, person.as_str()])?;
    }
    Ok(())
}

fn household_village(
    connection: &Connection,
    household: &HouseholdId,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT village FROM household WHERE household = ?";
    fetch_one(connection, "household", (sql, [household.as_str()]), cell)
}

/// Moves a person, and what is counted for the villages, to another village. Called before the
/// person's own row changes.
fn move_person(connection: &Connection, person: &PersonId, to: &str) -> Result<(), StoreError> {
    let sql = "SELECT village FROM person WHERE person = ?";
    let from: Option<String> = fetch_one(connection, "person", (sql, [person.as_str()]), cell)?;
    if from.as_deref() == Some(to) {
        return Ok(());
    }
    let count = "INSERT INTO village (village, people) VALUES (?, ?) \
                 ON CONFLICT (village) DO UPDATE SET people = people + excluded.people";
    if let Some(from) = &from {
        run(connection, WHAT, count, params![from, -1])?;
        run(connection, WHAT, "DELETE FROM village WHERE village = ? AND people = 0", [from])?;
    }
    run(connection, WHAT, count, params![to, 1])?;
    roll::move_village(connection, person, from.as_deref().unwrap_or_default(), to)
}

/// The row in force under a key.
pub(super) fn in_force(
    connection: &Connection,
    key: &RegistryKey,
) -> Result<Option<Registered>, StoreError> {
    let (sql, name) = match key {
        RegistryKey::Person(person) => (
            "SELECT body FROM registration WHERE seq = (SELECT seq FROM person WHERE person = ?)",
            person.as_str(),
        ),
        RegistryKey::Household(household) => (
            "SELECT body FROM registration \
             WHERE seq = (SELECT seq FROM household WHERE household = ?)",
            household.as_str(),
        ),
        RegistryKey::Doctor(doctor) => (
            "SELECT body FROM registration WHERE seq = (SELECT seq FROM doctor WHERE doctor = ?)",
            doctor.as_str(),
        ),
        RegistryKey::Device(device) => (
            "SELECT body FROM registration WHERE seq = (SELECT seq FROM device WHERE device = ?)",
            device.as_str(),
        ),
        RegistryKey::Site(site) => (
            "SELECT body FROM registration WHERE seq = (SELECT seq FROM site WHERE site = ?)",
            site.as_str(),
        ),
        RegistryKey::Card(card) => return card_in_force(connection, card),
        RegistryKey::Plan(person) => (
            "SELECT body FROM registration WHERE kind = 'plan' AND name = ? \
             ORDER BY seq DESC LIMIT 1",
            person.as_str(),
        ),
    };
    fetch_one(connection, "registration", (sql, [name]), body)
}

/// Every row that was ever entered under a key, oldest first.
pub(super) fn entered(
    connection: &Connection,
    key: &RegistryKey,
) -> Result<Vec<(Timestamp, Registered)>, StoreError> {
    let (kind, name) = match key {
        RegistryKey::Person(name) => ("person", name.as_str()),
        RegistryKey::Household(name) => ("household", name.as_str()),
        RegistryKey::Doctor(name) => ("doctor", name.as_str()),
        RegistryKey::Device(name) => ("device", name.as_str()),
        RegistryKey::Site(name) => ("site", name.as_str()),
        RegistryKey::Card(number) => ("card", number.as_str()),
        RegistryKey::Plan(name) => ("plan", name.as_str()),
    };
    let sql = "SELECT at, body FROM registration WHERE kind = ? AND name = ? ORDER BY seq";
    fetch(connection, "registration", (sql, [kind, name]), |cells| {
        Ok((cells.time()?, body(cells)?))
    })
}

/// Adds a pack that came into force.
pub(super) fn add_pack(
    connection: &Connection,
    seq: CommitSeq,
    pack: &PackInForce,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO pack (seq, hash, body, at) VALUES (?, ?, ?, ?)";
    let params = params![seq.0, pack.hash, pack.text, pack.at.as_millis()];
    run(connection, "adding a pack", sql, params).map(|_| ())
}

/// Every pack that came into force, oldest first.
pub(super) fn packs(connection: &Connection) -> Result<Vec<PackInForce>, StoreError> {
    fetch(connection, "pack", ("SELECT hash, body, at FROM pack ORDER BY seq", []), pack)
}

/// From the columns hash, body, at.
pub(super) fn pack(cells: &mut Cells<'_, '_>) -> Result<PackInForce, StoreError> {
    Ok(PackInForce { hash: cells.take()?, text: cells.take()?, at: cells.time()? })
}

/// A registered row from its JSON.
pub(super) fn body(cells: &mut Cells<'_, '_>) -> Result<Registered, StoreError> {
    cells.text(|text| serde_json::from_str(text).ok())
}

fn card_in_force(connection: &Connection, card: &str) -> Result<Option<Registered>, StoreError> {
    let sql = "SELECT min(person) FROM (SELECT person, 0 AS rank FROM card WHERE card = ?1 \
               UNION ALL SELECT person, 1 FROM person_card WHERE card = ?1) \
               GROUP BY rank HAVING count(DISTINCT person) = 1 OR rank = 0 \
               ORDER BY rank LIMIT 1";
    fetch_one(connection, "card", (sql, [card]), |cells| {
        Ok(Registered::Card(Card { card: card.to_owned(), person: cells.id()? }))
    })
}

/// Every doctor of a level, by name.
pub(super) fn doctors(
    connection: &Connection,
    level: CareLevel,
) -> Result<Vec<Doctor>, StoreError> {
    let sql = "SELECT r.body FROM doctor d JOIN registration r ON r.seq = d.seq \
               WHERE d.level = ? ORDER BY d.doctor";
    let rows = fetch(connection, "registration", (sql, [code::step(level)]), body)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| if let Registered::Doctor(doctor) = row { Some(doctor) } else { None })
        .collect())
}

/// The townships of a village, then its counties.
pub(super) fn places_above(
    connection: &Connection,
    village: &str,
) -> Result<Vec<String>, StoreError> {
    if village.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT place FROM (\
               SELECT township AS place, 0 AS rank FROM site WHERE village = ?1 UNION \
               SELECT county, 1 FROM site WHERE village = ?1) \
               WHERE place <> '' ORDER BY rank, place";
    fetch(connection, "site", (sql, [village]), cell)
}
