//! Connections for reading: a few, kept open, each able to see but not to change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OpenFlags};

use super::fault::failed;
use crate::store::StoreError;

/// Most readers at a time; more wait for one to end.
const READERS_MAX: usize = 8;
/// Page cache of a reader.
const READER_CACHE_KIB: i64 = 2 * 1024;
/// Prepared statements that a connection keeps.
pub(super) const STATEMENTS: usize = 128;

#[derive(Debug, Default)]
struct Shelf {
    idle: Vec<Connection>,
    /// Connections that exist, idle or in use.
    open: usize,
    /// Connections of an earlier life are closed instead of shelved.
    life: u64,
}

/// Where readers get their connections.
#[derive(Debug)]
pub(super) struct Pool {
    database: PathBuf,
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
    pub(super) fn new(database: PathBuf) -> Arc<Self> {
        Arc::new(Self { database, shelf: Mutex::default(), returned: Condvar::new() })
    }

    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes every idle connection now, and those in use when they come back.
    pub(super) fn renew(&self) {
        let mut shelf = self.shelf();
        shelf.life = shelf.life.wrapping_add(1);
        shelf.open = shelf.open.saturating_sub(shelf.idle.len());
        let idle = std::mem::take(&mut shelf.idle);
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
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let pragmas = format!(
            "PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; \
             PRAGMA cache_size = -{READER_CACHE_KIB}; PRAGMA query_only = ON"
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
