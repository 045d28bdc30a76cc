//! CONNECT: who comes in, who does not, and what they are told.

use super::*;

/// Sends bytes first, and reads all that comes until the listener closes.
async fn answer(bench: &Bench, bytes: &[u8]) -> Vec<u8> {
    let mut client = bench.dial();
    client.send(bytes).await;
    client.rest().await
}

/// The only place that checks how a CONNECT is refused: with these bytes, and no more.
#[track_caller]
fn check(what: &str, bytes: &[u8], expected: &[u8]) {
    let got = paused().block_on(async { answer(&bench(), bytes).await });
    assert_eq!(got, expected, "{what}: {got:02x?}");
}

fn refused_v5(reason: u8) -> [u8; 5] {
    [0x20, 3, 0, reason, 0]
}

#[test]
fn what_is_no_mqtt_is_closed_without_a_word() {
    check("http", b"GET / HTTP/1.1\r\n\r\n", &[]);
    check("a publish first", &publish(4, QOS1, READING, 1, b"x"), &[]);
    check("a puback first", &puback(1), &[]);
    check("a connack first", &[0x20, 2, 0, 0], &[]);
    check("a name of another protocol", &frame(0x10, b"\0\x04MQTX\x04\x02\0\0\0\0"), &[]);
    check("256 MiB", &[0x10, 0xff, 0xff, 0xff, 0x7f], &[]);
    check("a length of five bytes", &[0x10, 0xff, 0xff, 0xff, 0xff], &[]);
    check("more than 4 KiB", &[0x10, 0x80, 0x20], &[]);
    check("an empty CONNECT", &[0x10, 0], &[]);
}

#[test]
fn other_levels_are_told_so() {
    check("level 3 of MQTT", &Connect { level: 3, ..v3("a") }.bytes(), &[0x20, 2, 0, 1]);
    check("level 6", &Connect { level: 6, ..v3("a") }.bytes(), &refused_v5(0x84));
}

#[test]
fn a_malformed_connect_is_refused() {
    let mut trailing = v3("a").bytes();
    trailing[1] += 1;
    trailing.push(0);
    check("bytes after CONNECT", &trailing, &[]);
    let mut trailing = v5("a").bytes();
    trailing[1] += 1;
    trailing.push(0);
    check("bytes after CONNECT, 5", &trailing, &refused_v5(0x81));
    check("reserved flag", &Connect { flags: 1, ..v3("a") }.bytes(), &[]);
    check("QoS of no will", &Connect { flags: 0x08, ..v3("a") }.bytes(), &[]);
    check("QoS of no will, 5", &Connect { flags: 0x08, ..v5("a") }.bytes(), &refused_v5(0x81));
    check("retain of no will, 5", &Connect { flags: 0x20, ..v5("a") }.bytes(), &refused_v5(0x81));
    let qos3 = Connect { flags: 0x18, ..v5("a").will("xz/1/van/state", "") };
    check("will at QoS 3", &qos3.bytes(), &refused_v5(0x81));
    let mut password = v3("a").bytes();
    password[9] |= 0x40;
    password[1] += 3;
    password.extend([0, 1, b't']);
    check("password without user", &password, &[]);
    let mut invalid = v5("ab").bytes();
    let last = invalid.len() - 1;
    invalid[last] = 0xff;
    check("client id that is not UTF-8", &invalid, &refused_v5(0x81));
}

#[test]
fn a_client_id_keeps_to_its_alphabet() {
    let rejected = [0x20, 2, 0, 2];
    for client_id in ["a#b", "a+b", "a/b", "a b", "村", "a\u{202e}b", "a\u{7}b"] {
        check(client_id, &v3(client_id).bytes(), &rejected);
        check(client_id, &v5(client_id).bytes(), &refused_v5(0x85));
    }
    let long: &'static str = Box::leak("x".repeat(129).into_boxed_str());
    check("129 bytes", &v3(long).bytes(), &rejected);
    check("a NUL", &v3("a\0b").bytes(), &[]);
    check("empty, but not clean", &Connect { clean: false, ..v3("") }.bytes(), &rejected);
    check("empty, not clean, 5", &Connect { clean: false, ..v5("") }.bytes(), &refused_v5(0x85));
}

