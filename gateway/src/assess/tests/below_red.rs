//! The lines below red: on the number, one step off it, and as often as they ask.

use super::{lines::check, *};

fn c(cohort: Cohort) -> Condition {
    Condition::Cohort(cohort)
}

fn clinic(mut fact: Fact) -> Fact {
    if let Body::BloodPressure(cuff) = &mut fact.body {
        cuff.setting = Setting::Clinic;
    }
    fact
}

fn meal(mut fact: Fact, meal: Meal) -> Fact {
    if let Body::Glucose(meter) = &mut fact.body {
        meter.meal = meal;
    }
    fact
}

fn money(at: i64, profile: &str, kind: MoneyKind, yuan: i64) -> Fact {
    fact(at, Body::Money(Money { profile: profile.into(), kind, yuan: Decimal::from(yuan) }))
}

/// Silence counts only up to the watermark: before the first value none is judged.
fn no_silence() -> Fact {
    watermark(-60, -60)
}

/// Two readings a minute apart: a confirmed session.
fn confirmed(at: i64, systolic: i64, diastolic: i64) -> [Fact; 2] {
    [bp(at, systolic, diastolic), bp(at + 1, systolic, diastolic)]
}

#[track_caller]
fn check_session(person: &Patient, at_home: bool, pressure: (i64, i64), expected: &[&str]) {
    let session = confirmed(0, pressure.0, pressure.1);
    let facts = session.map(|fact| if at_home { fact } else { clinic(fact) });
    check(person, facts.to_vec(), expected);
}

#[test]
fn grade_2_is_160_or_100_confirmed() {
    let orange = ["bp_grade2 orange 1 open"];
    check_session(&patient(), true, (160, 80), &orange);
    check_session(&patient(), true, (120, 100), &orange);
    check_session(&patient(), true, (159, 99), &[]);
    check(&patient(), vec![bp(0, 160, 80)], &["bp_remeasure blue 0 open"]);
    check(&hypertensive().with(c(Cohort::C2)), vec![bp(0, 160, 80)], &["bp_grade2 orange 0 open"]);
}

#[test]
fn two_of_the_last_three_sessions_on_two_days_are_grade_2() {
    let blue = "bp_remeasure blue 0 open";
    let high = |at| bp(at, 165, 80);
    let same_day = vec![high(0), high(60)];
    check(&patient(), same_day, &[blue]);
    let third = vec![high(0), bp(DAY, 120, 70), high(2 * DAY)];
    check(&patient(), third, &[blue, "bp_grade2 orange 2 open"]);
    let fourth = vec![high(0), bp(DAY, 120, 70), bp(2 * DAY, 120, 70), high(3 * DAY)];
    check(&patient(), fourth, &[blue]);
}

#[test]
fn a_session_lasts_less_than_ten_minutes() {
    let person = hypertensive().with(c(Cohort::C2));
    let yellow = ["bp_uncontrolled_first yellow 1 open"];
    check(&person, vec![bp(0, 140, 80), bp(9, 140, 80)], &yellow);
    check(&person, vec![bp(0, 140, 80), bp(10, 120, 80)], &[]);
    // The mean is rounded half up: 134.5 is on the home line of 135, 134 is not.
    check(&person, vec![bp(0, 150, 80), bp(9, 119, 80)], &yellow);
    check(&person, vec![bp(0, 150, 80), bp(9, 118, 80)], &["bp_early_line blue 1 open"]);
}

#[test]
fn the_control_line_goes_by_cohort_age_and_setting() {
    let person = |cohort, age| hypertensive().aged(age).with(c(cohort));
    let over = ["bp_uncontrolled_first yellow 0 open"];
    let line = |cohort, age, systolic| {
        check(&person(cohort, age), vec![followup(0, systolic, 70)], &over);
        check(&person(cohort, age), vec![followup(0, systolic - 1, 89)], &[]);
        check(&person(cohort, age), vec![followup(0, 120, 90)], &over);
    };
    line(Cohort::C0, 64, 140);
    line(Cohort::C0, 65, 150);
    line(Cohort::C0, 80, 150);
    for cohort in [Cohort::C1, Cohort::C2, Cohort::C3] {
        line(cohort, 64, 140);
        line(cohort, 79, 140);
        line(cohort, 80, 150);
    }
}

