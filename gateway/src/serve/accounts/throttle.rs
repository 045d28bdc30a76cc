//! Who may try a password now. Guessing is slow from one address, slow against one account from
//! addresses that never opened it, and never stops whoever signed in before from where they did.
//!
//! Three counts: of one source against one account (it waits after five), of one source against any
//! account, and of one account from sources that never opened it (each waits longer and longer). A
//! source that opened the account before answers for itself alone: others cannot lock its owner out.
//! An attempt counts when it begins, so that many at once are many. In memory: a restart forgets.

use std::{collections::HashMap, hash::Hash};

use crate::domain::{Millis, Timestamp};

/// Failures of one source against one account before it waits (GB/T 22239 8.1.4.1 b).
const PAIR_FREE: u32 = 5;

/// How long it then waits (ATTACKS 2.1, row 8.1.4.1).
const PAIR_WAIT: Millis = Millis::minutes(15);

/// Failures of one source against any account before each further one waits longer.
const SOURCE_FREE: u32 = 20;

/// Failures against one account, from sources that never opened it, before the same.
const ACCOUNT_FREE: u32 = 10;

/// The first wait; each further failure doubles it.
const WAIT_FIRST: Millis = Millis::seconds(2);

/// No wait is longer.
const WAIT_MAX: Millis = Millis::minutes(15);

/// A count without a failure for so long begins anew.
const FORGOTTEN: Millis = Millis::hours(1);

/// Counts of one kind, and sources known. Full: the one whose last failure is longest ago makes room.
const HELD_MAX: usize = 10_000;

/// The hash of an address, of a browser's mark or of a name.
pub(in crate::serve) type Trace = [u8; 32];

/// One attempt to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) struct Attempt {
    /// From where.
    pub(in crate::serve) source: Trace,
    /// To which account, whether it exists or not.
    pub(in crate::serve) account: Trace,
    /// The browser brought a mark of the account: it signed in before.
    pub(in crate::serve) marked: bool,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last: Timestamp,
}

/// What was tried of late.
#[derive(Debug, Default)]
pub(in crate::serve) struct Throttle {
    pairs: HashMap<(Trace, Trace), Count>,
    sources: HashMap<Trace, Count>,
    accounts: HashMap<Trace, Count>,
    opened: HashMap<(Trace, Trace), Timestamp>,
}

