//! The reading side of the store in memory.

use std::{cmp::Reverse, collections::BTreeSet, path::Path};

use super::{Shared, asked, board, held::quarantined, state::State, unit};
use crate::{
    domain::{
        Alert, AlertId, Attribution, BenchId, DoctorId, EventId, Person, PersonEvent, PersonId,
        ReadingId, Registered, SiteId, Timestamp,
    },
    store::{
        Attributed, BenchSession, CommitSeq, Counts, Crossing, Decided, Fact, Owed, Reader,
        RegistryKey, Retimed, StoreError, StoredReading, TokenRow, paging,
        view::{
            AlertFilter, AlertHistory, Board, Delivered, FeedEntry, HeldQuarantine, HeldRefusal,
            HeldState, Message, Page, Paging, ReadingFilter, Scope,
        },
    },
};

/// Reads what is committed.
pub(super) struct ModelReader {
    shared: Shared,
}

impl ModelReader {
    pub(super) const fn new(shared: Shared) -> Self {
        Self { shared }
    }

    pub(super) const fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// Cuts a sorted list by a key that descends, at the cursor of the page.
pub(super) fn page_of<T, const N: usize>(
    mut items: Vec<T>,
    page: &Paging,
    key: impl Fn(&T) -> [i64; N],
) -> Result<Page<T>, StoreError> {
    let after = paging::read::<N>(page)?;
    items.sort_by_key(|item| Reverse(key(item)));
    items.retain(|item| after.is_none_or(|after| key(item) < after));
    Ok(paging::cut(items, paging::limit_of(page), |item| paging::write(key(item))))
}

/// Cuts a list sorted by name at the cursor of the page.
pub(super) fn page_by_name<T>(
    mut items: Vec<T>,
    page: &Paging,
    name: impl Fn(&T) -> String,
) -> Page<T> {
    let after = page.after.as_deref().unwrap_or_default();
    items.retain(|item| name(item).as_str() > after);
    paging::cut(items, paging::limit_of(page), name)
}

pub(super) fn at_site(state: &State, scope: &Scope, site: Option<&SiteId>) -> bool {
    match (scope, site) {
        (Scope::Everything, _) => true,
        (Scope::Place(place), Some(site)) => state.sites_of(place).contains(site),
        (Scope::Place(_), None) | (Scope::Nobody | Scope::Doctor(_), _) => false,
    }
}

/// Whether the scope reaches a reading.
fn reaches(state: &State, scope: &Scope, stored: &StoredReading) -> bool {
    match state.owner(stored) {
        Some(person) => state.reaches(scope, &person),
        None => at_site(state, scope, Some(&stored.reading.site)),
    }
}

fn wanted(state: &State, filter: &ReadingFilter, stored: &StoredReading) -> bool {
    let reading = &stored.reading;
    let filed = stored.attribution.as_ref().map(|attribution| &attribution.person);
    filter.person.as_ref().is_none_or(|wanted| state.owner(stored).as_ref() == Some(wanted))
        && filter.filed.as_ref().is_none_or(|wanted| filed == Some(wanted))
        && filter.device.as_ref().is_none_or(|device| reading.device == *device)
        && filter.site.as_ref().is_none_or(|site| reading.site == *site)
        && filter.from.is_none_or(|from| reading.measured.at >= from)
        && filter.to.is_none_or(|to| reading.measured.at < to)
}

/// What was refused within a scope.
pub(super) fn refused(state: &State, scope: &Scope) -> Vec<HeldRefusal> {
    let all = state.refusals();
    let reached = all.filter(|(_, refused)| at_site(state, scope, refused.origin.site.as_ref()));
    reached.map(|(seq, refused)| HeldRefusal { seq, refused: refused.clone() }).collect()
}

fn visible(state: &State, scope: &Scope, row: &Registered) -> bool {
    match row {
        Registered::Person(row) => state.reaches(scope, &row.person),
        Registered::Card(row) => state.reaches(scope, &row.person),
        Registered::Plan(row) => state.reaches(scope, &row.person),
        Registered::Household(row) => match scope {
            Scope::Everything => true,
            Scope::Nobody => false,
            Scope::Place(place) => state.villages_of(place).contains(&row.village),
            Scope::Doctor(doctor) => state.present.get(&row.household) == Some(doctor),
        },
        Registered::Device(row) => match &row.owner {
            Some(owner) => state.reaches(scope, owner),
            None => *scope != Scope::Nobody,
        },
        Registered::Doctor(_)
        | Registered::Site(_)
        | Registered::Place(_)
        | Registered::Bench(_)
        | Registered::Team(_)
        | Registered::Duty(_)
        | Registered::Pairing(_)
        | Registered::Box(_) => *scope != Scope::Nobody,
    }
}

impl Reader for ModelReader {
    fn last(&self) -> Result<CommitSeq, StoreError> {
        Ok(self.shared.now().last())
    }

