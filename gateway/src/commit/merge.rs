//! Two files of one person: they are merged, and a merge is taken back.
//!
//! Nothing moves. What came under a file stays under it for ever, its first attribution too; while a
//! merge stands it counts as the survivor's, and the lines judge the survivor by everything that came
//! under either. The one that counts as another's is not judged at all, so that nobody is told of a
//! silence that is none. Their alerts go over to the survivor with owner, deadline and acts where
//! the lines see the same beginning, and end where they were one episode with an alert of the
//! survivor's.
//!
//! Every step of an alert that a merge causes names it. Taking the merge back puts each alert that
//! nothing else touched meanwhile where it stood, to the letter, and judges both anew, so that a
//! merge and its undoing leave both as if there had been none.
//!
//! Merges have no chains: the survivor is nobody else's file, and whoever counts as another's has
//! nobody who counts as theirs.

use tracing::info;

use crate::{
    assess::{Assessment, Trigger, files_merged},
    care,
    domain::{Alert, PersonId, alert_id},
    store::{Change, CommitSeq, Fact, Merged, StoreError},
};

use super::{
    group::Group,
    watch::Look,
    work::{Decide, DecideRefused},
};

type Refusable<T> = Result<Result<T, DecideRefused>, StoreError>;

/// A merge while what follows from it is judged.
#[derive(Debug)]
pub(super) struct Merging {
    /// The merge or its undoing.
    because: CommitSeq,
    /// Its two files.
    files: [PersonId; 2],
}

