//! Reading the log: who looked at whom, newest first, a bounded part at a time.

use std::{fs, io, path::Path};

use smol_str::SmolStr;

use super::{Kind, Line, verify::files};
use crate::domain::Timestamp;

/// Files looked through for one answer; more are the next page's.
const FILES_MAX: usize = 4;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Lines that show or concern a person.
    pub person: Option<SmolStr>,
    /// Lines of a doctor, a device or a role.
    pub who: Option<SmolStr>,
    /// Lines of one kind.
    pub kind: Option<Kind>,
    /// Lines from this instant on.
    pub from: Option<Timestamp>,
    /// Lines before this instant.
    pub until: Option<Timestamp>,
    /// Lines before this one.
    pub before: Option<u64>,
    /// Most lines.
    pub limit: usize,
}

/// Lines, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The lines.
    pub lines: Vec<Line>,
    /// Older ones are before this line; `None`: there are none.
    pub next: Option<u64>,
}

impl Asked {
    fn wants(&self, line: &Line) -> bool {
        self.person
            .as_ref()
            .is_none_or(|person| line.whom.contains(person) || line.object == *person)
            && self.who.as_ref().is_none_or(|who| line.who == *who || line.role == *who)
            && self.kind.is_none_or(|kind| line.kind == kind)
            && self.from.is_none_or(|from| line.at >= from)
            && self.until.is_none_or(|until| line.at < until)
            && self.before.is_none_or(|before| line.n < before)
    }
}

/// Reads the log of a folder.
///
/// # Errors
/// A file cannot be read.
pub fn read(folder: &Path, asked: &Asked) -> io::Result<Found> {
    let mut found = Found::default();
    let mut looked = 0_usize;
    for file in files(folder)?.iter().rev() {
        let first = first_of(file);
        if asked.before.is_some_and(|before| first >= before) {
            continue;
        }
        if looked >= FILES_MAX {
            found.next = found.next.or(asked.before);
            return Ok(found);
        }
        looked = looked.saturating_add(1);
        let bytes = fs::read(file)?;
        for line in bytes.rsplit(|byte| *byte == b'\n').filter_map(Line::believed) {
            if !asked.wants(&line) {
                continue;
            }
            if found.lines.len() >= asked.limit {
                found.next = found.lines.last().map(|line| line.n);
                return Ok(found);
            }
            found.lines.push(line);
        }
        found.next = Some(first);
    }
    found.next = None;
    Ok(found)
}

/// The first line of a file, by its name.
fn first_of(file: &Path) -> u64 {
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
