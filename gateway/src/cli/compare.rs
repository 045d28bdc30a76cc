//! `registry compare`: in theirs, not in ours, and the reverse. One line a difference, each with a
//! code:
//!
//! | code | what it says |
//! |---|---|
//! | `only_theirs` | the file names it, the registry does not |
//! | `only_ours` | the registry has it in force, the file does not name it |
//! | `differs:COLUMN` | both have it and say otherwise in a column of the file |
//! | `rejected:CODE` | an import would reject the row; `unreadable` where a cell is none |
//! | `repeated` | the file names again what it named before, and the registry has it |
//!
//! Columns that the file lacks are not compared. The file is read once, in batches; of our rows those
//! that were met are remembered, in 16 bytes each (and whom unreadable rows name), so memory is
//! bounded by our registry and not by their file.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io::Write,
    path::Path,
};

use serde_json::json;

use super::{
    Failure,
    admin::Admin,
    formula,
    import::ask,
    registry::each_in_force,
    rows::{ROWS_AT_ONCE, RowFile, line_of},
    table::{self, Cells, Kind},
};
use crate::{domain::Registered, serve::wire::RowNote};

/// The columns of the file of differences.
const COLUMNS: [&str; 6] = ["line", "name", "code", "theirs", "ours", "reason"];

/// The beginning of the hash of a name.
type Met = [u8; 16];

fn met(name: &str) -> Met {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] =
        *blake3::hash(name.as_bytes()).as_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// What one line of the file of differences says.
#[derive(Default)]
struct Difference<'a> {
    line: &'a str,
    name: &'a str,
    code: &'a str,
    theirs: &'a str,
    ours: &'a str,
    reason: &'a str,
}

