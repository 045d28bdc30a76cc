//! `xunzhen bench ingest`: the whole path, from a publish on a socket to the PUBACK that follows its
//! commit, with everything running that follows the log.

use std::{io::Write, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    Ground,
    figure::{Figure, each, rate, ratio},
    fill::{fill, made_up},
    place::{Gateway, Place},
    traffic::{self, Heard, Load},
    usage::{Spent, Usage, machine_load, resident},
    world::{Random, World},
};
use crate::{
    cli::Failure,
    store::{CommitSeq, Counts, Store, StoredReading, sqlite::bare_append},
};

/// Readings of the yardstick, at most.
const YARDSTICK: u64 = 100_000;

/// Readings a second through the own listener, from publish to PUBACK
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Ingest {
    #[command(flatten)]
    ground: Ground,
    /// Readings that the store holds before
    #[arg(long, default_value_t = 0)]
    stored: u64,
    /// Connections that publish
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Publishes of one connection that await their acknowledgement
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    window: u16,
    /// How long to publish
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Of a hundred readings, so many cross an emergency line
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    crossings: u32,
    /// Publish so long before the measurement begins
    #[arg(long, default_value_t = 0)]
    warm_up: u64,
}

impl Ingest {
    fn load(&self, seconds: u64) -> Load {
        Load {
            connections: self.connections,
            window: self.window,
            rate: None,
            time: Duration::from_secs(seconds),
            crossings: self.crossings,
            seed: self.ground.seed,
        }
    }
}

/// `bench ingest`.
pub(super) fn run(command: &Ingest, out: &mut dyn Write) -> Result<(), Failure> {
    let ground = &command.ground;
    if command.connections > ground.devices.min(ground.people) {
        return Err(Failure::Usage("each connection needs a device and a person".to_owned()));
    }
    let place = Place::of(ground)?;
    let world = World::new(ground.people, ground.devices);
    let mut random = Random::new(ground.seed);
    fill(place.open()?, world, command.stored, &mut random)?;
    let before = place.open()?.reader().counts()?;

    let gateway = Gateway::start(&place.config()?)?;
    let to = gateway.running.mqtt;
    let warm = if command.warm_up > 0 {
        traffic::run(command.load(command.warm_up), world, to)?.acknowledged
    } else {
        0
    };
    let groups = gateway.count_groups();
    let began = Usage::now()?;
    let mut heard = traffic::run(command.load(command.seconds), world, to)?;
    let spent = Usage::now()?.since(&began);
    let groups = *groups.borrow();
    let (resident, _) = resident(std::process::id())?;
    gateway.stop()?;

    let after = place.open()?.reader().counts()?;
    let mut figure = Figure::new("ingest", ground.seed);
    figure.add("stored_before", before.stored);
    figure.add("connections", command.connections);
    figure.add("window", command.window);
    figure.add("people", ground.people);
    tell_load(&mut figure, &mut heard, &spent);
    figure.add("resident_kib", resident);
    let group = each(u128::from(heard.acknowledged), groups).max(1);
    figure.add("readings_per_group", group);
    let count = YARDSTICK.min(heard.acknowledged);
    let yardstick = yardstick(&place, (world, &mut random), count, group)?;
    let bare = rate(count, yardstick.time);
    figure.add("bare_append_per_second", bare);
    figure.add("bare_append_cpu_ns", each(yardstick.rest.into(), count));
    figure.add("ingest_of_bare_append", ratio(rate(heard.acknowledged, spent.time), bare));
    figure.add("machine_load", machine_load());
    let kept = conserved(&before, &after, heard.acknowledged.saturating_add(warm));
    figure.add("acknowledged_is_stored", kept);
    figure.tell(out)?;
    if kept { Ok(()) } else { Err(Failure::AnsweredNo) }
}

/// What a load came to, and what it cost.
pub(super) fn tell_load(figure: &mut Figure, heard: &mut Heard, spent: &Spent) {
    let readings = heard.acknowledged;
    figure.add("acknowledged", readings);
    figure.add("readings_per_second", rate(readings, spent.time));
    figure.add("acknowledged_in_each_second", heard.seconds.clone());
    figure.add_times(["puback_p50_us", "puback_p99_us"], &mut heard.times);
    figure.add("cpu_writer_ns", each(spent.writer.into(), readings));
    let rest = spent.rest.saturating_sub(heard.cpu);
    figure.add("cpu_rest_of_gateway_ns", each(rest.into(), readings));
    figure.add("cpu_load_generator_ns", each(heard.cpu.into(), readings));
    figure.add("written_bytes", each(spent.written.into(), readings));
}

/// Every acknowledged reading is in the store's counters, and nothing else is.
fn conserved(before: &Counts, after: &Counts, acknowledged: u64) -> bool {
    let kept = |counts: &Counts| counts.stored.saturating_add(counts.rejected);
    kept(after).checked_sub(kept(before)) == Some(acknowledged)
        && after.received.checked_sub(before.received) == Some(acknowledged)
}

/// The same kind of readings, appended barely to a table of their own.
fn yardstick(
    place: &Place,
    (world, random): (World, &mut Random),
    count: u64,
    group: u64,
) -> Result<Spent, Failure> {
    let readings = (0..count)
        .map(|number| made_up(number, count, world, random))
        .collect::<Result<Vec<StoredReading>, _>>()?;
    let file = place.dir().join("yardstick.db");
    let began = Usage::now()?;
    let group = usize::try_from(group).unwrap_or(usize::MAX);
    bare_append(&file, &readings, group)?;
    let spent = Usage::now()?.since(&began);
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.clone().into_os_string();
        name.push(ending);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(spent)
}

impl Gateway {
    /// Counts the writer's groups from now on.
    fn count_groups(&self) -> watch::Receiver<u64> {
        let mut committed: watch::Receiver<CommitSeq> = self.running.committed.clone();
        committed.mark_unchanged();
        let (counted, groups) = watch::channel(0_u64);
        let counted = Arc::new(counted);
        let stop = self.stopping();
        self.spawn("counting groups", async move {
            loop {
                tokio::select! {
                    changed = committed.changed() => match changed {
                        Ok(()) => counted.send_modify(|count| *count = count.saturating_add(1)),
                        Err(_gone) => return,
                    },
                    () = stop.wait() => return,
                }
            }
        });
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_tells_that_everything_acknowledged_is_stored() {
        let ground = Ground { dir: None, seed: 1, people: 300, devices: 20 };
        let ingest = Ingest {
            ground,
            stored: 100,
            connections: 4,
            window: 10,
            seconds: 1,
            crossings: 2,
            warm_up: 0,
        };
        let mut out = Vec::new();
        run(&ingest, &mut out).unwrap();
        let figure: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(figure["stored_before"], 100);
        assert_eq!(figure["acknowledged_is_stored"], true);
        assert!(figure["acknowledged"].as_u64() > Some(0), "{figure}");
    }
}
