//! One unit: a copy of the state, which takes its place when it is committed.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    ROLLUP, Shared,
    state::{Promise, State, county, named},
};
use crate::{
    domain::{
        Alert, AlertId, BenchId, CareLevel, ContentDigest, DeviceId, Doctor, Millis, PersonId,
        ReadingId, Registered, SiteId, Timestamp,
    },
    store::{
        ANSWER_KEPT, Answer, BenchSession, CardScan, Change, CommitSeq, Committed, Context, Counts,
        Crossing, Fact, Numbered, Owed, RegistryKey, SESSION_MAX, StoreError, StoredReading, Timer,
        Unit,
    },
};

pub(super) struct ModelUnit<'s> {
    shared: &'s Shared,
    state: State,
    now: Timestamp,
    spoiled: bool,
}

impl<'s> ModelUnit<'s> {
    pub(super) const fn new(shared: &'s Shared, state: State, now: Timestamp) -> Self {
        Self { shared, state, now, spoiled: false }
    }

    fn unspoiled(&self) -> Result<(), StoreError> {
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
        state.facts.push(Arc::new(fact.clone()));
        if let Fact::Registration(registration) = fact {
            let row = (state.last(), registration.row.clone());
            state.registry.insert(named(&registration.row), row);
        }
        Ok(())
    }

    fn change_one(&mut self, change: &Change) -> Result<(), StoreError> {
        let state = &mut self.state;
        match change {
            Change::Alert(alert) => {
                state.alerts.insert(alert.key, Alert::clone(alert));
            }
            Change::Alias(id, key) => {
                state.aliases.insert(*id, *key);
            }
            Change::SetTimer(timer) => {
                let name = (timer.kind, timer.person.clone(), timer.alert);
                state.timers.insert(name, timer.clone());
            }
            Change::ClearTimer(timer) => {
                state.timers.remove(&(timer.kind, timer.person.clone(), timer.alert));
            }
            Change::Owe(owed) => owe(state, owed),
            Change::Resend { key, due_at, last_error } => {
                let Some(promise) = state.promises.get_mut(key) else {
                    return Err(StoreError::Asked { what: "no such notification is owed" });
                };
                promise.due_at = *due_at;
                promise.owed.attempts = promise.owed.attempts.saturating_add(1);
                if last_error.is_some() {
                    promise.owed.last_error.clone_from(last_error);
                }
            }
            Change::Hasten { alert, due_at } => {
                for promise in state.promises.values_mut() {
                    let untried = promise.owed.alert == *alert && promise.owed.attempts == 0;
                    if untried {
                        promise.due_at = promise.due_at.map(|before| before.min(*due_at));
                    }
                }
            }
            Change::Cursor { follower, to } => move_cursor(state, follower, *to)?,
            Change::Session(session) => {
                let name = (session.site.clone(), session.bench.clone(), session.from);
                state.sessions.insert(name, session.clone());
            }
            Change::Answer(answer) => {
                state.answers.insert(answer.key.clone(), Answer::clone(answer));
            }
            Change::Token(token) => {
                state.tokens.insert(token.hash, (**token).clone());
            }
            Change::Join(content, id) => join(state, content, id)?,
            Change::Count(more) => count(&mut state.counts, more),
            Change::Reattribute(id, attribution) => {
                if !state.ids.contains_key(id) {
                    return Err(StoreError::Asked { what: "no such reading to attribute" });
                }
                state.attributed.insert(*id, attribution.clone());
            }
        }
        Ok(())
    }
}

fn move_cursor(state: &mut State, follower: &str, to: Option<CommitSeq>) -> Result<(), StoreError> {
    if follower == ROLLUP {
        return Err(StoreError::Asked { what: "the rollup follower moves by itself" });
    }
    match to {
        Some(to) => {
            let cursor = state.followers.entry(follower.to_owned()).or_default();
            *cursor = (*cursor).max(to);
        }
        None => {
            state.followers.remove(follower);
        }
    }
    Ok(())
}

fn join(state: &mut State, content: &ContentDigest, id: &ReadingId) -> Result<(), StoreError> {
    let waits = |(_, context): &(CommitSeq, Context)| {
        context.content == *content && context.reading.is_none()
    };
    let waiting = state.contexts().filter(waits).last();
    let (Some((seq, _)), true) = (waiting, state.ids.contains_key(id)) else {
        let what = "no such context waits, or no such reading is stored";
        return Err(StoreError::Asked { what });
    };
    state.joins.push((seq, *id));
    Ok(())
}

