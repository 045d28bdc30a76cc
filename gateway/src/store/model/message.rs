//! Messages about an alert, from the promises and the log.

use super::state::{Promise, State};
use crate::store::{Attempt, Fact, view::Message};

/// The messages about an alert, in the order in which they were owed.
pub(super) fn of_alert(state: &State, alert: i64) -> Vec<Message> {
    let theirs = state.promises.values().filter(|promise| promise.owed.alert == alert);
    let mut promises: Vec<_> = theirs.collect();
    promises.sort_by_key(|promise| (promise.seq, promise.owed.key));
    promises.into_iter().filter_map(|promise| message(state, promise)).collect()
}

fn message(state: &State, Promise { owed, seq, .. }: &Promise) -> Option<Message> {
    let Fact::Alert(step) = state.fact(*seq)? else { return None };
    let tries = state.log().filter_map(|(_, fact)| {
        let Fact::Attempt(attempt) = fact else { return None };
        (attempt.key == owed.key).then(|| Attempt::clone(attempt))
    });
    Some(Message {
        key: owed.key,
        alert: owed.alert_id,
        change: owed.change,
        level: step.alert.level,
        recipient: owed.recipient.clone(),
        channel: owed.channel,
        owed_at: step.at,
        attempts: tries.collect(),
    })
}
