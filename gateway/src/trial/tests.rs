//! Packs over a small store whose answer is known.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    admit::{self, Source},
    assess::{Concept, Norm, Pack},
    domain::{
        Attribution, Basis, Household, Level, Millis, Person, PersonId, Registered, Road, SiteId,
        Standing, Timestamp,
    },
    intake::Item,
    store::{Change, Counts, Fact, ModelStore, Reader, Registration, Store, StoredReading},
};

/// Monday 2026-03-02, 07:00 in China.
pub(super) fn day(count: i64) -> Timestamp {
    Timestamp::parse("2026-03-02T07:00:00+08:00").unwrap().plus(Millis::days(count))
}

/// A blood pressure of a person, with the device's number, at a site.
pub(super) fn reading(
    number: u64,
    (person, site): (&str, &str),
    at: Timestamp,
    (systolic, diastolic): (u16, u16),
) -> StoredReading {
    let payload = format!(
        r#"{{"kind":"blood_pressure","seq":{number},"epoch":1,"measured_at":"{at}",
            "systolic":{systolic},"diastolic":{diastolic},"unit":"mmHg","person":"{person}",
            "setting":"home"}}"#
    );
    let (site, device) = (SiteId::new(site).unwrap(), "cuff-1".parse().unwrap());
    let source = Source {
        road: Road::Mqtt,
        site: &site,
        device: &device,
        bench: None,
        model: None,
        received_at: at,
        live: false,
    };
    let Some(Item::Reading(reading)) = admit::readings(payload.as_bytes(), &source).pop() else {
        panic!("{payload}")
    };
    let person = PersonId::new(person).unwrap();
    StoredReading {
        attribution: Some(Attribution::new(person, Basis::Payload)),
        context: None,
        told_symptoms: Vec::new(),
        standing: Standing::Stored,
        late: false,
        possible_duplicate: false,
        server_at: at,
        rebased_at: None,
        reading: *reading,
    }
}

fn person(name: &str, born: &str) -> Registered {
    let json = serde_json::json!({
        "person": name, "birth_date": born, "household": "H1", "diagnoses": [{"code": "htn"}],
    });
    Registered::Person(serde_json::from_value::<Person>(json).unwrap())
}

fn home() -> Registered {
    let json = serde_json::json!({"household": "H1", "village": "North", "doctor": "DR1"});
    Registered::Household(serde_json::from_value::<Household>(json).unwrap())
}

pub(super) fn store(readings: Vec<StoredReading>) -> (ModelStore, Arc<dyn Reader>) {
    let mut store = ModelStore::new();
    let rows = [
        home(),
        person("P1", "1976-01-01"),
        person("P2", "1976-01-01"),
        person("P3", "1958-01-01"),
        person("P4", "1976-01-01"),
    ];
    let count = u64::try_from(readings.len()).unwrap();
    let rows = rows.into_iter().map(|row| {
        Fact::Registration(Box::new(Registration { row, author: "test".into(), at: day(0) }))
    });
    let readings = readings.into_iter().map(|stored| Fact::Reading(Box::new(stored)));
    let facts: Vec<_> = rows.chain(readings).collect();
    let mut unit = store.begin(day(0)).unwrap();
    unit.append(&facts).unwrap();
    let counts = Counts { received: count, stored: count, ..Counts::default() };
    unit.change(&[Change::Count(counts)]).unwrap();
    unit.commit().unwrap();
    let reader = store.reader();
    (store, reader)
}

pub(super) fn pack(norm: Norm) -> Pack {
    Pack::laid_over(norm.text()).unwrap()
}

fn compared(reader: &dyn Reader, a: &Pack, b: &Pack, threads: usize) -> Tally {
    let question = Question { packs: [a, b], until: day(30), threads };
    sweep(reader, question, &Counted::default()).unwrap()
}

/// One value on each of four days, two days apart: over the line of 2025 (130/80) alone for P1 and
/// P3, over both for P2.
fn township() -> Vec<StoredReading> {
    let mut readings = Vec::new();
    for visit in 0..4 {
        for (person, pressure) in [("P1", (134, 82)), ("P2", (150, 92)), ("P3", (144, 84))] {
            let number = u64::try_from(readings.len()).unwrap();
            readings.push(reading(number, (person, "van-1"), day(2 * visit), pressure));
        }
    }
    readings
}

