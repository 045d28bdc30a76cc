//! `xunzhen bench fleet`: vans whose line comes back within one second, beside vans that go on. Each has
//! a key and a token of its own and speaks through the follower's own lines; the centre is a process.

use std::{io::Write, sync::Arc, time::Duration};

use clap::ValueEnum;
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    SEED,
    child::Served,
    figure::{Figure, Times},
    fill::{enter_box, fill, made_up},
    place::Place,
    shown::Shown,
    usage::machine_load,
    world::{Random, World},
};
use crate::{
    cli::Failure,
    domain::BoxId,
    store::{CommitSeq, FactId, Store},
    uplink::{
        GatewayKey, PublicKey,
        batch::{Batch, Hello, Message, Nonce, Point, Sealed, Told, split},
        follower::{HttpLine, Line, MqttLine, MqttTo, Pace, chance},
        parcel::{Body, Parcel, encode},
    },
};

/// Within so long everybody must be connected, and so fast must those be who go on (issue 5, figures).
const CONNECTED_MAX: Duration = Duration::from_secs(60);
const ESTABLISHED_P99_MAX: Duration = Duration::from_secs(2);

/// Longest wait for one answer, as the follower's.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// Those that go on hand over one reading as often as this.
const EVERY: Duration = Duration::from_secs(1);

/// Readings of one that goes on: more than a run takes.
const MANY: u64 = 200;

/// By which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    Mqtt,
    /// With TLS 1.3 and a certificate of its own
    Mqtts,
    Http,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Http => "http",
        }
    }
}

/// Vans that reconnect within a second, beside others that go on
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Fleet {
    /// A folder that is kept; else a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<std::path::PathBuf>,
    /// Vans whose line comes back within a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=5000))]
    vans: u64,
    /// Vans that are connected and hand over a reading every second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    established: u64,
    /// Readings that each of those that come back has to hand over
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=500))]
    readings: u64,
    /// Seconds for which those that go on are heard before the others come back: after 30 they count as such
    #[arg(long, default_value_t = 40)]
    warm_up: u64,
    /// People of the centre's registry
    #[arg(long, default_value_t = 121_300, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    people: u32,
    /// By which way
    #[arg(long, value_enum, default_value = "mqtt")]
    way: Way,
    /// The seed of everything random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

/// One van: what it has, and where the centre says it stands.
struct Van {
    line: Box<dyn Line>,
    key: Arc<GatewayKey>,
    above: PublicKey,
    told: Told,
    at: Point,
    parcels: std::vec::IntoIter<Parcel>,
    last: CommitSeq,
    busy: u64,
    failures: u64,
}

/// Why an exchange came to nothing.
enum Lost {
    /// The centre asked to come again, not before so many seconds.
    Busy(u32),
    Broken,
}

impl Van {
    /// Asks until there is an answer that is the centre's, at the follower's own pace; says where it
    /// stands then.
    async fn ask(&mut self, make: impl Fn(&Self) -> Message) {
        let mut pace = Pace::new();
        loop {
            self.told.nonce.0 = self.told.nonce.0.wrapping_add(1);
            let question = make(self);
            let pause = match self.exchange(&question).await {
                Ok(point) => {
                    self.at = point;
                    return;
                }
                Err(Lost::Busy(wait)) => {
                    self.busy = self.busy.saturating_add(1);
                    Pace::asked_to_wait(wait, chance())
                }
                Err(Lost::Broken) => {
                    self.failures = self.failures.saturating_add(1);
                    pace.failed(chance())
                }
            };
            sleep(pause).await;
        }
    }

    async fn exchange(&mut self, question: &Message) -> Result<Point, Lost> {
        let sealed = question.seal(&self.key).map_err(|_large| Lost::Broken)?;
        let answer = timeout(ANSWER_MAX, self.line.exchange(sealed)).await;
        let answer = answer.map_err(|_silent| Lost::Broken)?.map_err(|_line| Lost::Broken)?;
        let parts = split(&answer).map_err(|_cut| Lost::Broken)?;
        for part in parts {
            let opened = Sealed::read(part).and_then(|sealed| {
                sealed.verify(&self.above)?;
                Message::open(&sealed)
            });
            match opened.map_err(|_unbelieved| Lost::Broken)? {
                Message::Watermark(stated) => {
                    return Ok(stated.holds.map_or_else(Point::default, |holds| holds.point()));
                }
                Message::Refused(refusal) => return Err(Lost::Busy(refusal.wait.max(1))),
                Message::Hello(_)
                | Message::Batch(_)
                | Message::Express(_)
                | Message::Roster(_)
                | Message::Receipts(_)
                | Message::Receipted(_)
                | Message::Renew(_)
                | Message::Certified(_) => {}
            }
        }
        Err(Lost::Broken)
    }

    async fn greet(&mut self) {
        self.ask(|van| {
            let (told, last) = (van.told.clone(), van.last.0);
            Message::Hello(Hello { told, last, wants: None, dispute: None, heard: None, lag: 0 })
        })
        .await;
    }

