//! Messages about the person's alerts: when each was owed and to whom, and how every try to send it
//! ended. When one that waits will leave is working state and moves, so it is told nowhere here.

use super::{Items, Part};
use crate::{
    domain::{Timestamp, case_code},
    serve::{describe::Describer, wire},
    store::{Sending, view::Message},
};

impl Describer<'_> {
    /// What was owed, and what was tried.
    pub(super) fn timeline_messages(&self, mut messages: Vec<Message>, part: &Part) -> Items {
        messages.sort_by_key(|message| (message.owed_at, message.key));
        let mut items = Items::new();
        for message in &messages {
            items.push((message.owed_at, self.of_message(message, message.owed_at, "owed", None)));
            let tries = message.attempts.iter().map(|attempt| {
                let (how, again) = match &attempt.sending {
                    Sending::Delivered => ("delivered", None),
                    Sending::Failed { retry_at, .. } => ("failed", *retry_at),
                    Sending::Dropped => ("dropped", None),
                };
                (attempt.at, self.of_message(message, attempt.at, how, again))
            });
            items.extend(tries);
        }
        items.retain(|(at, _)| part.is_known(*at) && part.is_before(*at));
        items
    }

    fn of_message(
        &self,
        message: &Message,
        at: Timestamp,
        how: &'static str,
        again: Option<Timestamp>,
    ) -> wire::TimelineItem {
        let prefix = &self.shared.settings.case_prefix;
        wire::TimelineItem {
            at: at.to_string(),
            kind: "message",
            alert: Some(message.alert.to_string()),
            case: Some(case_code(prefix, &message.alert)),
            level: Some(message.level),
            message: Some(wire::Message {
                id: message.key.to_string(),
                change: message.change.as_str(),
                to: message.recipient.to_string(),
                channel: message.channel.as_str(),
                how,
                again_at: again.map(|at| at.to_string()),
            }),
            ..wire::TimelineItem::default()
        }
    }
}
