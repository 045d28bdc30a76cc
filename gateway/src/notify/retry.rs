//! When a message that failed is tried again, and when trying has lost its sense.

use crate::domain::{Millis, NotificationKey, Timestamp};

/// Waits between attempts (UX section 3.2, rule 3); the last one repeats.
const WAITS: [Millis; 6] = [
    Millis::seconds(5),
    Millis::seconds(30),
    Millis::minutes(2),
    Millis::minutes(10),
    Millis::minutes(30),
    Millis::hours(2),
];

/// Jitter on each wait, in percent either way, so that a receiver that comes back is not met by
/// everybody at once.
const JITTER_PERCENT: i64 = 20;

/// A last try is placed so long before the deadline: the time that one attempt may take.
const LAST_TRY_BEFORE_DEADLINE: Millis = Millis::seconds(15);

/// Attempts for a message without a deadline: about three days at the longest wait.
const ATTEMPTS_WITHOUT_DEADLINE: u32 = 40;

/// A failed attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed {
    /// The message.
    pub(super) key: NotificationKey,
    /// Attempts so far, this one included.
    pub(super) attempts: u32,
    /// When it failed.
    pub(super) at: Timestamp,
    /// When the next step gets its own message.
    pub(super) deadline: Option<Timestamp>,
    /// What the receiver asked for.
    pub(super) retry_after: Option<Millis>,
}

/// When to try again, or `None` when the next try would come too late to matter.
#[must_use]
pub(super) fn next_try(failed: &Failed) -> Option<Timestamp> {
    let own = failed.at.plus(wait(failed));
    let asked = failed.retry_after.map(|wait| failed.at.plus(wait));
    let next = asked.map_or(own, |asked| asked.max(own));
    let Some(deadline) = failed.deadline else {
        return (failed.attempts < ATTEMPTS_WITHOUT_DEADLINE).then_some(next);
    };
    let last = deadline.minus(LAST_TRY_BEFORE_DEADLINE);
    let shortest = failed.at.plus(Millis(WAITS.first().map_or(0, |wait| wait.0)));
    match asked {
        _ if next <= last => Some(next),
        None if shortest <= last => Some(last),
        Some(asked) if asked <= last && shortest <= last => Some(last),
        _ => None,
    }
}

/// The wait after an attempt, with a jitter that follows from message and attempt alone: the same
/// after a restart, different for every message.
fn wait(failed: &Failed) -> Millis {
    let index = usize::try_from(failed.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let base = WAITS.get(index).or(WAITS.last()).map_or(0, |wait| wait.0);
    let mut hasher = blake3::Hasher::new();
    hasher.update(failed.key.as_bytes());
    hasher.update(&failed.attempts.to_be_bytes());
    let draw = hasher.finalize().as_bytes().first_chunk().copied().map_or(0, u16::from_be_bytes);
    let permille = i64::from(draw) * 20 * JITTER_PERCENT / 65_535 - 10 * JITTER_PERCENT;
    Millis(base + base * permille / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(attempts: u32, deadline: Option<i64>, retry_after: Option<i64>) -> Failed {
        Failed {
            key: NotificationKey::from_bytes([3; 16]),
            attempts,
            at: Timestamp::from_millis(0),
            deadline: deadline.map(|s| Timestamp::from_millis(s * 1000)),
            retry_after: retry_after.map(Millis::seconds),
        }
    }

    #[track_caller]
    fn check(failed: Failed, expected: Option<(i64, i64)>) {
        let got = next_try(&failed).map(Timestamp::as_millis);
        let within = match (got, expected) {
            (Some(got), Some((from, to))) => (from * 1000..=to * 1000).contains(&got),
            (got, expected) => got.is_none() && expected.is_none(),
        };
        assert!(within, "{failed:?}: got {got:?} ms, expected {expected:?} s");
    }

    #[test]
    fn waits_grow_to_two_hours_with_a_fifth_of_jitter() {
        for (attempts, wait) in
            [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 7200), (9, 7200)]
        {
            check(failed(attempts, None, None), Some((wait * 4 / 5, wait * 6 / 5)));
        }
    }

    #[test]
    fn messages_do_not_return_in_step() {
        let waits: std::collections::BTreeSet<i64> = (0..50)
            .map(|n| {
                wait(&Failed { key: NotificationKey::from_bytes([n; 16]), ..failed(4, None, None) })
                    .0
            })
            .collect();
        assert!(waits.len() > 30, "only {} different waits", waits.len());
        assert!(waits.iter().all(|wait| (480_000..=720_000).contains(wait)), "{waits:?}");
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it() {
        check(failed(1, None, Some(90)), Some((90, 90)));
        check(failed(3, None, Some(1)), Some((96, 144)));
    }

    #[test]
    fn the_last_try_comes_just_before_the_deadline() {
        check(failed(4, Some(600), None), Some((585, 585)));
        check(failed(4, Some(1800), None), Some((480, 720)));
    }

    #[test]
    fn nothing_is_tried_when_it_would_come_too_late() {
        check(failed(4, Some(15), None), None);
        check(failed(1, Some(600), Some(3600)), None);
        check(failed(ATTEMPTS_WITHOUT_DEADLINE, None, None), None);
    }
}
