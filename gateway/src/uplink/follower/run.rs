//! The follower: a greeting, then batch after batch, each from where the gateway above says it is.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    ANSWER_MAX, GATHER, GREET_EVERY,
    again::Again,
    answer::{self, Trouble},
    days::Days,
    incoming::Incoming,
    line::{Line, LineError},
    pace::{Pace, chance},
    renew::Renewing,
    sent::Sent,
};
use crate::{
    domain::{BoxId, Clock},
    enrol::Enrolled,
    intake::Inlet,
    store::{CommitSeq, Reader, StoreError, Toward},
    supervise::Stop,
    uplink::{
        GatewayKey, PublicKey, Status,
        batch::{Batch, Code, Dispute, Hello, Message, Nonce, Point, RosterState, Told, Wants},
    },
};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};

/// Facts of one batch.
const COUNT: usize = 2_000;

/// Largest envelope that is sent, in bytes: it fits the packet that a listener takes by default.
const SEALED_MAX: usize = 192 * 1024;

/// Positions by which the gateway above must be behind for alerts to overtake the rest.
const EXPRESS_FROM: i64 = 200;

/// What the follower needs of the rest of the gateway.
#[derive(Clone)]
pub struct Log {
    /// The reading side of the store.
    pub reader: Arc<dyn Reader>,
    /// The writer's door, for what comes down.
    pub inlet: Inlet,
    /// Ticks when something was committed.
    pub commits: watch::Receiver<CommitSeq>,
    /// What it signs with.
    pub key: Arc<GatewayKey>,
    /// The time, for what is shown alone.
    pub clock: Clock,
    /// How things stand, for pages and metrics.
    pub status: Arc<Status>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Where to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// As it is shown.
    pub to: String,
    /// Whom alone it believes.
    pub above: PublicKey,
    /// The data folder.
    pub folder: PathBuf,
    /// What it was enrolled with, if it was by a code.
    pub enrolled: Option<Arc<Enrolled>>,
}

/// What to do after a round.
enum Next {
    Again,
    Wait,
}

/// Hands the log up.
pub struct Follower {
    pub(super) log: Log,
    pub(super) settings: Settings,
    line: Box<dyn Line>,
    pub(super) us: Told,
    pub(super) sent: Arc<Mutex<Sent>>,
    pub(super) incoming: Arc<Mutex<Incoming>>,
    pub(super) pace: Pace,
    /// Who is above, once it was heard.
    pub(super) above: Option<Told>,
    /// Where the gateway above stands; `None`: it must be asked.
    pub(super) at: Option<Point>,
    greeted: Option<Instant>,
    /// The time that the latest answer said, by the clock of the gateway above.
    pub(super) heard: Option<i64>,
    pub(super) dispute: Option<Dispute>,
    /// Alerts up to here have overtaken.
    pub(super) expressed: CommitSeq,
    pub(super) more_comes_down: bool,
    /// Sites' days whose receipts are to be compared.
    pub(super) days: Days,
    /// Facts of ours that are read again from above, and those of above that go back there.
    pub(super) again: Again,
    pub(super) renewing: Option<Renewing>,
    nonce: u64,
    /// The trouble that was told last, in its words: the same one again is only counted.
    pub(super) told: Option<String>,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("to", &self.settings.to).finish_non_exhaustive()
    }
}

