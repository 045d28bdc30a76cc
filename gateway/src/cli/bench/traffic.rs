//! The load: connections that publish and wait for their acknowledgements, on one thread of their
//! own, so that its cost is counted apart.
//!
//! Each connection has its own people and devices, as a bridge has, so that a person's readings
//! come in the order in which they were taken.

use std::{io, net::SocketAddr, thread, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::{cli::Failure, domain::Clock};

use super::{
    figure::Times,
    link::Link,
    usage,
    world::{Random, Said, World, device_name, site_name, write_reading},
};

/// Longest wait for the last acknowledgements.
const PATIENCE: Duration = Duration::from_secs(60);
/// A step that shares no factor with most counts of people, so that everybody has their turn.
const STRIDE: u32 = 7919;

/// How hard, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) connections: u32,
    /// Publishes of one connection that await their acknowledgement.
    pub(super) window: u16,
    /// Readings a second of all connections; without it as many as are acknowledged.
    pub(super) rate: Option<u32>,
    pub(super) time: Duration,
    /// Of a hundred readings, so many cross a line.
    pub(super) crossings: u32,
    pub(super) seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) acknowledged: u64,
    /// From publish to acknowledgement.
    pub(super) times: Times,
    /// Acknowledged in each second.
    pub(super) seconds: Vec<u64>,
    /// Who crossed a line, and when it was published.
    pub(super) crossed: Vec<(u32, Instant)>,
    /// Processor time of the generator itself, in nanoseconds.
    pub(super) cpu: u64,
}

/// Runs the load on a thread of its own and waits for its end.
pub(super) fn run(load: Load, world: World, to: SocketAddr) -> Result<Heard, Failure> {
    let thread = thread::Builder::new().name("load".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut heard = runtime.block_on(everybody(load, world, to))?;
        heard.cpu = usage::of_this_thread()?;
        Ok(heard)
    })?;
    let ended = thread.join().map_err(|_panic| Failure::Failed("the load broke off".to_owned()))?;
    ended.map_err(|error: io::Error| Failure::of(&error))
}

async fn everybody(load: Load, world: World, to: SocketAddr) -> io::Result<Heard> {
    let clock = Clock::system();
    let epoch = u64::try_from(clock.now().as_millis()).unwrap_or(0);
    let mut links = Vec::new();
    for number in 0..load.connections {
        let link = Link::open(to, &format!("load-{number}")).await?;
        links.push(Bridge::new(link, (load, world), number, epoch));
    }
    let begin = Instant::now();
    let mut all: FuturesUnordered<_> =
        links.into_iter().map(|bridge| bridge.run(begin, clock.clone())).collect();
    let mut heard = Heard::default();
    while let Some(one) = all.next().await {
        let one = one?;
        heard.acknowledged = heard.acknowledged.saturating_add(one.acknowledged);
        heard.times.extend(one.times);
        heard.crossed.extend(one.crossed);
        if heard.seconds.len() < one.seconds.len() {
            heard.seconds.resize(one.seconds.len(), 0);
        }
        for (sum, more) in heard.seconds.iter_mut().zip(one.seconds) {
            *sum = sum.saturating_add(more);
        }
    }
    Ok(heard)
}

/// One connection with its people and devices.
struct Bridge {
    link: Link,
    load: Load,
    world: World,
    number: u32,
    epoch: u64,
    sent: u64,
    random: Random,
    /// When the publish under each packet id left; ids begin at 1.
    slots: Vec<Option<Instant>>,
    free: Vec<u16>,
    topics: Vec<String>,
    payload: Vec<u8>,
    heard: Heard,
}

impl Bridge {
    fn new(link: Link, (load, world): (Load, World), number: u32, epoch: u64) -> Self {
        let devices = (number..world.devices).step_by(step(load.connections));
        let topics = devices.filter_map(|device| {
            let (site, device) = (site_name(device).ok()?, device_name(device).ok()?);
            Some(format!("xz/1/{site}/{device}/reading"))
        });
        Self {
            link,
            load,
            world,
            number,
            epoch,
            sent: 0,
            random: Random::new(load.seed.wrapping_add(u64::from(number))),
            slots: vec![None; usize::from(load.window)],
            free: (1..=load.window).rev().collect(),
            topics: topics.collect(),
            payload: Vec::new(),
            heard: Heard::default(),
        }
    }

