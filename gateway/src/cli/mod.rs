//! The command line: what an operator can ask for, and how it ends (DESIGN section 9).
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration. Answers go to standard
//! output, everything else to standard error.

mod admin;
mod audit;
mod bands;
mod bench;
mod boxes;
mod compare;
mod configure;
mod decode;
mod demo;
mod dev;
mod encoding;
mod enrol;
mod entries;
mod figures;
mod files;
mod formula;
mod import;
mod judge;
mod key;
mod log;
mod login;
mod pieces;
mod place_row;
mod plan_row;
mod progress;
mod receipt;
mod registry;
mod roster;
mod rows;
mod rules;
mod serve;
mod slip;
mod store;
mod table;
mod tokens;
mod uplink;
mod user;
mod van;
mod wiring;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};

use log::LogFormat;

/// Wrong usage.
const EXIT_USAGE: u8 = 2;
/// Wrong configuration (sysexits.h, EX_CONFIG).
const EXIT_CONFIG: u8 = 78;

/// 巡诊: telemetry gateway for chronic-disease screening
#[derive(Debug, Parser)]
#[command(name = "xunzhen", version, about, disable_help_subcommand = true)]
struct CommandLine {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command understands.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// The configuration file [default: xunzhen.toml here, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// How to write the log
    #[arg(long, value_name = "FORMAT", global = true, value_enum, default_value = "auto")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::Serve),
    /// Show the gateway at work: a synthetic township with simulated devices
    Demo(demo::Demo),
    /// Decode device frames, or check a file of vectors
    Decode(decode::Decode),
    /// Judge a file of scenarios by the rule pack
    Assess(judge::Assess),
    /// Check, sign and compare rule packs
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Import, compare or export people, households, doctors, devices, sites, cards
    #[command(subcommand)]
    Registry(registry::RegistryCommand),
    /// Hand the registry of some places to the gateway that serves them
    #[command(subcommand)]
    Roster(roster::RosterCommand),
    /// Show what a site's day holds, or compare it with the far end
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    /// Print a person's result slip, marked as a copy
    Slip(slip::SlipCommand),
    /// Let gateways below in, and join the one above
    #[command(subcommand)]
    Enrol(enrol::EnrolCommand),
    /// Make, list and revoke bearer tokens
    #[command(subcommand)]
    Token(registry::TokenCommand),
    /// Make and change accounts: who signs in with a password
    #[command(subcommand)]
    User(user::UserCommand),
    /// Check the configuration without starting anything
    CheckConfig(configure::CheckConfig),
    /// Print the default configuration, or the one in force
    #[command(subcommand)]
    Config(configure::ConfigCommand),
    /// List the keys that seal who people are, or take another one
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Check that who looked at whom is as it was written
    VerifyAudit(audit::VerifyAudit),
    /// Take out of the log who looked at whom
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Back up, verify or restore the store
    #[command(subcommand)]
    Backup(store::BackupCommand),
    /// Look into the store
    #[command(subcommand)]
    Db(store::DbCommand),
    /// Measure this program on this machine
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Say which program this is
    Version {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// How a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It was asked in a wrong way.
    #[error("{0}")]
    Usage(String),
    /// The configuration has problems; each stands on a line of its own.
    #[error("{0}")]
    Configuration(String),
    /// It was asked well and did not succeed.
    #[error("{0}")]
    Failed(String),
    /// It ran, and its answer is no: the details are on standard output.
    #[error("")]
    AnsweredNo,
}

impl Failure {
    /// A failure with everything that its sources say.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::Failed(text)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(&error)
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        Self::of(&error)
    }
}

/// Runs what the command line asks for.
pub fn main(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let line = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            let code =
                if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
            return if error.print().is_ok() { code } else { ExitCode::FAILURE };
        }
    };
    let Some(command) = line.command else {
        let help = CommandLine::command().render_long_help();
        return if write!(out, "{help}").is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    // What this program makes is its owner's alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    log::start(line.common.log_format);
    match run(command, &line.common, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            let told = if text.is_empty() { Ok(()) } else { writeln!(err, "xunzhen: {text}") };
            match failure {
                _ if told.is_err() => ExitCode::FAILURE,
                Failure::Usage(_) => ExitCode::from(EXIT_USAGE),
                Failure::Configuration(_) => ExitCode::from(EXIT_CONFIG),
                Failure::Failed(_) | Failure::AnsweredNo => ExitCode::FAILURE,
            }
        }
    }
}

fn run(command: Command, common: &Common, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve::run(&serve, common, out),
        Command::Demo(demo) => demo::run(&demo, out),
        Command::Decode(decode) => match decode::run(&decode, out) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::AnsweredNo),
            Err(decode::DecodeFailure::Usage(text)) => Err(Failure::Usage(text)),
            Err(error) => Err(Failure::of(&error)),
        },
        Command::Assess(assess) => judge::run(&assess, out),
        Command::Rules(command) => rules::run(&command, common, out),
        Command::Registry(command) => registry::run(&command, common, out),
        Command::Roster(command) => roster::run(&command, common, out),
        Command::Receipt(command) => receipt::run(&command, common, out),
        Command::Slip(command) => slip::run(&command, common, out),
        Command::Enrol(command) => enrol::run(&command, common, out),
        Command::Token(command) => registry::token(&command, common, out),
        Command::User(command) => user::run(&command, common, out),
        Command::CheckConfig(check) => configure::check(&check, common, out),
        Command::Config(command) => configure::config(&command, common, out),
        Command::Key(command) => key::run(&command, common, out),
        Command::VerifyAudit(command) => audit::verify(&command, common, out),
        Command::Audit(command) => audit::run(&command, common, out),
        Command::Backup(command) => store::backup(&command, common, out),
        Command::Db(command) => store::db(&command, common, out),
        Command::Bench(command) => bench::run(&command, out),
        Command::Version { json } => version(json, out),
    }
}

fn version(json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        let formats: Vec<_> =
            firmware_protocols::formats().iter().map(|format| format.name).collect();
        let store = crate::store::sqlite::FORMAT_VERSION;
        let line = serde_json::json!({
            "name": "xunzhen", "version": version, "wire": 1, "store": store, "formats": formats,
            "script_pages": dashboards::built(),
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "xunzhen {version}")?;
    }
    Ok(())
}
