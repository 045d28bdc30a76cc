//! Each line on its number, one step under and one step over, repeated, and late.

use super::*;
use crate::domain::Level;

/// The one door: facts in, one text for each alert out: concept, level when opened, trigger, state.
/// Time runs to 20 minutes after the last receipt.
#[track_caller]
pub(super) fn check(patient: &Patient, facts: Vec<Fact>, expected: &[&str]) {
    let facts = numbered(facts);
    let end = facts.iter().map(|fact| fact.received_at).max().unwrap().plus(Millis::minutes(20));
    let pack = Pack::built_in().unwrap();
    let assessment = assess(&pack, patient, &facts, end);
    let got: Vec<String> = assessment.episodes.iter().map(shown).collect();
    let mut expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
    let mut sorted = got.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
    assert!(assessment.episodes.iter().all(|it| !it.reasons[0].zh.is_empty()));
}

fn shown(episode: &Episode) -> String {
    let level = match episode.opened_level {
        Level::Blue => "blue",
        Level::Yellow => "yellow",
        Level::Orange => "orange",
        Level::Red => "red",
    };
    let trigger = match episode.trigger {
        Trigger::Fact(id) => id.place().to_string(),
        Trigger::Timer(due) => format!("+{}m", due.since(minute(0)).0 / 60_000),
    };
    format!("{} {level} {trigger} {}", episode.concept, episode.state().as_str())
}

#[test]
fn the_emergency_line_is_180_or_110_and_includes_both() {
    let (red, single) = ("bp_emergency red 0 open", "bp_remeasure blue 0 open");
    check(&hypertensive(), vec![bp(0, 180, 70)], &[red]);
    check(&hypertensive(), vec![bp(0, 179, 109)], &[single]);
    check(&hypertensive(), vec![bp(0, 120, 110)], &[red]);
    check(&patient(), vec![bp(0, 181, 111)], &[red]);
}

#[test]
fn a_remeasure_from_5_to_30_minutes_calms_a_red() {
    let first = || bp(0, 184, 100);
    let state = |minutes, state: &str| {
        let red = format!("bp_emergency red 0 {state}");
        check(&hypertensive(), vec![first(), bp(minutes, 150, 90)], &[&red]);
    };
    state(4, "open");
    state(5, "downgraded");
    state(30, "downgraded");
    let late = ["bp_emergency red 0 open"];
    check(&hypertensive(), vec![first(), bp(31, 150, 90)], &late);
    check(&hypertensive(), vec![first(), bp(10, 150, 110)], &late);
    check(&hypertensive(), vec![first(), loose(bp(10, 150, 90))], &late);
}

#[test]
fn an_emergency_joins_for_a_day_and_then_begins_a_new_episode() {
    let joined = vec![bp(0, 184, 100), bp(600, 184, 100), bp(DAY, 186, 100)];
    check(&hypertensive(), joined, &["bp_emergency red 0 open"]);
    check(
        &hypertensive(),
        vec![bp(0, 184, 100), bp(DAY + 1, 186, 100)],
        &[
            "bp_emergency red 0 superseded",
            "bp_emergency red 1 open",
            "missed_repeat orange +1440m open",
        ],
    );
    check(
        &hypertensive(),
        vec![bp(0, 184, 100), bp(10, 150, 90), bp(60, 186, 100)],
        &["bp_emergency red 0 superseded", "bp_emergency red 2 open"],
    );
}

#[test]
fn what_is_stored_more_than_a_day_late_is_a_stale_emergency() {
    check(&hypertensive(), vec![stored(bp(0, 184, 100), DAY)], &["bp_emergency red 0 open"]);
    let stale = "stale_emergency orange 0 open";
    check(&hypertensive(), vec![stored(bp(0, 184, 100), DAY + 1)], &[stale]);
    check(&diabetic(), vec![stored(sugar(0, "LO"), DAY + 1)], &[stale]);
    check(
        &hypertensive(),
        vec![stored(loose(bp(0, 184, 100)), DAY + 1)],
        &["bp_extreme_unreliable orange 0 open"],
    );
}

