//! How an alert ends by a doctor's word.

use smol_str::SmolStr;

use super::life::{Step, deadline_timer, event};
use crate::{
    domain::{Alert, AlertOutcome, AlertState, Timestamp},
    store::{AlertChange, Change},
};

/// The doctor says what became of a visited alert: it is closed, nobody is owed anything more.
/// `None`: it was not visited, and cannot end so.
#[must_use]
pub fn end(before: &Alert, outcome: AlertOutcome, by: &SmolStr, now: Timestamp) -> Option<Step> {
    if before.state != AlertState::Visited {
        return None;
    }
    let alert = Alert { state: AlertState::Closed, ..before.clone() };
    let mut event = event(&alert, AlertChange::Closed, now, Some(before.state));
    event.by = Some(by.clone());
    event.outcome = Some(Box::new(outcome));
    let changes = vec![Change::ClearTimer(deadline_timer(&alert, now))];
    Some(Step { alert, event, changes })
}
