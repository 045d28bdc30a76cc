//! What a pack must make sense in: no gap between two lines, no overlap, nothing that a person's
//! state cannot hold. Every value has been read by now, so it is of its kind.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    super::patient::Cohort,
    PackError, place,
    problem::{AT_MOST, BELOW},
};

/// The first number stands below the second, or at most at it. `*` is each cohort. A place that is
/// not there is not compared.
const ORDER: &[(&str, &str, &str)] = &[
    ("/ages/older_from", BELOW, "/ages/oldest_from"),
    ("/validity/bp_reject/sbp_min", BELOW, "/validity/bp_reject/sbp_max"),
    ("/validity/bp_reject/dbp_min", BELOW, "/validity/bp_reject/dbp_max"),
    ("/validity/bp_extreme/sbp_min", AT_MOST, "/validity/bp_reject/sbp_min"),
    ("/validity/bp_extreme/dbp_min", AT_MOST, "/validity/bp_reject/dbp_min"),
    ("/validity/bp_reject/sbp_max", AT_MOST, "/validity/bp_extreme/sbp_max"),
    ("/validity/bp_reject/dbp_max", AT_MOST, "/validity/bp_extreme/dbp_max"),
    ("/validity/glucose_accept/mmol~1L/1", AT_MOST, "/validity/glucose_plausible_max/mmol~1L"),
    ("/validity/glucose_accept/mg~1dL/1", AT_MOST, "/validity/glucose_plausible_max/mg~1dL"),
    ("/validity/bp_reject/sbp_min", AT_MOST, "/lines/bp_low/sbp_lt"),
    ("/lines/bp_low/sbp_lt", BELOW, "/lines/bp_screen_office/0"),
    ("/lines/bp_screen_home_mean/0", AT_MOST, "/lines/bp_screen_office/0"),
    ("/lines/bp_screen_home_mean/1", AT_MOST, "/lines/bp_screen_office/1"),
    ("/lines/bp_screen_office/0", AT_MOST, "/lines/bp_grade2/sbp_ge"),
    ("/lines/bp_screen_office/1", AT_MOST, "/lines/bp_grade2/dbp_ge"),
    ("/lines/bp_early_nodx/office/0", BELOW, "/lines/bp_screen_office/0"),
    ("/lines/bp_early_nodx/office/1", AT_MOST, "/lines/bp_screen_office/1"),
    ("/lines/bp_early_nodx/home_sbp", BELOW, "/lines/bp_screen_home_mean/0"),
    ("/lines/bp_low/sbp_lt", BELOW, "/lines/bp_control_office/*/lt65/0"),
    ("/lines/bp_control_office/*/lt65/0", AT_MOST, "/lines/bp_control_office/*/65to79/0"),
    ("/lines/bp_control_office/*/lt65/1", AT_MOST, "/lines/bp_control_office/*/65to79/1"),
    ("/lines/bp_control_office/*/65to79/0", AT_MOST, "/lines/bp_control_office/*/ge80/0"),
    ("/lines/bp_control_office/*/65to79/1", AT_MOST, "/lines/bp_control_office/*/ge80/1"),
    ("/lines/bp_control_office/*/ge80/0", BELOW, "/lines/bp_grade2/sbp_ge"),
    ("/lines/bp_control_office/*/ge80/1", BELOW, "/lines/bp_grade2/dbp_ge"),
    ("/lines/bp_grade2/sbp_ge", BELOW, "/lines/bp_emergency/sbp_ge"),
    ("/lines/bp_grade2/dbp_ge", BELOW, "/lines/bp_emergency/dbp_ge"),
    ("/lines/bp_emergency/sbp_ge", AT_MOST, "/page/at_once_sbp_ge"),
    ("/lines/bp_emergency/dbp_ge", AT_MOST, "/page/at_once_dbp_ge"),
    ("/page/at_once_sbp_ge", AT_MOST, "/validity/bp_reject/sbp_max"),
    ("/page/at_once_dbp_ge", AT_MOST, "/validity/bp_reject/dbp_max"),
    ("/lines/bp_grade2/sessions_k", AT_MOST, "/lines/bp_grade2/sessions_m"),
    ("/lines/bp_grade2/days", AT_MOST, "/lines/bp_grade2/sessions_k"),
    ("/lines/irregular_pulse/marked_min", AT_MOST, "/lines/irregular_pulse/readings_min"),
    ("/lines/bp_suspected_home/dropped_days", BELOW, "/lines/bp_suspected_home/days"),
    ("/lines/dm_tachycardia/apart_min_minutes", AT_MOST, "/lines/dm_tachycardia/apart_max_minutes"),
    ("/validity/glucose_accept/mmol~1L/0", AT_MOST, "/lines/glu_low_emergency_lt_nodm"),
    ("/lines/glu_low_emergency_lt_nodm", AT_MOST, "/lines/glu_low_emergency_le_dm"),
    ("/lines/glu_low_severe_lt", AT_MOST, "/lines/glu_low_emergency_le_dm"),
    ("/lines/glu_low_emergency_le_dm", AT_MOST, "/lines/glu_low_recovered_gt"),
    ("/lines/glu_low_emergency_le_dm", BELOW, "/lines/glu_early_low_lt"),
    ("/lines/glu_early_low_lt", BELOW, "/lines/glu_control_fasting_ge"),
    ("/lines/glu_control_fasting_ge", AT_MOST, "/lines/glu_control_nonfasting_ge/*"),
    ("/lines/glu_control_nonfasting_ge/*", BELOW, "/lines/glu_high_urgent_ge"),
    ("/lines/glu_high_urgent_ge", BELOW, "/lines/glu_high_emergency_ge"),
    ("/lines/glu_nodx_early_fasting_ge", BELOW, "/lines/glu_nodx_fasting_ge"),
    ("/lines/glu_nodx_early_post_ge", BELOW, "/lines/glu_nodx_random_ge"),
    ("/lines/glu_nodx_fasting_ge", AT_MOST, "/lines/glu_nodx_random_ge"),
    ("/lines/glu_nodx_random_ge", BELOW, "/lines/glu_high_urgent_ge"),
    ("/lines/glu_pregnancy_fasting_ge", BELOW, "/lines/glu_pregnancy_red_ge"),
    ("/lines/glu_pregnancy_red_ge", AT_MOST, "/lines/glu_high_emergency_ge"),
    ("/lines/glu_symptom_nodx/le", BELOW, "/lines/glu_symptom_nodx/ge"),
    ("/lines/glu_high_emergency_ge", AT_MOST, "/validity/glucose_accept/mmol~1L/1"),
    ("/persistence/*/bp_k", AT_MOST, "/persistence/*/bp_m"),
    ("/persistence/*/bp_days", AT_MOST, "/persistence/*/bp_k"),
    ("/persistence/*/or_bp_k_single", AT_MOST, "/persistence/*/single_m"),
    ("/persistence/*/glu_k", AT_MOST, "/persistence/*/glu_m"),
    ("/persistence/*/glu_days", AT_MOST, "/persistence/*/glu_k"),
    ("/persistence/*/or_spaced/k", AT_MOST, "/persistence/*/or_spaced/m"),
    ("/persistence/*/or_spaced/min_span_days", AT_MOST, "/persistence/*/window_days"),
    ("/timers_minutes/recheck_after", BELOW, "/timers_minutes/downgrade_window"),
    ("/timers_minutes/hypo_downgrade_from", BELOW, "/timers_minutes/hypo_downgrade_window"),
    ("/ack_minutes/*/red", AT_MOST, "/ack_minutes/*/orange"),
    ("/ack_minutes/*/orange", AT_MOST, "/ack_minutes/*/yellow"),
    ("/ack_minutes/*/red", AT_MOST, "/escalation/red/L3_at_minutes"),
    ("/missed_days/*/blue", BELOW, "/missed_days/*/yellow"),
    ("/auto_resolve/on_days", AT_MOST, "/auto_resolve/consecutive_under"),
];

