//! Who people are, apart from what is known of their health (DESIGN P10).
//!
//! A row that names somebody is taken apart on its way in: name, id number, phone and the columns
//! that we do not know go to the table `identity` under a random key, and the registration keeps the
//! key and the rest. On its way out it is put together again. Each registration has its own row and
//! key, so that history stays true and no key tells that two rows are of one person.

use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, params};

use super::{
    fault::failed,
    reading::json,
    row::{Cells, fetch, run},
};
use crate::{
    domain::{Attributes, Household, Person, Registered},
    store::{CommitSeq, StoreError},
};

const WHAT: &str = "keeping an identity";

/// A pseudonym.
pub(super) type IdentityKey = [u8; 16];

/// Where random keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keys {
    /// The system.
    #[default]
    System,
    /// A seed: the same store makes the same keys again. For tests alone.
    #[cfg(test)]
    Seeded(u64),
}

impl Keys {
    /// A key for what stands at a position of the log, or for the store itself.
    pub(super) fn draw<const N: usize>(self, at: CommitSeq) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        match self {
            Self::System => {
                SystemRandom::new().fill(&mut bytes).map_err(|_unspecified| {
                    let source = Box::from(format!("the system gave none at {}", at.0));
                    StoreError::Database { what: "asking for random bytes", source }
                })?;
            }
            #[cfg(test)]
            Self::Seeded(seed) => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&seed.to_le_bytes()).update(&at.0.to_le_bytes());
                hasher.finalize_xof().fill(&mut bytes);
            }
        }
        Ok(bytes)
    }
}

/// What of a row goes to its identity.
#[derive(Debug, Default)]
struct Apart {
    name: String,
    id_number: String,
    phone: String,
    told: Attributes,
}

/// A row without what names somebody, and that; `None` where it names nobody.
fn take_apart(row: &Registered) -> Option<(Registered, Apart)> {
    match row {
        Registered::Person(person) => {
            let mut rest = person.clone();
            let apart = Apart {
                name: std::mem::take(&mut rest.name),
                id_number: std::mem::take(&mut rest.id_number),
                phone: std::mem::take(&mut rest.phone),
                told: std::mem::take(&mut rest.attributes),
            };
            Some((Registered::Person(rest), apart))
        }
        // Unknown columns of a household may name its head.
        Registered::Household(household) if !household.attributes.is_empty() => {
            let mut rest = household.clone();
            let told = std::mem::take(&mut rest.attributes);
            Some((Registered::Household(rest), Apart { told, ..Apart::default() }))
        }
        Registered::Household(_)
        | Registered::Doctor(_)
        | Registered::Device(_)
        | Registered::Site(_)
        | Registered::Card(_)
        | Registered::Plan(_)
        | Registered::Place(_)
        | Registered::Bench(_)
        | Registered::Team(_)
        | Registered::Duty(_)
        | Registered::Pairing(_)
        | Registered::Box(_) => None,
    }
}

fn put_together(row: Registered, apart: Apart) -> Option<Registered> {
    let Apart { name, id_number, phone, told } = apart;
    if let Registered::Person(rest) = row {
        let person = Person { name, id_number, phone, attributes: told, ..rest };
        Some(Registered::Person(person))
    } else if let Registered::Household(rest) = row {
        Some(Registered::Household(Household { attributes: told, ..rest }))
    } else {
        None
    }
}

/// Keeps who a row names; returns the row's body without it, and the key under which it is kept.
pub(super) fn keep(
    connection: &Connection,
    (keys, seq): (Keys, CommitSeq),
    row: &Registered,
) -> Result<(String, Option<IdentityKey>), StoreError> {
    let Some((rest, apart)) = take_apart(row) else { return Ok((json(row)?, None)) };
    let key: IdentityKey = keys.draw(seq)?;
    let told = if apart.told.is_empty() { String::new() } else { json(&apart.told)? };
    let sql = "INSERT INTO identity (key, name, id_number, phone, told) VALUES (?1, \
               seal(?1, 'name', ?2), seal(?1, 'id_number', ?3), seal(?1, 'phone', ?4), \
               seal(?1, 'told', ?5))";
    run(connection, WHAT, sql, params![key, apart.name, apart.id_number, apart.phone, told])?;
    Ok((json(&rest)?, Some(key)))
}

/// The columns that [`row`] takes, of the tables [`ROWS`].
pub(super) const COLUMNS: &str = "g.body, g.identity, i.key, unseal(i.key, 'name', i.name), \
     unseal(i.key, 'id_number', i.id_number), unseal(i.key, 'phone', i.phone), \
     unseal(i.key, 'told', i.told)";

/// Registrations, each with who it names.
pub(super) const ROWS: &str = "registration g LEFT JOIN identity i ON i.key = g.identity";

/// Who the registration `g` names.
pub(super) const WHO: &str = "LEFT JOIN identity i ON i.key = g.identity";

/// A registered row, whole, from [`COLUMNS`].
pub(super) fn row(cells: &mut Cells<'_, '_>) -> Result<Registered, StoreError> {
    let rest: Registered = cells.text(|text| serde_json::from_str(text).ok())?;
    let named: Option<IdentityKey> = cells.take()?;
    let kept: Option<IdentityKey> = cells.take()?;
    if named.is_none() {
        cells.skip(4);
        return Ok(rest);
    }
    if kept != named {
        return Err(cells.damaged("who it names is missing"));
    }
    let mut text = || Ok(cells.take::<Option<String>>()?.unwrap_or_default());
    let (name, id_number, phone) = (text()?, text()?, text()?);
    let told = cells.text_or_none(|text| serde_json::from_str(text).ok())?.unwrap_or_default();
    let whole = put_together(rest, Apart { name, id_number, phone, told });
    whole.ok_or_else(|| cells.damaged("it names somebody, and is no row that can"))
}

/// Rows of the former format that are moved at a time.
const MOVED_AT_ONCE: i64 = 1000;

/// Takes every row of the former format apart. What they held is overwritten, since the step began.
pub(super) fn move_apart(connection: &Connection) -> Result<(), StoreError> {
    each_former(connection)?;
    connection.execute_batch("PRAGMA secure_delete = OFF").map_err(failed(WHAT))
}

fn each_former(connection: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT seq, body FROM registration WHERE seq > ? ORDER BY seq LIMIT ?";
    let mut after = 0_i64;
    loop {
        let rows = fetch(connection, "registration", (sql, [after, MOVED_AT_ONCE]), |cells| {
            Ok((cells.seq()?, cells.text(|text| serde_json::from_str::<Registered>(text).ok())?))
        })?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = last.0;
        for (seq, row) in rows {
            let (body, key) = keep(connection, (Keys::System, seq), &row)?;
            if key.is_some() {
                let sql = "UPDATE registration SET body = ?, identity = ? WHERE seq = ?";
                run(connection, WHAT, sql, params![body, key, seq.0])?;
            }
        }
    }
}
