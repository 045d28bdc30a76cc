//! A person's own plan tightens and never loosens; facts that contradict each other are judged by
//! the stricter of both.

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    order::{end_of, facts, people},
    *,
};
use crate::domain::{Level, Plan};

/// When a concept opened, and the English words of its first alert.
#[track_caller]
fn check(patient: &Patient, facts: Vec<Fact>, concept: Concept, expected: (&[i64], &str)) {
    let facts = numbered(facts);
    let until = minute(200 * DAY);
    let told = assess(&Pack::built_in().unwrap(), patient, &facts, until);
    let own: Vec<_> = told.episodes.iter().filter(|it| it.concept == concept).collect();
    let opened: Vec<_> = own.iter().map(|it| it.at).collect();
    assert_eq!(opened, expected.0.iter().map(|at| minute(*at)).collect::<Vec<_>>());
    let words = own.first().map_or("", |it| it.reasons[0].en.as_str());
    assert!(words.contains(expected.1), "{words:?} lacks {:?}", expected.1);
    let zh = own.first().map_or("", |it| it.reasons[0].zh.as_str());
    assert_eq!(zh.contains("个人方案"), words.contains("own plan"), "{zh}");
}

fn planned(patient: Patient, json: &str) -> Patient {
    let plan = own_plan(&format!(r#"{{"person":"P1",{json}}}"#));
    plan.check().unwrap();
    patient.planned([&plan])
}

/// Confirmed home sessions a week apart.
fn weekly(systolic: i64, diastolic: i64, weeks: i64) -> Vec<Fact> {
    let at = |week| [7 * DAY * week, 7 * DAY * week + 1];
    (0..weeks).flat_map(at).map(|at| bp(at, systolic, diastolic)).collect()
}

#[test]
fn a_stricter_target_opens_the_control_line_and_says_where_its_number_came_from() {
    let first = Concept::BpUncontrolledFirst;
    let plan = r#""systolic_lt":125"#;
    check(&hypertensive(), weekly(128, 70, 6), first, (&[], ""));
    let words = "control line 125/85 (given by the person's own plan; the pack says 135/85)";
    check(&planned(hypertensive(), plan), weekly(128, 70, 6), first, (&[14 * DAY + 1], words));
    // Where both lines are crossed the sentence still names both.
    check(&planned(hypertensive(), plan), weekly(138, 70, 3), first, (&[14 * DAY + 1], words));
    check(&planned(hypertensive(), plan), weekly(124, 70, 6), first, (&[], ""));
}

#[test]
fn a_number_over_the_line_of_the_pack_counts_for_nothing() {
    let looser = planned(hypertensive(), r#""systolic_lt":160,"diastolic_lt":80"#);
    let first = Concept::BpUncontrolledFirst;
    check(&looser, weekly(136, 70, 3), first, (&[14 * DAY + 1], "control line 135/80"));
    check(&looser, weekly(120, 82, 3), first, (&[14 * DAY + 1], "control line 135/80"));
    let sweet = planned(diabetic(), r#""fasting_lt":9.0"#);
    let values = (0..2).map(|day| fasting(day * DAY, "7.2")).collect();
    check(&sweet, values, Concept::GluUncontrolledFirst, (&[DAY], "control line 7.0."));
}

#[test]
fn a_plan_holds_on_its_days_and_the_one_entered_last_that_has_begun_counts() {
    let first = Concept::BpUncontrolledFirst;
    let over = |from: i64| weekly(128, 70, 3).into_iter().map(move |fact| later(fact, from));
    let plan = r#""systolic_lt":125,"from":"2026-04-01","until":"2026-05-01""#;
    let patient = planned(hypertensive(), plan);
    check(&patient, over(0).collect(), first, (&[], ""));
    check(&patient, over(30 * DAY).collect(), first, (&[44 * DAY + 1], "own plan"));
    check(&patient, over(70 * DAY).collect(), first, (&[], ""));
    // A later row that has not begun changes nothing yet; one that has begun ends the one before.
    let later_on = planned(patient.clone(), r#""from":"2026-06-01","systolic_lt":130"#);
    check(&later_on, over(30 * DAY).collect(), first, (&[44 * DAY + 1], "own plan"));
    let ended = planned(patient, r#""from":"2026-03-02""#);
    check(&ended, over(30 * DAY).collect(), first, (&[], ""));
}

fn later(fact: Fact, by: i64) -> Fact {
    let by = Millis::minutes(by);
    Fact { at: fact.at.plus(by), received_at: fact.received_at.plus(by), ..fact }
}

#[test]
fn without_the_diagnosis_targets_wait_so_that_screening_stays_as_it_is() {
    let plan = r#""systolic_lt":120,"fasting_lt":5.0"#;
    let screened = |patient: Patient| {
        let facts = numbered(weekly(132, 84, 8));
        let told = assess(&Pack::built_in().unwrap(), &patient, &facts, minute(100 * DAY));
        told.episodes.iter().map(|it| (it.concept, it.at)).collect::<Vec<_>>()
    };
    let c1 = || patient().with(Condition::Cohort(Cohort::C1));
    assert_eq!(screened(planned(c1(), plan)), screened(c1()));
    assert!(!screened(c1()).is_empty());
}

#[test]
fn follow_ups_and_fasting_values_are_held_against_the_plan_too() {
    let first = Concept::BpUncontrolledFirst;
    let strict = planned(hypertensive(), r#""systolic_lt":130"#);
    let words = "follow-up 134/70 mmHg, control line 130/90 (given by";
    check(&strict, vec![followup(0, 134, 70)], first, (&[0], words));
    check(&hypertensive(), vec![followup(0, 134, 70)], first, (&[], ""));
    let sweet = planned(diabetic(), r#""fasting_lt":"6.5""#);
    let values: Vec<_> = (0..2).map(|day| fasting(day * DAY, "6.6")).collect();
    let concept = Concept::GluUncontrolledFirst;
    check(&sweet, values.clone(), concept, (&[DAY], "control line 6.5 (given by"));
    check(&diabetic(), values, concept, (&[], ""));
}

#[test]
fn an_own_cadence_asks_sooner_and_never_later() {
    let often = planned(hypertensive(), r#""cadence_days":10"#);
    let one = || vec![bp(0, 120, 70)];
    let words = "no valid value for 11 days (cadence of the person's own plan)";
    check(&often, one(), Concept::Missed, (&[11 * DAY], words));
    check(&often, one(), Concept::MissedDoctor, (&[20 * DAY], "20 days (cadence"));
    let seldom = planned(hypertensive(), r#""cadence_days":300"#);
    check(&seldom, one(), Concept::Missed, (&[91 * DAY], "no valid value for 91 days."));
    // Whom nobody watches otherwise is watched by the plan.
    check(&planned(patient(), r#""cadence_days":10"#), one(), Concept::Missed, (&[11 * DAY], ""));
    check(&patient(), one(), Concept::Missed, (&[], ""));
}

#[test]
fn what_opened_by_the_plan_alone_and_was_closed_quiets_nothing_that_the_pack_says() {
    let first = Concept::BpUncontrolledFirst;
    let closed = |facts: Vec<Fact>, at| {
        let later = weekly(150, 70, 3).into_iter().map(|fact| later(fact, 40 * DAY));
        facts.into_iter().chain([act(at, first, ActOutcome::Closed)]).chain(later).collect()
    };
    let patient = planned(hypertensive(), r#""systolic_lt":125"#);
    let by_plan = closed(weekly(128, 70, 3), 20 * DAY);
    check(&patient, by_plan, first, (&[14 * DAY + 1, 54 * DAY + 1], "own plan"));
    // By the pack as well: the quiet time of the pack holds.
    let by_pack = closed(weekly(140, 70, 3), 20 * DAY);
    check(&patient, by_pack, first, (&[14 * DAY + 1], ""));
}

/// The seed of random people, plans and facts: printed with a failure.
const SEED: [u8; 32] = *b"xunzhen own plans, seed number 1";

fn plans() -> impl Strategy<Value = Plan> {
    use proptest::option::of as maybe;
    let days = (maybe(0_i64..60), maybe(60_i64..200));
    (days, maybe(100_u16..170), maybe(60_u16..110), maybe(45_u16..100), maybe(1_u16..150)).prop_map(
        |((from, until), systolic_lt, diastolic_lt, fasting, cadence_days)| {
            let date = |day: i64| minute(day * DAY).to_shanghai().map(jiff::civil::DateTime::date);
            Plan {
                from: from.and_then(date),
                until: until.and_then(date),
                systolic_lt,
                diastolic_lt,
                fasting_lt: fasting.map(crate::domain::TenthsMmol),
                cadence_days,
                ..own_plan(r#"{"person":"P1"}"#)
            }
        },
    )
}

const CONTROL: [Concept; 4] = [
    Concept::BpUncontrolledFirst,
    Concept::BpUncontrolledRepeat,
    Concept::GluUncontrolledFirst,
    Concept::GluUncontrolledRepeat,
];

/// Of a control line: crossed at the instant as well, by the line or its second, or opened before,
/// by either, so that a doctor had it already.
fn crossed_by_then(told: &Assessment, crossed: &Crossed) -> bool {
    let concerns = |concept: Concept| {
        concept == crossed.concept
            || crossed.concept.second() == Some(concept)
            || crossed.concept.first() == Some(concept)
    };
    told.crossings.iter().any(|it| concerns(it.concept) && it.at == crossed.at)
        || told.episodes.iter().any(|it| {
            it.at <= crossed.at
                && (it.concept == crossed.concept || it.level >= Level::Orange)
                && concerns(it.concept)
        })
}

#[test]
fn no_plan_loosens_any_line_for_anybody() {
    let pack = Pack::built_in().unwrap();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    // A plan in the place of another may ask less than that one did, so nobody has one yet.
    let everybody: Vec<_> =
        people().into_iter().filter(|who| who.own_plan(minute(0)).is_none()).collect();
    let cases = (facts(), 0..everybody.len(), plans());
    let mut tightened = 0_usize;
    let run = runner.run(&cases, |(facts, who, plan)| {
        let without = assess(&pack, &everybody[who], &facts, end_of(&facts));
        let with = everybody[who].clone().planned([&plan]);
        let with = assess(&pack, &with, &facts, end_of(&facts));
        // What a plan does not touch is as before: emergencies above all.
        let untouched = |told: &Assessment| {
            let silence = [Concept::Missed, Concept::MissedDoctor, Concept::PovertyRelapseRisk];
            let other =
                |it: &&Crossed| !CONTROL.contains(&it.concept) && !silence.contains(&it.concept);
            told.crossings
                .iter()
                .filter(other)
                .map(|it| (it.concept, it.level, it.trigger, it.at))
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(untouched(&with), untouched(&without));
        let reds = |told: &Assessment| {
            let red = told.episodes.iter().filter(|it| it.opened_level == Level::Red);
            red.map(|it| (it.id, it.at, it.clock, it.end)).collect::<Vec<_>>()
        };
        prop_assert_eq!(reds(&with), reds(&without));
        for crossed in without.crossings.iter().filter(|it| CONTROL.contains(&it.concept)) {
            prop_assert!(crossed_by_then(&with, crossed), "{crossed:?} is gone with {plan:?}");
        }
        let silences = |told: &Assessment, concept| {
            told.crossings.iter().filter(move |it| it.concept == concept).map(|it| it.at).min()
        };
        for concept in [Concept::Missed, Concept::MissedDoctor] {
            if let Some(at) = silences(&without, concept) {
                prop_assert!(silences(&with, concept).is_some_and(|own| own <= at), "{concept}");
            }
        }
        Ok(())
    });
    assert!(run.is_ok(), "seed {SEED:?}: {}", run.unwrap_err());
    // The same facts must show that plans do something at all.
    let strict = own_plan(r#"{"person":"P1","systolic_lt":100,"cadence_days":1}"#);
    let facts = numbered(weekly(120, 70, 4));
    for who in everybody.iter().filter(|it| it.has(Condition::Hypertension, minute(0))) {
        let with = assess(&pack, &who.clone().planned([&strict]), &facts, end_of(&facts));
        let without = assess(&pack, who, &facts, end_of(&facts));
        tightened += with.crossings.len().saturating_sub(without.crossings.len());
    }
    assert!(tightened > 0);
}

#[test]
fn the_numbers_that_would_loosen_are_named() {
    let pack = Pack::built_in().unwrap();
    let looser_of = |patient: &Patient, json: &str| {
        let plan = own_plan(&format!(r#"{{"person":"P1",{json}}}"#));
        let found = looser(&pack, patient, &plan, minute(0));
        found.iter().map(|it| format!("{} {}", it.column, it.line)).collect::<Vec<_>>()
    };
    assert_eq!(looser_of(&hypertensive(), r#""systolic_lt":140,"diastolic_lt":90"#), [""; 0]);
    assert_eq!(
        looser_of(&hypertensive(), r#""systolic_lt":145,"diastolic_lt":95,"fasting_lt":7.1"#),
        ["systolic_lt 140 mmHg", "diastolic_lt 90 mmHg", "fasting_lt 7.0 mmol/L"]
    );
    assert_eq!(looser_of(&hypertensive().aged(70), r#""systolic_lt":145"#), [""; 0]);
    assert_eq!(looser_of(&hypertensive(), r#""cadence_days":100"#), ["cadence_days 91 d"]);
    assert_eq!(looser_of(&patient(), r#""cadence_days":100"#), [""; 0]);
}