fn owe(state: &mut State, owed: &Owed) {
    let steps = state.events().filter(|(_, event)| event.alert.key == owed.alert);
    let seq = steps.map(|(seq, _)| seq).max().unwrap_or_default();
    let due_at = Some(owed.due_at);
    state.promises.entry(owed.key).or_insert(Promise { owed: owed.clone(), due_at, seq });
}

fn count(sum: &mut Counts, more: &Counts) {
    let pairs = [
        (&mut sum.received, more.received),
        (&mut sum.stored, more.stored),
        (&mut sum.rejected, more.rejected),
        (&mut sum.duplicate, more.duplicate),
        (&mut sum.quarantined, more.quarantined),
        (&mut sum.refused, more.refused),
    ];
    for (sum, more) in pairs {
        *sum = sum.saturating_add(more);
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
    match key {
        RegistryKey::Person(name) => state.row("person", name.as_str()),
        RegistryKey::Household(name) => state.row("household", name.as_str()),
        RegistryKey::Doctor(name) => state.row("doctor", name.as_str()),
        RegistryKey::Device(name) => state.row("device", name.as_str()),
        RegistryKey::Site(name) => state.row("site", name.as_str()),
        RegistryKey::Card(number) => state.row("card", number),
    }
}

impl Unit for ModelUnit<'_> {
    fn last(&mut self) -> Result<CommitSeq, StoreError> {
        self.unspoiled()?;
        Ok(self.state.last())
    }

    fn measured_lately(&mut self, within: Millis) -> Result<Vec<PersonId>, StoreError> {
        self.unspoiled()?;
        let newest = self.state.readings().last().map(|(_, stored)| stored.server_at);
        let since = newest.unwrap_or(Timestamp::from_millis(0)).minus(within);
        let lately = self.state.readings().filter(|(_, stored)| stored.server_at >= since);
        let owner = |stored: StoredReading| stored.attribution.map(|whose| whose.person);
        let people: BTreeSet<_> = lately.filter_map(|(_, stored)| owner(stored)).collect();
        Ok(people.into_iter().collect())
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
        (site, bench): (&SiteId, &BenchId),
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError> {
        self.unspoiled()?;
        let scan = |fact: &Arc<Fact>| {
            let Fact::CardScan(scan) = fact.as_ref() else { return None };
            let there = scan.site == *site && scan.bench == *bench;
            (there && (from..=to).contains(&scan.at)).then(|| scan.clone())
        };
        let mut scans: Vec<_> = self.state.facts.iter().filter_map(scan).collect();
        scans.sort_by_key(|scan| scan.at);
        Ok(scans)
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
                let owner = stored.attribution.as_ref().map(|attribution| &attribution.person);
                owner == Some(person) && stored.reading.measured.at >= *from
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
        let under = |(device, number): &(DeviceId, u64)| {
            let reading = |stored: &StoredReading| {
                let sequence = stored.reading.sequence;
                let named = sequence.is_some_and(|of| of.epoch.is_none() && of.number == *number);
                named && stored.reading.device == *device && stored.reading.kind() == "glucose"
            };
            let readings = self.state.readings().map(|(_, stored)| stored);
            let contexts = self.state.contexts().map(|(_, context)| context);
            let own = |of: &Context| of.device == *device && of.number == *number;
            Numbered {
                readings: readings.filter(reading).collect(),
                contexts: contexts.filter(own).collect(),
            }
        };
        Ok(names.iter().map(under).collect())
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
        let serving = || self.state.sites().filter(|site| site.village == village);
        let townships = serving().map(|site| (0, site.township.clone()));
        let counties = serving().map(|site| (1, county(site).to_owned()));
        let mut places: Vec<_> = townships.chain(counties).collect();
        places.retain(|(_, place)| !place.is_empty() && !village.is_empty());
        places.sort();
        places.dedup();
        Ok(places.into_iter().map(|(_, place)| place).collect())
    }

    fn sessions(
        &mut self,
        site: &SiteId,
        bench: &BenchId,
        at: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError> {
        self.unspoiled()?;
        let touches = |session: &&BenchSession| {
            session.site == *site
                && session.bench == *bench
                && session.from <= at
                && session.from > at.minus(SESSION_MAX)
                && session.until > at
        };
        Ok(self.state.sessions.values().rev().filter(touches).cloned().collect())
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
            let changed = self.change_one(change);
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
