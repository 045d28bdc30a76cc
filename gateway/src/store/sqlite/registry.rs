//! The registry: every registration kept, and the rows in force beside them.

use rusqlite::{Connection, params};

use super::{
    code,
    identity::{self, COLUMNS, Keys, ROWS, WHO},
    lookup, roll,
    row::{Cells, cell, fetch, fetch_one, run},
    staff,
};
use crate::{
    domain::{
        BoxId, Card, CareLevel, Doctor, Household, HouseholdId, Id, Person, PersonId, Registered,
        Site, Timestamp,
    },
    store::{CommitSeq, PackInForce, Registration, RegistryKey, StoreError, staff::TWO_DOCTORS},
};

const WHAT: &str = "entering a row of the registry";

/// The site attribute that names a county; the registry has no column for it.
pub(super) const COUNTY: &str = "county";

/// Adds a registration and puts its row in force.
pub(super) fn register(
    connection: &Connection,
    (keys, seq): (Keys, CommitSeq),
    registration: &Registration,
) -> Result<(), StoreError> {
    if let Registered::Household(home) = &registration.row
        && home.check_doctors().is_err()
    {
        return Err(StoreError::Asked { what: TWO_DOCTORS });
    }
    let kind = registration.row.kind();
    let name = if let Registered::Card(card) = &registration.row {
        lookup::mark_of(connection, &card.card)?
    } else {
        registration.row.name().to_string()
    };
    let (body, who) = identity::keep(connection, (keys, seq), &registration.row)?;
    let sql = "INSERT INTO registration (seq, kind, name, body, author, at, identity) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let (author, at) = (registration.author.as_str(), registration.at.as_millis());
    run(connection, WHAT, sql, params![seq.0, kind, name, body, author, at, who])?;
    match &registration.row {
        Registered::Person(person) => put_person(connection, seq, person),
        Registered::Household(household) => {
            put_household(connection, seq, (household, registration.at))
        }
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
            let card = lookup::mark_of(connection, card)?;
            run(connection, WHAT, sql, params![card, seq.0, person.as_str()])?;
            let sql = "INSERT OR IGNORE INTO card_holder (person, card) VALUES (?, ?)";
            run(connection, WHAT, sql, params![person.as_str(), card]).map(|_| ())
        }
        Registered::Place(place) => staff::put_place(connection, seq, place),
        Registered::Team(team) => staff::put_team(connection, seq, team),
        Registered::Duty(duty) => staff::put_duty(connection, seq, duty),
        // The registration says it all: they are asked for by name alone.
        Registered::Plan(_)
        | Registered::Bench(_)
        | Registered::Pairing(_)
        | Registered::Box(_) => Ok(()),
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
    lookup::file(connection, person, &village)?;
    move_person(connection, id, &village)?;
    let sql = "INSERT OR REPLACE INTO person (person, seq, household, own_village, village, \
               id_digest) VALUES (?, ?, ?, ?, ?, ?)";
    let (household, own) = (household.map(Id::as_str), &person.village);
    let digest = staff::id_digest(connection, person)?;
    let params = params![id.as_str(), seq.0, household, own, village, digest];
    run(connection, WHAT, sql, params)?;
    run(connection, WHAT, "DELETE FROM person_card WHERE person = ?", [id.as_str()])?;
    for card in &person.cards {
        let card = lookup::mark_of(connection, card)?;
        let sql = "INSERT OR REPLACE INTO person_card (card, person, seq) VALUES (?, ?, ?)";
        run(connection, WHAT, sql, params![card, id.as_str(), seq.0])?;
    }
    Ok(())
}

