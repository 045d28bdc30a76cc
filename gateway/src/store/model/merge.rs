//! Two files of one person, and who is whose.

use std::collections::BTreeMap;

use super::{
    asked,
    reader::{ModelReader, page_by_name, page_of},
    state::State,
};
use crate::{
    domain::{BenchId, IdNumber, Person, PersonId, Registered, SiteId, Timestamp},
    store::{
        BenchSession, CardScan, CommitSeq, Decision, Fact, FileReader, HeldClaim, HeldMerge,
        Merged, StoreError, StoredReading,
        merge::SAME_MAX,
        view::{Page, Paging, Scope},
    },
};

/// Merges of people whom a scope reaches both.
pub(super) fn merges(state: &State, scope: &Scope) -> Vec<HeldMerge> {
    let mut all = state.merges();
    all.retain(|held| {
        let both = [&held.merged.person, &held.merged.survivor];
        both.into_iter().all(|person| state.reaches(scope, person))
    });
    all
}

/// Merges that name a person.
pub(super) fn merges_of(state: &State, person: &PersonId) -> Vec<HeldMerge> {
    let mut all = state.merges();
    all.retain(|held| [&held.merged.person, &held.merged.survivor].contains(&person));
    all
}

/// Claims for a person.
pub(super) fn claims_of(state: &State, person: &PersonId) -> Vec<HeldClaim> {
    let mut all: Vec<HeldClaim> = Vec::new();
    for (seq, fact) in state.log() {
        let Fact::Decided(decided) = fact else { continue };
        match &decided.decision {
            Decision::Claimed(of) if of == person => {
                all.push(HeldClaim { seq, at: decided.at, undone: None });
            }
            Decision::Undone(claim) => {
                let of = all.iter_mut().find(|held| held.seq == *claim);
                of.into_iter().for_each(|held| held.undone = Some((seq, decided.at)));
            }
            Decision::Claimed(_) | Decision::Dismissed => {}
        }
    }
    all
}

/// People of a list whom the registry has and a scope reaches.
pub(super) fn reached(state: &State, scope: &Scope, people: &[PersonId]) -> Vec<PersonId> {
    let known = |person: &&PersonId| {
        state.in_force("person", person.as_str()).is_some() && state.reaches(scope, person)
    };
    people.iter().filter(known).cloned().collect()
}

/// Cards of a list that the registry knows, with whose they are.
pub(super) fn card_holders(state: &State, cards: &[String]) -> Vec<(String, PersonId)> {
    let holder = |card: &String| {
        let Registered::Card(row) = state.row("card", card)? else { return None };
        Some((card.clone(), row.person))
    };
    cards.iter().filter_map(holder).collect()
}

/// People within a scope who carry a number.
pub(super) fn with_id_number(state: &State, scope: &Scope, number: &IdNumber) -> Vec<PersonId> {
    let theirs = |person: &&Person| person.id_number == number.as_str();
    let found = state.people().filter(theirs);
    let reached = found.filter(|person| state.reaches(scope, &person.person));
    reached.map(|person| person.person.clone()).take(SAME_MAX).collect()
}

/// Pairs of people within a scope who carry the same number and count as nobody else.
pub(super) fn same_numbers(state: &State, scope: &Scope) -> Vec<(PersonId, PersonId)> {
    let merged = state.merged();
    let open = |person: &&Person| {
        state.reaches(scope, &person.person) && !merged.contains_key(&person.person)
    };
    let people: Vec<_> = state.people().filter(open).collect();
    let mut pairs = Vec::new();
    for (at, one) in people.iter().enumerate() {
        for other in people.iter().skip(at.saturating_add(1)) {
            if one.id_number == other.id_number && IdNumber::parse(&one.id_number).is_ok() {
                pairs.push((one.person.clone(), other.person.clone()));
            }
        }
    }
    pairs
}

impl FileReader for ModelReader {
    fn merges(&self, scope: &Scope, paging: &Paging) -> Result<Page<HeldMerge>, StoreError> {
        page_of(merges(&self.shared().now(), scope), paging, |held| [held.seq.0])
    }

