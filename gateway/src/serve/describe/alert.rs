//! Alerts.

use super::{Describer, filled, person::sex, reading::reading};
use crate::{
    assess::Concept,
    domain::{Alert, AlertOutcome, AlertState, Millis, Person, Visit, VisitRejected},
    serve::wire,
    store::{
        AlertChange, AlertEvent, CommitSeq, StoreError, StoredReading,
        view::{AlertHistory, Paging, ReadingFilter, Scope},
    },
};

impl Describer<'_> {
    /// An alert with the names that belong to it.
    pub(in crate::serve) fn alert(&mut self, alert: &Alert) -> Result<wire::Alert, StoreError> {
        let history = self.reader().alert(&Scope::Everything, &alert.id)?;
        let events = history.map(|history| history.events).unwrap_or_default();
        self.alert_with(alert, &events)
    }

    /// An alert with every step of its life.
    pub(in crate::serve) fn alert_history(
        &mut self,
        history: &AlertHistory,
        full: bool,
    ) -> Result<wire::Alert, StoreError> {
        let (alert, events) = (&history.alert, &history.events);
        let described = if full {
            self.alert_with(alert, events)?
        } else {
            self.household_alert_with(alert, events)?
        };
        let steps = history.events.iter().map(|(_, event)| step(event));
        // What somebody wrote may hold a value.
        let steps = steps.map(|step| if full { step } else { without_words(step) });
        let steps = steps.collect();
        Ok(wire::Alert { history: Some(steps), ..described })
    }

    /// An alert after the steps given.
    pub(in crate::serve) fn alert_with(
        &mut self,
        alert: &Alert,
        events: &[(CommitSeq, AlertEvent)],
    ) -> Result<wire::Alert, StoreError> {
        let public = self.public_alert(alert, events)?;
        let person = self.person_row(&alert.person)?;
        let concept = self.shared.pack.borrow().concepts.get(&alert.concept).cloned();
        let (concept_zh, concept_en) =
            concept.unwrap_or_else(|| (alert.concept.to_string(), alert.concept.to_string()));
        let newest = self.newest_stored(alert)?;
        let symptoms_offered = newest.as_ref().map(|stored| self.symptoms_offered(stored));
        let newest = match newest {
            Some(stored) => Some(reading(self.position(&stored)?, &stored)),
            None => None,
        };
        let village = match &person {
            Some(person) => self.village(person)?,
            None => None,
        };
        let reason = |reason: &crate::domain::Reason| wire::Reason {
            line: reason.line.to_string(),
            zh: reason.zh.clone(),
            en: reason.en.clone(),
        };
        Ok(wire::Alert {
            concept: Some(alert.concept.to_string()),
            concept_zh: Some(concept_zh),
            concept_en: Some(concept_en),
            person: (!alert.person.is_nobody()).then(|| alert.person.to_string()),
            person_name: person.as_ref().and_then(|person| filled(&person.name)),
            age: person.as_ref().and_then(|person| super::age(person, self.now)),
            sex: person.as_ref().and_then(|person| person.sex).map(sex),
            household: household_of(person.as_ref()),
            village,
            phone: person.as_ref().and_then(|person| filled(&person.phone)),
            alert_at: Some(alert.alert_at.to_string()),
            reasons: alert.reasons.iter().map(reason).collect(),
            reading: newest,
            symptoms_offered: symptoms_offered.unwrap_or_default(),
            ..public
        })
    }

    /// An alert for an assistance office: level, household, village, state and dates.
    pub(in crate::serve) fn household_alert(
        &mut self,
        alert: &Alert,
    ) -> Result<wire::Alert, StoreError> {
        let history = self.reader().alert(&Scope::Everything, &alert.id)?;
        let events = history.map(|history| history.events).unwrap_or_default();
        self.household_alert_with(alert, &events)
    }

    /// The same after the steps given. What was crossed is named only where that is the office's own
    /// task (PR-1, PR-2): any other name tells of a value.
    pub(in crate::serve) fn household_alert_with(
        &mut self,
        alert: &Alert,
        events: &[(CommitSeq, AlertEvent)],
    ) -> Result<wire::Alert, StoreError> {
        let public = self.public_alert(alert, events)?;
        let person = self.person_row(&alert.person)?;
        let village = match &person {
            Some(person) => self.village(person)?,
            None => None,
        };
        let own = OFFICE_CONCEPTS.contains(&alert.concept.as_str());
        let names = self.shared.pack.borrow().concepts.get(&alert.concept).filter(|_| own).cloned();
        let (concept_zh, concept_en) = names.unzip();
        Ok(wire::Alert {
            concept: own.then(|| alert.concept.to_string()),
            concept_zh,
            concept_en,
            household: household_of(person.as_ref()),
            village,
            ..public
        })
    }

    /// An alert without anything that speaks of the person: what a wall and a link may show.
    pub(in crate::serve) fn public_alert(
        &mut self,
        alert: &Alert,
        events: &[(CommitSeq, AlertEvent)],
    ) -> Result<wire::Alert, StoreError> {
        let taken = events.iter().rev().find(|(_, e)| e.change == AlertChange::Acknowledged);
        let open = alert.state == AlertState::Open;
        let taken = taken.filter(|_| !open).map(|(_, event)| event);
        let now = self.now;
        let late = |deadline| open && deadline < now;
        Ok(wire::Alert {
            id: alert.id.to_string(),
            case: crate::domain::case_code(&self.shared.settings.case_prefix, &alert.id),
            concept: None,
            concept_zh: None,
            concept_en: None,
            level: alert.level,
            state: alert.state,
            person: None,
            person_name: None,
            age: None,
            sex: None,
            household: None,
            village: None,
            phone: None,
            owner: alert.owner.as_ref().map(ToString::to_string),
            owner_name: self.doctor_name(alert.owner.as_ref())?,
            step: alert.step,
            next_step_at: alert
                .deadline
                .filter(|_| open && alert.step.next().is_some())
                .map(|at| at.to_string()),
            opened_at: alert.opened_at.to_string(),
            alert_at: None,
            deadline: alert.deadline.map(|at| at.to_string()),
            overdue: alert.deadline.is_some_and(late),
            late: alert.late,
            reasons: Vec::new(),
            pack: alert.pack.to_string(),
            reading: None,
            symptoms_offered: Vec::new(),
            acknowledged_by: taken.and_then(|event| event.by.as_ref()).map(ToString::to_string),
            acknowledged_at: taken.map(|event| event.at.to_string()),
            commit: events.last().map_or(0, |(seq, _)| seq.0),
            history: None,
        })
    }

    pub(super) fn newest_stored(&self, alert: &Alert) -> Result<Option<StoredReading>, StoreError> {
        let crossings = self.reader().crossings_of(alert.key)?;
        Ok(crossings.into_iter().find_map(|(_, stored)| stored))
    }

    /// Danger symptoms to ask for at a reading: none where its value is no emergency.
    pub(in crate::serve) fn symptoms_offered(
        &self,
        stored: &StoredReading,
    ) -> Vec<wire::SymptomOffered> {
        let asked = self.shared.rules().symptoms_asked(&stored.reading.measurement);
        let offered = asked.into_iter().map(|(code, zh)| wire::SymptomOffered {
            en: code.replace('_', " "),
            code: code.to_string(),
            zh: zh.to_string(),
        });
        offered.collect()
    }

    /// Where a reading stands in the log.
    fn position(&self, stored: &StoredReading) -> Result<CommitSeq, StoreError> {
        let at = stored.reading.measured.at;
        let filter = ReadingFilter {
            filed: stored.attribution.as_ref().map(|of| of.person.clone()),
            device: Some(stored.reading.device.clone()),
            from: Some(at),
            to: Some(at.plus(Millis(1))),
            ..ReadingFilter::default()
        };
        let page = self.reader().readings(&Scope::Everything, &filter, &Paging::default())?;
        let same = |(_, other): &&(CommitSeq, StoredReading)| other.reading.id == stored.reading.id;
        Ok(page.items.iter().find(same).map_or(CommitSeq(0), |(seq, _)| *seq))
    }
}

