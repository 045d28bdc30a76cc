//! What the writer remembers between units: registry rows and people, bounded, and dropped whole
//! whenever a unit fails. Never the truth, always a copy of it.

use std::collections::HashMap;

use crate::{
    domain::{
        BenchId, CareLevel, Device, DeviceId, Doctor, Household, Millis, Person, PersonId,
        Registered, Site, SiteId, SiteRole,
    },
    store::{CommitSeq, RegistryKey, StoreError, Unit},
};

use super::{
    attribute::BENCH_SESSION_LIMIT, heard::Hearings, people::People, watch::Watch, window::Pace,
};

/// Registry rows kept in memory, counted as rows: devices and sites, and people until their file is
/// open. Full: all are forgotten and read again.
const REGISTRY_ROWS_MAX: usize = 16_384;

/// The writer's memory.
#[derive(Debug)]
pub(super) struct Desk {
    registry: HashMap<RegistryKey, Option<Registered>>,
    /// What the lines remember of each person.
    pub(super) people: People,
    /// How looking at everybody goes on.
    pub(super) watch: Watch,
    /// What devices at benches tell of their clocks.
    pub(super) hearings: Hearings,
    /// How long things take at a bench.
    pub(super) pace: Pace,
}

impl Desk {
    pub(super) fn new(people: People) -> Self {
        Self {
            registry: HashMap::new(),
            people,
            watch: Watch::new(CommitSeq::default()),
            hearings: Hearings::default(),
            pace: Pace::REAL,
        }
    }

    /// Where things take so long.
    pub(super) fn at(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Forgets everything: a unit failed, or the registry changed under us.
    pub(super) fn forget(&mut self) {
        self.registry.clear();
        self.people.forget();
        self.hearings.forget();
    }

    /// A row changed: what was known of it, and of whom it concerns, is out of date.
    pub(super) fn forget_row(&mut self, row: &Registered) {
        self.registry.remove(&key(row));
        match row {
            Registered::Person(person) => {
                self.people.forget_person(&person.person);
                // A person's row names their cards too.
                self.registry.retain(|key, _| !matches!(key, RegistryKey::Card(_)));
            }
            // A household or a place decides about people whom we cannot name from here.
            Registered::Household(_) | Registered::Site(_) | Registered::Doctor(_) => {
                self.people.forget();
            }
            Registered::Plan(plan) => self.people.forget_person(&plan.person),
            Registered::Device(_) | Registered::Card(_) => {}
        }
    }

    /// Reads the rows that are not in memory yet, in one look-up.
    pub(super) fn load(
        &mut self,
        unit: &mut dyn Unit,
        mut keys: Vec<RegistryKey>,
    ) -> Result<(), StoreError> {
        if self.registry.len().saturating_add(keys.len()) > REGISTRY_ROWS_MAX {
            self.registry.clear();
        }
        keys.retain(|key| !self.registry.contains_key(key));
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(());
        }
        let rows = unit.registered(&keys)?;
        self.registry.extend(keys.into_iter().zip(rows));
        Ok(())
    }

    fn row(
        &mut self,
        unit: &mut dyn Unit,
        key: &RegistryKey,
    ) -> Result<Option<&Registered>, StoreError> {
        if !self.registry.contains_key(key) {
            self.load(unit, vec![key.clone()])?;
        }
        Ok(self.registry.get(key).and_then(Option::as_ref))
    }

    pub(super) fn person(
        &mut self,
        unit: &mut dyn Unit,
        id: &PersonId,
    ) -> Result<Option<&Person>, StoreError> {
        let row = self.row(unit, &RegistryKey::Person(id.clone()))?;
        Ok(if let Some(Registered::Person(person)) = row { Some(person) } else { None })
    }

    /// A person's row, which is not kept: from now on their file says what is asked.
    pub(super) fn take_person(
        &mut self,
        unit: &mut dyn Unit,
        id: &PersonId,
    ) -> Result<Option<Person>, StoreError> {
        let key = RegistryKey::Person(id.clone());
        self.row(unit, &key)?;
        let row = self.registry.remove(&key).flatten();
        Ok(if let Some(Registered::Person(person)) = row { Some(person) } else { None })
    }

    pub(super) fn device(
        &mut self,
        unit: &mut dyn Unit,
        id: &DeviceId,
    ) -> Result<Option<&Device>, StoreError> {
        let row = self.row(unit, &RegistryKey::Device(id.clone()))?;
        Ok(if let Some(Registered::Device(device)) = row { Some(device) } else { None })
    }

