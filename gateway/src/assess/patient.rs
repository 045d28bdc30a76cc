//! Whom the lines judge: what the registry says of a person, with the days on which it holds.

use jiff::civil::Date;
use serde::Serialize;

use super::{
    contradict::{births, years},
    enrolment,
    pack::Pack,
    plan::Own,
};
use crate::domain::{Dated, Household, Millis, Person, PersonId, Timestamp};

/// A dated class of a person (LINES 6.2). `C0` is everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Cohort {
    /// General rural resident.
    C0,
    /// Registered-poor, lifted and stable.
    C1,
    /// Monitored, or currently registered-poor.
    C2,
    /// Cured but tracked.
    C3,
}

impl Cohort {
    /// Every cohort.
    pub const ALL: [Self; 4] = [Self::C0, Self::C1, Self::C2, Self::C3];

    /// The code's cohort.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        match code {
            "C0" => Some(Self::C0),
            "C1" => Some(Self::C1),
            "C2" => Some(Self::C2),
            "C3" => Some(Self::C3),
            _ => None,
        }
    }
}

/// What can hold of a person for a span of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Condition {
    /// Diagnosis `htn`.
    Hypertension,
    /// Diagnosis `dm`.
    Diabetes,
    /// Medicine `antihypertensive`.
    Antihypertensive,
    /// Medicine `insulin` or `sulphonylurea`.
    InsulinOrSulphonylurea,
    /// Medicine `glucose_lowering`.
    GlucoseLowering,
    /// Pregnancy.
    Pregnant,
    /// Lactation.
    Lactating,
    /// Membership of a cohort.
    Cohort(Cohort),
    /// The registry says that they died.
    Dead,
}

/// Days of Asia/Shanghai since 1970-01-01, both included; open where absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
}

impl Span {
    const ALWAYS: Self = Self { from: None, until: None };

    fn of(dated: &Dated) -> Self {
        Self::between(dated.from, dated.until)
    }

    /// Days between two dates, also where they stand the wrong way round.
    pub(super) fn between(from: Option<Date>, until: Option<Date>) -> Self {
        let (from, until) = match (from, until) {
            (Some(from), Some(until)) if until < from => (Some(until), Some(from)),
            as_written => as_written,
        };
        Self { from: from.map(day_number), until: until.map(day_number) }
    }

    /// Its first instant.
    pub(super) fn begins(self) -> Option<Timestamp> {
        self.from.map(day_begins)
    }

    pub(super) fn holds(self, day: i64) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

pub(super) fn day_number(date: Date) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    date.duration_since(epoch).as_hours().div_euclid(24)
}

/// Days of the pack's time zone begin this much before those of UTC.
const SHANGHAI: Millis = Millis::hours(8);

/// How old a person is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
enum Age {
    /// Known from the date of birth. Several where the facts contradict each other: every line takes
    /// the stricter end.
    Born(Vec<Date>),
    /// Fixed, in years, for cases written by hand.
    Years(u16),
    /// The registry does not say: the lines of the younger hold, which are the stricter ones.
    Unknown,
}

/// The ages that a person may have, in whole years. Where a date of birth cannot be one, the youngest
/// is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ages {
    /// Lines that are stricter for the younger take this one; unknown counts as young.
    pub(super) youngest: Option<u16>,
    /// Lines that are stricter for the older take this one.
    pub(super) oldest: Option<u16>,
}

/// A person as the lines see them. Nothing in it has a name or a telephone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Patient {
    person: PersonId,
    age: Age,
    conditions: Vec<(Condition, Span)>,
    /// The person's own plans, in the order in which they were entered.
    pub(super) plans: Vec<Own>,
    /// When the person was taken into care: silence counts from here while there is no value.
    pub(super) enrolled_at: Option<Timestamp>,
    /// The household is poor because of illness (PR-2).
    pub(super) cause_illness: bool,
    /// What stands here counts from this instant on: by it no silence of before is told, and none
    /// that was told ends. Not of the person, but of the row and the pack in force, which are part of
    /// what a state was judged with.
    #[serde(skip)]
    pub(super) in_force_from: Timestamp,
    /// Up to when it is known here what was measured of the person; `None`: up to now, by our own tick.
    /// What silence alone would tell after it waits. Of the gateways that serve the person, not of the
    /// person: no part of what a state was judged with.
    #[serde(skip)]
    pub(super) known_until: Option<Timestamp>,
}

impl Patient {
    /// A person of whom nothing is known yet.
    #[must_use]
    pub const fn new(person: PersonId) -> Self {
        Self {
            person,
            age: Age::Unknown,
            conditions: Vec::new(),
            plans: Vec::new(),
            enrolled_at: None,
            cause_illness: false,
            in_force_from: EVER,
            known_until: None,
        }
    }

