//! The alerts of one person, as the lines see them now against as they stand in the store.

use std::collections::HashMap;

use smol_str::SmolStr;
use tracing::error;

use crate::{
    assess::{Assessment, Concept, Crossed, Episode, State, Trigger, facts_changed, left_tracking},
    care::{self, Opening, Paging, Team},
    domain::{
        Alert, AlertId, AlertState, Level, Millis, PersonId, ReadingId, Reason, Setting, SiteRole,
        Timestamp,
    },
    store::{AlertChange, Change, Crossing, Disposition, Fact, StoreError},
};

use super::{entered, event::Fresh, group::Group};

/// Time alone ends sessions, and opens what they cross, within this after their readings. What opens
/// without a new fact for a reading older than this opens in retrospect: the registry or the pack
/// says now what it did not say then (DESIGN section 6, "what opens in retrospect goes to the
/// digest").
const SESSION_ENDS: Millis = Millis::hours(1);

/// What tells crossings of one person apart: the reading, the concept, the alert.
type CrossingName = (Option<ReadingId>, SmolStr, i64);

/// One person's alerts while their new facts are judged.
pub(super) struct Docket {
    person: PersonId,
    team: Team,
    /// Alerts in the store, by the id that they have now.
    standing: HashMap<AlertId, Alert>,
    /// The first doctor's page may wait: the readings come from a site whose staff see them.
    staffed: bool,
    /// A value that never waits is among the readings.
    grave: bool,
    /// New readings that came late, also by what is known here of the clock that they came by.
    late: Vec<ReadingId>,
    /// When the first of the new facts was measured or happened: what opens for an earlier one opens
    /// in retrospect.
    earliest: Option<Timestamp>,
    /// Crossings that the store has, each with its latest disposition; `None`: everything that the
    /// lines say is said for the first time.
    recorded: Option<HashMap<CrossingName, Disposition>>,
    /// Crossings, recorded once every alert has its number.
    pub(super) crossed: Vec<Crossed>,
}

impl Docket {
    /// A crossing is recorded once, and again where its disposition changed because the beginning
    /// of its episode moved: the latest record counts.
    fn is_news(&self, crossing: &Crossing) -> bool {
        let name = (crossing.reading, crossing.concept.clone(), crossing.alert);
        match &self.recorded {
            None => true,
            Some(recorded) => recorded.get(&name) != Some(&crossing.disposition),
        }
    }
}

