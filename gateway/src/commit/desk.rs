//! What the writer remembers between units: registry rows and people, bounded, and dropped whole
//! whenever a unit fails. Never the truth, always a copy of it.

use std::collections::{BTreeMap, HashMap};

use crate::{
    domain::{
        BenchId, CareLevel, Device, DeviceId, Doctor, DoctorId, Household, Millis, Person,
        PersonId, Registered, Site, SiteId, SiteRole, TeamOf, Timestamp, number_of_card,
    },
    store::{CommitSeq, RegistryKey, StoreError, Unit},
};

use super::{
    attribute::BENCH_SESSION_LIMIT, dark::Dark, heard::Hearings, people::People, served::Served,
    watch::Watch, window::Pace,
};

/// Registry rows kept in memory, counted as rows: devices and sites, and people until their file is
/// open. Full: all are forgotten and read again.
const REGISTRY_ROWS_MAX: usize = 16_384;

/// The writer's memory.
#[derive(Debug)]
pub(super) struct Desk {
    registry: HashMap<RegistryKey, Option<Registered>>,
    /// The merges in force, once somebody has asked: the file that counts as another's, and that other.
    /// As many as people have named one by one.
    merged: Option<BTreeMap<PersonId, PersonId>>,
    /// What the lines remember of each person.
    pub(super) people: People,
    /// Which gateways below serve whom.
    pub(super) served: Served,
    /// Which of their sites are silent.
    pub(super) dark: Dark,
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
            merged: None,
            people,
            served: Served::default(),
            dark: Dark::default(),
            watch: Watch::new(CommitSeq::default()),
            hearings: Hearings::default(),
            pace: Pace::REAL,
        }
    }

    /// Where things take so long.
    pub(super) fn at(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Where a gateway below may be silent for so long.
    pub(super) fn silent_after(mut self, after: Millis) -> Self {
        self.dark.after = after;
        self
    }

    /// Forgets everything: a unit failed, or the registry changed under us.
    pub(super) fn forget(&mut self) {
        self.registry.clear();
        self.merged = None;
        self.people.forget();
        self.served.forget();
        self.dark.forget();
        self.hearings.forget();
    }

    /// Two files were merged, or a merge was taken back.
    pub(super) fn forget_merged(&mut self) {
        self.merged = None;
    }

    /// Every merge in force.
    pub(super) fn merged(
        &mut self,
        unit: &mut dyn Unit,
    ) -> Result<&BTreeMap<PersonId, PersonId>, StoreError> {
        let merged = match self.merged.take() {
            Some(merged) => merged,
            None => unit.merged()?.into_iter().collect(),
        };
        Ok(self.merged.insert(merged))
    }

    /// A row changed: what was known of it, and of whom it concerns, is out of date.
    pub(super) fn forget_row(&mut self, row: &Registered) {
        self.registry.remove(&RegistryKey::of(row));
        match row {
            Registered::Person(person) => {
                self.people.forget_person(&person.person);
                // A person's row names their cards too.
                self.registry.retain(|key, _| !matches!(key, RegistryKey::Card(_)));
            }
            // A household or a place decides about people whom we cannot name from here.
            Registered::Household(_) | Registered::Doctor(_) => self.people.forget(),
            // Whom a gateway below serves is a matter of everybody's file.
            Registered::Site(_) | Registered::Box(_) => {
                self.people.forget();
                self.served.forget();
                self.dark.forget();
            }
            Registered::Place(_) => self.served.forget_places(),
            // Who is asked is looked up whenever an alert asks; nothing of it is kept.
            Registered::Bench(_)
            | Registered::Team(_)
            | Registered::Duty(_)
            | Registered::Pairing(_) => {}
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
        if let Some(Registered::Card(card)) = row {
            return Ok(Some(card.person.clone()));
        }
        number_of_card(card).map_or(Ok(None), |number| unit.person_with_id_number(&number))
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
        Ok(self.site(unit, id)?.map(|site| site.kind))
    }

    /// The row of a site.
    pub(super) fn site(
        &mut self,
        unit: &mut dyn Unit,
        id: &SiteId,
    ) -> Result<Option<&Site>, StoreError> {
        let row = self.row(unit, &RegistryKey::Site(id.clone()))?;
        Ok(if let Some(Registered::Site(site)) = row { Some(site) } else { None })
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

    pub(super) fn doctor(
        &mut self,
        unit: &mut dyn Unit,
        id: DoctorId,
    ) -> Result<Option<Doctor>, StoreError> {
        let row = self.row(unit, &RegistryKey::Doctor(id))?;
        Ok(if let Some(Registered::Doctor(doctor)) = row { Some(doctor.clone()) } else { None })
    }

    /// The doctors who answer for a person at an instant, in order: whoever signed for the household
    /// then, else the village doctor of the nearest team, else whoever is on duty nearest; then step
    /// by step those whom the nearest team names, else those whose place contains the village.
    pub(super) fn team(
        &mut self,
        unit: &mut dyn Unit,
        person: &Person,
        at: Timestamp,
    ) -> Result<crate::care::Team, StoreError> {
        let household = self.household(unit, person)?;
        let signed = match &person.household {
            Some(household) => unit.doctor_of(household, at)?,
            None => None,
        };
        let village = household.map_or_else(|| person.village.clone(), |home| home.village);
        let containing = unit.places_above(&village)?;
        let places: Vec<&String> = std::iter::once(&village).chain(&containing).collect();
        let mut team = None;
        for place in &places {
            team = team.map_or_else(|| unit.team_of(place), |team| Ok(Some(team)))?;
        }
        let mut first =
            signed.or_else(|| team.as_ref().and_then(|it| it.at(CareLevel::Village)).cloned());
        for place in &places {
            first = first.map_or_else(|| unit.on_duty(place, at), |first| Ok(Some(first)))?;
        }
        let contracted = match first {
            Some(first) => self.doctor(unit, first)?,
            None => None,
        };
        let above = self.steps_above(unit, team.as_ref(), &containing)?;
        Ok(crate::care::Team::new(contracted, above))
    }

    /// The doctors above the village, step by step: those whom a team names, else those whose place
    /// is one of these, and the offices there.
    pub(super) fn steps_above(
        &mut self,
        unit: &mut dyn Unit,
        team: Option<&TeamOf>,
        places: &[String],
    ) -> Result<Vec<Doctor>, StoreError> {
        let mut above = Vec::new();
        for level in [CareLevel::Township, CareLevel::County, CareLevel::City] {
            let (offices, doctors): (Vec<Doctor>, Vec<Doctor>) =
                unit.doctors(level)?.into_iter().partition(Doctor::is_office);
            let named = match team.and_then(|team| team.at(level)).cloned() {
                Some(named) => self.doctor(unit, named)?,
                None => None,
            };
            match named {
                Some(named) => above.push(named),
                None => above.extend(of_places(doctors, places)),
            }
            above.extend(of_places(offices, places));
        }
        Ok(above)
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

/// The bench a reading was taken at: the one its line names, else its device's.
pub(super) fn bench_of(named: Option<&BenchId>, device: Option<&Device>) -> Option<BenchId> {
    named.cloned().or_else(|| device.and_then(|device| device.bench.clone()))
}
