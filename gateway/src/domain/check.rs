//! What can be wrong with a row of the registry by itself, whatever else the registry holds: one
//! clear reason, and nothing of the row is entered.

use std::collections::BTreeSet;

use super::{
    Dated, Device, Duty, Household, IdNumber, Pairing, Person, Place, Registered, Site, Span,
    TeamOf, at_once,
};

/// Causes of poverty (致贫原因): 因病, 因残, 因学, 缺劳动力, 缺资金 (LINES section 2.4).
pub const CAUSES: [&str; 5] = ["illness", "disability", "education", "labour", "funds"];

/// Classes that no line asks for, kept as tags: 特扶, 低保, 特困, 残疾, and 65 or older.
pub const COHORT_TAGS: [&str; 7] = ["特扶", "低保", "特困", "残疾", "65+", "65岁以上", "计生特扶"];

/// Minutes that a session at a bench may last: at least one, and four hours are no session any more.
const SESSION_MINUTES: std::ops::RangeInclusive<u16> = 1..=240;

/// Why a row is not entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{column}: {en} / {zh}")]
pub struct RowError {
    /// The column that is to be looked at.
    pub column: &'static str,
    /// The code, as programs compare it.
    pub code: &'static str,
    /// What is wrong, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

impl RowError {
    /// An error in both languages.
    #[must_use]
    pub fn new(
        column: &'static str,
        code: &'static str,
        (zh, en): (impl Into<String>, impl Into<String>),
    ) -> Self {
        Self { column, code, zh: zh.into(), en: en.into() }
    }

    /// A place lies within itself.
    #[must_use]
    pub fn own_ancestor() -> Self {
        let words = ("该地点成了自己的上级", "the place would be its own ancestor");
        Self::new("parent", "own_ancestor", words)
    }
}

type Checked = Result<(), RowError>;

fn sound(holds: bool, error: impl FnOnce() -> RowError) -> Checked {
    if holds { Ok(()) } else { Err(error()) }
}

impl Registered {
    /// Whether a row can be one, whatever else the registry holds.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Checked {
        match self {
            Self::Person(row) => row.check(),
            Self::Household(row) => row.check(),
            Self::Device(row) => row.check(),
            Self::Site(row) => row.check(),
            Self::Place(row) => row.check(),
            Self::Team(row) => row.check(),
            Self::Duty(row) => row.check(),
            Self::Pairing(row) => row.check(),
            Self::Box(row) => row.check(),
            // A plan has a check of its own, which names several columns.
            Self::Doctor(_) | Self::Card(_) | Self::Plan(_) | Self::Bench(_) => Ok(()),
        }
    }
}

impl Person {
    fn check(&self) -> Checked {
        let given = self.id_number.trim();
        let same = !given.is_empty() && self.person.as_str().eq_ignore_ascii_case(given);
        sound(!same && IdNumber::parse(self.person.as_str()).is_err(), || {
            let words = (
                "人员编号不得是身份证号：请使用无含义的编号",
                "a resident identity number is no id of a person: give them one without a meaning",
            );
            RowError::new("person", "id_is_id_number", words)
        })?;
        if !given.is_empty() {
            IdNumber::parse(given).map_err(|error| {
                let text = error.to_string();
                let (en, zh) = text.split_once(" / ").unwrap_or((&text, &text));
                RowError::new("id_number", "id_number_wrong", (zh, en))
            })?;
        }
        for (column, items) in [
            ("diagnoses", &self.diagnoses),
            ("medicines", &self.medicines),
            ("cohorts", &self.cohorts),
            ("pregnant", &self.pregnant),
        ] {
            dates(column, items)?;
        }
        overlapping(&self.cohorts)?;
        let known = |it: &Dated| it.cause.as_ref().is_none_or(|it| CAUSES.contains(&it.as_str()));
        sound(self.cohorts.iter().all(known), || no_cause("cohorts"))
    }
}

fn dates(column: &'static str, items: &[Dated]) -> Checked {
    let reversed = |it: &Dated| it.from.zip(it.until).is_some_and(|(from, until)| until < from);
    sound(!items.iter().any(reversed), || {
        let words = ("截止日期早于开始日期", "a span ends before it begins");
        RowError::new(column, "dates_reversed", words)
    })
}