    fn gateway(&self) -> Result<(String, u64), StoreError> {
        Ok((self.shared.now().gateway().to_string(), super::carry::EPOCH))
    }

    fn feed(&self, after: CommitSeq, limit: usize) -> Result<Vec<FeedEntry>, StoreError> {
        let state = self.shared.now();
        let later = state.log().filter(|(seq, _)| *seq > after).take(limit);
        let entries = later.map(|(seq, fact)| {
            let fact = if let Fact::Reading(stored) = fact {
                Fact::Reading(Box::new(state.latest(stored)))
            } else if let Fact::Context(context) = fact {
                Fact::Context(Box::new(state.latest_context(seq, context)))
            } else {
                fact.clone()
            };
            FeedEntry { seq, fact }
        });
        Ok(entries.collect())
    }

    fn cursor(&self, follower: &str) -> Result<CommitSeq, StoreError> {
        Ok(self.shared.now().followers.get(follower).copied().unwrap_or_default())
    }

    fn readings(
        &self,
        scope: &Scope,
        filter: &ReadingFilter,
        paging: &Paging,
    ) -> Result<Page<(CommitSeq, StoredReading)>, StoreError> {
        let state = self.shared.now();
        let all = state.readings().filter(|(_, stored)| wanted(&state, filter, stored));
        let found = all.filter(|(_, stored)| reaches(&state, scope, stored)).collect();
        page_of(found, paging, |(seq, stored)| [stored.reading.measured.at.as_millis(), seq.0])
    }

    fn reading(
        &self,
        scope: &Scope,
        id: &ReadingId,
    ) -> Result<Option<(CommitSeq, StoredReading)>, StoreError> {
        let state = self.shared.now();
        let found = state.readings().find(|(_, stored)| stored.reading.id == *id);
        Ok(found.filter(|(_, stored)| reaches(&state, scope, stored)))
    }

    fn events_of(&self, people: &[PersonId]) -> Result<Vec<Vec<PersonEvent>>, StoreError> {
        let state = self.shared.now();
        Ok(people.iter().map(|person| state.happened(person, CommitSeq(0))).collect())
    }

    fn alerts(
        &self,
        scope: &Scope,
        filter: &AlertFilter,
        paging: &Paging,
    ) -> Result<Page<Alert>, StoreError> {
        let state = self.shared.now();
        let wanted = |alert: &&Alert| {
            (filter.states.is_empty() || filter.states.contains(&alert.state))
                && filter.doctor.as_ref().is_none_or(|owner| alert.owner.as_ref() == Some(owner))
                && filter.level.is_none_or(|level| alert.level == level)
                && filter.person.as_ref().is_none_or(|person| alert.person == *person)
                && state.reaches(scope, &alert.person)
        };
        let found = state.alerts.values().filter(wanted).cloned().collect();
        page_of(found, paging, |alert: &Alert| {
            let live = i64::from(alert.state.is_live());
            [live, board::rank(alert.level), alert.opened_at.as_millis(), alert.key]
        })
    }

    fn alert(&self, scope: &Scope, id: &AlertId) -> Result<Option<AlertHistory>, StoreError> {
        let state = self.shared.now();
        let alert = state.alert(id).filter(|alert| state.reaches(scope, &alert.person));
        Ok(alert.map(|alert| AlertHistory {
            alert: alert.clone(),
            events: state
                .events()
                .filter(|(_, event)| event.alert.key == alert.key)
                .map(|(seq, event)| (seq, state.moved_step(seq, event)))
                .collect(),
        }))
    }

    fn crossings_of(
        &self,
        alert: i64,
    ) -> Result<Vec<(Crossing, Option<StoredReading>)>, StoreError> {
        Ok(asked::crossings_of(&self.shared.now(), alert))
    }

    fn registered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Option<Registered>, StoreError> {
        let state = self.shared.now();
        Ok(unit::row(&state, key).filter(|row| visible(&state, scope, row)))
    }

    fn entered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Vec<(Timestamp, Registered)>, StoreError> {
        let state = self.shared.now();
        let reached = unit::row(&state, key).is_some_and(|row| visible(&state, scope, &row));
        Ok(if reached { state.entered(key.kind_and_name()) } else { Vec::new() })
    }

    fn people(
        &self,
        scope: &Scope,
        query: &str,
        paging: &Paging,
    ) -> Result<Page<Person>, StoreError> {
        let state = self.shared.now();
        let reached = state.people().filter(|person| state.reaches(scope, &person.person));
        match query.trim() {
            "" => {
                let all = reached.cloned().collect();
                Ok(page_by_name(all, paging, |person: &Person| person.person.to_string()))
            }
            asked => asked::found(&state, reached, asked, paging),
        }
    }

