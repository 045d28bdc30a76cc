//! Files of rows: how they are opened, read and gone on with, and what is said of them.

use std::{
    fs::{File, OpenOptions},
    io::{IsTerminal, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::{
    Failure,
    encoding::{Text, look},
    formula,
    progress::Place,
    table,
};
use crate::serve::wire::RowNote;

/// Rows of one request: one transaction of the writer.
pub(super) const ROWS_AT_ONCE: usize = 1000;

/// A file of rows on its way, with a bar that shows how far it is read.
pub(super) struct RowFile {
    bar: ProgressBar,
    reader: csv::Reader<Text>,
    pub(super) headers: csv::StringRecord,
    /// BLAKE3 of the file.
    pub(super) digest: String,
    /// Rows read, those of an earlier run included.
    pub(super) read: u64,
    /// Rows that an earlier run had read.
    pub(super) resumed_at: u64,
}

impl RowFile {
    /// Opens a file and reads its header, which must name the first columns.
    pub(super) fn open(file: &Path, columns: &[&str], needed: usize) -> Result<Self, Failure> {
        let unreadable =
            |error| Failure::Failed(format!("cannot read {}: {error}", file.display()));
        let mut input = File::open(file).map_err(unreadable)?;
        let bar = progress(input.metadata()?.len());
        let looked = look(&mut input)?;
        let text = Text::new(input, looked.encoding, bar.clone())?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let headers = reader.headers().map_err(|error| Failure::of(&error))?.clone();
        let headers = formula::bare(headers);
        check_headers(&headers, columns, needed)?;
        Ok(Self { bar, reader, headers, digest: looked.digest, read: 0, resumed_at: 0 })
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<csv::StringRecord>, Failure> {
        let mut record = csv::StringRecord::new();
        let some = self.reader.read_record(&mut record).map_err(|error| Failure::of(&error))?;
        if !some {
            return Ok(None);
        }
        self.read = self.read.saturating_add(1);
        Ok(Some(formula::bare(record)))
    }

    /// Where the next row begins.
    pub(super) fn place(&self) -> Place {
        let at = self.reader.position();
        Place { byte: at.byte(), line: at.line(), record: at.record() }
    }

    /// Goes on at a place, behind so many rows.
    pub(super) fn go_to(&mut self, place: Place, read: u64) -> Result<(), Failure> {
        let mut position = csv::Position::new();
        position.set_byte(place.byte).set_line(place.line).set_record(place.record);
        self.reader.seek(position).map_err(|error| Failure::of(&error))?;
        (self.read, self.resumed_at) = (read, read);
        Ok(())
    }

    /// Shows how many rows a second were done.
    pub(super) fn show_rate(&self) {
        let done = u128::from(self.read.saturating_sub(self.resumed_at));
        let spent = self.bar.elapsed().as_millis().max(1);
        self.bar.set_message(format!("{} rows/s", done.saturating_mul(1000) / spent));
    }

    /// Nothing more is read.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A file beside another one.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A file without the first of its columns is the wrong file.
fn check_headers(
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
    file: &RowFile,
    entered: u64,
    rejects: Notes<'_>,
    more: Map<String, Value>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (path, rejected) = rejects.finish()?;
    let unchanged = file.read.saturating_sub(entered).saturating_sub(rejected);
    let mut line = json!({
        "read": file.read, "entered": entered, "unchanged": unchanged, "rejected": rejected,
    });
    if let Some(line) = line.as_object_mut() {
        if rejected > 0 {
            line.insert("rejects".to_owned(), json!(path));
        }
        if file.resumed_at > 0 {
            line.insert("resumed_at".to_owned(), json!(file.resumed_at));
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

    /// Goes on with the notes of an earlier run: the first so many bytes of its file.
    pub(super) fn resume(&mut self, bytes: u64, count: u64) -> Result<(), Failure> {
        if count > 0 {
            let mut file = OpenOptions::new().write(true).open(self.path)?;
            file.set_len(bytes)?;
            file.seek(std::io::SeekFrom::End(0))?;
            self.file = Some(csv::WriterBuilder::new().flexible(true).from_writer(file));
        }
        self.count = count;
        Ok(())
    }

    /// How long the file is now, and how many notes it holds.
    pub(super) fn mark(&mut self) -> Result<(u64, u64), Failure> {
        let Some(file) = &mut self.file else { return Ok((0, self.count)) };
        file.flush()?;
        Ok((file.get_ref().metadata()?.len(), self.count))
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
            formula::write(file, fields).map_err(|error| Failure::of(&error))
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

/// The line at which a row begins.
pub(super) fn line_of(record: &csv::StringRecord) -> String {
    record.position().map_or(0, csv::Position::line).to_string()
}

fn progress(bytes: u64) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(bytes)
    } else {
        ProgressBar::hidden()
    };
    let template = "{bar:40} {bytes}/{total_bytes} {msg} ETA {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &[u8]) -> (tempfile::TempDir, Result<RowFile, Failure>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        std::fs::write(&file, bytes).unwrap();
        let rows = RowFile::open(&file, &["person", "name"], 1);
        (folder, rows)
    }

    /// The second cell of the first row of a file of these bytes.
    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        let (_folder, rows) = opened(bytes);
        let cell = rows.map(|mut rows| {
            assert_eq!(rows.headers.get(0), Some("person"));
            rows.next().unwrap().unwrap().get(1).unwrap().to_owned()
        });
        let told = cell.map_err(|failure| failure.to_string());
        assert_eq!(told, expected.map(str::to_owned).map_err(str::to_owned));
    }

    fn gb18030(text: &str) -> Vec<u8> {
        encoding_rs::GB18030.encode(text).0.into_owned()
    }

    #[test]
    fn a_file_is_read_in_utf_8_with_or_without_a_mark_and_in_gb18030() {
        check("person,name\nP1,张三\n".as_bytes(), Ok("张三"));
        check("\u{feff}person,name\nP1,张三\n".as_bytes(), Ok("张三"));
        check(b"person,name\nP1,\xD5\xC5\xC8\xFD\n", Ok("张三"));
        let long = "张".repeat(50_000);
        check(format!("person,name\nP1,{long}\n").as_bytes(), Ok(&long));
        check(&gb18030(&format!("person,name\nP1,{long}\n")), Ok(&long));
    }

    #[test]
    fn rare_characters_are_four_bytes_in_both_and_come_as_they_are() {
        let names = "𠮷𬭚𪚥𰻞";
        let text = format!("person,name\nP1,张{names}\n");
        check(text.as_bytes(), Ok(&format!("张{names}")));
        assert_eq!(gb18030(names).len(), 16);
        check(&gb18030(&text), Ok(&format!("张{names}")));
    }

    #[test]
    fn a_file_that_is_not_what_it_says_is_refused_with_its_line() {
        let marked = "line 3 is not UTF-8, although the file is marked as UTF-8: save it again as \
                      UTF-8 / 文件标记为UTF-8，但第3行不是：请另存为UTF-8";
        let mut bytes = "\u{feff}person,name\nP1,张三\n".as_bytes().to_vec();
        bytes.extend(gb18030("P2,李四\n"));
        check(&bytes, Err(marked));
        let mixed = "line 2 is UTF-8 and line 3 is not: save the whole file as UTF-8 \
                     / 第2行是UTF-8，第3行不是：请将整个文件另存为UTF-8";
        check(&bytes[3..], Err(mixed));
        let neither = "the file is neither UTF-8 nor GB18030 in line 2: save it as UTF-8 \
                       / 第2行编码无法识别：请另存为UTF-8";
        check(b"person,name\nP1,\xFF\xFF\n", Err(neither));
    }

    #[test]
    fn a_file_is_gone_on_with_at_any_row_in_either_encoding() {
        let rows: String =
            (1..=9000).map(|number| format!("P{number},\"王\n{number}𠮷\"\n")).collect();
        let text = format!("person,name\n{rows}");
        for bytes in
            [text.as_bytes().to_vec(), [b"\xEF\xBB\xBF", text.as_bytes()].concat(), gb18030(&text)]
        {
            let (_folder, first) = opened(&bytes);
            let mut first = first.unwrap();
            for number in 1..=7000_u64 {
                first.next().unwrap().unwrap();
                if number % 3500 != 0 {
                    continue;
                }
                let (_folder, second) = opened(&bytes);
                let mut second = second.unwrap();
                second.go_to(first.place(), number).unwrap();
                let record = second.next().unwrap().unwrap();
                assert_eq!(record.get(0), Some(format!("P{}", number + 1).as_str()));
                let line = record.position().unwrap().line();
                assert_eq!((line, second.read), (2 + 2 * number, number + 1));
            }
        }
    }
}
