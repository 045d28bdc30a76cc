//! Which facts of a log go to another gateway, and as what: the same for every store.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::{
    AlertChange, AlertEvent, Attributed, Cargo, CommitSeq, Decided, Decision, Fact, Merged, Reader,
    StoreError, StoredReading, Toward,
    carry::{Came, CarryLook, FactId},
    view::Scope,
};
use crate::{
    domain::{AlertId, Attribution, BoxId, PersonId, ReadingId, alert_id},
    uplink::parcel::{
        Body, Deed, Moved, Parcel, STEPS, SaidDecided, SaidMerged, SaidStep, encode, travels,
    },
};

/// Facts that are read from the log at once.
const STEP: usize = 256;

/// Facts of the log that one call looks at, whether they travel or not.
const LOOKED_AT_MAX: usize = 8192;

/// Corrections of time that go together, whatever was asked for: more than a van measures between two
/// settings of its clock.
const RUN_MAX: usize = 2048;

/// Readings, and events, of a person that overtake the backlog with an alert of theirs, so many of
/// each: more than any line looks back at.
const OF_PERSON_MAX: usize = 128;

/// Ids of readings of an episode under which its alert is looked for at the other end.
const EPISODE_IDS_MAX: usize = 64;

/// Facts after a position that travel.
pub(super) fn cargo<R: Reader + CarryLook>(
    reader: &R,
    toward: &Toward,
    after: CommitSeq,
    (count, bytes): (usize, usize),
) -> Result<Cargo, StoreError> {
    if let Toward::Back { .. } = toward {
        return back(reader, toward, after, count);
    }
    let mut cargo = Cargo { parcels: Vec::new(), upto: after };
    let (mut looked_at, mut weight) = (0_usize, 0_usize);
    // A clock that was set moves all that it moved at once, or what is half moved opens alerts.
    let mut in_run = false;
    while in_run || (looked_at < LOOKED_AT_MAX && cargo.parcels.len() < count) {
        let entries = reader.feed(cargo.upto, STEP)?;
        let Some(last) = entries.last() else { break };
        let mut choice = Choice::new(reader, toward, (cargo.upto, last.seq))?;
        looked_at = looked_at.saturating_add(entries.len());
        for entry in &entries {
            let set = matches!(&entry.fact, Fact::Clock(note) if note.said().is_some());
            let moves = set || matches!(entry.fact, Fact::Retimed(_));
            if let Some(parcel) = choice.parcel(entry.seq, &entry.fact)? {
                weight = weight.saturating_add(parcel.line.len());
                let full = cargo.parcels.len() >= count || weight > bytes;
                if full && !cargo.parcels.is_empty() && !(moves && in_run) {
                    return Ok(cargo);
                }
                cargo.parcels.push(parcel);
            }
            in_run = moves && cargo.parcels.len() < RUN_MAX;
            cargo.upto = entry.seq;
        }
    }
    Ok(cargo)
}

/// What came from above and goes back there, so many facts at most.
fn back<R: Reader + CarryLook>(
    reader: &R,
    toward: &Toward,
    after: CommitSeq,
    count: usize,
) -> Result<Cargo, StoreError> {
    let mut cargo = Cargo { parcels: Vec::new(), upto: reader.last()? };
    let mut choice = Choice::new(reader, toward, (after, cargo.upto))?;
    let lost = choice.came.iter().filter(|(_, came)| !choice.is_there(came));
    let lost: Vec<CommitSeq> = lost.map(|(seq, _)| *seq).collect();
    for seq in lost {
        if cargo.parcels.len() >= count {
            cargo.upto = CommitSeq(seq.0.saturating_sub(1));
            break;
        }
        for entry in reader.feed(CommitSeq(seq.0.saturating_sub(1)), 1)? {
            cargo.parcels.extend(choice.parcel(entry.seq, &entry.fact)?);
        }
    }
    Ok(cargo)
}

