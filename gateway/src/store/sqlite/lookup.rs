//! The index by which people are found, without a name in it: keyed hashes of every term
//! ([`terms`]), salted with the village where the person lives.
//!
//! A token is 16 bits of the village and 48 bits of BLAKE3 under the store's own key. The village in
//! front keeps together what one query asks of a village and what one file brings for it; the salt
//! keeps a common name from standing out beyond its village. A token proves nothing: the row that it
//! leads to does.

use std::collections::BTreeSet;

use blake3::Hash;
use rusqlite::{Connection, params};

use super::{
    fault::failed,
    identity::{COLUMNS, Keys, WHO, row},
    registry,
    row::{cell, fetch, fetch_one, number, run},
};
use crate::{
    domain::{ContentDigest, Person, PersonId, Registered},
    store::{CommitSeq, RegistryKey, StoreError, terms},
};

const WHAT: &str = "filing people under what they are found by";

/// People whose terms are computed at a time.
const PEOPLE_AT_ONCE: i64 = 1000;

/// Makes tokens.
pub(super) struct Tokens(Hash);

impl Tokens {
    /// With the store's own key, sealed as an identity is.
    pub(super) fn of(connection: &Connection) -> Result<Self, StoreError> {
        let sql = "SELECT unseal(x'00', 'lookup', key) FROM lookup_key";
        let key = fetch_one(connection, "lookup_key", (sql, []), |cells| {
            cells.text(|text| Hash::from_hex(text).ok())
        })?;
        let what = "the key is missing".to_owned();
        key.map(Self).ok_or(StoreError::Damaged { table: "lookup_key", what })
    }

    /// The token of a term in a village.
    pub(super) fn token(&self, village: &str, term: &str) -> i64 {
        let [high, low, ..] = *blake3::hash(village.as_bytes()).as_bytes();
        let mut hasher = blake3::Hasher::new_keyed(self.0.as_bytes());
        let length = u64::try_from(village.len()).unwrap_or(u64::MAX);
        hasher.update(&length.to_le_bytes()).update(village.as_bytes()).update(term.as_bytes());
        let [a, b, c, d, e, f, ..] = *hasher.finalize().as_bytes();
        i64::from_be_bytes([high, low, a, b, c, d, e, f])
    }

    /// What an identity number is found by: 128 bits under the store's key, for there are few enough
    /// numbers to try them all without one.
    pub(super) fn digest(&self, number: &ContentDigest) -> [u8; 16] {
        let mut digest = [0; 16];
        let mut hasher = blake3::Hasher::new_keyed(self.0.as_bytes());
        hasher.update(b"id number").update(number.as_bytes());
        hasher.finalize_xof().fill(&mut digest);
        digest
    }

    /// What a card is found by: 128 bits under the store's key, in hexadecimal digits.
    pub(super) fn card(&self, card: &str) -> String {
        card_mark(&self.0, card)
    }

    /// What bytes in quarantine are found by: without a key, those of a card could be guessed.
    pub(super) fn content(&self, content: &ContentDigest) -> [u8; 16] {
        let mut mark = [0; 16];
        let mut hasher = blake3::Hasher::new_keyed(self.0.as_bytes());
        hasher.update(b"content").update(content.as_bytes());
        hasher.finalize_xof().fill(&mut mark);
        mark
    }

    fn all(&self, village: &str, person: &Person) -> BTreeSet<i64> {
        terms::of_person(person).iter().map(|term| self.token(village, term)).collect()
    }
}

fn card_mark(key: &Hash, card: &str) -> String {
    let mut mark = [0; 16];
    let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
    hasher.update(b"card").update(card.as_bytes()).finalize_xof().fill(&mut mark);
    format!("{:032x}", u128::from_be_bytes(mark))
}

/// What a card is found by, under a key in hexadecimal digits.
pub(super) fn card_mark_of(key: &str, card: &str) -> Option<String> {
    Some(card_mark(&Hash::from_hex(key).ok()?, card))
}

/// What a card is found by.
pub(super) fn mark_of(connection: &Connection, card: &str) -> Result<String, StoreError> {
    Ok(Tokens::of(connection)?.card(card))
}

/// The kind and the name under which the log has a row.
pub(super) fn name_on_disk(
    connection: &Connection,
    key: &RegistryKey,
) -> Result<(&'static str, String), StoreError> {
    let (kind, name) = key.kind_and_name();
    if let RegistryKey::Card(card) = key {
        return Ok((kind, mark_of(connection, card)?));
    }
    Ok((kind, name.to_owned()))
}

/// Where a person is filed now: by their row in force.
fn filed(
    connection: &Connection,
    tokens: &Tokens,
    id: &PersonId,
) -> Result<Option<(Person, BTreeSet<i64>)>, StoreError> {
    let sql = "SELECT village FROM person WHERE person = ?";
    let village: Option<String> = fetch_one(connection, "person", (sql, [id.as_str()]), cell)?;
    let Some(village) = village else { return Ok(None) };
    let row = registry::in_force(connection, &RegistryKey::Person(id.clone()))?;
    let Some(Registered::Person(person)) = row else { return Ok(None) };
    let all = tokens.all(&village, &person);
    Ok(Some((person, all)))
}