#[test]
fn who_would_change_between_two_norms_is_known_to_the_person() {
    let (_store, reader) = store(township());
    let (a, b) = (pack(Norm::Nbphs3), pack(Norm::PrimaryCare2025));
    let tally = compared(reader.as_ref(), &a, &b, 2);
    let names: Vec<_> = tally.changed.iter().map(|one| one.person.as_str()).collect();
    assert_eq!(names, ["P1", "P3"]);
    let first = Concept::BpUncontrolledFirst;
    let opening = Opening { concept: first, level: Level::Yellow, at: day(4) };
    for changed in &tally.changed {
        assert_eq!(
            (changed.a.as_slice(), changed.b.as_slice()),
            ([].as_slice(), [opening].as_slice())
        );
    }
    let split = Split { a_only: 0, b_only: 2, both: 1, other_level: 0 };
    assert_eq!(tally.lines.get(&first), Some(&split));
    assert_eq!((tally.people, tally.measured, tally.readings), (4, 3, 12));
    assert_eq!(tally.levels[1], [1, 3]);
    let doctor = Some("DR1".parse().unwrap());
    assert_eq!(tally.doctors.get(&(doctor, "2026-03".into())), Some(&[1, 3]));
}

#[test]
fn the_same_answer_comes_by_one_thread_and_by_many() {
    let (_store, reader) = store(township());
    let (a, b) = (pack(Norm::Nbphs3), pack(Norm::PrimaryCare2025));
    let one = compared(reader.as_ref(), &a, &b, 1);
    assert_eq!(compared(reader.as_ref(), &a, &b, 3), one);
    let back = compared(reader.as_ref(), &b, &a, 2);
    let mirrored = back.lines.values().map(|split| (split.b_only, split.a_only));
    let forth = one.lines.values().map(|split| (split.a_only, split.b_only));
    assert!(mirrored.eq(forth));
}

#[test]
fn a_higher_level_of_the_same_beginning_is_a_change() {
    let (_store, reader) = store(vec![
        reading(1, ("P4", "van-1"), day(0), (85, 55)),
        reading(2, ("P4", "van-1"), day(0).plus(Millis::minutes(2)), (85, 55)),
    ]);
    let a = Pack::built_in().unwrap();
    let b = Pack::draft(r#"{"lines": {"bp_low": {"orange_age_ge": 40}}}"#).unwrap();
    let tally = compared(reader.as_ref(), &a, &b, 1);
    let split = Split { both: 1, other_level: 1, ..Split::default() };
    assert_eq!(tally.lines.get(&Concept::BpLow), Some(&split));
    assert_eq!(tally.changed[0].a[0].level, Level::Yellow);
    assert_eq!(tally.changed[0].b[0].level, Level::Orange);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_pack_compared_with_itself_shows_nothing(
        values in prop::collection::vec((1..=4_u8, 0..60_i64, 80..200_u16, 40..75_u16), 1..40),
    ) {
        let readings = values.iter().enumerate().map(|(number, (person, at, systolic, below))| {
            let (number, person) = (u64::try_from(number).unwrap(), format!("P{person}"));
            let diastolic = systolic.saturating_sub(*below);
            reading(number, (&person, "van-1"), day(*at).plus(Millis::minutes(i64::from(*below))), (*systolic, diastolic))
        });
        let (_store, reader) = store(readings.collect());
        for norm in Norm::ALL {
            let tally = compared(reader.as_ref(), &pack(norm), &pack(norm), 2);
            prop_assert!(tally.changed.is_empty());
            prop_assert!(tally.lines.values().all(|split| split.is_same()));
            prop_assert!(tally.levels.iter().all(|[a, b]| a == b));
            prop_assert!(tally.doctors.values().all(|[a, b]| a == b));
        }
    }
}

#[test]
fn who_was_never_measured_shows_from_the_first_row_on_and_sooner_by_an_own_plan() {
    use crate::{
        domain::{Dated, Plan, Registered},
        store::fixtures::{NOON, commit, id, person, registration},
    };
    let Fact::Registration(row) = person("P1", None, "North") else { unreachable!() };
    let Registered::Person(mut ill) = row.row else { unreachable!() };
    ill.diagnoses.push(Dated { code: "htn".into(), from: None, until: None, cause: None });
    let mut store = ModelStore::new();
    commit(&mut store, &[registration(Registered::Person(ill.clone()))], &[]);
    let pack = Pack::built_in().unwrap();
    let missed = |store: &ModelStore| {
        let past = Past::of(store.reader().as_ref(), &[id("P1")]).unwrap().remove(0);
        let said = judged(&pack, (&ill, None), &past, NOON.plus(Millis::days(100)));
        let of_silence = said.episodes.iter().filter(|it| it.concept == Concept::Missed);
        of_silence.map(|it| it.at.since(NOON)).collect::<Vec<_>>()
    };
    assert_eq!(missed(&store), [Millis::days(91)]);
    let plan: Plan =
        serde_json::from_value(serde_json::json!({"person": "P1", "cadence_days": 10})).unwrap();
    commit(&mut store, &[registration(Registered::Plan(plan))], &[]);
    assert_eq!(missed(&store), [Millis::days(11)]);
}
