//! One client, from CONNACK to its end: one task, one closed list of events, and a synchronous
//! answer to each.
//!
//! Acknowledging happens in one place, [`Session::on_committed`], against the receipt of a commit.
//! What was decoded is always handed to the writer, however the connection ends.

use std::{io, num::NonZeroU16, pin::Pin, sync::Arc};

use futures_util::future::BoxFuture;
use rmqtt_codec::v5::DisconnectReasonCode as Code;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot::error::RecvError,
    time::{Instant, Sleep, sleep_until},
};
use tracing::warn;

use super::{
    alerts::{AlertFeed, AlertsError, AlertsEvent, Subscription},
    batch::{InFlight, Slot},
    handshake::Joined,
    limits::HEARD_BYTES,
    live::{LiveValue, LiveView},
    packet::Packet,
    shared::{Kick, Shared},
    strict::{Version, Violation},
    subscribe::Opening,
    uplink::{Answered, Asking},
    wire::{Moved, Wire},
};
use crate::{
    intake::{NotCommitted, Pending, Receipt},
    store::CommitSeq,
};

/// How a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client is gone.
    Gone,
    /// The client said goodbye.
    Goodbye {
        /// It still wants its will published.
        will: bool,
        /// It wants nothing kept.
        forget: bool,
    },
    /// It broke the protocol or a limit.
    Violation(Violation),
    /// It was silent for too long.
    Silent,
    /// Another connection or a decision ended it.
    Kicked(Kick),
    /// The writer takes nothing more.
    NotCommitted,
    /// Its alerts cannot be delivered on.
    Alerts(AlertsError),
    /// The process stops.
    Stop,
}

impl From<Violation> for End {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<NotCommitted> for End {
    fn from(_: NotCommitted) -> Self {
        Self::NotCommitted
    }
}

impl From<AlertsError> for End {
    fn from(error: AlertsError) -> Self {
        Self::Alerts(error)
    }
}

/// What the connection has begun and must finish before it takes another packet.
#[derive(Debug)]
pub(super) enum Done {
    /// The writer has the batch.
    HandedOver(Result<Pending, NotCommitted>),
    /// It is known where a subscription begins.
    Opened(NonZeroU16, Vec<u8>, Result<(Subscription, CommitSeq), AlertsError>),
    /// A subscription is forgotten.
    Forgotten(Result<(), NotCommitted>),
    /// A gateway below has its answer.
    Answered(Answered),
}

/// Everything that can happen to a connection.
enum Event {
    Stop,
    Kicked(Result<Kick, RecvError>),
    Committed(Result<Receipt, NotCommitted>),
    Done(Done),
    Moved(io::Result<Moved>),
    Alerts(Result<AlertsEvent, AlertsError>),
    Live(Arc<LiveValue>),
    Alarm,
}

/// A connected client.
pub(super) struct Session<S> {
    pub(super) wire: Wire<S>,
    pub(super) shared: Arc<Shared>,
    pub(super) client: Box<Joined>,
    pub(super) in_flight: InFlight,
    pub(super) doing: Option<BoxFuture<'static, Done>>,
    pub(super) opening: Option<Box<Opening>>,
    pub(super) asking: Option<Box<Asking>>,
    /// It reads what comes down to it.
    pub(super) reads_down: bool,
    pub(super) alerts: Option<Box<AlertFeed>>,
    pub(super) live: Option<Box<LiveView>>,
    alarm: Pin<Box<Sleep>>,
    heard_at: Instant,
    unheard_bytes: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(wire: Wire<S>, shared: Arc<Shared>, mut client: Box<Joined>) -> Self {
        let heard_at = Instant::now();
        let alerts = client.resumed.take().map(|(subscription, at)| {
            let alerts = shared.wiring.alerts.clone();
            Box::new(AlertFeed::new(alerts, subscription, at, client.window))
        });
        Self {
            alarm: Box::pin(sleep_until(heard_at + client.silence)),
            wire,
            shared,
            client,
            in_flight: InFlight::default(),
            doing: None,
            opening: None,
            asking: None,
            reads_down: false,
            alerts,
            live: None,
            heard_at,
            unheard_bytes: 0,
        }
    }

