//! Readings to InfluxDB 2, or to whatever takes its line protocol at `/api/v2/write`.
//!
//! Batches of [`BATCH_LINES`] or [`BATCH_TIME`]; a broken sink is met with back-off alone, and after
//! it mends it gets the last half minute again (`trail.rs`). A line that the sink refuses is found
//! by halving, counted and passed over; a sink that refuses everything is broken, not right.
//! Nothing here can slow ingest: it reads the log, and holds at most one batch.
//!
//! A sink that is busy is met with back-off too. A sink that answers without having the points on disk, and is killed and back again between two writes,
//! goes unnoticed here; InfluxDB 2 is no such sink.

use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::Instant};
use tracing::{error, info, warn};

use super::{
    board::ExportBoard,
    encode::{Line, Townships, encode},
    follower::{BackOff, Follower, Log, Progress, Step},
    sink::{InfluxConfig, InfluxError, Outcome, Sink},
    trail::Trail,
};
use crate::{
    store::{CommitSeq, StoreError, view::FeedEntry},
    supervise::Stop,
};

/// The follower's name, under which its cursor is kept.
pub const NAME: &str = "influx";

/// Most lines of a write (STORE section 9).
const BATCH_LINES: usize = 5000;

/// Longest wait for a batch to fill (STORE section 9).
const BATCH_TIME: Duration = Duration::from_secs(1);

/// Between two moves of the durable cursor: each is a write to the store.
const CURSOR_EVERY: Duration = Duration::from_secs(5);

/// Lines refused in a row, without one accepted between, before the sink counts as broken instead
/// of the lines.
const REFUSED_IN_A_ROW: usize = 100;

pub(super) type Write =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// Lines on their way, and the position up to which the log is in them.
#[derive(Default)]
struct Batch {
    lines: Vec<Line>,
    to: CommitSeq,
    since: Option<Instant>,
}

impl Batch {
    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + BATCH_TIME)
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.lines.len() >= BATCH_LINES || self.due().is_some_and(|due| due <= now)
    }
}

/// The exporter.
pub struct Influx {
    log: Log,
    write: Write,
    progress: Arc<Progress>,
    board: Arc<ExportBoard>,
    /// Lines refused since the last one accepted.
    refused_in_a_row: usize,
    /// It took a line since it last failed: only then its refusals are believed.
    trusted: bool,
    /// Readings that the sink refuses, as far back as anything may be sent again.
    refused: BTreeSet<CommitSeq>,
}

impl std::fmt::Debug for Influx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Influx").field("board", &self.board).finish_non_exhaustive()
    }
}

impl Influx {
    /// An exporter to a sink.
    ///
    /// # Errors
    /// [`InfluxError`] when the configuration names none.
    pub fn new(config: &InfluxConfig, log: Log) -> Result<Self, InfluxError> {
        let sink = Arc::new(Sink::of(config)?);
        let write: Write = Arc::new(move |body| {
            let sink = Arc::clone(&sink);
            Box::pin(async move { sink.take(body).await })
        });
        Ok(Self::with_write(log, write))
    }

    pub(super) fn with_write(log: Log, write: Write) -> Self {
        Self {
            log,
            write,
            progress: Arc::default(),
            board: Arc::default(),
            refused_in_a_row: 0,
            trusted: false,
            refused: BTreeSet::new(),
        }
    }

    /// How far it is. Taken before [`Influx::run`].
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// What it counted. Taken before [`Influx::run`].
    #[must_use]
    pub fn board(&self) -> Arc<ExportBoard> {
        Arc::clone(&self.board)
    }

    /// Exports until it is told to stop. What is not settled then is sent again after the start.
    pub async fn run(self, stop: Stop) {
        let (log, progress) = (self.log.clone(), self.progress());
        let Some(follower) = Follower::open(NAME, log, progress, stop.clone()).await else {
            return;
        };
        let mut run = Run {
            trail: Trail::new(follower.durable()),
            influx: self,
            follower,
            batch: Batch::default(),
            townships: Townships::new(),
            back_off: BackOff::new(NAME),
            moved_at: Instant::now(),
        };
        while run.turn(&stop).await {}
    }

    /// Adds the readings among facts to a batch.
    async fn fill(
        &mut self,
        batch: &mut Batch,
        facts: Vec<FeedEntry>,
        townships: &mut Townships,
    ) -> Result<(), StoreError> {
        let (reader, mut known) = (Arc::clone(&self.log.reader), std::mem::take(townships));
        let to = facts.last().map_or(batch.to, |entry| entry.seq);
        let encoded = spawn_blocking(move || {
            let lines = encode(reader.as_ref(), facts, &mut known);
            (lines, known)
        });
        let Ok((lines, known)) = encoded.await else {
            return Err(StoreError::Busy);
        };
        *townships = known;
        let (lines, unwritable) = lines?;
        for seq in unwritable {
            self.quarantine(seq, "its time cannot be written in nanoseconds");
        }
        batch.to = to;
        batch.lines.extend(lines.into_iter().filter(|line| !self.refused.contains(&line.seq)));
        if !batch.lines.is_empty() {
            batch.since = batch.since.or_else(|| Some(Instant::now()));
        }
        Ok(())
    }

