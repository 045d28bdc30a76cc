//! The rule pack of a centre comes down to its vans: both judge a day alike, also the days before.

use std::{collections::BTreeMap, fs, path::Path};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::{wait_at_most, wait_for},
    proxy::Proxy,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    setup,
    uplink::{LINK, below, figure, register, way, who},
};

/// A centre whose emergency begins there, in mmHg.
fn with_line(centre: Setup, scratch: &Path, systolic: u32) -> Setup {
    let file = scratch.join(format!("pack-{systolic}.json"));
    let pack = json!({
        "version": format!("county-{systolic}"),
        "lines": {"bp_emergency": {"sbp_ge": systolic}},
        "sources": {"/lines/bp_emergency": "county notice 2026-5"},
    });
    fs::write(&file, pack.to_string()).unwrap();
    centre.with("XUNZHEN__PACK__FILE", &file.display().to_string())
}

fn measure(gateway: &Gateway, seq: i64, (systolic, person): (u32, &str)) {
    let at = instant(now());
    let reading = json!({
        "kind": "blood_pressure", "seq": seq, "epoch": 1, "measured_at": at, "systolic": systolic,
        "diastolic": 84, "unit": "mmHg", "person": person, "device": "BPX", "site": "CN",
    });
    let told = gateway.post("/api/v1/readings", &format!("reading {seq}"), &reading).json();
    assert_eq!(told["items"][0]["status"], "stored", "{told}");
}

/// Emergencies by id: whose, and by which pack.
fn emergencies(gateway: &Gateway) -> BTreeMap<String, (String, String)> {
    let text = |alert: &Value, name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    let all = gateway.list("/api/v1/alerts?limit=1000");
    all.iter()
        .filter(|alert| alert["concept"] == "bp_emergency" && alert["state"] != "withdrawn")
        .map(|it| (text(it, "id"), (text(it, "person"), text(it, "pack"))))
        .collect()
}

#[track_caller]
fn wait_alike(van: &Gateway, centre: &Gateway, people: &[&str]) {
    let alike = wait_at_most(LINK, || {
        let (ours, theirs) = (emergencies(van), emergencies(centre));
        let mut whose: Vec<_> = ours.values().map(|(person, _)| person.as_str()).collect();
        whose.sort_unstable();
        (ours == theirs && whose == people).then_some(())
    });
    assert!(alike.is_some(), "{people:?}: {:?} and {:?}", emergencies(van), emergencies(centre));
}

#[test]
fn the_rule_pack_of_the_centre_judges_at_the_van_too_and_stays_when_the_line_is_gone() {
    let folder = tempdir().unwrap();
    let county = setup(&folder.path().join("centre"));
    let strict = with_line(county, folder.path(), 170);
    let centre = strict.start();
    let van = setup(&folder.path().join("van"));
    let (name, key) = who(&van);
    register(&strict, folder.path(), (&name, &key), "enabled");
    let line = Proxy::start(centre.http);
    line.set_down(true);
    let van_setup = below(van, &strict, folder.path(), &way(false, line.address()));
    let van = van_setup.start();
    // Alone it judges by the pack that it was built with: 180.
    measure(&van, 1, (172, "P000001"));
    measure(&van, 2, (181, "P000002"));
    let of_whom = |gateway: &Gateway| emergencies(gateway).into_values().map(|it| it.0);
    assert_eq!(of_whom(&van).collect::<Vec<_>>(), ["P000002"]);
    line.set_down(false);
    wait_alike(&van, &centre, &["P000001", "P000002"]);
    let told = emergencies(&van);
    assert!(told.values().all(|(_, pack)| pack.contains("county-170")), "{told:?}");
    assert_eq!(figure(&van, "xunzhen_uplink_alarm"), Some(0));
    // The line is gone again, and the van starts anew: what came stays.
    line.set_down(true);
    van.kill();
    let van = van_setup.start();
    measure(&van, 3, (173, "P000003"));
    wait_for(LINK, "an emergency", || of_whom(&van).any(|it| it == "P000003").then_some(()));
    // Another pack of the centre judges what comes from then on, and no history.
    centre.stop();
    let centre = with_line(strict, folder.path(), 165).start();
    line.aim(centre.http);
    line.set_down(false);
    wait_alike(&van, &centre, &["P000001", "P000002", "P000003"]);
    wait_for(LINK, "the newer pack at the van", || {
        let person = van.get_json("/api/v1/people/P000004");
        person["lines"].to_string().contains("county-165").then_some(())
    });
    measure(&van, 4, (168, "P000004"));
    wait_alike(&van, &centre, &["P000001", "P000002", "P000003", "P000004"]);
    let packs: Vec<_> = emergencies(&van).into_values().map(|(_, pack)| pack).collect();
    assert!(packs.iter().any(|pack| pack.contains("county-165")), "{packs:?}");
    assert!(packs.iter().any(|pack| pack.contains("county-170")), "{packs:?}");
}
