//! Facts of a person that contradict each other: each is named, and the stricter reading of both is
//! what the lines use (issue 3, "Bad input").
//!
//! Two birth dates are two ages, and every line that asks for an age takes the stricter end; a
//! pregnancy stands whatever the sex; a span whose end lies before its beginning holds between the
//! two. Nothing here changes a fact, and no text has a value of the person.

use jiff::civil::Date;

use super::{Pack, plan};
use crate::domain::{Dated, Person, Plan, Sex, Timestamp};

/// Nobody is older, in years: the longest documented life was 122. No line of the pack asks for it.
pub(super) const AGE_MAX: i16 = 120;

/// Two facts that cannot both be true, or one that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contradiction {
    /// The column and the identity number name two dates of birth.
    BirthDates,
    /// An earlier row named another date of birth, and no identity number says which is right.
    BirthRows,
    /// Born after today.
    BirthInFuture,
    /// Older than anybody.
    TooOld,
    /// The identity number has no date of birth in it.
    NumberWithoutDate,
    /// The column and the identity number name two sexes.
    Sexes,
    /// A man, by column or identity number, is pregnant or lactating.
    PregnantMan,
    /// A span ends before it begins.
    DatesReversed,
    /// The same cohort twice, over days that overlap, with other dates.
    CohortTwice,
    /// A number of the person's own plan lies over the line: it counts for nothing.
    PlanLooser(&'static str),
}

impl Contradiction {
    /// The code, as programs compare it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BirthDates => "birth_dates_differ",
            Self::BirthRows => "birth_date_changed",
            Self::BirthInFuture => "birth_in_future",
            Self::TooOld => "age_over_120",
            Self::NumberWithoutDate => "id_number_without_date",
            Self::Sexes => "sexes_differ",
            Self::PregnantMan => "pregnant_man",
            Self::DatesReversed => "dates_reversed",
            Self::CohortTwice => "cohort_twice",
            Self::PlanLooser(_) => "plan_looser",
        }
    }

    /// The column of the file that is to be looked at.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Self::BirthDates | Self::BirthRows | Self::BirthInFuture | Self::TooOld => "birth_date",
            Self::NumberWithoutDate => "id_number",
            Self::Sexes => "sex",
            Self::PregnantMan => "pregnant",
            Self::DatesReversed | Self::CohortTwice => "cohorts",
            Self::PlanLooser(column) => column,
        }
    }

    /// What contradicts what, and which is used, in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::BirthDates => "出生日期与身份证号中的不一致：按较严的年龄判定",
            Self::BirthRows => "出生日期与先前登记的不一致，且身份证号未能证实：按较严的年龄判定",
            Self::BirthInFuture => "出生日期在未来：按年龄不详的较严标准判定",
            Self::TooOld => "年龄超过120岁：按年龄不详的较严标准判定",
            Self::NumberWithoutDate => "身份证号中没有有效的出生日期",
            Self::Sexes => "性别与身份证号中的不一致：不影响判定",
            Self::PregnantMan => "男性登记为孕期或哺乳期：孕期标准仍然适用",
            Self::DatesReversed => "截止日期早于开始日期：按两日期之间有效判定",
            Self::CohortTwice => "同一人群类别有两段重叠但日期不同的登记：任一段有效即按有效判定",
            Self::PlanLooser(_) => "个人方案的数值比标准宽松：该数值不使用",
        }
    }

    /// The same in English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::BirthDates => {
                "the birth date differs from the identity number's: judged by the stricter age"
            }
            Self::BirthRows => {
                "the birth date differs from an earlier row's and no identity number confirms it: \
                 judged by the stricter age"
            }
            Self::BirthInFuture => {
                "the birth date lies in the future: judged as of unknown age, by the stricter lines"
            }
            Self::TooOld => "older than 120 years: judged as of unknown age, by the stricter lines",
            Self::NumberWithoutDate => "the identity number holds no valid birth date",
            Self::Sexes => "the sex differs from the identity number's: no line depends on it",
            Self::PregnantMan => {
                "a man is registered as pregnant or lactating: the lines of pregnancy hold"
            }
            Self::DatesReversed => "a span ends before it begins: it holds between the two dates",
            Self::CohortTwice => {
                "the same cohort twice with overlapping, different dates: it holds on either"
            }
            Self::PlanLooser(_) => {
                "a number of the person's own plan is looser than the line: it is not used"
            }
        }
    }
}

/// What an 18-digit resident identity number says (GB 11643): date of birth and sex. The check digit
/// is not asked: a number with a slip in it still tells two stories apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) born: Option<Date>,
    sex: Sex,
}