fn change(
    connection: &Connection,
    id: &PersonId,
    before: &BTreeSet<i64>,
    after: &BTreeSet<i64>,
) -> Result<(), StoreError> {
    for token in before.difference(after) {
        let sql = "DELETE FROM lookup WHERE token = ? AND person = ?";
        run(connection, WHAT, sql, params![token, id.as_str()])?;
    }
    for token in after.difference(before) {
        let sql = "INSERT OR IGNORE INTO lookup (token, person) VALUES (?, ?)";
        run(connection, WHAT, sql, params![token, id.as_str()])?;
    }
    Ok(())
}

/// Files a person under a new row. Called before that row is in force.
pub(super) fn file(
    connection: &Connection,
    person: &Person,
    village: &str,
) -> Result<(), StoreError> {
    let tokens = Tokens::of(connection)?;
    let before = filed(connection, &tokens, &person.person)?;
    let before = before.map(|(_, all)| all).unwrap_or_default();
    change(connection, &person.person, &before, &tokens.all(village, person))
}

/// Files a person in another village. Called before their own row says so.
pub(super) fn move_to(
    connection: &Connection,
    id: &PersonId,
    village: &str,
) -> Result<(), StoreError> {
    let tokens = Tokens::of(connection)?;
    let Some((person, before)) = filed(connection, &tokens, id)? else { return Ok(()) };
    change(connection, id, &before, &tokens.all(village, &person))
}

/// Gives a store its key, if it has none.
pub(super) fn give_key(connection: &Connection, keys: Keys) -> Result<(), StoreError> {
    let key = Hash::from_bytes(keys.draw(CommitSeq(0))?);
    let sql = "INSERT OR IGNORE INTO lookup_key (one, key, terms) \
               VALUES (1, seal(x'00', 'lookup', ?), -1)";
    run(connection, WHAT, sql, [key.to_hex().as_str()]).map(|_| ())
}

/// Makes the index anew where it is another program's.
pub(super) fn bring_up(connection: &Connection, keys: Keys) -> Result<(), StoreError> {
    let sql = "SELECT terms FROM lookup_key";
    let version = fetch_one(connection, "lookup_key", (sql, []), cell::<i64>)?;
    if version == Some(terms::VERSION) {
        return Ok(());
    }
    let step = connection.unchecked_transaction().map_err(failed(WHAT))?;
    give_key(&step, keys)?;
    run(&step, WHAT, "UPDATE lookup_key SET terms = ?", [terms::VERSION])?;
    run(&step, WHAT, "DELETE FROM lookup", [])?;
    let tokens = Tokens::of(&step)?;
    each_person(&step, |village, person| {
        change(&step, &person.person, &BTreeSet::new(), &tokens.all(village, person))
    })?;
    step.commit().map_err(failed(WHAT))
}

/// Everybody in force with their village.
fn each_person(
    connection: &Connection,
    mut see: impl FnMut(&str, &Person) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT p.village, {COLUMNS} FROM person p JOIN registration g ON g.seq = p.seq {WHO} \
         WHERE p.person > ? ORDER BY p.person LIMIT ?"
    );
    let mut after = String::new();
    loop {
        let params = params![after, PEOPLE_AT_ONCE];
        let people = fetch(connection, "registration", (&sql, params), |cells| {
            Ok((cells.take::<String>()?, row(cells)?))
        })?;
        let Some((_, Registered::Person(last))) = people.last() else { return Ok(()) };
        last.person.as_str().clone_into(&mut after);
        for (village, row) in &people {
            if let Registered::Person(person) = row {
                see(village, person)?;
            }
        }
    }
}

/// How many rows, and a sum of them in which their order does not matter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    sum: u64,
}

impl Sum {
    fn add(&mut self, token: i64, person: &str) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&token.to_be_bytes()).update(person.as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        self.rows = self.rows.saturating_add(1);
        self.sum = self.sum.wrapping_add(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Whether people are filed as their rows say, and every name is where its key says.
pub(super) fn differences(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let tokens = Tokens::of(connection)?;
    let (mut counted, mut kept) = (Sum::default(), Sum::default());
    each_person(connection, |village, person| {
        let all = tokens.all(village, person);
        all.iter().for_each(|token| counted.add(*token, person.person.as_str()));
        Ok(())
    })?;
    let what = "counting what people are found by";
    let mut statement =
        connection.prepare_cached("SELECT token, person FROM lookup").map_err(failed(what))?;
    let mut rows = statement.query([]).map_err(failed(what))?;
    while let Some(row) = rows.next().map_err(failed(what))? {
        let mut cells = super::row::Cells::new(row, "lookup");
        kept.add(cells.take()?, &cells.take::<String>()?);
    }
    let mut found = Vec::new();
    if counted != kept {
        let (kept, counted) = (kept.rows, counted.rows);
        found.push(format!(
            "what people are found by: {kept} rows kept, {counted} counted, or others"
        ));
    }
    let sql = "SELECT count(*) FROM identity WHERE key NOT IN \
               (SELECT identity FROM registration WHERE identity IS NOT NULL)";
    let of_nobody = number(connection, sql, [])?;
    if of_nobody != 0 {
        found.push(format!("{of_nobody} identities belong to no registration"));
    }
    Ok(found)
}
