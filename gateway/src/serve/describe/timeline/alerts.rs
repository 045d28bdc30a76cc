//! Alerts, each step of their lives where it was taken.

use super::{Items, Part, files::Files};
use crate::{
    domain::{Alert, PersonId, Timestamp, case_code},
    serve::{
        describe::{Describer, alert::step},
        wire,
    },
    store::{
        AlertChange, AlertEvent, Attempt, Sending, StoreError,
        view::{AlertFilter, Paging, Scope},
    },
};

impl Describer<'_> {
    /// The steps of the alerts of the person's files, and the messages about them.
    pub(super) fn timeline_alerts(&self, files: &Files, part: &Part) -> Result<Items, StoreError> {
        let (mut steps, mut messages) = (Vec::new(), Vec::new());
        for person in files.related() {
            for alert in self.all_alerts(person)? {
                let history = self.reader().alert(&Scope::Everything, &alert.id)?;
                let Some(history) = history else { continue };
                let known = history.events.into_iter().filter(|(_, event)| part.is_known(event.at));
                let (at, known): (Vec<_>, Vec<_>) = known.unzip();
                let put_right = files.put_right(&known, part);
                let stood: Vec<_> = known
                    .iter()
                    .enumerate()
                    .map(|(index, event)| {
                        // Not the undoing itself: from there on the alert stands again.
                        let next = index.saturating_add(1);
                        (event.at, put_right.contains(&index) && put_right.contains(&next))
                    })
                    .collect();
                let told = at.into_iter().zip(known).enumerate().filter(|(index, (_, event))| {
                    !put_right.contains(index) && files.own.contains(&event.alert.person)
                });
                let before = steps.len();
                steps.extend(told.map(|(_, step)| step));
                if steps.len() > before {
                    let mut of_it = self.reader().messages_of(alert.key)?;
                    for message in &mut of_it {
                        message.attempts.retain(|tried| !undone(&stood, tried));
                    }
                    messages.extend(of_it);
                }
            }
        }
        // In the order of the log, however the alerts rank now.
        steps.sort_by_key(|(seq, _)| *seq);
        let steps = steps.into_iter().map(|(_, event)| event);
        let told = steps.filter(|event| part.is_before(event.at));
        let mut items: Items = told.map(|event| (event.at, self.of_event(&event))).collect();
        items.extend(self.timeline_messages(messages, part));
        Ok(items)
    }

    fn all_alerts(&self, person: &PersonId) -> Result<Vec<Alert>, StoreError> {
        let filter = AlertFilter { person: Some(person.clone()), ..AlertFilter::default() };
        let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
        let mut all = Vec::new();
        loop {
            let page = self.reader().alerts(&Scope::Everything, &filter, &paging)?;
            all.extend(page.items);
            paging.after = page.next;
            if paging.after.is_none() {
                return Ok(all);
            }
        }
    }

    fn of_event(&self, event: &AlertEvent) -> wire::TimelineItem {
        let act = matches!(
            event.change,
            AlertChange::Acknowledged
                | AlertChange::Forwarded
                | AlertChange::Noted
                | AlertChange::Visited
                | AlertChange::VisitRejected
                | AlertChange::Closed
        );
        let prefix = &self.shared.settings.case_prefix;
        wire::TimelineItem {
            at: event.at.to_string(),
            kind: if act { "act" } else { "alert" },
            alert: Some(event.alert.id.to_string()),
            case: Some(case_code(prefix, &event.alert.id)),
            level: Some(event.alert.level),
            step: Some(step(event)),
            ..wire::TimelineItem::default()
        }
    }
}

/// Whether a message was dropped because of a merge that was taken back since: by when each step was
/// taken, oldest first, and whether it was put right later.
fn undone(steps: &[(Timestamp, bool)], tried: &Attempt) -> bool {
    let then = steps.iter().rev().find(|(at, _)| *at <= tried.at);
    tried.sending == Sending::Dropped && then.is_some_and(|(_, put_right)| *put_right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::{after_noon, key};

    #[track_caller]
    fn check(sending: Sending, minutes: i64, expected: bool) {
        // Opened at noon, ended by a merge ten minutes later, which was taken back after twenty.
        let steps = [(0, false), (10, true), (20, false)];
        let steps = steps.map(|(minutes, put_right)| (after_noon(minutes), put_right));
        let (key, at) = (key(1), after_noon(minutes));
        let what = format!("{sending:?} after {minutes} minutes");
        let tried = Attempt { key, at, sending };
        assert_eq!(undone(&steps, &tried), expected, "{what}");
    }

    #[test]
    fn what_a_merge_dropped_that_was_taken_back_is_told_no_more() {
        check(Sending::Dropped, 5, false);
        check(Sending::Dropped, 10, true);
        check(Sending::Dropped, 15, true);
        check(Sending::Dropped, 25, false);
        check(Sending::Delivered, 15, false);
    }
}