/// Reads an identity number; `None` where it is not one of 18 places.
pub(super) fn numbered(id_number: &str) -> Option<Numbered> {
    let places: Vec<u8> = id_number.trim().bytes().collect();
    let (&last, digits) = places.split_last()?;
    let sound = places.len() == 18
        && digits.iter().all(u8::is_ascii_digit)
        && (last.is_ascii_digit() || matches!(last, b'X' | b'x'));
    if !sound {
        return None;
    }
    let number = |from: usize, to: usize| {
        let part = digits.get(from..to)?;
        Some(part.iter().fold(0_i16, |sum, digit| {
            sum.saturating_mul(10).saturating_add(i16::from(digit.saturating_sub(b'0')))
        }))
    };
    let small = |from, to| number(from, to).and_then(|number| i8::try_from(number).ok());
    let born = number(6, 10).zip(small(10, 12)).zip(small(12, 14));
    let born = born.and_then(|((year, month), day)| Date::new(year, month, day).ok());
    let odd = number(16, 17).is_some_and(|digit| digit % 2 == 1);
    Some(Numbered { born, sex: if odd { Sex::Male } else { Sex::Female } })
}

/// Age in whole years, or why a date of birth cannot be one.
pub(super) fn years(born: Date, at: Timestamp) -> Result<u16, Contradiction> {
    let Some(today) = at.to_shanghai().map(jiff::civil::DateTime::date) else {
        return Err(Contradiction::TooOld);
    };
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    let years = today.year().saturating_sub(born.year());
    let years = if had_birthday { years } else { years.saturating_sub(1) };
    if born > today {
        Err(Contradiction::BirthInFuture)
    } else if years > AGE_MAX {
        Err(Contradiction::TooOld)
    } else {
        u16::try_from(years).map_err(|_negative| Contradiction::BirthInFuture)
    }
}

/// The dates of birth that a row and its predecessors name. Predecessors count as long as the row's
/// own identity number does not confirm its own date.
#[must_use]
pub fn births<'p>(row: &Person, earlier: impl IntoIterator<Item = &'p Person>) -> Vec<Date> {
    let in_number = numbered(&row.id_number).and_then(|it| it.born);
    let mut dates: Vec<Date> = row.birth_date.into_iter().chain(in_number).collect();
    let confirmed = row.birth_date.is_some() && row.birth_date == in_number;
    if !confirmed && row.birth_date.is_some() {
        dates.extend(earlier.into_iter().filter_map(|row| row.birth_date));
    }
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// What contradicts what in a row, at an instant; `earlier` are the rows that it superseded.
#[must_use]
pub fn contradictions<'p>(
    row: &Person,
    earlier: impl IntoIterator<Item = &'p Person>,
    at: Timestamp,
) -> Vec<Contradiction> {
    let number = numbered(&row.id_number);
    let in_number = number.and_then(|it| it.born);
    let own: Vec<Date> = row.birth_date.into_iter().chain(in_number).collect();
    let mut found: Vec<Contradiction> =
        own.iter().filter_map(|born| years(*born, at).err()).collect();
    let mut add = |holds: bool, contradiction| found.extend(holds.then_some(contradiction));
    let differ = row.birth_date.zip(in_number).is_some_and(|(column, number)| column != number);
    add(differ, Contradiction::BirthDates);
    let others = births(row, earlier);
    add(others.iter().any(|born| !own.contains(born)), Contradiction::BirthRows);
    add(number.is_some_and(|it| it.born.is_none()), Contradiction::NumberWithoutDate);
    let sexes: Vec<Sex> = row.sex.into_iter().chain(number.map(|it| it.sex)).collect();
    add(sexes.contains(&Sex::Male) && sexes.contains(&Sex::Female), Contradiction::Sexes);
    let expecting = row.pregnant.iter().any(|dated| !dated.code.is_empty());
    add(expecting && sexes.contains(&Sex::Male), Contradiction::PregnantMan);
    let lists = [&row.diagnoses, &row.medicines, &row.cohorts, &row.pregnant];
    add(lists.into_iter().flatten().any(reversed), Contradiction::DatesReversed);
    add(twice(&row.cohorts), Contradiction::CohortTwice);
    found.sort_unstable();
    found.dedup();
    found
}

/// The numbers of a plan that count for nothing because the line is stricter.
#[must_use]
pub fn plan_contradictions(
    pack: &Pack,
    patient: &super::Patient,
    plan: &Plan,
    at: Timestamp,
) -> Vec<Contradiction> {
    let looser = plan::looser(pack, patient, plan, at);
    looser.into_iter().map(|it| Contradiction::PlanLooser(it.column)).collect()
}

fn reversed(dated: &Dated) -> bool {
    dated.from.zip(dated.until).is_some_and(|(from, until)| until < from)
}

/// Two spans of one code that overlap and are not the same.
fn twice(items: &[Dated]) -> bool {
    let overlap = |a: &Dated, b: &Dated| {
        let begins = |it: &Dated, other: &Dated| {
            it.from.zip(other.until).is_none_or(|(from, until)| from <= until)
        };
        a.code == b.code && a != b && begins(a, b) && begins(b, a)
    };
    items
        .iter()
        .enumerate()
        .any(|(place, a)| items.iter().skip(place.saturating_add(1)).any(|b| overlap(a, b)))
}