/// Sessions, values or days that a line may count back: they stand in the state of each person
/// (DESIGN section 6).
const COUNTED_MAX: u32 = 32;
/// Days of which every session stands in the state, for the mean before the second failure
/// (`repeat_from_readings` of the pack).
const MEAN_DAYS_MAX: u32 = 31;
/// Days that a line may look back (DESIGN section 6): two years, as much as the longest quiet time of
/// the pack twice.
const DAYS_MAX: u32 = 731;
/// "A change of either re-judges at most the last 14 days" (DESIGN section 6).
const REJUDGED_MAX: u32 = 14;

/// What a person's state holds: a line that needs more is refused (DESIGN section 6). Each number is
/// at least 1 as well, or its line would ask for nothing.
const HELD: &[(&str, u32)] = &[
    ("/persistence/*/bp_k", COUNTED_MAX),
    ("/persistence/*/bp_m", COUNTED_MAX),
    ("/persistence/*/single_m", COUNTED_MAX),
    ("/persistence/*/or_bp_k_single", COUNTED_MAX),
    ("/persistence/*/or_spaced/m", COUNTED_MAX),
    ("/persistence/*/glu_k", COUNTED_MAX),
    ("/persistence/*/glu_m", COUNTED_MAX),
    ("/persistence/*/window_days", DAYS_MAX),
    ("/lines/bp_grade2/sessions_k", COUNTED_MAX),
    ("/lines/bp_grade2/sessions_m", COUNTED_MAX),
    ("/lines/bp_suspected_htn/days", COUNTED_MAX),
    ("/lines/bp_suspected_home/days", COUNTED_MAX),
    ("/lines/glu_low_recurrent/episodes", COUNTED_MAX),
    ("/lines/glu_low_recurrent/window_days", DAYS_MAX),
    ("/poverty_relapse/components/rising_trend/sessions", COUNTED_MAX),
    ("/poverty_relapse/components/*/valid_days", DAYS_MAX),
    ("/poverty_relapse/threshold", COUNTED_MAX),
    ("/repeat_from_readings/mean_days", MEAN_DAYS_MAX),
    ("/repeat_from_readings/mean_min_sessions", COUNTED_MAX),
    ("/suppression/quiet_days_after_end/by_cohort/*", DAYS_MAX),
    ("/suppression/quiet_days_after_end/bp_uncontrolled_repeat", DAYS_MAX),
    ("/suppression/quiet_days_after_end/glu_uncontrolled_repeat", DAYS_MAX),
    ("/suppression/quiet_days_after_end/first_after_repeat", DAYS_MAX),
    ("/suppression/quiet_days_after_end/poverty_relapse_risk", DAYS_MAX),
    ("/session/window_minutes", 24 * 60),
    ("/session/confirm_min_readings", COUNTED_MAX),
    ("/indicators/visits_a_year", COUNTED_MAX),
    ("/registry/rejudged_days", REJUDGED_MAX),
];

