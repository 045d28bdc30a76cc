//! `xunzhen registry` and `xunzhen token`.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Subcommand, ValueEnum, builder::PossibleValue};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::{
    Common, Failure,
    admin::Admin,
    entries::{Entering, EntryKind},
    rows::{Notes, ROWS_AT_ONCE, check_headers, open, tell},
    table::{self, CellError, Cells, Kind},
};
use crate::{
    domain::{Card, Registered},
    serve::wire::RowNote,
    store::Role,
};

/// Rows of one page of an export.
const PAGE: usize = 1000;

/// Import or export registry rows
#[derive(Debug, Clone, Subcommand)]
pub(super) enum RegistryCommand {
    /// Read rows from CSV; rows that are already so change nothing
    Import {
        /// What the rows are
        #[arg(long, value_enum)]
        kind: Rows,
        /// The file
        file: PathBuf,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Check the rows and enter none
        #[arg(long)]
        dry_run: bool,
        /// Where rejected rows are written [default: FILE.rejects.csv]
        #[arg(long, value_name = "FILE")]
        rejects: Option<PathBuf>,
        /// Who enters the rows
        #[arg(long, default_value = "operator")]
        author: String,
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

/// Make tokens
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
}

/// `registry …`.
pub(super) fn run(
    command: &RegistryCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        RegistryCommand::Import { kind, file, data_dir, dry_run, rejects, author } => {
            let connect = || Admin::connect(common, data_dir.as_deref());
            let admin = if *dry_run { None } else { Some(connect()?) };
            let beside = |ending: &str| {
                let mut name = file.clone().into_os_string();
                name.push(ending);
                PathBuf::from(name)
            };
            let rejects = rejects.clone().unwrap_or_else(|| beside(".rejects.csv"));
            match kind {
                Rows::Registry(kind) => {
                    let warnings = beside(".warnings.csv");
                    let notes = (Notes::rejects(&rejects), Notes::warnings(&warnings));
                    Import::new(admin, author, *kind, notes).run(file, out)
                }
                Rows::Entries(kind) => {
                    // Only the store knows the people, and only its pack the profiles.
                    let admin = admin.map_or_else(connect, Ok)?;
                    let mut entering = Entering::new(admin, author, *kind);
                    entering.dry_run = *dry_run;
                    entering.run(file, &rejects, out)
                }
            }
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

struct Import<'a> {
    admin: Option<Admin>,
    author: &'a str,
    kind: Kind,
    /// Rows that wait to be sent, with their records.
    batch: Vec<(Registered, csv::StringRecord)>,
    changed: u64,
    /// Hashes of the cards of the file and of whom each goes to: 16 bytes a row of `cards`.
    cards: HashMap<u64, u64>,
    /// Rows that were not entered.
    rejected: Notes<'a>,
    /// What in the rows that were contradicts something else.
    warned: Notes<'a>,
}

impl<'a> Import<'a> {
    fn new(
        admin: Option<Admin>,
        author: &'a str,
        kind: Kind,
        (rejected, warned): (Notes<'a>, Notes<'a>),
    ) -> Self {
        let (batch, cards) = (Vec::new(), HashMap::new());
        Self { admin, author, kind, batch, changed: 0, cards, rejected, warned }
    }

    /// A file that gives one card to two people contradicts itself, however far apart the rows are.
    fn card_twice(&mut self, row: &Registered) -> Option<CellError> {
        let Registered::Card(Card { card, person }) = row else { return None };
        let hash = |text: &str| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        let person = hash(person.as_str());
        let first = *self.cards.entry(hash(card)).or_insert(person);
        let why = "a row before gives this card to another person / 前面的行已将该卡号归他人";
        (first != person).then(|| CellError { column: "card".to_owned(), why: why.to_owned() })
    }

    fn run(mut self, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
        let (bar, mut reader) = open(file)?;
        let headers = reader.headers().map_err(|error| Failure::of(&error))?.clone();
        check_headers(&headers, self.kind.columns(), 1)?;
        let mut read = 0_u64;
        for record in reader.records() {
            let record = record.map_err(|error| Failure::of(&error))?;
            read = read.saturating_add(1);
            match table::row(self.kind, Cells::new(&headers, &record)) {
                Ok(row) => match self.card_twice(&row) {
                    None => self.batch.push((row, record)),
                    Some(error) => self.rejected.reject(&headers, &record, &error)?,
                },
                Err(error) => self.rejected.reject(&headers, &record, &error)?,
            }
            if self.batch.len() >= ROWS_AT_ONCE {
                self.send(&headers)?;
            }
        }
        self.send(&headers)?;
        bar.finish_and_clear();
        let (path, warned) = self.warned.finish()?;
        let mut more = Map::new();
        if warned > 0 {
            more.insert("warned".to_owned(), json!(warned));
            more.insert("warnings".to_owned(), json!(path));
        }
        tell((read, self.changed), self.rejected, more, out)
    }

    fn send(&mut self, headers: &csv::StringRecord) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        let (Some(admin), false) = (&mut self.admin, batch.is_empty()) else { return Ok(()) };
        let mut lines = String::new();
        for (row, _) in &batch {
            lines.push_str(&serde_json::to_string(row).map_err(|error| Failure::of(&error))?);
            lines.push('\n');
        }
        let (kind, author) = (self.kind.as_str(), escaped(self.author));
        let path = format!("/admin/registry?kind={kind}&author={author}");
        let answer = admin.call(Method::POST, &path, lines)?;
        let changed = answer.get("new_or_changed").and_then(Value::as_u64).unwrap_or_default();
        self.changed = self.changed.saturating_add(changed);
        // A number of a row that would loosen a line: the row is told once, with all its columns.
        let mut told: Vec<usize> = Vec::new();
        for note in notes(&answer, "rejected")? {
            let Some((_, record)) = record_of(&batch, &note) else { continue };
            if !told.contains(&note.line) {
                told.push(note.line);
                let why = format!("{} / {}", note.en, note.zh);
                self.rejected.reject(headers, record, &CellError { column: note.column, why })?;
            }
        }
        for note in notes(&answer, "warned")? {
            let Some((_, record)) = record_of(&batch, &note) else { continue };
            self.warned.warn(record, &note)?;
        }
        Ok(())
    }
}

/// What the server said about rows.
fn notes(answer: &Value, list: &str) -> Result<Vec<RowNote>, Failure> {
    let notes = answer.get(list).cloned().unwrap_or_else(|| json!([]));
    serde_json::from_value(notes).map_err(|error| Failure::of(&error))
}

type Sent = (Registered, csv::StringRecord);

fn record_of<'b>(batch: &'b [Sent], note: &RowNote) -> Option<&'b Sent> {
    batch.get(note.line.checked_sub(1)?)
}

