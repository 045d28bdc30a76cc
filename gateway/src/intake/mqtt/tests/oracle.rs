//! The same frames before us and before `mqtt-proto`, an independent codec: generated, mutated,
//! with a fixed seed. Both take a frame or both refuse it, but for the differences listed here.

use std::collections::BTreeMap;

use super::{
    super::{
        packet::Packet,
        strict::{self, Version},
        wire::Wire,
    },
    *,
};

/// Frames of each version.
const CASES: u32 = 60_000;

const SEED: u64 = 0x7875_6e7a_6865_6e01;

/// A small generator of its own, so that a seed means the same for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

const TEXTS: [&str; 12] = [
    READING,
    "xz/1/van/state",
    "a",
    "",
    "+",
    "#",
    "a/#",
    "a/+/b",
    "村/医",
    "$share/g/a",
    "a\0b",
    "a#",
];

fn text(random: &mut Random) -> Vec<u8> {
    field(random.pick(&TEXTS).as_bytes())
}

/// Properties of all kinds, often in the wrong packet.
fn properties(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.below(4) {
        let id = *random.pick(&[
            0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x11, 0x12, 0x13, 0x15, 0x16, 0x17, 0x18, 0x19,
            0x1f, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2a,
        ]);
        bytes.push(id);
        match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x2a => bytes.push(u8::from(random.one_in(2))),
            0x0b => bytes.push(random.byte() & 0x7f),
            0x13 | 0x21 | 0x22 | 0x23 => bytes.extend([0, random.byte() & 3]),
            0x02 | 0x11 | 0x18 | 0x27 => bytes.extend([0, 0, 0, random.byte() & 3]),
            0x26 => bytes.extend([text(random), text(random)].concat()),
            _ => bytes.extend(text(random)),
        }
    }
    let mut block = vec![u8::try_from(bytes.len().min(127)).unwrap()];
    block.extend(&bytes[..bytes.len().min(127)]);
    block
}

fn connect(random: &mut Random, version: Version) -> Vec<u8> {
    let five = version == Version::V5;
    let flags = random.byte() & *random.pick(&[0xc2, 0xfe, 0xff, 0xe6]);
    let mut body = [field(b"MQTT"), vec![if five { 5 } else { 4 }, flags, 0, 60]].concat();
    if five {
        body.extend(properties(random));
    }
    body.extend(text(random));
    if flags & 0x04 != 0 {
        if five {
            body.extend(properties(random));
        }
        body.extend([text(random), text(random)].concat());
    }
    for bit in [0x80, 0x40] {
        if flags & bit != 0 {
            body.extend(text(random));
        }
    }
    frame(0x10, &body)
}

fn generate(random: &mut Random, version: Version) -> Vec<u8> {
    let five = version == Version::V5;
    let id = [0, random.byte() & 7];
    let block = if five { properties(random) } else { Vec::new() };
    match random.below(12) {
        0..3 => connect(random, version),
        3..6 => {
            let flags = random.byte() & 0x0f;
            let mut body = text(random);
            if flags & 0x06 != 0 {
                body.extend(id);
            }
            body.extend(block);
            body.extend(text(random));
            frame(0x30 | flags, &body)
        }
        6..8 => {
            let mut body = [&id[..], &block].concat();
            for _ in 0..random.below(3) {
                body.extend(text(random));
                let qos = random.byte() & *random.pick(&[1, 3, 0x2f, 0xff]);
                body.push(qos);
            }
            frame(0x82, &body)
        }
        8 => {
            let mut body = [&id[..], &block].concat();
            for _ in 0..random.below(3) {
                body.extend(text(random));
            }
            frame(0xa2, &body)
        }
        9 => {
            let reason = if five && random.one_in(2) { vec![random.byte() & 0x97] } else { vec![] };
            frame(0x40, &[&id[..], &reason].concat())
        }
        10 => frame(0xc0, &[]),
        _ if five && random.one_in(2) => frame(0xe0, &[vec![random.byte() & 0x9f], block].concat()),
        _ => frame(0xe0, &[]),
    }
}

