//! Slips print themselves when a person's turn at a bench is over and its result is committed and judged.
//!
//! Each printer follows the log: whoever was measured at its bench within the last hour is owed a slip. It is printed
//! once their session has ended (the card out, the next card, its time), or, where nobody scanned a
//! card, two minutes after their last value. What was printed is behind a cursor of the store, so that
//! a start prints what is still owed and nothing twice. An upload of last week prints nothing.
//!
//! Nothing waits for a printer: not the writer, not a page.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::sleep};
use tracing::{debug, warn};

use super::{
    describe::{Describer, SlipAsked},
    shared::Shared,
};
use crate::{
    commit::Work,
    domain::{Millis, PersonId, Registered, Timestamp},
    slip::{Printer, Printers, Slip},
    store::{CommitSeq, Fact, RegistryKey, StoreError, StoredReading, view::Scope},
    supervise::Stop,
};

/// How often the log is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Facts read at once; the rest at the next look.
const FACTS: usize = 500;

/// Whoever was measured longer ago has left.
const OWED: Millis = Millis::hours(1);

/// Where nobody scanned a card, the values of one turn come within this of each other: a second pressure after a
/// minute's rest.
const SETTLES: Millis = Millis::minutes(2);

/// Who prints when nobody presses a button.
const BY_ITSELF: &str = "自动打印";

/// A person who was measured and has no slip yet.
#[derive(Debug, Clone)]
struct Owed {
    /// The first fact that says so.
    from: CommitSeq,
    /// When the first value was measured.
    since: Timestamp,
    /// When the last one was.
    last: Timestamp,
    /// When we had it.
    heard: Timestamp,
}

/// A printer's bench.
#[derive(Debug, Clone)]
struct Bench {
    printer: Printer,
    read: CommitSeq,
    owed: BTreeMap<PersonId, Owed>,
}

impl Shared {
    /// Gives the benches their printers and lets slips print themselves. Only the first call counts.
    pub fn plug(self: &Arc<Self>, printers: Printers) {
        for printer in printers.iter() {
            let (shared, stop) = (Arc::clone(self), self.supervisor.stopping());
            self.supervisor.spawn("slips", follow(shared, printer.clone(), stop));
        }
        if self.printers.set(printers).is_err() {
            warn!("the printers were plugged in twice");
        }
    }
}

fn follower(printer: &Printer) -> String {
    format!("slip/{}/{}", printer.line.site, printer.line.bench)
}

async fn follow(shared: Arc<Shared>, printer: Printer, stop: Stop) {
    let name = follower(&printer);
    let Some(read) = begin(&shared, &name, &stop).await else { return };
    let mut bench = Bench { printer, read, owed: BTreeMap::new() };
    let mut kept = read;
    loop {
        tokio::select! {
            () = sleep(TICK) => {}
            () = stop.wait() => return,
        }
        let mut next = bench.clone();
        let looked = shared.ask(move |shared| {
            let ready = next.look(shared)?;
            Ok((next, ready))
        });
        let ready = match looked.await {
            Ok((next, ready)) => {
                bench = next;
                ready
            }
            Err(refusal) => {
                debug!(?refusal, "slips wait for the store");
                continue;
            }
        };
        let Some((person, slip)) = ready else { continue };
        if !on_paper(&bench.printer, slip, &stop).await {
            continue;
        }
        bench.owed.remove(&person);
        let done = bench.done();
        if done > kept && advance(&shared, &name, done).await {
            kept = done;
        }
    }
}

/// Where to begin: behind what was printed, on the first start at the end of the log.
async fn begin(shared: &Arc<Shared>, name: &str, stop: &Stop) -> Option<CommitSeq> {
    loop {
        let name = name.to_owned();
        let asked = shared.ask(move |shared| {
            let kept = shared.reader.cursor(&name)?;
            if kept == CommitSeq::default() { shared.reader.last() } else { Ok(kept) }
        });
        if let Ok(at) = asked.await {
            return Some(at);
        }
        tokio::select! {
            () = sleep(TICK) => {}
            () = stop.wait() => return None,
        }
    }
}

