//! What a unit looks up, and what it finds.

use super::{CardScan, CommitSeq, Context, StoredReading};
use crate::domain::{DeviceId, DoctorId, HouseholdId, PersonId, Registered, SiteId};

/// The name of a registry row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RegistryKey {
    /// A person.
    Person(PersonId),
    /// A household.
    Household(HouseholdId),
    /// A doctor.
    Doctor(DoctorId),
    /// A device.
    Device(DeviceId),
    /// A site.
    Site(SiteId),
    /// A card, by its number.
    Card(String),
    /// A person's own plan; in force is the one entered last, whether it has begun or not.
    Plan(PersonId),
}

impl RegistryKey {
    /// The name of a row.
    #[must_use]
    pub fn of(row: &Registered) -> Self {
        match row {
            Registered::Person(row) => Self::Person(row.person.clone()),
            Registered::Household(row) => Self::Household(row.household.clone()),
            Registered::Doctor(row) => Self::Doctor(row.doctor.clone()),
            Registered::Device(row) => Self::Device(row.device.clone()),
            Registered::Site(row) => Self::Site(row.site.clone()),
            Registered::Card(row) => Self::Card(row.card.clone()),
            Registered::Plan(row) => Self::Plan(row.person.clone()),
        }
    }
}

/// What a device has sent under one of its numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbered {
    /// Glucose readings; several where the device counts anew.
    pub readings: Vec<StoredReading>,
    /// Contexts.
    pub contexts: Vec<Context>,
}

/// What waits for a row of the registry: readings of nobody, and cards that nobody knew.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Awaiting {
    /// That name the person, or come from the device, in the order of the log.
    pub readings: Vec<StoredReading>,
    /// Of the card, by time.
    pub scans: Vec<CardScan>,
}

/// Whom rows of the registry concern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Concerned {
    /// Rows up to this position were looked at.
    pub upto: CommitSeq,
    /// The people of these rows, and of the households of these rows, in the order of the log, each
    /// with the later one of the row and the household's row that are in force.
    pub people: Vec<PersonId>,
}
