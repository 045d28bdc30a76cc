//! Blood-pressure sessions: reliable readings less than 10 minutes after the first (LINES 6.1).
//!
//! A session is judged 10 minutes after its first reading, by the setting of its first; its value is
//! the mean of all its readings, half up, and two readings confirm it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    facts::Cuff,
    ledger::Moment,
    pack::Pack,
    quantity::{Pressure, mean},
    snug,
};
use crate::domain::{Millis, Setting, Timestamp};

/// Sums of readings, exact until they are divided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    systolic: u32,
    diastolic: u32,
    pub count: u32,
}

impl Sums {
    pub(super) fn of(pressure: Pressure) -> Self {
        Self {
            systolic: u32::from(pressure.systolic),
            diastolic: u32::from(pressure.diastolic),
            count: 1,
        }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            systolic: self.systolic.saturating_add(other.systolic),
            diastolic: self.diastolic.saturating_add(other.diastolic),
            count: self.count.saturating_add(other.count),
        }
    }

    /// The mean, half up.
    pub(super) fn mean(self) -> Pressure {
        Pressure {
            systolic: mean(self.systolic, self.count),
            diastolic: mean(self.diastolic, self.count),
        }
    }
}

/// A session, open or just closed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Session {
    /// Effective time of its first reading: the session's place in windows and on the calendar.
    pub first_at: Timestamp,
    /// Setting of its first reading.
    pub setting: Setting,
    pub sums: Sums,
    /// Readings marked with an irregular pulse.
    pub irregular: u32,
    /// It holds a reading at or over the emergency line: it opens nothing else.
    pub emergency: bool,
    /// Its last reading; the clock is the latest of its readings'.
    pub last: Moment,
    last_pressure: Pressure,
}

impl Session {
    /// A reading begins a session, or goes on with the open one.
    pub(super) fn with(
        open: Option<Self>,
        pack: &Pack,
        moment: Moment,
        (cuff, pressure): (&Cuff, Pressure),
    ) -> Self {
        let marked = u32::from(cuff.flags.irregular_pulse);
        let emergency = pressure.reaches(pack.lines.bp_emergency);
        match open {
            // One that cannot be told apart from the reading before it counts once (DESIGN 5).
            Some(open) if cuff.possible_duplicate && open.last_pressure == pressure => open,
            Some(open) => Self {
                sums: open.sums.plus(Sums::of(pressure)),
                irregular: open.irregular.saturating_add(marked),
                emergency: open.emergency || emergency,
                last: Moment { clock: moment.clock.max(open.last.clock), ..moment },
                last_pressure: pressure,
                ..open
            },
            None => Self {
                first_at: moment.at,
                setting: cuff.setting,
                sums: Sums::of(pressure),
                irregular: marked,
                emergency,
                last: moment,
                last_pressure: pressure,
            },
        }
    }

    /// When it is judged.
    pub(super) const fn closes(&self, pack: &Pack) -> Timestamp {
        self.first_at.plus(pack.session.window)
    }

    pub(super) fn confirmed(&self, pack: &Pack) -> bool {
        self.sums.count >= pack.session.confirm_min_readings
    }

    pub(super) const fn day(&self) -> i64 {
        self.first_at.shanghai_day()
    }
}

impl Pack {
    /// How long a session lasts from its first reading.
    #[must_use]
    pub const fn session_window(&self) -> Millis {
        self.session.window
    }
}

/// What later windows need of a session.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct PastSession {
    pub at: Timestamp,
    pub setting: Setting,
    pub mean: Pressure,
    /// Over the control line of its own setting, at its own time.
    pub over: bool,
    /// The same by the pack's line alone, without the person's own plan.
    pub over_pack: bool,
    /// At or over grade 2.
    pub grade2: bool,
}

/// The last sessions, oldest first. Bounded: sessions cannot begin less than 10 minutes apart, and
/// only the last few and those of the mean's days are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct PastSessions(VecDeque<PastSession>);

impl PastSessions {
    /// Adds the newest and forgets what no line can ask for any more.
    pub(super) fn push(&mut self, pack: &Pack, newest: PastSession) {
        snug::push_back(&mut self.0, newest);
        let depth = pack.session_depth();
        let in_mean = |past: &PastSession| newest.at.since(past.at) < pack.repeat.mean_window;
        while self.0.len() > depth && self.0.front().is_some_and(|oldest| !in_mean(oldest)) {
            self.0.pop_front();
        }
    }

    /// From the newest back.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &PastSession> + Clone {
        self.0.iter().rev()
    }
}

/// The last values of one kind, and whether each is a step above the one before, a gap apart
/// (LINES 6.1, "Trend").
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Rising(VecDeque<(Timestamp, u16)>);

impl Rising {
    /// Adds a value; says whether the last ones rise.
    pub(super) fn push(&mut self, pack: &Pack, step: u16, (at, value): (Timestamp, u16)) -> bool {
        let trend = pack.relapse.trend;
        snug::push_back(&mut self.0, (at, value));
        while self.0.len() > trend.sessions {
            self.0.pop_front();
        }
        let rises = |(before, after): (&(Timestamp, u16), &(Timestamp, u16))| {
            after.0.since(before.0) >= trend.min_gap && after.1 >= before.1.saturating_add(step)
        };
        self.0.len() == trend.sessions && self.0.iter().zip(self.0.iter().skip(1)).all(rises)
    }
}