    /// A person as the registry states them. Class names become cohorts as the pack maps them;
    /// codes that no line knows stay in the registry.
    #[must_use]
    pub fn registered(
        pack: &Pack,
        person: &Person,
        household: Option<&Household>,
        enrolled_at: Option<Timestamp>,
    ) -> Self {
        let cohorts = person.cohorts.iter().filter_map(|dated| {
            let cohort = pack.cohort_of(&dated.code)?;
            Some((Condition::Cohort(cohort), Span::of(dated)))
        });
        let coded = person.diagnoses.iter().chain(&person.medicines).chain(&person.pregnant);
        let coded = coded.filter_map(|dated| Some((condition_of(&dated.code)?, Span::of(dated))));
        let died = enrolment::died(person)
            .map(|day| (Condition::Dead, Span { from: Some(day_number(day)), until: None }));
        let mut conditions: Vec<_> = cohorts.chain(coded).chain(died).collect();
        // Most have one or two, and stand in memory with everybody else of a township.
        conditions.shrink_to_fit();
        Self {
            person: person.person.clone(),
            age: born(births(person, [])),
            conditions,
            plans: Vec::new(),
            enrolled_at,
            cause_illness: household.is_some_and(|household| household.cause == "illness"),
            in_force_from: EVER,
            known_until: None,
        }
    }

    /// The same person at a fixed age in years.
    #[must_use]
    pub fn aged(mut self, years: u16) -> Self {
        self.age = Age::Years(years);
        self
    }

    /// The same person, of whom superseded rows say other dates of birth.
    #[must_use]
    pub fn also_born(mut self, row: &Person, earlier: &[&Person]) -> Self {
        self.age = born(births(row, earlier.iter().copied()));
        self
    }

    /// The days of a condition.
    pub(super) fn spans(&self, condition: Condition) -> impl Iterator<Item = Span> {
        let of = self.conditions.iter().filter(move |(it, _)| *it == condition);
        of.map(|(_, span)| *span)
    }

    /// The same person with a condition that always holds.
    #[must_use]
    pub fn with(mut self, condition: Condition) -> Self {
        self.conditions.push((condition, Span::ALWAYS));
        self
    }

    /// The same person with a condition that holds from one day through another, open where absent.
    #[must_use]
    pub fn during(mut self, condition: Condition, from: Option<Date>, until: Option<Date>) -> Self {
        self.conditions.push((condition, Span::between(from, until)));
        self
    }

    /// The same person, taken into care at an instant.
    #[must_use]
    pub const fn enrolled(mut self, at: Timestamp) -> Self {
        self.enrolled_at = Some(at);
        self
    }

    /// The same person, of a household that illness made poor.
    #[must_use]
    pub const fn poor_by_illness(mut self) -> Self {
        self.cause_illness = true;
        self
    }

    /// Whether what silence tells at an instant can be known here.
    pub(super) fn is_known(&self, due: Timestamp) -> bool {
        self.known_until.is_none_or(|until| due <= until)
    }

    /// The registry's name.
    #[must_use]
    pub const fn person(&self) -> &PersonId {
        &self.person
    }

    /// Whether a condition holds at an instant.
    #[must_use]
    pub fn has(&self, condition: Condition, at: Timestamp) -> bool {
        let day = at.shanghai_day();
        self.conditions.iter().any(|(it, span)| *it == condition && span.holds(day))
    }

    /// The first instant from `from` on at which something holds that changes only with the
    /// person's conditions and plans.
    pub(super) fn first_instant(
        &self,
        from: Timestamp,
        holds: impl Fn(Timestamp) -> bool,
    ) -> Option<Timestamp> {
        if holds(from) {
            return Some(from);
        }
        let conditions = self.conditions.iter().map(|(_, span)| span);
        let spans = conditions.chain(self.plans.iter().map(|own| &own.span));
        let changes = spans.flat_map(|span| {
            let after = span.until.map(|until| until.saturating_add(1));
            [span.from, after].into_iter().flatten()
        });
        changes.map(day_begins).filter(|at| *at > from && holds(*at)).min()
    }

    /// Age in whole years, or `None` where it is not known or not possible. For counting; lines ask
    /// for `Patient::ages`.
    #[must_use]
    pub fn age(&self, at: Timestamp) -> Option<u16> {
        self.ages(at).youngest
    }

    /// The youngest and the oldest that the person may be.
    pub(super) fn ages(&self, at: Timestamp) -> Ages {
        let dates = match &self.age {
            Age::Unknown => return Ages { youngest: None, oldest: None },
            Age::Years(fixed) => return Ages { youngest: Some(*fixed), oldest: Some(*fixed) },
            Age::Born(dates) => dates,
        };
        let ages = dates.iter().map(|date| years(*date, at));
        let possible = ages.clone().filter_map(Result::ok);
        let impossible = ages.clone().any(|age| age.is_err());
        Ages {
            youngest: if impossible { None } else { possible.clone().min() },
            oldest: possible.max(),
        }
    }

