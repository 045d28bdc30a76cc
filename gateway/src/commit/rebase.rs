//! The gateway's clock was set: whatever came since the session began moves with it.
//!
//! Cards, the sessions that they opened and the readings move together, so that a reading stays with
//! the card before it. What was received, and every id, stays; the corrections are facts, and
//! whoever they concern is judged anew. Deadlines of alerts that opened meanwhile keep their length.

use crate::{
    admit::{self, LIVE_WINDOW, Stated},
    domain::{Alert, Grade, Measured, Millis, Timestamp},
    store::{
        AlertChange, AlertEvent, BenchSession, CameSince, CardScan, Change, ClockFound, ClockNote,
        CommitSeq, Fact, Retimed, StoreError, StoredReading, Timer, Timing,
    },
};

use super::{again::Stretch, attribute::BENCH_SESSION_LIMIT, clock::Finding, group::Group};

/// Timers that are looked through for those of alerts that opened in a session: more alerts than a
/// gateway has open.
const TIMERS_MAX: usize = 100_000;

impl Group<'_> {
    /// Records what was found of the clock, and does what follows from it.
    pub(super) fn clock_found(&mut self, finding: &Finding) -> Result<(), StoreError> {
        self.facts.push(Fact::Clock(ClockNote { found: finding.found, at: self.now }));
        if let ClockFound::Right { since, by } = finding.found {
            self.rebase(since, by)?;
            if by != Millis::ZERO {
                self.move_deadlines(finding.span, by)?;
            }
        }
        self.flush()
    }

    fn rebase(&mut self, since: CommitSeq, by: Millis) -> Result<(), StoreError> {
        let CameSince { readings, scans } = self.unit.came_since(since)?;
        if by != Millis::ZERO {
            self.move_scans(scans, by)?;
        }
        for stored in readings {
            self.retime(stored, by);
        }
        self.flush()
    }

    fn retime(&mut self, mut stored: StoredReading, by: Millis) {
        let before = stored.timing();
        let received_at = before.received_at.plus(by);
        let measured = measured_by(&stored, received_at, by);
        let late = received_at.since(measured.at) > self.pack.stale_after();
        let after = Timing { measured, received_at, late };
        if after == before {
            return;
        }
        let reading = stored.reading.id;
        let retimed = Retimed { reading, before, after, at: self.now };
        self.facts.push(Fact::Retimed(Box::new(retimed)));
        self.changes.push(Change::Retime(reading, after));
        stored.retime(&after);
        self.past_changed(stored);
    }

    /// Moves the cards that were held to readers when they came, and their sessions.
    fn move_scans(
        &mut self,
        scans: Vec<(CommitSeq, CardScan)>,
        by: Millis,
    ) -> Result<(), StoreError> {
        let mut moved: Vec<CardScan> = Vec::new();
        for (seq, scan) in scans {
            // A reader that states a time has a clock of its own.
            if scan.at.since(scan.received_at).0 % by.0 != 0 {
                continue;
            }
            for session in self.unit.sessions(&scan.site, &scan.bench, scan.at)? {
                if session.from == scan.at {
                    self.changes
                        .push(Change::Session(BenchSession { until: session.from, ..session }));
                }
            }
            let at = scan.at.plus(by);
            self.changes.push(Change::MoveScan(seq, at));
            moved.push(CardScan { at, ..scan });
        }
        self.flush()?;
        for scan in &moved {
            self.stretches.push(Stretch::of(scan));
            let (false, Some(person)) = (scan.out, &scan.person) else { continue };
            let span = (scan.at, scan.at.plus(BENCH_SESSION_LIMIT));
            let others = self.unit.scans((&scan.site, &scan.bench), span)?;
            let next = others.iter().map(|other| other.at).find(|at| *at > scan.at);
            self.changes.push(Change::Session(BenchSession {
                site: scan.site.clone(),
                bench: scan.bench.clone(),
                person: person.clone(),
                from: scan.at,
                until: next.unwrap_or(span.1),
            }));
        }
        self.flush()
    }

    /// Alerts that opened while the clock showed times of a span keep the time that their step has.
    fn move_deadlines(
        &mut self,
        (from, to): (Timestamp, Timestamp),
        by: Millis,
    ) -> Result<(), StoreError> {
        let ever = Timestamp::from_millis(i64::MAX);
        let mut moved = Vec::new();
        for timer in self.unit.due_timers(ever, TIMERS_MAX)? {
            let Some(alert) = self.unit.alert_by_key(timer.alert)? else { continue };
            if !(from..=to).contains(&alert.opened_at) || !alert.state.is_live() {
                continue;
            }
            let due_at = timer.due_at.plus(by);
            self.changes.push(Change::SetTimer(Timer { due_at, ..timer }));
            if !moved.iter().any(|other: &Alert| other.key == alert.key) {
                moved.push(alert);
            }
        }
        for mut alert in moved {
            let from = alert.state;
            alert.opened_at = alert.opened_at.plus(by);
            alert.deadline = alert.deadline.map(|deadline| deadline.plus(by));
            // What would leave only when the clock shows that time again leaves when it should.
            for owed in self.unit.owed_for(alert.key)? {
                let due_at = owed.due_at.plus(by);
                self.changes.push(Change::Hasten { alert: alert.key, due_at });
            }
            self.changes.push(Change::Alert(Box::new(alert.clone())));
            self.facts.push(Fact::Alert(Box::new(AlertEvent {
                alert,
                change: AlertChange::Revised,
                at: self.now,
                claimed_at: None,
                by: None,
                note: None,
                from: Some(from),
                alias: None,
            })));
        }
        self.flush()
    }
}

/// When a reading was taken, now that it is known when it came.
fn measured_by(stored: &StoredReading, received_at: Timestamp, by: Millis) -> Measured {
    let (reading, was) = (&stored.reading, stored.reading.measured);
    let moved = |grade| Measured { at: was.at.plus(by), grade };
    let Some(text) = reading.device_time.as_deref() else {
        let unknown = Measured { at: received_at, grade: Grade::D };
        return match was.grade {
            Grade::D => unknown,
            Grade::A | Grade::B | Grade::C => {
                moved(if by == Millis::ZERO { Grade::A } else { Grade::B })
            }
        };
    };
    let own = admit::measured(Some(text), received_at, false);
    let as_stated = Stated::read(text)
        .is_some_and(|stated| was.at.since(stated.instant()).0.abs() < Millis::minutes(1).0);
    // It agreed with the clock when it came: both were off by as much.
    let was_live = was.at.since(stored.received_at()).0.abs() <= LIVE_WINDOW.0;
    match was.grade {
        Grade::D => own,
        Grade::A | Grade::B | Grade::C if as_stated && was_live && own.grade != Grade::A => {
            moved(Grade::B)
        }
        Grade::A | Grade::B | Grade::C if as_stated => own,
        // Corrected by an offset against the gateway's clock, or only in an order up to it.
        Grade::A | Grade::B => moved(Grade::B),
        Grade::C => moved(Grade::C),
    }
}
