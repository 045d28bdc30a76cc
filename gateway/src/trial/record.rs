//! What the shadow decided, in a file of the data folder: a head, then a line for each person whose
//! decisions changed; a person's last line counts. A line that a crash cut off is not there: its
//! facts are read again, because the follower's cursor moves only after the file is synced.
//!
//! It holds names of the registry and of lines, never a value. It is derived: lost, it begins anew.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::domain::{AlertId, Level, PersonId, SiteId, Timestamp};

/// The file's name.
pub const FILE: &str = "shadow.jsonl";

/// Written anew at the start when it has more lines than this for each person.
const LINES_A_PERSON: usize = 4;

/// Why the file is of no use.
#[derive(Debug, thiserror::Error)]
#[error("the shadow pack's file {}: {source}", path.display())]
pub struct RecordError {
    path: PathBuf,
    source: io::Error,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RecordError + use<> {
    let path = path.to_owned();
    move |source| RecordError { path, source }
}

/// A pack as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Name and version.
    pub title: SmolStr,
    /// Hash of its content.
    pub hash: SmolStr,
}

/// The first line: what is compared, where, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The pack in force.
    pub in_force: Named,
    /// The pack beside it.
    pub shadow: Named,
    /// Whose readings count; empty: of all sites.
    pub sites: Vec<SiteId>,
    /// What could be known before is not in the file.
    pub since: Timestamp,
}

impl Head {
    /// For packs by title and hash, the one in force first.
    #[must_use]
    pub fn new(packs: [(SmolStr, SmolStr); 2], sites: &[SiteId], since: Timestamp) -> Self {
        let [in_force, shadow] = packs.map(|(title, hash)| Named { title, hash });
        Self { in_force, shadow, sites: sites.to_vec(), since }
    }

    fn goes_on(&self, other: &Self) -> bool {
        (&self.in_force, &self.shadow, &self.sites)
            == (&other.in_force, &other.shadow, &other.sites)
    }
}

/// An alert that a pack would open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The same under both packs where the same facts begin it.
    pub id: AlertId,
    /// What was crossed.
    pub concept: SmolStr,
    /// At which level it opens.
    pub level: Level,
    /// Its alert time.
    pub at: Timestamp,
    /// Where the reading came from that completed it.
    pub site: Option<SiteId>,
}

/// All decisions about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who.
    pub person: PersonId,
    /// The site of the newest reading.
    pub site: Option<SiteId>,
    /// What the pack in force opens.
    pub a: Vec<Decision>,
    /// What the shadow opens.
    pub b: Vec<Decision>,
}

/// Reads a file: its head and the last record of each person. `None` where there is none.
///
/// # Errors
/// [`RecordError`] where it cannot be read, or a whole line of it is no record.
pub fn read(dir: &Path) -> Result<Option<(Head, ByPerson)>, RecordError> {
    let path = dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(at(&path))?,
    };
    let (head, records, _) = parse(&text).map_err(|source| at(&path)(source.into()))?;
    Ok(head.map(|head| (head, records)))
}

/// The last record of each person.
pub type ByPerson = BTreeMap<PersonId, Record>;

type Parsed = (Option<Head>, ByPerson, usize);

/// Whole lines only; says how many records there were.
fn parse(text: &str) -> Result<Parsed, serde_json::Error> {
    let whole = text.rsplit_once('\n').map_or("", |(whole, _cut)| whole);
    let mut lines = whole.lines();
    let head = lines.next().map(serde_json::from_str).transpose()?;
    let (mut records, mut count) = (BTreeMap::new(), 0_usize);
    for line in lines {
        let record: Record = serde_json::from_str(line)?;
        records.insert(record.person.clone(), record);
        count = count.saturating_add(1);
    }
    Ok((head, records, count))
}

/// The file while a follower writes it.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    file: File,
    /// What stands in the file, so that only what changes is written: a hash for each person.
    known: BTreeMap<PersonId, blake3::Hash>,
    waiting: String,
}