fn put_household(
    connection: &Connection,
    seq: CommitSeq,
    (household, now): (&Household, Timestamp),
) -> Result<(), StoreError> {
    let doctor = staff::assign(connection, &household.household, now)?;
    let sql = "INSERT OR REPLACE INTO household (household, seq, village, doctor) \
               VALUES (?, ?, ?, ?)";
    let name = household.household.as_str();
    let doctor = doctor.as_ref().map(Id::as_str);
    run(connection, WHAT, sql, params![name, seq.0, household.village, doctor])?;
    let sql = "SELECT person, own_village FROM person WHERE household = ?";
    let people = fetch(connection, "person", (sql, [name]), |cells| {
        Ok((cells.id()?, cells.take::<String>()?))
    })?;
    for (person, own_village) in people {
        let village = if household.village.is_empty() { &own_village } else { &household.village };
        lookup::move_to(connection, &person, village)?;
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
    let lived = "INSERT OR IGNORE INTO lived (village, person) VALUES (?, ?)";
    run(connection, WHAT, lived, params![to, person.as_str()])?;
    roll::move_village(connection, person, from.as_deref().unwrap_or_default(), to)
}

/// The row in force under a key.
pub(super) fn in_force(
    connection: &Connection,
    key: &RegistryKey,
) -> Result<Option<Registered>, StoreError> {
    let (which, name) = match key {
        RegistryKey::Person(person) => {
            ("g.seq = (SELECT seq FROM person WHERE person = ?)", person.as_str())
        }
        RegistryKey::Household(household) => {
            ("g.seq = (SELECT seq FROM household WHERE household = ?)", household.as_str())
        }
        RegistryKey::Doctor(doctor) => {
            ("g.seq = (SELECT seq FROM doctor WHERE doctor = ?)", doctor.as_str())
        }
        RegistryKey::Device(device) => {
            ("g.seq = (SELECT seq FROM device WHERE device = ?)", device.as_str())
        }
        RegistryKey::Site(site) => ("g.seq = (SELECT seq FROM site WHERE site = ?)", site.as_str()),
        RegistryKey::Card(card) => return card_in_force(connection, card),
        RegistryKey::Plan(_) | RegistryKey::Other(..) => {
            let (kind, name) = key.kind_and_name();
            let which = "g.kind = ? AND g.name = ? ORDER BY g.seq DESC LIMIT 1";
            let sql = format!("SELECT {COLUMNS} FROM {ROWS} WHERE {which}");
            return fetch_one(connection, "registration", (&sql, [kind, name]), identity::row);
        }
    };
    let sql = format!("SELECT {COLUMNS} FROM {ROWS} WHERE {which}");
    fetch_one(connection, "registration", (&sql, [name]), identity::row)
}

/// Every row that was ever entered under a key, by the time of its entry.
pub(super) fn entered(
    connection: &Connection,
    key: &RegistryKey,
) -> Result<Vec<(Timestamp, Registered)>, StoreError> {
    let (kind, name) = lookup::name_on_disk(connection, key)?;
    let which = "g.kind = ? AND g.name = ? ORDER BY g.at, g.seq";
    let sql = format!("SELECT g.at, {COLUMNS} FROM {ROWS} WHERE {which}");
    fetch(connection, "registration", (&sql, [kind, &name]), |cells| {
        Ok((cells.time()?, identity::row(cells)?))
    })
}

/// Adds a pack that came into force.
pub(super) fn add_pack(
    connection: &Connection,
    seq: CommitSeq,
    pack: &PackInForce,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO pack (seq, hash, body, at, origin) VALUES (?, ?, ?, ?, ?)";
    let origin = pack.origin.as_ref().map(BoxId::as_str);
    let params = params![seq.0, pack.hash, pack.text, pack.at.as_millis(), origin];
    run(connection, "adding a pack", sql, params).map(|_| ())
}

/// Every pack that came into force, oldest first.
pub(super) fn packs(connection: &Connection) -> Result<Vec<PackInForce>, StoreError> {
    fetch(connection, "pack", ("SELECT hash, body, at, origin FROM pack ORDER BY seq", []), pack)
}

/// From the columns hash, body, at, origin.
pub(super) fn pack(cells: &mut Cells<'_, '_>) -> Result<PackInForce, StoreError> {
    let (hash, text, at) = (cells.take()?, cells.take()?, cells.time()?);
    Ok(PackInForce { hash, text, at, origin: cells.id_or_none()? })
}

fn card_in_force(connection: &Connection, card: &str) -> Result<Option<Registered>, StoreError> {
    let sql = "SELECT min(person) FROM (SELECT person, 0 AS rank FROM card WHERE card = ?1 \
               UNION ALL SELECT person, 1 FROM person_card WHERE card = ?1) \
               GROUP BY rank HAVING count(DISTINCT person) = 1 OR rank = 0 \
               ORDER BY rank LIMIT 1";
    fetch_one(connection, "card", (sql, [lookup::mark_of(connection, card)?]), |cells| {
        Ok(Registered::Card(Card { card: card.to_owned(), person: cells.id()? }))
    })
}

/// Every doctor of a level, by name.
pub(super) fn doctors(
    connection: &Connection,
    level: CareLevel,
) -> Result<Vec<Doctor>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM doctor d JOIN registration g ON g.seq = d.seq {WHO} \
         WHERE d.level = ? ORDER BY d.doctor"
    );
    let rows = fetch(connection, "registration", (&sql, [code::step(level)]), identity::row)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| if let Registered::Doctor(doctor) = row { Some(doctor) } else { None })
        .collect())
}

/// The places above a village: by the tree where it holds the village, else the townships of the sites
/// that serve it, then their counties.
pub(super) fn places_above(
    connection: &Connection,
    village: &str,
) -> Result<Vec<String>, StoreError> {
    if village.is_empty() {
        return Ok(Vec::new());
    }
    let above = staff::above(connection, village)?;
    if !above.is_empty() {
        return Ok(above);
    }
    let sql = "SELECT place FROM (\
               SELECT township AS place, 0 AS rank FROM site WHERE village = ?1 UNION \
               SELECT county, 1 FROM site WHERE village = ?1) \
               WHERE place <> '' ORDER BY rank, place";
    fetch(connection, "site", (sql, [village]), cell)
}
