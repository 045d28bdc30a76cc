//! What happened to a person, in one order: as it is known now, or as it was known at an instant.

use std::collections::HashMap;

use super::{Describer, alert::step, reading::reading};
use crate::{
    domain::{Attribution, Basis, Person, PersonId, ReadingId, Timestamp},
    serve::wire,
    store::{
        AlertChange, AlertEvent, Attributed, CommitSeq, StoreError, StoredReading,
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
    all: HashMap<ReadingId, Vec<Attributed>>,
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

impl Describer<'_> {
    /// What happened to a person, newest first: at least as many items as asked where there are so
    /// many, and always all items of one instant together.
    pub(in crate::serve) fn timeline(
        &self,
        scope: &Scope,
        of: &Person,
        part: &Part,
    ) -> Result<wire::List<wire::TimelineItem>, StoreError> {
        let moves = self.moves(&of.person)?;
        let mut items = self.timeline_readings(scope, &moves, part)?;
        items.extend(self.timeline_lost(&moves, part)?);
        items.extend(self.timeline_alerts(scope, of, part)?);
        items.extend(moves.corrections(part));
        items.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let last = items.get(part.limit.saturating_sub(1)).map(|(at, _)| *at);
        let end = last.map_or(items.len(), |last| items.partition_point(|(at, _)| *at >= last));
        let next = last.filter(|_| end < items.len()).map(|at| at.as_millis().to_string());
        items.truncate(end);
        Ok(wire::List { items: items.into_iter().map(|(_, item)| item).collect(), next })
    }

    fn moves(&self, of: &PersonId) -> Result<Moves, StoreError> {
        let mut all: HashMap<ReadingId, Vec<Attributed>> = HashMap::new();
        for moved in self.reader().attributions(of)? {
            all.entry(moved.reading).or_default().push(moved);
        }
        Ok(Moves { of: of.clone(), all })
    }

    /// Readings that are the person's now and were then.
    fn timeline_readings(
        &self,
        scope: &Scope,
        moves: &Moves,
        part: &Part,
    ) -> Result<Items, StoreError> {
        let filter = ReadingFilter {
            person: Some(moves.of.clone()),
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
            let page = self.reader().readings(scope, &filter, &paging)?;
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

    fn timeline_alerts(
        &self,
        scope: &Scope,
        of: &Person,
        part: &Part,
    ) -> Result<Items, StoreError> {
        let filter = AlertFilter { person: Some(of.person.clone()), ..AlertFilter::default() };
        let paging = Paging { limit: Paging::LIMIT_MAX, after: None };
        let mut items = Vec::new();
        for alert in self.reader().alerts(scope, &filter, &paging)?.items {
            let Some(history) = self.reader().alert(scope, &alert.id)? else { continue };
            let events = history.events.iter().map(|(_, event)| event);
            let known = events.filter(|event| part.is_known(event.at) && part.is_before(event.at));
            items.extend(known.map(|event| (event.at, self.of_event(event))));
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
        Basis::DeviceSlot => "device_slot",
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
