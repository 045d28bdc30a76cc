//! Alerts, each step of their lives where it was taken.

use super::{Items, Part, files::Files};
use crate::{
    domain::{Alert, PersonId, case_code},
    serve::{
        describe::{Describer, alert::step},
        wire,
    },
    store::{
        AlertChange, AlertEvent, StoreError,
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
                let told = at.into_iter().zip(known).enumerate().filter(|(index, (_, event))| {
                    !put_right.contains(index) && files.own.contains(&event.alert.person)
                });
                let before = steps.len();
                steps.extend(told.map(|(_, step)| step));
                if steps.len() > before {
                    messages.extend(self.reader().messages_of(alert.key)?);
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