/// What is stored of people whose alerts opened or rose after a position.
pub(super) fn express<R: Reader + CarryLook>(
    reader: &R,
    toward: &Toward,
    after: CommitSeq,
    count: usize,
) -> Result<Cargo, StoreError> {
    let mut upto = after;
    let mut meant = BTreeSet::new();
    let mut looked_at = 0_usize;
    'log: while looked_at < LOOKED_AT_MAX {
        let entries = reader.feed(upto, STEP)?;
        if entries.is_empty() {
            break;
        }
        looked_at = looked_at.saturating_add(entries.len());
        for entry in entries {
            if let Fact::Alert(event) = &entry.fact
                && matches!(event.change, AlertChange::Opened | AlertChange::Raised)
            {
                let of_alert = of_alert(reader, event)?;
                let more = of_alert.difference(&meant).count();
                if !meant.is_empty() && meant.len().saturating_add(more) > count {
                    break 'log;
                }
                meant.extend(of_alert);
            }
            upto = entry.seq;
        }
    }
    let mut parcels = Vec::new();
    for seq in meant {
        let before = CommitSeq(seq.0.saturating_sub(1));
        let mut choice = Choice::new(reader, toward, (before, seq))?;
        for entry in reader.feed(before, 1)? {
            parcels.extend(choice.parcel(entry.seq, &entry.fact)?);
        }
    }
    Ok(Cargo { parcels, upto })
}

/// Where everything is that an alert may rest on, and what was done about it.
fn of_alert<R: Reader + CarryLook>(
    reader: &R,
    event: &AlertEvent,
) -> Result<BTreeSet<CommitSeq>, StoreError> {
    let mut all: BTreeSet<_> = reader.steps_of(event.alert.key)?.into_iter().collect();
    all.extend(reader.of_person(&event.alert.person, OF_PERSON_MAX)?);
    if let Some(reading) = event.alert.person.nobodys_reading() {
        all.extend(reader.reading(&Scope::Everything, &reading)?.map(|(seq, _)| seq));
    }
    Ok(all)
}

/// Chooses among the facts of one span.
struct Choice<'a, R> {
    reader: &'a R,
    toward: &'a Toward,
    came: BTreeMap<CommitSeq, Came>,
    stays: Vec<(CommitSeq, CommitSeq)>,
    /// Whether people live in the places of the gateway below.
    lives: BTreeMap<PersonId, bool>,
}

impl<'a, R: Reader + CarryLook> Choice<'a, R> {
    fn new(
        reader: &'a R,
        toward: &'a Toward,
        span: (CommitSeq, CommitSeq),
    ) -> Result<Self, StoreError> {
        let came = reader.came(span)?.into_iter().collect();
        let stays = reader.stays(span)?;
        Ok(Self { reader, toward, came, stays, lives: BTreeMap::new() })
    }

    fn parcel(&mut self, seq: CommitSeq, fact: &Fact) -> Result<Option<Parcel>, StoreError> {
        let stays = |(after, upto): &(CommitSeq, CommitSeq)| *after < seq && seq <= *upto;
        let there = self.came.get(&seq).is_some_and(|came| self.is_there(came));
        if there || self.stays.iter().any(stays) {
            return Ok(None);
        }
        let body = match self.toward {
            Toward::Up | Toward::Back { .. } => self.upward(fact)?,
            Toward::Down { to, .. } => self.downward(to, fact)?,
        };
        let Some(body) = body else { return Ok(None) };
        let id = match self.came.get(&seq) {
            Some(came) => came.id.clone(),
            None => self.reader.name_of(seq)?,
        };
        let down = matches!(self.toward, Toward::Down { .. });
        let line = encode(&id, down, &body)
            .map_err(|error| StoreError::Damaged { table: "the log", what: error.to_string() })?;
        Ok(Some(Parcel { seq, line }))
    }

    /// Whether the gateway that is asked for has a fact that came so.
    fn is_there(&self, came: &Came) -> bool {
        match self.toward {
            Toward::Up => came.down,
            Toward::Down { to, .. } => came.by == *to || came.id.gateway == *to,
            Toward::Back { to, epoch } => {
                !came.down || came.by != *to || (came.id.gateway == *to && came.id.epoch == *epoch)
            }
        }
    }

