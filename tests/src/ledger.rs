//! The oracle: what every device says under every number, and what the gateway acknowledged.
//!
//! Payloads follow from seed, device and number alone, so whatever the store holds can be checked
//! bit by bit without remembering what was sent.

use std::collections::BTreeSet;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::registry::person;

/// One in so many readings is beyond an emergency line.
const CROSSING_ONE_IN: u32 = 50;

/// The epoch of every device.
pub const EPOCH: u64 = 1;

/// The site of every device: readings from home page at once.
pub const SITE: &str = "home";

/// What all devices share.
#[derive(Debug, Clone, Copy)]
pub struct World {
    /// From which everything follows. Printed by every test that uses one.
    pub seed: u64,
    /// People, from P000001 on.
    pub people: u32,
    /// The instant of the first reading, in seconds since 1970.
    pub begun: i64,
}

/// What a device says under a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Whose it is.
    pub person: u32,
    /// mmHg.
    pub systolic: u32,
    /// mmHg.
    pub diastolic: u32,
    /// Beats a minute.
    pub pulse: u32,
    /// Seconds since 1970.
    pub measured_at: i64,
}

impl Said {
    /// Beyond the emergency line of the default pack (180 or 110 mmHg, LINES.md BP-E1)?
    #[must_use]
    pub const fn crosses(&self) -> bool {
        self.systolic >= 180 || self.diastolic >= 110
    }
}

/// Name of a device.
#[must_use]
pub fn device(number: u32) -> String {
    format!("dv-{number}")
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    clock_gettime(ClockId::Realtime).tv_sec
}

/// An instant as it stands on the wire.
#[must_use]
pub fn instant(seconds: i64) -> String {
    xunzhen::domain::Timestamp::from_millis(seconds * 1000).to_string()
}

impl World {
    /// A world that began two hours ago, so that every reading is recent and none is from the
    /// future.
    #[must_use]
    pub fn new(seed: u64, people: u32) -> Self {
        Self { seed, people, begun: now() - 7200 }
    }

    /// What a device says under a number.
    #[must_use]
    pub fn said(&self, device: u32, number: u64) -> Said {
        let mixed = self.seed ^ (u64::from(device) << 40) ^ number.wrapping_mul(0x9E37_79B9);
        let mut random = fastrand::Rng::with_seed(mixed);
        let crosses = random.u32(..CROSSING_ONE_IN) == 0;
        let (systolic, diastolic) = if crosses {
            (random.u32(184..=210), random.u32(112..=120))
        } else {
            (random.u32(105..=134), random.u32(62..=83))
        };
        Said {
            person: random.u32(1..=self.people),
            systolic,
            diastolic,
            pulse: random.u32(55..=95),
            measured_at: self.begun + i64::try_from(number % 7000).unwrap_or(0),
        }
    }

    /// The same as JSON of the wire contract.
    #[must_use]
    pub fn payload(&self, device: u32, number: u64) -> Value {
        let said = self.said(device, number);
        json!({"kind": "blood_pressure", "seq": number, "epoch": EPOCH,
            "measured_at": instant(said.measured_at), "systolic": said.systolic,
            "diastolic": said.diastolic, "unit": "mmHg", "pulse": said.pulse,
            "person": person(said.person), "setting": "home"})
    }
}

/// What one device sent, and what it may forget.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The first number that was never sent.
    pub next: u64,
    /// Acknowledged: obligations of the gateway.
    pub acknowledged: BTreeSet<u64>,
    /// Sent, and not acknowledged: may be in the store or not.
    pub open: BTreeSet<u64>,
    /// Messages sent, repeats included.
    pub messages: u64,
}

/// What all devices sent.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// What they say.
    pub world: World,
    /// One account a device, by its number.
    pub accounts: Vec<Account>,
}

impl Ledger {
    /// Nothing sent yet.
    #[must_use]
    pub fn new(world: World, devices: usize) -> Self {
        Self { world, accounts: vec![Account::default(); devices] }
    }

    /// Readings that the gateway acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.accounts.iter().map(|account| account.acknowledged.len()).sum()
    }
}
