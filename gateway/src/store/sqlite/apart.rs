//! That who people are stands nowhere but in the table of identities, and comes back whole.

use std::collections::BTreeMap;

use rusqlite::{Connection, params, types::ValueRef};

use super::{Keys, Options, SqliteStore, schema};
use crate::{
    domain::{Person, Registered},
    store::{
        Fact, RegistryKey, Store,
        fixtures::{NOON, commit, household, id, reading_fact, registration, site},
        view::{Paging, Scope},
    },
};

/// What must stand nowhere else: names with characters beyond the first plane among them.
const SECRETS: [&str; 9] = [
    "张𠮷𪚥",
    "𠮷𪚥",
    "王秀兰",
    "52212319550302123X",
    "522123196001014321",
    "13800001111",
    "13900002222",
    "李户主",
    "亲属王小红",
];

fn someone(number: u32, name: &str, id_number: &str, phone: &str) -> Person {
    let row = serde_json::json!({
        "person": format!("P{number}"), "name": name, "id_number": id_number, "phone": phone,
        "household": "H1", "village": "North", "cards": ["62170001"], "consent": "yes",
        "attributes": {"联系人": "亲属王小红"},
    });
    serde_json::from_value(row).unwrap()
}

fn people() -> [Person; 3] {
    [
        someone(1, "张𠮷𪚥", "52212319550302123X", "13800001111"),
        someone(2, "王秀兰", "522123196001014321", "13900002222"),
        Person { attributes: BTreeMap::new(), ..someone(3, "", "", "") },
    ]
}

fn facts() -> Vec<Fact> {
    let mut home = household("H1", "North", None);
    if let Fact::Registration(row) = &mut home
        && let Registered::Household(household) = &mut row.row
    {
        household.attributes.insert("户主".to_owned(), "李户主".to_owned());
    }
    let people = people().map(|person| registration(Registered::Person(person)));
    let mut facts = vec![site("clinic1", "North", "Qingshi", "Yun"), home];
    facts.extend(people);
    facts.push(reading_fact(1, "P1", "clinic1", 0));
    facts
}

/// Every table but the one of identities that holds one of the texts, as text or within bytes.
fn leaks(store: &SqliteStore, texts: &[&str]) -> Vec<String> {
    let connection = store.connection().unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut tables = connection.prepare(sql).unwrap();
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(tables.len() > 30, "{tables:?}");
    let mut found = Vec::new();
    for table in tables.into_iter().filter(|table| table != "identity") {
        let mut all = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = all.column_count();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                let cell = row.get_ref(column).unwrap();
                let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = cell else { continue };
                let holds =
                    |text: &&&str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
                found.extend(texts.iter().find(holds).map(|text| format!("{table}: {text}")));
            }
        }
    }
    found
}

#[track_caller]
fn check_whole(store: &SqliteStore) {
    let reader = store.reader();
    assert_eq!(reader.recount().unwrap(), Vec::<String>::new());
    for person in people() {
        let key = RegistryKey::Person(person.person.clone());
        let row = Registered::Person(person);
        let everything = &Scope::Everything;
        assert_eq!(reader.registered(everything, &key).unwrap(), Some(row.clone()));
        assert_eq!(reader.entered(everything, &key).unwrap(), [(NOON, row)]);
    }
    let everybody = reader.people(&Scope::Everything, "", &Paging::default()).unwrap().items;
    assert_eq!(everybody, people());
    let exported = reader.registry("person", &Paging::default()).unwrap().items;
    assert_eq!(exported, people().map(Registered::Person));
    let found = reader.people(&Scope::Everything, "𠮷", &Paging::default()).unwrap().items;
    assert_eq!(found, [people()[0].clone()], "by a part of a rare name");
}

