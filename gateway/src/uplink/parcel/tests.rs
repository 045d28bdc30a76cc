//! What a version wrote says the same for ever.

use std::{collections::BTreeMap, io::Write as _};

use firmware_protocols::{
    BloodPressure, DateTime, Decimal, Flags, Glucose, GlucoseUnit, GlucoseValue, Meal, Measurement,
    PressureUnit,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{Body, Deed, Moved, SaidClock, SaidDecided, SaidMerged, SaidStep, decode, encode};
use crate::{
    domain::{
        AlertOutcome, AtBench, Attribution, Basis, CareLevel, Grade, Measured, Millis, OpenedBy,
        OutcomeCode, Person, Registered, Setting, Timestamp, Visit,
    },
    store::{
        AlertChange, CardScan, CommitSeq, Fact, FactId, PackInForce, Presence, Registration,
        Retimed, Timing,
        fixtures::{NOON, context, doctor, happened, id, key, quarantined, reading, refused, site},
    },
};

/// Every kind of fact as the first version wrote it. Lines are added, never changed:
/// `XUNZHEN_SAMPLE=1 cargo test what_the_first_version_wrote` writes them.
const VERSION_1: &str = include_str!("../../../samples/parcels-1.jsonl");

fn name(seq: i64) -> FactId {
    FactId { gateway: id("gw-0123456789abcdef"), epoch: 4_503_599_627_370_495, seq: CommitSeq(seq) }
}

fn whose(person: &str, basis: Basis) -> Option<Attribution> {
    Some(Attribution::new(id(person), basis))
}

fn readings() -> [Body; 2] {
    let mut cuff = reading(1, Some("P1"), "van1", 3);
    cuff.reading.measurement = Measurement::BloodPressure(BloodPressure {
        mean: Some(Decimal::new(1067, -1)),
        pulse: Some(Decimal::new(80, 0)),
        flags: Flags { irregular_pulse: true, ..Flags::default() },
        status: Some(0x8001),
        device_time: DateTime::new(2026, 3, 2, 7, 10, 59).ok(),
        sequence: Some(42),
        user: Some(2),
        ..BloodPressure::new(Decimal::new(243, -1), Decimal::new(12, 0), PressureUnit::KPa)
    });
    cuff.reading.raw = Some(vec![0, 255, 16, 10, 13]);
    (cuff.late, cuff.possible_duplicate) = (true, true);
    (cuff.reading.remarks.setting, cuff.reading.bench) = (Some(Setting::Clinic), Some(id("B1")));
    let (bench, from, opened_by) = (id("B1"), NOON, OpenedBy::Staff("N1".into()));
    cuff.attribution = Some(Attribution {
        person: id("P1"),
        basis: Basis::BenchSession,
        session: Some(Box::new(AtBench { bench, from, opened_by })),
    });
    cuff.reading.remarks.symptoms = vec!["chest_pain".into()];
    cuff.reading.remarks.attributes = Some("{\"battery\":12.50}".to_owned());
    let mut meter = reading(2, None, "van1", 4);
    let value = GlucoseValue::Number(Decimal::new(78, -1));
    meter.reading.measurement = Measurement::Glucose(Glucose {
        meal: Meal::Fasting,
        control: true,
        sample_type: Some(1),
        sample_location: Some(6),
        ..Glucose::new(value, GlucoseUnit::MmolPerL)
    });
    (meter.reading.unnumbered, meter.reading.sequence) = (true, None);
    meter.reading.measured = Measured { at: NOON, grade: Grade::D };
    meter.server_at = meter.reading.received_at;
    [Body::Reading(Box::new(cuff)), Body::Reading(Box::new(meter))]
}

fn said() -> [Body; 8] {
    let (reason, by, at) = ("the card lay there".to_owned(), "N1", NOON.plus(Millis(1)));
    let decided = |deed| {
        let (item, reason, by) = (name(7), reason.clone(), by.into());
        Body::Decided(Box::new(SaidDecided { item, deed, reason, by, at }))
    };
    let timing = |minutes, late| Timing {
        measured: Measured { at: NOON.plus(Millis::minutes(minutes)), grade: Grade::C },
        received_at: NOON,
        late,
    };
    let (before, after) = (whose("P1", Basis::BenchSession), whose("P2", Basis::Claim));
    [
        decided(Deed::Claimed(id("P1"))),
        decided(Deed::Dismissed),
        decided(Deed::Undone(name(8))),
        Body::Moved(Box::new(Moved { reading: key(1), before, after, at })),
        Body::Merged(Box::new(SaidMerged {
            person: id("P2"),
            survivor: id("P1"),
            undoes: Some(name(9)),
            reason,
            by: by.into(),
            at,
        })),
        Body::Retimed(Box::new(Retimed {
            reading: key(1),
            before: timing(0, false),
            after: timing(5, true),
            at,
        })),
        Body::Step(Box::new(SaidStep {
            alerts: vec![key(3), key(4)],
            change: AlertChange::Visited,
            at,
            claimed_at: Some(NOON),
            by: "DR1".into(),
            note: Some("他在家".to_owned()),
            owner: Some(id("DR1")),
            visit: Some(Box::new(Visit {
                at: NOON,
                home: true,
                reading: Some(key(1)),
                reason: None,
                doctor: Some(id("DR1")),
                rejected: None,
            })),
            outcome: None,
        })),
        Body::Step(Box::new(SaidStep {
            alerts: vec![key(3)],
            change: AlertChange::Closed,
            at,
            claimed_at: None,
            by: "DR1".into(),
            note: None,
            owner: Some(id("DR1")),
            visit: None,
            outcome: Some(Box::new(AlertOutcome {
                code: OutcomeCode::ConfirmedReferred,
                reading: Some(key(1)),
                reason: None,
                refer_to: Some("county".into()),
            })),
        })),
    ]
}

fn samples() -> Vec<Body> {
    let mut all = Vec::from(readings());
    let Fact::Quarantined(item) = quarantined(5, None, "van1") else { unreachable!("an item") };
    let Fact::Refused(bytes) = refused(Some("van1")) else { unreachable!("bytes") };
    all.extend([Body::Quarantined(item), Body::Refused(Box::new(bytes))]);
    all.extend(said());
    all.push(Body::Context(Box::new(context(("meter1", 42), Meal::Fasting, "van1"))));
    all.extend((0..8).map(|number| Body::Event(Box::new(happened(number, "P1", 5)))));
    let (site, bench, card) = (id("van1"), id("B1"), "6217000000000000000".to_owned());
    let (at, received_at) = (NOON, NOON.plus(Millis(250)));
    let opened_by = OpenedBy::Reader(Some(id("reader-1")));
    let person = Some(id("P1"));
    let scan = CardScan { site, bench, card, person, at, received_at, out: true, opened_by };
    all.push(Body::Card(Box::new(scan)));
    let presence = Presence { site: id("van1"), online: true, detail: None, at: NOON };
    all.push(Body::Presence(Box::new(presence)));
    let row = Registered::Person(Person {
        person: id("P9"),
        name: "王芳".to_owned(),
        ..person_of_nothing()
    });
    all.push(Body::Row(Box::new(Registration { row, author: "N1".into(), at: NOON })));
    let (hash, text) = ("aa55".to_owned(), "{\"pack\":\"青石\"}\n".to_owned());
    all.push(Body::Pack(Box::new(PackInForce { hash, text, at: NOON, origin: None })));
    let (since, by) = (CommitSeq(41), Millis::days(996));
    all.push(Body::Clock(SaidClock { since, by, at: NOON }));
    all
}

fn person_of_nothing() -> Person {
    let Fact::Registration(row) = crate::store::fixtures::person("P9", None, "North") else {
        unreachable!("it is a row")
    };
    let Registered::Person(person) = row.row else { unreachable!("it is a person") };
    Person { attributes: BTreeMap::new(), ..person }
}

#[test]
fn what_the_first_version_wrote_is_written_and_read_today() {
    let samples = samples();
    let mut written = String::new();
    for (seq, body) in (1..).zip(&samples) {
        let line = encode(&name(seq), seq % 2 == 0, body).unwrap();
        written.push_str(&String::from_utf8(line).unwrap());
        written.push('\n');
    }
    if std::env::var_os("XUNZHEN_SAMPLE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/parcels-1.jsonl");
        return std::fs::write(path, written).unwrap();
    }
    for ((seq, body), line) in (1..).zip(&samples).zip(VERSION_1.lines()) {
        let read = decode(line.as_bytes()).unwrap();
        assert_eq!((read.id, read.down), (name(seq), seq % 2 == 0));
        assert_eq!(&read.body, body, "{line}");
    }
    assert_eq!(written, VERSION_1, "what is written must not change");
}

