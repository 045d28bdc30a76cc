//! A whole day against a far end that takes everything.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use super::*;
use crate::{
    body::{EMERGENCY, Pressure},
    ledger::{Entry, Fate, Wire},
};

/// How long readers of the lines may take for the last frames before the devices hang up.
const LINES_SETTLE: Duration = Duration::from_secs(10);

/// What came over each line so far.
type Lines = Arc<Mutex<BTreeMap<&'static str, Vec<u8>>>>;

const SEEDS: [u64; 4] = [1, 7, 20_261_121, u64::MAX];

#[test]
fn one_seed_is_one_world() {
    for seed in SEEDS {
        let (one, same) = (World::plan(seed, 10), World::plan(seed, 10));
        assert_eq!(one.registry(), same.registry(), "seed {seed}");
        assert_eq!(one.actors(), same.actors(), "seed {seed}");
        assert_ne!(one.registry().people, World::plan(seed ^ 1, 10).registry().people);
    }
}

#[test]
fn every_file_has_its_columns_in_every_row_and_names_only_what_exists() {
    for seed in SEEDS {
        let world = World::plan(seed, 10);
        let file = |kind| world.registry().csv(kind).unwrap();
        for kind in KINDS {
            let text = file(kind);
            let columns = text.lines().next().unwrap().split(',').count();
            assert!(text.lines().count() > 1, "{kind}");
            assert!(text.lines().all(|line| line.split(',').count() == columns), "{kind}");
            assert!(!text.contains('"') && !text.contains(' '), "{kind}: {text}");
        }
        let firsts = |kind| -> Vec<String> {
            let cell = |line: &str| line.split(',').next().unwrap().to_owned();
            file(kind).lines().skip(1).map(cell).collect()
        };
        let (people, households, sites) = (firsts("people"), firsts("households"), firsts("sites"));
        assert_eq!((people.len(), &*people[0], &*people[99]), (100, "P000001", "P000100"));
        for person in &world.registry().people {
            assert!(households.contains(&person.household), "seed {seed}");
        }
        for device in &world.registry().devices {
            assert!(sites.iter().any(|site| *site == device.site), "{device:?}");
            let owner = device.owner.as_ref();
            assert!(owner.is_none_or(|owner| people.contains(owner)), "{device:?}");
            assert!(device.bench.is_some() || owner.is_some() || device.id.starts_with("DG-"));
        }
    }
}

#[test]
fn every_day_holds_an_emergency_early_and_some_people_come_again() {
    for seed in SEEDS {
        let world = World::plan(seed, 10);
        let mut firsts = Vec::new();
        let mut named = BTreeMap::new();
        for actor in world.actors() {
            for (minute, act) in &actor.day {
                assert!(*minute <= DAY_MINUTES, "seed {seed}: {} at {minute}", actor.id);
                if let Act::Pressure { pressure, person } = act {
                    let Pressure { systolic, diastolic, .. } = *pressure;
                    if systolic >= 180 || diastolic >= 110 {
                        firsts.push((*minute, actor.id, *pressure));
                    }
                    if let Some(person) = person {
                        *named.entry(person.clone()).or_insert(0) += 1;
                    }
                }
            }
        }
        firsts.sort_unstable_by_key(|(minute, ..)| *minute);
        assert_eq!(firsts[0], (EMERGENCY_AT, "HOME-01", EMERGENCY), "seed {seed}");
        assert_eq!(firsts.len(), 3, "seed {seed}: chance added emergencies");
        assert!(named.values().any(|count| *count > 2), "seed {seed}: nobody came again");
    }
}

#[test]
fn a_day_fits_into_its_minutes() {
    for minutes in [1, 10, 600] {
        let lasts = timetable::minute_lasts(minutes) * DAY_MINUTES;
        assert_eq!(lasts.as_secs(), u64::from(minutes) * 60);
    }
}

