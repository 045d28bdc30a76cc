//! Deliveries become facts: known ones are counted, new ones attributed, and whatever cannot be
//! used is kept with its reason.

use std::collections::HashMap;

use smol_str::ToSmolStr;

use crate::{
    admit::Stated,
    domain::{
        Attribution, ContentDigest, EventId, Grade, Numbering, Reading, ReadingId, Setting,
        SiteRole, Standing, quarantine_digest, reading_id, received_digest,
    },
    intake::Item,
    store::{
        Fact, Origin, Outcome, QuarantineReason, Quarantined, RegistryKey, Status, StoreError,
        StoredReading,
    },
};

use super::{attribute::Whose, context::Numbers, group::Group, nobody::Stands};

/// What the deliveries of a group have in common while it is received.
#[derive(Debug, Default)]
struct Known {
    /// Content held under each id, by the store or earlier in this group.
    contents: HashMap<ReadingId, ContentDigest>,
    /// Content of the events that are stored, or came earlier in this group.
    events: HashMap<EventId, ContentDigest>,
    /// What waits in quarantine, from the store or earlier in this group.
    waiting: HashMap<ContentDigest, bool>,
    /// What devices sent under the numbers that the items name.
    numbers: Numbers,
    /// Items of this group that only this gateway can number.
    unnumbered: u64,
}

impl Group<'_> {
    /// Receives items, in order, and says what became of each.
    pub(super) fn receive(&mut self, items: &[&Item]) -> Result<Vec<Outcome>, StoreError> {
        let mut known = self.look_up(items)?;
        self.hear(items)?;
        let mut outcomes = Vec::with_capacity(items.len());
        for item in items {
            let outcome = match item {
                Item::Reading(reading) => self.reading(reading, &mut known)?,
                Item::Context(context) => {
                    let (status, why) = self.context(context, &mut known.numbers)?;
                    self.outcome(None, status, why)
                }
                Item::Event(event) => self.event(event, &mut known.events)?,
                Item::Quarantined(held) => self.quarantined(held, &mut known),
                Item::Unnumbered(held) => {
                    let held = self.numbered(held, &mut known)?;
                    self.quarantined(&held, &mut known)
                }
                Item::Refused(refused) => {
                    self.facts.push(Fact::Refused(refused.clone()));
                    self.outcome(None, Status::Refused, Some(&refused.reason))
                }
                Item::Card(_) | Item::Presence(_) => {
                    Outcome { id: None, status: Status::Stored, reason: None }
                }
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// One look-up for everything that the items name.
    fn look_up(&mut self, items: &[&Item]) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let (mut keys, mut ids, mut contents) = (Vec::new(), Vec::new(), Vec::new());
        let mut events = Vec::new();
        for item in items {
            match item {
                Item::Reading(reading) => {
                    keys.push(RegistryKey::Device(reading.device.clone()));
                    keys.push(RegistryKey::Site(reading.site.clone()));
                    let named = reading.remarks.person.as_ref();
                    let strange = named.filter(|person| !self.desk.people.knows(person));
                    keys.extend(strange.cloned().map(RegistryKey::Person));
                    if !reading.unnumbered {
                        ids.push(reading.id);
                    }
                }
                Item::Event(event) => events.push(event.id),
                Item::Quarantined(held) => contents.push(held.content),
                Item::Context(_)
                | Item::Unnumbered(_)
                | Item::Refused(_)
                | Item::Card(_)
                | Item::Presence(_) => {}
            }
        }
        known.numbers = self.numbers(items)?;
        self.desk.load(self.unit, keys)?;
        let held = self.unit.held(&ids)?;
        known.contents =
            ids.into_iter().zip(held).filter_map(|(id, held)| Some((id, held?))).collect();
        let held = self.unit.known_events(&events)?;
        known.events =
            events.into_iter().zip(held).filter_map(|(id, held)| Some((id, held?))).collect();
        let waiting = self.unit.waiting(&contents)?;
        known.waiting = contents.into_iter().zip(waiting).filter(|(_, waits)| *waits).collect();
        Ok(known)
    }

    fn reading(&mut self, reading: &Reading, known: &mut Known) -> Result<Outcome, StoreError> {
        let mut reading = reading.clone();
        if reading.unnumbered {
            let numbering = self.number(known)?;
            reading.id = reading_id(&reading.device, numbering, &reading.measurement);
        }
        match known.contents.insert(reading.id, reading.content) {
            None => self.fresh(reading, known),
            Some(held) => {
                known.contents.insert(reading.id, held);
                if held == reading.content {
                    return Ok(self.outcome(Some(reading.id), Status::Duplicate, None));
                }
                self.conflict(&reading, known)
            }
        }
    }

    /// The first gateway's own number, for what has neither number nor time: positions of the log
    /// never repeat, and each such item takes one at least.
    fn number(&mut self, known: &mut Known) -> Result<Numbering<'_>, StoreError> {
        let last = u64::try_from(self.unit.last()?.0).unwrap_or(0);
        known.unnumbered = known.unnumbered.saturating_add(1);
        let number = last.saturating_add(known.unnumbered);
        Ok(Numbering::Receipt { gateway: &self.gateway.0, epoch: self.gateway.1, number })
    }

    /// What waits, told from its like by this gateway's own number.
    fn numbered(
        &mut self,
        held: &Quarantined,
        known: &mut Known,
    ) -> Result<Quarantined, StoreError> {
        let (mut held, numbering) = (held.clone(), self.number(known)?);
        held.content = match &mut held.reading {
            Some(reading) => {
                reading.id = reading_id(&reading.device, numbering, &reading.measurement);
                quarantine_digest(&reading.id, &reading.content)
            }
            None => received_digest(&held.content, numbering),
        };
        Ok(held)
    }

    fn fresh(&mut self, mut reading: Reading, known: &mut Known) -> Result<Outcome, StoreError> {
        let site = self.desk.site_role(self.unit, &reading.site)?;
        reading.remarks.setting.get_or_insert(default_setting(site));
        let whose = self.whose(&reading)?;
        let standing = self.pack.standing(&reading.measurement);
        let implausible = standing == Standing::Rejected;
        let (reason, detail) = match whose {
            Whose::Known(attribution) => {
                return Ok(self.store(reading, Some(attribution), standing, known));
            }
            Whose::Nobody(_) if implausible => (QuarantineReason::Implausible, String::new()),
            Whose::Nobody(reason) => (reason, String::new()),
            Whose::Unknown(person) => (QuarantineReason::UnknownPerson, person.to_string()),
        };
        let id = reading.id;
        let held = waiting(&reading, reason, detail);
        self.store(reading, None, standing, known);
        known.waiting.insert(held.content, true);
        let nobodys = self.facts.last().and_then(|fact| {
            if let Fact::Reading(stored) = fact { Some(stored.clone()) } else { None }
        });
        self.facts.push(Fact::Quarantined(Box::new(held)));
        if let Some(stored) = nobodys {
            self.mind_nobody(&stored, Stands::Waits, None)?;
        }
        Ok(self.outcome(Some(id), Status::Quarantined, Some(reason.as_str())))
    }

    /// Keeps a reading; what belongs to somebody is judged at the end of the group.
    fn store(
        &mut self,
        mut reading: Reading,
        attribution: Option<Attribution>,
        standing: Standing,
        known: &mut Known,
    ) -> Outcome {
        let id = Some(reading.id);
        reading.written = None;
        let lateness = reading.received_at.since(reading.effective_at(self.pack.future_skew()));
        if self.doubted.is_some() && reading.measured.grade < Grade::C && !knows_time(&reading) {
            reading.measured.grade = Grade::C;
        }
        let mut stored = Box::new(StoredReading {
            late: lateness > self.pack.stale_after(),
            standing,
            possible_duplicate: false,
            server_at: self.now,
            rebased_at: None,
            attribution,
            context: None,
            told_symptoms: Vec::new(),
            reading,
        });
        self.await_context(&mut stored, &mut known.numbers);
        if stored.attribution.is_none() {
            self.facts.push(Fact::Reading(stored));
            return Outcome { id, status: Status::Quarantined, reason: None };
        }
        self.touched.push(stored);
        match standing {
            Standing::Stored => self.outcome(id, Status::Stored, None),
            Standing::Rejected => self.outcome(id, Status::Rejected, Some("implausible")),
        }
    }

    /// Same id, other content: both are kept, the second waits.
    fn conflict(&mut self, reading: &Reading, known: &mut Known) -> Result<Outcome, StoreError> {
        let held = waiting(reading, QuarantineReason::Conflict, reading.id.to_string());
        if self.unit.waiting(&[held.content])?.contains(&true) {
            known.waiting.insert(held.content, true);
        }
        Ok(self.quarantined(&held, known))
    }

    fn quarantined(&mut self, held: &Quarantined, known: &mut Known) -> Outcome {
        let id = held.reading.as_ref().map(|reading| reading.id);
        if known.waiting.insert(held.content, true).is_some() {
            return self.outcome(id, Status::Duplicate, Some(held.reason.as_str()));
        }
        self.facts.push(Fact::Quarantined(Box::new(held.clone())));
        self.outcome(id, Status::Quarantined, Some(held.reason.as_str()))
    }

    pub(super) fn outcome(
        &mut self,
        id: Option<ReadingId>,
        status: Status,
        why: Option<&str>,
    ) -> Outcome {
        let counts = &mut self.counts;
        let counter = match status {
            Status::Stored => &mut counts.stored,
            Status::Rejected => &mut counts.rejected,
            Status::Duplicate => &mut counts.duplicate,
            Status::Quarantined => &mut counts.quarantined,
            Status::Refused => &mut counts.refused,
        };
        *counter = counter.saturating_add(1);
        counts.received = counts.received.saturating_add(1);
        Outcome { id, status, reason: why.map(str::to_owned) }
    }
}

