//! What was decided at another gateway: of quarantine, of whose a reading is and when it was taken, of
//! two files of one person.

use smol_str::SmolStr;
use tokio::sync::oneshot;

use super::{Fate, Group, Load};
use crate::{
    commit::work::{Decide, Wish},
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
            if (latest.at, &latest.by) > (said.at, &said.by) {
                return self.put_by(load, "a decision that a later one followed");
            }
            if (&latest.decision, latest.at, &latest.by) == (&decision, said.at, &said.by) {
                self.landed(load, Landed::At(*seq));
                return Ok(Fate::Here);
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
            return self.put_by(load, "whose a reading is, of which more was said later");
        }
        let by = SmolStr::new(load.came.by.as_str());
        self.said_at = Some(said.at);
        let moved = self.attribute_anew(stored, said.after.clone(), &by);
        self.said_at = None;
        moved?;
        self.landed_last(load)?;
        self.bring_in()?;
        Ok(Fate::Here)
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
