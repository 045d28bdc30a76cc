//! The log: one line an event, to standard error, never a name or a value of a person.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::filter::LevelFilter;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere
    Auto,
    /// For people
    Pretty,
    /// For machines
    Json,
}

/// Starts the log. `XUNZHEN_LOG` may be error, warn, info or debug; what is finer is not built into a release.
pub(super) fn start(format: LogFormat) {
    let wished = std::env::var("XUNZHEN_LOG").ok().and_then(|level| level.parse().ok());
    let level: LevelFilter = wished.unwrap_or(LevelFilter::INFO);
    let pretty = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    let started =
        if pretty { lines.try_init() } else { lines.json().flatten_event(true).try_init() };
    // A second start within one process keeps the first log.
    drop(started);
}
