//! What happened to a person, in one order: as it is known now, or as it was known at an instant.
//!
//! While a merge stands, the surviving file's timeline holds what came under both, and the other one's
//! only says where to look. A merge that was taken back shows in neither, nor does what it did to
//! their alerts and its undoing put right again: both are byte for byte what they would be without
//! it, unless somebody acted on it meanwhile. `GET /api/v1/merges` tells of every merge.

use std::collections::{BTreeMap, BTreeSet};

use super::{Describer, alert::step, reading::reading};
use crate::{
    domain::{Attribution, Basis, Person, PersonId, ReadingId, Timestamp},
    serve::wire,
    store::{
        AlertChange, AlertEvent, Attributed, CommitSeq, HeldMerge, StoreError, StoredReading,
        view::{AlertFilter, Paging, ReadingFilter, Scope},
    },
};

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

/// What became known, after they were stored, of whose some readings are.
struct Moves {
    of: PersonId,
    all: BTreeMap<ReadingId, Vec<Attributed>>,
}

impl Moves {
    /// Whose a reading was as it was known at an instant; `None`: it never moved.
    fn owner(&self, reading: &ReadingId, part: &Part) -> Option<Option<&Attribution>> {
        let moves = self.all.get(reading)?;
        let known = moves.iter().rev().find(|moved| part.is_known(moved.at));
        let first = || moves.first().and_then(|moved| moved.before.as_ref());
        Some(known.map_or_else(first, |moved| moved.after.as_ref()))
    }

    fn is_theirs(&self, whose: Option<&Attribution>) -> bool {
        whose.is_some_and(|whose| whose.person == self.of)
    }

    /// Readings that were the person's then, and are not any more.
    fn lost<'m>(&'m self, part: &'m Part) -> impl Iterator<Item = &'m ReadingId> {
        let others = self.all.iter().filter(|(_, moves)| {
            !self.is_theirs(moves.last().and_then(|moved| moved.after.as_ref()))
        });
        let ids = others.map(|(reading, _)| reading);
        ids.filter(|id| self.owner(id, part).is_some_and(|whose| self.is_theirs(whose)))
    }