/// Whether a reading's time is its sender's alone: an older one that states its offset. What was taken
/// live, and what was corrected, is measured by the gateway's clock.
fn knows_time(reading: &Reading) -> bool {
    let stated = reading.device_time.as_deref().and_then(Stated::read);
    reading.measured.grade == Grade::B && matches!(stated, Some(Stated::Absolute(_)))
}

/// On the wire a reading without a setting is `clinic` where staff work, else `home`.
const fn default_setting(site: Option<SiteRole>) -> Setting {
    match site {
        Some(SiteRole::Van | SiteRole::Clinic | SiteRole::Township) => Setting::Clinic,
        Some(SiteRole::Home) | None => Setting::Home,
    }
}

pub(super) fn waiting(reading: &Reading, reason: QuarantineReason, detail: String) -> Quarantined {
    let mut reading = reading.clone();
    let written = reading.written.take().map(|written| written.into_string().into_bytes());
    let raw = reading.raw.clone().or(written).unwrap_or_default();
    Quarantined {
        reason,
        detail,
        raw,
        origin: Origin {
            road: reading.road,
            site: Some(reading.site.clone()),
            device: Some(reading.device.to_smolstr()),
        },
        received_at: reading.received_at,
        content: quarantine_digest(&reading.id, &reading.content),
        reading: Some(Box::new(reading)),
    }
}
