//! Which rows belong into a roster: everybody of its places, and what one must know to judge and to
//! reach them.
//!
//! Whoever anything changed about comes with their whole history: packages stay small, since almost
//! nobody changes, and the one who receives needs to know nothing of what was sent before. Whoever
//! leaves these places comes once more, with the row that moved them away.

use std::collections::{BTreeMap, BTreeSet};

use super::package::Line;
use crate::{
    domain::{DoctorId, Household, HouseholdId, Id, Person, PersonId, Registered, SiteId},
    store::{
        CommitSeq, Reader, Registration, RegistryKey, StoreError,
        view::{Paging, Scope},
    },
};

/// The site attribute that names a county; the registry has no column for it.
const COUNTY: &str = "county";

/// Names asked for at once.
const PAGE: usize = 1000;

/// Whose roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Villages, townships, counties.
    pub places: Vec<String>,
    /// Sites that serve them from elsewhere: the van itself.
    pub sites: Vec<SiteId>,
}

/// Where a roster is of.
#[derive(Debug)]
pub(super) struct Area {
    villages: BTreeSet<String>,
    /// The places themselves, and those above them: where staff may stand.
    staffed: BTreeSet<String>,
    sites: BTreeSet<SiteId>,
}

impl Area {
    pub(super) fn find(reader: &dyn Reader, asked: &Asked) -> Result<Self, StoreError> {
        let mut villages = BTreeSet::new();
        for place in &asked.places {
            villages.extend(reader.villages_of(place)?);
        }
        let mut sites: BTreeSet<_> = asked.sites.iter().cloned().collect();
        let mut staffed: BTreeSet<_> = asked.places.iter().cloned().collect();
        for row in every(reader, "site")? {
            let Registered::Site(site) = row else { continue };
            let county = site.attributes.get(COUNTY).cloned().unwrap_or_default();
            let here = villages.contains(&site.village);
            if here || asked.places.contains(&site.township) || asked.places.contains(&county) {
                sites.insert(site.site);
            }
            if here {
                staffed.extend([site.township, county]);
            }
        }
        staffed.extend(villages.iter().cloned());
        let parents: BTreeMap<_, _> = every(reader, "place")?
            .into_iter()
            .filter_map(|row| {
                if let Registered::Place(row) = row { Some((row.place, row.parent)) } else { None }
            })
            .collect();
        let mut climbing: Vec<_> = staffed.iter().cloned().collect();
        while let Some(place) = climbing.pop() {
            let parent = parents.get(&place).filter(|parent| staffed.insert((*parent).clone()));
            climbing.extend(parent.cloned());
        }
        staffed.remove("");
        Ok(Self { villages, staffed, sites })
    }

    /// Whether it is one of its sites, or a place of its staff.
    fn has(&self, site_or_place: &str) -> bool {
        self.staffed.contains(site_or_place)
            || self.sites.iter().any(|site| site.as_str() == site_or_place)
    }

    /// Names it, in 64 bits: another area has another name.
    pub(super) fn name(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let sites = self.sites.iter().map(Id::as_str);
        for name in self.villages.iter().map(String::as_str).chain(sites) {
            hasher.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(name.as_bytes());
        }
        hasher.finalize().as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Everything a roster is made of, row by row.
pub(super) struct Select<'a, F> {
    reader: &'a dyn Reader,
    area: &'a Area,
    /// Names that were handed over.
    told: BTreeSet<RegistryKey>,
    take: F,
}

/// Why no roster was made.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be written.
    #[error("the roster cannot be written / 名册包无法写入")]
    Write(#[from] std::io::Error),
}

type Done = Result<(), SelectError>;

impl<'a, F: FnMut(&Line) -> std::io::Result<()>> Select<'a, F> {
    pub(super) const fn new(reader: &'a dyn Reader, area: &'a Area, take: F) -> Self {
        Self { reader, area, told: BTreeSet::new(), take }
    }

