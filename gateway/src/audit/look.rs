//! What the files of a log hold, looked at before it goes on.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use smol_str::SmolStr;

use super::{
    line::{Hash, Kind, Line},
    verify::Chain,
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

pub(super) fn look(path: &Path) -> io::Result<Looked> {
    let bytes = fs::read(path)?;
    let mut chain = Chain::new(None);
    let mut looked =
        Looked { length: 0, torn: 0, next: 0, hash: chain.hash, configuration: None, damage: None };
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
