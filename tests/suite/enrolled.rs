//! A box that was enrolled, as time goes on: its certificate is renewed over the line that it vouches for,
//! and what was written of it may be damaged.

use std::{fs, time::Duration};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::{PATIENCE, wait_for},
    proxy::Proxy,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    enrol::{audited, code, join_well, measure, reading},
    setup,
    uplink::{LINK, figure},
};

const DAY: i64 = 24 * 3600;

/// What the box holds of its enrolment.
fn held(van: &Setup) -> Value {
    serde_json::from_slice(&fs::read(van.folder().join("enrolment.json")).unwrap()).unwrap()
}

/// From now on the centre judges certificates as of so many days ahead: it has seen that time.
fn ahead(centre: &Setup, days: i64) -> String {
    let at = instant(now() + days * DAY);
    fs::write(centre.folder().join("time-floor"), &at).unwrap();
    at
}

fn listens_with_tls(centre: &Gateway) -> std::net::SocketAddr {
    centre.line["mqtts"].as_str().unwrap().parse().unwrap()
}

#[test]
fn an_enrolled_van_goes_on_with_the_certificate_that_it_got_over_the_line() {
    let folder = tempdir().unwrap();
    let centre_setup =
        setup(&folder.path().join("centre")).with("XUNZHEN__MQTT__TLS_LISTEN", "127.0.0.1:0");
    // Its authority is made with the first code; the door needs it at the start.
    let code = code(&centre_setup, "V03");
    let centre = centre_setup.start();
    let van_setup = setup(&folder.path().join("van"));
    join_well(&van_setup, &format!("http://{}", centre.http), &code);
    let first = held(&van_setup);
    centre.kill();

    // 80 of its 180 days are left: from 90 on there is another one.
    let due = ahead(&centre_setup, 100);
    let centre = centre_setup.start();
    let line = Proxy::start(listens_with_tls(&centre));
    let to = format!("mqtts://{}", line.address());
    let van_setup = van_setup.with("XUNZHEN__UPLINK__TO", &to);
    let van = van_setup.start();
    measure(&van, 1);
    assert_eq!(figure(&centre, "xunzhen_mqtt_connected"), Some(1), "over TLS alone");
    wait_for(LINK, "another certificate", || {
        (held(&van_setup)["serial"] != first["serial"]).then_some(())
    });
    let second = held(&van_setup);
    assert!(second["until"].as_str().unwrap() > first["until"].as_str().unwrap(), "{second}");
    assert!(second["said_at"].as_str().unwrap() >= due.as_str(), "{second} {due}");
    assert_eq!(second["token"], first["token"]);
    let listed: Value =
        serde_json::from_str(centre_setup.run_well(&["enrol", "list"]).trim()).unwrap();
    assert_eq!(listed["certificate_until"], second["until"]);
    assert_eq!(centre.list("/api/v1/readings?device=D9").len(), 1);
    centre.kill();

    // The first one has ended: who comes by it now comes in vain. The van was not started anew.
    ahead(&centre_setup, 185);
    let centre = centre_setup.start();
    line.aim(listens_with_tls(&centre));
    measure(&van, 2);
    assert_eq!(centre.list("/api/v1/readings?device=D9").len(), 2);
    assert_eq!(figure(&centre, "xunzhen_mqtt_tls_refused_total"), Some(0));
    assert_eq!(held(&van_setup)["serial"], second["serial"], "this one is good for long");
    van.stop();

    fs::write(van_setup.folder().join("enrolment.json"), first.to_string()).unwrap();
    let van = van_setup.start();
    wait_for(LINK, "a line for the auditor", || {
        let lines = audited(centre_setup.folder());
        let told = |line: &str| line.contains("\"act\":\"TLS\"") && line.contains("expired");
        lines.lines().any(told).then_some(())
    });
    assert_eq!(figure(&van, "xunzhen_uplink_green"), Some(0));
}

/// The van measures, judges and warns, and says on every way that nothing goes up, and why.
#[track_caller]
fn check_damaged(van_setup: &Setup, seq: u64, text: &[u8]) {
    fs::write(van_setup.folder().join("enrolment.json"), text).unwrap();
    let free = van_setup
        .clone()
        .with("XUNZHEN__STORE__DIR", &van_setup.folder().display().to_string())
        .with("XUNZHEN__HTTP__LISTEN", "127.0.0.1:0")
        .with("XUNZHEN__MQTT__LISTEN", "127.0.0.1:0");
    let words = ["this box cannot hand up", "本机无法上传", "enrol join"];
    let checked = free.run(&["check-config"]);
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(78), "{told}");
    let van = van_setup.start();
    let high = json!({"systolic": 190, "diastolic": 120});
    let mut high_reading = reading(seq);
    high_reading.as_object_mut().unwrap().extend(high.as_object().unwrap().clone());
    let answer = van.post("/api/v1/readings", &format!("high-{seq}"), &high_reading).json();
    assert_eq!(answer["items"][0]["status"], "stored", "{answer}");
    let warned = wait_for(PATIENCE, "its alert", || {
        Some(van.list("/api/v1/alerts")).filter(|alerts| !alerts.is_empty())
    });
    assert_eq!(warned[0]["level"], "red", "{warned:?}");
    assert_eq!(figure(&van, "xunzhen_uplink_alarm"), Some(1));
    assert_eq!(figure(&van, "xunzhen_uplink_green"), Some(0));
    let log = van.process.log();
    for word in words {
        assert!(told.contains(word) && log.contains(word), "{word}: {told}{log}");
    }
    assert!(!told.contains("xzt_") && !log.contains("xzt_"), "{told}{log}");
    let english = van.get("/lite?lang=en").body;
    assert!(
        english.contains("this box cannot hand up: its enrolment.json is damaged"),
        "{english}"
    );
    let chinese = van.get("/lite?lang=zh").body;
    assert!(chinese.contains("本机无法上传：注册文件 enrolment.json 已损坏"), "{chinese}");
    van.stop();
}

