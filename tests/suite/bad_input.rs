//! Bad input: never a panic, never a silent drop. What cannot be used is kept with its bytes and
//! the reason, and the connection survives where the protocol allows.

use std::time::Duration;

use end_to_end::{
    audit,
    gateway::Gateway,
    mqtt::{self, Connection},
};
use serde_json::Value;
use tempfile::tempdir;

use crate::setup;

const READING: &str = "xz/1/home-1/cuff-1/reading";
const RAYCOME: &str = "xz/1/home-1/cuff-1/frame/raycome-rbp";

/// A good frame of a Raycome cuff (its protocol document, section 4), and what stands for it.
const FRAME: &str = "AA80020F01060112091312012000760045003F3C";

/// Where an item is found that could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Refused,
    Quarantined,
}

/// A gateway, and one connection that has to survive everything that is published on it.
struct Bench {
    gateway: Gateway,
    connection: Connection,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let gateway = setup(folder.path()).start();
        let connection = Connection::open(gateway.mqtt, "clumsy").unwrap();
        Self { gateway, connection, folder }
    }

    fn newest(&self, kept: Kept) -> Value {
        let path = match kept {
            Kept::Refused => "/api/v1/refused?limit=1",
            Kept::Quarantined => "/api/v1/quarantine?limit=1",
        };
        self.gateway.get_json(path)["items"][0].clone()
    }

    /// Publishes; the payload must be acknowledged, and be kept with its bytes and a reason.
    #[track_caller]
    fn check(&mut self, topic: &str, payload: &[u8], kept: Kept, reason: &str) {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(60)]).into_owned();
        self.connection.publish(topic, payload).unwrap();
        let item = self.newest(kept);
        let why = item["reason"].as_str().unwrap_or_default();
        assert!(why.contains(reason), "{shown:?}: kept for {why:?}, not {reason:?}");
        let raw = item["raw"].as_str().unwrap_or_default();
        let same = match item["raw_encoding"].as_str() {
            Some("hex") => raw.eq_ignore_ascii_case(&hex(payload)),
            _ => raw.as_bytes() == payload,
        };
        assert!(same, "{shown:?}: its bytes are not kept: {item}");
        self.connection.ping().unwrap();
    }

    #[track_caller]
    fn finish(self) {
        self.gateway.stop();
        let found = audit::itself(self.folder.path());
        assert!(found.is_empty(), "{found:#?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn pressure(fields: &str) -> Vec<u8> {
    format!("{{\"kind\":\"blood_pressure\",\"person\":\"P000001\",{fields}}}").into_bytes()
}

#[test]
fn json_that_is_none_is_refused_with_its_bytes() {
    let mut bench = Bench::new();
    let deep = "[".repeat(100_000);
    let id = "x".repeat(300);
    let cases: [(&[u8], &str); 9] = [
        (b"", "json"),
        (b"not json", "json"),
        (b"{\"kind\":\"blood_pressure\"", "json"),
        (b"[]", "empty"),
        (b"{\"seq\":1}", "kind"),
        (b"\xFF\xFE{}", "UTF-8"),
        (deep.as_bytes(), "json"),
        (&pressure("\"systolic\":NaN,\"diastolic\":80,\"unit\":\"mmHg\""), "json"),
        (&pressure("\"systolic\":\"１２０\",\"diastolic\":80,\"unit\":\"mmHg\""), "systolic"),
    ];
    for (payload, reason) in cases {
        bench.check(READING, payload, Kept::Refused, reason);
    }
    let person = format!(
        "{{\"kind\":\"blood_pressure\",\"systolic\":120,\"diastolic\":80,\"unit\":\"mmHg\",\"person\":\"{id}\"}}"
    );
    bench.check(READING, person.as_bytes(), Kept::Quarantined, "unknown_person");
    bench.finish();
}

#[test]
fn what_can_be_decoded_and_not_used_waits_in_quarantine() {
    let mut bench = Bench::new();
    let unit = pressure("\"seq\":1,\"epoch\":1,\"systolic\":120,\"diastolic\":80,\"unit\":\"psi\"");
    bench.check(READING, &unit, Kept::Quarantined, "unknown_unit");
    let kind = b"{\"kind\":\"spo2\",\"value\":97,\"person\":\"P000001\"}";
    bench.check(READING, kind, Kept::Quarantined, "unknown_kind");
    let swapped = b"{\"kind\":\"blood_pressure\",\"seq\":2,\"epoch\":1,\"systolic\":70,\"diastolic\":120,\"unit\":\"mmHg\"}";
    bench.connection.publish(READING, swapped).unwrap();
    let item = bench.newest(Kept::Quarantined);
    assert!(["implausible", "no_person"].contains(&item["reason"].as_str().unwrap()), "{item}");
    bench.finish();
}

#[test]
fn half_frames_glued_frames_and_wrong_sums_keep_their_bytes() {
    let mut bench = Bench::new();
    let frame = unhex(FRAME);
    bench.check(RAYCOME, &frame[..6], Kept::Refused, "too_short");
    let mut wrong = frame.clone();
    *wrong.last_mut().unwrap() ^= 1;
    bench.check(RAYCOME, &wrong, Kept::Refused, "bad_checksum");
    bench.check(RAYCOME, &[0; 64], Kept::Refused, "");
    bench.check("xz/1/home-1/cuff-1/frame/omron-9", &frame, Kept::Refused, "unknown_format");
    let before = bench.gateway.list("/api/v1/quarantine").len();
    let mut other = unhex("AA80020F0106000E010101010100D70086006733");
    let glued = [frame.clone(), vec![0xAA, 0x00], std::mem::take(&mut other)].concat();
    bench.connection.publish(RAYCOME, &glued).unwrap();
    let after = bench.gateway.list("/api/v1/quarantine");
    assert_eq!(after.len(), before + 2, "both frames of a glued payload wait for a person");
    bench.finish();
}

#[test]
fn a_topic_that_nobody_knows_is_kept_like_any_other_refusal() {
    let mut bench = Bench::new();
    for topic in ["xz/1/home-1/cuff-1/temperature", "factory/line/7", "xz/9/a/b/reading"] {
        bench.check(topic, b"{\"kind\":\"glucose\"}", Kept::Refused, "");
    }
    let long = format!("xz/1/home-1/{}/reading", "d".repeat(300));
    bench.check(&long, b"{}", Kept::Refused, "");
    bench.finish();
}

/// Sends bytes that break MQTT: the connection must end, and everybody else's must not.
#[track_caller]
fn check_cut(bytes: &[u8]) {
    let mut bench = Bench::new();
    let mut offender = Connection::open(bench.gateway.mqtt, "offender").unwrap();
    offender.set_patience(Duration::from_secs(10)).unwrap();
    // The cut may come before the last of many bytes is taken.
    let end = offender.send(bytes).and_then(|()| offender.read());
    let cut = match &end {
        Ok(_) => false,
        Err(error) => {
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        }
    };
    assert!(cut, "{:?} was not cut: {end:?}", &bytes[..bytes.len().min(8)]);
    bench.connection.ping().unwrap();
    assert_eq!(bench.gateway.get("/readyz").status, 200);
    bench.finish();
}

#[test]
fn a_header_of_256_mebibytes_is_cut_before_its_body_is_awaited() {
    check_cut(&[0x32, 0xFF, 0xFF, 0xFF, 0x7F]);
}

#[test]
fn a_length_of_five_bytes_is_cut() {
    check_cut(&[0x32, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]);
}

#[test]
fn quality_of_service_2_is_cut() {
    check_cut(&mqtt::packet(0x34, b"\x00\x01a\x00\x01x"));
}

#[test]
fn a_second_log_in_is_cut() {
    check_cut(&mqtt::connect("again"));
}

#[test]
fn noise_is_cut() {
    let mut random = fastrand::Rng::with_seed(0x5EED_0401);
    // More than any packet may have, so that no header in it can ask to wait for the rest.
    let noise: Vec<u8> = (0..1 << 20).map(|_| random.u8(..)).collect();
    check_cut(&noise);
}

#[test]
fn http_bodies_that_are_none_are_refused_and_the_gateway_goes_on() {
    let bench = Bench::new();
    let deep = "[".repeat(100_000);
    let cases: [(&[u8], u16); 5] =
        [(b"", 400), (b"{", 400), (b"\xFF", 400), (deep.as_bytes(), 400), (b"[]", 400)];
    for (body, status) in cases {
        let headers = [("content-type", "application/json"), ("idempotency-key", "bad")];
        let answer = bench.gateway.ask(("POST", "/api/v1/readings"), &headers, body);
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.json()["code"].is_string(), "{}", answer.body);
        let again = bench.gateway.ask(("POST", "/api/v1/readings"), &headers, body);
        assert_eq!((again.status, again.body), (answer.status, answer.body));
    }
    assert_eq!(bench.gateway.list("/api/v1/refused").len(), cases.len(), "each is kept once");
    let right = br#"{"kind":"glucose","value":5.5,"unit":"mmol/L","person":"P000001","device":"m1","site":"s1"}"#;
    let headers = [("idempotency-key", "bad")];
    assert_eq!(bench.gateway.ask(("POST", "/api/v1/readings"), &headers, right).status, 200);
    assert_eq!(bench.gateway.get("/readyz").status, 200);
    bench.finish();
}
