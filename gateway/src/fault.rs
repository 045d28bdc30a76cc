//! Deliberate faults, for the crash harness in `tests/`. Built only with the feature `faults`; what
//! is installed has none of this.
//!
//! `XUNZHEN_FAIL=point[:count]` kills the process where it passes a point for the count-th time, as
//! a power cut of the process alone would. `XUNZHEN_MUTANT=name` breaks one promise on purpose, so
//! that a test can show that the harness sees it. `XUNZHEN_CLOCK_AHEAD=seconds` sets the clock, and
//! `XUNZHEN_CLOCK_FILE=path` sets it by the seconds in that file, while the process runs too.

use std::{
    env, process,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::store::Change;

/// A promise that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Deliveries are acknowledged while their transaction is still open.
    AckBeforeSync,
    /// Commits are not synced (SQLite `synchronous=NORMAL`).
    SynchronousNormal,
    /// Messages are written after the commit of the alert that owes them.
    OutboxApart,
}

/// Whether this process is that mutant.
pub(crate) fn is(mutant: Mutant) -> bool {
    static WISH: OnceLock<Option<String>> = OnceLock::new();
    let name = match mutant {
        Mutant::AckBeforeSync => "ack_before_sync",
        Mutant::SynchronousNormal => "synchronous_normal",
        Mutant::OutboxApart => "outbox_apart",
    };
    WISH.get_or_init(|| env::var("XUNZHEN_MUTANT").ok()).as_deref() == Some(name)
}

/// A named point of the path. Ends the process at once if it is to fail here.
pub(crate) fn point(name: &str) {
    static WISH: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let wish = WISH.get_or_init(|| {
        let wish = env::var("XUNZHEN_FAIL").ok()?;
        let (point, count) = wish.split_once(':').unwrap_or((&wish, "1"));
        Some((point.to_owned(), count.parse().ok()?))
    });
    let Some((point, count)) = wish else { return };
    if point == name && PASSED.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= *count {
        process::abort();
    }
}

/// Milliseconds that the clock runs ahead.
pub(crate) fn clock_ahead_ms() -> i64 {
    static AHEAD: OnceLock<i64> = OnceLock::new();
    static FILE: OnceLock<Option<String>> = OnceLock::new();
    let ahead = *AHEAD.get_or_init(|| {
        let seconds = env::var("XUNZHEN_CLOCK_AHEAD").ok().and_then(|text| text.parse().ok());
        seconds.unwrap_or(0_i64).saturating_mul(1000)
    });
    let file = FILE.get_or_init(|| env::var("XUNZHEN_CLOCK_FILE").ok());
    let set = file.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    let seconds = set.and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0);
    ahead.saturating_add(seconds.saturating_mul(1000))
}

/// Whether a test sets the clock: then no system says that it keeps it.
pub(crate) fn sets_clock() -> bool {
    static SETS: OnceLock<bool> = OnceLock::new();
    *SETS.get_or_init(|| env::var_os("XUNZHEN_CLOCK_FILE").is_some())
}

/// The transaction that was acknowledged and is still open.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Units that the mutant puts into one transaction.
const UNITS_LEFT_OPEN: u64 = 8;

/// Leaves a transaction open in place of committing it.
pub(crate) fn leave_open() -> bool {
    static UNITS: AtomicU64 = AtomicU64::new(1);
    let leave = is(Mutant::AckBeforeSync)
        && !UNITS.fetch_add(1, Ordering::Relaxed).is_multiple_of(UNITS_LEFT_OPEN);
    OPEN.store(leave, Ordering::Relaxed);
    leave
}

/// Whether a transaction was left open.
pub(crate) fn is_left_open() -> bool {
    OPEN.load(Ordering::Relaxed)
}

/// Takes note that the open transaction is being committed, if there is one.
pub(crate) fn take_left_open() -> bool {
    OPEN.swap(false, Ordering::Relaxed)
}

static APART: Mutex<Vec<Change>> = Mutex::new(Vec::new());

/// Keeps a message out of the transaction.
pub(crate) fn keep_apart(change: &Change) -> bool {
    let apart = matches!(change, Change::Owe(_)) && is(Mutant::OutboxApart);
    if apart {
        APART.lock().unwrap_or_else(PoisonError::into_inner).push(change.clone());
    }
    apart
}

/// The messages kept out of the transaction.
pub(crate) fn take_apart() -> Vec<Change> {
    std::mem::take(&mut *APART.lock().unwrap_or_else(PoisonError::into_inner))
}
