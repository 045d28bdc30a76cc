//! Decisions about what waits in quarantine: an item is claimed for a person, dismissed, or one of
//! the two is taken back.
//!
//! Each is a fact with its author and reason, and the latest one about an item counts. A claim and
//! its undoing give the reading another attribution and judge the person anew from everything that is
//! theirs then. Every step of an alert that follows names the decision (`commit/cause.rs`), so that an
//! undone claim leaves the person's readings, alerts and timeline as if it had never been.

use smol_str::SmolStr;

use crate::{
    domain::{Attribution, Basis, PersonId},
    store::{
        Attributed, Change, CommitSeq, Decided, Decision, Done, Fact, QuarantineReason, StoreError,
        StoredReading,
        view::{HeldQuarantine, HeldState},
    },
};

use super::{
    cause::Cause,
    group::Group,
    nobody::Stands,
    repeat::Known,
    work::{Decide, DecideRefused, Wish},
};

type Refusable<T> = Result<Result<T, DecideRefused>, StoreError>;

/// Which reading belongs to whom from now on.
type Move = (StoredReading, Option<Attribution>);

/// The person to whom a reading is given, or from whom it is taken.
fn concerned((stored, after): &Move) -> Option<PersonId> {
    let whose = after.as_ref().or(stored.attribution.as_ref());
    whose.map(|whose| whose.person.clone())
}

