//! The consumer of a broker: one task, which alone polls the connection and alone acknowledges.
//!
//! A message carries the epoch of the connection that brought it. Messages of an older epoch may
//! still surface after a failure; they are committed like any other and never acknowledged, for
//! their packet id may meanwhile name another message.

use std::{
    collections::VecDeque,
    future::ready,
    hash::{BuildHasher, RandomState},
    pin::{Pin, pin},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rumqttc::v5::{
    AsyncClient, ConnectionError, Event, EventLoop,
    mqttbytes::v5::{Packet, Publish, SubscribeReasonCode},
};
use tokio::time::{Sleep, sleep};
use tracing::{error, info, warn};

use super::{BrokerConfig, BrokerWiring, PAUSE_MAX, REQUESTS, distrusts, pause, words};
use crate::{
    domain::Road,
    intake::{Arrival, Identity, Item, NotCommitted, Pending, Receipt, Topic},
    supervise::Stop,
};

/// Messages of one batch. Full: the connection is not polled until the writer has it.
const BATCH_MAX: usize = 256;

/// Bytes of one batch.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// Batches that wait for their commit. Full: the connection is not polled.
const BATCHES_MAX: usize = 64;

/// Acknowledgements that wait for room among the requests. More: the connection is given up.
const ACKS_MAX: usize = 65_536;

/// Time for acknowledgements under way when the process stops.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(3);

/// An acknowledgement that is owed on the connection of an epoch.
#[derive(Debug)]
struct Owed {
    publish: Publish,
    epoch: u64,
}

/// What came since the last batch was handed over.
#[derive(Debug, Default)]
struct Forming {
    items: Vec<Item>,
    bytes: usize,
    owed: Vec<Owed>,
}

type HandingOver = BoxFuture<'static, Result<Pending, NotCommitted>>;
type Alarm = Option<Pin<Box<Sleep>>>;

/// What the consumer holds.
pub(super) struct Consumer {
    config: BrokerConfig,
    wiring: BrokerWiring,
    sender: Identity,
    client: AsyncClient,
    events: Option<EventLoop>,
    state: State,
}

#[derive(Default)]
struct State {
    epoch: u64,
    /// The connection of this epoch stands.
    live: bool,
    failures: u32,
    /// The failure that was told last, in its words: the same one again is only counted.
    told: Option<String>,
    forming: Forming,
    handing: Option<(HandingOver, Vec<Owed>)>,
    flying: VecDeque<(Pending, Vec<Owed>)>,
    /// Committed, in order, and not yet passed to the connection.
    acks: VecDeque<Owed>,
    /// The pause before the next connection.
    resting: Alarm,
    /// The pause before the next try to subscribe.
    again: Alarm,
    /// The end of the wait for acknowledgements, as the process stops.
    ending: Alarm,
    /// The goodbye is on its way.
    leaving: bool,
    /// The broker has heard it, or cannot.
    left: bool,
}

/// What happened.
enum Happened {
    Stop,
    HandedOver(Result<Pending, NotCommitted>),
    Committed(Result<Receipt, NotCommitted>),
    Polled(Box<Result<Event, ConnectionError>>),
    BatchDone,
    Rested,
    SubscribeAgain,
    TimeUp,
}

impl Consumer {
    pub(super) fn new(config: BrokerConfig, wiring: BrokerWiring, sender: Identity) -> Self {
        let (client, events) = AsyncClient::new(config.options(), REQUESTS);
        Self { config, wiring, sender, client, events: Some(events), state: State::default() }
    }

    /// Consumes until the process stops, or until the writer takes nothing more.
    pub(super) async fn run(mut self, stop: &Stop) {
        let Some(mut events) = self.events.take() else { return };
        let mut stopping = pin!(stop.wait());
        while !self.state.left {
            self.until_polled(&mut events, stopping.as_mut()).await;
            if self.state.acks.len() > ACKS_MAX {
                // It takes messages and no acknowledgements; the messages come again.
                events.clean();
                self.on_failure("the connection takes no acknowledgements");
            }
        }
        self.down();
        info!(host = %self.config.host, "left the broker");
    }

    /// Carries one poll to its end, whatever else happens meanwhile: given up in the middle of
    /// connecting, it would begin anew.
    async fn until_polled(
        &mut self,
        events: &mut EventLoop,
        mut stopping: Pin<&mut impl Future<Output = ()>>,
    ) {
        let mut polling = pin!(events.poll());
        loop {
            let happened = self.state.next(stopping.as_mut(), polling.as_mut()).await;
            let polled = matches!(happened, Happened::Polled(_));
            if self.apply(happened).is_err() {
                self.give_up();
            }
            self.acknowledge();
            self.leave_if_drained();
            if polled || self.state.left {
                return;
            }
        }
    }

    fn apply(&mut self, happened: Happened) -> Result<(), NotCommitted> {
        match happened {
            Happened::Stop => self.state.ending = alarm(DRAIN),
            Happened::HandedOver(pending) => self.state.handed_over(pending?),
            Happened::Committed(receipt) => self.state.committed(&receipt?),
            Happened::Polled(event) => match *event {
                Ok(Event::Incoming(packet)) => self.on_packet(packet),
                Ok(Event::Outgoing(_)) => {}
                Err(error) => {
                    self.wiring.metrics.certificates_refused.add(distrusts(&error).into());
                    self.on_failure(&error.to_string());
                }
            },
            Happened::BatchDone => self.hand_over(),
            Happened::Rested => self.state.resting = None,
            Happened::SubscribeAgain => self.subscribe(),
            Happened::TimeUp => self.state.left = true,
        }
        Ok(())
    }

    /// The writer takes nothing more: what it did not commit is left to the broker, and what it did
    /// is still acknowledged.
    fn give_up(&mut self) {
        warn!(host = %self.config.host, "leaving the broker: the gateway does not commit");
        let state = &mut self.state;
        (state.forming, state.handing) = (Forming::default(), None);
        state.flying.clear();
        state.ending = alarm(DRAIN);
    }

    fn on_packet(&mut self, packet: Packet) {
        match packet {
            Packet::ConnAck(_) => {
                self.state.epoch += 1;
                self.state.live = true;
                self.state.failures = 0;
                self.state.told = None;
                self.wiring.metrics.connections.add_one();
                info!(host = %self.config.host, "connected to the broker");
                self.subscribe();
            }
            Packet::SubAck(answer) => {
                let granted = |code| matches!(code, &SubscribeReasonCode::Success(_));
                if answer.return_codes.iter().all(granted) {
                    self.up();
                } else {
                    self.wiring.metrics.subscriptions_refused.add_one();
                    error!(codes = ?answer.return_codes, "the broker refuses the subscription");
                    self.state.again = alarm(PAUSE_MAX);
                }
            }
            Packet::Publish(publish) if self.state.ending.is_none() => self.on_publish(publish),
            // As the process stops, what still comes is left to the broker.
            Packet::Publish(_) => {}
            Packet::Disconnect(farewell) => {
                warn!(reason = ?farewell.reason_code, "the broker says goodbye");
            }
            Packet::Auth(_)
            | Packet::Connect(..)
            | Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq(_)
            | Packet::PingResp(_) => {}
        }
    }

    fn on_publish(&mut self, mut publish: Publish) {
        let metrics = &self.wiring.metrics;
        metrics.received.add_one();
        if publish.dup {
            metrics.redelivered.add_one();
        }
        let name = String::from_utf8_lossy(&publish.topic).into_owned();
        let topic = Topic::read(&name);
        if matches!(topic, Topic::Unknown { .. }) {
            metrics.topics_unknown.add_one();
        }
        let arrival = Arrival {
            road: Road::Broker,
            topic: &topic,
            payload: &publish.payload,
            received_at: self.wiring.clock.now(),
            sender: &self.sender,
            retained: publish.retain,
            duplicate: publish.dup,
        };
        let items = self.wiring.admission.items(&name, &arrival);
        let forming = &mut self.state.forming;
        forming.items.extend(items);
        forming.bytes += publish.payload.len() + name.len();
        // Only its packet id is still needed.
        publish.payload = Bytes::new();
        publish.topic = Bytes::new();
        publish.properties = None;
        forming.owed.push(Owed { publish, epoch: self.state.epoch });
    }

    fn on_failure(&mut self, error: &str) {
        if self.state.leaving {
            self.state.left = true;
            return;
        }
        self.down();
        self.state.epoch += 1;
        self.state.live = false;
        self.wiring.metrics.failures.add_one();
        let rest = pause(self.state.failures, RandomState::new().hash_one(self.state.epoch));
        self.state.failures = self.state.failures.saturating_add(1);
        self.state.resting = alarm(rest);
        self.state.again = None;
        let words = words(error);
        if self.state.told.as_ref() != Some(&words) {
            let host = &self.config.host;
            error!(%error, %host, "nothing comes from the broker; tried again with pauses");
            self.state.told = Some(words);
        }
    }

    fn subscribe(&mut self) {
        self.state.again = None;
        if self.client.try_subscribe_many(self.config.filters()).is_err() {
            // Room comes with the next polls.
            self.state.again = alarm(PAUSE_MAX);
        }
    }

    fn hand_over(&mut self) {
        let Forming { items, bytes, owed } = std::mem::take(&mut self.state.forming);
        let inlet = self.wiring.inlet.clone();
        let handing = Box::pin(async move { inlet.deliver(items, bytes).await });
        self.state.handing = Some((handing, owed));
    }

    /// Tells the broker of what is committed: in order, on the connection that brought it, and
    /// without ever waiting, for only polling makes room.
    fn acknowledge(&mut self) {
        let metrics = &self.wiring.metrics;
        while let Some(owed) = self.state.acks.pop_front() {
            if !self.state.live || owed.epoch != self.state.epoch {
                metrics.stale.add_one();
            } else if self.client.try_ack(&owed.publish).is_ok() {
                metrics.acknowledged.add_one();
            } else {
                metrics.delayed.add_one();
                self.state.acks.push_front(owed);
                return;
            }
        }
    }

    fn leave_if_drained(&mut self) {
        let state = &mut self.state;
        if state.ending.is_none() || state.leaving || !state.is_settled() {
            return;
        }
        state.leaving = true;
        // It goes out after the acknowledgements. The broker closes when it has taken them all;
        // if we closed first, it might drop those that it has not read.
        state.left |= !state.live || self.client.try_disconnect().is_err();
    }

    fn up(&self) {
        if self.wiring.metrics.connected.get() == 0 {
            self.wiring.metrics.connected.add_one();
        }
    }

    fn down(&self) {
        if self.wiring.metrics.connected.get() > 0 {
            self.wiring.metrics.connected.take_one();
        }
    }
}

impl State {
    /// What happens next. A batch is handed over when nothing more is at hand.
    async fn next(
        &mut self,
        stopping: Pin<&mut impl Future<Output = ()>>,
        polling: Pin<&mut impl Future<Output = Result<Event, ConnectionError>>>,
    ) -> Happened {
        let batch_done = self.handing.is_none() && !self.forming.owed.is_empty();
        let may_poll = self.may_poll();
        let running = self.ending.is_none();
        tokio::select! {
            biased;
            () = stopping, if running => Happened::Stop,
            pending = of(self.handing.as_mut().map(|(handing, _)| handing)) => {
                Happened::HandedOver(pending)
            }
            receipt = of(self.flying.front_mut().map(|(pending, _)| pending)) => {
                Happened::Committed(receipt)
            }
            event = polling, if may_poll => Happened::Polled(Box::new(event)),
            () = ready(()), if batch_done => Happened::BatchDone,
            () = of(self.resting.as_mut()) => Happened::Rested,
            () = of(self.again.as_mut()) => Happened::SubscribeAgain,
            () = of(self.ending.as_mut()) => Happened::TimeUp,
        }
    }

    fn may_poll(&self) -> bool {
        let room = self.forming.owed.len() < BATCH_MAX
            && self.forming.bytes < BATCH_BYTES_MAX
            && self.flying.len() < BATCHES_MAX;
        self.resting.is_none() && (room || self.ending.is_some())
    }

    fn handed_over(&mut self, pending: Pending) {
        if let Some((_, owed)) = self.handing.take() {
            self.flying.push_back((pending, owed));
        }
    }

    /// The one place where an acknowledgement becomes due: against the receipt of its commit.
    fn committed(&mut self, _proof: &Receipt) {
        if let Some((_, owed)) = self.flying.pop_front() {
            self.acks.extend(owed);
        }
    }

    fn is_settled(&self) -> bool {
        self.forming.owed.is_empty()
            && self.handing.is_none()
            && self.flying.is_empty()
            && self.acks.is_empty()
    }
}

fn alarm(after: std::time::Duration) -> Alarm {
    Some(Box::pin(sleep(after)))
}

/// Waits for what there is; for ever, if there is nothing.
async fn of<T>(future: Option<&mut (impl Future<Output = T> + Unpin)>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