    /// Serves the client until something ends the connection.
    pub(super) async fn serve(&mut self, mut stop: Pin<&mut impl Future<Output = ()>>) -> End {
        loop {
            if let Err(end) = self.advance() {
                return end;
            }
            let event = self.next_event(stop.as_mut()).await;
            if let Err(end) = self.apply(event) {
                return end;
            }
        }
    }

    async fn next_event(&mut self, stop: Pin<&mut impl Future<Output = ()>>) -> Event {
        let (reading, clogged) = (self.may_take(), self.wire.is_clogged());
        tokio::select! {
            biased;
            () = stop => Event::Stop,
            kick = &mut self.client.place.kicked => Event::Kicked(kick),
            receipt = of(self.in_flight.front()) => Event::Committed(receipt),
            done = of(self.doing.as_mut()) => Event::Done(done),
            moved = self.wire.moved(reading) => Event::Moved(moved),
            alerts = next_alerts(&mut self.alerts), if !clogged => Event::Alerts(alerts),
            value = next_live(&mut self.live, &self.shared) => Event::Live(value),
            () = self.alarm.as_mut() => Event::Alarm,
        }
    }

    fn apply(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Stop => Err(End::Stop),
            Event::Kicked(Ok(kick)) => Err(End::Kicked(kick)),
            Event::Kicked(Err(_)) => Err(End::Stop),
            Event::Committed(receipt) => {
                self.on_committed(&receipt?);
                Ok(())
            }
            Event::Done(done) => self.on_done(done),
            Event::Moved(Ok(Moved::Received(bytes))) => {
                self.unheard_bytes += bytes;
                if self.unheard_bytes >= HEARD_BYTES {
                    self.heard();
                }
                Ok(())
            }
            Event::Moved(Ok(Moved::Drained)) => Ok(()),
            Event::Moved(Ok(Moved::Ended) | Err(_)) => Err(End::Gone),
            Event::Alerts(event) => {
                self.on_alerts(event?);
                Ok(())
            }
            Event::Live(value) => {
                self.on_live(&value);
                Ok(())
            }
            Event::Alarm => self.on_alarm(),
        }
    }

    /// Takes the packets that have come, and begins what they ask for.
    fn advance(&mut self) -> Result<(), End> {
        while self.may_take() {
            let Some(packet) = self.wire.next()? else { break };
            self.heard();
            self.on_packet(packet)?;
        }
        if self.doing.is_none() {
            self.begin();
        }
        while let Some(batch) = self.in_flight.land_if_free() {
            self.answer(&batch.slots);
        }
        Ok(())
    }

    /// Whether another packet may be taken. While not, the connection is not read either, and the
    /// client keeps what it has.
    fn may_take(&self) -> bool {
        let within = self.wire.version() == Version::V5 || self.in_flight.owed() < self.owed_max();
        let free = self.doing.is_none() && self.opening.is_none() && self.asking.is_none();
        free && within && self.in_flight.has_room() && !self.wire.is_clogged()
    }

    pub(super) fn owed_max(&self) -> usize {
        usize::from(self.shared.wiring.limits.in_flight)
    }

    fn heard(&mut self) {
        self.heard_at = Instant::now();
        self.unheard_bytes = 0;
    }

