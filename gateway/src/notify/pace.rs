//! How much one recipient may be sent: pace for all, hard caps for red, beneath every other logic
//! (promise P7).
//!
//! Counted in memory: a restart begins anew, but it can only send what is still owed, so what was
//! delivered before it is not sent again.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::{Millis, Timestamp};

/// Limits of what one recipient is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Messages a minute. The group robots of this field block a sender at 20 (UX section 3.1).
    pub per_minute: u32,
    /// Of these, kept free for red.
    pub reserved_for_red: u32,
    /// Red messages in 24 hours (DESIGN P7).
    pub red_per_day: usize,
    /// Red messages in an hour about one alert (DESIGN P7).
    pub red_per_alert_hour: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_minute: 18, reserved_for_red: 6, red_per_day: 20, red_per_alert_hour: 3 }
    }
}

/// A cap that was reached: the alert goes to the next step at once, and the operator hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// [`Caps::red_per_day`].
    RedPerDay,
    /// [`Caps::red_per_alert_hour`].
    RedPerAlertHour,
}

impl Cap {
    /// What the operator and the record read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RedPerDay => "cap of red messages to this recipient in a day",
            Self::RedPerAlertHour => "cap of red messages about this alert in an hour",
        }
    }
}

/// Whether a message may leave now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may.
    Go,
    /// Not before then.
    Wait(Timestamp),
    /// Not at all, for these alerts.
    Capped(Cap, Vec<i64>),
}

/// What is asked to leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    /// It tells of something red.
    pub(super) red: bool,
    /// It was counted before: only its pace is asked.
    pub(super) again: bool,
    /// The alerts it tells of.
    pub(super) alerts: &'a [i64],
}

/// Thousandths of a message.
const WHOLE: i64 = 1000;
const MINUTE: Millis = Millis::minutes(1);
const HOUR: Millis = Millis::hours(1);
const DAY: Millis = Millis::days(1);

/// What one recipient has been sent lately.
#[derive(Debug)]
pub(super) struct Pace {
    /// Thousandths of messages that may leave now.
    tokens: i64,
    counted_at: Timestamp,
    red: VecDeque<Timestamp>,
    red_of_alert: BTreeMap<i64, VecDeque<Timestamp>>,
}

impl Pace {
    /// A recipient who has not been sent anything.
    #[must_use]
    pub(super) fn new(caps: &Caps, now: Timestamp) -> Self {
        Self {
            tokens: full(caps),
            counted_at: now,
            red: VecDeque::new(),
            red_of_alert: BTreeMap::new(),
        }
    }

    /// Asks whether a message may leave, and counts it if so.
    pub(super) fn admit(&mut self, caps: &Caps, ask: Ask<'_>, now: Timestamp) -> Verdict {
        self.catch_up(caps, now);
        if let (true, false, Some(capped)) = (ask.red, ask.again, self.capped(caps, ask.alerts)) {
            return capped;
        }
        let floor = if ask.red { 0 } else { i64::from(caps.reserved_for_red) * WHOLE };
        let missing = floor + WHOLE - self.tokens;
        if missing > 0 {
            let per_minute = i64::from(caps.per_minute.max(1)) * WHOLE;
            return Verdict::Wait(now.plus(Millis(missing * MINUTE.0 / per_minute + 1)));
        }
        self.tokens -= WHOLE;
        if ask.red && !ask.again {
            self.red.push_back(now);
            for alert in ask.alerts {
                self.red_of_alert.entry(*alert).or_default().push_back(now);
            }
        }
        Verdict::Go
    }

    /// Whether so little may leave that everything waiting should share one message.
    pub(super) fn is_scarce(&mut self, caps: &Caps, now: Timestamp) -> bool {
        self.catch_up(caps, now);
        self.tokens < (i64::from(caps.reserved_for_red) + 2) * WHOLE
    }

    /// Whether forgetting this recipient would change nothing.
    pub(super) fn is_rested(&mut self, caps: &Caps, now: Timestamp) -> bool {
        self.catch_up(caps, now);
        self.tokens >= full(caps) && self.red.is_empty() && self.red_of_alert.is_empty()
    }

