//! What is on disk after a kill, a cut, a full disk, a copy: real files, real processes.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{FORMAT_VERSION, Options, SqliteStore, files, restore_backup, verify_backup};
use crate::{
    domain::Level,
    store::{
        AlertChange, Change, CommitSeq, Done, Fact, Outcome, Status, Store, StoreError,
        fixtures::{
            NOON, alert, commit, counted, crossing, event, household, key, person, quarantined,
            reading_fact, refused, site,
        },
    },
};

/// Tells the test binary that it is the process to be killed, and in which folder.
const CHILD: &str = "XUNZHEN_STORE_CHILD";
const KILLS: u64 = 12;
/// Readings of a unit, so large that a unit is many pages.
const UNIT: u64 = 40;

fn ring() -> super::KeyRing {
    super::KeyRing::for_tests(7)
}

fn unit_of(number: u64) -> Vec<Fact> {
    let first = number * UNIT;
    (first..first + UNIT).map(|reading| reading_fact(reading, "P1", "clinic1", 0)).collect()
}

fn add_unit(store: &mut dyn Store, number: u64) -> CommitSeq {
    commit(store, &unit_of(number), &[])
}

#[track_caller]
fn check_sound(store: &SqliteStore) {
    assert_eq!(store.reader().recount().unwrap(), Vec::<String>::new());
}

/// How many units are there; all of each, or none of it.
#[track_caller]
fn whole_units(store: &mut SqliteStore) -> u64 {
    check_sound(store);
    let readings = u64::try_from(store.reader().last().unwrap().0).unwrap();
    assert_eq!(readings % UNIT, 0, "half a unit is there");
    let mut unit = store.begin(NOON).unwrap();
    let ids: Vec<_> = (0..readings).map(key).collect();
    assert!(unit.held(&ids).unwrap().iter().all(Option::is_some), "a reading is missing");
    readings / UNIT
}

/// Not a test of its own: commits units and says so, until it is killed.
#[test]
fn child_that_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let mut store = SqliteStore::open(Options::new(folder)).unwrap();
    let mut number = whole_units(&mut store);
    loop {
        add_unit(&mut store, number);
        writeln!(std::io::stdout(), "acknowledged {number}").unwrap();
        number += 1;
        if number.is_multiple_of(3) {
            store.roll_up(50).unwrap();
            store.checkpoint().unwrap();
        }
    }
}

