//! The gateway's clock was set: whatever came since the session began moves with it.
//!
//! Cards, the sessions that they opened and the readings move together, so that a reading stays with
//! the card before it. What was received, and every id, stays; the corrections are facts, and
//! whoever they concern is judged anew. Deadlines of alerts that opened meanwhile keep their length.

use crate::{
    admit::{self, LIVE_WINDOW, Stated},
    domain::{Alert, Grade, Measured, Millis, PersonId, Timestamp},
    store::{
        AlertChange, AlertEvent, BenchSession, CameSince, CardScan, Change, ClockFound, ClockNote,
        CommitSeq, Fact, Retimed, StoreError, StoredReading, Timer, Timing,
    },
};

use super::{again::Stretch, clock::Finding, group::Group};

/// Timers that are looked through for those of alerts that opened in a session: more alerts than a
/// gateway has open.
const TIMERS_MAX: usize = 100_000;

impl Group<'_> {
    /// Records what was found of the clock, and does what follows from it.
    pub(super) fn clock_found(&mut self, finding: &Finding) -> Result<(), StoreError> {
        self.facts.push(Fact::Clock(ClockNote { found: finding.found, at: self.now }));
        if let ClockFound::Right { since, by } = finding.found {
            let moved = self.rebase(since, by)?;
            if by != Millis::ZERO {
                self.move_alerts(&Shift { span: finding.span, by, moved })?;
            }
        }
        self.flush()
    }

    fn rebase(&mut self, since: CommitSeq, by: Millis) -> Result<Vec<Moved>, StoreError> {
        let CameSince { readings, scans } = self.unit.came_since(since)?;
        if by != Millis::ZERO {
            self.move_scans(scans, by)?;
        }
        let mut moved = Vec::new();
        for stored in readings {
            let before = stored.timing();
            let person = stored.attribution.as_ref().map(|whose| whose.person.clone());
            let after = self.retime(stored, by);
            moved.extend(person.map(|person| Moved {
                person,
                before: before.measured.at,
                after: after.measured.at,
            }));
        }
        self.flush()?;
        Ok(moved)
    }

    fn retime(&mut self, mut stored: StoredReading, by: Millis) -> Timing {
        let before = stored.timing();
        let received_at = before.received_at.plus(by);
        let measured = measured_by(&stored, received_at, by);
        let late = received_at.since(measured.at) > self.pack.stale_after();
        let after = Timing { measured, received_at, late };
        if after == before {
            return after;
        }
        let reading = stored.reading.id;
        let retimed = Retimed { reading, before, after, at: self.now };
        self.facts.push(Fact::Retimed(Box::new(retimed)));
        self.changes.push(Change::Retime(reading, after));
        stored.retime(&after);
        self.past_changed(stored);
        after
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
            if scan.at != scan.received_at && scan.at.since(scan.received_at) != by {
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
            let limit = self.desk.session_limit(self.unit, &scan.site)?;
            let span = (scan.at, scan.at.plus(limit));
            let others = self.unit.scans((&scan.site, &scan.bench), span)?;
            let next = others.iter().map(|other| other.at).find(|at| *at > scan.at);
            self.changes.push(Change::Session(BenchSession {
                site: scan.site.clone(),
                bench: scan.bench.clone(),
                person: person.clone(),
                from: scan.at,
                until: next.unwrap_or(span.1),
                opened_by: scan.opened_by.clone(),
            }));
        }
        self.flush()
    }

    /// Alerts that opened while the clock showed times of a span keep the time that their step has.
    fn move_alerts(&mut self, shift: &Shift) -> Result<(), StoreError> {
        let ever = Timestamp::from_millis(i64::MAX);
        let timers = self.unit.due_timers(ever, TIMERS_MAX)?;
        let mut people: Vec<_> = timers.iter().map(|timer| timer.person.clone()).collect();
        people.extend(shift.moved.iter().map(|moved| moved.person.clone()));
        people.sort_unstable();
        people.dedup();
        let alerts = self.unit.alerts(&people)?.into_iter().flatten();
        let live = alerts.filter(|alert| alert.state.is_live() && shift.holds(alert.opened_at));
        for alert in live {
            for timer in timers.iter().filter(|timer| timer.alert == alert.key) {
                let due_at = timer.due_at.plus(shift.by);
                self.changes.push(Change::SetTimer(Timer { due_at, ..timer.clone() }));
            }
            // What would leave only when the clock shows that time again leaves when it should.
            for owed in self.unit.owed_for(alert.key)? {
                let due_at = owed.due_at.plus(shift.by);
                self.changes.push(Change::Hasten { alert: alert.key, due_at });
            }
            self.revise(shift.moved_alert(alert));
        }
        self.flush()
    }

    fn revise(&mut self, alert: Alert) {
        self.changes.push(Change::Alert(Box::new(alert.clone())));
        self.facts.push(Fact::Alert(Box::new(AlertEvent {
            from: Some(alert.state),
            alert,
            change: AlertChange::Revised,
            at: self.now,
            claimed_at: None,
            by: None,
            note: None,
            alias: None,
            cause: None,
            visit: None,
            outcome: None,
        })));
    }
}

/// A reading of a person that was taken at another time than was believed.
struct Moved {
    person: PersonId,
    before: Timestamp,
    after: Timestamp,
}

/// How far what the clock showed within a span moves.
struct Shift {
    span: (Timestamp, Timestamp),
    by: Millis,
    moved: Vec<Moved>,
}

impl Shift {
    fn holds(&self, at: Timestamp) -> bool {
        (self.span.0..=self.span.1).contains(&at)
    }

    /// An alert that the clock opened in that span. It counts from its reading, wherever that moved.
    fn moved_alert(&self, mut alert: Alert) -> Alert {
        let began =
            |moved: &&Moved| (&moved.person, moved.before) == (&alert.person, alert.alert_at);
        alert.alert_at = match self.moved.iter().find(began) {
            Some(moved) => moved.after,
            None if self.holds(alert.alert_at) => alert.alert_at.plus(self.by),
            None => alert.alert_at,
        };
        alert.opened_at = alert.opened_at.plus(self.by);
        alert.deadline = alert.deadline.map(|deadline| deadline.plus(self.by));
        alert
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