#[test]
fn at_home_the_line_is_five_lower() {
    let person = |age| hypertensive().aged(age).with(c(Cohort::C2));
    let over = ["bp_uncontrolled_first yellow 1 open"];
    let early = ["bp_early_line blue 1 open"];
    check_session(&person(60), true, (135, 70), &over);
    check_session(&person(60), true, (120, 85), &over);
    check_session(&person(60), true, (134, 84), &early);
    check_session(&person(82), true, (145, 70), &over);
    check_session(&person(82), true, (120, 85), &over);
    check_session(&person(82), true, (144, 84), &[]);
    check_session(&person(60), false, (139, 89), &early);
    check_session(&person(60), false, (140, 70), &over);
}

#[test]
fn the_early_line_is_for_the_young_of_c1_and_c2_and_the_undiagnosed() {
    let blue = ["bp_early_line blue 1 open"];
    let known = |cohort, age| hypertensive().aged(age).with(c(cohort));
    check_session(&known(Cohort::C1, 64), false, (130, 70), &blue);
    check_session(&known(Cohort::C1, 64), false, (120, 85), &blue);
    check_session(&known(Cohort::C1, 64), false, (129, 84), &[]);
    check_session(&known(Cohort::C1, 64), true, (130, 70), &blue);
    check_session(&known(Cohort::C1, 64), true, (129, 84), &[]);
    check_session(&known(Cohort::C1, 65), false, (130, 70), &[]);
    check_session(&known(Cohort::C3, 60), false, (130, 70), &[]);
    check_session(&patient().with(c(Cohort::C3)).aged(70), false, (120, 85), &blue);
    check_session(&patient(), false, (130, 85), &[]);
}

#[test]
fn a_low_session_is_graver_on_drugs_or_from_65() {
    let treated = hypertensive().with(Condition::Antihypertensive);
    check_session(&treated, true, (89, 60), &["bp_low orange 1 open"]);
    check_session(&treated, true, (90, 60), &[]);
    check_session(&patient().aged(65), true, (89, 60), &["bp_low orange 1 open"]);
    check_session(&patient().aged(64), true, (89, 60), &["bp_low yellow 1 open"]);
    check(&patient(), vec![bp(0, 89, 60)], &["bp_remeasure blue 0 open"]);
}

#[test]
fn an_irregular_pulse_needs_two_marks_of_three_readings() {
    let marked = |at| {
        let mut fact = bp(at, 120, 70);
        if let Body::BloodPressure(cuff) = &mut fact.body {
            cuff.flags.irregular_pulse = true;
        }
        fact
    };
    let yellow = ["irregular_pulse yellow 2 open"];
    check(&patient(), vec![marked(0), marked(1), bp(2, 120, 70)], &yellow);
    check(&patient(), vec![marked(0), marked(1)], &[]);
    check(&patient(), vec![marked(0), bp(1, 120, 70), bp(2, 120, 70)], &[]);
    check(
        &patient(),
        vec![marked(0), marked(1), bp(2, 190, 70)],
        &["bp_emergency red 2 open", "irregular_pulse yellow 2 open"],
    );
}

#[test]
fn screening_finds_the_first_high_day_and_three_in_a_row() {
    let day = |day: i64, systolic, diastolic| clinic(bp(day * DAY, systolic, diastolic));
    let found = "bp_first_found yellow 0 open";
    check(&patient(), vec![day(0, 139, 89)], &[]);
    check(&patient(), vec![day(0, 120, 90)], &[found]);
    let three = vec![day(0, 140, 80), day(5, 140, 80), day(9, 140, 80)];
    check(&patient(), three, &[found, "bp_suspected_htn orange 2 open"]);
    let gap = vec![day(0, 140, 80), day(5, 130, 80), day(9, 140, 80), day(10, 140, 80)];
    check(&patient(), gap, &[found]);
    check(&hypertensive(), vec![day(0, 140, 80)], &[]);
}

