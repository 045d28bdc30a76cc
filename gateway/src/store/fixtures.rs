//! Facts for tests of stores.

use std::collections::BTreeMap;

use firmware_protocols::{
    BloodPressure, Decimal, Glucose, GlucoseUnit, GlucoseValue, Meal, Measurement, PressureUnit,
};

use smol_str::SmolStr;

use super::{
    AlertChange, AlertEvent, Change, Channel, CommitSeq, Context, Counts, Crossing, Disposition,
    Fact, Origin, Owed, QuarantineReason, Quarantined, Refused, Registration, Store, StoredReading,
    Told,
};
use crate::domain::{
    ActOutcome, Alert, AlertState, Attribution, Basis, Card, CareLevel, Doctor, Grade, Happened,
    Household, Id, Key, Level, Measured, Millis, Money, MoneyKind, Person, PersonEvent, Plan,
    Reading, ReadingId, Reason, Registered, Remarks, Road, Sequence, Site, SiteAct, SiteDeed,
    SiteRole, Standing, Timestamp,
};

/// Noon on 2026-03-02 in China.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_772_424_000_000);

pub(crate) fn id<K>(text: &str) -> Id<K> {
    Id::new(text).unwrap()
}

pub(crate) fn key<K>(number: u64) -> Key<K> {
    let hash = blake3::hash(&number.to_be_bytes());
    Key::from_bytes(hash.as_bytes()[..16].try_into().unwrap())
}

pub(crate) fn after_noon(minutes: i64) -> Timestamp {
    NOON.plus(Millis::minutes(minutes))
}

pub(crate) fn systolic(value: i64) -> Measurement {
    Measurement::BloodPressure(BloodPressure::new(
        Decimal::new(value, 0),
        Decimal::new(80, 0),
        PressureUnit::MmHg,
    ))
}

/// The reading with a number, of a person, at a site, so many minutes after noon.
pub(crate) fn reading(
    number: u64,
    person: Option<&str>,
    site: &str,
    minutes: i64,
) -> StoredReading {
    let attribution = person.map(|person| Attribution::new(id(person), Basis::Payload));
    StoredReading {
        reading: Reading {
            id: key::<_>(number),
            content: key(number.wrapping_add(1 << 40)),
            measurement: systolic(140),
            device: id(&format!("cuff{}", number % 3)),
            site: id(site),
            bench: None,
            sequence: Some(Sequence { epoch: Some(1), number }),
            device_time: Some("2026-03-02T12:00:00".into()),
            received_at: after_noon(minutes),
            measured: Measured { at: after_noon(minutes), grade: Grade::A },
            remarks: Remarks { person: person.map(id), ..Remarks::default() },
            road: Road::Mqtt,
            unnumbered: false,
            written: None,
            raw: None,
        },
        attribution,
        context: None,
        told_symptoms: Vec::new(),
        standing: Standing::Stored,
        late: false,
        possible_duplicate: false,
        server_at: after_noon(minutes),
        rebased_at: None,
    }
}

pub(crate) fn reading_fact(number: u64, person: &str, site: &str, minutes: i64) -> Fact {
    Fact::Reading(Box::new(reading(number, Some(person), site, minutes)))
}

/// A glucose reading that a device gave a number and no epoch.
pub(crate) fn glucose(
    number: u64,
    of: (&str, u64),
    person: Option<&str>,
    minutes: i64,
) -> StoredReading {
    let mut stored = reading(number, person, "clinic1", minutes);
    let value = GlucoseValue::Number(Decimal::new(72, -1));
    stored.reading.measurement = Measurement::Glucose(Glucose::new(value, GlucoseUnit::MmolPerL));
    stored.reading.device = id(of.0);
    stored.reading.sequence = Some(Sequence { epoch: None, number: of.1 });
    stored
}

/// What a device says of the measurement to which it gave a number.
pub(crate) fn context(of: (&str, u64), meal: Meal, site: &str) -> Context {
    let (device, number) = of;
    let raw = vec![2, number.to_le_bytes()[0], 0, if meal == Meal::Fasting { 3 } else { 2 }];
    Context {
        device: id(device),
        site: id(site),
        road: Road::Mqtt,
        number,
        told: Told { meal, attributes: Some(format!("{{\"meal\":\"{meal:?}\"}}")) },
        content: crate::domain::raw_digest(
            &id(device),
            crate::domain::Numbering::Number { number, device_time: "" },
            &raw,
        ),
        raw,
        received_at: NOON,
        reading: None,
    }
}

pub(crate) fn context_fact(of: (&str, u64), meal: Meal, site: &str) -> Fact {
    Fact::Context(Box::new(context(of, meal, site)))
}