/// One class twice on the same day; the very same item twice says nothing new.
fn overlapping(items: &[Dated]) -> Checked {
    let begins = |it: &Dated, other: &Dated| {
        it.from.zip(other.until).is_none_or(|(from, until)| from <= until)
    };
    let twice = |it: &Dated, other: &Dated| {
        it.code == other.code && it != other && begins(it, other) && begins(other, it)
    };
    let after = |place: usize| items.iter().skip(place.saturating_add(1));
    let found = items.iter().enumerate().find(|(place, it)| after(*place).any(|o| twice(it, o)));
    found.map_or(Ok(()), |(_, it)| {
        let words = (
            format!("类别 {} 的两段日期重叠", it.code),
            format!("two spans of {} overlap", it.code),
        );
        Err(RowError::new("cohorts", "cohort_twice", words))
    })
}

fn no_cause(column: &'static str) -> RowError {
    let words = (
        format!("致贫原因应为 {} 之一", CAUSES.join(", ")),
        format!("a cause is one of {}", CAUSES.join(", ")),
    );
    RowError::new(column, "cause_unknown", words)
}

impl Household {
    /// Whether at most one doctor answers at every instant, and the cause is one.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Checked {
        self.check_doctors()?;
        let known = self.cause.is_empty() || CAUSES.contains(&self.cause.as_str());
        sound(known, || no_cause("cause"))
    }

    /// Whether at most one doctor answers at every instant.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check_doctors(&self) -> Checked {
        sound(self.doctor.is_none() || self.assigned.is_empty(), || {
            let words =
                ("或写一名医生，或写带日期的列表", "either one doctor or a list with dates");
            RowError::new("doctor", "two_doctors", words)
        })?;
        let spans: Vec<Span> = self.assigned.iter().map(|assigned| assigned.span).collect();
        sound(!spans.iter().any(|span| span.is_empty()), || {
            let words = ("截止时间不晚于开始时间", "a span ends before it begins");
            RowError::new("doctor", "dates_reversed", words)
        })?;
        sound(!at_once(&spans), || {
            let words = (
                "两段签约时间重叠：一户在任何时刻只有一名责任医生",
                "two spans overlap: a household has one primary doctor at any instant",
            );
            RowError::new("doctor", "two_doctors", words)
        })
    }
}

impl Device {
    fn check(&self) -> Checked {
        let mut slots = BTreeSet::new();
        sound(self.slots.iter().all(|(slot, _)| slots.insert(slot)), || {
            let words = ("同一用户位写了两人", "two people in one user slot");
            RowError::new("slots", "slot_twice", words)
        })
    }
}

impl Site {
    fn check(&self) -> Checked {
        let fits = self.session_minutes.is_none_or(|it| SESSION_MINUTES.contains(&it));
        sound(fits, || {
            let words = ("应为1至240分钟", "expected 1 to 240 minutes");
            RowError::new("session_minutes", "out_of_range", words)
        })
    }
}

fn missing(column: &'static str) -> RowError {
    RowError::new(column, "missing", ("缺少", "missing"))
}

impl Place {
    fn check(&self) -> Checked {
        sound(!self.place.is_empty(), || missing("place"))?;
        sound(self.parent != self.place, RowError::own_ancestor)?;
        let six = |code: &str| code.len() == 6 && code.bytes().all(|place| place.is_ascii_digit());
        sound(self.area_codes().all(six), || {
            let words = ("应为六位行政区划代码", "expected the six digits of a county");
            RowError::new(Self::AREA_CODE, "area_code_wrong", words)
        })
    }
}

impl TeamOf {
    fn check(&self) -> Checked {
        sound(!self.team.is_empty(), || missing("team"))?;
        sound(!self.place.is_empty(), || missing("place"))
    }
}

impl Duty {
    /// Whether it can be a turn of duty.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Checked {
        sound(!self.site_or_place.is_empty(), || missing("site_or_place"))?;
        sound(self.span.from.is_some(), || missing("from"))?;
        sound(!self.span.is_empty(), || {
            let words = ("截止时间不晚于开始时间", "it ends before it begins");
            RowError::new("until", "dates_reversed", words)
        })
    }
}

impl Pairing {
    fn check(&self) -> Checked {
        sound(!self.facility.is_empty(), || missing("facility"))?;
        sound(!self.partner.is_empty(), || missing("partner"))
    }
}
