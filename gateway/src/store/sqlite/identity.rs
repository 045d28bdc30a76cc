//! Who people are, apart from what is known of their health (DESIGN P10).
//!
//! A row that names somebody is taken apart on its way in: name, id number, phone and the columns
//! that we do not know go to the table `identity` under a random key, and the registration keeps the
//! key and the rest. So do numbers of cards, and where and with which secret a doctor is reached. On its way out it is put together again. Each registration has its own row and
//! key, so that history stays true and no key tells that two rows are of one person.

use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, params};

use super::{
    fault::failed,
    lookup,
    reading::json,
    row::{Cells, fetch, number, run},
};
use crate::{
    domain::{Attributes, Card, Registered},
    store::{CommitSeq, RegistryKey, StoreError},
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
#[derive(Default, PartialEq)]
struct Apart {
    name: String,
    id_number: String,
    phone: String,
    told: Attributes,
    /// What only this kind of row has, as JSON: cards, a card, an address and its secret.
    further: String,
}

/// What stands in the row where an address was, so that it is seen that there is one.
const KEPT_APART: &str = "sealed";

/// A row without what names somebody, and that; `None` where it names nobody.
fn take_apart(row: &Registered) -> Result<Option<(Registered, Apart)>, StoreError> {
    let mut rest = row.clone();
    let mut apart = Apart::default();
    match &mut rest {
        Registered::Person(person) => {
            apart.name = std::mem::take(&mut person.name);
            apart.id_number = std::mem::take(&mut person.id_number);
            apart.phone = std::mem::take(&mut person.phone);
            apart.told = std::mem::take(&mut person.attributes);
            let cards = std::mem::take(&mut person.cards);
            apart.further = if cards.is_empty() { String::new() } else { json(&cards)? };
            return Ok(Some((rest, apart)));
        }
        Registered::Doctor(doctor) => {
            apart.name = std::mem::take(&mut doctor.name);
            apart.phone = std::mem::take(&mut doctor.phone);
            apart.told = std::mem::take(&mut doctor.attributes);
            let secret = std::mem::take(&mut doctor.webhook_secret);
            if !(doctor.webhook.is_empty() && secret.is_empty()) {
                apart.further = json(&(&doctor.webhook, secret))?;
            }
            if !doctor.webhook.is_empty() {
                KEPT_APART.clone_into(&mut doctor.webhook);
            }
        }
        Registered::Card(card) => apart.further = json(&std::mem::take(&mut card.card))?,
        // Unknown columns of a household may name its head, those of a device who has it.
        Registered::Household(row) => apart.told = std::mem::take(&mut row.attributes),
        Registered::Device(row) => apart.told = std::mem::take(&mut row.attributes),
        Registered::Plan(row) => apart.told = std::mem::take(&mut row.attributes),
        Registered::Bench(row) => apart.told = std::mem::take(&mut row.attributes),
        Registered::Duty(row) => apart.told = std::mem::take(&mut row.attributes),
        Registered::Pairing(row) => apart.told = std::mem::take(&mut row.attributes),
        Registered::Site(_) | Registered::Place(_) | Registered::Team(_) | Registered::Box(_) => {}
    }
    Ok((apart != Apart::default()).then_some((rest, apart)))
}

/// The row as it was; `None` where it cannot be that of an identity.
fn put_together(mut row: Registered, apart: Apart) -> Option<Registered> {
    let Apart { name, id_number, phone, told, further } = apart;
    match &mut row {
        Registered::Person(person) => {
            (person.name, person.id_number, person.phone) = (name, id_number, phone);
            person.attributes = told;
            if !further.is_empty() {
                person.cards = serde_json::from_str(&further).ok()?;
            }
        }
        Registered::Doctor(doctor) => {
            (doctor.name, doctor.phone, doctor.attributes) = (name, phone, told);
            if !further.is_empty() {
                (doctor.webhook, doctor.webhook_secret) = serde_json::from_str(&further).ok()?;
            }
        }
        Registered::Card(Card { card, .. }) => *card = serde_json::from_str(&further).ok()?,
        Registered::Household(row) => row.attributes = told,
        Registered::Device(row) => row.attributes = told,
        Registered::Plan(row) => row.attributes = told,
        Registered::Bench(row) => row.attributes = told,
        Registered::Duty(row) => row.attributes = told,
        Registered::Pairing(row) => row.attributes = told,
        Registered::Site(_) | Registered::Place(_) | Registered::Team(_) | Registered::Box(_) => {
            return None;
        }
    }
    Some(row)
}

/// Keeps who a row names; returns the row's body without it, and the key under which it is kept.
pub(super) fn keep(
    connection: &Connection,
    (keys, seq): (Keys, CommitSeq),
    row: &Registered,
) -> Result<(String, Option<IdentityKey>), StoreError> {
    let Some((rest, apart)) = take_apart(row)? else { return Ok((json(row)?, None)) };
    let key: IdentityKey = keys.draw(seq)?;
    let told = if apart.told.is_empty() { String::new() } else { json(&apart.told)? };
    let sql = "INSERT INTO identity (key, name, id_number, phone, told, further) VALUES (?1, \
               seal(?1, 'name', ?2), seal(?1, 'id_number', ?3), seal(?1, 'phone', ?4), \
               seal(?1, 'told', ?5), seal(?1, 'further', ?6))";
    let Apart { name, id_number, phone, further, .. } = apart;
    run(connection, WHAT, sql, params![key, name, id_number, phone, told, further])?;
    Ok((json(&rest)?, Some(key)))
}

/// The columns that [`row`] takes, of the tables [`ROWS`].
pub(super) const COLUMNS: &str = "g.body, g.identity, i.key, unseal(i.key, 'name', i.name), \
     unseal(i.key, 'id_number', i.id_number), unseal(i.key, 'phone', i.phone), \
     unseal(i.key, 'told', i.told), unseal(i.key, 'further', i.further)";

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
        cells.skip(5);
        return Ok(rest);
    }
    if kept != named {
        return Err(cells.damaged("who it names is missing"));
    }
    let mut text = || cells.take::<Option<String>>().map(Option::unwrap_or_default);
    let (name, id_number, phone) = (text()?, text()?, text()?);
    let told = cells.text_or_none(|text| serde_json::from_str(text).ok())?.unwrap_or_default();
    let further = cells.take::<Option<String>>()?.unwrap_or_default();
    let whole = put_together(rest, Apart { name, id_number, phone, told, further });
    whole.ok_or_else(|| cells.damaged("it names somebody, and is no row that can"))
}

