//! Publishes: what is handed to the writer, and what is acknowledged when.

use super::*;

fn admitted(payload: &str) -> (String, String) {
    ("admitted".to_owned(), payload.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_publish_is_acknowledged_after_its_commit_and_not_before() {
    for level in [4, 5] {
        let mut bench = bench();
        let mut client = bench.connected(Connect { level, ..v3("a") }).await;
        client.send(&publish(level, QOS1, READING, 7, b"1")).await;
        let delivery = bench.committer.take().await;
        assert_eq!(payloads(&delivery), [admitted("1")]);
        client.quiet().await;
        acknowledge(delivery);
        client.expect(&puback(7)).await;
        assert_eq!(bench.shared.metrics().acknowledged.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_read_is_one_batch_and_batches_are_acknowledged_in_order() {
    let mut bench = bench();
    let mut client = bench.connected(v5("a")).await;
    let one = [publish(5, QOS1, READING, 3, b"a"), publish(5, QOS1, READING, 1, b"b")].concat();
    client.send(&one).await;
    let first = bench.committer.take().await;
    assert_eq!(payloads(&first), [admitted("a"), admitted("b")]);
    client.send(&publish(5, QOS1, READING, 2, b"c")).await;
    let second = bench.committer.take().await;
    acknowledge(second);
    client.quiet().await;
    acknowledge(first);
    client.expect(&[puback(3), puback(1), puback(2)].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn a_packet_may_come_byte_by_byte() {
    let mut bench = bench();
    let mut client = bench.dial();
    let connect = v3("a").keep_alive(60).bytes();
    for byte in [connect, publish(4, QOS1, READING, 7, b"1")].concat() {
        client.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    client.expect(&[0x20, 2, 0, 0]).await;
    acknowledge(bench.committer.take().await);
    client.expect(&puback(7)).await;
}

#[tokio::test(start_paused = true)]
async fn a_publish_at_qos_0_is_committed_too() {
    let mut bench = bench();
    let mut client = bench.connected(v3("a")).await;
    client.send(&publish(4, 0, READING, 0, b"1")).await;
    let delivery = bench.committer.take().await;
    assert_eq!(payloads(&delivery), [admitted("1")]);
    acknowledge(delivery);
    client.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_gives_up_is_never_acknowledged() {
    let mut bench = bench();
    let mut client = bench.connected(v5("a")).await;
    client.send(&publish(5, QOS1, READING, 7, b"1")).await;
    drop(bench.committer.take().await);
    assert_eq!(client.rest().await, [0xe0, 1, 0x89]);
    let mut client = bench.connected(v3("a")).await;
    drop(bench.committer);
    client.send(&publish(4, QOS1, READING, 7, b"1")).await;
    assert_eq!(client.rest().await, [0_u8; 0]);
    assert_eq!(bench.shared.metrics().not_committed.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn version_5_is_told_how_many_may_be_in_flight_and_held_to_it() {
    let mut bench = bench_with(Limits { in_flight: 2, ..Limits::default() });
    let mut client = bench.connected(v5("a")).await;
    for id in [1, 2, 3] {
        client.send(&publish(5, QOS1, READING, id, b"1")).await;
    }
    let delivery = bench.committer.take().await;
    assert_eq!(payloads(&delivery).len(), 2, "what came before is handed over all the same");
    assert_eq!(client.rest().await, [0xe0, 1, 0x93]);
}

#[tokio::test(start_paused = true)]
async fn version_3_is_not_read_beyond_what_may_be_in_flight() {
    let mut bench = bench_with(Limits { in_flight: 2, ..Limits::default() });
    let mut client = bench.connected(v3("a").keep_alive(10)).await;
    for id in [1, 2, 3, 4, 5] {
        client.send(&publish(4, QOS1, READING, id, b"1")).await;
    }
    let first = bench.committer.take().await;
    assert_eq!(payloads(&first).len(), 2);
    assert!(bench.committer.is_idle().await);
    // Not read for longer than its keep-alive is no fault of the client.
    sleep(Duration::from_secs(60)).await;
    acknowledge(first);
    client.expect(&[puback(1), puback(2)].concat()).await;
    let second = bench.committer.take().await;
    assert_eq!(payloads(&second).len(), 2);
    acknowledge(second);
    client.expect(&[puback(3), puback(4)].concat()).await;
    acknowledge(bench.committer.take().await);
    client.expect(&puback(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_its_answers_is_not_read_for_ever() {
    let bench = bench();
    let (mut ours, theirs) = duplex(1024);
    let (shared, stop) = (Arc::clone(&bench.shared), bench.supervisor.stopping());
    bench.supervisor.spawn("connection", serve(theirs, None, shared, stop));
    ours.write_all(&v3("a").bytes()).await.unwrap();
    let pings = [0xc0, 0].repeat(512);
    let mut sent = 0;
    while timeout(PATIENCE, ours.write_all(&pings)).await.is_ok() {
        sent += pings.len();
        assert!(sent < 1 << 20, "{sent} bytes were taken");
    }
    assert!(sent > 4096);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_on_its_way_or_acknowledged_is_answered_without_a_second_commit() {
    let mut bench = bench();
    let mut client = bench.connected(v3("a")).await;
    client.send(&publish(4, QOS1, READING, 7, b"1")).await;
    let delivery = bench.committer.take().await;
    client.send(&publish(4, QOS1 | DUP, READING, 7, b"1")).await;
    assert!(bench.committer.is_idle().await);
    acknowledge(delivery);
    client.expect(&puback(7)).await;
    client.quiet().await;
    client.send(&publish(4, QOS1 | DUP, READING, 7, b"1")).await;
    client.expect(&puback(7)).await;
    assert_eq!(bench.shared.metrics().repeats.get(), 2);
    assert!(bench.committer.is_idle().await);
}

#[tokio::test(start_paused = true)]
async fn the_same_id_with_another_payload_or_without_dup_is_another_publish() {
    let mut bench = bench();
    let mut client = bench.connected(v3("a")).await;
    let sent =
        [(QOS1, b"1", "admitted"), (QOS1, b"1", "admitted"), (QOS1 | DUP, b"2", "admitted dup")];
    for (flags, payload, remark) in sent {
        client.send(&publish(4, flags, READING, 7, payload)).await;
        let delivery = bench.committer.take().await;
        let payload = String::from_utf8_lossy(payload).into_owned();
        assert_eq!(payloads(&delivery), [(remark.to_owned(), payload)]);
        acknowledge(delivery);
        client.expect(&puback(7)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_outside_its_rights_is_refused_in_its_place() {
    let mut bench = bench();
    let mut client = bench.connected(v5("a").user("cuff")).await;
    let foreign = "xz/1/van/other/reading";
    let sent = [
        publish(5, QOS1, READING, 1, b"a"),
        publish(5, QOS1, foreign, 2, b"b"),
        publish(5, QOS1, READING, 3, b"c"),
    ];
    client.send(&sent.concat()).await;
    let delivery = bench.committer.take().await;
    assert_eq!(payloads(&delivery), [admitted("a"), admitted("c")]);
    client.quiet().await;
    acknowledge(delivery);
    client.expect(&[&puback(1)[..], &[0x40, 3, 0, 2, 0x87], &puback(3)].concat()).await;
    client.send(&publish(5, QOS1, foreign, 4, b"d")).await;
    client.expect(&[0x40, 3, 0, 4, 0x87]).await;
    client.send(&publish(5, 0, foreign, 0, b"e")).await;
    assert_eq!(client.rest().await, [0xe0, 1, 0x87]);
    assert_eq!(bench.shared.metrics().publishes_denied.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn version_3_has_no_word_for_refusing_and_is_closed() {
    let mut bench = bench();
    let mut client = bench.connected(v3("a").user("cuff")).await;
    let sent = [
        publish(4, QOS1, READING, 1, b"a"),
        publish(4, QOS1, "xz/1/van/other/reading", 2, b"b"),
        publish(4, QOS1, READING, 3, b"c"),
    ];
    client.send(&sent.concat()).await;
    let delivery = bench.committer.take().await;
    assert_eq!(payloads(&delivery), [admitted("a")], "what came before is kept");
    assert_eq!(client.rest().await, [0_u8; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_the_contract_does_not_have_is_kept_as_refused() {
    let mut bench = bench();
    let mut client = bench.connected(v3("a").user("cuff")).await;
    client.send(&publish(4, QOS1, "xz/1/van/cuff/weather", 1, b"rain")).await;
    client.send(&publish(4, QOS1, READING, 2, b"[]")).await;
    let mut kept = Vec::new();
    while kept.len() < 2 {
        let delivery = bench.committer.take().await;
        kept.extend(payloads(&delivery));
        acknowledge(delivery);
    }
    let unknown = ("unknown_topic: xz/1/van/cuff/weather".to_owned(), "rain".to_owned());
    assert_eq!(kept, [unknown, ("nothing_in_it".to_owned(), "[]".to_owned())]);
    client.expect(&[puback(1), puback(2)].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_retained() {
    let mut bench = bench();
    let mut client = bench.connected(v3("a")).await;
    client.send(&publish(4, QOS1 | RETAIN, READING, 7, b"1")).await;
    let delivery = bench.committer.take().await;
    assert_eq!(payloads(&delivery), [("admitted retained".to_owned(), "1".to_owned())]);
    acknowledge(delivery);
    client.expect(&puback(7)).await;
    let mut client = bench.connected(v5("b")).await;
    client.send(&publish(5, QOS1 | RETAIN, READING, 7, b"1")).await;
    assert_eq!(client.rest().await, [0xe0, 1, 0x9a]);
}

#[tokio::test(start_paused = true)]
async fn an_array_may_be_as_large_as_the_limit_and_no_larger() {
    for (level, rest) in [(4, &[][..]), (5, &[0xe0, 1, 0x95])] {
        let mut bench = bench();
        let mut client = bench.connected(Connect { level, ..v3("a") }).await;
        let head = publish(level, QOS1, READING, 7, b"").len() + 2;
        let fits = vec![b'x'; 64 * 1024 - head];
        client.send(&publish(level, QOS1, READING, 7, &fits)).await;
        acknowledge(bench.committer.take().await);
        client.expect(&puback(7)).await;
        let header = publish(level, QOS1, READING, 7, &vec![b'x'; 64 * 1024]);
        client.send(&header[..4]).await;
        assert_eq!(client.rest().await, rest);
    }
}