    fn on_packet(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.on_publish(&publish)?,
            Packet::Acked(id, taken) => self.on_acknowledged(id, taken),
            Packet::Subscribe(subscribe) => self.on_subscribe(*subscribe)?,
            Packet::Unsubscribe(id, filters) => self.on_unsubscribe(id, &filters)?,
            Packet::Ping => self.wire.pingresp(),
            Packet::Disconnect { will, expiry_seconds } => {
                if !self.client.durable && expiry_seconds.is_some_and(|seconds| seconds > 0) {
                    let what = "session expiry that CONNECT did not have";
                    return Err(Violation::new(Code::ProtocolError, what).into());
                }
                return Err(End::Goodbye { will, forget: expiry_seconds == Some(0) });
            }
        }
        Ok(())
    }

    /// Begins the next thing that takes time: the batch first, then the subscription after it.
    pub(super) fn begin(&mut self) {
        if !self.in_flight.forming.items.is_empty() {
            let (items, bytes) = self.in_flight.hand_over();
            let inlet = self.shared.wiring.inlet.clone();
            self.doing =
                Some(Box::pin(async move { Done::HandedOver(inlet.deliver(items, bytes).await) }));
            return;
        }
        if !self.in_flight.forming.is_empty() {
            self.in_flight.hand_over();
            self.in_flight.handed_over(None);
        }
        if let Some(opening) = self.opening.take() {
            let alerts = self.shared.wiring.alerts.clone();
            self.doing = Some((*opening).open(alerts));
            return;
        }
        if let Some(asking) = self.asking.take() {
            self.doing = Some((*asking).ask());
        }
    }

    fn on_done(&mut self, done: Done) -> Result<(), End> {
        self.doing = None;
        match done {
            Done::HandedOver(pending) => self.in_flight.handed_over(Some(pending?)),
            Done::Opened(id, codes, opened) => {
                let (subscription, at) = opened?;
                let alerts = self.shared.wiring.alerts.clone();
                let feed = AlertFeed::new(alerts, subscription, at, self.client.window);
                self.alerts = Some(Box::new(feed));
                self.wire.suback(id, &codes);
            }
            Done::Forgotten(forgotten) => forgotten?,
            Done::Answered(answered) => self.on_answered(answered)?,
        }
        Ok(())
    }

    /// The one place where a publish is acknowledged: against the receipt of its commit.
    pub(super) fn on_committed(&mut self, _proof: &Receipt) {
        if let Some(batch) = self.in_flight.land() {
            self.answer(&batch.slots);
            for value in batch.live {
                // Nobody watching any more is no loss.
                drop(self.shared.live.send(Arc::new(value)));
            }
        }
    }

    fn answer(&mut self, slots: &[Slot]) {
        for slot in slots {
            self.wire.puback(slot.id, slot.refused);
        }
        let taken = slots.iter().filter(|slot| slot.refused.is_none()).count();
        self.shared.metrics().acknowledged.add(u64::try_from(taken).unwrap_or(u64::MAX));
    }

    fn on_alarm(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if !self.may_take() {
            // While we do not read, its pings cannot be heard.
            self.heard_at = now;
        }
        let due = self.heard_at + self.client.silence;
        if due <= now {
            return Err(End::Silent);
        }
        self.alarm.as_mut().reset(due);
        Ok(())
    }

    fn on_acknowledged(&mut self, id: NonZeroU16, taken: bool) {
        let metrics = self.shared.metrics();
        let known = self.alerts.as_mut().is_some_and(|feed| feed.acknowledge(id));
        match (known, taken) {
            (true, true) => metrics.alerts_acknowledged.add_one(),
            (true, false) => {
                metrics.alerts_refused.add_one();
                warn!(client = %self.client.client_id, "a doctor's client refused an alert");
            }
            (false, _) => {}
        }
    }

    fn on_alerts(&mut self, event: AlertsEvent) {
        let AlertsEvent::Read(alerts) = event else { return };
        let Some(feed) = self.alerts.as_mut() else { return };
        let topic = feed.topic();
        for alert in alerts {
            let id = feed.send(alert.seq);
            if self.wire.publish(&topic, feed.message(&alert).into(), id).is_ok() {
                self.shared.metrics().alerts_sent.add_one();
                continue;
            }
            self.shared.metrics().alerts_refused.add_one();
            warn!(client = %self.client.client_id, "an alert exceeds the client's packet limit");
            // The client must never see it, so it cannot hold up the others.
            if let Some(id) = id {
                feed.acknowledge(id);
            }
        }
    }

    fn on_live(&mut self, value: &LiveValue) {
        let metrics = self.shared.metrics();
        let sent = !self.wire.is_clogged()
            && self.wire.publish(&value.topic, value.payload.clone(), None).is_ok();
        if sent { metrics.live_sent.add_one() } else { metrics.live_skipped.add_one() }
    }
}

/// Waits for what there is; for ever, if there is nothing.
async fn of<T>(future: Option<&mut (impl Future<Output = T> + Unpin)>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn next_alerts(feed: &mut Option<Box<AlertFeed>>) -> Result<AlertsEvent, AlertsError> {
    match feed {
        Some(feed) => feed.next().await,
        None => std::future::pending().await,
    }
}

async fn next_live(view: &mut Option<Box<LiveView>>, shared: &Shared) -> Arc<LiveValue> {
    match view {
        Some(view) => view.next(shared.metrics()).await,
        None => std::future::pending().await,
    }
}
