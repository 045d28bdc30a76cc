//! A bench as whoever works there sees it: who sits there, what was measured last, and what rings.

use super::{Describer, reading::reading};
use crate::{
    domain::{
        Alert, BenchId, Happened, Level, Millis, OpenedBy, PersonEvent, PersonId, Registered,
        Setting, Site, SiteId, SiteRole, Timestamp, UNATTRIBUTED_EMERGENCY, standing,
    },
    serve::wire,
    store::{
        BenchSession, RegistryKey, StoreError, StoredReading,
        view::{AlertFilter, Paging, ReadingFilter, Scope},
    },
};

/// How far back a bench is looked at: twice the time in which an emergency is measured again.
pub(super) const LOOK_BACK: Millis = Millis::hours(1);

/// Readings of a site that are looked through for those of one bench.
const LOOKED_THROUGH: usize = 200;

/// Readings shown at a bench.
const SHOWN: usize = 8;

/// Who sits at a bench.
#[derive(Debug)]
pub(in crate::serve) struct Sitting {
    /// The registry's name.
    pub(in crate::serve) person: PersonId,
    /// As the caller may see it.
    pub(in crate::serve) row: Option<wire::PersonRow>,
    /// When the session ends.
    pub(in crate::serve) until: Timestamp,
    /// What opened it.
    pub(in crate::serve) opened_by: OpenedBy,
}

/// An emergency at a bench.
#[derive(Debug)]
pub(in crate::serve) struct Ringing {
    /// The alert.
    pub(in crate::serve) alert: wire::Alert,
    /// Its newest reading, if one is known.
    pub(in crate::serve) reading: Option<wire::Reading>,
    /// From when, and until when, the value is taken again.
    pub(in crate::serve) again: Option<(Timestamp, Timestamp)>,
    rest: Millis,
    /// Danger symptoms to ask for.
    pub(in crate::serve) asked: Vec<wire::SymptomOffered>,
    /// Nobody knows whose it is.
    pub(in crate::serve) nobodys: bool,
    /// What was done about the person at the site since, newest first.
    pub(in crate::serve) done: Vec<PersonEvent>,
}

/// A bench.
#[derive(Debug)]
pub(in crate::serve) struct Bench {
    /// What people call the site.
    pub(in crate::serve) site: String,
    pub(in crate::serve) sitting: Option<Sitting>,
    pub(in crate::serve) readings: Vec<wire::Reading>,
    pub(in crate::serve) ringing: Vec<Ringing>,
}

/// Whether a scope reaches a site: by the places that it lies within, and for a doctor never.
fn site_of(
    describer: &Describer<'_>,
    scope: &Scope,
    id: &SiteId,
) -> Result<Option<Option<Site>>, StoreError> {
    let row = match describer.registered(&RegistryKey::Site(id.clone()))? {
        Some(Registered::Site(site)) => Some(site),
        Some(_) | None => None,
    };
    Ok(match (scope, row) {
        (Scope::Everything, row) => Some(row),
        (Scope::Place(place), Some(site)) if describer.reader().has_site(place, id)? => {
            Some(Some(site))
        }
        (Scope::Place(_) | Scope::Doctor(_) | Scope::Nobody, _) => None,
    })
}

impl Ringing {
    /// How long to rest before the value is taken again, in minutes; nothing where no value is known.
    pub(in crate::serve) fn rest_minutes(&self) -> i64 {
        self.rest.whole_minutes()
    }
}