impl Follower {
    /// A follower of this gateway's log. Blocks.
    ///
    /// # Errors
    /// The store does not say who this gateway is, or the folder cannot be written.
    pub fn new(log: Log, settings: Settings, line: Box<dyn Line>) -> Result<Self, StoreError> {
        let (name, epoch) = log.reader.gateway()?;
        let by = BoxId::new(&name).map_err(|_unnamed| StoreError::Asked {
            what: "this gateway's name is none that others can call it by",
        })?;
        let sent = Sent::open(&settings.folder, epoch).map_err(|source| StoreError::File {
            what: "opening what was sent",
            path: settings.folder.clone(),
            source,
        })?;
        let incoming = Incoming::new(&settings.folder);
        let to = settings.to.clone();
        log.status.change_up(|up| up.to = to);
        Ok(Self {
            us: Told { by, epoch, nonce: Nonce(0) },
            sent: Arc::new(Mutex::new(sent)),
            incoming: Arc::new(Mutex::new(incoming)),
            pace: Pace::new(),
            above: None,
            at: None,
            greeted: None,
            heard: None,
            dispute: None,
            expressed: CommitSeq::default(),
            more_comes_down: false,
            days: Days::default(),
            again: Again::default(),
            renewing: settings.enrolled.clone().map(Renewing::new),
            // A number that JSON carries exactly in every language.
            nonce: chance() >> 12,
            told: None,
            log,
            settings,
            line,
        })
    }

    /// Hands the log up until the process stops.
    pub async fn run(mut self, stop: Stop) {
        let mut pause = Pace::start(chance());
        loop {
            tokio::select! {
                () = stop.wait() => return,
                () = sleep(pause) => {}
            }
            let round = tokio::select! {
                () = stop.wait() => return,
                round = self.round() => round,
            };
            pause = match round {
                Ok(Next::Again) => Duration::ZERO,
                Ok(Next::Wait) => {
                    tokio::select! {
                        () = stop.wait() => return,
                        pause = self.idle() => pause,
                    }
                }
                Err(trouble) => self.troubled(&trouble),
            };
        }
    }

    /// Waits for something to send, or for the time to greet; returns how long to gather what comes.
    async fn idle(&mut self) -> Duration {
        let since = self.greeted.map_or(GREET_EVERY, |at| at.elapsed());
        let left = GREET_EVERY.saturating_sub(since);
        let sending = self.at.is_some();
        let commits = &mut self.log.commits;
        let grown = async {
            if !sending || commits.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = grown => GATHER,
            () = sleep(left) => Duration::ZERO,
        }
    }

    async fn round(&mut self) -> Result<Next, Trouble> {
        let due = self.greeted.is_none_or(|at| at.elapsed() >= GREET_EVERY);
        if self.at.is_none() || due || self.more_comes_down {
            self.greet().await?;
            self.renew_if_due().await;
        }
        let Some(at) = self.at else { return Ok(Next::Wait) };
        self.look_back().await?;
        self.log.commits.borrow_and_update();
        let last = self.ask(|reader| reader.last()).await?;
        if last <= at.upto {
            let more = self.receipts(last).await? || self.more_comes_down;
            return Ok(if more { Next::Again } else { Next::Wait });
        }
        if last.0.saturating_sub(at.upto.0) > EXPRESS_FROM {
            self.express(at).await?;
        }
        self.send(at, last).await
    }

