//! `xunzhen assess --scenarios`: acceptance cases through the real engine.
//!
//! A case is one person, a list of events and the complete list of alerts that must have opened by
//! its end. The order of the list, and copies in it, must not matter: [`Feed`] shuffles and doubles
//! the events before the engine sees them, and the output stays the same byte for byte.

mod compare;
mod file;
mod indicators;
#[cfg(test)]
mod mutants;

use std::io::{self, Write};

use serde_json::Value;

use super::{Pack, assess, facts::Fact};
use compare::Verdict;
use file::Case;

/// Why the cases could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The text is no JSON.
    #[error("the scenarios are not JSON: {source}")]
    Json {
        /// What the reader said.
        #[from]
        source: serde_json::Error,
    },
    /// A case does not say what it must.
    #[error("{place}: expected {expected}")]
    Case {
        /// The case, and where in it.
        place: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// The output could not be written.
    #[error("the results could not be written: {source}")]
    Output {
        /// What the system said.
        #[from]
        source: io::Error,
    },
}

/// How the events are fed to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feed {
    /// In an order drawn from this seed.
    pub shuffle: Option<u64>,
    /// Each twice, interleaved.
    pub duplicate: bool,
}

/// How many cases came out as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// As expected.
    pub passed: usize,
    /// Not so.
    pub failed: usize,
}

/// Runs every case of a file of `clinical/scenarios.json`'s shape and writes one line for each, then
/// the counts.
///
/// # Errors
/// [`ScenarioError`] where the file is no such file, or the output fails. A case that comes out
/// wrong is no error: it is counted.
pub fn run_scenarios(
    json: &str,
    pack: &Pack,
    feed: Feed,
    out: &mut dyn Write,
) -> Result<Counts, ScenarioError> {
    let file: Value = serde_json::from_str(json)?;
    let mut counts = Counts::default();
    let mut count = |ok: bool| {
        if ok { counts.passed += 1 } else { counts.failed += 1 }
    };
    for list in ["scenarios", "boundary_grid"] {
        for value in cases(&file, list)? {
            let verdict = run_case(&Case::read(pack, value)?, pack, feed);
            writeln!(out, "{}", verdict.line())?;
            count(verdict.ok());
        }
    }
    for value in cases(&file, "indicator_cases")? {
        let (line, ok) = indicators::run(pack, value)?;
        writeln!(out, "{line}")?;
        count(ok);
    }
    writeln!(out, "{{\"passed\":{},\"failed\":{}}}", counts.passed, counts.failed)?;
    Ok(counts)
}

fn cases<'a>(file: &'a Value, list: &'static str) -> Result<&'a [Value], ScenarioError> {
    match file.get(list) {
        None => Ok(&[]),
        Some(Value::Array(cases)) => Ok(cases),
        Some(_) => Err(ScenarioError::Case { place: list.to_owned(), expected: "a list of cases" }),
    }
}

fn run_case(case: &Case, pack: &Pack, feed: Feed) -> Verdict {
    let facts = fed(&case.facts, feed);
    let assessment = assess(pack, &case.patient, &facts, case.until);
    Verdict::of(case, pack, &assessment)
}

/// The facts in the order and number in which they are fed.
fn fed(facts: &[Fact], feed: Feed) -> Vec<Fact> {
    let mut fed = facts.to_vec();
    if feed.duplicate {
        let copies = facts.iter().rev().cloned();
        fed = fed.into_iter().zip(copies).flat_map(|(fact, copy)| [fact, copy]).collect();
    }
    if let Some(seed) = feed.shuffle {
        shuffle(&mut fed, seed);
    }
    fed
}

/// Fisher and Yates, driven by SplitMix64 (public domain constants of Steele, Lea and Flood 2014).
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    for last in (1..items.len()).rev() {
        let count = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
        let chosen = usize::try_from(next() % count).unwrap_or(last);
        items.swap(last, chosen);
    }
}

#[cfg(test)]
mod tests;
