//! Two files of one person, and who is whose.

use super::state::State;
use crate::{
    domain::{IdNumber, Person, PersonId, Registered},
    store::{HeldMerge, merge::SAME_MAX, view::Scope},
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
