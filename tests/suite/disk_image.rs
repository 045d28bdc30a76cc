//! Somebody takes the van's disk: nothing on it names anybody without the key, whatever road it came
//! by (ATTACKS A21, A22). And who looked at whom is on it, as it was written (A23).

use std::{
    fs,
    path::{Path, PathBuf},
};

use end_to_end::{
    gateway::{READY, Setup},
    mqtt::Connection,
};
use serde_json::json;
use tempfile::tempdir;

use crate::setup;

/// Names, numbers, phones and cards that were never anybody's.
const CANARIES: [&str; 9] = [
    "金丝雀",
    "笼中鸟",
    "522123199912310015",
    "13877770001",
    "13877770002",
    "6217000099990001",
    "6217000099990002",
    "6217000099990003",
    "canary-of-no-address",
];

/// Some of them as an old program of the region writes them.
const GB18030: [&[u8]; 2] =
    [&[0xBD, 0xF0, 0xCB, 0xBF, 0xC8, 0xB8], &[0xC1, 0xFD, 0xD6, 0xD0, 0xC4, 0xF1]];

fn image(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            files.extend(image(&path));
        } else if kind.is_file() {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == text[0]);
    starts.map(|(at, _)| &bytes[at..]).any(|rest| rest.starts_with(text))
}

#[track_caller]
fn check_names_nobody(folder: &Path, when: &str) {
    let texts = CANARIES.iter().map(|text| text.as_bytes()).chain(GB18030);
    let texts: Vec<&[u8]> = texts.collect();
    for (path, bytes) in image(folder) {
        for text in &texts {
            let said = String::from_utf8_lossy(text);
            assert!(!holds(&bytes, text), "{when}: {} holds {said}", path.display());
        }
    }
}

fn sealed(folder: &Path, key: &Path) -> Setup {
    setup(folder).with("XUNZHEN__STORE__IDENTITY_KEY_FILE", &key.display().to_string())
}

fn people() -> String {
    let [name, other, number, phone, more, card, second, ..] = CANARIES;
    format!(
        "person,name,id_number,phone,cards,village,consent,relative\n\
         C1,{name},{number},{phone},{card},North,yes,{other}\n\
         C2,{other},,{more},{second},North,yes,\n"
    )
}

