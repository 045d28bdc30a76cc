//! Alerts, each step of their lives where it was taken.

use super::{Items, Part};
use crate::{
    domain::{Person, case_code},
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
    /// The steps of the person's alerts, and the messages about them.
    pub(super) fn timeline_alerts(
        &self,
        scope: &Scope,
        of: &Person,
        part: &Part,
    ) -> Result<Items, StoreError> {
        let filter = AlertFilter { person: Some(of.person.clone()), ..AlertFilter::default() };
        let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
        let (mut steps, mut messages) = (Vec::new(), Vec::new());
        loop {
            let page = self.reader().alerts(scope, &filter, &paging)?;
            for alert in page.items {
                let Some(history) = self.reader().alert(scope, &alert.id)? else { continue };
                steps.extend(history.events);
                messages.extend(self.reader().messages_of(alert.key)?);
            }
            paging.after = page.next;
            if paging.after.is_none() {
                break;
            }
        }
        // In the order of the log, however the alerts rank now.
        steps.sort_by_key(|(seq, _)| *seq);
        let steps = steps.into_iter().map(|(_, event)| event);
        let known = steps.filter(|event| part.is_known(event.at) && part.is_before(event.at));
        let mut items: Items = known.map(|event| (event.at, self.of_event(&event))).collect();
        items.extend(self.timeline_messages(messages, part));
        Ok(items)
    }

    fn of_event(&self, event: &AlertEvent) -> wire::TimelineItem {
        let act = matches!(
            event.change,
            AlertChange::Acknowledged
                | AlertChange::Forwarded
                | AlertChange::Noted
                | AlertChange::Visited
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
