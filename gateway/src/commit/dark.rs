//! "V03 has not uploaded since …": one alert about a site whose gateway has been silent for too long,
//! for the duty of the site and never about a person (DESIGN section 6).
//!
//! What cannot be known of everybody whom the gateway serves is told once: their silence waits for it
//! (`served`), and somebody looks for the van. The alert stands for the site, under a name that is no
//! person's; its id is made of the instant since when nothing is known, so that a restart, a backup
//! brought back or a second look opens no other. It is closed when the gateway is heard, and when a row
//! ends its service. It is yellow: a tour without a network is no emergency, and nobody is called at
//! night. Other gateways have no such alert, and its steps stay here.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::{
    care::{self, Opening, Paging, Team},
    domain::{
        Alert, AlertState, BOX_SILENT, Level, Millis, PersonId, Reason, SiteId, Timestamp, alert_id,
    },
    store::{AlertChange, Crossing, Disposition, Fact, StoreError},
};

use super::group::Group;

/// A gateway that was heard of no more for so long is told of where nothing else is configured: what it
/// has of before is late by the built-in pack (`stale_hours`, LINES ST-1) once it comes.
pub const SILENT_AFTER: Millis = Millis::hours(24);

/// How often it is looked at which gateways are silent: their silences are hours long.
const LOOK_EVERY: Millis = Millis::minutes(1);

/// Which sites were found silent, and since when.
#[derive(Debug)]
pub(super) struct Dark {
    /// How long a gateway may be silent.
    pub(super) after: Millis,
    looked_at: Option<Timestamp>,
    minded: BTreeMap<PersonId, Option<Timestamp>>,
}

impl Default for Dark {
    fn default() -> Self {
        Self { after: SILENT_AFTER, looked_at: None, minded: BTreeMap::new() }
    }
}

impl Dark {
    /// The store is asked anew.
    pub(super) fn forget(&mut self) {
        self.minded.clear();
        self.look_again();
    }

    /// A gateway was heard: the next tick looks.
    pub(super) const fn look_again(&mut self) {
        self.looked_at = None;
    }

    fn is_due(&mut self, now: Timestamp) -> bool {
        let due = self
            .looked_at
            .is_none_or(|looked_at| now < looked_at || now.since(looked_at) >= LOOK_EVERY);
        if due {
            self.looked_at = Some(now);
        }
        due
    }
}

/// Where gateways stand that may be silent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// What it is called: its site, else the gateway.
    name: SmolStr,
    site: Option<SiteId>,
    /// A place that it serves.
    serves: Option<String>,
    /// Since when one of its gateways is silent; `None`: all were heard, or serve nobody any more.
    since: Option<Timestamp>,
}

