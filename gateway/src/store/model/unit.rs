//! One unit: a copy of the state, which takes its place when it is committed.

use std::sync::Arc;

use super::{
    Shared, asked, change, staff,
    state::{Promise, State},
};
use crate::{
    domain::{
        Alert, AlertId, BenchId, CareLevel, ContentDigest, DeviceId, Doctor, EventId, Millis,
        PersonEvent, PersonId, ReadingId, Registered, SiteId, Timestamp,
    },
    store::{
        ANSWER_KEPT, AlertEvent, Answer, Awaiting, BenchSession, CardScan, Change, CommitSeq,
        Committed, Concerned, Crossing, Decided, Fact, HeldMerge, Numbered, Owed, PackInForce,
        RegistryKey, Resumed, StoreError, StoredReading, Timer, Unit,
        view::{HeldQuarantine, Scope},
    },
};

pub(super) struct ModelUnit<'s> {
    shared: &'s Shared,
    pub(super) state: State,
    now: Timestamp,
    spoiled: bool,
}

impl<'s> ModelUnit<'s> {
    pub(super) const fn new(shared: &'s Shared, state: State, now: Timestamp) -> Self {
        Self { shared, state, now, spoiled: false }
    }

    pub(super) fn unspoiled(&self) -> Result<(), StoreError> {
        if self.spoiled {
            return Err(StoreError::Asked { what: "the unit has failed and can only be dropped" });
        }
        Ok(())
    }

    fn append_one(&mut self, fact: &Fact) -> Result<(), StoreError> {
        let state = &mut self.state;
        let index = state.facts.len();
        if let Fact::Reading(stored) = fact {
            if state.ids.contains_key(&stored.reading.id) {
                return Err(StoreError::Duplicate);
            }
            state.ids.insert(stored.reading.id, index);
        }
        if let Fact::Decided(decided) = fact
            && !state.quarantine().any(|(seq, _)| seq == decided.item)
        {
            return Err(StoreError::Asked { what: "no such item of quarantine" });
        }
        if let Fact::Merged(merged) = fact {
            state.check_merge(merged)?;
        }
        if let Fact::Event(event) = fact
            && state.person_events().any(|(_, known)| known.id == event.id)
        {
            return Err(StoreError::Duplicate);
        }
        if let Fact::Registration(registration) = fact {
            staff::sound(&registration.row)?;
        }
        state.facts.push(Arc::new(fact.clone()));
        if let Fact::Event(event) = fact {
            state.tell_anew(event);
        }
        if let Fact::Merged(merged) = fact {
            state.kept.remove(&merged.person);
            state.kept.remove(&merged.survivor);
        }
        if let Fact::Registration(registration) = fact {
            state.enter(registration);
            staff::enter(state, registration);
        }
        Ok(())
    }
}

/// A notification as it is listed while it is owed.
pub(super) fn still_owed(promise: &Promise) -> Option<Owed> {
    promise.due_at.map(|due_at| Owed { due_at, ..promise.owed.clone() })
}

/// An answer that has not expired.
pub(super) fn answer(state: &State, key: &str, now: Timestamp) -> Option<Answer> {
    state.answers.get(key).filter(|answer| answer.at >= now.minus(ANSWER_KEPT)).cloned()
}

/// The row under a key.
pub(super) fn row(state: &State, key: &RegistryKey) -> Option<Registered> {
    let (kind, name) = key.kind_and_name();
    state.row(kind, name)
}

