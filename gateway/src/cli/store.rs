//! `xunzhen backup` and `xunzhen db`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{Common, Failure, admin::Admin, configure, pieces};
use crate::{config::Config, domain::Clock, enrol::Authority, store::sqlite, uplink::GatewayKey};

/// Back up, verify or restore the store
#[derive(Debug, Clone, Subcommand)]
pub(super) enum BackupCommand {
    /// Write a consistent copy, also while the gateway runs
    Create {
        /// The file to make; it must not be there yet
        to: PathBuf,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Restore a copy into a temporary folder and count everything anew
    Verify {
        /// The copy
        file: PathBuf,
        /// The data folder beside whose data the identity keys lie
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Restore a copy into an empty data folder
    Restore {
        /// The copy
        file: PathBuf,
        /// The `gateway-key` of the former data folder: gateways below believe no other
        #[arg(long, value_name = "FILE")]
        gateway_key: Option<PathBuf>,
        /// The folder with `enrol-ca-key` and `enrol-ca.pem` of the former one: boxes that were enrolled
        /// believe no other authority
        #[arg(long, value_name = "FOLDER")]
        authority: Option<PathBuf>,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// Look into the store
#[derive(Debug, Clone, Subcommand)]
pub(super) enum DbCommand {
    /// Count everything anew and list every difference
    Check {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Print what was counted
    Stats {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// `backup …`.
pub(super) fn backup(
    command: &BackupCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let line = match command {
        BackupCommand::Create { to, data_dir } => {
            let to = std::path::absolute(to)?;
            let body = json!({ "to": to });
            let mut admin = Admin::connect(common, data_dir.as_deref())?;
            admin.call(Method::POST, "/admin/backup", body.to_string())?;
            drop(admin);
            copied(&to, &not_in_it(common, data_dir.as_deref())?)
        }
        BackupCommand::Verify { file, data_dir } => {
            let flags = data_dir.as_ref().map(|dir| ("store.dir", dir.display().to_string()));
            let (config, _) = configure::read(common, flags.into_iter().collect())?;
            let found = sqlite::verify_backup(file, &keys_of_copy(&config, file)?)?;
            json!({
                "sound": true, "format": found.format, "last": found.last.0,
                "readings": found.readings, "alerts": found.alerts, "people": found.people,
            })
        }
        BackupCommand::Restore { file, gateway_key, authority, data_dir } => {
            let flags = data_dir.as_ref().map(|dir| ("store.dir", dir.display().to_string()));
            let (config, _) = configure::read(common, flags.into_iter().collect())?;
            let folder = &config.store.dir;
            sqlite::restore_backup(file, folder, &keys_of_copy(&config, file)?)?;
            let key =
                gateway_key.as_ref().map(|file| GatewayKey::bring(file, folder)).transpose()?;
            let now = Clock::system().now();
            if let Some(from) = authority {
                Authority::bring(from, folder, now).map_err(|error| Failure::of(&error))?;
            }
            json!({ "restored": folder, "key": key.map(|key| key.public().to_string()) })
        }
    };
    writeln!(out, "{line}")?;
    Ok(())
}

/// What a copy says of itself: no key is in it, so that who has it can neither read nor sign. Where they lie
/// is said each time, for whoever loses them loses the copy, or every box below.
fn copied(to: &Path, keys: &[PathBuf]) -> Value {
    json!({
        "backup": to,
        "not_in_it": keys,
        "note": "keys are in no copy: keep these files apart from it, each once; with --gateway-key and \
                 --authority of backup restore they are brought back",
        "note_zh": "备份不含密钥：请将这些文件另行妥善保存；恢复时用 backup restore 的 --gateway-key 与 --authority 带回",
    })
}

/// The keys of a data folder, where they are.
fn not_in_it(common: &Common, data_dir: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let flags = data_dir.map(|dir| ("store.dir", dir.display().to_string()));
    let (config, _) = configure::read(common, flags.into_iter().collect())?;
    let folder = &config.store.dir;
    let identities = pieces::key_file(&config)?.path().to_owned();
    let all = [identities, GatewayKey::file(folder)].into_iter().chain(Authority::files(folder));
    all.filter_map(|file| match file.try_exists() {
        Ok(true) => Some(std::path::absolute(file)),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    })
    .collect::<Result<_, _>>()
    .map_err(Failure::from)
}

/// The keys that open a copy: those of the store it was made of.
fn keys_of_copy(config: &Config, copy: &Path) -> Result<sqlite::KeyRing, Failure> {
    let sealed_under = sqlite::copy_sealed_under(copy)?;
    Ok(sqlite::KeyRing::find(pieces::key_file(config)?, &sealed_under)?)
}

/// `db …`.
pub(super) fn db(command: &DbCommand, common: &Common, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        DbCommand::Check { data_dir } => {
            let mut admin = Admin::connect(common, data_dir.as_deref())?;
            let answer = admin.call(Method::GET, "/admin/check", String::new())?;
            writeln!(out, "{answer}")?;
            let differences = answer.get("differences").and_then(Value::as_array);
            if differences.is_some_and(Vec::is_empty) { Ok(()) } else { Err(Failure::AnsweredNo) }
        }
        DbCommand::Stats { data_dir } => {
            let mut admin = Admin::connect(common, data_dir.as_deref())?;
            writeln!(out, "{}", admin.call(Method::GET, "/admin/stats", String::new())?)?;
            Ok(())
        }
    }
}
