//! Copies of a store: made while it runs, proven by bringing them back, never written over.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{
    KeyRing, Options, SqliteStore, counters,
    fault::failed,
    files::{self, file},
    recount,
    ring::BESIDE,
    row::number,
    schema,
};
use crate::store::{CommitSeq, Counts, Store, StoreError};

/// What a copy was found to hold when it was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The format that it had after it was brought up to date.
    pub format: i64,
    /// Its last position.
    pub last: CommitSeq,
    /// Readings.
    pub readings: u64,
    /// Alerts, live and ended.
    pub alerts: u64,
    /// People in the registry.
    pub people: u64,
    /// What was counted since the store was made.
    pub counts: Counts,
}

/// Removes a file or folder that was only on the way to something.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // What is gone already became what it was made for; what stays is named as partial.
        drop(fs::remove_file(&self.0));
        drop(fs::remove_dir_all(&self.0));
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

/// A name beside a path that nothing else has.
fn beside(path: &Path) -> Result<PathBuf, StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(folder_of(path).join(format!(".{name}.{}.partial", schema::random_name()?)))
}

fn exists_already(what: &'static str, path: &Path) -> StoreError {
    file(what, path)(io::ErrorKind::AlreadyExists.into())
}

/// A consistent copy of a running store, synced before it has its name.
pub(super) fn back_up(database: &Path, to: &Path) -> Result<(), StoreError> {
    if to.try_exists().map_err(file("looking for the copy", to))? {
        return Err(exists_already("copying the store over another file", to));
    }
    let partial = Partial(beside(to)?);
    let copy = files::create(&partial.0)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let what = "copying the store";
    let connection = Connection::open_with_flags(database, flags).map_err(failed(what))?;
    connection.execute_batch("PRAGMA busy_timeout = 5000").map_err(failed(what))?;
    let Some(name) = partial.0.to_str() else {
        return Err(StoreError::Asked { what: "the name of the copy is not UTF-8" });
    };
    connection.execute("VACUUM INTO ?", [name]).map_err(failed(what))?;
    copy.sync_all().map_err(file("syncing the copy", &partial.0))?;
    give_name(&partial.0, to)?;
    files::sync_folder(folder_of(to))
}

/// Renames, but never over something.
fn give_name(partial: &Path, to: &Path) -> Result<(), StoreError> {
    use rustix::io::Errno;
    match renameat_with(CWD, partial, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // A file system without that flag: a link does not replace anything either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(partial, to).map_err(file("naming the copy", to))
        }
        Err(errno) => Err(file("naming the copy", to)(errno.into())),
    }
}

/// Brings a copy back into a folder of its own, counts it anew, and removes it again.
///
/// # Errors
/// [`StoreError::Differs`] when the recount finds a difference; any error of reading the copy.
pub fn verify_backup(copy: &Path, ring: &KeyRing) -> Result<Verified, StoreError> {
    let folder = Partial(beside(copy)?);
    bring_back(copy, &folder.0, ring)
}

/// Makes a store from a copy, in a folder that is empty or missing,
/// but for the keys that lie beside it. The store counts on under a
/// new epoch, so that no number given since the copy was made is given again.
///
/// # Errors
/// As [`verify_backup`]; the folder is left empty then.
pub fn restore_backup(copy: &Path, folder: &Path, ring: &KeyRing) -> Result<Verified, StoreError> {
    if folder.try_exists().map_err(file("looking for the folder", folder))? {
        for entry in fs::read_dir(folder).map_err(file("listing the folder", folder))? {
            let name = entry.map_err(file("listing the folder", folder))?.file_name();
            if name != BESIDE {
                return Err(exists_already("restoring into a folder that is not empty", folder));
            }
        }
    }
    let found = bring_back(copy, folder, ring);
    if found.is_err() {
        clear(folder)?;
    }
    found
}

fn clear(folder: &Path) -> Result<(), StoreError> {
    let listed = fs::read_dir(folder).map_err(file("listing the folder", folder))?;
    for entry in listed {
        let path = entry.map_err(file("listing the folder", folder))?.path();
        if path.ends_with(BESIDE) {
            continue;
        }
        fs::remove_file(&path).map_err(file("removing what was half restored", &path))?;
    }
    Ok(())
}

fn bring_back(copy: &Path, folder: &Path, ring: &KeyRing) -> Result<Verified, StoreError> {
    let mut from = File::open(copy).map_err(file("opening the copy", copy))?;
    let mut magic = [0; 16];
    from.read_exact(&mut magic).map_err(file("reading the copy", copy))?;
    if magic != *b"SQLite format 3\0" {
        let what = "the file is no copy of a store".to_owned();
        return Err(StoreError::Damaged { table: "the header", what });
    }
    let (lock, database) = files::claim(folder)?;
    fs::copy(copy, &database).map_err(file("copying back", copy))?;
    let opened = files::create(&database)?;
    opened.sync_all().map_err(file("syncing the store", &database))?;
    drop((lock, opened));
    let mut store = SqliteStore::open(Options { ring: ring.clone(), ..Options::new(folder) })?;
    let connection = store.connection()?;
    let differences = recount::recount(connection)?;
    if let Some(first) = differences.first() {
        return Err(StoreError::Differs { found: differences.len(), first: first.clone() });
    }
    schema::renew_epoch(connection)?;
    let verified = examine(connection)?;
    store.checkpoint()?;
    Ok(verified)
}

fn examine(connection: &Connection) -> Result<Verified, StoreError> {
    let count = |sql| number(connection, sql, []).map(i64::cast_unsigned);
    Ok(Verified {
        format: number(connection, "PRAGMA user_version", [])?,
        last: super::feed::last(connection)?,
        readings: count("SELECT count(*) FROM reading")?,
        alerts: count("SELECT count(*) FROM alert")?,
        people: count("SELECT count(*) FROM person")?,
        counts: counters::counts(connection)?,
    })
}