    fn merge(&self, at: CommitSeq) -> Result<Option<HeldMerge>, StoreError> {
        Ok(self.shared().now().merges().into_iter().find(|held| held.seq == at))
    }

    fn merges_of(&self, person: &PersonId) -> Result<Vec<HeldMerge>, StoreError> {
        Ok(merges_of(&self.shared().now(), person))
    }

    fn claims_of(&self, person: &PersonId) -> Result<Vec<HeldClaim>, StoreError> {
        Ok(claims_of(&self.shared().now(), person))
    }

    fn reached(&self, scope: &Scope, people: &[PersonId]) -> Result<Vec<PersonId>, StoreError> {
        Ok(reached(&self.shared().now(), scope, people))
    }

    fn card_holders(&self, cards: &[String]) -> Result<Vec<(String, PersonId)>, StoreError> {
        Ok(card_holders(&self.shared().now(), cards))
    }

    fn sessions(
        &self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<BenchSession>, StoreError> {
        Ok(asked::sessions(&self.shared().now(), bench, span))
    }

    fn scans(
        &self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError> {
        Ok(asked::scans(&self.shared().now(), bench, span))
    }

    fn with_id_number(
        &self,
        scope: &Scope,
        number: &IdNumber,
    ) -> Result<Vec<PersonId>, StoreError> {
        Ok(with_id_number(&self.shared().now(), scope, number))
    }

    fn same_numbers(
        &self,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<(PersonId, PersonId)>, StoreError> {
        let pairs = same_numbers(&self.shared().now(), scope);
        Ok(page_by_name(pairs, paging, |(one, other)| format!("{one} {other}")))
    }

    fn survivor(&self, person: &PersonId) -> Result<Option<PersonId>, StoreError> {
        Ok(self.shared().now().merged().remove(person))
    }
}

impl State {
    /// Every merge with what took it back, oldest first.
    pub(super) fn merges(&self) -> Vec<HeldMerge> {
        let mut all: Vec<HeldMerge> = Vec::new();
        for (seq, fact) in self.log() {
            let Fact::Merged(merged) = fact else { continue };
            let merged = Merged::clone(merged);
            if let Some(undone) = merged.undoes {
                let of = all.iter_mut().find(|held| held.seq == undone);
                of.into_iter().for_each(|held| held.undone = Some((seq, merged.clone())));
            } else {
                all.push(HeldMerge { seq, merged, undone: None });
            }
        }
        all
    }

    /// The merges in force: the file that counts as another's, and that other.
    pub(super) fn merged(&self) -> BTreeMap<PersonId, PersonId> {
        let standing = self.merges().into_iter().filter(|held| held.undone.is_none());
        standing.map(|held| (held.merged.person, held.merged.survivor)).collect()
    }

    /// Whom a reading counts as: the survivor of the file it came under.
    pub(super) fn owner(&self, stored: &StoredReading) -> Option<PersonId> {
        let file = &stored.attribution.as_ref()?.person;
        Some(self.merged().remove(file).unwrap_or_else(|| file.clone()))
    }

    /// A merge is of two files that count as nobody else's; what is undone must be in force.
    pub(super) fn check_merge(&self, merged: &Merged) -> Result<(), StoreError> {
        let Merged { person, survivor, undoes, .. } = merged;
        let known = self.merged();
        if let Some(undone) = undoes {
            let stands = |held: &HeldMerge| {
                held.seq == *undone
                    && held.undone.is_none()
                    && (&held.merged.person, &held.merged.survivor) == (person, survivor)
            };
            let what = "no such merge is in force";
            return self
                .merges()
                .iter()
                .any(stands)
                .then_some(())
                .ok_or(StoreError::Asked { what });
        }
        let chained = person == survivor
            || known.contains_key(person)
            || known.contains_key(survivor)
            || known.values().any(|other| other == person);
        let what = "a merge of a merge";
        if chained { Err(StoreError::Asked { what }) } else { Ok(()) }
    }
}
