//! `xunzhen registry` and `xunzhen token`.

use std::{collections::BTreeSet, fs::File, io::Write, path::PathBuf};

use clap::{Subcommand, ValueEnum, builder::PossibleValue};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Common, Failure,
    admin::Admin,
    compare::Comparison,
    entries::EntryKind,
    formula,
    import::{self, Asked},
    rows::beside,
    table::{self, Kind},
};
use crate::{domain::Registered, store::Role};

/// Rows of one page of an export.
const PAGE: usize = 1000;

/// Import or export registry rows
#[derive(Debug, Clone, Subcommand)]
pub(super) enum RegistryCommand {
    /// Read rows from CSV; rows that are already so change nothing, and the same command goes on
    /// where an earlier one was interrupted
    Import {
        /// What the rows are
        #[arg(long, value_enum)]
        kind: Rows,
        /// The file
        file: PathBuf,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Ask the store about every row, say what would be new, changed, unchanged or rejected, and
        /// enter none
        #[arg(long)]
        dry_run: bool,
        /// Where rejected rows are written [default: FILE.rejects.csv]
        #[arg(long, value_name = "FILE")]
        rejects: Option<PathBuf>,
        /// Who enters the rows
        #[arg(long, default_value = "operator")]
        author: String,
    },
    /// Say what a file and the rows in force have apart, each with a coded reason; enter nothing
    Compare {
        /// What the rows are
        #[arg(long, value_enum)]
        kind: Kind,
        /// The file
        file: PathBuf,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Where the differences are written [default: FILE.differences.csv]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Write the rows in force as CSV
    Export {
        /// Which rows
        #[arg(long, value_enum)]
        kind: Kind,
        /// The file; standard output where none is named
        file: Option<PathBuf>,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// Make, list and revoke tokens
#[derive(Debug, Clone, Subcommand)]
pub(super) enum TokenCommand {
    /// Print a new bearer token; only its hash is kept
    Create {
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
        /// The place it is bound to
        #[arg(long, value_name = "PLACE")]
        scope: Option<String>,
        /// The doctor it speaks for
        #[arg(long, value_name = "ID")]
        doctor: Option<String>,
        /// The device or site it is bound to
        #[arg(long, value_name = "ID")]
        device: Option<String>,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// List tokens, also those that ended, one JSON object a line; what lets anybody in is not shown
    List {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// End a token: it opens nothing any more, and whoever came by it is put out within seconds
    Revoke {
        /// Its id, or the doctor or device that it speaks for
        #[arg(value_name = "NAME-OR-ID")]
        token: String,
        /// Every token of that doctor or device
        #[arg(long)]
        all: bool,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// `registry …`.
pub(super) fn run(
    command: &RegistryCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        RegistryCommand::Import { kind, file, data_dir, dry_run, rejects, author } => {
            let admin = Admin::connect(common, data_dir.as_deref())?;
            let asked = Asked { file, dry_run: *dry_run, rejects: rejects.as_deref(), author };
            match kind {
                Rows::Registry(kind) => import::rows(admin, *kind, &asked, out),
                Rows::Entries(kind) => import::entries(admin, *kind, &asked, out),
            }
        }
        RegistryCommand::Compare { kind, file, data_dir, to } => {
            let admin = Admin::connect(common, data_dir.as_deref())?;
            let to = to.clone().unwrap_or_else(|| beside(file, ".differences.csv"));
            Comparison::new(admin, *kind, &to)?.run(file, out)
        }
        RegistryCommand::Export { kind, file, data_dir } => {
            let mut admin = Admin::connect(common, data_dir.as_deref())?;
            match file {
                Some(path) => export(&mut admin, *kind, &mut File::create(path)?),
                None => export(&mut admin, *kind, out),
            }
        }
    }
}

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Rows of the registry.
    Registry(Kind),
    /// What happened to people.
    Entries(EntryKind),
}

impl ValueEnum for Rows {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Registry(Kind::People),
            Self::Registry(Kind::Households),
            Self::Registry(Kind::Doctors),
            Self::Registry(Kind::Devices),
            Self::Registry(Kind::Sites),
            Self::Registry(Kind::Cards),
            Self::Registry(Kind::Plans),
            Self::Registry(Kind::Places),
            Self::Registry(Kind::Benches),
            Self::Registry(Kind::Teams),
            Self::Registry(Kind::Duty),
            Self::Registry(Kind::Pairings),
            Self::Registry(Kind::Boxes),
            Self::Entries(EntryKind::FollowUps),
            Self::Entries(EntryKind::Money),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Registry(kind) => kind.to_possible_value(),
            Self::Entries(kind) => Some(PossibleValue::new(kind.as_str()).help(kind.help())),
        }
    }
}

/// Columns that we do not know come after ours, by name: which there are is asked first, so that
/// the whole registry is read twice and never held.
fn export(admin: &mut Admin, kind: Kind, out: &mut dyn Write) -> Result<(), Failure> {
    let mut further = BTreeSet::new();
    each_in_force(admin, kind, |row| {
        further.extend(table::cells(row).1.into_keys());
        Ok(())
    })?;
    let mut writer = csv::Writer::from_writer(out);
    let columns = kind.columns().iter().copied().chain(further.iter().map(String::as_str));
    formula::write(&mut writer, columns).map_err(|error| Failure::of(&error))?;
    each_in_force(admin, kind, |row| {
        let (mut cells, mut attributes) = table::cells(row);
        cells.extend(further.iter().map(|name| attributes.remove(name).unwrap_or_default()));
        formula::write(&mut writer, cells).map_err(|error| Failure::of(&error))
    })?;
    writer.flush()?;
    Ok(())
}

/// Every row in force, by name.
pub(super) fn each_in_force(
    admin: &mut Admin,
    kind: Kind,
    mut see: impl FnMut(&Registered) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let path = format!("/admin/registry?kind={}&limit={PAGE}{after}", kind.as_str());
        let page = admin.call(Method::GET, &path, String::new())?;
        let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        for item in items {
            see(&serde_json::from_value(item).map_err(|error| Failure::of(&error))?)?;
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={}", escaped(next)),
            None => return Ok(()),
        }
    }
}

/// A digit of a number under 16.
fn hex_digit(number: u8) -> char {
    char::from_digit(u32::from(number), 16).unwrap_or('0').to_ascii_uppercase()
}

/// Text as part of a query.
pub(super) fn escaped(text: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 0xF)]);
        }
        escaped
    })
}

