//! What the first issue is shown by: from a publish to a doctor, across kill -9, to the end.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use end_to_end::{
    audit,
    gateway::{Gateway, Setup},
    http,
    ledger::{Ledger, World, instant, now},
    load,
    patience::{PATIENCE, wait_for},
    registry::County,
    skip,
    webhook::Sink,
    words::says,
};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::Instant;

use crate::setup;

/// From publish to webhook (issue 2, "Shown by").
const TO_A_DOCTOR: Duration = Duration::from_secs(1);

fn emergency(seq: u64) -> Value {
    json!({"kind": "blood_pressure", "seq": seq, "epoch": 1, "measured_at": instant(now() - 30),
        "systolic": 184, "diastolic": 112, "unit": "mmHg", "pulse": 84, "person": "P000001",
        "setting": "home"})
}

/// Publishes as anybody would, with Debian's client.
#[track_caller]
fn mosquitto_pub(to: SocketAddr, payload: &Value) {
    let mut publish = Command::new("mosquitto_pub");
    publish.args(["-h", &to.ip().to_string(), "-p", &to.port().to_string(), "-q", "1"]);
    publish.args(["-t", "xz/1/home/cuff-1/reading", "-m", &payload.to_string()]);
    let output = publish.output().unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && why.is_empty(), "{}: {why}", output.status);
}

/// A store with two doctors who have webhooks.
fn imported(folder: &Path) -> (Setup, Sink, Sink) {
    let (village, township) = (Sink::open(), Sink::open());
    let setup = setup(folder);
    let county = County {
        people: 100,
        village_webhook: Some(village.url()),
        township_webhook: Some(township.url()),
    };
    setup.import(&county, tempdir().unwrap().path());
    (setup, village, township)
}

#[track_caller]
fn told_about(sink: &Sink, alert: &Value) {
    let id = alert["id"].as_str().unwrap();
    let messages = wait_for(PATIENCE, "a message about the alert", || {
        Some(sink.about(id)).filter(|messages| !messages.is_empty())
    });
    assert!(messages.iter().all(|message| message.genuine), "{messages:?}");
    let told = messages[0].body.to_string();
    assert!(!told.contains("P000001") && !says(&told, "184"), "P10: {told}");
}