/// A step without what somebody wrote, and without a reading.
fn without_words(step: wire::AlertStep) -> wire::AlertStep {
    let visit = step.visit.map(|visit| wire::VisitTold { reading: None, reason: None, ..visit });
    let bare = |told| wire::OutcomeTold { reading: None, reason: None, ..told };
    let outcome = step.outcome.map(bare);
    wire::AlertStep { note: None, visit, outcome, ..step }
}

/// Concepts that an assistance office is there for: PR-1 and PR-2 (LINES 6.3, "notified").
pub(in crate::serve) const OFFICE_CONCEPTS: [&str; 2] =
    [Concept::OopLine.as_str(), Concept::PovertyRelapseRisk.as_str()];

fn household_of(person: Option<&Person>) -> Option<String> {
    person?.household.as_ref().map(ToString::to_string)
}

/// One step of an alert's life.
pub(in crate::serve) fn step(event: &AlertEvent) -> wire::AlertStep {
    wire::AlertStep {
        at: event.at.to_string(),
        kind: event.change.as_str(),
        by: event.by.as_ref().map(ToString::to_string),
        note: event.note.clone(),
        from: event.from,
        to: event.alert.state,
        visit: event.visit.as_deref().map(visit),
        outcome: event.outcome.as_deref().map(outcome),
    }
}

fn outcome(outcome: &AlertOutcome) -> wire::OutcomeTold {
    wire::OutcomeTold {
        code: outcome.code.as_str(),
        zh: outcome.code.zh(),
        en: outcome.code.en(),
        reading: outcome.reading.as_ref().map(ToString::to_string),
        reason: outcome.reason.clone(),
        refer_to: outcome.refer_to.as_ref().map(ToString::to_string),
    }
}

fn visit(visit: &Visit) -> wire::VisitTold {
    let refused =
        |why: VisitRejected| wire::VisitRefused { code: why.as_str(), zh: why.zh(), en: why.en() };
    wire::VisitTold {
        at: visit.at.to_string(),
        home: visit.home,
        doctor: visit.doctor.as_ref().map(ToString::to_string),
        reading: visit.reading.as_ref().map(ToString::to_string),
        reason: visit.reason.clone(),
        rejected: visit.rejected.map(refused),
    }
}