/// `token …`.
pub(super) fn token(
    command: &TokenCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let connect = |folder: &Option<PathBuf>| Admin::connect(common, folder.as_deref());
    match command {
        TokenCommand::Create { role, scope, doctor, device, data_dir } => {
            if *role == Role::Doctor && doctor.is_none() {
                return Err(Failure::Usage("a doctor's token needs --doctor ID".to_owned()));
            }
            let body =
                json!({"role": role.as_str(), "scope": scope, "doctor": doctor, "device": device});
            let answer =
                connect(data_dir)?.call(Method::POST, "/admin/tokens", body.to_string())?;
            let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
            writeln!(out, "{token}")?;
            Ok(())
        }
        TokenCommand::List { data_dir } => {
            let mut admin = connect(data_dir)?;
            let mut after = String::new();
            loop {
                let path = format!("/admin/tokens?limit={PAGE}{after}");
                let page = admin.call(Method::GET, &path, String::new())?;
                print_items(&page, out)?;
                match page.get("next").and_then(Value::as_str) {
                    Some(next) => after = format!("&after={}", escaped(next)),
                    None => return Ok(()),
                }
            }
        }
        TokenCommand::Revoke { token, all, data_dir } => {
            let body = json!({ "token": token, "all": all }).to_string();
            let done = connect(data_dir)?.call(Method::POST, "/admin/tokens/revoke", body)?;
            print_items(&done, out)
        }
    }
}

fn print_items(page: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
        writeln!(out, "{item}")?;
    }
    Ok(())
}

impl ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}
