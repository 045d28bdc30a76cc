//! What follows from a decided turn and from an answer: another turn, a message, or a record.

use std::collections::BTreeSet;

use tracing::{error, warn};

use super::{
    Answer, Cap,
    board::Alarm,
    dispatch::{Dispatcher, Event, Settled, Trouble},
    pace::{Ask, Verdict},
    plan::{Message, Plan},
    record,
    retry::{Failed, next_try},
};
use crate::{
    domain::{DoctorId, Millis, NotificationKey, Timestamp},
    store::{Owed, Sending},
};

/// Rest of a recipient after a failed attempt, before its next message is tried.
const REST_AFTER_FAILURE: Millis = Millis::seconds(1);

impl Dispatcher {
    /// A turn was decided: record what needs no sending, else send.
    pub(super) fn go(&mut self, name: DoctorId, plan: Plan, now: Timestamp) {
        let mut settled: Vec<Settled> =
            plan.dropped.into_iter().map(|row| (row, Sending::Dropped)).collect();
        let dead = |(row, why)| (row, Sending::Failed { why, retry_at: None });
        settled.extend(plan.dead.into_iter().map(dead));
        if !settled.is_empty() {
            return self.record(Some(name), settled, now);
        }
        let Some(message) = plan.message else {
            return self.lanes.end(&name, &[], now);
        };
        if self.lanes.is_closed(&name, &message.envelope.url) {
            let why = "the receiver takes no message any more (HTTP 410)".to_owned();
            let settled = message.rows.into_iter().map(|row| dead((row, why.clone()))).collect();
            return self.record(Some(name), settled, now);
        }
        let alerts = message.alerts();
        let ask = Ask { red: message.red, again: message.attempts() > 0, alerts: &alerts };
        let caps = self.config.caps;
        match self.lanes.pace(&name).map(|pace| pace.admit(&caps, ask, now)) {
            None | Some(Verdict::Go) => self.send(name, message, now),
            Some(Verdict::Wait(until)) => self.lanes.end(&name, &[], until),
            Some(Verdict::Capped(cap, alerts)) => self.capped(name, message, (cap, &alerts), now),
        }
    }

    fn send(&mut self, name: DoctorId, message: Message, now: Timestamp) {
        self.board.count(|numbers| {
            numbers.attempts += 1;
            numbers.unsigned += u64::from(message.envelope.secret.is_none());
        });
        let sending = (self.post)(message.envelope.clone(), now);
        self.running.push(Box::pin(async move {
            let answer = sending.await;
            Event::Answered(name, message, answer)
        }));
    }

    /// Red is capped for some alerts: they go to the next step at once, and only then are their
    /// rows let go.
    fn capped(&mut self, name: DoctorId, message: Message, cap: (Cap, &[i64]), now: Timestamp) {
        let (cap, alerts) = cap;
        let held: Vec<Owed> =
            message.rows.into_iter().filter(|row| alerts.contains(&row.alert)).collect();
        let settled: Vec<Settled> = held
            .into_iter()
            .map(|row| {
                let why = format!("{}: moved to the next step", cap.as_str());
                (row, Sending::Failed { why, retry_at: None })
            })
            .collect();
        self.board.count(|numbers| numbers.capped += 1);
        self.note(&settled, now);
        let inlet = self.parts.inlet.clone();
        self.running.push(Box::pin(async move {
            let keys: Vec<NotificationKey> = settled.iter().map(|(row, _)| row.key).collect();
            let mut moved = BTreeSet::new();
            for (row, _) in &settled {
                if !moved.insert(row.alert) {
                    continue;
                }
                match record::to_next_step(&inlet, (row.alert_id, row.key), cap).await {
                    Ok(Ok(())) => {}
                    Ok(Err(why)) => {
                        error!(alert = %row.alert_id, %why, "an alert stays where it is");
                    }
                    Err(error) => return Event::Recorded(Some(name), keys, Err(error)),
                }
            }
            let attempts = settled.into_iter().map(|(row, sending)| (row.key, sending)).collect();
            let result = record::attempts(&inlet, attempts, now).await;
            Event::Recorded(Some(name), keys, result)
        }));
    }

