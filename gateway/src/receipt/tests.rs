use super::*;
use crate::{
    domain::{ContentDigest, Timestamp},
    store::fixtures::{NOON, id, key, reading},
};

const SEED: u64 = 0x5eed_0008;

/// Records of so many readings, alerts and items in three villages.
fn entries(seed: u64, count: u64) -> Vec<Entry> {
    let mut all = Vec::new();
    for number in 0..count {
        let hash = blake3::hash(&seed.wrapping_add(number * 7919).to_be_bytes());
        let chance = hash.as_bytes()[0];
        let person = (!chance.is_multiple_of(7)).then(|| id(&format!("P{}", chance % 40)));
        let stored = reading(number, person.as_ref().map(PersonId::as_str), "V03", 0);
        let village = if person.is_some() {
            ["大河村", "小河村", "南山村"][usize::from(chance % 3)]
        } else {
            ""
        };
        let village = village.to_owned();
        all.push(Entry {
            village: village.clone(),
            kind: Kind::Reading,
            record: of_reading(&stored),
            person,
        });
        if chance.is_multiple_of(5) {
            let content: ContentDigest = key(number + (1 << 33));
            let record = of_item(&content, "no_person", "waiting", None);
            all.push(Entry { village, kind: Kind::Quarantined, record, person: None });
        }
    }
    all
}

fn day(entries: Vec<Entry>) -> DayLog {
    DayLog::new(id("V03"), Day::of(NOON), entries)
}

/// Compares as two gateways would, and says what was found and in how many rounds.
fn meet(ours: &DayLog, theirs: &DayLog) -> (Verdict, usize) {
    let mut part = Part::Day;
    for round in 1..40 {
        let found = compare(ours, &answer(theirs, &part));
        let Verdict::Ask(next) = found else { return (found, round) };
        part = next;
    }
    panic!("the questions do not end");
}

#[track_caller]
fn check(change: impl FnOnce(&mut Vec<Entry>) -> Option<Entry>, count: u64) {
    let all = entries(SEED, count);
    let mut changed = all.clone();
    let expected = change(&mut changed);
    let (ours, theirs) = (day(all), day(changed));
    let (found, rounds) = meet(&ours, &theirs);
    let Some(expected) = expected else {
        assert_eq!((found, ours.receipt()), (Verdict::Equal, theirs.receipt()), "seed {SEED}");
        return;
    };
    assert_ne!(ours.receipt(), theirs.receipt());
    let Verdict::Differs(difference) = found else { panic!("{found:?}, seed {SEED}") };
    assert_eq!(
        (&difference.village, difference.kind, difference.key),
        (&expected.village, expected.kind, expected.record.key)
    );
    assert!(rounds <= 6, "{rounds} rounds");
    // The other end finds the same record, with the sides changed over.
    let (Verdict::Differs(back), _) = meet(&theirs, &ours) else { panic!("equal the other way") };
    assert_eq!((back.ours, back.theirs), (difference.theirs, difference.ours));
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    check(
        |all| {
            all.reverse();
            None
        },
        300,
    );
    check(
        |all| {
            all.rotate_left(41);
            None
        },
        300,
    );
    check(|_all| None, 0);
}

#[test]
fn one_record_that_is_missing_changed_or_anothers_is_named() {
    for at in [0, 1, 57, 299] {
        check(|all| Some(all.remove(at)), 300);
        check(
            |all| {
                all[at].record.digest = of_item(&key(1 << 40), "x", "waiting", None).digest;
                Some(all[at].clone())
            },
            300,
        );
    }
    check(Vec::pop, 1);
    // A large day needs no more rounds than a small one by much.
    check(|all| Some(all.remove(4000)), 5000);
}

#[test]
fn whose_a_reading_is_and_what_it_says_is_in_its_digest() {
    let stored = reading(1, Some("P1"), "V03", 0);
    let mut others = vec![stored.clone(); 5];
    others[0].attribution = None;
    others[1].attribution.as_mut().unwrap().person = id("P2");
    others[2].reading.content = key(9);
    others[3].told_symptoms = vec!["chest_tightness".into()];
    others[4].context =
        Some(crate::store::Told { meal: firmware_protocols::Meal::Fasting, attributes: None });
    for other in &others {
        assert_ne!(of_reading(&stored), of_reading(other));
        assert_eq!(of_reading(&stored).key, of_reading(other).key);
    }
    // A corrected time, the road and the arrival are no part of it.
    let mut same = stored.clone();
    same.reading.measured.at = Timestamp::from_millis(1);
    same.rebased_at = Some(NOON);
    same.server_at = Timestamp::from_millis(2);
    same.late = true;
    assert_eq!(of_reading(&stored), of_reading(&same));
}

