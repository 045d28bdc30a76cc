//! The folder of a store: its lock, and who may read it.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, fallocate, flock, statvfs},
    io::Errno,
};

use super::wal;
use crate::store::StoreError;

/// The database within the folder.
pub(super) const DATABASE: &str = "xunzhen.db";
/// What was committed and is not in the database yet.
pub(super) const WRITE_AHEAD: &str = "xunzhen.db-wal";
/// Where in the write-ahead file the pages are; the processes at work share it in memory.
const INDEX: &str = "xunzhen.db-shm";
/// Held for as long as a process has the folder.
const LOCK: &str = "lock";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Below this many free bytes a failed write counts as a full disk.
const FULL_BELOW: u64 = 1024 * 1024;

pub(super) fn file(
    what: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| {
        let kind = source.kind();
        if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            StoreError::Full { what }
        } else {
            StoreError::File { what, path, source }
        }
    }
}

/// Makes the folder and the empty database where they are missing, takes the folder's lock, and
/// sees to it that nobody else can read the files.
pub(super) fn claim(folder: &Path) -> Result<(File, PathBuf), StoreError> {
    make_folder(folder)?;
    keep_others_out(folder)?;
    let lock = folder.join(LOCK);
    let held = create(&lock)?;
    if let Err(errno) = flock(&held, FlockOperation::NonBlockingLockExclusive) {
        return Err(match errno {
            Errno::WOULDBLOCK => StoreError::Locked { path: folder.to_owned() },
            _ => file("locking the folder", &lock)(errno.into()),
        });
    }
    let database = folder.join(DATABASE);
    let missing = !database.try_exists().map_err(file("looking for the store", &database))?;
    let made = create(&database)?;
    let empty = made.metadata().map_err(file("looking at the store", &database))?.len() == 0;
    if empty && had_a_store(folder) {
        if missing {
            std::fs::remove_file(&database).map_err(file("making no store", &database))?;
        }
        return Err(StoreError::Gone { path: database });
    }
    if missing {
        made.sync_all().map_err(file("syncing the new store", &database))?;
        sync_folder(folder)?;
    }
    for name in [LOCK, DATABASE, WRITE_AHEAD, INDEX] {
        let path = folder.join(name);
        if path.try_exists().map_err(file("looking for a file", &path))? {
            tighten(&path, FILE_MODE)?;
        }
    }
    wal::keep_damaged(folder)?;
    Ok((held, database))
}

/// What a server makes beside a store, and nobody else: where it lies, there was one.
const MADE_BESIDE: [&str; 2] = ["link-secret", "audit/head"];

fn had_a_store(folder: &Path) -> bool {
    MADE_BESIDE.iter().any(|name| matches!(folder.join(name).try_exists(), Ok(true)))
}

/// Makes the folder of a store where it is missing, for its owner alone.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let there = folder.try_exists().map_err(file("looking for the folder", folder))?;
    if !there {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(FOLDER_MODE).create(folder);
        made.map_err(file("making the folder", folder))?;
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
    }
    Ok(())
}

/// Opens a file that only its owner may read, empty if it is new.
pub(super) fn create(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    options.open(path).map_err(file("opening", path))
}

/// Takes away what others may do with a file.
fn tighten(path: &Path, mode: u32) -> Result<(), StoreError> {
    let found = path.metadata().map_err(file("reading the mode", path))?;
    if found.permissions().mode() & 0o777 & !mode == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(file("taking the file from others", path))
}

/// What others may do with a file or a folder.
const OTHERS: u32 = 0o077;

/// Refuses a data folder that others may open, or a file in it: whatever they may have read is theirs,
/// and nothing here mends that silently. A folder without a store is taken from them first. There is no
/// exception for containers: the line that mends it works there too, and the volume is the host's.
fn keep_others_out(folder: &Path) -> Result<(), StoreError> {
    let what = "reading the modes of the data folder";
    let failed = |path: &Path| file(what, path);
    let database = folder.join(DATABASE);
    if !database.try_exists().map_err(failed(&database))? {
        tighten(folder, FOLDER_MODE)?;
    }
    let mut paths = vec![folder.to_owned()];
    for within in [folder.to_owned(), folder.join(crate::audit::FOLDER)] {
        if !within.try_exists().map_err(failed(&within))? {
            continue;
        }
        for entry in std::fs::read_dir(&within).map_err(failed(&within))? {
            paths.push(entry.map_err(failed(&within))?.path());
        }
    }
    for path in paths {
        let found = match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found.map_err(failed(&path))?,
        };
        let (mode, kind) = (found.permissions().mode() & 0o777, found.file_type());
        if mode & OTHERS != 0 && (kind.is_file() || kind.is_dir()) {
            return Err(StoreError::Exposed { path, mode, folder: folder.to_owned() });
        }
    }
    Ok(())
}

/// Makes the names within a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let opened = File::open(folder).map_err(file("opening the folder", folder))?;
    opened.sync_all().map_err(file("syncing the folder", folder))
}

/// The index of the write-ahead file has a part of this many bytes for every so many frames.
/// Source: SQLite, "WAL-mode File Format", section 2.2 "The WAL-Index File Format".
const INDEX_PART: (u64, u64) = (32 * 1024, 4096);

/// Takes all the room at once that the index of a write-ahead file with so many frames needs.
///
/// SQLite writes to that index through memory: where its disk is full and has blocks smaller than a
/// page of memory, a write finds no block, and the system ends the process (SIGBUS) where it should
/// wait for room. File systems that cannot take room ahead are left as they are.
///
/// The file stays open in `held`: closing it would give up the locks that SQLite has on it, and the
/// next process to look at the store would cut it.
pub(super) fn room_for_index(
    held: &mut Option<File>,
    folder: &Path,
    frames: u64,
) -> Result<(), StoreError> {
    let path = folder.join(INDEX);
    let what = "taking room for the index of the write-ahead file";
    let there = path.metadata().map_err(file(what, &path))?;
    let same = |old: &File| {
        old.metadata().is_ok_and(|old| (old.dev(), old.ino()) == (there.dev(), there.ino()))
    };
    let index = match held.take().filter(same) {
        Some(index) => held.insert(index),
        None => held.insert(create(&path)?),
    };
    let (bytes, every) = INDEX_PART;
    let whole = (frames / every).saturating_add(1).saturating_mul(bytes);
    match fallocate(index, FallocateFlags::empty(), 0, whole) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(errno) => Err(file(what, &path)(errno.into())),
    }
}

/// Whether the disk of a folder has next to no room.
pub(super) fn is_full(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < FULL_BELOW)
}
