//! Does any case notice? Each number of the pack is moved by one step, each time also by less than
//! its unit, each switch and comparator turned over, each name of a list taken out; then some case
//! must come out otherwise. What no case can notice is listed with its reason in
//! `gateway/docs/pack-mutations.md` and here.

mod change;
mod unnoticed;

use std::sync::Arc;

use firmware_protocols::{
    BloodPressure, Decimal, Glucose, GlucoseUnit, GlucoseValue, Measurement, PressureUnit,
};
use serde_json::Value;

use super::{Case, Feed, cases, indicators, run_case};
use crate::{
    assess::{Condition, Glycaemia, History, InForce, Indicators, Pack, Packs, Patient, Visit},
    care::Paging,
    domain::{Millis, PersonId, Timestamp},
};
use change::{Change, changes};
use unnoticed::UNNOTICED;

/// Our own cases, at the edges of every number.
const EDGES: &str = include_str!("../../../../clinical/edges.json");
/// The acceptance cases, and our own.
const FILES: [&str; 2] = [include_str!("../../../../clinical/scenarios.json"), EDGES];

/// Where people read what no case notices.
const TOLD: &str = include_str!("../../../../docs/pack-mutations.md");

/// One case of a file.
#[expect(clippy::large_enum_variant, reason = "a few hundred of them, in tests")]
enum Asked {
    Judged(Case),
    Indicator(Value),
    Page(Value),
    Managed(Value),
    Registry(Value),
}

impl Asked {
    /// All of them. What no change touches, the names of symptoms, is all that reading them takes
    /// of a pack: once is enough.
    fn all(pack: &Pack) -> Vec<Self> {
        let mut asked = Vec::new();
        for file in FILES {
            let file: Value = serde_json::from_str(file).unwrap();
            let list = |name| cases(&file, name).unwrap().iter().cloned();
            let judged = list("scenarios").chain(list("boundary_grid"));
            asked.extend(judged.map(|case| Self::Judged(Case::read(pack, &case).unwrap())));
            asked.extend(list("indicator_cases").map(Self::Indicator));
        }
        let edges: Value = serde_json::from_str(EDGES).unwrap();
        let mut edges = |list, kind: fn(Value) -> Self| {
            asked.extend(cases(&edges, list).unwrap().iter().cloned().map(kind));
        };
        edges("page_cases", Self::Page);
        edges("managed_cases", Self::Managed);
        edges("registry_cases", Self::Registry);
        asked
    }

    /// What is wrong with its answer; `None` where it is what LINES says.
    fn wrong(&self, pack: &Pack) -> Option<String> {
        let (ok, line) = match self {
            Self::Judged(case) => {
                let verdict = run_case(case, pack, Feed::default());
                (verdict.ok(), verdict.line())
            }
            Self::Indicator(case) => {
                let (line, ok) = indicators::run(pack, case).unwrap();
                (ok, line)
            }
            Self::Page(case) => {
                let waits = waits(pack, case);
                (waits == case["waits_minutes"].as_i64(), format!("{case} waits {waits:?}"))
            }
            Self::Managed(case) => {
                let managed = is_managed(pack, case);
                (managed == (case["managed"] == true), format!("{case} is managed: {managed}"))
            }
            Self::Registry(case) => (counts_from_then(pack, case), case.to_string()),
        };
        (!ok).then_some(line)
    }
}

/// How long the page of a value waits at most, in minutes; `None` if those are not whole.
fn waits(pack: &Pack, case: &Value) -> Option<i64> {
    let number = |key: &str| case[key].to_string().parse::<Decimal>();
    let measurement = if let Ok(value) = number("glucose") {
        Measurement::Glucose(Glucose::new(GlucoseValue::Number(value), GlucoseUnit::MmolPerL))
    } else {
        let (systolic, diastolic) = (number("sbp").unwrap(), number("dbp").unwrap());
        Measurement::BloodPressure(BloodPressure::new(systolic, diastolic, PressureUnit::MmHg))
    };
    let grave = pack.never_waits(&measurement);
    let wait = match Paging::of(pack, case["staffed"] == true, grave) {
        Paging::AtOnce | Paging::Digest => Millis::ZERO,
        Paging::Settle(longest) => longest,
    };
    (wait == Millis::minutes(wait.whole_minutes())).then(|| wait.whole_minutes())
}

