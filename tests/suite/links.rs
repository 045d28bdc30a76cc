//! A message's link opens the alert it tells of, and nothing else.

use std::fs;

use end_to_end::{
    audit,
    gateway::Gateway,
    http::{self, Answer},
    ledger::{instant, now},
    mqtt::{Connection, Packet, packet},
    patience::{PATIENCE, wait_for},
    registry::{County, person},
    webhook::Sink,
    words::says,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::setup;

/// Posts a red reading of a person at home.
#[track_caller]
fn emergency(gateway: &Gateway, of: u32) {
    let reading = json!({"kind": "blood_pressure", "seq": of, "epoch": 1,
        "measured_at": instant(now() - 30), "systolic": 184, "diastolic": 112, "unit": "mmHg",
        "person": person(of), "device": "cuff-1", "site": "home", "setting": "home"});
    let answer = gateway.post("/api/v1/readings", &format!("r{of}"), &reading);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Asks as a stranger with nothing but the address.
#[track_caller]
fn open(gateway: &Gateway, path: &str) -> Answer {
    http::request(gateway.http, ("GET", path), &[], b"").unwrap()
}

/// The path of a message's link, which is under this address.
#[track_caller]
fn path_of(message: &Value, address: &str) -> String {
    let link = message["link"].as_str().unwrap();
    let path = link.strip_prefix(address).unwrap_or_else(|| panic!("{link} under {address}"));
    assert!(path.starts_with("/a/"), "{link}");
    path.to_owned()
}

/// The page says the case and no more of the person, and opens nothing else.
#[track_caller]
fn check_page(gateway: &Gateway, path: &str, message: &Value) {
    let page = open(gateway, path);
    assert_eq!(page.status, 200, "{}", page.body);
    let case = message["case"].as_str().unwrap();
    assert!(page.body.contains(case) && page.body.contains("红色"), "{}", page.body);
    for word in ["P0000", "Person", "184", "112", "Village"] {
        assert!(!page.body.contains(word), "a link says {word}: {}", page.body);
    }
    assert_eq!(page.header("set-cookie"), None, "it signs nobody in");
    let alert = message["alert"].as_str().unwrap();
    for other in [
        format!("/api/v1/alerts/{alert}"),
        format!("/lite/alerts/{alert}"),
        "/lite/inbox".to_owned(),
    ] {
        assert_ne!(open(gateway, &other).status, 200, "{other}");
    }
}

/// A token with any one letter changed is nobody's.
#[track_caller]
fn check_forged(gateway: &Gateway, path: &str) {
    for at in ("/a/".len()..path.len()).step_by(7) {
        let letter = if path.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut forged = path.to_owned();
        forged.replace_range(at..=at, letter);
        assert_eq!(open(gateway, &forged).status, 404, "{forged}");
        let pressed = http::request(gateway.http, ("POST", &forged), &[FORM], PRESS).unwrap();
        assert_eq!(pressed.status, 404, "{forged}");
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const PRESS: &[u8] = b"act=ack&step=village";

#[test]
fn a_webhook_s_link_opens_its_alert_for_its_doctor_and_nothing_else() {
    let folder = tempdir().unwrap();
    let (sink, setup) = (Sink::open(), setup(folder.path()));
    let county = County { people: 3, village_webhook: Some(sink.url()), township_webhook: None };
    setup.import(&county, tempdir().unwrap().path());
    let gateway = setup.start();
    let told = |count: usize| {
        wait_for(PATIENCE, "a message", || sink.messages().get(count - 1).cloned()).body
    };
    emergency(&gateway, 1);
    let first = told(1);
    let path = path_of(&first, &format!("http://{}", gateway.http));
    check_page(&gateway, &path, &first);
    check_forged(&gateway, &path);
    emergency(&gateway, 2);
    let second = told(2);
    let other = path_of(&second, &format!("http://{}", gateway.http));
    assert!(!open(&gateway, &path).body.contains(second["case"].as_str().unwrap()));
    check_page(&gateway, &other, &second);
    let pressed = http::request(gateway.http, ("POST", &path), &[FORM], PRESS).unwrap();
    assert_eq!(pressed.status, 303, "{}", pressed.body);
    for (message, state) in [(&first, "acknowledged"), (&second, "open")] {
        let id = message["alert"].as_str().unwrap();
        let alert = gateway.get_json(&format!("/api/v1/alerts/{id}"));
        assert_eq!(alert["state"], state, "{alert}");
    }
    gateway.kill();
    let gateway = setup.with("XUNZHEN__HTTP__PUBLIC_URL", "https://gw.example/").start();
    assert_eq!(open(&gateway, &other).status, 200, "the secret outlives the process");
    emergency(&gateway, 3);
    let id = gateway.alerts("person=P000003", 1)[0]["id"].as_str().unwrap().to_owned();
    let third = wait_for(PATIENCE, "the third message", || sink.about(&id).first().cloned()).body;
    check_page(&gateway, &path_of(&third, "https://gw.example"), &third);
    gateway.stop();
    let found = audit::itself(folder.path());
    assert!(found.is_empty(), "{found:#?}");
}

/// A SUBSCRIBE packet for one topic at QoS 1.
fn subscribe(topic: &str) -> Vec<u8> {
    let length = u16::try_from(topic.len()).unwrap().to_be_bytes();
    packet(0x82, &[&[0, 1], &length[..], topic.as_bytes(), &[1]].concat())
}

/// The payload of a PUBLISH at QoS 1.
fn payload(publish: &Packet) -> Option<Value> {
    let [high, low, rest @ ..] = publish.body.as_slice() else { return None };
    let topic = usize::from(u16::from_be_bytes([*high, *low]));
    let is_publish = publish.first & 0xF0 == 0x30;
    serde_json::from_slice(rest.get(topic + 2..).filter(|_| is_publish)?).ok()
}

#[test]
fn a_message_over_mqtt_carries_the_same_link() {
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let setup = setup(folder.path());
    let county = County { people: 1, village_webhook: None, township_webhook: None };
    setup.import(&county, scratch.path());
    let file = scratch.path().join("mqtt.csv");
    fs::write(&file, "doctor,name,level,place,mqtt\nDR1,Doctor One,village,Stone Village,yes\n")
        .unwrap();
    let file = file.display().to_string();
    setup.run_well(&["registry", "import", "--kind", "doctors", &file]);
    let gateway = setup.start();
    let mut client = Connection::open(gateway.mqtt, "doctor").unwrap();
    client.send(&subscribe("xz/1/doctor/DR1/alert")).unwrap();
    assert_eq!(client.read().unwrap().first, 0x90, "SUBACK");
    emergency(&gateway, 1);
    let message = payload(&client.read().unwrap()).unwrap();
    let text = message.to_string();
    assert!(!text.contains("P0000") && !says(&text, "184"), "P10: {text}");
    let path = path_of(&message, &format!("http://{}", gateway.http));
    check_page(&gateway, &path, &message);
    check_forged(&gateway, &path);
    gateway.stop();
}
