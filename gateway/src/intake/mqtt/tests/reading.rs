//! Subscriptions: who may read what, alerts from the log, and live values.

use super::*;

const ALERTS: &str = "xz/1/doctor/DR1/alert";

/// The only place that checks what is granted: each code of SUBACK.
#[track_caller]
fn check(user: Option<&'static str>, filter: &str, v3_code: u8, v5_code: u8) {
    let got = paused().block_on(async {
        let bench = bench();
        let mut three = bench.connected(Connect { user, ..v3("three") }).await;
        three.send(&subscribe(4, &[(filter, 1)])).await;
        let mut five = bench.connected(Connect { user, ..v5("five") }).await;
        five.send(&subscribe(5, &[(filter, 1)])).await;
        (three.packet().await, five.packet().await)
    });
    let expected = (vec![0x90, 3, 0, 9, v3_code], vec![0x90, 4, 0, 9, 0, v5_code]);
    assert_eq!(got, expected, "{user:?} {filter}");
}

#[test]
fn nothing_may_be_read_unless_it_is_allowed() {
    for user in ["cuff", "box", "DR1", "operator"] {
        check(Some(user), "xz/1/doctor/DR2/alert", 0x80, 0x87);
        check(Some(user), "$SYS/#", 0x80, 0x87);
    }
    check(Some("operator"), "$share/g/xz/1/+/+/reading", 0x80, 0x9e);
    for user in ["cuff", "box", "DR1"] {
        for filter in ["#", "xz/#", "xz/1/+/up", "xz/1/doctor/+/alert", "xz/1/van/+/reading"] {
            check(Some(user), filter, 0x80, 0x87);
        }
        check(Some(user), READING, 0x80, 0x87);
        check(Some(user), "xz/1/other/down", 0x80, 0x87);
        check(Some(user), "+", 0x80, 0x87);
        check(Some(user), "$share/g/xz/1/+/+/reading", 0x80, 0x87);
    }
    check(None, "$SYS/#", 0x80, 0x87);
    check(None, "$share/g/#", 0x80, 0x9e);
}

