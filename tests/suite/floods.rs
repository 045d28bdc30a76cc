//! Who only wants to fill the house (trust/ATTACKS.md A5): half-open connections, bytes one by one, lengths of
//! 256 MiB. They are cut in time, memory does not follow them, and whoever delivers meanwhile waits for
//! nobody.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use end_to_end::{
    gateway::Gateway,
    ledger::{instant, now},
    mqtt::{Connection, connect},
    patience::wait_at_most,
};
use serde_json::json;
use tempfile::tempdir;
use tokio::time::Instant;

use crate::setup;

/// Connections that say nothing. The test's own process has to hold them too.
const HALF_OPEN: usize = 600;

/// Connections that say one byte after the other.
const DRIPPING: usize = 40;

/// Connections that state a packet of 256 MiB.
const HUGE: usize = 40;

/// After 5 s they are cut (ATTACKS A5); a machine busy with other tests may take longer.
const CUT: Duration = Duration::from_secs(20);

/// Memory that a flood may cost, in KiB (ATTACKS A5).
const GROWTH_KIB: u64 = 32 * 1024;

/// What who delivers may wait (ATTACKS A5).
const P99: Duration = Duration::from_secs(2);

fn resident_kib(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn open(at: SocketAddr, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_nonblocking(true).unwrap();
    if !first.is_empty() {
        stream.write_all(first).unwrap();
    }
    stream
}

/// Whether the other end has ended it.
fn is_cut(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(0) => true,
        // A word of farewell.
        Ok(_) => false,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Delivers a reading; says how long its acknowledgement took.
fn deliver(line: &mut Connection, seq: u64) -> Duration {
    let said = json!({ "kind": "blood_pressure", "seq": seq, "epoch": 1, "unit": "mmHg",
        "measured_at": instant(now()), "systolic": 128, "diastolic": 82, "person": "P000001" });
    let began = Instant::now();
    line.publish("xz/1/home/BPX/reading", said.to_string().as_bytes()).unwrap();
    began.elapsed()
}

#[track_caller]
fn check(over_http: bool) {
    let folder = tempdir().unwrap();
    let gateway = setup(folder.path()).start();
    let at = if over_http { gateway.http } else { gateway.mqtt };
    let mut legitimate = Connection::open(gateway.mqtt, "BPX").unwrap();
    let (mut seq, mut times) = (0, Vec::new());
    let mut go_on = |times: &mut Vec<Duration>| {
        seq += 1;
        times.push(deliver(&mut legitimate, seq));
    };
    for _ in 0..50 {
        go_on(&mut times);
    }
    let before = resident_kib(&gateway);
    times.clear();
    let huge: &[u8] = if over_http {
        b"POST /api/v1/readings HTTP/1.1\r\nhost: x\r\ncontent-length: 268435455\r\n\r\n"
    } else {
        &[0x10, 0xFF, 0xFF, 0xFF, 0x7F]
    };
    let whole = if over_http {
        b"GET /api/v1/readings HTTP/1.1\r\nhost: x\r\nx-long: 1234567890123456789012345678901234567890\r\n"
            .to_vec()
    } else {
        connect("somebody-with-a-long-name-who-takes-all-the-time-in-the-world-to-say-it")
    };
    let began = Instant::now();
    let hostile: Vec<TcpStream> = (0..HALF_OPEN).map(|_| open(at, b"")).collect();
    let huge: Vec<TcpStream> = (0..HUGE).map(|_| open(at, huge)).collect();
    let mut dripping: Vec<TcpStream> = (0..DRIPPING).map(|_| open(at, b"")).collect();
    let (mut said, mut most) = (0, before);
    let (mut silent, mut huge): (Vec<TcpStream>, Vec<TcpStream>) = (hostile, huge);
    let ended = wait_at_most(CUT, || {
        go_on(&mut times);
        most = most.max(resident_kib(&gateway));
        // A byte every quarter of a second, so that none is silent and none is done in time.
        if said < whole.len() - 1
            && began.elapsed() > Duration::from_millis(250 * u64::try_from(said).unwrap())
        {
            for one in &mut dripping {
                drop(one.write(&whole[said..=said]));
            }
            said += 1;
        }
        for all in [&mut silent, &mut huge, &mut dripping] {
            all.retain_mut(|one| !is_cut(one));
        }
        (silent.is_empty() && huge.is_empty() && dripping.is_empty()).then_some(())
    });
    let left = [silent.len(), huge.len(), dripping.len()];
    assert!(ended.is_some(), "after {CUT:?} silent, huge and dripping ones are left: {left:?}");
    let took = began.elapsed();
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    let grown = most.saturating_sub(before);
    println!("cut after {took:?}, {} delivered with p99 {p99:?}, {grown} KiB more", times.len());
    assert!(p99 <= P99, "{p99:?}");
    assert!(grown <= GROWTH_KIB, "{grown} KiB");
    assert_eq!(gateway.get("/readyz").status, 200);
    gateway.stop();
}

#[test]
fn a_flood_of_the_mqtt_listener_is_cut_and_nobody_waits_for_it() {
    check(false);
}

#[test]
fn a_flood_of_the_pages_listener_is_cut_and_nobody_waits_for_it() {
    check(true);
}
