//! What was measured, told, waits or was entered at another gateway.

use std::collections::HashMap;

use super::{Fate, Group, Load};
use crate::{
    commit::{attribute, nobody::Stands, receive::waiting, watch},
    domain::{Happened, Key, PersonEvent, Road, Standing},
    intake::Item,
    store::{
        CardScan, Change, ClockFound, ClockNote, Context, Fact, Landed, Origin, PackInForce,
        Presence, QuarantineReason, Quarantined, Refused, Registration, Status, StoreError,
        StoredReading, ToldBy, ToldMoved, ToldSince,
    },
    uplink::parcel::{Body, SaidClock},
};

impl Group<'_> {
    /// Enters one fact. Measurements, events and what waits are known by what they are; everything
    /// else by its name, which a neighbour gives.
    pub(super) fn bring(&mut self, load: &Load<'_>, body: Body) -> Result<Fate, StoreError> {
        match body {
            Body::Reading(stored) => self.bring_reading(load, *stored),
            Body::Event(event) => self.bring_event(load, &event),
            Body::Quarantined(item) => self.bring_item(load, &item),
            Body::Context(context) => self.bring_context(&context),
            Body::Card(scan) => self.bring_card(load, *scan),
            Body::Row(row) => self.bring_row(load, &row),
            Body::Refused(_)
            | Body::Presence(_)
            | Body::Decided(_)
            | Body::Moved(_)
            | Body::Merged(_)
            | Body::Retimed(_)
            | Body::Clock(_)
            | Body::Pack(_)
            | Body::Step(_) => {
                if self.unit.landed(&load.came.id)?.is_some() {
                    return Ok(Fate::Here);
                }
                // Corrections of one clock are judged together, as they were made.
                if matches!(body, Body::Retimed(_)) && self.pending.readings.is_empty() {
                    self.flush()?;
                } else {
                    self.bring_in()?;
                }
                self.bring_said(load, body)
            }
            // A later program says what it is.
            Body::Unknown(_) => Ok(Fate::Waits),
        }
    }

    fn bring_said(&mut self, load: &Load<'_>, body: Body) -> Result<Fate, StoreError> {
        match body {
            Body::Refused(refused) => self.bring_refused(load, *refused),
            Body::Presence(presence) => self.bring_presence(load, *presence),
            Body::Decided(said) => self.bring_decided(load, &said),
            Body::Moved(said) => self.bring_moved(load, &said),
            Body::Merged(said) => self.bring_merged(load, &said),
            Body::Retimed(said) => self.bring_retimed(load, &said),
            Body::Clock(said) => self.bring_clock(load, &said),
            Body::Step(said) => self.bring_step(load, &said),
            Body::Pack(pack) => self.bring_pack(load, *pack),
            Body::Reading(_)
            | Body::Event(_)
            | Body::Quarantined(_)
            | Body::Context(_)
            | Body::Card(_)
            | Body::Row(_)
            | Body::Unknown(_) => Ok(Fate::Here),
        }
    }

    fn bring_reading(
        &mut self,
        load: &Load<'_>,
        mut stored: StoredReading,
    ) -> Result<Fate, StoreError> {
        let id = stored.reading.id;
        if self.pending.readings.contains(&id) {
            self.bring_in()?;
        }
        if let Some(held) = self.unit.reading(&id)? {
            self.landed(load, Landed::Reading(id));
            if held.reading.content == stored.reading.content {
                self.outcome(Some(id), Status::Duplicate, None);
            } else {
                let other = waiting(&stored.reading, QuarantineReason::Conflict, id.to_string());
                self.keep_item(&other)?;
            }
            return Ok(Fate::Here);
        }
        stored.server_at = self.now;
        let item = Item::Reading(Box::new(stored.reading.clone()));
        let mut numbers = self.numbers(&[&item])?;
        self.await_context(&mut stored, &mut numbers);
        self.pending.readings.insert(id);
        self.landed(load, Landed::Reading(id));
        if let Some(after) = self.odd_times(load, &stored)? {
            return self.bring_odd(stored, after);
        }
        if stored.attribution.is_none() {
            self.facts.push(Fact::Reading(Box::new(stored.clone())));
            // What a neighbour keeps of nobody waits there: its item comes behind it.
            self.mind_nobody(&stored, Stands::Waits, None)?;
            return Ok(Fate::Here);
        }
        let (status, why) = match stored.standing {
            Standing::Stored => (Status::Stored, None),
            Standing::Rejected => (Status::Rejected, Some("implausible")),
        };
        self.outcome(Some(id), status, why);
        self.touched.push(Box::new(stored));
        Ok(Fate::Here)
    }

    fn bring_event(&mut self, load: &Load<'_>, event: &PersonEvent) -> Result<Fate, StoreError> {
        let told = event.what.told().map(|(reading, _)| *reading);
        let voids = event.what.voids().copied();
        if voids.is_some() || self.pending.events.contains(&event.id) {
            self.bring_in()?;
        }
        let unknown = match (told, voids) {
            (Some(reading), _) => {
                !self.pending.readings.contains(&reading) && self.unit.reading(&reading)?.is_none()
            }
            (None, Some(event)) => self.unit.known_events(&[event])?.contains(&None),
            (None, None) => false,
        };
        let held = self.unit.known_events(&[event.id])?.pop().flatten();
        if unknown && held.is_none() {
            return Ok(Fate::Waits);
        }
        self.landed(load, Landed::Event(event.id));
        self.pending.events.insert(event.id);
        if held.is_none()
            && let Some(moved) = self.told_moved(load, event.received_at)?
        {
            return self.bring_moved_event(event, moved);
        }
        // A doctor's act is no item that anybody delivered.
        if matches!(event.what, Happened::Act { .. }) {
            if held.is_none() {
                self.happened.push(Box::new(event.clone()));
            }
            return Ok(Fate::Here);
        }
        let mut known: HashMap<_, _> =
            held.map(|content| (event.id, content)).into_iter().collect();
        self.event(event, &mut known)?;
        Ok(Fate::Here)
    }

    /// Enters an event as it was told, and beside it when it counts.
    fn bring_moved_event(
        &mut self,
        event: &PersonEvent,
        moved: ToldMoved,
    ) -> Result<Fate, StoreError> {
        self.facts.push(Fact::Event(Box::new(event.clone())));
        self.flush()?;
        let told = [(self.unit.last()?, event.person.clone())];
        self.move_told(&told, moved);
        self.told_of(event)?;
        if !matches!(event.what, Happened::Act { .. }) {
            self.outcome(Some(Key::from_bytes(*event.id.as_bytes())), Status::Stored, None);
        }
        Ok(Fate::Here)
    }

    /// Another gateway's clock was set: what it told while it was wrong counts at other times. Its readings
    /// come behind, each with its own correction, and are judged with this.
    fn bring_clock(&mut self, load: &Load<'_>, set: &SaidClock) -> Result<Fate, StoreError> {
        let SaidClock { since, by, at } = *set;
        let whose = ToldBy::Gateway { after: since, before: load.came.id.clone() };
        let ToldSince { told, scans } = self.unit.told(&whose)?;
        self.move_scans(scans, by, false)?;
        self.move_told(&told, ToldMoved { by, own: false, guess: false });
        self.flush()?;
        let found = ClockFound::Right { since, by };
        self.facts.push(Fact::Clock(ClockNote { found, at }));
        self.landed_last(load)?;
        self.judge_moved_visits(&told)?;
        Ok(Fate::Here)
    }

    fn bring_item(&mut self, load: &Load<'_>, item: &Quarantined) -> Result<Fate, StoreError> {
        self.flush()?;
        if let Some(held) = self.unit.item_with(&item.content)? {
            self.landed(load, Landed::At(held.seq));
            if is_delivered(item.reason) {
                self.outcome(None, Status::Duplicate, Some(item.reason.as_str()));
            }
            return Ok(Fate::Here);
        }
        self.keep_item(item)?;
        self.landed_last(load)?;
        Ok(Fate::Here)
    }

    /// Keeps an item of quarantine, unless it waits already.
    fn keep_item(&mut self, item: &Quarantined) -> Result<(), StoreError> {
        self.flush()?;
        let id = item.reading.as_ref().map(|reading| reading.id);
        let why = Some(item.reason.as_str());
        if self.unit.waiting(&[item.content])?.contains(&true) {
            self.outcome(id, Status::Duplicate, why);
            return Ok(());
        }
        self.facts.push(Fact::Quarantined(Box::new(item.clone())));
        if is_delivered(item.reason) {
            self.outcome(id, Status::Quarantined, why);
        }
        Ok(())
    }

    fn bring_context(&mut self, context: &Context) -> Result<Fate, StoreError> {
        self.bring_in()?;
        let mut numbers = self.numbers(&[&Item::Context(Box::new(context.clone()))])?;
        let (status, why) = self.context(context, &mut numbers)?;
        self.outcome(None, status, why);
        Ok(Fate::Here)
    }

    /// A card opens its session here as there, for whatever is attributed here. What was attributed
    /// there by it travels by itself.
    fn bring_card(&mut self, load: &Load<'_>, mut scan: CardScan) -> Result<Fate, StoreError> {
        // It may have been moved in time meanwhile, and is the same.
        if self.unit.landed(&load.came.id)?.is_some() {
            return Ok(Fate::Here);
        }
        if scan.at == scan.received_at {
            scan.at = scan.at.plus(self.unit.clock_moved(&load.came.id)?);
        }
        let limit = self.desk.session_limit(self.unit, &scan.site)?;
        let Some(changes) = attribute::scan(self.unit, &scan, limit)? else {
            return Ok(Fate::Here);
        };
        self.changes.extend(changes);
        self.facts.push(Fact::CardScan(scan));
        self.landed_last(load)?;
        Ok(Fate::Here)
    }

    fn bring_row(&mut self, load: &Load<'_>, row: &Registration) -> Result<Fate, StoreError> {
        self.bring_in()?;
        let before = self.unit.last()?;
        if self.enter_rows(std::slice::from_ref(row))? > 0 {
            self.landed(load, Landed::At(crate::store::CommitSeq(before.0.saturating_add(1))));
        }
        Ok(Fate::Here)
    }

    fn bring_refused(&mut self, load: &Load<'_>, refused: Refused) -> Result<Fate, StoreError> {
        self.outcome(None, Status::Refused, Some(&refused.reason));
        self.facts.push(Fact::Refused(refused));
        self.landed_last(load)?;
        Ok(Fate::Here)
    }

    /// A rule pack of the gateway above is this one's as well, from the instant at which it came into
    /// force there. The writer judges by it once this is on disk, and everybody is looked at anew.
    fn bring_pack(&mut self, load: &Load<'_>, mut pack: PackInForce) -> Result<Fate, StoreError> {
        pack.origin = Some(load.came.id.gateway.clone());
        self.facts.push(Fact::Pack(Box::new(pack)));
        self.changes.push(Change::Cursor { follower: watch::CURSOR.to_owned(), to: None });
        self.landed_last(load)?;
        self.packs_came = true;
        Ok(Fate::Here)
    }

    fn bring_presence(&mut self, load: &Load<'_>, presence: Presence) -> Result<Fate, StoreError> {
        self.facts.push(Fact::Presence(presence));
        self.landed_last(load)?;
        Ok(Fate::Here)
    }

    /// What cannot stand beside what is here is kept as it came, for whoever looks into it.
    pub(super) fn put_by(&mut self, load: &Load<'_>, why: &str) -> Result<Fate, StoreError> {
        let refused = Refused {
            reason: format!("carried: {why}"),
            raw: load.line.to_vec(),
            origin: Origin {
                road: Road::Http,
                site: None,
                device: Some(load.came.by.as_str().into()),
            },
            received_at: self.now,
        };
        self.bring_refused(load, refused)
    }
}

/// Items that somebody delivered are counted; those that a gateway makes itself are not.
const fn is_delivered(reason: QuarantineReason) -> bool {
    !matches!(reason, QuarantineReason::UnknownCard | QuarantineReason::SessionChanged)
}
