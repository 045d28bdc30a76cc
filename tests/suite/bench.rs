//! At the bench: an emergency rings there at once, the doctor's page leaves when it should, what
//! staff do about it is kept, and whoever looks at the person finds all of it.

use end_to_end::{
    audit,
    gateway::{Gateway, Setup},
    http::{self, Answer},
    ledger::{instant, now},
    patience::{PATIENCE, wait_for},
    registry::{County, person},
    webhook::Sink,
    words::says,
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::setup;

/// A county with a van, whose village doctor listens.
struct World {
    folder: TempDir,
    setup: Setup,
    sink: Sink,
    nurse: String,
}

fn world() -> World {
    let folder = tempdir().unwrap();
    let (sink, setup) = (Sink::open(), setup(folder.path()));
    let county = County { people: 9, village_webhook: Some(sink.url()), township_webhook: None };
    setup.import(&county, tempdir().unwrap().path());
    let nurse = token(&setup, &["nurse", "--scope", "Stone Township"]);
    World { folder, setup, sink, nurse }
}

fn token(setup: &Setup, role: &[&str]) -> String {
    setup.run_well(&[&["token", "create", "--role"][..], role].concat()).trim().to_owned()
}

/// A reading at the van, a number of seconds ago.
fn pressure(of: u32, seq: u64, (systolic, diastolic): (u16, u16)) -> Value {
    json!({"kind": "blood_pressure", "seq": seq, "epoch": 1, "systolic": systolic,
        "diastolic": diastolic, "unit": "mmHg", "measured_at": instant(now() - 5),
        "person": person(of), "device": "cuff-1", "site": "V01"})
}

/// Posts a reading; its id.
#[track_caller]
fn measured(gateway: &Gateway, reading: &Value) -> String {
    let answer = gateway.post("/api/v1/readings", &reading.to_string(), reading);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let item = answer.json()["items"][0].clone();
    item["id"].as_str().unwrap_or_else(|| panic!("{item}")).to_owned()
}

/// The id of a person's live alert of a concept.
#[track_caller]
fn alert(gateway: &Gateway, of: u32, concept: &str) -> String {
    let path = format!("/api/v1/alerts?state=live&person={}", person(of));
    let found = gateway.list(&path);
    let one = found.iter().find(|alert| alert["concept"] == concept);
    one.unwrap_or_else(|| panic!("{concept}: {found:?}"))["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn as_nurse(world: &World, gateway: &Gateway, what: (&str, &str), body: &Value) -> Answer {
    let bearer = format!("Bearer {}", world.nurse);
    let key = format!("{what:?} {body}");
    let key: String = key.chars().filter(char::is_ascii_graphic).take(190).collect();
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", &key)];
    let bytes = if what.0 == "GET" { Vec::new() } else { body.to_string().into_bytes() };
    http::request(gateway.http, what, &headers, &bytes).unwrap()
}

#[track_caller]
fn acted(world: &World, gateway: &Gateway, of: u32, body: &Value) {
    let path = format!("/api/v1/people/{}/site-acts", person(of));
    let answer = as_nurse(world, gateway, ("POST", &path), body);
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("stored")), "{body}");
}

#[track_caller]
fn told(world: &World, alert: &str) {
    wait_for(PATIENCE, "the doctor's message", || {
        Some(()).filter(|()| !world.sink.about(alert).is_empty())
    });
}

#[track_caller]
fn finish(world: &World, gateway: Gateway) {
    gateway.stop();
    let found = audit::itself(world.folder.path());
    assert!(found.is_empty(), "{found:#?}");
    world.setup.run_well(&["db", "check"]);
}

