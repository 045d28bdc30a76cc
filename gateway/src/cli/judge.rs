//! `xunzhen assess`: scenarios judged by the rule pack.

use std::{io::Write, path::PathBuf};

use super::{Failure, pieces};
use crate::assess::{Feed, Pack, run_scenarios};

/// Judge a file of scenarios by the rule pack
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Assess {
    /// The scenarios
    #[arg(long, value_name = "FILE")]
    scenarios: PathBuf,
    /// Keys laid over the built-in rule pack: a file, nbphs-3, guideline-2024 or primary-care-2025
    #[arg(long, value_name = "FILE|NORM")]
    pack: Option<PathBuf>,
    /// Feed the facts of each case in another order
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Feed each fact twice
    #[arg(long)]
    duplicate: bool,
}

pub(super) fn run(command: &Assess, out: &mut dyn Write) -> Result<(), Failure> {
    let pack = pieces::pack(command.pack.as_deref(), Pack::draft)?;
    let text = std::fs::read_to_string(&command.scenarios).map_err(|error| {
        Failure::Failed(format!("cannot read {}: {error}", command.scenarios.display()))
    })?;
    let feed = Feed { shuffle: command.shuffle, duplicate: command.duplicate };
    let counts = run_scenarios(&text, &pack, feed, out).map_err(|error| Failure::of(&error))?;
    if counts.failed == 0 { Ok(()) } else { Err(Failure::AnsweredNo) }
}
