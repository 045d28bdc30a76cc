//! The gateway's own clock jumps (trust/FAULTS.md F10): an hour, a day, back, over a restart and while
//! it runs. Nothing is lost, no deadline fires for it, and what came by the wrong clock moves.
#![cfg(feature = "faults")]

use std::{fs, path::Path};

use end_to_end::{
    audit,
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::{PATIENCE, wait_for},
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::setup;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A gateway whose clock is off by the seconds in a file.
struct Van {
    folder: tempfile::TempDir,
    setup: Setup,
}

impl Van {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let file = folder.path().join("clock").display().to_string();
        let setup = setup(&folder.path().join("store")).with("XUNZHEN_CLOCK_FILE", &file);
        Self { folder, setup }
    }

    fn set(&self, seconds: i64) {
        let (file, new) = (self.folder.path().join("clock"), self.folder.path().join("new"));
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(new, file).unwrap();
    }

    fn store(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }
}

/// A reading that its sender, whose clock is right, took just now.
fn post(gateway: &Gateway, seq: u64, systolic: u32) {
    let reading = json!({"kind": "blood_pressure", "device": "cuff-1", "site": "home", "seq": seq,
        "epoch": 1, "measured_at": instant(now()), "systolic": systolic, "diastolic": 75,
        "unit": "mmHg", "person": "P000001", "setting": "home"});
    let answer = gateway.post("/api/v1/readings", &format!("reading-{seq}"), &reading);
    assert_eq!(answer.json()["items"][0]["status"], "stored", "{}", answer.body);
}

fn readings(gateway: &Gateway) -> Vec<Value> {
    let mut readings = gateway.list("/api/v1/readings?person=P000001");
    readings.sort_by_key(|reading| reading["seq"].as_u64());
    readings
}

fn grades(gateway: &Gateway) -> Vec<String> {
    let grade = |reading: &Value| reading["grade"].as_str().unwrap().to_owned();
    readings(gateway).iter().map(grade).collect()
}

fn wait_for_grades(gateway: &Gateway, expected: &[&str]) {
    let mut last = Vec::new();
    let same = || {
        last = grades(gateway);
        (last == expected).then_some(())
    };
    wait_for(PATIENCE, &format!("{expected:?}"), same);
}

