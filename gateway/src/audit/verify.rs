//! Checks a log from its first line to its last and names the first that is not as it was written.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::line::{BEGINNING, Broken, Hash, Kind, Line, check_signature, hex};
use crate::uplink::PublicKey;

/// How files of the log are named: by their first line.
const PREFIX: &str = "audit-";
const SUFFIX: &str = ".jsonl";

/// Where the last line is told, beside the log.
pub(super) const HEAD: &str = "head";

/// A log that is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Its first line; lines before it were deleted when their time was over.
    pub first: u64,
    /// Its last line.
    pub last: u64,
    /// Where its chain stands, to be kept elsewhere and compared.
    pub hash: String,
    /// Lines in which the gateway signed.
    pub signed: u64,
}

/// The first record that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1.
    pub line: usize,
    /// Which record should stand there.
    pub record: u64,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, record, why } = self;
        write!(f, "{}:{line}: record {record}: {why}", file.display())
    }
}

/// Where the log ended when it was last synced, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its last line.
    pub last: u64,
    /// The line that says so, as if it were the next of the log.
    pub(super) next: Line,
}

/// The name of the file that begins with a line.
pub(super) fn name_of(first: u64) -> String {
    format!("{PREFIX}{first:012}{SUFFIX}")
}

/// The files of a folder, oldest first.
///
/// # Errors
/// The folder cannot be read.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What stands beside a log about its end.
///
/// # Errors
/// The file cannot be read, or says something else.
pub fn head_of(folder: &Path) -> io::Result<Option<Head>> {
    match fs::read(folder.join(HEAD)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|why| {
            io::Error::other(format!("{HEAD} beside the log does not say where it ends: {why}"))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A chain on its way through files.
pub(super) struct Chain<'k> {
    pub(super) next: u64,
    pub(super) hash: Hash,
    trusted: Option<&'k PublicKey>,
    first: Option<u64>,
    signed: u64,
    /// The deletion that explains where the log begins was found.
    explained: bool,
}

impl<'k> Chain<'k> {
    pub(super) const fn new(trusted: Option<&'k PublicKey>) -> Self {
        Self { next: 0, hash: BEGINNING, trusted, first: None, signed: 0, explained: false }
    }

    /// Follows a line of a file; the first one of all says where the chain stood.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<Line, String> {
        if self.first.is_none() {
            self.set_out(bytes)?;
        }
        let (line, hash) =
            Line::decode(bytes, &self.hash).map_err(|broken: Broken| broken.to_string())?;
        if line.n != self.next {
            return Err(format!("it says that it is record {}", line.n));
        }
        if matches!(line.kind, Kind::Begun | Kind::Checkpoint | Kind::Stopped) {
            check_signature(&line, &self.hash, self.trusted)?;
            self.signed = self.signed.saturating_add(1);
        }
        let deleted_up_to = || line.object.parse().ok();
        if line.kind == Kind::Expired && self.first == deleted_up_to() {
            self.explained = true;
        }
        self.hash = hash;
        self.next = self.next.saturating_add(1);
        Ok(line)
    }

    /// Follows a file to its end; says how many lines it has, or which of them is bad and why.
    pub(super) fn follow_file(&mut self, bytes: &[u8]) -> Result<usize, (usize, String)> {
        let mut number = 0_usize;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            number = number.saturating_add(1);
            let bad = |why: String| (number, why);
            let whole = line.strip_suffix(b"\n").ok_or_else(|| bad(Broken::Torn.to_string()))?;
            let before = self.next;
            let line = self.follow(whole).map_err(bad)?;
            if (number == 1) != (line.kind == Kind::Begun) {
                self.next = before;
                return Err(
                    bad("a file begins here, or does not begin where it should".to_owned()),
                );
            }
        }
        Ok(number)
    }

    fn set_out(&mut self, bytes: &[u8]) -> Result<(), String> {
        let line = Line::believed(bytes).ok_or_else(|| Broken::Torn.to_string())?;
        if line.kind != Kind::Begun {
            return Err("no file begins here".to_owned());
        }
        let prev = line.prev.as_deref().and_then(|prev| blake3::Hash::from_hex(prev).ok());
        let prev = prev.ok_or("it does not say where the chain stood")?;
        self.hash = *prev.as_bytes();
        (self.next, self.first) = (line.n, Some(line.n));
        self.explained = line.n == 0 && self.hash == BEGINNING;
        Ok(())
    }
}

/// How much of a log is checked.
#[derive(Debug, Clone, Copy)]
pub enum Extent<'h> {
    /// All of it: where it begins must be explained, and it must end where it was said to end.
    Whole(Option<&'h Head>),
    /// Some of its files, one after another.
    Part,
}

/// Checks files as one chain, and where they end against what stands beside them.
///
/// # Errors
/// A file cannot be read.
pub fn verify(
    files: &[PathBuf],
    extent: Extent<'_>,
    trusted: Option<&PublicKey>,
) -> io::Result<Result<Sound, Bad>> {
    let mut chain = Chain::new(trusted);
    let mut place = (PathBuf::from("."), 0);
    for file in files {
        match chain.follow_file(&fs::read(file)?) {
            Ok(lines) => place = (file.clone(), lines),
            Err((line, why)) => {
                let (file, record) = (file.clone(), chain.next);
                return Ok(Err(Bad { file, line, record, why }));
            }
        }
    }
    Ok(ended(&chain, place, extent))
}

/// Whether the chain ends where it should, and begins where it may.
fn ended(
    chain: &Chain<'_>,
    (file, line): (PathBuf, usize),
    extent: Extent<'_>,
) -> Result<Sound, Bad> {
    let bad =
        |line, record, why: &str| Err(Bad { file: file.clone(), line, record, why: why.into() });
    let Some(first) = chain.first else { return bad(0, 0, "there is no log") };
    let last = chain.next.saturating_sub(1);
    let sound = Sound { first, last, hash: hex(&chain.hash), signed: chain.signed };
    let Extent::Whole(head) = extent else { return Ok(sound) };
    if !chain.explained {
        return bad(
            1,
            first,
            "what stood before it is missing, and no line says that it was deleted",
        );
    }
    let after = line.saturating_add(1);
    let Some(head) = head else {
        return bad(after, chain.next, "nothing beside the log says where it ends");
    };
    if head.last >= chain.next {
        return bad(after, chain.next, "the log ends before the record that was its last");
    }
    if head.last == chain.next.saturating_sub(1) {
        let prev = blake3::Hash::from_bytes(chain.hash);
        let same = head.next.n == chain.next
            && check_signature(&head.next, prev.as_bytes(), chain.trusted).is_ok();
        if !same {
            return bad(line, head.last, "the last record is another than the one that was signed");
        }
    }
    Ok(sound)
}
