//! Which gateways below serve whom, and up to when everything that they had stored is here: so far, and
//! no further, silence is judged ("a van that has not uploaded is one alert about the van", DESIGN
//! section 6).
//!
//! A place is served by a box from the row that says so on, as long as no later one revokes it or takes
//! the place away: what had become due before that row is told by our own tick, and what waits for a
//! box is told at once when a row ends its service. So a box that was lost silences nothing for ever,
//! and a new row takes nothing back.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use smol_str::SmolStr;

use crate::{
    domain::{BoxId, BoxState, Neighbour, PersonId, Registered, SiteId, Timestamp},
    store::{CarryChange, Change, RegistryKey, StoreError, Unit},
};

use super::{group::Group, people::File};

/// People whose silence waits for a box, and who are looked at as soon as it is heard. More are looked at in
/// their turn (`watch`).
const HELD_MAX: usize = 10_000;

/// The beginning of time.
const EVER: Timestamp = Timestamp::from_millis(i64::MIN);

/// Where somebody lives, and since when: the instant of the row that says so, ever for their first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) village: Arc<str>,
    pub(super) since: Timestamp,
}

/// A box that serves somebody.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) name: BoxId,
    /// Where it stands.
    pub(super) site: Option<SiteId>,
    /// What it was called by before: sites where it stood, and its own name while it had none.
    pub(super) left: Vec<SmolStr>,
    /// Each with the instant since when it is served without a break.
    places: Vec<(String, Timestamp)>,
    /// Since when it serves anything; `None`: it does not.
    since: Option<Timestamp>,
    heard: Option<Timestamp>,
}

impl Serving {
    /// Since when nothing is known of what it serves: when it was heard last, or began to serve.
    pub(super) fn silent_since(&self) -> Option<Timestamp> {
        let since = self.since?;
        Some(self.heard.map_or(since, |heard| heard.max(since)))
    }

    /// Up to when everything that it had is here.
    pub(super) const fn heard(&self) -> Option<Timestamp> {
        self.heard
    }

    /// The first place that it serves.
    pub(super) fn first_place(&self) -> Option<&str> {
        self.places.first().map(|(place, _)| place.as_str())
    }
}

/// The boxes that serve somebody, and by village which of them do: copies of the store's.
#[derive(Debug, Default)]
pub(super) struct Served {
    boxes: Option<Vec<Serving>>,
    villages: HashMap<Arc<str>, Vec<(usize, Timestamp)>>,
    /// Whose silence was due and waits, by the village where they live.
    held: BTreeSet<(Arc<str>, PersonId)>,
}

impl Served {
    /// The registry changed, or a unit failed.
    pub(super) fn forget(&mut self) {
        self.boxes = None;
        self.villages.clear();
    }

    /// The silence of somebody waits until the boxes of their village were heard.
    pub(super) fn hold(&mut self, home: &Home, person: &PersonId) {
        if self.held.len() < HELD_MAX {
            self.held.insert((Arc::clone(&home.village), person.clone()));
        }
    }

    /// Whoever waits for a box that was heard just now, and whom no box serves any more. What is not known
    /// of a village, because the registry changed since, is looked up.
    fn release(
        &mut self,
        unit: &mut dyn Unit,
        sender: &BoxId,
    ) -> Result<Vec<PersonId>, StoreError> {
        let villages: BTreeSet<Arc<str>> =
            self.held.iter().map(|(village, _)| Arc::clone(village)).collect();
        if villages.is_empty() {
            return Ok(Vec::new());
        }
        self.boxes(unit)?;
        let mut waits_on = BTreeSet::new();
        for village in villages {
            self.learn(unit, &village)?;
            if self.waits_for_others(&village, sender) {
                waits_on.insert(village);
            }
        }
        let (held, released): (BTreeSet<_>, BTreeSet<_>) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(village, _)| waits_on.contains(village));
        self.held = held;
        Ok(released.into_iter().map(|(_, person)| person).collect())
    }

    /// Whether a village that is known is served by boxes, and by none of this name.
    fn waits_for_others(&self, village: &str, sender: &BoxId) -> bool {
        let boxes = self.boxes.as_deref().unwrap_or_default();
        let serving = self.villages.get(village).map_or(&[][..], Vec::as_slice);
        let is_sender = |(number, _): &(usize, Timestamp)| {
            boxes.get(*number).is_some_and(|it| it.name == *sender)
        };
        !serving.is_empty() && !serving.iter().any(is_sender)
    }

    /// What contains a village is another place now.
    pub(super) fn forget_places(&mut self) {
        self.villages.clear();
    }

    /// Every box that serves somebody, by name.
    pub(super) fn boxes(&mut self, unit: &mut dyn Unit) -> Result<&[Serving], StoreError> {
        if self.boxes.is_none() {
            self.boxes = Some(read(unit)?);
            self.villages.clear();
        }
        Ok(self.boxes.as_deref().unwrap_or_default())
    }

    /// What is remembered of where somebody lives; nothing where no box serves anybody.
    pub(super) fn home(
        &mut self,
        unit: &mut dyn Unit,
        lives: Option<(String, Timestamp)>,
    ) -> Result<Option<Home>, StoreError> {
        if self.boxes(unit)?.is_empty() {
            return Ok(None);
        }
        let Some((village, since)) = lives.filter(|(village, _)| !village.is_empty()) else {
            return Ok(None);
        };
        self.learn(unit, &village)?;
        let known = self.villages.get_key_value(village.as_str());
        Ok(known.map(|(village, _)| Home { village: Arc::clone(village), since }))
    }

    /// Up to when it is known what was measured of those who live somewhere; `None`: up to now. Of
    /// several boxes that serve a place, whichever was heard first.
    pub(super) fn known_until(
        &mut self,
        unit: &mut dyn Unit,
        home: &Home,
    ) -> Result<Option<Timestamp>, StoreError> {
        if self.boxes(unit)?.is_empty() {
            return Ok(None);
        }
        self.learn(unit, &home.village)?;
        let boxes = self.boxes.as_deref().unwrap_or_default();
        let serving = self.villages.get(&home.village).map_or(&[][..], Vec::as_slice);
        let until = serving.iter().filter_map(|(number, since)| {
            let heard = boxes.get(*number)?.heard.unwrap_or(EVER);
            Some(heard.max(*since).max(home.since))
        });
        Ok(until.min())
    }

    /// Finds out once which boxes serve a village.
    fn learn(&mut self, unit: &mut dyn Unit, village: &str) -> Result<(), StoreError> {
        if self.villages.contains_key(village) {
            return Ok(());
        }
        let mut places = unit.places_above(village)?;
        places.push(village.to_owned());
        let boxes = self.boxes.as_deref().unwrap_or_default();
        let serve = boxes.iter().enumerate().filter_map(|(number, serving)| {
            let served = serving.places.iter().filter(|(place, _)| places.contains(place));
            served.map(|(_, since)| (number, *since)).min_by_key(|(_, since)| *since)
        });
        let serve = serve.collect();
        self.villages.insert(village.into(), serve);
        Ok(())
    }

    fn heard(&mut self, sender: &BoxId, until: Timestamp) {
        let serving = self.boxes.iter_mut().flatten().find(|serving| serving.name == *sender);
        if let Some(serving) = serving {
            serving.heard = Some(until);
        }
    }
}