#[test]
fn a_reading_reaches_the_doctor_within_a_second_and_survives_a_kill() {
    let test = "shown_by::a_reading_reaches_the_doctor_within_a_second_and_survives_a_kill";
    if !skip::has(test, &["mosquitto_pub"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let (setup, sink, _) = imported(folder.path());
    let gateway = setup.start();
    let payload = emergency(42);
    let begun = Instant::now();
    mosquitto_pub(gateway.mqtt, &payload);
    let message = wait_for(PATIENCE, "the first webhook", || sink.messages().first().cloned());
    let took = message.at - begun;
    println!("publish to webhook: {took:?}");
    assert!(took < TO_A_DOCTOR, "{took:?}");
    let alert = gateway.alerts("person=P000001", 1).remove(0);
    assert_eq!((&alert["level"], &alert["state"]), (&json!("red"), &json!("open")), "{alert}");
    assert_eq!(alert["owner"], "DR1");
    assert!(!alert["reasons"][0]["zh"].as_str().unwrap().is_empty(), "{alert}");
    told_about(&sink, &alert);
    mosquitto_pub(gateway.mqtt, &payload);
    check_nothing_added(&gateway, &sink, &alert);
    gateway.kill();
    let gateway = setup.start();
    check_nothing_added(&gateway, &sink, &alert);
    gateway.stop();
    let found = audit::itself(folder.path());
    assert!(found.is_empty(), "{found:#?}");
}

#[track_caller]
fn check_nothing_added(gateway: &Gateway, sink: &Sink, alert: &Value) {
    assert_eq!(gateway.list("/api/v1/readings?person=P000001").len(), 1);
    let alerts = gateway.alerts("person=P000001", 1);
    assert_eq!(alerts[0]["id"], alert["id"]);
    let about = sink.about(alert["id"].as_str().unwrap());
    let first = &about[0].id;
    assert!(about.iter().all(|message| message.id == *first), "one message, maybe repeated");
}

#[test]
fn an_acknowledgement_is_a_fact_that_survives_a_kill() {
    let folder = tempdir().unwrap();
    let (setup, ..) = imported(folder.path());
    let role = ["token", "create", "--role", "doctor", "--doctor", "DR1"];
    let token = setup.run_well(&role).trim().to_owned();
    let start = || {
        let mut gateway = setup.start();
        gateway.token.clone_from(&token);
        gateway
    };
    let mut gateway = setup.start();
    let posted = json!([with_source(emergency(1))]);
    assert_eq!(gateway.post("/api/v1/readings", "r", &posted).status, 200);
    gateway.token.clone_from(&token);
    let id = gateway.alerts("person=P000001", 1)[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/alerts/{id}/ack");
    let answer = gateway.post(&path, "a", &json!({"note": "on my way"}));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["state"], "acknowledged");
    gateway.kill();
    let gateway = start();
    let alert = gateway.get_json(&format!("/api/v1/alerts/{id}"));
    assert_eq!(alert["state"], "acknowledged");
    let history = alert["history"].as_array().unwrap();
    let acts: Vec<&Value> = history.iter().filter(|act| act["kind"] == "acknowledged").collect();
    assert_eq!(acts.len(), 1, "{alert}");
    assert_eq!(acts[0]["note"], "on my way");
    let again = gateway.post(&path, "a", &json!({"note": "on my way"}));
    assert_eq!(again.status, 200, "{}", again.body);
    let alert = gateway.get_json(&format!("/api/v1/alerts/{id}"));
    assert_eq!(alert["history"], Value::Array(history.clone()), "once is once");
    gateway.stop();
}

fn with_source(mut reading: Value) -> Value {
    reading["device"] = json!("cuff-1");
    reading["site"] = json!("home");
    reading
}

#[cfg(feature = "faults")]
#[test]
fn an_overdue_alert_goes_to_the_next_step_across_a_restart() {
    let folder = tempdir().unwrap();
    let (setup, village, township) = imported(folder.path());
    let gateway = setup.start();
    mosquitto_or_post(&gateway);
    let alert = gateway.alerts("person=P000001", 1).remove(0);
    told_about(&village, &alert);
    assert!(township.messages().is_empty());
    gateway.kill();
    // An hour later: red must be acknowledged in 10 to 15 minutes (the pack's ack_minutes).
    let gateway = setup.with("XUNZHEN_CLOCK_AHEAD", "3600").start();
    let alert = wait_for(PATIENCE, "the township's turn", || {
        let alert = gateway.alerts("person=P000001", 1).remove(0);
        (alert["owner"] == "T1").then_some(alert)
    });
    assert_eq!((&alert["state"], &alert["step"]), (&json!("open"), &json!("township")), "{alert}");
    told_about(&township, &alert);
    gateway.stop();
    let found = audit::itself(folder.path());
    assert!(found.is_empty(), "{found:#?}");
}

#[cfg(feature = "faults")]
fn mosquitto_or_post(gateway: &Gateway) {
    let posted = json!([with_source(emergency(1))]);
    assert_eq!(gateway.post("/api/v1/readings", "r", &posted).status, 200);
}

#[test]
fn a_backup_made_under_load_verifies_and_restores() {
    let folder = tempdir().unwrap();
    let (setup, ..) = imported(folder.path());
    let gateway = setup.start();
    let mut ledger = Ledger::new(World::new(0x5EED_0501, 100), 2);
    let scratch = tempdir().unwrap();
    let copy = scratch.path().join("copy.db").display().to_string();
    let address = gateway.mqtt;
    load::run(&mut ledger, address, |progress| {
        wait_for(PATIENCE, "the first acknowledgement", || progress.begun());
        setup.run_well(&["backup", "create", &copy]);
    });
    gateway.stop();
    // A copy is opened by the key of the store that it was made of.
    let key = setup.folder().join("identity-keys").display().to_string();
    let setup = setup.with("XUNZHEN__STORE__IDENTITY_KEY_FILE", &key);
    let told = setup.run(&["backup", "verify", &copy]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["sound"], true, "{told}");
    let restored = scratch.path().join("restored").display().to_string();
    let output = setup.run(&["backup", "restore", &copy, "--data-dir", &restored]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(audit::itself(Path::new(&restored)).is_empty());
    setup.run_well(&["db", "check"]);
}

#[test]
fn a_wrong_configuration_is_told_whole_with_exit_78() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("xunzhen.toml");
    let wrong = "[http]\nlisten = \"nowhere\"\n[mqtt]\npacket_max = 5\n[stor]\ndir = \"x\"\n";
    fs::write(&file, wrong).unwrap();
    let file = file.display().to_string();
    for command in ["check-config", "serve"] {
        let output = setup(folder.path()).run(&[command, "--config", &file]);
        assert_eq!(output.status.code(), Some(78), "{command}");
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        for (line, key) in [(":2:", "listen"), (":4:", "packet_max"), (":5:", "stor")] {
            assert!(told.contains(line) && told.contains(key), "{command}: {key} in:\n{told}");
        }
    }
}

#[test]
fn sigterm_under_load_ends_well_and_keeps_every_acknowledged_reading() {
    let folder = tempdir().unwrap();
    let (setup, ..) = imported(folder.path());
    let mut ledger = Ledger::new(World::new(0x5EED_0502, 100), 4);
    let gateway = setup.start();
    let address = gateway.mqtt;
    load::run(&mut ledger, address, |progress| {
        wait_for(PATIENCE, "the first acknowledgement", || progress.begun());
        gateway.stop();
    });
    let found = audit::file(folder.path(), &ledger);
    assert!(found.is_empty(), "{found:#?}");
}

/// A program of the system that listens on a port of loopback. Dropped, it is killed.
struct Neighbour(Child);

impl Neighbour {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn points_reach_victoria_metrics() {
    let test = "shown_by::points_reach_victoria_metrics";
    if !skip::has(test, &["victoria-metrics"]) {
        return;
    }
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let at = free_port();
    let mut command = Command::new("victoria-metrics");
    command.arg(format!("-httpListenAddr={at}"));
    command.arg(format!("-storageDataPath={}", scratch.path().display()));
    let _victoria = Neighbour::start(&mut command);
    wait_for(PATIENCE, "victoria-metrics", || http::request(at, ("GET", "/health"), &[], b"").ok());
    let (setup, ..) = imported(folder.path());
    let gateway = setup.with("XUNZHEN__INFLUX__URL", &format!("http://{at}")).start();
    let posted = json!([with_source(emergency(1))]);
    assert_eq!(gateway.post("/api/v1/readings", "r", &posted).status, 200);
    let points = wait_for(PATIENCE, "points in victoria-metrics", || {
        let query = "/api/v1/export?match%5B%5D=%7B__name__%3D~%22.%2B%22%7D";
        let answer = http::request(at, ("GET", query), &[], b"").ok()?;
        answer.body.contains("184").then_some(answer.body)
    });
    assert!(!points.contains("P000001"), "no personal tag: {points}");
    gateway.stop();
}

#[test]
fn a_reading_comes_through_an_existing_broker() {
    let test = "shown_by::a_reading_comes_through_an_existing_broker";
    if !skip::has(test, &["mosquitto", "mosquitto_pub"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let at = free_port();
    let mut command = Command::new("mosquitto");
    let _mosquitto = Neighbour::start(command.args(["-p", &at.port().to_string()]));
    wait_for(PATIENCE, "mosquitto", || std::net::TcpStream::connect(at).ok());
    let (setup, ..) = imported(folder.path());
    let gateway = setup.with("XUNZHEN__BROKER__URL", &format!("mqtt://{at}")).start();
    let item = wait_for(PATIENCE, "the reading", || {
        mosquitto_pub(at, &emergency(7));
        gateway.list("/api/v1/readings?person=P000001").into_iter().next()
    });
    assert_eq!(item["source"], "broker", "{item}");
    gateway.stop();
}