    pub(super) fn answered(
        &mut self,
        name: DoctorId,
        message: Message,
        answer: Answer,
        now: Timestamp,
    ) {
        let (attempts, deadline) = (message.attempts().saturating_add(1), message.deadline());
        let key = message.rows.iter().map(|row| row.key).min();
        let sending = match answer {
            Answer::Delivered => {
                self.lanes.suspect(&name, false);
                self.board.recipient(&name, |standing| {
                    standing.last_delivered = Some(now);
                    standing.gone = false;
                });
                Sending::Delivered
            }
            Answer::Again { why, after } => {
                self.lanes.suspect(&name, true);
                let next = |key| {
                    next_try(&Failed { key, attempts, at: now, deadline, retry_after: after })
                };
                Sending::Failed { why, retry_at: key.and_then(next) }
            }
            Answer::Never { why, gone } => {
                if gone {
                    self.lanes.close(&name, &message.envelope.url);
                    self.board.recipient(&name, |standing| standing.gone = true);
                }
                Sending::Failed { why, retry_at: None }
            }
        };
        if let Sending::Failed { why, .. } = &sending {
            let failed = Some((now, why.clone()));
            self.board.recipient(&name, |standing| standing.last_failed = failed);
        }
        let settled = message.rows.into_iter().map(|row| (row, sending.clone())).collect();
        self.record(Some(name), settled, now);
    }

    fn record(&mut self, name: Option<DoctorId>, settled: Vec<Settled>, now: Timestamp) {
        self.note(&settled, now);
        let inlet = self.parts.inlet.clone();
        self.running.push(Box::pin(async move {
            let attempts: Vec<(NotificationKey, Sending)> =
                settled.into_iter().map(|(row, sending)| (row.key, sending)).collect();
            let keys = attempts.iter().map(|(key, _)| *key).collect();
            let result = record::attempts(&inlet, attempts, now).await;
            Event::Recorded(name, keys, result)
        }));
    }

    pub(super) fn recorded(
        &mut self,
        name: Option<DoctorId>,
        keys: &[NotificationKey],
        now: Timestamp,
    ) {
        for key in keys {
            self.claimed.remove(key);
            self.mqtt.remove(key);
            if self.claiming {
                self.done_meanwhile.insert(*key);
            }
        }
        self.look = true;
        let Some(name) = name else {
            return;
        };
        let rest = if self.lanes.is_suspect(&name) { now.plus(REST_AFTER_FAILURE) } else { now };
        self.lanes.end(&name, keys, rest);
        let waiting = self.lanes.waiting(&name);
        self.board.recipient(&name, |standing| standing.waiting = waiting);
    }

    pub(super) fn mqtt_settled(&mut self, settled: Result<Vec<Settled>, Trouble>) {
        self.mqtt_busy = false;
        let now = self.parts.clock.now();
        match settled {
            // What is settled is looked at no more while it is being recorded.
            Ok(settled) if !settled.is_empty() => {
                for (row, _) in &settled {
                    self.mqtt.remove(&row.key);
                }
                self.record(None, settled, now);
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "rows of MQTT clients could not be looked at"),
        }
    }

    /// Counts what became of rows, and raises an alarm for each that is given up.
    fn note(&self, settled: &[Settled], now: Timestamp) {
        for (row, sending) in settled {
            match sending {
                Sending::Delivered => self.board.count(|numbers| numbers.delivered += 1),
                Sending::Dropped => self.board.count(|numbers| numbers.dropped += 1),
                Sending::Failed { retry_at: Some(_), .. } => {
                    self.board.count(|numbers| numbers.failed += 1);
                }
                Sending::Failed { why, retry_at: None } => {
                    self.board.count(|numbers| numbers.dead += 1);
                    let (recipient, alert) = (row.recipient.clone(), row.alert_id);
                    error!(%recipient, %alert, %why, "a doctor was not told of an alert");
                    self.board.alarm(Alarm { at: now, recipient, alert, why: why.clone() });
                }
            }
        }
    }
}