#[test]
fn what_version_5_offers_and_we_do_not_is_refused_by_its_reason() {
    let with = |properties: &[u8]| Connect { properties: properties.to_vec(), ..v5("a") }.bytes();
    check("authentication method", &with(b"\x15\0\x01x"), &refused_v5(0x8c));
    check("authentication data alone", &with(b"\x16\0\x01x"), &refused_v5(0x8c));
    let users = b"\x26\0\x01a\0\x01b".repeat(17);
    check("17 user properties", &with(&users), &refused_v5(0x97));
    check("a property twice", &with(b"\x21\0\x01\x21\0\x01"), &refused_v5(0x81));
    check("receive maximum 0", &with(b"\x21\0\0"), &refused_v5(0x81));
    check("maximum packet size 0", &with(b"\x27\0\0\0\0"), &refused_v5(0x81));
    let state = "xz/1/van/state";
    let retained = Connect { flags: 0x20, ..v5("a").will(state, "") };
    check("retained will", &retained.bytes(), &refused_v5(0x9a));
    let qos2 = Connect { flags: 0x10, ..v5("a").will(state, "") };
    check("will at QoS 2", &qos2.bytes(), &refused_v5(0x9b));
    check("will on a filter", &v5("a").will("xz/+/state", "").bytes(), &refused_v5(0x90));
    let answer = Connect { will_properties: b"\x08\0\x01+".to_vec(), ..v5("a").will(state, "") };
    check("answers to the will on a filter", &answer.bytes(), &refused_v5(0x90));
    check("will on a filter, 3", &v3("a").will("xz/#", "").bytes(), &[0x20, 2, 0, 5]);
}

#[test]
fn a_log_in_is_checked() {
    check("unknown name", &v3("a").user("nobody").bytes(), &[0x20, 2, 0, 4]);
    check("unknown name, 5", &v5("a").user("nobody").bytes(), &refused_v5(0x86));
    check("cannot be checked", &v3("a").user("slow").bytes(), &[0x20, 2, 0, 3]);
    let mut wrong = v5("a").user("cuff").bytes();
    *wrong.last_mut().unwrap() = b'x';
    check("wrong token", &wrong, &refused_v5(0x86));
    let foreign = v5("a").user("cuff").will("xz/1/van/other/reading", "");
    check("will outside its rights", &foreign.bytes(), &refused_v5(0x87));
    let foreign = v3("a").user("cuff").will("xz/1/van/state", "");
    check("will outside its rights, 3", &foreign.bytes(), &[0x20, 2, 0, 5]);
}

#[tokio::test(start_paused = true)]
async fn version_5_is_told_what_there_is() {
    let bench = bench();
    let mut client = bench.dial();
    client.send(&v5("").bytes()).await;
    let connack = client.packet().await;
    assert_eq!(connack[..4], [0x20, connack[1], 0, 0]);
    let has = |property: &[u8]| connack.windows(property.len()).any(|window| window == property);
    assert!(has(&[0x21, 0, 100]), "receive maximum: {connack:02x?}");
    assert!(has(&[0x24, 1]), "maximum QoS");
    assert!(has(&[0x25, 0]), "no retained messages");
    assert!(has(&[0x27, 0, 1, 0, 0]), "maximum packet size");
    assert!(has(&[0x29, 0]), "no subscription identifiers");
    assert!(has(&[0x2a, 0]), "no shared subscriptions");
    assert!(has(&[0x13, 0x0e, 0x10]), "keep-alive of an hour, for it asked for none");
    assert!(has(b"\x12\0\x09xunzhen-"), "a client id");
    assert!(!connack[5..].contains(&0x22), "no topic alias: {connack:02x?}");
}

#[tokio::test(start_paused = true)]
async fn a_device_is_told_that_nothing_is_kept_for_it() {
    let bench = bench();
    for (user, kept) in [("cuff", false), ("DR1", true)] {
        let mut client = bench.dial();
        client.send(&v5("a").user(user).durable().bytes()).await;
        let connack = client.packet().await;
        let refused = connack.windows(5).any(|window| window == [0x11, 0, 0, 0, 0]);
        assert_eq!(!refused, kept, "{user} {connack:02x?}");
        client.send(&[0xe0, 0]).await;
        client.rest().await;
    }
}