    fn corrections(&self, part: &Part) -> Items {
        let of_them = self.all.values().flatten().filter_map(|moved| {
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

/// The files whose facts are a person's, and what was said about them.
struct Files {
    /// As it was known then: nobody's, where the person counted as another.
    own: BTreeSet<PersonId>,
    merges: Vec<HeldMerge>,
}

impl Files {
    /// Everybody who was ever said to be the person: alerts may have gone over to them.
    fn related(&self) -> BTreeSet<&PersonId> {
        let of_merges =
            self.merges.iter().flat_map(|held| [&held.merged.person, &held.merged.survivor]);
        of_merges.chain(&self.own).collect()
    }

    /// Where the steps of an alert stand that a merge made and its undoing put right.
    fn put_right(&self, events: &[AlertEvent], part: &Part) -> BTreeSet<usize> {
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
        let mut items = Items::new();
        for file in &files.own {
            let moves = self.moves(file)?;
            items.extend(self.timeline_readings(&moves, part)?);
            items.extend(self.timeline_lost(&moves, part)?);
            items.extend(moves.corrections(part));
        }
        items.extend(self.timeline_alerts(&files, part)?);
        let stood = files.merges.iter().filter(|held| held.stood(part.as_of));
        let stood = stood.filter(|held| part.is_before(held.merged.at));
        items.extend(stood.map(of_merge));
        items.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let last = items.get(part.limit.saturating_sub(1)).map(|(at, _)| *at);
        let end = last.map_or(items.len(), |last| items.partition_point(|(at, _)| *at >= last));
        let next = last.filter(|_| end < items.len()).map(|at| at.as_millis().to_string());
        items.truncate(end);
        Ok(wire::List { items: items.into_iter().map(|(_, item)| item).collect(), next })
    }

    fn moves(&self, of: &PersonId) -> Result<Moves, StoreError> {
        let mut all: BTreeMap<ReadingId, Vec<Attributed>> = BTreeMap::new();
        for moved in self.reader().attributions(of)? {
            all.entry(moved.reading).or_default().push(moved);
        }
        Ok(Moves { of: of.clone(), all })
    }

    fn files(&self, of: &PersonId, part: &Part) -> Result<Files, StoreError> {
        let merges = self.reader().merges_of(of)?;
        let stood = || merges.iter().filter(|held| held.stood(part.as_of)).map(|held| &held.merged);
        let mut own = BTreeSet::new();
        if stood().all(|merged| merged.person != *of) {
            own.insert(of.clone());
            own.extend(stood().map(|merged| merged.person.clone()));
        }
        Ok(Files { own, merges })
    }

    /// Readings that came under the file, are its own now and were then.
    fn timeline_readings(&self, moves: &Moves, part: &Part) -> Result<Items, StoreError> {
        let filter = ReadingFilter {
            filed: Some(moves.of.clone()),
            to: part.before,
            ..ReadingFilter::default()
        };
        let mut paging = Paging { limit: part.limit.saturating_add(1), after: None };
        let mut found: Vec<(CommitSeq, StoredReading)> = Vec::new();
        let held = |stored: &StoredReading| {
            let then = moves.owner(&stored.reading.id, part);
            part.is_known(stored.server_at) && then.is_none_or(|whose| moves.is_theirs(whose))
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
        Ok(found.into_iter().map(|(seq, stored)| of_reading(seq, &stored)).collect())
    }

    /// Readings that were the person's then and are somebody else's now: whoever may see the person
    /// saw them.
    fn timeline_lost(&self, moves: &Moves, part: &Part) -> Result<Items, StoreError> {
        let mut items = Vec::new();
        for id in moves.lost(part) {
            let Some((seq, mut stored)) = self.reader().reading(&Scope::Everything, id)? else {
                continue;
            };
            if part.is_known(stored.server_at) && part.is_before(stored.reading.measured.at) {
                stored.attribution = moves.owner(id, part).flatten().cloned();
                items.push(of_reading(seq, &stored));
            }
        }
        Ok(items)
    }

    fn timeline_alerts(&self, files: &Files, part: &Part) -> Result<Items, StoreError> {
        let everything = &Scope::Everything;
        let paging = Paging { limit: Paging::LIMIT_MAX, after: None };
        let mut items = Vec::new();
        for person in files.related() {
            let filter = AlertFilter { person: Some(person.clone()), ..AlertFilter::default() };
            for alert in self.reader().alerts(everything, &filter, &paging)?.items {
                let Some(history) = self.reader().alert(everything, &alert.id)? else { continue };
                let events = history.events.into_iter().map(|(_, event)| event);
                let known: Vec<_> = events.filter(|event| part.is_known(event.at)).collect();
                let put_right = files.put_right(&known, part);
                let told = known.iter().enumerate().filter(|(at, event)| {
                    !put_right.contains(at)
                        && files.own.contains(&event.alert.person)
                        && part.is_before(event.at)
                });
                items.extend(told.map(|(_, event)| (event.at, self.of_event(event))));
            }
        }
        Ok(items)
    }

    fn of_event(&self, event: &AlertEvent) -> wire::TimelineItem {
        let act = matches!(
            event.change,
            AlertChange::Acknowledged
                | AlertChange::Forwarded
                | AlertChange::Noted
                | AlertChange::Visited
                | AlertChange::VisitRejected
                | AlertChange::Closed
        );
        let prefix = &self.shared.settings.case_prefix;
        wire::TimelineItem {
            at: event.at.to_string(),
            kind: if act { "act" } else { "alert" },
            alert: Some(event.alert.id.to_string()),
            case: Some(crate::domain::case_code(prefix, &event.alert.id)),
            level: Some(event.alert.level),
            step: Some(step(event)),
            ..wire::TimelineItem::default()
        }
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

fn of_reading(seq: CommitSeq, stored: &StoredReading) -> (Timestamp, wire::TimelineItem) {
    let at = stored.reading.measured.at;
    let item = wire::TimelineItem {
        at: at.to_string(),
        kind: "reading",
        reading: Some(reading(seq, stored)),
        ..wire::TimelineItem::default()
    };
    (at, item)
}

fn of_move(moved: &Attributed, what: &'static str, basis: Basis) -> wire::TimelineItem {
    let basis = match basis {
        Basis::Payload => "payload",
        Basis::BenchSession => "bench_session",
        Basis::DeviceOwner => "device_owner",
        Basis::Claim => "claim",
    };
    let reading = moved.reading.to_string();
    wire::TimelineItem {
        at: moved.at.to_string(),
        kind: "correction",
        correction: Some(wire::Correction { reading, what, basis }),
        ..wire::TimelineItem::default()
    }
}
