//! SQLite as the store: ordinary tables, a write-ahead file synced at every commit, one writer.
//!
//! Every commit is one transaction with one sync (`synchronous=FULL`). Checkpoints are run only
//! here and their failures are reported, never left to a commit that hides them. At opening, what
//! the write-ahead file holds is copied into the database and synced before anything is added, so
//! that nothing rests on a page that an earlier, failed sync left behind.

mod access;
mod alert;
mod answer;
#[cfg(test)]
mod apart;
mod backup;
mod bare;
mod board;
mod carry;
mod change;
mod code;
mod columns;
mod context;
mod counters;
mod decision;
#[cfg(test)]
mod durability;
mod enrol;
mod event;
mod fact;
mod fault;
mod feed;
mod files;
mod find;
mod held;
mod identity;
mod kept;
mod keys;
mod list;
mod lookup;
#[cfg(test)]
mod measure;
mod merge;
mod message;
#[cfg(test)]
mod modes;
mod pool;
mod reader;
mod reading;
mod receipt;
mod recount;
mod registry;
mod ring;
mod roll;
mod roster;
mod row;
mod schema;
mod scope;
mod seal;
#[cfg(test)]
mod sealed;
mod session;
mod staff;
mod timing;
mod told;
mod unit;
#[cfg(test)]
mod van;
mod wal;
mod watch;

use std::{fs::File, path::PathBuf, sync::Arc};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

pub use self::{
    backup::{Verified, restore_backup, verify_backup},
    bare::{BareNames, bare_append},
    files::make_folder,
    identity::Keys,
    keys::{copy_sealed_under, sealed_under},
    ring::{KeyFile, KeyId, KeyRing},
};
use self::{fault::failed, pool::Pool, reader::SqliteReader, unit::SqliteUnit};
use super::{CommitSeq, Reader, Store, StoreError, Unit};
use crate::domain::Timestamp;

/// The format of the file that this program writes.
pub const FORMAT_VERSION: i64 = 25;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its folder; made if it is missing.
    pub dir: PathBuf,
    /// Memory for pages, of the writer and of all readers.
    pub page_cache_bytes: u64,
    /// The write-ahead file is copied into the database when it passes this.
    pub wal_bytes_max: u64,
    /// Most pages of 4 KiB that the database may have; beyond them it is full. For a quota.
    pub pages_max: Option<u32>,
    /// Up to so many people a list is found by way of each of them; beyond, by walking the list
    /// and asking for each item whether the scope reaches it: then most steps find one.
    pub few_people: u64,
    /// Where the random keys of identities come from.
    pub keys: Keys,
    /// What seals who people are.
    pub ring: KeyRing,
}

impl Options {
    /// Memory for pages where nobody says otherwise: a township of 121,300 people stays under 256 MiB
    /// (DESIGN section 10), and 64 MiB were measured to be no quicker at 10 M readings.
    pub const PAGE_CACHE_BYTES: u64 = 36 * 1024 * 1024;
    /// Limit of the write-ahead file where nobody says otherwise.
    pub const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

    /// People that count as few where nobody says otherwise.
    pub const FEW_PEOPLE: u64 = 1000;

    /// The usual numbers for a folder.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            page_cache_bytes: Self::PAGE_CACHE_BYTES,
            wal_bytes_max: Self::WAL_BYTES_MAX,
            pages_max: None,
            few_people: Self::FEW_PEOPLE,
            keys: Keys::System,
            ring: keys::usual_ring(),
        }
    }
}

/// The write-ahead file is cut, not only begun anew, when it has grown to this many limits.
const WAL_CUT_FACTOR: u64 = 4;
const PAGE_BYTES: u64 = 4096;

