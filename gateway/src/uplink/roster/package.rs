//! A package as bytes: lines of JSON; first its header, last its seal.
//!
//! The seal counts the lines and signs the BLAKE3 hash of every byte before it, so a package that
//! was cut, edited, or put together from two is none. Reading needs memory for one line.

use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::{
    domain::{Registered, Timestamp},
    uplink::{GatewayKey, PublicKey},
};

/// The version of this format.
const FORMAT: u32 = 1;

/// What a signature is of, before the hash: a roster is nothing else that this key signs.
const CONTEXT: &[u8] = b"xunzhen roster 1\n";

/// Longest line: a row with a thousand dated items is under 100 KiB.
const LINE_MAX: u64 = 1024 * 1024;

/// What a package is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub roster: u32,
    /// The gateway that made it.
    pub issuer: SmolStr,
    /// One life of its log.
    pub epoch: u64,
    /// Whose roster: villages, townships, counties.
    pub places: Vec<String>,
    /// Names the villages that these places held; where they changed, only a whole package goes on.
    pub villages: String,
    /// It carries what was entered after this position; 0: everything.
    pub after: i64,
    /// And up to this one: what it continues to.
    pub to: i64,
    /// When it was made.
    pub made_at: Timestamp,
    /// The key that sealed it.
    pub key: String,
}

/// One line between header and seal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A row as it was entered at the maker.
    Row {
        /// When.
        at: Timestamp,
        /// By whom.
        author: SmolStr,
        /// What it says.
        row: Box<Registered>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Seal {
    lines: u64,
    signature: String,
}

/// Why a package is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It cannot be read.
    #[error("the package cannot be read / 名册包无法读取")]
    Read(#[source] io::Error),
    /// It is no package, or one that was cut short.
    #[error(
        "line {line}: no roster package, or one that was cut short / 不是名册包或已截断: {why}"
    )]
    NoPackage {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A later version.
    #[error(
        "format {found}; this program reads up to {FORMAT}: upgrade it / 名册包版本过新，请升级"
    )]
    TooNew {
        /// Its version.
        found: u32,
    },
    /// Nobody here trusts its maker.
    #[error(
        "sealed by {fingerprint}, whom this gateway does not trust / 签名者 {fingerprint} 不受信任"
    )]
    Stranger {
        /// Of the key that it names.
        fingerprint: String,
    },
    /// It was changed after it was sealed, or another key sealed it.
    #[error("the seal is not that of {fingerprint} over this package / 签名与内容不符")]
    Forged {
        /// Of the key that it names.
        fingerprint: String,
    },
}

/// Writes a package.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    hasher: Box<blake3::Hasher>,
    lines: u64,
}

impl<W: Write> Writer<W> {
    /// Begins with the header; its version and key are set here.
    ///
    /// # Errors
    /// Whatever `out` fails with.
    pub fn begin(out: W, header: Header, key: &GatewayKey) -> io::Result<Self> {
        let header = Header { roster: FORMAT, key: key.public().to_string(), ..header };
        let mut writer = Self { out, hasher: Box::default(), lines: 0 };
        writer.put(&header)?;
        Ok(writer)
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Whatever `out` fails with.
    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        self.lines = self.lines.saturating_add(1);
        self.put(line)
    }

    fn put(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(value)?;
        bytes.push(b'\n');
        self.hasher.update(&bytes);
        self.out.write_all(&bytes)
    }

    /// Seals it; returns how many lines it has.
    ///
    /// # Errors
    /// Whatever `out` fails with.
    pub fn seal(mut self, key: &GatewayKey) -> io::Result<u64> {
        let signature = URL_SAFE_NO_PAD.encode(key.sign(&signed(&self.hasher)));
        let seal = Seal { lines: self.lines, signature };
        let mut bytes = serde_json::to_vec(&seal)?;
        bytes.push(b'\n');
        self.out.write_all(&bytes)?;
        self.out.flush()?;
        Ok(self.lines)
    }
}

fn signed(hasher: &blake3::Hasher) -> Vec<u8> {
    [CONTEXT, hasher.finalize().as_bytes()].concat()
}