impl Group<'_> {
    /// Opens and closes the alerts about sites that are silent.
    pub(super) fn mind_boxes(&mut self) -> Result<(), StoreError> {
        if !self.desk.dark.is_due(self.now) {
            return Ok(());
        }
        for (whoever, place) in self.places_below()? {
            if self.desk.dark.minded.get(&whoever) == Some(&place.since) {
                continue;
            }
            self.mind_place(&whoever, &place)?;
            self.desk.dark.minded.insert(whoever, place.since);
        }
        Ok(())
    }

    /// Every site with a gateway below, by the name that its alert has.
    fn places_below(&mut self) -> Result<BTreeMap<PersonId, Place>, StoreError> {
        let (now, after) = (self.now, self.desk.dark.after);
        let mut places: BTreeMap<PersonId, Place> = BTreeMap::new();
        for serving in self.desk.served.boxes(self.unit)? {
            for name in &serving.left {
                let left = Place { name: name.clone(), site: None, serves: None, since: None };
                places.entry(PersonId::of_site(name)).or_insert(left);
            }
            let site = serving.site.as_ref();
            let name = SmolStr::new(site.map_or(serving.name.as_str(), SiteId::as_str));
            let silent = serving.silent_since().filter(|since| now.since(*since) > after);
            let whoever = PersonId::of_site(&name);
            let place = places.entry(whoever).or_insert_with(|| Place {
                name,
                site: site.cloned(),
                serves: None,
                since: None,
            });
            place.site = place.site.take().or_else(|| site.cloned());
            place.since = place.since.into_iter().chain(silent).min();
            place.serves = place.serves.take().or_else(|| serving.first_place().map(str::to_owned));
        }
        Ok(places)
    }

    fn mind_place(&mut self, whoever: &PersonId, place: &Place) -> Result<(), StoreError> {
        self.flush()?;
        let told = self.unit.alerts(std::slice::from_ref(whoever))?.pop().unwrap_or_default();
        let live = told.iter().find(|alert| alert.state.is_live());
        let team = self.team_of_place(place)?;
        match (place.since, live) {
            // It was heard meanwhile, and not of late: the same alert says since when now.
            (Some(since), Some(live)) => {
                let reasons = vec![reason(place, since)];
                if live.reasons != reasons {
                    let after = Alert { reasons, ..live.clone() };
                    let change = AlertChange::Revised;
                    self.take(care::revise(live, after, change, &team, self.now));
                }
            }
            (Some(since), None) => {
                let id = alert_id(whoever, BOX_SILENT, &since.as_millis().to_string());
                // Somebody dealt with it, and it is silent still.
                if told.iter().all(|alert| alert.id != id) {
                    self.open_silent(whoever, (place, since), &team)?;
                }
            }
            (None, Some(live)) => {
                let after = Alert { state: AlertState::Closed, ..live.clone() };
                self.take(care::revise(live, after, AlertChange::Closed, &team, self.now));
            }
            (None, None) => {}
        }
        self.flush()
    }

    fn open_silent(
        &mut self,
        whoever: &PersonId,
        (place, since): (&Place, Timestamp),
        team: &Team,
    ) -> Result<(), StoreError> {
        let (key, level) = (self.unit.next_alert_key()?, Level::Yellow);
        let opening = Opening {
            key,
            id: alert_id(whoever, BOX_SILENT, &since.as_millis().to_string()),
            concept: SmolStr::new_static(BOX_SILENT),
            level,
            person: whoever.clone(),
            alert_at: since,
            late: false,
            reasons: vec![reason(place, since)],
            pack: self.pack.title().clone(),
            ladder: self.pack.ladder_of_silent_box(),
            paging: Paging::AtOnce,
        };
        self.take(care::open(opening, team, self.now));
        self.facts.push(Fact::Crossing(Crossing {
            reading: None,
            person: whoever.clone(),
            concept: SmolStr::new_static(BOX_SILENT),
            level,
            disposition: Disposition::Opened,
            alert: key,
        }));
        Ok(())
    }

    /// The duty of a site, else of a place that its gateway serves.
    fn team_of_place(&mut self, place: &Place) -> Result<Team, StoreError> {
        let serves = place.serves.as_deref();
        self.desk.duty_of_box(self.unit, (place.site.as_ref(), serves), self.now)
    }

    /// The doctors who answer for an alert about a silent site.
    pub(super) fn team_of_site(&mut self, whoever: &PersonId) -> Result<Team, StoreError> {
        match self.places_below()?.get(whoever) {
            Some(place) => self.team_of_place(place),
            None => Ok(Team::default()),
        }
    }
}

fn reason(place: &Place, since: Timestamp) -> Reason {
    let name = &place.name;
    let since = since.to_string();
    // The date and the minute, as pages show them.
    let since = since.get(..16).unwrap_or(&since).replacen('T', " ", 1);
    Reason {
        line: SmolStr::new_static("UP-1"),
        zh: format!("{name} 自 {since} 起未上传；其服务对象是否久未测量，须待其上传后判断"),
        en: format!(
            "{name} has not uploaded since {since}; whether those whom it serves are silent is \
             judged once it has"
        ),
    }
}
