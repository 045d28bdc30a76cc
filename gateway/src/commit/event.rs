//! Events of people: a known one is counted, a new one is judged together with the readings of its
//! person. A doctor's acknowledgement is one too.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use smol_str::SmolStr;

use crate::{
    assess::{Fact as Judged, InForce},
    domain::{
        ActOutcome, Alert, ContentDigest, EventId, Happened, Key, Millis, PersonEvent, PersonId,
        ReadingId, Road, Timestamp, quarantine_digest, standing,
    },
    store::{
        Fact, Origin, Outcome, QuarantineReason, Quarantined, Status, StoreError, StoredReading,
    },
};

use super::{group::Group, watch::Look};

/// What is new of one person.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    #[expect(clippy::vec_box, reason = "they become facts, which hold them so")]
    pub(super) readings: Vec<Box<StoredReading>>,
    #[expect(clippy::vec_box, reason = "they become facts, which hold them so")]
    pub(super) events: Vec<Box<PersonEvent>>,
}

impl Fresh {
    /// What is new of each person, by the file it came under. A reading of nobody is nobody's.
    #[expect(clippy::vec_box, reason = "they become facts, which hold them so")]
    pub(super) fn by_person(
        readings: Vec<Box<StoredReading>>,
        events: Vec<Box<PersonEvent>>,
    ) -> BTreeMap<PersonId, Self> {
        let mut people: BTreeMap<PersonId, Self> = BTreeMap::new();
        for stored in readings {
            let Some(whose) = &stored.attribution else { continue };
            people.entry(whose.person.clone()).or_default().readings.push(stored);
        }
        for event in events {
            people.entry(event.person.clone()).or_default().events.push(event);
        }
        people
    }

    /// What is new of the same person under another file too.
    pub(super) fn join(&mut self, other: Self) {
        self.readings.extend(other.readings);
        self.events.extend(other.events);
    }

    /// Nothing in it that happened away from a bench.
    pub(super) fn is_of_benches(&self) -> bool {
        self.events
            .iter()
            .all(|event| matches!(event.what, Happened::SiteAct(_) | Happened::Voided(_)))
    }

    pub(super) const fn count(&self) -> usize {
        self.readings.len().saturating_add(self.events.len())
    }

    /// Readings that came late.
    pub(super) fn late(&self) -> impl Iterator<Item = ReadingId> {
        self.readings.iter().filter(|stored| stored.late).map(|stored| stored.reading.id)
    }

    /// When the first of it was measured or happened, as far as the clocks are believed.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        let readings = self.readings.iter().map(|stored| {
            let reading = &stored.reading;
            reading.measured.at.min(reading.received_at)
        });
        let events = self.events.iter().map(|event| event.at.min(event.received_at));
        readings.chain(events).min()
    }

    /// As the lines see it, in the order in which it is judged.
    pub(super) fn judged(&self, in_force: &InForce) -> Vec<Judged> {
        let readings = self.readings.iter().map(Box::as_ref);
        judged(in_force, readings, self.events.iter().map(Box::as_ref))
    }

    /// As the log holds it.
    pub(super) fn into_facts(self) -> impl Iterator<Item = Fact> {
        let events = self.events.into_iter().map(Fact::Event);
        self.readings.into_iter().map(Fact::Reading).chain(events)
    }

    /// The same, while it is still looked at.
    pub(super) fn facts(&self) -> impl Iterator<Item = Fact> {
        let events = self.events.iter().cloned().map(Fact::Event);
        self.readings.iter().cloned().map(Fact::Reading).chain(events)
    }
}

/// Stored readings and events as the lines see them, in the order in which they are judged.
pub(super) fn judged<'r>(
    in_force: &InForce,
    readings: impl Iterator<Item = &'r StoredReading>,
    events: impl Iterator<Item = &'r PersonEvent>,
) -> Vec<Judged> {
    let of_reading = |stored: &StoredReading| {
        let (at, received_at) = (stored.reading.measured.at, stored.reading.received_at);
        Judged::of_stored(in_force.pack_at(at, received_at), stored)
    };
    let of_event = |event: &PersonEvent| {
        Judged::of_event(in_force.pack_at(event.at, event.received_at), event)
    };
    let mut facts: Vec<Judged> = readings.filter_map(of_reading).collect();
    facts.extend(standing(events).into_iter().filter_map(of_event));
    facts.sort_by_key(|fact| (in_force.effective(fact), fact.id));
    facts
}

