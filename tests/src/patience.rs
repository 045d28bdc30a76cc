//! Waiting for a condition, with a limit. Nothing here sleeps for a guessed time.

use std::{thread, time::Duration};

use tokio::time::Instant;

/// How long an ordinary condition may take on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Time between two looks at a condition that cannot call back.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until there is something to see.
///
/// # Panics
/// When nothing was seen in time: `what` says what was waited for.
#[track_caller]
pub fn wait_for<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    match wait_at_most(limit, &mut look) {
        Some(seen) => seen,
        None => panic!("waited {limit:?} in vain for {what}"),
    }
}

/// Looks until there is something to see, or the limit has passed.
pub fn wait_at_most<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if begun.elapsed() > limit {
            return None;
        }
        thread::park_timeout(LOOK_AGAIN);
    }
}