/// Columns that we do not know come after ours, by name: which there are is asked first, so that
/// the whole registry is read twice and never held.
fn export(admin: &mut Admin, kind: Kind, out: &mut dyn Write) -> Result<(), Failure> {
    let mut further = BTreeSet::new();
    each_row(admin, kind, &mut |row| {
        further.extend(table::cells(row).1.into_keys());
        Ok(())
    })?;
    let mut writer = csv::Writer::from_writer(out);
    let columns = kind.columns().iter().copied().chain(further.iter().map(String::as_str));
    writer.write_record(columns).map_err(|error| Failure::of(&error))?;
    each_row(admin, kind, &mut |row| {
        let (mut cells, mut attributes) = table::cells(row);
        cells.extend(further.iter().map(|name| attributes.remove(name).unwrap_or_default()));
        writer.write_record(cells).map_err(|error| Failure::of(&error))
    })?;
    writer.flush()?;
    Ok(())
}

/// Every row in force of a kind, page by page.
fn each_row(
    admin: &mut Admin,
    kind: Kind,
    what: &mut dyn FnMut(&Registered) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let path = format!("/admin/registry?kind={}&limit={PAGE}{after}", kind.as_str());
        let page = admin.call(Method::GET, &path, String::new())?;
        let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        for item in items {
            let row: Registered =
                serde_json::from_value(item).map_err(|error| Failure::of(&error))?;
            what(&row)?;
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
    let TokenCommand::Create { role, scope, doctor, device, data_dir } = command;
    if *role == Role::Doctor && doctor.is_none() {
        return Err(Failure::Usage("a doctor's token needs --doctor ID".to_owned()));
    }
    let mut admin = Admin::connect(common, data_dir.as_deref())?;
    let body = json!({"role": role.as_str(), "scope": scope, "doctor": doctor, "device": device});
    let answer = admin.call(Method::POST, "/admin/tokens", body.to_string())?;
    let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
    writeln!(out, "{token}")?;
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
