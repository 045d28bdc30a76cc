//! What people write down about a person becomes events: checked against the pack, with one clear
//! reason where it cannot be one. Nothing is stored that the lines would pass over in silence.

use firmware_protocols::{
    BloodPressure, Decimal, Glucose, GlucoseUnit, GlucoseValue, Measurement, PressureUnit,
};
use jiff::civil::{Date, DateTime};
use smol_str::SmolStr;

use crate::{
    assess::Pack,
    domain::{Happened, Money, MoneyKind, Standing, Timestamp},
};

/// More than this, in yuan, is a slipped point: hundreds of times the highest local line of the
/// default pack (26,000; CN15).
const YUAN_MAX: u32 = 10_000_000;

/// Why what was written is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventProblem {
    /// Neither values nor symptoms.
    #[error("nothing in it: give systolic and diastolic, fasting, or symptoms")]
    Nothing,
    /// One pressure of two.
    #[error("systolic and diastolic belong together")]
    Half,
    /// Not a time.
    #[error("expected a time as 2026-03-02T07:10:00+08:00, or a date")]
    NoTime,
    /// It has not happened yet.
    #[error("the time lies in the future")]
    Future,
    /// Outside the pack's validity.
    #[error("no pressure that a person has, in mmHg")]
    Pressure,
    /// Outside the pack's validity.
    #[error("no fasting glucose that a person has, in mmol/L")]
    Fasting,
    /// A code that the pack lacks.
    #[error("no such symptom in the pack; it has {known}")]
    Symptom {
        /// Those that it has.
        known: String,
    },
    /// A profile that the pack lacks.
    #[error("no such profile in the pack; it has {known}")]
    Profile {
        /// Those that it has.
        known: String,
    },
    /// No sum of a known kind.
    #[error("expected one of year_to_date, outpatient_month")]
    Kind,
    /// Nothing that is done at a bench.
    #[error(
        "expected one of re_measured, no_symptoms, has_symptoms, sent_home, referred, called_120"
    )]
    Deed,
    /// Not the name of a site.
    #[error("no name of a site")]
    Site,
    /// Not the name of a bench.
    #[error("no name of a bench")]
    Bench,
    /// Symptoms where there are none, or none where there are some.
    #[error("has_symptoms names symptoms; no_symptoms and re_measured name none")]
    SymptomsOfDeed,
    /// No reading, where symptoms need one, or none of this person.
    #[error("name the reading of this person at which it was asked or done")]
    NoReading,
    /// No alert of this person.
    #[error("no such alert of this person")]
    NoAlert,
    /// Not a sum that somebody paid.
    #[error("expected yuan from 0 to {YUAN_MAX}")]
    Yuan,
}

impl EventProblem {
    /// The column or member that is wrong.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Nothing | Self::Half | Self::Pressure => "systolic",
            Self::NoTime | Self::Future => "at",
            Self::Fasting => "fasting",
            Self::Symptom { .. } => "symptoms",
            Self::Profile { .. } => "profile",
            Self::Kind => "kind",
            Self::Deed => "act",
            Self::Site => "site",
            Self::Bench => "bench",
            Self::SymptomsOfDeed => "symptoms",
            Self::NoReading => "reading",
            Self::NoAlert => "alert",
            Self::Yuan => "yuan",
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Nothing => "没有内容：请填写收缩压和舒张压、空腹血糖或症状".to_owned(),
            Self::Half => "收缩压和舒张压须同时填写".to_owned(),
            Self::NoTime => "时间格式应为 2026-03-02T07:10:00+08:00 或日期".to_owned(),
            Self::Future => "时间在将来".to_owned(),
            Self::Pressure => "血压值不可能（单位 mmHg）".to_owned(),
            Self::Fasting => "空腹血糖值不可能（单位 mmol/L）".to_owned(),
            Self::Symptom { known } => format!("规则包中没有该症状，可用：{known}"),
            Self::Profile { known } => format!("规则包中没有该费用方案，可用：{known}"),
            Self::Kind => "应为 year_to_date 或 outpatient_month".to_owned(),
            Self::Deed => {
                "应为 re_measured（已复测）、no_symptoms（无症状）、has_symptoms（有症状）、\
                           sent_home（已回家）、referred（已转诊）或 called_120（已叫120）"
                    .to_owned()
            }
            Self::Site => "站点编号无效".to_owned(),
            Self::Bench => "工位编号无效".to_owned(),
            Self::SymptomsOfDeed => "“有症状”须选症状，“无症状”和“已复测”不带症状".to_owned(),
            Self::NoReading => "请指明此人的那次测量".to_owned(),
            Self::NoAlert => "此人没有这条预警".to_owned(),
            Self::Yuan => format!("金额应在 0 至 {YUAN_MAX} 元之间"),
        }
    }
}

