//! Whether a scope reaches a person or a site, remembered for a little, until an
//! assignment or an alert changes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::events::{Kind, Prepared};
use crate::{
    domain::{PersonId, Registered, SiteId},
    serve::{refusal::Refusal, shared::Shared},
    store::{RegistryKey, StoreError, view::Scope},
};

/// People and sites remembered. Full: all are forgotten.
const KEPT: usize = 50_000;

/// Answers are kept so long: who answers for a household changes with time alone.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Of whom an event speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Person(PersonId),
    Site(SiteId),
}

#[derive(Debug, Default)]
struct Known {
    /// Raised whenever something is forgotten, so that an answer from before is not kept.
    generation: u64,
    /// When the answers began to be kept.
    since: Option<Instant>,
    answers: HashMap<Subject, Vec<(Scope, bool)>>,
}

/// What is known about reach.
#[derive(Debug, Default)]
pub(super) struct Reached(Mutex<Known>);

impl Reached {
    /// Whether the scope reaches the subject.
    pub(super) async fn ask(
        &self,
        shared: &Arc<Shared>,
        scope: &Scope,
        subject: Subject,
    ) -> Result<bool, Refusal> {
        match scope {
            Scope::Everything => return Ok(true),
            Scope::Nobody => return Ok(false),
            Scope::Place(_) | Scope::Doctor(_) => {}
        }
        let (generation, known) = self.look(scope, &subject);
        if let Some(known) = known {
            return Ok(known);
        }
        let (asked, key) = (scope.clone(), subject.clone());
        let reached = shared.ask(move |shared| reaches(shared, &asked, key)).await?;
        self.keep(generation, scope, subject, reached);
        Ok(reached)
    }

    /// Forgets what an event may have changed.
    pub(super) fn forget(&self, event: &Prepared) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.kind {
            Kind::Registry => {
                known.generation = known.generation.wrapping_add(1);
                known.answers.clear();
            }
            Kind::Alert { of, .. } => {
                known.generation = known.generation.wrapping_add(1);
                known.answers.remove(of);
            }
            Kind::Reading { .. } | Kind::Ring { .. } | Kind::Presence { .. } | Kind::Quarantine => {
            }
        }
    }

    fn look(&self, scope: &Scope, subject: &Subject) -> (u64, Option<bool>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if known.since.is_none_or(|since| now.duration_since(since) > KEPT_FOR) {
            known.generation = known.generation.wrapping_add(1);
            known.answers.clear();
            known.since = Some(now);
        }
        let answer = known.answers.get(subject).into_iter().flatten();
        let answer = answer.filter(|(of, _)| of == scope).map(|(_, reached)| *reached).next();
        (known.generation, answer)
    }

    fn keep(&self, generation: u64, scope: &Scope, subject: Subject, reached: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation != generation {
            return;
        }
        if known.answers.len() >= KEPT {
            known.answers.clear();
        }
        let answers = known.answers.entry(subject).or_default();
        if !answers.iter().any(|(of, _)| of == scope) {
            answers.push((scope.clone(), reached));
        }
    }
}

/// A site belongs to the places that it lies within, and to no doctor: what nobody is known for yet
/// is not theirs to see.
fn reaches(shared: &Shared, scope: &Scope, subject: Subject) -> Result<bool, StoreError> {
    let key = match subject {
        Subject::Person(person) => RegistryKey::Person(person),
        Subject::Site(site) => RegistryKey::Site(site),
    };
    let row = shared.reader.registered(scope, &key)?;
    Ok(match (row, scope) {
        (Some(Registered::Site(site)), Scope::Place(place)) => {
            shared.reader.has_site(place, &site.site)?
        }
        (Some(Registered::Site(_)), Scope::Doctor(_)) | (None, _) => false,
        (Some(_), _) => true,
    })
}
