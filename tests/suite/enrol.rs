//! A box is let in by a one-time code: what the operator types above and below, and nothing else.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Output};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::{PATIENCE, wait_for},
};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::Instant;

use crate::{
    setup,
    uplink::{LINK, figure},
};

/// Boxes of a county (issue 5, part 6).
const BOXES: usize = 1_628;

/// Boxes of them that are joined by processes of their own.
const JOINED: usize = 24;

/// A code for a box.
pub(crate) fn code(centre: &Setup, name: &str) -> String {
    let told = centre.run_well(&["enrol", "code", "--box", name, "--serves", "North"]);
    let told: Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!((&told["box"], &told["serves"]), (&json!(name), &json!(["North"])));
    told["code"].as_str().unwrap().to_owned()
}

fn join(van: &Setup, to: &str, code: &str) -> Output {
    let folder = van.folder().display().to_string();
    van.run(&["enrol", "join", "--to", to, "--code", code, "--data-dir", &folder])
}

#[track_caller]
pub(crate) fn join_well(van: &Setup, to: &str, code: &str) -> Value {
    let ended = join(van, to, code);
    let troubles = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{troubles}");
    serde_json::from_slice(&ended.stdout).unwrap()
}

/// Joining fails, and says why in both languages.
#[track_caller]
fn check_refused(van: &Setup, (to, code): (&str, &str), expected: [&str; 2]) {
    let ended = join(van, to, code);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success(), "{told}");
    for words in expected {
        assert!(told.contains(words), "{told}");
    }
    assert!(!van.folder().join("enrolment.json").try_exists().unwrap(), "nothing is kept");
}

pub(crate) fn reading(seq: u64) -> Value {
    json!({"kind": "blood_pressure", "device": "D9", "site": "CN", "seq": seq, "epoch": 1,
        "measured_at": instant(now() - 60), "systolic": 131, "diastolic": 84, "unit": "mmHg",
        "person": "P000001"})
}

/// What a van measures goes up and is green there.
#[track_caller]
pub(crate) fn measure(van: &Gateway, seq: u64) {
    let answer = van.post("/api/v1/readings", &format!("reading-{seq}"), &reading(seq));
    assert_eq!(answer.status, 200, "{}", answer.body);
    wait_for(LINK, "green", || figure(van, "xunzhen_uplink_green").filter(|it| *it == 1));
}

/// Every line of the log who did what.
pub(crate) fn audited(folder: &Path) -> String {
    let files = fs::read_dir(folder.join("audit")).unwrap();
    let texts = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
}

/// The secret part of a code.
fn secret(code: &str) -> &str {
    code.rsplit('.').nth(1).unwrap()
}

#[test]
fn a_van_is_let_in_by_a_code_and_hands_up_what_it_measures() {
    let folder = tempdir().unwrap();
    let centre_setup = setup(&folder.path().join("centre"));
    let centre = centre_setup.start();
    let code = code(&centre_setup, "V03");
    let van_setup = setup(&folder.path().join("van"));
    let joined = join_well(&van_setup, &format!("http://{}", centre.http), &code);
    assert_eq!(joined["box"], "V03");
    let kept = van_setup.folder().join("enrolment.json");
    let mode = fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The answer was lost on its way to the disk: the same command goes on where it stopped.
    let first: Value = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    fs::remove_file(&kept).unwrap();
    join_well(&van_setup, &format!("http://{}", centre.http), &code);
    let again: Value = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    assert_eq!((&again["token"], &again["serial"]), (&first["token"], &first["serial"]));
    let van = van_setup.start();
    measure(&van, 1);
    let listed = centre_setup.run_well(&["enrol", "list"]);
    let listed: Value = serde_json::from_str(listed.trim()).unwrap();
    assert_eq!((&listed["box"], &listed["state"]), (&json!("V03"), &json!("enabled")));
    assert!(listed["last_heard"].is_string() && listed["certificate_until"].is_string());
    let held = centre.list("/api/v1/readings?device=D9");
    assert_eq!(held.len(), 1, "{held:?}");
    // Another box with the same code is turned away, and somebody must look.
    let thief = setup(&folder.path().join("thief"));
    let to = format!("http://{}", centre.http);
    check_refused(&thief, (&to, &code), ["this code was used before", "注册码已被使用"]);
    let alarm = "xunzhen_box_alarm{box=\"V03\"}";
    wait_for(PATIENCE, "the alarm", || figure(&centre, alarm).filter(|it| *it == 1));
    let token = first["token"].as_str().unwrap();
    for (log, who) in [(centre.process.log(), "centre"), (van.process.log(), "van")] {
        assert!(!log.contains(secret(&code)) && !log.contains(token), "{who}: {log}");
    }
    let audit = audited(centre_setup.folder());
    assert!(audit.contains("/api/v1/enrol") && !audit.contains(secret(&code)), "{audit}");
    assert!(!audit.contains(token), "{audit}");
    // Turned away: nothing more is taken, and it is told so.
    let revoked = centre_setup.run_well(&["enrol", "revoke", "--box", "V03"]);
    assert!(revoked.contains("revoked"), "{revoked}");
    // Signed, though its token ended with its row: whoever is at the van sees the alarm.
    wait_for(LINK, "the van's alarm", || {
        figure(&van, "xunzhen_uplink_alarm").filter(|alarm| *alarm == 1)
    });
    assert_eq!(figure(&van, "xunzhen_uplink_green"), Some(0));
    assert!(van.process.log().contains("refuses: revoked"), "{}", van.process.log());
}