impl Throttle {
    /// Counts an attempt, or says how long to wait with it; one that waits is not counted.
    pub(in crate::serve) fn begin(
        &mut self,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<(), Millis> {
        let pair = (attempt.source, attempt.account);
        let known = attempt.marked || self.opened.contains_key(&pair);
        let mut wait = locked(self.pairs.get(&pair), now);
        if !known {
            wait = wait.max(slowed(self.sources.get(&attempt.source), SOURCE_FREE, now));
            wait = wait.max(slowed(self.accounts.get(&attempt.account), ACCOUNT_FREE, now));
        }
        if wait.0 > 0 {
            return Err(wait);
        }
        count(&mut self.pairs, pair, now);
        if !known {
            count(&mut self.sources, attempt.source, now);
            count(&mut self.accounts, attempt.account, now);
        }
        Ok(())
    }

    /// The attempt opened the account: it was no failure, and its source is known from now on.
    pub(in crate::serve) fn succeeded(&mut self, attempt: Attempt, now: Timestamp) {
        self.forgive(attempt);
        make_room(&mut self.opened, |at| *at);
        self.opened.insert((attempt.source, attempt.account), now);
    }

    /// The attempt was no failure, and nothing is known of its source by it.
    pub(super) fn forgive(&mut self, attempt: Attempt) {
        let pair = (attempt.source, attempt.account);
        let known = attempt.marked || self.opened.contains_key(&pair);
        self.pairs.remove(&pair);
        if !known {
            for counts in
                [self.sources.get_mut(&attempt.source), self.accounts.get_mut(&attempt.account)]
            {
                counts.into_iter().for_each(|of| of.failures = of.failures.saturating_sub(1));
            }
        }
    }

    /// Forgets what was tried against an account: its operator vouches for its owner.
    pub(super) fn pardon(&mut self, account: Trace) {
        self.pairs.retain(|(_, of), _| *of != account);
        self.accounts.remove(&account);
    }
}

fn count<K: Eq + Hash + Copy>(counts: &mut HashMap<K, Count>, key: K, now: Timestamp) {
    if !counts.contains_key(&key) {
        make_room(counts, |count| count.last);
    }
    let count = counts.entry(key).or_insert(Count { failures: 0, last: now });
    if now.since(count.last).0 > FORGOTTEN.0 {
        count.failures = 0;
    }
    *count = Count { failures: count.failures.saturating_add(1), last: now };
}

fn make_room<K: Eq + Hash + Copy, V>(held: &mut HashMap<K, V>, last: impl Fn(&V) -> Timestamp) {
    if held.len() < HELD_MAX {
        return;
    }
    let oldest = held.iter().min_by_key(|(_, value)| last(value)).map(|(key, _)| *key);
    if let Some(oldest) = oldest {
        held.remove(&oldest);
    }
}

fn left(count: &Count, wait: Millis, now: Timestamp) -> Millis {
    wait.minus(now.since(count.last)).max(Millis::ZERO)
}

fn locked(count: Option<&Count>, now: Timestamp) -> Millis {
    let Some(count) = count.filter(|count| count.failures >= PAIR_FREE) else {
        return Millis::ZERO;
    };
    left(count, PAIR_WAIT, now)
}

fn slowed(count: Option<&Count>, free: u32, now: Timestamp) -> Millis {
    let Some(count) = count.filter(|count| count.failures >= free) else { return Millis::ZERO };
    let doublings = count.failures.saturating_sub(free).min(16);
    let wait = WAIT_FIRST.0.saturating_mul(1_i64 << doublings).min(WAIT_MAX.0);
    left(count, Millis(wait), now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: usize) -> Trace {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    fn attempt(source: usize, account: usize) -> Attempt {
        Attempt { source: trace(source), account: trace(1_000_000 + account), marked: false }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// How many of so many guesses, one a second, are taken.
    #[track_caller]
    fn check(guesses: impl Iterator<Item = Attempt>, expected: usize) {
        let mut throttle = Throttle::default();
        let taken = (0..).zip(guesses).filter(|(n, of)| throttle.begin(*of, at(*n)).is_ok());
        assert_eq!(taken.count(), expected);
    }

    #[test]
    fn five_guesses_at_one_account_and_then_one_in_a_quarter_of_an_hour() {
        check((0..800).map(|_| attempt(1, 1)), 5);
        check((0..910).map(|_| attempt(1, 1)), 6);
    }

    #[test]
    fn a_spray_over_ten_thousand_accounts_from_one_address_is_slow() {
        // Twenty at once, then after 2, 4, 8 … seconds, at last four an hour.
        check((0..10_000).map(|account| attempt(1, account)), 38);
    }

    #[test]
    fn ten_thousand_addresses_against_one_account_are_slow_too() {
        check((0..10_000).map(|source| attempt(source, 1)), 28);
    }

    #[test]
    fn many_at_the_same_instant_are_many() {
        let mut throttle = Throttle::default();
        let taken = (0..100).filter(|_| throttle.begin(attempt(1, 1), at(0)).is_ok()).count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn others_never_lock_out_whoever_signed_in_before_from_there_or_by_that_browser() {
        let mut throttle = Throttle::default();
        let owner = attempt(7, 1);
        throttle.begin(owner, at(0)).unwrap();
        throttle.succeeded(owner, at(0));
        for second in 1..20_000 {
            let thief = attempt(100 + usize::try_from(second).unwrap(), 1);
            throttle.begin(thief, at(second)).unwrap_or_default();
        }
        assert!(throttle.begin(attempt(8, 1), at(20_000)).is_err(), "a new address waits");
        assert_eq!(throttle.begin(owner, at(20_000)), Ok(()), "the owner's does not");
        let marked = Attempt { marked: true, ..attempt(9, 1) };
        assert_eq!(throttle.begin(marked, at(20_000)), Ok(()), "nor the owner's browser");
        for _ in 0..4 {
            throttle.begin(marked, at(20_000)).unwrap();
        }
        assert!(throttle.begin(marked, at(20_000)).is_err(), "which answers for itself");
    }

    #[test]
    fn what_succeeds_was_no_failure_and_an_hour_forgets() {
        let mut throttle = Throttle::default();
        for round in 0..100 {
            assert_eq!(throttle.begin(attempt(1, 1), at(round)), Ok(()), "{round}");
            throttle.succeeded(attempt(1, 1), at(round));
        }
        for _ in 0..5 {
            throttle.begin(attempt(2, 2), at(0)).unwrap();
        }
        assert!(throttle.begin(attempt(2, 2), at(899)).is_err());
        assert!(throttle.begin(attempt(2, 2), at(900)).is_ok());
        for _ in 0..4 {
            throttle.begin(attempt(2, 2), at(900 + 3601)).unwrap();
        }
        throttle.begin(attempt(2, 2), at(900 + 3601)).unwrap();
        assert!(throttle.begin(attempt(2, 2), at(900 + 3602)).is_err());
        throttle.pardon(attempt(2, 2).account);
        assert!(throttle.begin(attempt(2, 2), at(900 + 3602)).is_ok());
    }

    #[test]
    fn a_flood_of_names_is_bounded() {
        let mut throttle = Throttle::default();
        for number in 0..HELD_MAX + 50 {
            throttle.begin(attempt(number, number), at(0)).unwrap_or_default();
        }
        assert!(throttle.pairs.len() <= HELD_MAX && throttle.accounts.len() <= HELD_MAX);
    }
}