/// Something that happened to a person, so many minutes after noon: a follow-up, a sum of money or
/// an act, by its number.
pub(crate) fn happened(number: u64, person: &str, minutes: i64) -> PersonEvent {
    let tenths = i64::try_from(number % 9).unwrap() + 51;
    let what = match number % 4 {
        3 => Happened::SiteAct(SiteAct {
            site: id("V1"),
            bench: number.is_multiple_of(2).then(|| id("B1")),
            deed: SiteDeed::ALL[usize::try_from(number).unwrap() % 6],
            symptoms: ["chest_tightness", "palpitation"]
                .map(SmolStr::new)
                .into_iter()
                .take(usize::try_from(number / 4).unwrap() % 3)
                .collect(),
            reading: (!number.is_multiple_of(5)).then(|| key(number % 13)),
            alert: number.is_multiple_of(7).then(|| key(number)),
        }),
        0 => Happened::FollowUp {
            pressure: number
                .is_multiple_of(2)
                .then(|| (Decimal::from(150_u16), Decimal::from(90_u16))),
            fasting: Some(Decimal::new(tenths, -1)),
            symptoms: if number.is_multiple_of(4) {
                vec!["palpitation".into()]
            } else {
                Vec::new()
            },
        },
        1 => Happened::Money(Money {
            profile: "xian-2025".into(),
            kind: MoneyKind::ALL[usize::from(number.is_multiple_of(2))],
            yuan: Decimal::new(tenths * 1000 + 1, 0),
        }),
        _ => Happened::Act {
            concept: "bp_emergency".into(),
            outcome: ActOutcome::ALL[usize::try_from(number).unwrap() % 3],
        },
    };
    let at = after_noon(minutes);
    let event = PersonEvent::new(id(person), what, (at, at.plus(Millis(7))), "DR1".into());
    let reference = number.is_multiple_of(5).then(|| format!("HIS-{number}").into());
    event.with(reference, number.is_multiple_of(7).then(|| "来电".to_owned()))
}

pub(crate) fn registration(row: Registered) -> Fact {
    Fact::Registration(Box::new(Registration { row, author: "import".into(), at: NOON }))
}

pub(crate) fn person(name: &str, household: Option<&str>, village: &str) -> Fact {
    person_with_cards(name, household, village, &[])
}

pub(crate) fn person_with_cards(
    name: &str,
    household: Option<&str>,
    village: &str,
    cards: &[&str],
) -> Fact {
    registration(Registered::Person(Person {
        person: id(name),
        name: format!("王{name}"),
        sex: None,
        birth_date: None,
        id_number: String::new(),
        cards: cards.iter().map(ToString::to_string).collect(),
        phone: String::new(),
        consent: String::new(),
        household: household.map(id),
        village: village.to_owned(),
        diagnoses: Vec::new(),
        medicines: Vec::new(),
        cohorts: Vec::new(),
        pregnant: Vec::new(),
        attributes: BTreeMap::new(),
    }))
}

pub(crate) fn household(name: &str, village: &str, doctor: Option<&str>) -> Fact {
    registration(Registered::Household(Household {
        household: id(name),
        village: village.to_owned(),
        doctor: doctor.map(id),
        assigned: Vec::new(),
        cause: String::new(),
        attributes: BTreeMap::new(),
    }))
}

pub(crate) fn doctor(name: &str, level: CareLevel, place: &str) -> Fact {
    registration(Registered::Doctor(Doctor {
        doctor: id(name),
        name: format!("李{name}"),
        phone: String::new(),
        level,
        place: place.to_owned(),
        webhook: String::new(),
        webhook_secret: String::new(),
        mqtt: true,
        attributes: BTreeMap::new(),
    }))
}

pub(crate) fn site(name: &str, village: &str, township: &str, county: &str) -> Fact {
    registration(Registered::Site(Site {
        site: id(name),
        kind: SiteRole::Clinic,
        name: format!("站{name}"),
        village: village.to_owned(),
        township: township.to_owned(),
        lat: String::new(),
        lon: String::new(),
        session_minutes: None,
        attributes: BTreeMap::from([("county".to_owned(), county.to_owned())]),
    }))
}

pub(crate) fn card(number: &str, person: &str) -> Fact {
    registration(Registered::Card(Card { card: number.to_owned(), person: id(person) }))
}

