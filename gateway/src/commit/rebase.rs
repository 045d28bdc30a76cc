//! The gateway's clock was set: whatever came since the session began moves with it.
//!
//! Cards, the sessions that they opened, the readings and what was told of people and alerts move
//! together, so that a reading stays with the card before it and an act behind its alert. What was
//! received, and every id, stays; the corrections are facts, and whoever they concern is judged anew.
//! Deadlines of alerts that opened meanwhile keep their length.

use crate::{
    admit::{self, LIVE_WINDOW, Stated},
    domain::{Alert, Grade, Measured, Millis, PersonId, Timestamp},
    store::{
        AlertChange, AlertEvent, Change, ClockFound, ClockNote, CommitSeq, Fact, Retimed,
        StoreError, StoredReading, Timer, Timing, ToldBy, ToldMoved, ToldSince,
    },
};

use super::{clock::Finding, group::Group};

/// Timers that are looked through for those of alerts that opened in a session: more alerts than a
/// gateway has open.
const TIMERS_MAX: usize = 100_000;

impl Group<'_> {
    /// Records what was found of the clock, and does what follows from it.
    pub(super) fn clock_found(&mut self, finding: &Finding) -> Result<(), StoreError> {
        let note = Fact::Clock(ClockNote { found: finding.found, at: self.now });
        let ClockFound::Right { since, by } = finding.found else {
            self.facts.push(note);
            return self.flush();
        };
        self.flush()?;
        let ToldSince { told, scans } = match by {
            Millis::ZERO => ToldSince::default(),
            _ => self.unit.told(&ToldBy::Us(since))?,
        };
        self.move_scans(scans, by, true)?;
        self.move_told(&told, ToldMoved { by, own: true, guess: false });
        self.facts.push(note);
        let moved = self.rebase(since, by)?;
        if by != Millis::ZERO {
            self.move_alerts(&Shift { span: finding.span, by, moved })?;
            self.judge_moved_visits(&told)?;
        }
        self.flush()
    }

    fn rebase(&mut self, since: CommitSeq, by: Millis) -> Result<Vec<Moved>, StoreError> {
        let readings = self.unit.came_since(since)?;
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

    /// Alerts that opened while the clock showed times of a span keep the time that their step has.
    fn move_alerts(&mut self, shift: &Shift) -> Result<(), StoreError> {
        let ever = Timestamp::from_millis(i64::MAX);
        let timers = self.unit.due_timers(ever, TIMERS_MAX)?;
        let mut people: Vec<_> = timers.iter().map(|timer| timer.person.clone()).collect();
        people.extend(shift.moved.iter().map(|moved| moved.person.clone()));
        people.sort_unstable();
        people.dedup();
        let alerts = self.unit.alerts(&people)?.into_iter().flatten();
        // One that has ended has neither timer nor message, and opened then all the same.
        for alert in alerts.filter(|alert| shift.holds(alert.opened_at)) {
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