const COHORTS: [(&str, Cohort); 4] =
    [("C0", Cohort::C0), ("C1", Cohort::C1), ("C2", Cohort::C2), ("C3", Cohort::C3)];

/// Everything in a pack that makes no sense.
pub(super) fn check(pack: &Value) -> Vec<PackError> {
    let mut errors = Vec::new();
    for (lower, relation, upper) in ORDER {
        for (lower, upper) in spread(lower, upper) {
            errors.extend(disorder(pack, (&lower, relation, &upper)));
        }
    }
    for (path, most) in HELD {
        errors.extend(places_of(pack, path).into_iter().filter_map(|at| held(pack, at, *most)));
    }
    errors.extend(cohorts(pack));
    errors.extend(lists(pack));
    errors.extend(control_lines(pack));
    errors
}

/// Both places for each cohort, where they name cohorts.
fn spread(lower: &str, upper: &str) -> Vec<(String, String)> {
    if !lower.contains('*') && !upper.contains('*') {
        return vec![(lower.to_owned(), upper.to_owned())];
    }
    let of = |(code, _): (&str, Cohort)| (lower.replace('*', code), upper.replace('*', code));
    COHORTS.into_iter().map(of).collect()
}

/// The places that a path with at most one `*` names.
fn places_of(pack: &Value, path: &str) -> Vec<String> {
    let Some((before, after)) = path.split_once("/*") else { return vec![path.to_owned()] };
    let keys = pack.pointer(before).and_then(Value::as_object);
    let keys = keys.into_iter().flat_map(|keys| keys.keys());
    keys.map(|key| format!("{}{after}", place::within(before, key))).collect()
}

