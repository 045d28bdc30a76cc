//! What came from other gateways, in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::{reader::ModelReader, state::State, unit::ModelUnit};
use crate::{
    domain::{AlertId, BenchId, BoxId, Millis, PersonId, ReadingId, Registered, SiteId, Timestamp},
    store::{
        Attributed, Came, CarryChange, CarryUnit, ClockFound, ClockNote, CommitSeq, Fact, FactId,
        First, Landed, StoreError, ToldBy, ToldSince, ToldUnit, Uploaded, Waiting, WaitingParcel,
        Watermark, carry::CarryLook,
    },
};

/// What came from neighbours.
#[derive(Debug, Clone, Default)]
pub(super) struct Carried {
    /// Tells stores in memory apart, in tests of several: part of their names.
    pub(super) number: u32,
    came: BTreeMap<FactId, (CommitSeq, Came)>,
    stays: BTreeMap<CommitSeq, CommitSeq>,
    /// With how often each was tried in vain.
    waiting: BTreeMap<FactId, (u64, WaitingParcel)>,
    /// By the neighbour: every life of its log that was followed, the present one last.
    uploads: BTreeMap<BoxId, Vec<Uploaded>>,
    heard: BTreeMap<BoxId, Timestamp>,
}

/// The epoch of a store in memory, which has one life.
pub(super) const EPOCH: u64 = 1;

impl State {
    pub(super) fn gateway(&self) -> BoxId {
        BoxId::of_model(self.carried.number)
    }

    /// Applies a change of what came from neighbours.
    pub(super) fn carry(&mut self, change: &CarryChange) -> Result<(), StoreError> {
        match change {
            CarryChange::Landed(landed, came) => {
                let own = self.own(landed)?;
                self.carried.came.entry(came.id.clone()).or_insert((own, came.clone()));
            }
            CarryChange::Stay(after, upto) => {
                self.carried.stays.insert(*after, *upto);
            }
            CarryChange::Wait(parcel) => {
                let waits = (0, parcel.clone());
                self.carried.waiting.entry(parcel.came.id.clone()).or_insert(waits);
            }
            CarryChange::Tried(id) => {
                let tried = self.carried.waiting.get_mut(id);
                if let Some((tried, _)) = tried {
                    *tried = tried.saturating_add(1);
                }
            }
            CarryChange::Unwait(id) => {
                self.carried.waiting.remove(id);
            }
            CarryChange::Upload(uploaded) => self.upload(uploaded),
            CarryChange::Heard(sender, until) => {
                self.carried.heard.insert(sender.clone(), *until);
            }
        }
        Ok(())
    }

    fn upload(&mut self, uploaded: &Uploaded) {
        let lives = self.carried.uploads.entry(uploaded.sender.clone()).or_default();
        match lives.iter_mut().find(|life| life.mark.epoch == uploaded.mark.epoch) {
            Some(life) => *life = uploaded.clone(),
            None => lives.push(uploaded.clone()),
        }
    }

    fn own(&self, landed: &Landed) -> Result<CommitSeq, StoreError> {
        let found = match landed {
            Landed::At(seq) => Some(*seq),
            Landed::Reading(id) => {
                self.readings().find(|(_, stored)| stored.reading.id == *id).map(|(seq, _)| seq)
            }
            Landed::Event(id) => {
                self.person_events().find(|(_, event)| event.id == *id).map(|(seq, _)| seq)
            }
        };
        found.ok_or(StoreError::Asked { what: "no such fact was carried here" })
    }

    fn landed(&self, id: &FactId) -> Option<CommitSeq> {
        if id.gateway == self.gateway() {
            let within = id.epoch == EPOCH && (1..=self.last().0).contains(&id.seq.0);
            return within.then_some(id.seq);
        }
        self.carried.came.get(id).map(|(own, _)| *own)
    }

    fn mark(&self, sender: &BoxId) -> Option<Watermark> {
        Some(self.carried.uploads.get(sender)?.last()?.mark)
    }

    fn heard(&self) -> Vec<(BoxId, Timestamp)> {
        self.carried.heard.iter().map(|(sender, until)| (sender.clone(), *until)).collect()
    }

