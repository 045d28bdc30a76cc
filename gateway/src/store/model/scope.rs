//! People, where they live, and whom a scope reaches.

use std::collections::BTreeSet;

use super::state::State;
use crate::{
    domain::{Doctor, DoctorId, Household, Person, PersonId, Registered, Site, SiteId, Within},
    store::{CommitSeq, view::Scope},
};

impl State {
    pub(super) fn people(&self) -> impl Iterator<Item = &Person> {
        self.registry.values().filter_map(|(_, row)| {
            if let Registered::Person(person) = row { Some(person) } else { None }
        })
    }

    pub(super) fn doctors(&self) -> impl Iterator<Item = &Doctor> {
        self.registry.values().filter_map(|(_, row)| {
            if let Registered::Doctor(doctor) = row { Some(doctor) } else { None }
        })
    }

    pub(super) fn sites(&self) -> impl Iterator<Item = &Site> {
        self.registry
            .values()
            .filter_map(|(_, row)| if let Registered::Site(site) = row { Some(site) } else { None })
    }

    fn household_of(&self, person: &Person) -> Option<&Household> {
        let row = self.in_force("household", person.household.as_ref()?.as_str())?;
        if let Registered::Household(household) = row { Some(household) } else { None }
    }

    /// Where a person lives: the household's village, else their own.
    pub(super) fn village_of<'s>(&'s self, person: &'s Person) -> &'s str {
        let household = self.household_of(person).map(|household| household.village.as_str());
        household.filter(|village| !village.is_empty()).unwrap_or(&person.village)
    }

    /// Where somebody lives; nowhere if the registry lacks them.
    pub(super) fn village(&self, person: Option<&PersonId>) -> String {
        let person = person.and_then(|person| self.in_force("person", person.as_str()));
        match person {
            Some(Registered::Person(person)) => self.village_of(person).to_owned(),
            Some(_) | None => String::new(),
        }
    }

    /// The villages of a place, with the place itself.
    pub(super) fn villages_of(&self, place: &str) -> BTreeSet<String> {
        let within = self.within(place);
        let inside = self.sites().filter(|site| within.holds(words(site)));
        let villages = inside.map(|site| site.village.clone());
        let villages = villages.filter(|village| !village.is_empty());
        villages.chain(within.inside().iter().cloned()).collect()
    }

    /// What lies within a place.
    fn within(&self, place: &str) -> Within {
        let places = self.registry.values().filter_map(|(_, row)| {
            if let Registered::Place(place) = row { Some(place) } else { None }
        });
        Within::of(place, places)
    }

    /// The sites of a place.
    pub(super) fn sites_of(&self, place: &str) -> BTreeSet<SiteId> {
        let within = self.within(place);
        let sites = self.sites().filter(|site| within.holds(words(site)));
        sites.map(|site| site.site.clone()).collect()
    }

    /// Where the reading was taken of which nobody knows whose it is; or the site that is silent.
    pub(super) fn nobodys_site(&self, person: &PersonId) -> Option<SiteId> {
        if let Some(site) = person.silent_site() {
            return SiteId::new(site).ok();
        }
        Some(self.reading(&person.nobodys_reading()?)?.reading.site)
    }

    /// Whether an alert about a person ever came to a doctor.
    fn came_to(&self, doctor: &DoctorId, person: &PersonId) -> bool {
        let merges = self.merges();
        let undone =
            |merge: CommitSeq| merges.iter().any(|held| held.seq == merge && held.undone.is_some());
        self.events().any(|(_, event)| {
            event.alert.owner.as_ref() == Some(doctor)
                && event.alert.person == *person
                && !event.cause.is_some_and(undone)
        })
    }

    pub(super) fn reaches(&self, scope: &Scope, person: &PersonId) -> bool {
        match scope {
            Scope::Everything => true,
            Scope::Nobody => false,
            Scope::Place(place) => {
                let lives = self.in_force("person", person.as_str()).is_some()
                    && self.villages_of(place).contains(&self.village(Some(person)));
                lives
                    || self
                        .nobodys_site(person)
                        .is_some_and(|site| self.sites_of(place).contains(&site))
            }
            Scope::Doctor(doctor) => {
                let known = self.people().find(|known| known.person == *person);
                let signed = known.and_then(|person| self.household_of(person));
                signed.is_some_and(|home| self.present.get(&home.household) == Some(doctor))
                    || self.came_to(doctor, person)
            }
        }
    }
}

/// The places that a site names, the narrowest first.
fn words(site: &Site) -> [&str; 3] {
    [&site.village, &site.township, county(site)]
}

/// The county that a site names among its attributes.
pub(super) fn county(site: &Site) -> &str {
    site.attributes.get("county").map(String::as_str).unwrap_or_default()
}
