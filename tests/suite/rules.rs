//! The life of a rule pack (issue 3, part 4): checked, compared over the past, run beside.

use std::{fs, path::Path, process::Output};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::{PATIENCE, wait_for},
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::setup;

/// A pack that may be put in force, stricter than the built-in one in its first line.
const STRICT: &str = r#"{"pack": "trial", "version": "1",
    "lines": {"bp_emergency": {"sbp_ge": 175}}, "sources": {"/lines": "a test"}}"#;

fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("pack.json");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[track_caller]
fn check(setup: &Setup, arguments: &[&str], code: i32) -> String {
    let Output { status, stdout, stderr } = setup.run(arguments);
    let told = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(code), "{arguments:?}: {told}");
    told
}

#[test]
fn serve_refuses_what_rules_check_refuses_and_tells_every_problem_with_its_line() {
    let folder = tempdir().unwrap();
    let setup = setup(&folder.path().join("store"));
    let wrong = "{\n\"version\": \"2\",\n\"lines\": {\"bp_emergency\": {\"sbp_ge\": 181},\n\
                 \"bp_grade2\": {\"sbp_ge\": 158}},\n\"rules\": {\"no_such\": {}}}";
    let path = file(folder.path(), wrong);
    let problems = [
        "line 3: /lines/bp_emergency/sbp_ge: 181 loosens the emergency floor 180",
        "line 4: /lines/bp_grade2/sbp_ge: 158 has no source",
        "line 5: /rules/no_such: unknown predicate",
        "没有注明出处",
    ];
    let served = setup.clone().with("XUNZHEN__PACK__FILE", &path);
    for told in [
        check(&setup, &["rules", "check", &path], 1),
        check(&served, &["serve", "--dev", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"], 78),
        check(&served, &["check-config", "--no-environment"], 78),
    ] {
        assert!(problems.iter().all(|problem| told.contains(problem)), "{told}");
    }
    check(&setup, &["rules", "check", "/no/such/file"], 78);
    for sound in ["nbphs-3", "guideline-2024", "primary-care-2025"] {
        check(&setup, &["rules", "check", sound], 0);
    }
    check(&setup, &["rules", "check", &file(folder.path(), STRICT)], 0);
}

/// A pressure of now, from a device of its own.
fn post(gateway: &Gateway, (person, site): (&str, &str), systolic: u32) {
    let body = json!({"kind": "blood_pressure", "device": format!("cuff-{person}"), "site": site,
        "seq": systolic, "epoch": 1, "measured_at": instant(now()), "systolic": systolic,
        "diastolic": 90, "unit": "mmHg", "person": person, "setting": "home"});
    let answer = gateway.post("/api/v1/readings", &format!("{person}-{systolic}"), &body);
    assert_eq!(answer.json()["items"][0]["status"], "stored", "{}", answer.body);
}

#[test]
fn a_second_pack_beside_and_a_diff_tell_the_same_and_send_nothing() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), STRICT);
    let setup = setup(&folder.path().join("store")).with("XUNZHEN__PACK__SHADOW", &path);
    let gateway = setup.start();
    post(&gateway, ("P000001", "home-1"), 178);
    post(&gateway, ("P000002", "van-2"), 178);
    post(&gateway, ("P000003", "van-2"), 120);
    let report = || -> Value {
        serde_json::from_str(&setup.run_well(&["rules", "shadow", "--json"])).unwrap()
    };
    let sites = wait_for(PATIENCE, "three people in the shadow's report", || {
        let sites = report()["sites"].as_array().unwrap().clone();
        let people: u64 = sites.iter().map(|site| site["people"].as_u64().unwrap()).sum();
        (people == 3).then_some(sites)
    });
    for (site, people, changed) in
        [("home-1", 1, json!(["P000001"])), ("van-2", 2, json!(["P000002"]))]
    {
        let found = sites.iter().find(|found| found["site"] == site).unwrap();
        assert_eq!((&found["people"], &found["changed"]), (&json!(people), &changed), "{found}");
        assert_eq!(found["levels"]["red"], json!({"in_force": 0, "shadow": 1}), "{found}");
    }
    let diff = |a: &str, b: &str| -> Value {
        serde_json::from_str(&setup.run_well(&["rules", "diff", a, b, "--json"])).unwrap()
    };
    let found = diff("built-in", &path);
    assert_eq!((&found["changed"], &found["readings"]), (&json!(2), &json!(3)), "{found}");
    assert_eq!(found["levels"]["red"], json!({"a": 0, "b": 2}), "{found}");
    let people = found["first"].as_array().unwrap().iter().map(|one| one["person"].clone());
    assert!(people.eq(["P000001", "P000002"]), "{found}");
    assert_eq!(diff(&path, &path)["changed"], 0);
    let red = gateway.list("/api/v1/alerts?level=red");
    assert!(red.is_empty(), "the second pack opened an alert: {red:?}");
    gateway.stop();
    let drawn = setup.run_well(&["rules", "diff", "built-in", &path]);
    assert!(drawn.contains("BP-E1") && drawn.contains("P000002"), "{drawn}");
    let drawn = setup.run_well(&["rules", "shadow"]);
    assert!(drawn.contains("van-2: 2 people"), "{drawn}");
}