#[test]
fn people_count_once_and_alerts_that_two_crossings_name_are_one() {
    let record = |number| Record {
        key: key(number),
        digest: of_item(&key(number), "x", "waiting", None).digest,
    };
    let one = |kind, number, person: Option<&str>| Entry {
        village: "大河村".to_owned(),
        kind,
        record: record(number),
        person: person.map(id),
    };
    let day = day(vec![
        one(Kind::Reading, 1, Some("P1")),
        one(Kind::Reading, 2, Some("P1")),
        one(Kind::Reading, 3, Some("P2")),
        one(Kind::Alert, 4, None),
        one(Kind::Alert, 4, None),
        one(Kind::Quarantined, 5, None),
        one(Kind::Quarantined, 5, None),
    ]);
    let told = day.receipt().whole();
    assert_eq!((told.people, told.readings, told.alerts, told.quarantined), (2, 3, 1, 2));
}

#[test]
fn a_statement_of_another_day_or_against_itself_is_believed_about_nothing() {
    let ours = day(entries(SEED, 50));
    let elsewhere = DayLog::new(id("V04"), Day::of(NOON), entries(SEED, 50));
    assert_eq!(compare(&ours, &answer(&elsewhere, &Part::Day)), Verdict::Senseless);
    let mut lie = answer(&ours, &Part::Day);
    lie.hash = day(Vec::new()).receipt().hash;
    assert_eq!(compare(&ours, &lie), Verdict::Senseless);
    // Parts that do not lie within the one that is told of are passed over.
    lie.part = Part::Village { village: "大河村".to_owned() };
    let Verdict::Ask(part) = compare(&ours, &lie) else { panic!("nothing is asked") };
    assert!(part.lies_in(&lie.part) && !part.lies_in(&part) && !lie.part.lies_in(&part));
}

#[test]
fn a_day_of_china_has_its_bounds_and_reads_back() {
    let day: Day = "2026-03-02".parse().unwrap();
    assert_eq!((day, day.to_string().as_str()), (Day::of(NOON), "2026-03-02"));
    assert_eq!(day.begin().to_string(), "2026-03-02T00:00:00+08:00");
    assert_eq!(day.end(), day.plus(1).begin());
    for wrong in ["2026-3-2", "2026-02-30", "tomorrow", "", "2026-03-02T00"] {
        assert_eq!(wrong.parse::<Day>(), Err(NoDay), "{wrong}");
    }
}

/// Other gateways and later versions of this program say the same hash of the same records.
#[test]
fn the_sample_hash_stays() {
    let receipt = day(entries(1, 3)).receipt();
    assert_eq!(
        receipt.hash.to_string(),
        "53d657013a6b5d562544ba0c1fd6612e5d6cca8771a613067301bd44683b5aad"
    );
    let text = serde_json::to_string(&receipt).unwrap();
    assert_eq!(serde_json::from_str::<Receipt>(&text).unwrap(), receipt);
}

/// The first record that differs, by looking at everything.
fn first_of(ours: &DayLog, theirs: &DayLog) -> Option<(String, Kind, ContentDigest)> {
    let all = |log: &DayLog| -> BTreeSet<(String, Kind, Record)> {
        let name = |entry: &Entry| (entry.village.clone(), entry.kind, entry.record);
        log.entries().iter().map(name).collect()
    };
    let (ours, theirs) = (all(ours), all(theirs));
    let (village, kind, record) = ours.symmetric_difference(&theirs).next()?.clone();
    Some((village, kind, record.key))
}

#[test]
fn whatever_two_days_hold_the_questions_end_at_the_first_record_that_differs() {
    for round in 0..300_u64 {
        let seed = SEED.wrapping_add(round.wrapping_mul(0x9e37_79b9));
        let chance = |what: u64, below: u64| {
            let hash = blake3::hash(&[seed.to_be_bytes(), what.to_be_bytes()].concat());
            u64::from_be_bytes(hash.as_bytes()[..8].try_into().unwrap()) % below
        };
        let all = entries(seed, chance(0, 900));
        let mut changed = all.clone();
        for change in 0..chance(1, 5) {
            let at = usize::try_from(chance(10 + change, 1 << 20)).unwrap();
            match chance(20 + change, 3) {
                0 if !changed.is_empty() => drop(changed.swap_remove(at % changed.len())),
                1 if !changed.is_empty() => {
                    let at = at % changed.len();
                    changed[at].record.digest = of_item(&key(change), "x", "waiting", None).digest;
                }
                _ => changed.push(Entry {
                    village: "大河村".to_owned(),
                    kind: Kind::Quarantined,
                    record: of_item(&key((1 << 50) + change), "x", "waiting", None),
                    person: None,
                }),
            }
        }
        let (ours, theirs) = (day(all), day(changed));
        let expected = first_of(&ours, &theirs);
        let (found, rounds) = meet(&ours, &theirs);
        let found = match found {
            Verdict::Differs(first) => Some((first.village, first.kind, first.key)),
            Verdict::Equal => None,
            Verdict::Ask(_) | Verdict::Senseless => panic!("{found:?}, seed {seed}"),
        };
        assert_eq!(found, expected, "seed {seed}");
        assert!(rounds <= 6, "{rounds} rounds, seed {seed}");
    }
}
