//! Looking people up, within a scope: village by village, each by a walk along an index, until the
//! page is full.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, ToSql, params, params_from_iter};

use super::{
    identity::{COLUMNS, WHO, row},
    list::{ask, probe},
    lookup::Tokens,
    registry,
    row::{Cells, cell, fetch, fetch_one},
    scope::{self, Clause, text},
};
use crate::{
    domain::{Person, PersonId, Registered},
    store::{
        RegistryKey, StoreError, paging, terms,
        view::{Page, Paging, Scope},
    },
};

/// People who are found by a text, by (village, id); everybody, by id, where the text is empty.
pub(super) fn people(
    (connection, few_people): (&Connection, u64),
    scope: &Scope,
    query: &str,
    page: &Paging,
) -> Result<Page<Person>, StoreError> {
    match query.trim() {
        "" => everybody((connection, few_people), scope, page),
        asked => found(connection, scope, asked, page),
    }
}

fn everybody(
    (connection, few_people): (&Connection, u64),
    scope: &Scope,
    page: &Paging,
) -> Result<Page<Person>, StoreError> {
    let limit = paging::limit_of(page);
    let sql = format!(
        "SELECT {COLUMNS} FROM person p JOIN registration g ON g.seq = p.seq {WHO} WHERE 1"
    );
    let mut clause = Clause::new(&sql, []);
    match scope::few(connection, few_people, scope)? {
        Some(people) => {
            clause.push(&format!(" AND p.person IN ({})", people.sql), people.values);
        }
        None => {
            clause.and(scope::people(scope, "p.person"));
        }
    }
    if let Some(after) = &page.after {
        clause.push(" AND p.person > ?", [text(after)]);
    }
    clause.push(" ORDER BY p.person LIMIT ?", [probe(limit)]);
    let rows = ask(connection, "registration", clause, row)?;
    let people = rows.into_iter().filter_map(a_person).collect();
    Ok(paging::cut(people, limit, |person: &Person| person.person.to_string()))
}

fn a_person(row: Registered) -> Option<Person> {
    if let Registered::Person(person) = row { Some(person) } else { None }
}

/// A question, and what of its answer does not depend on the village.
struct Asking<'a> {
    connection: &'a Connection,
    asked: &'a str,
    term: Option<String>,
    tokens: Tokens,
    /// Ids from the first to before the second begin so, and there are some.
    ids: Option<(&'a str, String)>,
    /// Whose card has that number, with their village.
    cards: Vec<(String, String)>,
    /// The people whom the scope reaches, where villages do not say it.
    only: Option<HashSet<String>>,
}

fn found(
    connection: &Connection,
    scope: &Scope,
    asked: &str,
    page: &Paging,
) -> Result<Page<Person>, StoreError> {
    let limit = paging::limit_of(page);
    let after = paging::read_home(page)?;
    let asking = Asking::new(connection, scope, asked)?;
    let mut people = Vec::new();
    for village in villages(connection, scope)? {
        let from = match &after {
            Some((passed, _)) if village < *passed => continue,
            Some((passed, id)) if village == *passed => id.as_str(),
            Some(_) | None => "",
        };
        let wanted = limit.saturating_add(1).saturating_sub(people.len());
        for id in asking.in_village(&village, from, wanted)? {
            if let Some(person) = asking.proven(&village, &id)? {
                people.push((village.clone(), person));
            }
        }
        if people.len() > limit {
            break;
        }
    }
    let page = paging::cut(people, limit, |(village, person)| {
        paging::write_home(village, person.person.as_str())
    });
    let items = page.items.into_iter().map(|(_, person)| person).collect();
    Ok(Page { items, next: page.next })
}

/// The villages where people of a scope live, by name.
fn villages(connection: &Connection, scope: &Scope) -> Result<Vec<String>, StoreError> {
    let mut clause = match scope {
        Scope::Nobody => return Ok(Vec::new()),
        Scope::Everything => Clause::new("SELECT v.village FROM village v WHERE 1", []),
        Scope::Place(place) => {
            let mut clause = Clause::new("SELECT v.village FROM village v WHERE 1", []);
            clause.and(scope::villages("v.village", place));
            clause
        }
        Scope::Doctor(doctor) => {
            let list = scope::list_of_doctor(doctor);
            let sql =
                format!("SELECT DISTINCT v.village FROM person v WHERE v.person IN ({})", list.sql);
            Clause::new(&sql, list.values)
        }
    };
    clause.push(" ORDER BY v.village", []);
    ask(connection, "village", clause, cell)
}

