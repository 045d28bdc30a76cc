//! What a reading costs in the commit path. Run with `XUNZHEN_MEASURE=1` in release.

use std::{hint::black_box, io::Write};

use super::*;

/// Readings of one person that cross nothing, three hours apart.
fn calm(count: i64) -> Vec<Fact> {
    numbered((0..count).map(|place| bp(place * 180, 118 + place % 9, 70 + place % 7)).collect())
}

#[test]
fn a_calm_reading_makes_no_step() {
    let pack = Pack::built_in().unwrap();
    let mut state = State::new();
    let mut steps = Vec::new();
    for fact in &calm(2000) {
        state.apply(&pack, &hypertensive(), fact, &mut steps).unwrap();
    }
    assert_eq!(steps, []);
}

#[test]
fn time_of_a_calm_reading() {
    if std::env::var_os("XUNZHEN_MEASURE").is_none() {
        return;
    }
    let pack = Pack::built_in().unwrap();
    let person = hypertensive().with(Condition::Cohort(Cohort::C1));
    let facts = calm(200_000);
    let mut state = State::new();
    let mut steps = Vec::new();
    let started = tokio::time::Instant::now();
    for fact in &facts {
        state.apply(&pack, &person, black_box(fact), &mut steps).unwrap();
    }
    let each = started.elapsed().as_nanos() / u128::try_from(facts.len()).unwrap();
    let bytes = size_of::<State>();
    writeln!(std::io::stderr(), "{each} ns a reading, {bytes} bytes of state").unwrap();
    assert!(each < 10_000, "{each} ns");
}
