use super::super::{Pack, PackError};

#[track_caller]
fn check(over: &str, expected: Result<(), &str>) {
    let got = Pack::laid_over(over).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(got.as_ref().copied().map_err(String::as_str), expected, "{over}");
}

#[test]
fn the_built_in_pack_reads() {
    let pack = Pack::built_in().unwrap();
    assert_eq!((pack.name(), pack.version()), ("cn-rural-default", "1.1.0"));
    assert_eq!(pack.hash().len(), 64);
}

#[test]
fn any_subset_of_keys_may_be_laid_over() {
    check("{}", Ok(()));
    check(r#"{"version": "1.1.1", "signed_by": "Dr. Wang"}"#, Ok(()));
    check(r#"{"lines": {"bp_emergency": {"sbp_ge": 175}}}"#, Ok(()));
    check(r#"{"oop_profiles": {"xian-2025": {"low_income": {"ge": 9000}}}}"#, Ok(()));
    check(
        r#"{"oop_profiles": {"here": {"low_income": {"ge": 1}, "general": {"gt": 2.5}}}}"#,
        Ok(()),
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    check(r#"{"colour": 1}"#, Err("colour: no line knows this key"));
    check(
        r#"{"lines": {"bp_emergency": {"sbp": 175}}}"#,
        Err("lines.bp_emergency.sbp: no line knows this key"),
    );
    check(
        r#"{"lines": {"glu_high_urgent_ge": "13.9"}}"#,
        Err("lines.glu_high_urgent_ge: expected a number, got \"13.9\""),
    );
    check(
        r#"{"lines": {"glu_high_urgent_ge": 13.95}}"#,
        Err("lines.glu_high_urgent_ge: expected a multiple of 0.1 mmol/L, got 13.95"),
    );
    check(
        r#"{"validity": {"glucose_accept": [0.6, 33.3]}}"#,
        Err("validity.glucose_accept: expected an object, with the unit as its key where it is a \
             measure, got [0.6,33.3]"),
    );
    check(
        r#"{"session": {"window_minutes": -1}}"#,
        Err("session.window_minutes: expected a whole number that is not negative, got -1"),
    );
    check(
        r#"{"convert": {"rounding": "half_even"}}"#,
        Err("convert.rounding: only \"half_up\" is known, got \"half_even\""),
    );
    check(
        r#"{"escalation": {"red": {"fast": {"concepts": ["bp_sympton"]}}}}"#,
        Err("escalation.red.fast.concepts: expected the name of a concept, got bp_sympton"),
    );
    assert!(matches!(Pack::laid_over("{"), Err(PackError::Json { .. })));
}

#[test]
fn an_emergency_line_cannot_be_loosened() {
    check(
        r#"{"lines": {"bp_emergency": {"sbp_ge": 181}}}"#,
        Err("lines.bp_emergency.sbp_ge: 181 loosens the emergency floor 180"),
    );
    check(
        r#"{"lines": {"glu_low_emergency_le_dm": 3.8}}"#,
        Err("lines.glu_low_emergency_le_dm: 3.8 loosens the emergency floor 3.9"),
    );
    check(
        r#"{"rules": {"bp_emergency": {"enabled": false}}}"#,
        Err("rules.bp_emergency.enabled: false loosens the emergency floor true"),
    );
    check(r#"{"rules": {"bp_grade2": {"enabled": false}}}"#, Ok(()));
}
