//! `xunzhen slip`: a person's result slip, by hand.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use hyper::Method;
use serde_json::Value;

use super::{Common, Failure, admin::Admin};
use crate::{
    domain::{PersonId, SiteId},
    slip::{Line, escpos},
};

/// Print a person's result slip, marked as a copy
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SlipCommand {
    /// Whose
    #[arg(long, value_name = "ID")]
    person: PersonId,
    /// Where they were measured
    #[arg(long, value_name = "ID")]
    site: SiteId,
    /// How many hours back to look
    #[arg(long, value_name = "N", default_value_t = 24)]
    hours: u32,
    /// Half-width columns of the paper
    #[arg(long, value_name = "N", default_value_t = 32)]
    columns: usize,
    /// Show it as text, print nothing
    #[arg(long, conflicts_with = "to")]
    preview: bool,
    /// The printer's line, or a file for its bytes
    #[arg(long, value_name = "PORT", required_unless_present = "preview")]
    to: Option<PathBuf>,
    /// Bits a second, where it is a line
    #[arg(long, value_name = "BAUD", default_value_t = 9600)]
    baud: u32,
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// `slip`.
pub(super) fn run(
    command: &SlipCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let SlipCommand { person, site, hours, columns, .. } = command;
    let path = format!("/admin/slip?person={person}&site={site}&hours={hours}&columns={columns}");
    let told = {
        let mut admin = Admin::connect(common, command.data_dir.as_deref())?;
        admin.call(Method::GET, &path, String::new())?
    };
    let lines: Vec<Line> = told.as_array().into_iter().flatten().map(line).collect();
    let Some(to) = &command.to else {
        for line in &lines {
            let mark = if line.large { "**" } else { "" };
            writeln!(out, "{mark}{}{mark}", line.text)?;
        }
        return Ok(());
    };
    let bytes = escpos::bytes(&lines);
    if is_line(to)? { send(to, command.baud, &bytes) } else { Ok(std::fs::write(to, bytes)?) }
}

fn line(told: &Value) -> Line {
    let text = told.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    Line { text, large: told.get("large") == Some(&Value::Bool(true)) }
}

fn is_line(to: &Path) -> Result<bool, Failure> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::metadata(to) {
        Ok(found) => Ok(found.file_type().is_char_device()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::of(&error)),
    }
}

fn send(to: &Path, baud: u32, bytes: &[u8]) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let sent = runtime.block_on(crate::slip::send(to, baud, bytes));
    sent.map_err(|error| Failure::of(&error))
}
