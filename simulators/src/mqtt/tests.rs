//! A sender against a far end that behaves as badly as one may.

use std::{collections::HashSet, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;
use crate::ledger::{EntryId, Fate, Wire};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the far end does.
#[derive(Debug, Clone, Copy)]
struct Manners {
    version: Version,
    /// Says that it remembers the session.
    remembers: bool,
    /// Hangs up after so many messages of a connection, the last ones unacknowledged.
    hangs_up_after: Option<(usize, usize)>,
    /// So many connections are hung up; then it behaves.
    bad_connections: usize,
    /// Declines every n-th message, on version 5.
    declines_every: Option<usize>,
}

const GOOD: Manners = Manners {
    version: Version::V311,
    remembers: false,
    hangs_up_after: None,
    bad_connections: 0,
    declines_every: None,
};

/// One message as the far end got it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Got {
    repeated: bool,
    payload: Vec<u8>,
}

async fn read_packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((first, body))
}

/// Packet id and payload of a PUBLISH at QoS 1 without properties.
fn publish(body: &[u8], version: Version) -> ([u8; 2], Vec<u8>) {
    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let id = [body[2 + topic], body[3 + topic]];
    let properties = usize::from(version == Version::V5);
    (id, body[4 + topic + properties..].to_vec())
}

async fn serve(listener: TcpListener, manners: Manners, told: mpsc::Sender<Got>) {
    let mut connections = 0;
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let bad = connections < manners.bad_connections;
        let present = u8::from(manners.remembers && connections > 0);
        connections += 1;
        let limit = manners.hangs_up_after.filter(|_| bad);
        attend(&mut stream, manners, (present, limit), &told).await;
    }
}

