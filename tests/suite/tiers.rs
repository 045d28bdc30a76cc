//! Three tiers over the wire: a van, its township, its county, each a process of its own, started in any
//! order, the middle one killed in the middle of the upload. What the van measured is at the county under
//! the same ids, green at each hop, and what is done at the township reaches both its neighbours.

use std::{collections::BTreeMap, time::Duration};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    patience::wait_for,
    proxy::Proxy,
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::{
    fleet_alerts::alerts,
    fleet_days::{is_green, readings, trust},
    setup,
    uplink::{LINK, below, listens, way, who},
};

/// Longest wait for all of it: the line to the township is slow.
const ALL: Duration = Duration::from_secs(240);

/// Readings of the van.
const COUNT: u64 = 300;

const VAN: usize = 0;
const TOWNSHIP: usize = 1;
const COUNTY: usize = 2;

/// Three gateways and the two lines between them.
struct World {
    _folder: TempDir,
    setups: [Setup; 3],
    running: [Option<Gateway>; 3],
    lines: [Proxy; 2],
    mqtt: bool,
}

impl World {
    fn new(mqtt: bool) -> Self {
        let folder = tempdir().unwrap();
        let at = |name: &str| setup(&folder.path().join(name));
        let mut setups = [at("van"), at("township"), at("county")];
        // Everybody knows the people; nobody runs yet.
        for one in &setups {
            one.start().stop();
        }
        let nowhere = "127.0.0.1:1".parse().unwrap();
        let lines = [Proxy::start(nowhere), Proxy::start(nowhere)];
        for lower in [VAN, TOWNSHIP] {
            let scratch = folder.path().join(format!("scratch-{lower}"));
            std::fs::create_dir(&scratch).unwrap();
            let (own, above) = (setups[lower].clone(), &setups[lower + 1]);
            let (name, key) = who(&own);
            trust(above, &scratch, (&name, &key));
            let to = way(mqtt, lines[lower].address());
            setups[lower] = below(own, above, &scratch, &to);
        }
        Self { _folder: folder, setups, running: [None, None, None], lines, mqtt }
    }

    fn start(&mut self, which: usize) {
        let gateway = self.setups[which].start();
        if which > VAN {
            self.lines[which - 1].aim(listens(&gateway, self.mqtt));
        }
        self.running[which] = Some(gateway);
    }

    fn kill(&mut self, which: usize) {
        self.running[which].take().unwrap().kill();
    }

    fn at(&self, which: usize) -> &Gateway {
        self.running[which].as_ref().unwrap()
    }

    /// All of the van's readings are at all three, and each hop says so.
    #[track_caller]
    fn wait_all(&self) {
        wait_for(ALL, "green at the van and all at the township", || {
            is_green(self.at(VAN)).then_some(())
        });
        wait_for(ALL, "all at the county", || {
            is_green(self.at(TOWNSHIP)).then_some(())?;
            // What came down from above never goes up again: green is not enough to know what came.
            (readings(self.at(COUNTY)).len() == usize::try_from(COUNT).unwrap()).then_some(())
        });
    }
}

fn measure(van: &Gateway) {
    let at = now() - 7200;
    let all: Vec<Value> = (1..=COUNT)
        .map(|seq| {
            let (systolic, diastolic) = if seq % 40 == 0 { (207, 126) } else { (127, 81) };
            json!({
                "kind": "blood_pressure", "seq": seq, "epoch": 1, "device": "BPX", "site": "V03",
                "measured_at": instant(at + i64::try_from(seq).unwrap()), "systolic": systolic,
                "diastolic": diastolic, "unit": "mmHg", "person": format!("P{:06}", 1 + seq % 100),
            })
        })
        .collect();
    let told = van.post("/api/v1/readings", "all", &json!(all)).json();
    let items = told["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["status"] == "stored"), "{told}");
}

/// What was done about an alert, by kind, wherever it is asked.
fn deeds(gateway: &Gateway, alert: &str) -> BTreeMap<String, usize> {
    let told = gateway.get(&format!("/api/v1/alerts/{alert}"));
    if told.status != 200 {
        return BTreeMap::new();
    }
    let mut deeds = BTreeMap::new();
    for step in told.json()["history"].as_array().unwrap() {
        if !step["by"].is_null() {
            *deeds.entry(step["kind"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    deeds
}

/// Acknowledges and visits an alert at the township; both neighbours learn of both, once.
#[track_caller]
fn check_acts(world: &World) {
    let township = world.at(TOWNSHIP);
    let open = township.list("/api/v1/alerts?state=open&limit=1000");
    let alert = open[0]["id"].as_str().unwrap().to_owned();
    let person = &open[0]["person"];
    let path = |what: &str| format!("/api/v1/alerts/{alert}/{what}");
    let acked = township.post(&path("ack"), "ack", &json!({}));
    assert_eq!(acked.status, 200, "{}", acked.body);
    let visit = json!({"at": instant(now()), "home": true, "reason": "睡着了", "doctor": "DR1"});
    let visited = township.post(&path("visit"), "visit", &visit);
    assert_eq!(visited.status, 200, "{}", visited.body);
    let said = deeds(township, &alert);
    assert!(said.contains_key("acknowledged") && said.len() >= 2, "{said:?} {person}");
    for neighbour in [VAN, COUNTY] {
        wait_for(LINK, "what was done at the township", || {
            (deeds(world.at(neighbour), &alert) == said).then_some(())
        });
    }
}

#[track_caller]
fn check(mqtt: bool, order: [usize; 3]) {
    let mut world = World::new(mqtt);
    world.lines[0].speed(128_000);
    world.start(order[0]);
    world.start(order[1]);
    if world.running[VAN].is_some() {
        measure(world.at(VAN));
    }
    world.start(order[2]);
    if order[2] == VAN {
        measure(world.at(VAN));
    }
    wait_for(LINK, "the middle of the upload", || {
        (world.lines[0].figures().0 > 12_000).then_some(())
    });
    world.kill(TOWNSHIP);
    world.start(TOWNSHIP);
    world.lines[0].speed(0);
    world.wait_all();
    let van = readings(world.at(VAN));
    assert_eq!(van.len(), usize::try_from(COUNT).unwrap());
    let warned = alerts(world.at(VAN));
    assert!(!warned.is_empty());
    for above in [TOWNSHIP, COUNTY] {
        assert_eq!(readings(world.at(above)), van);
        assert_eq!(alerts(world.at(above)), warned);
    }
    check_acts(&world);
}

#[test]
fn three_tiers_over_http_started_from_below_hold_the_same_whatever_is_killed() {
    check(false, [VAN, TOWNSHIP, COUNTY]);
}

#[test]
fn three_tiers_over_mqtt_started_in_another_order_hold_the_same_whatever_is_killed() {
    check(true, [COUNTY, VAN, TOWNSHIP]);
}
