//! The cured cohort: entering schedules, leaving cancels with a reason; and facts of a person that
//! contradict each other.

use std::sync::Arc;

use super::*;
use jiff::civil::Date;

use crate::domain::{Level, Person};

fn day(text: &str) -> Option<Date> {
    text.parse().ok()
}

const C3: Condition = Condition::Cohort(Cohort::C3);

/// An alert of silence: its day, and the day and way of its end.
type Told = (Concept, i64, Option<(i64, Ended)>);

/// What silence does, in days from minute 0: opened, and how it ended.
#[track_caller]
fn check(patient: &Patient, facts: &[Fact], expected: &[Told]) {
    let in_force = InForce::always(Arc::new(Pack::built_in().unwrap()), patient.clone());
    check_in_force(&in_force, facts, expected);
}

#[track_caller]
fn check_in_force(in_force: &InForce, facts: &[Fact], expected: &[Told]) {
    let facts = numbered(facts.to_vec());
    let until = minute(300 * DAY);
    let (_, told) = in_force.fold(&facts, until);
    let days = |at: Timestamp| at.shanghai_day() - minute(0).shanghai_day();
    let silence = [Concept::Missed, Concept::MissedDoctor];
    let shown: Vec<_> = told
        .episodes
        .iter()
        .filter(|it| silence.contains(&it.concept))
        .map(|it| (it.concept, days(it.at), it.end.map(|end| (days(end.at), end.how))))
        .collect();
    assert_eq!(shown, expected);
    let mut going_on = Assessment::default();
    let (mut state, mut steps) = (State::new(), Vec::new());
    for fact in &facts {
        in_force.apply(&mut state, fact, &mut steps).unwrap();
    }
    in_force.advance(&mut state, until, &mut steps);
    going_on.follow(steps, in_force.next_due(&state, until));
    assert_eq!(going_on, told);
}

#[test]
fn entering_the_cured_cohort_schedules_from_its_first_day() {
    let tracked = patient().during(C3, day("2026-03-12"), None);
    let (asked, told) = (Concept::Missed, Concept::MissedDoctor);
    check(&tracked, &[], &[(asked, 41, None), (told, 70, None)]);
    // From a value on it is the value that counts, and before the cohort nothing is due.
    check(&tracked, &[bp(20 * DAY, 120, 70)], &[(asked, 51, None), (told, 80, None)]);
    check(&patient(), &[], &[]);
    // Taken into care later than the cohort began: from then on.
    let enrolled = tracked.enrolled(minute(30 * DAY));
    check(&enrolled, &[], &[(asked, 61, None), (told, 90, None)]);
}

#[test]
fn a_pause_between_two_times_of_tracking_is_no_silence() {
    let cohort = patient().during(C3, day("2026-03-12"), day("2026-03-31"));
    let again = cohort.during(C3, day("2026-06-01"), None);
    check(&again, &[], &[(Concept::Missed, 122, None), (Concept::MissedDoctor, 151, None)]);
}

#[test]
fn leaving_cancels_what_is_due_and_withdraws_what_is_open_with_its_reason() {
    let (asked, left) = (Concept::Missed, Ended::Left);
    // Its last day lies between the patient's day and the doctor's.
    let tracked = patient().during(C3, day("2026-03-02"), day("2026-04-20"));
    check(&tracked, &[bp(0, 120, 70)], &[(asked, 31, Some((50, left)))]);
    // Before anything was due nothing opens at all.
    let short = patient().during(C3, day("2026-03-02"), day("2026-03-20"));
    check(&short, &[bp(0, 120, 70)], &[]);
}

#[test]
fn whoever_is_still_watched_is_asked_by_what_holds_now() {
    let (asked, told) = (Concept::Missed, Concept::MissedDoctor);
    // As a hypertensive of the general cohort the 91st and the 120th day count again.
    let tracked = hypertensive().during(C3, day("2026-03-02"), day("2026-04-20"));
    let expected = [(asked, 31, Some((50, Ended::Left))), (asked, 91, None), (told, 120, None)];
    check(&tracked, &[bp(0, 120, 70)], &expected);
    // Into a stricter cohort: what is open stays open.
    let c2 = Condition::Cohort(Cohort::C2);
    let worse = patient().during(C3, day("2026-03-02"), day("2026-04-20")).during(
        c2,
        day("2026-04-21"),
        None,
    );
    check(&worse, &[bp(0, 120, 70)], &[(asked, 31, None), (told, 50, None)]);
}

#[test]
fn a_row_without_the_cohort_withdraws_from_fourteen_days_before_it_was_entered() {
    let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
    let entered = [minute(-DAY), minute(60 * DAY)];
    let tracked = || patient().with(C3);
    let row = |_: &Pack, at| if at == entered[0] { tracked() } else { patient() };
    let in_force = InForce::new(&packs, &entered, row);
    let expected = [(Concept::Missed, 31, Some((46, Ended::Left)))];
    check_in_force(&in_force, &[bp(0, 120, 70)], &expected);
    assert!(!in_force.last().minds_silence(minute(60 * DAY)));
}

#[test]
fn a_page_says_since_when_and_when_the_next_value_is_due() {
    let pack = Pack::built_in().unwrap();
    let tracked = patient().during(C3, day("2026-03-12"), day("2026-12-31"));
    let told = |last: Option<i64>, at: i64| {
        let told = tracking(&pack, &tracked, last.map(minute), minute(at))?;
        let day = |at: Timestamp| at.to_shanghai().unwrap().date().to_string();
        Some([told.since, told.next_due, told.doctor_due].map(|at| at.map(day)))
    };
    let days = |since: &str, next: &str, doctor: &str| {
        Some([since, next, doctor].map(|day| Some(day.to_owned())))
    };
    assert_eq!(told(None, 20 * DAY), days("2026-03-12", "2026-04-12", "2026-05-11"));
    assert_eq!(told(Some(20 * DAY), 20 * DAY), days("2026-03-12", "2026-04-22", "2026-05-21"));
    assert_eq!(told(None, 0), None);
}