#[tokio::test(start_paused = true)]
async fn devices_of_mqtt_3_1_may_come_too() {
    let bench = bench();
    let mut client = bench.dial();
    client.send(&frame(0x10, b"\0\x06MQIsdp\x03\x02\0\0\0\x01a")).await;
    client.expect(&[0x20, 2, 0, 0]).await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_connect_in_time_is_cut() {
    let bench = bench();
    let begun = Instant::now();
    let mut silent = bench.dial();
    assert_eq!(silent.rest().await, [0_u8; 0]);
    assert_eq!(begun.elapsed().as_secs(), CONNECT_DEADLINE.as_secs());
    // One byte a second is as good as silence.
    let mut slow = bench.dial();
    let begun = Instant::now();
    for byte in v3("a").bytes() {
        if slow.stream.write_all(&[byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(slow.rest().await, [0_u8; 0]);
    assert!(begun.elapsed() <= CONNECT_DEADLINE + Duration::from_secs(1));
    assert_eq!(bench.shared.metrics().too_slow.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_connect_is_a_violation() {
    let bench = bench();
    let mut client = bench.connected(v5("a")).await;
    client.send(&v5("a").bytes()).await;
    assert_eq!(client.rest().await, [0xe0, 1, 0x82]);
}

#[tokio::test(start_paused = true)]
async fn there_is_room_for_so_many_clients() {
    let bench = bench_with(Limits { connections: 1, ..Limits::default() });
    let first = bench.connected(v5("a")).await;
    assert_eq!(answer(&bench, &v5("b").bytes()).await, refused_v5(0x89));
    assert_eq!(answer(&bench, &v3("b").bytes()).await, [0x20, 2, 0, 3]);
    drop(first);
    // Its room is free once its end is noticed.
    sleep(PATIENCE).await;
    bench.connected(v5("b")).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_client_takes_over_its_own_connection() {
    let mut bench = bench();
    let mut old = bench.connected(v5("a").user("cuff")).await;
    let mut new = bench.connected(v3("a").user("cuff")).await;
    assert_eq!(old.rest().await, [0xe0, 1, 0x8e]);
    new.send(&publish(4, QOS1, READING, 7, b"1")).await;
    acknowledge(bench.committer.take().await);
    new.expect(&puback(7)).await;
    assert_eq!(bench.shared.metrics().taken_over.get(), 1);
    sleep(PATIENCE).await;
    assert_eq!(bench.shared.metrics().connected.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_takes_over_the_connection_of_somebody_else() {
    let bench = bench();
    let mut old = bench.connected(v5("a").user("cuff")).await;
    assert_eq!(answer(&bench, &v5("a").user("box").bytes()).await, refused_v5(0x85));
    assert_eq!(answer(&bench, &v3("a").user("box").bytes()).await, [0x20, 2, 0, 2]);
    old.send(&[0xc0, 0]).await;
    old.expect(&[0xd0, 0]).await;
}

#[tokio::test(start_paused = true)]
async fn whose_rights_are_taken_away_is_closed_at_once() {
    let bench = bench();
    let mut cuff = bench.connected(v5("a").user("cuff")).await;
    let mut other = bench.connected(v5("b").user("box")).await;
    assert_eq!(bench.shared.expel("cuff"), 1);
    assert_eq!(cuff.rest().await, [0xe0, 1, 0x98]);
    other.send(&[0xc0, 0]).await;
    other.expect(&[0xd0, 0]).await;
}

/// What is left of a durable client whose token ended.
#[track_caller]
fn check_ended(forget: bool, left: Option<i64>) {
    paused().block_on(async {
        let bench = bench();
        let token = |user: &str| *blake3::hash(user.as_bytes()).as_bytes();
        let mut doctor = bench.connected(v5("a").user("DR1").durable()).await;
        let mut other = bench.connected(v5("b").user("box")).await;
        doctor.send(&subscribe(5, &[("xz/1/doctor/DR1/alert", 1)])).await;
        doctor.packet().await;
        assert_eq!(bench.cursor("mqtt/DR1/a"), Some(1));
        let mut here = bench.shared.tokens();
        here.sort_unstable();
        let mut expected = [token("DR1"), token("box")];
        expected.sort_unstable();
        assert_eq!(here, expected);
        assert_eq!(bench.shared.expel_by(&token("nobody"), true), 0);
        assert_eq!(bench.shared.expel_by(&token("DR1"), forget), 1);
        assert_eq!(doctor.rest().await, [0xe0, 1, 0x98]);
        sleep(PATIENCE).await;
        assert_eq!(bench.cursor("mqtt/DR1/a"), left);
        other.send(&[0xc0, 0]).await;
        other.expect(&[0xd0, 0]).await;
    });
}

#[test]
fn whose_token_ended_is_closed_at_once_and_leaves_what_is_to_stay() {
    check_ended(true, None);
    check_ended(false, Some(1));
}

/// The token ends just after the log-in was found good.
#[tokio::test(start_paused = true)]
async fn nobody_slips_in_by_a_token_that_ends_meanwhile() {
    let listener: Arc<std::sync::OnceLock<Arc<Shared>>> = Arc::default();
    let at = Arc::clone(&listener);
    let bench = bench_of(Limits::default(), |wiring| {
        wiring.authenticate = Arc::new(move |login| {
            let shared = Arc::clone(at.get().unwrap());
            Box::pin(async move {
                let found = identity(login.user.as_deref()).ok_or(LoginError::WrongCredentials);
                assert!(shared.tokens().is_empty(), "it has no place yet");
                found
            })
        });
    });
    assert!(listener.set(Arc::clone(&bench.shared)).is_ok());
    let mut client = bench.dial();
    client.send(&v5("a").user("box").bytes()).await;
    assert_eq!(client.rest().await, [0x20, 3, 0, 0x88, 0], "it asks again");
}
