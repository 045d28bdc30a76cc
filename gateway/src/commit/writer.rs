//! The only writer: a thread that takes what queued while the last sync ran, commits it as one
//! transaction with one sync, and only then lets anybody forget anything.
//!
//! When there is no room it waits and tries again, acknowledgements withheld. After any other
//! failure it trusts the file no more: it answers nobody, and asks the process to end within
//! [`crate::supervise::STOP_LIMIT`], so that the service manager starts it on a fresh view of the
//! disk.

use std::{sync::Arc, thread, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use crate::{
    assess::Pack,
    domain::{Clock, Millis, Timestamp},
    intake::{INLET_DEPTH, Inlet},
    store::{CommitSeq, Committed, Store, StoreError},
    supervise::Supervisor,
};

use super::{
    Health, Pace, Trust, Work,
    clock::{WatchedClock, newest},
    desk::Desk,
    group::{self, Group, Reply},
    packs::PacksInForce,
    people::People,
    watch::{CURSOR, INSTANTS_LAST, Watch},
};

/// Items of one transaction. More wait for the next one, which begins at once.
const GROUP_ITEMS_MAX: usize = 4096;

/// Time between two attempts while there is no room.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// Time between two looks at the timers.
const TICK: Duration = Duration::from_millis(250);

/// Facts that the rollups may lag behind while work is waiting.
const ROLL_UP_LAG_MAX: i64 = 20_000;

/// Facts that one step of the rollups takes: the more, the fewer pages it writes for each.
const ROLL_UP_STEP: usize = 16_384;

/// What the writer works with.
#[derive(Debug)]
pub struct Settings {
    /// This gateway's own rule pack: in force until one comes from above.
    pub pack: Arc<Pack>,
    /// People whose state is kept in memory.
    pub people_cached: usize,
    /// The time.
    pub clock: Clock,
    /// How it comes to be believed.
    pub trust: Trust,
    /// How long things take at a bench.
    pub pace: Pace,
    /// How long a gateway below may be silent.
    pub silent_after: Millis,
}

/// What the rest of the process needs of the writer.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    /// Where work is handed over.
    pub inlet: Inlet,
    /// Where the log ends.
    pub committed: watch::Receiver<CommitSeq>,
    /// Where the log ended when rows last entered the registry.
    pub registered: watch::Receiver<CommitSeq>,
    /// Where the log ended when a token last did.
    pub tokens_ended: watch::Receiver<CommitSeq>,
    /// Whether it commits at all.
    pub health: watch::Receiver<Health>,
    /// The rule pack in force.
    pub pack: watch::Receiver<Arc<Pack>>,
}

/// Starts the writer on its own thread, owned by the supervisor.
///
/// # Errors
/// Any error of the store while it is opened.
pub fn start(
    mut store: Box<dyn Store>,
    settings: Settings,
    supervisor: &Supervisor,
) -> Result<WriterHandle, StoreError> {
    let Settings { pack, people_cached, clock, trust, pace, silent_after } = settings;
    let began = store.reader().last()?;
    let (packs, in_force) = PacksInForce::begin(store.as_mut(), pack, clock.now())?;
    let reader = store.reader();
    let (work_tx, work) = mpsc::channel(INLET_DEPTH);
    let (committed_tx, committed) = watch::channel(reader.last()?);
    let (registered_tx, registered) = watch::channel(*committed.borrow());
    let (tokens_ended_tx, tokens_ended) = watch::channel(*committed.borrow());
    let (health_tx, health) = watch::channel(Health::Ready);
    let newest = newest(reader.as_ref(), began)?;
    let clock = WatchedClock::new(clock, trust, (began, newest));
    let (ended_tx, ended) = oneshot::channel();
    let mut writer = Writer {
        desk: Desk::new(People::new(people_cached)).at(pace).silent_after(silent_after),
        packs,
        store,
        clock,
        work,
        committed: committed_tx,
        registered: registered_tx,
        tokens_ended: tokens_ended_tx,
        health: health_tx,
        gateway: reader.gateway()?,
        rolled_up: CommitSeq::default(),
        supervisor: supervisor.clone(),
    };
    let inlet = Inlet::new(work_tx.clone());
    supervise(supervisor, &inlet, ended);
    thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || {
            writer.run();
            // Whoever waits for the end finds the store closed, free for the next to open.
            drop(writer);
            // Whoever waits for it is gone only when the process is.
            ended_tx.send(()).unwrap_or_default();
        })
        .map_err(|source| StoreError::File {
            what: "starting the writer's thread",
            path: "writer".into(),
            source,
        })?;
    Ok(WriterHandle { inlet, committed, registered, tokens_ended, health, pack: in_force })
}

