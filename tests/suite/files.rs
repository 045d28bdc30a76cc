//! More connections than files (trust/ATTACKS.md A5, A25): those beyond are refused loudly, those that are here
//! are served on, and pages and the store have files of their own.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use end_to_end::{
    gateway::{Gateway, Setup},
    ledger::{instant, now},
    mqtt::{Connection, connect},
    patience::{PATIENCE, wait_for},
};
use serde_json::json;
use tempfile::tempdir;

use crate::{setup, uplink::figure};

/// Files that the process gets.
const FILES: usize = 256;

/// Connections that want one each.
const WANTED: usize = 400;

fn deliver(line: &mut Connection, seq: u64) {
    let said = json!({ "kind": "blood_pressure", "seq": seq, "epoch": 1, "unit": "mmHg",
        "measured_at": instant(now()), "systolic": 128, "diastolic": 82, "person": "P000001" });
    // It returns with the acknowledgement.
    line.publish("xz/1/home/BPX/reading", said.to_string().as_bytes()).unwrap();
}

/// Connects and logs in; `None`: it was refused.
fn log_in(at: SocketAddr, client: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&connect(client)).ok()?;
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).ok()?;
    (connack == [0x20, 2, 0, 0]).then_some(stream)
}

fn crowd(gateway: &Gateway) -> Vec<TcpStream> {
    (0..WANTED).filter_map(|number| log_in(gateway.mqtt, &format!("crowd-{number}"))).collect()
}

#[test]
fn more_connections_than_files_are_refused_loudly_and_nobody_else_notices() {
    let folder = tempdir().unwrap();
    let gateway = setup(folder.path()).files(&format!("-n {FILES}")).start();
    let log = gateway.process.log();
    assert!(
        log.contains("fewer files than connections") && log.contains("可打开文件数不足"),
        "{log}"
    );
    let mut device = Connection::open(gateway.mqtt, "BPX").unwrap();
    deliver(&mut device, 1);
    let mut crowd = crowd(&gateway);
    assert!((50..FILES).contains(&crowd.len()), "{} were let in", crowd.len());
    for seq in 2..50 {
        deliver(&mut device, seq);
    }
    for one in &mut crowd {
        one.write_all(&[0xC0, 0]).unwrap();
        let mut pong = [0; 2];
        one.read_exact(&mut pong).unwrap();
    }
    // Pages, the operator and the store have theirs.
    let refused = figure(&gateway, "xunzhen_mqtt_no_file_total").unwrap();
    assert_eq!(usize::try_from(refused).unwrap() + crowd.len(), WANTED);
    assert_eq!(gateway.get("/readyz").status, 200);
    setup(folder.path()).run_well(&["db", "check"]);
    assert_eq!(gateway.list("/api/v1/readings?device=BPX").len(), 49);
    let log = gateway.process.log();
    let told = log.matches("no file is left for another mqtt connection").count();
    assert!(told == 1 && log.contains("可打开文件数已用尽"), "told {told} times: {log}");

    drop(crowd);
    let again = wait_for(Duration::from_secs(30), "room again", || log_in(gateway.mqtt, "late"));
    drop(again);
    deliver(&mut device, 50);
    gateway.stop();
}

#[test]
fn a_gateway_asks_for_all_the_files_that_it_may_have() {
    let folder = tempdir().unwrap();
    let gateway = setup(folder.path()).files(&format!("-S -n {FILES}")).start();
    let log = gateway.process.log();
    assert!(log.contains("files that may be open") && log.contains("256"), "{log}");
    let crowd = crowd(&gateway);
    assert_eq!(crowd.len(), WANTED, "all of them were let in");
    assert_eq!(figure(&gateway, "xunzhen_mqtt_no_file_total"), Some(0));
    gateway.stop();
}

/// What the C library was told at the start of a gateway of its heaps.
#[track_caller]
fn check_heaps(setup: &Setup, expected: &str) {
    let gateway = setup.start();
    let seen = std::fs::read(format!("/proc/{}/environ", gateway.process.id())).unwrap();
    let seen = String::from_utf8(seen).unwrap();
    let told: Vec<&str> =
        seen.split('\0').filter_map(|entry| entry.strip_prefix("MALLOC_ARENA_MAX=")).collect();
    assert_eq!(told, [expected]);
    gateway.stop();
}

#[test]
fn a_gateway_has_two_heaps_unless_its_operator_wants_others() {
    let folder = tempdir().unwrap();
    check_heaps(&setup(folder.path()), "2");
    check_heaps(&setup(folder.path()).with("MALLOC_ARENA_MAX", "5"), "5");
}
