//! Disks that are full, and disks that lie: refusing loudly, and going on or ending in order.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use end_to_end::{
    audit,
    gateway::{END, Gateway},
    ledger::{Ledger, device},
    load,
    mqtt::Connection,
    patience::{PATIENCE, wait_for},
    places::{Disk, in_own_mounts},
    skip,
    webhook::Sink,
};
use tempfile::tempdir;

use crate::{kill, setup};

/// How long a publish into a full disk is watched for an acknowledgement that must not come.
const NO_ACK: Duration = Duration::from_secs(2);

/// So often a full disk may turn out to have room for one more reading.
const ROOM_FOUND_MAX: u64 = 100;

fn readiness(gateway: &Gateway) -> u16 {
    gateway.get("/readyz").status
}

/// Takes all the room that is left.
fn fill(disk: &Disk) {
    let ballast = disk.path().join("ballast");
    let mut ballast = File::options().create(true).append(true).open(ballast).unwrap();
    for size in [1 << 20, 4096, 1] {
        let piece = vec![0; size];
        while ballast.write_all(&piece).is_ok() {}
    }
}

#[test]
fn soak_a_full_disk_refuses_loudly_and_goes_on_when_there_is_room() {
    let test = "disk::soak_a_full_disk_refuses_loudly_and_goes_on_when_there_is_room";
    in_own_mounts(test, &[], || {
        let (disk, scratch, sink) = (Disk::new(48), tempdir().unwrap(), Sink::open());
        let folder = disk.path().join("store");
        let setup = setup(&folder);
        let mut ledger = kill::prepare(&setup, scratch.path(), &sink, 0x5EED_0201);
        let mut acknowledged = Vec::new();
        let gateway = setup.start();
        assert_eq!(readiness(&gateway), 200);
        let address = gateway.mqtt;
        load::run(&mut ledger, address, |progress| {
            wait_for(PATIENCE, "the first acknowledgement", || progress.begun());
            fill(&disk);
            wait_for(PATIENCE, "readiness 503", || (readiness(&gateway) == 503).then_some(()));
            acknowledged = publish_until_nothing_fits(&disk, address);
            let posted = gateway.post("/api/v1/readings", "full", &serde_json::json!([]));
            assert_eq!(posted.status, 503, "{}", posted.body);
            fs::remove_file(disk.path().join("ballast")).unwrap();
            wait_for(PATIENCE, "readiness 200", || (readiness(&gateway) == 200).then_some(()));
        });
        let late = gateway.list("/api/v1/readings?device=late&limit=1000");
        let kept: Vec<u64> = late.iter().filter_map(|reading| reading["seq"].as_u64()).collect();
        let lost: Vec<_> = acknowledged.iter().filter(|number| !kept.contains(number)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?} of {acknowledged:?}");
        gateway.stop();
        let found = kill::settle(&setup, &mut ledger);
        assert!(found.is_empty(), "{found:#?}");
    });
}

/// Publishes reading after reading and takes whatever room the gateway finds meanwhile (it copies its
/// write-ahead file back and cuts it), until one is not acknowledged; says which ones were.
fn publish_until_nothing_fits(disk: &Disk, address: SocketAddr) -> Vec<u64> {
    let mut late = Connection::open(address, "late").unwrap();
    late.set_patience(NO_ACK).unwrap();
    for number in 1..=ROOM_FOUND_MAX {
        fill(disk);
        let payload = serde_json::json!({"kind": "blood_pressure", "seq": number, "epoch": 1,
            "systolic": 120, "diastolic": 80, "unit": "mmHg", "person": "P000001"});
        let payload = payload.to_string();
        if late.publish("xz/1/home/late/reading", payload.as_bytes()).is_err() {
            return (1..number).collect();
        }
    }
    panic!("{ROOM_FOUND_MAX} readings acknowledged although the disk is full");
}

/// strace on a running process, injecting into every sync from now on. Ends with the process.
struct Injection(Child);

impl Injection {
    #[track_caller]
    fn attach(process: u32, what: &str) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-p", &process.to_string(), "-e", "trace=fsync,fdatasync"]);
        strace.args(["-e", &format!("inject=fsync,fdatasync:{what}")]);
        let mut child = strace.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let attached = lines.any(|line| line.is_ok_and(|line| line.contains("attached")));
        assert!(attached, "strace cannot attach here");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self(child)
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A tracer needs the right to attach, which containers may withhold.
fn can_trace(test: &str) -> bool {
    if !skip::has(test, &["strace"]) {
        return false;
    }
    let probe = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).status().unwrap();
    if !probe.success() {
        skip::skip(test, "strace may not trace here");
    }
    probe.success()
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_the_process_ends_for_a_restart() {
    let test =
        "disk::after_a_failed_sync_nothing_is_acknowledged_and_the_process_ends_for_a_restart";
    if !can_trace(test) {
        return;
    }
    let (folder, scratch, sink) = (tempdir().unwrap(), tempdir().unwrap(), Sink::open());
    let setup = setup(folder.path());
    let mut ledger: Ledger = kill::prepare(&setup, scratch.path(), &sink, 0x5EED_0202);
    let mut gateway = setup.start();
    let address = gateway.mqtt;
    load::run(&mut ledger, address, |progress| {
        wait_for(PATIENCE, "the first acknowledgement", || progress.begun());
        let injection = Injection::attach(gateway.process.id(), "error=EIO");
        let status = gateway.process.wait(END);
        assert!(!status.success(), "ended well on a disk that cannot sync");
        drop(injection);
    });
    let found = audit::file(folder.path(), &ledger);
    assert!(found.is_empty(), "{found:#?}");
    let found = kill::settle(&setup, &mut ledger);
    assert!(found.is_empty(), "after the restart: {found:#?}");
}

#[test]
fn after_a_failed_sync_a_lone_reading_is_not_acknowledged() {
    let test = "disk::after_a_failed_sync_a_lone_reading_is_not_acknowledged";
    if !can_trace(test) {
        return;
    }
    let (folder, scratch, sink) = (tempdir().unwrap(), tempdir().unwrap(), Sink::open());
    let setup = setup(folder.path());
    let ledger: Ledger = kill::prepare(&setup, scratch.path(), &sink, 0x5EED_0203);
    let mut gateway = setup.start();
    let mut connection = Connection::open(gateway.mqtt, "lone").unwrap();
    let _injection = Injection::attach(gateway.process.id(), "error=EIO");
    let topic = format!("xz/1/home/{}/reading", device(0));
    let payload = ledger.world.payload(0, 0).to_string();
    assert!(connection.publish(&topic, payload.as_bytes()).is_err(), "acknowledged unsynced");
    assert!(!gateway.process.wait(END).success());
}
