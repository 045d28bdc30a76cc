//! A van that was away for three days comes back on a line that loses 30 of 100 packets each way and carries
//! 64 kbit/s, and the power of each side is cut in the middle of the upload: what both hold in the end is
//! the same, nothing acknowledged is lost, nothing is there twice, the alerts have the same ids and ends, the
//! receipts of every day have the same hashes, and both ends say to whoever asks that they are green.
//!
//! One seed in the short form. `XUNZHEN_TESTS_LONG=1` runs fifty, `XUNZHEN_TESTS_SEEDS=a..b` others.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    ops::Range,
    path::Path,
    thread,
    time::Duration,
};

use end_to_end::{
    audit,
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    line,
    mqtt::Connection,
    patience::{wait_at_most, wait_for},
    places::{Disk, in_own_places},
    proxy::Proxy,
    skip,
};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::Instant;

use crate::{
    fleet_alerts::check_alerts,
    power::DISK_MIB,
    setup,
    uplink::{below, figure, listens, way, who},
};

const DAY: i64 = 86_400;

/// Days without a line.
const DAYS: i64 = 3;

/// People measured on each of them.
const PEOPLE: usize = 60;

/// The line: packets lost of a hundred, each way, and its rate.
const LOST_PERCENT: u32 = 30;
const KBIT: u32 = 64;

/// Where the van stands.
const SITE: &str = "V03";

/// Longest wait for green on such a line.
const GREEN: Duration = Duration::from_secs(1200);

/// Time between two looks at a figure of a gateway.
const LOOK: Duration = Duration::from_millis(200);

/// Runs at once: they mostly wait for their lines.
const AT_ONCE: usize = 6;

fn seeds() -> Range<u64> {
    let asked = env::var("XUNZHEN_TESTS_SEEDS").ok();
    let asked = asked.as_deref().and_then(|text| text.split_once(".."));
    let number = |text: &str| text.parse().unwrap();
    match asked {
        Some((from, to)) => number(from)..number(to),
        None if skip::long() => 1..51,
        None => 1..2,
    }
}

#[test]
fn soak_fleet_days_offline_then_a_bad_line_and_power_cuts_end_in_equal_stores() {
    let test =
        "fleet_days::soak_fleet_days_offline_then_a_bad_line_and_power_cuts_end_in_equal_stores";
    in_own_places(test, &["xfs_io"], (seeds(), AT_ONCE), |seed, own_net| {
        live(seed, own_net);
    });
}

/// Spoils the line: by the kernel where it can, else by the proxy. Says which.
fn spoil(proxy: &Proxy, own_net: bool, random: &mut fastrand::Rng) -> String {
    let spoiled = if own_net { line::spoil(LOST_PERCENT, KBIT) } else { Err("no netns".into()) };
    match spoiled {
        Ok([there, back]) => format!("of 1000 packets {there} and {back} lost, {KBIT} kbit/s"),
        Err(why) => {
            // Without the kernel's help: a cut every few kilobytes in place of lost packets.
            skip::note(
                "fleet_days",
                &format!("packets lost by the kernel, not by our proxy: {why}"),
            );
            proxy.speed(u64::from(KBIT) * 1000);
            proxy.delay(Duration::from_millis(200));
            proxy.cut_after(random.u64(6_000..20_000));
            "our own proxy cuts, delays and slows it".to_owned()
        }
    }
}

/// What the van's devices said and the van acknowledged, by device and number.
#[derive(Default)]
struct Book {
    next: u64,
    acknowledged: BTreeSet<u64>,
}

impl Book {
    /// Measures somebody, as of an instant, and waits for the acknowledgement.
    fn measure(&mut self, line: &mut Connection, at: i64, random: &mut fastrand::Rng) {
        self.next += 1;
        let seq = self.next;
        // One in twenty shows a card that nobody knows.
        let person = if random.u32(..20) == 0 { 900 } else { random.u32(1..=100) };
        let grave = random.u32(..12) == 0;
        let mut said = json!({ "seq": seq, "epoch": 1, "measured_at": instant(at),
            "person": format!("P{person:06}") });
        let more = if random.u32(..4) == 0 {
            let value = if grave { "2.8" } else { "6.1" };
            json!({ "kind": "glucose", "value": value.parse::<f64>().unwrap(), "unit": "mmol/L" })
        } else {
            let (systolic, diastolic) = if grave { (206, 124) } else { (131, 83) };
            json!({ "kind": "blood_pressure", "systolic": systolic, "diastolic": diastolic,
                "unit": "mmHg", "pulse": random.u32(58..96) })
        };
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let topic = format!("xz/1/{SITE}/BPX/reading");
        line.publish(&topic, said.to_string().as_bytes()).unwrap();
        self.acknowledged.insert(seq);
    }

