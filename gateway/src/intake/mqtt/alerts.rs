//! Alerts for one doctor's client, read from the log.
//!
//! The log is the queue: a durable subscriber is a cursor over it, which moves only when the client
//! has acknowledged everything before. A client that was away gets what it missed, in order, at
//! least once.

use std::{collections::VecDeque, num::NonZeroU16};

use futures_util::future::BoxFuture;
use tokio::{sync::watch, task::spawn_blocking};

use super::{
    limits::ALERTS_IN_FLIGHT_MAX,
    shared::{Alerts, CursorKeeper, Kept},
};
use crate::{
    domain::DoctorId,
    intake::NotCommitted,
    store::{CommitSeq, StoreError, view::Delivered},
};

/// Why alerts cannot be delivered on. The connection ends; the client comes back and goes on.
#[derive(Debug, thiserror::Error)]
pub(super) enum AlertsError {
    /// The log could not be read.
    #[error("alerts could not be read")]
    Read(#[from] StoreError),
    /// The cursor could not be kept.
    #[error("the cursor could not be kept")]
    Keep(#[from] NotCommitted),
    /// The reading was given up, as at the end of the process.
    #[error("the reading of alerts was given up")]
    GivenUp,
}

/// What happened.
#[derive(Debug)]
pub(super) enum AlertsEvent {
    /// These are next.
    Read(Vec<Delivered>),
    /// Nothing to send, but something moved.
    Moved,
}

/// How the names begin under which cursors of clients are kept: a doctor and a client id follow.
pub const SUBSCRIPTIONS: &str = "mqtt/";

/// How a client is to get the alerts of a doctor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscription {
    /// Whose.
    pub(super) doctor: DoctorId,
    /// The follower under which its cursor is kept; `None`: it ends with the connection.
    pub(super) follower: Option<String>,
    /// With acknowledgement (QoS 1) or without.
    pub(super) acknowledged: bool,
}

impl Subscription {
    /// The name under which the cursor of a client id is kept.
    pub(super) fn follower(client_id: &str, doctor: &DoctorId) -> String {
        format!("{SUBSCRIPTIONS}{doctor}/{client_id}")
    }
}

struct Sent {
    id: NonZeroU16,
    seq: CommitSeq,
    acknowledged: bool,
}

/// A running subscription.
pub(super) struct AlertFeed {
    pub(super) subscription: Subscription,
    wiring: Alerts,
    commits: watch::Receiver<CommitSeq>,
    /// Everything up to here is sent.
    sent: CommitSeq,
    /// Everything up to here is acknowledged.
    done: CommitSeq,
    /// Everything up to here is kept as done.
    kept: CommitSeq,
    window: VecDeque<Sent>,
    next_id: NonZeroU16,
    /// The log may hold more after `sent`.
    more: bool,
    reading: Option<BoxFuture<'static, Result<Vec<Delivered>, AlertsError>>>,
    keeping: Option<Kept>,
    /// Alerts on their way at once.
    page: usize,
}

/// Finds where a subscription begins: where it was left, else at the log's end; and keeps that
/// before the client is told, so that nothing after it can be missed.
pub(super) async fn begin(
    wiring: Alerts,
    subscription: Subscription,
) -> Result<(Subscription, CommitSeq), AlertsError> {
    let cursors = wiring.cursors.clone();
    let name = subscription.follower.clone();
    let found = blocking(move || name.map_or(Ok(None), |name| (cursors.load)(&name))).await?;
    if let Some(at) = found {
        return Ok((subscription, at));
    }
    let last = wiring.last;
    let at = blocking(move || last()).await?;
    if let Some(name) = subscription.follower.clone() {
        (wiring.cursors.keep)(name, Some(at)).await?;
    }
    Ok((subscription, at))
}

/// What is kept of an earlier session of the client.
pub(super) async fn left(
    cursors: CursorKeeper,
    follower: String,
) -> Result<Option<CommitSeq>, AlertsError> {
    blocking(move || (cursors.load)(&follower)).await
}

async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, AlertsError> {
    let answer = spawn_blocking(ask).await.map_err(|_cancelled| AlertsError::GivenUp)?;
    Ok(answer?)
}

impl AlertFeed {
    pub(super) fn new(
        wiring: Alerts,
        subscription: Subscription,
        at: CommitSeq,
        window: usize,
    ) -> Self {
        let commits = wiring.commits.clone();
        Self {
            subscription,
            wiring,
            commits,
            sent: at,
            done: at,
            kept: at,
            window: VecDeque::new(),
            next_id: NonZeroU16::MIN,
            more: true,
            reading: None,
            keeping: None,
            page: window.clamp(1, ALERTS_IN_FLIGHT_MAX),
        }
    }

