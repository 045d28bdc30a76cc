//! Two files of one person: whose facts a timeline holds, and what of a merge shows in it.
//!
//! While a merge stands, the surviving file's timeline holds what came under both, and the other one's
//! only says where to look. A merge that was taken back shows in neither, nor does what it did to
//! their alerts and its undoing put right again: both are byte for byte what they would be without
//! it, unless somebody acted on it meanwhile. `GET /api/v1/merges` tells of every merge.

use std::collections::BTreeSet;

use super::{Items, Part};
use crate::{
    domain::{PersonId, Timestamp},
    serve::{describe::Describer, wire},
    store::{AlertEvent, HeldMerge, StoreError},
};

/// The files whose facts are a person's, and what was said about them.
pub(super) struct Files {
    /// As it was known then: nobody's, where the person counted as another.
    pub(super) own: BTreeSet<PersonId>,
    merges: Vec<HeldMerge>,
}

impl Files {
    /// Everybody who was ever said to be the person: alerts may have gone over to them.
    pub(super) fn related(&self) -> BTreeSet<&PersonId> {
        let of_merges =
            self.merges.iter().flat_map(|held| [&held.merged.person, &held.merged.survivor]);
        of_merges.chain(&self.own).collect()
    }

    /// Where the steps of an alert stand that a merge made and its undoing put right.
    pub(super) fn put_right(&self, events: &[AlertEvent], part: &Part) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        for held in self.merges.iter().filter(|held| !held.stood(part.as_of)) {
            let undone = held.undone.as_ref().map(|(seq, _)| *seq);
            let of_it = |event: &AlertEvent| {
                event.merge.is_some_and(|merge| merge == held.seq || Some(merge) == undone)
            };
            let at = |(at, event): (usize, &AlertEvent)| of_it(event).then_some(at);
            let steps: Vec<usize> = events.iter().enumerate().filter_map(at).collect();
            let (Some(first), Some(last)) = (steps.first(), steps.last()) else { continue };
            let alone = last.saturating_sub(*first).saturating_add(1) == steps.len();
            let stood = first.checked_sub(1).and_then(|before| events.get(before));
            let stands = events.get(*last).map(|event| &event.alert);
            let same = match (stood, stands) {
                (Some(stood), Some(stands)) => stood.alert == *stands,
                (None, Some(stands)) => !stands.state.is_live(),
                (_, None) => false,
            };
            if alone && same {
                all.extend(steps);
            }
        }
        all
    }

    /// Merges that stood then.
    pub(super) fn merged(&self, part: &Part) -> Items {
        let stood = self.merges.iter().filter(|held| held.stood(part.as_of));
        stood.filter(|held| part.is_before(held.merged.at)).map(of_merge).collect()
    }
}

impl Describer<'_> {
    pub(super) fn files(&self, of: &PersonId, part: &Part) -> Result<Files, StoreError> {
        let merges = self.reader().merges_of(of)?;
        let stood = || merges.iter().filter(|held| held.stood(part.as_of)).map(|held| &held.merged);
        let mut own = BTreeSet::new();
        if stood().all(|merged| merged.person != *of) {
            own.insert(of.clone());
            own.extend(stood().map(|merged| merged.person.clone()));
        }
        Ok(Files { own, merges })
    }
}

fn of_merge(held: &HeldMerge) -> (Timestamp, wire::TimelineItem) {
    let merged = &held.merged;
    let item = wire::TimelineItem {
        at: merged.at.to_string(),
        kind: "correction",
        merge: Some(wire::MergeTold {
            id: held.seq.0.to_string(),
            person: merged.person.to_string(),
            into: merged.survivor.to_string(),
        }),
        ..wire::TimelineItem::default()
    };
    (merged.at, item)
}
