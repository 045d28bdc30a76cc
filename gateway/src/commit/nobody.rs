//! An emergency value of nobody is an alert of its own, for the duty of the site where it was taken
//! and never for a guessed doctor (DESIGN section 2, attribution).
//!
//! It stands for whoever the reading is of, under a name made of the reading's id, so that it is the
//! same alert at every gateway. It is withdrawn when the reading becomes somebody's, whose own lines
//! then speak: as if the card had been there in time. It is closed when somebody puts the reading
//! aside. When either is undone it is back.

use smol_str::SmolStr;

use crate::{
    care::{self, Opening, Paging, Step, Team},
    domain::{
        Alert, AlertState, CareLevel, Doctor, Level, PersonId, Reason, SiteId, Timestamp,
        UNATTRIBUTED_EMERGENCY, alert_id,
    },
    store::{AlertChange, Change, Crossing, Disposition, Fact, StoreError, StoredReading, Unit},
};

use super::{desk::Desk, group::Group};

/// How a stored reading without a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// Nobody knows whose it is.
    Waits,
    /// It is somebody's: by a card, a row or a claim.
    Somebodys,
    /// Somebody decided that it is nobody's.
    PutAside,
}

impl Desk {
    /// Who answers at an instant for what a site cannot tell whose it is: whoever is on duty at the
    /// site, or nearest above it; without a duty roster the township step of the site's place, which
    /// is, of the doctors whose place is its village or its township, the first by name.
    fn on_duty(
        &mut self,
        unit: &mut dyn Unit,
        (site, places): (Option<&SiteId>, &[String]),
        at: Timestamp,
    ) -> Result<Option<Doctor>, StoreError> {
        let site = site.map(SiteId::as_str);
        for place in site.into_iter().chain(places.iter().map(String::as_str)) {
            if let Some(doctor) = unit.on_duty(place, at)? {
                return self.doctor(unit, doctor);
            }
        }
        let mut doctors = unit.doctors(CareLevel::Township)?;
        doctors.retain(|doctor| !doctor.is_office() && places.contains(&doctor.place));
        Ok(doctors.into_iter().min_by(|left, right| left.doctor.cmp(&right.doctor)))
    }

    /// The duty of a site, and the steps above it.
    pub(super) fn duty_team(
        &mut self,
        unit: &mut dyn Unit,
        site: &SiteId,
        at: Timestamp,
    ) -> Result<Team, StoreError> {
        let places = self.places_of(unit, site)?;
        self.duty_of(unit, (Some(site), &places), at)
    }

    /// The duty of a site where a gateway stands; where nothing is said of that site, of a place that
    /// the gateway serves.
    pub(super) fn duty_of_box(
        &mut self,
        unit: &mut dyn Unit,
        (site, serves): (Option<&SiteId>, Option<&str>),
        at: Timestamp,
    ) -> Result<Team, StoreError> {
        let mut places = match site {
            Some(site) => self.places_of(unit, site)?,
            None => Vec::new(),
        };
        if let Some(serves) = serves.filter(|_| places.is_empty()) {
            places.push(serves.to_owned());
            places.extend(unit.places_above(serves)?);
        }
        self.duty_of(unit, (site, &places), at)
    }

    fn duty_of(
        &mut self,
        unit: &mut dyn Unit,
        (site, places): (Option<&SiteId>, &[String]),
        at: Timestamp,
    ) -> Result<Team, StoreError> {
        let on_duty = self.on_duty(unit, (site, places), at)?;
        let above = self.steps_above(unit, None, places)?;
        Ok(Team::new(on_duty, above))
    }

    /// The places of a site, nearest first: the narrowest that its row names, and what the tree says
    /// contains it, or the wider ones that the row names.
    fn places_of(&mut self, unit: &mut dyn Unit, site: &SiteId) -> Result<Vec<String>, StoreError> {
        let Some(row) = self.site(unit, site)? else { return Ok(Vec::new()) };
        let county = row.attributes.get("county").cloned().unwrap_or_default();
        let mut places = vec![row.village.clone(), row.township.clone(), county];
        places.retain(|place| !place.is_empty());
        let Some(narrowest) = places.first() else { return Ok(places) };
        let above = unit.places_above(narrowest)?;
        if !above.is_empty() {
            places.truncate(1);
            places.extend(above);
        }
        Ok(places)
    }
}