#[test]
fn a_page_waits_for_the_session_and_leaves_at_once_where_it_must() {
    let world = world();
    let gateway = world.setup.start();
    let first = measured(&gateway, &pressure(1, 1, (185, 112)));
    let waits = alert(&gateway, 1, "bp_emergency");

    measured(&gateway, &pressure(2, 2, (205, 100)));
    told(&world, &alert(&gateway, 2, "bp_emergency"));
    measured(&gateway, &pressure(3, 3, (185, 112)));
    measured(&gateway, &pressure(3, 4, (183, 104)));
    told(&world, &alert(&gateway, 3, "bp_emergency"));
    let low = json!({"kind": "glucose", "seq": 5, "epoch": 1, "value": 2.5, "unit": "mmol/L",
        "measured_at": instant(now() - 5), "person": person(4), "device": "meter-1", "site": "V01"});
    measured(&gateway, &low);
    told(&world, &alert(&gateway, 4, "glu_low_emergency"));
    let mut home = pressure(5, 6, (185, 112));
    (home["site"], home["setting"]) = (json!("home"), json!("home"));
    measured(&gateway, &home);
    told(&world, &alert(&gateway, 5, "bp_emergency"));

    // All of that came after the first one, which still waits for its session.
    assert!(world.sink.about(&waits).is_empty(), "{:?}", world.sink.about(&waits));
    let asked = gateway.get_json(&format!("/api/v1/alerts/{waits}"));
    assert_eq!(asked["symptoms_offered"].as_array().unwrap().len(), 5, "{asked}");
    acted(&world, &gateway, 1, &json!({"site": "V01", "bench": "B1", "act": "no_symptoms"}));
    assert!(world.sink.about(&waits).is_empty());
    let body = json!({"site": "V01", "bench": "B1", "act": "has_symptoms", "reading": first,
        "symptoms": ["severe_headache"]});
    acted(&world, &gateway, 1, &body);
    told(&world, &waits);
    told(&world, &alert(&gateway, 1, "bp_symptom"));
    finish(&world, gateway);
}