/// Everything that a day brings, by every road.
fn fill(setup: &Setup, scratch: &Path) {
    let (people_file, doctors) = (scratch.join("people.csv"), scratch.join("doctors.csv"));
    fs::write(&people_file, people()).unwrap();
    let [name, other, number, phone, .., unknown, mail] = CANARIES;
    fs::write(
        &doctors,
        format!("doctor,name,phone,level,place\nCD,{other},{phone},village,North\n"),
    )
    .unwrap();
    let gateway = setup.start();
    for (kind, file) in [("people", &people_file), ("doctors", &doctors)] {
        setup.run_well(&["registry", "import", "--kind", kind, &file.display().to_string()]);
    }
    let reading = |seq: u32, person: &str| {
        json!({
            "kind": "blood_pressure", "device": "cuffC", "site": "V1", "seq": seq, "epoch": 1,
            "systolic": 120, "diastolic": 80, "unit": "mmHg", "person": person,
            "patient_name": name, "contact": mail,
        })
    };
    for (seq, person) in [(1, "C1"), (2, "nobody-known")] {
        let key = format!("reading-{seq}");
        let answer = gateway.post("/api/v1/readings", &key, &reading(seq, person));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let odd = json!({"kind": name, "device": "cuffC", "site": "V1", "phone": phone});
    assert_eq!(gateway.post("/api/v1/readings", "odd", &odd).status, 200);
    let mut line = Connection::open(gateway.mqtt, "van-1").unwrap();
    let card = |card: &str| json!({ "card": card }).to_string();
    for number in [CANARIES[5], unknown, number] {
        line.publish("xz/1/V1/B1/card", card(number).as_bytes()).unwrap();
    }
    line.publish("xz/1/V1/cuffC/reading", reading(3, "C1").to_string().as_bytes()).unwrap();
    line.publish("xz/1/V1/cuffC/reading", format!("{{{name} {phone}").as_bytes()).unwrap();
    line.publish("xz/1/V1/cuffC/frame/raycome-rbp", GB18030[0]).unwrap();
    line.publish("xz/1/V1/state", json!({"online": true, "detail": other}).to_string().as_bytes())
        .unwrap();
    let follow_up = json!({
        "at": "2026-02-01", "systolic": 152, "diastolic": 94, "note": format!("{name} {phone}"),
    });
    let answer = gateway.post("/api/v1/people/C1/follow-ups", "follow-up", &follow_up);
    assert!((200..300).contains(&answer.status), "{}", answer.body);
    let found = gateway.get(&format!("/api/v1/people?q={phone}"));
    assert_eq!(found.status, 200);
    assert!(gateway.get("/lite/people/C1").body.contains(name));
    check_names_nobody(setup.folder(), "while it runs");
    gateway.kill();
}

#[test]
fn a_stolen_disk_names_nobody_and_tells_who_looked() {
    let (outer, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let (folder, key) = (outer.path().join("store"), scratch.path().join("identity-keys"));
    let setup = sealed(&folder, &key);
    fill(&setup, scratch.path());
    check_names_nobody(&folder, "killed");
    check_other_key_is_refused(&folder, scratch.path());

    let gateway = setup.start();
    assert_eq!(gateway.get_json("/readyz")["identity_key"], "apart");
    let person = gateway.get_json("/api/v1/people/C1");
    assert_eq!((&person["name"], &person["phone"]), (&json!(CANARIES[0]), &json!(CANARIES[3])));
    let copy = scratch.path().join("copy");
    fs::create_dir(&copy).unwrap();
    let file = copy.join("backup").display().to_string();
    setup.run_well(&["backup", "create", &file]);
    check_names_nobody(&copy, "a copy");

    let rotated = setup.run_well(&["key", "rotate"]);
    let rotated: serde_json::Value = serde_json::from_str(rotated.trim()).unwrap();
    assert_eq!(rotated["keys"].as_array().unwrap().len(), 2, "{rotated}");
    assert_eq!(rotated["sealing_anew"], false, "{rotated}");
    assert_eq!(gateway.get_json("/api/v1/people/C1")["name"], CANARIES[0]);
    let looked = setup.run_well(&["audit", "export", "--person", "C1"]);
    assert!(looked.lines().count() >= 3, "{looked}");
    assert!(looked.contains("GET /lite/people/{id}"), "before the kill: {looked}");
    gateway.stop();
    check_names_nobody(&folder, "stopped, under another key");
    check_audit(&setup, &folder);
}

#[track_caller]
fn check_other_key_is_refused(folder: &Path, scratch: &Path) {
    let before = image(folder);
    let none = scratch.join("no-such-key");
    for (key, said) in [(none.clone(), "no identity key"), (other_key(scratch), "is sealed with")] {
        let mut refused = sealed(folder, &key).spawn();
        let status = refused.wait(READY);
        assert!(!status.success(), "started with another key");
        let log = refused.log();
        assert!(log.contains(said) && log.contains("密钥"), "{log}");
    }
    assert!(!none.try_exists().unwrap(), "no key was made for a store that has one");
    let names = |image: &[(PathBuf, Vec<u8>)]| -> Vec<(PathBuf, Vec<u8>)> {
        // The index of the write-ahead file is of the processes that look at it.
        image.iter().filter(|(path, _)| !path.ends_with("xunzhen.db-shm")).cloned().collect()
    };
    assert_eq!(names(&image(folder)), names(&before), "something was changed");
}

/// The key of another store.
fn other_key(scratch: &Path) -> PathBuf {
    let (other, key) = (scratch.join("other-store"), scratch.join("other-key"));
    sealed(&other, &key).start().stop();
    key
}

#[track_caller]
fn check_audit(setup: &Setup, folder: &Path) {
    let sound = setup.run_well(&["verify-audit"]);
    assert!(sound.contains("\"sound\":true"), "{sound}");
    let file = fs::read_dir(folder.join("audit")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        file.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    let mut bytes = fs::read(&files[0]).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&files[0], bytes).unwrap();
    let folder = folder.display().to_string();
    let found = setup.run(&["verify-audit", "--data-dir", &folder]);
    let told = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(!found.status.success() && told.contains("\"sound\":false"), "{told}");
    assert!(told.contains("\"record\":"), "{told}");
}
