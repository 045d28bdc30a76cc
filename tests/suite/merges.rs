//! Two files of one person are merged over HTTP and taken apart again, across kills: afterwards both
//! timelines are what they were, to the byte.

use end_to_end::{
    audit,
    gateway::{Gateway, Setup},
    http,
    ledger::{instant, now},
    registry::County,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::setup;

const FILES: [&str; 2] = ["P000001", "P000002"];

/// A value of a person, so many minutes ago.
#[track_caller]
fn post(gateway: &Gateway, (person, seq): (&str, u64), systolic: u64, minutes: i64) {
    let at = instant(now() - minutes * 60);
    let reading = json!({"kind": "blood_pressure", "seq": seq, "epoch": 1, "systolic": systolic,
        "diastolic": 88, "unit": "mmHg", "device": format!("cuff-{person}"), "site": "home",
        "person": person, "measured_at": at});
    let answer = gateway.post("/api/v1/readings", &format!("r{person}{seq}"), &reading);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["items"][0]["status"], "stored", "{}", answer.body);
}

/// Asks, and asks the same again after a kill: both answers are the same.
#[track_caller]
fn twice(
    (setup, nurse): (&Setup, &str),
    gateway: Gateway,
    (path, body): (&str, Value),
) -> (Gateway, Value) {
    let bearer = format!("Bearer {nurse}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", path)];
    let body = body.to_string();
    let ask = |gateway: &Gateway| {
        let asked = http::request(gateway.http, ("POST", path), &headers, body.as_bytes());
        let answer = asked.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    };
    let first = ask(&gateway);
    gateway.kill();
    let gateway = setup.start();
    assert_eq!(ask(&gateway), first);
    (gateway, first)
}

/// Both timelines, as they are sent.
#[track_caller]
fn timelines(gateway: &Gateway, asked: &str) -> [String; 2] {
    FILES.map(|file| {
        let answer = gateway.get(&format!("/api/v1/people/{file}/timeline{asked}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    })
}

/// Live alerts of a person, save for where their last step stands in the log.
fn live(gateway: &Gateway, person: &str) -> Vec<Value> {
    let mut all = gateway.list(&format!("/api/v1/alerts?person={person}&state=live"));
    for alert in &mut all {
        alert.as_object_mut().unwrap().remove("commit");
    }
    all
}

/// What is under the one file counts as the other's, and stays under it.
#[track_caller]
fn check_merged(gateway: &Gateway, during: &[String; 2]) {
    let [one, other] = FILES;
    assert!(during[0].contains("\"merge\"") && !during[0].contains("\"reading\""), "{during:#?}");
    assert_eq!(during[1].matches("\"kind\":\"reading\"").count(), 3, "{during:#?}");
    assert_eq!(live(gateway, one), Vec::<Value>::new());
    let of_both = live(gateway, other);
    assert_eq!(of_both.len(), 1, "one episode is one alert");
    assert_ne!(of_both[0]["reading"]["commit"], 0, "{of_both:#?}");
    let person = gateway.get(&format!("/api/v1/people/{one}")).json();
    assert_eq!(person["merged_into"], other);
    let of_other = gateway.list(&format!("/api/v1/readings?person={other}"));
    assert_eq!(of_other.len(), 3, "{of_other:#?}");
    assert!(of_other.iter().any(|reading| reading["person"] == one), "it stays under its file");
}

#[test]
fn a_merge_and_its_undoing_leave_both_timelines_to_the_byte_across_kills() {
    let folder = tempdir().unwrap();
    let setup = setup(folder.path());
    let county = County { people: 10, village_webhook: None, township_webhook: None };
    setup.import(&county, tempdir().unwrap().path());
    let place = ["token", "create", "--role", "nurse", "--scope", "Stone Township"];
    let nurse = setup.run_well(&place).trim().to_owned();
    let nurse = (&setup, nurse.as_str());
    let gateway = setup.start();
    let [one, other] = FILES;
    // An emergency of the one, an hour before one of the other: one episode, if they are one person.
    post(&gateway, (one, 1), 188, 90);
    post(&gateway, (other, 1), 190, 30);
    post(&gateway, (other, 2), 132, 20);
    let before = timelines(&gateway, "");
    let alerts = (live(&gateway, one), live(&gateway, other));
    assert_eq!((alerts.0.len(), alerts.1.len()), (1, 1), "{alerts:#?}");

    let merge = format!("/api/v1/people/{one}/merge");
    let body = json!({"into": other, "reason": "双档，身份证相同"});
    let (gateway, merged) = twice(nurse, gateway, (&merge, body));
    let during = timelines(&gateway, "");
    check_merged(&gateway, &during);

    let undo = format!("/api/v1/merges/{}/undo", merged["id"].as_str().unwrap());
    let (gateway, undone) = twice(nurse, gateway, (&undo, json!({"reason": "认错人了"})));
    assert_eq!(timelines(&gateway, ""), before);
    assert_eq!((live(&gateway, one), live(&gateway, other)), alerts);
    // As it was known at either instant, and where it is told for ever.
    let as_of = |at: &Value| format!("?as_of={}", at.as_str().unwrap().replace('+', "%2B"));
    assert_eq!(timelines(&gateway, &as_of(&merged["at"])), during);
    assert_eq!(timelines(&gateway, &as_of(&undone["undone"]["at"])), before);
    let told = gateway.list("/api/v1/merges");
    assert_eq!((told.len(), &told[0]["undone"]["reason"]), (1, &json!("认错人了")));
    gateway.stop();
    let found = audit::itself(folder.path());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_cannot_be_merged_says_why_in_both_languages() {
    let folder = tempdir().unwrap();
    let setup = setup(folder.path());
    let county = County { people: 10, village_webhook: None, township_webhook: None };
    setup.import(&county, tempdir().unwrap().path());
    let gateway = setup.start();
    let refused = |key: &str, path: &str, body: &Value| {
        let answer = gateway.post(path, key, body);
        let told = answer.json();
        assert!(!told["message_zh"].as_str().unwrap().is_empty(), "{told}");
        (answer.status, told["code"].as_str().unwrap().to_owned())
    };
    let merge = "/api/v1/people/P000001/merge";
    let into = |other: &str| json!({"into": other, "reason": "双档"});
    assert_eq!(gateway.post(merge, "m", &into("P000002")).status, 200);
    let cases = [
        (merge, into("P000003"), (409, "counts_as_another")),
        ("/api/v1/people/P000002/merge", into("P000003"), (409, "others_count_as_theirs")),
        ("/api/v1/people/P000003/merge", into("P000001"), (409, "survivor_counts_as_another")),
        ("/api/v1/people/P000003/merge", into("P000003"), (400, "bad_request")),
        ("/api/v1/people/P000003/merge", into("P999999"), (400, "bad_request")),
        ("/api/v1/people/P999999/merge", into("P000003"), (404, "not_found")),
        (
            "/api/v1/people/P000003/merge",
            json!({"into": "P000004", "reason": "　"}),
            (400, "bad_request"),
        ),
        ("/api/v1/merges/1/undo", json!({"reason": "x"}), (404, "not_found")),
    ];
    for (number, (path, body, (status, code))) in cases.into_iter().enumerate() {
        let key = format!("case {number}");
        assert_eq!(refused(&key, path, &body), (status, code.to_owned()), "{path} {body}");
    }
    gateway.stop();
}
