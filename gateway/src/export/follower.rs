//! Following the log: facts in commit order, from a durable cursor, without ever being in the way.
//!
//! A follower is one file: it opens a [`Follower`], takes [`Step`]s, does its work, and moves the
//! cursor when the work needs no repeating. It reads on threads that may block, beside the writer.
//! What it cannot do now it does later: it may lag, be stopped and start over from its cursor.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tracing::warn;

use crate::{
    store::{CommitSeq, Reader, StoreError, view::FeedEntry},
    supervise::Stop,
};

/// Between two reads of which the first found less than it asked for: a log that grows a little
/// with every commit is not read at every commit.
const READ_PAUSE: Duration = Duration::from_millis(200);

/// The log is looked at so often even when nobody says that it grew.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The cursor was not moved on disk. The work behind it is repeated after a restart, and asked for
/// again before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor was not moved")]
pub struct NotAdvanced;

/// Moves a follower's durable cursor; resolves when it is on disk.
pub type Advance = Arc<
    dyn Fn(&'static str, CommitSeq) -> Pin<Box<dyn Future<Output = Result<(), NotAdvanced>> + Send>>
        + Send
        + Sync,
>;

/// What a follower needs from the rest of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    /// The reading side of the store.
    pub reader: Arc<dyn Reader>,
    /// Moves cursors.
    pub advance: Advance,
    /// Ticks when something was committed.
    pub commits: watch::Receiver<CommitSeq>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("last", &self.commits.borrow().0).finish_non_exhaustive()
    }
}

/// How far a follower is, for pages and metrics.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicI64,
    durable: AtomicI64,
    troubles: AtomicU64,
}

impl Progress {
    /// Facts before this position were read.
    #[must_use]
    pub fn read(&self) -> CommitSeq {
        CommitSeq(self.read.load(Ordering::Relaxed))
    }

    /// After a restart it goes on from here.
    #[must_use]
    pub fn durable(&self) -> CommitSeq {
        CommitSeq(self.durable.load(Ordering::Relaxed))
    }

    /// Positions between what was read and the end of the log.
    #[must_use]
    pub fn lag(&self, last: CommitSeq) -> u64 {
        u64::try_from(last.0.saturating_sub(self.read().0)).unwrap_or(0)
    }

    /// Reads of the log and moves of the cursor that failed.
    #[must_use]
    pub fn troubles(&self) -> u64 {
        self.troubles.load(Ordering::Relaxed)
    }
}

/// What a follower does next.
#[derive(Debug)]
pub enum Step {
    /// Facts in commit order, never empty.
    Facts(Vec<FeedEntry>),
    /// The instant that it asked to be woken at.
    Due,
    /// The process should stop.
    Stop,
}

/// One follower's place in the log.
#[derive(Debug)]
pub struct Follower {
    name: &'static str,
    log: Log,
    stop: Stop,
    progress: Arc<Progress>,
    position: CommitSeq,
    durable: CommitSeq,
    not_before: Instant,
    back_off: BackOff,
}

impl Follower {
    /// Opens a follower at its durable cursor, waiting for a store that does not answer. `None`
    /// when the process should stop.
    pub async fn open(
        name: &'static str,
        log: Log,
        progress: Arc<Progress>,
        stop: Stop,
    ) -> Option<Self> {
        let mut back_off = BackOff::new(name);
        loop {
            let reader = Arc::clone(&log.reader);
            let position = match spawn_blocking(move || reader.cursor(name)).await {
                Ok(Ok(position)) => position,
                failed => {
                    progress.troubles.fetch_add(1, Ordering::Relaxed);
                    warn!(follower = name, why = ?failed, "the cursor could not be read");
                    if !back_off.wait(&stop).await {
                        return None;
                    }
                    continue;
                }
            };
            progress.read.store(position.0, Ordering::Relaxed);
            progress.durable.store(position.0, Ordering::Relaxed);
            let (durable, not_before) = (position, Instant::now());
            let back_off = BackOff::new(name);
            return Some(Self {
                name,
                log,
                stop,
                progress,
                position,
                durable,
                not_before,
                back_off,
            });
        }
    }

