//! Who is measured where and when: a day from morning to evening, compressed.

use std::time::Duration;

use fastrand::Rng;

use super::registry::{Device, Person, Registry, VAN, VILLAGES, Village};
use crate::body::{EMERGENCY, Pressure};

/// Minutes of the simulated day, from 07:30 to 17:30.
pub const DAY_MINUTES: u32 = 600;
/// When the promised emergency comes, in minutes of the day: early, so that nobody waits for it.
pub const EMERGENCY_AT: u32 = 9;
/// The person of the promised emergency, who lives in the first village and has a cuff at home.
pub const EMERGENCY_PERSON: usize = 80;
/// Minutes from one visitor of a bench to the next.
const VISIT_EVERY: u32 = 25;
/// The cuff of the promised emergency.
pub(super) const EMERGENCY_DEVICE: &str = "HOME-01";
/// A second reading of the emergency, so many minutes later, still over the line.
const EMERGENCY_AGAIN: Pressure = Pressure { systolic: 184, diastolic: 110, pulse: 90 };
/// An emergency on the van, in the second hour: over the line by its systolic pressure alone.
const EMERGENCY_ON_VAN: Pressure = Pressure { systolic: 182, diastolic: 104, pulse: 92 };
/// Which visitor of the van's first bench has it.
const EMERGENCY_VISITOR: usize = 4;

/// By which wire and in which words a device speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// A card reader at a bench, over the connection of its site.
    Cards,
    /// Raycome frames on a serial line.
    Raycome,
    /// Sinocare frames on a serial line.
    Sinocare,
    /// TaiDoc answers on a serial line, from a memory.
    Taidoc,
    /// JSON over MQTT, numbered by the device.
    Json,
    /// Bluetooth characteristics over MQTT, forwarded by a bridge.
    Bluetooth,
}

/// Something happens at a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A card is held to the reader.
    Card {
        /// Its number.
        card: String,
        /// The visit ends.
        out: bool,
    },
    /// A blood pressure is taken.
    Pressure {
        /// What is found.
        pressure: Pressure,
        /// Whom the sender names.
        person: Option<String>,
    },
    /// A glucose value is taken.
    Glucose {
        /// Tenths of mmol/L.
        tenths: u16,
        /// Whom the sender names.
        person: Option<String>,
    },
}

/// One device or card reader and its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The device, or the bench of a card reader.
    pub id: &'static str,
    /// Where it reports.
    pub site: &'static str,
    /// How it speaks.
    pub speech: Speech,
    /// The connection it uses, named by its client id; none on a serial line.
    pub connection: Option<&'static str>,
    /// What happens, by minutes of the day, in order.
    pub day: Vec<(u32, Act)>,
}

/// What a minute of the day lasts, where the day lasts so many minutes.
#[must_use]
pub(super) fn minute_lasts(minutes: u32) -> Duration {
    Duration::from_secs(60).saturating_mul(minutes.max(1)) / DAY_MINUTES
}

/// The cuffs that people have at home: name, owner's place in the registry, speech.
const HOME_CUFFS: [(&str, usize, Speech); 8] = [
    (EMERGENCY_DEVICE, EMERGENCY_PERSON, Speech::Json),
    ("HOME-02", 83, Speech::Bluetooth),
    ("HOME-03", 86, Speech::Json),
    ("HOME-04", 89, Speech::Bluetooth),
    ("HOME-05", 92, Speech::Json),
    ("HOME-06", 94, Speech::Bluetooth),
    ("HOME-07", 96, Speech::Json),
    ("HOME-08", 98, Speech::Bluetooth),
];
/// The person who brings a cuff with a memory to the clinic.
const MEMORY_OWNER: usize = 45;

