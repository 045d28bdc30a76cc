//! A store's disk, imaged: nothing in it names anybody without the keys, whatever road it came by;
//! other keys are refused; and it comes under a new key whenever it is interrupted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    KeyFile, KeyRing, Options, SqliteStore, backup::restore_backup, row::number, sealed_under,
};
use firmware_protocols::Meal;

use crate::{
    domain::{Card, CareLevel, Level, Registered},
    store::{
        AlertChange, Attempt, CardScan, Change, Decided, Decision, Fact, KeyError, Merged, Owed,
        Presence, QuarantineReason, SealReader, Sending, Store, StoreError,
        fixtures::{
            NOON, alert, commit, context, doctor, event, happened, household, id, key, origin,
            owed, quarantined, reading, registration, site,
        },
        view::{Paging, Scope},
    },
};

/// Names, numbers, phones and cards that were never anybody's.
const CANARIES: [&str; 12] = [
    "金丝雀一",
    "金丝雀二号",
    "522123199912310015",
    "522123199912310023",
    "13877770001",
    "13877770002",
    "6217000099990001",
    "6217000099990002",
    "canary@example.invalid",
    "whsec_canary",
    "笼中鸟",
    "9988776655443322",
];

fn person(number: usize) -> Registered {
    let row = serde_json::json!({
        "person": format!("P{number}"), "name": CANARIES[number - 1],
        "id_number": CANARIES[number + 1], "phone": CANARIES[number + 3], "household": "H1",
        "village": "North", "cards": [CANARIES[number + 5]], "consent": "yes",
        "attributes": {"联系人": CANARIES[10]},
    });
    Registered::Person(serde_json::from_value(row).unwrap())
}

fn rows() -> Vec<Fact> {
    let mut head = doctor("D1", CareLevel::Village, "North");
    let mut home = household("H1", "North", Some("D1"));
    for fact in [&mut head, &mut home] {
        let Fact::Registration(row) = fact else { panic!("no row") };
        let told = BTreeMap::from([("微信".to_owned(), CANARIES[8].to_owned())]);
        if let Registered::Doctor(doctor) = &mut row.row {
            doctor.name = CANARIES[10].to_owned();
            doctor.phone = CANARIES[4].to_owned();
            doctor.webhook = format!("https://example.invalid/{}", CANARIES[8]);
            doctor.webhook_secret = CANARIES[9].to_owned();
            doctor.attributes = told;
        } else if let Registered::Household(home) = &mut row.row {
            home.attributes = told;
        }
    }
    let device = serde_json::json!({"device": "cuff1", "model": "", "attributes":
        {"holder": CANARIES[0]}});
    vec![
        site("clinic1", "North", "Qingshi", "Yun"),
        head,
        home,
        registration(person(1)),
        registration(person(2)),
        registration(Registered::Card(Card { card: CANARIES[11].to_owned(), person: id("P1") })),
        registration(Registered::Device(serde_json::from_value(device).unwrap())),
    ]
}

/// What came by other roads: readers of cards, frames, JSON, notes, messages that failed.
fn heard() -> Vec<Fact> {
    let mut measured = reading(1, Some("P1"), "clinic1", 0);
    measured.reading.raw = Some(format!("frame {}", CANARIES[2]).into_bytes());
    measured.reading.remarks.attributes = Some(format!("{{\"patient\":\"{}\"}}", CANARIES[0]));
    let mut item = quarantined(2, None, "clinic1");
    if let Fact::Quarantined(item) = &mut item {
        item.reason = QuarantineReason::UnknownCard;
        item.raw = encoding_rs::GB18030.encode(&format!("{}{}", CANARIES[1], CANARIES[6])).0.into();
        item.detail = CANARIES[7].to_owned();
        let held = item.reading.as_mut().unwrap();
        held.raw = Some(CANARIES[3].as_bytes().to_vec());
        held.remarks.attributes = Some(CANARIES[5].to_owned());
    }
    let refused = Fact::Refused(crate::store::Refused {
        reason: format!("json: invalid type: string \"{}\"", CANARIES[0]),
        raw: CANARIES[3].as_bytes().to_vec(),
        origin: origin(Some("clinic1")),
        received_at: NOON,
    });
    let mut waiting = context(("meter1", 9), Meal::Fasting, "clinic1");
    waiting.raw = CANARIES[6].as_bytes().to_vec();
    waiting.told.attributes = Some(CANARIES[4].to_owned());
    let scan = |card: &str, person: Option<&str>| {
        Fact::CardScan(CardScan {
            site: id("clinic1"),
            bench: id("B1"),
            card: card.to_owned(),
            person: person.map(id),
            at: NOON,
            received_at: NOON,
            out: false,
            opened_by: crate::domain::OpenedBy::Reader(None),
        })
    };
    let mut followed_up = happened(4, "P1", 3);
    followed_up.note = Some(format!("电话 {}", CANARIES[5]));
    let presence = Presence {
        site: id("clinic1"),
        online: true,
        detail: Some(CANARIES[10].to_owned()),
        at: NOON,
    };
    vec![
        Fact::Reading(Box::new(measured)),
        item,
        refused,
        Fact::Context(Box::new(waiting)),
        scan(CANARIES[6], Some("P1")),
        scan(CANARIES[7], None),
        Fact::Event(Box::new(followed_up)),
        Fact::Presence(presence),
    ]
}

