//! How much at once, and how soon again.

use std::time::Duration;

/// Facts of a batch before they are packed, in bytes: at first, at least and at most. 64 KiB pack to
/// some 12 KiB, which 64 kbit/s carry in 2 s. Four times as much is carried as fast by any line as more would
/// be, holds up live readings at the centre less, and leaves a van within its 32 MiB (`bench backlog`).
const FIRST: usize = 64 * 1024;
const LEAST: usize = 4 * 1024;
const MOST: usize = 256 * 1024;

/// An exchange that took less lets the next one carry twice as much.
const QUICK: Duration = Duration::from_secs(3);

/// An exchange that took longer halves the next one.
const SLOW: Duration = Duration::from_secs(10);

/// Pauses after failures are drawn from nothing up to this, doubled with every failure in a row…
const PAUSE_FIRST: Duration = Duration::from_secs(2);

/// …up to this: a thousand vans whose line comes back within one second are spread over a minute.
pub(super) const PAUSE_MOST: Duration = Duration::from_secs(60);

/// The pause before the very first question of a process, drawn from nothing up to this.
const START_MOST: Duration = Duration::from_secs(10);

/// A number that nobody can foretell.
pub(crate) fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}

/// Pace of one line.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes: usize,
    failures: u32,
}

impl Pace {
    pub(crate) const fn new() -> Self {
        Self { bytes: FIRST, failures: 0 }
    }

    /// Bytes of the next batch, before they are packed.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A batch was answered after so long.
    pub(crate) fn answered(&mut self, took: Duration) {
        self.failures = 0;
        if took < QUICK {
            self.bytes = self.bytes.saturating_mul(2).min(MOST);
        } else if took > SLOW {
            self.smaller();
        }
    }

    /// There was no answer: less at once, and after a pause.
    pub(crate) fn failed(&mut self, chance: u64) -> Duration {
        self.smaller();
        let doubled = PAUSE_FIRST.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MOST);
        self.failures = self.failures.saturating_add(1);
        drawn(doubled, chance)
    }

    /// It did not fit an envelope.
    pub(super) fn smaller(&mut self) {
        self.bytes = (self.bytes / 2).max(LEAST);
    }

    /// A new process does not ask at the instant at which all others start as well.
    pub(super) fn start(chance: u64) -> Duration {
        drawn(START_MOST, chance)
    }

    /// Asked to wait so long, and by chance up to as long again.
    pub(crate) fn asked_to_wait(seconds: u32, chance: u64) -> Duration {
        let wait = Duration::from_secs(seconds.into()).min(PAUSE_MOST);
        wait.saturating_add(drawn(wait, chance)).min(PAUSE_MOST)
    }
}

/// Full jitter: anything from nothing to the whole.
pub(super) fn drawn(whole: Duration, chance: u64) -> Duration {
    let parts = u32::try_from(chance % 1025).unwrap_or(0);
    whole * parts / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_line_carries_more_and_a_slow_or_broken_one_less() {
        let mut pace = Pace::new();
        for _ in 0..10 {
            pace.answered(Duration::from_secs(1));
        }
        assert_eq!(pace.bytes(), MOST);
        pace.answered(Duration::from_secs(5));
        assert_eq!(pace.bytes(), MOST);
        pace.answered(Duration::from_secs(11));
        assert_eq!(pace.bytes(), MOST / 2);
        for _ in 0..20 {
            pace.failed(7);
        }
        assert_eq!(pace.bytes(), LEAST);
    }

    #[test]
    fn pauses_grow_and_no_two_gateways_agree_on_them() {
        let mut pace = Pace::new();
        let longest: Vec<_> = (0..8).map(|_| pace.failed(1024).as_secs()).collect();
        assert_eq!(longest, [2, 4, 8, 16, 32, 60, 60, 60]);
        pace.answered(Duration::ZERO);
        assert_eq!(pace.failed(1024).as_secs(), 2);
        assert_eq!(pace.failed(0), Duration::ZERO);
    }

    #[test]
    fn a_thousand_vans_that_are_sent_away_come_back_spread_over_a_minute() {
        let mut seconds = [0_u32; 61];
        for van in 0..1000_u64 {
            let waited = Pace::asked_to_wait(30, van.wrapping_mul(7919)).as_secs();
            seconds[usize::try_from(waited).unwrap()] += 1;
        }
        assert_eq!(seconds[..30].iter().sum::<u32>(), 0, "nobody before the time");
        assert!(seconds[30..].iter().all(|&vans| vans < 100), "{seconds:?}");
    }
}