/// A centre that shows a certificate of its own authority.
fn with_tls(folder: &Path) -> (Setup, Gateway) {
    let made = setup(folder);
    made.run_well(&["enrol", "server-certificate", "--name", "localhost", "--name", "127.0.0.1"]);
    let file = |name: &str| folder.join(name).display().to_string();
    let made = made
        .with("XUNZHEN__HTTP__TLS_CERTIFICATE", &file("server.pem"))
        .with("XUNZHEN__HTTP__TLS_KEY", &file("server.key"));
    let started = made.start();
    (made, started)
}

#[test]
fn a_code_pins_the_centre_and_a_renewed_certificate_of_its_listener_is_believed() {
    let folder = tempdir().unwrap();
    let (centre_setup, centre) = with_tls(&folder.path().join("centre"));
    let (_other_setup, other) = with_tls(&folder.path().join("other"));
    let van_setup = setup(&folder.path().join("van"));
    let code = code(&centre_setup, "V03");
    let words = ["is not who made this code", "对方证书与注册码不符"];
    check_refused(&van_setup, (&format!("https://{}", other.http), &code), words);
    let plain = [&format!("http://192.0.2.7:{}", centre.http.port()), code.as_str()];
    check_refused(&van_setup, (plain[0], plain[1]), ["expected https://", "地址须以 https://"]);
    join_well(&van_setup, &format!("https://{}", centre.http), &code);
    // The operator makes another certificate for the listener; the van need not know.
    centre.kill();
    centre_setup.run_well(&["enrol", "server-certificate", "--name", "127.0.0.1"]);
    let centre = centre_setup.start();
    let van =
        van_setup.clone().with("XUNZHEN__UPLINK__TO", &format!("https://{}", centre.http)).start();
    measure(&van, 1);
}

#[test]
fn a_code_that_is_wrong_is_told_in_one_clear_line() {
    let folder = tempdir().unwrap();
    let centre_setup = setup(&folder.path().join("centre"));
    let centre = centre_setup.start();
    let van = setup(&folder.path().join("van"));
    let to = format!("http://{}", centre.http);
    check_refused(&van, (&to, "xz1.V03.x"), ["this is no code", "注册码格式不正确"]);
    // A later code of the same box ends the one before.
    let (first, second) = (code(&centre_setup, "V03"), code(&centre_setup, "V03"));
    check_refused(&van, (&to, &first), ["this code opens no box here", "注册码无效"]);
    join_well(&van, &to, &second);
    // Nothing but an enrolment makes an address alone enough.
    let bare = setup(&folder.path().join("bare")).with("XUNZHEN__UPLINK__TO", &to);
    let ended = bare.run(&["check-config"]);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(told.contains("was not enrolled") && told.contains("本机尚未注册"), "{told}");
}

#[test]
fn a_gateway_that_has_facts_keeps_its_name() {
    let folder = tempdir().unwrap();
    let centre_setup = setup(&folder.path().join("centre"));
    let centre = centre_setup.start();
    let to = format!("http://{}", centre.http);
    let van_setup = setup(&folder.path().join("van"));
    let van = van_setup.start();
    assert_eq!(van.post("/api/v1/readings", "one", &reading(1)).status, 200);
    let other = code(&centre_setup, "V03");
    check_refused(&van_setup, (&to, &other), ["the gateway runs on this folder", "请先停止网关"]);
    van.stop();
    check_refused(&van_setup, (&to, &other), ["has facts under its own name", "本网关已有数据"]);
    let (name, _) = crate::uplink::who(&van_setup);
    join_well(&van_setup, &to, &code(&centre_setup, &name));
    let van = van_setup.start();
    measure(&van, 2);
    assert_eq!(centre.list("/api/v1/readings?device=D9").len(), 2);
}

#[test]
fn a_countys_boxes_get_their_codes_from_one_file() {
    let folder = tempdir().unwrap();
    let centre_setup = setup(&folder.path().join("centre"));
    let centre = centre_setup.start();
    let file = folder.path().join("boxes.csv");
    let rows: String = (0..BOXES).map(|n| format!("B{n:04},V{n:04},North|South\n")).collect();
    fs::write(&file, format!("box,site,serves\n{rows}")).unwrap();
    let began = Instant::now();
    let told = centre_setup.run_well(&["enrol", "code", "--file", &file.display().to_string()]);
    let took = began.elapsed();
    let codes: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(codes.len(), BOXES);
    println!("{BOXES} codes in {took:?}");
    assert_eq!(codes[7]["serves"], json!(["North", "South"]));
    let began = Instant::now();
    let to = format!("http://{}", centre.http);
    for item in &codes[..JOINED] {
        let van = setup(&folder.path().join(item["box"].as_str().unwrap()));
        join_well(&van, &to, item["code"].as_str().unwrap());
    }
    println!("{JOINED} boxes joined in {:?}", began.elapsed());
    let listed = centre_setup.run_well(&["enrol", "list"]);
    assert_eq!(listed.lines().count(), BOXES);
    assert_eq!(listed.matches("\"enabled\"").count(), JOINED);
    assert_eq!(listed.matches("\"invited\"").count(), BOXES - JOINED);
    assert_eq!(
        centre_setup.run_well(&["registry", "export", "--kind", "boxes"]).lines().count(),
        JOINED + 1
    );
}