    fn capped(&self, caps: &Caps, alerts: &[i64]) -> Option<Verdict> {
        if self.red.len() >= caps.red_per_day {
            return Some(Verdict::Capped(Cap::RedPerDay, alerts.to_vec()));
        }
        let over = |alert: &&i64| {
            self.red_of_alert.get(alert).is_some_and(|sent| sent.len() >= caps.red_per_alert_hour)
        };
        let capped: Vec<i64> = alerts.iter().filter(over).copied().collect();
        (!capped.is_empty()).then_some(Verdict::Capped(Cap::RedPerAlertHour, capped))
    }

    fn catch_up(&mut self, caps: &Caps, now: Timestamp) {
        let passed = now.since(self.counted_at).0.clamp(0, MINUTE.0);
        let gained = passed * i64::from(caps.per_minute) * WHOLE / MINUTE.0;
        // What is less than a thousandth stays with the clock.
        if gained > 0 || passed >= MINUTE.0 || now < self.counted_at {
            self.tokens = (self.tokens + gained).min(full(caps));
            self.counted_at = now;
        }
        forget(&mut self.red, now.minus(DAY));
        self.red_of_alert.retain(|_, sent| {
            forget(sent, now.minus(HOUR));
            !sent.is_empty()
        });
    }
}

fn full(caps: &Caps) -> i64 {
    i64::from(caps.per_minute) * WHOLE
}

fn forget(sent: &mut VecDeque<Timestamp>, until: Timestamp) {
    while sent.front().is_some_and(|at| *at <= until) {
        sent.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_772_406_600_000 + seconds * 1000)
    }

    fn pace() -> Pace {
        Pace::new(&Caps::default(), at(0))
    }

    #[track_caller]
    fn check(pace: &mut Pace, (red, alert): (bool, i64), seconds: i64, expected: &str) {
        let ask = Ask { red, again: false, alerts: &[alert] };
        let got = match pace.admit(&Caps::default(), ask, at(seconds)) {
            Verdict::Go => "go".to_owned(),
            Verdict::Wait(until) => format!("wait {}", until.since(at(seconds)).0 / 1000),
            Verdict::Capped(Cap::RedPerDay, _) => "day".to_owned(),
            Verdict::Capped(Cap::RedPerAlertHour, _) => "alert".to_owned(),
        };
        assert_eq!(got, expected, "at {seconds} s, red {red}, alert {alert}");
    }

    #[test]
    fn twelve_leave_at_once_and_the_next_waits_for_its_share_of_the_minute() {
        let mut pace = pace();
        (0..12).for_each(|n| check(&mut pace, (false, n), 0, "go"));
        check(&mut pace, (false, 12), 0, "wait 3");
        check(&mut pace, (false, 12), 4, "go");
    }

    #[test]
    fn six_of_the_minute_are_kept_for_red() {
        let mut pace = pace();
        (0..12).for_each(|n| check(&mut pace, (false, n), 0, "go"));
        (20..26).for_each(|n| check(&mut pace, (true, n), 0, "go"));
        check(&mut pace, (true, 26), 0, "wait 3");
    }

    #[test]
    fn the_fourth_red_of_an_alert_within_an_hour_is_capped() {
        let mut pace = pace();
        [0, 600, 1200].into_iter().for_each(|s| check(&mut pace, (true, 1), s, "go"));
        check(&mut pace, (true, 1), 1800, "alert");
        check(&mut pace, (true, 2), 1800, "go");
        check(&mut pace, (true, 1), 3600, "go");
    }

    #[test]
    fn the_twenty_first_red_within_a_day_is_capped() {
        let mut pace = pace();
        (0..20).for_each(|n| check(&mut pace, (true, n), n * 60, "go"));
        check(&mut pace, (true, 99), 86_399, "day");
        check(&mut pace, (true, 99), 86_400, "go");
    }

    #[test]
    fn a_repeated_try_of_a_counted_message_is_not_counted_again() {
        let mut pace = pace();
        (0..3).for_each(|_| check(&mut pace, (true, 1), 0, "go"));
        let again = Ask { red: true, again: true, alerts: &[1] };
        assert_eq!(pace.admit(&Caps::default(), again, at(1)), Verdict::Go);
    }

    #[test]
    fn a_clock_that_steps_back_neither_blocks_nor_fills() {
        let mut pace = pace();
        (0..12).for_each(|n| check(&mut pace, (false, n), 0, "go"));
        check(&mut pace, (false, 12), -86_400, "wait 3");
        check(&mut pace, (false, 12), -86_396, "go");
    }
}
