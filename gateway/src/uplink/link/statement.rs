//! Up to when everything that a box had stored is here: the watermark of silence (DESIGN section 6).
//!
//! Every answer says the time by our own clock; a greeting repeats the latest one, signed, beside where
//! the box's log ends. The greeting was made after that answer was heard, so whatever the box had
//! stored when we gave it lies at or before that end: once our watermark reaches the end, everything of
//! before that instant is here. The box's clock, and how long the greeting was on its way, or who kept
//! it and sends it again, change nothing. What a box serves that stands below it, it says by how long it
//! has not heard of it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tracing::warn;

use super::upper::Upper;
use crate::{
    commit::Work,
    domain::{BoxId, Millis, Timestamp},
    store::{CommitSeq, Watermark},
    uplink::batch::Hello,
};

/// How much later a box must have been heard before it is written down: silence is told by days, and a
/// thousand boxes that greet every 15 s would be 100 writes a second. Our choice.
const HEARD_EVERY: Millis = Millis::minutes(5);

/// What boxes said that is not reached, and what was written down of them. Boxes that are believed have
/// a row each, which bounds it; after a start the next greeting says it again.
#[derive(Debug, Default)]
pub(super) struct Statements {
    boxes: Mutex<BTreeMap<BoxId, Heard>>,
}

/// Where a life of a box's log ended at an instant.
#[derive(Debug, Clone, Copy)]
struct Said {
    epoch: u64,
    last: CommitSeq,
    at: Timestamp,
}

impl Said {
    fn is_reached(&self, held: Option<Watermark>) -> bool {
        let of_this = held.filter(|held| held.epoch == self.epoch);
        of_this.map_or(CommitSeq(0), |held| held.upto) >= self.last
    }
}

#[derive(Debug, Default)]
struct Heard {
    /// The earliest that is not reached: later ones would never be, while the log grows.
    waits: Option<Said>,
    written: Option<Timestamp>,
}

impl Heard {
    /// The instant up to which everything is known by what is held, if it is to be written down.
    fn until(
        &mut self,
        said: Option<Said>,
        held: Option<Watermark>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let before = self.waits.filter(|waits| said.is_none_or(|said| said.epoch == waits.epoch));
        let reached = |said: &Said| said.is_reached(held);
        let until = said.filter(reached).or(before.filter(reached)).map(|said| said.at);
        self.waits = before.filter(|it| !reached(it)).or(said.filter(|it| !reached(it)));
        // What was written by a clock that was set back since is of no use.
        let is_news = |until: &Timestamp| {
            self.written.is_none_or(|written| written > now || until.since(written) >= HEARD_EVERY)
        };
        let until = until.filter(is_news)?;
        self.written = Some(until);
        Some(until)
    }
}

impl Statements {
    fn of<T>(&self, of: &BoxId, change: impl FnOnce(&mut Heard) -> T) -> T {
        let mut boxes = self.boxes.lock().unwrap_or_else(PoisonError::into_inner);
        change(boxes.entry(of.clone()).or_default())
    }
}

impl Upper {
    /// A box says where its log ends, and which answer it heard last.
    pub(super) async fn says(&self, hello: &Hello, held: Option<Watermark>) {
        let now = self.parts.clock.now();
        let said = hello.heard.map(Timestamp::from_millis).filter(|heard| *heard <= now);
        let said = said.map(|heard| {
            let lag = Millis(i64::try_from(hello.lag).unwrap_or(i64::MAX));
            let (epoch, last) = (hello.told.epoch, CommitSeq(hello.last));
            Said { epoch, last, at: heard.minus(lag) }
        });
        let of = &hello.told.by;
        let until = self.statements.of(of, |heard| heard.until(said, held, now));
        self.write_down(of, until).await;
    }

    /// So far is the log of a box here now.
    pub(super) async fn holds(&self, of: &BoxId, held: Watermark) {
        let now = self.parts.clock.now();
        let until = self.statements.of(of, |heard| heard.until(None, Some(held), now));
        self.write_down(of, until).await;
    }

    async fn write_down(&self, of: &BoxId, until: Option<Timestamp>) {
        let Some(until) = until else { return };
        let work = Work::Heard { sender: of.clone(), until };
        if self.parts.inlet.hand_over(work).await.is_err() {
            warn!(gateway = %of, "the writer is gone; that it was heard is not written down");
        }
    }
}
