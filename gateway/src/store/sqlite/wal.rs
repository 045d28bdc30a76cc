//! The write-ahead file: copied back into the database, and looked at for damage before it is opened.
//!
//! SQLite takes its commits up to the first frame whose checksum is wrong, and forgets what is behind it
//! without a word: so it undoes what a power cut left half written. Every commit is synced before the next
//! one begins, so a power cut leaves at most one commit that is not whole. Where two or more end behind the
//! first wrong frame, they were on disk and acknowledged, and the disk lost what is before them. That is
//! said aloud and the file is kept; damage to the last commit alone looks like a power cut and is not seen.
//!
//! Source of the format: SQLite, "Database File Format", section 4 "The Write-Ahead Log".

use std::{
    fs::{self, File},
    io::{self, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use tracing::error;

use super::{
    PAGE_BYTES,
    fault::failed,
    files::{self, WRITE_AHEAD, file},
};
use crate::store::StoreError;

/// First word of the file: checksums are of little-endian words…
const MAGIC_LITTLE: u32 = 0x377f_0682;
/// …or of big-endian ones.
const MAGIC_BIG: u32 = 0x377f_0683;
const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// Ends of commits behind a wrong frame that a power cut does not leave.
const SYNCED_FOR_SURE: u64 = 2;

/// Copies of damaged files that are kept; a disk with more is not looked after.
const KEPT_MAX: u32 = 1000;

/// Two words that go on from frame to frame.
type Sum = (u32, u32);

/// What the disk lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Damage {
    /// The first frame that cannot be taken, from 0.
    frame: u64,
    /// Commits that end there or behind.
    commits: u64,
}

/// Copies the write-ahead file into the database; says how many of its pages are not there yet.
pub(super) fn copy_back(connection: &Connection, mode: &str) -> Result<u64, StoreError> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let counts = connection.query_row(&sql, [], |row| Ok((row.get(1)?, row.get(2)?)));
    let (pages, copied): (i64, i64) =
        counts.map_err(failed("copying the write-ahead file into the database"))?;
    Ok(u64::try_from(pages.saturating_sub(copied)).unwrap_or(0))
}

/// Keeps a copy of a write-ahead file in which commits stand behind damage, and says so.
pub(super) fn keep_damaged(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(WRITE_AHEAD);
    let what = "looking at the write-ahead file";
    let opened = match File::open(&path) {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(file(what, &path))?,
    };
    let Some(damage) = look(BufReader::new(opened)).map_err(file(what, &path))? else {
        return Ok(());
    };
    let kept = keep(folder, &path)?;
    error!(
        commits = damage.commits, frame = damage.frame, kept = %kept.display(),
        "xunzhen.db-wal is damaged: commits that were on disk are lost here; a copy of the file is kept: look at \
         the disk, compare the receipts, and bring back from the gateways above and below what they hold / \
         预写日志已损坏，部分已落盘的提交丢失；已保留损坏文件副本，请检查磁盘、核对回执并从上下级网关补回数据"
    );
    Ok(())
}

/// Copies the file under the first name that is free.
fn keep(folder: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let what = "keeping the damaged write-ahead file";
    let names = (1..KEPT_MAX).map(|number| folder.join(format!("{WRITE_AHEAD}.damaged-{number}")));
    let mut free = names.filter(|name| matches!(name.try_exists(), Ok(false)));
    let kept =
        free.next().ok_or(StoreError::Asked { what: "too many damaged write-ahead files" })?;
    fs::copy(path, &kept).map_err(file(what, &kept))?;
    File::open(&kept).and_then(|copy| copy.sync_all()).map_err(file(what, &kept))?;
    files::sync_folder(folder)?;
    Ok(kept)
}

/// Reads a write-ahead file to its end.
fn look(mut from: impl Read) -> io::Result<Option<Damage>> {
    let mut header = [0; HEADER_BYTES];
    if !whole(&mut from, &mut header)? {
        return Ok(None);
    }
    let big = match word(&header, 0) {
        MAGIC_BIG => true,
        MAGIC_LITTLE => false,
        // Its frames tell by themselves.
        _other => cfg!(target_endian = "big"),
    };
    let (seed, stated) = (
        sum(big, (0, 0), header.get(..24).unwrap_or_default()),
        (word(&header, 24), word(&header, 28)),
    );
    let mut chain = Chain {
        big,
        whole: seed == stated && [MAGIC_BIG, MAGIC_LITTLE].contains(&word(&header, 0)),
        salts: Some((word(&header, 16), word(&header, 20))),
        before: stated,
        commits: 0,
        most: 0,
    };
    if !chain.whole {
        chain.salts = None;
    }
    let mut frame = vec![0; FRAME_HEADER_BYTES.saturating_add(page_bytes())];
    let (mut count, mut first) = (0_u64, None);
    while whole(&mut from, &mut frame)? {
        let taken = chain.follow(&frame);
        if !taken && first.is_none() {
            first = Some(count);
        }
        count = count.saturating_add(1);
    }
    let lost = chain.most >= SYNCED_FOR_SURE;
    Ok(first.filter(|_| lost).map(|frame| Damage { frame, commits: chain.most }))
}