#[test]
fn an_emergency_rings_at_its_bench_and_the_page_says_what_to_do() {
    let world = world();
    let gateway = world.setup.start();
    let bench = |what: &str| as_nurse(&world, &gateway, ("GET", what), &Value::Null);
    let quiet = bench("/lite/bench/V01/B1");
    assert_eq!(quiet.status, 200, "{}", quiet.body);
    assert!(!quiet.body.contains("role=\"alert\""), "{}", quiet.body);
    // A card, and a value that the nurse types because the cuff is broken.
    let typed = json!({"kind": "blood_pressure", "source": "typed", "site": "V01", "bench": "B1",
        "person": person(1), "systolic": 186, "diastolic": 112, "unit": "mmHg"});
    let first = as_nurse(&world, &gateway, ("POST", "/api/v1/readings"), &typed);
    let again = as_nurse(&world, &gateway, ("POST", "/api/v1/readings"), &typed);
    assert_eq!((first.status, &first.body), (200, &again.body), "a repeat is told the same");
    let readings = gateway.list(&format!("/api/v1/readings?person={}", person(1)));
    let [reading] = readings.as_slice() else { panic!("{readings:?}") };
    let shown = (&reading["source"], &reading["device"], &reading["bench"], &reading["grade"]);
    assert_eq!(shown, (&json!("typed"), &json!("typed.V01"), &json!("B1"), &json!("A")));

    let rings = gateway.get_json("/api/v1/events?after=0&limit=1000");
    let rings: Vec<_> =
        rings["items"].as_array().unwrap().iter().filter(|it| it["event"] == "ring").collect();
    let [ring] = rings.as_slice() else { panic!("{rings:?}") };
    let ring = &ring["data"];
    assert_eq!((&ring["site"], &ring["bench"]), (&json!("V01"), &json!("B1")));
    assert_eq!(ring["again_after_minutes"], 5);
    let text = ring.to_string();
    assert!(!text.contains("P0000") && !says(&text, "186"), "a ring names nobody: {text}");

    let red = bench("/lite/bench/V01/B1?lang=en");
    for word in ["role=\"alert\"", "186/112", "Person 1", "severe headache", "typed by hand"] {
        assert!(red.body.contains(word), "{word}: {}", red.body);
    }
    let person_page = bench(&format!("/lite/people/{}", person(1)));
    assert!(person_page.body.contains("手工录入"), "{}", person_page.body);
    // One press of a button.
    let bearer = format!("Bearer {}", world.nurse);
    let form =
        [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let id = reading["id"].as_str().unwrap();
    let body =
        format!("person={}&act=has_symptoms%3Aprecordial_pain&reading={id}&key=k1", person(1));
    for _ in 0..2 {
        let pressed =
            http::request(gateway.http, ("POST", "/lite/bench/V01/B1"), &form, body.as_bytes());
        assert_eq!(pressed.unwrap().status, 303);
    }
    told(&world, &alert(&gateway, 1, "bp_symptom"));
    let done = bench("/lite/bench/V01/B1");
    assert!(done.body.contains("有危险症状: 心前区疼痛"), "{}", done.body);
    let timeline = gateway.list(&format!("/api/v1/people/{}/timeline", person(1)));
    let acts = timeline.iter().filter(|item| item["kind"] == "event").count();
    assert_eq!(acts, 1, "a second press is the same act");
    finish(&world, gateway);
}

#[test]
fn what_staff_may_not_say_is_refused_with_the_reason() {
    let world = world();
    let gateway = world.setup.start();
    let reading = measured(&gateway, &pressure(1, 1, (185, 112)));
    let path = format!("/api/v1/people/{}/site-acts", person(2));
    let other = json!({"site": "V01", "act": "has_symptoms", "reading": reading,
        "symptoms": ["severe_headache"]});
    let refused = as_nurse(&world, &gateway, ("POST", &path), &other);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some("bad_value")));
    assert!(refused.json()["detail"].as_str().unwrap().contains("请指明此人的那次测量"));
    let typed = json!({"kind": "glucose", "source": "typed", "site": "V01", "person": person(1),
        "value": 6.1, "unit": "mmol/L"});
    let post = |bearer: &str, key: &[(&str, &str)]| {
        let bearer = format!("Bearer {bearer}");
        let headers = [key, &[("authorization", bearer.as_str())]].concat();
        let body = typed.to_string();
        let path = ("POST", "/api/v1/readings");
        http::request(gateway.http, path, &headers, body.as_bytes()).unwrap().status
    };
    let key = [("idempotency-key", "t1")];
    assert_eq!(post(&world.nurse, &[]), 400, "without a key nothing tells it from the next");
    let elsewhere = token(&world.setup, &["nurse", "--scope", "Other Township"]);
    assert_eq!(post(&elsewhere, &key), 404);
    let device = token(&world.setup, &["device"]);
    assert_eq!(post(&device, &key), 403, "no device types");
    assert_eq!(post(&world.nurse, &key), 200);
    let bearer = format!("Bearer {elsewhere}");
    let headers = [("authorization", bearer.as_str())];
    let bench = http::request(gateway.http, ("GET", "/lite/bench/V01/B1"), &headers, b"");
    assert_eq!(bench.unwrap().status, 404, "another township's bench");
    let events = ("GET", "/api/v1/events?after=0&limit=1000");
    let rings = |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let told = http::request(gateway.http, events, &headers, b"").unwrap().json();
        let items = told["items"].as_array().unwrap().clone();
        items.iter().filter(|item| item["event"] == "ring").count()
    };
    assert_eq!((rings(&world.nurse), rings(&elsewhere)), (1, 0), "it rings at its own site");
    // Nobody sits at the bench, and the value names nobody.
    let nobodys = json!({"kind": "glucose", "source": "typed", "site": "V01", "bench": "B1",
        "value": 6.2, "unit": "mmol/L"});
    let kept = as_nurse(&world, &gateway, ("POST", "/api/v1/readings"), &nobodys);
    assert_eq!(kept.json()["items"][0]["reason"], "no_person", "{}", kept.body);
    finish(&world, gateway);
}

