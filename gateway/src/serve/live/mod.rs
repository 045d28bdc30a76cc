//! What changes the picture: events from the log, in commit order, to every open page.
//!
//! One task reads the log once for all viewers and keeps the newest events; a viewer takes from
//! there what lies after its own position, or reads the log itself where it is further behind. So
//! no event can fall between a question and a subscription, and no viewer can slow another.

mod boards;
mod events;
mod reach;
mod ring;
mod stream;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use tracing::warn;

pub(super) use self::events::since;
use self::{boards::Boards, events::Prepared, reach::Reached, ring::Ring};
use super::shared::Shared;
use crate::store::CommitSeq;

pub(super) use stream::{SCHEMA, open};

/// Facts read from the log at once.
const BATCH: usize = 512;

/// Pause after a failed read of the log.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What the viewers share.
#[derive(Debug)]
pub(super) struct Live {
    committed: watch::Receiver<CommitSeq>,
    ring: Mutex<Ring>,
    published: watch::Sender<CommitSeq>,
    viewers: watch::Sender<usize>,
    reached: Reached,
    boards: Boards,
}

impl Live {
    pub(super) fn new(committed: watch::Receiver<CommitSeq>) -> Self {
        Self {
            committed,
            ring: Mutex::default(),
            published: watch::channel(CommitSeq(0)).0,
            viewers: watch::channel(0).0,
            reached: Reached::default(),
            boards: Boards::default(),
        }
    }

    fn ring<T>(&self, look: impl FnOnce(&mut Ring) -> T) -> T {
        look(&mut self.ring.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts the task that reads the log for all viewers, while there are any.
pub(super) fn follow(shared: &Arc<Shared>) {
    let task = Arc::clone(shared);
    shared.supervisor.spawn("live events", async move {
        let stop = task.supervisor.stopping();
        tokio::select! {
            () = stop.wait() => {}
            () = run(&task) => {}
        }
    });
}

async fn run(shared: &Arc<Shared>) {
    let mut viewers = shared.live.viewers.subscribe();
    let mut committed = shared.live.committed.clone();
    while viewers.wait_for(|count| *count > 0).await.is_ok() {
        let Ok(start) = shared.ask(|shared| shared.reader.last()).await else {
            tokio::time::sleep(RETRY_PAUSE).await;
            continue;
        };
        shared.live.ring(|ring| ring.begin(start));
        shared.live.published.send_replace(start);
        let mut cursor = start;
        while *viewers.borrow() > 0 {
            committed.borrow_and_update();
            let (to, more) = read(shared, cursor).await;
            cursor = to;
            if more {
                continue;
            }
            tokio::select! {
                changed = committed.changed() => if changed.is_err() { return },
                _ = viewers.changed() => {}
            }
        }
    }
}

/// Reads one batch: the position read to, and whether to read on at once.
async fn read(shared: &Arc<Shared>, after: CommitSeq) -> (CommitSeq, bool) {
    let (events, to, full) = match events::read(shared, after, BATCH).await {
        Ok(read) => read,
        Err(refusal) => {
            warn!(?refusal, "live events wait for the store");
            tokio::time::sleep(RETRY_PAUSE).await;
            return (after, true);
        }
    };
    for event in &events {
        shared.live.reached.forget(event);
    }
    shared.live.ring(|ring| ring.extend(events, to));
    if to > after {
        shared.live.published.send_replace(to);
    }
    (to, full)
}

/// Counts a viewer for as long as it is held.
struct Viewer(Arc<Shared>);

impl Viewer {
    fn enter(shared: &Arc<Shared>) -> Self {
        shared.live.viewers.send_modify(|count| *count = count.saturating_add(1));
        shared.counters.streams.add(1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.0.live.viewers.send_modify(|count| *count = count.saturating_sub(1));
        self.0.counters.streams.add(-1);
    }
}
