//! A van with one bench that measures whom it is asked to measure: a reader of cards, a cuff and a
//! meter, each on a serial line of its own. Who comes, and what is found, a seed says.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use tokio::{task::JoinSet, time::sleep};

use super::registry::{Device, Person, Registry, TOWNSHIP, VAN};
use crate::{body::Pressure, clock::WallClock, device, pty::PtyLine};

/// The van's site.
pub const SITE: &str = "V03";
/// Its bench.
pub const BENCH: &str = "B1";
/// Of so many people one crosses a red line: often enough that nobody waits for it.
pub const CROSSES_EVERY: usize = 3;

/// Its reader of cards, its cuff and its meter.
const READER: &str = "V03-READER";
const CUFF: &str = "V03-CUFF";
const METER: &str = "V03-METER";

/// From the card to the value of the cuff: more than the two seconds by which its clock is read short.
const CUFF_TAKES: Duration = Duration::from_millis(2_200);
/// From there to the value of the meter.
const METER_TAKES: Duration = Duration::from_millis(600);
/// Until the next card may come: more than a second too.
const GETS_UP: Duration = Duration::from_millis(1_200);
/// Between the frames of one measurement.
const FRAME_GAP: Duration = Duration::from_millis(50);

/// A serial line of the van, as a gateway configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VanLine {
    /// Its path.
    pub port: PathBuf,
    /// The format's name.
    pub format: &'static str,
    /// The device.
    pub device: &'static str,
}

/// Somebody who is measured, and what is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Their id in the registry.
    pub person: String,
    /// Their name.
    pub name: String,
    /// Their card.
    pub card: String,
    /// What the cuff finds.
    pub pressure: Pressure,
    /// What the meter finds, in tenths of mmol/L.
    pub glucose_tenths: u16,
    /// The cuff finds an emergency.
    pub crosses: bool,
}

/// What happens at the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The card is read.
    Card,
    /// The cuff has its value.
    Cuff,
    /// The meter has its value.
    Meter,
}

/// The bench.
#[derive(Debug)]
pub struct VanBench {
    rng: Rng,
    registry: Registry,
    clock: WallClock,
    came: usize,
    reader: Arc<PtyLine>,
    cuff: Arc<PtyLine>,
    meter: Arc<PtyLine>,
    plans: Vec<VanLine>,
    /// Lets a new host open the lines after one was killed.
    _held: JoinSet<()>,
}

impl VanBench {
    /// Makes the lines, with links of their devices' names in a folder. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// What the system said.
    pub fn set_up(seed: u64, folder: &Path) -> io::Result<Self> {
        let mut rng = Rng::with_seed(seed);
        let people = Registry::people(&mut rng);
        let (mut held, mut plans) = (JoinSet::new(), Vec::new());
        let mut line = |device: &'static str, format: &'static str| {
            let line = Arc::new(PtyLine::plug(&folder.join(device))?);
            plans.push(VanLine { port: line.path().to_owned(), format, device });
            held.spawn(listen(Arc::clone(&line)));
            Ok::<_, io::Error>(line)
        };
        let reader = line(READER, "card-line")?;
        let (cuff, meter) = (line(CUFF, "raycome-rbp")?, line(METER, "sinocare-sn")?);
        let device = |id| Device { id, model: "", site: SITE, bench: Some(BENCH), owner: None };
        let devices = [READER, CUFF, METER].map(device).to_vec();
        let registry = Registry { people, devices };
        let clock = WallClock::read();
        Ok(Self { rng, registry, clock, came: 0, reader, cuff, meter, plans, _held: held })
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[VanLine] {
        &self.plans
    }

    /// The people of the township.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.registry.people
    }

    /// One of [`KINDS`](super::KINDS) as a CSV file: the township's, and the van with its devices.
    #[must_use]
    pub fn csv(&self, kind: &str) -> Option<String> {
        let text = self.registry.csv(kind)?;
        if kind != "sites" {
            return Some(text);
        }
        let others = text.lines().filter(|line| !line.starts_with(VAN));
        let van = format!("{SITE},van,巡诊车3号,,{TOWNSHIP},,");
        let lines: Vec<&str> = others.chain(std::iter::once(van.as_str())).collect();
        Some(lines.join("\n") + "\n")
    }

    /// The next one who comes, and what will be found: one of three is an emergency.
    pub fn comes(&mut self) -> Option<Visit> {
        let person = self.registry.people.iter().cycle().nth(self.came)?.clone();
        let crosses = self.came % CROSSES_EVERY == 1;
        self.came = self.came.wrapping_add(1);
        let mut pressure = person.body.pressures(&mut self.rng, 1).pop()?;
        let glucose_tenths = person.body.glucose_tenths(&mut self.rng);
        if crosses {
            // Over 180/110 by both (LINES BP-E1).
            let [systolic, diastolic] = [self.rng.u8(184..=192), self.rng.u8(111..=116)];
            pressure = Pressure { systolic, diastolic, ..pressure };
        }
        let Person { id, name, card, .. } = person;
        Some(Visit { person: id, name, card, pressure, glucose_tenths, crosses })
    }

    /// Measures somebody, from the card to the moment at which the next one may come.
    ///
    /// # Errors
    /// A line that nobody reads.
    pub async fn measure(&self, visit: &Visit, mut see: impl FnMut(Moment)) -> io::Result<()> {
        self.reader.send(format!("{}\r\n", visit.card).as_bytes()).await?;
        see(Moment::Card);
        sleep(CUFF_TAKES).await;
        for frame in device::raycome(visit.pressure, self.clock.shown(0), 1) {
            self.cuff.send(&frame).await?;
            sleep(FRAME_GAP).await;
        }
        see(Moment::Cuff);
        sleep(METER_TAKES).await;
        self.meter.send(&device::sinocare(visit.glucose_tenths, self.clock.shown(0))).await?;
        see(Moment::Meter);
        sleep(GETS_UP).await;
        Ok(())
    }
}

/// A device that is told nothing still holds its line.
async fn listen(line: Arc<PtyLine>) {
    let mut told = [0; 64];
    // An error is the end of the line.
    while line.receive(&mut told).await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_seed_brings_the_same_people_and_every_third_crosses() {
        let folder = tempfile::tempdir().unwrap();
        let visits = |name: &str| {
            let place = folder.path().join(name);
            std::fs::create_dir(&place).unwrap();
            let mut bench = VanBench::set_up(7, &place).unwrap();
            (0..9).map(|_| bench.comes().unwrap()).collect::<Vec<_>>()
        };
        let first = visits("first");
        assert_eq!(first, visits("second"));
        let crossed: Vec<bool> = first.iter().map(|visit| visit.crosses).collect();
        assert_eq!(crossed, [false, true, false, false, true, false, false, true, false]);
        for Visit { pressure, crosses, .. } in first {
            assert_eq!(pressure.systolic >= 180 && pressure.diastolic >= 110, crosses);
        }
    }

    #[tokio::test]
    async fn the_van_stands_in_the_registry_in_place_of_the_other_one() {
        let folder = tempfile::tempdir().unwrap();
        let bench = VanBench::set_up(7, folder.path()).unwrap();
        let sites = bench.csv("sites").unwrap();
        assert!(sites.contains("\nV03,van,") && !sites.contains(VAN), "{sites}");
        assert_eq!(bench.csv("devices").unwrap().lines().count(), 4);
        assert_eq!(bench.csv("people").unwrap().lines().count(), 101);
    }
}