#[test]
fn no_name_id_number_or_phone_stands_outside_the_identities() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { keys: Keys::Seeded(4), ..Options::new(folder.path()) };
    let mut store = SqliteStore::open(options).unwrap();
    commit(&mut store, &facts(), &[]);
    // A second row of a person: history has an identity of its own.
    let again = someone(2, "王秀兰", "522123196001014321", "");
    commit(&mut store, &[registration(Registered::Person(again))], &[]);
    store.roll_up(1000).unwrap();
    assert_eq!(leaks(&store, &SECRETS), Vec::<String>::new());
    assert_eq!(leaks(&store, &["62170001"]), Vec::<String>::new(), "nor the number of a card");
    assert!(leaks(&store, &["Qingshi"]).len() > 1, "the search finds what is there");
    let keys = "SELECT count(*), count(DISTINCT identity), min(length(identity)) FROM registration \
                WHERE identity IS NOT NULL";
    let counted = store.connection().unwrap().query_row(keys, [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    assert_eq!(counted.unwrap(), (5, 5, 16));
}

#[test]
fn rows_come_back_whole_after_a_restart_and_from_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path().join("store"))).unwrap();
    commit(&mut store, &facts(), &[]);
    store.reopen().unwrap();
    check_whole(&store);
    let copy = folder.path().join("copy");
    store.reader().back_up(&copy).unwrap();
    let restored = folder.path().join("restored");
    let ring = Options::new(&restored).ring;
    super::restore_backup(&copy, &restored, &ring).unwrap();
    check_whole(&SqliteStore::open(Options::new(&restored)).unwrap());
}

/// Rows as the format before identities kept them.
const FORMER_ROWS: &str = "INSERT INTO household VALUES ('H1', 2, 'North', NULL); \
    INSERT INTO site VALUES ('clinic1', 1, 'clinic', '', 'North', 'Qingshi', 'Yun'); \
    INSERT INTO village VALUES ('North', 3); UPDATE state SET last = 5;";

#[test]
fn rows_of_the_former_format_are_taken_apart_when_a_store_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join(super::files::DATABASE)).unwrap();
    schema::lay_before_identities(&connection).unwrap();
    connection.execute_batch(FORMER_ROWS).unwrap();
    let rows = facts()
        .into_iter()
        .filter_map(|fact| if let Fact::Registration(row) = fact { Some(row) } else { None });
    for (seq, row) in (1_i64..).zip(rows) {
        let body = serde_json::to_string(&row.row).unwrap();
        let (kind, name) = (row.row.kind(), row.row.name());
        let sql = "INSERT INTO registration (seq, kind, name, body, author, at) \
                   VALUES (?, ?, ?, ?, 'test', ?)";
        let row_of = params![seq, kind, name.as_str(), body, NOON.as_millis()];
        assert_eq!(connection.execute(sql, row_of).unwrap(), 1);
        let Registered::Person(person) = row.row else { continue };
        let sql = "INSERT INTO person VALUES (?, ?, 'H1', 'North', 'North', ?)";
        connection.execute(sql, params![person.person.as_str(), seq, person.name]).unwrap();
        let sql = "INSERT INTO person_card VALUES ('62170001', ?, ?)";
        connection.execute(sql, params![person.person.as_str(), seq]).unwrap();
    }
    drop(connection);
    super::modes::shut(folder.path());
    let store = SqliteStore::open(Options::new(folder.path())).unwrap();
    assert_eq!(leaks(&store, &SECRETS), Vec::<String>::new());
    check_whole(&store);
    let file = std::fs::read(folder.path().join(super::files::DATABASE)).unwrap();
    for secret in SECRETS {
        let secret = secret.as_bytes();
        let found = file.windows(secret.len()).filter(|bytes| *bytes == secret).count();
        assert_eq!(found, 0, "not even in a page that nothing uses any more");
    }
}

#[test]
fn a_lost_identity_is_found_by_a_recount() {
    for bend in [
        "DELETE FROM identity",
        "UPDATE identity SET name = seal(key, 'name', '另一人')",
        "DELETE FROM lookup WHERE person = 'P2'",
        "UPDATE lookup SET token = token + 1 WHERE person = 'P1'",
        "INSERT INTO identity (key) VALUES (x'00')",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
        commit(&mut store, &facts(), &[]);
        check_whole(&store);
        store.connection().unwrap().execute_batch(bend).unwrap();
        assert_ne!(store.reader().recount().unwrap(), Vec::<String>::new(), "{bend}");
    }
}

#[test]
fn the_index_is_made_anew_where_it_was_made_of_other_terms() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
    commit(&mut store, &facts(), &[]);
    let other = "DELETE FROM lookup; UPDATE lookup_key SET terms = 0";
    store.connection().unwrap().execute_batch(other).unwrap();
    store.reopen().unwrap();
    check_whole(&store);
    let name: crate::domain::PersonId = id("P1");
    assert!(
        store.reader().registered(&Scope::Nobody, &RegistryKey::Person(name)).unwrap().is_none()
    );
}
