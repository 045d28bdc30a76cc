//! A township: a van, two village clinics, homes, a hundred people, and one day compressed into
//! minutes.
//!
//! [`World::plan`] decides everything from a seed. [`World::plug`] makes the serial lines.
//! [`World::run`] lives the day against a gateway: it holds an emergency over 180/110 mmHg within
//! its first fiftieth, and some people are measured again.
//!
//! ```no_run
//! use simulators::world::{Door, KINDS, World};
//!
//! # async fn demo(mqtt: std::net::SocketAddr, folder: &std::path::Path) -> std::io::Result<()> {
//! let mut world = World::plan(20_261_121, 10);
//! // 1. Import the registry, kind by kind, in this order.
//! for kind in KINDS {
//!     let _file: Option<String> = world.registry().csv(kind);
//! }
//! // 2. Start one serial line for each plan; the gateway may be started after that.
//! for plan in world.plug(folder)? {
//!     let _line = (plan.port, plan.format, plan.model, plan.device, plan.site, plan.bench);
//! }
//! // 3. Live the day, once the gateway is ready; end with a stop of your own.
//! let ledger = world.ledger();
//! let mut over = world.over();
//! let stop = async move { over.wait().await };
//! let report = world.run(Door { mqtt, password: None }, stop).await;
//! // 4. Everything offered is acknowledged, unacknowledged, or dropped by a knob.
//! assert!(report.totals.is_conserved());
//! assert_eq!(report.totals, ledger.totals());
//! # Ok(())
//! # }
//! ```

mod connect;
mod live;
mod registry;
mod timetable;
pub mod van;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use fastrand::Rng;
use tokio::sync::watch;

pub use registry::{Device, KINDS, PEOPLE, Person, Registry, TOWNSHIP, VAN, VILLAGES, Village};
pub use timetable::{Act, Actor, DAY_MINUTES, EMERGENCY_AT, EMERGENCY_PERSON, Speech};

use crate::{
    fault::{FaultCounts, Knobs},
    ledger::{Ledger, Totals},
    pty::PtyLine,
};

/// A planned day.
#[derive(Debug)]
pub struct World {
    seed: u64,
    minute_lasts: Duration,
    knobs: Knobs,
    registry: Registry,
    actors: Vec<Actor>,
    lines: Vec<(&'static str, PtyLine)>,
    ledger: Ledger,
    over: watch::Sender<bool>,
}

/// A serial line as a gateway configures it (DESIGN section 9, `[[serial]]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePlan {
    /// Its path.
    pub port: PathBuf,
    /// The format's name.
    pub format: &'static str,
    /// The model, where the format needs one.
    pub model: Option<&'static str>,
    /// The device.
    pub device: &'static str,
    /// Where it stands.
    pub site: &'static str,
    /// At which bench.
    pub bench: Option<&'static str>,
    /// Bits per second; a pseudo terminal only remembers them.
    pub baud: u32,
    /// How often a meter with a memory is read, so that a compressed day shows it.
    pub poll_every: Duration,
}

/// How the senders reach the gateway.
#[derive(Debug, Clone)]
pub struct Door {
    /// Where its MQTT listener is.
    pub mqtt: SocketAddr,
    /// The token of every box and device; none: no log-in.
    pub password: Option<String>,
}

/// How a day went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The seed that makes the same day again.
    pub seed: u64,
    /// What was offered, and where it stands.
    pub totals: Totals,
    /// What went wrong on purpose.
    pub faults: FaultCounts,
}

/// Tells when the last measurement of the day was taken. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DayOver(watch::Receiver<bool>);

impl DayOver {
    /// Waits for the end of the day.
    pub async fn wait(&mut self) {
        // An error means that the world is gone, and its day with it.
        drop(self.0.wait_for(|over| *over).await);
    }
}

impl World {
    /// The day that this seed leads to, compressed into so many minutes.
    #[must_use]
    pub fn plan(seed: u64, minutes: u32) -> Self {
        let mut rng = Rng::with_seed(seed);
        let people = Registry::people(&mut rng);
        let (registry, actors) = timetable::Planner::new(&mut rng, &people).plan();
        Self {
            seed,
            minute_lasts: timetable::minute_lasts(minutes),
            knobs: Knobs::NONE,
            registry,
            actors,
            lines: Vec::new(),
            ledger: Ledger::default(),
            over: watch::Sender::new(false),
        }
    }

    /// The same day, with faults.
    #[must_use]
    pub fn with_faults(self, knobs: Knobs) -> Self {
        Self { knobs, ..self }
    }

    /// The same day, with minutes of this length: for tests that cannot wait for minutes.
    #[must_use]
    pub fn with_minutes_of(self, minute_lasts: Duration) -> Self {
        Self { minute_lasts, ..self }
    }

    /// The seed that makes the same day again.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Who and what is imported before the day begins.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Who does what when.
    #[must_use]
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// The account of everything offered; it stays readable while the day runs.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// Tells when the day is over.
    #[must_use]
    pub fn over(&self) -> DayOver {
        DayOver(self.over.subscribe())
    }

    /// Plugs in the serial devices: makes a pseudo terminal for each, with a link of its device's
    /// name in `folder`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What the system said.
    pub fn plug(&mut self, folder: &Path) -> io::Result<Vec<LinePlan>> {
        let mut plans = Vec::new();
        for actor in &self.actors {
            let Some((format, baud)) = wire_of(actor.speech) else { continue };
            let line = PtyLine::plug(&folder.join(actor.id))?;
            let device = self.registry.devices.iter().find(|device| device.id == actor.id);
            plans.push(LinePlan {
                port: line.path().to_owned(),
                format,
                model: device.map(|device| device.model).filter(|model| !model.is_empty()),
                device: actor.id,
                site: actor.site,
                bench: device.and_then(|device| device.bench),
                baud,
                poll_every: self.minute_lasts * 10,
            });
            self.lines.push((actor.id, line));
        }
        Ok(plans)
    }

    /// Lives the day, then keeps the connections until `stop`. Devices on serial lines that were not
    /// plugged in stay silent, and offer nothing.
    pub async fn run(self, door: Door, stop: impl Future<Output = ()>) -> Report {
        let (seed, ledger) = (self.seed, self.ledger.clone());
        let faults = live::live(self, door, stop).await;
        Report { seed, totals: ledger.totals(), faults }
    }
}

/// Format and speed of a serial device (FORMATS section 4; the others are our choice).
const fn wire_of(speech: Speech) -> Option<(&'static str, u32)> {
    match speech {
        Speech::Raycome => Some(("raycome-rbp", 9600)),
        Speech::Sinocare => Some(("sinocare-sn", 9600)),
        Speech::Taidoc => Some(("taidoc-51", 19_200)),
        Speech::Cards | Speech::Json | Speech::Bluetooth => None,
    }
}

#[cfg(test)]
mod tests;