/// Rows of the former format that are moved at a time.
const MOVED_AT_ONCE: i64 = 1000;

/// Lays out the column that older tables of identities lack, before anything reads or writes one.
pub(super) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT count(*) FROM pragma_table_info('identity') WHERE name = ?";
    if number(connection, sql, ["key"])? == 0 || number(connection, sql, ["further"])? > 0 {
        return Ok(());
    }
    let sql = "ALTER TABLE identity ADD COLUMN further BLOB";
    connection.execute_batch(sql).map_err(failed(WHAT))
}

/// Takes every row of a former format apart, as rows are taken apart now, and gives cards their marks
/// in place of their numbers. What the rows held is overwritten, since the step began.
pub(super) fn move_apart(connection: &Connection) -> Result<(), StoreError> {
    each_former(connection)?;
    for (table, key) in [("card", "card"), ("person_card", "card"), ("card_holder", "card")] {
        let sql = format!(
            "UPDATE {table} SET {key} = \
             card_mark((SELECT unseal(x'00', 'lookup', key) FROM lookup_key), {key})"
        );
        run(connection, WHAT, &sql, [])?;
    }
    let sql = "UPDATE card_scan SET card = seal_text(seq, 'card', card), mark = \
               card_mark((SELECT unseal(x'00', 'lookup', key) FROM lookup_key), card)";
    run(connection, WHAT, sql, [])?;
    move_contents(connection)?;
    connection.execute_batch("PRAGMA secure_delete = OFF").map_err(failed(WHAT))
}

/// What items of quarantine are found by is a keyed hash from here on.
fn move_contents(connection: &Connection) -> Result<(), StoreError> {
    let tokens = lookup::Tokens::of(connection)?;
    let sql = "SELECT seq, content FROM quarantine WHERE told IS NULL";
    let items =
        fetch(connection, "quarantine", (sql, []), |cells| Ok((cells.seq()?, cells.key()?)))?;
    for (seq, content) in items {
        let sql = "UPDATE quarantine SET content = ?2, told = seal_raw(seq, 'told', ?3) \
                   WHERE seq = ?1";
        let params = params![seq.0, tokens.content(&content), content.as_bytes()];
        run(connection, WHAT, sql, params)?;
    }
    Ok(())
}

fn each_former(connection: &Connection) -> Result<(), StoreError> {
    let sql = format!("SELECT g.seq, {COLUMNS} FROM {ROWS} WHERE g.seq > ? ORDER BY g.seq LIMIT ?");
    let mut after = 0_i64;
    loop {
        let rows = fetch(connection, "registration", (&sql, [after, MOVED_AT_ONCE]), |cells| {
            Ok((cells.seq()?, row(cells)?))
        })?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = last.0;
        for (seq, row) in rows {
            let former = "DELETE FROM identity WHERE key = \
                          (SELECT identity FROM registration WHERE seq = ?)";
            run(connection, WHAT, former, [seq.0])?;
            let (body, key) = keep(connection, (Keys::System, seq), &row)?;
            let (_, name) = lookup::name_on_disk(connection, &RegistryKey::of(&row))?;
            let sql = "UPDATE registration SET body = ?, identity = ?, name = ? WHERE seq = ?";
            run(connection, WHAT, sql, params![body, key, name, seq.0])?;
        }
    }
}