    /// All of it.
    pub(super) fn whole(&mut self) -> Done {
        for kind in ["doctor", "site", "device", "place", "bench", "team", "duty", "pairing"] {
            for row in every(self.reader, kind)? {
                self.staff(&RegistryKey::of(&row))?;
            }
        }
        for village in &self.area.villages {
            let mut after = None;
            loop {
                let people = self.reader.people_in(village, after.as_ref(), PAGE)?;
                for person in &people {
                    self.person(person)?;
                }
                after = people.last().cloned();
                if people.len() < PAGE {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What was entered after a position, up to another.
    pub(super) fn since(&mut self, after: CommitSeq, upto: CommitSeq) -> Done {
        let mut from = after;
        loop {
            let rows = self.reader.rows_since(from, PAGE)?;
            for (seq, key) in &rows {
                if *seq > upto {
                    return Ok(());
                }
                self.touched(key, after)?;
            }
            match rows.last() {
                Some((seq, _)) if rows.len() == PAGE => from = *seq,
                Some(_) | None => return Ok(()),
            }
        }
    }

    fn touched(&mut self, key: &RegistryKey, after: CommitSeq) -> Done {
        match key {
            RegistryKey::Person(person) | RegistryKey::Plan(person) => {
                self.person_if_here(person, after)
            }
            RegistryKey::Household(household) => {
                for person in self.reader.people_of(household)? {
                    self.person_if_here(&person, after)?;
                }
                Ok(())
            }
            RegistryKey::Card(_) => {
                for (_, entered) in self.reader.history(key)? {
                    if let Registered::Card(card) = entered.row {
                        self.person_if_here(&card.person, after)?;
                    }
                }
                Ok(())
            }
            RegistryKey::Doctor(_)
            | RegistryKey::Device(_)
            | RegistryKey::Site(_)
            | RegistryKey::Other(..) => self.staff(key),
        }
    }

    /// Somebody who lives here, or did at a position.
    fn person_if_here(&mut self, person: &PersonId, after: CommitSeq) -> Done {
        let now = CommitSeq(i64::MAX);
        if self.lived_here(person, now)? || self.lived_here(person, after)? {
            self.person(person)?;
        }
        Ok(())
    }

    fn lived_here(&self, person: &PersonId, at: CommitSeq) -> Result<bool, StoreError> {
        let Some(Registered::Person(row)) =
            self.row_at(&RegistryKey::Person(person.clone()), at)?
        else {
            return Ok(false);
        };
        let home = row.household.map(RegistryKey::Household);
        let home = home.map(|home| self.row_at(&home, at)).transpose()?.flatten();
        let village = match home {
            Some(Registered::Household(home)) if !home.village.is_empty() => home.village,
            Some(_) | None => row.village,
        };
        Ok(self.area.villages.contains(&village))
    }

    /// The row under a name that was in force at a position of the log.
    fn row_at(&self, key: &RegistryKey, at: CommitSeq) -> Result<Option<Registered>, StoreError> {
        let by_then = self.reader.history(key)?.into_iter().filter(|(seq, _)| *seq <= at);
        Ok(by_then.max_by_key(|(seq, _)| *seq).map(|(_, entered)| entered.row))
    }

    /// A person, their households and who signed for those, their plans and cards.
    fn person(&mut self, person: &PersonId) -> Done {
        let key = RegistryKey::Person(person.clone());
        if self.told.contains(&key) {
            return Ok(());
        }
        let rows = self.reader.history(&key)?;
        let homes: BTreeSet<HouseholdId> =
            rows.iter().filter_map(|(_, entered)| household(&entered.row)).collect();
        for home in homes {
            self.household(home)?;
        }
        self.hand_over(key, rows)?;
        self.tell(&RegistryKey::Plan(person.clone()))?;
        for key in self.reader.belongings_of(person)? {
            self.tell(&key)?;
        }
        Ok(())
    }

    fn household(&mut self, household: HouseholdId) -> Done {
        let key = RegistryKey::Household(household);
        if self.told.contains(&key) {
            return Ok(());
        }
        let rows = self.reader.history(&key)?;
        let doctors: BTreeSet<DoctorId> =
            rows.iter().flat_map(|(_, entered)| doctors(&entered.row)).collect();
        for doctor in doctors {
            self.tell(&RegistryKey::Doctor(doctor))?;
        }
        self.hand_over(key, rows)
    }

    /// What stands here, or did: whoever has it must learn that it is somebody else's now.
    fn staff(&mut self, key: &RegistryKey) -> Done {
        let rows = self.reader.history(key)?;
        for (_, entered) in &rows {
            if self.is_of_staff(&entered.row)? {
                return if self.told.contains(key) {
                    Ok(())
                } else {
                    self.hand_over(key.clone(), rows)
                };
            }
        }
        Ok(())
    }

    /// Doctors of these places and of those above them, sites that stand here, and devices that stand
    /// at those or belong to somebody here.
    fn is_of_staff(&self, row: &Registered) -> Result<bool, StoreError> {
        Ok(match row {
            Registered::Doctor(row) => {
                self.area.staffed.contains(&row.place)
                    || self.told.contains(&RegistryKey::Doctor(row.doctor.clone()))
                    || self.signs_here(&row.doctor)?
            }
            Registered::Site(row) => self.area.sites.contains(&row.site),
            Registered::Bench(row) => self.area.sites.contains(&row.site),
            Registered::Place(row) => self.area.staffed.contains(&row.place),
            Registered::Team(row) => self.area.staffed.contains(&row.place),
            Registered::Duty(row) => self.area.has(&row.site_or_place),
            Registered::Pairing(row) => self.area.has(&row.facility) || self.area.has(&row.partner),
            Registered::Device(row) => {
                let now = CommitSeq(i64::MAX);
                let owner = row.owner.as_ref().map(|owner| self.lived_here(owner, now));
                row.site.as_ref().is_some_and(|site| self.area.sites.contains(site))
                    || owner.transpose()?.unwrap_or(false)
            }
            Registered::Person(_)
            | Registered::Household(_)
            | Registered::Card(_)
            | Registered::Plan(_)
            | Registered::Box(_) => false,
        })
    }

    fn signs_here(&self, doctor: &DoctorId) -> Result<bool, StoreError> {
        let scope = Scope::Doctor(doctor.clone());
        let mut paging = Paging { limit: PAGE, after: None };
        loop {
            let page = self.reader.people(&scope, "", &paging)?;
            for person in page.items {
                if self.lived_here(&person.person, CommitSeq(i64::MAX))? {
                    return Ok(true);
                }
            }
            if page.next.is_none() {
                return Ok(false);
            }
            paging.after = page.next;
        }
    }

    fn tell(&mut self, key: &RegistryKey) -> Done {
        if self.told.contains(key) {
            return Ok(());
        }
        let rows = self.reader.history(key)?;
        self.hand_over(key.clone(), rows)
    }

    fn hand_over(&mut self, key: RegistryKey, rows: Vec<(CommitSeq, Registration)>) -> Done {
        for (_, Registration { row, author, at }) in rows {
            let row = Box::new(without_secrets(row));
            (self.take)(&Line::Row { at, author, row })?;
        }
        self.told.insert(key);
        Ok(())
    }
}

/// A van pages nobody by itself, so it carries nothing that opens a doctor's door.
fn without_secrets(mut row: Registered) -> Registered {
    if let Registered::Doctor(doctor) = &mut row {
        doctor.webhook.clear();
        doctor.webhook_secret.clear();
        doctor.mqtt = false;
    }
    row
}

fn household(row: &Registered) -> Option<HouseholdId> {
    if let Registered::Person(Person { household, .. }) = row { household.clone() } else { None }
}

/// Whoever answers for a household by a row of it.
fn doctors(row: &Registered) -> Vec<DoctorId> {
    let Registered::Household(Household { doctor, assigned, .. }) = row else { return Vec::new() };
    assigned.iter().map(|assigned| assigned.doctor.clone()).chain(doctor.clone()).collect()
}

/// Every row in force of a kind that is small: a county has a few thousand sites.
fn every(reader: &dyn Reader, kind: &str) -> Result<Vec<Registered>, StoreError> {
    let mut paging = Paging { limit: PAGE, after: None };
    let mut all = Vec::new();
    loop {
        let page = reader.registry(kind, &paging)?;
        all.extend(page.items);
        paging.after = page.next;
        if paging.after.is_none() {
            return Ok(all);
        }
    }
}