fn read(unit: &mut dyn Unit) -> Result<Vec<Serving>, StoreError> {
    let heard: HashMap<BoxId, Timestamp> = unit.heard()?.into_iter().collect();
    let mut all = Vec::new();
    for name in unit.boxes()? {
        let rows: Vec<_> = unit
            .entered(&RegistryKey::neighbour(&name))?
            .into_iter()
            .filter_map(
                |(at, row)| {
                    if let Registered::Box(row) = row { Some((at, row)) } else { None }
                },
            )
            .collect();
        let Some((_, last)) = rows.last() else { continue };
        let mut places = Vec::new();
        if last.state == BoxState::Enabled {
            for place in places_of(unit, last)? {
                let since = since(unit, &rows, &place)?;
                places.push((place, since));
            }
        }
        let since = places.iter().map(|(_, since)| *since).min();
        let called = |row: &Neighbour| {
            SmolStr::new(row.site.as_ref().map_or(row.name.as_str(), SiteId::as_str))
        };
        let mut left: Vec<SmolStr> = rows.iter().map(|(_, row)| called(row)).collect();
        left.retain(|name| *name != called(last));
        let (site, heard) = (last.site.clone(), heard.get(&name).copied());
        all.push(Serving { name, site, left, places, since, heard });
    }
    Ok(all)
}

/// The places that a row says are served, and the village of the site where the box stands.
fn places_of(unit: &mut dyn Unit, row: &Neighbour) -> Result<Vec<String>, StoreError> {
    let mut places = row.serves.clone();
    if let Some(site) = &row.site {
        let site = unit.registered(&[RegistryKey::Site(site.clone())])?.pop().flatten();
        if let Some(Registered::Site(site)) = site
            && !site.village.is_empty()
            && !places.contains(&site.village)
        {
            places.push(site.village);
        }
    }
    Ok(places)
}

/// Since when the rows of a box have it serve a place without a break.
fn since(
    unit: &mut dyn Unit,
    rows: &[(Timestamp, Neighbour)],
    place: &String,
) -> Result<Timestamp, StoreError> {
    let mut since = EVER;
    for (at, row) in rows.iter().rev() {
        if row.state != BoxState::Enabled || !places_of(unit, row)?.contains(place) {
            break;
        }
        since = *at;
    }
    Ok(since)
}

impl Group<'_> {
    /// A gateway below said that it had told everything that it had at an instant of our own clock. What
    /// was said before that comes again moves nothing back, unless our clock was wrong.
    pub(super) fn heard(&mut self, sender: &BoxId, until: Timestamp) -> Result<(), StoreError> {
        self.flush()?;
        let before = self.unit.heard()?.into_iter().find(|(name, _)| name == sender);
        let stale = before.is_some_and(|(_, known)| known >= until && known <= self.now);
        if stale || until > self.now {
            return Ok(());
        }
        self.desk.served.heard(sender, until);
        self.desk.dark.look_again();
        let heard = CarryChange::Heard(sender.clone(), until);
        self.changes.push(Change::Carry(Box::new(heard)));
        self.flush()?;
        for person in self.desk.served.release(self.unit, sender)? {
            self.desk.people.look_at(person);
        }
        Ok(())
    }

    /// Up to when it is known what was measured of a person, as it stands now. Says whether something
    /// that was passed while it could not be known is known by that.
    pub(super) fn learn_until(&mut self, file: &mut File) -> Result<bool, StoreError> {
        let until = match &file.home {
            Some(home) => self.desk.served.known_until(self.unit, home)?,
            None => None,
        };
        file.in_force.know_until(until);
        Ok(file.in_force.has_passed(&file.state))
    }
}