#[test]
fn a_doubtful_extreme_runs_to_red_after_30_minutes_without_a_reliable_reading() {
    let doubtful = || loose(bp(0, 184, 100));
    check(
        &hypertensive(),
        vec![doubtful(), sugar(40, "6.0")],
        &["bp_extreme_unreliable orange 0 superseded", "bp_emergency red +30m open"],
    );
    check(
        &hypertensive(),
        vec![doubtful(), bp(29, 120, 70)],
        &["bp_extreme_unreliable orange 0 resolved"],
    );
    check(
        &hypertensive(),
        vec![doubtful(), bp(29, 184, 100), sugar(40, "6.0")],
        &["bp_extreme_unreliable orange 0 open", "bp_emergency red 1 open"],
    );
    let seen = act(10, Concept::BpExtremeUnreliable, ActOutcome::Seen);
    check(
        &hypertensive(),
        vec![doubtful(), seen, sugar(40, "6.0")],
        &["bp_extreme_unreliable orange 0 superseded", "bp_emergency red +30m open"],
    );
    let closed = act(10, Concept::BpExtremeUnreliable, ActOutcome::Closed);
    check(
        &hypertensive(),
        vec![doubtful(), closed, sugar(40, "6.0")],
        &["bp_extreme_unreliable orange 0 resolved"],
    );
}

#[test]
fn refused_pressures_are_extreme_while_they_are_legible() {
    let extreme = ["bp_extreme_unreliable orange 0 open"];
    let refused = ["dq_reject blue 0 open"];
    check(&patient(), vec![bp(0, 350, 250)], &extreme);
    check(&patient(), vec![bp(0, 351, 250)], &refused);
    check(&patient(), vec![bp(0, 301, 100)], &extreme);
    check(&patient(), vec![bp(0, 49, 31)], &extreme);
    check(&patient(), vec![bp(0, 30, 15)], &extreme);
    check(&patient(), vec![bp(0, 29, 15)], &refused);
    check(&patient(), vec![bp(0, 30, 14)], &refused);
    check(&patient(), vec![bp(0, 120, 120)], &refused);
    check(
        &patient(),
        vec![bp(0, 49, 31), bp(40, 120, 70)],
        &["bp_extreme_unreliable orange 0 resolved"],
    );
}

#[test]
fn the_glucose_lines_include_their_numbers() {
    let (high, low) = ["glu_high_emergency red 0 open", "glu_low_emergency red 0 open"].into();
    check(&diabetic(), vec![sugar(0, "16.7")], &[high]);
    check(&diabetic(), vec![sugar(0, "16.6")], &["glu_high_urgent orange 0 open"]);
    check(&diabetic(), vec![sugar(0, "HI")], &[high]);
    check(&diabetic(), vec![sugar(0, "300 mg/dL")], &[high]);
    check(&diabetic(), vec![sugar(0, "3.9")], &[low]);
    check(&diabetic(), vec![sugar(0, "4.0")], &[]);
    check(&diabetic(), vec![sugar(0, "LO")], &[low]);
    check(&patient(), vec![sugar(0, "2.7")], &[low]);
    check(&patient(), vec![sugar(0, "2.8")], &["glu_low_remeasure blue 0 open"]);
    check(&patient().with(Condition::GlucoseLowering), vec![sugar(0, "3.9")], &[low]);
}

#[test]
fn a_low_is_calmed_from_10_to_60_minutes_by_more_than_the_line() {
    let state = |minutes, value, state: &str| {
        let red = format!("glu_low_emergency red 0 {state}");
        check(&diabetic(), vec![sugar(0, "3.6"), sugar(minutes, value)], &[&red]);
    };
    state(9, "5.0", "open");
    state(10, "4.0", "downgraded");
    state(60, "4.0", "downgraded");
    state(61, "4.0", "open");
    state(30, "3.9", "open");
}

#[test]
fn refused_glucose_asks_for_the_unit_and_hides_no_emergency() {
    let unit = "dq_unit blue 0 open";
    let reject = "dq_reject blue 0 open";
    let possible = "possible_emergency_unit orange 0 open";
    let high = "glu_high_emergency red 0 open";
    let low = "glu_low_emergency red 0 open";
    check(&diabetic(), vec![sugar(0, "33.3")], &[high]);
    check(&diabetic(), vec![sugar(0, "33.4")], &[unit, high]);
    check(&diabetic(), vec![sugar(0, "60")], &[unit, high]);
    check(&diabetic(), vec![sugar(0, "60.1")], &[unit, possible]);
    check(&diabetic(), vec![sugar(0, "71.5")], &[unit]);
    check(&diabetic(), vec![sugar(0, "0.6")], &[low]);
    check(&diabetic(), vec![sugar(0, "0.5")], &[reject, low]);
    check(&diabetic(), vec![sugar(0, "0")], &[reject]);
    check(&diabetic(), vec![sugar(0, "-5")], &[reject]);
    check(&diabetic(), vec![sugar(0, "19 mg/dL")], &[unit, possible]);
    check(&diabetic(), vec![sugar(0, "10.8 mg/dL")], &[unit]);
    check(&diabetic(), vec![sugar(0, "0.5 mg/dL")], &[reject, low]);
    check(&diabetic(), vec![sugar(0, "1080 mg/dL")], &[reject, high]);
    check(&diabetic(), vec![sugar(0, "1081 mg/dL")], &[reject]);
    check(&patient(), vec![sugar(0, "48.5")], &[unit, high]);
    check(&patient(), vec![sugar(0, "55")], &[unit, possible]);
}

