//! Every batch that this gateway ever sent, by where it ended and its hash: on disk before the batch
//! leaves.
//!
//! The gateway above says where it stands; by this file we know whether that is where a batch of ours
//! ended. If it is not, another gateway sends under our name, or ours lost what it had sent. A record
//! has 48 bytes: position, hash, and a check of both; a torn one at the end was never sent.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::{
    store::CommitSeq,
    uplink::batch::{Hash, Point},
};

/// Within the data folder.
const FILE: &str = "uplink-sent";

const MAGIC: &[u8; 8] = b"xzsent1\n";
const HEAD: u64 = 16;
const RECORD: usize = 48;

/// The file's largest size, in bytes: 350,000 batches, years of a van. Then its older half is let go;
/// a parent brought back from a backup of before that is disputed.
const SIZE_MAX: u64 = 16 * 1024 * 1024;

/// What was sent in one life of this gateway's log.
#[derive(Debug)]
pub(super) struct Sent {
    path: PathBuf,
    file: File,
    length: u64,
    last: Option<Point>,
}

impl Sent {
    /// Opens the file of a folder. One of another life of the log is begun anew. Blocks.
    pub(super) fn open(folder: &Path, epoch: u64) -> io::Result<Self> {
        let path = folder.join(FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path)?;
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(HEAD).read_to_end(&mut head)?;
        let wanted = [MAGIC.as_slice(), &epoch.to_be_bytes()].concat();
        if head != wanted {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&wanted)?;
            file.sync_all()?;
        }
        let records = file.metadata()?.len().saturating_sub(HEAD) / whole(RECORD);
        let length = HEAD.saturating_add(records.saturating_mul(whole(RECORD)));
        let mut sent = Self { path, file, length, last: None };
        let mut last = None;
        sent.each(|point| {
            last = Some(point);
            false
        })?;
        // What is torn ends it. One that is unreadable within costs no other: a disk that lost a bit must not
        // make a stranger of this gateway.
        sent.file.set_len(length)?;
        sent.last = last;
        Ok(sent)
    }

    /// A batch is about to leave. Returns when that is on disk. Blocks.
    pub(super) fn record(&mut self, point: Point) -> io::Result<()> {
        if self.last == Some(point) {
            return Ok(());
        }
        if self.length >= SIZE_MAX {
            self.let_go()?;
        }
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&written(point))?;
        self.file.sync_data()?;
        self.length = self.length.saturating_add(whole(RECORD));
        self.last = Some(point);
        Ok(())
    }

    /// Whether a batch of ours ended there. Nothing sent is the beginning of every chain. Blocks.
    pub(super) fn knows(&mut self, asked: Point) -> io::Result<bool> {
        if asked == Point::default() || self.last == Some(asked) {
            return Ok(true);
        }
        let mut found = false;
        self.each(|point| {
            found = point == asked;
            found
        })?;
        Ok(found)
    }

    /// Shows records in their order until one is what was looked for.
    fn each(&mut self, mut see: impl FnMut(Point) -> bool) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(HEAD))?;
        let mut reader = BufReader::new(&mut self.file);
        loop {
            let mut record = [0; RECORD];
            match reader.read_exact(&mut record) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
            let Some(point) = read(&record) else { continue };
            if see(point) {
                return Ok(());
            }
        }
    }

    fn let_go(&mut self) -> io::Result<()> {
        let records = self.length.saturating_sub(HEAD) / whole(RECORD);
        let from = HEAD.saturating_add((records / 2).saturating_mul(whole(RECORD)));
        let mut head = vec![0; usize::try_from(HEAD).unwrap_or(0)];
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_exact(&mut head)?;
        self.file.seek(SeekFrom::Start(from))?;
        self.file.read_to_end(&mut head)?;
        let half = self.path.with_extension("partial");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let mut file = file.open(&half)?;
        file.write_all(&head)?;
        file.sync_all()?;
        std::fs::rename(&half, &self.path)?;
        (self.file, self.length) = (file, whole(head.len()));
        Ok(())
    }
}