/// Changes a frame here and there, and mends its length so that both read the same bytes.
fn mutate(random: &mut Random, original: &[u8]) -> Vec<u8> {
    let head = strict::head(original, usize::MAX).unwrap().unwrap();
    let (mut first, mut body) = (head.first, original[head.body_at..].to_vec());
    for _ in 0..random.below(3) {
        let at = random.below(body.len() + 1);
        match random.below(5) {
            0 if at < body.len() => body[at] ^= 1 << random.below(8),
            1 if at < body.len() => body[at] = random.byte(),
            2 => body.insert(at, random.byte()),
            3 => body.truncate(at),
            _ if random.one_in(4) => first ^= 1 << random.below(8),
            _ => {}
        }
    }
    frame(first, &body)
}

/// What we say: the facts of a packet, or why it is refused.
fn ours(version: Version, bytes: &[u8]) -> Result<String, &'static str> {
    let mut wire = Wire::holding(version, 1 << 20, bytes);
    if bytes[0] == 0x10 {
        return connect_facts(version, &mut wire).map_err(|violation| violation.what);
    }
    match wire.next().map_err(|violation| violation.what)?.ok_or("short")? {
        Packet::Publish(publish) => Ok(format!(
            "{} {:?} {} {}",
            publish.topic,
            publish.packet_id.map(std::num::NonZeroU16::get),
            publish.dup,
            publish.payload.len()
        )),
        Packet::Acked(id, _) => Ok(id.to_string()),
        Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.iter();
            let filters = filters.map(|(filter, qos)| format!("{filter} {}", qos.value()));
            let filters: Vec<_> = filters.collect();
            // The session refuses these; the wire only reads them.
            let formed = subscribe.filters.iter().all(|(filter, _)| strict::is_filter(filter));
            if formed { Ok(filters.join(" ")) } else { Err("topic filter") }
        }
        Packet::Unsubscribe(_, filters) => {
            let formed = filters.iter().all(|filter| strict::is_filter(filter));
            if formed { Ok(filters.join(" ")) } else { Err("topic filter") }
        }
        Packet::Ping => Ok("ping".to_owned()),
        Packet::Disconnect { .. } => Ok("disconnect".to_owned()),
    }
}

fn connect_facts(
    version: Version,
    wire: &mut Wire<DuplexStream>,
) -> Result<String, strict::Violation> {
    let head = wire.connect_frame()?.unwrap();
    strict::connect(version, wire.body(head))?;
    let mut topics = Vec::new();
    let client_id = match version {
        Version::V3 => {
            let connect = wire.take_connect_v3()?;
            topics.extend(connect.last_will.map(|will| will.topic));
            connect.client_id
        }
        Version::V5 => {
            let connect = wire.take_connect_v5()?;
            if let Some(will) = connect.last_will {
                topics.extend([Some(will.topic), will.response_topic].into_iter().flatten());
            }
            connect.client_id
        }
    };
    topics.iter().try_for_each(|topic| strict::topic_name(topic))?;
    Ok(client_id.to_string())
}

/// What `mqtt-proto` says of the same.
fn theirs(version: Version, bytes: &[u8]) -> Result<String, String> {
    match version {
        Version::V3 => theirs_v3(bytes),
        Version::V5 => theirs_v5(bytes),
    }
}

fn theirs_v3(bytes: &[u8]) -> Result<String, String> {
    use mqtt_proto::v3::Packet;
    let packet = Packet::decode(bytes).map_err(|error| format!("{error:?}"))?;
    Ok(match packet.ok_or("short")? {
        Packet::Connect(connect) => connect.client_id.to_string(),
        Packet::Publish(publish) => format!(
            "{} {:?} {} {}",
            &*publish.topic_name,
            publish.qos_pid.pid().map(mqtt_proto::Pid::value),
            publish.dup,
            publish.payload.len()
        ),
        Packet::Puback(id) => id.value().to_string(),
        Packet::Subscribe(subscribe) => {
            let topics = subscribe.topics.iter();
            let texts: Vec<_> =
                topics.map(|(topic, qos)| format!("{} {}", &**topic, *qos as u8)).collect();
            texts.join(" ")
        }
        Packet::Unsubscribe(unsubscribe) => {
            let texts: Vec<_> = unsubscribe.topics.iter().map(ToString::to_string).collect();
            texts.join(" ")
        }
        Packet::Pingreq => "ping".to_owned(),
        Packet::Disconnect => "disconnect".to_owned(),
        Packet::Connack(_)
        | Packet::Pubrec(_)
        | Packet::Pubrel(_)
        | Packet::Pubcomp(_)
        | Packet::Suback(_)
        | Packet::Unsuback(_)
        | Packet::Pingresp => "of a server".to_owned(),
    })
}