    fn upward(&self, fact: &Fact) -> Result<Option<Body>, StoreError> {
        Ok(Some(match fact {
            Fact::Reading(stored) => Body::Reading(Box::new(self.as_first(stored)?)),
            Fact::Refused(refused) => Body::Refused(Box::new(refused.clone())),
            Fact::Quarantined(item) => Body::Quarantined(item.clone()),
            Fact::Decided(decided) => Body::Decided(Box::new(self.said(decided)?)),
            Fact::Attributed(moved) => Body::Moved(Box::new(moved_as(moved))),
            Fact::Merged(merged) => Body::Merged(Box::new(self.said_merged(merged)?)),
            Fact::Retimed(retimed) => Body::Retimed(retimed.clone()),
            Fact::Context(context) => {
                Body::Context(Box::new(super::Context { reading: None, ..(**context).clone() }))
            }
            Fact::Event(event) => Body::Event(event.clone()),
            Fact::CardScan(scan) => Body::Card(Box::new(scan.clone())),
            Fact::Presence(presence) => Body::Presence(Box::new(presence.clone())),
            Fact::Registration(row) if travels(&row.row) => Body::Row(row.clone()),
            Fact::Alert(event) => return self.step(event),
            Fact::Clock(note) => return Ok(note.said().map(Body::Clock)),
            // Packs come from above; what follows from facts is judged anew.
            Fact::Registration(_) | Fact::Pack(_) | Fact::Crossing(_) | Fact::Attempt(_) => {
                return Ok(None);
            }
        }))
    }

    /// What was done about the people of its places, and about what came from there: no measurement,
    /// and nobody of another place.
    fn downward(&mut self, to: &BoxId, fact: &Fact) -> Result<Option<Body>, StoreError> {
        Ok(match fact {
            Fact::Event(event) if self.lives(&event.person)? => Some(Body::Event(event.clone())),
            Fact::Clock(note) => note.said().map(Body::Clock),
            Fact::Pack(pack) => Some(Body::Pack(pack.clone())),
            Fact::Alert(event) => {
                let nobodys = event.alert.person.nobodys_reading();
                let theirs = match nobodys {
                    Some(reading) => self.brought(to, &reading)?,
                    None => self.lives(&event.alert.person)?,
                };
                if theirs { self.step(event)? } else { None }
            }
            Fact::Decided(decided) => {
                let of_them = match &decided.decision {
                    Decision::Claimed(person) => self.lives(person)?,
                    Decision::Dismissed | Decision::Undone(_) => true,
                };
                let said = if of_them { Some(self.said(decided)?) } else { None };
                let came_from = |id: &FactId, by: Option<&Came>| {
                    id.gateway == *to || by.is_some_and(|came| came.by == *to)
                };
                let by = self.how(decided.item)?;
                said.filter(|said| came_from(&said.item, by.as_ref()))
                    .map(|said| Body::Decided(Box::new(said)))
            }
            Fact::Attributed(moved) if self.brought(to, &moved.reading)? => {
                let (before, after) =
                    (self.within(moved.before.as_ref())?, self.within(moved.after.as_ref())?);
                let said = Moved { before, after, ..moved_as(moved) };
                Some(Body::Moved(Box::new(said)))
            }
            Fact::Merged(merged)
                if self.lives(&merged.person)? && self.lives(&merged.survivor)? =>
            {
                Some(Body::Merged(Box::new(self.said_merged(merged)?)))
            }
            Fact::Event(_)
            | Fact::Attributed(_)
            | Fact::Merged(_)
            | Fact::Reading(_)
            | Fact::Refused(_)
            | Fact::Quarantined(_)
            | Fact::Retimed(_)
            | Fact::Context(_)
            | Fact::CardScan(_)
            | Fact::Presence(_)
            | Fact::Registration(_)
            | Fact::Crossing(_)
            | Fact::Attempt(_) => None,
        })
    }

    fn how(&self, seq: CommitSeq) -> Result<Option<Came>, StoreError> {
        let before = CommitSeq(seq.0.saturating_sub(1));
        Ok(self.reader.came((before, seq))?.pop().map(|(_, came)| came))
    }

    /// Whether a reading came from the gateway below.
    fn brought(&self, to: &BoxId, reading: &ReadingId) -> Result<bool, StoreError> {
        let Some((seq, _)) = self.reader.reading(&Scope::Everything, reading)? else {
            return Ok(false);
        };
        Ok(self.how(seq)?.is_some_and(|came| came.by == *to || came.id.gateway == *to))
    }