/// A comparison under way.
pub(super) struct Comparison<'a> {
    admin: Admin,
    kind: Kind,
    path: &'a Path,
    out: csv::Writer<File>,
    batch: Vec<(Registered, String)>,
    /// Names of ours that the file names too.
    met: HashSet<Met>,
    same: u64,
    /// Differences by code.
    found: BTreeMap<String, u64>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(admin: Admin, kind: Kind, path: &'a Path) -> Result<Self, Failure> {
        let mut out = csv::Writer::from_path(path).map_err(|error| Failure::of(&error))?;
        out.write_record(COLUMNS).map_err(|error| Failure::of(&error))?;
        let (batch, met, found) = (Vec::new(), HashSet::new(), BTreeMap::new());
        Ok(Self { admin, kind, path, out, batch, met, same: 0, found })
    }

    pub(super) fn run(mut self, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
        let mut file = RowFile::open(file, self.kind.columns(), 1)?;
        let headers = file.headers.clone();
        while let Some(record) = file.next()? {
            match table::row(self.kind, Cells::new(&headers, &record)) {
                Ok(row) => self.batch.push((row, line_of(&record))),
                Err(error) => self.unreadable(&headers, &record, &error)?,
            }
            if self.batch.len() >= ROWS_AT_ONCE {
                self.look(&headers)?;
                file.show_rate();
            }
        }
        self.look(&headers)?;
        file.end();
        self.reverse()?;
        self.out.flush()?;
        let found: u64 = self.found.values().sum();
        let mut line = json!({"read": file.read, "same": self.same, "differences": self.found});
        if let Some(line) = line.as_object_mut().filter(|_| found > 0) {
            line.insert("file".to_owned(), json!(self.path.display().to_string()));
        }
        writeln!(out, "{line}")?;
        if found > 0 { Err(Failure::AnsweredNo) } else { Ok(()) }
    }

    fn tell(&mut self, difference: &Difference<'_>) -> Result<(), Failure> {
        let Difference { line, name, code, theirs, ours, reason } = *difference;
        let count = self.found.entry(code.to_owned()).or_default();
        *count = count.saturating_add(1);
        let told = formula::write(&mut self.out, [line, name, code, theirs, ours, reason]);
        told.map_err(|error| Failure::of(&error))
    }

    /// A row of the file that is none. Whom it names is ours all the same, if anybody.
    fn unreadable(
        &mut self,
        headers: &csv::StringRecord,
        record: &csv::StringRecord,
        error: &table::CellError,
    ) -> Result<(), Failure> {
        let key = self.kind.columns().first().copied().unwrap_or_default();
        let name = Cells::new(headers, record).owned(key);
        self.met.insert(met(&name));
        let (line, reason) = (line_of(record), error.to_string());
        let code = "rejected:unreadable";
        self.tell(&Difference { line: &line, name: &name, code, reason: &reason, ..<_>::default() })
    }

    /// Compares a batch with the rows in force.
    fn look(&mut self, headers: &csv::StringRecord) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let rows = batch.iter().map(|(row, _)| row);
        let answer = ask(&mut self.admin, self.kind, "&dry_run=true&ours=true", rows)?;
        let mut rejected: BTreeMap<usize, RowNote> = BTreeMap::new();
        for note in answer.rejected {
            rejected.entry(note.line).or_insert(note);
        }
        let ours = answer.ours.unwrap_or_default();
        for (place, ((theirs, line), ours)) in (1_usize..).zip(batch.iter().zip(ours)) {
            self.row(headers, (theirs, line), ours.as_ref(), rejected.get(&place))?;
        }
        Ok(())
    }

    fn row(
        &mut self,
        headers: &csv::StringRecord,
        (theirs, line): (&Registered, &str),
        ours: Option<&Registered>,
        rejected: Option<&RowNote>,
    ) -> Result<(), Failure> {
        let (cells, attributes) = table::cells(theirs);
        let name = cells.first().cloned().unwrap_or_default();
        let plain = Difference { line, name: &name, ..Difference::default() };
        let again = ours.is_some() && !self.met.insert(met(&name));
        if let Some(note) = rejected {
            let reason = format!("{}: {} / {}", note.column, note.en, note.zh);
            let code = format!("rejected:{}", note.code);
            return self.tell(&Difference { code: &code, reason: &reason, ..plain });
        }
        let Some(ours) = ours else {
            return self.tell(&Difference { code: "only_theirs", ..plain });
        };
        if again {
            return self.tell(&Difference { code: "repeated", ..plain });
        }
        let (our_cells, our_attributes) = table::cells(ours);
        let of = |cells: &[String], attributes: &crate::domain::Attributes, column: &str| {
            let place = self.kind.columns().iter().position(|known| *known == column);
            let known = place.and_then(|place| cells.get(place));
            known.or_else(|| attributes.get(column)).cloned().unwrap_or_default()
        };
        let columns = headers.iter().map(str::trim).map(|column| {
            let (their, our) =
                (of(&cells, &attributes, column), of(&our_cells, &our_attributes, column));
            (column, their, our)
        });
        let differ: Vec<_> = columns.filter(|(_, their, our)| their != our).collect();
        if differ.is_empty() {
            self.same = self.same.saturating_add(1);
        }
        for (column, theirs, ours) in differ {
            let code = format!("differs:{column}");
            self.tell(&Difference { code: &code, theirs: &theirs, ours: &ours, ..plain })?;
        }
        Ok(())
    }

    /// What we have and the file did not name.
    fn reverse(&mut self) -> Result<(), Failure> {
        let Self { admin, kind, met: known, .. } = self;
        let (mut lacking, known) = (0_u64, &*known);
        let out = &mut self.out;
        each_in_force(admin, *kind, |row| {
            let (cells, _) = table::cells(row);
            let name = cells.first().map(String::as_str).unwrap_or_default();
            if known.contains(&met(name)) {
                return Ok(());
            }
            lacking = lacking.saturating_add(1);
            let told = out.write_record(["", name, "only_ours", "", "", ""]);
            told.map_err(|error| Failure::of(&error))
        })?;
        if lacking > 0 {
            self.found.insert("only_ours".to_owned(), lacking);
        }
        Ok(())
    }
}
