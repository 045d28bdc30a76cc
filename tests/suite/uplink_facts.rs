//! What a van measured, at its centre: all of it, once, and judged alike, whatever the line and the power
//! did meanwhile.

use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::wait_for,
    proxy::Proxy,
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::{
    setup,
    uplink::{LINK, below, figure, listens, register, way, who},
};

/// Longest wait for a backlog on a line that is cut again and again.
const BACKLOG: Duration = Duration::from_secs(240);

/// A van, its centre and the line between them.
struct World {
    folder: TempDir,
    centre_setup: Setup,
    van_setup: Setup,
    mqtt: bool,
    line: Proxy,
    centre: Gateway,
}

impl World {
    fn new(mqtt: bool) -> Self {
        let folder = tempdir().unwrap();
        let centre_setup = setup(&folder.path().join("centre"));
        let centre = centre_setup.start();
        let van = setup(&folder.path().join("van"));
        let (name, key) = who(&van);
        register(&centre_setup, folder.path(), (&name, &key), "enabled");
        let line = Proxy::start(listens(&centre, mqtt));
        let van_setup = below(van, &centre_setup, folder.path(), &way(mqtt, line.address()));
        Self { folder, centre_setup, van_setup, mqtt, line, centre }
    }

    fn restart_centre(mut self) -> Self {
        self.centre.kill();
        self.centre = self.centre_setup.start();
        self.line.aim(listens(&self.centre, self.mqtt));
        self
    }
}

/// Values of ten people, every tenth of them grave.
#[track_caller]
fn measure(van: &Gateway, from: i64, count: i64) {
    let at = now() - 7200;
    let readings: Vec<Value> = (from..from + count)
        .map(|seq| {
            let grave = seq % 10 == 0;
            let (systolic, diastolic) = if grave { (205, 125) } else { (128, 82) };
            json!({
                "kind": "blood_pressure", "seq": seq, "epoch": 1, "measured_at": instant(at + seq),
                "systolic": systolic, "diastolic": diastolic, "unit": "mmHg",
                "person": format!("P0000{:02}", 1 + seq % 10), "device": "BPX", "site": "CN",
            })
        })
        .collect();
    let told = van.post("/api/v1/readings", &format!("from {from}"), &json!(readings)).json();
    let items = told["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["status"] == "stored"), "{told}");
}

/// Readings by id, without what each gateway says of its own.
fn readings(gateway: &Gateway) -> BTreeMap<String, Value> {
    let all = gateway.list("/api/v1/readings?device=BPX&limit=1000");
    let of = |mut reading: Value| {
        for own in ["server_at", "commit"] {
            reading.as_object_mut().unwrap().remove(own);
        }
        (reading["id"].as_str().unwrap().to_owned(), reading)
    };
    all.into_iter().map(of).collect()
}

/// Alerts by id, with person and level.
fn alerts(gateway: &Gateway) -> BTreeMap<String, (String, String)> {
    let text = |alert: &Value, name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    let all = gateway.list("/api/v1/alerts?limit=1000");
    let all = all.iter().map(|it| (text(it, "id"), (text(it, "person"), text(it, "level"))));
    all.collect()
}

#[track_caller]
fn wait_green(van: &Gateway) {
    wait_for(BACKLOG, "green at the van", || {
        figure(van, "xunzhen_uplink_green").filter(|green| *green == 1)
    });
}

#[track_caller]
fn check_equal(van: &Gateway, centre: &Gateway, count: usize) {
    let (ours, theirs) = (readings(van), readings(centre));
    assert_eq!((ours.len(), theirs.len()), (count, count));
    for (id, reading) in ours {
        assert_eq!(theirs.get(&id), Some(&reading));
    }
    assert_eq!(alerts(van), alerts(centre));
}

/// Cuts, a slow line, and a power cut on each side.
#[track_caller]
fn check_carried(mqtt: bool) {
    let mut world = World::new(mqtt);
    world.line.set_down(true);
    let van = world.van_setup.start();
    measure(&van, 0, 400);
    world.line.cut_after(20_000);
    world.line.speed(256_000);
    world.line.set_down(false);
    wait_for(LINK, "a first batch", || (world.line.figures().0 > 20_000).then_some(()));
    van.kill();
    let van = world.van_setup.start();
    measure(&van, 400, 200);
    world = world.restart_centre();
    measure(&van, 600, 100);
    world.line.cut_after(0);
    wait_green(&van);
    check_equal(&van, &world.centre, 700);
    println!("bytes and cuts: {:?}", world.line.figures());
    // Again and again changes nothing.
    let before = figure(&world.centre, "xunzhen_commit_position");
    let van = {
        van.stop();
        world.van_setup.start()
    };
    wait_green(&van);
    assert_eq!(figure(&world.centre, "xunzhen_commit_position"), before);
}

#[test]
fn everything_of_a_van_comes_to_its_centre_over_http_whatever_is_cut() {
    check_carried(false);
}

#[test]
fn everything_of_a_van_comes_to_its_centre_over_mqtt_whatever_is_cut() {
    check_carried(true);
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_copy_of_a_van_is_told_from_the_van_and_alarms_at_both_ends() {
    let world = World::new(false);
    let van = world.van_setup.start();
    measure(&van, 0, 20);
    wait_green(&van);
    van.stop();
    let (own, other) = (world.folder.path().join("van"), world.folder.path().join("copy"));
    copy(&own, &other);
    let van = world.van_setup.start();
    measure(&van, 20, 20);
    wait_green(&van);
    van.stop();
    // The copy lives on under the same name, and measures something else.
    let aside = world.folder.path().join("aside");
    fs::rename(&own, &aside).unwrap();
    fs::rename(&other, &own).unwrap();
    let clone = world.van_setup.start();
    measure(&clone, 100, 60);
    let alarmed = |gateway: &Gateway, metric: &str| figure(gateway, metric).filter(|it| *it == 1);
    wait_for(LINK, "the copy's alarm", || alarmed(&clone, "xunzhen_uplink_alarm"));
    let (name, _) = who(&world.van_setup);
    let metric = format!("xunzhen_box_alarm{{box=\"{name}\"}}");
    wait_for(LINK, "the centre's alarm", || alarmed(&world.centre, &metric));
    assert_eq!(readings(&world.centre).len(), 40, "nothing of the copy was entered");
    let page = world.centre.get("/lite?lang=en").body;
    assert!(page.contains("two chains under one name"), "{page}");
}