    /// Hands over the next so many; whether there were any.
    async fn hand_over(&mut self, count: usize) -> bool {
        let parcels: Vec<Parcel> = self.parcels.by_ref().take(count).collect();
        let Some(upto) = parcels.last().map(|parcel| parcel.seq) else { return false };
        self.ask(|van| {
            let (told, after, previous) = (van.told.clone(), van.at.upto, van.at.hash);
            let parcels = parcels.clone();
            Message::Batch(Batch { told, after, upto, previous, last: van.last, parcels })
        })
        .await;
        true
    }
}

/// What came of one van.
struct Came {
    connected: Duration,
    done: Duration,
    times: Times,
    busy: u64,
    failures: u64,
}

/// A van whose line comes back at this instant.
async fn come_back(mut van: Van, (begin, at): (Instant, Duration)) -> Came {
    tokio::time::sleep_until(begin + at).await;
    let asked = Instant::now();
    van.greet().await;
    let connected = asked.elapsed();
    while van.hand_over(500).await {}
    let Van { busy, failures, .. } = van;
    Came { connected, done: begin.elapsed(), times: Times::default(), busy, failures }
}

/// A van that goes on until the others are done.
async fn go_on(mut van: Van, from: Instant, ended: watch::Receiver<bool>) -> Came {
    let (begin, mut times) = (Instant::now(), Times::default());
    while !*ended.borrow() {
        sleep(EVERY).await;
        let asked = Instant::now();
        if !van.hand_over(1).await {
            break;
        }
        if Instant::now() >= from {
            times.add(asked.elapsed());
        }
    }
    let Van { busy, failures, .. } = van;
    Came { connected: Duration::ZERO, done: begin.elapsed(), times, busy, failures }
}

/// A name, a key and a token.
type Identity = (BoxId, Arc<GatewayKey>, String);

/// Everybody's.
fn identities(command: &Fleet) -> Result<Vec<Identity>, Failure> {
    let all = command.vans.saturating_add(command.established);
    let made = (0..all).map(|number| {
        let of = |what: &str| {
            let text = format!("{what} {number} of seed {}", command.seed);
            *blake3::hash(text.as_bytes()).as_bytes()
        };
        let name = BoxId::new(&format!("van-{number}")).map_err(|error| Failure::of(&error))?;
        let key = GatewayKey::made_up(of("key"));
        let key = key.ok_or_else(|| Failure::Failed("no key was made".to_owned()))?;
        Ok((name, Arc::new(key), blake3::Hash::from_bytes(of("token")).to_hex().to_string()))
    });
    made.collect()
}

/// A van with so many readings, of numbers that no other has.
fn van(
    (name, key, token): Identity,
    (centre, above, way): (&Served, PublicKey, (Way, Option<&Shown>)),
    (epoch, world): (u64, World),
    (from, count, random): (u64, u64, &mut Random),
) -> Result<Van, Failure> {
    let mut parcels = Vec::new();
    for number in 0..count {
        let position = i64::try_from(number).unwrap_or(i64::MAX).saturating_add(1);
        let reading = made_up(from.saturating_add(number), u64::MAX, world, random)?;
        let seq = CommitSeq(position);
        let id = FactId { gateway: name.clone(), epoch, seq };
        let line = encode(&id, false, &Body::Reading(Box::new(reading)));
        parcels.push(Parcel { seq, line: line.map_err(|error| Failure::of(&error))? });
    }
    let line: Box<dyn Line> = match way {
        (Way::Http, _) => {
            let line = HttpLine::new(&format!("http://{}", centre.http), token, None);
            Box::new(line.map_err(|error| Failure::of(&error))?)
        }
        (Way::Mqtt | Way::Mqtts, shown) => {
            let to = if shown.is_some() { centre.mqtts } else { centre.mqtt };
            let (host, port) = (to.ip().to_string(), to.port());
            let tls = shown.map(|shown| shown.tls(&name, &key)).transpose()?;
            Box::new(MqttLine::new(MqttTo { host, port, tls, name: name.clone(), token }))
        }
    };
    let last = parcels.last().map(|parcel| parcel.seq).unwrap_or_default();
    Ok(Van {
        line,
        key,
        above,
        told: Told { by: name, epoch, nonce: Nonce(0) },
        at: Point::default(),
        parcels: parcels.into_iter(),
        last,
        busy: 0,
        failures: 0,
    })
}

