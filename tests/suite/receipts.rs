//! The receipt of a day, said by each end to the other (promise P8): green only when the far end said so,
//! red when a centre comes back from yesterday's backup, and green again when the van has filled the gap.

use std::{collections::BTreeMap, path::Path, time::Duration};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::wait_for,
    proxy::Proxy,
    registry::{County, person},
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    setup,
    uplink::{LINK, below, figure, listens, way, who},
};

/// Longest wait for a gap to be filled over a slow line.
const GAP: Duration = Duration::from_secs(200);

/// People of the village.
const PEOPLE: u32 = 10;

/// Registers the van, for the people of a village.
fn register(centre: &Setup, scratch: &Path, (name, key): (&str, &str), serves: &str) {
    let file = scratch.join("boxes.csv");
    let row = format!("box,key,site,serves,state\n{name},{key},V01,{serves},enabled\n");
    std::fs::write(&file, row).unwrap();
    let file = file.display().to_string();
    centre.run_well(&["registry", "import", "--kind", "boxes", &file]);
}

/// A centre with a county, and a van that it knows. Neither is empty, or it would fill itself for a trial.
fn registered(scratch: &Path) -> (Setup, Setup) {
    let (centre, van) = (setup(&scratch.join("centre")), setup(&scratch.join("van")));
    let county = County { people: PEOPLE, village_webhook: None, township_webhook: None };
    centre.import(&county, scratch);
    let file = scratch.join("spare.csv");
    std::fs::write(&file, "site,kind,name\nV99,van,Spare\n").unwrap();
    van.run_well(&["registry", "import", "--kind", "sites", &file.display().to_string()]);
    let (name, key) = who(&van);
    register(&centre, scratch, (&name, &key), "Stone Village");
    (centre, van)
}

