//! What waits in quarantine is claimed, dismissed and given back over HTTP, across kills.

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

/// An emergency value of nobody; returns the item's path.
#[track_caller]
fn nobodys(gateway: &Gateway, seq: u64) -> String {
    let reading = json!({"kind": "blood_pressure", "seq": seq, "epoch": 1, "systolic": 186,
        "diastolic": 112, "unit": "mmHg", "device": "cuff-1", "site": "home"});
    let answer = gateway.post("/api/v1/readings", &format!("r{seq}"), &reading);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let item = gateway.list("/api/v1/quarantine").remove(0);
    assert_eq!((&item["reason"], &item["state"]), (&json!("no_person"), &json!("waiting")));
    format!("/api/v1/quarantine/{}", item["id"].as_str().unwrap())
}

/// Decides, with a kill before the same request comes again: both answers are the same.
#[track_caller]
fn decide(
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

/// Live alerts of a person, and whose the readings of the cuff are.
fn told(gateway: &Gateway, person: &str) -> (Vec<String>, Vec<Value>) {
    let alerts = gateway.list(&format!("/api/v1/alerts?person={person}&state=live"));
    let concept = |alert: &Value| alert["concept"].as_str().unwrap().to_owned();
    let readings = gateway.list("/api/v1/readings?device=cuff-1");
    let whose = readings.iter().map(|reading| reading["person"].clone()).collect();
    (alerts.iter().map(concept).collect(), whose)
}

fn timeline(gateway: &Gateway, asked: &str) -> Vec<Value> {
    gateway.list(&format!("/api/v1/people/P000001/timeline{asked}"))
}

/// The bytes of the same.
fn written(gateway: &Gateway) -> String {
    gateway.get("/api/v1/people/P000001/timeline").body
}

fn kinds(timeline: &[Value]) -> Vec<String> {
    let mut kinds: Vec<_> =
        timeline.iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect();
    kinds.sort_by_key(|kind| ["reading", "alert", "correction"].iter().position(|it| it == kind));
    kinds
}

fn in_state(gateway: &Gateway, state: &str) -> usize {
    gateway.list(&format!("/api/v1/quarantine?state={state}")).len()
}

#[test]
fn a_claim_opens_the_alert_and_its_undoing_withdraws_it_across_kills() {
    let folder = tempdir().unwrap();
    let setup = setup(folder.path());
    let county = County { people: 10, village_webhook: None, township_webhook: None };
    setup.import(&county, tempdir().unwrap().path());
    let place = ["token", "create", "--role", "nurse", "--scope", "Stone Township"];
    let nurse = setup.run_well(&place).trim().to_owned();
    let nurse = (&setup, nurse.as_str());
    let gateway = setup.start();
    let item = nobodys(&gateway, 1);
    assert_eq!(told(&gateway, "P000001"), (vec![], vec![Value::Null]));
    let (before, untouched) = (timeline(&gateway, ""), written(&gateway));

    let body = json!({"person": "P000001", "reason": "她的卡留在台上"});
    let (gateway, claimed) = decide(nurse, gateway, (&format!("{item}/claim"), body));
    let emergency = (vec!["bp_emergency".to_owned()], vec![json!("P000001")]);
    assert_eq!(told(&gateway, "P000001"), emergency);
    assert_eq!((in_state(&gateway, "waiting"), in_state(&gateway, "claimed")), (0, 1));
    let during = timeline(&gateway, "");
    assert_eq!(kinds(&during), ["reading", "alert", "correction"]);
    let other = json!({"person": "P000002", "reason": "mine"});
    assert_eq!(gateway.post(&format!("{item}/claim"), "other", &other).status, 409);

    let undo = format!("/api/v1/claims/{}/undo", claimed["id"].as_str().unwrap());
    let (gateway, _) = decide(nurse, gateway, (&undo, json!({"reason": "认错人了"})));
    assert_eq!(told(&gateway, "P000001"), (vec![], vec![Value::Null]));
    let withdrawn = gateway.list("/api/v1/alerts?person=P000001");
    assert_eq!((withdrawn.len(), &withdrawn[0]["state"]), (1, &json!("withdrawn")));
    assert_eq!(in_state(&gateway, "waiting"), 1);
    // As it was known at either decision, to the byte; and now as if there had been none.
    assert_eq!(written(&gateway), untouched);
    let as_of = |at: &Value| format!("?as_of={}", at.as_str().unwrap().replace('+', "%2B"));
    assert_eq!(timeline(&gateway, &as_of(&claimed["at"])), during);
    let early = instant(now() - 3600);
    assert_eq!(timeline(&gateway, &as_of(&json!(early))), before);

    let reason = json!({"reason": "试机"});
    let (gateway, _) = decide(nurse, gateway, (&format!("{item}/dismiss"), reason));
    assert_eq!((in_state(&gateway, "waiting"), in_state(&gateway, "dismissed")), (0, 1));
    gateway.stop();
    let found = audit::itself(folder.path());
    assert!(found.is_empty(), "{found:#?}");
}

/// A value of a person's own, an hour before now.
#[track_caller]
fn own(gateway: &Gateway, seq: u64, systolic: u64) {
    let reading = json!({"kind": "blood_pressure", "seq": seq, "epoch": 1, "systolic": systolic,
        "diastolic": 84, "unit": "mmHg", "device": "cuff-2", "site": "home", "person": "P000001",
        "measured_at": instant(now() - 3600)});
    let answer = gateway.post("/api/v1/readings", &format!("own{seq}"), &reading);
    assert_eq!(answer.json()["items"][0]["status"], "stored", "{}", answer.body);
}

#[test]
fn an_undone_claim_leaves_an_open_alert_and_its_timeline_to_the_byte() {
    let folder = tempdir().unwrap();
    let setup = setup(folder.path());
    let county = County { people: 10, village_webhook: None, township_webhook: None };
    setup.import(&county, tempdir().unwrap().path());
    let gateway = setup.start();
    own(&gateway, 1, 188);
    let live = |gateway: &Gateway| gateway.list("/api/v1/alerts?person=P000001&state=live");
    assert_eq!(live(&gateway).len(), 1);
    let item = nobodys(&gateway, 2);
    let before = written(&gateway);
    let decided = |path: &str, body: Value| {
        let whom = body["person"].as_str().unwrap_or_default();
        let answer = gateway.post(path, &format!("{path}{whom}"), &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let claim = json!({"person": "P000001", "reason": "她的卡留在台上"});
    let claimed = decided(&format!("{item}/claim"), claim);
    assert_ne!(written(&gateway), before);
    let undo = format!("/api/v1/claims/{}/undo", claimed["id"].as_str().unwrap());
    decided(&undo, json!({"reason": "认错人了"}));
    assert_eq!(written(&gateway), before);
    // What somebody did meanwhile is not put right: it stays, and with it what it was done about.
    let claim = json!({"person": "P000002", "reason": "是她"});
    let claimed = decided(&format!("{item}/claim"), claim);
    let of_other = gateway.list("/api/v1/alerts?person=P000002&state=live").remove(0);
    let ack = format!("/api/v1/alerts/{}/ack", of_other["id"].as_str().unwrap());
    decided(&ack, json!({}));
    let undo = format!("/api/v1/claims/{}/undo", claimed["id"].as_str().unwrap());
    decided(&undo, json!({"reason": "认错人了"}));
    let told = gateway.list("/api/v1/people/P000002/timeline");
    assert!(kinds(&told).contains(&"act".to_owned()), "{told:#?}");
    assert_eq!(written(&gateway), before);
    gateway.stop();
    let found = audit::itself(folder.path());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_cannot_be_decided_says_why_in_both_languages() {
    let folder = tempdir().unwrap();
    let setup = setup(folder.path());
    let county = County { people: 10, village_webhook: None, township_webhook: None };
    setup.import(&county, tempdir().unwrap().path());
    let gateway = setup.start();
    let item = nobodys(&gateway, 1);
    let refused = |path: &str, body: Value| {
        let answer = gateway.post(path, &format!("{path} {body}"), &body);
        let told = answer.json();
        assert!(!told["message_zh"].as_str().unwrap().is_empty(), "{told}");
        (answer.status, told["code"].as_str().unwrap().to_owned())
    };
    let claim = format!("{item}/claim");
    let reason = json!({"reason": "x"});
    let cases = [
        (claim.as_str(), json!({"person": "P999999", "reason": "x"}), (400, "bad_request")),
        (&claim, json!({"person": "P000001", "reason": " "}), (400, "bad_request")),
        (&claim, json!({"reason": "x"}), (400, "bad_json")),
        (
            "/api/v1/quarantine/999/claim",
            json!({"person": "P000001", "reason": "x"}),
            (404, "not_found"),
        ),
        ("/api/v1/quarantine/x/dismiss", reason.clone(), (404, "not_found")),
        ("/api/v1/claims/1/undo", reason, (404, "not_found")),
    ];
    for (path, body, (status, code)) in cases {
        assert_eq!(refused(path, body), (status, code.to_owned()), "{path}");
    }
    gateway.stop();
}
