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
    going_on.follow(steps, in_force.next_due(&state, until));
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

/// A row entered on each of some days, in this order.
fn rows(days: &[i64], row: impl Fn(usize) -> Patient) -> InForce {
    let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
    let entered: Vec<_> = days.iter().map(|day| minute(day * DAY)).collect();
    InForce::new(&packs, &entered, |_, at| row(entered.iter().position(|it| *it == at).unwrap()))
}

/// How the alerts of a concept ended, on which day.
#[track_caller]
fn check_ends(in_force: &InForce, concept: Concept, expected: &[Option<(i64, Ended)>]) {
    let (_, whole) = in_force.fold(&[], minute(100 * DAY));
    let own = whole.episodes.iter().filter(|episode| episode.concept == concept);
    let ends: Vec<_> = own.map(|episode| episode.end.map(|end| (end.at, end.how))).collect();
    let expected: Vec<_> =
        expected.iter().map(|end| end.map(|(day, how)| (minute(day * DAY), how))).collect();
    assert_eq!(ends, expected);
}

#[test]
fn a_person_who_was_never_measured_is_silent_from_their_enrolment() {
    let tracked = || patient().with(Condition::Cohort(Cohort::C2));
    let one = |person: Patient| rows(&[0], |_| person.clone());
    check(&one(tracked().enrolled(minute(0))), &[], Concept::Missed, &[8 * DAY]);
    check(&one(tracked().enrolled(minute(0))), &[], Concept::MissedDoctor, &[14 * DAY]);
    check(
        &one(tracked().enrolled(minute(0))),
        &[bp(8 * DAY - 1, 120, 70)],
        Concept::Missed,
        &[16 * DAY - 1],
    );
    check(&one(patient().enrolled(minute(0))), &[], Concept::Missed, &[]);
    check(&one(tracked()), &[], Concept::Missed, &[]);
}

#[test]
fn a_row_that_makes_a_silence_matter_tells_of_it_no_earlier_than_it_reaches_back() {
    let person = || patient().enrolled(minute(0));
    let row = |number| if number == 0 { person() } else { person().with(Condition::Hypertension) };
    check(&rows(&[0, 100], row), &[], Concept::Missed, &[91 * DAY]);
    let tracked = |number| {
        if number == 0 { person() } else { person().with(Condition::Cohort(Cohort::C2)) }
    };
    check(&rows(&[0, 100], tracked), &[], Concept::Missed, &[86 * DAY]);
    let paused = tracked(1).during(Condition::Dead, None, None);
    check(
        &rows(&[0, 100], |number| if number == 0 { tracked(1) } else { paused.clone() }),
        &[],
        Concept::Missed,
        &[8 * DAY],
    );
}

#[test]
fn whoever_leaves_leaves_their_silence() {
    let tracked = || patient().enrolled(minute(0)).with(Condition::Cohort(Cohort::C2));
    let untracked = || patient().enrolled(minute(0));
    let row = |number| if number == 0 { tracked() } else { untracked() };
    // Within fourteen days it never was.
    check_ends(&rows(&[0, 20], row), Concept::Missed, &[]);
    check_ends(&rows(&[0, 40], row), Concept::Missed, &[Some((26, Ended::Left))]);
    check_ends(&rows(&[0, 40], row), Concept::MissedDoctor, &[Some((26, Ended::Left))]);
    let day = |day: i64| Some(minute(day * DAY).to_shanghai().unwrap().date());
    let dying = |_: usize| tracked().during(Condition::Dead, day(30), None);
    let midnight = Timestamp::from_shanghai(day(30).unwrap().at(0, 0, 0, 0)).unwrap();
    let (_, whole) = rows(&[0], dying).fold(&[], minute(100 * DAY));
    let ends: Vec<_> = whole.episodes.iter().map(|it| it.end.map(|end| end.at)).collect();
    assert_eq!(ends, [Some(midnight), Some(midnight)]);
    assert_eq!(whole.next_due, None, "nothing is due of the dead");
}

#[test]
fn the_dead_are_watched_by_nothing_not_even_by_their_own_plan() {
    let day = |day: i64| Some(minute(day * DAY).to_shanghai().unwrap().date());
    let plan = own_plan(r#"{"person":"P000001","cadence_days":10}"#);
    let planned = || patient().enrolled(minute(0)).planned([&plan]);
    let midnight = Timestamp::from_shanghai(day(15).unwrap().at(0, 0, 0, 0)).unwrap();
    let dying = planned().during(Condition::Dead, day(15), None);
    let one = rows(&[0], |_| dying.clone());
    check(&one, &[], Concept::Missed, &[11 * DAY]);
    let (_, told) = one.fold(&[], minute(12 * DAY));
    assert_eq!(told.next_due, Some(midnight), "the watch is told of the end");
    let (state, whole) = one.fold(&[], minute(100 * DAY));
    let ends: Vec<_> =
        whole.episodes.iter().map(|it| it.end.map(|end| (end.at, end.how))).collect();
    assert_eq!(ends, [Some((midnight, Ended::Left))], "the doctor is told of nothing");
    assert_eq!(one.next_silence(&state, minute(100 * DAY)), None);
    let (state, _) = one.fold(&[], minute(12 * DAY));
    assert_eq!(one.next_silence(&state, minute(12 * DAY)), Some(midnight));
    // A plan that ends lets go as well.
    let over = own_plan(r#"{"person":"P000001","cadence_days":10,"until":"2026-03-14"}"#);
    let ended = patient().enrolled(minute(0)).planned([&over]);
    let (_, whole) = rows(&[0], |_| ended.clone()).fold(&[], minute(100 * DAY));
    let ends: Vec<_> = whole.episodes.iter().map(|it| it.end.map(|end| end.how)).collect();
    assert_eq!(ends, [Some(Ended::Left)]);
}

#[test]
fn whoever_comes_back_is_told_of_anew_though_a_doctor_had_closed_the_first() {
    let day = |day: i64| Some(minute(day * DAY).to_shanghai().unwrap().date());
    let c2 = Condition::Cohort(Cohort::C2);
    let person = patient().enrolled(minute(0)).during(c2, None, day(12)).during(c2, day(90), None);
    let closed = act(9 * DAY, Concept::Missed, ActOutcome::Closed);
    let back = Timestamp::from_shanghai(day(90).unwrap().at(0, 0, 0, 0)).unwrap();
    let (_, whole) = rows(&[0], |_| person.clone()).fold(&[closed], minute(100 * DAY));
    let missed = whole.crossings.iter().filter(|it| it.concept == Concept::Missed);
    assert_eq!(missed.map(|it| it.at).collect::<Vec<_>>(), [minute(8 * DAY), back]);
}

#[test]
fn whoever_comes_back_and_is_silent_still_is_told_of_anew() {
    let day = |day: i64| Some(minute(day * DAY).to_shanghai().unwrap().date());
    let c2 = Condition::Cohort(Cohort::C2);
    let person = patient().enrolled(minute(0)).during(c2, None, day(19)).during(c2, day(60), None);
    let (_, whole) = rows(&[0], |_| person.clone()).fold(&[], minute(100 * DAY));
    let missed = whole.episodes.iter().filter(|it| it.concept == Concept::Missed);
    let opened: Vec<_> = missed.map(|it| (it.at, it.end.is_some())).collect();
    let back = Timestamp::from_shanghai(day(60).unwrap().at(0, 0, 0, 0)).unwrap();
    assert_eq!(opened, [(minute(8 * DAY), true), (back, false)]);
}
