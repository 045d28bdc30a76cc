//! Against Debian's mosquitto, started by the test; and what needs no broker.

mod tls;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    net::TcpListener,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use rumqttc::v5::{AsyncClient, Event, MqttOptions, mqttbytes::v5::Packet};
use tokio::{sync::mpsc, time::timeout};

use super::*;
use crate::{
    commit::Work,
    domain::Timestamp,
    intake::{Delivery, Item, Receipt},
    store::{Committed, Origin, Refused},
    supervise::Supervisor,
};

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// Longest wait for anything that should happen.
const PATIENCE: Duration = Duration::from_secs(20);

const TOPIC: &str = "xz/1/van/cuff/reading";

/// A broker of the test's own; killed when dropped.
struct Mosquitto {
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl Mosquitto {
    /// Starts one, or says that the test is skipped.
    fn start() -> Option<Self> {
        Self::start_with(|_folder| String::new())
    }

    /// Starts one with more lines in its configuration.
    fn start_with(more: impl FnOnce(&Path) -> String) -> Option<Self> {
        if !Path::new(MOSQUITTO).try_exists().unwrap() {
            writeln!(std::io::stderr(), "skipped: mosquitto not installed").unwrap();
            return None;
        }
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let config = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n\
             persistence_location {path}/\nmax_inflight_messages 1000\nmax_queued_messages 0\n{}",
            more(folder.path())
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let process = Self::run(folder.path());
        Some(Self { folder, port, process })
    }

    fn run(folder: &Path) -> Child {
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(MOSQUITTO);
        command.arg("-c").arg(folder.join("mosquitto.conf"));
        command.stderr(log.try_clone().unwrap()).stdout(log).spawn().unwrap()
    }

    /// Stops it as an operator would, and starts it again on the same files.
    fn restart(&mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap();
        self.process = Self::run(self.folder.path());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A consumer with a committer that acknowledges when told.
struct Bench {
    supervisor: Supervisor,
    metrics: Arc<BrokerMetrics>,
    works: mpsc::Receiver<Work>,
}

fn consumer(port: u16) -> Bench {
    consumer_over(port, None)
}

fn consumer_over(port: u16, tls: Option<Arc<rustls::ClientConfig>>) -> Bench {
    let (work, works) = mpsc::channel(64);
    let metrics = Arc::new(BrokerMetrics::default());
    let admission = Admission {
        admit: Arc::new(|arrival| {
            let origin = Origin { road: arrival.road, site: None, device: None };
            let (raw, received_at) = (arrival.payload.to_vec(), arrival.received_at);
            let reason = if arrival.duplicate { "dup" } else { "new" }.to_owned();
            vec![Item::Refused(Refused { reason, raw, origin, received_at })]
        }),
    };
    let wiring = BrokerWiring {
        inlet: Inlet::new(work),
        admission,
        clock: Clock::scripted(|| Timestamp::from_millis(0)),
        metrics: Arc::clone(&metrics),
    };
    let config = BrokerConfig {
        host: "127.0.0.1".to_owned(),
        port,
        client_id: "gateway-1".to_owned(),
        credentials: None,
        tls,
        group: "xunzhen".to_owned(),
    };
    let supervisor = Supervisor::new();
    supervisor.spawn("broker", consume(config, wiring, supervisor.stopping()));
    Bench { supervisor, metrics, works }
}

impl Bench {
    async fn take(&mut self) -> Delivery {
        match timeout(PATIENCE, self.works.recv()).await {
            Ok(Some(Work::Deliver(delivery))) => delivery,
            other => panic!("no delivery: {other:?}, {:?}", self.metrics),
        }
    }

    /// Takes deliveries until so many different messages have come.
    async fn take_messages(&mut self, count: usize) -> (Vec<Delivery>, BTreeSet<Vec<u8>>) {
        let (mut deliveries, mut messages) = (Vec::new(), BTreeSet::new());
        while messages.len() < count {
            let delivery = self.take().await;
            messages.extend(delivery.items.iter().map(payload));
            deliveries.push(delivery);
        }
        (deliveries, messages)
    }

    async fn stop(self) {
        self.supervisor.stop();
        self.supervisor.wait().await.unwrap();
    }
}

fn payload(item: &Item) -> Vec<u8> {
    match item {
        Item::Refused(refused) => refused.raw.clone(),
        Item::Reading(_)
        | Item::Context(_)
        | Item::Quarantined(_)
        | Item::Unnumbered(_)
        | Item::Event(_)
        | Item::Card(_)
        | Item::Presence(_) => {
            panic!("{item:?}")
        }
    }
}

fn acknowledge(deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        let receipt = Receipt { proof: Committed::for_tests(), outcomes: Vec::new() };
        delivery.acknowledge(receipt);
    }
}

/// Waits, in real time, until something is so.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let begun = tokio::time::Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "{at}: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Publishes so many messages at QoS 1 and waits until the broker has them.
async fn publish(port: u16, numbers: std::ops::Range<u32>, size: usize) {
    let mut options = MqttOptions::new("publisher", "127.0.0.1", port);
    options.set_clean_start(true);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let (client, mut events) = AsyncClient::new(options, 2000);
    let count = numbers.len();
    for number in numbers {
        let payload = format!("{number:08}{}", "x".repeat(size.saturating_sub(8)));
        client.try_publish(TOPIC, QoS::AtLeastOnce, false, payload).unwrap();
    }
    let mut acknowledged = 0;
    while acknowledged < count {
        let event = timeout(PATIENCE, events.poll()).await.unwrap();
        acknowledged += usize::from(matches!(event, Ok(Event::Incoming(Packet::PubAck(_)))));
    }
}

#[test]
fn pauses_grow_to_a_limit_and_are_never_alike() {
    assert_eq!(pause(0, 0), PAUSE_MIN);
    assert_eq!(pause(0, 50), PAUSE_MIN);
    assert_eq!(pause(2, 50), PAUSE_MIN * 4);
    assert_eq!(pause(2, 0), PAUSE_MIN * 2);
    for failures in [5, 30, u32::MAX] {
        assert_eq!(pause(failures, 50), PAUSE_MAX);
        assert_eq!(pause(failures, 0), PAUSE_MAX / 2);
        assert_eq!(pause(failures, 50 + 51), PAUSE_MAX);
    }
}

#[test]
fn a_password_is_not_in_the_log() {
    let config = BrokerConfig {
        host: "h".to_owned(),
        port: 1,
        client_id: "c".to_owned(),
        credentials: Some(("u".to_owned(), "secret".to_owned())),
        tls: None,
        group: "g".to_owned(),
    };
    assert!(!format!("{config:?}").contains("secret"));
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_tried_again() {
    let port = free_port();
    let bench = consumer(port);
    let metrics = Arc::clone(&bench.metrics);
    until("a second try", || metrics.failures.get() >= 2).await;
    bench.stop().await;
    assert_eq!(metrics.connected.get(), 0);
}

#[tokio::test]
async fn the_broker_hears_of_a_message_after_its_commit_and_only_then() {
    let Some(broker) = Mosquitto::start() else { return };
    let mut bench = consumer(broker.port);
    let metrics = Arc::clone(&bench.metrics);
    until("subscribed", || metrics.connected.get() == 1).await;
    publish(broker.port, 0..300, 8).await;
    let (mut deliveries, messages) = bench.take_messages(300).await;
    assert_eq!((messages.len(), metrics.acknowledged.get()), (300, 0));
    let kept = deliveries.split_off(deliveries.len() / 2);
    let committed: usize = deliveries.iter().map(|delivery| delivery.items.len()).sum();
    acknowledge(deliveries);
    until("acknowledged", || metrics.acknowledged.get() == u64::try_from(committed).unwrap()).await;
    // The writer gives up: the rest is not acknowledged, and comes again to the next consumer.
    drop(kept);
    bench.supervisor.stop();
    bench.supervisor.wait().await.unwrap();
    let mut bench = consumer(broker.port);
    let (deliveries, again) = bench.take_messages(300 - committed).await;
    let metrics = Arc::clone(&bench.metrics);
    assert!(again.is_subset(&messages) && metrics.redelivered.get() > 0);
    acknowledge(deliveries);
    until("all", || metrics.acknowledged.get() >= u64::try_from(again.len()).unwrap()).await;
    bench.stop().await;
    // What was acknowledged stays so.
    let mut bench = consumer(broker.port);
    let metrics = Arc::clone(&bench.metrics);
    until("subscribed", || metrics.connected.get() == 1).await;
    publish(broker.port, 1000..1001, 8).await;
    let (deliveries, messages) = bench.take_messages(1).await;
    assert_eq!(messages.first().unwrap(), b"00001000", "nothing older came again");
    acknowledge(deliveries);
    bench.stop().await;
}

#[tokio::test]
async fn no_acknowledgement_crosses_from_one_connection_to_the_next() {
    let Some(mut broker) = Mosquitto::start() else { return };
    let mut bench = consumer(broker.port);
    let metrics = Arc::clone(&bench.metrics);
    until("subscribed", || metrics.connected.get() == 1).await;
    publish(broker.port, 0..200, 8).await;
    let (old, messages) = bench.take_messages(200).await;
    broker.restart();
    until("subscribed again", || metrics.connections.get() == 2 && metrics.connected.get() == 1)
        .await;
    let (new, again) = bench.take_messages(200).await;
    assert_eq!(messages, again, "everything not acknowledged comes again");
    acknowledge(old);
    until("known as stale", || metrics.stale.get() == 200).await;
    assert_eq!(metrics.acknowledged.get(), 0);
    acknowledge(new);
    until("acknowledged", || metrics.acknowledged.get() == 200).await;
    bench.stop().await;
    let mut bench = consumer(broker.port);
    publish(broker.port, 1000..1001, 8).await;
    let (deliveries, messages) = bench.take_messages(1).await;
    assert_eq!(messages.first().unwrap(), b"00001000", "nothing older came again");
    acknowledge(deliveries);
    bench.stop().await;
}

#[tokio::test]
async fn a_large_message_passes_and_the_end_waits_for_commits() {
    let Some(broker) = Mosquitto::start() else { return };
    let mut bench = consumer(broker.port);
    let metrics = Arc::clone(&bench.metrics);
    until("subscribed", || metrics.connected.get() == 1).await;
    publish(broker.port, 0..3, 200_000).await;
    let (deliveries, messages) = bench.take_messages(3).await;
    assert!(messages.iter().all(|message| message.len() == 200_000));
    bench.supervisor.stop();
    acknowledge(deliveries);
    bench.supervisor.wait().await.unwrap();
    assert_eq!(metrics.acknowledged.get(), 3);
    let mut bench = consumer(broker.port);
    publish(broker.port, 1000..1001, 8).await;
    let (deliveries, messages) = bench.take_messages(1).await;
    assert_eq!(messages.first().unwrap(), b"00001000", "the end did not lose what was owed");
    acknowledge(deliveries);
    bench.stop().await;
}

#[tokio::test]
async fn a_burst_beyond_the_receive_maximum_is_delivered_whole_and_in_order() {
    let Some(broker) = Mosquitto::start() else { return };
    let mut bench = consumer(broker.port);
    let metrics = Arc::clone(&bench.metrics);
    until("subscribed", || metrics.connected.get() == 1).await;
    let publisher = publish(broker.port, 0..1900, 8);
    let mut got = BTreeMap::new();
    let taker = async {
        while got.len() < 1900 {
            let delivery = bench.take().await;
            for item in &delivery.items {
                let order = got.len();
                got.entry(payload(item)).or_insert(order);
            }
            acknowledge(vec![delivery]);
        }
    };
    tokio::join!(publisher, taker);
    let orders: Vec<_> = got.into_values().collect();
    assert!(orders.is_sorted(), "messages of one sender keep their order");
    until("acknowledged", || metrics.acknowledged.get() == 1900).await;
    bench.stop().await;
}