fn person(json: &str) -> Person {
    serde_json::from_str(&format!(r#"{{"person":"P1",{json}}}"#)).unwrap()
}

#[track_caller]
fn check_contradictions(json: &str, expected: &[&str]) {
    let codes: Vec<_> =
        contradictions(&person(json), [], minute(0)).into_iter().map(Contradiction::code).collect();
    assert_eq!(codes, expected, "{json}");
}

#[test]
fn facts_that_contradict_each_other_are_named() {
    check_contradictions(r#""birth_date":"1960-05-06","sex":"male""#, &[]);
    let number = r#""id_number":"110101196005061233""#;
    check_contradictions(&format!(r#"{number},"birth_date":"1960-05-06","sex":"male""#), &[]);
    check_contradictions(
        &format!(r#"{number},"birth_date":"1962-05-06""#),
        &["birth_dates_differ"],
    );
    check_contradictions(&format!(r#"{number},"sex":"female""#), &["sexes_differ"]);
    check_contradictions(r#""id_number":"110101196013061233""#, &["id_number_without_date"]);
    check_contradictions(r#""id_number":"11010119600506123""#, &[]);
    check_contradictions(r#""birth_date":"2027-01-01""#, &["birth_in_future"]);
    check_contradictions(r#""birth_date":"1900-01-01""#, &["age_over_120"]);
    let pregnant = r#""pregnant":[{"code":"pregnant"}]"#;
    check_contradictions(&format!(r#""sex":"male",{pregnant}"#), &["pregnant_man"]);
    check_contradictions(&format!("{number},{pregnant}"), &["pregnant_man"]);
    check_contradictions(&format!(r#""sex":"female",{pregnant}"#), &[]);
    check_contradictions(
        r#""cohorts":[{"code":"C3","from":"2026-05-01","until":"2026-01-01"}]"#,
        &["dates_reversed"],
    );
    let spans = |second: &str| {
        format!(
            r#""cohorts":[{{"code":"C1","until":"2026-06-01"}},{{"code":"C1","from":"{second}"}}]"#
        )
    };
    check_contradictions(&spans("2026-05-01"), &["cohort_twice"]);
    check_contradictions(&spans("2026-06-02"), &[]);
    check_contradictions(r#""cohorts":[{"code":"C1"},{"code":"C2"}]"#, &[]);
}

#[test]
fn an_earlier_birth_date_counts_until_the_identity_number_confirms_the_new_one() {
    let old = person(r#""birth_date":"1960-05-06""#);
    let new = person(r#""birth_date":"1955-05-06""#);
    let confirmed = person(r#""birth_date":"1955-05-06","id_number":"110101195505061233""#);
    let codes = |row: &Person| contradictions(row, [&old], minute(0));
    assert_eq!(codes(&new), [Contradiction::BirthRows]);
    assert_eq!(codes(&confirmed), []);
    assert_eq!(codes(&old), []);
}

/// Opens a concept at a level, of a person with these columns.
#[track_caller]
fn check_stricter(json: &str, facts: &[Fact], expected: &[(Concept, Level)]) {
    let pack = Pack::built_in().unwrap();
    let patient = Patient::registered(&pack, &person(json), None, None);
    let told = assess(&pack, &patient, &numbered(facts.to_vec()), minute(DAY));
    let opened: Vec<_> = told.episodes.iter().map(|it| (it.concept, it.opened_level)).collect();
    assert_eq!(opened, expected, "{json}");
}

#[test]
fn of_two_ages_each_line_takes_the_stricter() {
    let htn = r#""diagnoses":[{"code":"htn"}]"#;
    // A general resident of 64 or 66: 142/70 at a follow-up is over the line of the younger.
    let both = format!(r#"{htn},"birth_date":"1960-01-01","id_number":"110101196201061233""#);
    let over = [(Concept::BpUncontrolledFirst, Level::Yellow)];
    check_stricter(&both, &[followup(0, 142, 70)], &over);
    let older = format!(r#"{htn},"birth_date":"1960-01-01""#);
    check_stricter(&older, &[followup(0, 142, 70)], &[]);
    // And a low pressure is orange as of the older.
    let low = [bp(0, 85, 50), bp(1, 85, 50)];
    check_stricter(&both, &low, &[(Concept::BpLow, Level::Orange)]);
    let younger = format!(r#"{htn},"birth_date":"1962-01-06""#);
    check_stricter(&younger, &low, &[(Concept::BpLow, Level::Yellow)]);
    // An impossible one is no age: the younger line holds.
    let unborn = format!(r#"{htn},"birth_date":"2030-01-01","id_number":"110101195001061233""#);
    check_stricter(&unborn, &[followup(0, 142, 70)], &over);
    let ancient = format!(r#"{htn},"birth_date":"1890-01-01""#);
    check_stricter(&ancient, &[followup(0, 142, 70)], &over);
}

#[test]
fn pregnancy_stands_and_a_reversed_span_holds_between_its_dates() {
    let red = [(Concept::BpPregnancy, Level::Red)];
    let man = r#""sex":"male","pregnant":[{"code":"pregnant"}]"#;
    check_stricter(man, &[bp(0, 142, 70), bp(1, 142, 70)], &red);
    let reversed = r#""pregnant":[{"code":"lactating","from":"2026-06-01","until":"2026-01-01"}]"#;
    check_stricter(reversed, &[bp(0, 142, 70), bp(1, 142, 70)], &red);
}
