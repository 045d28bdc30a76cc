//! The one task that writes the log.
//!
//! A line is handed to the system as soon as it comes, so a kill loses none that was taken; it is
//! synced within [`SYNC_EVERY`], so a power cut loses no more than that. Clean stops lose nothing.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use smol_str::SmolStr;
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, MissedTickBehavior},
};
use tracing::{error, info, warn};

use super::{
    AuditLog, DEPTH, Entry, FOLDER, REQUESTS_MAX,
    line::{Hash, Kind, Line, hex, signed},
    look::{Looked, begun, missing, newest},
    verify::{HEAD, Head, files, name_of},
};
use crate::{
    domain::{Clock, Millis, Timestamp},
    secrets,
    supervise::{Stop, Supervisor},
    uplink::GatewayKey,
};

/// The longest time between a line and its sync: what a power cut may take.
const SYNC_EVERY: Duration = Duration::from_millis(500);

/// Lines taken at once.
const BATCH: usize = 256;

/// A file that is longer is followed by another one. Whoever checks or reads holds one in memory.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Time between two signatures over the chain.
const SIGN_EVERY: Millis = Millis::hours(1);

/// Time between two looks for files whose time is over.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

/// Requests in work when the process stops are waited for so long.
const DRAIN_MAX: Duration = Duration::from_secs(6);

/// How the log is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// Lines are kept so many days.
    pub keep_days: u64,
    /// The time.
    pub clock: Clock,
    /// Signs where the chain stands.
    pub key: Arc<GatewayKey>,
    /// A hash of the configuration in force.
    pub configuration: SmolStr,
}

/// Opens the log of a data folder and starts the task that writes it.
///
/// # Errors
/// The folder or its newest file cannot be read or made.
pub fn start(settings: Settings, supervisor: &Supervisor) -> io::Result<Arc<AuditLog>> {
    let dir = settings.data.join(FOLDER);
    if !dir.try_exists()? {
        DirBuilder::new().mode(0o700).create(&dir)?;
    }
    let log = Log::open(dir.clone(), settings)?;
    let (handle, entries) = AuditLog::new(dir, DEPTH);
    let task = Task { log, entries, requests: Arc::clone(&handle.requests) };
    supervisor.spawn("audit log", task.run(supervisor.stopping()));
    Ok(Arc::new(handle))
}

struct Task {
    log: Log,
    entries: mpsc::Receiver<Entry>,
    requests: Arc<Semaphore>,
}

