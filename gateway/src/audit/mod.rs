//! Who looked at whom, and who changed what: a log that is only added to (PIPL articles 54 and 57,
//! network law article 23, GB/T 22239 8.1.4.3).
//!
//! One line a request that somebody made: who, by which token or session, which route, which people it
//! showed by their ids in the registry, and how it ended. Never a name, a value, or what was typed.
//! Each line carries a hash over itself and the line before it; hourly, and where a file begins or
//! ends, the gateway signs where the chain stands. BLAKE3 makes the chain: it is what ids, tokens and
//! rosters rest on already, and is quick on boxes without instructions for SHA-256.
//!
//! Lines are written by one task behind a bounded queue. Full, or on a disk without room, whoever asks
//! waits and is refused at last; deliveries of readings are no part of it and never wait for it.

mod line;
mod log;
mod look;
mod read;
mod refusals;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use smol_str::SmolStr;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};

use crate::domain::PersonId;

pub use self::{
    line::{Kind, Line},
    log::{Settings, start},
    read::{Asked, Found, read},
    refusals::{Refusals, record_refusals},
    verify::{Bad, Extent, Sound, files, head_of, verify},
};

/// The log's folder within the data folder.
pub const FOLDER: &str = "audit";

/// Lines that wait to be written. Full: requests wait.
const DEPTH: usize = 1024;

/// A request that cannot be recorded by then is refused: what is not recorded is not shown.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Refusals of people whom nobody knows that are recorded one by one in a minute: what anybody can
/// cause must not fill the disk.
const STRANGERS_A_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// Requests at once; more than connections can bring.
const REQUESTS_MAX: u32 = 1 << 20;

/// Fewest days that lines are kept (network law article 23: six months of logs).
pub const KEEP_DAYS_MIN: u64 = 180;

/// Days that lines are kept where nobody says otherwise: three years (PIPL article 56).
pub const KEEP_DAYS: u64 = 1096;

/// Something that somebody did or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it was.
    pub kind: Kind,
    /// In which role.
    pub role: SmolStr,
    /// Who: a doctor or a device by id, else the role.
    pub who: SmolStr,
    /// By which token or session, in short; or `door`, `link`.
    pub via: SmolStr,
    /// Method and route.
    pub act: SmolStr,
    /// What the route was asked for, by id.
    pub object: SmolStr,
    /// Whom it showed or concerned.
    pub whom: Vec<PersonId>,
    /// How it was answered, as HTTP has it.
    pub outcome: u16,
}

/// The log cannot take what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was asked cannot be recorded")]
pub struct Unrecorded;

/// Where entries are handed in.
#[derive(Debug)]
pub struct AuditLog {
    entries: mpsc::Sender<Entry>,
    requests: Arc<Semaphore>,
    dir: std::path::PathBuf,
    strangers: Mutex<Strangers>,
}

/// Refusals of people whom nobody knows.
#[derive(Debug, Default)]
struct Strangers {
    since: Option<Instant>,
    recorded: u32,
    passed_over: u64,
}

impl AuditLog {
    fn new(dir: std::path::PathBuf, depth: usize) -> (Self, mpsc::Receiver<Entry>) {
        let (entries, taken) = mpsc::channel(depth);
        let requests = Arc::new(Semaphore::new(REQUESTS_MAX as usize));
        (Self { entries, requests, dir, strangers: Mutex::default() }, taken)
    }

    /// A log whose entries a test takes itself.
    #[cfg(test)]
    pub(crate) fn for_tests(dir: std::path::PathBuf) -> (Arc<Self>, mpsc::Receiver<Entry>) {
        let (log, taken) = Self::new(dir, 1 << 16);
        (Arc::new(log), taken)
    }

    /// The log's folder.
    #[must_use]
    pub fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// A request is in work for as long as this is held: the log ends after it.
    ///
    /// # Errors
    /// The log has ended.
    pub async fn begin(&self) -> Result<OwnedSemaphorePermit, Unrecorded> {
        Arc::clone(&self.requests).acquire_owned().await.map_err(|_closed| Unrecorded)
    }

    /// An entry about somebody whom nobody knows, unless there were too many in this minute: then it is
    /// counted, and the next one that is recorded tells how many there were.
    #[must_use]
    pub fn of_stranger(&self, entry: Entry) -> Option<Entry> {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let over = strangers.since.is_none_or(|since| now.duration_since(since) >= MINUTE);
        if over {
            (strangers.since, strangers.recorded) = (Some(now), 0);
        }
        if strangers.recorded >= STRANGERS_A_MINUTE {
            strangers.passed_over = strangers.passed_over.saturating_add(1);
            return None;
        }
        strangers.recorded = strangers.recorded.saturating_add(1);
        let more = std::mem::take(&mut strangers.passed_over);
        if more == 0 {
            return Some(entry);
        }
        Some(Entry { object: smol_str::format_smolstr!("and {more} before"), ..entry })
    }

    /// Hands an entry in, waiting for room.
    ///
    /// # Errors
    /// There was none in time, or the log has ended.
    pub async fn record(&self, entry: Entry) -> Result<(), Unrecorded> {
        let sent = self.entries.send_timeout(entry, WAIT_MAX).await;
        sent.map_err(|_full_or_ended| Unrecorded)
    }
}
