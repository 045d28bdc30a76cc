//! `xunzhen bench backlog`: a van's store, handed over by the real follower to a centre where live readings
//! flow meanwhile. Van and centre are processes of their own; this one is the load.

use std::{fs, io::Write, path::PathBuf, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    SEED,
    child::{Served, VAN_PAGE_CACHE_MIB, VAN_PEOPLE_CACHED, caches},
    figure::{Figure, Times, each, rate},
    fill::{enter_box, fill},
    place::Place,
    traffic::{self, Load},
    usage::machine_load,
    world::{Random, World},
};
use crate::{cli::Failure, domain::BoxId, store::Store, uplink::GatewayKey};

/// Live readings are published for so long at a time; between two such times it is looked how far it is.
const SLICE: Duration = Duration::from_secs(5);

/// A backlog that does not move for so long will not.
const STUCK: Duration = Duration::from_secs(300);

/// Connections of the live readings.
const CONNECTIONS: u32 = 10;

/// A van's backlog into its centre while live readings flow there
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Backlog {
    /// A folder that is kept: the van's store in it is filled once, the centre's must be a new one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Readings of the backlog
    #[arg(long, default_value_t = 6_000_000)]
    readings: u64,
    /// Live readings a second at the centre
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    live: u32,
    /// People of both registries
    #[arg(long, default_value_t = 121_300, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    people: u32,
    /// Over MQTT in place of HTTP
    #[arg(long)]
    mqtt: bool,
    /// The seed of everything random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

/// What the van says of its backlog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stand {
    waiting: u64,
    bytes: u64,
    batches: u64,
    uploaded: u64,
}

/// Reads the figures of a gateway below.
async fn look(client: &reqwest::Client, van: &Served) -> Result<Stand, Failure> {
    let asked = client.get(format!("http://{}/metrics", van.http));
    let answer = asked.bearer_auth(&van.token).send().await.map_err(|error| Failure::of(&error))?;
    let text = answer.text().await.map_err(|error| Failure::of(&error))?;
    let read = |name: &str| {
        let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        text.lines().find_map(value).unwrap_or(0)
    };
    Ok(Stand {
        waiting: read("xunzhen_uplink_waiting "),
        bytes: read("xunzhen_uplink_bytes_total "),
        batches: read("xunzhen_uplink_batches_total "),
        uploaded: read("xunzhen_uplink_uploaded "),
    })
}

/// Van and centre.
struct Pair {
    van: Place,
    centre: Place,
    world: World,
}

impl Pair {
    fn fill(command: &Backlog, base: &Place) -> Result<Self, Failure> {
        let at = |name: &str| Place::of_folder(&base.dir().join(name));
        let (van, centre) = (at("van")?, at("centre")?);
        let (world, mut random) = (World::new(command.people, 2000), Random::new(command.seed));
        fill(van.open()?, world, command.readings, &mut random)?;
        fill(centre.open()?, world, 0, &mut random)?;
        if centre.open()?.reader().counts()?.stored > 0 {
            let why = format!("{} holds readings; remove it", centre.dir().display());
            return Err(Failure::Usage(why));
        }
        Ok(Self { van, centre, world })
    }

    /// Registers the van at the centre; starts both, the van with where to and with a van's caches.
    fn start(&self, mqtt: bool) -> Result<(Served, Served), Failure> {
        let (name, epoch) = self.van.open()?.reader().gateway()?;
        let name = BoxId::new(&name).map_err(|error| Failure::of(&error))?;
        let own = GatewayKey::open(&self.van.store())?.public();
        let token = blake3::hash(name.as_str().as_bytes()).to_hex().to_string();
        enter_box(&mut self.centre.open()?, (&name, own), (&token, epoch))?;
        let file = self.van.dir().join("uplink.token");
        fs::write(&file, &token)?;
        let above = GatewayKey::open(&self.centre.store())?.public();
        let centre = Served::start(&self.centre.store(), &[])?;
        let to = if mqtt {
            format!("mqtt://{}", centre.mqtt)
        } else {
            format!("http://{}", centre.http)
        };
        let mut settings = vec![
            ("XUNZHEN__UPLINK__TO", to),
            ("XUNZHEN__UPLINK__PARENT_KEY", above.to_string()),
            ("XUNZHEN__UPLINK__TOKEN_FILE", file.display().to_string()),
        ];
        settings.extend(caches(VAN_PAGE_CACHE_MIB, VAN_PEOPLE_CACHED));
        Ok((Served::start(&self.van.store(), &settings)?, centre))
    }
}