impl Group<'_> {
    /// Does what is wished once for its request; returns the decision's position.
    pub(super) fn decide_once(&mut self, decide: &Decide) -> Refusable<CommitSeq> {
        let Some(request) = &decide.request else { return self.decide(decide) };
        match self.known(request)? {
            Known::Done(Done::Acted(seq)) => return Ok(Ok(seq)),
            Known::Done(Done::Delivered(_) | Done::Told(_)) | Known::Other => {
                return Ok(Err(DecideRefused::KeyReused));
            }
            Known::Nothing => {}
        }
        let done = self.decide(decide)?;
        if let Ok(seq) = done {
            self.keep(request, Done::Acted(seq));
            self.flush()?;
        }
        Ok(done)
    }

    fn decide(&mut self, decide: &Decide) -> Refusable<CommitSeq> {
        let done = match &decide.wish {
            Wish::Merge { person, survivor } => return self.merge(decide, (person, survivor)),
            Wish::Unmerge { merge } => return self.unmerge(decide, *merge),
            Wish::Claim { item, person } => self.claim(*item, person)?,
            Wish::Dismiss { item } => {
                self.waiting(*item)?.map(|held| (held.seq, Decision::Dismissed, None))
            }
            Wish::Undo { decision } => self.undo(*decision)?,
        };
        let (item, decision, moved) = match done {
            Ok(done) => done,
            Err(refused) => return Ok(Err(refused)),
        };
        let concerned = moved.as_ref().and_then(concerned);
        if let Some(person) = &concerned {
            self.settle(&[person])?;
        }
        let undone = match decision {
            Decision::Undone(claim) => Some(claim),
            Decision::Claimed(_) | Decision::Dismissed => None,
        };
        self.facts.push(Fact::Decided(Box::new(Decided {
            item,
            decision,
            reason: decide.reason.clone(),
            by: decide.by.clone(),
            at: self.now,
        })));
        self.flush()?;
        let seq = self.unit.last()?;
        let Some(moved) = moved else {
            self.mind_put_aside(item, &decide.by)?;
            return Ok(Ok(seq));
        };
        self.cause = Some(Cause::of_claim(seq));
        if let Some((claim, person)) = undone.zip(concerned) {
            let judged = self.survivor(person)?;
            self.put_back(claim, &[judged])?;
        }
        self.judge_moved(moved, &decide.by)?;
        self.cause = None;
        Ok(Ok(seq))
    }

    /// What follows from a claim or its undoing, and from nothing else.
    fn judge_moved(&mut self, (stored, after): Move, by: &SmolStr) -> Result<(), StoreError> {
        self.attribute_anew(stored, after, by)?;
        self.judge_pasts()?;
        self.flush()
    }

    /// What was put aside calls nobody any more, and what is taken back from there does again.
    pub(super) fn mind_put_aside(
        &mut self,
        item: CommitSeq,
        by: &SmolStr,
    ) -> Result<(), StoreError> {
        let Some(held) = self.unit.quarantined(item)? else { return Ok(()) };
        let stored = self.reading_of(&held)?.filter(|stored| stored.attribution.is_none());
        let waits = held.state() == HeldState::Waiting;
        let stands = if waits { Stands::Waits } else { Stands::PutAside };
        stored.map_or(Ok(()), |stored| self.mind_nobody(&stored, stands, Some(by)))
    }

    /// An item about which something can be decided.
    fn item(&mut self, item: CommitSeq) -> Refusable<HeldQuarantine> {
        self.flush()?;
        Ok(match self.unit.quarantined(item)? {
            None => Err(DecideRefused::Unknown),
            Some(held) if held.reason == QuarantineReason::NoMeasurement => {
                Err(DecideRefused::WaitsForMeasurement)
            }
            Some(held) => Ok(held),
        })
    }

    fn waiting(&mut self, item: CommitSeq) -> Refusable<HeldQuarantine> {
        let waits = |held: HeldQuarantine| match held.state() {
            HeldState::Waiting => Ok(held),
            HeldState::Claimed | HeldState::Dismissed => Err(DecideRefused::Decided),
        };
        Ok(self.item(item)?.and_then(waits))
    }

    /// The reading of an item that is stored and nobody's. A conflict has none: its id is taken.
    fn reading_of(&mut self, held: &HeldQuarantine) -> Result<Option<StoredReading>, StoreError> {
        match &held.reading {
            Some(inside) if held.reason != QuarantineReason::Conflict => {
                self.unit.reading(&inside.reading.id)
            }
            Some(_) | None => Ok(None),
        }
    }

    fn claim(
        &mut self,
        item: CommitSeq,
        person: &PersonId,
    ) -> Refusable<(CommitSeq, Decision, Option<Move>)> {
        let held = match self.waiting(item)? {
            Ok(held) => held,
            Err(refused) => return Ok(Err(refused)),
        };
        let Some(stored) = self.reading_of(&held)? else {
            return Ok(Err(DecideRefused::NoReading));
        };
        if stored.attribution.is_some() {
            return Ok(Err(DecideRefused::Decided));
        }
        if self.desk.person(self.unit, person)?.is_none() {
            return Ok(Err(DecideRefused::UnknownPerson));
        }
        let after = Attribution::new(person.clone(), Basis::Claim);
        Ok(Ok((held.seq, Decision::Claimed(person.clone()), Some((stored, Some(after))))))
    }

    fn undo(&mut self, seq: CommitSeq) -> Refusable<(CommitSeq, Decision, Option<Move>)> {
        let Some(decided) = self.unit.decision(seq)? else {
            return Ok(Err(DecideRefused::Unknown));
        };
        let held = match self.item(decided.item)? {
            Ok(held) => held,
            Err(refused) => return Ok(Err(refused)),
        };
        if held.decided.as_ref().is_none_or(|(latest, _)| *latest != seq) {
            return Ok(Err(DecideRefused::NotInForce));
        }
        let moved = match decided.decision {
            Decision::Claimed(_) => self.reading_of(&held)?.map(|stored| (stored, None)),
            Decision::Dismissed | Decision::Undone(_) => None,
        };
        Ok(Ok((held.seq, Decision::Undone(seq), moved)))
    }

    /// A stored reading belongs to somebody else from now on: whoever had it and whoever has it now
    /// are judged anew.
    pub(super) fn attribute_anew(
        &mut self,
        mut stored: StoredReading,
        after: Option<Attribution>,
        by: &SmolStr,
    ) -> Result<(), StoreError> {
        let stands = if after.is_some() { Stands::Somebodys } else { Stands::Waits };
        self.mind_nobody(&stored, stands, Some(by))?;
        let reading = stored.reading.id;
        let before = std::mem::replace(&mut stored.attribution, after.clone());
        self.facts.push(Fact::Attributed(Box::new(Attributed {
            reading,
            before: before.clone(),
            after: after.clone(),
            at: self.said_at.unwrap_or(self.now),
        })));
        self.changes.push(Change::Reattribute(reading, after));
        if let Some(before) = before {
            self.judge_anew(before.person);
        }
        self.past_changed(stored);
        Ok(())
    }
}
