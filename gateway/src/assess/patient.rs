//! Whom the lines judge: what the registry says of a person, with the days on which it holds.

use jiff::civil::Date;

use super::pack::Pack;
use crate::domain::{Dated, Household, Person, PersonId, Timestamp};

/// A dated class of a person (LINES 6.2). `C0` is everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// Days of Asia/Shanghai since 1970-01-01, both included; open where absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: Option<i64>,
    until: Option<i64>,
}

impl Span {
    const ALWAYS: Self = Self { from: None, until: None };

    fn of(dated: &Dated) -> Self {
        Self { from: dated.from.map(day_number), until: dated.until.map(day_number) }
    }

    fn holds(self, day: i64) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

fn day_number(date: Date) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    date.duration_since(epoch).as_hours().div_euclid(24)
}

/// How old a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// Known from the date of birth.
    Born(Date),
    /// Fixed, in years, for cases written by hand.
    Years(u16),
    /// The registry does not say: the lines of the younger hold, which are the stricter ones.
    Unknown,
}

/// A person as the lines see them. Nothing in it has a name or a telephone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patient {
    person: PersonId,
    age: Age,
    conditions: Vec<(Condition, Span)>,
    /// When the person was taken into care: silence counts from here while there is no value.
    pub(super) enrolled_at: Option<Timestamp>,
    /// The household is poor because of illness (PR-2).
    pub(super) cause_illness: bool,
}

impl Patient {
    /// A person of whom nothing is known yet.
    #[must_use]
    pub const fn new(person: PersonId) -> Self {
        Self {
            person,
            age: Age::Unknown,
            conditions: Vec::new(),
            enrolled_at: None,
            cause_illness: false,
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
        Self {
            person: person.person.clone(),
            age: person.birth_date.map_or(Age::Unknown, Age::Born),
            conditions: cohorts.chain(coded).collect(),
            enrolled_at,
            cause_illness: household.is_some_and(|household| household.cause == "illness"),
        }
    }

    /// The same person at a fixed age in years.
    #[must_use]
    pub const fn aged(mut self, years: u16) -> Self {
        self.age = Age::Years(years);
        self
    }

    /// The same person with a condition that always holds.
    #[must_use]
    pub fn with(mut self, condition: Condition) -> Self {
        self.conditions.push((condition, Span::ALWAYS));
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

    /// Age in whole years, or `None`.
    #[must_use]
    pub fn age(&self, at: Timestamp) -> Option<u16> {
        match self.age {
            Age::Unknown => None,
            Age::Years(years) => Some(years),
            Age::Born(born) => {
                let today = at.to_shanghai()?.date();
                let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
                let years = today.year().checked_sub(born.year())?;
                let years = if had_birthday { years } else { years.checked_sub(1)? };
                u16::try_from(years).ok()
            }
        }
    }

    /// The cohort whose numbers count at an instant: the first in the pack's precedence.
    #[must_use]
    pub fn cohort(&self, pack: &Pack, at: Timestamp) -> Cohort {
        let holds = |cohort: &Cohort| self.has(Condition::Cohort(*cohort), at);
        pack.cohort_precedence.iter().copied().find(holds).unwrap_or(Cohort::C0)
    }
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
