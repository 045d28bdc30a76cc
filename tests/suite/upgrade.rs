//! A backlog that waits survives what an operator does meanwhile: another way to the gateway above, another
//! port, another token, an upgrade of the program, and the attempt to go back to an earlier one.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use end_to_end::{
    audit::{self, DATABASE},
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::wait_for,
    proxy::Proxy,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    fleet_alerts::alerts,
    fleet_days::{is_green, readings, trust},
    setup,
    uplink::{LINK, below, figure, listens, way, who},
};

fn measure(van: &Gateway, from: u64, count: u64) {
    let at = now() - 7200;
    let all: Vec<Value> = (from..from + count)
        .map(|seq| {
            let systolic = if seq % 50 == 0 { 206 } else { 128 };
            json!({
                "kind": "blood_pressure", "seq": seq, "epoch": 1, "device": "BPX", "site": "V03",
                "measured_at": instant(at + i64::try_from(seq).unwrap()), "systolic": systolic,
                "diastolic": 82, "unit": "mmHg", "person": format!("P{:06}", 1 + seq % 100),
            })
        })
        .collect();
    let told = van.post("/api/v1/readings", &format!("from {from}"), &json!(all)).json();
    let items = told["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["status"] == "stored"), "{told}");
}

/// Waits until some of the backlog is above and some of it is not.
fn wait_middle(van: &Gateway, line: &Proxy, bytes: u64) {
    let from = line.figures().0;
    wait_for(LINK, "the middle of the upload", || (line.figures().0 > from + bytes).then_some(()));
    assert_eq!(figure(van, "xunzhen_uplink_green"), Some(0), "the backlog waits");
}

#[test]
fn another_way_another_port_and_another_token_keep_the_backlog() {
    let folder = tempdir().unwrap();
    let centre_setup = setup(&folder.path().join("centre"));
    let mut centre = centre_setup.start();
    let van = setup(&folder.path().join("van"));
    van.start().stop();
    let (name, key) = who(&van);
    trust(&centre_setup, folder.path(), (&name, &key));
    let line = Proxy::start(listens(&centre, false));
    line.speed(64_000);
    // Each life with a token of its own, by the other way; the centre on other ports from the second on.
    for (life, mqtt) in [false, true, false, true].into_iter().enumerate() {
        if life > 0 {
            centre.stop();
            centre = centre_setup.start();
        }
        line.aim(listens(&centre, mqtt));
        let to = way(mqtt, line.address());
        let configured = below(van.clone(), &centre_setup, folder.path(), &to);
        let running = configured.start();
        measure(&running, u64::try_from(life).unwrap() * 200, 200);
        wait_middle(&running, &line, 5_000);
        running.stop();
    }
    line.speed(0);
    line.aim(listens(&centre, false));
    let to = way(false, line.address());
    let running = below(van, &centre_setup, folder.path(), &to).start();
    wait_for(LINK, "green", || is_green(&running).then_some(()));
    let (ours, theirs) = (readings(&running), readings(&centre));
    assert_eq!(ours.len(), 800);
    assert_eq!(ours, theirs);
    assert_eq!(alerts(&running), alerts(&centre));
    assert_eq!(figure(&running, "xunzhen_uplink_alarm"), Some(0));
    for gateway in [running, centre] {
        gateway.stop();
    }
    for store in ["van", "centre"] {
        let found = audit::itself(&folder.path().join(store));
        assert!(found.is_empty(), "{store}: {found:#?}");
    }
}

/// The stores that earlier formats wrote.
fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == "db")).collect()
}

/// A copy of a store as the data folder of a gateway.
fn folder_of(sample: &Path, folder: &Path) -> Setup {
    fs::create_dir(folder).unwrap();
    let private = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    private(folder, 0o700);
    let copy = folder.join(DATABASE);
    fs::copy(sample, &copy).unwrap();
    private(&copy, 0o600);
    // Samples of sealed formats are sealed under the key that the tests of the store use.
    let keys = folder.join("identity-keys");
    fs::write(&keys, format!("xzk1_{}\n", URL_SAFE_NO_PAD.encode([7; 32]))).unwrap();
    private(&keys, 0o600);
    setup(folder)
}

/// What a file says to SQLite, asked beside the gateway.
fn number(file: &Path, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_backlog_in_a_store_of_an_earlier_format_is_delivered_whole_by_the_program_of_today() {
    for sample in samples() {
        let folder = tempdir().unwrap();
        let van = folder_of(&sample, &folder.path().join("van"));
        let file = van.folder().join(DATABASE);
        let held = number(&file, "SELECT count(*) FROM reading");
        let waits = number(&file, "SELECT count(*) FROM quarantine");
        assert!(held > 0 && waits >= 0, "{}", sample.display());
        let centre_setup = setup(&folder.path().join("centre"));
        let centre = centre_setup.start();
        let (name, key) = who(&van);
        trust(&centre_setup, folder.path(), (&name, &key));
        let line = Proxy::start(listens(&centre, false));
        let to = way(false, line.address());
        let van = below(van, &centre_setup, folder.path(), &to).start();
        wait_for(LINK, "green", || is_green(&van).then_some(()));
        let all = |gateway: &Gateway| -> Vec<(String, Value)> {
            let all = gateway.list("/api/v1/readings?site=V03&limit=1000");
            let of =
                |it: &Value| (it["id"].as_str().unwrap().to_owned(), it["measured_at"].clone());
            let mut all: Vec<_> = all.iter().map(of).collect();
            all.sort_by(|one, other| one.0.cmp(&other.0));
            all
        };
        let (ours, theirs) = (all(&van), all(&centre));
        assert!(i64::try_from(ours.len()).unwrap() >= held - waits, "{} of {held}", ours.len());
        assert_eq!(ours, theirs, "{}", sample.display());
        van.stop();
        centre.stop();
        println!("{}: {held} readings delivered", sample.display());
    }
}

#[test]
fn a_store_of_a_later_format_is_refused_with_one_message_and_left_untouched() {
    let folder = tempdir().unwrap();
    let van = setup(&folder.path().join("van"));
    let running = van.start();
    measure(&running, 0, 10);
    running.stop();
    let file = van.folder().join(DATABASE);
    let format = number(&file, "PRAGMA user_version");
    rusqlite::Connection::open(&file)
        .unwrap()
        .execute_batch(&format!("PRAGMA user_version = {}", format + 1))
        .unwrap();
    let before = fs::read(&file).unwrap();
    let listed = || {
        let names = fs::read_dir(van.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let files = listed();
    let store = van.folder().display().to_string();
    let serve = ["serve", "--dev", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"];
    let ended = van.run(&[&serve[..], &["--data-dir", &store]].concat());
    assert!(!ended.status.success());
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    let says = format!("the store has format {}, this program knows up to {format}", format + 1);
    assert_eq!(told.matches(&says).count(), 1, "{told}");
    assert_eq!(fs::read(&file).unwrap(), before, "not a byte of it changed");
    assert_eq!(listed(), files);
    // The program that wrote it goes on with everything in it.
    rusqlite::Connection::open(&file)
        .unwrap()
        .execute_batch(&format!("PRAGMA user_version = {format}"))
        .unwrap();
    let again = van.start();
    assert_eq!(readings(&again).len(), 10);
    again.stop();
}