fn page_bytes() -> usize {
    usize::try_from(PAGE_BYTES).unwrap_or(usize::MAX)
}

/// How frames hang together.
struct Chain {
    big: bool,
    /// Every frame so far is one that SQLite takes.
    whole: bool,
    /// Of the header; of a damaged one those of the first frame count.
    salts: Option<(u32, u32)>,
    /// Stated by the frame before.
    before: Sum,
    /// Ends of commits since the first wrong frame, without a break.
    commits: u64,
    most: u64,
}

impl Chain {
    /// Whether SQLite takes the frame.
    fn follow(&mut self, frame: &[u8]) -> bool {
        let (header, page) = frame.split_at(FRAME_HEADER_BYTES.min(frame.len()));
        let salts = (word(header, 8), word(header, 12));
        let stated = (word(header, 16), word(header, 20));
        let begun = sum(self.big, self.before, header.get(..8).unwrap_or_default());
        let summed = sum(self.big, begun, page);
        let ours = *self.salts.get_or_insert(salts) == salts;
        let hangs = ours && summed == stated;
        let was_whole = self.whole;
        self.whole &= hangs;
        self.before = stated;
        if self.whole {
            return true;
        }
        // The wrong frame itself may be the end of a commit, of which the page alone is damaged.
        if !hangs && !was_whole {
            self.commits = 0;
        }
        let ends_commit = word(header, 4) != 0;
        if ours && ends_commit {
            self.commits = self.commits.saturating_add(1);
        }
        self.most = self.most.max(self.commits);
        false
    }
}

/// Goes on with a checksum over pairs of words.
fn sum(big: bool, start: Sum, bytes: &[u8]) -> Sum {
    let read = if big { u32::from_be_bytes } else { u32::from_le_bytes };
    bytes.as_chunks::<8>().0.iter().fold(start, |(first, second), [a, b, c, d, e, f, g, h]| {
        let first = first.wrapping_add(read([*a, *b, *c, *d])).wrapping_add(second);
        let second = second.wrapping_add(read([*e, *f, *g, *h])).wrapping_add(first);
        (first, second)
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
    found.map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// Fills a buffer; `false` at the end of the file, be it in the middle of the buffer.
fn whole(from: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(into) {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITS: usize = 12;

    /// A write-ahead file of several commits of several pages each, as a process that was killed leaves it,
    /// and where each commit ends in it.
    fn written() -> (Vec<u8>, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; \
             CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)",
        )
        .unwrap();
        let wal = folder.path().join("a.db-wal");
        let mut ends = Vec::new();
        for _ in 0..COMMITS {
            db.execute("INSERT INTO t (b) VALUES (randomblob(9000))", []).unwrap();
            ends.push(usize::try_from(fs::metadata(&wal).unwrap().len()).unwrap());
        }
        let bytes = fs::read(&wal).unwrap();
        (bytes, ends)
    }

    #[track_caller]
    fn check_whole(case: &str, bytes: &[u8]) {
        assert_eq!(look(bytes).unwrap(), None, "{case}");
    }

    #[test]
    fn what_a_kill_or_a_power_cut_leaves_is_no_damage() {
        let (bytes, ends) = written();
        check_whole("whole", &bytes);
        check_whole("empty", &[]);
        check_whole("zeros", &vec![0; bytes.len()]);
        let before = ends[COMMITS - 2];
        for cut in [1, 24, 4119, 4120, bytes.len() / 3, bytes.len() - 10] {
            check_whole("cut", &bytes[..bytes.len() - cut]);
        }
        // Of the last commit any part may be missing while its end is there.
        for at in (before..bytes.len()).step_by(512) {
            let mut torn = bytes.clone();
            let end = bytes.len().min(at + 512);
            torn[at..end].fill(0);
            check_whole("the last commit, a sector", &torn);
        }
        // Frames of the file's earlier life, behind those of its new one, have other salts.
        let (other, _) = written();
        let mut begun_anew = bytes.clone();
        begun_anew[..before].copy_from_slice(&other[..before]);
        check_whole("begun anew", &begun_anew);
    }

    #[test]
    fn a_bit_that_is_wrong_before_the_last_commit_is_damage() {
        let (bytes, ends) = written();
        let last_but_one = ends[COMMITS - 2];
        let mut seen = 0;
        // Also within the header, whose fields that no checksum covers are none.
        for at in (0..last_but_one).step_by(97) {
            let mut bent = bytes.clone();
            bent[at] ^= 4;
            let damage =
                look(&bent[..]).unwrap().unwrap_or_else(|| panic!("byte {at} is not seen"));
            let frame = at.saturating_sub(HEADER_BYTES) / (FRAME_HEADER_BYTES + page_bytes());
            assert_eq!(damage.frame, u64::try_from(frame).unwrap(), "byte {at}");
            seen += 1;
        }
        assert!(seen > 300, "{seen}");
        let mut zeroed = bytes.clone();
        zeroed[..HEADER_BYTES].fill(0);
        assert!(look(&zeroed[..]).unwrap().is_some(), "no header");
    }
}