    fn registry(&self, kind: &str, paging: &Paging) -> Result<Page<Registered>, StoreError> {
        if !Registered::KINDS.contains(&kind) {
            return Err(StoreError::Asked { what: "the registry has no such kind" });
        }
        let state = self.shared.now();
        let rows = state.registry.iter().filter(|((of, _), _)| *of == kind);
        let rows = rows.map(|(_, (_, row))| row.clone()).collect();
        Ok(page_by_name(rows, paging, |row| super::state::named(row).1))
    }

    fn quarantine(
        &self,
        scope: &Scope,
        state: HeldState,
        paging: &Paging,
    ) -> Result<Page<HeldQuarantine>, StoreError> {
        let mut items = quarantined(&self.shared.now(), scope);
        items.retain(|held| held.state() == state);
        page_of(items, paging, |held| [held.seq.0])
    }

    fn quarantined(
        &self,
        scope: &Scope,
        item: CommitSeq,
    ) -> Result<Option<HeldQuarantine>, StoreError> {
        Ok(quarantined(&self.shared.now(), scope).into_iter().find(|held| held.seq == item))
    }

    fn attributions(&self, person: &PersonId) -> Result<Vec<Attributed>, StoreError> {
        let state = self.shared.now();
        let all = || {
            state.log().filter_map(|(_, fact)| {
                if let Fact::Attributed(moved) = fact { Some(&**moved) } else { None }
            })
        };
        let is_theirs = |whose: &Option<Attribution>| {
            whose.as_ref().is_some_and(|whose| whose.person == *person)
        };
        let concerned = |moved: &&Attributed| is_theirs(&moved.before) || is_theirs(&moved.after);
        let readings: BTreeSet<_> = all().filter(concerned).map(|moved| moved.reading).collect();
        Ok(all().filter(|moved| readings.contains(&moved.reading)).cloned().collect())
    }

    fn retimings(&self, person: &PersonId) -> Result<Vec<Retimed>, StoreError> {
        let state = self.shared.now();
        let is_theirs = |id: &ReadingId| {
            let whose = state.reading(id).and_then(|stored| stored.attribution);
            whose.is_some_and(|whose| whose.person == *person)
        };
        let all = state.log().filter_map(|(_, fact)| {
            if let Fact::Retimed(retimed) = fact { Some(**retimed) } else { None }
        });
        Ok(all.filter(|retimed| is_theirs(&retimed.reading)).collect())
    }

    fn decision(&self, at: CommitSeq) -> Result<Option<Decided>, StoreError> {
        Ok(self.shared.now().decision(at).cloned())
    }

    fn refused(&self, scope: &Scope, paging: &Paging) -> Result<Page<HeldRefusal>, StoreError> {
        page_of(refused(&self.shared.now(), scope), paging, |held| [held.seq.0])
    }

    fn board(
        &self,
        scope: &Scope,
        place: Option<&str>,
        now: Timestamp,
    ) -> Result<Board, StoreError> {
        Ok(board::board(&self.shared.now(), scope, place, now))
    }

    fn owed(&self, now: Timestamp, limit: usize) -> Result<Vec<Owed>, StoreError> {
        let state = self.shared.now();
        let all = state.promises.values().filter_map(unit::still_owed);
        let mut due: Vec<_> = all.filter(|owed| owed.due_at <= now).collect();
        due.sort_by_key(|owed| owed.due_at);
        due.truncate(limit);
        Ok(due)
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let state = self.shared.now();
        let timers = state.timers.values().map(|timer| timer.due_at);
        Ok(timers.chain(state.promises.values().filter_map(|promise| promise.due_at)).min())
    }

    fn delivered_to(
        &self,
        doctor: &DoctorId,
        after: CommitSeq,
        limit: usize,
    ) -> Result<Vec<Delivered>, StoreError> {
        Ok(asked::delivered_to(&self.shared.now(), doctor, after, limit))
    }

    fn sessions_at(
        &self,
        site: &SiteId,
        bench: &BenchId,
        at: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError> {
        Ok(self.shared.now().sessions_at((site, bench), at))
    }

    fn event(&self, id: &EventId) -> Result<Option<PersonEvent>, StoreError> {
        let state = self.shared.now();
        let found = state.person_events().find(|(_, event)| event.id == *id);
        Ok(found.map(|(seq, event)| state.moved_event(seq, event)))
    }

    fn messages_of(&self, alert: i64) -> Result<Vec<Message>, StoreError> {
        Ok(super::message::of_alert(&self.shared.now(), alert))
    }

    fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        Ok(self.shared.now().tokens.get(hash).cloned())
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        Ok(self.shared.now().counts)
    }

    fn recount(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn back_up(&self, _to: &Path) -> Result<(), StoreError> {
        Err(StoreError::Asked { what: "a store in memory has nothing to copy" })
    }
}
