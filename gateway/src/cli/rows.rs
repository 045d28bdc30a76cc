//! Files of rows: how they are opened and read, and what is said of them.

use std::{
    fs::File,
    io::{BufReader, Cursor, IsTerminal, Read, Seek, Write},
    path::Path,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::{Failure, table};
use crate::serve::wire::RowNote;

/// Rows of one request: one transaction of the writer.
pub(super) const ROWS_AT_ONCE: usize = 1000;

/// Opens a file of rows, with a bar that shows how far it is read.
pub(super) fn open(file: &Path) -> Result<(ProgressBar, csv::Reader<Box<dyn Read>>), Failure> {
    let unreadable = |error| Failure::Failed(format!("cannot read {}: {error}", file.display()));
    let mut input = File::open(file).map_err(unreadable)?;
    let bar = progress(input.metadata()?.len());
    let written_in_utf8 = is_utf8(&mut input)?;
    input.rewind()?;
    let text: Box<dyn Read> = if written_in_utf8 {
        skip_mark(&mut input)?;
        Box::new(bar.wrap_read(BufReader::new(input)))
    } else {
        Box::new(bar.wrap_read(Cursor::new(from_gb18030(&mut input)?)))
    };
    Ok((bar, csv::ReaderBuilder::new().flexible(true).from_reader(text)))
}

/// Whether a file is UTF-8 to its end.
fn is_utf8(input: &mut File) -> Result<bool, Failure> {
    let (mut block, mut kept) = (vec![0; 64 * 1024], Vec::new());
    loop {
        let read = input.read(&mut block)?;
        if read == 0 {
            return Ok(kept.is_empty());
        }
        kept.extend(block.iter().take(read));
        match std::str::from_utf8(&kept) {
            Ok(_) => kept.clear(),
            Err(error) if error.error_len().is_some() => return Ok(false),
            // The block ends within a character.
            Err(error) => drop(kept.drain(..error.valid_up_to())),
        }
    }
}

/// What Chinese spreadsheets save where nobody asks for UTF-8.
fn from_gb18030(input: &mut File) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let (text, broken) = encoding_rs::GB18030.decode_without_bom_handling(&bytes);
    if broken {
        let what = "the file is neither UTF-8 nor GB18030: save it as UTF-8 / 文件编码无法识别";
        return Err(Failure::Failed(what.to_owned()));
    }
    Ok(text.into_owned().into_bytes())
}

/// A file without the first of its columns is the wrong file.
pub(super) fn check_headers(
    headers: &csv::StringRecord,
    columns: &[&str],
    needed: usize,
) -> Result<(), Failure> {
    let absent = |key: &&&str| !headers.iter().any(|name| name.trim() == **key);
    match columns.iter().take(needed).find(absent) {
        None => Ok(()),
        Some(key) => Err(Failure::Failed(format!(
            "the file has no column {key:?}; its header should name {} / 缺少列 {key}",
            columns.join(",")
        ))),
    }
}

/// Says what became of a file: rows read and entered, rejected ones, and what else there is to say.
pub(super) fn tell(
    (read, entered): (u64, u64),
    rejects: Notes<'_>,
    more: Map<String, Value>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (path, rejected) = rejects.finish()?;
    let unchanged = read.saturating_sub(entered).saturating_sub(rejected);
    let mut line = json!({
        "read": read, "entered": entered, "unchanged": unchanged, "rejected": rejected,
    });
    if let Some(line) = line.as_object_mut() {
        if rejected > 0 {
            line.insert("rejects".to_owned(), json!(path));
        }
        line.extend(more);
    }
    writeln!(out, "{line}")?;
    if rejected > 0 { Err(Failure::AnsweredNo) } else { Ok(()) }
}

/// Rows with something to be said about them; the file appears with the first.
pub(super) struct Notes<'a> {
    path: &'a Path,
    columns: &'static [&'static str],
    file: Option<csv::Writer<File>>,
    count: u64,
}

impl<'a> Notes<'a> {
    /// Rows that were no rows, with their line, column and reason.
    pub(super) const fn rejects(path: &'a Path) -> Self {
        Self::new(path, &["line", "column", "reason"])
    }

    /// What in rows that were entered contradicts something else.
    pub(super) const fn warnings(path: &'a Path) -> Self {
        Self::new(path, &["line", "column", "code", "zh", "en"])
    }

    const fn new(path: &'a Path, columns: &'static [&'static str]) -> Self {
        Self { path, columns, file: None, count: 0 }
    }

    /// A row that was not entered.
    pub(super) fn reject(
        &mut self,
        headers: &csv::StringRecord,
        record: &csv::StringRecord,
        error: &table::CellError,
    ) -> Result<(), Failure> {
        let line = line_of(record);
        let told = [line.as_str(), &error.column, &error.why];
        self.push(headers, told.into_iter().chain(record).collect())
    }

    /// A row that was entered, and what is to be said about it.
    pub(super) fn warn(
        &mut self,
        record: &csv::StringRecord,
        note: &RowNote,
    ) -> Result<(), Failure> {
        let line = line_of(record);
        let told = [line.as_str(), &note.column, &note.code, &note.zh, &note.en];
        self.push(&csv::StringRecord::new(), told.to_vec())
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

    /// Where they stand, and how many they are.
    pub(super) fn finish(self) -> Result<(String, u64), Failure> {
        if let Some(mut file) = self.file {
            file.flush()?;
        }
        Ok((self.path.display().to_string(), self.count))
    }
}

fn line_of(record: &csv::StringRecord) -> String {
    record.position().map_or(0, csv::Position::line).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The second cell of the first row of a file of these bytes.
    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        std::fs::write(&file, bytes).unwrap();
        let cell = open(&file).map(|(_, mut reader)| {
            assert_eq!(reader.headers().unwrap().get(0), Some("person"));
            reader.records().next().unwrap().unwrap().get(1).unwrap().to_owned()
        });
        let told = cell.map_err(|failure| failure.to_string());
        assert_eq!(told, expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn a_file_is_read_in_utf_8_with_or_without_a_mark_and_in_gb18030() {
        check("person,name\nP1,张三\n".as_bytes(), Ok("张三"));
        check("\u{feff}person,name\nP1,张三\n".as_bytes(), Ok("张三"));
        check(b"person,name\nP1,\xD5\xC5\xC8\xFD\n", Ok("张三"));
        let long = format!("person,name\nP1,{}\n", "张".repeat(50_000));
        check(long.as_bytes(), Ok(&"张".repeat(50_000)));
        let neither = "the file is neither UTF-8 nor GB18030: save it as UTF-8 / 文件编码无法识别";
        check(b"person,name\nP1,\xFF\xFF\n", Err(neither));
    }
}
