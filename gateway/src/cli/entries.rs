//! Follow-ups and money from CSV: the rows go to the store's own checks, which know the people and
//! the rule pack, and come back with the reason where they are none.

use std::io::Write;

use firmware_protocols::Decimal;
use hyper::Method;
use serde_json::{Map, Number, Value, json};

use super::{
    Failure,
    admin::Admin,
    progress::{Progress, Reached, marks},
    registry::escaped,
    rows::{Notes, ROWS_AT_ONCE, RowFile, tell},
    table::{CellError, Cells},
};
use crate::serve::wire::{EventLine, EventsCounted, FollowUpAsked, MoneyAsked};

/// What the rows of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// Formal follow-ups.
    FollowUps,
    /// Sums of out-of-pocket money.
    Money,
}

impl EntryKind {
    /// The kind's name on the command line and at the operator's door.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::FollowUps => "follow_ups",
            Self::Money => "money",
        }
    }

    /// What it is, for `--help`.
    pub(super) const fn help(self) -> &'static str {
        match self {
            Self::FollowUps => "Formal follow-ups that doctors wrote down",
            Self::Money => "Out-of-pocket money by local profile",
        }
    }

    /// Its columns; the first two must be there.
    pub(super) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::FollowUps => &[
                "person",
                "at",
                "systolic",
                "diastolic",
                "fasting",
                "symptoms",
                "note",
                "reference",
            ],
            Self::Money => &["person", "at", "profile", "kind", "yuan", "note", "reference"],
        }
    }

    /// One row as the store's door takes it.
    fn line(self, cells: Cells<'_>) -> Result<String, CellError> {
        match self {
            Self::FollowUps => written(&follow_up(cells)?),
            Self::Money => written(&money(cells)?),
        }
    }
}

fn written<T: serde::Serialize>(line: &EventLine<T>) -> Result<String, CellError> {
    serde_json::to_string(line)
        .map_err(|error| CellError { column: String::new(), why: error.to_string() })
}

fn follow_up(mut cells: Cells<'_>) -> Result<EventLine<FollowUpAsked>, CellError> {
    Ok(EventLine {
        person: cells.required("person")?,
        entry: FollowUpAsked {
            at: cells.required("at")?,
            systolic: number(&mut cells, "systolic")?,
            diastolic: number(&mut cells, "diastolic")?,
            fasting: number(&mut cells, "fasting")?,
            symptoms: cells.list("symptoms"),
            note: cells.optional("note")?,
            reference: cells.optional("reference")?,
        },
    })
}

fn money(mut cells: Cells<'_>) -> Result<EventLine<MoneyAsked>, CellError> {
    let yuan = number(&mut cells, "yuan")?;
    Ok(EventLine {
        person: cells.required("person")?,
        entry: MoneyAsked {
            at: cells.required("at")?,
            profile: cells.required("profile")?,
            kind: cells.required("kind")?,
            yuan: yuan.ok_or_else(|| CellError {
                column: "yuan".to_owned(),
                why: "missing".to_owned(),
            })?,
            note: cells.optional("note")?,
            reference: cells.optional("reference")?,
        },
    })
}

/// A number as it is written, never by way of another one.
fn number(cells: &mut Cells<'_>, column: &str) -> Result<Option<Number>, CellError> {
    let Some(number) = cells.optional::<Decimal>(column)? else { return Ok(None) };
    let wrong =
        |error: serde_json::Error| CellError { column: column.to_owned(), why: error.to_string() };
    serde_json::from_str(&number.to_string()).map(Some).map_err(wrong)
}

/// A file on its way to the store.
pub(super) struct Entering<'a> {
    admin: Admin,
    author: &'a str,
    kind: EntryKind,
    /// How far it came; a dry run keeps none.
    progress: Option<Progress>,
    batch: Vec<(csv::StringRecord, String)>,
    entered: u64,
}

impl<'a> Entering<'a> {
    pub(super) const fn new(
        admin: Admin,
        author: &'a str,
        kind: EntryKind,
        progress: Option<Progress>,
    ) -> Self {
        Self { admin, author, kind, progress, batch: Vec::new(), entered: 0 }
    }

    pub(super) fn run(
        mut self,
        mut file: RowFile,
        mut rejected: Notes<'_>,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let columns = self.kind.columns();
        let headers = file.headers.clone();
        let unread = headers.iter().map(str::trim).filter(|name| !columns.contains(name));
        let unread: Vec<String> = unread.map(str::to_owned).collect();
        if let Some(reached) = self.progress.as_ref().and_then(Progress::reached) {
            file.go_to(reached.place, reached.read)?;
            rejected.resume(reached.rejected.0, reached.rejected.1)?;
            self.entered = reached.entered;
        }
        while let Some(record) = file.next()? {
            match self.kind.line(Cells::new(&headers, &record)) {
                Ok(line) => self.batch.push((record, line)),
                Err(error) => rejected.reject(&headers, &record, &error)?,
            }
            if self.batch.len() >= ROWS_AT_ONCE {
                self.send(&headers, &mut rejected)?;
                self.keep(&file, &mut rejected)?;
            }
        }
        self.send(&headers, &mut rejected)?;
        file.end();
        let mut more = Map::new();
        if !unread.is_empty() {
            more.insert("ignored_columns".to_owned(), json!(unread));
        }
        if let Some(progress) = &self.progress {
            progress.done()?;
        }
        tell(&file, self.entered, rejected, more, out)
    }

    fn keep(&mut self, file: &RowFile, rejected: &mut Notes<'_>) -> Result<(), Failure> {
        file.show_rate();
        let Some(progress) = &mut self.progress else { return Ok(()) };
        let [rejected, warned] = marks(rejected, None)?;
        let (place, read, entered) = (file.place(), file.read, self.entered);
        progress.keep(Reached { place, read, entered, rejected, warned });
        Ok(())
    }

    fn send(
        &mut self,
        headers: &csv::StringRecord,
        rejected: &mut Notes<'_>,
    ) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let lines = batch.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
        let (kind, author) = (self.kind.as_str(), escaped(self.author));
        let dry_run = self.progress.is_none();
        let path = format!("/admin/events?kind={kind}&author={author}&dry_run={dry_run}");
        let answer: Value = self.admin.call(Method::POST, &path, lines)?;
        let counted: EventsCounted =
            serde_json::from_value(answer).map_err(|error| Failure::of(&error))?;
        self.entered = self.entered.saturating_add(counted.stored);
        for (place, column, why) in counted.rejected {
            let Some((record, _)) = batch.get(place) else { continue };
            rejected.reject(headers, record, &CellError { column, why })?;
        }
        Ok(())
    }
}
