//! `xunzhen bench load`: a township's year through the real lines, the real rules of care and the
//! real lanes of notifications. It decides whether doctors mute us.
//!
//! The township, and the truth about everybody in it, comes from `simulators::township`; what its
//! doctors do is assumed and stands in [`doctors`]. Everything else is the gateway's own code:
//! `assess` judges each reading as it is taken, `care` opens, escalates and owes messages, `notify`
//! groups and caps them. One seed gives one year, the same on every machine.

mod alerts;
mod clock;
mod count;
mod doctors;
mod picture;
mod resident;
mod truth;
mod year;

use std::{io::Write, path::PathBuf};

use simulators::township::Draw;

use super::SEED;
use crate::{
    assess::Pack,
    cli::{Failure, pieces},
};

/// A township's year through the lines: how many alerts, messages and night calls
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Load {
    /// The seed of everything random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Keys laid over the built-in rule pack
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// Mean systolic pressure of people with hypertension, in mmHg, in place of the published 147
    #[arg(long, value_name = "MMHG", value_parser = clap::value_parser!(u16).range(100..=200))]
    mean: Option<u16>,
    /// Planned visits that take place, of a thousand (SEED2: 96.9 % of two rounds of check-ups)
    #[arg(long, default_value_t = 969, value_parser = clap::value_parser!(u16).range(0..=1000))]
    kept: u16,
    /// Come again within so many days after a visit over the line; 0: only when it is due
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=30))]
    recheck_days: u16,
    /// One JSON object instead of the picture
    #[arg(long)]
    json: bool,
}

/// How the year is lived.
#[derive(Debug, Clone, Copy)]
struct Habits {
    kept_per_mille: u16,
    recheck_days: u16,
    seed: u64,
}

/// `bench load`.
pub(super) fn run(command: &Load, out: &mut dyn Write) -> Result<(), Failure> {
    let pack = pieces::pack(command.pack.as_deref(), Pack::draft)?;
    let mut draw = Draw::of(command.seed);
    if let Some(mean) = command.mean {
        draw.systolic_mean = i32::from(mean).saturating_mul(10);
    }
    let habits = Habits {
        kept_per_mille: command.kept,
        recheck_days: command.recheck_days,
        seed: command.seed,
    };
    let counted = year::live(&pack, draw, habits)?;
    if command.json {
        writeln!(out, "{}", counted.json(&pack, command))?;
    } else {
        counted.draw(&pack, command, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
