//! From when on somebody who is truly over their line should be listed.
//!
//! "Every persistently uncontrolled person of a tracked cohort listed within one cadence + 7 days":
//! the lines know of nobody before a visit, and ask for a second visit on another day (LINES 6.2), one
//! cadence later. The time from the first failure to the second one, with the days by which a visit may
//! be late, is what one cadence and 7 days hold; from the true beginning it is up to two cadences. So
//! the year is told by each clock.

use crate::domain::{Millis, Timestamp};

/// Where the time begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Clock {
    /// The day on which it is true.
    True,
    /// The same, of those who are clearly over.
    Clearly,
    /// The first visit since then that finds them over.
    Found,
    /// The first of two visits in a row that find the same measure over, the second within the time:
    /// persistent as 6.2 has it.
    Twice,
}

impl Clock {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::True => "all",
            Self::Clearly => "clearly",
            Self::Found => "since found",
            Self::Twice => "found twice",
        }
    }
}

/// What a visit found: each measure over its line or not, where it was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) pressure: Option<bool>,
    pub(super) glucose: Option<bool>,
}

impl Seen {
    /// What counts of it for somebody with these diagnoses: without one, screening lines hold.
    pub(super) fn of(self, hypertensive: bool, diabetic: bool) -> Self {
        Self {
            pressure: self.pressure.filter(|_| hypertensive),
            glucose: self.glucose.filter(|_| diabetic),
            ..self
        }
    }
}

/// The first visit from an instant on that found somebody over.
pub(super) fn first_found(seen: &[Seen], from: Timestamp) -> Option<Timestamp> {
    let over = |seen: &&Seen| seen.pressure == Some(true) || seen.glucose == Some(true);
    seen.iter().filter(|seen| seen.at >= from).find(over).map(|seen| seen.at)
}

/// The first of two visits in a row, from an instant on and no further apart than `within`, that found
/// the same measure over. Visits that did not measure it do not count.
pub(super) fn found_twice(seen: &[Seen], from: Timestamp, within: Millis) -> Option<Timestamp> {
    let measures: [fn(&Seen) -> Option<bool>; 2] = [|seen| seen.pressure, |seen| seen.glucose];
    let first = |measure: fn(&Seen) -> Option<bool>| {
        let own = seen.iter().filter(|seen| seen.at >= from);
        let own = own.filter_map(|seen| measure(seen).map(|over| (seen.at, over)));
        let next = own.clone().skip(1);
        let mut pairs = own.zip(next);
        let twice = pairs
            .find(|((one, over), (other, again))| *over && *again && other.since(*one) <= within);
        twice.map(|((one, _), _)| one)
    };
    measures.into_iter().filter_map(first).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_millis(0).plus(Millis::days(day))
    }

    /// Visits every 30 days, each with pressure and glucose: `o` over, `u` under, `-` not measured.
    fn visits(found: &[&str]) -> Vec<Seen> {
        let over = |letter: char| (letter != '-').then_some(letter == 'o');
        let seen = |(at, found): (i64, &&str)| Seen {
            at: day(30 * at),
            pressure: found.chars().next().and_then(over),
            glucose: found.chars().nth(1).and_then(over),
        };
        (0..).zip(found).map(seen).collect()
    }

    #[track_caller]
    fn check(found: &[&str], from: i64, expected: (Option<i64>, Option<i64>)) {
        let seen = visits(found);
        let got = (first_found(&seen, day(from)), found_twice(&seen, day(from), Millis::days(37)));
        assert_eq!(got, (expected.0.map(day), expected.1.map(day)), "{found:?} from {from}");
    }

    #[test]
    fn the_clock_begins_with_the_first_failure_and_needs_two_of_one_measure_in_a_row() {
        check(&["u-", "o-", "u-", "o-", "o-"], 0, (Some(30), Some(90)));
        check(&["o-", "o-", "u-", "o-", "o-"], 1, (Some(30), Some(90)));
        check(&["ou", "uo", "ou"], 0, (Some(0), None));
        check(&["o-", "-o", "o-"], 0, (Some(0), None));
        check(&["uu", "u-"], 0, (None, None));
    }
}
