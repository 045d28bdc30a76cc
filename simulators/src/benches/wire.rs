//! What of a day comes to the gateway, and how: by right and wrong clocks, at once or late, once or
//! twice.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::{Day, Event, Frame, Scan, Settings, Visitor, visit::Measured};
use crate::{body::Pressure, chance::happens, clock::shanghai, device};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

/// Right clocks are off by at most so much, in milliseconds; assumed.
const RIGHT_WITHIN: i64 = 20 * SECOND;
/// The wrong one is off by minutes to hours, in minutes.
const WRONG_MINUTES: std::ops::RangeInclusive<i64> = 2..=300;
/// What a clock shows that was never set, at power on (FORMATS section 5), in milliseconds since
/// 1970.
const NEVER_SET: i64 = 1_388_509_261_000;
/// A frame that comes at once needs so long, in milliseconds; assumed.
const AT_ONCE: std::ops::RangeInclusive<i64> = 50..=3000;
/// A frame that is kept back is kept for 2 to the power of so much, in milliseconds: half a minute
/// to two hours.
const KEPT_BACK: std::ops::RangeInclusive<u32> = 15..=22;
/// A link is down for so long, in minutes; assumed.
const DOWN_MINUTES: std::ops::RangeInclusive<i64> = 3..=20;

/// The clock of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// How far it runs ahead of the truth, in milliseconds.
    pub ahead_by: i64,
    /// From then on it is right.
    pub set_right_at: Option<i64>,
    /// It shows no seconds.
    pub minutes_only: bool,
}

impl Clock {
    fn shown(&self, at: i64) -> i64 {
        let wrong = self.set_right_at.is_none_or(|set| at < set);
        at.saturating_add(if wrong { self.ahead_by } else { 0 })
    }
}

fn name(bench: u8, cuff: bool) -> String {
    format!("{}-{}", if cuff { "cuff" } else { "meter" }, bench.saturating_add(1))
}

/// Two devices have wrong clocks, one of them was never set; one meter shows no seconds.
fn clocks(settings: &Settings, begins_at: i64, rng: &mut Rng) -> Vec<(String, Clock)> {
    let mut devices: Vec<String> =
        (0..settings.benches).flat_map(|bench| [name(bench, true), name(bench, false)]).collect();
    rng.shuffle(&mut devices);
    let mut clocks = Vec::new();
    for (place, device) in devices.into_iter().enumerate() {
        let minutes = rng.i64(WRONG_MINUTES).saturating_mul(MINUTE);
        let off = rng.i64(0..=MINUTE).saturating_add(minutes);
        let ahead_by = match place {
            0 if rng.bool() => off,
            0 => off.saturating_neg(),
            1 => NEVER_SET.saturating_sub(begins_at),
            _ => rng.i64(-RIGHT_WITHIN..=RIGHT_WITHIN),
        };
        let set_right = place < 2 && happens(rng, settings.set_right);
        let middle = rng.i64(0..settings.lasts());
        let set_right_at = set_right.then(|| begins_at.saturating_add(middle));
        let minutes_only = device == name(0, false);
        clocks.push((device, Clock { ahead_by, set_right_at, minutes_only }));
    }
    clocks
}

pub(super) fn send(
    settings: &Settings,
    begins_at: i64,
    (visitors, scans, measurements): (Vec<Visitor>, Vec<Scan>, Vec<Measured>),
    rng: &mut Rng,
) -> Day {
    let clocks = clocks(settings, begins_at, rng);
    let by_name: BTreeMap<_, _> = clocks.iter().cloned().collect();
    let down_from = begins_at.saturating_add(rng.i64(0..settings.lasts()));
    let down_to = down_from.saturating_add(rng.i64(DOWN_MINUTES).saturating_mul(MINUTE));
    let down = name(rng.u8(0..settings.benches), rng.bool());
    let mut events = Vec::new();
    for mut scan in scans {
        if happens(rng, settings.late_cards) {
            scan.received_at = scan.at.saturating_add(kept_back(rng));
        }
        events.push(Event::Scan(scan));
    }
    for measured in measurements {
        let device = name(measured.bench, measured.cuff);
        let Some(clock) = by_name.get(&device) else { continue };
        let at_once = measured.ended_at.saturating_add(rng.i64(AT_ONCE));
        let mut received_at = at_once;
        if device == down && (down_from..down_to).contains(&at_once) {
            received_at = down_to.saturating_add(rng.i64(AT_ONCE));
        } else if happens(rng, settings.late) {
            received_at = at_once.saturating_add(kept_back(rng));
        }
        let frame = frame(&measured, (device, clock), received_at, rng);
        if happens(rng, settings.duplicated) {
            let received_at = received_at.saturating_add(kept_back(rng));
            events.push(Event::Frame(Frame { received_at, ..frame.clone() }));
        }
        events.push(Event::Frame(frame));
    }
    events.sort_by_key(Event::received_at);
    Day { visitors, events, clocks }
}

fn kept_back(rng: &mut Rng) -> i64 {
    let longest = 1_i64.checked_shl(rng.u32(KEPT_BACK)).unwrap_or(1).saturating_mul(2);
    rng.i64(longest / 2..longest)
}

fn frame(
    measured: &Measured,
    (device, clock): (String, &Clock),
    received_at: i64,
    rng: &mut Rng,
) -> Frame {
    let shown = clock.shown(measured.ended_at).div_euclid(SECOND);
    let (format, bytes) = if measured.cuff {
        let pressure =
            Pressure { systolic: rng.u8(100..=190), diastolic: rng.u8(55..=95), pulse: 72 };
        let said = device::raycome(pressure, shanghai(shown), 0);
        ("raycome-rbp", said.last().cloned().unwrap_or_default())
    } else if clock.minutes_only {
        ("sinocare-sn", device::sinocare_minutes(rng.u16(40..=150), shanghai(shown)))
    } else {
        ("sinocare-sn", device::sinocare(rng.u16(40..=150), shanghai(shown)))
    };
    let (bench, of, ended_at) = (measured.bench, measured.of, measured.ended_at);
    Frame { bench, device, format, bytes, received_at, of, ended_at }
}