fn start_child(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "store::sqlite::durability::child_that_is_killed", "--nocapture"]);
    command.env(CHILD, folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let mut child = start_child(folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut patience = 1 + kill * 7 % 11;
        for line in lines.by_ref().map(Result::unwrap) {
            if let Some(number) = line.split("acknowledged ").nth(1) {
                acknowledged = number.parse::<u64>().unwrap() + 1;
                patience -= 1;
                if patience == 0 {
                    break;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said after our last look counts as well.
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.split("acknowledged ").nth(1) {
                acknowledged = number.parse::<u64>().map_or(acknowledged, |number| number + 1);
            }
        }
        let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
        let found = whole_units(&mut store);
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "kill {kill}: {acknowledged} units acknowledged, {found} found"
        );
    }
    assert!(acknowledged > KILLS, "the child did nothing");
}

#[test]
fn a_cut_or_bent_write_ahead_file_loses_only_whole_units_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
    for number in 0..6 {
        add_unit(&mut store, number);
    }
    let wal_name = "xunzhen.db-wal";
    let wal = fs::read(folder.path().join(wal_name)).unwrap();
    let database = fs::read(folder.path().join(files::DATABASE)).unwrap();
    let check = |bytes: &[u8]| {
        let torn = tempfile::tempdir().unwrap();
        fs::write(torn.path().join(files::DATABASE), &database).unwrap();
        fs::write(torn.path().join(wal_name), bytes).unwrap();
        super::modes::shut(torn.path());
        let mut store = SqliteStore::open(Options::new(torn.path())).unwrap();
        let found = whole_units(&mut store);
        // What a power cut leaves is not kept; damage before the last commit is, as it was found.
        let kept = fs::read(torn.path().join(format!("{wal_name}.damaged-1"))).ok();
        let is_bent = bytes.len() == wal.len() && bytes != wal;
        assert_eq!(kept.as_deref(), is_bent.then_some(bytes));
        add_unit(&mut store, found);
        drop(store);
        let mut again = SqliteStore::open(Options::new(torn.path())).unwrap();
        assert_eq!(whole_units(&mut again), found + 1);
        found
    };
    let mut least = 6;
    for cut in [0, 1, 4097, 20_001, wal.len() / 2, wal.len() - 1] {
        let found = check(&wal[..wal.len() - cut]);
        assert!(found <= least, "a shorter file held more units");
        assert_eq!(found == 6, cut == 0, "{found} units with {cut} bytes cut off");
        least = found;
    }
    assert!(least < 6);
    let mut bent = wal.clone();
    let middle = bent.len() / 2;
    bent[middle] ^= 1;
    assert!(check(&bent) < 6, "a bent bit was served as good");
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let quota = Options { pages_max: Some(150), ..Options::new(folder.path()) };
    let mut store = SqliteStore::open(quota).unwrap();
    let mut number = 0;
    let full = loop {
        let mut unit = store.begin(NOON).unwrap();
        let facts = unit_of(number);
        let done = unit.append(&facts).and_then(|_| {
            unit.change(&[Change::Count(counted(&facts))])?;
            unit.commit()
        });
        match done {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
        assert!(number < 1000, "the quota had no effect");
    };
    assert!(full.is_full(), "{full:?}");
    assert!(number > 0);
    assert_eq!(whole_units(&mut store), number);
    assert!(store.begin(NOON).unwrap().append(&unit_of(number)).is_err_and(|e| e.is_full()));
    store.reopen().unwrap();
    store.options.pages_max = None;
    store.reopen().unwrap();
    add_unit(&mut store, number);
    assert_eq!(whole_units(&mut store), number + 1);
}

fn filled(folder: &Path) -> SqliteStore {
    let mut store = SqliteStore::open(Options::new(folder)).unwrap();
    let raised = alert(1, "P1", Some("DR1"), Level::Red);
    let facts = [
        site("clinic1", "North", "Qingshi", "Yun"),
        household("H1", "North", Some("DR1")),
        person("P1", Some("H1"), ""),
        reading_fact(1, "P1", "clinic1", 0),
        reading_fact(2, "P1", "clinic1", 5),
        event(&raised, AlertChange::Opened),
        crossing(key(1), &raised),
        quarantined(3, None, "clinic1"),
        refused(None),
    ];
    commit(&mut store, &facts, &[Change::Alert(Box::new(raised))]);
    store.roll_up(1000).unwrap();
    store
}

#[test]
fn a_copy_brings_everything_back_under_a_new_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder.path().join("store"));
    let copy = folder.path().join("copy.db");
    store.reader().back_up(&copy).unwrap();
    let over = store.reader().back_up(&copy);
    assert!(matches!(over, Err(StoreError::File { .. })), "written over: {over:?}");
    let verified = verify_backup(&copy, &ring()).unwrap();
    assert_eq!((verified.readings, verified.alerts, verified.people), (2, 1, 1));
    assert_eq!(verified.last, store.reader().last().unwrap());
    let back = folder.path().join("back");
    assert_eq!(restore_backup(&copy, &back, &ring()).unwrap(), verified);
    assert!(restore_backup(&copy, &back, &ring()).is_err(), "restored over another store");
    let restored = SqliteStore::open(Options::new(&back)).unwrap();
    let feed = |store: &SqliteStore| store.reader().feed(CommitSeq(0), 100).unwrap();
    assert_eq!(feed(&restored), feed(&store));
    let gateway = |store: &SqliteStore| store.reader().gateway().unwrap();
    assert_eq!(gateway(&restored).0, gateway(&store).0);
    assert_ne!(gateway(&restored).1, gateway(&store).1, "numbers would be given twice");
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["back", "copy.db", "store"], "something partial was left behind");
}

#[test]
fn a_damaged_copy_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder.path().join("store"));
    let copy = folder.path().join("copy.db");
    store.reader().back_up(&copy).unwrap();
    let good = fs::read(&copy).unwrap();
    let bad = folder.path().join("bad.db");
    let mut tampered = good.clone();
    let at = tampered.windows(7).rposition(|window| window == b"clinic1").unwrap();
    tampered[at] = b'k';
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("no store", b"SQLite format 4\0".to_vec()),
        ("cut", good[..good.len() / 2].to_vec()),
        ("tampered", tampered),
    ] {
        fs::write(&bad, bytes).unwrap();
        assert!(verify_backup(&bad, &ring()).is_err(), "{what}");
        let back = folder.path().join("back");
        assert!(restore_backup(&bad, &back, &ring()).is_err(), "{what}");
        let left = fs::read_dir(&back).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{what}: {left} files left");
    }
}