    /// A day of the van: everybody twice.
    fn day(&mut self, van: &Gateway, from: i64, random: &mut fastrand::Rng) {
        let mut line = Connection::open(van.mqtt, "BPX").unwrap();
        for turn in 0..2 * PEOPLE {
            let at = from + i64::try_from(turn).unwrap() - 600;
            self.measure(&mut line, at, random);
        }
    }
}

/// A gateway on a disk of its own whose power can be cut.
struct Side {
    disk: Disk,
    setup: Setup,
    gateway: Option<Gateway>,
}

impl Side {
    fn new() -> Self {
        let disk = Disk::new(DISK_MIB);
        let setup = setup(&disk.path().join("store"));
        Self { disk, setup, gateway: None }
    }

    /// With its clock so many days back.
    fn start_back(&self, days: i64) -> Gateway {
        let back = (-days * DAY).to_string();
        self.setup.clone().with("XUNZHEN_CLOCK_AHEAD", &back).start()
    }

    /// Knows the people and where the van stands from the day before the first on.
    fn know_the_site(&self, scratch: &Path) {
        let gateway = self.start_back(DAYS + 1);
        let file = scratch.join("sites.csv");
        fs::write(&file, format!("site,kind,name\n{SITE},van,Van 3\n")).unwrap();
        self.setup.run_well(&["registry", "import", "--kind", "sites", file.to_str().unwrap()]);
        gateway.stop();
    }

