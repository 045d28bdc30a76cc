//! Rows of the store become what goes over the wire, with the names that belong to them.

mod alert;
mod bench;
mod board;
mod held;
mod indicators;
mod merge;
mod person;
mod reading;
mod receipt;
mod slip;
mod suggest;
mod timeline;

use std::collections::HashMap;

use super::{shared::Shared, trail};
use crate::{
    domain::{Doctor, DoctorId, Household, HouseholdId, Person, PersonId, Registered, Timestamp},
    store::{Reader, RegistryKey, StoreError, view::Scope},
};

pub(super) use {
    bench::{Ringing, Sitting},
    board::board,
    held::{decided, hex, quarantined, refused},
    indicators::indicators,
    merge::{merge, same_number},
    person::{a_person, a_plan, age},
    reading::reading,
    receipt::{first as first_differing, receipts},
    slip::{SlipAsked, slip_since},
    timeline::Part,
};

/// States in which somebody still has to do something.
pub(super) const LIVE: [crate::domain::AlertState; 4] = [
    crate::domain::AlertState::Open,
    crate::domain::AlertState::Acknowledged,
    crate::domain::AlertState::Planned,
    crate::domain::AlertState::Visited,
];

/// Looks up each name once for one answer. What it describes was reached through a scope before.
pub(super) struct Describer<'a> {
    pub(super) shared: &'a Shared,
    pub(super) now: Timestamp,
    people: HashMap<PersonId, Option<Person>>,
    households: HashMap<HouseholdId, Option<Household>>,
    doctors: HashMap<DoctorId, Option<Doctor>>,
}

impl<'a> Describer<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            now: shared.clock.now(),
            people: HashMap::new(),
            households: HashMap::new(),
            doctors: HashMap::new(),
        }
    }

    pub(super) fn reader(&self) -> &dyn Reader {
        self.shared.reader.as_ref()
    }

    fn registered(&self, key: &RegistryKey) -> Result<Option<Registered>, StoreError> {
        self.reader().registered(&Scope::Everything, key)
    }

    pub(super) fn person_row(&mut self, id: &PersonId) -> Result<Option<Person>, StoreError> {
        trail::shows(id);
        if let Some(known) = self.people.get(id) {
            return Ok(known.clone());
        }
        let row = match self.registered(&RegistryKey::Person(id.clone()))? {
            Some(Registered::Person(person)) => Some(person),
            Some(_) | None => None,
        };
        self.people.insert(id.clone(), row.clone());
        Ok(row)
    }

    fn household(&mut self, id: &HouseholdId) -> Result<Option<Household>, StoreError> {
        if let Some(known) = self.households.get(id) {
            return Ok(known.clone());
        }
        let row = match self.registered(&RegistryKey::Household(id.clone()))? {
            Some(Registered::Household(household)) => Some(household),
            Some(_) | None => None,
        };
        self.households.insert(id.clone(), row.clone());
        Ok(row)
    }

    pub(super) fn doctor(&mut self, id: &DoctorId) -> Result<Option<Doctor>, StoreError> {
        if let Some(known) = self.doctors.get(id) {
            return Ok(known.clone());
        }
        let row = match self.registered(&RegistryKey::Doctor(id.clone()))? {
            Some(Registered::Doctor(doctor)) => Some(doctor),
            Some(_) | None => None,
        };
        self.doctors.insert(id.clone(), row.clone());
        Ok(row)
    }

    fn doctor_name(&mut self, id: Option<&DoctorId>) -> Result<Option<String>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.doctor(id)?.and_then(|doctor| filled(&doctor.name)))
    }
}

/// A text, unless it is empty.
fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
