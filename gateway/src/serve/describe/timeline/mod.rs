//! What happened to a person, in one order: as it is known now, or as it was known at an instant.
//!
//! Each kind of item is one part, in a file of its own: it says what it knows of the person by the
//! instant asked, each item with the instant at which it stands. A new kind is one more part.

mod alerts;
mod corrections;
mod events;
mod files;
mod messages;
mod readings;
mod times;

use super::Describer;
use crate::{
    domain::{Person, Timestamp},
    serve::wire,
    store::StoreError,
};

/// Items, each with the instant at which it stands.
type Items = Vec<(Timestamp, wire::TimelineItem)>;

/// Which part of a timeline.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct Part {
    /// What happened before this.
    pub(in crate::serve) before: Option<Timestamp>,
    /// As it was known then; `None`: now.
    pub(in crate::serve) as_of: Option<Timestamp>,
    /// At least so many items.
    pub(in crate::serve) limit: usize,
}

impl Part {
    fn is_known(&self, at: Timestamp) -> bool {
        self.as_of.is_none_or(|as_of| at <= as_of)
    }

    fn is_before(&self, at: Timestamp) -> bool {
        self.before.is_none_or(|before| at < before)
    }
}

impl Describer<'_> {
    /// What happened to a person, newest first: at least as many items as asked where there are so
    /// many, and always all items of one instant together. The caller reached the person.
    pub(in crate::serve) fn timeline(
        &self,
        of: &Person,
        part: &Part,
    ) -> Result<wire::List<wire::TimelineItem>, StoreError> {
        let files = self.files(&of.person, part)?;
        let times = self.times(&files)?;
        let mut items = Items::new();
        for file in &files.own {
            let moves = self.moves(file)?;
            items.extend(self.timeline_readings((&moves, &times), part)?);
            items.extend(times.moved(&moves, part));
            items.extend(times.corrections(file, part));
            items.extend(moves.corrections(part));
        }
        items.extend(self.timeline_alerts(&files, part)?);
        items.extend(self.timeline_events(&files, part)?);
        items.extend(files.merged(part));
        items.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let last = items.get(part.limit.saturating_sub(1)).map(|(at, _)| *at);
        let end = last.map_or(items.len(), |last| items.partition_point(|(at, _)| *at >= last));
        let next = last.filter(|_| end < items.len()).map(|at| at.as_millis().to_string());
        items.truncate(end);
        Ok(wire::List { items: items.into_iter().map(|(_, item)| item).collect(), next })
    }
}
