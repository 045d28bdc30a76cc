//! When a measurement may have been going on: from the earliest instant at which it may have begun
//! to the latest at which it may have ended.
//!
//! A value belongs to the session of a bench only if that session was open all that time. So what
//! matters here is how wrong a time may be, not how likely it is right.

use firmware_protocols::Measurement;

use super::heard::{Hearing, STEADY, Told};
use crate::{
    admit::{CLOCK_TOLERANCE, Stated, only_ordered},
    domain::{Grade, Millis, Reading, Timestamp},
};

/// A clock without seconds states the minute that has begun, one with seconds the second.
const MINUTE: Millis = Millis::minutes(1);
const SECOND: Millis = Millis::seconds(1);

/// How long things take at a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long a cuff measures, at least and at most: a value that comes sooner after a card than
    /// the most may be the value of whoever sat there before, and one that comes sooner than the
    /// least cannot be anybody's who sat down then.
    pub cuff: (Millis, Millis),
    /// How long a meter counts after it has its drop of blood, at least and at most.
    pub meter: (Millis, Millis),
    /// From the end of a measurement to the receipt of its frame, where nothing holds it up. Time
    /// of senders that know their own is right within the same.
    pub transfer: Millis,
}

impl Pace {
    /// A cuff inflates for 20 s at least and takes 30 to 60 s in all, a meter counts down from 5
    /// (issue 4, part 3; other meters 10; 5 s for putting it down are ours); a Bluetooth bridge
    /// needs a few seconds (our choice).
    pub const REAL: Self = Self {
        cuff: (Millis::seconds(20), Millis::seconds(60)),
        meter: (Millis::seconds(5), Millis::seconds(15)),
        transfer: Millis::seconds(5),
    };

    /// Where a day passes within minutes, as in a demonstration: nothing takes time.
    pub const COMPRESSED: Self = Self {
        cuff: (Millis::ZERO, Millis::ZERO),
        meter: (Millis::ZERO, Millis::ZERO),
        transfer: Millis::ZERO,
    };

    const fn takes(&self, measurement: &Measurement) -> (Millis, Millis) {
        match measurement {
            Measurement::BloodPressure(_) => self.cuff,
            Measurement::Glucose(_) => self.meter,
        }
    }
}

/// From when to when a measurement may have been going on, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// At the latest then it had begun.
    pub(super) begun: Timestamp,
    /// Whoever else's session was open since then may be meant; an empty bench is not asked about.
    pub(super) others_from: Timestamp,
    /// A sender who knows its own time says that it was then.
    pub(super) exact: bool,
}

/// From when to when something may have happened.
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// The window of a reading; `None` where nothing tells when it was taken. It never ends after the
/// receipt.
pub(super) fn window(reading: &Reading, (told, coarse): Hearing, pace: &Pace) -> Option<Window> {
    if only_ordered(reading) {
        return None;
    }
    let (least, most) = pace.takes(&reading.measurement);
    if let Some(at) = told_exactly(reading) {
        let to = until(at).min(reading.received_at).max(at);
        let (begun, others_from, exact) = (to, at.minus(least), true);
        return Some(Window { from: at, to, begun, others_from, exact });
    }
    let ended = ended(reading, (told, coarse), pace)?;
    let from = ended.from.minus(most);
    let to = ended.to.min(reading.received_at).max(from);
    let begun = to.minus(least).max(from);
    Some(Window { from, to, begun, others_from: from, exact: false })
}

/// Until when a clock shows what it showed: the end of the second or of the minute that it states.
fn until(at: Timestamp) -> Timestamp {
    let shown = |step: Millis| at.as_millis() % step.0 == 0;
    let step = [MINUTE, SECOND].into_iter().find(|step| shown(*step));
    step.map_or(at, |step| at.plus(step).minus(Millis(1)))
}

/// The instant that a sender states who knows its own offset, where it is no later than the receipt:
/// it says when the value was taken, and the session that was open then is meant.
fn told_exactly(reading: &Reading) -> Option<Timestamp> {
    let stated = Stated::read(reading.device_time.as_deref()?)?;
    let at = reading.measured.at;
    let exact = matches!(stated, Stated::Absolute(_)) && reading.measured.grade != Grade::D;
    (exact && at <= reading.received_at).then_some(at)
}

/// When it may have ended.
fn ended(reading: &Reading, (told, coarse): Hearing, pace: &Pace) -> Option<Span> {
    let received = reading.received_at;
    let just_now = Span { from: received.minus(pace.transfer), to: received };
    let Some(text) = reading.device_time.as_deref() else {
        return Some(just_now);
    };
    let stated = Stated::read(text)?;
    let lag = received.since(reading.measured.at);
    let trusted = match stated {
        Stated::Absolute(_) => reading.measured.grade != Grade::D,
        // An offset that was found says less than frames that prove their own.
        Stated::Naive(_) => reading.measured.grade == Grade::B && told == Told::Open,
    };
    if trusted && lag >= Millis(0).minus(STEADY) {
        let mut span = by_its_own(reading, told, pace);
        if matches!(stated, Stated::Naive(_)) {
            span.from = span.from.minus(CLOCK_TOLERANCE);
            span.to = span.to.plus(CLOCK_TOLERANCE);
        }
        return Some(span);
    }
    match told {
        Told::AtOnce(behind) => {
            let from = just_now.from.minus(behind).minus(coarse);
            Some(Span { from, to: received })
        }
        Told::KeptBack(by) => {
            let (from, to) = (just_now.from.minus(by), received.minus(by));
            // What states when it began may have taken longer than the quickest; both state whole
            // seconds.
            let (least, most) = pace.takes(&reading.measurement);
            let longer = most.minus(least).min(STEADY).plus(SECOND);
            Some(Span { from: from.minus(coarse), to: to.plus(longer).plus(coarse) })
        }
        Told::Open if reading.measured.grade != Grade::D => {
            // Right and kept back, or slow and at once; if it runs ahead, by as much it may be late.
            let ahead = stated.instant().since(received).max(Millis(0));
            let shown = stated.instant();
            let whole_minute = shown.as_millis() % MINUTE.0 == 0;
            let from = if whole_minute { shown } else { until(shown) };
            let from = from.min(just_now.from.minus(ahead));
            Some(Span { from, to: received })
        }
        Told::Open | Told::Odd => None,
    }
}

/// The window of a sender who knows its own time.
fn by_its_own(reading: &Reading, told: Told, pace: &Pace) -> Span {
    let (at, received) = (reading.measured.at, reading.received_at);
    let whole_minute = at.as_millis() % MINUTE.0 == 0;
    let until = if whole_minute { at.plus(MINUTE) } else { at };
    let to = match told {
        // Every frame comes so late, or its clock is behind.
        Told::AtOnce(_) if received.since(until) > STEADY => received,
        Told::AtOnce(_) | Told::KeptBack(_) | Told::Open | Told::Odd => until.plus(pace.transfer),
    };
    Span { from: at.min(received).minus(pace.transfer), to }
}