    /// Waits for facts after those it gave last, at most `limit` of them, at most until `due`.
    pub async fn next(&mut self, limit: usize, due: Option<Instant>) -> Step {
        let due = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(24 * 3600));
        loop {
            if self.stop.is_set() {
                return Step::Stop;
            }
            let pause = self.not_before.min(due);
            tokio::select! {
                () = self.stop.wait() => return Step::Stop,
                () = sleep_until(pause) => {}
            }
            if Instant::now() >= due {
                return Step::Due;
            }
            self.log.commits.borrow_and_update();
            match self.read(limit).await {
                Ok(facts) => {
                    self.back_off.reset();
                    if facts.len() < limit {
                        self.not_before = Instant::now() + READ_PAUSE;
                    }
                    if let Some(end) = facts.last() {
                        self.position = end.seq;
                        self.progress.read.store(end.seq.0, Ordering::Relaxed);
                        return Step::Facts(facts);
                    }
                }
                Err(error) => {
                    self.progress.troubles.fetch_add(1, Ordering::Relaxed);
                    warn!(follower = self.name, %error, "the log could not be read");
                    self.not_before = Instant::now() + self.back_off.next_wait();
                    continue;
                }
            }
            tokio::select! {
                () = self.stop.wait() => return Step::Stop,
                () = sleep_until(due) => return Step::Due,
                () = grown(&mut self.log.commits) => {}
            }
        }
    }

    /// Where it reads on.
    #[must_use]
    pub const fn position(&self) -> CommitSeq {
        self.position
    }

    /// Where a restart would begin.
    #[must_use]
    pub const fn durable(&self) -> CommitSeq {
        self.durable
    }

    /// Reads again from an earlier position.
    pub fn rewind(&mut self, to: CommitSeq) {
        self.position = self.position.min(to);
        self.not_before = Instant::now();
        self.progress.read.store(self.position.0, Ordering::Relaxed);
    }

    /// Everything up to a position needs no repeating. Never moves back.
    pub async fn advance(&mut self, to: CommitSeq) {
        if to <= self.durable {
            return;
        }
        match (self.log.advance)(self.name, to).await {
            Ok(()) => {
                self.durable = to;
                self.progress.durable.store(to.0, Ordering::Relaxed);
            }
            Err(error) => {
                self.progress.troubles.fetch_add(1, Ordering::Relaxed);
                warn!(follower = self.name, %error, "work will be repeated after a restart");
            }
        }
    }

    /// Waits so long, or until the process should stop: then `false`.
    pub async fn rest(&self, length: Duration) -> bool {
        tokio::select! {
            () = self.stop.wait() => false,
            () = sleep(length) => true,
        }
    }

    async fn read(&self, limit: usize) -> Result<Vec<FeedEntry>, StoreError> {
        let (reader, after) = (Arc::clone(&self.log.reader), self.position);
        match spawn_blocking(move || reader.feed(after, limit)).await {
            Ok(read) => read,
            Err(_cut_off) => Err(StoreError::Busy),
        }
    }
}

/// Resolves when the log may have grown. Without a writer it is looked at now and then.
async fn grown(commits: &mut watch::Receiver<CommitSeq>) {
    let ticked = async {
        if commits.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = ticked => {}
        () = sleep(LOOK_AGAIN) => {}
    }
}

/// Growing waits between tries at something broken.
#[derive(Debug)]
pub struct BackOff {
    salt: &'static str,
    tries: u32,
}

