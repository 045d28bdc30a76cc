//! A township made of numbers: people, homes, doctors, sites, devices, and what their devices say.

use std::io::Write as _;

use crate::{
    cli::Failure,
    domain::{
        Attributes, CareLevel, Clock, Device, DeviceId, Doctor, DoctorId, Household, HouseholdId,
        Id, Person, PersonId, Registered, Site, SiteId, SiteRole, Timestamp,
    },
};

/// Sites, each with its village and its doctor.
const SITES: u32 = 40;
/// People of one home.
const HOME: u32 = 3;
const TOWNSHIP: &str = "T1";
const COUNTY: &str = "C1";

/// How large the township is.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub(super) people: u32,
    pub(super) devices: u32,
    /// Doctors of villages; homes are shared out among them.
    pub(super) doctors: u32,
    /// Where the doctors' webhooks stand; without one they are told over MQTT.
    pub(super) webhook: Option<std::net::SocketAddr>,
    /// Where its past ends.
    pub(super) now: Timestamp,
}

impl World {
    pub(super) fn new(people: u32, devices: u32) -> Self {
        Self { people, devices, doctors: SITES, webhook: None, now: Clock::system().now() }
    }

    /// Every row of the registry, in an order in which each finds what it names.
    pub(super) fn rows(self) -> impl Iterator<Item = Result<Registered, Failure>> {
        let sites = (0..SITES).map(site);
        let doctors = (0..self.doctors).map(move |number| {
            doctor(&format!("DR{number}"), CareLevel::Village, &village(number), self.webhook)
        });
        let above = [(CareLevel::Township, TOWNSHIP), (CareLevel::County, COUNTY)]
            .into_iter()
            .map(|(level, place)| doctor(&format!("DR-{place}"), level, place, None));
        let homes = (0..self.people.div_ceil(HOME)).map(move |number| home(number, self.doctors));
        let people = (0..self.people).map(person);
        let devices = (0..self.devices).map(device);
        sites.chain(doctors).chain(above).chain(homes).chain(people).chain(devices)
    }
}

fn name<K>(text: &str) -> Result<Id<K>, Failure> {
    Id::new(text).map_err(|error| Failure::of(&error))
}

fn village(number: u32) -> String {
    format!("V{}", number % SITES)
}

fn site(number: u32) -> Result<Registered, Failure> {
    Ok(Registered::Site(Site {
        site: site_name(number)?,
        kind: SiteRole::Clinic,
        name: String::new(),
        village: village(number),
        township: TOWNSHIP.to_owned(),
        lat: String::new(),
        lon: String::new(),
        session_minutes: None,
        attributes: Attributes::from([("county".to_owned(), COUNTY.to_owned())]),
    }))
}

fn doctor(
    id: &str,
    level: CareLevel,
    place: &str,
    webhook: Option<std::net::SocketAddr>,
) -> Result<Registered, Failure> {
    Ok(Registered::Doctor(Doctor {
        doctor: name::<crate::domain::DoctorKind>(id).map(|id: DoctorId| id)?,
        name: String::new(),
        phone: String::new(),
        level,
        place: place.to_owned(),
        webhook: webhook.map(|at| format!("http://{at}/{id}")).unwrap_or_default(),
        webhook_secret: String::new(),
        mqtt: webhook.is_none(),
        attributes: Attributes::new(),
    }))
}

fn home(number: u32, doctors: u32) -> Result<Registered, Failure> {
    let doctor: DoctorId = name(&format!("DR{}", number % doctors.max(1)))?;
    let household: HouseholdId = name(&format!("H{number}"))?;
    Ok(Registered::Household(Household {
        household,
        village: village(number),
        doctor: Some(doctor),
        cause: String::new(),
        attributes: Attributes::new(),
    }))
}

fn person(number: u32) -> Result<Registered, Failure> {
    Ok(Registered::Person(Person {
        person: person_name(number)?,
        name: format!("P{number}"),
        sex: None,
        birth_date: None,
        id_number: String::new(),
        cards: Vec::new(),
        phone: String::new(),
        consent: String::new(),
        household: Some(name(&format!("H{}", number / HOME))?),
        village: String::new(),
        diagnoses: Vec::new(),
        medicines: Vec::new(),
        cohorts: Vec::new(),
        pregnant: Vec::new(),
        attributes: Attributes::new(),
    }))
}

fn device(number: u32) -> Result<Registered, Failure> {
    Ok(Registered::Device(Device {
        device: device_name(number)?,
        model: String::new(),
        site: Some(site_name(number)?),
        bench: None,
        owner: None,
        slots: Vec::new(),
        attributes: Attributes::new(),
    }))
}

/// A person's name.
pub(super) fn person_name(number: u32) -> Result<PersonId, Failure> {
    name(&format!("P{number:06}"))
}

/// A device's name.
pub(super) fn device_name(number: u32) -> Result<DeviceId, Failure> {
    name(&format!("cuff-{number:04}"))
}

/// The site at which a device stands.
pub(super) fn site_name(device: u32) -> Result<SiteId, Failure> {
    name(&format!("S{:02}", device % SITES))
}

/// Numbers that look random and come back with their seed (Knuth's MMIX constants).
#[derive(Debug, Clone, Copy)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        const A: u64 = 6_364_136_223_846_793_005;
        const C: u64 = 1_442_695_040_888_963_407;
        self.0 = self.0.wrapping_mul(A).wrapping_add(C);
        let high = self.0 >> 32;
        u32::try_from((high.wrapping_mul(u64::from(end))) >> 32).unwrap_or(0)
    }
}

/// One reading before it is written down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) person: u32,
    /// One life of the device's counter, and the number within it.
    pub(super) epoch: u64,
    pub(super) number: u64,
    pub(super) at: Timestamp,
    /// It crosses an emergency line.
    pub(super) crossing: bool,
}

/// Writes a reading as a device would: four pressures to one glucose, ordinary values, or a
/// pressure across the line of an emergency (184/112, LINES BP-E1).
pub(super) fn write_reading(out: &mut Vec<u8>, said: &Said, random: &mut Random) {
    let Said { person, epoch, number, at, crossing } = *said;
    let written = if crossing || random.below(5) > 0 {
        let (systolic, diastolic) = if crossing {
            (184, 112)
        } else {
            (108_u32.saturating_add(random.below(20)), 66_u32.saturating_add(random.below(14)))
        };
        let pulse = 60_u32.saturating_add(random.below(24));
        write!(
            out,
            r#"{{"kind":"blood_pressure","seq":{number},"epoch":{epoch},"measured_at":"{at}","systolic":{systolic},"diastolic":{diastolic},"unit":"mmHg","pulse":{pulse},"person":"P{person:06}","setting":"home"}}"#
        )
    } else {
        let tenths = random.below(10);
        write!(
            out,
            r#"{{"kind":"glucose","seq":{number},"epoch":{epoch},"measured_at":"{at}","value":5.{tenths},"unit":"mmol/L","meal":"fasting","person":"P{person:06}","setting":"home"}}"#
        )
    };
    // Writing into memory cannot fail.
    written.unwrap_or_default();
}