/// A store in a folder.
#[derive(Debug)]
pub struct SqliteStore {
    options: Options,
    database: PathBuf,
    /// `None` after a failure that ends the trust in it, until [`Store::reopen`].
    connection: Option<Connection>,
    /// The index of the write-ahead file, for whose whole length there is room.
    index: Option<File>,
    pool: Arc<Pool>,
    /// Pages in the write-ahead file that the last look found.
    wal_pages: u64,
    /// Keeps other processes out for as long as it lives.
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in a folder, or makes one.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Newer`] when a newer
    /// program wrote it, [`StoreError::Full`] when there is no room to open it.
    pub fn open(options: Options) -> Result<Self, StoreError> {
        let (lock, database) = files::claim(&options.dir)?;
        let room = (options.page_cache_bytes, options.ring.clone());
        let pool = Pool::new(database.clone(), room);
        let mut store = Self {
            options,
            database,
            connection: None,
            index: None,
            pool,
            wal_pages: 0,
            _lock: lock,
        };
        store.reopen()?;
        Ok(store)
    }

    fn connect(&mut self) -> Result<Connection, StoreError> {
        let what = "opening the store";
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.database, flags).map_err(failed(what))?;
        keep_statements(&connection, &self.options.ring)?;
        keys::refuse_others(&connection, &self.options.ring)?;
        let cache_kib = Pool::writers_share(self.options.page_cache_bytes) / 1024;
        let pragmas = format!(
            "PRAGMA busy_timeout = 1000; PRAGMA locking_mode = NORMAL; PRAGMA page_size = \
             {PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; \
             PRAGMA cache_size = -{cache_kib}; PRAGMA wal_autocheckpoint = 0"
        );
        connection.execute_batch(&pragmas).map_err(failed(what))?;
        if let Some(pages) = self.options.pages_max {
            let quota = format!("PRAGMA max_page_count = {pages}");
            connection.execute_batch(&quota).map_err(failed(what))?;
        }
        #[cfg(feature = "faults")]
        if crate::fault::is(crate::fault::Mutant::SynchronousNormal) {
            connection.execute_batch("PRAGMA synchronous = NORMAL").map_err(failed(what))?;
        }
        wal::copy_back(&connection, "TRUNCATE")?;
        schema::bring_up(&connection, (self.options.keys, &self.options.ring))?;
        // Whatever becomes of the write-ahead file, the database itself knows what it is.
        wal::copy_back(&connection, "TRUNCATE")?;
        let frames = self.cut_bytes() / PAGE_BYTES;
        files::room_for_index(&mut self.index, &self.options.dir, frames)?;
        Ok(connection)
    }

    /// The write-ahead file is cut when it is longer than this.
    const fn cut_bytes(&self) -> u64 {
        self.options.wal_bytes_max.saturating_mul(WAL_CUT_FACTOR)
    }

    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or(StoreError::Asked { what: "the store must be reopened" })
    }

    #[cfg(feature = "faults")]
    fn commit_left_open(&self) -> Result<(), StoreError> {
        if !crate::fault::take_left_open() {
            return Ok(());
        }
        let late = "committing too late";
        self.connection()?.execute_batch("COMMIT").map_err(failed(late))
    }

    /// Decides whether a failure means a full disk, and gives up the connection where the failure
    /// ends the trust in it.
    fn judge(&mut self, error: StoreError) -> StoreError {
        let error = self.excuse(error);
        if ends_trust(&error) {
            self.connection = None;
        }
        error
    }

    fn excuse(&self, error: StoreError) -> StoreError {
        fault::excuse(error, || files::is_full(&self.options.dir))
    }

    /// Runs something in a transaction of its own.
    fn transact<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        #[cfg(feature = "faults")]
        self.commit_left_open()?;
        let connection = self.connection()?;
        let done = transact(connection, what, work);
        self.after_commit(done)
    }

    /// Looks how long the write-ahead file has become. Where that cannot be seen, the next unit
    /// begins with a checkpoint, which says why; what is committed stays committed.
    fn after_commit<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let done = result.map_err(|error| self.judge(error))?;
        let seen = self.connection().and_then(|connection| wal::copy_back(connection, "NOOP"));
        self.wal_pages = seen.unwrap_or(u64::MAX);
        Ok(done)
    }

    fn copy_back_now(&mut self, mode: &str) -> Result<(), StoreError> {
        #[cfg(feature = "faults")]
        {
            self.commit_left_open()?;
            crate::fault::point("before_checkpoint");
        }
        match self.connection().and_then(|connection| wal::copy_back(connection, mode)) {
            Ok(pages) => {
                self.wal_pages = pages;
                Ok(())
            }
            Err(error) => Err(self.judge(error)),
        }
    }
}

/// The reading side of the store in a folder, beside whoever has it open for writing. Each question
/// is a short transaction, so the writer's checkpoints are never held up for long.
///
/// # Errors
/// Where there is no store, or one of another format: the gateway brings it up to date.
pub fn read_beside(options: &Options) -> Result<Arc<dyn Reader>, StoreError> {
    let pool = Pool::beside(
        options.dir.join(files::DATABASE),
        (options.page_cache_bytes, options.ring.clone()),
    );
    let found =
        pool.lend()?.see(|connection| row::number(connection, "PRAGMA user_version", []))?;
    pool.lend()?.see(|connection| keys::check(connection, &options.ring))?;
    match found.cmp(&FORMAT_VERSION) {
        std::cmp::Ordering::Equal => Ok(Arc::new(SqliteReader::new(pool, options.few_people))),
        std::cmp::Ordering::Greater => Err(StoreError::Newer { found, known: FORMAT_VERSION }),
        std::cmp::Ordering::Less => Err(StoreError::Asked {
            what: "the store is of an older format: start the gateway once",
        }),
    }
}

/// Makes the seal of identities known, and keeps statements prepared. Without the planner's promise of stability SQLite would plan a
/// statement anew for each value bound to it, at many times the cost of running it.
fn keep_statements(connection: &Connection, ring: &KeyRing) -> Result<(), StoreError> {
    seal::install(connection, ring)?;
    connection.set_prepared_statement_cache_capacity(pool::STATEMENTS);
    let stable = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
    let kept = connection.set_db_config(stable, true);
    kept.map(|_| ()).map_err(failed("opening the store"))
}

/// Whether a failure says that the connection must not be used any more.
const fn ends_trust(error: &StoreError) -> bool {
    !(error.is_full() || error.is_asked())
}

fn transact<T>(
    connection: &Connection,
    what: &'static str,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.unchecked_transaction().map_err(failed(what))?;
    let done = work(&transaction)?;
    transaction.commit().map_err(failed(what))?;
    Ok(done)
}

impl Store for SqliteStore {
    fn begin(&mut self, now: Timestamp) -> Result<Box<dyn Unit + '_>, StoreError> {
        if self.wal_pages.saturating_mul(PAGE_BYTES) > self.options.wal_bytes_max {
            self.copy_back_now("PASSIVE")?;
        }
        let begun = self.connection().and_then(SqliteUnit::begin);
        match begun {
            Ok(last) => Ok(Box::new(SqliteUnit::new(self, last, now))),
            Err(error) => Err(self.judge(error)),
        }
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.connection = None;
        self.pool.renew();
        match self.connect() {
            Ok(connection) => {
                self.connection = Some(connection);
                self.wal_pages = 0;
                Ok(())
            }
            Err(error) => Err(self.judge(error)),
        }
    }

    fn roll_up(&mut self, limit: usize) -> Result<CommitSeq, StoreError> {
        let connection = self.connection()?;
        let last = feed::last(connection)?;
        let done = roll::cursor(connection, roll::FOLLOWER)?;
        if done >= last {
            return Ok(done);
        }
        #[cfg(feature = "faults")]
        crate::fault::point("before_roll_up");
        self.transact("deriving rollups", |connection| roll::forward(connection, limit, last))
    }

    fn seal_anew(&mut self) -> Result<bool, StoreError> {
        let ring = self.options.ring.clone();
        if ring.take_wish() {
            let done = self.connection().and_then(|connection| keys::rotate(connection, &ring));
            let done = done.map_err(|error| self.judge(error))?;
            tracing::info!(key = %done, "a new identity key seals from here on");
        }
        let done = self.connection().and_then(|connection| keys::step(connection, &ring));
        let step = match done {
            Ok(keys::Step::Nothing) => return Ok(false),
            done => self.after_commit(done)?,
        };
        if step == keys::Step::Last {
            // Pages of before must not stay behind in the write-ahead file.
            self.copy_back_now("TRUNCATE")?;
            tracing::info!("everything is sealed under the newest identity key");
        }
        Ok(step == keys::Step::More)
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        let wal = self.options.dir.join(files::WRITE_AHEAD);
        let bytes = wal.metadata().map_or(0, |found| found.len());
        self.copy_back_now(if bytes > self.cut_bytes() { "TRUNCATE" } else { "PASSIVE" })
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(SqliteReader::new(Arc::clone(&self.pool), self.options.few_people))
    }
}