/// Whether a slip is done with: printed, or given up because its person has left. Not where the process ends, or
/// too many wait.
async fn on_paper(printer: &Printer, slip: Option<Slip>, stop: &Stop) -> bool {
    let Some(slip) = slip else { return true };
    let Ok(told) = printer.print(&slip) else { return false };
    tokio::select! {
        printed = told => printed.is_ok() && !stop.is_set(),
        () = stop.wait() => false,
    }
}

async fn advance(shared: &Shared, follower: &str, to: CommitSeq) -> bool {
    let (reply, told) = oneshot::channel();
    let work = Work::Advance { follower: follower.to_owned(), to: Some(to), reply };
    shared.inlet.hand_over(work).await.is_ok() && told.await.is_ok()
}

impl Bench {
    /// Everything up to here needs no slip any more.
    fn done(&self) -> CommitSeq {
        let owed = self.owed.values().map(|owed| CommitSeq(owed.from.0.saturating_sub(1))).min();
        owed.unwrap_or(self.read)
    }

    /// Reads what came, and finds somebody whose slip is due; without one where nothing of theirs is left to say.
    fn look(&mut self, shared: &Shared) -> Result<Option<(PersonId, Option<Slip>)>, StoreError> {
        let now = shared.clock.now();
        for entry in shared.reader.feed(self.read, FACTS)? {
            self.read = entry.seq;
            let stored = if let Fact::Reading(stored) = entry.fact {
                Some(*stored)
            } else if let Fact::Attributed(moved) = entry.fact {
                let found = shared.reader.reading(&Scope::Everything, &moved.reading)?;
                found.map(|(_, stored)| stored)
            } else {
                None
            };
            if let Some(stored) = stored
                && self.is_here(shared, &stored)?
            {
                self.owe(entry.seq, &stored, now);
            }
        }
        self.owed.retain(|_, owed| now.since(owed.last) <= OWED);
        for (person, owed) in &self.owed {
            if self.is_over(shared, person, owed, now)? {
                let asked = SlipAsked {
                    person: person.clone(),
                    site: self.printer.line.site.clone(),
                    since: owed.since,
                    operator: BY_ITSELF.to_owned(),
                    copy: false,
                };
                return Ok(Some((person.clone(), Describer::new(shared).slip(&asked)?)));
            }
        }
        Ok(None)
    }

    fn is_here(&self, shared: &Shared, stored: &StoredReading) -> Result<bool, StoreError> {
        let (line, reading) = (&self.printer.line, &stored.reading);
        if reading.site != line.site {
            return Ok(false);
        }
        let bench = match &reading.bench {
            Some(bench) => Some(bench.clone()),
            None => {
                let key = RegistryKey::Device(reading.device.clone());
                match shared.reader.registered(&Scope::Everything, &key)? {
                    Some(Registered::Device(device)) => device.bench,
                    Some(_) | None => None,
                }
            }
        };
        Ok(bench.as_ref() == Some(&line.bench))
    }

    fn owe(&mut self, seq: CommitSeq, stored: &StoredReading, now: Timestamp) {
        let Some(whose) = &stored.attribution else { return };
        let at = stored.reading.measured.at;
        if now.since(at) > OWED {
            return;
        }
        let first = Owed { from: seq, since: at, last: at, heard: now };
        let owed = self.owed.entry(whose.person.clone()).or_insert(first);
        owed.since = owed.since.min(at);
        owed.last = owed.last.max(at);
        owed.heard = now;
    }

    /// Whether a person's turn at the bench is over.
    fn is_over(
        &self,
        shared: &Shared,
        person: &PersonId,
        owed: &Owed,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let line = &self.printer.line;
        let sessions = shared.reader.sessions_at(&line.site, &line.bench, owed.last)?;
        let own = sessions.into_iter().find(|session| session.person == *person);
        Ok(match own {
            Some(session) => session.until <= now,
            None => now.since(owed.heard) >= SETTLES,
        })
    }
}