#[test]
fn a_van_whose_enrolment_is_damaged_measures_and_warns_until_it_is_enrolled_again() {
    let folder = tempdir().unwrap();
    let centre_setup = setup(&folder.path().join("centre"));
    let centre = centre_setup.start();
    let to = format!("http://{}", centre.http);
    let (van_setup, other) =
        (setup(&folder.path().join("van")), setup(&folder.path().join("other")));
    join_well(&van_setup, &to, &code(&centre_setup, "V03"));
    join_well(&other, &to, &code(&centre_setup, "V04"));
    let van = van_setup.start();
    measure(&van, 1);
    van.stop();
    let whole = fs::read(van_setup.folder().join("enrolment.json")).unwrap();
    check_damaged(&van_setup, 2, &whole[..whole.len() / 2]);
    check_damaged(&van_setup, 3, b"");
    // A token where a number belongs: the parser would say it in its words.
    check_damaged(&van_setup, 4, b"{\"version\":\"xzt_secret\"}");
    check_damaged(&van_setup, 5, &fs::read(other.folder().join("enrolment.json")).unwrap());
    // As it tells: another code, the same command. What was measured meanwhile is there.
    join_well(&van_setup, &to, &code(&centre_setup, "V03"));
    let van = van_setup.start();
    measure(&van, 6);
    assert_eq!(figure(&van, "xunzhen_uplink_alarm"), Some(0));
    let above = wait_for(Duration::from_secs(10), "every reading", || {
        Some(centre.list("/api/v1/readings?device=D9")).filter(|all| all.len() == 6)
    });
    assert_eq!(above.len(), 6);
}

#[test]
fn a_centre_whose_authority_is_damaged_says_which_file_to_bring_back() {
    let folder = tempdir().unwrap();
    let centre_setup =
        setup(&folder.path().join("centre")).with("XUNZHEN__MQTT__TLS_LISTEN", "127.0.0.1:0");
    code(&centre_setup, "V03");
    let key = centre_setup.folder().join("enrol-ca-key");
    let whole = fs::read(&key).unwrap();
    fs::write(&key, &whole[..20]).unwrap();
    let mut process = centre_setup.spawn();
    let status = process.wait(PATIENCE);
    let log = process.log();
    assert_eq!(status.code(), Some(78), "{log}");
    for words in [
        "enrol-ca-key holds no key",
        "bring enrol-ca-key and enrol-ca.pem back",
        "证书机构文件已损坏",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    fs::write(&key, &whole).unwrap();
    centre_setup.start().stop();
}

#[test]
fn a_copy_names_the_keys_that_are_not_in_it_and_with_them_the_boxes_come_back() {
    let folder = tempdir().unwrap();
    let centre_setup =
        setup(&folder.path().join("centre")).with("XUNZHEN__MQTT__TLS_LISTEN", "127.0.0.1:0");
    let code = code(&centre_setup, "V03");
    let centre = centre_setup.start();
    let van_setup = setup(&folder.path().join("van"));
    join_well(&van_setup, &format!("http://{}", centre.http), &code);
    let copy = folder.path().join("copy.db").display().to_string();
    let told: Value =
        serde_json::from_str(centre_setup.run_well(&["backup", "create", &copy]).trim()).unwrap();
    let lies = |file: &str| centre_setup.folder().join(file).display().to_string();
    let expected = ["identity-keys", "gateway-key", "enrol-ca-key", "enrol-ca.pem"].map(lies);
    assert_eq!(told["not_in_it"], json!(expected), "{told}");
    let says = |name: &str, words: &str| told[name].as_str().unwrap().contains(words);
    assert!(says("note", "keys are in no copy") && says("note_zh", "备份不含密钥"), "{told}");
    let key = fs::read(lies("enrol-ca-key")).unwrap();
    let bytes = fs::read(&copy).unwrap();
    assert!(
        !bytes.windows(key.len()).any(|part| part == key),
        "the authority's key is in the copy"
    );
    centre.kill();

    let restored = setup(&folder.path().join("again"))
        .with("XUNZHEN__MQTT__TLS_LISTEN", "127.0.0.1:0")
        .with("XUNZHEN__STORE__IDENTITY_KEY_FILE", &lies("identity-keys"));
    let (gateway_key, from) = (lies("gateway-key"), centre_setup.folder().display().to_string());
    let bring = ["--gateway-key", &gateway_key, "--authority", &from];
    restored.run_well(&[["backup", "restore", &copy].as_slice(), &bring].concat());
    let centre = restored.start();
    let to = format!("mqtts://{}", listens_with_tls(&centre));
    let van = van_setup.with("XUNZHEN__UPLINK__TO", &to).start();
    // By its certificate, over TLS, both by the authority that was brought.
    measure(&van, 1);
    assert_eq!(centre.list("/api/v1/readings?device=D9").len(), 1);
}