async fn attend(
    stream: &mut TcpStream,
    manners: Manners,
    (present, limit): (u8, Option<(usize, usize)>),
    told: &mpsc::Sender<Got>,
) {
    let mut messages = 0;
    while let Some((first, body)) = read_packet(stream).await {
        let answer = match (first >> 4, manners.version) {
            (1, Version::V311) => vec![0x20, 2, present, 0],
            (1, Version::V5) => vec![0x20, 3, present, 0, 0],
            (3, version) => {
                let (id, payload) = publish(&body, version);
                messages += 1;
                told.send(Got { repeated: first & 0x08 != 0, payload }).await.unwrap();
                match (limit, manners.declines_every) {
                    (Some((_, last)), _) if messages >= last => return,
                    (Some((acknowledged, _)), _) if messages > acknowledged => continue,
                    (_, Some(every)) if messages % every == 0 => vec![0x40, 3, id[0], id[1], 0x87],
                    _ => vec![0x40, 2, id[0], id[1]],
                }
            }
            (12, _) => vec![0xD0, 0],
            (14, _) => return,
            (other, _) => panic!("packet {other}"),
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn access(address: SocketAddr, version: Version) -> Access {
    Access {
        address,
        version,
        client: "VAN1".to_owned(),
        password: Some("token".to_owned()),
        will: Some(("xz/1/VAN1/state".to_owned(), b"offline".to_vec())),
        window: WINDOW,
    }
}

struct Told {
    got: Vec<Got>,
    ledger: Ledger,
}

/// Sends so many letters, closes the mailbox, and waits until the sender is done.
async fn check(manners: Manners, letters: u32) -> Told {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, mut got) = mpsc::channel(100_000);
    let (mail, mailbox) = mpsc::channel(MAILBOX);
    let ledger = Ledger::default();
    let offering = async {
        for number in 0..letters {
            let payload = number.to_string().into_bytes();
            let entry = ledger.offer_reading(Wire::Mqtt, "CUFF", "reading", &payload);
            mail.send(Letter { entry, topic: "t/1".to_owned(), payload }).await.unwrap();
        }
        drop(mail);
    };
    let access = access(address, manners.version);
    let carrying = carry(access, mailbox, ledger.clone(), std::future::pending());
    let both = async { tokio::join!(carrying, offering) };
    tokio::select! {
        () = serve(listener, manners, told) => {}
        done = timeout(PATIENCE, both) => assert!(done.unwrap_or_else(|_| panic!("never done: {manners:?}, {letters} letters, {:?}", ledger.totals())).0.is_empty()),
    }
    let mut all = Vec::new();
    while let Ok(one) = got.try_recv() {
        all.push(one);
    }
    let totals = ledger.totals();
    assert!(totals.is_conserved(), "{manners:?}: {totals:?}");
    let received: HashSet<_> = all.iter().map(|one| one.payload.clone()).collect();
    for entry in ledger.entries() {
        assert!(entry.fate != Fate::Acknowledged || received.contains(&entry.payload));
    }
    Told { got: all, ledger }
}

fn numbers(got: &[Got]) -> Vec<u32> {
    got.iter().map(|one| String::from_utf8_lossy(&one.payload).parse().unwrap()).collect()
}

#[tokio::test]
async fn everything_arrives_once_and_in_order_where_nothing_goes_wrong() {
    for version in [Version::V311, Version::V5] {
        let told = check(Manners { version, ..GOOD }, 300).await;
        assert_eq!(numbers(&told.got), (0..300).collect::<Vec<_>>(), "{version:?}");
        assert_eq!(told.ledger.totals().acknowledged, 300);
        assert!(told.got.iter().all(|one| !one.repeated));
    }
}

#[tokio::test]
async fn a_far_end_that_forgets_gets_everything_unacknowledged_again_in_order() {
    for version in [Version::V311, Version::V5] {
        let hangs_up_after = Some((5, 12));
        let told =
            check(Manners { version, hangs_up_after, bad_connections: 2, ..GOOD }, 100).await;
        let mut next = 0;
        for number in numbers(&told.got) {
            // Either the next one, or a step back to the beginning of a repetition.
            assert!(number <= next, "{version:?}: {number} came before {next}");
            next = number + 1;
        }
        assert_eq!((next, told.ledger.totals().acknowledged), (100, 100), "{version:?}");
        assert!(told.got.len() > 100 && told.got.iter().all(|one| !one.repeated), "{version:?}");
    }
}

#[tokio::test]
async fn a_repetition_within_a_remembered_session_says_so() {
    for version in [Version::V311, Version::V5] {
        let hangs_up_after = Some((3, 8));
        let manners =
            Manners { version, remembers: true, hangs_up_after, bad_connections: 1, ..GOOD };
        let told = check(manners, 40).await;
        let mut seen = HashSet::new();
        for one in &told.got {
            let first = seen.insert(one.payload.clone());
            // What was written into a connection that had ended already never arrived, yet it is a
            // repetition; what arrived before always is.
            assert!(first || one.repeated, "{version:?}: {one:?}");
        }
        assert!(told.got.iter().any(|one| one.repeated), "{version:?}");
        assert_eq!(told.ledger.totals().acknowledged, 40, "{version:?}");
    }
}

#[tokio::test]
async fn a_declined_message_is_not_acknowledged_and_not_sent_again() {
    let manners = Manners { version: Version::V5, declines_every: Some(10), ..GOOD };
    let told = check(manners, 50).await;
    let totals = told.ledger.totals();
    assert_eq!((totals.acknowledged, totals.unacknowledged, told.got.len()), (45, 5, 50));
    assert_eq!(told.ledger.entries().iter().filter(|entry| entry.declined).count(), 5);
}

#[tokio::test]
async fn a_sender_that_is_stopped_gives_back_what_nobody_acknowledged() {
    let (mail, mailbox) = mpsc::channel(MAILBOX);
    let ledger = Ledger::default();
    let entries: Vec<EntryId> =
        (0..3).map(|_| ledger.offer(Wire::Mqtt, "CUFF", "reading", b"{}")).collect();
    for entry in &entries {
        let letter = Letter { entry: *entry, topic: "t".to_owned(), payload: b"{}".to_vec() };
        mail.send(letter).await.unwrap();
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let stop = sleep(Duration::from_millis(50));
    let left = carry(access(nobody, Version::V311), mailbox, ledger.clone(), stop).await;
    assert_eq!(left.len(), 3);
    assert_eq!((ledger.totals().unacknowledged, ledger.totals().is_conserved()), (3, true));
}

#[tokio::test]
async fn whatever_the_far_end_does_nothing_is_lost() {
    for seed in 0..12_u64 {
        let mut rng = Rng::with_seed(seed);
        let acknowledged = rng.usize(0..10);
        let manners = Manners {
            version: if rng.bool() { Version::V5 } else { Version::V311 },
            remembers: rng.bool(),
            hangs_up_after: Some((acknowledged, acknowledged + rng.usize(1..10))),
            bad_connections: rng.usize(0..3),
            declines_every: None,
        };
        let told = check(manners, rng.u32(60..200)).await;
        let totals = told.ledger.totals();
        assert_eq!(totals.acknowledged, totals.offered, "seed {seed}: {manners:?}");
    }
}
