//! Whoever is registered and never measured is missed on the pack's day (LINES MM-1, MM-2), through
//! kills and starts, by the whole process with its clock set ahead.
#![cfg(feature = "faults")]

use std::{fs, path::Path};

use end_to_end::{
    audit,
    gateway::{Gateway, Setup},
    ledger::{instant, now},
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::setup;

const DAY: i64 = 24 * 3600;
const HOUR: i64 = 3600;

/// N has hypertension and nothing else, so the pack's C0 counts: prompted after 91 days, told to the
/// doctor after 120. M is the same and is measured on day 50. W is monitored: 8 and 14 days.
const PEOPLE: &str = "person,name,village,diagnoses,cohorts,enrolled\n\
                      N,Never,North,htn,,2019-05-01\n\
                      M,Measured,North,htn,,\n\
                      W,Watched,North,,C2,\n";

fn imported(folder: &Path) -> Setup {
    let setup = setup(&folder.join("store"));
    let people = folder.join("people.csv");
    fs::write(&people, PEOPLE).unwrap();
    setup.run_well(&["registry", "import", "--kind", "people", &people.display().to_string()]);
    setup
}

/// The gateway, so many seconds after the import.
fn later(setup: &Setup, seconds: i64) -> Gateway {
    setup.clone().with("XUNZHEN_CLOCK_AHEAD", &seconds.to_string()).start()
}

fn measure(gateway: &Gateway, person: &str, ahead: i64) {
    let reading = json!({"kind": "blood_pressure", "device": "cuff-1", "site": "home", "seq": 1,
        "epoch": 1, "measured_at": instant(now() + ahead), "systolic": 120, "diastolic": 75,
        "unit": "mmHg", "person": person, "setting": "home"});
    let answer = gateway.post("/api/v1/readings", "measure", &reading);
    assert_eq!(answer.json()["items"][0]["status"], "stored", "{}", answer.body);
}

/// Concept and id of the alerts of a person, once there are so many.
fn told(gateway: &Gateway, person: &str, count: usize) -> Vec<(String, String)> {
    let mut alerts = gateway.alerts(&format!("person={person}"), count);
    alerts.sort_by_key(|alert| alert["concept"].to_string());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    alerts.iter().map(|alert| (text(&alert["concept"]), text(&alert["id"]))).collect()
}

#[test]
fn who_is_never_measured_is_missed_on_the_day_through_kills_and_starts() {
    let folder = tempdir().unwrap();
    let setup = imported(folder.path());
    // W is due before the others: once W is told, everybody due by then has been looked at.
    let gateway = later(&setup, 0);
    gateway.kill();
    let gateway = later(&setup, 8 * DAY);
    let monitored = told(&gateway, "W", 1);
    assert_eq!(monitored[0].0, "missed");
    gateway.kill();
    let gateway = later(&setup, 50 * DAY);
    assert_eq!(told(&gateway, "W", 2)[0], monitored[0], "the same alert after a kill");
    measure(&gateway, "M", 50 * DAY);
    gateway.kill();
    let gateway = later(&setup, 91 * DAY - HOUR);
    assert_eq!(told(&gateway, "W", 2).len(), 2);
    assert!(gateway.list("/api/v1/alerts?person=N").is_empty(), "an hour too early");
    gateway.kill();
    let gateway = later(&setup, 91 * DAY);
    let missed = told(&gateway, "N", 1);
    assert_eq!(missed[0].0, "missed");
    let alert = gateway.get_json(&format!("/api/v1/alerts/{}", missed[0].1));
    assert!(alert["reasons"].to_string().contains("91 days"), "{alert}");
    gateway.kill();
    let gateway = later(&setup, 121 * DAY);
    let both = told(&gateway, "N", 2);
    assert_eq!((&both[0], both[1].0.as_str()), (&missed[0], "missed_doctor"));
    assert!(gateway.list("/api/v1/alerts?person=M").is_empty(), "M was measured");
    gateway.stop();
    let found = audit::itself(&folder.path().join("store"));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_was_due_while_the_gateway_was_off_opens_at_the_start_once() {
    let folder = tempdir().unwrap();
    let setup = imported(folder.path());
    let gateway = later(&setup, 130 * DAY);
    let both = told(&gateway, "N", 2);
    assert_eq!((both[0].0.as_str(), both[1].0.as_str()), ("missed", "missed_doctor"));
    let alert = gateway.get_json(&format!("/api/v1/alerts/{}", both[1].1));
    assert_eq!((&alert["level"], &alert["late"]), (&json!("yellow"), &json!(true)), "{alert}");
    gateway.kill();
    let gateway = later(&setup, 131 * DAY);
    assert_eq!(told(&gateway, "N", 2), both);
    // Everybody comes, and whoever leaves is missed no more.
    measure(&gateway, "W", 131 * DAY);
    let people = folder.path().join("people.csv");
    fs::write(&people, PEOPLE.replace("N,Never,North,htn", "N,Never,North,")).unwrap();
    setup.run_well(&["registry", "import", "--kind", "people", &people.display().to_string()]);
    for person in ["N", "W"] {
        let open = format!("person={person}&state=open");
        assert_eq!(gateway.alerts(&open, 0), Vec::<Value>::new());
    }
    gateway.stop();
    let found = audit::itself(&folder.path().join("store"));
    assert!(found.is_empty(), "{found:#?}");
}
