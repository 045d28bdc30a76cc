//! A person's stored past as the lines see it, judged from nothing by any pack.

use std::collections::HashMap;

use crate::{
    assess::{self, Assessment, Fact, Pack, Patient},
    domain::{Household, HouseholdId, Person, PersonEvent, PersonId, Registered, Timestamp},
    store::{Reader, StoreError, StoredReading, view::Paging},
};

/// Every household of the registry, by name.
#[derive(Debug, Default)]
pub struct Homes(HashMap<HouseholdId, Household>);

impl Homes {
    /// Reads them all: a few tens of bytes for each.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn of(reader: &dyn Reader) -> Result<Self, StoreError> {
        let mut homes = HashMap::new();
        let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
        loop {
            let page = reader.registry("household", &paging)?;
            homes.extend(page.items.into_iter().filter_map(|row| {
                let Registered::Household(row) = row else { return None };
                Some((row.household.clone(), row))
            }));
            paging.after = page.next;
            if paging.after.is_none() {
                return Ok(Self(homes));
            }
        }
    }

    /// A person's household.
    #[must_use]
    pub fn of_person(&self, person: &Person) -> Option<&Household> {
        self.0.get(person.household.as_ref()?)
    }
}

/// All that is stored of a person for the lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    /// Readings, by (measured time, id).
    pub readings: Vec<StoredReading>,
    /// Events, by (when they happened, id).
    pub events: Vec<PersonEvent>,
}

impl Past {
    /// The pasts of people, in the order asked.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn of(reader: &dyn Reader, people: &[PersonId]) -> Result<Vec<Self>, StoreError> {
        let readings = reader.readings_of(people)?;
        let events = reader.events_of(people)?;
        let both = readings.into_iter().zip(events);
        Ok(both.map(|(readings, events)| Self { readings, events }).collect())
    }
}

/// All that a pack says of a person's past, with time run to an instant.
#[must_use]
pub fn judged(
    pack: &Pack,
    (person, household): (&Person, Option<&Household>),
    past: &Past,
    until: Timestamp,
) -> Assessment {
    let patient = Patient::registered(pack, person, household, None);
    let readings = past.readings.iter().filter_map(|stored| Fact::of_stored(pack, stored));
    let events = past.events.iter().filter_map(|event| Fact::of_event(pack, event));
    let facts: Vec<Fact> = readings.chain(events).collect();
    assess::assess(pack, &patient, &facts, until)
}