/// Ticks the writer, closes it when the process should stop, and waits for its end.
fn supervise(supervisor: &Supervisor, inlet: &Inlet, ended: oneshot::Receiver<()>) {
    let (stop, ticking) = (supervisor.stopping(), inlet.clone());
    let failed = supervisor.clone();
    supervisor.spawn("writer", async move {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut ended = ended;
        loop {
            tokio::select! {
                () = stop.wait() => break,
                _ = &mut ended => {
                    failed.fail("the writer ended before it was asked to".to_owned());
                    return;
                }
                _ = tick.tick() => if ticking.hand_over(Work::Tick).await.is_err() { break },
            }
        }
        if ticking.hand_over(Work::Close).await.is_ok() && ended.await.is_err() {
            failed.fail("the writer's thread broke off".to_owned());
        }
    });
}

struct Writer {
    store: Box<dyn Store>,
    packs: PacksInForce,
    clock: WatchedClock,
    desk: Desk,
    work: mpsc::Receiver<Work>,
    committed: watch::Sender<CommitSeq>,
    registered: watch::Sender<CommitSeq>,
    tokens_ended: watch::Sender<CommitSeq>,
    health: watch::Sender<Health>,
    gateway: (String, u64),
    rolled_up: CommitSeq,
    supervisor: Supervisor,
}

impl Writer {
    fn run(&mut self) {
        if let Err(error) = self.remember_instants() {
            return self.break_off(&error);
        }
        while let Some(first) = self.work.blocking_recv() {
            let works = self.collect(first);
            #[cfg(feature = "faults")]
            crate::fault::point("group_collected");
            if works.iter().any(|work| matches!(work, Work::Close)) {
                self.work.close();
            }
            let ticked = works.iter().any(|work| matches!(work, Work::Tick));
            if let Err(error) = self.commit(works) {
                self.break_off(&error);
                return;
            }
            self.catch_up(ticked);
            if let Err(error) = self.look_on(ticked) {
                self.break_off(&error);
                return;
            }
        }
        info!("the writer has committed everything and ends");
    }

    /// Instants that follow from readings are no rows: whoever was measured of late is looked at
    /// again after a start, a few at each tick.
    fn remember_instants(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let people = self.store.begin(now)?.measured_lately(INSTANTS_LAST)?;
        people.into_iter().for_each(|person| self.desk.people.look_at(person));
        self.desk.watch = Watch::new(self.store.reader().cursor(CURSOR)?);
        Ok(())
    }

    /// Goes on looking at people after a tick while nobody waits.
    fn look_on(&mut self, ticked: bool) -> Result<(), StoreError> {
        while ticked && self.desk.watch.goes_on(self.work.is_empty()) {
            self.commit(vec![Work::Tick])?;
        }
        Ok(())
    }

    /// The first piece of work and what queued behind it, up to one transaction's worth.
    fn collect(&mut self, first: Work) -> Vec<Work> {
        let mut items = first.size();
        let mut works = vec![first];
        while items < GROUP_ITEMS_MAX {
            let Ok(work) = self.work.try_recv() else { break };
            items = items.saturating_add(work.size());
            works.push(work);
        }
        works
    }

