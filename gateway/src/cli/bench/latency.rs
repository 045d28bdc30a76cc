//! `xunzhen bench latency`: publish to PUBACK at a fixed rate, beside a bare sync of the same disk.

use std::{fs::File, io::Write, path::Path, time::Duration};

use tokio::time::Instant;

use super::{
    Ground,
    figure::{Figure, Times},
    fill::fill,
    ingest::tell_load,
    place::{Gateway, Place},
    traffic::{self, Load},
    usage::{Usage, machine_load},
    world::{Random, World},
};
use crate::cli::Failure;

/// Bare syncs on each side of the measurement.
const SYNCS: u32 = 300;
/// What is written before each: one page of the store.
const PAGE: [u8; 4096] = [0x5a; 4096];

/// Publish to PUBACK at a fixed rate, beside a bare sync of the same disk
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Latency {
    #[command(flatten)]
    ground: Ground,
    /// Readings that the store holds before
    #[arg(long, default_value_t = 0)]
    stored: u64,
    /// Readings a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Connections that publish
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2000))]
    connections: u32,
    /// How long to publish
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// `bench latency`.
pub(super) fn run(command: &Latency, out: &mut dyn Write) -> Result<(), Failure> {
    let ground = &command.ground;
    let place = Place::of(ground)?;
    let world = World::new(ground.people, ground.devices);
    fill(place.open()?, world, command.stored, &mut Random::new(ground.seed))?;
    let mut syncs = Times::default();
    sync_barely(&place.dir().join("sync"), &mut syncs)?;
    let gateway = Gateway::start(&place.config()?)?;
    let load = Load {
        connections: command.connections,
        window: 1000,
        rate: Some(command.rate),
        time: Duration::from_secs(command.seconds),
        crossings: 2,
        seed: ground.seed,
    };
    let began = Usage::now()?;
    let mut heard = traffic::run(load, world, gateway.running.mqtt)?;
    let spent = Usage::now()?.since(&began);
    gateway.stop()?;
    sync_barely(&place.dir().join("sync"), &mut syncs)?;
    let mut figure = Figure::new("latency", ground.seed);
    figure.add("rate", command.rate);
    tell_load(&mut figure, &mut heard, &spent);
    figure.add_times(["bare_sync_p50_us", "bare_sync_p99_us"], &mut syncs);
    let over = heard.times.percentile(99).saturating_sub(syncs.percentile(99));
    figure.add("puback_p99_minus_sync_p99_us", over);
    figure.add("machine_load", machine_load());
    figure.tell(out)?;
    Ok(())
}

/// One page appended and synced, again and again.
fn sync_barely(path: &Path, times: &mut Times) -> Result<(), Failure> {
    let mut file = File::create(path)?;
    for _ in 0..SYNCS {
        let begin = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.add(begin.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(())
}