fn acts(item: crate::store::CommitSeq) -> Vec<Fact> {
    let open = alert(1, "P1", Some("D1"), Level::Red);
    let mut noted = event(&open, AlertChange::Opened);
    if let Fact::Alert(noted) = &mut noted {
        noted.note = Some(format!("问 {} {}", CANARIES[10], CANARIES[4]));
    }
    let failed = Sending::Failed { why: format!("no {}", CANARIES[8]), retry_at: None };
    let reason = CANARIES[1].to_owned();
    vec![
        noted,
        Fact::Attempt(Attempt { key: key(1 + (1 << 43)), sending: failed, at: NOON }),
        Fact::Decided(Box::new(Decided {
            item,
            decision: Decision::Dismissed,
            reason: reason.clone(),
            by: "D1".into(),
            at: NOON,
        })),
        Fact::Merged(Box::new(Merged {
            person: id("P2"),
            survivor: id("P1"),
            undoes: None,
            reason,
            by: "D1".into(),
            at: NOON,
        })),
    ]
}

fn fill(store: &mut SqliteStore) {
    let rows = rows();
    let item = crate::store::CommitSeq(i64::try_from(rows.len()).unwrap() + 2);
    commit(store, &rows, &[]);
    commit(store, &heard(), &[]);
    let owed = Owed {
        last_error: Some(format!("{} at {}", CANARIES[9], CANARIES[8])),
        ..owed(&alert(1, "P1", Some("D1"), Level::Red), "D1", 1)
    };
    let open = alert(1, "P1", Some("D1"), Level::Red);
    commit(store, &acts(item), &[Change::Alert(Box::new(open)), Change::Owe(Box::new(owed))]);
    store.roll_up(1000).unwrap();
}

/// Every file under a folder, with what it holds.
fn image(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(image(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

/// The canaries that stand in any file, in either encoding.
fn found(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (path, bytes) in image(folder) {
        for canary in CANARIES {
            let gb = encoding_rs::GB18030.encode(canary).0;
            let holds = |text: &[u8]| {
                let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == text[0]);
                starts.map(|(at, _)| &bytes[at..]).any(|rest| rest.starts_with(text))
            };
            if holds(canary.as_bytes()) || holds(&gb) {
                found.push(format!("{} holds {canary}", path.display()));
            }
        }
    }
    found
}

fn ring_of(folder: &Path) -> KeyRing {
    let file = KeyFile::Apart(folder.join("keys"));
    KeyRing::open(file, &sealed_under(&folder.join("store")).unwrap()).unwrap()
}

fn options(folder: &Path, ring: KeyRing) -> Options {
    Options { ring, ..Options::new(folder.join("store")) }
}

/// Everything reads as it was written: the log says so for every fact, the recount for the rest.
#[track_caller]
fn check_whole(store: &SqliteStore, log: &str) {
    assert_eq!(store.reader().recount().unwrap(), Vec::<String>::new());
    assert_eq!(log_of(store), log);
    let everything = &Scope::Everything;
    let holders = store.reader().holders(CANARIES[6]).unwrap();
    assert_eq!(holders.people, [id("P1")]);
    for asked in [CANARIES[0], CANARIES[2], CANARIES[6], CANARIES[11]] {
        let people = store.reader().people(everything, asked, &Paging::default()).unwrap().items;
        assert_eq!(people.len(), 1, "{asked}");
    }
}

fn log_of(store: &SqliteStore) -> String {
    let entries = store.reader().feed(crate::store::CommitSeq(0), 1000).unwrap();
    format!("{entries:?}")
}

#[test]
fn the_disk_of_a_van_names_nobody_without_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring_of(folder.path());
    let mut store = SqliteStore::open(options(folder.path(), ring.clone())).unwrap();
    fill(&mut store);
    let copy = folder.path().join("copy");
    store.reader().back_up(&copy).unwrap();
    assert_eq!(found(folder.path()), Vec::<String>::new(), "while it runs");
    assert!(image(folder.path()).keys().any(|path| path.ends_with("xunzhen.db-wal")));
    let log = log_of(&store);
    assert!(
        CANARIES.iter().all(|canary| log.contains(canary)),
        "the search would find what is there"
    );
    store.checkpoint().unwrap();
    drop(store);
    assert_eq!(found(folder.path()), Vec::<String>::new(), "when it has ended");
    let store = SqliteStore::open(options(folder.path(), ring.clone())).unwrap();
    check_whole(&store, &log);
    let back = folder.path().join("back");
    restore_backup(&copy, &back, &ring).unwrap();
    let back = SqliteStore::open(Options { ring, ..Options::new(back) }).unwrap();
    check_whole(&back, &log);
}

#[test]
fn the_search_finds_everything_where_nothing_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(options(folder.path(), KeyRing::plain())).unwrap();
    fill(&mut store);
    for canary in CANARIES {
        let there = found(folder.path()).iter().any(|line| line.ends_with(canary));
        assert!(there, "{canary} is put nowhere");
    }
}