impl Group<'_> {
    /// The file under which a person is judged: the survivor's, if theirs counts as another's.
    pub(super) fn survivor(&mut self, person: PersonId) -> Result<PersonId, StoreError> {
        let survivor = self.desk.merged(self.unit)?.get(&person);
        Ok(survivor.cloned().unwrap_or(person))
    }

    /// Merges two files; returns the merge's position.
    pub(super) fn merge(
        &mut self,
        decide: &Decide,
        (person, survivor): (&PersonId, &PersonId),
    ) -> Refusable<CommitSeq> {
        for id in [person, survivor] {
            if self.desk.person(self.unit, id)?.is_none() {
                return Ok(Err(DecideRefused::UnknownPerson));
            }
        }
        if let Some(refused) = self.chained(person, survivor)? {
            return Ok(Err(refused));
        }
        let merged = self.said(decide, (person, survivor), None);
        self.settle(&merged)?;
        let seq = self.append_merge(merged)?;
        let files = [survivor.clone(), person.clone()];
        self.merging = Some(Merging { because: seq, files });
        self.judge_anew(survivor.clone());
        self.judge_pasts()?;
        self.leave(person)?;
        self.merging = None;
        self.flush()?;
        Ok(Ok(seq))
    }

    /// Takes a merge back; returns the undoing's position.
    pub(super) fn unmerge(&mut self, decide: &Decide, merge: CommitSeq) -> Refusable<CommitSeq> {
        self.flush()?;
        let Some(held) = self.unit.merge(merge)? else { return Ok(Err(DecideRefused::Unknown)) };
        if held.undone.is_some() {
            return Ok(Err(DecideRefused::NotInForce));
        }
        let (person, survivor) = (&held.merged.person, &held.merged.survivor);
        let undoing = self.said(decide, (person, survivor), Some(merge));
        self.settle(&undoing)?;
        let seq = self.append_merge(undoing)?;
        let files = [survivor.clone(), person.clone()];
        self.merging = Some(Merging { because: seq, files: files.clone() });
        self.put_back(merge, &files)?;
        for file in files {
            self.judge_anew(file);
        }
        self.judge_pasts()?;
        self.merging = None;
        self.flush()?;
        Ok(Ok(seq))
    }

    fn said(
        &self,
        decide: &Decide,
        (person, survivor): (&PersonId, &PersonId),
        undoes: Option<CommitSeq>,
    ) -> Merged {
        Merged {
            person: person.clone(),
            survivor: survivor.clone(),
            undoes,
            reason: decide.reason.clone(),
            by: decide.by.clone(),
            at: self.said_at.unwrap_or(self.now),
        }
    }

    fn chained(
        &mut self,
        person: &PersonId,
        survivor: &PersonId,
    ) -> Result<Option<DecideRefused>, StoreError> {
        let merged = self.desk.merged(self.unit)?;
        Ok(if person == survivor {
            Some(DecideRefused::SamePerson)
        } else if merged.contains_key(person) {
            Some(DecideRefused::CountsAsAnother)
        } else if merged.contains_key(survivor) {
            Some(DecideRefused::SurvivorCountsAsAnother)
        } else if merged.values().any(|other| other == person) {
            Some(DecideRefused::OthersCountAsTheirs)
        } else {
            None
        })
    }

    /// What came before is judged by what held before, so that nothing else is put down to the merge.
    fn settle(&mut self, merged: &Merged) -> Result<(), StoreError> {
        self.judge()?;
        for person in [&merged.person, &merged.survivor] {
            self.judge_again(person, Look::Near)?;
        }
        self.flush()
    }

    fn append_merge(&mut self, merged: Merged) -> Result<CommitSeq, StoreError> {
        let undoes = merged.undoes.is_some();
        info!(target: "audit", by = %merged.by, undoes, "two files are said to be one person's or not");
        self.facts.push(Fact::Merged(Box::new(merged)));
        self.flush()?;
        self.desk.forget_merged();
        self.unit.last()
    }

    /// Who counts as another is judged no more: what is still open of theirs is the survivor's
    /// episode too.
    fn leave(&mut self, person: &PersonId) -> Result<(), StoreError> {
        self.desk.people.forget_person(person);
        self.changes.push(Change::ForgetState(person.clone()));
        self.changes.push(Change::Watch(person.clone(), None));
        self.flush()?;
        for alert in self.alerts_of(person)?.iter().filter(|alert| alert.state.is_live()) {
            let team = self.team_of(alert)?;
            self.take(care::withdraw(alert, files_merged(), &team, self.now));
        }
        self.flush()
    }

    /// Alerts go over to a person whose lines see the same beginning, with everything that belongs to
    /// them: by a merge those of the other file, by its undoing those that came meanwhile.
    pub(super) fn take_over(
        &mut self,
        to: &PersonId,
        assessment: &Assessment,
    ) -> Result<(), StoreError> {
        let Some(other) = self.other_than(to) else { return Ok(()) };
        let standing = self.alerts_of(to)?;
        for alert in self.alerts_of(&other)? {
            let same = |trigger: &Trigger, concept: &str| {
                matches!(trigger, Trigger::Fact(_))
                    && alert_id(&other, concept, &trigger.to_string()) == alert.id
            };
            let mut episodes = assessment.episodes.iter();
            let heir = episodes.find(|it| same(&it.trigger, it.concept.as_str()));
            let free = |id| standing.iter().all(|own| own.id != id);
            if let Some(heir) = heir.filter(|heir| free(heir.id)) {
                let after = Alert { id: heir.id, person: to.clone(), ..alert.clone() };
                self.take(care::stand_as(&alert, after, self.now));
            }
        }
        self.flush()
    }

    /// Every alert that only the merge changed stands again where it stood before.
    fn put_back(&mut self, merge: CommitSeq, files: &[PersonId; 2]) -> Result<(), StoreError> {
        for file in files {
            for alert in self.alerts_of(file)? {
                let steps = self.unit.steps(alert.key)?;
                let (before, since) =
                    steps.split_at(steps.partition_point(|(seq, _)| *seq < merge));
                let only = since.iter().all(|(_, event)| event.merge == Some(merge));
                if let (Some((_, stood)), true, false) = (before.last(), only, since.is_empty()) {
                    let team = self.team_of(&stood.alert)?;
                    self.take(care::stand_again(&alert, &stood.alert, &team, self.now));
                }
            }
        }
        self.flush()
    }

    fn alerts_of(&mut self, person: &PersonId) -> Result<Vec<Alert>, StoreError> {
        self.flush()?;
        Ok(self.unit.alerts(std::slice::from_ref(person))?.pop().unwrap_or_default())
    }

    /// The merge that what is done now follows from.
    pub(super) fn because(&self) -> Option<CommitSeq> {
        self.merging.as_ref().map(|merging| merging.because)
    }

    /// The other file of the merge that what is done now follows from.
    pub(super) fn other_than(&self, person: &PersonId) -> Option<PersonId> {
        let files = &self.merging.as_ref()?.files;
        files.contains(person).then(|| files.iter().find(|file| *file != person).cloned())?
    }
}