    /// Commits a group, waiting as long as there is no room.
    fn commit(&mut self, works: Vec<Work>) -> Result<(), StoreError> {
        loop {
            let now = self.clock.look(*self.committed.borrow());
            match self.attempt(&works, now) {
                Ok(None) => return Ok(()),
                Ok(Some((replies, proof))) => {
                    self.set_health(Health::Ready);
                    let entered = replies.iter().any(Reply::entered_rows);
                    let packs = replies.iter().any(Reply::brought_packs);
                    let ended = group::end_tokens(&works);
                    #[cfg(feature = "faults")]
                    crate::fault::point("before_ack");
                    #[cfg(feature = "faults")]
                    if works.iter().any(Work::may_come_again) {
                        crate::fault::point("before_answer");
                    }
                    group::answer(works, replies, &proof);
                    #[cfg(feature = "faults")]
                    crate::fault::point("after_ack");
                    if entered {
                        self.registered.send_replace(proof.last());
                    }
                    if ended {
                        self.tokens_ended.send_replace(proof.last());
                    }
                    self.announce(proof.last());
                    if packs {
                        self.packs.follow(self.store.as_mut(), now)?;
                    }
                    if self.clock.is_told() || packs {
                        // Instants in memory were those of the clock, or the pack, before.
                        self.desk.forget();
                        self.remember_instants()?;
                    }
                    return Ok(());
                }
                Err(error) if error.is_full() => self.wait_for_room(&error)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// One attempt: all of the group, or nothing. `None`: there was nothing to write.
    fn attempt(
        &mut self,
        works: &[Work],
        now: Timestamp,
    ) -> Result<Option<(Vec<Reply>, Committed)>, StoreError> {
        let mut unit = self.store.begin(now)?;
        let mut group =
            Group::new(unit.as_mut(), &mut self.desk, self.packs.all(), &self.gateway, now);
        (group.clock, group.doubted) = (self.clock.found(), self.clock.doubted(now));
        let (replies, dirty) = group.apply(works)?;
        if !dirty && works.iter().all(Work::owes_nothing) {
            return Ok(None);
        }
        let proof = unit.commit()?;
        Ok(Some((replies, proof)))
    }

    /// Nothing of the group happened: forget what it taught us, say so, and wait.
    fn wait_for_room(&mut self, error: &StoreError) -> Result<(), StoreError> {
        warn!(%error, "waiting for room, acknowledgements withheld");
        self.set_health(Health::Refusing { why: error.to_string() });
        self.desk.forget();
        loop {
            if self.supervisor.stopping().is_set() {
                return Err(StoreError::Full { what: "the last deliveries before the end" });
            }
            thread::park_timeout(FULL_RETRY);
            match self.store.reopen() {
                // Opening takes room too: it copies the write-ahead file into the database.
                Err(error) if error.is_full() => {}
                Ok(()) => return self.remember_instants(),
                Err(error) => return Err(error),
            }
        }
    }

    /// The file is not to be trusted any more: answer nobody, so that every sender keeps its own.
    fn break_off(&mut self, error: &StoreError) {
        error!(%error, "the store failed; no acknowledgement leaves any more");
        self.set_health(Health::Refusing { why: error.to_string() });
        self.work.close();
        while self.work.try_recv().is_ok() {}
        self.supervisor.fail(format!("the store failed: {error}"));
    }

    /// Derives rollups at a tick while nobody waits, or when they lag too far behind. Whoever reads
    /// adds what they lack.
    fn catch_up(&mut self, ticked: bool) {
        let last = *self.committed.borrow();
        let lag = |cursor: CommitSeq| last.0.saturating_sub(cursor.0);
        if !ticked && lag(self.rolled_up) < ROLL_UP_LAG_MAX {
            return;
        }
        while lag(self.rolled_up) > 0 {
            if !self.work.is_empty() && lag(self.rolled_up) < ROLL_UP_LAG_MAX {
                return;
            }
            match self.store.roll_up(ROLL_UP_STEP) {
                Ok(cursor) if cursor > self.rolled_up => self.rolled_up = cursor,
                Ok(_) => break,
                Err(error) => {
                    warn!(%error, "rollups wait");
                    return;
                }
            }
        }
        if let Err(error) = self.seal_anew() {
            warn!(%error, "sealing anew waits");
            return;
        }
        if self.work.is_empty()
            && let Err(error) = self.store.checkpoint()
        {
            warn!(%error, "the write-ahead file could not be bounded");
        }
    }

    /// Brings rows under the newest identity key, while nobody waits.
    fn seal_anew(&mut self) -> Result<(), StoreError> {
        while self.store.seal_anew()? && self.work.is_empty() {}
        Ok(())
    }

    fn set_health(&self, now: Health) {
        self.health.send_if_modified(|health| {
            let changed = *health != now;
            *health = now;
            changed
        });
    }

    fn announce(&self, last: CommitSeq) {
        self.committed.send_if_modified(|known| {
            let grown = *known < last;
            *known = last;
            grown
        });
    }
}
