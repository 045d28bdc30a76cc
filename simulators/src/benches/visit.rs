//! What happens at a bench, as it was: who sat there, when cards were held to the reader, when each
//! measurement ended.

use fastrand::Rng;

use super::{Scan, Settings, Visitor};
use crate::chance::happens;

const SECOND: i64 = 1000;

/// From the card to the start of the cuff, in seconds: sitting down, the sleeve, the cuff; assumed.
const BEFORE_CUFF: std::ops::RangeInclusive<i64> = 30..=60;
/// A cuff measures so long, in seconds (issue 4, part 3).
const CUFF_TAKES: std::ops::RangeInclusive<i64> = 30..=60;
/// A meter counts down so long, in seconds; assumed from 5 and 10 s meters.
const METER_TAKES: std::ops::RangeInclusive<i64> = 5..=10;
/// Rest between two measurements, in seconds.
const REST: i64 = 60;
/// Until somebody else sits down, in seconds; assumed.
const CHANGE: std::ops::RangeInclusive<i64> = 0..=30;
/// A reader that is read several times reads again within so long, in milliseconds; assumed.
const AGAIN: std::ops::RangeInclusive<i64> = 200..=2500;
/// What the staff hold to the reader to clear a bench.
pub(super) const CLEARS: &str = "CLEAR";

/// A measurement, as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) bench: u8,
    pub(super) cuff: bool,
    pub(super) of: usize,
    pub(super) ended_at: i64,
}

/// Everybody's visits.
pub(super) struct Visits<'r> {
    settings: Settings,
    rng: &'r mut Rng,
    visitors: Vec<Visitor>,
    scans: Vec<Scan>,
    measurements: Vec<Measured>,
}

/// How a visit ended.
struct Left {
    /// When the last measurement began and ended.
    last: (i64, i64),
    /// When the visitor stood up.
    at: i64,
    /// Their card is still in.
    card: Option<String>,
}

impl<'r> Visits<'r> {
    pub(super) fn new(settings: Settings, rng: &'r mut Rng) -> Self {
        Self { settings, rng, visitors: Vec::new(), scans: Vec::new(), measurements: Vec::new() }
    }

    pub(super) fn end(self) -> (Vec<Visitor>, Vec<Scan>, Vec<Measured>) {
        (self.visitors, self.scans, self.measurements)
    }

    fn seconds(&mut self, range: std::ops::RangeInclusive<i64>) -> i64 {
        // Nobody moves on the stroke of a second.
        self.rng.i64(range).saturating_mul(SECOND).saturating_add(self.rng.i64(0..SECOND))
    }

    /// One bench through the day.
    pub(super) fn bench(&mut self, bench: u8, begins_at: i64) {
        let noon = begins_at.saturating_add(self.settings.minutes.saturating_mul(30 * SECOND));
        let ends_at = begins_at.saturating_add(self.settings.lasts());
        let mut left: Option<Left> = None;
        let mut now = begins_at.saturating_add(self.seconds(0..=60));
        let mut is_morning = true;
        while now < ends_at {
            if is_morning && now >= noon {
                // Nobody sits there over noon, whatever card was left.
                (is_morning, left) = (false, None);
                now = now.saturating_add(self.settings.noon_minutes.saturating_mul(60 * SECOND));
            }
            let visitor = self.visitor();
            let (card, of) = (visitor.card.clone(), self.visitors.len());
            self.visitors.push(visitor);
            let begins = self.comes((bench, card.as_deref()), left.take(), now);
            let after = self.visit((bench, of, card), begins);
            now = after.at.saturating_add(self.seconds(CHANGE));
            left = Some(after);
        }
    }

    fn visitor(&mut self) -> Visitor {
        let number = self.visitors.len();
        let has_card = !happens(self.rng, self.settings.without_card);
        let unknown = has_card && happens(self.rng, self.settings.unknown_card);
        Visitor {
            person: format!("P{number:06}"),
            card: has_card.then(|| format!("62170{number:07}")),
            registered: !unknown,
        }
    }

    /// Somebody comes to a bench; from then on it is theirs.
    fn comes(&mut self, (bench, card): (u8, Option<&str>), left: Option<Left>, now: i64) -> i64 {
        // Whoever takes their card out makes room for the next one first.
        let left = left.filter(|left| left.card.is_some());
        let early = happens(self.rng, self.settings.early);
        let Some(card) = card else {
            if left.is_some() && !happens(self.rng, self.settings.unseen) {
                self.read((bench, CLEARS), now, true);
            }
            return now;
        };
        // The queue is impatient: the card lies on the reader while the cuff still works, or while
        // the one before puts on the coat. It does not wait for the seconds in which a meter counts.
        let at = match left {
            Some(Left { last: (from, _), .. }) if early => self.rng.i64(from.min(now)..=now),
            Some(_) | None => now,
        };
        self.read((bench, card), at, false);
        now
    }

    /// A card is held to the reader, now and then for so long that it is read again.
    fn read(&mut self, (bench, card): (u8, &str), at: i64, out: bool) {
        let mut at = at;
        let times = if happens(self.rng, self.settings.repeated) { self.rng.u8(2..=6) } else { 1 };
        for _ in 0..times {
            self.scans.push(Scan { bench, card: card.to_owned(), at, received_at: at, out });
            at = at.saturating_add(self.rng.i64(AGAIN));
        }
    }

    fn visit(&mut self, (bench, of, card): (u8, usize, Option<String>), begins: i64) -> Left {
        let (shortest, longest) = self.settings.visit_seconds;
        let ends = begins.saturating_add(self.seconds(shortest..=longest));
        let cuff = begins.saturating_add(self.seconds(BEFORE_CUFF));
        let mut last = self.measure((bench, of, true), cuff);
        // The finger while the arm rests, or at the end.
        let mut finger = last.1.saturating_add(self.seconds(10..=40));
        let while_resting = self.rng.bool();
        if while_resting {
            last = self.measure((bench, of, false), finger);
        }
        if self.settings.twice {
            let rested = last.1.saturating_add(REST * SECOND);
            last = self.measure((bench, of, true), rested);
            finger = last.1.saturating_add(self.seconds(10..=20));
        }
        if !while_resting {
            last = self.measure((bench, of, false), finger);
        }
        let at = ends.max(last.1.saturating_add(SECOND));
        let forgets = happens(self.rng, self.settings.forgotten);
        if let (Some(card), false) = (&card, forgets) {
            let out = self.rng.i64(last.1..=at);
            self.read((bench, card), out, true);
            return Left { last, at: at.max(out.saturating_add(16 * SECOND)), card: None };
        }
        Left { last, at, card }
    }

    fn measure(&mut self, (bench, of, cuff): (u8, usize, bool), from: i64) -> (i64, i64) {
        let takes = self.seconds(if cuff { CUFF_TAKES } else { METER_TAKES });
        let ended_at = from.saturating_add(takes);
        self.measurements.push(Measured { bench, cuff, of, ended_at });
        (from, ended_at)
    }
}