fn theirs_v5(bytes: &[u8]) -> Result<String, String> {
    use mqtt_proto::v5::Packet;
    let packet = Packet::decode(bytes).map_err(|error| format!("{error:?}"))?;
    Ok(match packet.ok_or("short")? {
        Packet::Connect(connect) => connect.client_id.to_string(),
        Packet::Publish(publish) => format!(
            "{} {:?} {} {}",
            &*publish.topic_name,
            publish.qos_pid.pid().map(mqtt_proto::Pid::value),
            publish.dup,
            publish.payload.len()
        ),
        Packet::Puback(ack) => ack.pid.value().to_string(),
        Packet::Subscribe(subscribe) => {
            let topics = subscribe.topics.iter();
            let texts: Vec<_> = topics
                .map(|(topic, options)| format!("{} {}", &**topic, options.max_qos as u8))
                .collect();
            texts.join(" ")
        }
        Packet::Unsubscribe(unsubscribe) => {
            let texts: Vec<_> = unsubscribe.topics.iter().map(ToString::to_string).collect();
            texts.join(" ")
        }
        Packet::Pingreq => "ping".to_owned(),
        Packet::Disconnect(_) => "disconnect".to_owned(),
        Packet::Connack(_)
        | Packet::Pubrec(_)
        | Packet::Pubrel(_)
        | Packet::Pubcomp(_)
        | Packet::Suback(_)
        | Packet::Unsuback(_)
        | Packet::Pingresp
        | Packet::Auth(_) => "of a server".to_owned(),
    })
}

/// Every difference that there is, and why it is right. Each must occur, so that none outlives its
/// reason.
const DIFFERENCES: [(&str, &str); 18] = [
    // The other codec is lenient; MQTT forbids these.
    ("only they take: QoS or retain of a will that is not there", "MQTT-3.1.2-13, -15"),
    ("only they take: bytes after CONNECT", "it stops reading where it has all that it needs"),
    ("only they take: password without user name", "MQTT-3.1.2-22, version 3.1.1"),
    ("only they take: text holds U+0000", "MQTT-1.5.3-2"),
    ("only they take: DUP at QoS 0", "MQTT-3.3.1-2"),
    ("only they take: topic name", "MQTT-4.7.3-1: it takes empty topics"),
    ("only they take: topic filter", "MQTT-4.7.1-3: it takes `a/+b`"),
    ("only they take: PINGREQ with a body", "it does not look"),
    ("only they take: DISCONNECT with a body", "it does not look, version 3.1.1"),
    (
        "only they take: packet",
        "bytes after PUBACK or DISCONNECT; message expiry 0, which is \
      allowed in version 5 and which our codec refuses",
    ),
    ("only they take: subscription identifier from a client", "MQTT-3.3.4-6"),
    // It reads either side's packets; we are a server without QoS 2, retain, aliases and AUTH.
    ("only they take: packet that only a server sends", "role"),
    ("only they take: packet of QoS 2", "announced as not available"),
    ("only they take: QoS 2", "announced as not available"),
    ("only they take: retain", "announced as not available, version 5"),
    ("only they take: topic alias", "announced as not available, version 5"),
    ("only they take: AUTH without a method", "CONNECT had none"),
    // A server may refuse an empty client id without clean start (MQTT-3.1.3-6 to -8).
    ("only they take: client id", "empty, and not clean"),
];

/// What we take and the other codec does not.
const LENIENCIES: [(&str, &str); 2] = [
    (
        "only we take: InvalidTopicFilter",
        "`$share` without a group; refused as shared all the same",
    ),
    ("only we take: InvalidReasonCode", "DISCONNECT with a code that is not for it ends it too"),
];