impl Describer<'_> {
    /// Whether a scope reaches the benches of a site.
    pub(in crate::serve) fn reaches_site(
        &self,
        scope: &Scope,
        site: &SiteId,
    ) -> Result<bool, StoreError> {
        Ok(site_of(self, scope, site)?.is_some())
    }

    /// A bench, if the scope reaches its site.
    pub(in crate::serve) fn bench(
        &mut self,
        scope: &Scope,
        (site, bench): (&SiteId, &BenchId),
    ) -> Result<Option<Bench>, StoreError> {
        let Some(row) = site_of(self, scope, site)? else { return Ok(None) };
        let sitting = self.sitting(scope, (site, bench))?;
        let stored = self.measured_at(scope, (site, bench))?;
        let mut people: Vec<PersonId> = Vec::new();
        people.extend(sitting.as_ref().map(|sitting| sitting.person.clone()));
        people.extend(stored.iter().map(|(_, stored)| whose(stored)));
        let mut seen: Vec<PersonId> = Vec::new();
        let mut ringing = Vec::new();
        for person in people {
            if !seen.contains(&person) {
                ringing.extend(self.ringing(scope, site, &person)?);
                seen.push(person);
            }
        }
        Ok(Some(Bench {
            site: row.map(|row| row.name).filter(|name| !name.is_empty()).unwrap_or_default(),
            sitting,
            readings: stored.iter().map(|(seq, stored)| reading(*seq, stored)).collect(),
            ringing,
        }))
    }

    fn sitting(
        &mut self,
        scope: &Scope,
        (site, bench): (&SiteId, &BenchId),
    ) -> Result<Option<Sitting>, StoreError> {
        let session = self.reader().sessions_at(site, bench, self.now)?.into_iter().next();
        let Some(session) = session else { return Ok(None) };
        let key = RegistryKey::Person(session.person.clone());
        let row = match self.reader().registered(scope, &key)? {
            Some(Registered::Person(person)) => Some(self.person_in_list(&person)?),
            Some(_) | None => None,
        };
        let BenchSession { person, until, opened_by, .. } = session;
        Ok(Some(Sitting { person, row, until, opened_by }))
    }

    /// What was measured at the bench of late, newest first.
    fn measured_at(
        &self,
        scope: &Scope,
        (site, bench): (&SiteId, &BenchId),
    ) -> Result<Vec<(crate::store::CommitSeq, StoredReading)>, StoreError> {
        let from = Some(self.now.minus(LOOK_BACK));
        let filter = ReadingFilter { site: Some(site.clone()), from, ..ReadingFilter::default() };
        let paging = Paging { limit: LOOKED_THROUGH, after: None };
        let mut found = Vec::new();
        for (seq, stored) in self.reader().readings(scope, &filter, &paging)?.items {
            let at = match &stored.reading.bench {
                Some(at) => Some(at.clone()),
                None => self.bench_of(&stored.reading)?,
            };
            // What no bench is known of may have been measured at any: it rings at each.
            if at.as_ref().is_none_or(|at| at == bench) && found.len() < SHOWN {
                found.push((seq, stored));
            }
        }
        Ok(found)
    }

    /// What rings about somebody: reds of the last hour, and emergencies of nobody.
    fn ringing(
        &mut self,
        scope: &Scope,
        site: &SiteId,
        person: &PersonId,
    ) -> Result<Vec<Ringing>, StoreError> {
        let filter = AlertFilter {
            states: super::LIVE.to_vec(),
            person: Some(person.clone()),
            ..AlertFilter::default()
        };
        let alerts = self.reader().alerts(scope, &filter, &Paging::default())?.items;
        let since = self.now.minus(LOOK_BACK);
        let mut ringing = Vec::new();
        for alert in alerts.iter().filter(|alert| rings(alert) && alert.alert_at >= since) {
            let newest = self.newest_stored(alert)?;
            let again = newest.as_ref().map(|stored| {
                (stored, self.shared.rules().taken_again(&stored.reading.measurement))
            });
            let rest = again.map_or(Millis(0), |(_, (rest, _))| rest);
            let again = again.map(|(stored, (from, until))| {
                let at = stored.reading.measured.at;
                (at.plus(from), at.plus(until))
            });
            let asked = newest.as_ref().map(|stored| self.symptoms_offered(stored));
            let alert_shown = self.alert(alert)?;
            ringing.push(Ringing {
                reading: alert_shown.reading.clone(),
                alert: alert_shown,
                again,
                rest,
                asked: asked.unwrap_or_default(),
                nobodys: person.is_nobody(),
                done: self.done(site, person, since)?,
            });
        }
        Ok(ringing)
    }

    /// What was done about somebody at a site since an instant, newest first.
    fn done(
        &self,
        site: &SiteId,
        person: &PersonId,
        since: Timestamp,
    ) -> Result<Vec<PersonEvent>, StoreError> {
        let events = self.reader().events_of(std::slice::from_ref(person))?;
        let here = |event: &&PersonEvent| {
            event.at >= since && matches!(&event.what, Happened::SiteAct(act) if act.site == *site)
        };
        let standing = standing(events.iter().flatten()).into_iter();
        let mut done: Vec<PersonEvent> = standing.filter(here).cloned().collect();
        done.reverse();
        Ok(done)
    }

    /// What an alert that opens rings with at the bench of its newest reading, if staff stand there.
    pub(in crate::serve) fn ring(
        &self,
        alert: &Alert,
    ) -> Result<Option<(SiteId, wire::Ring)>, StoreError> {
        if !rings(alert) || alert.late || self.now.since(alert.alert_at) > LOOK_BACK {
            return Ok(None);
        }
        let Some(stored) = self.newest_stored(alert)? else { return Ok(None) };
        let site = match self.registered(&RegistryKey::Site(stored.reading.site.clone()))? {
            Some(Registered::Site(site)) => site,
            Some(_) | None => return Ok(None),
        };
        let staffed = matches!(site.kind, SiteRole::Van | SiteRole::Clinic | SiteRole::Township)
            && stored.reading.remarks.setting == Some(Setting::Clinic);
        if !staffed {
            return Ok(None);
        }
        let bench = match &stored.reading.bench {
            Some(bench) => Some(bench.clone()),
            None => self.bench_of(&stored.reading)?,
        };
        let (from, until) = self.shared.rules().taken_again(&stored.reading.measurement);
        let prefix = &self.shared.settings.case_prefix;
        let ring = wire::Ring {
            site: site.site.to_string(),
            bench: bench.map(|bench| bench.to_string()),
            alert: alert.id.to_string(),
            case: crate::domain::case_code(prefix, &alert.id),
            level: alert.level,
            reading: stored.reading.id.to_string(),
            nobodys: alert.person.is_nobody(),
            measured_at: stored.reading.measured.at.to_string(),
            again_after_minutes: from.whole_minutes(),
            again_within_minutes: until.whole_minutes(),
            symptoms_offered: self.symptoms_offered(&stored),
        };
        Ok(Some((site.site, ring)))
    }
}

fn whose(stored: &StoredReading) -> PersonId {
    let owner = stored.attribution.as_ref().map(|of| of.person.clone());
    owner.unwrap_or_else(|| PersonId::of_nobody(&stored.reading.id))
}

/// Reds ring, and emergencies of nobody.
fn rings(alert: &Alert) -> bool {
    alert.level == Level::Red || alert.concept == UNATTRIBUTED_EMERGENCY
}
