//! A roster for a van: made by the centre, taken by the van, whole or not at all, and the same person
//! is judged alike at both ends.

use std::{fs, path::Path, time::Duration};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::wait_at_most,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::setup;

/// People of North: so many that a roster of them takes several commits.
const PEOPLE: u32 = 3000;

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn answer(told: &str) -> Value {
    serde_json::from_str(told.lines().last().unwrap()).unwrap()
}

/// A centre with people of North and one of South.
fn centre(folder: &Path) -> Setup {
    let setup = setup(&folder.join("centre"));
    let rows: String = (1..=PEOPLE).map(|it| format!("R{it},人{it},HN,htn,C1\n")).collect();
    for (kind, text) in [
        (
            "doctors",
            "doctor,level,place,phone\nDRN,village,North,139\nDRS,village,South,138\n".to_owned(),
        ),
        ("sites", "site,kind,village,township\nCN,clinic,North,Town\n".to_owned()),
        ("households", "household,village,doctor\nHN,North,DRN\nHS,South,DRS\n".to_owned()),
        ("people", format!("person,name,household,diagnoses,cohorts\n{rows}S1,南方人,HS,htn,C1\n")),
        ("cards", "card,person\n6217,R7\n".to_owned()),
    ] {
        let path = file(folder, &format!("{kind}.csv"), &text);
        setup.run_well(&["registry", "import", "--kind", kind, &path]);
    }
    setup
}

fn key(centre: &Setup) -> String {
    answer(&centre.run_well(&["roster", "key"]))["key"].as_str().unwrap().to_owned()
}

/// Makes a roster of North; its file.
fn make(centre: &Setup, folder: &Path, name: &str, after: Option<&str>) -> String {
    let to = folder.join(name).display().to_string();
    let mut arguments = vec!["roster", "make", "--place", "North"];
    arguments.extend(after.into_iter().flat_map(|file| ["--after", file]));
    arguments.push(&to);
    centre.run_well(&arguments);
    to
}

/// Tries to take a roster; what the command says.
fn take(van: &Setup, roster: &str, trust: &str) -> Result<Value, String> {
    let folder = van.folder().display().to_string();
    let ended = van.run(&["roster", "take", roster, "--trust", trust, "--data-dir", &folder]);
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ended.status.success() { Ok(answer(&told(&ended.stdout))) } else { Err(told(&ended.stderr)) }
}

/// The id of the alert that a grave reading of a person opens, and who owns it.
fn judged(gateway: &Gateway, at: &str) -> (String, String) {
    let reading = json!({
        "kind": "blood_pressure", "seq": 1, "epoch": 1, "measured_at": at, "systolic": 205,
        "diastolic": 125, "unit": "mmHg", "person": "R7", "device": "BPX", "site": "CN",
    });
    let told = gateway.post("/api/v1/readings", "one", &reading).json();
    assert_eq!(told["items"][0]["status"], "stored", "{told}");
    let alert = gateway.alerts("?person=R7", 1).remove(0);
    let text = |name: &str| alert[name].as_str().unwrap_or("nobody").to_owned();
    (text("id"), text("owner"))
}

#[test]
fn a_van_judges_by_its_roster_as_the_centre_does() {
    let folder = tempdir().unwrap();
    let centre = centre(folder.path());
    let van = setup(&folder.path().join("van"));
    let whole = make(&centre, folder.path(), "whole.roster", None);
    let taken = take(&van, &whole, &key(&centre)).unwrap();
    assert_eq!(taken["rows"], u64::from(PEOPLE) + 4, "doctor, site, household, card");
    assert_eq!(taken["new"], taken["rows"]);
    assert_eq!(take(&van, &whole, &key(&centre)).unwrap()["new"], 0);

    let change = file(folder.path(), "change.csv", "household,village,doctor\nHN,North,DRS\n");
    centre.run_well(&["registry", "import", "--kind", "households", &change]);
    let later = make(&centre, folder.path(), "later.roster", Some(&whole));
    let shown = centre.run(&["roster", "show", &later, "--trust", &key(&centre)]);
    assert!(shown.status.success());
    take(&van, &later, &key(&centre)).unwrap();

    let at = instant(now() - 60);
    let (centre, van) = (centre.start(), van.start());
    let (here, there) = (judged(&van, &at), judged(&centre, &at));
    assert_eq!(here, there);
    assert_eq!(here.1, "DRS", "the doctor of the later roster");
    assert_eq!(van.get("/api/v1/people/S1").status, 404, "nobody of South is on the van");
}

#[test]
fn a_roster_that_was_touched_or_is_a_strangers_enters_nothing() {
    let folder = tempdir().unwrap();
    let centre = centre(folder.path());
    let van = setup(&folder.path().join("van"));
    let stranger = key(&setup(&folder.path().join("stranger")));
    let whole = make(&centre, folder.path(), "whole.roster", None);
    let trust = key(&centre);
    let mut bytes = fs::read(&whole).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let touched = folder.path().join("touched.roster");
    fs::write(&touched, &bytes).unwrap();
    let cut = folder.path().join("cut.roster");
    fs::write(&cut, &fs::read(&whole).unwrap()[..middle]).unwrap();
    for (roster, trust, expected) in [
        (touched.display().to_string(), &trust, "签名与内容不符"),
        (cut.display().to_string(), &trust, "cut short"),
        (whole.clone(), &stranger, "不受信任"),
        ("/no/such.roster".to_owned(), &trust, "No such file"),
    ] {
        let told = take(&van, &roster, trust).unwrap_err();
        assert!(told.contains(expected), "{told}");
    }
    let later = make(&centre, folder.path(), "later.roster", Some(&whole));
    let told = take(&van, &later, &trust).unwrap_err();
    assert!(told.contains("名册不连续"), "{told}");
    let van = van.start();
    assert_eq!(van.get("/api/v1/people/R1").status, 404, "nothing was entered");
}

#[test]
fn a_van_that_is_killed_in_the_middle_takes_the_rest_when_the_roster_comes_again() {
    let folder = tempdir().unwrap();
    let centre = centre(folder.path());
    let van = setup(&folder.path().join("van"));
    let (whole, trust) = (make(&centre, folder.path(), "whole.roster", None), key(&centre));
    let running = van.start();
    let (van_too, whole_too, trust_too) = (van.clone(), whole.clone(), trust.clone());
    let taking = std::thread::spawn(move || take(&van_too, &whole_too, &trust_too));
    let begun = wait_at_most(Duration::from_secs(20), || {
        (running.get("/api/v1/people/R1").status == 200).then_some(())
    });
    running.kill();
    let first = taking.join().unwrap();
    println!("seen to begin: {}; the first attempt: {first:?}", begun.is_some());
    let again = take(&van, &whole, &trust).unwrap();
    assert_eq!(again["rows"], u64::from(PEOPLE) + 4);
    let van = van.start();
    for person in ["R1", "R1500", "R3000"] {
        assert_eq!(van.get(&format!("/api/v1/people/{person}")).status, 200, "{person}");
    }
    assert_eq!(take_again(&van, &folder.path().join("van"), &whole, &trust), 0);
}

/// Through the running van: how many rows were new.
fn take_again(_van: &Gateway, folder: &Path, roster: &str, trust: &str) -> u64 {
    take(&setup(folder), roster, trust).unwrap()["new"].as_u64().unwrap()
}