/// A plan by which a person is measured every so many days.
pub(crate) fn plan(person: &str, cadence_days: u16) -> Fact {
    registration(Registered::Plan(Plan {
        person: id(person),
        from: None,
        until: None,
        systolic_lt: None,
        diastolic_lt: None,
        fasting_lt: None,
        cadence_days: Some(cadence_days),
        author: String::new(),
        attributes: BTreeMap::new(),
    }))
}

pub(crate) fn origin(site: Option<&str>) -> Origin {
    Origin { road: Road::Mqtt, site: site.map(id), device: Some("cuff/1".into()) }
}

pub(crate) fn refused(site: Option<&str>) -> Fact {
    Fact::Refused(Refused {
        reason: "bad_checksum".to_owned(),
        raw: vec![0, 0xff],
        origin: origin(site),
        received_at: NOON,
    })
}

pub(crate) fn quarantined(number: u64, person: Option<&str>, site: &str) -> Fact {
    let held = reading(number, person, site, 0).reading;
    Fact::Quarantined(Box::new(Quarantined {
        reason: QuarantineReason::UnknownUnit,
        detail: "unit: stone".to_owned(),
        raw: b"{}".to_vec(),
        origin: origin(Some(site)),
        received_at: NOON,
        content: key(number.wrapping_add(1 << 41)),
        reading: Some(Box::new(held)),
    }))
}

pub(crate) fn alert(key_number: i64, person: &str, owner: Option<&str>, level: Level) -> Alert {
    Alert {
        key: key_number,
        id: key(key_number.cast_unsigned().wrapping_add(1 << 42)),
        concept: "bp_emergency".into(),
        level,
        state: AlertState::Open,
        person: id(person),
        owner: owner.map(id),
        step: CareLevel::Village,
        opened_at: after_noon(key_number),
        alert_at: NOON,
        deadline: Some(after_noon(15)),
        ladder: vec![crate::domain::Rung { step: CareLevel::Township, after_minutes: 15 }],
        late: false,
        reasons: vec![Reason { line: "BP-E1".into(), zh: "高".to_owned(), en: "high".to_owned() }],
        pack: "default 1".into(),
    }
}

pub(crate) fn event(alert: &Alert, change: AlertChange) -> Fact {
    Fact::Alert(Box::new(AlertEvent {
        alert: alert.clone(),
        change,
        at: NOON,
        claimed_at: None,
        by: None,
        note: None,
        from: None,
        alias: None,
        cause: None,
        visit: None,
        outcome: None,
    }))
}

pub(crate) fn crossing(reading: ReadingId, alert: &Alert) -> Fact {
    Fact::Crossing(Crossing {
        reading: Some(reading),
        person: alert.person.clone(),
        concept: alert.concept.clone(),
        level: alert.level,
        disposition: Disposition::Opened,
        alert: alert.key,
    })
}

pub(crate) fn owed(alert: &Alert, recipient: &str, number: u64) -> Owed {
    Owed {
        key: key(number.wrapping_add(1 << 43)),
        alert: alert.key,
        alert_id: alert.id,
        change: AlertChange::Opened,
        level: alert.level,
        recipient: id(recipient),
        channel: Channel::Mqtt,
        due_at: after_noon(1),
        deadline: alert.deadline,
        attempts: 0,
        last_error: None,
    }
}

/// What commit would count for facts.
pub(crate) fn counted(facts: &[Fact]) -> Counts {
    let mut counts = Counts::default();
    for fact in facts {
        match fact {
            Fact::Reading(stored) if stored.standing == Standing::Stored => counts.stored += 1,
            Fact::Reading(_) => counts.rejected += 1,
            Fact::Context(_) => counts.stored += 1,
            Fact::Refused(_) => counts.refused += 1,
            Fact::Quarantined(_) => counts.quarantined += 1,
            Fact::Event(event) if event.what.kind() == "act" => continue,
            Fact::Event(_) => counts.stored += 1,
            Fact::CardScan(_)
            | Fact::Presence(_)
            | Fact::Registration(_)
            | Fact::Pack(_)
            | Fact::Decided(_)
            | Fact::Attributed(_)
            | Fact::Merged(_)
            | Fact::Retimed(_)
            | Fact::Clock(_)
            | Fact::Crossing(_)
            | Fact::Alert(_)
            | Fact::Attempt(_) => continue,
        }
        counts.received += 1;
    }
    counts
}

/// Commits facts and changes as one unit.
pub(crate) fn commit(store: &mut dyn Store, facts: &[Fact], changes: &[Change]) -> CommitSeq {
    let mut unit = store.begin(NOON).unwrap();
    unit.append(facts).unwrap();
    unit.change(&[Change::Count(counted(facts))]).unwrap();
    unit.change(changes).unwrap();
    unit.commit().unwrap().last()
}
