//! Cells that a spreadsheet would take for a formula (ATTACKS A15): whoever has a person entered as
//! `=…` would have it worked out on the desk of whoever opens a file of ours. Such a cell stands behind
//! an apostrophe in every file that we write, and loses it when we read one, so that it comes back as
//! it was.

use std::borrow::Cow;

/// What begins a formula somewhere, in full width too. Signs of numbers are told apart below.
const BEGINS: [char; 8] = ['=', '@', '\t', '\r', '\n', '＝', '＠', '|'];

/// A number's signs.
const SIGNS: [char; 4] = ['+', '-', '＋', '－'];

/// What may stand in a number or a telephone's.
const OF_NUMBERS: &str = "0123456789 .,-()";

const GUARD: char = '\'';

fn is_formula(cell: &str) -> bool {
    let bare = cell.trim_start_matches(GUARD);
    bare.starts_with(BEGINS)
        || bare
            .strip_prefix(SIGNS)
            .is_some_and(|rest| !rest.chars().all(|sign| OF_NUMBERS.contains(sign)))
}

/// A cell as it is written.
pub(super) fn guarded(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) { format!("{GUARD}{cell}").into() } else { cell.into() }
}

/// Writes a row.
pub(super) fn write<W: std::io::Write>(
    writer: &mut csv::Writer<W>,
    cells: impl IntoIterator<Item = impl AsRef<str>>,
) -> csv::Result<()> {
    for cell in cells {
        writer.write_field(guarded(cell.as_ref()).as_ref())?;
    }
    writer.write_record(None::<&[u8]>)
}

/// A row as it was before it was written.
pub(super) fn bare(record: csv::StringRecord) -> csv::StringRecord {
    let guards = |cell: &str| cell.strip_prefix(GUARD).filter(|rest| is_formula(rest)).is_some();
    if !record.iter().any(guards) {
        return record;
    }
    let cells = record.iter().map(|cell| match cell.strip_prefix(GUARD) {
        Some(rest) if is_formula(rest) => rest,
        Some(_) | None => cell,
    });
    let mut bare: csv::StringRecord = cells.collect();
    bare.set_position(record.position().cloned());
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, written: &str) {
        assert_eq!(guarded(cell), written);
        let mut file = csv::Writer::from_writer(Vec::new());
        write(&mut file, [cell, "x"]).unwrap();
        let file = file.into_inner().unwrap();
        let mut read = csv::ReaderBuilder::new().has_headers(false).from_reader(&*file);
        let record = bare(read.records().next().unwrap().unwrap());
        assert_eq!(record.iter().collect::<Vec<_>>(), [cell, "x"], "it comes back");
        assert_eq!(record.position().unwrap().line(), 1);
    }

    #[test]
    fn a_formula_stands_behind_an_apostrophe_and_comes_back_as_it_was() {
        check("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0");
        check("@SUM(1)", "'@SUM(1)");
        check("\t=1", "'\t=1");
        check("\r=1", "'\r=1");
        check("+1+cmd|'x'!A", "'+1+cmd|'x'!A");
        check("-2+3", "'-2+3");
        check("＝1＋1", "'＝1＋1");
        check("'=1", "''=1");
        check("''=1", "'''=1");
        check("=", "'=");
    }

    #[test]
    fn names_numbers_and_telephones_are_written_as_they_are() {
        for cell in
            ["", "-", "王丽", "+86 139-0000-0000", "-3.5", "'t Hooft", "a=b", "+(86) 10", "120|80"]
        {
            check(cell, cell);
        }
    }
}
