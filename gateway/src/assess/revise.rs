//! What a late fact changed: the alerts before and after all facts were judged anew.
//!
//! An alert whose beginning moved is still the same alert under another id (DESIGN section 5): it
//! never opens a second time for an overlapping episode.

use super::episode::Episode;

/// One difference between two assessments of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// It had not been open before.
    Opened(Episode),
    /// It is another one now: its reasons, its state, or its beginning and with that its id.
    Changed {
        /// As it was.
        before: Episode,
        /// As it is.
        now: Episode,
    },
    /// It should not have been opened.
    Withdrawn(Episode),
}

/// The differences, in the order of the alerts' times. What is equal is left out.
#[must_use]
pub fn revise(before: &[Episode], now: &[Episode]) -> Vec<Revision> {
    let mut gone: Vec<&Episode> = before.iter().filter(|old| !holds(now, old)).collect();
    let mut revisions: Vec<(&Episode, Revision)> = Vec::new();
    for episode in now {
        let old = match before.iter().find(|old| old.id == episode.id) {
            Some(same) => Some(same),
            None => {
                let moved = gone.iter().position(|old| overlap(old, episode));
                moved.map(|place| gone.remove(place))
            }
        };
        match old {
            None => revisions.push((episode, Revision::Opened(episode.clone()))),
            Some(old) if old == episode => {}
            Some(old) => revisions
                .push((episode, Revision::Changed { before: old.clone(), now: episode.clone() })),
        }
    }
    revisions.extend(gone.into_iter().map(|old| (old, Revision::Withdrawn(old.clone()))));
    revisions.sort_by_key(|(episode, _)| (episode.at, episode.concept, episode.id));
    revisions.into_iter().map(|(_, revision)| revision).collect()
}

fn holds(episodes: &[Episode], wanted: &Episode) -> bool {
    episodes.iter().any(|episode| episode.id == wanted.id)
}

/// Alerts of one line whose times, from alert time to end, have an instant in common.
fn overlap(old: &Episode, now: &Episode) -> bool {
    let ends_before = |one: &Episode, other: &Episode| one.end.is_some_and(|end| end.at < other.at);
    old.concept == now.concept
        && old.family == now.family
        && !ends_before(old, now)
        && !ends_before(now, old)
}
