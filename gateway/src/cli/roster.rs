//! `xunzhen roster`: the registry of some places for the gateway that serves them.

use std::{
    fs::File,
    io::{BufReader, Write},
    path::PathBuf,
};

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{Common, Failure, admin::Admin};
use crate::uplink::{PublicKey, roster::Opened};

/// Hand the registry of some places to the gateway that serves them
#[derive(Debug, Clone, Subcommand)]
pub(super) enum RosterCommand {
    /// Print the public key by which others check what this gateway signs
    Key {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Write a signed roster: people, households, who answers for them, cards, devices
    Make {
        /// A village, a township, a county; may be given again
        #[arg(long = "place", value_name = "PLACE", required = true)]
        places: Vec<String>,
        /// A site that serves them from elsewhere, as a van; may be given again
        #[arg(long = "site", value_name = "ID")]
        sites: Vec<String>,
        /// An earlier roster of the same places: only what changed since is written
        #[arg(long, value_name = "FILE")]
        after: Option<PathBuf>,
        /// The file to write
        to: PathBuf,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Enter a roster that another gateway made
    Take {
        /// The roster
        file: PathBuf,
        /// The maker's public key, as `roster key` prints it there; may be given again
        #[arg(long, value_name = "KEY", required = true)]
        trust: Vec<String>,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Check a roster and print what it is; enter nothing
    Show {
        /// The roster
        file: PathBuf,
        /// The maker's public key
        #[arg(long, value_name = "KEY", required = true)]
        trust: Vec<PublicKey>,
    },
}

/// `roster …`.
pub(super) fn run(
    command: &RosterCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let ask = |data_dir: &Option<PathBuf>, method, path, body: Value| {
        Admin::connect(common, data_dir.as_deref())?.call(method, path, body.to_string())
    };
    let answer = match command {
        RosterCommand::Key { data_dir } => {
            ask(data_dir, Method::GET, "/admin/roster/key", Value::Null)?
        }
        RosterCommand::Make { places, sites, after, to, data_dir } => {
            let to = std::path::absolute(to)?;
            let after = after.as_ref().map(std::path::absolute).transpose()?;
            let body = json!({ "places": places, "sites": sites, "after": after, "to": to });
            ask(data_dir, Method::POST, "/admin/roster/make", body)?
        }
        RosterCommand::Take { file, trust, data_dir } => {
            let body = json!({ "from": std::path::absolute(file)?, "trust": trust });
            ask(data_dir, Method::POST, "/admin/roster/take", body)?
        }
        RosterCommand::Show { file, trust } => {
            let input = BufReader::new(File::open(file)?);
            let opened = Opened::open(input, trust).map_err(|error| Failure::of(&error))?;
            let mut shown =
                serde_json::to_value(&opened.header).map_err(|error| Failure::of(&error))?;
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("rows".to_owned(), json!(opened.lines));
            }
            shown
        }
    };
    writeln!(out, "{answer}")?;
    Ok(())
}