    fn moves<'s>(&'s self, reading: &ReadingId) -> impl DoubleEndedIterator<Item = &'s Attributed> {
        let reading = *reading;
        self.log().filter_map(move |(_, fact)| {
            let Fact::Attributed(moved) = fact else { return None };
            (moved.reading == reading).then_some(&**moved)
        })
    }

    /// Whether the fact at a position came from a gateway below.
    pub(super) fn was_brought(&self, own: CommitSeq, by: &BoxId) -> bool {
        let came = |(at, came): &(CommitSeq, Came)| *at == own && came.by == *by && !came.down;
        self.carried.came.values().any(came)
    }

    /// Whether the fact at a position came from a neighbour.
    /// The name by which a clock's gateway knows what is here at a position.
    fn told_as(&self, whose: &ToldBy, own: CommitSeq) -> Option<FactId> {
        match whose {
            ToldBy::Us(after) => (own > *after && !self.is_carried(own)).then(|| FactId {
                gateway: self.gateway(),
                epoch: EPOCH,
                seq: own,
            }),
            ToldBy::Gateway { after, before } => {
                let first = FactId { seq: *after, ..before.clone() };
                let names = self.carried.came.range(first..before.clone());
                let mut names = names.filter(|(id, (at, _))| *at == own && id.seq > *after);
                names.next().map(|(id, _)| id.clone())
            }
        }
    }

    fn told_by(&self, whose: &ToldBy) -> ToldSince {
        let (mut all, merged) = (ToldSince::default(), self.merged());
        for (seq, fact) in self.log() {
            let person = if let Fact::Event(event) = fact {
                Some(merged.get(&event.person).unwrap_or(&event.person).clone())
            } else if let Fact::Alert(step) = fact {
                Some(step.alert.person.clone())
            } else {
                None
            };
            if let Some(person) = person
                && self.told_as(whose, seq).is_some()
            {
                all.told.push((seq, person));
            }
            if let Fact::CardScan(scan) = fact
                && let Some(name) = self.told_as(whose, seq)
            {
                all.scans.push((seq, name, scan.clone()));
            }
        }
        all
    }

    fn clock_moved(&self, id: &FactId) -> Millis {
        let own = id.gateway == self.gateway();
        let by = self.log().filter_map(|(seq, fact)| {
            let Fact::Clock(ClockNote { found: ClockFound::Right { since, by }, .. }) = fact else {
                return None;
            };
            let named = |name: &FactId| {
                (&name.gateway, name.epoch) == (&id.gateway, id.epoch) && name.seq > id.seq
            };
            let theirs = self.carried.came.iter().any(|(name, (at, _))| *at == seq && named(name));
            let ours = own && !self.is_carried(seq) && seq > id.seq;
            (*since < id.seq && (theirs || ours)).then_some(by.0)
        });
        Millis(by.fold(0, i64::saturating_add))
    }

    pub(super) fn is_carried(&self, own: CommitSeq) -> bool {
        self.carried.came.values().any(|(at, _)| *at == own)
    }
}

impl ToldUnit for ModelUnit<'_> {
    fn told(&mut self, whose: &ToldBy) -> Result<ToldSince, StoreError> {
        self.unspoiled()?;
        Ok(self.state.told_by(whose))
    }

    fn clock_moved(&mut self, id: &FactId) -> Result<Millis, StoreError> {
        self.unspoiled()?;
        Ok(self.state.clock_moved(id))
    }

    fn had_scans(
        &mut self,
        (site, bench): (&SiteId, &BenchId),
        (from, to): (Timestamp, Timestamp),
        upto: CommitSeq,
    ) -> Result<bool, StoreError> {
        self.unspoiled()?;
        let mut before = self.state.log().take_while(|(seq, _)| *seq <= upto);
        Ok(before.any(|(_, fact)| {
            matches!(fact, Fact::CardScan(scan) if scan.site == *site && scan.bench == *bench
                && (from..=to).contains(&scan.at))
        }))
    }
}

impl CarryUnit for ModelUnit<'_> {
    fn landed(&mut self, id: &FactId) -> Result<Option<CommitSeq>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.landed(id))
    }

    fn uploaded(&mut self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.mark(sender))
    }

    fn followed(&mut self, sender: &BoxId, epoch: u64) -> Result<bool, StoreError> {
        self.unspoiled()?;
        let lives = self.state.carried.uploads.get(sender);
        Ok(lives.into_iter().flatten().any(|life| life.mark.epoch == epoch))
    }

    fn heard(&mut self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.heard())
    }

    fn boxes(&mut self) -> Result<Vec<BoxId>, StoreError> {
        self.unspoiled()?;
        let names = self.state.registry.keys().filter(|(kind, _)| *kind == "box");
        Ok(names.filter_map(|(_, name)| BoxId::new(name).ok()).collect())
    }

    fn last_move(&mut self, reading: &ReadingId) -> Result<Option<Attributed>, StoreError> {
        self.unspoiled()?;
        Ok(self.state.moves(reading).next_back().cloned())
    }

    fn waiting_parcels(&mut self, limit: usize) -> Result<Vec<WaitingParcel>, StoreError> {
        self.unspoiled()?;
        let mut all: Vec<_> = self.state.carried.waiting.values().cloned().collect();
        all.sort_by_key(|(tried, parcel)| (*tried, parcel.at));
        Ok(all.into_iter().take(limit).map(|(_, parcel)| parcel).collect())
    }
}

impl CarryLook for ModelReader {
    fn name_of(&self, own: CommitSeq) -> Result<FactId, StoreError> {
        let state = self.shared().now();
        let came = state.carried.came.values().find(|(at, _)| *at == own);
        let own_name = || FactId { gateway: state.gateway(), epoch: EPOCH, seq: own };
        Ok(came.map_or_else(own_name, |(_, came)| came.id.clone()))
    }