/// `bench fleet`.
pub(super) fn run(command: &Fleet, out: &mut dyn Write) -> Result<(), Failure> {
    let place = command.dir.as_deref().map_or_else(Place::temporary, Place::of_folder)?;
    let (world, mut random) = (World::new(command.people, 2000), Random::new(command.seed));
    fill(place.open()?, world, 0, &mut random)?;
    let epoch = u64::try_from(world.now.as_millis()).unwrap_or(1);
    let identities = identities(command)?;
    let stored = {
        let mut store = place.open()?;
        for (name, key, token) in &identities {
            enter_box(&mut store, (name, key.public()), (token, epoch))?;
        }
        store.reader().counts()?.stored
    };
    let above = GatewayKey::open(&place.store())?.public();
    let shown = (command.way == Way::Mqtts).then(|| Shown::of(&place.store())).transpose()?;
    let door = ("XUNZHEN__MQTT__TLS_LISTEN", "127.0.0.1:0".to_owned());
    let centre = Served::start(&place.store(), shown.as_ref().map(|_| door).as_slice())?;
    let (mut fleet, mut from) = (Vec::new(), stored);
    for (number, identity) in (0..).zip(identities) {
        let count = if number < command.vans { command.readings } else { MANY };
        let to = (&centre, above, (command.way, shown.as_ref()));
        fleet.push(van(identity, to, (epoch, world), (from, count, &mut random))?);
        from = from.saturating_add(count);
    }
    let goes_on = fleet.split_off(usize::try_from(command.vans).unwrap_or(usize::MAX));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (back, on) =
        runtime.block_on(storm(fleet, goes_on, Duration::from_secs(command.warm_up), &mut random));
    let (resident, most) = centre.resident()?;
    drop(centre);

    let mut figure = Figure::new("fleet", command.seed);
    figure.add("way", command.way.name());
    figure.add("vans", command.vans);
    figure.add("established", command.established);
    figure.add("readings_each", command.readings);
    let good = tell(&mut figure, back, on);
    let after = place.open()?.reader().counts()?;
    figure.add("stored", after.stored.saturating_sub(stored));
    figure.add("doubled", after.duplicate);
    figure.add("centre_resident_kib", resident);
    figure.add("centre_resident_most_kib", most);
    figure.add("machine_load", machine_load());
    figure.tell(out)?;
    if good { Ok(()) } else { Err(Failure::AnsweredNo) }
}

/// Those that go on are there first; then the others come within one second.
async fn storm(
    fleet: Vec<Van>,
    goes_on: Vec<Van>,
    warm_up: Duration,
    random: &mut Random,
) -> (Vec<Came>, Vec<Came>) {
    let (end, ended) = watch::channel(false);
    let begin = Instant::now() + warm_up;
    let mut on = FuturesUnordered::new();
    for mut van in goes_on {
        van.greet().await;
        on.push(go_on(van, begin, ended.clone()));
    }
    let mut back: FuturesUnordered<_> = fleet
        .into_iter()
        .map(|van| come_back(van, (begin, Duration::from_millis(random.below(1000).into()))))
        .collect();
    let (mut came, mut went, all) = (Vec::new(), Vec::new(), back.len());
    while came.len() < all {
        tokio::select! {
            Some(one) = back.next() => came.push(one),
            Some(one) = on.next() => went.push(one),
        }
    }
    end.send_replace(true);
    went.extend(on.collect::<Vec<_>>().await);
    (came, went)
}

/// What came of everybody; whether it is what the issue asks for.
fn tell(figure: &mut Figure, back: Vec<Came>, on: Vec<Came>) -> bool {
    let (mut connected, mut times) = (Times::default(), Times::default());
    let (mut last, mut done) = (Duration::ZERO, Duration::ZERO);
    let (mut busy, mut failures) = (0_u64, 0_u64);
    for one in back {
        connected.add(one.connected);
        last = last.max(one.connected);
        done = done.max(one.done);
        (busy, failures) = (busy.saturating_add(one.busy), failures.saturating_add(one.failures));
    }
    figure.add_times(["connected_p50_us", "connected_p99_us"], &mut connected);
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    figure.add("connected_last_ms", millis(last));
    figure.add("all_handed_over_ms", millis(done));
    figure.add("asked_to_come_again", busy);
    figure.add("exchanges_that_broke", failures);
    let (mut busy, mut failures) = (0_u64, 0_u64);
    for one in on {
        times.extend(one.times);
        (busy, failures) = (busy.saturating_add(one.busy), failures.saturating_add(one.failures));
    }
    figure.add("established_exchanges", times.len());
    figure.add_times(["established_p50_us", "established_p99_us"], &mut times);
    figure.add("established_slowest_us", times.percentile(100));
    figure.add("established_asked_to_come_again", busy);
    figure.add("established_that_broke", failures);
    let p99 = Duration::from_micros(times.percentile(99));
    last <= CONNECTED_MAX && p99 <= ESTABLISHED_P99_MAX && failures == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_name_a_key_and_a_token_of_their_own() {
        let fleet = Fleet {
            dir: None,
            vans: 20,
            established: 5,
            readings: 1,
            people: 100,
            way: Way::Mqtt,
            warm_up: 0,
            seed: 1,
        };
        let all = identities(&fleet).unwrap();
        let keys: std::collections::BTreeSet<_> = all
            .iter()
            .map(|(name, key, token)| (key.public(), name.clone(), token.clone()))
            .collect();
        assert_eq!((all.len(), keys.len()), (25, 25));
    }
}