/// A package all of which is known to be its maker's.
#[derive(Debug)]
pub struct Opened<R> {
    /// What it is.
    pub header: Header,
    /// How many lines it has.
    pub lines: u64,
    input: R,
}

impl<R: BufRead + Seek> Opened<R> {
    /// Reads a package from its beginning, and believes it if one of these keys sealed it.
    ///
    /// # Errors
    /// [`PackageError`].
    pub fn open(mut input: R, trusted: &[PublicKey]) -> Result<Self, PackageError> {
        let mut lines = Lines { input: &mut input, number: 0 };
        let first = lines.next()?.ok_or_else(|| lines.none("it is empty"))?;
        let (header, key) = header(&first, &lines)?;
        if !trusted.contains(&key) {
            return Err(PackageError::Stranger { fingerprint: key.fingerprint() });
        }
        let mut hasher = blake3::Hasher::new();
        let (mut waiting, mut seen) = (first, 0_u64);
        while let Some(next) = lines.next()? {
            hasher.update(&waiting);
            waiting = next;
            seen = seen.saturating_add(1);
        }
        let seal: Seal =
            serde_json::from_slice(&waiting).map_err(|_other| lines.none("it has no seal"))?;
        let body = seen.saturating_sub(1);
        if seal.lines != body {
            return Err(lines.none(&format!("{body} lines of {}", seal.lines)));
        }
        let forged = || PackageError::Forged { fingerprint: key.fingerprint() };
        let signature = URL_SAFE_NO_PAD.decode(&seal.signature).map_err(|_invalid| forged())?;
        key.verify(&signed(&hasher), &signature).map_err(|_forged| forged())?;
        Ok(Self { header, lines: body, input })
    }

    /// Hands over every line in order.
    ///
    /// # Errors
    /// [`PackageError`], or what `take` fails with.
    pub fn each<E: From<PackageError>>(
        &mut self,
        mut take: impl FnMut(Line) -> Result<(), E>,
    ) -> Result<(), E> {
        self.input.seek(SeekFrom::Start(0)).map_err(PackageError::Read)?;
        let mut lines = Lines { input: &mut self.input, number: 0 };
        lines.next()?;
        for _ in 0..self.lines {
            let bytes = lines.next()?.ok_or_else(|| lines.none("it changed while it was read"))?;
            let line = serde_json::from_slice(&bytes).map_err(|why| lines.none(&why.to_string()));
            take(line?)?;
        }
        Ok(())
    }
}

fn header<R>(first: &[u8], lines: &Lines<'_, R>) -> Result<(Header, PublicKey), PackageError> {
    #[derive(Deserialize)]
    struct Version {
        roster: u32,
    }
    let version: Version =
        serde_json::from_slice(first).map_err(|_other| lines.none("it has no header"))?;
    if version.roster > FORMAT {
        return Err(PackageError::TooNew { found: version.roster });
    }
    let header: Header =
        serde_json::from_slice(first).map_err(|why| lines.none(&why.to_string()))?;
    let key = header.key.parse().map_err(|_no_key| lines.none("its header names no key"))?;
    Ok((header, key))
}

struct Lines<'a, R> {
    input: &'a mut R,
    number: u64,
}

impl<R> Lines<'_, R> {
    fn none(&self, why: &str) -> PackageError {
        PackageError::NoPackage { line: self.number, why: why.to_owned() }
    }
}

