//! Envelopes: what was written is read, and nothing else is.

use std::io::Write as _;

use super::*;
use crate::{domain::Timestamp, store::CommitSeq, uplink::GatewayKey, uplink::parcel::Parcel};

/// An envelope of version 1, as a gateway of today writes it. It must be read for ever.
const SAMPLE: &str = include_str!("sample-1.hex");

fn told() -> Told {
    Told { by: "gw-van".parse().unwrap(), epoch: 7, nonce: Nonce(42) }
}

fn parcel(seq: i64, line: &str) -> Parcel {
    Parcel { seq: CommitSeq(seq), line: line.as_bytes().to_vec() }
}

fn batch() -> Batch {
    Batch {
        told: told(),
        after: CommitSeq(10),
        upto: CommitSeq(20),
        previous: Hash([3; 32]),
        last: CommitSeq(90),
        parcels: vec![parcel(11, r#"{"v":1,"t":"x"}"#), parcel(19, r#"{"v":1,"t":"y"}"#)],
    }
}

fn every_message() -> Vec<Message> {
    let holds = Holds { epoch: 7, upto: 20, hash: Hash([9; 32]) };
    let refusal = Refusal {
        told: told(),
        of: None,
        code: Code::Chain,
        zh: Code::Chain.zh().into(),
        en: Code::Chain.en().into(),
        wait: 30,
    };
    let part = RosterPart {
        told: told(),
        of: "gw-van".parse().unwrap(),
        package: Hash([1; 32]),
        bytes: 900,
        at: 300,
        piece: vec![0xff; 300],
    };
    let hello = Hello {
        told: told(),
        last: 90,
        wants: Some(Wants {
            holds: Some(holds),
            roster: RosterState { villages: "青石村".to_owned(), ..RosterState::default() },
        }),
        dispute: Some(Dispute { upto: 20, hash: Hash([8; 32]) }),
        heard: Some(1_790_000_000_123),
        lag: 60_000,
    };
    let of = "gw-van".parse().unwrap();
    vec![
        Message::Hello(hello),
        Message::Batch(batch()),
        Message::Express(batch()),
        Message::Watermark(Stated {
            told: told(),
            of,
            holds: Some(holds),
            at: Some(1_790_000_000_123),
        }),
        Message::Refused(refusal),
        Message::Roster(part),
        Message::Receipts(receipts_asked()),
        Message::Receipted(receipts_said()),
        Message::Renew(Renew { told: told(), serial: "00ff".into() }),
        Message::Certified(Certified {
            told: told(),
            of: "gw-van".parse().unwrap(),
            serial: "00ff".into(),
            until: Timestamp::from_millis(1_800_000_000_000),
            said_at: Timestamp::from_millis(1_790_000_000_000),
            certificate: vec![0x30; 40],
        }),
    ]
}

fn day_log(count: u64) -> crate::receipt::DayLog {
    let entries = (0..count).map(|number| {
        let stored = crate::store::fixtures::reading(number, Some("P1"), "V03", 0);
        crate::receipt::Entry {
            village: "青石村".to_owned(),
            kind: crate::receipt::Kind::Reading,
            record: crate::receipt::of_reading(&stored),
            person: None,
        }
    });
    let day = crate::receipt::Day::of(crate::store::fixtures::NOON);
    crate::receipt::DayLog::new("V03".parse().unwrap(), day, entries.collect())
}

fn receipts_asked() -> ReceiptsAsked {
    let receipt = day_log(3).receipt();
    let (site, day) = (receipt.site.clone(), receipt.day);
    let part = crate::receipt::Part::Village { village: "青石村".to_owned() };
    let first = crate::receipt::Difference {
        village: "青石村".to_owned(),
        kind: crate::receipt::Kind::Reading,
        key: crate::store::fixtures::key(1),
        ours: Some(receipt.hash),
        theirs: None,
    };
    ReceiptsAsked {
        told: told(),
        upto: 90,
        days: vec![receipt],
        parts: vec![PartAsked { site: site.clone(), day, part }],
        found: vec![Found { site, day, first }],
    }
}

fn receipts_said() -> ReceiptsSaid {
    let (ours, theirs) = (day_log(2), day_log(3).receipt());
    let part = crate::receipt::Part::Day;
    ReceiptsSaid {
        told: told(),
        of: "gw-van".parse().unwrap(),
        upto: 33,
        days: vec![DaySaid::of(&ours.receipt(), &theirs), DaySaid::of(&theirs, &theirs)],
        parts: vec![crate::receipt::answer(&ours, &part)],
    }
}

#[test]
fn a_day_that_both_hold_alike_is_said_by_its_hash_alone_and_no_other_hash_passes_for_it() {
    let (ours, theirs) = (day_log(2).receipt(), day_log(3).receipt());
    let said = DaySaid::of(&ours, &theirs);
    assert_eq!(said.receipt(&theirs), Some(ours.clone()));
    let same = DaySaid::of(&theirs, &theirs);
    assert_eq!((&same.villages, same.receipt(&theirs)), (&None, Some(theirs)));
    assert_eq!(same.receipt(&ours), None, "it was said of another receipt");
}

/// What a van sends in a day: 60 people of ten villages, two and a half readings each.
#[test]
fn a_day_costs_little_on_the_line() {
    let entries = (0..150_u64).map(|number| {
        let person = format!("P{}", number % 60);
        let stored = crate::store::fixtures::reading(number, Some(&person), "V03", 0);
        crate::receipt::Entry {
            village: format!("大河{}村", number % 10),
            kind: crate::receipt::Kind::Reading,
            record: crate::receipt::of_reading(&stored),
            person: Some(person.parse().unwrap()),
        }
    });
    let day = crate::receipt::Day::of(crate::store::fixtures::NOON);
    let log = crate::receipt::DayLog::new("V03".parse().unwrap(), day, entries.collect());
    let (key, receipt) = (GatewayKey::for_tests(), log.receipt());
    let size = |days: usize| {
        let asked = ReceiptsAsked {
            days: vec![receipt.clone(); days],
            parts: Vec::new(),
            found: Vec::new(),
            ..receipts_asked()
        };
        let said = ReceiptsSaid {
            days: vec![DaySaid::of(&receipt, &receipt); days],
            parts: Vec::new(),
            ..receipts_said()
        };
        let up = Message::Receipts(asked).seal(&key).unwrap().len();
        (up, Message::Receipted(said).seal(&key).unwrap().len())
    };
    let (up, down) = size(1);
    assert!((500..1200).contains(&up) && (150..400).contains(&down), "{up} {down}");
}

#[test]
fn more_than_a_page_of_days_is_malformed() {
    let key = GatewayKey::for_tests();
    let mut asked = receipts_asked();
    asked.days = vec![asked.days[0].clone(); PAGE + 1];
    let bytes = Message::Receipts(asked).seal(&key).unwrap();
    check(&bytes, &key, Code::Malformed);
}

/// Reads bytes as the end does that trusts this key.
fn read(bytes: &[u8], key: &GatewayKey) -> Result<Message, Code> {
    let read = || {
        let sealed = Sealed::read(bytes)?;
        Message::named(&sealed)?;
        sealed.verify(&key.public())?;
        Message::open(&sealed)
    };
    read().map_err(|error: EnvelopeError| error.code)
}

#[track_caller]
fn check(bytes: &[u8], key: &GatewayKey, expected: Code) {
    assert_eq!(read(bytes, key), Err(expected));
}

#[test]
fn every_message_is_read_as_it_was_written() {
    let key = GatewayKey::for_tests();
    for message in every_message() {
        let bytes = message.seal(&key).unwrap();
        assert_eq!(read(&bytes, &key).unwrap(), message);
        assert_eq!(Message::named(&Sealed::read(&bytes).unwrap()).unwrap(), *message.told());
    }
}

#[test]
fn every_edited_cut_or_lengthened_byte_is_refused() {
    let key = GatewayKey::for_tests();
    for message in every_message() {
        let bytes = message.seal(&key).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut edited = bytes.clone();
                edited[at] ^= 1 << bit;
                assert!(read(&edited, &key).is_err(), "byte {at}, bit {bit}");
            }
            check(&bytes[..at], &key, Code::NotAnEnvelope);
            let mut longer = bytes.clone();
            longer.insert(at, 0);
            assert!(read(&longer, &key).is_err(), "a byte before {at}");
        }
        check(&[bytes.as_slice(), &[0]].concat(), &key, Code::NotAnEnvelope);
        check(&[bytes.as_slice(), bytes.as_slice()].concat(), &key, Code::NotAnEnvelope);
    }
}

