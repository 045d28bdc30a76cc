//! `xunzhen registry` and `xunzhen token`.

use std::{
    fs::File,
    io::{BufReader, IsTerminal, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Subcommand, ValueEnum};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    Common, Failure,
    admin::Admin,
    table::{self, Cells, Kind},
};
use crate::{domain::Registered, serve::wire::RowNote, store::Role};

/// Rows of one request: one transaction of the writer.
const ROWS_AT_ONCE: usize = 1000;

/// Rows of one page of an export.
const PAGE: usize = 1000;

/// Import or export registry rows
#[derive(Debug, Clone, Subcommand)]
pub(super) enum RegistryCommand {
    /// Read rows from CSV; rows that are already so change nothing
    Import {
        /// What the rows are
        #[arg(long, value_enum)]
        kind: Kind,
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
            let admin = || Admin::connect(common, data_dir.as_deref());
            let admin = if *dry_run { None } else { Some(admin()?) };
            let beside = |ending: &str| {
                let mut name = file.clone().into_os_string();
                name.push(ending);
                PathBuf::from(name)
            };
            let rejects = rejects.clone().unwrap_or_else(|| beside(".rejects.csv"));
            let warnings = beside(".warnings.csv");
            let mut import = Import {
                admin,
                author,
                kind: *kind,
                batch: Vec::new(),
                changed: 0,
                rejected: Notes::new(&rejects, &["line", "column", "reason"]),
                warned: Notes::new(&warnings, &["line", "column", "code", "zh", "en"]),
            };
            import.run(file, out)
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

struct Import<'a> {
    admin: Option<Admin>,
    author: &'a str,
    kind: Kind,
    /// Rows that wait to be sent, with their records.
    batch: Vec<(Registered, csv::StringRecord)>,
    changed: u64,
    /// Rows that were not entered.
    rejected: Notes<'a>,
    /// What in the rows that were contradicts something else.
    warned: Notes<'a>,
}

impl Import<'_> {
    fn run(&mut self, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
        let mut input = File::open(file)
            .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", file.display())))?;
        let bar = progress(input.metadata()?.len());
        skip_mark(&mut input)?;
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(bar.wrap_read(BufReader::new(input)));
        let headers = reader.headers().map_err(|error| Failure::of(&error))?.clone();
        self.check_headers(&headers)?;
        let mut read = 0_u64;
        for record in reader.records() {
            let record = record.map_err(|error| Failure::of(&error))?;
            read = read.saturating_add(1);
            match table::row(self.kind, Cells::new(&headers, &record)) {
                Ok(row) => self.batch.push((row, record)),
                Err(error) => self.reject(&headers, &record, (&error.column, &error.why))?,
            }
            if self.batch.len() >= ROWS_AT_ONCE {
                self.send(&headers)?;
            }
        }
        self.send(&headers)?;
        bar.finish_and_clear();
        let (rejected, warned) = (self.rejected.finish()?, self.warned.finish()?);
        let entered = self.changed;
        let unchanged = read.saturating_sub(entered).saturating_sub(rejected);
        let mut line = json!({
            "read": read, "entered": entered, "unchanged": unchanged, "rejected": rejected,
        });
        if let Some(line) = line.as_object_mut() {
            if rejected > 0 {
                line.insert("rejects".to_owned(), json!(self.rejected.path.display().to_string()));
            }
            if warned > 0 {
                line.insert("warned".to_owned(), json!(warned));
                line.insert("warnings".to_owned(), json!(self.warned.path.display().to_string()));
            }
        }
        writeln!(out, "{line}")?;
        if rejected > 0 { Err(Failure::AnsweredNo) } else { Ok(()) }
    }

    /// A file without its key column is the wrong file.
    fn check_headers(&self, headers: &csv::StringRecord) -> Result<(), Failure> {
        let key = self.kind.columns().first().copied().unwrap_or_default();
        if headers.iter().any(|name| name.trim() == key) {
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "the file has no column {key:?}; its header should name {} / 缺少列 {key}",
            self.kind.columns().join(",")
        )))
    }

    fn reject(
        &mut self,
        headers: &csv::StringRecord,
        record: &csv::StringRecord,
        (column, why): (&str, &str),
    ) -> Result<(), Failure> {
        let line = line_of(record);
        let cells = [line.as_str(), column, why].into_iter().chain(record);
        self.rejected.push(headers, cells.collect())
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
                self.reject(headers, record, (&note.column, &why))?;
            }
        }
        let nothing = csv::StringRecord::new();
        for note in notes(&answer, "warned")? {
            let Some((_, record)) = record_of(&batch, &note) else { continue };
            let line = line_of(record);
            let cells = [&*line, &*note.column, &*note.code, &*note.zh, &*note.en];
            self.warned.push(&nothing, cells.to_vec())?;
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

fn line_of(record: &csv::StringRecord) -> String {
    record.position().map_or(0, csv::Position::line).to_string()
}

/// Rows with something to be said about them: line, column and reason; the file appears with the
/// first.
struct Notes<'a> {
    path: &'a Path,
    columns: &'static [&'static str],
    file: Option<csv::Writer<File>>,
    count: u64,
}

impl<'a> Notes<'a> {
    const fn new(path: &'a Path, columns: &'static [&'static str]) -> Self {
        Self { path, columns, file: None, count: 0 }
    }

    fn push(&mut self, headers: &csv::StringRecord, fields: Vec<&str>) -> Result<(), Failure> {
        let write = |file: &mut csv::Writer<File>, fields: Vec<&str>| {
            file.write_record(fields).map_err(|error| Failure::of(&error))
        };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = csv::WriterBuilder::new()
                    .flexible(true)
                    .from_path(self.path)
                    .map_err(|error| Failure::of(&error))?;
                write(&mut file, self.columns.iter().copied().chain(headers).collect())?;
                self.file.insert(file)
            }
        };
        self.count = self.count.saturating_add(1);
        write(file, fields)
    }

    fn finish(&mut self) -> Result<u64, Failure> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(self.count)
    }
}

/// A byte-order mark at the beginning is no part of the first column's name.
fn skip_mark(input: &mut File) -> Result<(), Failure> {
    let mut mark = [0; 3];
    let whole = input.read_exact(&mut mark).is_ok();
    if !(whole && mark == [0xEF, 0xBB, 0xBF]) {
        input.rewind()?;
    }
    Ok(())
}

fn progress(bytes: u64) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(bytes)
    } else {
        ProgressBar::hidden()
    };
    let template = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} ETA {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn export(admin: &mut Admin, kind: Kind, out: &mut dyn Write) -> Result<(), Failure> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(out);
    let columns = kind.columns();
    writer.write_record(columns).map_err(|error| Failure::of(&error))?;
    let mut after = String::new();
    loop {
        let path = format!("/admin/registry?kind={}&limit={PAGE}{after}", kind.as_str());
        let page = admin.call(Method::GET, &path, String::new())?;
        let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        for item in items {
            let row: Registered =
                serde_json::from_value(item).map_err(|error| Failure::of(&error))?;
            let (cells, _) = table::cells(&row);
            writer.write_record(cells).map_err(|error| Failure::of(&error))?;
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={}", escaped(next)),
            None => break,
        }
    }
    writer.flush()?;
    Ok(())
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

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.as_str()))
    }
}
