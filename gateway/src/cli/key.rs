//! `xunzhen key`: the keys under which identities are sealed. Keys themselves are never printed.

use std::{io::Write, path::PathBuf};

use clap::Subcommand;
use hyper::Method;

use super::{Common, Failure, admin::Admin};

/// List the keys that seal who people are, or take another one
#[derive(Debug, Clone, Subcommand)]
pub(super) enum KeyCommand {
    /// Which keys there are, which one seals, and which are still needed
    List {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Make another key and seal everything anew, also while the gateway runs
    Rotate {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// `key …`.
pub(super) fn run(
    command: &KeyCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (method, path, data_dir) = match command {
        KeyCommand::List { data_dir } => (Method::GET, "/admin/keys", data_dir),
        KeyCommand::Rotate { data_dir } => (Method::POST, "/admin/keys/rotate", data_dir),
    };
    let mut admin = Admin::connect(common, data_dir.as_deref())?;
    writeln!(out, "{}", admin.call(method, path, String::new())?)?;
    Ok(())
}