#[test]
fn what_a_later_version_adds_is_passed_over_and_what_it_invents_is_no_error() {
    for line in VERSION_1.lines() {
        let before = decode(line.as_bytes()).unwrap();
        let later = line.replacen("{\"v\":1,", "{\"v\":2,\"later\":[1,{}],", 1).replacen(
            "\"b\":{",
            "\"b\":{\"more\":{\"x\":null},",
            1,
        );
        assert_ne!(later, line);
        assert_eq!(decode(later.as_bytes()).unwrap(), before, "{later}");
    }
    let invented = br#"{"v":9,"t":"hologram","o":["van",1,2],"b":7}"#;
    assert_eq!(decode(invented).unwrap().body, Body::Unknown("hologram".into()));
}

#[test]
fn no_cut_and_no_other_text_is_a_parcel_and_none_stops_the_reader() {
    for line in VERSION_1.lines() {
        for end in 0..line.len() {
            assert!(decode(&line.as_bytes()[..end]).is_err(), "{end} of {line}");
        }
    }
    for row in [doctor("DR1", CareLevel::Village, "North"), site("van1", "North", "", "")] {
        let Fact::Registration(row) = row else { unreachable!("it is a row") };
        let line = encode(&name(1), false, &Body::Row(row)).unwrap();
        assert!(decode(&line).is_err(), "who treats and what stands where comes from above alone");
    }
    assert!(decode(br#"{"v":1,"t":"step","o":["a/b",1,2],"b":{}}"#).is_err(), "no name");
}

/// Change it to try other numbers.
const SEED: [u8; 32] = *b"xunzhen every number in a parcel";

/// Numbers and words of a device, its frame, three instants, a text.
type Said = (([i64; 4], [i8; 4]), (Option<u16>, Option<u32>, Option<u8>, u8), Option<Vec<u8>>);

fn said_by_a_device(
    (numbers, words, raw): Said,
    (millis, text): ([i64; 2], Option<String>),
) -> Body {
    let number = |at: usize| Decimal::new(numbers.0[at], numbers.1[at]);
    let bits = words.3;
    let mut stored = reading(3, Some("P1"), "van1", 0);
    stored.reading.measurement = Measurement::BloodPressure(BloodPressure {
        mean: Some(number(2)),
        pulse: Some(number(3)),
        flags: Flags {
            body_movement: bits & 1 != 0,
            cuff_too_loose: bits & 2 != 0,
            irregular_pulse: bits & 4 != 0,
            pulse_out_of_range: bits & 8 != 0,
            improper_position: bits & 16 != 0,
        },
        status: words.0,
        sequence: words.1,
        user: words.2,
        ..BloodPressure::new(number(0), number(1), PressureUnit::MmHg)
    });
    stored.reading.raw = raw;
    stored.reading.remarks.attributes.clone_from(&text);
    stored.reading.device_time = text.map(Into::into);
    let [at, received_at] = millis.map(Timestamp::from_millis);
    (stored.reading.measured.at, stored.reading.received_at) = (at, received_at);
    stored.server_at = received_at;
    Body::Reading(Box::new(stored))
}

#[test]
fn every_number_that_a_device_can_say_comes_back() {
    writeln!(std::io::stdout(), "seed {:?}", std::str::from_utf8(&SEED)).unwrap();
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let inputs = (any::<Said>(), any::<([i64; 2], Option<String>)>());
    let ran = TestRunner::new_with_rng(config, rng).run(&inputs, |(said, other)| {
        let body = said_by_a_device(said, other);
        let line = encode(&name(1), false, &body).unwrap();
        prop_assert!(!line.contains(&b'\n'));
        let read = decode(&line).unwrap().body;
        prop_assert_eq!(format!("{read:?}"), format!("{body:?}"), "to the last digit");
        prop_assert_eq!(read, body);
        Ok(())
    });
    ran.unwrap();
}