#[test]
fn what_is_allowed_is_granted_at_its_quality() {
    check(Some("DR1"), ALERTS, 1, 1);
    check(Some("box"), "xz/1/box/down", 1, 1);
    check(Some("operator"), "xz/1/+/+/reading", 0, 0);
    check(None, "xz/1/+/+/reading", 0, 0);
    check(None, ALERTS, 1, 1);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_identifier_is_not_available() {
    let bench = bench();
    let mut client = bench.connected(v5("a").user("DR1")).await;
    let mut body = vec![0, 9, 2, 0x0b, 1];
    body.extend(field(ALERTS.as_bytes()));
    body.push(1);
    client.send(&frame(0x82, &body)).await;
    client.expect(&[0x90, 4, 0, 9, 0, 0xa1]).await;
}

/// An alert as a client of level 4 gets it.
fn alert(id: u8, seq: i64) -> Vec<u8> {
    publish(4, QOS1, ALERTS, u16::from(id), format!("{{\"alert\":{seq}}}").as_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_doctors_client_gets_what_is_committed_after_it_subscribed() {
    let bench = bench();
    bench.alert(5);
    let mut client = bench.connected(v3("a").user("DR1")).await;
    client.send(&subscribe(4, &[(ALERTS, 2)])).await;
    client.expect(&[0x90, 3, 0, 9, 1]).await;
    client.quiet().await;
    bench.alert(6);
    client.expect(&alert(1, 6)).await;
    client.send(&puback(1)).await;
    bench.alert(8);
    bench.alert(9);
    client.expect(&[alert(2, 8), alert(3, 9)].concat()).await;
    assert_eq!(bench.cursor("mqtt/DR1/a"), None, "it did not ask for a session");
}

#[tokio::test(start_paused = true)]
async fn a_durable_client_goes_on_where_it_acknowledged_last() {
    for level in [4, 5] {
        let bench = bench();
        let connect = Connect { level, ..v3("a") }.user("DR1");
        let connect = connect.durable();
        let mut client = bench.connected(connect.clone()).await;
        client.send(&subscribe(level, &[(ALERTS, 1)])).await;
        let suback = client.packet().await;
        assert_eq!(suback.last(), Some(&1));
        assert_eq!(bench.cursor("mqtt/DR1/a"), Some(1), "kept before it is told");
        // The log was looked at once before: a page is then never read while it is being written.
        client.quiet().await;
        for seq in [2, 3, 4] {
            bench.alert(seq);
        }
        for _ in 0..3 {
            client.packet().await;
        }
        // The first two, in the other order: the cursor waits for the first.
        client.send(&puback(2)).await;
        sleep(PATIENCE).await;
        assert_eq!(bench.cursor("mqtt/DR1/a"), Some(1));
        client.send(&puback(1)).await;
        sleep(PATIENCE).await;
        assert_eq!(bench.cursor("mqtt/DR1/a"), Some(3));
        drop(client);
        bench.alert(5);
        let mut client = bench.dial();
        client.send(&connect.bytes()).await;
        let connack = client.packet().await;
        assert_eq!(connack[2..4], [1, 0], "session present");
        let got = [client.packet().await, client.packet().await];
        assert!(got[0].ends_with(b"{\"alert\":4}") && got[1].ends_with(b"{\"alert\":5}"));
        client.send(&[puback(1), puback(2)].concat()).await;
        sleep(PATIENCE).await;
        assert_eq!(bench.cursor("mqtt/DR1/a"), Some(5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_begins_anew_or_unsubscribes_leaves_nothing() {
    let bench = bench();
    let connect = v3("a").user("DR1").durable();
    let mut client = bench.connected(connect.clone()).await;
    client.send(&subscribe(4, &[(ALERTS, 1)])).await;
    client.expect(&[0x90, 3, 0, 9, 1]).await;
    let mut body = vec![0, 10];
    body.extend(field(ALERTS.as_bytes()));
    client.send(&frame(0xa2, &body)).await;
    client.expect(&[0xb0, 2, 0, 10]).await;
    sleep(PATIENCE).await;
    assert_eq!(bench.cursor("mqtt/DR1/a"), None);
    client.send(&subscribe(4, &[(ALERTS, 1)])).await;
    client.expect(&[0x90, 3, 0, 9, 1]).await;
    assert_eq!(bench.cursor("mqtt/DR1/a"), Some(1));
    drop(client);
    let mut client = bench.connected(v3("a").user("DR1")).await;
    assert_eq!(bench.cursor("mqtt/DR1/a"), None);
    bench.alert(9);
    client.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_alerts_are_on_their_way_than_the_client_takes() {
    let bench = bench();
    // Receive maximum 2.
    let connect = Connect { properties: vec![0x21, 0, 2], ..v5("a").user("DR1") };
    let mut client = bench.connected(connect).await;
    client.send(&subscribe(5, &[(ALERTS, 1)])).await;
    client.expect(&[0x90, 4, 0, 9, 0, 1]).await;
    // The log was looked at once before: a page is then never read while it is being written.
    client.quiet().await;
    for seq in 2..7 {
        bench.alert(seq);
    }
    let mut next = 2;
    while next < 7 {
        let mut ids = Vec::new();
        for _ in 0..2.min(7 - next) {
            let packet = client.packet().await;
            assert!(packet.ends_with(format!("{{\"alert\":{next}}}").as_bytes()));
            ids.push(packet[4 + ALERTS.len() + 1]);
            next += 1;
        }
        client.quiet().await;
        for id in ids {
            client.send(&puback(id)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_larger_than_the_client_takes_holds_up_no_other() {
    let bench = bench();
    // Maximum packet size 20.
    let connect = Connect { properties: vec![0x27, 0, 0, 0, 20], ..v5("a").user("DR1") };
    let mut client = bench.connected(connect).await;
    client.send(&subscribe(5, &[(ALERTS, 1)])).await;
    client.expect(&[0x90, 4, 0, 9, 0, 1]).await;
    bench.alert(2);
    client.quiet().await;
    assert_eq!(bench.shared.metrics().alerts_refused.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reading_is_shown_live_after_its_commit() {
    let mut bench = bench();
    let mut screen = bench.connected(v3("screen").user("operator")).await;
    screen.send(&subscribe(4, &[("xz/1/+/+/reading", 1)])).await;
    screen.expect(&[0x90, 3, 0, 9, 0]).await;
    let mut cuff = bench.connected(v3("cuff").user("cuff")).await;
    cuff.send(&publish(4, QOS1, READING, 1, b"{}")).await;
    let delivery = bench.committer.take().await;
    screen.quiet().await;
    acknowledge(delivery);
    screen.expect(&publish(4, 0, READING, 0, b"{}")).await;
    cuff.expect(&puback(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_screen_loses_the_oldest_and_slows_nobody() {
    let bench = bench();
    let shared = Arc::clone(&bench.shared);
    let (mut ours, theirs) = duplex(256);
    bench
        .supervisor
        .spawn("screen", serve(theirs, None, Arc::clone(&shared), bench.supervisor.stopping()));
    ours.write_all(&[v3("screen").bytes(), subscribe(4, &[("#", 0)])].concat()).await.unwrap();
    let mut cuff = bench.connected(v3("cuff")).await;
    sleep(PATIENCE).await;
    bench.supervisor.spawn("committer", bench.committer.run());
    let payload = vec![b'x'; 1000];
    for id in 1..=2000 {
        cuff.send(&publish(4, QOS1, READING, id, &payload)).await;
        cuff.packet().await;
    }
    let metrics = shared.metrics();
    assert_eq!(metrics.acknowledged.get(), 2000);
    let (sent, skipped) = (metrics.live_sent.get(), metrics.live_skipped.get());
    assert!(skipped > 1000 && sent + skipped <= 2000, "{sent} sent, {skipped} skipped");
}