    fn start(&mut self) {
        self.gateway = Some(self.setup.start());
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    fn cut_power(&mut self) {
        self.disk.cut();
        self.gateway.take().unwrap().kill();
        self.disk.unmount();
        self.disk.mount();
        self.start();
    }
}

/// Registers a gateway below that serves the village of the people of `serve --dev`.
pub(crate) fn trust(above: &Setup, scratch: &Path, (name, key): (&str, &str)) {
    let file = scratch.join("boxes.csv");
    fs::write(&file, format!("box,key,serves,state\n{name},{key},示范村,enabled\n")).unwrap();
    above.run_well(&["registry", "import", "--kind", "boxes", file.to_str().unwrap()]);
}

pub(crate) fn is_green(van: &Gateway) -> bool {
    thread::park_timeout(LOOK);
    figure(van, "xunzhen_uplink_green") == Some(1)
}

/// Cuts the power of both sides in the middle of the upload, in either order; says where it was.
fn cut_both(
    (van, centre): (&mut Side, &mut Side),
    line: (&Proxy, bool),
    book: &mut Book,
    random: &mut fastrand::Rng,
) -> Vec<String> {
    let (line, mqtt) = line;
    let (mut told, van_first) = (Vec::new(), random.bool());
    for cut in 0..2 {
        let wanted = line.figures().0 + random.u64(1_500..9_000);
        wait_for(GREEN, "the middle of the upload", || {
            let carried = line.figures().0 >= wanted;
            (carried || is_green(van.gateway())).then_some(())
        });
        let side = if (cut == 0) == van_first { "van" } else { "centre" };
        let green = is_green(van.gateway());
        told.push(format!("{side} after {} bytes, green {green}", line.figures().0));
        if side == "van" {
            van.cut_power();
        } else {
            centre.cut_power();
            line.aim(listens(centre.gateway(), mqtt));
        }
        let mut live = Connection::open(van.gateway().mqtt, "BPX").unwrap();
        for _ in 0..5 {
            book.measure(&mut live, now(), random);
        }
    }
    told
}

fn live(seed: u64, own_net: bool) {
    let mut random = fastrand::Rng::with_seed(seed);
    let scratch = tempdir().unwrap();
    let (mqtt, mut book) = (seed.is_multiple_of(2), Book::default());
    let (mut van, mut centre) = (Side::new(), Side::new());
    // Both know the people before the first day.
    for side in [&van, &centre] {
        side.know_the_site(scratch.path());
    }
    let (name, key) = who(&van.setup);
    trust(&centre.setup, scratch.path(), (&name, &key));
    let line = Proxy::start_at(line::BAD, "127.0.0.1:1".parse().unwrap());
    let weather = spoil(&line, own_net, &mut random);
    println!("seed {seed}, over {}: {weather}", if mqtt { "MQTT" } else { "HTTP" });
    let to = way(mqtt, line.address());
    van.setup = below(van.setup.clone(), &centre.setup, scratch.path(), &to);
    for day in (1..=DAYS).rev() {
        let gateway = van.start_back(day);
        book.day(&gateway, now() - day * DAY, &mut random);
        if random.bool() { gateway.stop() } else { gateway.kill() }
    }
    centre.start();
    line.aim(listens(centre.gateway(), mqtt));
    van.start();
    let began = Instant::now();
    let cuts = cut_both((&mut van, &mut centre), (&line, mqtt), &mut book, &mut random);
    wait_for(GREEN, "green at the van", || is_green(van.gateway()).then_some(()));
    let took = began.elapsed().as_secs();
    let carried = line.figures();
    println!("seed {seed}: green after {took} s, bytes and cuts {carried:?}; power: {cuts:?}");
    check_same((&van, &centre), &book, scratch.path());
}

/// Readings by id, without what each gateway says of its own.
pub(crate) fn readings(gateway: &Gateway) -> BTreeMap<String, Value> {
    let all = gateway.list("/api/v1/readings?device=BPX&limit=1000");
    let count = all.len();
    let of = |mut reading: Value| {
        for own in ["server_at", "commit"] {
            reading.as_object_mut().unwrap().remove(own);
        }
        (reading["id"].as_str().unwrap().to_owned(), reading)
    };
    let held: BTreeMap<_, _> = all.into_iter().map(of).collect();
    assert_eq!(held.len(), count, "an id is listed twice");
    held
}

#[track_caller]
fn check_same((van, centre): (&Side, &Side), book: &Book, scratch: &Path) {
    let (ours, theirs) = (readings(van.gateway()), readings(centre.gateway()));
    let of = |held: &BTreeMap<String, Value>| -> BTreeSet<u64> {
        held.values().map(|reading| reading["seq"].as_u64().unwrap()).collect()
    };
    let numbers = of(&ours);
    assert_eq!(numbers.len(), ours.len(), "a number was stored twice");
    let lost: Vec<_> = book.acknowledged.difference(&numbers).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (id, reading) in &ours {
        assert_eq!(theirs.get(id), Some(reading));
    }
    let warned = check_alerts(van.gateway(), centre.gateway());
    let days = check_receipts((van, centre), scratch);
    for (name, side) in [("van", van), ("centre", centre)] {
        check_green(name, side.gateway(), days);
    }
    for (name, side) in [("van", van), ("centre", centre)] {
        let found = audit::itself(side.setup.folder());
        assert!(found.is_empty(), "{name}: {found:#?}");
        side.setup.run_well(&["db", "check"]);
    }
    println!("{} readings, {warned} alerts, {days} receipts alike", ours.len());
}

/// The receipts of every day, by hash and record by record. Says of how many days there were any.
fn check_receipts((van, centre): (&Side, &Side), scratch: &Path) -> usize {
    // One more, for midnight may have passed since. Instants are written by the clocks of China.
    let day = |back| instant(now() - back * DAY).chars().take(10).collect::<String>();
    let days = (0..=DAYS + 1).map(day);
    let mut held = 0;
    for day in days {
        let of = ["receipt", "show", "--site", SITE, "--day", &day];
        let show =
            |side: &Side| -> Value { serde_json::from_str(&side.setup.run_well(&of)).unwrap() };
        let (ours, theirs) = (show(van), show(centre));
        assert_eq!(ours["hash"], theirs["hash"], "{day}: {ours} {theirs}");
        assert_eq!(ours["villages"], theirs["villages"], "{day}");
        held += usize::from(ours["villages"].as_array().is_some_and(|all| !all.is_empty()));
        let records = van.setup.run_well(&[&of[..], &["--records"]].concat());
        let file = scratch.join("records");
        fs::write(&file, records).unwrap();
        let with = ["--with", file.to_str().unwrap()];
        let compared = ["receipt", "compare", "--site", SITE, "--day", &day];
        centre.setup.run_well(&[&compared[..], &with].concat());
    }
    // Without the feature the van's clock cannot be set back, and all of it was one day.
    let lived = if cfg!(feature = "faults") { DAYS + 1 } else { 1 };
    assert!(held >= lived.try_into().unwrap(), "{held} days of the van hold something");
    held
}

/// Whoever asks either end, by the API or on the page, is told of every day that the other holds the same.
#[track_caller]
fn check_green(name: &str, gateway: &Gateway, days: usize) {
    let from: String = instant(now() - (DAYS + 1) * DAY).chars().take(10).collect();
    let mut last = Value::Null;
    let green = wait_at_most(GREEN, || {
        thread::park_timeout(LOOK);
        last = gateway.get_json(&format!("/api/v1/receipts?site={SITE}&from={from}"));
        let told = last["items"].as_array().unwrap();
        let equal = told.iter().filter(|day| day["state"] == "equal").count();
        (told.len() == days && equal == days).then_some(())
    });
    assert!(green.is_some(), "{name}, {days} days: {last:#}");
    let page = gateway.get(&format!("/lite/receipts?site={SITE}&lang=en")).body;
    let marks = |word: &str| page.matches(&format!(" {word}</span>")).count();
    assert!(marks("the same") >= days, "{name}: {page}");
    assert_eq!((marks("differs"), marks("not said yet")), (0, 0), "{name}: {page}");
}