impl BackOff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(60);
    /// Jitter in percent of the wait, downwards.
    const JITTER_PERCENT: u32 = 30;

    /// No try has failed yet.
    #[must_use]
    pub const fn new(salt: &'static str) -> Self {
        Self { salt, tries: 0 }
    }

    /// A try succeeded.
    pub const fn reset(&mut self) {
        self.tries = 0;
    }

    /// A try failed: how long to wait before the next.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = Self::FIRST.saturating_mul(1 << self.tries.min(16));
        self.tries = self.tries.saturating_add(1);
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.salt.as_bytes()).update(&self.tries.to_be_bytes());
        let draw = hasher.finalize().as_bytes().first().copied().map_or(0, u32::from);
        let whole = doubled.min(Self::LONGEST);
        whole - whole * draw * Self::JITTER_PERCENT / (100 * 255)
    }

    async fn wait(&mut self, stop: &Stop) -> bool {
        let length = self.next_wait();
        tokio::select! {
            () = stop.wait() => false,
            () = sleep(length) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Timestamp,
        export::script::{self, Scripted},
        store::{Fact, Presence},
        supervise::Supervisor,
    };

    fn presence(seq: i64) -> FeedEntry {
        let site = crate::domain::SiteId::new("V1").unwrap();
        let at = Timestamp::from_millis(seq);
        let fact = Fact::Presence(Presence { site, online: true, detail: None, at });
        FeedEntry { seq: CommitSeq(seq), fact }
    }

    struct World {
        store: Arc<Scripted>,
        commits: watch::Sender<CommitSeq>,
        supervisor: Supervisor,
        progress: Arc<Progress>,
    }

    impl World {
        fn new() -> Self {
            let (store, supervisor) = (Scripted::new(), Supervisor::new());
            let (commits, _) = watch::channel(CommitSeq(0));
            Self { store, commits, supervisor, progress: Arc::default() }
        }

        async fn open(&self) -> Follower {
            let log = script::log(&self.store, &self.commits);
            let stop = self.supervisor.stopping();
            Follower::open("test", log, Arc::clone(&self.progress), stop).await.unwrap()
        }

        fn append(&self, seqs: impl IntoIterator<Item = i64>) {
            self.store.script().feed.extend(seqs.into_iter().map(presence));
            let last = self.store.last().unwrap();
            self.commits.send_replace(last);
        }
    }

    async fn taken(follower: &mut Follower, limit: usize) -> Vec<i64> {
        let due = Instant::now() + Duration::from_secs(300);
        match follower.next(limit, Some(due)).await {
            Step::Facts(facts) => facts.into_iter().map(|entry| entry.seq.0).collect(),
            Step::Due => vec![],
            Step::Stop => vec![-1],
        }
    }

    #[tokio::test(start_paused = true)]
    async fn facts_come_in_order_from_the_cursor_and_none_twice() {
        let world = World::new();
        world.append(1..=10);
        world.store.script().cursors.insert("test".to_owned(), CommitSeq(4));
        let mut follower = world.open().await;
        assert_eq!(taken(&mut follower, 4).await, [5, 6, 7, 8]);
        assert_eq!(world.progress.lag(CommitSeq(10)), 2);
        assert_eq!(taken(&mut follower, 4).await, [9, 10]);
        assert_eq!(taken(&mut follower, 4).await, [0_i64; 0]);
        assert_eq!(world.progress.lag(CommitSeq(10)), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_wakes_it() {
        let world = World::new();
        let mut follower = world.open().await;
        let before = Instant::now();
        let append = async {
            sleep(Duration::from_secs(5)).await;
            world.append(1..=1);
        };
        let (got, ()) = tokio::join!(taken(&mut follower, 9), append);
        assert_eq!(got, [1]);
        assert!(before.elapsed() < Duration::from_millis(5300), "{:?}", before.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_grows_a_little_is_not_read_at_every_commit() {
        let world = World::new();
        let mut follower = world.open().await;
        let append = async {
            for seq in 1..=1000 {
                sleep(Duration::from_millis(5)).await;
                world.append([seq]);
            }
        };
        let read = async { while taken(&mut follower, 500).await.last() != Some(&1000) {} };
        tokio::join!(append, read);
        assert!(world.store.script().feed_reads < 60, "{}", world.store.script().feed_reads);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_asked_again() {
        let world = World::new();
        world.append(1..=2);
        let mut follower = world.open().await;
        world.store.script().broken = true;
        let mend = async {
            sleep(Duration::from_secs(100)).await;
            world.store.script().broken = false;
        };
        let (got, ()) = tokio::join!(taken(&mut follower, 9), mend);
        assert_eq!(got, [1, 2]);
        assert!((2..20).contains(&world.progress.troubles()), "{}", world.progress.troubles());
    }

    #[tokio::test(start_paused = true)]
    async fn the_cursor_never_moves_back_and_a_rewind_reads_again() {
        let world = World::new();
        world.append(1..=5);
        let mut follower = world.open().await;
        assert_eq!(taken(&mut follower, 9).await.len(), 5);
        follower.advance(CommitSeq(4)).await;
        follower.advance(CommitSeq(2)).await;
        assert_eq!(world.store.cursor("test").unwrap(), CommitSeq(4));
        follower.rewind(CommitSeq(3));
        assert_eq!(taken(&mut follower, 9).await, [4, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_it_should() {
        let world = World::new();
        let mut follower = world.open().await;
        world.supervisor.stop();
        assert_eq!(taken(&mut follower, 9).await, [-1]);
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let mut back_off = BackOff::new("x");
        let waits: Vec<u128> = (0..12).map(|_| back_off.next_wait().as_millis()).collect();
        assert!((350..=500).contains(&waits[0]), "{waits:?}");
        assert!((2800..=4000).contains(&waits[3]), "{waits:?}");
        assert!(waits[8..].iter().all(|wait| (42_000..=60_000).contains(wait)), "{waits:?}");
    }
}
