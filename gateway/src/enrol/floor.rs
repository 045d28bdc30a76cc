//! By which time certificates are judged: one that nobody can set back, and that no single setting
//! takes far ahead (ATTACKS A31).
//!
//! The floor is the latest time that was seen. It follows the clock at most a day for every hour that
//! passed since boot, so that a clock set two years ahead for an afternoon leaves no mark that ends
//! every certificate; and judging goes at most a month beyond it, so that such a clock does not shut
//! out every van at once. A clock set back changes nothing.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};
use tracing::{error, warn};

use crate::{
    domain::{Clock, Millis, Timestamp},
    secrets,
    supervise::Stop,
};

/// Within the data folder.
const FILE: &str = "time-floor";

/// Judging goes at most so far beyond the floor.
const LEAD: Millis = Millis::days(30);

/// The floor follows the clock at most so many times as fast as time passes.
const HASTE: i64 = 24;

/// No gateway ran before this program was written: 2026-01-01.
const EARLIEST: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// How often the floor follows the clock, and is kept if it moved.
const FOLLOW_EVERY: Duration = Duration::from_secs(600);

/// By which time certificates are judged, where the clock says `now`.
#[must_use]
pub fn judged(now: Timestamp, floor: Timestamp) -> Timestamp {
    now.max(floor).min(floor.plus(LEAD))
}

/// Where the floor stands once so long has passed, where the clock says `now`.
#[must_use]
pub(super) fn risen(floor: Timestamp, passed: Millis, now: Timestamp) -> Timestamp {
    let most = floor.plus(Millis(passed.0.max(0).saturating_mul(HASTE)));
    floor.max(now.min(most))
}

/// The floor of a data folder.
#[derive(Debug)]
pub struct TimeFloor {
    path: PathBuf,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    floor: Timestamp,
    /// The time since boot when it was looked at last.
    looked: Millis,
}

impl TimeFloor {
    /// The floor of a data folder; the clock's time where none is kept.
    ///
    /// # Errors
    /// The file cannot be read or made. One that holds no time stops nothing: the clock's time is taken, as
    /// where there is no file, and the log says so.
    pub fn open(folder: &Path, clock: Clock) -> io::Result<Self> {
        let path = folder.join(FILE);
        let first = clock.now().max(EARLIEST);
        let text = secrets::kept(&path, || Ok(first.to_string().into_bytes()))?;
        let kept = std::str::from_utf8(&text).ok().and_then(|text| Timestamp::parse(text.trim()));
        let floor = if let Some(kept) = kept {
            kept
        } else {
            error!(
                file = %path.display(),
                "the latest time seen is damaged; certificates are judged by the clock from here on: see that \
                 it is right / 最近时间记录已损坏，自此按本机时钟判断证书：请核对时钟"
            );
            secrets::write(&path, first.to_string().as_bytes())?;
            first
        };
        let state = Mutex::new(State { floor, looked: clock.elapsed() });
        Ok(Self { path, clock, state })
    }

    /// The latest time seen.
    #[must_use]
    pub fn floor(&self) -> Timestamp {
        self.look().0
    }

    /// By which time certificates are judged now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        judged(self.clock.now(), self.floor())
    }

    /// Follows the clock; the floor, and whether it moved.
    fn look(&self) -> (Timestamp, bool) {
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.floor;
        state.floor = risen(before, elapsed.minus(state.looked), now);
        state.looked = elapsed;
        (state.floor, state.floor > before)
    }

    /// Keeps the floor on disk until the process stops.
    pub async fn follow(self: std::sync::Arc<Self>, stop: Stop) {
        let mut kept = self.floor();
        loop {
            tokio::select! {
                () = stop.wait() => return,
                () = sleep(FOLLOW_EVERY) => {}
            }
            let floor = self.floor();
            if floor == kept {
                continue;
            }
            let path = self.path.clone();
            let write = move || secrets::write(&path, floor.to_string().as_bytes());
            match spawn_blocking(write).await.map_err(io::Error::other).and_then(|done| done) {
                Ok(()) => kept = floor,
                Err(error) => warn!(%error, "the latest time seen could not be kept"),
            }
        }
    }
}