fn disorder(
    pack: &Value,
    (lower, relation, upper): (&str, &'static str, &str),
) -> Option<PackError> {
    let (got, limit) = (pack.pointer(lower)?, pack.pointer(upper)?);
    let (low, high) = (got.as_f64()?, limit.as_f64()?);
    let holds = if relation == BELOW { low < high } else { low <= high };
    (!holds).then(|| PackError::Disorder {
        path: lower.to_owned(),
        got: got.to_string(),
        relation,
        limit: limit.to_string(),
        other: upper.to_owned(),
    })
}

fn held(pack: &Value, path: String, most: u32) -> Option<PackError> {
    let got = pack.pointer(&path)?;
    let number = got.as_u64()?;
    if number == 0 {
        return Some(PackError::Wrong { path, expected: "1 or more", got: got.to_string() });
    }
    (number > u64::from(most)).then(|| PackError::Needs { path, got: got.to_string(), most })
}

/// Each cohort has its rank, and C0, which is everybody else, the last; each class of a registry is
/// one cohort.
fn cohorts(pack: &Value) -> Vec<PackError> {
    let mut errors = Vec::new();
    let path = "/cohort_precedence";
    let ranked = texts(pack, path);
    for (code, _) in COHORTS.iter().filter(|(code, _)| !ranked.contains(code)) {
        errors.push(PackError::Gap {
            path: path.to_owned(),
            zh: format!("{code} 没有次序"),
            en: format!("{code} has no rank"),
        });
    }
    if ranked.contains(&"C0") && ranked.last() != Some(&"C0") {
        errors.push(PackError::Overlap {
            path: path.to_owned(),
            zh: "C0 即其余所有人，须排在最后".to_owned(),
            en: "C0 is everybody else and must come last".to_owned(),
        });
    }
    let classes = pack.pointer("/cohort_classes").and_then(Value::as_object);
    let mut known: BTreeMap<String, (&str, &str)> = BTreeMap::new();
    let plain = |class: &str| class.split_whitespace().collect::<String>();
    let mut classes: Vec<_> = classes.into_iter().flatten().collect();
    classes.sort_by_key(|(class, _)| plain(class) != **class);
    for (class, cohort) in classes {
        let cohort = cohort.as_str().unwrap_or_default();
        let plain = plain(class);
        let earlier = match COHORTS.iter().find(|(code, _)| plain.eq_ignore_ascii_case(code)) {
            Some((code, _)) => Some((*code, *code)),
            None => known.insert(plain, (class, cohort)),
        };
        if let Some((other, of)) = earlier.filter(|(_, of)| *of != cohort) {
            errors.push(PackError::Overlap {
                path: place::within("/cohort_classes", class),
                zh: format!("{class:?} 归入 {cohort}，而 {other:?} 归入 {of}"),
                en: format!("{class:?} is {cohort}, and {other:?} is {of}"),
            });
        }
    }
    errors
}

/// A list of cohorts names each once.
fn lists(pack: &Value) -> Vec<PackError> {
    let mut errors = Vec::new();
    for path in [
        "/cohort_precedence",
        "/lines/bp_early_lt65/cohorts",
        "/lines/bp_early_nodx/cohorts",
        "/lines/bp_grade2/one_reading_cohorts",
        "/lines/glu_early_low_cohorts",
        "/lines/glu_nodx_early_cohorts",
        "/silence/without_diagnosis_cohorts",
        "/poverty_relapse/scope/cohorts",
    ] {
        let named = texts(pack, path);
        let again = named
            .iter()
            .enumerate()
            .find(|(at, code)| named.iter().take(*at).any(|it| it == *code));
        errors.extend(again.map(|(_, code)| PackError::Overlap {
            path: path.to_owned(),
            zh: format!("{code} 列了两次"),
            en: format!("{code} is listed twice"),
        }));
    }
    errors
}

/// Each office control line has its home line, not above it; the early line of the treated stays
/// under the control line of the young.
fn control_lines(pack: &Value) -> Vec<PackError> {
    const HOME: &str = "/lines/bp_control_home_from_office";
    let mut errors = Vec::new();
    let mut asked = Vec::new();
    for (code, _) in COHORTS {
        for age in ["lt65", "65to79", "ge80"] {
            let path = format!("/lines/bp_control_office/{code}/{age}");
            let Some([systolic, diastolic]) = pair(pack, &path) else { continue };
            let office = format!("{systolic}/{diastolic}");
            let home = place::within(HOME, &office);
            if pack.pointer(&home).is_none() && !asked.contains(&office) {
                errors.push(PackError::Gap {
                    path,
                    zh: format!("诊室线 {office} 没有对应的家庭线（{HOME}）"),
                    en: format!("the office line {office} has no home line in {HOME}"),
                });
            }
            asked.push(office);
        }
    }
    let homes = pack.pointer(HOME).and_then(Value::as_object);
    for (office, _) in homes.into_iter().flatten() {
        let path = place::within(HOME, office);
        let limits = office.split_once('/').map(|(sbp, dbp)| [sbp, dbp].map(str::parse::<u64>));
        let (Some([Ok(sbp), Ok(dbp)]), Some(home)) = (limits, pair(pack, &path)) else { continue };
        if home[0] > sbp || home[1] > dbp {
            errors.push(PackError::Disorder {
                got: format!("{}/{}", home[0], home[1]),
                relation: AT_MOST,
                limit: office.clone(),
                other: path.clone(),
                path,
            });
        }
    }
    let early = texts(pack, "/lines/bp_early_lt65/cohorts");
    for code in early {
        let control = format!("/lines/bp_control_office/{code}/lt65");
        for (at, relation) in [("0", BELOW), ("1", AT_MOST)] {
            let lower = format!("/lines/bp_early_lt65/office/{at}");
            errors.extend(disorder(pack, (&lower, relation, &format!("{control}/{at}"))));
        }
    }
    errors
}

fn texts<'p>(pack: &'p Value, path: &str) -> Vec<&'p str> {
    let items = pack.pointer(path).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn pair(pack: &Value, path: &str) -> Option<[u64; 2]> {
    match pack.pointer(path)?.as_array()?.as_slice() {
        [systolic, diastolic] => Some([systolic.as_u64()?, diastolic.as_u64()?]),
        _ => None,
    }
}
