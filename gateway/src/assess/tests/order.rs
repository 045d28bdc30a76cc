//! The answer is a function of the set of facts: order, copies and the way they came change nothing.

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use std::sync::Arc;

use super::*;

/// Facts of a person: dense in time, so that sessions, re-measures, runs and silences meet.
pub(super) fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let at = prop_oneof![0..90_i64, 0..3 * DAY, (0..200_i64).prop_map(|day| day * DAY)];
    let delay = prop_oneof![4 => Just(0_i64), 2 => 0..60_i64, 1 => 0..4 * DAY, 1 => Just(-20_i64)];
    let one = (at, delay, 0..12_u8, 0..1000_i64);
    proptest::collection::vec(one, 1..40).prop_map(|items| {
        let make = |(at, delay, kind, value)| stored(of(at, kind, value), at + delay);
        numbered(items.into_iter().map(make).collect())
    })
}

fn of(at: i64, kind: u8, value: i64) -> Fact {
    let acts = [ActOutcome::Seen, ActOutcome::ConfirmedReferred, ActOutcome::Closed];
    let concepts = [
        Concept::BpEmergency,
        Concept::BpExtremeUnreliable,
        Concept::GluLowEmergency,
        Concept::BpUncontrolledFirst,
        Concept::PovertyRelapseRisk,
        Concept::Missed,
    ];
    let turn = usize::try_from(value).unwrap();
    let (systolic, diastolic) = (80 + value % 240, 50 + value % 70);
    match kind {
        0..=3 => bp(at, systolic, diastolic),
        4 => loose(bp(at, systolic, diastolic)),
        5 | 6 => fasting(at, &format!("{}.{}", value % 24, value % 10)),
        7 => sugar(at, ["HI", "LO", "320", "0.4", "55"][turn % 5]),
        8 => followup(at, systolic, diastolic),
        9 => act(at, concepts[turn % 6], acts[turn / 6 % 3]),
        10 => watermark(at, at + value % 50),
        _ => sugar(at, &format!("{}.{}", value % 20, value % 10)),
    }
}

