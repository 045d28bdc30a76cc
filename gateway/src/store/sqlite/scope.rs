//! Scopes as conditions of a query. Every list about people is built with one of these.

use std::collections::BTreeSet;

use rusqlite::{Connection, params_from_iter, types::Value};

use super::row::{cell, fetch, number};
use crate::{
    domain::{DoctorId, NOBODY, SILENT_SITE},
    store::{StoreError, view::Scope},
};

/// A piece of SQL with the values of its places, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Clause {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Clause {
    pub(super) fn new(sql: &str, values: impl IntoIterator<Item = Value>) -> Self {
        Self { sql: sql.to_owned(), values: values.into_iter().collect() }
    }

    /// Adds text and values behind.
    pub(super) fn push(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) -> &mut Self {
        self.sql.push_str(sql);
        self.values.extend(values);
        self
    }

    /// Adds ` AND (…)`.
    pub(super) fn and(&mut self, more: Self) -> &mut Self {
        self.sql.push_str(" AND (");
        self.sql.push_str(&more.sql);
        self.sql.push(')');
        self.values.extend(more.values);
        self
    }
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// What lies within a place, as [`crate::domain::Within`] has it: the place and what is below it in
/// the tree, and by the words of sites where the tree is silent.
macro_rules! within {
    ($what:literal) => {
        concat!(
            "WITH RECURSIVE inside (place) AS (SELECT ? UNION SELECT p.place FROM inside i \
             JOIN place p ON p.parent = i.place AND p.parent <> '') ",
            $what,
            " FROM site s WHERE (s.village IN inside OR NOT EXISTS (\
             SELECT 1 FROM place v WHERE v.place = s.village AND v.parent <> '') \
             AND (s.township IN inside OR NOT EXISTS (\
             SELECT 1 FROM place t WHERE t.place = s.township AND t.parent <> '') \
             AND s.county IN inside))"
        )
    };
}

const SITES: &str = within!("SELECT s.site");
const VILLAGES: &str =
    concat!(within!("SELECT place FROM inside UNION SELECT s.village"), " AND s.village <> ''");

/// The villages of a place, by name; a village is its own.
pub(super) fn villages_of(
    connection: &Connection,
    place: &str,
) -> Result<BTreeSet<String>, StoreError> {
    names(connection, VILLAGES, place)
}

/// The sites of a place, by name.
pub(super) fn sites_of(
    connection: &Connection,
    place: &str,
) -> Result<BTreeSet<String>, StoreError> {
    names(connection, SITES, place)
}

fn names(connection: &Connection, sql: &str, place: &str) -> Result<BTreeSet<String>, StoreError> {
    if place.is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(fetch(connection, "site", (sql, [place]), cell)?.into_iter().collect())
}

fn nothing() -> Clause {
    Clause::new("0", [])
}

/// Sites of a place.
pub(super) fn sites(column: &str, place: &str) -> Clause {
    if place.is_empty() {
        return nothing();
    }
    Clause::new(&format!("{column} IN ({SITES})"), [text(place)])
}

/// Villages of a place.
pub(super) fn villages(column: &str, place: &str) -> Clause {
    if place.is_empty() {
        return nothing();
    }
    Clause::new(&format!("{column} IN ({VILLAGES})"), [text(place)])
}

fn people_of_doctor(column: &str, doctor: &DoctorId) -> Clause {
    let sql = format!(
        "EXISTS (SELECT 1 FROM person sp JOIN household sh ON sh.household = sp.household \
         WHERE sp.person = {column} AND sh.doctor = ?) \
         OR EXISTS (SELECT 1 FROM alert_owner so WHERE so.doctor = ? AND so.person = {column})"
    );
    Clause::new(&sql, [text(doctor.as_str()), text(doctor.as_str())])
}