impl Group<'_> {
    /// Keeps an event that is new, counts one that is known. Same id, other content: both are kept,
    /// the second waits.
    pub(super) fn event(
        &mut self,
        event: &PersonEvent,
        known: &mut HashMap<EventId, ContentDigest>,
    ) -> Result<Outcome, StoreError> {
        let id = Some(Key::from_bytes(*event.id.as_bytes()));
        let Some(held) = known.get(&event.id) else {
            known.insert(event.id, event.content);
            self.happened.push(Box::new(event.clone()));
            self.told_of(event)?;
            return Ok(self.outcome(id, Status::Stored, None));
        };
        if *held == event.content {
            return Ok(self.outcome(id, Status::Duplicate, None));
        }
        let waiting = conflict(event);
        // One that came before in this group waits as well by now.
        self.flush()?;
        let reason = Some(QuarantineReason::Conflict.as_str());
        if self.unit.waiting(&[waiting.content])?.contains(&true) {
            return Ok(self.outcome(id, Status::Duplicate, reason));
        }
        self.facts.push(Fact::Quarantined(Box::new(waiting)));
        Ok(self.outcome(id, Status::Quarantined, reason))
    }

    /// What an event that is new tells of what was there before it.
    pub(super) fn told_of(&mut self, event: &PersonEvent) -> Result<(), StoreError> {
        self.told_at_bench(event)?;
        self.voided(event)
    }

    /// Symptoms told of at the bench are the reading's: whoever it belongs to is judged anew, as if it
    /// had come with them.
    fn told_at_bench(&mut self, event: &PersonEvent) -> Result<(), StoreError> {
        let Some((id, symptoms)) = event.what.told() else { return Ok(()) };
        if let Some(mut stored) = self.unit.reading(id)? {
            stored.tell(symptoms);
            self.past_changed(stored);
        } else if let Some(stored) = self.touched.iter_mut().find(|it| it.reading.id == *id) {
            stored.tell(symptoms);
        }
        Ok(())
    }

    /// What was entered by mistake counts no more: its person is judged anew without it, and whoever
    /// has the reading whose symptoms it told of.
    fn voided(&mut self, event: &PersonEvent) -> Result<(), StoreError> {
        let Some(id) = event.what.voids() else { return Ok(()) };
        let all = self.unit.events(std::slice::from_ref(&event.person))?;
        let mistake = all.iter().flatten().find(|known| known.id == *id);
        let reading = mistake.and_then(|known| known.what.told()).map(|(reading, _)| *reading);
        let stored = reading.map(|reading| self.unit.reading(&reading)).transpose()?.flatten();
        let whose = stored.and_then(|stored| stored.attribution).map(|whose| whose.person);
        for person in whose.into_iter().chain([event.person.clone()]) {
            self.judge_anew(person);
        }
        Ok(())
    }

    /// The lines learn what a doctor did about an alert: from its receipt here, or right after the
    /// alert where that began by a clock that runs ahead of ours. Of whom an alert of nobody is no
    /// line knows.
    pub(super) fn tell_lines(
        &mut self,
        alert: &Alert,
        acts: &[ActOutcome],
        by: &SmolStr,
    ) -> Result<(), StoreError> {
        if alert.person.is_nobody() {
            return Ok(());
        }
        let mut at = self.now.max(alert.alert_at).max(alert.opened_at);
        if at == alert.alert_at {
            at = at.plus(Millis(1));
        }
        let mut fresh = Fresh::default();
        for outcome in acts {
            let what = Happened::Act { concept: alert.concept.clone(), outcome: *outcome };
            let told = (at, self.now);
            let event = PersonEvent::new(alert.person.clone(), what, told, by.clone());
            if self.unit.known_events(&[event.id])?.contains(&None) {
                fresh.events.push(Box::new(event));
            }
            // One after the other: what ends an alert is judged last.
            at = at.plus(Millis(1));
        }
        if !fresh.events.is_empty() {
            self.judge_person(&alert.person, fresh, Look::Near)?;
            self.flush()?;
        }
        Ok(())
    }
}

fn conflict(event: &PersonEvent) -> Quarantined {
    Quarantined {
        reason: QuarantineReason::Conflict,
        detail: event.id.to_string(),
        raw: as_sent(event).into_bytes(),
        origin: Origin { road: Road::Http, site: None, device: None },
        received_at: event.received_at,
        reading: None,
        content: quarantine_digest(&Key::from_bytes(*event.id.as_bytes()), &event.content),
    }
}

/// What an event says, for whoever decides about it.
fn as_sent(event: &PersonEvent) -> String {
    let text = |value: &dyn ToString| value.to_string();
    let what = match &event.what {
        Happened::FollowUp { pressure, fasting, symptoms } => json!({
            "systolic": pressure.map(|(systolic, _)| text(&systolic)),
            "diastolic": pressure.map(|(_, diastolic)| text(&diastolic)),
            "fasting": fasting.map(|value| text(&value)),
            "symptoms": symptoms.iter().map(SmolStr::as_str).collect::<Vec<_>>(),
        }),
        Happened::Money(money) => json!({
            "profile": money.profile.as_str(),
            "kind": money.kind.as_str(),
            "yuan": text(&money.yuan),
        }),
        Happened::Act { concept, outcome } => {
            json!({"concept": concept.as_str(), "outcome": outcome.as_str()})
        }
        Happened::Voided(event) => json!(text(event)),
        Happened::SiteAct(act) => json!({
            "site": text(&act.site),
            "bench": act.bench.as_ref().map(|bench| text(bench)),
            "act": act.deed.as_str(),
            "symptoms": act.symptoms.iter().map(SmolStr::as_str).collect::<Vec<_>>(),
            "reading": act.reading.as_ref().map(|reading| text(reading)),
            "alert": act.alert.as_ref().map(|alert| text(alert)),
        }),
    };
    json!({
        "person": text(&event.person),
        "at": text(&event.at),
        "reference": event.reference.as_deref(),
        "note": event.note.as_deref(),
        event.what.kind(): what,
    })
    .to_string()
}