#[test]
fn a_home_week_is_judged_once_by_its_last_six_days() {
    let week = |systolic, diastolic| -> Vec<Fact> {
        let days = (0..7).flat_map(|day| [day * DAY, day * DAY + 720]);
        days.map(|at| if at < DAY { bp(at, 150, 95) } else { bp(at, systolic, diastolic) })
            .collect()
    };
    check(&patient(), week(135, 70), &["bp_suspected_home yellow 13 open"]);
    check(&patient(), week(120, 85), &["bp_suspected_home yellow 13 open"]);
    check(&patient(), week(134, 84), &[]);
    let mut eleven = week(140, 70);
    eleven.remove(5);
    check(&patient(), eleven.clone(), &[]);
    eleven.push(bp(6 * DAY + 800, 140, 70));
    check(&patient(), eleven, &["bp_suspected_home yellow 13 open"]);
}

#[test]
fn glucose_goes_by_fasting_and_cohort() {
    let person = |cohort| diabetic().with(c(cohort));
    let over = ["glu_uncontrolled_first yellow 0 open"];
    check(&person(Cohort::C2), vec![fasting(0, "7.0")], &over);
    check(&person(Cohort::C2), vec![fasting(0, "6.9")], &[]);
    check(&person(Cohort::C2), vec![sugar(0, "10.0")], &over);
    check(&person(Cohort::C2), vec![sugar(0, "9.9")], &[]);
    let twice = |value| vec![sugar(0, value), sugar(DAY, value)];
    let second = ["glu_uncontrolled_first yellow 1 open"];
    check(&person(Cohort::C0), twice("11.1"), &second);
    check(&person(Cohort::C0), twice("11.0"), &[]);
    check(&person(Cohort::C1), twice("10.0"), &second);
    check(&person(Cohort::C3), twice("9.9"), &[]);
    check(&person(Cohort::C1), vec![sugar(0, "10.0"), sugar(60, "10.0")], &[]);
}

#[test]
fn very_high_glucose_is_13_9_to_16_6() {
    check(&patient(), vec![sugar(0, "13.9")], &["glu_high_urgent orange 0 open"]);
    check(&diabetic(), vec![sugar(0, "13.8")], &[]);
}

#[test]
fn the_undiagnosed_are_found_once_and_suspected_on_another_day() {
    let found = "glu_first_found yellow 0 open";
    check(&patient(), vec![fasting(0, "7.0")], &[found]);
    check(&patient(), vec![fasting(0, "6.9")], &[]);
    check(&patient(), vec![sugar(0, "11.1")], &[found]);
    check(&patient(), vec![sugar(0, "11.0")], &[]);
    check(&patient(), vec![fasting(0, "7.0"), sugar(300, "11.1")], &[found]);
    let later = vec![fasting(0, "7.0"), fasting(400 * DAY, "7.0")];
    check(&patient(), later, &[found, "glu_suspected_dm orange 1 open"]);
    let pack = Pack::built_in().unwrap();
    let thirsty = |fact| with_symptom(&pack, fact, "polydipsia");
    check(&patient(), vec![thirsty(sugar(0, "11.1"))], &["glu_suspected_dm orange 0 open"]);
    check(&patient(), vec![thirsty(fasting(0, "11.1"))], &[found]);
}

#[test]
fn early_and_near_low_values_are_blue() {
    let tracked = patient().with(c(Cohort::C1));
    let early = ["glu_early_line blue 0 open"];
    check(&tracked, vec![fasting(0, "6.1")], &early);
    check(&tracked, vec![fasting(0, "6.0")], &[]);
    check(&tracked, vec![meal(sugar(0, "7.8"), Meal::AfterMeal)], &early);
    check(&tracked, vec![meal(sugar(0, "7.7"), Meal::AfterMeal)], &[]);
    check(&tracked, vec![sugar(0, "7.8")], &[]);
    check(&patient(), vec![fasting(0, "6.1")], &[]);
    let treated = |cohort| diabetic().with(Condition::InsulinOrSulphonylurea).with(c(cohort));
    let near = ["glu_low_early blue 0 open"];
    check(&treated(Cohort::C2), vec![sugar(0, "4.3")], &near);
    check(&treated(Cohort::C2), vec![sugar(0, "4.0")], &near);
    check(&treated(Cohort::C2), vec![sugar(0, "4.4")], &[]);
    check(&treated(Cohort::C3), vec![sugar(0, "4.3")], &[]);
}