    pub(super) fn card(
        &mut self,
        unit: &mut dyn Unit,
        card: &str,
    ) -> Result<Option<PersonId>, StoreError> {
        let row = self.row(unit, &RegistryKey::Card(card.to_owned()))?;
        Ok(if let Some(Registered::Card(card)) = row { Some(card.person.clone()) } else { None })
    }

    /// After how long a session at a bench of a site ends by itself.
    pub(super) fn session_limit(
        &mut self,
        unit: &mut dyn Unit,
        id: &SiteId,
    ) -> Result<Millis, StoreError> {
        let row = self.row(unit, &RegistryKey::Site(id.clone()))?;
        let minutes =
            if let Some(Registered::Site(site)) = row { site.session_minutes } else { None };
        Ok(minutes.map_or(BENCH_SESSION_LIMIT, |minutes| Millis::minutes(minutes.into())))
    }

    /// What kind of place a site is; `None` for a site that nobody registered.
    pub(super) fn site_role(
        &mut self,
        unit: &mut dyn Unit,
        id: &SiteId,
    ) -> Result<Option<SiteRole>, StoreError> {
        let row = self.row(unit, &RegistryKey::Site(id.clone()))?;
        Ok(if let Some(Registered::Site(Site { kind, .. })) = row { Some(*kind) } else { None })
    }

    /// The household of a person.
    pub(super) fn household(
        &mut self,
        unit: &mut dyn Unit,
        person: &Person,
    ) -> Result<Option<Household>, StoreError> {
        let Some(household) = &person.household else { return Ok(None) };
        let row = self.row(unit, &RegistryKey::Household(household.clone()))?;
        Ok(if let Some(Registered::Household(row)) = row { Some(row.clone()) } else { None })
    }

    /// The doctors who answer for a person, in order.
    pub(super) fn team(
        &mut self,
        unit: &mut dyn Unit,
        person: &Person,
    ) -> Result<crate::care::Team, StoreError> {
        let household = self.household(unit, person)?;
        let contracted = household.as_ref().and_then(|household| household.doctor.clone());
        let contracted = match contracted {
            Some(doctor) => {
                let row = self.row(unit, &RegistryKey::Doctor(doctor))?;
                if let Some(Registered::Doctor(doctor)) = row { Some(doctor.clone()) } else { None }
            }
            None => None,
        };
        let village = household.map_or_else(|| person.village.clone(), |home| home.village);
        let places = unit.places_above(&village)?;
        let mut above = Vec::new();
        for level in [CareLevel::Township, CareLevel::County, CareLevel::City] {
            let (offices, doctors): (Vec<Doctor>, Vec<Doctor>) =
                unit.doctors(level)?.into_iter().partition(Doctor::is_office);
            above.extend(of_places(doctors, &places));
            above.extend(of_places(offices, &places));
        }
        Ok(crate::care::Team::new(contracted, above))
    }
}

/// The doctors whose place contains the village. Where the registry names one place of a level and
/// no site tells what it contains, that place contains every village.
fn of_places(doctors: Vec<Doctor>, places: &[String]) -> Vec<Doctor> {
    let named: Vec<_> =
        doctors.iter().filter(|doctor| places.contains(&doctor.place)).cloned().collect();
    let lone = doctors.first().is_some_and(|first| {
        first.level > CareLevel::Township && doctors.iter().all(|other| other.place == first.place)
    });
    if named.is_empty() && lone { doctors } else { named }
}

/// The name under which a row is kept.
pub(super) fn key(row: &Registered) -> RegistryKey {
    match row {
        Registered::Person(row) => RegistryKey::Person(row.person.clone()),
        Registered::Household(row) => RegistryKey::Household(row.household.clone()),
        Registered::Doctor(row) => RegistryKey::Doctor(row.doctor.clone()),
        Registered::Device(row) => RegistryKey::Device(row.device.clone()),
        Registered::Site(row) => RegistryKey::Site(row.site.clone()),
        Registered::Card(row) => RegistryKey::Card(row.card.clone()),
        Registered::Plan(row) => RegistryKey::Plan(row.person.clone()),
    }
}

/// The bench a reading was taken at: the one its line names, else its device's.
pub(super) fn bench_of(named: Option<&BenchId>, device: Option<&Device>) -> Option<BenchId> {
    named.cloned().or_else(|| device.and_then(|device| device.bench.clone()))
}
