//! What was decided at another gateway: of quarantine, of whose a reading is and when it was taken, of
//! two files of one person.

use smol_str::SmolStr;
use tokio::sync::oneshot;

use super::{Fate, Group, Load};
use crate::{
    commit::{
        cause::Cause,
        work::{Decide, Wish},
    },
    store::{
        CarryChange, Change, CommitSeq, Decided, Decision, Fact, Landed, Retimed, StoreError,
        view::{HeldQuarantine, HeldState},
    },
    uplink::parcel::{Deed, Moved, SaidDecided, SaidMerged},
};

impl Group<'_> {
    pub(super) fn bring_decided(
        &mut self,
        load: &Load<'_>,
        said: &SaidDecided,
    ) -> Result<Fate, StoreError> {
        let Some(item) = self.unit.landed(&said.item)? else { return Ok(Fate::Waits) };
        let decision = match &said.deed {
            Deed::Claimed(person) => Decision::Claimed(person.clone()),
            Deed::Dismissed => Decision::Dismissed,
            Deed::Undone(decision) => match self.unit.landed(decision)? {
                Some(seq) => Decision::Undone(seq),
                None => return Ok(Fate::Waits),
            },
        };
        let Some(held) = self.unit.quarantined(item)? else {
            return self.put_by(load, "a decision about what is no item of quarantine");
        };
        if let Some((seq, latest)) = &held.decided {
            // Both ends came to the same: a row of the registry may have told both.
            if latest.decision == decision {
                self.landed(load, Landed::At(*seq));
                return Ok(Fate::Here);
            }
            if (latest.at, &latest.by) > (said.at, &said.by) {
                return self.put_by(load, "a decision that a later one followed");
            }
        }
        if let Decision::Undone(undone) = &decision {
            return self.take_back(load, said, (&held, *undone));
        }
        let decided = told(said, item, decision);
        self.let_wait_again(&held, said)?;
        let put_aside = decided.decision == Decision::Dismissed;
        self.append_decided(load, decided, put_aside)
    }

    /// A decision is taken back, if it is the one in force.
    fn take_back(
        &mut self,
        load: &Load<'_>,
        said: &SaidDecided,
        (held, undone): (&HeldQuarantine, CommitSeq),
    ) -> Result<Fate, StoreError> {
        let Some((_, was)) = held.decided.as_ref().filter(|(latest, _)| *latest == undone) else {
            return self.put_by(load, "the undoing of a decision that is not in force");
        };
        let put_aside = was.decision == Decision::Dismissed;
        self.append_decided(load, told(said, held.seq, Decision::Undone(undone)), put_aside)
    }

    /// What was decided here before, and stands no more, is taken back first. That is this gateway's
    /// own doing, and stays here.
    fn let_wait_again(
        &mut self,
        held: &HeldQuarantine,
        said: &SaidDecided,
    ) -> Result<(), StoreError> {
        let in_force = held.decided.as_ref().filter(|_| held.state() != HeldState::Waiting);
        let Some((seq, _)) = in_force else { return Ok(()) };
        let undone = told(said, held.seq, Decision::Undone(*seq));
        self.flush()?;
        let before = self.unit.last()?;
        self.facts.push(Fact::Decided(Box::new(undone)));
        self.flush()?;
        let stay = CarryChange::Stay(before, self.unit.last()?);
        self.changes.push(Change::Carry(Box::new(stay)));
        self.flush()
    }

    fn append_decided(
        &mut self,
        load: &Load<'_>,
        decided: Decided,
        put_aside: bool,
    ) -> Result<Fate, StoreError> {
        let (item, by) = (decided.item, decided.by.clone());
        self.facts.push(Fact::Decided(Box::new(decided)));
        self.landed_last(load)?;
        if put_aside {
            self.mind_put_aside(item, &by)?;
        }
        Ok(Fate::Here)
    }

    pub(super) fn bring_moved(
        &mut self,
        load: &Load<'_>,
        said: &Moved,
    ) -> Result<Fate, StoreError> {
        let Some(stored) = self.unit.reading(&said.reading)? else { return Ok(Fate::Waits) };
        let person = |moved: &Option<crate::domain::Attribution>| {
            moved.as_ref().map(|whose| whose.person.clone())
        };
        if let Some(latest) = self.unit.last_move(&said.reading)?
            && (latest.at, person(&latest.after)) > (said.at, person(&said.after))
        {
            if person(&latest.after) == person(&said.after) {
                return Ok(Fate::Here);
            }
            return self.put_by(load, "whose a reading is, of which more was said later");
        }
        let (cause, undone) = match self.decision_of(said)? {
            Some((seq, undone)) => (Some(Cause::of_claim(seq)), undone),
            None => (None, None),
        };
        let whose = said.after.as_ref().or(stored.attribution.as_ref());
        let concerned = whose.map(|whose| whose.person.clone()).filter(|_| cause.is_some());
        if let Some(person) = &concerned {
            self.settle(&[person])?;
        }
        self.cause = cause;
        if let Some((claim, person)) = undone.zip(concerned) {
            let judged = self.survivor(person)?;
            self.put_back(claim, &[judged])?;
        }
        let by = SmolStr::new(load.came.by.as_str());
        self.said_at = Some(said.at);
        let moved = self.attribute_anew(stored, said.after.clone(), &by);
        self.said_at = None;
        moved?;
        self.landed_last(load)?;
        self.bring_in()?;
        self.cause = None;
        Ok(Fate::Here)
    }

    /// The claim, or the undoing of one, by which a reading is somebody else's, and the claim that it
    /// undoes: told in one breath where it was said, so both say the same instant. What follows names
    /// it, as where somebody decided here (`commit/cause.rs`).
    fn decision_of(
        &mut self,
        said: &Moved,
    ) -> Result<Option<(CommitSeq, Option<CommitSeq>)>, StoreError> {
        let Some(held) = self.unit.item_of(&said.reading)? else { return Ok(None) };
        let Some((seq, decided)) = held.decided.filter(|(_, decided)| decided.at == said.at) else {
            return Ok(None);
        };
        Ok(match (&decided.decision, &said.after) {
            (Decision::Claimed(person), Some(after)) if after.person == *person => {
                Some((seq, None))
            }
            (Decision::Undone(claim), None) => Some((seq, Some(*claim))),
            (Decision::Claimed(_) | Decision::Dismissed | Decision::Undone(_), _) => None,
        })
    }

    pub(super) fn bring_retimed(
        &mut self,
        load: &Load<'_>,
        said: &Retimed,
    ) -> Result<Fate, StoreError> {
        let Some(mut stored) = self.unit.reading(&said.reading)? else { return Ok(Fate::Waits) };
        let retimed = Retimed { before: stored.timing(), ..*said };
        self.facts.push(Fact::Retimed(Box::new(retimed)));
        self.landed_last(load)?;
        self.changes.push(Change::Retime(said.reading, said.after));
        stored.retime(&said.after);
        self.past_changed(stored);
        Ok(Fate::Here)
    }

    pub(super) fn bring_merged(
        &mut self,
        load: &Load<'_>,
        said: &SaidMerged,
    ) -> Result<Fate, StoreError> {
        let wish = match &said.undoes {
            None => {
                let (person, survivor) = (said.person.clone(), said.survivor.clone());
                for id in [&person, &survivor] {
                    if self.desk.person(self.unit, id)?.is_none() {
                        return Ok(Fate::Waits);
                    }
                }
                Wish::Merge { person, survivor }
            }
            Some(merge) => match self.unit.landed(merge)? {
                Some(merge) => Wish::Unmerge { merge },
                None => return Ok(Fate::Waits),
            },
        };
        let (reply, _nobody_asks) = oneshot::channel();
        let (reason, by) = (said.reason.clone(), said.by.clone());
        self.said_at = Some(said.at);
        let done = self.decide_once(&Decide { wish, reason, by, request: None, reply });
        self.said_at = None;
        match done? {
            Ok(seq) => {
                self.landed(load, Landed::At(seq));
                self.bring_in()?;
                Ok(Fate::Here)
            }
            Err(refused) => self.put_by(load, &refused.to_string()),
        }
    }
}

fn told(said: &SaidDecided, item: CommitSeq, decision: Decision) -> Decided {
    let (reason, by) = (said.reason.clone(), said.by.clone());
    Decided { item, decision, reason, by, at: said.at }
}
