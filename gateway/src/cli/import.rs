//! `registry import`: rows of a file to the store, a batch at a time. A batch is one commit, so
//! nothing of it is entered by halves; after each, how far the file was done is kept beside it.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::Path,
};

use hyper::Method;
use serde_json::{Map, Value, json};

use super::{
    Failure,
    admin::Admin,
    entries::{Entering, EntryKind},
    progress::{Progress, Reached, marks},
    registry::escaped,
    rows::{Notes, ROWS_AT_ONCE, RowFile, beside, tell},
    table::{self, CellError, Cells, Kind},
};
use crate::{
    domain::{Card, Registered},
    serve::wire::{RegistryCounted, RowNote},
};

/// What was asked for on the command line.
pub(super) struct Asked<'a> {
    pub(super) file: &'a Path,
    pub(super) dry_run: bool,
    pub(super) rejects: Option<&'a Path>,
    pub(super) author: &'a str,
}

impl Asked<'_> {
    /// Where it is kept how far the file was done; a dry run does nothing to go on with.
    fn progress(
        &self,
        admin: &mut Admin,
        kind: &str,
        file: &RowFile,
    ) -> Result<Option<Progress>, Failure> {
        if self.dry_run {
            return Ok(None);
        }
        let stats = admin.call(Method::GET, "/admin/stats", String::new())?;
        let told = |name: &str| stats.get(name).map(ToString::to_string).unwrap_or_default();
        let of = format!("{} {kind} {} {}", file.digest, told("gateway"), told("epoch"));
        Ok(Some(Progress::new(beside(self.file, ".progress"), of)))
    }
}

/// Enters rows of the registry.
pub(super) fn rows(
    mut admin: Admin,
    kind: Kind,
    asked: &Asked<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let file = RowFile::open(asked.file, kind.columns(), 1)?;
    let progress = asked.progress(&mut admin, kind.as_str(), &file)?;
    let rejects = beside(asked.file, ".rejects.csv");
    let warnings = beside(asked.file, ".warnings.csv");
    let rejected = Notes::rejects(asked.rejects.unwrap_or(&rejects));
    let warned = Notes::warnings(&warnings);
    let counts = Counts::default();
    let author = asked.author;
    let (batch, cards) = (Vec::new(), HashMap::new());
    let import = Import { admin, author, kind, progress, batch, cards, counts };
    import.run(file, (rejected, warned), out)
}

/// Enters what happened to people.
pub(super) fn entries(
    mut admin: Admin,
    kind: EntryKind,
    asked: &Asked<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let file = RowFile::open(asked.file, kind.columns(), 2)?;
    let progress = asked.progress(&mut admin, kind.as_str(), &file)?;
    let rejects = beside(asked.file, ".rejects.csv");
    let rejected = Notes::rejects(asked.rejects.unwrap_or(&rejects));
    Entering::new(admin, asked.author, kind, progress).run(file, rejected, out)
}

/// What became of rows so far.
#[derive(Debug, Default)]
struct Counts {
    /// New or changed.
    entered: u64,
    /// In a dry run: those that supersede another row.
    changed: u64,
}

/// A row and its record, which its notes repeat.
type Sent = (Registered, csv::StringRecord);

struct Import<'a> {
    admin: Admin,
    author: &'a str,
    kind: Kind,
    /// How far it came; `None` in a dry run.
    progress: Option<Progress>,
    /// Rows that wait to be sent.
    batch: Vec<Sent>,
    /// Hashes of the cards of the file and of whom each goes to: 16 bytes a row of `cards`.
    cards: HashMap<u64, u64>,
    counts: Counts,
}