    /// The cohort whose numbers count at an instant: the first in the pack's precedence.
    #[must_use]
    pub fn cohort(&self, pack: &Pack, at: Timestamp) -> Cohort {
        let holds = |cohort: &Cohort| self.has(Condition::Cohort(*cohort), at);
        pack.cohort_precedence.iter().copied().find(holds).unwrap_or(Cohort::C0)
    }
}

/// The instant at which a day begins in China.
fn day_begins(day: i64) -> Timestamp {
    let utc = Timestamp::from_millis(0).plus(Millis(day.saturating_mul(Millis::days(1).0)));
    utc.minus(SHANGHAI)
}

/// The beginning of time.
pub(super) const EVER: Timestamp = Timestamp::from_millis(i64::MIN);

fn born(dates: Vec<Date>) -> Age {
    if dates.is_empty() { Age::Unknown } else { Age::Born(dates) }
}

fn condition_of(code: &str) -> Option<Condition> {
    match code {
        "htn" => Some(Condition::Hypertension),
        "dm" => Some(Condition::Diabetes),
        "antihypertensive" => Some(Condition::Antihypertensive),
        "insulin" | "sulphonylurea" => Some(Condition::InsulinOrSulphonylurea),
        "glucose_lowering" => Some(Condition::GlucoseLowering),
        "pregnant" => Some(Condition::Pregnant),
        "lactating" => Some(Condition::Lactating),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(code: &str, from: Option<&str>, until: Option<&str>) -> Dated {
        let day = |text: &str| text.parse().unwrap();
        Dated { code: code.into(), from: from.map(day), until: until.map(day), cause: None }
    }

    fn registered() -> Patient {
        let person = Person {
            person: PersonId::new("P1").unwrap(),
            name: String::new(),
            sex: None,
            birth_date: Some("1961-03-02".parse().unwrap()),
            id_number: String::new(),
            cards: Vec::new(),
            phone: String::new(),
            consent: String::new(),
            household: None,
            village: String::new(),
            diagnoses: vec![dated("htn", None, None)],
            medicines: vec![dated("insulin", Some("2026-03-02"), None)],
            cohorts: vec![
                dated("脱贫户", None, None),
                dated("C2", Some("2026-03-10"), Some("2026-03-12")),
            ],
            pregnant: Vec::new(),
            attributes: Default::default(),
        };
        Patient::registered(&Pack::built_in().unwrap(), &person, None, None)
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn conditions_hold_by_the_calendar_of_china() {
        let patient = registered();
        let treated = |text| patient.has(Condition::InsulinOrSulphonylurea, at(text));
        assert!(!treated("2026-03-01T23:59:59+08:00"));
        assert!(treated("2026-03-02T00:00:00+08:00"));
        let pack = Pack::built_in().unwrap();
        let cohort = |text| patient.cohort(&pack, at(text));
        assert_eq!(cohort("2026-03-09T23:59:59+08:00"), Cohort::C1);
        assert_eq!(cohort("2026-03-10T00:00:00+08:00"), Cohort::C2);
        assert_eq!(cohort("2026-03-12T23:59:59+08:00"), Cohort::C2);
        assert_eq!(cohort("2026-03-13T00:00:00+08:00"), Cohort::C1);
    }

    #[test]
    fn a_birthday_counts_from_its_midnight() {
        let patient = registered();
        assert_eq!(patient.age(at("2026-03-01T23:59:59+08:00")), Some(64));
        assert_eq!(patient.age(at("2026-03-02T00:00:00+08:00")), Some(65));
    }

    #[test]
    fn the_first_instant_is_now_or_the_beginning_of_a_day_on_which_something_changes() {
        let (patient, pack) = (registered(), Pack::built_in().unwrap());
        let first = |from: &str, cohort| {
            let first = patient.first_instant(at(from), |it| patient.cohort(&pack, it) == cohort);
            first.map(|at| at.to_string())
        };
        let text = |text: &str| Some(text.to_owned());
        let (inside, day) = ("2026-03-11T07:00:00+08:00", "2026-03-10T00:00:00+08:00");
        assert_eq!(first(inside, Cohort::C2), text(inside));
        assert_eq!(first("2026-03-02T07:00:00+08:00", Cohort::C2), text(day));
        assert_eq!(first(inside, Cohort::C1), text("2026-03-13T00:00:00+08:00"));
        assert_eq!(first("2026-03-13T07:00:00+08:00", Cohort::C2), None);
    }
}
