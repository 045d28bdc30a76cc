//! `xunzhen verify-audit` and `xunzhen audit`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{Common, Failure, admin::Admin, configure};
use crate::{
    audit::{self, Extent},
    uplink::{GatewayKey, PublicKey},
};

/// Check that who looked at whom is as it was written; name the first record that is not
#[derive(Debug, Clone, clap::Args)]
pub(super) struct VerifyAudit {
    /// Files of the log, oldest first, in place of the whole log of the data folder
    files: Vec<PathBuf>,
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The gateway's public key, where the log is looked at elsewhere
    #[arg(long, value_name = "KEY")]
    key: Option<PublicKey>,
}

/// Take out of the log who looked at whom
#[derive(Debug, Clone, Subcommand)]
pub(super) enum AuditCommand {
    /// Who read or changed what of one person (PIPL article 57), a line each, newest first
    Export {
        /// The person, by the registry's id
        #[arg(long, value_name = "ID")]
        person: String,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// `verify-audit`.
pub(super) fn verify(
    command: &VerifyAudit,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let VerifyAudit { files, data_dir, key } = command;
    let found = if files.is_empty() {
        let flags = data_dir.as_ref().map(|dir| ("store.dir", dir.display().to_string()));
        let (config, _) = configure::read(common, flags.into_iter().collect())?;
        let dir = config.store.dir;
        let key = match key {
            Some(key) => Some(*key),
            None => own_key(&dir)?,
        };
        let log = dir.join(audit::FOLDER);
        // What is written while we read makes the log longer than its end as told: read that first.
        let head = audit::head_of(&log)?;
        audit::verify(&audit::files(&log)?, Extent::Whole(head.as_ref()), key.as_ref())?
    } else {
        audit::verify(files, Extent::Part, key.as_ref())?
    };
    match found {
        Ok(sound) => {
            let line = json!({
                "sound": true, "first": sound.first, "last": sound.last, "hash": sound.hash,
                "signed": sound.signed,
            });
            writeln!(out, "{line}")?;
            Ok(())
        }
        Err(bad) => {
            let line = json!({
                "sound": false, "file": bad.file, "line": bad.line, "record": bad.record,
                "why": bad.why,
            });
            writeln!(out, "{line}")?;
            Err(Failure::AnsweredNo)
        }
    }
}

/// The public key of the gateway whose folder it is, where it has one.
fn own_key(dir: &Path) -> Result<Option<PublicKey>, Failure> {
    Ok(GatewayKey::found(dir)?.map(|key| key.public()))
}

/// `audit …`.
pub(super) fn run(
    command: &AuditCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let AuditCommand::Export { person, data_dir } = command;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if person.is_empty() || !person.bytes().all(plain) {
        return Err(Failure::Usage(format!("--person {person:?} is no id of a person")));
    }
    let mut admin = Admin::connect(common, data_dir.as_deref())?;
    let mut after = String::new();
    loop {
        let path = format!("/admin/audit?person={person}&limit=1000{after}");
        let page = admin.call(Method::GET, &path, String::new())?;
        for line in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            writeln!(out, "{line}")?;
        }
        let Some(next) = page.get("next").and_then(Value::as_str) else { return Ok(()) };
        after = format!("&after={next}");
    }
}
