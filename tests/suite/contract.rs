//! The contracts that others rely on (DESIGN section 9), through the real edges.

use end_to_end::{
    audit,
    gateway::Gateway,
    ledger::{instant, now},
    mqtt::{Connection, publish as publish_packet},
    patience::{PATIENCE, wait_for},
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::setup;

/// A gateway on an empty store with the people of `--dev`.
fn dev() -> (TempDir, Gateway) {
    let folder = tempdir().unwrap();
    let gateway = setup(folder.path()).start();
    (folder, gateway)
}

/// Stops in order and finds the store at one with itself.
#[track_caller]
fn finish((folder, gateway): (TempDir, Gateway)) {
    gateway.stop();
    let found = audit::itself(folder.path());
    assert!(found.is_empty(), "{found:#?}");
}

/// An ordinary reading of a home cuff, over HTTP.
fn reading(device: &str, seq: u64) -> Value {
    json!({"kind": "blood_pressure", "device": device, "site": "home-1", "seq": seq, "epoch": 1,
        "measured_at": instant(now() - 60), "systolic": 122, "diastolic": 78, "unit": "mmHg",
        "pulse": 70, "person": "P000001", "setting": "home"})
}

/// A reading with some fields set, or taken away by null.
fn with(device: &str, changes: &Value) -> Value {
    let mut reading = reading(device, 1);
    let fields = reading.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    reading
}

/// Posts one object; returns what became of it.
#[track_caller]
fn post(gateway: &Gateway, body: &Value) -> (String, String) {
    let key = format!("k{}", fastrand::u64(..));
    let answer = gateway.post("/api/v1/readings", &key, body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let item = answer.json()["items"][0].clone();
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

#[track_caller]
fn check(gateway: &Gateway, device: &str, changes: &Value, status: &str, reason: &str) {
    let (found, why) = post(gateway, &with(device, changes));
    assert!(found == status && why.contains(reason), "{changes}: {found} {why:?}");
}

#[test]
fn the_ready_line_names_every_address_and_dev_stays_on_loopback() {
    let (folder, gateway) = dev();
    assert_eq!(gateway.line["event"], "ready");
    assert!(gateway.http.ip().is_loopback() && gateway.mqtt.ip().is_loopback());
    assert!(gateway.http.port() != 0 && gateway.mqtt.port() != 0);
    assert!(gateway.token.len() >= 20, "{}", gateway.line);
    finish((folder, gateway));
}

#[test]
fn dev_seeds_an_empty_store_with_a_hundred_people_and_a_doctor() {
    let (folder, gateway) = dev();
    for (person, status) in [("P000001", 200), ("P000100", 200), ("P000101", 404)] {
        let path = format!("/api/v1/people/{person}");
        assert_eq!(gateway.get(&path).status, status, "{person}");
    }
    assert_eq!(gateway.get_json("/api/v1/people/P000001")["doctor"], "DR1");
    finish((folder, gateway));
}

#[test]
fn the_examples_of_the_design_are_stored_over_mqtt_by_a_common_client() {
    let (folder, gateway) = dev();
    let examples = [
        json!({"kind":"blood_pressure","seq":42,"epoch":1,
            "measured_at":"2026-03-02T07:10:00+08:00","systolic":182,"diastolic":96,
            "unit":"mmHg","pulse":80,"flags":["irregular_pulse"],"person":"P000023",
            "setting":"home"}),
        json!({"kind":"glucose","seq":43,"epoch":1,"measured_at":"2026-03-02T07:12:00+08:00",
            "value":7.8,"unit":"mmol/L","meal":"fasting","person":"P000023"}),
    ];
    publish_with_rumqttc(&gateway, "xz/1/home-1/cuff-1/reading", &examples);
    let items = wait_for(PATIENCE, "two readings", || {
        Some(gateway.list("/api/v1/readings?person=P000023")).filter(|items| items.len() == 2)
    });
    let [glucose, pressure] = items.as_slice() else { panic!("{items:?}") };
    for field in
        ["id", "kind", "person", "device", "site", "seq", "epoch", "measured_at", "device_time"]
            .iter()
            .chain(&["received_at", "grade", "unit", "flags", "source"])
    {
        assert!(!pressure[field].is_null(), "{field} in {pressure}");
    }
    assert_eq!(pressure["systolic"], 182);
    assert_eq!(pressure["flags"], json!(["irregular_pulse"]));
    assert_eq!(pressure["source"], "mqtt");
    assert_eq!(glucose["value"], 7.8);
    assert_eq!(glucose["meal"], "fasting");
    wait_for(PATIENCE, "an alert about what came months late", || {
        let alerts = gateway.list("/api/v1/alerts?person=P000023");
        alerts.iter().any(|alert| alert["late"] == true).then_some(())
    });
    finish((folder, gateway));
}

fn publish_with_rumqttc(gateway: &Gateway, topic: &str, payloads: &[Value]) {
    use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
    let options = MqttOptions::new("common", gateway.mqtt.ip().to_string(), gateway.mqtt.port());
    let (client, mut connection) = Client::new(options, 16);
    for payload in payloads {
        client.publish(topic, QoS::AtLeastOnce, false, payload.to_string()).unwrap();
    }
    let mut owed = payloads.len();
    for event in connection.iter() {
        if matches!(event.unwrap(), Event::Incoming(Packet::PubAck(_))) {
            owed -= 1;
        }
        if owed == 0 {
            return;
        }
    }
}

#[test]
fn each_item_of_a_post_is_told_what_became_of_it_in_order() {
    let (folder, gateway) = dev();
    let good = reading("cuff-2", 1);
    let items = json!([
        good,
        good,
        with("cuff-2", &json!({"systolic": 130})),
        with("cuff-2", &json!({"seq": 2, "person": "P999999"})),
        with("cuff-2", &json!({"seq": 3, "unit": "bar"})),
        with("cuff-2", &json!({"seq": 4, "kind": "temperature"})),
        with("cuff-2", &json!({"seq": 5, "systolic": 20, "diastolic": 100})),
        with("cuff-2", &json!({"seq": 6, "systolic": null})),
        with("cuff-2", &json!({"seq": 7, "person": null})),
    ]);
    let answer = gateway.post("/api/v1/readings", "in-order", &items).json();
    let told: Vec<&str> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["status"].as_str().unwrap())
        .collect();
    let expected = [
        "stored",
        "duplicate",
        "quarantined",
        "quarantined",
        "quarantined",
        "quarantined",
        "rejected",
        "refused",
        "quarantined",
    ];
    assert_eq!(told, expected, "{answer}");
    let mut waiting = gateway.list("/api/v1/quarantine");
    waiting.reverse();
    let reasons: Vec<&str> = waiting.iter().map(|item| item["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        ["conflict", "unknown_person", "unknown_unit", "unknown_kind", "no_person"]
    );
    for item in &waiting {
        assert!(item["raw"].as_str().is_some_and(|raw| !raw.is_empty()), "no bytes: {item}");
    }
    assert_eq!(gateway.list("/api/v1/refused").len(), 1);
    finish((folder, gateway));
}

#[test]
fn absent_naive_and_absurd_clocks_are_graded_and_never_dropped() {
    let (folder, gateway) = dev();
    let naive = instant(now() - 120);
    let naive = naive.trim_end_matches("+08:00");
    let clocks = [
        (json!({"measured_at": null}), "D"),
        (json!({"measured_at": naive}), "A"),
        (json!({"measured_at": instant(now() - 7200)}), "B"),
        (json!({"measured_at": "1970-01-01T00:00:05"}), "D"),
        (json!({"measured_at": "2099-01-01T00:00:00+08:00"}), "D"),
    ];
    for (place, (clock, grade)) in clocks.iter().enumerate() {
        let device = format!("clock-{place}");
        check(&gateway, &device, clock, "stored", "");
        let items = gateway.list(&format!("/api/v1/readings?device={device}"));
        assert_eq!(items[0]["grade"], *grade, "{clock}");
        let sent = clock["measured_at"].as_str();
        assert_eq!(items[0]["device_time"].as_str(), sent, "kept exactly as sent");
    }
    finish((folder, gateway));
}

#[test]
fn an_idempotency_key_answers_the_same_and_refuses_another_body() {
    let (folder, gateway) = dev();
    let body = with("cuff-3", &json!({"seq": null, "epoch": null, "measured_at": null}));
    let first = gateway.post("/api/v1/readings", "once", &body);
    let again = gateway.post("/api/v1/readings", "once", &body);
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(gateway.list("/api/v1/readings?device=cuff-3").len(), 1);
    let other = gateway.post("/api/v1/readings", "once", &reading("cuff-3", 9));
    assert_eq!(other.status, 409, "{}", other.body);
    finish((folder, gateway));
}

/// Asks for the number of items that wait.
#[track_caller]
fn check_waiting(gateway: &Gateway, expected: usize, why: &str) {
    assert_eq!(gateway.list("/api/v1/quarantine").len(), expected, "{why}");
}

#[test]
fn what_cannot_be_told_apart_is_kept_twice_unless_it_is_a_known_redelivery() {
    let (folder, gateway) = dev();
    let like = json!({"kind": "weight", "unit": "kg", "value": 70, "device": "scale",
        "site": "home-1"});
    post(&gateway, &like);
    post(&gateway, &like);
    check_waiting(&gateway, 2, "equal messages over HTTP");
    for _ in 0..2 {
        assert_eq!(gateway.post("/api/v1/readings", "once", &like).status, 200);
    }
    check_waiting(&gateway, 3, "a repeat under its key");
    let mut numbered = like.clone();
    numbered["seq"] = json!(7);
    post(&gateway, &numbered);
    assert_eq!(post(&gateway, &numbered).0, "duplicate");
    check_waiting(&gateway, 4, "a number of the sender's own");
    let (topic, payload) = ("xz/1/home-1/scale-2/reading", like.to_string());
    let mut connection = Connection::open(gateway.mqtt, "scale").unwrap();
    connection.publish(topic, payload.as_bytes()).unwrap();
    connection.publish(topic, payload.as_bytes()).unwrap();
    check_waiting(&gateway, 6, "equal messages over MQTT");
    for again in [false, true, true] {
        connection.send(&publish_packet(topic, 77, payload.as_bytes(), again)).unwrap();
        assert_eq!(connection.read().unwrap().acknowledged(), Some(77));
    }
    check_waiting(&gateway, 7, "a redelivery by DUP and packet id");
    let payload = numbered.to_string();
    connection.publish(topic, payload.as_bytes()).unwrap();
    connection.publish(topic, payload.as_bytes()).unwrap();
    check_waiting(&gateway, 8, "a number over MQTT");
    finish((folder, gateway));
}

#[test]
fn errors_have_one_shape_and_lists_have_pages() {
    let (folder, gateway) = dev();
    let answer = gateway.get("/api/v1/alerts/00000000000000000000000000000000");
    assert_eq!(answer.status, 404);
    for field in ["code", "message", "message_zh"] {
        assert!(answer.json()[field].is_string(), "{field} in {}", answer.body);
    }
    let stranger = end_to_end::http::request(gateway.http, ("GET", "/api/v1/alerts"), &[], b"");
    assert_eq!(stranger.unwrap().status, 401);
    let all: Vec<Value> = (1..=25).map(|seq| reading("cuff-4", seq)).collect();
    let answer = gateway.post("/api/v1/readings", "pages", &Value::Array(all));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let listed = gateway.list("/api/v1/readings?device=cuff-4&limit=10");
    let mut seqs: Vec<u64> = listed.iter().map(|item| item["seq"].as_u64().unwrap()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=25).collect::<Vec<u64>>());
    for path in ["/healthz", "/readyz", "/metrics", "/api/openapi.json", "/docs", "/api/v1/board"] {
        assert_eq!(gateway.get(path).status, 200, "{path}");
    }
    finish((folder, gateway));
}

/// Publishes one payload and returns what is newest in a list.
#[track_caller]
fn publish(gateway: &Gateway, topic: &str, payload: &[u8], list: &str) -> Value {
    let mut connection = Connection::open(gateway.mqtt, "one").unwrap();
    connection.publish(topic, payload).unwrap();
    gateway.list(list).first().cloned().unwrap_or_default()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

#[test]
fn a_bluetooth_cuff_and_meter_reach_us_through_a_bridge() {
    let (folder, gateway) = dev();
    // firmware-protocols/vectors: sig-bp-derdilla-below and sig-glu-rnbleplx.
    let cuff = bytes("167C0056006100E807060F11111B33001000");
    let held =
        publish(&gateway, "xz/1/home-1/ble-1/frame/sig-bp-2a35", &cuff, "/api/v1/quarantine");
    assert_eq!(held["reason"], "no_person", "{held}");
    assert_eq!(held["reading"]["systolic"], 124, "{held}");
    assert_eq!(held["reading"]["device_time"], "2024-06-15T17:17:27", "{held}");
    let meter = bytes("030600E407040D10260A000078B0F1");
    let topic = "xz/1/home-1/ble-2/frame/sig-glucose-2a18";
    let held = publish(&gateway, topic, &meter, "/api/v1/quarantine");
    assert_eq!(held["reading"]["value"], 120, "{held}");
    assert_eq!(held["reading"]["unit"], "mg/dL", "{held}");
    finish((folder, gateway));
}