/// Reads packets of one client, tells topics and payloads, acknowledges everything.
async fn take_all(mut stream: TcpStream, told: mpsc::Sender<(String, Vec<u8>)>) {
    let mut version = 4;
    loop {
        let Ok(first) = stream.read_u8().await else { return };
        let (mut length, mut shift) = (0_usize, 0);
        while let Ok(byte) = stream.read_u8().await {
            length |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let answer = match first >> 4 {
            1 => {
                version = body[6];
                if version == 5 { vec![0x20, 3, 0, 0, 0] } else { vec![0x20, 2, 0, 0] }
            }
            3 => {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let name = String::from_utf8(body[2..2 + topic].to_vec()).unwrap();
                let payload = body[4 + topic + usize::from(version == 5)..].to_vec();
                told.send((name, payload)).await.unwrap();
                vec![0x40, 2, body[2 + topic], body[3 + topic]]
            }
            12 => vec![0xD0, 0],
            _ => return,
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

struct Lived {
    report: Report,
    ledger: Ledger,
    messages: Vec<(String, Vec<u8>)>,
    lines: BTreeMap<&'static str, Vec<u8>>,
}

/// Lives a day of some milliseconds, and takes everything that comes.
async fn live_through(seed: u64, knobs: Knobs) -> Lived {
    let folder = tempfile::TempDir::new().unwrap();
    let mut world =
        World::plan(seed, 10).with_faults(knobs).with_minutes_of(Duration::from_micros(1500));
    let lines = world.plug(folder.path()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mqtt = listener.local_addr().unwrap();
    let (told, mut messages) = mpsc::channel(100_000);
    let mut readers = JoinSet::new();
    let heard = Lines::default();
    for line in lines {
        let heard = Arc::clone(&heard);
        readers.spawn_blocking(move || read_line(line.device, &line.port, &heard));
    }
    let (ledger, mut over) = (world.ledger(), world.over());
    let (settled, read) = (ledger.clone(), Arc::clone(&heard));
    let stop = async move {
        over.wait().await;
        let waiting =
            |entry: &Entry| entry.wire == Wire::Mqtt && entry.fate == Fate::Unacknowledged;
        while settled.entries().iter().any(waiting) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // A line that hangs up takes with it what nobody has read yet.
        let patience = tokio::time::Instant::now() + LINES_SETTLE;
        while settled.entries().iter().any(|entry| is_on_its_line(entry, &read))
            && tokio::time::Instant::now() < patience
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let serving = async {
        let mut clients = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            clients.spawn(take_all(stream, told.clone()));
        }
    };
    let running = world.run(Door { mqtt, password: None }, stop);
    let report = tokio::select! {
        report = tokio::time::timeout(Duration::from_secs(25), running) => report.expect("no end"),
        () = serving => unreachable!(),
    };
    drop(told);
    let mut all = Vec::new();
    while let Some(one) = messages.recv().await {
        all.push(one);
    }
    readers.join_all().await;
    let lines = heard.lock().unwrap().clone();
    Lived { report, ledger, messages: all, lines }
}

/// Reads a line until it hangs up.
fn read_line(device: &'static str, port: &Path, heard: &Lines) {
    use std::io::Read;
    let mut file = std::fs::File::open(port).unwrap();
    let mut buffer = [0; 512];
    heard.lock().unwrap().entry(device).or_default();
    // A hang-up is an end or an error, as the system likes.
    while let Ok(length @ 1..) = file.read(&mut buffer) {
        let mut heard = heard.lock().unwrap();
        heard.entry(device).or_default().extend_from_slice(&buffer[..length]);
    }
}

/// Whether a device has said something that its reader has not heard. Records of a memory wait
/// there until somebody asks.
fn is_on_its_line(entry: &Entry, heard: &Lines) -> bool {
    let said = entry.wire == Wire::Serial && entry.sent > 0 && entry.kind != "taidoc-51";
    let heard = heard.lock().unwrap();
    said && heard.get(&*entry.device).is_none_or(|line| count_in(line, &entry.payload) == 0)
}

fn count_in(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| *window == needle).count()
}

/// Everything offered is in exactly one state; what is acknowledged arrived; what was dropped did
/// not; what went over a line arrived on it.
fn check_conservation(lived: &Lived, seed: u64) {
    let totals = lived.report.totals;
    assert!(totals.is_conserved(), "seed {seed}: {totals:?}");
    let dropped = usize::try_from(lived.report.faults.dropped).unwrap();
    assert_eq!(totals.dropped, dropped, "seed {seed}");
    let mut arrived = BTreeMap::new();
    for (topic, payload) in &lived.messages {
        let device = topic.split('/').nth(3).unwrap_or_default();
        let device = if device == "state" { topic.split('/').nth(2).unwrap() } else { device };
        *arrived.entry((device, &payload[..])).or_insert(0_u32) += 1;
    }
    for entry in lived.ledger.entries() {
        match (entry.wire, entry.fate) {
            (Wire::Mqtt, Fate::Acknowledged) => {
                assert!(arrived.contains_key(&(&*entry.device, &entry.payload[..])), "{entry:?}");
            }
            (Wire::Serial, Fate::Unacknowledged) if entry.kind != "taidoc-51" => {
                let line = &lived.lines[&*entry.device];
                assert!(entry.sent > 0 && count_in(line, &entry.payload) > 0, "{entry:?}");
            }
            (Wire::Serial, Fate::Unacknowledged) | (_, Fate::Dropped) => {}
            (Wire::Mqtt, Fate::Unacknowledged) | (Wire::Serial, Fate::Acknowledged) => {
                panic!("seed {seed}: {entry:?}")
            }
        }
    }
}

#[tokio::test]
async fn a_quiet_day_arrives_whole_and_once() {
    let lived = live_through(7, Knobs::NONE).await;
    check_conservation(&lived, 7);
    let totals = lived.report.totals;
    assert_eq!((totals.acknowledged, totals.dropped), (lived.messages.len(), 0));
    assert_eq!(lived.report.faults, FaultCounts::default());
    let readings = lived.ledger.entries().iter().filter(|entry| entry.is_reading).count();
    assert!(readings > 150, "{readings} readings");
    let emergency = lived.messages.iter().find(|(topic, _)| topic == "xz/1/HM-DG/HOME-01/reading");
    let text = String::from_utf8(emergency.unwrap().1.clone()).unwrap();
    assert!(text.contains("\"systolic\":186"), "{text}");
}

#[tokio::test]
async fn a_rough_day_loses_only_what_the_knobs_dropped() {
    for seed in [1, 20_261_121] {
        let lived = live_through(seed, Knobs::ROUGH).await;
        check_conservation(&lived, seed);
        let FaultCounts { dropped, duplicated, reordered, noise_bytes, split, .. } =
            lived.report.faults;
        let all = [dropped, duplicated, reordered, noise_bytes, split];
        assert!(all.iter().all(|count| *count > 0), "seed {seed}: {:?}", lived.report.faults);
    }
}