#[test]
fn other_keys_are_refused_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(options(folder.path(), ring_of(folder.path()))).unwrap();
    fill(&mut store);
    // As after a kill: the write-ahead file holds what was committed last.
    let killed = tempfile::tempdir().unwrap();
    fs::create_dir(killed.path().join("store")).unwrap();
    for (path, bytes) in image(&folder.path().join("store")) {
        fs::write(killed.path().join("store").join(path.file_name().unwrap()), bytes).unwrap();
    }
    super::modes::shut(&killed.path().join("store"));
    let log = log_of(&store);
    drop(store);
    fs::remove_file(killed.path().join("store/xunzhen.db-shm")).unwrap();
    let index = |image: &BTreeMap<PathBuf, Vec<u8>>| {
        let mut image = image.clone();
        image.retain(|path, _| !path.ends_with("xunzhen.db-shm"));
        image
    };
    let before = index(&image(killed.path()));
    for other in [KeyRing::plain(), KeyRing::for_tests(9)] {
        let refused = SqliteStore::open(options(killed.path(), other)).map(|_| ());
        let Err(StoreError::Key(KeyError::Wrong { wanted, .. })) = refused else {
            panic!("not refused: {refused:?}")
        };
        assert_eq!(wanted.len(), 8, "{wanted}");
        assert_eq!(index(&image(killed.path())), before, "something was changed");
    }
    let right = options(killed.path(), ring_of(folder.path()));
    check_whole(&SqliteStore::open(right).unwrap(), &log);
}

#[test]
fn a_plain_store_comes_under_a_key_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(options(folder.path(), KeyRing::plain())).unwrap();
    fill(&mut store);
    let log = log_of(&store);
    drop(store);
    assert_ne!(found(folder.path()), Vec::<String>::new());
    let mut store = SqliteStore::open(options(folder.path(), ring_of(folder.path()))).unwrap();
    check_whole(&store, &log);
    while store.seal_anew().unwrap() {}
    check_whole(&store, &log);
    assert_eq!(found(folder.path()), Vec::<String>::new());
    drop(store);
    let plain = SqliteStore::open(options(folder.path(), KeyRing::plain())).map(|_| ());
    assert!(matches!(plain, Err(StoreError::Key(_))), "{plain:?}");
}

#[test]
fn a_store_comes_under_a_new_key_whenever_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(options(folder.path(), ring_of(folder.path()))).unwrap();
    fill(&mut store);
    while store.seal_anew().unwrap() {}
    let log = log_of(&store);
    let former = fs::read(folder.path().join("keys")).unwrap();
    let ring = ring_of(folder.path());
    drop(store);
    let mut store = SqliteStore::open(options(folder.path(), ring)).unwrap();
    reader_wishes(&store);
    assert!(store.seal_anew().unwrap());
    let mut steps = 0;
    loop {
        drop(store);
        let ring = ring_of(folder.path());
        assert_eq!(ring.ids().len(), 2, "the new key is in the file before anything needs it");
        store = SqliteStore::open(options(folder.path(), ring)).unwrap();
        check_whole(&store, &log);
        steps += 1;
        if !store.seal_anew().unwrap() {
            break;
        }
    }
    assert!(steps > 10, "{steps}");
    check_whole(&store, &log);
    let in_use = "SELECT count(*) FROM seal_key";
    assert_eq!(number(store.connection().unwrap(), in_use, []).unwrap(), 1);
    drop(store);
    let only = tempfile::tempdir().unwrap();
    fs::write(only.path().join("keys"), former).unwrap();
    fs::set_permissions(
        only.path().join("keys"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let former = KeyRing::open(KeyFile::Apart(only.path().join("keys")), &[]).unwrap();
    let refused = SqliteStore::open(options(folder.path(), former)).map(|_| ());
    assert!(matches!(refused, Err(StoreError::Key(_))), "the former key opens nothing any more");
}

fn reader_wishes(store: &SqliteStore) {
    let reader: &dyn SealReader = &super::SqliteReader::new(std::sync::Arc::clone(&store.pool), 1);
    reader.wish_key().unwrap();
    let seals = reader.seals().unwrap();
    assert_eq!((seals.keys.len(), seals.sealing_anew), (1, false));
}