impl Import<'_> {
    fn run(
        mut self,
        mut file: RowFile,
        (mut rejected, mut warned): (Notes<'_>, Notes<'_>),
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let headers = file.headers.clone();
        if let Some(reached) = self.progress.as_ref().and_then(Progress::reached) {
            file.go_to(reached.place, reached.read)?;
            rejected.resume(reached.rejected.0, reached.rejected.1)?;
            warned.resume(reached.warned.0, reached.warned.1)?;
            self.counts.entered = reached.entered;
        }
        while let Some(record) = file.next()? {
            match table::row(self.kind, Cells::new(&headers, &record)) {
                Ok(row) => match self.card_twice(&row) {
                    None => self.batch.push((row, record)),
                    Some(error) => rejected.reject(&headers, &record, &error)?,
                },
                Err(error) => rejected.reject(&headers, &record, &error)?,
            }
            if self.batch.len() >= ROWS_AT_ONCE {
                self.send(&headers, (&mut rejected, &mut warned))?;
                self.keep(&file, (&mut rejected, &mut warned))?;
            }
        }
        self.send(&headers, (&mut rejected, &mut warned))?;
        file.end();
        let more = self.more(warned.finish()?)?;
        tell(&file, self.counts.entered, rejected, more, out)
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

    fn keep(
        &mut self,
        file: &RowFile,
        (rejected, warned): (&mut Notes<'_>, &mut Notes<'_>),
    ) -> Result<(), Failure> {
        file.show_rate();
        let Some(progress) = &mut self.progress else { return Ok(()) };
        let [rejected, warned] = marks(rejected, Some(warned))?;
        let (place, read, entered) = (file.place(), file.read, self.counts.entered);
        progress.keep(Reached { place, read, entered, rejected, warned });
        Ok(())
    }

    /// What else there is to say at the end.
    fn more(&self, (warnings, warned): (String, u64)) -> Result<Map<String, Value>, Failure> {
        let mut more = Map::new();
        if warned > 0 {
            more.insert("warned".to_owned(), json!(warned));
            more.insert("warnings".to_owned(), json!(warnings));
        }
        match &self.progress {
            Some(progress) => {
                if let Some(why) = &progress.not_kept {
                    more.insert("progress_not_kept".to_owned(), json!(why));
                }
                progress.done()?;
            }
            None => {
                let new = self.counts.entered.saturating_sub(self.counts.changed);
                more.insert("dry_run".to_owned(), json!(true));
                more.insert("entered".to_owned(), json!(0));
                more.insert("new".to_owned(), json!(new));
                more.insert("changed".to_owned(), json!(self.counts.changed));
            }
        }
        Ok(more)
    }

    fn send(
        &mut self,
        headers: &csv::StringRecord,
        (rejected, warned): (&mut Notes<'_>, &mut Notes<'_>),
    ) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let rows = batch.iter().map(|(row, _)| row);
        let query = match &self.progress {
            Some(_) => format!("&author={}", escaped(self.author)),
            None => "&dry_run=true".to_owned(),
        };
        let answer = ask(&mut self.admin, self.kind, &query, rows)?;
        let entered = u64::try_from(answer.new_or_changed).unwrap_or_default();
        let changed = u64::try_from(answer.changed.unwrap_or_default()).unwrap_or_default();
        self.counts.entered = self.counts.entered.saturating_add(entered);
        self.counts.changed = self.counts.changed.saturating_add(changed);
        // A row is told once, with all its columns, whatever is wrong with several of them.
        let mut told: Vec<usize> = Vec::new();
        for note in answer.rejected {
            let Some((_, record)) = record_of(&batch, &note) else { continue };
            if !told.contains(&note.line) {
                told.push(note.line);
                let why = format!("{} / {}", note.en, note.zh);
                rejected.reject(headers, record, &CellError { column: note.column, why })?;
            }
        }
        for note in answer.warned {
            let Some((_, record)) = record_of(&batch, &note) else { continue };
            warned.warn(record, &note)?;
        }
        Ok(())
    }
}

fn record_of<'b>(batch: &'b [Sent], note: &RowNote) -> Option<&'b Sent> {
    batch.get(note.line.checked_sub(1)?)
}

/// Sends rows to the store's door; the query says what is to become of them.
pub(super) fn ask<'r>(
    admin: &mut Admin,
    kind: Kind,
    query: &str,
    rows: impl Iterator<Item = &'r Registered>,
) -> Result<RegistryCounted, Failure> {
    let mut lines = String::new();
    for row in rows {
        lines.push_str(&serde_json::to_string(row).map_err(|error| Failure::of(&error))?);
        lines.push('\n');
    }
    let path = format!("/admin/registry?kind={}{query}", kind.as_str());
    let answer = admin.call(Method::POST, &path, lines)?;
    serde_json::from_value(answer).map_err(|error| Failure::of(&error))
}