/// When something happened: an instant, or what clocks in China showed; a date alone is its first
/// minute.
///
/// # Errors
/// No time, or one that lies further ahead than the pack allows for a clock.
pub fn happened_at(text: &str, pack: &Pack, now: Timestamp) -> Result<Timestamp, EventProblem> {
    let local = || text.parse::<DateTime>().ok().or_else(|| Some(date(text)?.at(0, 0, 0, 0)));
    let at = Timestamp::parse(text).or_else(|| Timestamp::from_shanghai(local()?));
    let at = at.ok_or(EventProblem::NoTime)?;
    if at > now.plus(pack.future_skew()) { Err(EventProblem::Future) } else { Ok(at) }
}

fn date(text: &str) -> Option<Date> {
    text.parse().ok()
}

/// A formal follow-up, if its values are some that a person can have.
///
/// # Errors
/// The first thing that is wrong.
pub fn follow_up(
    pack: &Pack,
    (systolic, diastolic): (Option<Decimal>, Option<Decimal>),
    fasting: Option<Decimal>,
    symptoms: Vec<SmolStr>,
) -> Result<Happened, EventProblem> {
    let accepted = |measurement| pack.standing(&measurement) == Standing::Stored;
    let pressure = match (systolic, diastolic) {
        (None, None) => None,
        (Some(systolic), Some(diastolic)) => Some((systolic, diastolic)),
        (Some(_), None) | (None, Some(_)) => return Err(EventProblem::Half),
    };
    if let Some((systolic, diastolic)) = pressure {
        let taken = BloodPressure::new(systolic, diastolic, PressureUnit::MmHg);
        if !accepted(Measurement::BloodPressure(taken)) {
            return Err(EventProblem::Pressure);
        }
    }
    if let Some(fasting) = fasting {
        let taken = Glucose::new(GlucoseValue::Number(fasting), GlucoseUnit::MmolPerL);
        if !accepted(Measurement::Glucose(taken)) {
            return Err(EventProblem::Fasting);
        }
    }
    let codes = || pack.symptom_codes();
    if symptoms.iter().any(|symptom| codes().all(|code| code != symptom)) {
        let known = codes().collect::<Vec<_>>().join(", ");
        return Err(EventProblem::Symptom { known });
    }
    if pressure.is_none() && fasting.is_none() && symptoms.is_empty() {
        return Err(EventProblem::Nothing);
    }
    Ok(Happened::FollowUp { pressure, fasting, symptoms })
}

