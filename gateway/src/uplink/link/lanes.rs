//! Whose turn it is: boxes that have been heard all along have turns of their own, so that a thousand vans
//! whose line comes back at once hold up nobody who goes on (issue 5, figures).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

use super::{EXCHANGES_AT_ONCE, TURN_WAIT};
use crate::domain::BoxId;

/// A box that was silent for longer comes back: four greetings were missed (`GREET_EVERY`).
const SILENT_MAX: Duration = Duration::from_secs(60);

/// One that has been heard for so long goes on.
const STEADY_AFTER: Duration = Duration::from_secs(30);

/// Boxes that are remembered; more than any county has. Full: those who were silent are forgotten, and of
/// those who remain too many, newcomers take their turn among all others.
const BOXES: usize = 10_000;

/// Since when a box is heard without a gap, and when it was last.
#[derive(Debug, Clone, Copy)]
struct Heard {
    since: Instant,
    last: Instant,
}

/// Turns of those who go on, and of all others.
#[derive(Debug)]
pub(super) struct Lanes {
    steady: Semaphore,
    others: Semaphore,
    heard: Mutex<HashMap<BoxId, Heard>>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        let at_once = || Semaphore::new(EXCHANGES_AT_ONCE);
        Self { steady: at_once(), others: at_once(), heard: Mutex::default() }
    }

    /// A turn, held until it is dropped; `None`: there was none in time.
    pub(super) async fn turn(&self, by: &BoxId) -> Option<SemaphorePermit<'_>> {
        let lane = if self.is_steady(by) { &self.steady } else { &self.others };
        timeout(TURN_WAIT, lane.acquire()).await.ok()?.ok()
    }

    /// Takes note that a box is heard now; says whether it has been all along.
    fn is_steady(&self, by: &BoxId) -> bool {
        let now = Instant::now();
        let goes_on = |heard: &Heard| now.duration_since(heard.last) <= SILENT_MAX;
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heard) = all.get_mut(by) {
            if !goes_on(heard) {
                heard.since = now;
            }
            heard.last = now;
            return now.duration_since(heard.since) >= STEADY_AFTER;
        }
        if all.len() >= BOXES {
            all.retain(|_, heard| goes_on(heard));
        }
        if all.len() < BOXES {
            all.insert(by.clone(), Heard { since: now, last: now });
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> BoxId {
        BoxId::new(&format!("van-{number}")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_has_a_turn_however_many_come_back_at_once() {
        let lanes = Lanes::new();
        for _ in 0..3 {
            assert!(lanes.turn(&name(0)).await.is_some());
            tokio::time::advance(Duration::from_secs(15)).await;
        }
        let mut held = Vec::new();
        for number in 1..=EXCHANGES_AT_ONCE {
            held.push(lanes.turn(&name(number)).await.unwrap());
        }
        let began = Instant::now();
        assert!(lanes.turn(&name(99)).await.is_none(), "a newcomer is told to come again");
        assert_eq!(began.elapsed(), TURN_WAIT);
        let began = Instant::now();
        assert!(lanes.turn(&name(0)).await.is_some());
        assert_eq!(began.elapsed(), Duration::ZERO);
        // Silent for a while, it comes back like any other.
        tokio::time::advance(SILENT_MAX + Duration::from_secs(1)).await;
        assert!(lanes.turn(&name(0)).await.is_none());
        drop(held);
        assert!(lanes.turn(&name(0)).await.is_some());
    }
}
