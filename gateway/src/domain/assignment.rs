//! Who answered for a household at an instant, and who is on duty: spans of time that never overlap.
//!
//! A span begins at its first instant and ends before its last (half-open), so that two doctors who
//! follow each other share no instant and leave none between them. On paper and in files a date that
//! ends a span includes its day, as everywhere else.

use std::{fmt, str::FromStr};

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use super::{DoctorId, Household, Timestamp};

/// A length of time: from an instant on and before another; open where one is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Span {
    /// Its first instant; since ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The first instant after it; without end where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A text is no date and no minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 2026-03-02 or 2026-03-02T12:00 / 应为日期或日期加时间")]
pub struct NoMoment;

impl Span {
    /// Reads two ends: dates or minutes by the clocks of China, empty where open. A date that ends
    /// the span includes its day.
    ///
    /// # Errors
    /// [`NoMoment`] where an end is neither.
    pub fn parse(from: &str, until: &str) -> Result<Self, NoMoment> {
        Ok(Self { from: moment(from, false)?, until: moment(until, true)? })
    }

    /// Whether it holds at an instant.
    #[must_use]
    pub fn holds_at(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether any instant lies in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let begins = |one: Self, other: Self| {
            one.from.zip(other.until).is_none_or(|(from, until)| from < until)
        };
        !self.is_empty() && !other.is_empty() && begins(self, other) && begins(other, self)
    }

    /// Whether it ends before it begins, or at once.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.from.zip(self.until).is_some_and(|(from, until)| until <= from)
    }

    /// Its ends as they are read.
    #[must_use]
    pub fn written(self) -> (String, String) {
        let from = self.from.map(|at| written(at, false)).unwrap_or_default();
        (from, self.until.map(|at| written(at, true)).unwrap_or_default())
    }
}

/// The instant that a date or a minute means; one that ends a span includes its day.
fn moment(text: &str, ends: bool) -> Result<Option<Timestamp>, NoMoment> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let local = if let Ok(date) = text.parse::<Date>() {
        // A longer text would parse as its date, and lose its time.
        let exact = text.len() == "2026-03-02".len();
        let day = if ends { date.tomorrow().ok() } else { Some(date) };
        day.filter(|_| exact).map(|day| day.at(0, 0, 0, 0))
    } else {
        None
    };
    let minute = || {
        let whole = ["2026-03-02T12:00".len(), "2026-03-02T12:00:00".len()].contains(&text.len());
        text.parse::<DateTime>().ok().filter(|_| whole)
    };
    let at = local.or_else(minute).and_then(Timestamp::from_shanghai);
    at.map(Some).ok_or(NoMoment)
}

fn written(at: Timestamp, ends: bool) -> String {
    let Some(local) = at.to_shanghai() else { return at.to_string() };
    if local == local.date().at(0, 0, 0, 0) {
        let date = local.date();
        return if ends { date.yesterday().unwrap_or(date) } else { date }.to_string();
    }
    let (date, hour, minute) = (local.date(), local.hour(), local.minute());
    match local.second() {
        0 => format!("{date}T{hour:02}:{minute:02}"),
        second => format!("{date}T{hour:02}:{minute:02}:{second:02}"),
    }
}

/// A doctor and the span in which they answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// Who.
    pub doctor: DoctorId,
    /// When.
    #[serde(flatten)]
    pub span: Span,
}

/// A text is no assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected DR1@2026-01-01..2026-03-02T12:00 / 应为 DR1@2026-01-01..2026-03-02T12:00")]
pub struct NoAssignment;

impl FromStr for Assigned {
    type Err = NoAssignment;

    fn from_str(text: &str) -> Result<Self, NoAssignment> {
        let (doctor, span) = text.split_once('@').ok_or(NoAssignment)?;
        let (from, until) = span.split_once("..").ok_or(NoAssignment)?;
        Ok(Self {
            doctor: DoctorId::new(doctor.trim()).map_err(|_no_name| NoAssignment)?,
            span: Span::parse(from, until).map_err(|_no_moment| NoAssignment)?,
        })
    }
}

impl fmt::Display for Assigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = self.span.written();
        write!(f, "{}@{from}..{until}", self.doctor)
    }
}