/// How many facts say that the clock was set, in the store's file.
fn settings(folder: &Path) -> i64 {
    let connection = rusqlite::Connection::open(folder.join(audit::DATABASE)).unwrap();
    let sql = "SELECT count(*) FROM gateway_clock WHERE since IS NOT NULL";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// When the red alert's step is over, in the store's file.
fn deadline_ms(folder: &Path) -> i64 {
    let connection = rusqlite::Connection::open(folder.join(audit::DATABASE)).unwrap();
    let sql = "SELECT max(deadline) FROM alert WHERE live = 1 AND level = 3";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn ended_well(van: &Van, gateway: Gateway) {
    gateway.stop();
    let found = audit::itself(&van.store());
    assert!(found.is_empty(), "{found:#?}");
    let connection = rusqlite::Connection::open(van.store().join(audit::DATABASE)).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM alert_event WHERE change = 'escalated'"), 0);
    let again = "SELECT count(*) FROM (SELECT seq, lag(seq) OVER (ORDER BY seq) AS before \
                 FROM reading) WHERE seq <= before";
    assert_eq!(count(again), 0, "positions only grow");
}

#[test]
fn a_clock_that_is_an_hour_behind_is_set_and_the_session_moves_with_it() {
    let van = Van::new();
    van.set(-HOUR);
    let gateway = van.setup.start();
    post(&gateway, 1, 196);
    post(&gateway, 2, 120);
    assert_eq!(grades(&gateway), ["D", "D"], "the sender seems to be an hour ahead");
    let (before, opened) = (readings(&gateway), gateway.alerts("state=open", 2));
    let known_at = before[1]["server_at"].as_str().unwrap().replace('+', "%2B");
    van.set(0);
    wait_for_grades(&gateway, &["A", "A"]);
    let after = readings(&gateway);
    for (before, after) in before.iter().zip(&after) {
        for same in ["id", "received_at", "server_at", "device_time", "commit", "systolic"] {
            assert_eq!(before[same], after[same], "{same}");
        }
        assert_ne!(before["measured_at"], after["measured_at"]);
        assert!(after["rebased_at"].is_string(), "{after}");
    }
    let path = |query: &str| format!("/api/v1/people/P000001/timeline?limit=50{query}");
    let of = |kind: &str, items: &[Value]| {
        items.iter().filter(|item| item["kind"] == kind).cloned().collect::<Vec<_>>()
    };
    let now_known = gateway.get_json(&path(""));
    let corrections = of("correction", now_known["items"].as_array().unwrap());
    assert_eq!(corrections.len(), 2, "{now_known}");
    assert_eq!(corrections[0]["correction"]["what"], "retimed");
    let then = gateway.get_json(&path(&format!("&as_of={known_at}")));
    let then = of("reading", then["items"].as_array().unwrap());
    let told: Vec<_> = then.iter().map(|item| &item["reading"]["grade"]).collect();
    assert_eq!(told, ["D", "D"], "as it was known before");
    let red = |alerts: &[Value]| alerts.iter().find(|a| a["level"] == "red").unwrap().clone();
    let (was, is) = (red(&opened), red(&gateway.alerts("state=open&level=red", 1)));
    assert_eq!((&was["id"], &was["owner"]), (&is["id"], &is["owner"]));
    assert_ne!(was["deadline"], is["deadline"], "the deadline keeps its length");
    ended_well(&van, gateway);
    assert_eq!(settings(&van.store()), 1);
}

#[test]
fn jumps_of_an_hour_and_a_day_and_back_while_it_runs_escalate_nothing_and_lose_nothing() {
    let van = Van::new();
    van.set(0);
    let gateway = van.setup.start();
    post(&gateway, 1, 196);
    let red = gateway.alerts("state=open&level=red", 1).remove(0);
    let deadline = deadline_ms(&van.store());
    let mut seq = 1;
    for jump in [HOUR, 0, DAY, 0] {
        van.set(jump);
        let done = i64::try_from(seq).unwrap();
        wait_for(PATIENCE, "the setting is noticed", || {
            (settings(&van.store()) == done).then_some(())
        });
        seq += 1;
        post(&gateway, seq, 120);
        let still = gateway.alerts("state=open&level=red", 1).remove(0);
        assert_eq!((&still["id"], &still["owner"]), (&red["id"], &red["owner"]));
    }
    let moved = deadline_ms(&van.store()) - deadline;
    assert!(moved.abs() <= 2000, "{moved} ms");
    assert_eq!(readings(&gateway).len(), 5);
    ended_well(&van, gateway);
}

#[test]
fn a_clock_that_runs_back_over_a_restart_is_doubted_until_it_is_set() {
    let van = Van::new();
    van.set(DAY);
    let gateway = van.setup.start();
    post(&gateway, 1, 120);
    gateway.kill();
    van.set(0);
    let gateway = van.setup.start();
    post(&gateway, 2, 120);
    assert_eq!(grades(&gateway)[1], "C", "only its order is known");
    van.set(DAY);
    wait_for(PATIENCE, "a setting", || (settings(&van.store()) == 1).then_some(()));
    assert_eq!(grades(&gateway)[1], "B");
    gateway.kill();
    van.set(0);
    let always = van.setup.clone().with("XUNZHEN__CLOCK__TRUST", "always");
    let gateway = always.start();
    post(&gateway, 3, 120);
    assert_eq!(grades(&gateway)[2], "A", "somebody says that it is right");
    ended_well(&van, gateway);
}

/// What was done about the red alert, when it is said to have been, in the order of the log.
fn steps(gateway: &Gateway, id: &str) -> Vec<(String, i64)> {
    let alert = gateway.get_json(&format!("/api/v1/alerts/{id}"));
    let steps = alert["history"].as_array().unwrap_or_else(|| panic!("{alert}")).iter();
    let told = |step: &Value| {
        let at = xunzhen::domain::Timestamp::parse(step["at"].as_str().unwrap()).unwrap();
        (step["kind"].as_str().unwrap().to_owned(), at.as_millis() / 1000)
    };
    steps.map(told).collect()
}

/// An alert that was seen to on a van whose clock lost its battery stays seen to once the clock is set.
#[test]
fn what_was_done_by_a_clock_two_years_behind_stays_done_once_it_is_set() {
    let van = Van::new();
    van.set(0);
    let gateway = van.setup.start();
    post(&gateway, 1, 120);
    gateway.stop();
    van.set(-731 * DAY);
    let gateway = van.setup.start();
    post(&gateway, 2, 196);
    let red = gateway.alerts("state=open&level=red", 1).remove(0);
    let id = red["id"].as_str().unwrap();
    let act = |what: &str, body: &Value| {
        let answer = gateway.post(&format!("/api/v1/alerts/{id}/{what}"), what, body);
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
    };
    act("ack", &json!({}));
    // By a telephone that knows the time.
    let visited = json!({"at": instant(now()), "home": true, "reason": "asleep"});
    let answer = gateway.post(&format!("/api/v1/alerts/{id}/visit"), "phone", &visited);
    assert_eq!(answer.status, 200, "{}", answer.body);
    act("visit", &json!({"at": instant(now() - 731 * DAY), "home": true, "reason": "asleep"}));
    act("outcome", &json!({"code": "closed", "reason": "seen"}));
    van.set(0);
    wait_for(PATIENCE, "a setting", || (settings(&van.store()) == 1).then_some(()));
    wait_for_grades(&gateway, &["A", "A"]);
    assert_eq!(gateway.get_json(&format!("/api/v1/alerts/{id}"))["state"], "closed");
    assert!(gateway.alerts("state=open&level=red", 0).is_empty(), "it is not open again");
    let steps = steps(&gateway, id);
    assert!(steps.iter().all(|(_, at)| (now() - at).abs() < HOUR), "{steps:?}");
    assert!(steps.iter().any(|(change, _)| change == "acknowledged"), "{steps:?}");
    ended_well(&van, gateway);
}