/// `bench backlog`.
pub(super) fn run(command: &Backlog, out: &mut dyn Write) -> Result<(), Failure> {
    let base = command.dir.as_deref().map_or_else(Place::temporary, Place::of_folder)?;
    let both = Pair::fill(command, &base)?;
    let held = both.van.open()?.reader().counts()?.stored;
    let (van, centre) = both.start(command.mqtt)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut live = Live::default();
    let (stand, took) = carried(command, (&runtime, &both), (&van, &centre), &mut live)?;
    let (van_now, van_most) = van.resident()?;
    let (centre_now, centre_most) = centre.resident()?;
    // The same live readings once nothing else happens.
    let mut alone = Live::default();
    alone.publish(command, both.world, &centre)?;
    drop((van, centre));
    let after = both.centre.open()?.reader().counts()?;
    let mut figure = Figure::new("backlog", command.seed);
    figure.add("way", if command.mqtt { "mqtt" } else { "http" });
    figure.add("readings", held);
    figure.add("seconds", took.as_secs());
    figure.add("readings_per_second", rate(held, took));
    figure.add("batches", stand.batches);
    figure.add("bytes_on_the_wire_per_reading", each(stand.bytes.into(), held));
    figure.add("live_readings", live.acknowledged);
    figure.add_times(["live_puback_p50_us", "live_puback_p99_us"], &mut live.times);
    figure.add("live_puback_slowest_us", live.times.percentile(100));
    figure.add_times(["alone_puback_p50_us", "alone_puback_p99_us"], &mut alone.times);
    figure.add("van_resident_kib", van_now);
    figure.add("van_resident_most_kib", van_most);
    figure.add("centre_resident_kib", centre_now);
    figure.add("centre_resident_most_kib", centre_most);
    figure.add("machine_load", machine_load());
    let expected = held.saturating_add(live.acknowledged).saturating_add(alone.acknowledged);
    let whole = after.stored.saturating_add(after.rejected) == expected;
    figure.add("all_of_it_is_stored_once", whole);
    figure.tell(out)?;
    if whole { Ok(()) } else { Err(Failure::AnsweredNo) }
}

/// What the live readings came to.
#[derive(Debug, Default)]
struct Live {
    acknowledged: u64,
    times: Times,
}

impl Live {
    fn publish(&mut self, command: &Backlog, world: World, to: &Served) -> Result<(), Failure> {
        let load = Load {
            connections: CONNECTIONS,
            window: 100,
            rate: Some(command.live),
            time: SLICE,
            crossings: 2,
            seed: command.seed,
        };
        let heard = traffic::run(load, world, to.mqtt)?;
        self.acknowledged = self.acknowledged.saturating_add(heard.acknowledged);
        self.times.extend(heard.times);
        Ok(())
    }
}

/// Publishes live readings until the van says that everything is above; says how long that took.
fn carried(
    command: &Backlog,
    (runtime, both): (&tokio::runtime::Runtime, &Pair),
    (van, centre): (&Served, &Served),
    live: &mut Live,
) -> Result<(Stand, Duration), Failure> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.map_err(|error| Failure::of(&error))?;
    // A process asks for the first time within 10 s of its start.
    let mut stand = runtime.block_on(async {
        let waited = Instant::now();
        loop {
            let stand = look(&client, van).await?;
            if stand.batches > 0 {
                return Ok(stand);
            }
            if waited.elapsed() > STUCK {
                return Err(Failure::Failed("nothing goes up".to_owned()));
            }
            sleep(Duration::from_millis(20)).await;
        }
    })?;
    let (began, mut moved) = (Instant::now(), Instant::now());
    while stand.waiting > 0 {
        live.publish(command, both.world, centre)?;
        let now = runtime.block_on(look(&client, van))?;
        if now.uploaded > stand.uploaded {
            moved = Instant::now();
        } else if moved.elapsed() > STUCK {
            return Err(Failure::Failed(format!("stuck at {}", now.uploaded)));
        }
        stand = now;
        let mut table = std::io::stderr().lock();
        writeln!(
            table,
            "  {} up, {} wait, {} s",
            stand.uploaded,
            stand.waiting,
            began.elapsed().as_secs()
        )?;
    }
    Ok((stand, began.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::view::{Paging, Scope};

    #[test]
    fn both_stores_hold_the_same_people_and_only_the_van_a_past() {
        let folder = tempfile::tempdir().unwrap();
        let command =
            Backlog { dir: None, readings: 50, live: 1, people: 100, mqtt: false, seed: 1 };
        let base = Place::of_folder(folder.path()).unwrap();
        let both = Pair::fill(&command, &base).unwrap();
        assert_eq!(both.van.open().unwrap().reader().counts().unwrap().stored, 50);
        assert_eq!(both.centre.open().unwrap().reader().counts().unwrap().stored, 0);
        for place in [&both.van, &both.centre] {
            let (reader, page) =
                (place.open().unwrap().reader(), Paging { limit: 200, after: None });
            let people = reader.people(&Scope::Everything, "", &page).unwrap();
            assert_eq!(people.items.len(), 100);
        }
    }
}
