//! What goes a second time. Facts of the log above are read again from its beginning when the places
//! that this gateway serves changed: what happened before to the people of a new place passed it by. And
//! a gateway above that was brought back from a copy is given what it sent down since that copy.
//!
//! Facts are known by their names, so whatever goes twice changes nothing.

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{answer::Trouble, run::Follower};
use crate::{
    commit::Work,
    intake::NotCommitted,
    store::{CommitSeq, RosterHeld, Toward, Watermark},
    uplink::batch::{Batch, Holds, Point},
};

/// Facts that go back at once.
const BACK_COUNT: usize = 500;

/// Everything was read again: no log is longer.
const DONE: CommitSeq = CommitSeq(i64::MAX);

/// What goes a second time.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The log above is read again: under which cursor, up to where it was, and to where it is to be.
    down: Option<(String, Point, CommitSeq)>,
    /// The life of the gateway above that was given back what an earlier one sent down.
    given_back: Option<u64>,
    /// It began anew, and what came from the life before is still to be given back.
    owed: Option<u64>,
}

impl Again {
    /// Whether a batch is of what is read again.
    pub(super) fn reads(&self, batch: &Batch) -> bool {
        self.down.as_ref().is_some_and(|(_, at, _)| at.upto == batch.after)
    }

    /// Whether nothing of a life of the gateway above may be taken yet: then it is told no more that it
    /// began anew.
    pub(super) fn must_wait(&mut self, held: Option<Watermark>, epoch: u64) -> bool {
        let anew = held.is_some_and(|held| held.epoch != epoch) && self.given_back != Some(epoch);
        if anew {
            self.owed = Some(epoch);
        }
        anew
    }
}

impl Follower {
    /// From where the log above is asked for: from where it is held, or again from its beginning.
    pub(super) async fn read_again(
        &mut self,
        mark: Option<Watermark>,
        held: Option<&RosterHeld>,
    ) -> Result<Option<Holds>, Trouble> {
        let (Some(mark), Some(held)) = (mark, held) else { return Ok(mark.map(Holds::from)) };
        let cursor = format!("uplink-again/{}", held.villages);
        if self.again.down.as_ref().is_none_or(|(known, ..)| *known != cursor) {
            let asked = cursor.clone();
            let read = self.ask(move |reader| reader.cursor(&asked)).await?;
            if read < mark.upto {
                info!(
                    after = read.0,
                    upto = mark.upto.0,
                    "the places served changed; reading again"
                );
            }
            let at = Point { upto: read, ..Point::default() };
            self.again.down = (read != DONE).then_some((cursor, at, mark.upto));
        }
        Ok(match &self.again.down {
            None => Some(mark.into()),
            Some((_, at, _)) => {
                self.more_comes_down = true;
                let (epoch, upto, hash) = (mark.epoch, at.upto.0, at.hash);
                (upto > 0).then_some(Holds { epoch, upto, hash })
            }
        })
    }

    /// Another stretch of the log above was read again.
    pub(super) async fn went_again(&mut self, end: Point) -> Result<(), Trouble> {
        let Some((cursor, at, to)) = &mut self.again.down else { return Ok(()) };
        *at = end;
        let (follower, done) = (cursor.clone(), end.upto >= *to);
        if done {
            info!(upto = end.upto.0, "the log above was read again");
            self.again.down = None;
        }
        self.more_comes_down = true;
        let (reply, kept) = oneshot::channel();
        let to = Some(if done { DONE } else { end.upto });
        self.log.inlet.hand_over(Work::Advance { follower, to, reply }).await?;
        kept.await.map_err(|_dropped| NotCommitted)?;
        Ok(())
    }

    /// Gives back to a gateway above that began anew what it sent down before.
    pub(super) async fn give_back(&mut self) -> Result<(), Trouble> {
        let (Some(epoch), Some(above)) = (self.again.owed.take(), self.above.clone()) else {
            return Ok(());
        };
        let toward = Toward::Back { to: above.by, epoch };
        let (mut after, mut facts) = (CommitSeq(0), 0_usize);
        loop {
            let toward = toward.clone();
            let cargo = self.ask(move |reader| reader.cargo(&toward, after, BACK_COUNT, 0)).await?;
            if cargo.upto <= after {
                break;
            }
            (after, facts) = (cargo.upto, facts.saturating_add(cargo.parcels.len()));
            let sent = self.overtake(cargo.parcels).await;
            if let Err(Trouble::Refused { code, .. }) = &sent {
                // What goes up in its turn does not wait for it.
                warn!(%code, "the gateway above does not take back what it sent down");
                self.again.given_back = Some(epoch);
            }
            sent?;
        }
        info!(facts, "gave back what the gateway above sent down before it began anew");
        self.again.given_back = Some(epoch);
        self.more_comes_down = true;
        Ok(())
    }
}