/// A sum of money, if the pack has a line for its profile.
///
/// # Errors
/// The first thing that is wrong.
pub fn money(
    pack: &Pack,
    profile: &str,
    kind: &str,
    yuan: Decimal,
) -> Result<Happened, EventProblem> {
    if pack.money_profiles().all(|known| known != profile) {
        let known = pack.money_profiles().collect::<Vec<_>>().join(", ");
        return Err(EventProblem::Profile { known });
    }
    let kind = MoneyKind::ALL.into_iter().find(|known| known.as_str() == kind);
    let kind = kind.ok_or(EventProblem::Kind)?;
    if yuan.is_negative() || yuan > Decimal::from(i64::from(YUAN_MAX)) {
        return Err(EventProblem::Yuan);
    }
    Ok(Happened::Money(Money { profile: profile.into(), kind, yuan }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack() -> Pack {
        Pack::built_in().unwrap()
    }

    fn number(text: &str) -> Option<Decimal> {
        (!text.is_empty()).then(|| text.parse().unwrap())
    }

    /// Systolic, diastolic, fasting, symptom: the member that is wrong, or none.
    #[track_caller]
    fn check([systolic, diastolic, fasting, symptom]: [&str; 4], expected: &str) {
        let pair = (number(systolic), number(diastolic));
        let symptoms = symptom.split_whitespace().map(SmolStr::new).collect();
        let found = follow_up(&pack(), pair, number(fasting), symptoms);
        let field = found.as_ref().err().map_or("", EventProblem::field);
        assert_eq!(field, expected, "{found:?}");
    }

    #[test]
    fn a_follow_up_has_values_that_a_person_can_have() {
        check(["182", "112", "", ""], "");
        check(["", "", "7.0", ""], "");
        check(["", "", "", "palpitation"], "");
        check(["", "", "", ""], "systolic");
        check(["120", "", "", ""], "systolic");
        check(["80", "120", "", ""], "systolic");
        check(["18.2", "11.2", "", ""], "systolic");
        check(["120", "80", "126", ""], "fasting");
        check(["120", "80", "", "headace"], "symptoms");
    }

    #[track_caller]
    fn check_money((profile, kind, yuan): (&str, &str, &str), expected: Option<&EventProblem>) {
        let found = money(&pack(), profile, kind, yuan.parse().unwrap());
        assert_eq!(found.err().as_ref(), expected);
    }

    #[test]
    fn money_has_a_profile_of_the_pack_and_a_sum_that_somebody_paid() {
        let known = "county-example, xian-2025".to_owned();
        check_money(("xian-2025", "year_to_date", "10000.50"), None);
        check_money(("county-example", "outpatient_month", "0"), None);
        check_money(("xian", "year_to_date", "1"), Some(&EventProblem::Profile { known }));
        check_money(("xian-2025", "month", "1"), Some(&EventProblem::Kind));
        check_money(("xian-2025", "year_to_date", "-1"), Some(&EventProblem::Yuan));
        check_money(("xian-2025", "year_to_date", "10000001"), Some(&EventProblem::Yuan));
    }

    #[track_caller]
    fn check_time(text: &str, expected: Result<&str, EventProblem>) {
        let now = Timestamp::parse("2026-03-02T12:00:00+08:00").unwrap();
        let at = happened_at(text, &pack(), now).map(|at| at.to_string());
        assert_eq!(at, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn a_time_is_an_instant_a_clock_in_china_or_a_date_and_not_in_the_future() {
        check_time("2026-03-02T03:10:00Z", Ok("2026-03-02T11:10:00+08:00"));
        check_time("2026-03-01T07:10:00", Ok("2026-03-01T07:10:00+08:00"));
        check_time("2026-03-01 07:10", Ok("2026-03-01T07:10:00+08:00"));
        check_time("2026-03-02", Ok("2026-03-02T00:00:00+08:00"));
        check_time("2026-03-02T12:10:00+08:00", Ok("2026-03-02T12:10:00+08:00"));
        check_time("2026-03-02T12:10:01+08:00", Err(EventProblem::Future));
        check_time("2026-03-03", Err(EventProblem::Future));
        check_time("yesterday", Err(EventProblem::NoTime));
    }

    #[test]
    fn every_problem_is_said_in_both_languages() {
        let known = "a".to_owned();
        for problem in [
            EventProblem::Nothing,
            EventProblem::Future,
            EventProblem::Profile { known: known.clone() },
            EventProblem::Symptom { known },
            EventProblem::Yuan,
        ] {
            assert!(problem.to_string().is_ascii());
            assert!(!problem.zh().is_ascii());
        }
    }
}