/// Whether the scope reaches the person named in a column. A column without a person is reached
/// by [`Scope::Everything`] alone.
pub(super) fn people(scope: &Scope, column: &str) -> Clause {
    match scope {
        Scope::Everything => Clause::new("1", []),
        Scope::Nobody => nothing(),
        Scope::Place(place) => {
            let villages = villages("sp.village", place);
            let sql = format!(
                "EXISTS (SELECT 1 FROM person sp WHERE sp.person = {column} AND {})",
                villages.sql
            );
            let mut clause = Clause::new(&sql, villages.values);
            let sites = sites("nr.site", place);
            let sql = format!(
                " OR ({} AND EXISTS (SELECT 1 FROM reading nr WHERE nr.id = {} AND {}))",
                is_nobody(column),
                nobodys_reading(column),
                sites.sql
            );
            clause.push(&sql, sites.values);
            let silent = self::sites(&silent_site(column), place);
            clause.push(&format!(" OR ({})", silent.sql), silent.values);
            clause
        }
        Scope::Doctor(doctor) => people_of_doctor(column, doctor),
    }
}

/// Whether a name stands for whoever a reading of nobody is of.
pub(super) fn is_nobody(column: &str) -> String {
    format!("substr({column}, 1, {}) = '{NOBODY}'", NOBODY.len())
}

/// The id of the reading that such a name is made of.
pub(super) fn nobodys_reading(column: &str) -> String {
    format!("unhex(substr({column}, {}))", NOBODY.len().saturating_add(1))
}

/// The site of which an alert says that its gateway is silent, by the name that stands for it; else
/// nothing.
pub(super) fn silent_site(column: &str) -> String {
    let length = SILENT_SITE.len();
    let rest = length.saturating_add(1);
    format!("iif(substr({column}, 1, {length}) = '{SILENT_SITE}', substr({column}, {rest}), NULL)")
}

/// Those of whom nobody knows who they are and an alert tells, at the sites of a place; and the sites
/// that are silent.
fn list_of_nobodies(place: &str) -> Clause {
    let sites = sites("nr.site", place);
    // The names that begin so: `/` is the character after the point.
    let beyond = NOBODY.replace('.', "/");
    let sql = format!(
        "SELECT na.person FROM alert na JOIN reading nr ON nr.id = {} \
         WHERE na.person >= '{NOBODY}' AND na.person < '{beyond}' AND {}",
        nobodys_reading("na.person"),
        sites.sql
    );
    let mut list = Clause::new(&sql, sites.values);
    let silent = self::sites(&silent_site("sa.person"), place);
    let beyond = SILENT_SITE.trim_end_matches('.');
    let sql = format!(
        " UNION SELECT sa.person FROM alert sa \
         WHERE sa.person >= '{SILENT_SITE}' AND sa.person < '{beyond}/' AND {}",
        silent.sql
    );
    list.push(&sql, silent.values);
    list
}

/// Whether the scope reaches a reading: its person, or its site where nobody is known yet.
pub(super) fn readings(scope: &Scope, person: &str, site: &str) -> Clause {
    let mut clause = people(scope, person);
    if let Scope::Place(place) = scope {
        let sites = sites(site, place);
        clause.push(&format!(" OR ({person} IS NULL AND {})", sites.sql), sites.values);
    }
    clause
}

/// The people whom the scope reaches, where they are few.
pub(super) fn few(
    connection: &Connection,
    few_people: u64,
    scope: &Scope,
) -> Result<Option<Clause>, StoreError> {
    match scope {
        Scope::Everything | Scope::Nobody => Ok(None),
        Scope::Doctor(doctor) => Ok(Some(list_of_doctor(doctor))),
        Scope::Place(place) => {
            let mut count = Clause::new("SELECT sum(people) FROM village v WHERE 1", []);
            count.and(villages("v.village", place));
            let people = number(connection, &count.sql, params_from_iter(count.values))?;
            let mut list = Clause::new("SELECT sp.person FROM person sp WHERE 1", []);
            list.and(villages("sp.village", place));
            let nobodies = list_of_nobodies(place);
            list.push(&format!(" UNION {}", nobodies.sql), nobodies.values);
            Ok((people.unsigned_abs() <= few_people).then_some(list))
        }
    }
}

/// The people that a doctor sees, as a list of names.
pub(super) fn list_of_doctor(doctor: &DoctorId) -> Clause {
    let sql = "SELECT sp.person FROM household sh JOIN person sp ON sp.household = sh.household \
               WHERE sh.doctor = ? UNION SELECT person FROM alert_owner WHERE doctor = ?";
    Clause::new(sql, [text(doctor.as_str()), text(doctor.as_str())])
}
