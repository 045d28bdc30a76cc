//! Rosters, from the log in memory.

use std::collections::BTreeSet;

use super::{
    reader::ModelReader,
    state::{State, named},
};
use crate::{
    domain::{HouseholdId, PersonId, Registered, SiteId},
    store::{
        CommitSeq, Fact, Registration, RegistryKey, RosterHeld, RosterReader, SealReader,
        StoreError,
    },
};

fn registrations(state: &State) -> impl Iterator<Item = (CommitSeq, &Registration)> {
    state.log().filter_map(|(seq, fact)| {
        if let Fact::Registration(row) = fact { Some((seq, &**row)) } else { None }
    })
}

impl SealReader for ModelReader {}

impl RosterReader for ModelReader {
    fn rows_since(
        &self,
        after: CommitSeq,
        limit: usize,
    ) -> Result<Vec<(CommitSeq, RegistryKey)>, StoreError> {
        let state = self.shared().now();
        let later = registrations(&state).filter(|(seq, _)| *seq > after).take(limit);
        Ok(later.map(|(seq, entered)| (seq, RegistryKey::of(&entered.row))).collect())
    }

    fn history(&self, key: &RegistryKey) -> Result<Vec<(CommitSeq, Registration)>, StoreError> {
        let state = self.shared().now();
        let (kind, name) = key.kind_and_name();
        let own = registrations(&state).filter(|(_, entered)| {
            let (of, under) = named(&entered.row);
            (of, under.as_str()) == (kind, name)
        });
        let mut own: Vec<_> = own.map(|(seq, entered)| (seq, entered.clone())).collect();
        own.sort_by_key(|(seq, entered)| (entered.at, *seq));
        Ok(own)
    }

    fn belongings_of(&self, person: &PersonId) -> Result<Vec<RegistryKey>, StoreError> {
        let state = self.shared().now();
        let held = registrations(&state).filter_map(|(_, entered)| {
            let Registered::Card(card) = &entered.row else { return None };
            (card.person == *person).then(|| RegistryKey::Card(card.card.clone()))
        });
        let owned = state.registry.values().filter_map(|(_, row)| {
            let Registered::Device(device) = row else { return None };
            (device.owner.as_ref() == Some(person)).then(|| RegistryKey::of(row))
        });
        let cards: BTreeSet<_> = held.collect();
        Ok(cards.into_iter().chain(owned).collect())
    }

    fn people_of(&self, household: &HouseholdId) -> Result<Vec<PersonId>, StoreError> {
        let state = self.shared().now();
        let own = state.people().filter(|person| person.household.as_ref() == Some(household));
        Ok(own.map(|person| person.person.clone()).collect())
    }

    fn villages_of(&self, place: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.shared().now().villages_of(place).into_iter().collect())
    }

    fn has_site(&self, place: &str, site: &SiteId) -> Result<bool, StoreError> {
        Ok(self.shared().now().sites_of(place).contains(site))
    }

    fn people_in(
        &self,
        village: &str,
        after: Option<&PersonId>,
        limit: usize,
    ) -> Result<Vec<PersonId>, StoreError> {
        let state = self.shared().now();
        let mut lived = BTreeSet::new();
        let mut before = State::default();
        for (_, entered) in registrations(&state) {
            before.enter(entered);
            let here = before.people().filter(|person| before.village_of(person) == village);
            lived.extend(here.map(|person| person.person.clone()));
        }
        Ok(lived.into_iter().filter(|person| Some(person) > after).take(limit).collect())
    }

    fn roster_held(&self, issuer: &str) -> Result<Option<RosterHeld>, StoreError> {
        Ok(self.shared().now().rosters.get(issuer).cloned())
    }
}