impl Unit for ModelUnit<'_> {
    fn last(&mut self) -> Result<CommitSeq, StoreError> {
        self.unspoiled()?;
        Ok(self.state.last())
    }

    fn measured_lately(&mut self, within: Millis) -> Result<Vec<PersonId>, StoreError> {
        self.unspoiled()?;
        Ok(asked::measured_lately(&self.state, within))
    }

    fn events(&mut self, people: &[PersonId]) -> Result<Vec<Vec<PersonEvent>>, StoreError> {
        self.unspoiled()?;
        Ok(people.iter().map(|person| self.state.happened(person, CommitSeq(0))).collect())
    }

    fn known_events(&mut self, ids: &[EventId]) -> Result<Vec<Option<ContentDigest>>, StoreError> {
        self.unspoiled()?;
        let content = |id: &EventId| {
            let mut known = self.state.person_events();
            known.find(|(_, event)| event.id == *id).map(|(_, event)| event.content)
        };
        Ok(ids.iter().map(content).collect())
    }

    fn kept(&mut self, people: &[PersonId]) -> Result<Vec<Option<Resumed>>, StoreError> {
        self.unspoiled()?;
        Ok(people.iter().map(|person| self.state.kept(person)).collect())
    }

    fn quarantined(&mut self, item: CommitSeq) -> Result<Option<HeldQuarantine>, StoreError> {
        self.unspoiled()?;
        let all = super::held::quarantined(&self.state, &Scope::Everything);
        Ok(all.into_iter().find(|held| held.seq == item))
    }

    fn item_of(&mut self, reading: &ReadingId) -> Result<Option<HeldQuarantine>, StoreError> {
        self.unspoiled()?;
        Ok(asked::item_of(&self.state, reading))
    }

    fn item_with(&mut self, content: &ContentDigest) -> Result<Option<HeldQuarantine>, StoreError> {
        let found = self.state.quarantine().find(|(_, item)| item.content == *content);
        let seq = found.map(|(seq, _)| seq);
        seq.map_or(Ok(None), |seq| self.quarantined(seq))
    }

    fn awaiting(&mut self, key: &RegistryKey, since: Timestamp) -> Result<Awaiting, StoreError> {
        self.unspoiled()?;
        Ok(asked::awaiting(&self.state, key, since))
    }

    fn received(
        &mut self,
        site: &SiteId,
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<StoredReading>, StoreError> {
        self.unspoiled()?;
        Ok(asked::received(&self.state, site, span))
    }

    fn came_since(&mut self, after: CommitSeq) -> Result<Vec<StoredReading>, StoreError> {
        self.unspoiled()?;
        Ok(asked::came_since(&self.state, after))
    }

    fn decision(&mut self, at: CommitSeq) -> Result<Option<Decided>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.decision(at).cloned())
    }

    fn merge(&mut self, at: CommitSeq) -> Result<Option<HeldMerge>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.merges().into_iter().find(|held| held.seq == at))
    }

    fn merged(&mut self) -> Result<Vec<(PersonId, PersonId)>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.merged().into_iter().collect())
    }

    fn steps(&mut self, alert: i64) -> Result<Vec<(CommitSeq, AlertEvent)>, StoreError> {
        self.unspoiled()?;
        let own = self.state.events().filter(|(_, event)| event.alert.key == alert);
        Ok(own.map(|(seq, event)| (seq, self.state.moved_step(seq, event))).collect())
    }

    fn reading(&mut self, id: &ReadingId) -> Result<Option<StoredReading>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.reading(id))
    }

    fn entered(&mut self, key: &RegistryKey) -> Result<Vec<(Timestamp, Registered)>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.entered(key.kind_and_name()))
    }

    fn watched(&mut self, person: &PersonId) -> Result<Option<Timestamp>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.watches.get(person).copied())
    }

    fn due_watches(&mut self, now: Timestamp, limit: usize) -> Result<Vec<PersonId>, StoreError> {
        self.unspoiled()?;
        let due = self.state.watches.iter().filter(|(_, due_at)| **due_at <= now);
        let mut due: Vec<_> = due.map(|(person, due_at)| (*due_at, person.clone())).collect();
        due.sort();
        Ok(due.into_iter().take(limit).map(|(_, person)| person).collect())
    }

    fn concerned(&mut self, after: CommitSeq, limit: usize) -> Result<Concerned, StoreError> {
        self.unspoiled()?;
        Ok(asked::concerned(&self.state, after, limit))
    }

    fn packs(&mut self) -> Result<Vec<PackInForce>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.packs().cloned().collect())
    }

    fn crossings(&mut self, person: &PersonId) -> Result<Vec<Crossing>, StoreError> {
        self.unspoiled()?;
        let own = |crossing: &&Crossing| {
            let alert = self.state.alerts.get(&crossing.alert);
            alert.is_some_and(|alert| alert.person == *person)
        };
        Ok(self.state.crossings().filter(own).cloned().collect())
    }

    fn scans(
        &mut self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError> {
        self.unspoiled()?;
        Ok(asked::scans(&self.state, bench, span))
    }

    fn alert_by_key(&mut self, key: i64) -> Result<Option<Alert>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.alerts.get(&key).cloned())
    }

    fn held(&mut self, ids: &[ReadingId]) -> Result<Vec<Option<ContentDigest>>, StoreError> {
        self.unspoiled()?;
        let waiting = |id: &ReadingId| {
            let mut held = self.state.quarantine().filter_map(|(_, item)| item.reading.as_ref());
            held.find(|held| held.id == *id).map(|held| held.content)
        };
        let stored = |id: &ReadingId| self.state.reading(id).map(|stored| stored.reading.content);
        Ok(ids.iter().map(|id| stored(id).or_else(|| waiting(id))).collect())
    }

    fn waiting(&mut self, contents: &[ContentDigest]) -> Result<Vec<bool>, StoreError> {
        self.unspoiled()?;
        let waits = |content: &ContentDigest| {
            self.state.quarantine().any(|(_, item)| item.content == *content)
        };
        Ok(contents.iter().map(waits).collect())
    }

    fn registered(&mut self, keys: &[RegistryKey]) -> Result<Vec<Option<Registered>>, StoreError> {
        self.unspoiled()?;
        Ok(keys.iter().map(|key| row(&self.state, key)).collect())
    }

    fn readings(
        &mut self,
        people: &[(PersonId, Timestamp)],
    ) -> Result<Vec<Vec<StoredReading>>, StoreError> {
        self.unspoiled()?;
        let of_one = |(person, from): &(PersonId, Timestamp)| {
            let belongs = |stored: &StoredReading| {
                self.state.owner(stored).as_ref() == Some(person)
                    && stored.reading.measured.at >= *from
            };
            let readings = self.state.readings().map(|(_, stored)| stored);
            let mut readings: Vec<_> = readings.filter(belongs).collect();
            readings.sort_by_key(|stored| (stored.reading.measured.at, stored.reading.id));
            readings
        };
        Ok(people.iter().map(of_one).collect())
    }

    fn numbered(&mut self, names: &[(DeviceId, u64)]) -> Result<Vec<Numbered>, StoreError> {
        self.unspoiled()?;
        Ok(names.iter().map(|name| asked::numbered(&self.state, name)).collect())
    }

    fn alerts(&mut self, people: &[PersonId]) -> Result<Vec<Vec<Alert>>, StoreError> {
        self.unspoiled()?;
        let of_one = |person: &PersonId| {
            let all = self.state.alerts.values();
            all.filter(|alert| alert.person == *person).cloned().collect()
        };
        Ok(people.iter().map(of_one).collect())
    }

    fn alert(&mut self, id: &AlertId) -> Result<Option<Alert>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.alert(id).cloned())
    }

    fn next_alert_key(&mut self) -> Result<i64, StoreError> {
        self.unspoiled()?;
        let last = self.state.alerts.last_key_value();
        Ok(last.map_or(0, |(key, _)| *key).saturating_add(1))
    }

    fn doctors(&mut self, level: CareLevel) -> Result<Vec<Doctor>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.doctors().filter(|doctor| doctor.level == level).cloned().collect())
    }

    fn places_above(&mut self, village: &str) -> Result<Vec<String>, StoreError> {
        self.unspoiled()?;
        Ok(staff::places_above(&self.state, village))
    }

    fn sessions(
        &mut self,
        site: &SiteId,
        bench: &BenchId,
        at: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.sessions_at((site, bench), at))
    }

    fn due_timers(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.unspoiled()?;
        let due = self.state.timers.values().filter(|timer| timer.due_at <= now);
        let mut due: Vec<_> = due.cloned().collect();
        due.sort_by_key(|timer| timer.due_at);
        due.truncate(limit);
        Ok(due)
    }

    fn owed_for(&mut self, alert: i64) -> Result<Vec<Owed>, StoreError> {
        self.unspoiled()?;
        let all = self.state.promises.values().filter_map(still_owed);
        let mut owed: Vec<_> = all.filter(|owed| owed.alert == alert).collect();
        owed.sort_by_key(|owed| owed.due_at);
        Ok(owed)
    }

    fn answer(&mut self, key: &str) -> Result<Option<Answer>, StoreError> {
        self.unspoiled()?;
        Ok(answer(&self.state, key, self.now))
    }

    fn append(&mut self, facts: &[Fact]) -> Result<CommitSeq, StoreError> {
        self.unspoiled()?;
        for fact in facts {
            let appended = self.append_one(fact);
            self.spoiled = appended.is_err();
            appended?;
        }
        Ok(self.state.last())
    }

    fn change(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.unspoiled()?;
        for change in changes {
            let changed = change::apply(&mut self.state, change);
            self.spoiled = changed.is_err();
            changed?;
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Committed, StoreError> {
        self.unspoiled()?;
        let last = self.state.last();
        self.shared.replace(self.state);
        Ok(Committed::after_sync(last))
    }
}