/// Whether two of some spans have an instant in common.
#[must_use]
pub fn at_once(spans: &[Span]) -> bool {
    let after = |place: usize| spans.iter().skip(place.saturating_add(1));
    spans.iter().enumerate().any(|(place, one)| after(place).any(|other| one.overlaps(*other)))
}

/// Who answered for a household at an instant, by the rows that were entered for it, oldest first.
///
/// A row takes over from its first instant: one with a plain doctor, or none, from when it was
/// entered; one with dates from the first of them. Before that the rows before it stand. So exactly
/// one doctor answers at every instant, or nobody.
#[must_use]
pub fn answered(rows: &[(Timestamp, Household)], at: Timestamp) -> Option<&DoctorId> {
    let in_force = rows
        .iter()
        .rev()
        .find(|(entered, row)| row.takes_over(*entered).is_none_or(|first| first <= at))?;
    in_force.1.doctor_at(at)
}

/// The same for every instant: spans in order, without overlaps.
#[must_use]
pub fn answering(rows: &[(Timestamp, Household)]) -> Vec<Assigned> {
    let mut all: Vec<Assigned> = Vec::new();
    for (entered, row) in rows {
        let first = row.takes_over(*entered);
        all.retain(|before| match (before.span.from, first) {
            (_, None) => false,
            (from, Some(first)) => from.is_none_or(|from| from < first),
        });
        for before in &mut all {
            let until = before.span.until.into_iter().chain(first).min();
            before.span.until = until;
        }
        let mut own = match &row.doctor {
            Some(doctor) => {
                let span = Span { from: Some(*entered), until: None };
                vec![Assigned { doctor: doctor.clone(), span }]
            }
            None => row.assigned.clone(),
        };
        own.retain(|assigned| !assigned.span.is_empty());
        own.sort_by_key(|assigned| assigned.span.from);
        for next in own {
            match all.last_mut() {
                // The same doctor goes on.
                Some(last) if last.doctor == next.doctor && last.span.until == next.span.from => {
                    last.span.until = next.span.until;
                }
                _ => all.push(next),
            }
        }
    }
    all
}

impl Household {
    /// From when on the row says who answers; `None`: since ever.
    fn takes_over(&self, entered: Timestamp) -> Option<Timestamp> {
        if self.assigned.is_empty() {
            return Some(entered);
        }
        self.assigned.iter().map(|assigned| assigned.span.from).min().flatten()
    }

