//! Two files of one person: those that were merged, and those that may be.

use super::Describer;
use crate::{
    domain::{IdNumber, Person, PersonId},
    serve::wire,
    store::{HeldMerge, Merged, RegistryKey, StoreError, view::Scope},
};

/// A merge, with what took it back.
pub(in crate::serve) fn merge(held: &HeldMerge) -> wire::Merge {
    let merged = &held.merged;
    wire::Merge {
        id: held.seq.0.to_string(),
        person: merged.person.to_string(),
        into: merged.survivor.to_string(),
        reason: merged.reason.clone(),
        by: merged.by.to_string(),
        at: merged.at.to_string(),
        undone: held.undone.as_ref().map(|(_, undone)| wire::Undone {
            reason: undone.reason.clone(),
            by: undone.by.to_string(),
            at: undone.at.to_string(),
        }),
    }
}

/// That two files carry the same resident identity number: the same person, if neither was typed
/// wrong. Never the number itself.
pub(in crate::serve) fn same_number(person: &PersonId) -> wire::Suggestion {
    wire::Suggestion {
        person: person.to_string(),
        evidence: vec![wire::Evidence {
            code: "same_id_number",
            zh: "两份档案登记的身份证号码相同。".to_owned(),
            en: "Both files carry the same identity number.".to_owned(),
        }],
    }
}

impl Describer<'_> {
    /// Every merge that names a person on either side, as far as a scope reaches the other one.
    pub(super) fn merges_within(
        &self,
        scope: &Scope,
        person: &PersonId,
    ) -> Result<Vec<HeldMerge>, StoreError> {
        let mut within = Vec::new();
        for held in self.reader().merges_of(person)? {
            let Merged { person: file, survivor, .. } = &held.merged;
            let other = if file == person { survivor } else { file };
            let key = RegistryKey::Person(other.clone());
            if self.reader().registered(scope, &key)?.is_some() {
                within.push(held);
            }
        }
        Ok(within)
    }

    /// Files that may be the same person's, within a scope: nothing is merged unless somebody says so.
    pub(super) fn same_as(
        &self,
        scope: &Scope,
        person: &Person,
        known: &[HeldMerge],
    ) -> Result<Vec<wire::Suggestion>, StoreError> {
        let merged = |other: &PersonId| {
            let standing = known.iter().filter(|held| held.undone.is_none());
            standing
                .into_iter()
                .any(|held| [&held.merged.person, &held.merged.survivor].contains(&other))
        };
        let Ok(number) = IdNumber::parse(&person.id_number) else { return Ok(Vec::new()) };
        let others = self.reader().with_id_number(scope, &number)?;
        let others = others.iter().filter(|other| **other != person.person && !merged(other));
        Ok(others.map(same_number).collect())
    }
}
