//! A day at the benches of a van: who sat where and was measured when, and what of it came to the
//! gateway, late, twice, by wrong clocks, in any order. From one seed; times in milliseconds since
//! 1970.
//!
//! The truth stands beside everything that is sent ([`Frame::of`]); what the gateway makes of it is
//! for whoever asks.
//!
//! Kept by everybody here, because no gateway could tell otherwise: a card may be held to the reader
//! before the last measurement of the visitor before has ended, never before it has begun; whoever
//! sits down without a card where the card before was not taken out is seen by the staff, who clear
//! the bench ([`Settings::unseen`] says how often they do not).

mod visit;
mod wire;

use std::collections::BTreeMap;

use fastrand::Rng;

pub use wire::Clock;

use visit::Visits;

/// What kind of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Benches, each with a cuff and a meter.
    pub benches: u8,
    /// How long people come, in minutes: half of it in the morning.
    pub minutes: i64,
    /// How long nobody comes at noon, in minutes. A frame that is kept back can come after the last
    /// one of the morning, and still before the day is over.
    pub noon_minutes: i64,
    /// How long a visit takes, from and to, in seconds.
    pub visit_seconds: (i64, i64),
    /// Measured twice with the cuff, a minute apart.
    pub twice: bool,
    /// Of a thousand: visitors who forget to take their card out.
    pub forgotten: u16,
    /// Of those, where the next card is held to the reader while they still sit there, at any moment
    /// since their last measurement began.
    pub early: u16,
    /// Who have no card.
    pub without_card: u16,
    /// Of those, whom the staff do not see: the bench is not cleared.
    pub unseen: u16,
    /// Whose card nobody knows.
    pub unknown_card: u16,
    /// Of cards: read several times.
    pub repeated: u16,
    /// Of cards: come late, with the time of the reader.
    pub late_cards: u16,
    /// Of frames: kept back.
    pub late: u16,
    /// Of frames: sent twice.
    pub duplicated: u16,
    /// Of wrong clocks: set right in the middle of the day.
    pub set_right: u16,
}

impl Settings {
    /// Six benches, 4 to 6 minutes a person (issue 4, figures); how often things go wrong is
    /// assumed.
    pub const DAY: Self = Self {
        benches: 6,
        minutes: 120,
        noon_minutes: 60,
        visit_seconds: (240, 360),
        twice: true,
        forgotten: 300,
        early: 300,
        without_card: 10,
        unseen: 0,
        unknown_card: 10,
        repeated: 100,
        late_cards: 20,
        late: 30,
        duplicated: 50,
        set_right: 250,
    };

    /// 120 people an hour in all: 3 minutes each, one measurement with the cuff.
    pub const STRESS: Self = Self { visit_seconds: (165, 185), twice: false, ..Self::DAY };

    /// From the first visitor to the last, in milliseconds.
    pub(crate) const fn lasts(&self) -> i64 {
        self.minutes.saturating_add(self.noon_minutes).saturating_mul(60_000)
    }
}

/// Somebody who came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Their name in the registry; those whose card nobody knows are not in it.
    pub person: String,
    /// Their card, if they have one.
    pub card: Option<String>,
    /// The registry knows them.
    pub registered: bool,
}

/// A card held to the reader of a bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Which bench.
    pub bench: u8,
    /// The number on the card.
    pub card: String,
    /// When.
    pub at: i64,
    /// When it came to the gateway.
    pub received_at: i64,
    /// It was taken out.
    pub out: bool,
}

/// A frame of a device at a bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which bench.
    pub bench: u8,
    /// The device's name.
    pub device: String,
    /// Its wire format.
    pub format: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// When it came to the gateway.
    pub received_at: i64,
    /// The truth: whose it is, by their number.
    pub of: usize,
    /// The truth: when the measurement ended.
    pub ended_at: i64,
}

/// Something that came to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A card.
    Scan(Scan),
    /// A frame.
    Frame(Frame),
}

impl Event {
    /// When it came to the gateway.
    #[must_use]
    pub const fn received_at(&self) -> i64 {
        match self {
            Self::Scan(scan) => scan.received_at,
            Self::Frame(frame) => frame.received_at,
        }
    }
}

/// A day, its truth, and what came of it.
#[derive(Debug, Clone)]
pub struct Day {
    /// Everybody who came, by number.
    pub visitors: Vec<Visitor>,
    /// What came to the gateway, in the order in which it came.
    pub events: Vec<Event>,
    /// The clock of each device.
    pub clocks: Vec<(String, Clock)>,
}

impl Day {
    /// The day of a seed, which begins then.
    #[must_use]
    pub fn new(settings: &Settings, begins_at: i64, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut visits = Visits::new(*settings, &mut rng);
        for bench in 0..settings.benches {
            visits.bench(bench, begins_at);
        }
        let (visitors, scans, measurements) = visits.end();
        wire::send(settings, begins_at, (visitors, scans, measurements), &mut rng)
    }

    /// The events in an order that has nothing to do with when they came. Of a frame that came twice
    /// the first still comes first: what was received when is the first gateway's to say, once.
    pub fn shuffle(&mut self, seed: u64) {
        Rng::with_seed(seed).shuffle(&mut self.events);
        let mut places: BTreeMap<(String, Vec<u8>), Vec<usize>> = BTreeMap::new();
        for (place, event) in self.events.iter().enumerate() {
            if let Event::Frame(frame) = event {
                let name = (frame.device.clone(), frame.bytes.clone());
                places.entry(name).or_default().push(place);
            }
        }
        for places in places.into_values().filter(|places| places.len() > 1) {
            let came = places.iter().filter_map(|place| self.events.get(*place).cloned());
            let mut came: Vec<_> = came.collect();
            came.sort_by_key(Event::received_at);
            for (place, event) in places.into_iter().zip(came) {
                if let Some(there) = self.events.get_mut(place) {
                    *there = event;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGINS: i64 = 1_772_409_600_000;

    #[test]
    fn one_seed_gives_one_day() {
        let day = |seed| Day::new(&Settings::DAY, BEGINS, seed);
        assert_eq!(day(7).events, day(7).events);
        assert_ne!(day(7).events, day(8).events);
    }

    #[test]
    fn the_stress_run_is_120_people_an_hour() {
        let visitors = Day::new(&Settings::STRESS, BEGINS, 7).visitors.len();
        assert!((225..=255).contains(&visitors), "{visitors} people in two hours");
    }

    #[test]
    fn two_clocks_are_wrong_and_one_of_them_was_never_set() {
        let clocks = Day::new(&Settings::DAY, BEGINS, 7).clocks;
        let wrong = |it: &&(String, Clock)| it.1.ahead_by.abs() > 60_000;
        assert_eq!((clocks.len(), clocks.iter().filter(wrong).count()), (12, 2));
        let years = |it: &&(String, Clock)| it.1.ahead_by < -300_000_000_000;
        assert_eq!(clocks.iter().filter(years).count(), 1);
    }
}
