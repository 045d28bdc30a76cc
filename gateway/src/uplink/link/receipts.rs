//! What a gateway below says that it holds of sites' days is kept, and answered with what is held here
//! (promise P8). A box may know of the days of its own site, of the sites of the places that it serves,
//! and of those of which it brought anything; what it says changes nothing but what is said of it.

use std::sync::Arc;

use tracing::{debug, warn};

use super::upper::{Failed, Upper};
use crate::{
    domain::{BoxId, Neighbour, SiteId},
    receipt::{Day, DayLog, Difference, answer},
    store::{CommitSeq, NeighbourSaid, Reader, ReceiptDiffers, ReceiptSaid, StoreError},
    uplink::{
        Status,
        batch::{DaySaid, Message, ReceiptsAsked, ReceiptsSaid, Told},
        red,
    },
};

/// What an account came to.
#[derive(Default)]
struct Looked {
    upto: CommitSeq,
    days: Vec<DaySaid>,
    parts: Vec<crate::receipt::Statement>,
    keep: Vec<NeighbourSaid>,
}

impl Upper {
    /// Keeps what a box says of its days, and answers with what is held here of the same.
    pub(super) async fn receipts(
        self: &Arc<Self>,
        row: Neighbour,
        asked: ReceiptsAsked,
        ours: &Told,
    ) -> Result<Vec<Message>, Failed> {
        let (of, told) = (row.name.clone(), ours.clone());
        let (status, now) = (Arc::clone(self.status()), self.parts.clock.now());
        let looked =
            self.ask(move |reader| look(reader, (&row, &asked), (status.as_ref(), now))).await?;
        let Looked { upto, days, parts, keep } = looked;
        red::keep(&self.parts.inlet, keep).await.map_err(|_closed| Failed::NotCommitting)?;
        self.parts.status.change_below(&of, |below| below.contact = Some(now));
        Ok(vec![Message::Receipted(ReceiptsSaid { told, of, upto: upto.0, days, parts })])
    }

    /// Keeps an alarm that stands over a start.
    pub(super) async fn keep_alarm(&self, alarm: Option<NeighbourSaid>) {
        if red::keep(&self.parts.inlet, alarm).await.is_err() {
            warn!("an alarm was not kept; it stands until the process ends");
        }
    }

    /// An alarm ended. Blocks.
    pub(super) fn keep_ended(&self, of: &BoxId) {
        let (reply, done) = tokio::sync::oneshot::channel();
        let said = Box::new(red::ended(of.as_str(), self.parts.clock.now()));
        let handed = self.parts.inlet.hand_over_blocking(crate::commit::Work::Said { said, reply });
        if handed.is_err() || done.blocking_recv().is_err() {
            warn!(gateway = %of, "the end of an alarm was not kept; it comes back with the next start");
        }
    }
}

fn look(
    reader: &dyn Reader,
    (row, asked): (&Neighbour, &ReceiptsAsked),
    (status, now): (&Status, crate::domain::Timestamp),
) -> Result<Looked, StoreError> {
    // What is committed meanwhile is counted and not told of: it is said the next time.
    let mut looked = Looked { upto: reader.last()?, ..Looked::default() };
    for theirs in &asked.days {
        let Some(log) = known_day(reader, row, (&theirs.site, theirs.day))? else { continue };
        let ours = log.receipt();
        looked.days.push(DaySaid::of(&ours, theirs));
        let said = ReceiptSaid {
            receipt: theirs.clone(),
            by: row.name.as_str().into(),
            key: row.key.clone(),
            epoch: asked.told.epoch,
            upto: CommitSeq(asked.upto),
            said_at: now,
            at: now,
        };
        if follows(reader, &said)? {
            let agreed = status.days(|days| days.said(&said, &ours));
            looked.keep.push(NeighbourSaid::Receipt(said));
            looked.keep.extend(agreed.map(NeighbourSaid::Differs));
        }
    }
    for asked in &asked.parts {
        if let Some(log) = known_day(reader, row, (&asked.site, asked.day))? {
            looked.parts.push(answer(&log, &asked.part));
        }
    }
    for found in &asked.found {
        if known_day(reader, row, (&found.site, found.day))?.is_none() {
            continue;
        }
        let first = found.first.clone();
        let first = Difference { ours: first.theirs, theirs: first.ours, ..first };
        let (site, day, by) = (found.site.clone(), found.day, row.name.as_str().into());
        let differs = ReceiptDiffers { site, day, by, first: Some(first), at: now };
        status.days(|days| days.found(&differs));
        looked.keep.push(NeighbourSaid::Differs(differs));
    }
    Ok(looked)
}

/// Whether it was not said before what is known already: a line that repeats changes nothing.
fn follows(reader: &dyn Reader, said: &ReceiptSaid) -> Result<bool, StoreError> {
    let day = said.receipt.day;
    let held = reader.receipts_said(&said.receipt.site, (day, day))?;
    Ok(held.iter().find(|held| held.by == said.by).is_none_or(|held| said.follows(held)))
}

/// What is held of a day, if the box may know of it.
fn known_day(
    reader: &dyn Reader,
    row: &Neighbour,
    (site, day): (&SiteId, Day),
) -> Result<Option<DayLog>, StoreError> {
    let log = reader.day_log(site, day)?;
    let mut may = row.site.as_ref() == Some(site) || log.entries().is_empty();
    for place in &row.serves {
        may = may || reader.has_site(place, site)?;
    }
    if may || reader.brought(site, day, &row.name)? {
        return Ok(Some(log));
    }
    debug!(gateway = %row.name, %site, %day, "a day of which the box may know nothing");
    Ok(None)
}