impl Records {
    /// Opens the file of a folder, or begins it; says since when it goes and whether it is new. One
    /// of other packs or sites is kept under another name.
    pub(super) fn open(dir: &Path, head: Head) -> Result<(Self, Head, bool), RecordError> {
        let path = dir.join(FILE);
        let found = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read.map_err(at(&path))?),
        };
        let parsed = found.as_deref().map(|text| (parse(text), text.ends_with('\n')));
        if let Some((Ok((Some(before), records, count)), whole)) = parsed
            && before.goes_on(&head)
        {
            let crowded = count > records.len().saturating_mul(LINES_A_PERSON);
            if crowded || !whole {
                write_whole(&path, &before, records.values())?;
            }
            return Ok((Self::of(path, &records)?, before, false));
        }
        if found.is_some() {
            let aside = dir.join(format!("shadow-until-{}.jsonl", head.since.as_millis()));
            fs::rename(&path, &aside).map_err(at(&aside))?;
        }
        write_whole(&path, &head, [].into_iter())?;
        Ok((Self::of(path, &BTreeMap::new())?, head, true))
    }

    fn of(path: PathBuf, records: &ByPerson) -> Result<Self, RecordError> {
        let file = OpenOptions::new().append(true).open(&path).map_err(at(&path))?;
        let mut known = BTreeMap::new();
        for (person, record) in records {
            let line = line(record).map_err(at(&path))?;
            known.insert(person.clone(), blake3::hash(line.as_bytes()));
        }
        Ok(Self { path, file, known, waiting: String::new() })
    }

    pub(super) fn knows(&self, person: &PersonId) -> bool {
        self.known.contains_key(person)
    }

    /// Takes a person's record, if it says anything new.
    pub(super) fn add(&mut self, record: Record) -> Result<(), RecordError> {
        let line = line(&record).map_err(at(&self.path))?;
        let hash = blake3::hash(line.as_bytes());
        if self.known.insert(record.person, hash) != Some(hash) {
            self.waiting.push_str(&line);
        }
        Ok(())
    }

    /// Puts everything taken so far on disk. After a failure what was written by halves is taken
    /// back, and the same is written again by the next call.
    pub(super) fn sync(&mut self) -> Result<(), RecordError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let end = self.file.metadata().map_err(at(&self.path))?.len();
        let written =
            self.file.write_all(self.waiting.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            self.file.set_len(end).map_err(at(&self.path))?;
            return Err(at(&self.path)(source));
        }
        self.waiting.clear();
        Ok(())
    }
}

fn line<T: Serialize>(value: &T) -> io::Result<String> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    Ok(line)
}

/// Writes the file anew beside the old one and puts it in its place.
fn write_whole<'r>(
    path: &Path,
    head: &Head,
    records: impl Iterator<Item = &'r Record>,
) -> Result<(), RecordError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(line(head)?.as_bytes())?;
        for record in records {
            file.write_all(line(record)?.as_bytes())?;
        }
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(hash: &str, since: i64) -> Head {
        let pack = |hash: &str| (SmolStr::new("p 1"), SmolStr::new(hash));
        Head::new([pack("a"), pack(hash)], &[], Timestamp::from_millis(since))
    }

    fn record(person: &str, level: Level) -> Record {
        let decision = Decision {
            id: AlertId::from_bytes([7; 16]),
            concept: "bp_low".into(),
            level,
            at: Timestamp::from_millis(5),
            site: Some("van-1".parse().unwrap()),
        };
        Record { person: person.parse().unwrap(), site: None, a: vec![], b: vec![decision] }
    }

    #[test]
    fn a_persons_last_record_counts_and_only_news_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let (mut records, _, fresh) = Records::open(folder.path(), head("b", 1)).unwrap();
        assert!(fresh);
        for record in [
            record("P1", Level::Red),
            record("P2", Level::Red),
            record("P2", Level::Red),
            record("P1", Level::Blue),
        ] {
            records.add(record).unwrap();
            records.sync().unwrap();
        }
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
        let (found, read) = read(folder.path()).unwrap().unwrap();
        assert_eq!(found, head("b", 1));
        let all: Vec<_> = read.into_values().collect();
        assert_eq!(all, [record("P1", Level::Blue), record("P2", Level::Red)]);
    }

    #[test]
    fn it_goes_on_after_a_cut_at_any_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (mut records, ..) = Records::open(folder.path(), head("b", 1)).unwrap();
        records.add(record("P1", Level::Red)).unwrap();
        records.add(record("P2", Level::Red)).unwrap();
        records.sync().unwrap();
        let whole = fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in first..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let (mut records, found, fresh) = Records::open(folder.path(), head("b", 9)).unwrap();
            assert!(!fresh && found.since == Timestamp::from_millis(1), "{cut}");
            records.add(record("P1", Level::Red)).unwrap();
            records.add(record("P2", Level::Red)).unwrap();
            records.sync().unwrap();
            assert_eq!(read(folder.path()).unwrap().unwrap().1.len(), 2, "{cut}");
        }
    }

    #[test]
    fn another_pack_begins_anew_and_keeps_the_old_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (mut records, ..) = Records::open(folder.path(), head("b", 1)).unwrap();
        records.add(record("P1", Level::Red)).unwrap();
        records.sync().unwrap();
        let (_, found, fresh) = Records::open(folder.path(), head("c", 9)).unwrap();
        assert!(fresh && found.since == Timestamp::from_millis(9));
        assert_eq!(read(folder.path()).unwrap().unwrap().1.len(), 0);
        assert!(folder.path().join("shadow-until-9.jsonl").try_exists().unwrap());
    }
}