    /// Who answers at an instant, by this row alone.
    #[must_use]
    pub fn doctor_at(&self, at: Timestamp) -> Option<&DoctorId> {
        let dated = || self.assigned.iter().find(|assigned| assigned.span.holds_at(at));
        self.doctor.as_ref().or_else(|| dated().map(|assigned| &assigned.doctor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(&format!("{text}+08:00")).unwrap()
    }

    fn row(entered: &str, doctor: &str) -> (Timestamp, Household) {
        let dated = doctor.contains('@');
        let household = Household {
            household: "H1".parse().unwrap(),
            village: String::new(),
            doctor: Some(doctor)
                .filter(|it| !dated && !it.is_empty())
                .map(|it| it.parse().unwrap()),
            assigned: if dated {
                doctor.split('|').map(|it| it.parse().unwrap()).collect()
            } else {
                Vec::new()
            },
            cause: String::new(),
            attributes: std::collections::BTreeMap::new(),
        };
        (at(entered), household)
    }

    /// Asks both ways of answering about instants, each with who is expected.
    #[track_caller]
    fn check(rows: &[(&str, &str)], expected: &[(&str, &str)]) {
        let rows: Vec<_> = rows.iter().map(|(entered, doctor)| row(entered, doctor)).collect();
        let spans = answering(&rows);
        assert!(!at_once(&spans.iter().map(|it| it.span).collect::<Vec<_>>()), "{spans:?}");
        for (instant, doctor) in expected {
            let told = answered(&rows, at(instant)).map_or("", DoctorId::as_str);
            assert_eq!(told, *doctor, "{instant}");
            let span = spans.iter().find(|it| it.span.holds_at(at(instant)));
            assert_eq!(span.map_or("", |it| it.doctor.as_str()), *doctor, "{instant} by spans");
        }
    }

    #[test]
    fn a_plain_doctor_answers_from_when_the_row_is_entered() {
        check(
            &[("2026-01-01T08:00:00", "DR1"), ("2026-03-02T12:00:00", "DR2")],
            &[
                ("2026-01-01T07:59:59", ""),
                ("2026-01-01T08:00:00", "DR1"),
                ("2026-03-02T11:59:59", "DR1"),
                ("2026-03-02T12:00:00", "DR2"),
            ],
        );
        check(
            &[("2026-01-01T08:00:00", "DR1"), ("2026-02-01T08:00:00", "")],
            &[("2026-01-31T00:00:00", "DR1"), ("2026-02-01T08:00:00", "")],
        );
    }

    #[test]
    fn dates_answer_by_themselves_whenever_they_are_entered() {
        check(
            &[
                ("2026-01-01T08:00:00", "DR1"),
                // The change of noon is entered in the evening.
                ("2026-03-02T20:00:00", "DR1@2026-01-01..2026-03-02T12:00|DR2@2026-03-02T12:00.."),
            ],
            &[
                ("2025-12-31T23:59:59", ""),
                ("2026-01-01T00:00:00", "DR1"),
                ("2026-03-02T11:59:59", "DR1"),
                ("2026-03-02T12:00:00", "DR2"),
                ("2027-01-01T00:00:00", "DR2"),
            ],
        );
    }

    #[test]
    fn a_coming_doctor_leaves_the_present_one_until_then_and_a_gap_is_nobodys() {
        check(
            &[
                ("2026-01-01T08:00:00", "DR1"),
                ("2026-02-01T08:00:00", "DR2@2026-04-01..2026-04-30|DR3@2026-06-01.."),
            ],
            &[
                ("2026-03-31T23:59:59", "DR1"),
                ("2026-04-01T00:00:00", "DR2"),
                ("2026-04-30T23:59:59", "DR2"),
                ("2026-05-01T00:00:00", ""),
                ("2026-06-01T00:00:00", "DR3"),
            ],
        );
        check(
            &[("2026-01-01T08:00:00", "DR1"), ("2026-02-01T08:00:00", "DR2@..2026-04-30")],
            &[("2026-01-15T00:00:00", "DR2"), ("2026-05-01T00:00:00", "")],
        );
    }

    #[test]
    fn rows_in_any_order_of_dates_give_one_doctor_an_instant() {
        const SEED: u64 = 7;
        let mut seed = SEED;
        let mut next = |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..60 {
            let mut rows = Vec::new();
            for entered in 1..=4 {
                let doctor = format!("DR{}", next(3));
                let (from, length) = (next(20) + 1, next(6));
                let cell = match next(4) {
                    0 => String::new(),
                    1 => doctor,
                    2 => format!("{doctor}@2026-01-{from:02}.."),
                    _ => format!(
                        "{doctor}@2026-01-{from:02}..2026-01-{:02}|DR9@2026-01-28..",
                        from + length
                    ),
                };
                rows.push(row(&format!("2026-01-{:02}T12:00:00", entered * 5), &cell));
            }
            let spans = answering(&rows);
            assert!(
                !at_once(&spans.iter().map(|it| it.span).collect::<Vec<_>>()),
                "seed {SEED}: {rows:?}"
            );
            for hour in 0..(24 * 31) {
                let instant = at("2026-01-01T00:00:00").plus(crate::domain::Millis::hours(hour));
                let by_span = spans.iter().find(|it| it.span.holds_at(instant));
                assert_eq!(
                    answered(&rows, instant),
                    by_span.map(|it| &it.doctor),
                    "seed {SEED}: {rows:?} {instant}"
                );
            }
        }
    }

    #[track_caller]
    fn check_text(text: &str, expected: Option<&str>) {
        let told = text.parse::<Assigned>().ok().map(|it| it.to_string());
        assert_eq!(told.as_deref(), expected, "{text}");
    }

    #[test]
    fn an_assignment_is_written_as_it_is_read() {
        for same in ["DR1@2026-01-01..2026-03-02T12:00", "DR1@..", "DR1@2026-01-01T08:30.."] {
            check_text(same, Some(same));
        }
        check_text("DR1@2026-01-01..2026-01-01", Some("DR1@2026-01-01..2026-01-01"));
        check_text("DR1@2026-01-01..2026-01-02T00:00", Some("DR1@2026-01-01..2026-01-01"));
        for wrong in
            ["DR1", "DR1@2026-01-01", "@..", "DR1@2026-13-01..", "DR1@2026-01-01T8..", "王@.."]
        {
            check_text(wrong, None);
        }
    }
}
