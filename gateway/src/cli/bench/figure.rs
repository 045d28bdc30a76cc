//! Figures: one JSON object for programs, one short table for people.

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::{Map, Value};

/// One result while it is put together.
#[derive(Debug)]
pub(super) struct Figure {
    name: &'static str,
    rows: Vec<(&'static str, Value)>,
}

impl Figure {
    /// A result under its name, with the seed that leads to it.
    pub(super) fn new(name: &'static str, seed: u64) -> Self {
        Self { name, rows: vec![("seed", seed.into())] }
    }

    /// Adds a value.
    pub(super) fn add(&mut self, key: &'static str, value: impl Into<Value>) {
        self.rows.push((key, value.into()));
    }

    /// Adds two percentiles, in microseconds.
    pub(super) fn add_times(&mut self, keys: [&'static str; 2], times: &mut Times) {
        self.add(keys[0], times.percentile(50));
        self.add(keys[1], times.percentile(99));
    }

    /// Writes the object to `out` and the table to standard error.
    pub(super) fn tell(self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = io::stderr().lock();
        writeln!(table, "{}", self.name)?;
        for (key, value) in &self.rows {
            writeln!(table, "  {key:<40} {value}")?;
        }
        let mut object = Map::new();
        object.insert("bench".to_owned(), self.name.into());
        object.extend(self.rows.into_iter().map(|(key, value)| (key.to_owned(), value)));
        writeln!(out, "{}", Value::Object(object))?;
        out.flush()
    }
}

/// Lengths of time, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<u64>);

impl Times {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(micros(time));
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time that so many of a hundred do not pass; 0 where there is none.
    pub(super) fn percentile(&mut self, of_hundred: usize) -> u64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        self.0.get(last.saturating_mul(of_hundred) / 100).copied().unwrap_or(0)
    }
}

/// Whole microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How many a second.
pub(super) fn rate(count: u64, time: Duration) -> u64 {
    each(u128::from(count).saturating_mul(1_000_000), micros(time))
}

/// A sum for each of so many.
pub(super) fn each(sum: u128, count: u64) -> u64 {
    u64::try_from(sum / u128::from(count.max(1))).unwrap_or(u64::MAX)
}

/// One number as a multiple of another, as `2.3500`.
pub(super) fn ratio(of: u64, to: u64) -> String {
    let parts = each(u128::from(of).saturating_mul(10_000), to);
    format!("{}.{:04}", parts / 10_000, parts % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(times: &[u64], of_hundred: usize, expected: u64) {
        assert_eq!(Times(times.to_vec()).percentile(of_hundred), expected);
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        check(&[], 99, 0);
        check(&[7], 99, 7);
        check(&[3, 1, 2], 50, 2);
        check(&(0..=100).rev().collect::<Vec<_>>(), 99, 99);
    }

    #[test]
    fn ratios_have_four_places() {
        assert_eq!(ratio(5, 2), "2.5000");
        assert_eq!(ratio(1, 300), "0.0033");
    }
}
