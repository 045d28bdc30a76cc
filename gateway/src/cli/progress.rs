//! How far an import has come, beside the file: whoever runs the same command again after a kill or
//! a lost connection goes on there. Only a help: rows that are entered twice change nothing, and
//! where the file, the kind or the store is another one, or this file is not readable, everything is
//! read from the beginning.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{Failure, rows::Notes};

/// Where a row begins in the text of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) byte: u64,
    pub(super) line: u64,
    pub(super) record: u64,
}

/// What was done up to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reached {
    pub(super) place: Place,
    pub(super) read: u64,
    pub(super) entered: u64,
    /// Length of the file of rejected rows, and how many they are; then the same of warnings.
    pub(super) rejected: (u64, u64),
    pub(super) warned: (u64, u64),
}

/// The file `FILE.progress`.
#[derive(Debug)]
pub(super) struct Progress {
    path: PathBuf,
    /// What must be the same: file, kind, store.
    of: String,
    /// Why it cannot be kept, if it cannot.
    pub(super) not_kept: Option<String>,
}

impl Progress {
    pub(super) const fn new(path: PathBuf, of: String) -> Self {
        Self { path, of, not_kept: None }
    }

    /// What an earlier run of the same has reached.
    pub(super) fn reached(&self) -> Option<Reached> {
        let kept: Value = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        if kept.get("of").and_then(Value::as_str) != Some(&self.of) {
            return None;
        }
        let number = |name: &str| kept.get(name).and_then(Value::as_u64);
        Some(Reached {
            place: Place {
                byte: number("byte")?,
                line: number("line")?,
                record: number("record")?,
            },
            read: number("read")?,
            entered: number("entered")?,
            rejected: (number("rejected_bytes")?, number("rejected")?),
            warned: (number("warned_bytes")?, number("warned")?),
        })
    }

    /// Keeps what was reached. Where that cannot be written, the import goes on and says so.
    pub(super) fn keep(&mut self, reached: Reached) {
        let Reached { place, read, entered, rejected, warned } = reached;
        let text = json!({
            "of": self.of, "byte": place.byte, "line": place.line, "record": place.record,
            "read": read, "entered": entered, "rejected_bytes": rejected.0,
            "rejected": rejected.1, "warned_bytes": warned.0, "warned": warned.1,
        });
        let partial = self.path.with_extension("progress.partial");
        let written = fs::write(&partial, text.to_string());
        let named = written.and_then(|()| fs::rename(&partial, &self.path));
        self.not_kept = named.err().map(|error| error.to_string());
    }

    /// Everything was done: nothing is left to go on with.
    pub(super) fn done(&self) -> Result<(), Failure> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// The marks of notes, taken together with what was reached.
pub(super) fn marks(
    rejected: &mut Notes<'_>,
    warned: Option<&mut Notes<'_>>,
) -> Result<[(u64, u64); 2], Failure> {
    let warned = warned.map_or(Ok((0, 0)), Notes::mark)?;
    Ok([rejected.mark()?, warned])
}