impl<R: BufRead> Lines<'_, R> {
    /// The next line with its end; a line without one was cut.
    fn next(&mut self) -> Result<Option<Vec<u8>>, PackageError> {
        let mut line = Vec::new();
        let mut bounded = self.input.by_ref().take(LINE_MAX);
        bounded.read_until(b'\n', &mut line).map_err(PackageError::Read)?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        if line.last() == Some(&b'\n') {
            Ok(Some(line))
        } else {
            Err(self.none("the line has no end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::domain::Card;

    fn lines() -> Vec<Line> {
        let at = Timestamp::parse("2026-03-02T07:10:00+08:00").unwrap();
        let person: crate::domain::PersonId = "P1".parse().unwrap();
        let card = Card { card: "62170001".to_owned(), person: person.clone() };
        let other = Card { card: "62170002".to_owned(), person };
        let line = |card| {
            let row = Box::new(Registered::Card(card));
            Line::Row { at, author: "import".into(), row }
        };
        vec![line(card), line(other)]
    }

    fn written(lines: &[Line], maker: &GatewayKey) -> Vec<u8> {
        let header = Header {
            roster: 0,
            issuer: "CENTRE".into(),
            epoch: 1,
            places: vec!["青石村".to_owned()],
            villages: String::new(),
            after: 0,
            to: 12,
            made_at: Timestamp::parse("2026-03-02T07:10:00+08:00").unwrap(),
            key: String::new(),
        };
        let mut bytes = Vec::new();
        let mut writer = Writer::begin(&mut bytes, header, maker).unwrap();
        for line in lines {
            writer.line(line).unwrap();
        }
        writer.seal(maker).unwrap();
        bytes
    }

    /// Opens a package that only this maker may have sealed; its lines, or why not.
    fn read(bytes: &[u8], maker: &GatewayKey) -> Result<Vec<Line>, String> {
        let mut opened =
            Opened::open(Cursor::new(bytes), &[maker.public()]).map_err(|why| why.to_string())?;
        let mut all = Vec::new();
        opened
            .each(|line| {
                all.push(line);
                Ok::<_, PackageError>(())
            })
            .map_err(|why| why.to_string())?;
        Ok(all)
    }

    #[test]
    fn what_was_written_is_read_and_an_empty_package_too() {
        let maker = GatewayKey::for_tests();
        assert_eq!(read(&written(&lines(), &maker), &maker).unwrap(), lines());
        assert_eq!(read(&written(&[], &maker), &maker).unwrap(), []);
    }

    #[test]
    fn any_changed_byte_and_any_cut_is_refused() {
        let maker = GatewayKey::for_tests();
        let bytes = written(&lines(), &maker);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(read(&changed, &maker).is_err(), "byte {at}");
            assert!(read(&bytes[..at], &maker).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn lines_of_two_packages_make_none() {
        let maker = GatewayKey::for_tests();
        let (whole, empty) = (written(&lines(), &maker), written(&[], &maker));
        let cut = |bytes: &[u8]| {
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let (whole, empty) = (cut(&whole), cut(&empty));
        let mut dropped = whole.clone();
        dropped.remove(1);
        assert!(read(&dropped.concat(), &maker).is_err());
        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        assert!(read(&swapped.concat(), &maker).is_err());
        let resealed = [whole[0].clone(), whole[1].clone(), empty[1].clone()];
        assert!(read(&resealed.concat(), &maker).is_err());
    }

    #[test]
    fn another_centre_is_a_stranger_and_cannot_borrow_the_name() {
        let (maker, other) = (GatewayKey::for_tests(), GatewayKey::for_tests());
        let told = read(&written(&lines(), &other), &maker).unwrap_err();
        assert!(told.contains(&other.public().fingerprint()), "{told}");
        let bytes = String::from_utf8(written(&lines(), &other)).unwrap();
        let lied = bytes.replace(&other.public().to_string(), &maker.public().to_string());
        let told = read(lied.as_bytes(), &maker).unwrap_err();
        assert!(told.starts_with("the seal is not that of"), "{told}");
    }

    #[test]
    fn a_later_format_says_so() {
        let maker = GatewayKey::for_tests();
        let text = String::from_utf8(written(&[], &maker)).unwrap();
        let later = text.replacen("\"roster\":1", "\"roster\":2", 1);
        let told = read(later.as_bytes(), &maker).unwrap_err();
        assert!(told.starts_with("format 2;"), "{told}");
    }

    #[test]
    fn a_line_without_end_is_refused_and_not_kept_in_memory() {
        let maker = GatewayKey::for_tests();
        let told = read(&vec![b'x'; 3 << 20], &maker).unwrap_err();
        assert!(told.contains("line 1: ") && told.contains("no end"), "{told}");
    }
}
