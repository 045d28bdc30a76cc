//! A fact is judged by the pack and the row of its own time.

use std::sync::Arc;

use super::*;

const HOUR: i64 = 60;

/// The built-in pack, and from a minute on one with these keys laid over it.
fn packs(from: i64, over: &str) -> Packs {
    let mut packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
    packs.follow(minute(from), Arc::new(Pack::draft(over).unwrap()));
    packs
}

/// When alerts of a concept opened, in minutes: judged at once, and going on from each fact.
#[track_caller]
fn check(in_force: &InForce, facts: &[Fact], concept: Concept, expected: &[i64]) {
    let until = minute(100 * DAY);
    let facts = numbered(facts.to_vec());
    let (_, whole) = in_force.fold(&facts, until);
    let mut state = State::new();
    let mut going_on = Assessment::default();
    let mut steps = Vec::new();
    for fact in &facts {
        in_force.apply(&mut state, fact, &mut steps).unwrap();
    }
    in_force.advance(&mut state, until, &mut steps);
    going_on.follow(steps, in_force.next_due(&state));
    assert_eq!(going_on, whole);
    let own = whole.episodes.iter().filter(|episode| episode.concept == concept);
    let opened: Vec<_> = own.map(|episode| episode.at).collect();
    assert_eq!(opened, expected.iter().map(|at| minute(*at)).collect::<Vec<_>>());
}

/// Two readings that make a confirmed session.
fn session(at: i64, systolic: i64, diastolic: i64) -> [Fact; 2] {
    [bp(at, systolic, diastolic), bp(at + 1, systolic, diastolic)]
}

#[test]
fn a_new_pack_judges_later_facts_and_changes_no_history() {
    let stricter = r#"{"lines": {"bp_emergency": {"sbp_ge": 170, "dbp_ge": 105}}}"#;
    let in_force = InForce::new(&packs(2 * DAY, stricter), &[], |_, _| patient());
    let facts = [bp(0, 175, 90), bp(2 * DAY - 1, 175, 90), bp(2 * DAY, 175, 90)];
    check(&in_force, &facts, Concept::BpEmergency, &[2 * DAY]);
}

#[test]
fn what_was_due_before_a_new_pack_is_judged_by_the_one_before() {
    let stricter = r#"{"lines": {"bp_grade2": {"sbp_ge": 155, "dbp_ge": 98}}}"#;
    let facts = [session(0, 157, 80), session(3 * DAY, 157, 80)].concat();
    // The first session ends ten minutes after it began.
    for (from, expected) in [(HOUR, &[3 * DAY + 1][..]), (5, &[1]), (11, &[3 * DAY + 1])] {
        let in_force = InForce::new(&packs(from, stricter), &[], |_, _| patient());
        check(&in_force, &facts, Concept::BpGrade2, expected);
    }
}

#[test]
fn a_row_of_the_registry_reaches_back_fourteen_days_and_no_further() {
    let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
    let entered = [minute(-DAY), minute(30 * DAY)];
    let expecting = || patient().with(Condition::Pregnant);
    let row = |_: &Pack, at| if at == entered[0] { patient() } else { expecting() };
    let in_force = InForce::new(&packs, &entered, row);
    let reading = |at| [bp(at, 150, 95)];
    check(&in_force, &reading(16 * DAY - 1), Concept::BpPregnancy, &[]);
    check(&in_force, &reading(16 * DAY), Concept::BpPregnancy, &[16 * DAY]);
    // The first row counts since ever.
    let known = InForce::new(&packs, &[minute(30 * DAY)], |_, _| expecting());
    check(&known, &reading(0), Concept::BpPregnancy, &[0]);
}
