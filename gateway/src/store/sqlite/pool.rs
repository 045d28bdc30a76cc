//! Connections for reading: a few, kept open, each able to see but not to change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{fault::failed, ring::KeyRing};
use crate::store::StoreError;

/// Most readers at a time; more wait for one to end.
const READERS_MAX: u64 = 8;
/// All readers together have this share of the memory for pages; the writer has the rest.
const READERS_SHARE: u64 = 4;
/// Prepared statements that a connection keeps.
pub(super) const STATEMENTS: usize = 128;

#[derive(Debug, Default)]
struct Shelf {
    idle: Vec<Connection>,
    /// Connections that exist, idle or in use.
    open: u64,
    /// Connections of an earlier life are closed instead of shelved.
    life: u64,
}

/// Where readers get their connections.
#[derive(Debug)]
pub(super) struct Pool {
    database: PathBuf,
    cache_kib: u64,
    pub(super) ring: KeyRing,
    /// Another process writes: closing the last connection here must not copy pages back.
    beside: bool,
    shelf: Mutex<Shelf>,
    returned: Condvar,
}

/// A connection on loan.
pub(super) struct Lent {
    connection: Option<Connection>,
    life: u64,
    pool: Arc<Pool>,
}

impl Pool {
    /// For a database whose pages may take so many bytes of memory, the writer's included.
    pub(super) fn new(database: PathBuf, (page_cache_bytes, ring): (u64, KeyRing)) -> Arc<Self> {
        let cache_kib = page_cache_bytes / READERS_SHARE / READERS_MAX / 1024;
        Arc::new(Self::of(database, (cache_kib, ring), false))
    }

    /// For a database that another process may have open.
    pub(super) fn beside(database: PathBuf, (page_cache_bytes, ring): (u64, KeyRing)) -> Arc<Self> {
        let cache_kib = page_cache_bytes / READERS_SHARE / READERS_MAX / 1024;
        Arc::new(Self::of(database, (cache_kib, ring), true))
    }

    fn of(database: PathBuf, (cache_kib, ring): (u64, KeyRing), beside: bool) -> Self {
        let (shelf, returned) = (Mutex::default(), Condvar::new());
        Self { database, cache_kib, ring, beside, shelf, returned }
    }

    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    /// What the writer may take of so many bytes for pages.
    pub(super) const fn writers_share(page_cache_bytes: u64) -> u64 {
        page_cache_bytes - page_cache_bytes / READERS_SHARE
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes every idle connection now, and those in use when they come back.
    pub(super) fn renew(&self) {
        let mut shelf = self.shelf();
        shelf.life = shelf.life.wrapping_add(1);
        let idle = std::mem::take(&mut shelf.idle);
        let closed = u64::try_from(idle.len()).unwrap_or(u64::MAX);
        shelf.open = shelf.open.saturating_sub(closed);
        drop(shelf);
        drop(idle);
    }

    /// A connection of one's own until it is dropped; waits for one when all are in use.
    pub(super) fn lend(self: &Arc<Self>) -> Result<Lent, StoreError> {
        let full = |shelf: &mut Shelf| shelf.idle.is_empty() && shelf.open >= READERS_MAX;
        let waited = self.returned.wait_while(self.shelf(), full);
        let mut shelf = waited.unwrap_or_else(PoisonError::into_inner);
        let life = shelf.life;
        if let Some(idle) = shelf.idle.pop() {
            return Ok(Lent { connection: Some(idle), life, pool: Arc::clone(self) });
        }
        shelf.open = shelf.open.saturating_add(1);
        drop(shelf);
        // Given back by the drop of `lent` also where opening fails.
        let mut lent = Lent { connection: None, life, pool: Arc::clone(self) };
        lent.connection = Some(self.open()?);
        Ok(lent)
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let what = "opening the store to read";
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.database, flags).map_err(failed(what))?;
        super::keep_statements(&connection, &self.ring)?;
        if self.beside {
            let kept = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            connection.set_db_config(kept, true).map_err(failed(what))?;
        }
        let pragmas = format!(
            "PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; \
             PRAGMA cache_size = -{}; PRAGMA query_only = ON",
            self.cache_kib
        );
        connection.execute_batch(&pragmas).map_err(failed(what))?;
        Ok(connection)
    }
}

impl Lent {
    /// Asks several questions of one state of the store.
    pub(super) fn see<T>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(connection) = &self.connection else { return Err(StoreError::Busy) };
        let what = "beginning to read";
        let seen = connection.unchecked_transaction().map_err(failed(what))?;
        let answer = ask(&seen)?;
        seen.commit().map_err(failed("ending to read"))?;
        Ok(answer)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut shelf = self.pool.shelf();
        let keep = self.connection.take().filter(|_| shelf.life == self.life);
        match keep {
            Some(connection) => shelf.idle.push(connection),
            None => shelf.open = shelf.open.saturating_sub(1),
        }
        drop(shelf);
        self.pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::super::{Options, SqliteStore};

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(Options::new(folder.path())).unwrap();
        let lent = store.pool.lend().unwrap();
        for connection in [store.connection().unwrap(), lent.connection.as_ref().unwrap()] {
            let columns = super::super::reading::COLUMNS;
            let sql = &format!(
                "SELECT {columns} FROM reading WHERE person = ? AND measured_at >= ? \
                 ORDER BY measured_at, id"
            );
            let mut planned = 0;
            for person in ["P1", "P2", "P3"] {
                let mut statement = connection.prepare_cached(sql).unwrap();
                assert!(!statement.exists((person, i64::MIN)).unwrap());
                planned = statement.get_status(StatementStatus::RePrepare);
            }
            assert_eq!(planned, 0);
        }
    }
}
