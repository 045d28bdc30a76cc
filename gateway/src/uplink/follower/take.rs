//! Taking what an answer brings: where the gateway above stands, facts, pieces of a roster; and what
//! follows when there was none.

use std::{
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, task::spawn_blocking};
use tracing::{debug, info, warn};

use super::{
    answer::Trouble,
    pace::{Pace, chance},
    run::Follower,
};
use crate::{
    commit::{Carrying, Link, Work},
    intake::NotCommitted,
    uplink::{
        batch::{Batch, Code, Dispute, Message, Point, RosterPart, Stated, Told},
        red,
        status::{Upward, raise},
    },
};

impl Follower {
    pub(super) async fn take(&mut self, answers: Vec<Message>) -> Result<(), Trouble> {
        for answer in answers {
            let told = answer.told().clone();
            self.above = Some(told);
            match answer {
                Message::Watermark(stated) => self.stated(&stated).await?,
                Message::Batch(batch) => self.enter(batch).await?,
                Message::Roster(part) => self.keep(part).await?,
                // None of them came through the reading of an answer, or unasked.
                Message::Hello(_)
                | Message::Express(_)
                | Message::Refused(_)
                | Message::Receipts(_)
                | Message::Receipted(_)
                | Message::Renew(_)
                | Message::Certified(_) => {}
            }
        }
        Ok(())
    }

    /// The gateway above says where it stands. Only where a batch of ours ended is gone on from.
    async fn stated(&mut self, stated: &Stated) -> Result<(), Trouble> {
        self.heard = stated.at.or(self.heard);
        let ours = stated.holds.filter(|holds| holds.epoch == self.us.epoch);
        let point = ours.map_or_else(Point::default, |holds| holds.point());
        let sent = Arc::clone(&self.sent);
        let known = spawn_blocking(move || {
            sent.lock().unwrap_or_else(PoisonError::into_inner).knows(point)
        });
        if known.await.map_err(io::Error::other)?? {
            if self.at.is_some_and(|at| at.upto > point.upto) {
                info!(upto = point.upto.0, "the gateway above went back; offering it again");
                self.expressed = point.upto;
                self.days.went_back();
            }
            (self.at, self.dispute) = (Some(point), None);
            let mut alarm = None;
            self.log.status.change_up(|up| {
                up.uploaded = Some(point.upto);
                alarm = up.alarm.take();
            });
            if alarm.is_some_and(|alarm| alarm.code == Code::Chain) {
                let ended = red::ended("", self.log.clock.now());
                red::keep(&self.log.inlet, [ended]).await?;
            }
            return Ok(());
        }
        warn!(
            upto = point.upto.0,
            "the gateway above holds what this gateway never sent: a copy of this gateway is at work, or \
             uplink-sent in its data folder was lost; see chain in docs/uplink.md / 上级持有本机未发送过的记录：\
             可能有本机的副本在运行，或 uplink-sent 文件丢失"
        );
        (self.at, self.dispute) = (None, Some(Dispute { upto: point.upto.0, hash: point.hash }));
        let (now, mut keep) = (self.log.clock.now(), None);
        self.log.status.change_up(|up| {
            up.uploaded = None;
            raise(&mut up.alarm, Code::Chain, now);
            keep = red::to_keep("", up.alarm.as_ref());
        });
        Ok(red::keep(&self.log.inlet, keep).await?)
    }

    /// Enters facts that came down.
    async fn enter(&mut self, batch: Batch) -> Result<(), Trouble> {
        let name = batch.told.by.clone();
        let held = self.ask(move |reader| reader.watermark(&name)).await?;
        if self.again.must_wait(held, batch.told.epoch) {
            return Ok(());
        }
        let (again, end) = (self.again.reads(&batch), batch.end());
        let link = Link {
            after: batch.after,
            upto: batch.upto,
            previous: batch.previous.0,
            hash: end.hash.0,
        };
        self.more_comes_down |= batch.upto < batch.last;
        let (reply, done) = oneshot::channel();
        let Told { by: sender, epoch, .. } = batch.told;
        let parcels = batch.parcels;
        let link = (!again).then_some(link);
        let work = Work::Carry(Carrying { sender, epoch, link, above: true, parcels, reply });
        self.log.inlet.hand_over(work).await?;
        match done.await.map_err(|_dropped| NotCommitted)? {
            Ok(_) if again => self.went_again(end).await?,
            Ok(mark) => debug!(upto = mark.upto.0, "took facts from the gateway above"),
            Err(why) => {
                // The next greeting says what is held, and the gateway above goes on from there.
                warn!(%why, "facts of the gateway above were not taken");
                self.more_comes_down = false;
            }
        }
        Ok(())
    }

    /// Keeps a piece of a roster.
    async fn keep(&mut self, part: RosterPart) -> Result<(), Trouble> {
        let (incoming, above) = (Arc::clone(&self.incoming), self.settings.above);
        let (reader, inlet) = (Arc::clone(&self.log.reader), self.log.inlet.clone());
        let kept = spawn_blocking(move || {
            let mut incoming = incoming.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = incoming.keep(&part, above, (reader.as_ref(), &inlet));
            kept.map(|_taken| incoming.state().0.is_some())
        });
        self.more_comes_down |= kept.await.map_err(io::Error::other)??;
        Ok(())
    }

    /// Something came to nothing: the gateway above is asked anew, after a pause.
    pub(super) fn troubled(&mut self, trouble: &Trouble) -> Duration {
        self.at = None;
        self.more_comes_down = false;
        let words = trouble.to_string();
        if self.told.as_ref() != Some(&words) {
            warn!(why = %words, to = %self.settings.to, "nothing goes up at present");
            self.told = Some(words);
        }
        let now = self.log.clock.now();
        let alarm = trouble.alarm();
        self.log.status.change_up(|up: &mut Upward| {
            up.failures = up.failures.saturating_add(1);
            if let Trouble::Refused { code, .. } = trouble {
                up.refused = Some(*code);
            }
            if let Some(code) = alarm {
                raise(&mut up.alarm, code, now);
            }
        });
        let pause = self.pace.failed(chance());
        match trouble {
            Trouble::Refused { wait, .. } if *wait > 0 => Pace::asked_to_wait(*wait, chance()),
            Trouble::Refused { .. }
            | Trouble::Line(_)
            | Trouble::Unbelieved(_)
            | Trouble::Stale
            | Trouble::OwnName
            | Trouble::Store(_)
            | Trouble::File(_)
            | Trouble::NotCommitted(_) => pause,
        }
    }
}