#[test]
fn another_key_makes_it_a_forgery() {
    let (key, other) = (GatewayKey::for_tests(), GatewayKey::for_tests());
    for message in every_message() {
        check(&message.seal(&other).unwrap(), &key, Code::Forged);
    }
    // The signature of one over the content of another.
    let (one, two) = (batch(), Batch { last: CommitSeq(91), ..batch() });
    let sealed = |batch| Message::Batch(batch).seal(&key).unwrap();
    let (one, mut two) = (sealed(one), sealed(two));
    let at = two.len() - 64;
    two.truncate(at);
    two.extend_from_slice(&one[one.len() - 64..]);
    check(&two, &key, Code::Forged);
}

#[test]
fn a_later_version_says_so_before_anything_else_is_read() {
    let key = GatewayKey::for_tests();
    let mut bytes = Message::Batch(batch()).seal(&key).unwrap();
    bytes[4] = FORMAT + 1;
    check(&bytes, &key, Code::TooNew);
    let unknown = seal(99, br#"{"told":{"box":"gw","epoch":1,"nonce":1}}"#, b"", &key).unwrap();
    check(&unknown, &key, Code::TooNew);
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_memory() {
    let key = GatewayKey::for_tests();
    let zeros = vec![0_u8; BODY_MAX];
    // Just what may be: unpacked, and found to be no batch.
    let header = br#"{"told":{"box":"gw","epoch":1,"nonce":1},"after":0,"upto":9,"previous":"0000000000000000000000000000000000000000000000000000000000000000","hash":"0000000000000000000000000000000000000000000000000000000000000000","count":0,"last":9}"#;
    check(&seal(2, header, &zeros, &key).unwrap(), &key, Code::Malformed);
    assert_eq!(seal(2, header, &[zeros, vec![0]].concat(), &key).unwrap_err().code, Code::TooLarge);
    // A sender of its own making, which packs a thousand times as much.
    let mut packing = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    let mebibyte = vec![0_u8; 1 << 20];
    for _ in 0..256 {
        packing.write_all(&mebibyte).unwrap();
    }
    let packed = packing.finish().unwrap();
    assert!(packed.len() < PACKED_MAX, "{}", packed.len());
    check(&by_hand(header, &packed, &key), &key, Code::TooLarge);
    let whole = by_hand(header, &[1, 0, 0, 0xff, 0xff, 7], &key);
    check(&whole, &key, Code::Malformed);
    let stated = [b"xzup".as_slice(), &[FORMAT, 2, 0, 9], &u32::MAX.to_be_bytes()].concat();
    check(&stated, &key, Code::TooLarge);
}

/// An envelope with a body that was packed elsewhere.
fn by_hand(header: &[u8], packed: &[u8], key: &GatewayKey) -> Vec<u8> {
    let mut bytes = [b"xzup".as_slice(), &[FORMAT, 2]].concat();
    bytes.extend_from_slice(&u16::try_from(header.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(packed.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(packed);
    let signature = key.sign(&[b"xunzhen envelope 1\n".as_slice(), &bytes].concat());
    bytes.extend_from_slice(&signature);
    bytes
}

#[test]
fn a_rightly_signed_batch_that_is_none_is_malformed() {
    let key = GatewayKey::for_tests();
    let sealed = |batch: Batch| Message::Batch(batch).seal(&key).unwrap();
    for wrong in [
        Batch { upto: CommitSeq(9), ..batch() },
        Batch { after: CommitSeq(-1), ..batch() },
        Batch { parcels: vec![parcel(10, "{}")], ..batch() },
        Batch { parcels: vec![parcel(21, "{}")], ..batch() },
        Batch { parcels: vec![parcel(12, "{}"), parcel(12, "{}")], ..batch() },
        Batch { parcels: vec![parcel(12, "")], ..batch() },
        Batch { parcels: vec![parcel(12, "{\n}")], ..batch() },
    ] {
        check(&sealed(wrong), &key, Code::Malformed);
    }
    let empty = Batch { parcels: Vec::new(), ..batch() };
    assert_eq!(read(&sealed(empty.clone()), &key), Ok(Message::Batch(empty)));
    // A header that says other than its body.
    let bytes = sealed(batch());
    let taken = Sealed::read(&bytes).unwrap();
    let text = String::from_utf8(taken.header().to_vec()).unwrap();
    let body = taken.body().unwrap();
    for (said, lie) in [
        ("\"count\":2", "\"count\":3"),
        ("\"upto\":20", "\"upto\":21"),
        ("\"epoch\":7", "\"epoch\":8"),
    ] {
        let lied = text.replace(said, lie);
        assert_ne!(lied, text);
        check(&seal(2, lied.as_bytes(), &body, &key).unwrap(), &key, Code::Malformed);
    }
    // What a later version says besides is passed over.
    let later = text.replace("\"last\":90", "\"last\":90,\"more\":[1]");
    assert_ne!(later, text);
    let sealed = seal(2, later.as_bytes(), &body, &key).unwrap();
    assert_eq!(read(&sealed, &key), Ok(Message::Batch(batch())));
}

#[test]
fn an_answer_of_several_is_taken_apart_or_refused_whole() {
    let key = GatewayKey::for_tests();
    let all: Vec<_> = every_message().iter().map(|message| message.seal(&key).unwrap()).collect();
    let train = all[2..5].concat();
    let parts = split(&train).unwrap();
    assert_eq!(parts, all[2..5].iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(split(b"").unwrap(), Vec::<&[u8]>::new());
    assert_eq!(split(&train[..train.len() - 1]).unwrap_err().code, Code::NotAnEnvelope);
    assert_eq!(split(&all.concat()).unwrap_err().code, Code::TooLarge);
}

#[test]
fn the_hash_is_of_everything_that_makes_a_batch() {
    let told = |by: &str, epoch| Told { by: by.parse().unwrap(), epoch, nonce: Nonce(1) };
    let all = [
        batch(),
        Batch { told: told("gw-van", 8), ..batch() },
        Batch { told: told("gw-va", 7), ..batch() },
        Batch { after: CommitSeq(9), ..batch() },
        Batch { upto: CommitSeq(21), ..batch() },
        Batch { previous: Hash([4; 32]), ..batch() },
        Batch { parcels: vec![parcel(11, "{}")], ..batch() },
        Batch { parcels: vec![parcel(11, "{}"), parcel(12, "{}")], ..batch() },
        Batch { parcels: Vec::new(), ..batch() },
    ];
    let hashes: std::collections::BTreeSet<_> =
        all.iter().map(|batch| batch.hash().to_string()).collect();
    assert_eq!(hashes.len(), all.len());
    // Neither the question nor what came since.
    let again = Batch { told: self::told(), last: CommitSeq(999), ..batch() };
    let again = Batch { told: Told { nonce: Nonce(5), ..again.told.clone() }, ..again };
    assert_eq!(again.hash(), batch().hash());
}

#[test]
fn a_sample_of_the_first_version_is_read() {
    let key = GatewayKey::of_seed([5; 32]);
    let digits: Vec<u8> = SAMPLE.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    let expected = Message::Batch(batch());
    let today: String =
        expected.seal(&key).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(read(&bytes, &key), Ok(expected), "today's is\n{today}");
}

#[test]
fn every_code_has_its_words_and_its_name_is_its_own() {
    let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(!code.zh().is_ascii() && code.en().is_ascii(), "{code}");
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
    }
}

/// Envelopes of version 1, one of each kind, `kind hexadecimal` a line. They are never made anew; another
/// version adds a file of its own.
const ENVELOPES_1: &str = include_str!("../../../samples/envelopes-1.txt");

const KINDS: [&str; 10] = [
    "hello",
    "batch",
    "express",
    "watermark",
    "refused",
    "roster",
    "receipts",
    "receipted",
    "renew",
    "certified",
];

#[test]
fn the_wire_does_not_change_without_a_version() {
    assert_eq!(FORMAT, 1, "keep envelopes of the new version in a file of its own, and read both");
    let key = GatewayKey::of_seed([5; 32]);
    let today: String = KINDS
        .iter()
        .zip(every_message())
        .map(|(kind, message)| {
            let bytes = message.seal(&key).unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{kind} {hex}\n")
        })
        .collect();
    assert_eq!(ENVELOPES_1.lines().count(), KINDS.len(), "today's are\n{today}");
    for ((line, kind), message) in ENVELOPES_1.lines().zip(KINDS).zip(every_message()) {
        let hex = line.strip_prefix(kind).unwrap().trim();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let kept: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
        assert_eq!(read(&kept, &key).as_ref(), Ok(&message), "{kind} of version 1 is read");
        // Today's says the same in the same bytes, but for how they are packed.
        let sealed = message.seal(&key).unwrap();
        let (kept, sealed) = (Sealed::read(&kept).unwrap(), Sealed::read(&sealed).unwrap());
        let text = |sealed: &Sealed<'_>| String::from_utf8(sealed.header().to_vec()).unwrap();
        assert_eq!(text(&sealed), text(&kept), "the header of {kind}");
        assert_eq!(sealed.body().unwrap(), kept.body().unwrap(), "the body of {kind}");
    }
}