pub(super) fn people() -> [Patient; 6] {
    let c2 = Condition::Cohort(Cohort::C2);
    let c3 = Condition::Cohort(Cohort::C3);
    let day = |text: &str| text.parse().ok();
    let tracked_for_a_while = patient()
        .during(c2, day("2026-03-04"), day("2026-05-20"))
        .during(c3, day("2026-05-10"), None)
        .during(Condition::Hypertension, day("2026-04-20"), None)
        .during(Condition::Dead, day("2026-09-01"), None);
    let planned = [
        own_plan(r#"{"person":"P1","systolic_lt":125,"fasting_lt":6.1,"cadence_days":5}"#),
        own_plan(r#"{"person":"P1","from":"2026-03-20","until":"2026-06-01","diastolic_lt":75}"#),
    ];
    let cured = patient().during(c3, day("2026-03-10"), day("2026-05-28")).during(
        c3,
        day("2026-08-01"),
        None,
    );
    [
        cured.enrolled(minute(-40 * DAY)),
        hypertensive().with(Condition::Diabetes).planned(&planned).enrolled(minute(0)),
        hypertensive().with(Condition::Diabetes).with(c2),
        patient().with(c3).enrolled(minute(0)),
        diabetic().with(Condition::Pregnant),
        tracked_for_a_while,
    ]
}

#[track_caller]
fn check(property: impl Fn(&Pack, &Patient, &[Fact], u64)) {
    let pack = Pack::built_in().unwrap();
    let seed = [7; 32];
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let config = Config { cases: 250, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let cases = (facts(), 0..6_usize, any::<u64>());
    let run = runner.run(&cases, |(facts, who, seed)| {
        property(&pack, &people()[who], &facts, seed);
        Ok(())
    });
    assert!(run.is_ok(), "seed {seed:?}: {}", run.unwrap_err());
}

pub(super) fn end_of(facts: &[Fact]) -> Timestamp {
    facts.iter().map(|fact| fact.received_at.max(fact.at)).max().unwrap().plus(Millis::days(2))
}

/// A permutation that depends on the seed alone.
fn shuffled(facts: &[Fact], seed: u64) -> Vec<Fact> {
    let mut mixed = facts.to_vec();
    mixed.sort_by_key(|fact| {
        blake3::hash(&[&fact.id.0[..], &seed.to_be_bytes()].concat()).as_bytes().to_vec()
    });
    mixed
}

#[test]
fn a_permutation_and_copies_change_nothing() {
    check(|pack, patient, facts, seed| {
        let end = end_of(facts);
        let plain = assess(pack, patient, facts, end);
        let mut mixed = shuffled(facts, seed);
        mixed.extend(facts.iter().cloned());
        assert_eq!(assess(pack, patient, &mixed, end), plain);
    });
}

#[test]
fn going_on_fact_by_fact_comes_to_the_same_as_judging_all_from_nothing() {
    check(|pack, patient, facts, seed| {
        let arriving = match seed % 2 {
            0 => shuffled(facts, seed),
            _ => {
                let mut by_receipt = facts.to_vec();
                by_receipt.sort_by_key(|fact| (fact.received_at, fact.id));
                by_receipt
            }
        };
        let mut state = State::new();
        let mut assessment = Assessment::default();
        for (place, fact) in arriving.iter().enumerate() {
            let mut steps = Vec::new();
            if seed % 3 == 0 {
                // As after a start.
                state = State::from_bytes(&state.to_bytes().unwrap()).unwrap();
            }
            let now = fact.received_at;
            if state.apply(pack, patient, fact, &mut steps).is_ok() {
                state.advance(pack, patient, now, &mut steps);
                assessment.follow(steps, state.next_due(pack, patient));
            } else {
                let known = &arriving[..=place];
                let now = known.iter().map(|fact| fact.received_at).max().unwrap();
                (state, assessment) = fold(pack, patient, known, now);
            }
        }
        let mut steps = Vec::new();
        state.advance(pack, patient, end_of(facts), &mut steps);
        assessment.follow(steps, state.next_due(pack, patient));
        let whole = assess(pack, patient, facts, end_of(facts));
        assert_eq!(summary(&assessment), summary(&whole));
        assert_eq!(assessment, whole);
    });
}

fn summary(assessment: &Assessment) -> Vec<String> {
    let shown = |it: &Episode| {
        format!("{} {:?} {:?} {} {:?}", it.concept, it.trigger, it.clock, it.at, it.end)
    };
    assessment.episodes.iter().map(shown).collect()
}

#[test]
fn every_crossing_names_an_alert_that_exists() {
    check(|pack, patient, facts, _| {
        let assessment = assess(pack, patient, facts, end_of(facts));
        let known = |id| assessment.episodes.iter().any(|episode| episode.id == id);
        assert!(assessment.crossings.iter().all(|crossed| known(crossed.episode)));
        let opened = |crossed: &&Crossed| crossed.disposition == crate::store::Disposition::Opened;
        assert_eq!(assessment.crossings.iter().filter(opened).count(), assessment.episodes.len());
    });
}

/// A second pack with stricter lines, from some day on; and a row that changes on another.
fn stretches(pack: &Arc<Pack>, who: &Patient, seed: u64) -> InForce {
    let day = |number: u64| minute(i64::try_from(number % 100).unwrap() * DAY);
    let over = r#"{"lines": {"bp_emergency": {"sbp_ge": 170, "dbp_ge": 105}}}"#;
    let mut packs = Packs::new(Arc::clone(pack));
    if !seed.is_multiple_of(3) {
        packs.follow(day(seed / 3), Arc::new(Pack::draft(over).unwrap()));
    }
    let changed = who.clone().with(Condition::Hypertension).with(Condition::Pregnant);
    let entered = [minute(-100 * DAY), day(seed / 300)];
    let rows = if seed.is_multiple_of(5) { 1 } else { 2 };
    InForce::new(&packs, &entered[..rows], |_, at| {
        if at == entered[0] { who.clone() } else { changed.clone() }
    })
}

#[test]
fn what_is_judged_by_the_pack_and_the_row_of_its_time_stays_so_in_any_order() {
    let pack = Arc::new(Pack::built_in().unwrap());
    check(|_, patient, facts, seed| {
        let in_force = stretches(&pack, patient, seed);
        let arriving = shuffled(facts, seed);
        let mut state = State::new();
        let mut assessment = Assessment::default();
        let mut left = in_force.clone();
        for (place, fact) in arriving.iter().enumerate() {
            let mut steps = Vec::new();
            if left.apply(&mut state, fact, &mut steps).is_ok() {
                left.advance(&mut state, fact.received_at, &mut steps);
                assessment.follow(steps, left.next_due(&state, fact.received_at));
                // As after a start.
                left = in_force.clone();
                left.forget_before(state.position().at);
                let with = in_force.judged_with(state.position().at);
                assert_eq!(left.judged_with(state.position().at), with);
            } else {
                let known = &arriving[..=place];
                let now = known.iter().map(|fact| fact.received_at).max().unwrap();
                (state, assessment) = in_force.fold(known, now);
                left = in_force.clone();
            }
        }
        let mut steps = Vec::new();
        left.advance(&mut state, end_of(facts), &mut steps);
        assessment.follow(steps, left.next_due(&state, end_of(facts)));
        let (_, whole) = in_force.fold(facts, end_of(facts));
        assert_eq!(summary(&assessment), summary(&whole));
        assert_eq!(assessment, whole);
    });
}

#[test]
fn one_pack_and_one_row_since_ever_judge_as_they_do_alone() {
    let shared = Arc::new(Pack::built_in().unwrap());
    check(|pack, patient, facts, _| {
        let in_force = InForce::always(Arc::clone(&shared), patient.clone());
        let (_, whole) = in_force.fold(facts, end_of(facts));
        assert_eq!(whole, assess(pack, patient, facts, end_of(facts)));
    });
}

/// As the writer works: each batch in its own order, on from where the state stands, or all that is
/// known anew where a fact of it belongs before something judged. Some facts come again.
#[test]
fn any_split_into_batches_comes_to_the_same() {
    check(|pack, patient, facts, seed| {
        let mut arriving = shuffled(facts, seed);
        let again: Vec<Fact> = arriving.iter().step_by(3).cloned().collect();
        arriving.extend(again);
        let size = usize::try_from(seed % 7).unwrap() + 1;
        let (mut state, mut assessment) = (State::new(), Assessment::default());
        let mut known: Vec<Fact> = Vec::new();
        for batch in arriving.chunks(size) {
            known.extend(batch.iter().cloned());
            let now = known.iter().map(|fact| fact.received_at).max().unwrap();
            let mut ordered = batch.to_vec();
            ordered.sort_by_key(|fact| (fact.effective(pack), fact.id));
            let mut steps = Vec::new();
            let mut in_order = |fact| state.apply(pack, patient, fact, &mut steps).is_ok();
            if ordered.iter().all(&mut in_order) {
                state.advance(pack, patient, now, &mut steps);
                assessment.follow(steps, state.next_due(pack, patient));
            } else {
                (state, assessment) = fold(pack, patient, &known, now);
            }
        }
        let mut steps = Vec::new();
        state.advance(pack, patient, end_of(facts), &mut steps);
        assessment.follow(steps, state.next_due(pack, patient));
        let whole = assess(pack, patient, facts, end_of(facts));
        assert_eq!(summary(&assessment), summary(&whole));
        assert_eq!(assessment, whole, "batches of {size}");
    });
}
