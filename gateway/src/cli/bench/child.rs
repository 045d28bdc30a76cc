//! Figures of a process of its own: time to its ready line, memory of an idle connection, and of a
//! gateway with a van's small caches.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    SEED,
    figure::{Figure, Times, each},
    fill::fill,
    link::Link,
    place::Place,
    traffic::{self, Load},
    usage::{machine_load, resident},
    world::{Random, World},
};
use crate::cli::Failure;

/// From the start of the program to its ready line
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Start {
    /// Starts, each on an empty folder
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
}

/// Memory of a connection that does nothing
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Idle {
    /// Connections
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    connections: u32,
}

/// What `docs/operator.md` sets on a van: `store.page_cache_mib`…
pub(super) const VAN_PAGE_CACHE_MIB: u32 = 4;

/// …and `store.people_cached`.
pub(super) const VAN_PEOPLE_CACHED: u32 = 2000;

/// Memory of a van: small caches, a few thousand people
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Van {
    /// People who are measured
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    people: u32,
    /// `store.page_cache_mib`
    #[arg(long, default_value_t = VAN_PAGE_CACHE_MIB)]
    page_cache_mib: u32,
    /// `store.people_cached`
    #[arg(long, default_value_t = VAN_PEOPLE_CACHED)]
    people_cached: u32,
    /// Readings a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long to publish
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The seed of everything random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

/// A gateway in a process of its own; it ends with this value.
pub(super) struct Served {
    child: Child,
    pub(super) http: SocketAddr,
    pub(super) mqtt: SocketAddr,
    /// The listener's door with TLS, where it has one.
    pub(super) mqtts: SocketAddr,
    /// A token with every right.
    pub(super) token: String,
    took: Duration,
}

impl Served {
    pub(super) fn start(store: &Path, settings: &[(&str, String)]) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--dev", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(store);
        command.envs(settings.iter().map(|(key, value)| (*key, value)));
        let begin = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let took = begin.elapsed();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let text = |key: &str| ready.get(key).and_then(serde_json::Value::as_str).unwrap_or("");
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let at = |key: &str| text(key).parse().unwrap_or(nowhere);
        let (http, mqtt, mqtts) = (at("http"), at("mqtt"), at("mqtts"));
        let token = text("token").to_owned();
        // Held before anything may fail, so that no child is left behind.
        let served = Self { child, http, mqtt, mqtts, token, took };
        if [http, mqtt].contains(&nowhere) {
            return Err(Failure::Failed(format!("the gateway did not start: {line:?}")));
        }
        Ok(served)
    }

    /// Resident memory now and at its most, in KiB.
    pub(super) fn resident(&self) -> Result<(u64, u64), Failure> {
        Ok(resident(self.child.id())?)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::warn!(%error, "the gateway under measurement did not end");
        }
    }
}

/// `bench start`.
pub(super) fn start(command: &Start, out: &mut dyn Write) -> Result<(), Failure> {
    let place = Place::temporary()?;
    let mut times = Times::default();
    let mut memory = 0;
    for number in 0..command.times {
        let served = Served::start(&place.dir().join(format!("start-{number}")), &[])?;
        times.add(served.took);
        memory = served.resident()?.0;
    }
    let mut figure = Figure::new("start", 0);
    figure.add("starts", command.times);
    figure.add_times(["ready_p50_us", "ready_p99_us"], &mut times);
    figure.add("resident_kib", memory);
    figure.add("machine_load", machine_load());
    figure.tell(out)?;
    Ok(())
}

/// `bench idle`.
pub(super) fn idle(command: &Idle, out: &mut dyn Write) -> Result<(), Failure> {
    let place = Place::temporary()?;
    let served = Served::start(&place.store(), &[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let count = command.connections;
    let open = |first: u32, count: u32| {
        runtime.block_on(async {
            let mut links = Vec::new();
            for number in first..first.saturating_add(count) {
                links.push(Link::open(served.mqtt, &format!("idle-{number}")).await?);
            }
            Ok::<_, std::io::Error>(links)
        })
    };
    // The first ones make the pools that all share.
    let first = open(0, 100)?;
    let (before, _) = served.resident()?;
    let links = open(100, count)?;
    let (after, most) = served.resident()?;
    let mut figure = Figure::new("idle", 0);
    figure.add("connections", links.len());
    figure.add("connections_before", first.len());
    figure.add("resident_before_kib", before);
    figure.add("resident_after_kib", after);
    figure.add("resident_most_kib", most);
    let grown = u128::from(after.saturating_sub(before)).saturating_mul(1024);
    figure.add("bytes_each", each(grown, u64::from(count)));
    figure.add("machine_load", machine_load());
    figure.tell(out)?;
    Ok(())
}

/// A van's caches as settings.
pub(super) fn caches(page_cache_mib: u32, people_cached: u32) -> [(&'static str, String); 2] {
    [
        ("XUNZHEN__STORE__PAGE_CACHE_MIB", page_cache_mib.to_string()),
        ("XUNZHEN__STORE__PEOPLE_CACHED", people_cached.to_string()),
    ]
}

/// `bench van`.
pub(super) fn van(command: &Van, out: &mut dyn Write) -> Result<(), Failure> {
    let place = Place::temporary()?;
    let world = World::new(command.people, 100);
    fill(place.open()?, world, 0, &mut Random::new(command.seed))?;
    let settings = caches(command.page_cache_mib, command.people_cached);
    let served = Served::start(&place.store(), &settings)?;
    let (before, _) = served.resident()?;
    let load = Load {
        connections: 10,
        window: 100,
        rate: Some(command.rate),
        time: Duration::from_secs(command.seconds),
        crossings: 2,
        seed: command.seed,
    };
    let mut heard = traffic::run(load, world, served.mqtt)?;
    let (after, most) = served.resident()?;
    let mut figure = Figure::new("van", command.seed);
    figure.add("page_cache_mib", command.page_cache_mib);
    figure.add("people_cached", command.people_cached);
    figure.add("people", command.people);
    figure.add("readings", heard.acknowledged);
    figure.add_times(["puback_p50_us", "puback_p99_us"], &mut heard.times);
    figure.add("resident_at_start_kib", before);
    figure.add("resident_after_kib", after);
    figure.add("resident_most_kib", most);
    figure.add("machine_load", machine_load());
    figure.tell(out)?;
    Ok(())
}