#[test]
fn we_and_an_independent_codec_take_the_same_frames() {
    let mut random = Random(SEED);
    let mut differences: BTreeMap<String, String> = BTreeMap::new();
    for version in [Version::V3, Version::V5] {
        for _ in 0..CASES {
            let original = generate(&mut random, version);
            let bytes = mutate(&mut random, &original);
            let (us, them) = (ours(version, &bytes), theirs(version, &bytes));
            let difference = match (&us, &them) {
                (Ok(us), Ok(them)) if us == them => continue,
                (Err(_), Err(_)) => continue,
                (Ok(_), Ok(_)) => "read differently".to_owned(),
                (Ok(_), Err(them)) => format!("only we take: {}", kind(them)),
                (Err(us), Ok(_)) => format!("only they take: {us}"),
            };
            differences.insert(difference, format!("{version:?} {bytes:02x?} {us:?} {them:?}"));
        }
    }
    let known: Vec<_> = DIFFERENCES.iter().chain(&LENIENCIES).map(|(what, _)| *what).collect();
    for (difference, sample) in &differences {
        assert!(known.contains(&difference.as_str()), "seed {SEED:#x}: {difference}: {sample}");
    }
    for what in known {
        assert!(differences.contains_key(what), "seed {SEED:#x}: {what} no longer occurs");
    }
}

/// The name of an error, without what it holds.
fn kind(error: &str) -> &str {
    let error = error.strip_prefix("Common(").unwrap_or(error);
    error.split('(').next().unwrap_or(error)
}

#[tokio::test(start_paused = true)]
async fn no_packets_of_a_client_bring_its_connection_task_down() {
    let mut random = Random(SEED);
    let bench = bench();
    let shared = Arc::clone(&bench.shared);
    bench.supervisor.spawn("committer", bench.committer.run());
    for round in 0..400_u32 {
        let (version, connect) = match round % 2 {
            0 => (Version::V3, v3("a")),
            _ => (Version::V5, v5("a")),
        };
        let (mut ours, theirs) = duplex(1 << 16);
        let serving = serve(theirs, None, Arc::clone(&shared), bench.supervisor.stopping());
        bench.supervisor.spawn("connection", serving);
        let mut sent = connect.will("xz/1/van/state", "lost").bytes();
        for _ in 0..random.below(8) {
            let original = generate(&mut random, version);
            sent.extend(if random.one_in(3) { mutate(&mut random, &original) } else { original });
        }
        // It may have been closed meanwhile, which is its right.
        drop(ours.write_all(&sent).await);
        drop(ours.shutdown().await);
        let mut answers = Vec::new();
        let end = timeout(PATIENCE, ours.read_to_end(&mut answers)).await;
        assert!(end.is_ok(), "seed {SEED:#x}, round {round}: {sent:02x?}");
    }
    assert!(shared.metrics().violations.get() > 100, "{:?}", shared.metrics());
    sleep(PATIENCE).await;
    assert_eq!(shared.metrics().connected.get(), 0);
    drop((shared, bench.shared));
    bench.supervisor.stop();
    assert_eq!(bench.supervisor.wait().await, Ok(()));
}

#[test]
fn no_bytes_make_us_panic() {
    let mut random = Random(SEED);
    for version in [Version::V3, Version::V5] {
        for _ in 0..CASES {
            let mut bytes: Vec<u8> = (0..random.below(40)).map(|_| random.byte()).collect();
            if random.one_in(2) && bytes.len() > 2 {
                bytes[0] = *random.pick(&[0x10, 0x30, 0x32, 0x40, 0x82, 0xa2, 0xe0, 0xf0]);
                bytes[1] = u8::try_from(bytes.len() - 2).unwrap();
            }
            let mut wire = Wire::holding(version, 64, &bytes);
            while let Ok(Some(_)) = wire.next() {}
            let mut wire = Wire::holding(version, 64, &bytes);
            if let Ok(Some(head)) = wire.connect_frame() {
                // What was found does not matter here, only that it returns.
                let _ours: Result<(), _> = strict::connect(version, wire.body(head));
                match version {
                    Version::V3 => drop(wire.take_connect_v3()),
                    Version::V5 => drop(wire.take_connect_v5()),
                }
            }
        }
    }
}
