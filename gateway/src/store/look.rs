//! What a unit looks up, and what it finds.

use super::{CardScan, CommitSeq, Context, StoredReading};
use crate::domain::{BenchId, DeviceId, DoctorId, HouseholdId, PersonId, Registered, SiteId};
use smol_str::SmolStr;

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
    /// A row of a kind without a name of its own type, by its kind and name as
    /// [`Registered::kind`] and [`Registered::name`] say.
    Other(&'static str, SmolStr),
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
            Registered::Place(_)
            | Registered::Bench(_)
            | Registered::Team(_)
            | Registered::Duty(_)
            | Registered::Pairing(_)
            | Registered::Box(_) => Self::Other(row.kind(), row.name()),
        }
    }

    /// The name of a place of the tree.
    #[must_use]
    pub fn place(place: &str) -> Self {
        Self::Other("place", place.into())
    }

    /// The name of a gateway below this one.
    #[must_use]
    pub fn neighbour(name: &crate::domain::BoxId) -> Self {
        Self::Other("box", name.as_str().into())
    }

    /// The name of a bench.
    #[must_use]
    pub fn bench(site: &SiteId, bench: &BenchId) -> Self {
        Self::Other("bench", smol_str::format_smolstr!("{site}/{bench}"))
    }

    /// The kind and the name, as the log has them.
    #[must_use]
    pub fn kind_and_name(&self) -> (&'static str, &str) {
        match self {
            Self::Person(name) => ("person", name.as_str()),
            Self::Household(name) => ("household", name.as_str()),
            Self::Doctor(name) => ("doctor", name.as_str()),
            Self::Device(name) => ("device", name.as_str()),
            Self::Site(name) => ("site", name.as_str()),
            Self::Card(number) => ("card", number),
            Self::Plan(name) => ("plan", name.as_str()),
            Self::Other(kind, name) => (kind, name),
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
