//! The one task that sends: it wakes on a commit or when something comes due, takes due rows from
//! the store, gives each recipient turns, and lets go of a row only when its attempt is on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};
use tracing::warn;

use super::{
    Answer, Board, Notifier, NotifyConfig, Parts, Post, Wording,
    lanes::Lanes,
    mqtt,
    plan::{Message, Plan, Turn, plan},
};
use crate::{
    domain::{DoctorId, Millis, NotificationKey, Timestamp},
    intake::NotCommitted,
    store::{Channel, Owed, Sending, StoreError},
    supervise::Stop,
};

/// Rows asked from the store at once, beside those in hand.
const CLAIM: usize = 512;

/// Rows in hand. Full: the others stay owed in the store and are taken when some are done.
const CLAIMED_MAX: usize = 16 * 1024;

/// After rows were read the store is left alone so many times as long as that took: what waits in
/// thousands is not read again at every commit.
const RESTS: u32 = 3;

/// Of these, rows that wait for doctors' MQTT clients.
const MQTT_MAX: usize = CLAIMED_MAX / 2;

/// Turns that read the store at the same time.
const PLANS: usize = 4;

/// Between two looks at rows that wait for MQTT clients, and before the store is asked again when
/// it failed or when something long due is not ours to send.
const LOOK_AGAIN: Millis = Millis::seconds(1);

/// Longest sleep, so that a clock that was set is noticed.
const SLEEP_MAX: Millis = Millis::minutes(1);

/// Longest wait for what is on its way when the process should stop.
const FINISH_MAX: Duration = Duration::from_secs(3);

/// A row, and what became of it.
pub(super) type Settled = (Owed, Sending);

/// Everything that can happen while something is under way.
pub(super) enum Event {
    Claimed(Result<Claim, Trouble>),
    Planned(DoctorId, Result<Plan, Trouble>),
    Answered(DoctorId, Message, Answer),
    Recorded(Option<DoctorId>, Vec<NotificationKey>, Result<(), NotCommitted>),
    Mqtt(Result<Vec<Settled>, Trouble>),
}

pub(super) struct Claim {
    pub(super) rows: Vec<Owed>,
    pub(super) limit: usize,
    pub(super) next_due: Option<Timestamp>,
    /// How long reading them took.
    pub(super) took: Duration,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("reading the store was cut off")]
    CutOff,
}

pub(super) type Running = FuturesUnordered<std::pin::Pin<Box<dyn Future<Output = Event> + Send>>>;

pub(super) struct Dispatcher {
    pub(super) parts: Parts,
    pub(super) config: NotifyConfig,
    pub(super) post: Post,
    pub(super) board: Arc<Board>,
    pub(super) lanes: Lanes,
    pub(super) mqtt: BTreeMap<NotificationKey, Owed>,
    pub(super) claimed: BTreeSet<NotificationKey>,
    /// Rows recorded while a claim was reading: it may have seen them as still owed.
    pub(super) done_meanwhile: BTreeSet<NotificationKey>,
    pub(super) claiming: bool,
    /// No claim before this.
    pub(super) rest_until: Instant,
    /// Something was committed, or came due, since the last claim began.
    pub(super) look: bool,
    pub(super) look_at: Timestamp,
    pub(super) mqtt_at: Timestamp,
    pub(super) mqtt_busy: bool,
    pub(super) plans: Arc<Semaphore>,
    pub(super) running: Running,
    pub(super) stopping: bool,
}

impl Dispatcher {
    pub(super) fn new(notifier: Notifier) -> Self {
        let Notifier { parts, config, post, board } = notifier;
        let now = parts.clock.now();
        Self {
            lanes: Lanes::new(config.caps),
            parts,
            config,
            post,
            board,
            mqtt: BTreeMap::new(),
            claimed: BTreeSet::new(),
            done_meanwhile: BTreeSet::new(),
            claiming: false,
            rest_until: Instant::now(),
            look: true,
            look_at: now,
            mqtt_at: now,
            mqtt_busy: false,
            plans: Arc::new(Semaphore::new(PLANS)),
            running: FuturesUnordered::new(),
            stopping: false,
        }
    }

    pub(super) async fn run(mut self, stop: Stop) {
        let (mut commits, mut gate) = (self.parts.commits.clone(), self.parts.gate.clone());
        let (mut writer_lives, mut gate_lives) = (true, true);
        loop {
            let now = self.parts.clock.now();
            self.start(now);
            let nap = self.nap(now);
            tokio::select! {
                biased;
                () = stop.wait() => break,
                Some(event) = self.running.next() => self.apply(event),
                ended = commits.changed(), if writer_lives => {
                    writer_lives = ended.is_ok();
                    self.look = true;
                }
                ended = gate.changed(), if gate_lives => {
                    gate_lives = ended.is_ok();
                    self.look = true;
                }
                () = sleep(nap) => self.look = true,
            }
        }
        self.finish().await;
    }

    /// Gives what is on its way a moment to end, so that a planned restart repeats little.
    async fn finish(mut self) {
        self.stopping = true;
        let rest = async {
            while let Some(event) = self.running.next().await {
                self.apply(event);
            }
        };
        if timeout(FINISH_MAX, rest).await.is_err() {
            warn!("messages on their way were cut off; they go again after the start");
        }
    }

