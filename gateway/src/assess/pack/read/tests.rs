use serde_json::Value;

use super::super::{BUILT_IN, Norm, Pack, PackError, sources};
use crate::domain::Millis;

/// What is wrong with a draft, each problem on its line, without remedies.
#[track_caller]
fn check(over: &str, expected: Result<(), &str>) {
    check_for(Pack::draft(over), over, expected);
}

#[track_caller]
fn check_for(read: Result<Pack, super::super::Refusal>, over: &str, expected: Result<(), &str>) {
    let got = read.map(|_| ()).map_err(|refusal| {
        let errors = refusal.problems.iter().map(|problem| problem.error.to_string());
        errors.collect::<Vec<_>>().join("\n")
    });
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
    check(r#"{"colour": 1}"#, Err("/colour: no line knows this key"));
    check(
        r#"{"lines": {"bp_emergency": {"sbp": 175}}}"#,
        Err("/lines/bp_emergency/sbp: no line knows this key"),
    );
    check(
        r#"{"lines": {"glu_high_urgent_ge": "13.9"}}"#,
        Err("/lines/glu_high_urgent_ge: expected a number, got \"13.9\""),
    );
    check(
        r#"{"lines": {"glu_high_urgent_ge": 13.95}}"#,
        Err("/lines/glu_high_urgent_ge: expected a multiple of 0.1 mmol/L, got 13.95"),
    );
    check(
        r#"{"validity": {"glucose_accept": [0.6, 33.3]}}"#,
        Err(
            "/validity/glucose_accept: expected an object, with the unit as its key where it is a \
             measure, got [0.6,33.3]",
        ),
    );
    check(
        r#"{"session": {"window_minutes": -1}}"#,
        Err("/session/window_minutes: expected a whole number that is not negative, got -1"),
    );
    check(
        r#"{"convert": {"rounding": "half_even"}}"#,
        Err("/convert/rounding: only \"half_up\" is known, got \"half_even\""),
    );
    check(
        r#"{"escalation": {"red": {"fast": {"concepts": ["bp_sympton"]}}}}"#,
        Err("/escalation/red/fast/concepts: expected the name of a concept, got bp_sympton"),
    );
    let refusal = Pack::draft("{\n").unwrap_err();
    let first = &refusal.problems[0];
    assert!(matches!(first.error, PackError::Json { .. }) && first.line == Some(2), "{refusal}");
}

#[test]
fn an_emergency_line_cannot_be_loosened() {
    check(
        r#"{"lines": {"bp_emergency": {"sbp_ge": 181}}}"#,
        Err("/lines/bp_emergency/sbp_ge: 181 loosens the emergency floor 180"),
    );
    check(
        r#"{"lines": {"glu_low_emergency_le_dm": 3.8}}"#,
        Err("/lines/glu_low_emergency_le_dm: 3.8 loosens the emergency floor 3.9"),
    );
    check(
        r#"{"rules": {"bp_emergency": {"enabled": false}}}"#,
        Err("/rules/bp_emergency/enabled: false loosens the emergency floor true"),
    );
    check(r#"{"rules": {"bp_grade2": {"enabled": false}}}"#, Ok(()));
}

#[test]
fn every_problem_is_told_at_once() {
    check(
        r#"{"lines": {"bp_emergency": {"sbp_ge": 190}, "glu_high_urgent_ge": "13.9"},
            "colour": 1, "session": {"window_minutes": -1, "windows": 1},
            "rules": {"bp_emergancy": {"rule": "BP-E1"}, "bp_low": {"enabled": 1}},
            "cohort_classes": {"五保户": "C9"}}"#,
        Err("/lines/bp_emergency/sbp_ge: 190 loosens the emergency floor 180\n\
             /lines/glu_high_urgent_ge: expected a number, got \"13.9\"\n\
             /colour: no line knows this key\n\
             /session/window_minutes: expected a whole number that is not negative, got -1\n\
             /session/windows: no line knows this key\n\
             /rules/bp_emergancy: unknown predicate \"bp_emergancy\"\n\
             /rules/bp_low/enabled: expected true or false, got 1\n\
             /cohort_classes/五保户: expected one of C0, C1, C2, C3, got C9"),
    );
}

#[test]
fn no_floor_is_reached_by_a_side_door() {
    for (over, place) in [
        (r#"{"rules": {"bp_emergency": {"escalates": false}}}"#, "/rules/bp_emergency/escalates"),
        (r#"{"rules": {"glu_symptom": {"family": "glu_low"}}}"#, "/rules/glu_symptom/family"),
        (r#"{"symptoms": {"hypertension": null}}"#, "/symptoms/hypertension"),
        (
            r#"{"validity": {"bp_unreliable_flags": ["irregular_pulse"]}}"#,
            "/validity/bp_unreliable",
        ),
        (r#"{"escalation": {"red": {"fast": {"concepts": []}}}}"#, "/escalation/red/fast/concepts"),
        (r#"{"suppression": {"episode_hours": 48}}"#, "/suppression/episode_hours"),
        (r#"{"page": {"settle_minutes": 60}}"#, "/page/settle_minutes"),
        (r#"{"ack_minutes": {"C2": {"red": 30}}}"#, "/ack_minutes/C2/red"),
    ] {
        let refusal = Pack::draft(over).unwrap_err();
        assert!(refusal.problems[0].error.path().starts_with(place), "{over}: {refusal}");
    }
}

#[test]
fn gaps_and_overlaps_between_lines_are_found() {
    check(
        r#"{"lines": {"bp_grade2": {"sbp_ge": 150}}}"#,
        Err("/lines/bp_control_office/C0/ge80/0: 150 must be below 150, which stands at \
             /lines/bp_grade2/sbp_ge\n\
             /lines/bp_control_office/C1/ge80/0: 150 must be below 150, which stands at \
             /lines/bp_grade2/sbp_ge\n\
             /lines/bp_control_office/C2/ge80/0: 150 must be below 150, which stands at \
             /lines/bp_grade2/sbp_ge\n\
             /lines/bp_control_office/C3/ge80/0: 150 must be below 150, which stands at \
             /lines/bp_grade2/sbp_ge"),
    );
    check(
        r#"{"lines": {"bp_control_office": {"C0": {"65to79": [145, 90]}}}}"#,
        Err(
            "/lines/bp_control_office/C0/65to79: a gap: the office line 145/90 has no home line in \
             /lines/bp_control_home_from_office",
        ),
    );
    check(
        r#"{"missed_days": {"C1": {"blue": 60}}}"#,
        Err("/missed_days/C1/blue: 60 must be below 60, which stands at /missed_days/C1/yellow"),
    );
    check(
        r#"{"persistence": {"C1": {"bp_k": 4}}}"#,
        Err("/persistence/C1/bp_k: 4 must be at most 3, which stands at /persistence/C1/bp_m"),
    );
    check(
        r#"{"cohort_precedence": ["C0", "C2", "C2", "C1"]}"#,
        Err("/cohort_precedence: a gap: C3 has no rank\n\
             /cohort_precedence: an overlap: C0 is everybody else and must come last\n\
             /cohort_precedence: an overlap: C2 is listed twice"),
    );
}

#[test]
fn a_class_of_a_registry_is_one_cohort() {
    check(
        r#"{"cohort_classes": {"五保户": "C1", "五保户": "C2"}}"#,
        Err("/cohort_classes/五保户: the key stands twice"),
    );
    check(
        r#"{"cohort_classes": {"监测 对象": "C1", "c2": "C1"}}"#,
        Err("/cohort_classes/c2: an overlap: \"c2\" is C1, and \"C2\" is C2\n\
             /cohort_classes/监测 对象: an overlap: \"监测 对象\" is C1, and \"监测对象\" is C2"),
    );
    check(r#"{"cohort_classes": {"五保户": "C2"}}"#, Ok(()));
}

#[test]
fn a_unit_is_there_and_known() {
    check(
        r#"{"validity": {"glucose_accept": {"mmol": [0.6, 33.3]}}}"#,
        Err("/validity/glucose_accept/mmol: no line knows this key"),
    );
    check(
        r#"{"units": {"pressure": "kPa"}}"#,
        Err("/units/pressure: only \"mmHg\" is known, got \"kPa\""),
    );
    check(
        r#"{"lines": {"glu_high_urgent_ge": 250}}"#,
        Err("/lines/glu_high_urgent_ge: 250 must be below 16.7, which stands at \
             /lines/glu_high_emergency_ge"),
    );
}

#[test]
fn a_line_that_needs_more_than_a_state_holds_is_refused() {
    check(
        r#"{"persistence": {"C0": {"bp_m": 40, "window_days": 1000}}}"#,
        Err("/persistence/C0/bp_m: 40 is more than a person's state holds (32)\n\
             /persistence/C0/window_days: 1000 is more than a person's state holds (731)"),
    );
    check(
        r#"{"repeat_from_readings": {"mean_days": 0}}"#,
        Err("/repeat_from_readings/mean_days: expected 1 or more, got 0"),
    );
}

#[track_caller]
fn check_force(over: &str, expected: Result<(), &str>) {
    check_for(Pack::laid_over(over), over, expected);
}

#[test]
fn a_pack_in_force_says_where_each_number_comes_from() {
    check_force(
        r#"{"version": "2", "lines": {"bp_grade2": {"sbp_ge": 158}},
            "oop_profiles": {"here": {"low_income": {"ge": 1}, "general": {"gt": 2.5}}}}"#,
        Err("/lines/bp_grade2/sbp_ge: 158 has no source\n\
             /oop_profiles/here/general/gt: 2.5 has no source\n\
             /oop_profiles/here/low_income/ge: 1 has no source"),
    );
    check_force(
        r#"{"version": "2", "lines": {"bp_grade2": {"sbp_ge": 158}},
            "sources": {"/lines/bp_grade2": "CN2"}}"#,
        Ok(()),
    );
    check_force(
        r#"{"version": "2", "sources": {"/lines": " "},
            "oop_profiles": {"here": {"low_income": {"ge": 1}, "general": {"gt": 2.5},
            "source": "the county's notice"}}}"#,
        Ok(()),
    );
    check_force(r#"{"lines": {"bp_grade2": {"sbp_ge": 160}}}"#, Ok(()));
}

#[test]
fn two_contents_never_share_a_name_and_version() {
    check_force(
        r#"{"rules": {"bp_grade2": {"enabled": false}}}"#,
        Err("/version: another content may not be called cn-rural-default 1.1.0"),
    );
    check_force(r#"{"signed_by": "Dr. Wang", "cohorts": {"C0": "everybody"}}"#, Ok(()));
}

#[test]
fn every_number_of_the_built_in_pack_has_a_source() {
    let pack = serde_json::from_str(BUILT_IN).unwrap();
    assert_eq!(sources::unsourced(&pack), [""; 0]);
}

#[test]
fn every_norm_may_be_in_force_under_a_name_of_its_own() {
    let mut seen = vec![Pack::built_in().unwrap().title().clone()];
    for norm in Norm::ALL {
        let pack = Pack::laid_over(norm.text()).unwrap();
        assert!(!seen.contains(pack.title()), "{}", pack.title());
        assert_eq!(Norm::named(norm.name()), Some(norm));
        seen.push(pack.title().clone());
    }
}

#[test]
fn the_hash_is_of_the_content_and_of_nothing_else() {
    let hash = |over: &str| Pack::draft(over).unwrap().hash().to_owned();
    let one = hash(r#"{"version": "2", "lines": {"bp_grade2": {"sbp_ge": 158, "dbp_ge": 98}}}"#);
    let same = r#"{"lines": {"bp_grade2": {"dbp_ge": 98,
        "sbp_ge": 158}}, "signed_by": "Dr. Wang", "version": "2"}"#;
    assert_eq!(hash(same), one);
    assert_ne!(hash(&same.replace("158", "157")), one);
    assert_ne!(hash(&same.replace("\"2\"", "\"3\"")), one);
}

#[test]
fn a_signature_ends_with_any_change_of_what_was_signed() {
    let text = |number: u32, hash: &str| {
        format!(
            r#"{{"version": "2", "lines": {{"bp_grade2": {{"sbp_ge": {number}}}}},
                "signed_by": "Dr. Wang", "signed_hash": "{hash}"}}"#
        )
    };
    let nothing = "0".repeat(64);
    let hash = Pack::draft(&text(158, &nothing)).unwrap().hash().to_owned();
    assert_eq!(Pack::draft(&text(158, &nothing)).unwrap().signed_hash(), None);
    assert_eq!(Pack::draft(&text(158, &hash)).unwrap().signed_hash(), Some(hash.as_str()));
    assert_eq!(Pack::draft(&text(157, &hash)).unwrap().signed_hash(), None);
    check(
        r#"{"signed_hash": "abc"}"#,
        Err("/signed_hash: expected the hash that `rules sign` prints, got \"abc\""),
    );
}

#[test]
fn a_pack_of_an_earlier_program_has_the_numbers_that_came_later_and_keeps_its_hash() {
    let now: Value = serde_json::from_str(Pack::built_in().unwrap().text()).unwrap();
    let mut then = now.clone();
    then["lines"]["bp_emergency"]["sbp_ge"] = 175.into();
    then.as_object_mut().unwrap().remove("registry");
    then["indicators"].as_object_mut().unwrap().remove("visits_a_year");
    let text = then.to_string();
    let pack = Pack::from_text(&text).unwrap();
    assert_eq!((pack.text(), pack.lines.bp_emergency.systolic), (&*text, 175));
    assert_eq!((pack.indicators.visits_a_year, pack.rejudged), (4, Millis::days(14)));
    assert_ne!(pack.hash(), Pack::built_in().unwrap().hash());
    assert_eq!(Pack::from_text(&now.to_string()).unwrap().hash(), Pack::built_in().unwrap().hash());
    then["colour"] = 1.into();
    assert!(Pack::from_text(&then.to_string()).is_err());
}