impl Group<'_> {
    /// A stored reading is nobody's, or is not looked at as nobody's any more: its alert is opened,
    /// comes back or ends.
    pub(super) fn mind_nobody(
        &mut self,
        stored: &StoredReading,
        stands: Stands,
        by: Option<&SmolStr>,
    ) -> Result<(), StoreError> {
        if !self.pack.is_emergency(&stored.reading.measurement) {
            return Ok(());
        }
        self.flush()?;
        let whoever = PersonId::of_nobody(&stored.reading.id);
        let standing = self.unit.alerts(&[whoever])?.pop().unwrap_or_default().pop();
        let live = standing.as_ref().is_some_and(|alert| alert.state.is_live());
        let waits = stands == Stands::Waits;
        if waits == live {
            return Ok(());
        }
        let day = self.day();
        let team = self.desk.duty_team(self.unit, &stored.reading.site, day)?;
        let Some(standing) = standing else { return self.open_for_nobody(stored, &team) };
        let mut step = match stands {
            Stands::Waits => {
                let (state, reasons) = (AlertState::Open, vec![reason(stored)]);
                let after = Alert { state, reasons, ..standing.clone() };
                care::revise(&standing, after, AlertChange::Revised, &team, self.now)
            }
            Stands::Somebodys => care::withdraw(&standing, somebodys(), &team, self.now),
            Stands::PutAside => {
                let after = Alert { state: AlertState::Closed, ..standing.clone() };
                care::revise(&standing, after, AlertChange::Closed, &team, self.now)
            }
        };
        step.event.by = by.cloned();
        self.take(step);
        self.flush()
    }

    fn open_for_nobody(&mut self, stored: &StoredReading, team: &Team) -> Result<(), StoreError> {
        let reading = &stored.reading;
        let person = PersonId::of_nobody(&reading.id);
        let key = self.unit.next_alert_key()?;
        let opening = Opening {
            key,
            id: alert_id(&person, UNATTRIBUTED_EMERGENCY, &reading.id.to_string()),
            concept: SmolStr::new_static(UNATTRIBUTED_EMERGENCY),
            level: Level::Orange,
            person: person.clone(),
            alert_at: reading.effective_at(self.pack.future_skew()),
            late: stored.late,
            reasons: vec![reason(stored)],
            pack: self.pack.title().clone(),
            ladder: self.pack.ladder_of_nobody(),
            paging: Paging::AtOnce,
        };
        let mut step = care::open(opening, team, self.now);
        self.let_settle(&mut step);
        self.take(step);
        self.facts.push(Fact::Crossing(Crossing {
            reading: Some(reading.id),
            person,
            concept: SmolStr::new_static(UNATTRIBUTED_EMERGENCY),
            level: Level::Orange,
            disposition: Disposition::Opened,
            alert: key,
        }));
        self.flush()
    }

    /// A card that comes a moment after its reading calls nobody: the message waits as long as one
    /// about a reading at a bench waits for its session.
    fn let_settle(&self, step: &mut Step) {
        let earliest = self.now.plus(self.pack.page_settle());
        for change in &mut step.changes {
            if let Change::Owe(owed) = change {
                owed.due_at = owed.due_at.max(earliest);
            }
        }
    }

    /// The doctors who answer for an alert: those of its person, or the duty of the site of a reading
    /// that is nobody's, or of a silent site.
    pub(super) fn team_of(&mut self, alert: &Alert) -> Result<Team, StoreError> {
        let day = self.day();
        if let Some(reading) = alert.person.nobodys_reading() {
            let Some(stored) = self.unit.reading(&reading)? else { return Ok(Team::default()) };
            return self.desk.duty_team(self.unit, &stored.reading.site, day);
        }
        if alert.person.silent_site().is_some() {
            return self.team_of_site(&alert.person);
        }
        let person = self.desk.person(self.unit, &alert.person)?.cloned();
        person.map_or_else(|| Ok(Team::default()), |person| self.desk.team(self.unit, &person, day))
    }
}

/// Why it is taken back: as with a card that was there in time, it never was.
fn somebodys() -> Reason {
    Reason {
        line: SmolStr::new_static("attributed"),
        zh: "该测量已有归属，由本人的预警线判断".to_owned(),
        en: "the reading is somebody's, whose own lines judge it".to_owned(),
    }
}

/// Why it is open: where it was taken, and that nobody knows of whom. The value stands beside it,
/// for those who may see one.
fn reason(stored: &StoredReading) -> Reason {
    let reading = &stored.reading;
    let at = reading.bench.as_ref().map_or(String::new(), |bench| format!(" {bench}"));
    let site = &reading.site;
    Reason {
        line: SmolStr::new_static("QT-1"),
        zh: format!("{site}{at} 测得危急值，不知是谁：请到现场确认，并在隔离区认领或作废"),
        en: format!(
            "an emergency value at {site}{at}, of nobody so far: find out there who it is, and \
             claim or dismiss it in quarantine"
        ),
    }
}