    /// What happens next. Safe to drop at any time.
    pub(super) async fn next(&mut self) -> Result<AlertsEvent, AlertsError> {
        self.start();
        let (reading, keeping) = (&mut self.reading, &mut self.keeping);
        let idle = reading.is_none();
        tokio::select! {
            biased;
            kept = poll_slot(keeping) => {
                *keeping = None;
                kept?;
                Ok(AlertsEvent::Moved)
            }
            read = poll_slot(reading) => {
                *reading = None;
                let read = read?;
                self.more = read.len() >= self.page;
                Ok(AlertsEvent::Read(read))
            }
            ticked = self.commits.changed(), if idle && !self.more => match ticked {
                Ok(()) => {
                    self.more = true;
                    Ok(AlertsEvent::Moved)
                }
                Err(_ended) => Err(AlertsError::GivenUp),
            },
        }
    }

    /// Starts what can be started: the next page, and keeping the cursor.
    fn start(&mut self) {
        if self.reading.is_none() && self.more && self.window.is_empty() {
            // What is committed from here on ticks again.
            self.commits.borrow_and_update();
            let after = self.wiring.after.clone();
            let (doctor, sent, page) = (self.subscription.doctor.clone(), self.sent, self.page);
            self.reading = Some(Box::pin(blocking(move || after(&doctor, sent, page))));
        }
        let behind = self.kept < self.done && self.keeping.is_none();
        if let Some(name) = self.subscription.follower.clone().filter(|_| behind) {
            self.kept = self.done;
            self.keeping = Some((self.wiring.cursors.keep)(name, Some(self.done)));
        }
    }

    /// The topic of this doctor's alerts.
    pub(super) fn topic(&self) -> String {
        format!("xz/1/doctor/{}/alert", self.subscription.doctor)
    }

    /// The message for one alert.
    pub(super) fn message(&self, alert: &Delivered) -> Vec<u8> {
        (self.wiring.message)(&self.subscription.doctor, alert)
    }

    /// One alert goes out now, under this packet id if it is to be acknowledged.
    pub(super) fn send(&mut self, seq: CommitSeq) -> Option<NonZeroU16> {
        self.sent = self.sent.max(seq);
        if !self.subscription.acknowledged {
            self.done = self.sent;
            return None;
        }
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(NonZeroU16::MIN);
        self.window.push_back(Sent { id, seq, acknowledged: false });
        Some(id)
    }

    /// The client has one; `false` if it was never sent.
    pub(super) fn acknowledge(&mut self, id: NonZeroU16) -> bool {
        let sent = self.window.iter_mut().find(|sent| sent.id == id && !sent.acknowledged);
        let known = sent.map(|sent| sent.acknowledged = true).is_some();
        while self.window.front().is_some_and(|sent| sent.acknowledged) {
            self.done = self.window.pop_front().map_or(self.done, |sent| sent.seq.max(self.done));
        }
        known
    }

    /// Ends the subscription for good, on the client's wish.
    pub(super) fn forget(&self) -> Option<Kept> {
        let name = self.subscription.follower.clone()?;
        Some((self.wiring.cursors.keep)(name, None))
    }
}

async fn poll_slot<T>(slot: &mut Option<BoxFuture<'static, T>>) -> T {
    match slot {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