    /// Writes a batch. Afterwards the sink has accepted every line of it but those quarantined.
    async fn flush(&mut self, batch: &mut Batch, trail: &mut Trail) -> Result<(), String> {
        let lines = std::mem::take(&mut batch.lines);
        batch.since = None;
        let mut refused = Vec::new();
        let mut parts = vec![lines.as_slice()];
        while let Some(part) = parts.pop() {
            match ((self.write)(body(part)).await, part) {
                (Outcome::Accepted, _) => self.accepted(part.len()),
                (Outcome::Broken(why), _) => return Err(why),
                (Outcome::Refused(status), [line]) => {
                    refused.push((line.seq, status));
                    self.refused_in_a_row += 1;
                }
                (Outcome::Refused(_), several) => {
                    let (left, right) = several.split_at(several.len() / 2);
                    parts.extend([right, left]);
                }
            }
            if self.refused_in_a_row > REFUSED_IN_A_ROW {
                break;
            }
        }
        if self.refused_in_a_row > REFUSED_IN_A_ROW || !self.trusted {
            (self.refused_in_a_row, self.trusted) = (0, false);
            return Err("the sink refuses every line".to_owned());
        }
        let taken = lines.len() > refused.len();
        for (seq, status) in refused {
            self.quarantine(seq, &format!("the sink refuses it with HTTP {status}"));
        }
        if taken {
            trail.accept(Instant::now(), batch.to);
        }
        let again = trail.never_before();
        self.refused = self.refused.split_off(&again);
        if self.board.trouble().is_some() {
            info!("the sink takes readings again");
            self.board.set_trouble(None);
        }
        Ok(())
    }

    fn accepted(&mut self, lines: usize) {
        (self.refused_in_a_row, self.trusted) = (0, true);
        self.board.written(lines);
    }

    /// Passes over a reading that will never be taken. Counted once, however often it is met.
    fn quarantine(&mut self, seq: CommitSeq, why: &str) {
        if self.refused.insert(seq) {
            self.board.passed_over();
            error!(position = seq.0, why, "a reading is not exported");
        }
    }

    fn fail(&self, trouble: String) {
        self.board.failed();
        if self.board.trouble().is_none() {
            warn!(%trouble, "the sink is not being written to");
        }
        self.board.set_trouble(Some(trouble));
    }
}

/// An exporter at work.
struct Run {
    influx: Influx,
    follower: Follower,
    trail: Trail,
    batch: Batch,
    townships: Townships,
    back_off: BackOff,
    /// When the durable cursor was last moved.
    moved_at: Instant,
}

impl Run {
    /// Takes what is next, and writes what is full or due. `false`: the process should stop.
    async fn turn(&mut self, stop: &Stop) -> bool {
        let room = BATCH_LINES.saturating_sub(self.batch.lines.len()).max(1);
        let taken = match self.follower.next(room, self.due()).await {
            Step::Stop => return false,
            Step::Facts(facts) => {
                self.influx.fill(&mut self.batch, facts, &mut self.townships).await
            }
            Step::Due => Ok(()),
        };
        let done = match taken {
            Ok(()) if self.batch.is_ready(Instant::now()) => tokio::select! {
                () = stop.wait() => return false,
                done = self.influx.flush(&mut self.batch, &mut self.trail) => done,
            },
            taken => taken.map_err(|error| error.to_string()),
        };
        match done {
            Ok(()) => {
                self.tidy().await;
                true
            }
            Err(trouble) => self.start_over(trouble).await,
        }
    }

    /// When something is to be done even if the log does not grow.
    fn due(&self) -> Option<Instant> {
        let confirm_at = self.trail.confirm_at().filter(|_| self.batch.since.is_none());
        [self.batch.due(), self.move_at(), confirm_at].into_iter().flatten().min()
    }

    fn move_at(&self) -> Option<Instant> {
        let unsaved = self.trail.settled() > self.follower.durable();
        unsaved.then_some(self.moved_at + CURSOR_EVERY)
    }

    /// After a turn without trouble: settles, confirms, and moves the cursor when it is time.
    async fn tidy(&mut self) {
        let now = Instant::now();
        if self.influx.board.trouble().is_none() {
            self.back_off.reset();
        }
        if self.batch.lines.is_empty() {
            self.trail.pass(self.batch.to);
            if self.trail.confirm_at().is_some_and(|at| at <= now) {
                self.follower.rewind(self.trail.confirm());
            }
        }
        if self.move_at().is_some_and(|at| at <= now) {
            self.follower.advance(self.trail.settled()).await;
            self.moved_at = now;
        }
    }

    /// After trouble: forgets the batch, waits, and reads again from where the sink may have
    /// forgotten.
    async fn start_over(&mut self, trouble: String) -> bool {
        self.influx.fail(trouble);
        self.batch = Batch::default();
        self.follower.rewind(self.trail.resend_from());
        self.follower.rest(self.back_off.next_wait()).await
    }
}

fn body(lines: &[Line]) -> String {
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    texts.join("\n")
}
