//! Readings that were stored before and given to the person or taken from them.

use std::collections::BTreeMap;

use super::{Items, Part};
use crate::{
    domain::{Attribution, Basis, PersonId, ReadingId, Timestamp},
    serve::{describe::Describer, wire},
    store::{Attributed, StoreError},
};

/// What became known, after they were stored, of whose some readings are.
pub(super) struct Moves {
    pub(super) of: PersonId,
    all: BTreeMap<ReadingId, Vec<Attributed>>,
}

impl Moves {
    /// Whose a reading was as it was known at an instant; `None`: it never moved.
    pub(super) fn owner(&self, reading: &ReadingId, part: &Part) -> Option<Option<&Attribution>> {
        let moves = self.all.get(reading)?;
        let known = moves.iter().rev().find(|moved| part.is_known(moved.at));
        let first = || moves.first().and_then(|moved| moved.before.as_ref());
        Some(known.map_or_else(first, |moved| moved.after.as_ref()))
    }

    pub(super) fn is_theirs(&self, whose: Option<&Attribution>) -> bool {
        whose.is_some_and(|whose| whose.person == self.of)
    }

    /// Readings that were the person's then, and are not any more.
    pub(super) fn lost<'m>(&'m self, part: &'m Part) -> impl Iterator<Item = &'m ReadingId> {
        let others = self.all.iter().filter(|(_, moves)| {
            !self.is_theirs(moves.last().and_then(|moved| moved.after.as_ref()))
        });
        let ids = others.map(|(reading, _)| reading);
        ids.filter(|id| self.owner(id, part).is_some_and(|whose| self.is_theirs(whose)))
    }

    pub(super) fn corrections(&self, part: &Part) -> Items {
        let stand = self.all.values().flat_map(|moves| standing(moves, part));
        let of_them = stand.filter_map(|moved| {
            let (given, taken) =
                (self.is_theirs(moved.after.as_ref()), self.is_theirs(moved.before.as_ref()));
            let (what, whose) = match (given, taken) {
                (true, false) => ("given", &moved.after),
                (false, true) => ("taken", &moved.before),
                _ => return None,
            };
            let known = part.is_known(moved.at) && part.is_before(moved.at);
            let whose = whose.as_ref().filter(|_| known)?;
            Some((moved.at, of_move(moved, what, whose.basis)))
        });
        of_them.collect()
    }
}

/// The moves of a reading that were known then, without claims that were taken back by then.
fn standing<'m>(moves: &'m [Attributed], part: &Part) -> Vec<&'m Attributed> {
    let mut stand: Vec<&Attributed> = Vec::new();
    for moved in moves.iter().filter(|moved| part.is_known(moved.at)) {
        let claimed = moved.before.as_ref().is_some_and(|whose| whose.basis == Basis::Claim);
        let back = |last: &&Attributed| last.after == moved.before && last.before == moved.after;
        if claimed && stand.last().is_some_and(back) {
            stand.pop();
        } else {
            stand.push(moved);
        }
    }
    stand
}

impl Describer<'_> {
    pub(super) fn moves(&self, of: &PersonId) -> Result<Moves, StoreError> {
        let mut all: BTreeMap<ReadingId, Vec<Attributed>> = BTreeMap::new();
        for moved in self.reader().attributions(of)? {
            all.entry(moved.reading).or_default().push(moved);
        }
        Ok(Moves { of: of.clone(), all })
    }
}

fn of_move(moved: &Attributed, what: &'static str, basis: Basis) -> wire::TimelineItem {
    let basis = match basis {
        Basis::Payload => "payload",
        Basis::BenchSession => "bench_session",
        Basis::DeviceOwner => "device_owner",
        Basis::DeviceSlot => "device_slot",
        Basis::Claim => "claim",
    };
    let reading = moved.reading.to_string();
    let correction = wire::Correction { reading, what, basis, was: None, now: None };
    of_correction(moved.at, correction)
}

pub(super) fn of_correction(at: Timestamp, correction: wire::Correction) -> wire::TimelineItem {
    wire::TimelineItem {
        at: at.to_string(),
        kind: "correction",
        correction: Some(correction),
        ..wire::TimelineItem::default()
    }
}