#[test]
fn an_unknown_meal_is_asked_about_between_the_two_lines() {
    let unknown = |value| vec![meal(sugar(0, value), Meal::Unknown)];
    let asked = ["dq_context blue 0 open"];
    check(&diabetic(), unknown("7.0"), &asked);
    check(&diabetic(), unknown("6.9"), &[]);
    check(&diabetic(), unknown("11.0"), &asked);
    check(&diabetic(), unknown("11.1"), &[]);
    check(&diabetic().with(c(Cohort::C1)), unknown("10.0"), &[]);
}

#[test]
fn two_low_episodes_in_a_fortnight_are_recurrent() {
    let low = |at| sugar(at, "3.5");
    let recurrent = |second: i64| {
        let facts = numbered(vec![low(0), sugar(30, "6.0"), low(second)]);
        let pack = Pack::built_in().unwrap();
        let episodes = assess(&pack, &diabetic(), &facts, minute(second + 20)).episodes;
        episodes.iter().any(|it| it.concept == Concept::GluLowRecurrent)
    };
    assert!(!recurrent(120));
    assert!(recurrent(121));
    assert!(recurrent(14 * DAY));
    assert!(!recurrent(14 * DAY + 1));
}

#[test]
fn a_fast_pulse_lasts_ten_to_sixty_minutes() {
    let pulse = |at, pulse: i64| {
        let mut fact = bp(at, 120, 70);
        if let Body::BloodPressure(cuff) = &mut fact.body {
            cuff.pulse = Some(Decimal::from(pulse));
        }
        fact
    };
    let red = ["dm_tachycardia red 1 open"];
    check(&diabetic(), vec![pulse(0, 101), pulse(10, 101)], &red);
    check(&diabetic(), vec![pulse(0, 101), pulse(60, 101)], &red);
    check(&diabetic(), vec![pulse(0, 101), pulse(9, 101)], &[]);
    check(&diabetic(), vec![pulse(0, 101), pulse(61, 101)], &[]);
    check(&diabetic(), vec![pulse(0, 101), pulse(20, 100)], &[]);
    check(&diabetic(), vec![pulse(0, 101), pulse(5, 100), pulse(20, 101)], &[]);
    check(&patient(), vec![pulse(0, 101), pulse(20, 101)], &[]);
    // Of many fast readings the ones between can never decide and are forgotten.
    let many = (0..60).map(|at| pulse(at, 120)).chain([pulse(110, 120)]).collect();
    check(&diabetic(), many, &["dm_tachycardia red 10 open"]);
}

#[test]
fn money_goes_by_the_local_line_and_its_comparator() {
    let line = ["oop_line orange 0 open"];
    let year = |profile, yuan| vec![money(0, profile, MoneyKind::YearToDate, yuan)];
    let poor = hypertensive().with(c(Cohort::C1));
    check(&poor, year("xian-2025", 10_000), &[]);
    check(&poor, year("xian-2025", 10_001), &line);
    check(&hypertensive(), year("xian-2025", 26_000), &[]);
    check(&hypertensive(), year("xian-2025", 26_001), &line);
    check(&poor, year("county-example", 4_999), &[]);
    check(&poor, year("county-example", 5_000), &line);
    check(&hypertensive(), year("county-example", 20_000), &line);
    let month = |yuan| vec![money(0, "county-example", MoneyKind::OutpatientMonth, yuan)];
    check(&hypertensive(), month(500), &line);
    check(&hypertensive(), month(499), &[]);
    check(&poor, year("nowhere", 1_000_000), &[]);
}

#[test]
fn a_second_failure_comes_a_fortnight_after_the_first() {
    let person = hypertensive().with(c(Cohort::C1));
    let over = |day: i64| clinic(bp(day * DAY, 150, 80));
    let facts = |last| vec![no_silence(), over(0), over(1), over(last)];
    check(&person, facts(14), &["bp_uncontrolled_first yellow 2 open"]);
    check(
        &person,
        facts(15),
        &["bp_uncontrolled_first yellow 2 superseded", "bp_uncontrolled_repeat orange 3 open"],
    );
}

#[test]
fn two_values_under_the_line_on_two_days_end_a_first_failure() {
    let person = hypertensive().with(c(Cohort::C2));
    let first = confirmed(0, 146, 80);
    let with = |more: Vec<Fact>| -> Vec<Fact> { first.iter().cloned().chain(more).collect() };
    let under = |at| bp(at, 120, 70);
    let state = |more, state: &str| {
        let first = format!("bp_uncontrolled_first yellow 1 {state}");
        check(&person, with(more), &[&first]);
    };
    state(vec![under(60), under(120)], "open");
    state(vec![under(60), under(DAY)], "resolved");
    state(vec![under(60), bp(300, 146, 80), under(DAY)], "open");
    state(vec![followup(DAY, 120, 70)], "resolved");
}