    fn lives(&mut self, person: &PersonId) -> Result<bool, StoreError> {
        if let Some(lives) = self.lives.get(person) {
            return Ok(*lives);
        }
        let Toward::Down { places, .. } = self.toward else { return Ok(true) };
        let mut lives = false;
        for place in places {
            let scope = Scope::Place(place.to_string());
            lives |= !self.reader.reached(&scope, std::slice::from_ref(person))?.is_empty();
        }
        self.lives.insert(person.clone(), lives);
        Ok(lives)
    }

    /// Whose a reading is, where that is somebody of the places.
    fn within(&mut self, whose: Option<&Attribution>) -> Result<Option<Attribution>, StoreError> {
        let Some(whose) = whose else { return Ok(None) };
        Ok(self.lives(&whose.person)?.then(|| whose.clone()))
    }

    /// A reading as it was first stored.
    fn as_first(&self, stored: &StoredReading) -> Result<StoredReading, StoreError> {
        let first = self.reader.first(&stored.reading.id)?;
        let mut stored = stored.clone();
        if let Some(attribution) = first.attributed {
            stored.attribution = attribution;
        }
        if let Some(retimed) = first.retimed {
            stored.retime(&retimed.before);
        }
        (stored.context, stored.told_symptoms) = (None, Vec::new());
        (stored.rebased_at, stored.server_at) = (None, stored.reading.received_at);
        Ok(stored)
    }

    fn said(&self, decided: &Decided) -> Result<SaidDecided, StoreError> {
        let deed = match &decided.decision {
            Decision::Claimed(person) => Deed::Claimed(person.clone()),
            Decision::Dismissed => Deed::Dismissed,
            Decision::Undone(decision) => Deed::Undone(self.reader.name_of(*decision)?),
        };
        Ok(SaidDecided {
            item: self.reader.name_of(decided.item)?,
            deed,
            reason: decided.reason.clone(),
            by: decided.by.clone(),
            at: decided.at,
        })
    }

    fn said_merged(&self, merged: &Merged) -> Result<SaidMerged, StoreError> {
        let undoes = merged.undoes.map(|merge| self.reader.name_of(merge)).transpose()?;
        Ok(SaidMerged {
            person: merged.person.clone(),
            survivor: merged.survivor.clone(),
            undoes,
            reason: merged.reason.clone(),
            by: merged.by.clone(),
            at: merged.at,
        })
    }

    /// What a person did about an alert; steps of the lines and of the clock are judged anew.
    fn step(&self, event: &AlertEvent) -> Result<Option<Body>, StoreError> {
        // What is done about a silent site is this gateway's matter: no other has that alert.
        if event.alert.person.silent_site().is_some() {
            return Ok(None);
        }
        // An alert that ends without an outcome follows from something else that travels.
        let theirs = STEPS.contains(&event.change)
            && (event.change != AlertChange::Closed || event.outcome.is_some());
        let Some(by) = event.by.clone().filter(|_| theirs) else {
            return Ok(None);
        };
        Ok(Some(Body::Step(Box::new(SaidStep {
            alerts: self.names_of(event)?,
            change: event.change,
            at: event.acted_at(),
            claimed_at: event.claimed_at,
            by,
            note: event.note.clone(),
            owner: event.alert.owner.clone(),
            visit: event.visit.clone(),
            outcome: event.outcome.clone(),
        }))))
    }

    /// The ids of an alert: of now, of before, and of a gateway that knows less of its episode.
    fn names_of(&self, event: &AlertEvent) -> Result<Vec<AlertId>, StoreError> {
        let (mut ids, facts) = self.reader.known_as(event.alert.key, EPISODE_IDS_MAX)?;
        ids.push(event.alert.id);
        let (person, concept) = (&event.alert.person, SmolStr::as_str(&event.alert.concept));
        ids.extend(facts.iter().map(|fact| alert_id(person, concept, &fact.to_string())));
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(*id));
        Ok(ids)
    }
}

fn moved_as(moved: &Attributed) -> Moved {
    let Attributed { reading, before, after, at } = moved.clone();
    Moved { reading, before, after, at }
}
