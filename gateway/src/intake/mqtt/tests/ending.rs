//! The ends of a connection: violations, silence, wills, and the end of the process.

use super::*;

/// The only place that checks how a connected client's bytes end its connection: with this reason
/// in version 5, with silence in 3.1.1.
#[track_caller]
fn check(what: &str, level: u8, bytes: &[u8], reason: u8) {
    let rest = paused().block_on(async {
        let bench = bench();
        let mut client = bench.connected(Connect { level, ..v3("a") }).await;
        client.send(bytes).await;
        client.rest().await
    });
    let expected = if level == 5 { vec![0xe0, 1, reason] } else { Vec::new() };
    assert_eq!(rest, expected, "{what}: {rest:02x?}");
}

fn check_both(what: &str, bytes: &[u8], reason: u8) {
    check(what, 4, bytes, reason);
    check(what, 5, bytes, reason);
}

#[test]
fn packets_of_a_server_are_refused() {
    check_both("CONNACK", &[0x20, 2, 0, 0], 0x82);
    check_both("SUBACK", &[0x90, 3, 0, 1, 0], 0x82);
    check_both("UNSUBACK", &[0xb0, 2, 0, 1], 0x82);
    check_both("PINGRESP", &[0xd0, 0], 0x82);
    check_both("PUBREC", &[0x50, 2, 0, 1], 0x82);
    check_both("PUBREL", &[0x62, 2, 0, 1], 0x82);
    check_both("PUBCOMP", &[0x70, 2, 0, 1], 0x82);
    check_both("AUTH", &[0xf0, 0], 0x82);
    check_both("type 0", &[0x00, 0], 0x81);
}

#[test]
fn reserved_bits_and_lengths_are_checked() {
    check_both("flags of PUBACK", &[0x41, 2, 0, 1], 0x81);
    check_both("flags of SUBSCRIBE", &[0x80, 6, 0, 1, 0, 1, b'a', 0], 0x81);
    check_both("flags of UNSUBSCRIBE", &[0xa0, 5, 0, 1, 0, 1, b'a'], 0x81);
    check_both("flags of PINGREQ", &[0xc1, 0], 0x81);
    check_both("body of PINGREQ", &[0xc0, 1, 0], 0x81);
    check("body of DISCONNECT", 4, &[0xe0, 1, 0], 0x81);
    check_both("PUBACK of id 0", &[0x40, 2, 0, 0], 0x81);
    check_both("PUBACK cut short", &[0x40, 1, 0], 0x81);
    check_both("a length of five bytes", &[0x30, 0x80, 0x80, 0x80, 0x80, 1], 0x81);
    check("a length that is not the shortest", 5, &[0xc0, 0x80, 0], 0x81);
    check_both("256 MiB", &[0x30, 0xff, 0xff, 0xff, 0x7f], 0x95);
    check("reserved bits of options, 3", 4, &subscribe(4, &[("a", 0xfc)]), 0x81);
    check("QoS 3 of a filter, 3", 4, &subscribe(4, &[("a", 3)]), 0x81);
    check("reserved bits of options, 5", 5, &subscribe(5, &[("a", 0xc0)]), 0x81);
    check("retain handling 3", 5, &subscribe(5, &[("a", 0x30)]), 0x81);
}

#[test]
fn a_publish_keeps_to_the_rules() {
    for level in [4, 5] {
        let publish = |flags, topic, id| publish(level, flags, topic, id, b"x");
        check("DUP at QoS 0", level, &publish(DUP, READING, 0), 0x81);
        check("QoS 2", level, &publish(0x04, READING, 1), 0x9b);
        check("QoS 3", level, &publish(0x06, READING, 1), 0x81);
        check("id 0", level, &publish(QOS1, READING, 0), 0x81);
        check("an empty topic", level, &publish(QOS1, "", 1), 0x90);
        check("a topic with #", level, &publish(QOS1, "xz/1/#", 1), 0x90);
        check("a topic with +", level, &publish(QOS1, "xz/1/+/cuff/reading", 1), 0x90);
        check("a topic with NUL", level, &publish(QOS1, "xz/1/van\0", 1), 0x90);
    }
    let mut invalid = publish(5, QOS1, "xz/1/v", 1, b"x");
    invalid[9] = 0xff;
    check("a topic that is not UTF-8", 5, &invalid, 0x81);
    let with = |properties: &[u8]| {
        let mut body = [field(READING.as_bytes()), vec![0, 1]].concat();
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
        frame(0x32, &body)
    };
    check("a topic alias", 5, &with(&[0x23, 0, 1]), 0x94);
    check("topic alias 0", 5, &with(&[0x23, 0, 0]), 0x81);
    check("a subscription identifier", 5, &with(&[0x0b, 1]), 0x82);
    check("a response topic with +", 5, &with(b"\x08\0\x01+"), 0x90);
    check("17 user properties", 5, &with(&b"\x26\0\x01a\0\x01b".repeat(17)), 0x97);
    check("an unknown property", 5, &with(&[0x7f, 0]), 0x81);
    check("properties longer than the packet", 5, &frame(0x30, b"\0\x01a\x7f"), 0x81);
}

