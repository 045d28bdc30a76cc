//! What happens to people and no device measures: entered by the API and from files, judged among
//! the rest, the same after a kill and after a second import.

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

fn days_ago(days: i64) -> String {
    instant(now() - days * DAY)
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Imports a file; what the last line says of it.
#[track_caller]
fn import(setup: &Setup, kind: &str, path: &str) -> Value {
    let told = setup.run_well(&["registry", "import", "--kind", kind, path]);
    serde_json::from_str(told.lines().last().unwrap()).unwrap()
}

/// Hypertensive people of a lifted household, whose doctor is DR1.
fn people(setup: &Setup, folder: &Path) {
    let home = "household,village,doctor\nHX,North,DR1\n";
    import(setup, "households", &file(folder, "households.csv", home));
    let row = |number: u32| format!("R{number},Person {number},HX,htn,C1\n");
    let rows: String = (1..=4).map(row).collect();
    let people = format!("person,name,household,diagnoses,cohorts\n{rows}");
    import(setup, "people", &file(folder, "people.csv", &people));
}

#[track_caller]
fn follow_up(gateway: &Gateway, person: &str, days: i64, (systolic, diastolic): (u16, u16)) {
    let body = json!({"at": days_ago(days), "systolic": systolic, "diastolic": diastolic});
    let path = format!("/api/v1/people/{person}/follow-ups");
    let answer = gateway.post(&path, &format!("{person} {days} {systolic}"), &body);
    assert_eq!(answer.json()["status"], "stored", "{}", answer.body);
}

/// A person's alerts as they stand, by concept.
fn alerts(gateway: &Gateway) -> Vec<String> {
    let mut all = Vec::new();
    for person in ["R1", "R2", "R3", "R4"] {
        for alert in gateway.list(&format!("/api/v1/alerts?person={person}")) {
            let text = |name: &str| alert[name].as_str().unwrap_or("nobody").to_owned();
            let [concept, level, state] = ["concept", "level", "state"].map(text);
            all.push(format!("{person} {concept} {level} {state} {}", text("id")));
        }
    }
    all.sort();
    all
}

#[track_caller]
fn check(gateway: &Gateway, person: &str, concept: &str, level: &str) {
    let found = gateway.list(&format!("/api/v1/alerts?state=live&person={person}"));
    let found: Vec<_> = found.iter().filter(|alert| alert["concept"] == concept).collect();
    let [alert] = found.as_slice() else { panic!("{person} {concept}: {found:?}") };
    assert_eq!((&alert["level"], &alert["owner"]), (&json!(level), &owner()), "{alert}");
}

fn owner() -> Value {
    json!("DR1")
}

#[test]
fn follow_ups_and_money_open_their_lines_and_a_kill_or_a_second_import_changes_nothing() {
    let folder = tempdir().unwrap();
    let setup = setup(&folder.path().join("store"));
    let gateway = setup.start();
    people(&setup, folder.path());

    let body = json!({"at": days_ago(20), "profile": "xian-2025", "kind": "year_to_date",
        "yuan": 12_000.5});
    let answer = gateway.post("/api/v1/people/R1/money", "m1", &body);
    assert_eq!(answer.json()["status"], "stored", "{}", answer.body);
    check(&gateway, "R1", "oop_line", "orange");

    let rows = format!(
        "\u{feff}person,at,profile,kind,yuan,clerk\nR2,{},xian-2025,year_to_date,10001,Li\n\
         R2,{},county-example,outpatient_month,100,Li\n",
        days_ago(9),
        days_ago(8)
    );
    let money = file(folder.path(), "money.csv", &rows);
    let told = import(&setup, "money", &money);
    assert_eq!((&told["entered"], &told["rejected"]), (&json!(2), &json!(0)), "{told}");
    assert_eq!(told["ignored_columns"], json!(["clerk"]));
    check(&gateway, "R2", "oop_line", "orange");

    // Two follow-ups in a row over the line: with the money that is two points.
    follow_up(&gateway, "R1", 10, (152, 94));
    check(&gateway, "R1", "bp_uncontrolled_first", "yellow");
    let rows = format!("person,at,systolic,diastolic\nR1,{},150,92\n", days_ago(3));
    let visits = file(folder.path(), "visits.csv", &rows);
    assert_eq!(import(&setup, "follow_ups", &visits)["entered"], 1);
    check(&gateway, "R1", "bp_uncontrolled_repeat", "orange");
    check(&gateway, "R1", "poverty_relapse_risk", "orange");

    follow_up(&gateway, "R3", 0, (182, 112));
    check(&gateway, "R3", "bp_emergency", "red");

    // One that comes late makes the one after it the second in a row.
    follow_up(&gateway, "R4", 5, (150, 95));
    check(&gateway, "R4", "bp_uncontrolled_first", "yellow");
    follow_up(&gateway, "R4", 9, (151, 95));
    check(&gateway, "R4", "bp_uncontrolled_repeat", "orange");

    let red = gateway.list("/api/v1/alerts?state=live&person=R3");
    let ack = format!("/api/v1/alerts/{}/ack", red[0]["id"].as_str().unwrap());
    assert_eq!(gateway.post(&ack, "a1", &json!({})).status, 200);
    let before = alerts(&gateway);
    gateway.kill();

    let gateway = setup.start();
    assert_eq!(alerts(&gateway), before);
    for (kind, path) in [("money", &money), ("follow_ups", &visits)] {
        let told = import(&setup, kind, path);
        assert_eq!((&told["entered"], &told["unchanged"]), (&json!(0), &told["read"]), "{told}");
    }
    assert_eq!(alerts(&gateway), before);
    // What comes after the start goes on from what came before it.
    follow_up(&gateway, "R2", 1, (120, 78));
    assert_eq!(alerts(&gateway), before);
    gateway.stop();
    assert_eq!(audit::itself(setup.folder()), Vec::<String>::new());
    setup.run_well(&["db", "check"]);
}

#[test]
fn rows_that_are_none_are_written_with_their_reason_and_a_dry_run_enters_nothing() {
    let folder = tempdir().unwrap();
    let setup = setup(&folder.path().join("store"));
    let gateway = setup.start();
    people(&setup, folder.path());
    let day = days_ago(2);
    let rows = format!(
        "person,at,profile,kind,yuan\nR1,{day},xian-2025,year_to_date,20000\n\
         NOBODY,{day},xian-2025,year_to_date,20000\nR2,{day},xian,year_to_date,20000\n\
         R2,{},xian-2025,year_to_date,20000\nR2,{day},xian-2025,year_to_date,much\n",
        instant(now() + 2 * DAY)
    );
    let path = file(folder.path(), "money.csv", &rows);
    let store = setup.folder().display().to_string();
    let run = |more: &[&str]| {
        let arguments = ["registry", "import", "--kind", "money", &path, "--data-dir", &store];
        let output = setup.run(&[&arguments[..], more].concat());
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str::<Value>(told.lines().last().unwrap()).unwrap()
    };
    let told = run(&["--dry-run"]);
    assert_eq!((&told["entered"], &told["rejected"]), (&json!(0), &json!(4)), "{told}");
    assert!(gateway.list("/api/v1/alerts?person=R1").is_empty());
    let told = run(&[]);
    assert_eq!((&told["entered"], &told["rejected"]), (&json!(1), &json!(4)), "{told}");
    let rejects = fs::read_to_string(format!("{path}.rejects.csv")).unwrap();
    for reason in ["NOBODY", "county-example, xian-2025", "时间在将来", "yuan"] {
        assert!(rejects.contains(reason), "{reason}: {rejects}");
    }
    assert_eq!(rejects.lines().count(), 5, "{rejects}");
    check(&gateway, "R1", "oop_line", "orange");
    gateway.stop();
}
