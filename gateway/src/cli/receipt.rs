//! `xunzhen receipt`: what was received at a site on a day, and the first record that another gateway
//! does not hold alike.

use std::{fs, io::Write, path::PathBuf};

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{Common, Failure, admin::Admin};
use crate::{
    domain::SiteId,
    receipt::{Day, DayLog, Part, Receipt, Verdict, answer, compare},
};

/// Largest file of records: some 100 bytes each, and no site has a million a day.
const FILE_MAX: u64 = 128 * 1024 * 1024;

/// Show what a site's day holds, or compare it with the far end
#[derive(Debug, Clone, Subcommand)]
pub(super) enum ReceiptCommand {
    /// Print the receipt of a site's day as one line of JSON
    Show {
        #[command(flatten)]
        of: Of,
        /// Print every record instead, for `receipt compare --with`: ids and hashes, no value
        #[arg(long)]
        records: bool,
    },
    /// Compare a site's day and name the first record that differs; exit 1 if one does
    Compare {
        #[command(flatten)]
        of: Of,
        /// The other gateway's `receipt show --records`; absent: what it said last over the link
        #[arg(long, value_name = "FILE")]
        with: Option<PathBuf>,
    },
}

/// Which day.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Of {
    /// The site, as V03
    #[arg(long, value_name = "ID")]
    site: SiteId,
    /// The day by the clocks of China, as 2026-03-02
    #[arg(long, value_name = "DAY")]
    day: Day,
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// `receipt …`.
pub(super) fn run(
    command: &ReceiptCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        ReceiptCommand::Show { of, records } => {
            let ours = log(&mut Admin::connect(common, of.data_dir.as_deref())?, of)?;
            let text = if *records {
                serde_json::to_string(&ours)
            } else {
                serde_json::to_string(&ours.receipt())
            };
            writeln!(out, "{}", text.map_err(|error| Failure::of(&error))?)?;
            Ok(())
        }
        ReceiptCommand::Compare { of, with } => {
            let mut admin = Admin::connect(common, of.data_dir.as_deref())?;
            let ours = log(&mut admin, of)?;
            let told = match with {
                Some(file) => with_records(&ours, &records_of(file)?)?,
                None => with_said(&ours.receipt(), &ask(&mut admin, "said", of)?)?,
            };
            writeln!(out, "{told}")?;
            if told.get("equal") == Some(&Value::Bool(true)) {
                Ok(())
            } else {
                Err(Failure::AnsweredNo)
            }
        }
    }
}

fn ask(admin: &mut Admin, what: &str, of: &Of) -> Result<Value, Failure> {
    let path = format!("/admin/receipts/{what}?site={}&day={}", of.site, of.day);
    admin.call(Method::GET, &path, String::new())
}

fn log(admin: &mut Admin, of: &Of) -> Result<DayLog, Failure> {
    let told = ask(admin, "log", of)?;
    serde_json::from_value(told).map_err(|error| Failure::of(&error))
}

fn records_of(file: &PathBuf) -> Result<DayLog, Failure> {
    let bytes = fs::metadata(file)?.len();
    if bytes > FILE_MAX {
        return Err(Failure::Failed(format!(
            "{} has {bytes} bytes, at most {FILE_MAX}",
            file.display()
        )));
    }
    let text = fs::read_to_string(file)?;
    let log: DayLog = serde_json::from_str(&text).map_err(|error| {
        Failure::Failed(format!("{} is no `receipt show --records`: {error}", file.display()))
    })?;
    Ok(log.sorted())
}

/// Asks the records of a file as another gateway would be asked over a link.
fn with_records(ours: &DayLog, theirs: &DayLog) -> Result<Value, Failure> {
    let mut part = Part::Day;
    loop {
        match compare(ours, &answer(theirs, &part)) {
            Verdict::Equal => return Ok(json!({ "equal": true })),
            Verdict::Ask(next) => part = next,
            Verdict::Differs(first) => {
                return Ok(json!({ "equal": false, "first": first }));
            }
            Verdict::Senseless => {
                return Err(Failure::Failed(format!(
                    "the file is of {} on {}, not of {} on {}",
                    theirs.site, theirs.day, ours.site, ours.day
                )));
            }
        }
    }
}

/// What the others said last: counts and hashes, from which the villages that differ can be told, and no
/// record.
fn with_said(ours: &Receipt, said: &Value) -> Result<Value, Failure> {
    let mut told = Vec::new();
    for one in said.as_array().into_iter().flatten() {
        let receipt = one.get("receipt").cloned().unwrap_or_default();
        let theirs: Receipt =
            serde_json::from_value(receipt).map_err(|error| Failure::of(&error))?;
        let of = |receipt: &Receipt| {
            receipt.villages.iter().map(|of| of.village.clone()).collect::<Vec<_>>()
        };
        let mut villages = of(ours);
        villages.extend(of(&theirs));
        villages.sort_unstable();
        villages.dedup();
        villages.retain(|name| ours.village(name) != theirs.village(name));
        let equal = theirs.hash == ours.hash;
        // What the nightly comparison found, as long as the day differs.
        let first = one.get("first").filter(|_| !equal);
        told.push(json!({
            "by": one.get("by"), "at": one.get("at"), "equal": equal, "villages": villages,
            "first": first,
        }));
    }
    let equal = told.iter().all(|one| one.get("equal") == Some(&Value::Bool(true)));
    // Of what nobody has said anything, nobody knows whether it is equal.
    Ok(json!({ "equal": equal && !told.is_empty(), "said": told }))
}
