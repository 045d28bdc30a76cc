//! Two files of one person, and claims: whose facts a timeline holds, and what of a decision that was
//! taken back shows in it.
//!
//! While a merge stands, the surviving file's timeline holds what came under both, and the other one's
//! only says where to look. A merge or a claim that was taken back shows nowhere, nor does what it did
//! to alerts and its undoing put right again: timelines are byte for byte what they would be without
//! it, unless somebody acted on it meanwhile. As it was known in between they show it, and
//! `GET /api/v1/merges` and `GET /api/v1/quarantine` tell of every decision.

use std::collections::BTreeSet;

use super::{Items, Part};
use crate::{
    domain::{PersonId, Timestamp},
    serve::{describe::Describer, wire},
    store::{AlertEvent, CommitSeq, HeldClaim, HeldMerge, StoreError},
};

/// The files whose facts are a person's, and what was said about them.
pub(super) struct Files {
    /// As it was known then: nobody's, where the person counted as another.
    pub(super) own: BTreeSet<PersonId>,
    merges: Vec<HeldMerge>,
    claims: Vec<HeldClaim>,
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
        for decisions in self.taken_back(part) {
            let of_it =
                |event: &AlertEvent| event.cause.is_some_and(|cause| decisions.contains(&cause));
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

    /// Decisions that did not stand then, each with what took it back.
    fn taken_back(&self, part: &Part) -> impl Iterator<Item = [CommitSeq; 2]> {
        let merges = self.merges.iter().filter(|held| !held.stood(part.as_of));
        let merges = merges.filter_map(|held| Some([held.seq, held.undone.as_ref()?.0]));
        let claims = self.claims.iter().filter(|held| !held.stood(part.as_of));
        merges.chain(claims.filter_map(|held| Some([held.seq, held.undone?.0])))
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
        let mut claims = Vec::new();
        for file in merges.iter().map(|held| &held.merged.person).chain([of]) {
            claims.extend(self.reader().claims_of(file)?);
        }
        Ok(Files { own, merges, claims })
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
