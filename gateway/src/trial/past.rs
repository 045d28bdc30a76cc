//! A person's stored past as the lines see it, judged from nothing by any pack.

use std::collections::HashMap;

use crate::{
    assess::{self, Assessment, Fact, Pack, Patient, enrolled_at},
    domain::{Household, HouseholdId, Person, PersonEvent, PersonId, Plan, Registered, Timestamp},
    store::{
        Reader, RegistryKey, StoreError, StoredReading,
        view::{Paging, Scope},
    },
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
    /// The rows that were entered for them, oldest first.
    pub rows: Vec<(Timestamp, Person)>,
    /// Their own plans, oldest first.
    pub plans: Vec<Plan>,
}

impl Past {
    /// The pasts of people, in the order asked.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn of(reader: &dyn Reader, people: &[PersonId]) -> Result<Vec<Self>, StoreError> {
        let readings = reader.readings_of(people)?;
        let events = reader.events_of(people)?;
        let mut pasts = Vec::with_capacity(people.len());
        for ((person, readings), events) in people.iter().zip(readings).zip(events) {
            let entered = |key| reader.entered(&Scope::Everything, &key);
            let row = |(at, row)| {
                if let Registered::Person(row) = row { Some((at, row)) } else { None }
            };
            let plan = |(_, row)| if let Registered::Plan(row) = row { Some(row) } else { None };
            let rows = entered(RegistryKey::Person(person.clone()))?.into_iter();
            let plans = entered(RegistryKey::Plan(person.clone()))?.into_iter();
            let (rows, plans) = (rows.filter_map(row).collect(), plans.filter_map(plan).collect());
            pasts.push(Self { readings, events, rows, plans });
        }
        Ok(pasts)
    }

    /// When silence begins for them without a value.
    fn enrolled_at(&self, person: &Person) -> Option<Timestamp> {
        let ((first, _), (last, _)) = self.rows.first().zip(self.rows.last())?;
        Some(enrolled_at(*first, *last, person))
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
    let rows: Vec<&Person> = past.rows.iter().map(|(_, row)| row).collect();
    let patient = Patient::registered(pack, person, household, past.enrolled_at(person))
        .also_born(person, &rows)
        .planned(past.plans.iter());
    let readings = past.readings.iter().filter_map(|stored| Fact::of_stored(pack, stored));
    let events = crate::domain::standing(&past.events).into_iter();
    let events = events.filter_map(|event| Fact::of_event(pack, event));
    let facts: Vec<Fact> = readings.chain(events).collect();
    assess::assess(pack, &patient, &facts, until)
}