fn whole(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn check(content: &[u8]) -> [u8; 8] {
    let mut check = [0; 8];
    let mut hasher = blake3::Hasher::new();
    hasher.update(content).finalize_xof().fill(&mut check);
    check
}

fn written(point: Point) -> Vec<u8> {
    let content = [point.upto.0.to_be_bytes().as_slice(), &point.hash.0].concat();
    let check = check(&content);
    [content.as_slice(), &check].concat()
}

fn read(record: &[u8; RECORD]) -> Option<Point> {
    let (content, checked) = record.split_at_checked(RECORD - 8)?;
    if check(content) != checked {
        return None;
    }
    let (upto, hash) = content.split_first_chunk::<8>()?;
    let hash = Hash(hash.try_into().ok()?);
    Some(Point { upto: CommitSeq(i64::from_be_bytes(*upto)), hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(upto: i64) -> Point {
        let hash = Hash(*blake3::hash(&upto.to_be_bytes()).as_bytes());
        Point { upto: CommitSeq(upto), hash }
    }

    #[test]
    fn what_was_sent_is_known_after_a_start_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut sent = Sent::open(folder.path(), 7).unwrap();
        for upto in 1..=50 {
            sent.record(point(upto)).unwrap();
            sent.record(point(upto)).unwrap();
        }
        drop(sent);
        let mut sent = Sent::open(folder.path(), 7).unwrap();
        assert_eq!(sent.length, HEAD + 50 * whole(RECORD));
        assert!(sent.knows(point(1)).unwrap() && sent.knows(point(50)).unwrap());
        assert!(sent.knows(Point::default()).unwrap(), "the beginning");
        assert!(!sent.knows(point(51)).unwrap());
        let other = Point { upto: CommitSeq(50), hash: Hash([1; 32]) };
        assert!(!sent.knows(other).unwrap(), "another batch that ends there");
    }

    #[test]
    fn another_life_of_the_log_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        Sent::open(folder.path(), 7).unwrap().record(point(1)).unwrap();
        let mut sent = Sent::open(folder.path(), 8).unwrap();
        assert!(!sent.knows(point(1)).unwrap());
    }

    #[test]
    fn a_file_cut_anywhere_keeps_what_is_whole_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut sent = Sent::open(folder.path(), 7).unwrap();
        for upto in 1..=3 {
            sent.record(point(upto)).unwrap();
        }
        let path = folder.path().join(FILE);
        let whole_file = std::fs::read(&path).unwrap();
        for cut in 0..whole_file.len() {
            std::fs::write(&path, &whole_file[..cut]).unwrap();
            let mut sent = Sent::open(folder.path(), 7).unwrap();
            let records = cut.saturating_sub(16) / RECORD;
            for upto in 1..=3 {
                let held = usize::try_from(upto).unwrap() <= records;
                assert_eq!(sent.knows(point(upto)).unwrap(), held, "{cut}");
            }
            sent.record(point(9)).unwrap();
            assert!(Sent::open(folder.path(), 7).unwrap().knows(point(9)).unwrap(), "{cut}");
        }
    }

    #[test]
    fn a_record_that_is_damaged_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut sent = Sent::open(folder.path(), 7).unwrap();
        for upto in 1..=5 {
            sent.record(point(upto)).unwrap();
        }
        let path = folder.path().join(FILE);
        let sound = std::fs::read(&path).unwrap();
        for at in 16..sound.len() {
            let mut bent = sound.clone();
            bent[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bent).unwrap();
            let mut sent = Sent::open(folder.path(), 7).unwrap();
            sent.record(point(6)).unwrap();
            for upto in 1..=6 {
                let bad = usize::try_from(upto).unwrap() == (at - 16) / RECORD + 1;
                assert_eq!(sent.knows(point(upto)).unwrap(), !bad, "byte {at}, record {upto}");
            }
        }
    }

    #[test]
    fn the_older_half_is_let_go_before_the_file_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let mut sent = Sent::open(folder.path(), 7).unwrap();
        for upto in 1..=100 {
            sent.record(point(upto)).unwrap();
        }
        sent.let_go().unwrap();
        sent.record(point(101)).unwrap();
        let mut sent = Sent::open(folder.path(), 7).unwrap();
        assert!(!sent.knows(point(50)).unwrap() && sent.knows(point(51)).unwrap());
        assert!(sent.knows(point(101)).unwrap());
    }
}