#[test]
fn filters_keep_to_the_rules() {
    for filter in ["a/#/b", "a#", "a/b+", "+a", "#/", "a\0"] {
        check("filter", 4, &subscribe(4, &[(filter, 0)]), 0x8f);
        check("filter", 5, &subscribe(5, &[(filter, 0)]), 0x8f);
        let mut unsubscribe = vec![0, 9, 0];
        unsubscribe.extend(field(filter.as_bytes()));
        check("filter to end", 5, &frame(0xa2, &unsubscribe), 0x8f);
    }
    check("no filter", 4, &[0x82, 2, 0, 1], 0x8f);
    check("no filter", 5, &[0x82, 3, 0, 1, 0], 0x8f);
    check("17 filters", 4, &subscribe(4, &[("a", 0); 17]), 0x97);
    check("17 filters", 5, &subscribe(5, &[("a", 0); 17]), 0x97);
}

#[tokio::test(start_paused = true)]
async fn silence_of_one_and_a_half_keep_alives_is_the_end() {
    let bench = bench();
    let mut client = bench.connected(v5("a").keep_alive(10)).await;
    for _ in 0..3 {
        sleep(Duration::from_secs(14)).await;
        client.send(&[0xc0, 0]).await;
        client.expect(&[0xd0, 0]).await;
    }
    let begun = Instant::now();
    // Half a packet is no sign of life.
    sleep(Duration::from_secs(10)).await;
    client.send(&publish(5, QOS1, READING, 1, b"x")[..5]).await;
    let mut rest = Vec::new();
    client.stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!((rest, begun.elapsed().as_secs()), (vec![0xe0, 1, 0x8d], 15));
    assert_eq!(bench.shared.metrics().silent.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_large_packet_over_a_slow_line_is_a_sign_of_life() {
    let mut bench = bench();
    let mut client = bench.connected(v3("a").keep_alive(10)).await;
    for part in publish(4, QOS1, READING, 7, &[b'x'; 20_000]).chunks(1500) {
        client.send(part).await;
        sleep(Duration::from_secs(10)).await;
    }
    acknowledge(bench.committer.take().await);
    client.expect(&puback(7)).await;
}

#[tokio::test(start_paused = true)]
async fn who_says_goodbye_leaves_no_will() {
    let mut bench = bench();
    for (level, goodbye) in [(4, &[0xe0, 0][..]), (5, &[0xe0, 0]), (5, &[0xe0, 1, 0])] {
        let mut client =
            bench.connected(Connect { level, ..v3("a").will("xz/1/van/state", "offline") }).await;
        client.send(goodbye).await;
        assert_eq!(client.rest().await, [0_u8; 0]);
        assert!(bench.committer.is_idle().await, "{level} {goodbye:02x?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_will_of_presence_is_committed_when_its_client_is_lost() {
    let mut bench = bench();
    let will = || v5("a").user("box").will("xz/1/van/state", "{\"why\":\"lost\"}");
    for goodbye in [&[][..], &[0xe0, 1, 4], &[0x20, 2, 0, 0]] {
        let mut client = bench.connected(will()).await;
        client.send(goodbye).await;
        drop(client);
        let delivery = bench.committer.take().await;
        let presence = ("van false".to_owned(), "{\"why\":\"lost\"}".to_owned());
        assert_eq!(payloads(&delivery), [presence]);
        acknowledge(delivery);
    }
    assert_eq!(bench.shared.metrics().wills.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn any_other_will_is_a_publish() {
    let mut bench = bench();
    let client = bench.connected(v3("a").user("cuff").will(READING, "{}")).await;
    drop(client);
    let delivery = bench.committer.take().await;
    assert_eq!(payloads(&delivery), [("admitted".to_owned(), "{}".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn the_will_of_the_old_connection_comes_before_the_new_one() {
    let mut bench = bench();
    let state = "xz/1/van/state";
    let _old = bench.connected(v3("a").will(state, "offline")).await;
    let mut new = bench.connected(v3("a").will(state, "offline")).await;
    let will = bench.committer.take().await;
    assert_eq!(payloads(&will)[0].0, "van false");
    new.send(&publish(4, QOS1, state, 1, b"online")).await;
    assert_eq!(payloads(&bench.committer.take().await)[0].1, "online");
}

#[tokio::test(start_paused = true)]
async fn a_will_may_wait_for_its_client_to_come_back() {
    let mut bench = bench();
    let delayed = Connect {
        will_properties: vec![0x18, 0, 0, 0, 60],
        ..v5("a").durable().will("xz/1/van/state", "offline")
    };
    let client = bench.connected(delayed.clone()).await;
    drop(client);
    sleep(Duration::from_secs(50)).await;
    let client = bench.connected(delayed).await;
    assert!(bench.committer.is_idle().await, "it came back in time");
    drop(client);
    let begun = Instant::now();
    sleep(Duration::from_secs(58)).await;
    assert_eq!(payloads(&bench.committer.take().await)[0].0, "van false");
    assert!(begun.elapsed() >= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn the_will_of_who_is_expelled_does_not_wait() {
    let mut bench = bench();
    let delayed = Connect {
        will_properties: vec![0x18, 0, 0, 0, 60],
        ..v5("a").durable().user("box").will("xz/1/van/state", "offline")
    };
    let mut client = bench.connected(delayed).await;
    assert_eq!(bench.shared.expel("box"), 1);
    assert_eq!(payloads(&bench.committer.take().await)[0].0, "van false");
    assert_eq!(client.rest().await, [0xe0, 1, 0x98]);
    bench.supervisor.stop();
    assert_eq!(bench.supervisor.wait().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_waits_until_the_old_connection_has_handed_over_its_will() {
    let mut bench = bench();
    let _old = bench.connected(v3("a").will("xz/1/van/state", "offline")).await;
    // The writer is busy, and its queue is full.
    for _ in 0..WRITER_DEPTH {
        drop(bench.shared.wiring.inlet.deliver(Vec::new(), 1).await.unwrap());
    }
    let mut new = bench.dial();
    new.send(&v3("a").bytes()).await;
    new.quiet().await;
    drop(bench.committer.take().await);
    new.expect(&[0x20, 2, 0, 0]).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_end_is_handed_over() {
    let mut bench = bench();
    let mut client = bench.connected(v3("a")).await;
    let sent = [publish(4, 0, READING, 0, b"1"), vec![0xe0, 0]].concat();
    client.send(&sent).await;
    drop(client);
    assert_eq!(payloads(&bench.committer.take().await)[0].1, "1");
    let mut client = bench.connected(v3("a")).await;
    let sent = [publish(4, QOS1, READING, 1, b"2"), vec![0x20, 2, 0, 0]].concat();
    client.send(&sent).await;
    assert_eq!(payloads(&bench.committer.take().await)[0].1, "2");
    assert_eq!(client.rest().await, [0_u8; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_process_waits_for_commits_and_leaves_no_will() {
    let mut bench = bench();
    let mut client = bench.connected(v5("a").will("xz/1/van/state", "offline")).await;
    client.send(&publish(5, QOS1, READING, 7, b"1")).await;
    let delivery = bench.committer.take().await;
    bench.supervisor.stop();
    client.quiet().await;
    acknowledge(delivery);
    assert_eq!(client.rest().await, [0x40, 2, 0, 7, 0xe0, 1, 0x8b]);
    assert!(bench.committer.is_idle().await);
    assert_eq!(bench.supervisor.wait().await, Ok(()));
}
