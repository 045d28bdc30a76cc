//! Refusals that come faster than anybody could read: each sender's are told one by one up to a number in
//! a minute, and beyond that by number. Whoever refuses never waits for the log.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use smol_str::{SmolStr, format_smolstr};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tracing::warn;

use super::{AuditLog, Entry, Kind};
use crate::supervise::{Stop, Supervisor};

/// Refusals that wait to be told. Full: they are counted, and the number is told.
const DEPTH: usize = 256;

/// Refusals of one sender, or of all whom nobody knows, told one by one in a minute.
const EACH: u32 = 60;

/// Lines of all senders together in a minute: some 100 KiB.
const ALL: u32 = 300;

/// Senders that are counted apart in a minute; others are counted together.
const SENDERS: usize = 64;

const MINUTE: Duration = Duration::from_secs(60);

/// Where refusals are handed in.
#[derive(Debug)]
pub struct Refusals {
    entries: mpsc::Sender<Entry>,
    missed: Arc<AtomicU64>,
}

impl Refusals {
    /// Hands a refusal in.
    pub fn tell(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Refusals that a test takes itself.
    #[cfg(test)]
    pub(crate) fn for_tests(depth: usize) -> (Arc<Self>, mpsc::Receiver<Entry>) {
        let (entries, taken) = mpsc::channel(depth);
        (Arc::new(Self { entries, missed: Arc::default() }), taken)
    }
}

/// Starts the task that records refusals.
pub fn record_refusals(log: Arc<AuditLog>, supervisor: &Supervisor) -> Arc<Refusals> {
    let (entries, taken) = mpsc::channel(DEPTH);
    let missed = Arc::new(AtomicU64::new(0));
    let refusals = Arc::new(Refusals { entries, missed: Arc::clone(&missed) });
    let task = Task { log, taken, missed, minute: Minute::default() };
    supervisor.spawn("refusals", task.run(supervisor.stopping()));
    refusals
}

struct Task {
    log: Arc<AuditLog>,
    taken: mpsc::Receiver<Entry>,
    missed: Arc<AtomicU64>,
    minute: Minute,
}

impl Task {
    async fn run(mut self, stop: Stop) {
        // The log ends after this task.
        let Ok(_in_work) = self.log.begin().await else { return };
        let mut tick = interval_at(Instant::now() + MINUTE, MINUTE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.wait() => break,
                entry = self.taken.recv() => match entry {
                    Some(entry) => self.take(entry).await,
                    None => break,
                },
                _ = tick.tick() => self.turn().await,
            }
        }
        self.taken.close();
        while let Some(entry) = self.taken.recv().await {
            self.take(entry).await;
        }
        self.turn().await;
    }

    async fn take(&mut self, entry: Entry) {
        if let Some(entry) = self.minute.take(entry) {
            self.record(entry).await;
        }
    }

    async fn turn(&mut self) {
        let missed = self.missed.swap(0, Ordering::Relaxed);
        for entry in std::mem::take(&mut self.minute).end(missed) {
            self.record(entry).await;
        }
    }

    async fn record(&self, entry: Entry) {
        if let Err(error) = self.log.record(entry).await {
            warn!(%error, "a refusal is not in the audit log");
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What was told within a minute, and what was not.
#[derive(Debug, Default)]
struct Minute {
    told: u32,
    senders: HashMap<SmolStr, Sender>,
    others: u64,
}

#[derive(Debug)]
struct Sender {
    told: u32,
    over: u64,
    last: Entry,
}

impl Minute {
    /// The line to be written now, if there is room for it.
    fn take(&mut self, entry: Entry) -> Option<Entry> {
        if self.senders.len() >= SENDERS && !self.senders.contains_key(&entry.who) {
            self.others = self.others.saturating_add(1);
            return None;
        }
        let first = || Sender { told: 0, over: 0, last: entry.clone() };
        let sender = self.senders.entry(entry.who.clone()).or_insert_with(first);
        if sender.told >= EACH || self.told >= ALL {
            sender.over = sender.over.saturating_add(1);
            sender.last = entry;
            return None;
        }
        sender.told = sender.told.saturating_add(1);
        self.told = self.told.saturating_add(1);
        Some(entry)
    }

    /// The lines that say how many more there were: one a sender, one for all others.
    fn end(self, missed: u64) -> Vec<Entry> {
        let more = |over: u64| format_smolstr!("and {over} more");
        let over = self.senders.into_values().filter(|sender| sender.over > 0);
        let mut lines: Vec<_> = over.map(|of| Entry { object: more(of.over), ..of.last }).collect();
        let others = self.others.saturating_add(missed);
        if others > 0 {
            let none = SmolStr::default();
            lines.push(Entry {
                kind: Kind::Denied,
                role: none.clone(),
                who: none.clone(),
                via: none.clone(),
                act: none,
                object: more(others),
                whom: Vec::new(),
                outcome: 403,
            });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(who: &str, object: &str) -> Entry {
        Entry {
            kind: Kind::Denied,
            role: "device".into(),
            who: who.into(),
            via: "ip:192.0.2.1".into(),
            act: "MQTT PUBLISH".into(),
            object: object.into(),
            whom: Vec::new(),
            outcome: 403,
        }
    }

    /// How many lines tell of a minute in which each of these was refused so often, and how many
    /// refusals they tell of.
    #[track_caller]
    fn check(senders: usize, each: usize, missed: u64, (lines, told): (usize, u64)) {
        let mut minute = Minute::default();
        let all = (0..each).flat_map(|_| 0..senders).map(|who| entry(&who.to_string(), "x"));
        let one_by_one = all.filter_map(|entry| minute.take(entry)).count();
        let rest = minute.end(missed);
        let number = |entry: &Entry| {
            entry.object.strip_prefix("and ").unwrap().strip_suffix(" more").unwrap().parse::<u64>()
        };
        let counted: u64 = rest.iter().map(|entry| number(entry).unwrap()).sum();
        let one_by_one = u64::try_from(one_by_one).unwrap();
        assert_eq!(one_by_one + counted, told, "{senders} times {each}: none is forgotten");
        assert_eq!(usize::try_from(one_by_one).unwrap() + rest.len(), lines, "{rest:?}");
    }

    #[test]
    fn a_flood_is_told_by_number_and_none_is_forgotten() {
        check(1, 60, 0, (60, 60));
        check(1, 61, 0, (61, 61));
        check(1, 100_000, 0, (61, 100_000));
        check(3, 100, 0, (183, 300));
        check(10, 100, 0, (310, 1_000));
        check(1_000, 100, 7, (365, 100_007));
        check(0, 0, 3, (1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_reaches_the_log_and_a_stop_loses_none() {
        let folder = tempfile::tempdir().unwrap();
        let (log, mut taken) = AuditLog::for_tests(folder.path().to_owned());
        let supervisor = Supervisor::new();
        let refusals = record_refusals(log, &supervisor);
        for number in 0..100 {
            refusals.tell(entry("van", &number.to_string()));
        }
        supervisor.stop();
        assert_eq!(supervisor.wait().await, Ok(()));
        let mut objects = Vec::new();
        while let Ok(entry) = taken.try_recv() {
            objects.push(entry.object);
        }
        assert_eq!((objects.len(), objects[60].as_str()), (61, "and 40 more"));
    }
}
