use super::*;

fn people() -> Vec<Villager> {
    Draw::of(20_261_121).people()
}

/// Mean and standard deviation of values, in the unit of the values.
fn moments(values: impl Iterator<Item = i32>) -> (i64, i64) {
    let values: Vec<i64> = values.map(i64::from).collect();
    let count = i64::try_from(values.len()).unwrap();
    let mean = values.iter().sum::<i64>() / count;
    let square = values.iter().map(|value| (value - mean).pow(2)).sum::<i64>() / count;
    (mean, square.isqrt())
}

#[track_caller]
fn check(name: &str, got: (i64, i64), expected: Spread, within: i64) {
    let near = |got: i64, expected: i32| (got - i64::from(expected)).abs() <= within;
    assert!(near(got.0, expected.mean) && near(got.1, expected.deviation), "{name}: {got:?}");
}

#[test]
fn visits_have_the_published_spread() {
    let people = people();
    let once = |person: &Villager| {
        let mut sitting = person.visit(0, 0);
        sitting.pressure();
        sitting.pressure()
    };
    let managed = || people.iter().filter(|person| person.hypertensive);
    let systolic = moments(managed().map(|person| i32::from(once(person).systolic) * 10));
    check("systolic", systolic, spread::SYSTOLIC_MANAGED, 12);
    let diastolic = moments(managed().map(|person| i32::from(once(person).diastolic) * 10));
    check("diastolic", diastolic, spread::DIASTOLIC_MANAGED, 12);
    let others = people.iter().filter(|person| !person.hypertensive);
    let systolic = moments(others.map(|person| i32::from(once(person).systolic) * 10));
    check("others", systolic, spread::SYSTOLIC_OTHERS, 12);
}

/// ROADMAP: mean 8.6 ± 3.4 mmol/L, and 36 to 38 of a hundred under 7.0.
#[test]
fn fasting_glucose_of_diabetics_has_the_published_mean_and_share_under_seven() {
    let people = people();
    let values: Vec<i32> = people
        .iter()
        .filter(|person| person.diabetic)
        .map(|person| i32::from(person.visit(0, 0).glucose()))
        .collect();
    check("fasting", moments(values.iter().copied()), Spread { mean: 87, deviation: 34 }, 4);
    let under = values.iter().filter(|value| **value < 70).count() * 100 / values.len();
    assert!((32..=41).contains(&under), "{under}");
}

#[test]
fn one_seed_gives_one_township_and_another_seed_another() {
    assert_eq!(people(), people());
    assert_ne!(people(), Draw::of(7).people());
}

#[test]
fn what_is_found_depends_on_nobody_else() {
    let people = people();
    let person = people.iter().find(|person| person.hypertensive).unwrap();
    let (mut one, mut again) = (person.visit(3, 90), person.visit(3, 90));
    assert_eq!([one.pressure(), one.pressure()], [again.pressure(), again.pressure()]);
    let calendar = |mut calendar: Calendar| [calendar.next_visit(969), calendar.next_visit(969)];
    assert_eq!(calendar(person.calendar()), calendar(person.calendar()));
}

#[test]
fn a_rise_raises_the_truth_from_its_day_on() {
    let people = people();
    let person = people.iter().find(|person| person.rises_on().is_some()).unwrap();
    let day = person.rises_on().unwrap();
    assert_eq!(person.true_pressure(day).0 - person.true_pressure(day - 1).0, 200);
}

#[test]
fn visits_come_as_often_as_the_class_says() {
    for person in people().iter().take(300) {
        let mut calendar = person.calendar();
        let cadence = calendar.cadence();
        let visits: Vec<i32> = (0..6).map(|_| calendar.next_visit(1000).minute / 1440).collect();
        let span = visits[5] - visits[0];
        assert!((span - 5 * cadence).abs() <= 2 * cadence, "{:?} {visits:?}", person.class);
    }
}