#[test]
fn a_timeline_holds_events_and_messages_and_hides_what_came_later() {
    let world = world();
    let gateway = world.setup.start();
    let path = format!("/api/v1/people/{}/timeline", person(2));
    let timeline = |asked: &str| gateway.list(&format!("{path}{asked}"));
    measured(&gateway, &pressure(2, 1, (205, 100)));
    let first = alert(&gateway, 2, "bp_emergency");
    told(&world, &first);
    let delivered = |item: &Value| item["message"]["how"] == "delivered";
    let before = wait_for(PATIENCE, "the attempt", || {
        Some(timeline("")).filter(|items| items.iter().any(delivered))
    });
    let mut kinds: Vec<_> = before.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["alert", "message", "message", "reading"]);
    let message = before.iter().find(|item| delivered(item)).unwrap();
    assert_eq!(
        (&message["message"]["to"], &message["message"]["channel"], &message["alert"]),
        (&json!("DR1"), &json!("webhook"), &json!(first))
    );
    let at = message["at"].as_str().unwrap().replace('+', "%2B");

    let reading = before.iter().find(|item| item["kind"] == "reading").unwrap();
    let reading = reading["reading"]["id"].as_str().unwrap();
    let body = json!({"site": "V01", "act": "has_symptoms", "reading": reading,
        "symptoms": ["eye_pain"], "note": "右眼"});
    acted(&world, &gateway, 2, &body);
    let follow_up = json!({"at": instant(now() - 3600), "systolic": 150, "diastolic": 92});
    let entered = format!("/api/v1/people/{}/follow-ups", person(2));
    assert_eq!(gateway.post(&entered, "f1", &follow_up).status, 200);
    told(&world, &alert(&gateway, 2, "bp_symptom"));
    let ack = format!("/api/v1/alerts/{first}/ack");
    assert_eq!(gateway.post(&ack, "a1", &json!({})).status, 200);

    assert_eq!(timeline(&format!("?as_of={at}")), before, "to the byte");
    let after = timeline("");
    let events: Vec<_> = after.iter().filter(|item| item["kind"] == "event").collect();
    let what: Vec<_> = events.iter().map(|item| &item["event"]["what"]).collect();
    assert_eq!(what, ["site_act", "follow_up"]);
    assert_eq!(events[0]["event"]["symptoms"], json!(["eye_pain"]));
    assert_eq!(events[0]["event"]["note"], "右眼");
    let page = gateway.get(&format!("/lite/people/{}", person(2))).body;
    for word in ["正式随访", "150/92 mmHg", "现场处置", "眼痛", "消息"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    gateway.kill();
    let gateway = world.setup.start();
    assert_eq!(gateway.list(&path), after);
    finish(&world, gateway);
}

#[test]
fn a_follow_up_that_was_entered_by_mistake_is_kept_and_counts_no_more() {
    let world = world();
    let gateway = world.setup.start();
    let path = format!("/api/v1/people/{}", person(3));
    let body = json!({"at": instant(now() - 3600), "systolic": 192, "diastolic": 92});
    let kept = gateway.post(&format!("{path}/follow-ups"), "f1", &body).json();
    let red = alert(&gateway, 3, "bp_emergency");
    let void = format!("/api/v1/events/{}/void", kept["id"].as_str().unwrap());
    let empty = as_nurse(&world, &gateway, ("POST", &void), &json!({"reason": " "}));
    assert_eq!(empty.status, 400);
    let reason = json!({"reason": "应为129/92"});
    let told = as_nurse(&world, &gateway, ("POST", &void), &reason);
    assert_eq!((told.status, &told.json()["status"]), (200, &json!("stored")), "{}", told.body);
    let stands = gateway.get_json(&format!("/api/v1/alerts/{red}"));
    assert_eq!(stands["state"], "withdrawn");
    assert_eq!(gateway.post(&void, "again", &reason).json()["status"], "duplicate");
    let void_of_void = format!("/api/v1/events/{}/void", told.json()["id"].as_str().unwrap());
    assert_eq!(gateway.post(&void_of_void, "v", &reason).status, 404);
    gateway.kill();
    let gateway = world.setup.start();
    let live = gateway.list(&format!("/api/v1/alerts?state=live&person={}", person(3)));
    assert!(live.is_empty(), "{live:?}");
    let timeline = gateway.list(&format!("{path}/timeline"));
    let events: Vec<_> = timeline.iter().filter(|item| item["kind"] == "event").collect();
    let [one, other] = events.as_slice() else { panic!("{events:?}") };
    let (entered, voided) =
        if one["event"]["what"] == "voided" { (other, one) } else { (one, other) };
    assert_eq!(entered["event"]["voided_by"], voided["event"]["id"]);
    assert_eq!(
        (&voided["event"]["note"], &voided["event"]["voids"]),
        (&json!("应为129/92"), &kept["id"])
    );
    finish(&world, gateway);
}

