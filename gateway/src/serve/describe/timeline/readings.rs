//! Readings: those that are the person's, and those that were at the instant asked.

use super::{Items, Part, corrections::Moves, times::Times};
use crate::{
    domain::Timestamp,
    serve::{
        describe::{Describer, reading},
        wire,
    },
    store::{
        CommitSeq, StoreError, StoredReading,
        view::{Paging, ReadingFilter, Scope},
    },
};

impl Describer<'_> {
    /// Readings that came under the file and were its own at the instant asked.
    pub(super) fn timeline_readings(
        &self,
        (moves, times): (&Moves, &Times),
        part: &Part,
    ) -> Result<Items, StoreError> {
        let filter = ReadingFilter {
            filed: Some(moves.of.clone()),
            to: part.before,
            ..ReadingFilter::default()
        };
        let mut paging = Paging { limit: part.limit.saturating_add(1), after: None };
        let mut found: Vec<(CommitSeq, StoredReading)> = Vec::new();
        let held = |stored: &StoredReading| {
            let then = moves.owner(&stored.reading.id, part);
            part.is_known(stored.server_at)
                && then.is_none_or(|whose| moves.is_theirs(whose))
                && times.then(&stored.reading.id, part).is_none()
        };
        loop {
            let page = self.reader().readings(&Scope::Everything, &filter, &paging)?;
            found.extend(page.items.into_iter().filter(|(_, stored)| held(stored)));
            let at = |index: usize| {
                let found: Option<&(CommitSeq, StoredReading)> = found.get(index);
                found.map(|(_, stored)| stored.reading.measured.at)
            };
            let cut = at(part.limit.saturating_sub(1));
            let whole = cut != at(found.len().saturating_sub(1));
            paging.after = page.next;
            if paging.after.is_none() || (found.len() > part.limit && whole) {
                break;
            }
        }
        found.extend(self.timeline_lost(moves, part)?);
        // Whoever has a reading now, its place is the same.
        found.sort_by_key(|(_, stored)| (stored.reading.measured.at, stored.reading.id));
        Ok(found.into_iter().map(|(seq, stored)| of_reading(seq, &stored)).collect())
    }

    /// Readings that were the person's then and are somebody else's now: whoever may see the person
    /// saw them.
    fn timeline_lost(
        &self,
        moves: &Moves,
        part: &Part,
    ) -> Result<Vec<(CommitSeq, StoredReading)>, StoreError> {
        let mut items = Vec::new();
        for id in moves.lost(part) {
            let Some((seq, mut stored)) = self.reader().reading(&Scope::Everything, id)? else {
                continue;
            };
            if part.is_known(stored.server_at) && part.is_before(stored.reading.measured.at) {
                stored.attribution = moves.owner(id, part).flatten().cloned();
                items.push((seq, stored));
            }
        }
        Ok(items)
    }
}

pub(super) fn of_reading(
    seq: CommitSeq,
    stored: &StoredReading,
) -> (Timestamp, wire::TimelineItem) {
    let at = stored.reading.measured.at;
    let item = wire::TimelineItem {
        at: at.to_string(),
        kind: "reading",
        reading: Some(reading(seq, stored)),
        ..wire::TimelineItem::default()
    };
    (at, item)
}