/// Draws the devices, and what happens at each.
pub(super) struct Planner<'a> {
    rng: &'a mut Rng,
    people: &'a [Person],
    devices: Vec<Device>,
    actors: Vec<Actor>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(rng: &'a mut Rng, people: &'a [Person]) -> Self {
        Self { rng, people, devices: Vec::new(), actors: Vec::new() }
    }

    pub(super) fn plan(mut self) -> (Registry, Vec<Actor>) {
        self.van();
        self.first_clinic();
        self.second_clinic();
        self.homes();
        for actor in &mut self.actors {
            actor.day.sort_by_key(|(minute, _)| *minute);
        }
        let registry = Registry { people: self.people.to_vec(), devices: self.devices };
        (registry, self.actors)
    }

    /// Two benches with shared devices on wires; who sits there, the card says.
    fn van(&mut self) {
        let mut first = Bench::new("B1", VAN);
        let mut cuff = self.device("VAN1-CUFF1", VAN, Some("B1"), Speech::Raycome);
        let mut meter = self.device("VAN1-METER1", VAN, Some("B1"), Speech::Sinocare);
        for (visit, person) in self.visitors(0..20).into_iter().enumerate() {
            let at = start(visit);
            first.visit(at, &person);
            let mut pressures = person.body.pressures(self.rng, 2);
            if visit == EMERGENCY_VISITOR {
                pressures = vec![EMERGENCY_ON_VAN];
            }
            cuff.pressures(at + 2, pressures, None);
            meter.glucose(at + 6, person.body.glucose_tenths(self.rng), None);
        }
        let mut second = Bench::new("B2", VAN);
        let mut other_cuff = self.device("VAN1-CUFF2", VAN, Some("B2"), Speech::Raycome);
        for (visit, person) in self.visitors(20..38).into_iter().enumerate() {
            let at = start(visit) + 11;
            second.visit(at, &person);
            other_cuff.pressures(at + 2, person.body.pressures(self.rng, 2), None);
        }
        self.actors.extend([first.actor, second.actor, cuff, meter, other_cuff]);
    }

    /// Devices that number their readings and know whom the nurse entered; and a cuff with a memory
    /// that its owner brings along.
    fn first_clinic(&mut self) {
        let [Village { clinic, .. }, _] = VILLAGES;
        let mut cuff = self.device("DG-CUFF", clinic, None, Speech::Json);
        let mut meter = self.device("DG-METER", clinic, None, Speech::Json);
        for (visit, person) in self.visitors(40..58).into_iter().enumerate() {
            let at = start(visit) + 4;
            let named = Some(person.id.clone());
            cuff.pressures(at, person.body.pressures(self.rng, 2), named.as_ref());
            meter.glucose(at + 5, person.body.glucose_tenths(self.rng), named);
        }
        // Some come back in the afternoon.
        for (visit, person) in self.visitors(40..44).into_iter().enumerate() {
            let at = start(visit) + 470;
            cuff.pressures(at, person.body.pressures(self.rng, 1), Some(&person.id));
        }
        let mut memory = self.device("DG-MEMORY", clinic, None, Speech::Taidoc);
        if let Some(owner) = self.people.get(MEMORY_OWNER) {
            let pressures = owner.body.pressures(self.rng, 8);
            for (number, pressure) in (0_u32..).zip(pressures) {
                memory.pressures(20 + number * 70, vec![pressure], None);
            }
        }
        self.actors.extend([cuff, meter, memory]);
    }

    /// Bluetooth devices behind a bridge; who sits there, the card says.
    fn second_clinic(&mut self) {
        let [_, Village { clinic, .. }] = VILLAGES;
        let mut bench = Bench::new("XP-B1", clinic);
        let mut cuff = self.device("XP-CUFF", clinic, Some("XP-B1"), Speech::Bluetooth);
        let mut meter = self.device("XP-METER", clinic, Some("XP-B1"), Speech::Bluetooth);
        for (visit, person) in self.visitors(60..78).into_iter().enumerate() {
            let at = start(visit) + 7;
            bench.visit(at, &person);
            cuff.pressures(at + 2, person.body.pressures(self.rng, 2), None);
            meter.glucose(at + 6, person.body.glucose_tenths(self.rng), None);
        }
        self.actors.extend([bench.actor, cuff, meter]);
    }

    /// Cuffs that belong to somebody, each with a connection of its own.
    fn homes(&mut self) {
        for (id, place, speech) in HOME_CUFFS {
            let Some(person) = self.people.get(place).cloned() else { continue };
            let mut cuff = self.device(id, person.village.homes, None, speech);
            if place == EMERGENCY_PERSON {
                cuff.pressures(EMERGENCY_AT, vec![EMERGENCY, EMERGENCY_AGAIN], None);
            } else {
                let at = self.rng.u32(0..60);
                cuff.pressures(at, person.body.pressures(self.rng, 2), None);
            }
            let evening = self.rng.u32(520..590);
            cuff.pressures(evening, person.body.pressures(self.rng, 1), None);
            self.actors.push(cuff);
        }
    }

    fn visitors(&self, range: std::ops::Range<usize>) -> Vec<Person> {
        self.people.get(range).unwrap_or_default().to_vec()
    }

    /// Enters a device in the registry, and gives its empty day.
    fn device(
        &mut self,
        id: &'static str,
        site: &'static str,
        bench: Option<&'static str>,
        speech: Speech,
    ) -> Actor {
        let home = HOME_CUFFS.iter().find(|(home, ..)| *home == id).map(|(_, place, _)| *place);
        let owner = match (speech, home) {
            (Speech::Taidoc, _) => Some(MEMORY_OWNER),
            (_, place) => place,
        };
        let owner = owner.and_then(|place| self.people.get(place)).map(|person| person.id.clone());
        let connection = match speech {
            Speech::Raycome | Speech::Sinocare | Speech::Taidoc => None,
            Speech::Cards | Speech::Json | Speech::Bluetooth if home.is_some() => Some(id),
            Speech::Cards | Speech::Json | Speech::Bluetooth => Some(site),
        };
        let model = if speech == Speech::Taidoc { "bp" } else { "" };
        self.devices.push(Device { id, model, site, bench, owner });
        Actor { id, site, speech, connection, day: Vec::new() }
    }
}

fn start(visit: usize) -> u32 {
    u32::try_from(visit).unwrap_or(u32::MAX).saturating_mul(VISIT_EVERY).saturating_add(5)
}

/// A card reader.
struct Bench {
    actor: Actor,
}

impl Bench {
    fn new(id: &'static str, site: &'static str) -> Self {
        let connection = Some(site);
        Self { actor: Actor { id, site, speech: Speech::Cards, connection, day: Vec::new() } }
    }

    fn visit(&mut self, at: u32, person: &Person) {
        for (minute, out) in [(at, false), (at + 9, true)] {
            self.actor.day.push((minute, Act::Card { card: person.card.clone(), out }));
        }
    }
}

impl Actor {
    /// Pressures from this minute on, one every two minutes.
    fn pressures(&mut self, at: u32, pressures: Vec<Pressure>, person: Option<&String>) {
        for (number, pressure) in (0_u32..).zip(pressures) {
            let act = Act::Pressure { pressure, person: person.cloned() };
            self.day.push((at + number * 2, act));
        }
    }

    fn glucose(&mut self, at: u32, tenths: u16, person: Option<String>) {
        self.day.push((at, Act::Glucose { tenths, person }));
    }
}
