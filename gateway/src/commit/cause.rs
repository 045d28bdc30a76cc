//! What follows from a decision that may be taken back: a merge of two files, or a claim.
//!
//! Every step of an alert that such a decision causes names it. Taking the decision back puts each
//! alert that nothing else touched meanwhile where it stood, to the letter, before the lines look
//! again: so a decision and its undoing leave everybody as if there had been neither.

use crate::{
    care,
    domain::PersonId,
    store::{CommitSeq, StoreError},
};

use super::{group::Group, watch::Look};

/// A decision while what follows from it is judged.
#[derive(Debug)]
pub(super) struct Cause {
    /// The decision or its undoing.
    because: CommitSeq,
    /// The two files of a merge.
    files: Option<[PersonId; 2]>,
}

impl Cause {
    /// A merge of two files, or its undoing.
    pub(super) const fn of_files(because: CommitSeq, files: [PersonId; 2]) -> Self {
        Self { because, files: Some(files) }
    }

    /// A claim, or its undoing.
    pub(super) const fn of_claim(because: CommitSeq) -> Self {
        Self { because, files: None }
    }
}

impl Group<'_> {
    /// The decision that what is done now follows from.
    pub(super) fn because(&self) -> Option<CommitSeq> {
        self.cause.as_ref().map(|cause| cause.because)
    }

    /// The other file of the merge that what is done now follows from.
    pub(super) fn other_than(&self, person: &PersonId) -> Option<PersonId> {
        let files = self.cause.as_ref()?.files.as_ref()?;
        files.contains(person).then(|| files.iter().find(|file| *file != person).cloned())?
    }

    /// What came before is judged by what held before, so that nothing else is put down to a decision.
    pub(super) fn settle(&mut self, people: &[&PersonId]) -> Result<(), StoreError> {
        self.judge()?;
        for person in people {
            self.judge_again(person, Look::Near)?;
        }
        self.flush()
    }

    /// Every alert of some people that only a decision changed stands again where it stood before.
    pub(super) fn put_back(
        &mut self,
        decision: CommitSeq,
        people: &[PersonId],
    ) -> Result<(), StoreError> {
        for person in people {
            for alert in self.alerts_of(person)? {
                let steps = self.unit.steps(alert.key)?;
                let (before, since) =
                    steps.split_at(steps.partition_point(|(seq, _)| *seq < decision));
                let only = since.iter().all(|(_, event)| event.cause == Some(decision));
                if let (Some((_, stood)), true, false) = (before.last(), only, since.is_empty()) {
                    let team = self.team_of(&stood.alert)?;
                    self.take(care::stand_again(&alert, &stood.alert, &team, self.now));
                }
            }
        }
        self.flush()
    }
}