impl Task {
    async fn run(self, stop: Stop) {
        let Self { mut log, mut entries, requests } = self;
        let drained = async {
            stop.wait().await;
            // Whoever is not done by then is not answered either.
            drop(tokio::time::timeout(DRAIN_MAX, requests.acquire_many(REQUESTS_MAX)).await);
            requests.close();
        };
        let mut drained = std::pin::pin!(drained);
        let mut closing = false;
        let mut tick = tokio::time::interval(SYNC_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut expire_at = Instant::now();
        loop {
            let (mut batch, mut ticked) = (Vec::new(), false);
            let ended = tokio::select! {
                taken = entries.recv_many(&mut batch, BATCH), if log.pending.is_empty() => taken == 0,
                _ = tick.tick() => {
                    ticked = true;
                    false
                }
                () = &mut drained, if !closing => {
                    closing = true;
                    entries.close();
                    false
                }
            };
            let expire = Instant::now() >= expire_at;
            let work = Work { batch, sync: ticked || ended, expire, end: ended };
            if expire {
                expire_at = Instant::now() + EXPIRE_EVERY;
            }
            let Ok(back) = tokio::task::spawn_blocking(move || log.work(work)).await else {
                error!("the audit log broke off");
                return;
            };
            log = back;
            if ended {
                return;
            }
        }
    }
}

/// What one step does.
struct Work {
    batch: Vec<Entry>,
    /// The disk must have it: not at every line, for the store's own syncs go to the same disk.
    sync: bool,
    expire: bool,
    end: bool,
}

/// The newest file and where the chain stands.
pub(super) struct Log {
    dir: PathBuf,
    settings: Settings,
    file: File,
    path: PathBuf,
    /// Bytes of the file that are lines.
    length: u64,
    /// Lines that are not in the file yet.
    pending: Vec<u8>,
    next: u64,
    hash: Hash,
    signed_at: Timestamp,
    unsynced: bool,
    failing: bool,
}

impl Log {
    /// Goes on with the newest file, or begins the first one.
    pub(super) fn open(dir: PathBuf, settings: Settings) -> io::Result<Self> {
        let mut found = newest(&dir)?;
        if found.as_ref().is_none_or(|(_, found)| found.damage.is_none())
            && let Some((why, next)) = missing(&dir, found.as_ref().map(|(_, found)| found))
        {
            let (path, found) = found.get_or_insert_with(|| (PathBuf::new(), Looked::nothing()));
            (*path, found.damage, found.next) = (dir.join(name_of(next)), Some(why), next);
        }
        let (path, length, next, hash) = match &found {
            Some((path, found)) if found.damage.is_none() => {
                (path.clone(), found.length, found.next, found.hash)
            }
            // What is broken stays as it is; the chain goes on in a file of its own.
            Some((_, found)) => (dir.join(name_of(found.next)), 0, found.next, found.hash),
            None => (dir.join(name_of(0)), 0, 0, super::line::BEGINNING),
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        let now = settings.clock.now();
        let mut log = Self {
            dir,
            settings,
            file,
            path,
            length,
            pending: Vec::new(),
            next,
            hash,
            signed_at: now,
            unsynced: true,
            failing: false,
        };
        if length == 0 {
            log.sign(Kind::Begun);
        }
        log.tell_start(found.as_ref().map(|(_, found)| found));
        log.flush()?;
        log.sync()?;
        Ok(log)
    }

    /// What was found, and with which configuration the gateway starts.
    fn tell_start(&mut self, found: Option<&Looked>) {
        let torn = found.map_or(0, |found| found.torn);
        if torn > 0 {
            warn!(bytes = torn, "a line of the audit log was cut off half way");
            self.add(Kind::Damage, &smol_str::format_smolstr!("torn {torn}"));
        }
        if let Some(why) = found.and_then(|found| found.damage.as_deref()) {
            error!(%why, "the audit log is not as it was written: run xunzhen verify-audit");
            self.add(Kind::Damage, &SmolStr::new(why));
        }
        let configuration = self.settings.configuration.clone();
        let before = found.and_then(|found| found.configuration.clone());
        let kind = match before {
            Some(before) if before != configuration => Kind::Configured,
            Some(_) | None => Kind::Started,
        };
        self.add(kind, &configuration);
    }

    /// One step; what could not be written is tried again with the next.
    fn work(mut self, work: Work) -> Self {
        for entry in work.batch {
            self.enter(entry);
        }
        let now = self.settings.clock.now();
        if work.end {
            self.sign(Kind::Stopped);
        } else if now.since(self.signed_at).0 >= SIGN_EVERY.0 {
            self.sign(Kind::Checkpoint);
        }
        if work.expire {
            self.expire(now);
        }
        let done = self.flush().and_then(|()| if work.sync { self.sync() } else { Ok(()) });
        match done {
            Ok(()) if self.failing => info!("the audit log is written again"),
            Ok(()) => {}
            Err(ref error) if !self.failing => {
                error!(%error, "the audit log cannot be written; requests wait");
            }
            Err(_) => {}
        }
        self.failing = done.is_err();
        self
    }

    fn enter(&mut self, entry: Entry) {
        let Entry { kind, role, who, via, act, object, whom, outcome } = entry;
        let line = Line {
            role,
            who,
            via,
            act,
            object,
            whom: whom.into_iter().map(|person| SmolStr::new(person.as_str())).collect(),
            outcome: Some(outcome),
            ..Line::new(self.next, self.settings.clock.now(), kind)
        };
        self.put(&line);
    }

    fn add(&mut self, kind: Kind, object: &SmolStr) {
        let now = self.settings.clock.now();
        self.put(&Line { object: object.clone(), ..Line::new(self.next, now, kind) });
    }

    fn sign(&mut self, kind: Kind) {
        let line = self.signed_line(kind);
        self.signed_at = line.at;
        self.put(&line);
    }

    fn signed_line(&self, kind: Kind) -> Line {
        let sig = self.settings.key.sign(&signed(self.next, &self.hash));
        Line {
            prev: Some(SmolStr::new(hex(&self.hash))),
            key: Some(SmolStr::new(self.settings.key.public().to_string())),
            sig: Some(SmolStr::new(URL_SAFE_NO_PAD.encode(sig))),
            ..Line::new(self.next, self.settings.clock.now(), kind)
        }
    }

    fn put(&mut self, line: &Line) {
        match line.encode(&self.hash) {
            Ok((bytes, hash)) => {
                self.pending.extend_from_slice(&bytes);
                self.hash = hash;
                self.next = self.next.saturating_add(1);
            }
            // A line has texts and numbers only: there is no value that JSON lacks.
            Err(error) => error!(%error, "a line of the audit log has no text"),
        }
    }

    /// Hands pending lines to the system, whole or not at all, and begins another file after a long
    /// one.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&self.pending)?;
        let written = u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(written);
        self.pending.clear();
        self.unsynced = true;
        if self.length >= FILE_BYTES_MAX { self.turn_over() } else { Ok(()) }
    }

    pub(super) fn turn_over(&mut self) -> io::Result<()> {
        self.sync()?;
        let path = self.dir.join(name_of(self.next));
        let mut options = OpenOptions::new();
        self.file =
            options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        (self.path, self.length) = (path, 0);
        self.sign(Kind::Begun);
        self.flush()?;
        self.sync()
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !self.unsynced || !self.pending.is_empty() {
            return Ok(());
        }
        self.file.sync_data()?;
        let head =
            Head { last: self.next.saturating_sub(1), next: self.signed_line(Kind::Checkpoint) };
        let bytes = serde_json::to_vec(&head).map_err(io::Error::other)?;
        secrets::write(&self.dir.join(HEAD), &bytes)?;
        self.unsynced = false;
        Ok(())
    }

    /// Deletes files whose last line is older than lines are kept, and says so first.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let days = i64::try_from(self.settings.keep_days).unwrap_or(i64::MAX);
        let oldest = now.minus(Millis::days(days));
        let all = match files(&self.dir) {
            Ok(all) => all,
            Err(error) => return warn!(%error, "the files of the audit log cannot be listed"),
        };
        for pair in all.windows(2) {
            let [file, next] = pair else { continue };
            let over = begun(next).is_some_and(|(_, at)| at < oldest);
            let (true, Some((first_kept, _))) = (over, begun(next)) else { return };
            self.add(Kind::Expired, &smol_str::format_smolstr!("{first_kept}"));
            let deleted =
                self.flush().and_then(|()| self.sync()).and_then(|()| fs::remove_file(file));
            match deleted {
                Ok(()) => info!(file = %file.display(), "a file of the audit log was deleted"),
                Err(error) => return warn!(%error, "a file of the audit log stays"),
            }
        }
    }
}