#[test]
fn a_recount_finds_every_number_that_was_bent() {
    for bend in [
        "UPDATE rollup SET readings = readings + 1",
        "DELETE FROM rollup",
        "UPDATE day_place SET people = 5",
        "DELETE FROM day_person",
        "DELETE FROM route WHERE kind = 1",
        "UPDATE village SET people = 7",
        "UPDATE person SET village = 'Elsewhere'",
        "UPDATE person SET seq = 1",
        "UPDATE site_state SET quarantined = 0",
        "UPDATE alert SET level = 1",
        "UPDATE reading SET told_symptoms = '[\"palpitation\"]'",
        "UPDATE alert SET live = 0",
        "DELETE FROM alert",
        "DELETE FROM alert_owner",
        "UPDATE crossing SET disposition = 'lost'",
        "UPDATE crossing SET reading = x'00'",
        "DELETE FROM reading WHERE seq = 5",
        "UPDATE state SET last = last + 1",
        "UPDATE state SET received = received + 1",
        "UPDATE state SET stored = stored - 1, duplicate = duplicate + 1",
        "DELETE FROM quarantine",
        "UPDATE follower SET seq = 99",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = filled(folder.path());
        check_sound(&store);
        store.connection().unwrap().execute_batch(bend).unwrap();
        assert_ne!(store.reader().recount().unwrap(), Vec::<String>::new(), "{bend}");
    }
}

#[test]
fn a_folder_has_one_holder_and_no_other_readers() {
    use std::os::unix::fs::PermissionsExt;
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("store");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let store = filled(&folder);
    let second = SqliteStore::open(Options::new(&folder));
    assert!(matches!(second, Err(StoreError::Locked { .. })), "{second:?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for name in ["lock", "xunzhen.db", "xunzhen.db-wal", "xunzhen.db-shm"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    drop(store);
    let again = SqliteStore::open(Options::new(&folder)).unwrap();
    assert_eq!(again.reader().last().unwrap(), CommitSeq(9));
}

#[test]
fn answers_of_the_first_format_are_still_known() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection.execute_batch(include_str!("schema/0001_first.sql")).unwrap();
    connection.pragma_update(None, "application_id", 0x5855_4e5a).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let id = "0123456789abcdef0123456789abcdef";
    let delivered = format!(
        r#"{{"items":[{{"id":"{id}","status":"stored","reason":null}},
        {{"id":null,"status":"refused","reason":"json: \"中\""}}]}}"#
    );
    let sql = "INSERT INTO answer (key, request, status, body, at) VALUES (?, ?, 200, ?, ?)";
    for (key, body) in [("D", delivered.as_str()), ("A", r#"{"id":"x","commit":41}"#)] {
        connection
            .execute(sql, rusqlite::params![key, [7_u8; 16], body, NOON.as_millis()])
            .unwrap();
    }
    super::seal::install(&connection, &ring()).unwrap();
    super::schema::bring_up(&connection, (super::Keys::System, &ring())).unwrap();
    let done = |key| super::answer::find(&connection, key, NOON).unwrap().unwrap().done;
    assert_eq!(done("A"), Done::Acted(CommitSeq(41)));
    let refused = Some("json: \"中\"".to_owned());
    let outcomes = vec![
        Outcome { id: Some(id.parse().unwrap()), status: Status::Stored, reason: None },
        Outcome { id: None, status: Status::Refused, reason: refused },
    ];
    assert_eq!(done("D"), Done::Delivered(outcomes));
}

#[test]
fn a_file_of_a_newer_or_another_program_is_left_alone() {
    for (pragma, newer) in [("user_version = 99", true), ("application_id = 7", false)] {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path()));
        let database = folder.path().join(files::DATABASE);
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection.execute_batch(&format!("PRAGMA {pragma}")).unwrap();
        drop(connection);
        let opened = SqliteStore::open(Options::new(folder.path())).map(|_| ());
        match opened {
            Err(StoreError::Newer { found, known }) => {
                assert!(newer && (found, known) == (99, FORMAT_VERSION));
            }
            Err(StoreError::Damaged { .. }) => assert!(!newer),
            other => panic!("{pragma}: {other:?}"),
        }
    }
}

#[test]
fn every_commit_is_synced_and_no_checkpoint_is_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(folder.path())).unwrap();
    let pragma = |name: &str| {
        let connection = store.connection().unwrap();
        super::row::number(connection, &format!("PRAGMA {name}"), []).unwrap()
    };
    assert_eq!(pragma("synchronous"), 2, "FULL");
    assert_eq!(pragma("wal_autocheckpoint"), 0);
    assert_eq!(pragma("mmap_size"), 0);
    let wal = fs::metadata(folder.path().join("xunzhen.db-wal")).unwrap();
    assert_eq!(wal.len(), 0, "a new store rests on its write-ahead file alone");
}

#[test]
fn readers_see_only_what_is_committed_and_are_never_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
    let reader = store.reader();
    let mut unit = store.begin(NOON).unwrap();
    unit.append(&unit_of(0)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(reader.last().unwrap(), CommitSeq(0)));
        }
    });
    unit.change(&[Change::Count(counted(&unit_of(0)))]).unwrap();
    unit.commit().unwrap();
    assert_eq!(reader.last().unwrap().0, i64::try_from(UNIT).unwrap());
    store.reopen().unwrap();
    assert_eq!(whole_units(&mut store), 1);
}
