//! What the files of a log hold, looked at before it goes on.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use smol_str::SmolStr;

use super::{
    line::{BEGINNING, Hash, Kind, Line, check_signature},
    verify::{Chain, files, head_of},
};
use crate::domain::Timestamp;

/// The number and the time of a file's first line.
pub(super) fn begun(path: &Path) -> Option<(u64, Timestamp)> {
    use std::io::{BufRead, BufReader};
    let mut line = Vec::new();
    BufReader::new(File::open(path).ok()?).read_until(b'\n', &mut line).ok()?;
    let line = Line::believed(line.strip_suffix(b"\n")?)?;
    Some((line.n, line.at))
}

/// What the newest file holds.
pub(super) struct Looked {
    /// Bytes that are whole lines.
    pub(super) length: u64,
    /// Bytes after them.
    pub(super) torn: usize,
    pub(super) next: u64,
    pub(super) hash: Hash,
    /// The configuration that the last start told of.
    pub(super) configuration: Option<SmolStr>,
    /// The chain is broken here.
    pub(super) damage: Option<String>,
}

impl Looked {
    /// There is no file.
    pub(super) const fn nothing() -> Self {
        Self { length: 0, torn: 0, next: 0, hash: BEGINNING, configuration: None, damage: None }
    }
}

/// The newest file that holds a line, or the only one. An empty one behind it was begun by a process that
/// ended at that instant.
pub(super) fn newest(dir: &Path) -> io::Result<Option<(PathBuf, Looked)>> {
    let mut all = files(dir)?;
    let mut torn = 0_usize;
    while let Some(path) = all.pop() {
        let mut looked = look(&path)?;
        looked.torn = looked.torn.saturating_add(torn);
        if looked.length > 0 || looked.damage.is_some() || all.is_empty() {
            return Ok(Some((path, looked)));
        }
        torn = looked.torn;
    }
    Ok(None)
}

/// A log that has no more lines than a start writes at once has perhaps no head yet.
const BEGUN_LINES: u64 = 3;

/// Why the log is not all that was written, and which number the next line then has: one that leaves a gap,
/// so that whoever checks the log later finds the first line that is missing.
pub(super) fn missing(dir: &Path, found: Option<&Looked>) -> Option<(String, u64)> {
    let (next, hash) = found.map_or((0, BEGINNING), |found| (found.next, found.hash));
    let gap = next.saturating_add(1);
    let head = match head_of(dir) {
        Ok(Some(head)) => head,
        Ok(None) if next <= BEGUN_LINES => return None,
        Ok(None) => return Some(("nothing beside the log says where it ended".to_owned(), gap)),
        Err(error) => return Some((error.to_string(), gap)),
    };
    let stood = head.next.prev.as_deref().and_then(|prev| blake3::Hash::from_hex(prev).ok());
    let signed = stood
        .is_some_and(|stood| check_signature(&head.next, stood.as_bytes(), None).is_ok())
        && head.next.n == head.last.saturating_add(1);
    if !signed {
        return Some(("what stands beside the log about its end is not signed".to_owned(), gap));
    }
    if head.next.n > next {
        let why = format!("records {next} to {} are missing at the end", head.last);
        return Some((why, head.next.n.max(gap)));
    }
    let other = head.next.n == next && stood.is_some_and(|stood| *stood.as_bytes() != hash);
    other.then(|| ("the last record is another than the one that was signed".to_owned(), gap))
}

fn look(path: &Path) -> io::Result<Looked> {
    let bytes = fs::read(path)?;
    let mut chain = Chain::new(None);
    let mut looked = Looked::nothing();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(whole) = line.strip_suffix(b"\n") else {
            looked.torn = line.len();
            break;
        };
        match chain.follow(whole) {
            Ok(line) if matches!(line.kind, Kind::Started | Kind::Configured) => {
                looked.configuration = Some(line.object);
            }
            Ok(_) => {}
            Err(why) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                looked.damage = Some(format!("{name}: record {}: {why}", chain.next));
                break;
            }
        }
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        looked.length = looked.length.saturating_add(length);
    }
    (looked.next, looked.hash) = (chain.next, chain.hash);
    if looked.damage.is_some() {
        // Numbers are never given twice: those of the broken lines are passed over.
        let lines = bytes.split(|byte| *byte == b'\n').filter_map(Line::believed);
        looked.next = lines.map(|line| line.n.saturating_add(1)).fold(chain.next, u64::max);
    }
    Ok(looked)
}