    async fn run(mut self, begin: Instant, clock: Clock) -> io::Result<Heard> {
        match self.load.rate {
            None => self.as_fast_as_heard(begin, &clock).await?,
            Some(rate) => self.at_rate(rate, begin, &clock).await?,
        }
        let drained = timeout(PATIENCE, async {
            while self.free.len() < self.slots.len() {
                self.hear(begin).await?;
            }
            Ok::<(), io::Error>(())
        });
        drained.await.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(self.heard)
    }

    async fn as_fast_as_heard(&mut self, begin: Instant, clock: &Clock) -> io::Result<()> {
        while begin.elapsed() < self.load.time {
            while self.publish(clock) {}
            self.link.send().await?;
            self.hear(begin).await?;
        }
        Ok(())
    }

    async fn at_rate(&mut self, rate: u32, begin: Instant, clock: &Clock) -> io::Result<()> {
        let each = Duration::from_secs(1)
            .saturating_mul(self.load.connections)
            .checked_div(rate.max(1))
            .unwrap_or_default();
        let own = each.saturating_mul(self.number).checked_div(self.load.connections);
        let mut turn = interval_at(begin + own.unwrap_or_default(), each);
        turn.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut ids = Vec::new();
        while begin.elapsed() < self.load.time {
            tokio::select! {
                _ = turn.tick() => {
                    if !self.publish(clock) {
                        self.hear(begin).await?;
                    }
                    self.link.send().await?;
                }
                heard = self.link.acknowledged(&mut ids) => {
                    heard?;
                    self.note(&mut ids, begin);
                }
            }
        }
        Ok(())
    }

    /// Queues the next reading, if the window has room.
    fn publish(&mut self, clock: &Clock) -> bool {
        let Some(id) = self.free.pop() else { return false };
        let devices = u64::try_from(self.topics.len()).unwrap_or(1).max(1);
        let device = usize::try_from(self.sent % devices).unwrap_or(0);
        let own = self.world.people.saturating_sub(self.number).div_ceil(self.load.connections);
        let turn = u32::try_from(self.sent % u64::from(own.max(1))).unwrap_or(0);
        let turn = u64::from(turn).wrapping_mul(u64::from(STRIDE)) % u64::from(own.max(1));
        let turn = u32::try_from(turn).unwrap_or(0);
        let person = turn.saturating_mul(self.load.connections).saturating_add(self.number);
        let said = Said {
            person,
            epoch: self.epoch,
            number: self.sent / devices,
            at: clock.now(),
            crossing: self.random.below(100) < self.load.crossings,
        };
        self.payload.clear();
        write_reading(&mut self.payload, &said, &mut self.random);
        let Some(topic) = self.topics.get(device) else { return false };
        self.link.publish(topic, id, &self.payload);
        let now = Instant::now();
        if said.crossing {
            self.heard.crossed.push((person, now));
        }
        if let Some(slot) = self.slots.get_mut(usize::from(id).saturating_sub(1)) {
            *slot = Some(now);
        }
        self.sent = self.sent.saturating_add(1);
        true
    }

    async fn hear(&mut self, begin: Instant) -> io::Result<()> {
        let mut ids = Vec::new();
        self.link.acknowledged(&mut ids).await?;
        self.note(&mut ids, begin);
        Ok(())
    }

    fn note(&mut self, ids: &mut Vec<u16>, begin: Instant) {
        let now = Instant::now();
        let second = usize::try_from(now.duration_since(begin).as_secs()).unwrap_or(0);
        if self.heard.seconds.len() <= second {
            self.heard.seconds.resize(second.saturating_add(1), 0);
        }
        for id in ids.drain(..) {
            let slot = self.slots.get_mut(usize::from(id).saturating_sub(1));
            let Some(left) = slot.and_then(Option::take) else { continue };
            self.heard.times.add(now.duration_since(left));
            self.heard.acknowledged = self.heard.acknowledged.saturating_add(1);
            if let Some(sum) = self.heard.seconds.get_mut(second) {
                *sum = sum.saturating_add(1);
            }
            self.free.push(id);
        }
    }
}

fn step(connections: u32) -> usize {
    usize::try_from(connections.max(1)).unwrap_or(1)
}