    /// Begins whatever can begin now.
    fn start(&mut self, now: Timestamp) {
        let open = self.parts.gate.borrow().is_open();
        self.board.count(|numbers| {
            numbers.gate_open = open;
            numbers.claimed = self.claimed.len();
        });
        if !open {
            return;
        }
        let rested = self.rest_until <= Instant::now();
        if self.look && !self.claiming && rested && self.claimed.len() < CLAIMED_MAX {
            self.look = false;
            self.claiming = true;
            self.lanes.sweep(now);
            self.claim(now);
        }
        for turn in self.lanes.begin(now) {
            self.plan(turn);
        }
        if !self.mqtt.is_empty() && !self.mqtt_busy && self.mqtt_at <= now {
            self.look_at_mqtt(now);
        }
    }

    /// How long nothing will come due. A wake that lies behind us waits for something under way.
    fn nap(&self, now: Timestamp) -> Duration {
        let open = self.parts.gate.borrow().is_open();
        let mqtt = (!self.mqtt.is_empty() && !self.mqtt_busy).then_some(self.mqtt_at);
        let look = Some(if self.look_at > now { self.look_at } else { now.plus(LOOK_AGAIN) });
        let wakes = [look, self.lanes.next_wake(), mqtt];
        let next = wakes.into_iter().flatten().filter(|at| open && *at > now).min();
        let next = next.unwrap_or(now.plus(SLEEP_MAX));
        let wait = next.since(now).0.clamp(1, SLEEP_MAX.0);
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(1));
        let rest = self.rest_until.saturating_duration_since(Instant::now());
        if self.look && !rest.is_zero() { wait.min(rest) } else { wait }
    }

    fn claim(&mut self, now: Timestamp) {
        let limit = self.claimed.len().saturating_add(CLAIM);
        let reader = Arc::clone(&self.parts.reader);
        let read = move || -> Result<Claim, StoreError> {
            let begun = Instant::now();
            let (rows, next_due) = (reader.owed(now, limit)?, reader.next_due()?);
            Ok(Claim { rows, limit, next_due, took: begun.elapsed() })
        };
        self.running.push(Box::pin(async move { Event::Claimed(blocking(read).await) }));
    }

    fn plan(&mut self, turn: Turn) {
        let (reader, plans) = (Arc::clone(&self.parts.reader), Arc::clone(&self.plans));
        let wording = Wording {
            links: self.config.links.clone(),
            case_prefix: self.config.case_prefix.clone(),
            consent_required: self.config.consent_required,
        };
        let name = turn.recipient.clone();
        self.running.push(Box::pin(async move {
            let Ok(_place) = plans.acquire().await else {
                return Event::Planned(name, Err(Trouble::CutOff));
            };
            let planned = blocking(move || plan(reader.as_ref(), &wording, turn)).await;
            Event::Planned(name, planned)
        }));
    }

    fn look_at_mqtt(&mut self, now: Timestamp) {
        self.mqtt_busy = true;
        self.mqtt_at = now.plus(LOOK_AGAIN);
        let (reader, cursor) = (Arc::clone(&self.parts.reader), self.parts.mqtt_cursor.clone());
        let rows: Vec<Owed> = self.mqtt.values().cloned().collect();
        self.running.push(Box::pin(async move {
            let look = move || mqtt::settled(reader.as_ref(), &cursor, rows, now);
            Event::Mqtt(blocking(look).await)
        }));
    }

    fn apply(&mut self, event: Event) {
        let now = self.parts.clock.now();
        match event {
            Event::Claimed(Ok(claim)) => {
                self.rest_until = Instant::now()
                    .checked_add(claim.took.saturating_mul(RESTS))
                    .unwrap_or(self.rest_until);
                self.take(claim, now);
            }
            Event::Claimed(Err(error)) => {
                warn!(%error, "owed notifications could not be read");
                self.claiming = false;
                self.look_at = now.plus(LOOK_AGAIN);
            }
            Event::Planned(..) if self.stopping => {}
            Event::Planned(name, Ok(plan)) => self.go(name, plan, now),
            Event::Planned(name, Err(error)) => {
                warn!(recipient = %name, %error, "a message could not be decided");
                self.lanes.end(&name, &[], now.plus(LOOK_AGAIN));
            }
            Event::Answered(name, message, answer) => self.answered(name, message, answer, now),
            Event::Recorded(name, keys, Ok(())) => self.recorded(name, &keys, now),
            // The writer is gone and the process about to stop. The rows stay in hand, so that
            // nothing is sent again before the restart.
            Event::Recorded(_, keys, Err(error)) => {
                warn!(rows = keys.len(), %error, "attempts are not on disk");
            }
            Event::Mqtt(settled) => self.mqtt_settled(settled),
        }
    }

    pub(super) fn take(&mut self, claim: Claim, now: Timestamp) {
        self.claiming = false;
        let done = std::mem::take(&mut self.done_meanwhile);
        let full = claim.rows.len() >= claim.limit;
        for row in claim.rows {
            if done.contains(&row.key) || self.claimed.contains(&row.key) {
                continue;
            }
            match row.channel {
                Channel::Mqtt if self.mqtt.len() >= MQTT_MAX => {}
                Channel::Mqtt => {
                    self.claimed.insert(row.key);
                    self.mqtt.insert(row.key, row);
                }
                Channel::Webhook => {
                    self.claimed.insert(row.key);
                    self.lanes.add(row, now);
                }
            }
        }
        self.look |= full;
        let soonest = now.plus(LOOK_AGAIN);
        self.look_at = match claim.next_due {
            Some(due) if due > now => due,
            Some(_) => soonest,
            None => now.plus(SLEEP_MAX),
        };
    }
}

/// Reads on a thread that may block.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Trouble> {
    match spawn_blocking(read).await {
        Ok(result) => Ok(result?),
        Err(_panicked_or_stopped) => Err(Trouble::CutOff),
    }
}
