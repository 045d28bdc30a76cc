//! A token that ended: whoever came by it is put out within seconds (issue 5, part 6), and it opens nothing
//! any more.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use end_to_end::{
    gateway::{READY, Setup},
    http,
    mqtt::packet,
    patience::wait_at_most,
    process::Process,
};
use serde_json::Value;
use tempfile::tempdir;
use tokio::time::Instant;

use crate::{enrol::audited, setup};

/// What is allowed between the word and the end of what came by the token.
const PUT_OUT: Duration = Duration::from_secs(5);

/// A gateway as its users have it: nobody comes in without a token.
fn serve(setup: &Setup) -> (Process, SocketAddr, SocketAddr) {
    let mut process = setup.begin(&["serve", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"]);
    let line = process.ready(READY).unwrap();
    let at = |name: &str| line[name].as_str().unwrap().parse().unwrap();
    (process, at("http"), at("mqtt"))
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

/// A doctor's telephone, which wants to find what it missed: its connection, and whether it found any.
fn telephone(at: SocketAddr, doctor: &str, token: &str) -> (TcpStream, bool) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut body = text("MQTT");
    body.extend([4, 0xC0, 0, 60]);
    for field in [&format!("phone-{doctor}"), doctor, token] {
        body.extend(text(field));
    }
    stream.write_all(&packet(0x10, &body)).unwrap();
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).unwrap();
    assert_eq!((connack[0], connack[3]), (0x20, 0), "{connack:?}");
    (stream, connack[2] == 1)
}

fn subscribe(stream: &mut TcpStream, doctor: &str) {
    let mut body = vec![0, 1];
    body.extend(text(&format!("xz/1/doctor/{doctor}/alert")));
    body.push(1);
    stream.write_all(&packet(0x82, &body)).unwrap();
    let mut suback = [0; 5];
    stream.read_exact(&mut suback).unwrap();
    assert_eq!((suback[0], suback[4]), (0x90, 1), "{suback:?}");
}

/// A page that watches.
fn watch(at: SocketAddr, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    let head = format!(
        "GET /api/v1/stream HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("event: hello") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend(&piece[..count]);
    }
    stream
}

/// Reads to the end, which must come in time.
#[track_caller]
fn check_put_out(stream: &mut TcpStream, begun: Instant, what: &str) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut seen = Vec::new();
    let ended = wait_at_most(Duration::from_secs(30), || {
        let mut piece = [0; 1024];
        match stream.read(&mut piece) {
            Ok(0) => Some(begun.elapsed()),
            Ok(count) => {
                seen.extend(&piece[..count]);
                String::from_utf8_lossy(&seen).contains("signed_out").then(|| begun.elapsed())
            }
            Err(_nothing_yet) => None,
        }
    });
    let took = ended.unwrap_or_else(|| panic!("{what} stays"));
    println!("{what}: put out after {took:?}");
    assert!(took < PUT_OUT, "{what}: {took:?}");
    seen
}

fn listed(setup: &Setup) -> Vec<Value> {
    let told = setup.run_well(&["token", "list"]);
    assert!(!told.contains("xzt_"), "{told}");
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_revoked_token_puts_out_whoever_came_by_it_within_seconds() {
    let folder = tempdir().unwrap();
    let setup = setup(&folder.path().join("store"));
    let (_process, web, mqtt) = serve(&setup);
    let make = |doctor: &str| {
        let token = setup.run_well(&["token", "create", "--role", "doctor", "--doctor", doctor]);
        token.trim().to_owned()
    };
    let (stolen, other) = (make("DR1"), make("DR2"));
    let (mut phone, _) = telephone(mqtt, "DR1", &stolen);
    subscribe(&mut phone, "DR1");
    let (mut others_phone, _) = telephone(mqtt, "DR2", &other);
    subscribe(&mut others_phone, "DR2");
    let (mut page, mut others_page) = (watch(web, &stolen), watch(web, &other));

    let told = setup.run_well(&["token", "revoke", "DR1"]);
    let begun = Instant::now();
    let told: Value = serde_json::from_str(told.trim()).unwrap();
    assert!(told["revoked_at"].is_string() && told["doctor"] == "DR1", "{told}");
    check_put_out(&mut phone, begun, "the telephone");
    check_put_out(&mut page, begun, "the page");

    let bearer = |token: &str| format!("Bearer {token}");
    let me = |token: &str| {
        let headers = [("authorization", bearer(token))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        http::request(web, ("GET", "/api/v1/me"), &headers, b"").unwrap().status
    };
    assert_eq!((me(&stolen), me(&other)), (401, 200));
    others_phone.write_all(&[0xC0, 0]).unwrap();
    let mut pong = [0; 2];
    others_phone.read_exact(&mut pong).unwrap();
    assert_eq!(pong, [0xD0, 0], "nobody else is put out");
    others_page.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let still = others_page.read(&mut [0; 1024]);
    assert!(!matches!(still, Ok(0)), "nobody else's page ends");

    let rows = listed(&setup);
    let of = |doctor: &str| rows.iter().find(|row| row["doctor"] == doctor).unwrap();
    assert!(of("DR1")["revoked_at"].is_string() && of("DR2")["revoked_at"].is_null(), "{rows:?}");
    let id = of("DR1")["id"].as_str().unwrap();
    let audit = audited(setup.folder());
    let line = audit.lines().find(|line| line.contains("/admin/tokens/revoke")).unwrap();
    assert!(line.contains(id) && !audit.contains(&stolen), "{line}");

    // Of what the telephone would have found nothing is left; the other one finds it.
    let (_phone, found) = telephone(mqtt, "DR1", &make("DR1"));
    assert!(!found, "the former token's subscription");
    drop(others_phone);
    let (_phone, found) = telephone(mqtt, "DR2", &other);
    assert!(found, "a subscription that nobody ended");
}
