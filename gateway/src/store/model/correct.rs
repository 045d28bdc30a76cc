//! What is known later of a stored reading or scan: other symptoms, another time.

use std::sync::Arc;

use smol_str::SmolStr;

use super::state::State;
use crate::{
    domain::{PersonEvent, ReadingId, Timestamp, standing},
    store::{AlertEvent, CommitSeq, Fact, Timing, ToldMoved},
};

impl State {
    /// An act at the bench, or its voiding, tells a stored reading of other symptoms.
    pub(super) fn tell_anew(&mut self, event: &PersonEvent) {
        let mistake = event.what.voids().and_then(|id| {
            let mut all = self.person_events();
            all.find(|(_, known)| known.id == *id).map(|(_, known)| known.what.clone())
        });
        let what = mistake.as_ref().unwrap_or(&event.what);
        let Some((reading, _)) = what.told() else { return };
        if !self.ids.contains_key(reading) {
            return;
        }
        let standing = standing(self.person_events().map(|(_, event)| event));
        let acts = standing.into_iter().filter_map(|event| event.what.told());
        let named = acts.filter(|(other, _)| *other == reading);
        let told = named.flat_map(|(_, symptoms)| symptoms.to_vec()).collect();
        self.told.insert(*reading, told);
    }

    pub(super) fn told_of(&self, reading: &ReadingId) -> Vec<SmolStr> {
        self.told.get(reading).into_iter().flatten().cloned().collect()
    }

    /// A reading has other times from now on.
    pub(super) fn retime(&mut self, id: ReadingId, timing: Timing) {
        self.forget_owner(&id);
        self.retimed.insert(id, timing);
    }

    /// What was told at a position counts later; says whether there is anything.
    pub(super) fn move_told(&mut self, seq: CommitSeq, moved: ToldMoved) -> bool {
        if !matches!(self.fact(seq), Some(Fact::Event(_) | Fact::Alert(_))) {
            return false;
        }
        let after = moved.after(self.moved.get(&seq).copied());
        self.moved.insert(seq, after);
        true
    }

    /// An event as it counts.
    pub(super) fn moved_event(&self, seq: CommitSeq, event: &PersonEvent) -> PersonEvent {
        let event = event.clone();
        match self.moved.get(&seq) {
            Some(moved) => moved.event(event),
            None => event,
        }
    }

    /// A step as it counts.
    pub(super) fn moved_step(&self, seq: CommitSeq, step: &AlertEvent) -> AlertEvent {
        let step = step.clone();
        match self.moved.get(&seq) {
            Some(moved) => moved.step(step),
            None => step,
        }
    }

    /// A card scan happened at another time; says whether there is one at the position.
    pub(super) fn move_scan(&mut self, seq: CommitSeq, at: Timestamp) -> bool {
        let index = usize::try_from(seq.0).ok().and_then(|place| place.checked_sub(1));
        let fact = index.and_then(|index| self.facts.get_mut(index));
        let Some(Fact::CardScan(scan)) = fact.map(Arc::make_mut) else { return false };
        scan.at = at;
        true
    }
}