#[test]
fn danger_symptoms_need_a_diagnosis_or_a_telling_value() {
    let pack = Pack::built_in().unwrap();
    let pain = |fact| with_symptom(&pack, fact, "precordial_pain");
    let red = ["bp_symptom red 0 open"];
    check(&hypertensive(), vec![pain(bp(0, 118, 70))], &red);
    check(&hypertensive(), vec![pain(loose(bp(0, 118, 70)))], &red);
    check(&hypertensive(), vec![pain(bp(0, 90, 120))], &[red[0], "dq_reject blue 0 open"]);
    check(&patient(), vec![pain(bp(0, 139, 89))], &[]);
    check(&patient(), vec![pain(bp(0, 139, 90))], &red);
    check(&patient(), vec![pain(loose(bp(0, 150, 95)))], &[]);
    let breath = |fact| with_symptom(&pack, fact, "acetone_breath");
    let red = "glu_symptom red 0 open";
    check(&patient(), vec![breath(sugar(0, "11.0"))], &[]);
    check(&patient(), vec![breath(sugar(0, "11.1"))], &[red]);
    check(&diabetic(), vec![breath(sugar(0, "100"))], &[red, "dq_unit blue 0 open"]);
}

#[test]
fn pregnancy_lowers_the_lines() {
    let woman = patient().with(Condition::Pregnant);
    let red = ["bp_pregnancy red 0 open"];
    check(&woman, vec![bp(0, 140, 70)], &red);
    check(&woman, vec![bp(0, 139, 89)], &[]);
    check(&woman, vec![fasting(0, "5.1")], &["glu_pregnancy orange 0 open"]);
    check(&woman, vec![fasting(0, "5.0")], &[]);
    check(&woman, vec![sugar(0, "11.1")], &["glu_pregnancy red 0 open"]);
    check(&woman, vec![sugar(0, "11.0")], &[]);
    check(
        &woman,
        vec![sugar(0, "17.0")],
        &["glu_pregnancy red 0 open", "glu_high_emergency red 0 open"],
    );
}

#[test]
fn a_clock_that_runs_ahead_is_told_and_its_receipt_counts() {
    check(&hypertensive(), vec![stored(bp(10, 184, 100), 0)], &["bp_emergency red 0 open"]);
    check(
        &hypertensive(),
        vec![stored(bp(11, 184, 100), 0)],
        &["bp_emergency red 0 open", "dq_clock blue 0 open"],
    );
}

#[test]
fn silence_is_judged_only_up_to_the_watermark() {
    let person = || hypertensive().with(Condition::Cohort(Cohort::C2));
    let quiet = |day: i64| vec![bp(0, 120, 70), watermark(day * DAY, day * DAY)];
    check(&person(), quiet(7), &[]);
    check(&person(), quiet(8), &["missed blue +11520m open"]);
    check(&person(), quiet(14), &["missed blue +11520m open", "missed_doctor yellow +20160m open"]);
    let mut beyond = quiet(7);
    beyond.push(sugar(20 * DAY, "6.0"));
    check(&person(), beyond, &[]);
}

#[test]
fn a_crossing_has_exactly_one_disposition() {
    use crate::store::Disposition;
    let facts = numbered(vec![bp(0, 184, 100), bp(2, 186, 100), loose(bp(3, 190, 100))]);
    let pack = Pack::built_in().unwrap();
    let assessment = assess(&pack, &hypertensive(), &facts, minute(30));
    let dispositions: Vec<_> =
        assessment.crossings.iter().map(|it| (it.concept, it.disposition)).collect();
    assert_eq!(
        dispositions,
        [
            (Concept::BpEmergency, Disposition::Opened),
            (Concept::BpEmergency, Disposition::Joined),
            (Concept::BpExtremeUnreliable, Disposition::Held),
        ]
    );
    let red = assessment.episodes[0].id;
    assert_eq!(assessment.members(red).count(), 2);
    assert!(assessment.crossings.iter().all(|it| it.episode == red));
}

