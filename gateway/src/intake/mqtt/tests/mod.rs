//! Whole connections over a stream in memory, with a committer that acknowledges when told.

mod admission;
mod connect;
mod ending;
mod oracle;
mod reading;
mod smoke;
mod tls;
mod trespass;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::{mpsc, watch},
    time::timeout,
};

use super::*;
use crate::{
    commit::Work,
    domain::{AlertId, BenchId, Clock, DeviceId, DoctorId, Level, SiteId, Timestamp},
    intake::{Admission, Delivery, Identity, Inlet, Item, Receipt, Rights, Sites},
    store::{AlertChange, CommitSeq, Committed, Origin, Outcome, Refused, Status, view::Delivered},
};

/// Longest wait for anything that should happen; with paused time it costs nothing.
const PATIENCE: Duration = Duration::from_secs(3);

/// Deliveries that wait for the scripted committer.
const WRITER_DEPTH: usize = 64;

/// The log and the cursors of doctors' clients.
#[derive(Default)]
struct Log {
    alerts: Mutex<Vec<Delivered>>,
    cursors: Mutex<HashMap<String, CommitSeq>>,
}

/// A listener's shared state with everything around it scripted.
struct Bench {
    shared: Arc<Shared>,
    supervisor: Supervisor,
    committer: Committer,
    log: Arc<Log>,
    commits: watch::Sender<CommitSeq>,
}

/// Takes deliveries, and acknowledges them when the test says so.
struct Committer(mpsc::Receiver<Work>);

impl Committer {
    async fn take(&mut self) -> Delivery {
        match timeout(PATIENCE, self.0.recv()).await {
            Ok(Some(Work::Deliver(delivery))) => delivery,
            other => panic!("no delivery: {other:?}"),
        }
    }

    async fn is_idle(&mut self) -> bool {
        timeout(PATIENCE, self.0.recv()).await.is_err()
    }

    /// Acknowledges whatever comes, until the listener is gone.
    async fn run(mut self) {
        while let Some(work) = self.0.recv().await {
            if let Work::Deliver(delivery) = work {
                acknowledge(delivery);
            }
        }
    }
}

fn acknowledge(delivery: Delivery) {
    let outcome = Outcome { id: None, status: Status::Stored, reason: None };
    let outcomes = vec![outcome; delivery.items.len()];
    delivery.acknowledge(Receipt { proof: Committed::for_tests(), outcomes });
}

/// The payloads of a delivery, as the scripted admission keeps them, with its remarks.
fn payloads(delivery: &Delivery) -> Vec<(String, String)> {
    delivery.items.iter().map(described).collect()
}