    pub(super) async fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = Arc::clone(&self.log.reader);
        match spawn_blocking(move || question(reader.as_ref())).await {
            Ok(answer) => answer,
            Err(_cut_off) => Err(StoreError::Busy),
        }
    }

    pub(super) fn next_told(&mut self) -> Told {
        self.nonce = self.nonce.wrapping_add(1);
        Told { nonce: Nonce(self.nonce), ..self.us.clone() }
    }

    /// Asks where the gateway above stands, and takes what comes down with the answer.
    async fn greet(&mut self) -> Result<(), Trouble> {
        let told = self.next_told();
        // What was heard before the log's end was read: everything of before that lies at or before it.
        let last = self.ask(|reader| reader.last()).await?.0;
        let wants = self.wants().await?;
        let nonce = told.nonce;
        let (dispute, heard, lag) = (self.dispute, self.heard, self.lag().await?);
        let hello = Message::Hello(Hello { told, last, wants, dispute, heard, lag });
        self.more_comes_down = false;
        let first = self.above.is_none();
        let answers = self.exchange(&hello, nonce).await?;
        self.days.answered(self.greeted.replace(Instant::now()));
        // Only now is it known whose log and rosters to ask for.
        self.more_comes_down |= first && self.above.is_some();
        self.take(answers).await
    }

    /// What is held of the gateway above.
    async fn wants(&mut self) -> Result<Option<Wants>, Trouble> {
        let Some(above) = self.above.clone() else { return Ok(None) };
        let name = above.by.clone();
        let (mark, held) = self
            .ask(move |reader| Ok((reader.watermark(&name)?, reader.roster_held(name.as_str())?)))
            .await?;
        let holds = self.read_again(mark, held.as_ref()).await?;
        let incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        let (fetching, have) = incoming.state();
        let wishes = incoming.wishes();
        drop(incoming);
        let roster = match held {
            _ if !wishes => {
                RosterState { epoch: above.epoch, upto: i64::MAX, ..RosterState::default() }
            }
            Some(held) => RosterState {
                epoch: held.epoch,
                villages: held.villages,
                upto: held.upto.0,
                fetching,
                have,
            },
            None => RosterState { fetching, have, ..RosterState::default() },
        };
        Ok(Some(Wants { holds, roster }))
    }

    /// The next facts in their turn.
    async fn send(&mut self, at: Point, last: CommitSeq) -> Result<Next, Trouble> {
        let bytes = self.pace.bytes();
        let cargo =
            self.ask(move |reader| reader.cargo(&Toward::Up, at.upto, COUNT, bytes)).await?;
        if cargo.upto <= at.upto {
            return Ok(Next::Wait);
        }
        let told = self.next_told();
        let nonce = told.nonce;
        let (after, upto, previous) = (at.upto, cargo.upto, at.hash);
        let batch = Batch { told, after, upto, previous, last, parcels: cargo.parcels };
        let (end, facts) = (batch.end(), batch.parcels.len());
        let message = Message::Batch(batch);
        let sealed = message.seal(&self.log.key);
        let fits = sealed.as_ref().is_ok_and(|sealed| sealed.len() <= SEALED_MAX);
        if !fits && facts > 1 {
            self.pace.smaller();
            if self.pace.bytes() < bytes {
                return Ok(Next::Again);
            }
        }
        let sealed = sealed?;
        self.record(end).await?;
        let (began, length) = (Instant::now(), sealed.len());
        let answers = self.exchange_sealed(sealed, nonce).await?;
        self.take(answers).await?;
        if self.at == Some(end) {
            self.pace.answered(began.elapsed());
            self.log.status.change_up(|up| {
                up.batches = up.batches.saturating_add(1);
                up.bytes = up.bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            });
        }
        Ok(Next::Again)
    }

    /// On disk before it leaves: whatever the gateway above may ever state is known here.
    async fn record(&mut self, end: Point) -> Result<(), Trouble> {
        let sent = Arc::clone(&self.sent);
        let kept =
            spawn_blocking(move || sent.lock().unwrap_or_else(PoisonError::into_inner).record(end));
        kept.await.map_err(io::Error::other)?.map_err(Trouble::File)
    }

    pub(super) async fn exchange(
        &mut self,
        message: &Message,
        nonce: Nonce,
    ) -> Result<Vec<Message>, Trouble> {
        let sealed = message.seal(&self.log.key)?;
        self.exchange_sealed(sealed, nonce).await
    }

    async fn exchange_sealed(
        &mut self,
        sealed: Vec<u8>,
        nonce: Nonce,
    ) -> Result<Vec<Message>, Trouble> {
        let answer = timeout(ANSWER_MAX, self.line.exchange(sealed)).await;
        let train = answer.map_err(|_elapsed| LineError::Silent)??;
        let answers = answer::read(&train, (&self.settings.above, &self.us.by, nonce))?;
        let now = self.log.clock.now();
        self.log.status.change_up(|up| {
            (up.contact, up.failures, up.refused) = (Some(now), 0, None);
            // Two chains stay an alarm until the gateway above states one of ours.
            up.alarm.take_if(|alarm| alarm.code != Code::Chain);
        });
        self.told = None;
        Ok(answers)
    }
}