#[test]
fn a_member_that_was_known_earlier_moves_the_clock_back() {
    let facts = numbered(vec![stored(bp(0, 184, 100), 300), bp(60, 186, 100)]);
    let pack = Pack::built_in().unwrap();
    let assessment = assess(&pack, &hypertensive(), &facts, minute(600));
    let red = &assessment.episodes[0];
    assert_eq!((red.at, red.clock, red.deadline()), (minute(0), minute(60), Some(minute(75))));
    let told: Vec<_> = red.escalations(&pack, minute(600)).into_iter().map(|it| it.1).collect();
    assert_eq!(told, [minute(75), minute(180)]);
}

#[test]
fn an_alert_explains_itself_in_two_languages() {
    let pack = Pack::built_in().unwrap();
    let assessment = assess(&pack, &hypertensive(), &numbered(vec![bp(0, 184, 100)]), minute(1));
    let reason = &assessment.episodes[0].reasons[0];
    assert_eq!(reason.line, "BP-E1");
    assert_eq!(
        reason.zh,
        "血压急症线：家庭血压184/100 mmHg，达到180/110（任一项）。依据BP-E1，规则包cn-rural-default 1.1.0。"
    );
    assert_eq!(
        reason.en,
        "blood-pressure emergency line: home 184/100 mmHg, at or over 180/110 (either). Line BP-E1 \
         of cn-rural-default 1.1.0."
    );
}

#[test]
fn a_late_fact_revises_and_withdraws() {
    let pack = Pack::built_in().unwrap();
    let judge = |facts: &[Fact]| assess(&pack, &hypertensive(), facts, minute(600)).episodes;
    let facts = numbered(vec![loose(bp(0, 184, 100)), bp(100, 184, 100), bp(15, 120, 70)]);
    let before = judge(&facts[..2]);
    let now = judge(&facts);
    let revisions = revise(&before, &now);
    let kinds: Vec<String> = revisions
        .iter()
        .map(|revision| match revision {
            Revision::Opened(episode) => format!("opened {}", shown(episode)),
            Revision::Changed { before, now } => format!("{} -> {}", shown(before), shown(now)),
            Revision::Withdrawn(episode) => format!("withdrawn {}", shown(episode)),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "bp_extreme_unreliable orange 0 superseded -> bp_extreme_unreliable orange 0 resolved",
            "bp_emergency red +30m open -> bp_emergency red 1 open",
        ]
    );
    assert!(revise(&now, &now).is_empty());
}

#[test]
fn validity_and_possible_emergencies_need_no_person() {
    use crate::domain::Standing;
    use firmware_protocols::{BloodPressure, Glucose, GlucoseUnit, Measurement, PressureUnit};
    let pack = Pack::built_in().unwrap();
    let cuff = |systolic: i64, diastolic: i64| {
        let pair = (Decimal::from(systolic), Decimal::from(diastolic));
        Measurement::BloodPressure(BloodPressure::new(pair.0, pair.1, PressureUnit::MmHg))
    };
    let meter = |value: &str| {
        let value = GlucoseValue::Number(value.parse().unwrap());
        Measurement::Glucose(Glucose::new(value, GlucoseUnit::MmolPerL))
    };
    let check = |measurement: Measurement, stored: bool, emergency: bool| {
        let got = (pack.standing(&measurement), pack.may_be_emergency(&measurement));
        let standing = if stored { Standing::Stored } else { Standing::Rejected };
        assert_eq!(got, (standing, emergency), "{measurement:?}");
    };
    check(cuff(120, 70), true, false);
    check(cuff(300, 200), true, true);
    check(cuff(301, 200), false, true);
    check(cuff(50, 30), true, false);
    check(cuff(90, 120), false, false);
    check(meter("0.6"), true, true);
    check(meter("0.59"), false, true);
    check(meter("3.9"), true, true);
    check(meter("4.0"), true, false);
    check(meter("16.6"), true, false);
    check(meter("16.7"), true, true);
    check(meter("33.3"), true, true);
    check(meter("33.31"), false, true);
}
