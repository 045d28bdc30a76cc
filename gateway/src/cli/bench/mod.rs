//! `xunzhen bench`: what this program does on this machine, measured, each figure beside a
//! yardstick taken in the same run.
//!
//! Every result is one JSON object on standard output and a short table on standard error. The
//! seed is part of each result; nothing here is estimated.

mod assess;
mod attribute;
mod backlog;
mod child;
mod figure;
mod fill;
mod fleet;
mod ingest;
mod latency;
mod link;
mod lookup;
mod place;
mod shown;
mod township;
mod traffic;
mod usage;
mod webhook;
mod world;

use std::{io::Write, path::PathBuf};

use clap::Subcommand;

use super::Failure;

/// The seed where nobody asks for another.
const SEED: u64 = 20_261_121;

/// Measure this program on this machine
#[derive(Debug, Clone, Subcommand)]
pub(super) enum BenchCommand {
    /// Readings a second through the own listener, from publish to PUBACK
    Ingest(ingest::Ingest),
    /// Publish to PUBACK at a fixed rate, beside a bare sync of the same disk
    Latency(latency::Latency),
    /// Reading to webhook at a fixed rate
    Webhook(webhook::Webhook),
    /// From the start of the program to its ready line
    Start(child::Start),
    /// Memory of a connection that does nothing
    Idle(child::Idle),
    /// Memory of a van: small caches, a few thousand people
    Van(child::Van),
    /// One step of the lines beside a bare comparison
    Assess(assess::Assess),
    /// Vans that reconnect within a second, beside others that go on
    Fleet(fleet::Fleet),
    /// A van's backlog into its centre while live readings flow there
    Backlog(backlog::Backlog),
    /// Whose a reading is, beside appending it
    Attribute(attribute::Attribute),
    /// A registry imported twice, and people of it looked up, beside a scan by LIKE
    Lookup(lookup::Lookup),
    /// A township's year through the lines: how many alerts, messages and night calls
    Load(township::Load),
}

/// Where the benchmarks work.
#[derive(Debug, Clone, clap::Args)]
struct Ground {
    /// A folder that is kept, and filled only as far as it is not yet; else a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The seed of everything random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// People of the township (DESIGN section 10)
    #[arg(long, default_value_t = 121_300, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    people: u32,
    /// Their devices
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: u32,
}

/// `bench`.
pub(super) fn run(command: &BenchCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        BenchCommand::Ingest(ingest) => ingest::run(ingest, out),
        BenchCommand::Latency(latency) => latency::run(latency, out),
        BenchCommand::Webhook(webhook) => webhook::run(webhook, out),
        BenchCommand::Start(start) => child::start(start, out),
        BenchCommand::Idle(idle) => child::idle(idle, out),
        BenchCommand::Van(van) => child::van(van, out),
        BenchCommand::Assess(assess) => assess::run(assess, out),
        BenchCommand::Fleet(fleet) => fleet::run(fleet, out),
        BenchCommand::Backlog(backlog) => backlog::run(backlog, out),
        BenchCommand::Attribute(attribute) => attribute::run(attribute, out),
        BenchCommand::Lookup(lookup) => lookup::run(lookup, out),
        BenchCommand::Load(load) => township::run(load, out),
    }
}