fn described(item: &Item) -> (String, String) {
    match item {
        Item::Refused(refused) => {
            (refused.reason.clone(), String::from_utf8_lossy(&refused.raw).into_owned())
        }
        Item::Presence(presence) => (
            format!("{} {}", presence.site, presence.online),
            presence.detail.clone().unwrap_or_default(),
        ),
        Item::Reading(_)
        | Item::Quarantined(_)
        | Item::Unnumbered(_)
        | Item::Event(_)
        | Item::Card(_)
        | Item::Context(_) => {
            panic!("{item:?}")
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_772_406_600_000)
}

fn site(name: &str) -> SiteId {
    SiteId::new(name).unwrap()
}

/// Who may log in, by user name; the token is always `t`. Without a name: anyone.
fn identity(user: Option<&str>) -> Option<Identity> {
    let van = || Sites::These([site("van")].into());
    let rights = match user {
        None => Rights::Anyone,
        Some("cuff") => Rights::Device {
            device: DeviceId::new("cuff").unwrap(),
            sites: van(),
            bench: Some(BenchId::new("b1").unwrap()),
        },
        Some("box") => Rights::Gateway { name: DeviceId::new("box").unwrap(), sites: van() },
        Some("DR1") => Rights::Doctor(DoctorId::new("DR1").unwrap()),
        Some("operator") => Rights::Operator,
        Some(_) => return None,
    };
    let token = user.map(|user| *blake3::hash(user.as_bytes()).as_bytes());
    Some(Identity { name: user.unwrap_or("anyone").into(), rights, token })
}

fn authenticate() -> Authenticate {
    Arc::new(|login| {
        Box::pin(async move {
            if login.user.as_deref() == Some("slow") {
                return Err(LoginError::Unavailable);
            }
            let known = login.user.is_none() || login.password.as_deref() == Some(b"t");
            identity(login.user.as_deref().filter(|_| known))
                .filter(|_| known)
                .ok_or(LoginError::WrongCredentials)
        })
    })
}

fn admission() -> Admission {
    Admission {
        admit: Arc::new(|arrival| {
            if arrival.payload == b"[]" {
                return Vec::new();
            }
            let mut reason = "admitted".to_owned();
            if arrival.retained {
                reason.push_str(" retained");
            }
            if arrival.duplicate {
                reason.push_str(" dup");
            }
            let origin = Origin { road: arrival.road, site: None, device: None };
            let (raw, received_at) = (arrival.payload.to_vec(), arrival.received_at);
            vec![Item::Refused(Refused { reason, raw, origin, received_at })]
        }),
    }
}

fn alerts(log: &Arc<Log>, commits: watch::Receiver<CommitSeq>) -> Alerts {
    let (after, last, load, keep) =
        (Arc::clone(log), Arc::clone(log), Arc::clone(log), Arc::clone(log));
    Alerts {
        after: Arc::new(move |doctor, seq, limit| {
            assert_eq!(doctor.as_str(), "DR1");
            let alerts = after.alerts.lock().unwrap();
            Ok(alerts.iter().filter(|alert| alert.seq > seq).take(limit).cloned().collect())
        }),
        last: Arc::new(move || {
            let alerts = last.alerts.lock().unwrap();
            Ok(alerts.last().map_or(CommitSeq(1), |alert| alert.seq))
        }),
        commits,
        message: Arc::new(|_, alert| format!("{{\"alert\":{}}}", alert.seq.0).into_bytes()),
        cursors: CursorKeeper {
            load: Arc::new(move |name| Ok(load.cursors.lock().unwrap().get(name).copied())),
            keep: Arc::new(move |name, at| {
                let mut cursors = keep.cursors.lock().unwrap();
                match at {
                    Some(at) => cursors.insert(name, at),
                    None => cursors.remove(&name),
                };
                Box::pin(async { Ok(()) })
            }),
        },
    }
}

fn bench() -> Bench {
    bench_with(Limits::default())
}

fn bench_with(limits: Limits) -> Bench {
    bench_of(limits, |_wiring| {})
}

fn bench_of(limits: Limits, change: impl FnOnce(&mut Wiring)) -> Bench {
    let (work, works) = mpsc::channel(WRITER_DEPTH);
    let log = Arc::new(Log::default());
    let (commits, ticks) = watch::channel(CommitSeq(0));
    let mut wiring = Wiring {
        inlet: Inlet::new(work),
        admission: admission(),
        authenticate: authenticate(),
        alerts: alerts(&log, ticks),
        uplink: None,
        refusals: None,
        clock: Clock::scripted(now),
        limits,
    };
    change(&mut wiring);
    let (shared, supervisor) = (Shared::new(wiring), Supervisor::new());
    Bench { shared, supervisor, committer: Committer(works), log, commits }
}

impl Bench {
    /// A stream whose other end the listener serves.
    fn dial(&self) -> Client {
        let (ours, theirs) = duplex(1 << 20);
        let (shared, stop) = (Arc::clone(&self.shared), self.supervisor.stopping());
        self.supervisor.spawn("connection", serve(theirs, None, shared, stop));
        Client { stream: ours }
    }

    /// A client that has connected.
    async fn connected(&self, connect: Connect) -> Client {
        let mut client = self.dial();
        client.send(&connect.bytes()).await;
        match connect.level {
            5 => client.expect_connack_v5(0).await,
            _ => client.expect(&[0x20, 2, 0, 0]).await,
        }
        client
    }

    fn alert(&self, seq: i64) {
        self.log.alerts.lock().unwrap().push(Delivered {
            seq: CommitSeq(seq),
            alert: AlertId::from_bytes([0; 16]),
            level: Level::Red,
            change: AlertChange::Opened,
            deadline: None,
        });
        self.commits.send_replace(CommitSeq(seq));
    }

    fn cursor(&self, name: &str) -> Option<i64> {
        self.log.cursors.lock().unwrap().get(name).map(|seq| seq.0)
    }
}

/// A runtime whose time passes only while nothing else happens.
fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

/// The client's end.
struct Client {
    stream: DuplexStream,
}

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    #[track_caller]
    fn expect<'a>(&'a mut self, bytes: &'a [u8]) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            let mut got = vec![0; bytes.len()];
            let read = timeout(PATIENCE, self.stream.read_exact(&mut got)).await;
            assert!(matches!(read, Ok(Ok(_))), "{at}: {read:?}, got {got:02x?}");
            assert_eq!(got, bytes, "{at}: {got:02x?} instead of {bytes:02x?}");
        }
    }

    /// Reads a CONNACK of version 5 and checks its reason.
    #[track_caller]
    fn expect_connack_v5(&mut self, reason: u8) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let packet = self.packet().await;
            assert_eq!((packet[0], packet[3]), (0x20, reason), "{at}: {packet:02x?}");
        }
    }

    /// Reads one packet of at most 127 bytes.
    async fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 2];
        timeout(PATIENCE, self.stream.read_exact(&mut packet)).await.unwrap().unwrap();
        packet.resize(2 + usize::from(packet[1]), 0);
        self.stream.read_exact(&mut packet[2..]).await.unwrap();
        packet
    }

    /// Nothing comes.
    #[track_caller]
    fn quiet(&mut self) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let mut byte = [0];
            let read = timeout(PATIENCE, self.stream.read(&mut byte)).await;
            assert!(read.is_err(), "{at}: {read:?} {byte:02x?}");
        }
    }

    /// Reads what is left until the listener closes.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        timeout(4 * PATIENCE, self.stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        rest
    }
}