#[test]
fn after_its_end_a_line_keeps_quiet() {
    let closed = |at| act(at, Concept::BpGrade2, ActOutcome::Closed);
    let grade2 = |day: i64, cohort| {
        let person = patient().with(c(cohort));
        let mut facts = vec![no_silence()];
        facts.extend(confirmed(0, 165, 80));
        facts.push(closed(60));
        facts.extend(confirmed(day * DAY + 60, 165, 80));
        let pack = Pack::built_in().unwrap();
        let facts = numbered(facts);
        let episodes = assess(&pack, &person, &facts, minute((day + 1) * DAY)).episodes;
        episodes.iter().filter(|it| it.concept == Concept::BpGrade2).count()
    };
    for (cohort, days) in
        [(Cohort::C0, 150), (Cohort::C1, 150), (Cohort::C2, 56), (Cohort::C3, 150)]
    {
        assert_eq!((grade2(days - 1, cohort), grade2(days, cohort)), (1, 2), "{cohort:?}");
    }
}

#[test]
fn silence_follows_the_cohort() {
    let due = |cohort, days: i64| {
        let person = hypertensive().with(c(cohort));
        let pack = Pack::built_in().unwrap();
        let facts = numbered(vec![bp(0, 120, 70)]);
        assess(&pack, &person, &facts, minute(days * DAY)).episodes.len()
    };
    let plan = [(Cohort::C0, 91, 120), (Cohort::C1, 31, 60), (Cohort::C2, 8, 14)];
    for (cohort, prompt, doctor) in plan {
        assert_eq!(
            [prompt - 1, prompt, doctor - 1, doctor].map(|day| due(cohort, day)),
            [0, 1, 1, 2]
        );
    }
    let pack = Pack::built_in().unwrap();
    let silent = |person: &Patient| assess(&pack, person, &[], minute(200 * DAY)).episodes.len();
    assert_eq!(silent(&hypertensive()), 0);
    assert_eq!(silent(&hypertensive().enrolled(minute(0))), 2);
    assert_eq!(silent(&patient().enrolled(minute(0))), 0);
    assert_eq!(silent(&patient().with(c(Cohort::C3)).enrolled(minute(0))), 2);
}

#[test]
fn two_points_cross_the_poverty_relapse_line() {
    let failed = || vec![no_silence(), followup(0, 150, 95), followup(DAY, 150, 95)];
    let paid = |at| money(at, "county-example", MoneyKind::YearToDate, 5_000);
    let closing = |at| act(at, Concept::PovertyRelapseRisk, ActOutcome::Closed);
    let count = |person: &Patient, more: Vec<Fact>| {
        let facts = numbered(failed().into_iter().chain(more).collect());
        let pack = Pack::built_in().unwrap();
        let end = facts.last().unwrap().at.plus(Millis::minutes(20));
        let episodes = assess(&pack, person, &facts, end).episodes;
        episodes.iter().filter(|it| it.concept == Concept::PovertyRelapseRisk).count()
    };
    let (c1, c3) = (hypertensive().with(c(Cohort::C1)), hypertensive().with(c(Cohort::C3)));
    assert_eq!(count(&c3, vec![]), 1);
    assert_eq!(count(&c1, vec![]), 0);
    assert_eq!(count(&hypertensive(), vec![paid(2 * DAY)]), 0);
    assert_eq!(
        count(
            &hypertensive().poor_by_illness(),
            vec![money(2 * DAY, "county-example", MoneyKind::YearToDate, 20_000,)]
        ),
        1
    );
    // Closing what is not open forgets nothing; a component counts through its last day.
    assert_eq!(count(&c1, vec![closing(2 * DAY), paid(181 * DAY)]), 1);
    assert_eq!(count(&c1, vec![paid(182 * DAY)]), 0);
    // After closing, older components count no more.
    assert_eq!(count(&c1, vec![paid(2 * DAY), closing(3 * DAY), paid(400 * DAY)]), 1);
}