/// Whether somebody with both diagnoses and so many visits in the year is managed, by both.
fn is_managed(pack: &Pack, case: &Value) -> bool {
    let end = Timestamp::parse("2026-06-30T23:59:59+08:00").unwrap();
    let patient = Patient::new(PersonId::new("P1").unwrap())
        .with(Condition::Hypertension)
        .with(Condition::Diabetes);
    let visit = |back| Visit {
        at: end.minus(Millis::days(20 * back)),
        pressure: None,
        fasting: Some(Glycaemia(60)),
    };
    let visits = (0..case["visits"].as_i64().unwrap()).rev().map(visit).collect();
    let history = History { patient, contracted: true, registered: None, died: None, visits };
    let mut counted = Indicators::default();
    counted.count(pack, &history, end);
    let (pressure, glucose) = (counted.managed_pressure, counted.managed_glucose);
    assert_eq!(pressure, glucose, "one number for both");
    pressure.numerator == 1
}

/// Whether a row that is entered again counts from that instant on, to the millisecond.
fn counts_from_then(pack: &Pack, case: &Value) -> bool {
    let at = |key: &str| Timestamp::parse(case[key].as_str().unwrap()).unwrap();
    let (again, from) = (at("entered_again"), at("counts_from"));
    let person = || Patient::new(PersonId::new("P1").unwrap());
    let row = |_: &Pack, entered| if entered == again { person().aged(70) } else { person() };
    let entered = [from.minus(Millis::days(30)), again];
    let in_force = InForce::new(&Packs::new(Arc::new(pack.clone())), &entered, row);
    in_force.changes_between(from.minus(Millis(1)), from)
}

/// The share of all changes that one test tries: nextest ends a test after 30 s.
const SHARES: usize = 6;

#[track_caller]
fn check(share: usize) {
    let built_in = Pack::built_in().unwrap();
    let mut asked = Asked::all(&built_in);
    // One that is wrong anyhow notices nothing.
    asked.retain(|case| case.wrong(&built_in).is_none());
    let mut wrong = Vec::new();
    let tried = changes().into_iter().enumerate().filter(|(place, _)| place % SHARES == share);
    for (_, change) in tried {
        let noticed = noticed(&mut asked, &change);
        let name = change.to_string();
        match (noticed, UNNOTICED.iter().any(|(listed, _)| *listed == name)) {
            (true, false) | (false, true) => {}
            (false, false) => wrong.push(format!("no case notices: {name}")),
            (true, true) => wrong.push(format!("a case notices, take it off the list: {name}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the reader refuses it, or some case comes out otherwise. The case that did stands first
/// from then on: it often notices the next change too.
fn noticed(asked: &mut Vec<Asked>, change: &Change) -> bool {
    let Some(pack) = change.pack() else { return true };
    let Some(place) = asked.iter().position(|case| case.wrong(&pack).is_some()) else {
        return false;
    };
    let case = asked.remove(place);
    asked.insert(0, case);
    true
}

#[test]
fn every_case_comes_out_with_the_pack_as_it_is() {
    let pack = Pack::built_in().unwrap();
    let failed: Vec<String> =
        Asked::all(&pack).iter().filter_map(|asked| asked.wrong(&pack)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_no_case_notices_is_a_change_that_is_tried() {
    let changes: Vec<String> = changes().iter().map(ToString::to_string).collect();
    for (listed, why) in UNNOTICED {
        assert!(changes.iter().any(|name| name == listed), "{listed} is not tried");
        let row = format!("| `{listed}` | {why} |");
        assert!(TOLD.contains(&row), "docs/pack-mutations.md lacks {row}");
    }
}

macro_rules! shares {
    ($($name:ident: $share:expr,)*) => { $(#[test] fn $name() { check($share); })* };
}

shares! {
    a_case_notices_each_change_of_the_first_share: 0,
    a_case_notices_each_change_of_the_second_share: 1,
    a_case_notices_each_change_of_the_third_share: 2,
    a_case_notices_each_change_of_the_fourth_share: 3,
    a_case_notices_each_change_of_the_fifth_share: 4,
    a_case_notices_each_change_of_the_sixth_share: 5,
}