/// A CONNECT packet.
#[derive(Clone)]
struct Connect {
    level: u8,
    client_id: &'static str,
    user: Option<&'static str>,
    clean: bool,
    keep_alive: u16,
    properties: Vec<u8>,
    will: Option<(&'static str, &'static str)>,
    will_properties: Vec<u8>,
    flags: u8,
}

fn v3(client_id: &'static str) -> Connect {
    Connect {
        level: 4,
        client_id,
        user: None,
        clean: true,
        keep_alive: 0,
        properties: Vec::new(),
        will: None,
        will_properties: Vec::new(),
        flags: 0,
    }
}

fn v5(client_id: &'static str) -> Connect {
    Connect { level: 5, ..v3(client_id) }
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    let mut length = body.len();
    loop {
        let byte = u8::try_from(length & 0x7f).unwrap();
        length >>= 7;
        frame.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    frame.extend_from_slice(body);
    frame
}

impl Connect {
    fn user(self, user: &'static str) -> Self {
        Self { user: Some(user), ..self }
    }

    fn keep_alive(self, keep_alive: u16) -> Self {
        Self { keep_alive, ..self }
    }

    fn will(self, topic: &'static str, payload: &'static str) -> Self {
        Self { will: Some((topic, payload)), ..self }
    }

    fn durable(self) -> Self {
        // Session expiry interval of an hour.
        let properties = if self.level == 5 { vec![0x11, 0, 0, 0x0e, 0x10] } else { Vec::new() };
        Self { clean: false, properties, ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut flags = self.flags;
        flags |= if self.user.is_some() { 0xc0 } else { 0 };
        flags |= if self.will.is_some() { 0x04 } else { 0 };
        flags |= if self.clean { 0x02 } else { 0 };
        let mut body = field(b"MQTT");
        body.extend([self.level, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        let five = self.level == 5;
        if five {
            body.push(u8::try_from(self.properties.len()).unwrap());
            body.extend(&self.properties);
        }
        body.extend(field(self.client_id.as_bytes()));
        if let Some((topic, payload)) = self.will {
            if five {
                body.push(u8::try_from(self.will_properties.len()).unwrap());
                body.extend(&self.will_properties);
            }
            body.extend(field(topic.as_bytes()));
            body.extend(field(payload.as_bytes()));
        }
        if let Some(user) = self.user {
            body.extend(field(user.as_bytes()));
            body.extend(field(b"t"));
        }
        frame(0x10, &body)
    }
}

/// A PUBLISH of level 4 or 5, with these flags; QoS 0 has no id.
fn publish(level: u8, flags: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = field(topic.as_bytes());
    if flags & 0x06 != 0 {
        body.extend(id.to_be_bytes());
    }
    if level == 5 {
        body.push(0);
    }
    body.extend(payload);
    frame(0x30 | flags, &body)
}

const QOS1: u8 = 0x02;
const DUP: u8 = 0x08;
const RETAIN: u8 = 0x01;
const READING: &str = "xz/1/van/cuff/reading";

fn puback(id: u8) -> [u8; 4] {
    [0x40, 2, 0, id]
}

/// A SUBSCRIBE of level 4 or 5 with id 9.
fn subscribe(level: u8, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = vec![0, 9];
    if level == 5 {
        body.push(0);
    }
    for (filter, qos) in filters {
        body.extend(field(filter.as_bytes()));
        body.push(*qos);
    }
    frame(0x82, &body)
}