/// The people whom a scope reaches beyond what their villages say.
fn only(connection: &Connection, scope: &Scope) -> Result<Option<HashSet<String>>, StoreError> {
    let Scope::Doctor(doctor) = scope else { return Ok(None) };
    let list = scope::list_of_doctor(doctor);
    let people = (list.sql.as_str(), params_from_iter(list.values));
    Ok(Some(fetch(connection, "person", people, cell)?.into_iter().collect()))
}

impl<'a> Asking<'a> {
    fn new(connection: &'a Connection, scope: &Scope, asked: &'a str) -> Result<Self, StoreError> {
        let beyond = format!("{asked}{}", char::MAX);
        let sql = "SELECT person FROM person WHERE person >= ? AND person < ? LIMIT 1";
        let some = fetch_one(connection, "person", (sql, [asked, &beyond]), cell::<String>)?;
        let sql = "SELECT village, person FROM person WHERE person IN (\
                   SELECT person FROM card WHERE card = ?1 UNION \
                   SELECT person FROM person_card WHERE card = ?1)";
        let tokens = Tokens::of(connection)?;
        let mark = tokens.card(asked);
        let holder = |cells: &mut Cells<'_, '_>| Ok((cells.take()?, cells.take()?));
        Ok(Self {
            connection,
            asked,
            term: terms::asked(asked),
            tokens,
            ids: some.map(|_| (asked, beyond)),
            cards: fetch(connection, "person", (sql, [&mark]), holder)?,
            only: only(connection, scope)?,
        })
    }

    /// The next people of a village, by id.
    fn in_village(
        &self,
        village: &str,
        after: &str,
        wanted: usize,
    ) -> Result<BTreeSet<String>, StoreError> {
        // Where the scope is a list, how many of a village it holds is known only afterwards.
        let most = if self.only.is_some() { probe(usize::MAX) } else { probe(wanted) };
        let walk = |sql: &str, params: &[&dyn ToSql]| {
            fetch(self.connection, "person", (sql, params), cell::<String>)
        };
        let mut people = Vec::new();
        if village.starts_with(self.asked) {
            let sql = "SELECT person FROM person INDEXED BY person_village \
                       WHERE village = ? AND person > ? ORDER BY person LIMIT ?";
            people.extend(walk(sql, params![village, after, most])?);
        }
        if let Some((from, to)) = &self.ids {
            let sql = "SELECT person FROM person INDEXED BY person_village WHERE village = ? \
                       AND person > ? AND person >= ? AND person < ? ORDER BY person LIMIT ?";
            people.extend(walk(sql, params![village, after, from, to, most])?);
        }
        if let Some(term) = &self.term {
            let sql = "SELECT person FROM lookup WHERE token = ? AND person > ? \
                       ORDER BY person LIMIT ?";
            let token = self.tokens.token(village, term);
            people.extend(walk(sql, params![token, after, most])?);
        }
        let here = self.cards.iter().filter(|(home, id)| home == village && id.as_str() > after);
        people.extend(here.map(|(_, id)| id.clone()));
        people.retain(|id| self.only.as_ref().is_none_or(|only| only.contains(id)));
        Ok(people.into_iter().collect::<BTreeSet<_>>().into_iter().take(wanted).collect())
    }

    /// The person's row, if it says what the index does.
    fn proven(&self, village: &str, id: &str) -> Result<Option<Person>, StoreError> {
        let Ok(key) = PersonId::new(id) else { return Ok(None) };
        let row = registry::in_force(self.connection, &RegistryKey::Person(key))?;
        let Some(person) = row.and_then(a_person) else { return Ok(None) };
        let by_term =
            || self.term.as_ref().is_some_and(|term| terms::of_person(&person).contains(term));
        let so = id.starts_with(self.asked)
            || village.starts_with(self.asked)
            || self.cards.iter().any(|(_, holder)| holder == id)
            || by_term();
        Ok(so.then_some(person))
    }
}