#[test]
fn an_emergency_of_nobody_calls_the_duty_of_the_site_until_it_is_claimed() {
    let world = world();
    let gateway = world.setup.start();
    let mut nobodys = pressure(1, 1, (186, 112));
    nobodys.as_object_mut().unwrap().remove("person");
    let id = measured(&gateway, &nobodys);
    let find = |gateway: &Gateway| {
        let all = gateway.list("/api/v1/alerts");
        all.into_iter().find(|alert| alert["concept"] == "unattributed_emergency").unwrap()
    };
    let open = find(&gateway);
    let stands = (&open["level"], &open["state"], &open["owner"], &open["person"]);
    assert_eq!(stands, (&json!("orange"), &json!("open"), &json!("T1"), &Value::Null), "{open}");
    assert_eq!(open["reading"]["id"], json!(id));
    let listed = as_nurse(&world, &gateway, ("GET", "/api/v1/alerts"), &Value::Null);
    assert!(listed.body.contains(open["id"].as_str().unwrap()), "{}", listed.body);
    let ack = format!("/api/v1/alerts/{}/ack", open["id"].as_str().unwrap());
    assert_eq!(gateway.post(&ack, "a1", &json!({"note": "在看"})).status, 200);

    let item = gateway.list("/api/v1/quarantine").remove(0);
    let item = format!("/api/v1/quarantine/{}", item["id"].as_str().unwrap());
    let claim = json!({"person": person(1), "reason": "她的卡留在台上"});
    let claimed = as_nurse(&world, &gateway, ("POST", &format!("{item}/claim")), &claim);
    assert_eq!(claimed.status, 200, "{}", claimed.body);
    assert_eq!(find(&gateway)["state"], "withdrawn");
    alert(&gateway, 1, "bp_emergency");
    let undo = format!("/api/v1/claims/{}/undo", claimed.json()["id"].as_str().unwrap());
    let undone = as_nurse(&world, &gateway, ("POST", &undo), &json!({"reason": "认错人了"}));
    assert_eq!(undone.status, 200, "{}", undone.body);
    assert_eq!((&find(&gateway)["state"], &find(&gateway)["id"]), (&json!("open"), &open["id"]));
    gateway.kill();
    let gateway = world.setup.start();
    assert_eq!(find(&gateway)["state"], "open");
    let dismiss = as_nurse(
        &world,
        &gateway,
        ("POST", &format!("{item}/dismiss")),
        &json!({"reason": "试机"}),
    );
    assert_eq!(dismiss.status, 200, "{}", dismiss.body);
    assert_eq!(find(&gateway)["state"], "closed");
    finish(&world, gateway);
}

#[test]
fn a_name_that_stands_for_nobody_is_no_person_s() {
    let world = world();
    let scratch = tempdir().unwrap();
    let path = scratch.path().join("reserved.csv");
    std::fs::write(&path, "person,name\nnobody.1,Somebody\nP900000,Person\n").unwrap();
    let (file, store) = (path.display().to_string(), world.folder.path().display().to_string());
    let imported =
        world.setup.run(&["registry", "import", "--kind", "people", &file, "--data-dir", &store]);
    assert_eq!(imported.status.code(), Some(1));
    let rejects = std::fs::read_to_string(format!("{file}.rejects.csv")).unwrap();
    assert!(rejects.contains("nobody.") && !rejects.contains("P900000"), "{rejects}");
}