    fn came(&self, span: (CommitSeq, CommitSeq)) -> Result<Vec<(CommitSeq, Came)>, StoreError> {
        let state = self.shared().now();
        let within = state.carried.came.values().filter(|(own, _)| span.0 < *own && *own <= span.1);
        let mut all: Vec<_> = within.cloned().collect();
        all.sort_by_key(|(own, _)| *own);
        all.dedup_by_key(|(own, _)| *own);
        Ok(all)
    }

    fn stays(
        &self,
        span: (CommitSeq, CommitSeq),
    ) -> Result<Vec<(CommitSeq, CommitSeq)>, StoreError> {
        let state = self.shared().now();
        let touch = |(after, upto): &(&CommitSeq, &CommitSeq)| **after < span.1 && **upto > span.0;
        let all = state.carried.stays.iter().filter(touch);
        Ok(all.map(|(after, upto)| (*after, *upto)).collect())
    }

    fn first(&self, reading: &ReadingId) -> Result<First, StoreError> {
        let state = self.shared().now();
        let retimed = state.log().find_map(|(_, fact)| {
            let Fact::Retimed(retimed) = fact else { return None };
            (retimed.reading == *reading).then_some(**retimed)
        });
        let attributed = state.moves(reading).next().map(|moved| moved.before.clone());
        Ok(First { attributed, retimed })
    }

    fn known_as(
        &self,
        alert: i64,
        limit: usize,
    ) -> Result<(Vec<AlertId>, Vec<ReadingId>), StoreError> {
        let state = self.shared().now();
        let now = state.alerts.get(&alert).map(|alert| alert.id);
        let had = state.aliases.iter().filter(|(_, key)| **key == alert).map(|(id, _)| *id);
        let named = state.crossings().rev().filter(|crossing| crossing.alert == alert);
        let named = named.filter_map(|crossing| crossing.reading).take(limit);
        Ok((now.into_iter().chain(had).collect(), named.collect()))
    }

    fn of_person(&self, person: &PersonId, limit: usize) -> Result<Vec<CommitSeq>, StoreError> {
        let state = self.shared().now();
        let mut readings: Vec<_> = state
            .readings()
            .filter(|(_, stored)| state.owner(stored).as_ref() == Some(person))
            .map(|(seq, stored)| (stored.reading.measured.at, seq))
            .collect();
        readings.sort_unstable();
        let merged = state.merged();
        let whose = |of: &PersonId| merged.get(of).unwrap_or(of) == person;
        let events = state.person_events().rev().filter(|(_, event)| whose(&event.person));
        let events = events.take(limit).map(|(seq, _)| seq);
        Ok(readings.into_iter().rev().take(limit).map(|(_, seq)| seq).chain(events).collect())
    }

    fn steps_of(&self, alert: i64) -> Result<Vec<CommitSeq>, StoreError> {
        let state = self.shared().now();
        let own = |(_, event): &(CommitSeq, &crate::store::AlertEvent)| {
            event.alert.key == alert && event.by.is_some()
        };
        Ok(state.events().filter(own).map(|(seq, _)| seq).collect())
    }

    fn watermark_of(&self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        Ok(self.shared().now().mark(sender))
    }

    fn all_uploads(&self) -> Result<Vec<Uploaded>, StoreError> {
        let state = self.shared().now();
        Ok(state.carried.uploads.values().filter_map(|lives| lives.last().cloned()).collect())
    }

    fn all_heard(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        Ok(self.shared().now().heard())
    }

    fn all_since(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        let mut all: BTreeMap<BoxId, Timestamp> = BTreeMap::new();
        for (_, fact) in self.shared().now().log() {
            if let Fact::Registration(entered) = fact
                && let Registered::Box(row) = &entered.row
            {
                let since = all.entry(row.name.clone()).or_insert(entered.at);
                *since = entered.at.min(*since);
            }
        }
        Ok(all.into_iter().collect())
    }

    fn all_silent(&self) -> Result<Vec<PersonId>, StoreError> {
        let state = self.shared().now();
        let live = state.alerts.values().filter(|alert| alert.state.is_live());
        let silent = live.filter(|alert| alert.person.silent_site().is_some());
        let all: BTreeSet<PersonId> = silent.map(|alert| alert.person.clone()).collect();
        Ok(all.into_iter().collect())
    }

    fn waiting_of(&self) -> Result<Vec<Waiting>, StoreError> {
        let mut all: BTreeMap<BoxId, Waiting> = BTreeMap::new();
        for (_, parcel) in self.shared().now().carried.waiting.values() {
            let (by, at) = (parcel.came.by.clone(), parcel.at);
            let first = Waiting { by: by.clone(), parcels: 0, oldest: at };
            let of = all.entry(by).or_insert(first);
            of.parcels = of.parcels.saturating_add(1);
            of.oldest = of.oldest.min(at);
        }
        Ok(all.into_values().collect())
    }
}