impl Group<'_> {
    pub(super) fn docket(
        &mut self,
        person: &PersonId,
        fresh: &Fresh,
    ) -> Result<Docket, StoreError> {
        self.flush()?;
        let alerts = self.unit.alerts(std::slice::from_ref(person))?.pop().unwrap_or_default();
        let (registered, day) = (self.desk.person(self.unit, person)?.cloned(), self.day());
        let team = match registered {
            Some(registered) => self.desk.team(self.unit, &registered, day)?,
            None => Team::default(),
        };
        // Nobody stands beside somebody to whom something happened elsewhere.
        let mut staffed = !fresh.readings.is_empty() && fresh.is_of_benches();
        for stored in &fresh.readings {
            let role = self.desk.site_role(self.unit, &stored.reading.site)?;
            let staff = matches!(role, Some(SiteRole::Van | SiteRole::Clinic | SiteRole::Township));
            staffed &= staff && stored.reading.remarks.setting == Some(Setting::Clinic);
        }
        let grave = fresh.readings.iter().any(|stored| self.pack.pages_at_once(stored));
        Ok(Docket {
            person: person.clone(),
            team,
            standing: alerts.into_iter().map(|alert| (alert.id, alert)).collect(),
            staffed,
            grave,
            late: fresh.late().collect(),
            earliest: fresh.earliest(),
            recorded: None,
            crossed: Vec::new(),
        })
    }

    /// Brings one alert of the store to where the lines see it.
    pub(super) fn follow(
        &mut self,
        docket: &mut Docket,
        episode: &Episode,
    ) -> Result<(), StoreError> {
        let step = match docket.standing.get(&episode.id) {
            None => Some(care::open(self.opening(docket, episode)?, &docket.team, self.now)),
            Some(standing) => care::follow(standing, episode, &docket.team, self.now),
        };
        if let Some(step) = step {
            docket.standing.insert(step.alert.id, step.alert.clone());
            self.take(step);
        }
        // An alert that later facts of the same group end was open for nobody, but is told whole.
        if let Some(standing) = docket.standing.get(&episode.id)
            && let Some(step) = care::follow(standing, episode, &docket.team, self.now)
        {
            docket.standing.insert(step.alert.id, step.alert.clone());
            self.take(step);
        }
        if let Some(standing) = docket.standing.get(&episode.id)
            && let Some(step) = care::restate(standing, episode, &docket.team, self.now)
        {
            docket.standing.insert(step.alert.id, step.alert.clone());
            self.take(step);
        }
        self.flush()
    }

    /// Whether the lines know every alert of a person that stands open. Time that passed before a
    /// start may have opened one that a fact from before that instant takes back.
    pub(super) fn agrees(&mut self, person: &PersonId, state: &State) -> Result<bool, StoreError> {
        self.flush()?;
        let alerts = self.unit.alerts(std::slice::from_ref(person))?.pop().unwrap_or_default();
        let mut open = alerts.iter().filter(|alert| alert.state.is_live());
        Ok(open.all(|alert| state.live().any(|episode| episode.id == alert.id)))
    }

    fn opening(&mut self, docket: &Docket, episode: &Episode) -> Result<Opening, StoreError> {
        let of_fact = matches!(episode.trigger, Trigger::Fact(_));
        let nothing_new = docket.earliest.is_none_or(|earliest| earliest > episode.at);
        let old = self.now.since(episode.clock) > SESSION_ENDS;
        let paging = if of_fact && nothing_new && old {
            Paging::Digest
        } else {
            Paging::of(self.pack, docket.staffed, docket.grave)
        };
        let key = self.unit.next_alert_key()?;
        let opening = Opening::of(self.pack, episode, docket.person.clone(), key, paging);
        // What was due while nobody looked is learned late, and runs in day hours.
        let timer = matches!(episode.trigger, Trigger::Timer(_));
        let late = timer && self.now.since(episode.clock) > self.pack.stale_after();
        let late = late
            || matches!(episode.trigger, Trigger::Fact(fact) if docket.late.contains(&fact.reading()));
        Ok(Opening { late: opening.late || late, ..opening })
    }

    /// Brings every alert of a person to a whole assessment: those that were open for facts that no
    /// longer say so are withdrawn, those whose beginning moved take their new id.
    pub(super) fn take_assessment(
        &mut self,
        person: &PersonId,
        fresh: &Fresh,
        assessment: &Assessment,
    ) -> Result<(), StoreError> {
        let mut docket = self.docket(person, fresh)?;
        self.remember_recorded(&mut docket)?;
        for (old, new) in moved(&docket, assessment) {
            let Some(standing) = docket.standing.remove(&old) else { continue };
            let after = Alert {
                id: new.id,
                alert_at: new.at,
                late: new.late,
                reasons: new.reasons.to_vec(),
                ..standing.clone()
            };
            let step = care::revise(&standing, after, AlertChange::Revised, &docket.team, self.now);
            docket.standing.insert(new.id, step.alert.clone());
            self.take(step);
        }
        for episode in &assessment.episodes {
            self.follow(&mut docket, episode)?;
        }
        let gone: Vec<Alert> = docket
            .standing
            .values()
            .filter(|alert| alert.state.is_live() && !known(assessment, alert.id))
            .cloned()
            .collect();
        for standing in gone {
            let reason = self.why_gone(person, &standing)?;
            self.take(care::withdraw(&standing, reason, &docket.team, self.now));
        }
        docket.crossed.extend(&assessment.crossings);
        self.record_crossings(&docket);
        self.hasten(&docket);
        Ok(())
    }

    /// Why nothing says any more that an alert should be open.
    fn why_gone(&mut self, person: &PersonId, standing: &Alert) -> Result<Reason, StoreError> {
        let silence = [Concept::Missed, Concept::MissedDoctor];
        let of_silence = silence.iter().any(|concept| concept.as_str() == standing.concept);
        let in_force = entered::in_force(self.unit, self.packs, person)?;
        Ok(if of_silence && !in_force.last().minds_silence(self.now) {
            left_tracking()
        } else {
            facts_changed()
        })
    }

    /// Reads which crossings the store has, so that none is told twice.
    pub(super) fn remember_recorded(&mut self, docket: &mut Docket) -> Result<(), StoreError> {
        let recorded = self.unit.crossings(&docket.person)?.into_iter().map(|crossing| {
            ((crossing.reading, crossing.concept, crossing.alert), crossing.disposition)
        });
        let mut recorded: HashMap<CrossingName, Disposition> = recorded.collect();
        // What was said of it under the other file meanwhile came later.
        if let Some(other) = self.other_than(&docket.person) {
            for crossing in self.unit.crossings(&other)? {
                recorded.retain(|(reading, concept, _), _| {
                    reading.is_none()
                        || (*reading, concept) != (crossing.reading, &crossing.concept)
                });
            }
        }
        docket.recorded = Some(recorded);
        Ok(())
    }

    pub(super) fn record_crossings(&mut self, docket: &Docket) {
        for crossed in &docket.crossed {
            let Some(alert) = docket.standing.get(&crossed.episode) else {
                error!(episode = %crossed.episode, "a crossing names an alert that is not there");
                continue;
            };
            let reading = match crossed.trigger {
                Trigger::Fact(fact) => Some(fact.reading()),
                Trigger::Timer(_) => None,
            };
            let crossing = Crossing {
                reading,
                person: docket.person.clone(),
                concept: SmolStr::new_static(crossed.concept.as_str()),
                level: crossed.level,
                disposition: crossed.disposition,
                alert: alert.key,
            };
            if !docket.is_news(&crossing) {
                continue;
            }
            let waits = self.settles(alert);
            if crossed.disposition == Disposition::Joined && docket.staffed && waits {
                // A second reading confirms it: the page that waited leaves now.
                self.changes.push(Change::Hasten { alert: alert.key, due_at: self.now });
            }
            self.facts.push(Fact::Crossing(crossing));
        }
    }

    /// What never waits takes with it what still waits for the session: a symptom told of at the
    /// bench, a second reading that is graver.
    pub(super) fn hasten(&mut self, docket: &Docket) {
        if !docket.grave {
            return;
        }
        let waiting = docket.standing.values().filter(|alert| self.settles(alert));
        let now = |alert: &Alert| Change::Hasten { alert: alert.key, due_at: self.now };
        let sooner: Vec<_> = waiting.map(now).collect();
        self.changes.extend(sooner);
    }

    /// Whether the first page of an alert may still wait for its session: what waits for the day
    /// instead, because it is late or no red, is not called out of the night.
    fn settles(&self, alert: &Alert) -> bool {
        let fresh = self.now.since(alert.opened_at) <= self.pack.page_settle()
            && alert.opened_at.since(alert.alert_at) <= SESSION_ENDS;
        alert.state == AlertState::Open && alert.level == Level::Red && !alert.late && fresh
    }
}

fn known(assessment: &Assessment, id: AlertId) -> bool {
    assessment.episodes.iter().any(|episode| episode.id == id)
}

/// Standing alerts whose id no episode has any more, each with the episode of its concept that
/// opened or joined on the reading that began it: the same alert with an earlier beginning.
fn moved<'a>(docket: &Docket, assessment: &'a Assessment) -> Vec<(AlertId, &'a Episode)> {
    let mut pairs: Vec<(AlertId, &Episode)> = Vec::new();
    let live = docket.standing.iter().filter(|(_, standing)| standing.state.is_live());
    for (id, standing) in live.filter(|(id, _)| !known(assessment, **id)) {
        let heir = assessment.episodes.iter().find(|episode| {
            let free = !docket.standing.contains_key(&episode.id)
                && !pairs.iter().any(|(_, taken)| taken.id == episode.id);
            let began = |crossed: &Crossed| crossed.at == standing.alert_at;
            let same = episode.concept.as_str() == standing.concept;
            same && free && assessment.members(episode.id).any(began)
        });
        pairs.extend(heir.map(|heir| (*id, heir)));
    }
    pairs.sort_by_key(|(_, heir)| (heir.at, heir.id));
    pairs
}