/// Values of five people, from one of them on, at a site; every tenth of them grave.
#[track_caller]
fn measure(van: &Gateway, (site, first): (&str, i64), (from, count): (i64, i64)) {
    let at = now() - 7200;
    let reading = |seq: i64| {
        let grave = seq % 10 == 0;
        let (systolic, diastolic) = if grave { (205, 125) } else { (128, 82) };
        let number = u32::try_from(first + seq / 10 % 5).unwrap();
        json!({
            "kind": "blood_pressure", "seq": seq, "epoch": 1, "measured_at": instant(at + seq),
            "systolic": systolic, "diastolic": diastolic, "unit": "mmHg",
            "person": person(number), "device": "BPX", "site": site,
        })
    };
    let readings: Vec<Value> = (from..from + count).map(reading).collect();
    let told = van.post("/api/v1/readings", &format!("from {from}"), &json!(readings)).json();
    let items = told["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["status"] == "stored"), "{told}");
}

/// Ids of readings.
fn readings(gateway: &Gateway) -> Vec<String> {
    let all = gateway.list("/api/v1/readings?device=BPX&limit=1000");
    let mut ids: Vec<_> = all.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

/// Alerts by id, with person, level and where each stands.
fn alerts(gateway: &Gateway) -> BTreeMap<String, [String; 3]> {
    let text = |alert: &Value, name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    let of = |it: &Value| [text(it, "person"), text(it, "level"), text(it, "state")];
    let all = gateway.list("/api/v1/alerts?limit=1000");
    all.iter().map(|it| (text(it, "id"), of(it))).collect()
}

/// How a site's today stands: its state, and its readings.
fn day(gateway: &Gateway, site: &str) -> (String, u64) {
    let told = gateway.get_json(&format!("/api/v1/receipts?site={site}"));
    let of = &told["items"][0];
    (of["state"].as_str().unwrap_or_default().to_owned(), of["readings"].as_u64().unwrap_or(0))
}

#[track_caller]
fn wait_day(gateway: &Gateway, site: &str, expected: (&str, u64)) {
    let expected = (expected.0.to_owned(), expected.1);
    let what = format!("{site} is {expected:?}");
    wait_for(GAP, &what, || (day(gateway, site) == expected).then_some(()));
}

#[track_caller]
fn wait_figure(gateway: &Gateway, name: &str, expected: i64) {
    wait_for(GAP, &format!("{name} is {expected}"), || {
        figure(gateway, name).filter(|value| *value == expected)
    });
}

/// Acknowledges every alert, and waits until the other end knows.
#[track_caller]
fn acknowledge(at: &Gateway, other: &Gateway) {
    for alert in alerts(at).keys() {
        let note = json!({"note": "已电话"});
        let told = at.post(&format!("/api/v1/alerts/{alert}/ack"), alert, &note);
        assert_eq!(told.status, 200, "{}", told.body);
    }
    let ours = alerts(at);
    assert!(ours.values().all(|[.., state]| state == "acknowledged"), "{ours:?}");
    wait_for(LINK, "the other end knows of it", || (alerts(other) == ours).then_some(()));
}

/// The centre in a new folder, from a copy and with its key.
#[track_caller]
fn restored(scratch: &Path, copy: &str) -> Setup {
    let folder = scratch.join("restored").display().to_string();
    let key = scratch.join("centre/gateway-key").display().to_string();
    let identities = scratch.join("centre/identity-keys").display().to_string();
    let again =
        setup(&scratch.join("restored")).with("XUNZHEN__STORE__IDENTITY_KEY_FILE", &identities);
    let restore = ["backup", "restore", copy, "--gateway-key", &key, "--data-dir", &folder];
    let told = again.run(&restore);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    again
}

/// A van and its centre, the line between them, and a copy of the centre after the first day.
#[track_caller]
fn check_restored(mqtt: bool) {
    let folder = tempdir().unwrap();
    let scratch = folder.path();
    let (centre_setup, van_setup) = registered(scratch);
    let centre = centre_setup.start();
    let line = Proxy::start(listens(&centre, mqtt));
    let van = below(van_setup, &centre_setup, scratch, &way(mqtt, line.address())).start();
    wait_for(LINK, "the roster is there", || {
        (van.list("/api/v1/people").len() == 10).then_some(())
    });

    // The first day, green at both ends; then the copy.
    measure(&van, ("V01", 1), (0, 100));
    for end in [&van, &centre] {
        wait_day(end, "V01", ("equal", 100));
    }
    let copy = scratch.join("copy.db").display().to_string();
    centre_setup.run_well(&["backup", "create", &copy]);

    // The second day, green at both ends; and what a doctor did at the centre.
    measure(&van, ("home", 6), (1000, 300));
    for end in [&van, &centre] {
        wait_day(end, "home", ("equal", 300));
    }
    assert_eq!(alerts(&van).len(), 10, "everybody is ill once");
    acknowledge(&centre, &van);
    let (all, known) = (readings(&van), alerts(&van));
    assert_eq!((readings(&centre), alerts(&centre)), (all.clone(), known.clone()));

    // The centre is lost, and comes back from the copy by one command.
    centre.kill();
    line.speed(24_000);
    let again = restored(scratch, &copy);
    let centre = again.start();
    assert_eq!(readings(&centre).len(), 100, "the copy is of the first day");
    line.aim(listens(&centre, mqtt));

    // Red, before the gap is filled; then green without anybody's doing.
    wait_for(GAP, "the second day is red at the van", || {
        (day(&van, "home").0 == "differs").then_some(())
    });
    assert!(readings(&centre).len() < 400, "it was red before everything was there again");
    line.speed(0);
    for end in [&van, &centre] {
        wait_day(end, "home", ("equal", 300));
        wait_day(end, "V01", ("equal", 100));
        wait_figure(end, "xunzhen_receipt_days_red", 0);
    }
    wait_for(GAP, "what the doctor did is back", || (alerts(&centre) == known).then_some(()));
    assert_eq!((readings(&van), alerts(&van)), (all.clone(), known));
    assert_eq!(readings(&centre), all, "none lost, none doubled");
    for alert in alerts(&centre).keys() {
        let told = centre.get_json(&format!("/api/v1/alerts/{alert}"));
        let steps = told["history"].as_array().unwrap();
        let acts = steps.iter().filter(|step| step["kind"] == "acknowledged").count();
        assert_eq!(acts, 1, "once: {told}");
    }
    wait_figure(&van, "xunzhen_uplink_green", 1);
    let counted = again.run_well(&["db", "check"]);
    assert!(counted.contains("\"differences\":[]"), "{counted}");
    println!("bytes and cuts: {:?}", line.figures());
}

#[test]
fn a_centre_brought_back_from_a_copy_is_red_then_filled_then_green_over_http() {
    check_restored(false);
}

#[test]
fn a_centre_brought_back_from_a_copy_is_red_then_filled_then_green_over_mqtt() {
    check_restored(true);
}

#[test]
fn a_record_that_one_end_lost_is_named_at_both_and_alarms_once() {
    let folder = tempdir().unwrap();
    let scratch = folder.path();
    let (centre_setup, van_setup) = registered(scratch);
    let centre = centre_setup.start();
    let line = Proxy::start(listens(&centre, false));
    let van_setup = below(van_setup, &centre_setup, scratch, &way(false, line.address()));
    let van = van_setup.start();
    wait_for(LINK, "the roster is there", || {
        (van.list("/api/v1/people").len() == 10).then_some(())
    });
    measure(&van, ("V01", 1), (1, 9));
    for end in [&van, &centre] {
        wait_day(end, "V01", ("equal", 9));
    }
    // A disk at the centre loses a row; nobody says so.
    let lost = readings(&van).pop().unwrap();
    centre.stop();
    let store = scratch.join("centre").join(end_to_end::audit::DATABASE);
    let connection = rusqlite::Connection::open(store).unwrap();
    let sql = format!("DELETE FROM reading WHERE id = X'{lost}'");
    assert_eq!(connection.execute(&sql, []).unwrap(), 1);
    drop(connection);
    let centre = centre_setup.start();
    line.aim(listens(&centre, false));
    van.stop();
    let van = van_setup.start();
    for (end, lacks, setup) in [(&van, "there", &van_setup), (&centre, "here", &centre_setup)] {
        wait_figure(end, "xunzhen_receipt_days_differ", 1);
        wait_figure(end, "xunzhen_receipt_days_red", 1);
        let told = end.get_json("/api/v1/receipts?site=V01");
        let first = &told["items"][0]["said"][0]["first"];
        assert_eq!((&first["record"], &first["lacks"]), (&json!(lost), &json!(lacks)), "{told}");
        assert_eq!(first["village"], json!("Stone Village"));
        let page = end.get("/lite/receipts?site=V01&lang=en").body;
        assert!(page.contains(&lost) && page.contains("first record that differs"), "{page}");
        let board = end.get("/lite?lang=en").body;
        assert!(board.contains("receipts of 1 days differ"), "{board}");
        let today = told["items"][0]["day"].as_str().unwrap();
        let dir = setup.folder().display().to_string();
        let compared =
            setup.run(&["receipt", "compare", "--site", "V01", "--day", today, "--data-dir", &dir]);
        let compared = String::from_utf8_lossy(&compared.stdout).into_owned();
        assert!(compared.contains(&lost), "{compared}");
    }
    // It stands over a start.
    van.stop();
    line.set_down(true);
    let van = van_setup.start();
    wait_figure(&van, "xunzhen_receipt_days_differ", 1);
}
