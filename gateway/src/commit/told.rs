//! What was told by a clock that proved wrong counts when it was told: events, steps of alerts and what
//! they say of visits, here and at every other gateway (`store/told.rs` has the rule).

use std::collections::BTreeSet;

use crate::{
    domain::{BenchId, Millis, PersonId, Reading, SiteId, Timestamp},
    store::{
        BenchSession, CardScan, Change, CommitSeq, FactId, QuarantineReason, StoreError, ToldMoved,
    },
};

use super::{
    again::Stretch,
    attribute::{self, Whose},
    desk::bench_of,
    group::Group,
};

impl Group<'_> {
    /// What was told counts at other times from now on: everybody concerned is judged anew.
    pub(super) fn move_told(&mut self, told: &[(CommitSeq, PersonId)], moved: ToldMoved) {
        for (seq, person) in told {
            self.changes.push(Change::MoveTold(*seq, moved));
            if is_somebody(person) {
                self.judge_anew(person.clone());
            }
        }
    }

    /// The visits among what was told count for whoever answered when they took place.
    pub(super) fn judge_moved_visits(
        &mut self,
        told: &[(CommitSeq, PersonId)],
    ) -> Result<(), StoreError> {
        let people: BTreeSet<_> = told.iter().map(|(_, person)| person).collect();
        for person in people.into_iter().filter(|person| is_somebody(person)) {
            self.judge_visits_anew(person)?;
        }
        Ok(())
    }

    /// Moves the cards that were held to readers when they came, and their sessions. Of those of our own
    /// benches, whose readings are is asked anew.
    pub(super) fn move_scans(
        &mut self,
        scans: Vec<(CommitSeq, FactId, CardScan)>,
        by: Millis,
        own: bool,
    ) -> Result<(), StoreError> {
        let mut moved: Vec<CardScan> = Vec::new();
        for (seq, name, scan) in scans {
            let (ahead, before) = (scan.at.since(scan.received_at), self.unit.clock_moved(&name)?);
            // A reader that states a time has a clock of its own.
            if ahead != Millis::ZERO && ahead != before {
                continue;
            }
            for session in self.unit.sessions(&scan.site, &scan.bench, scan.at)? {
                if session.from == scan.at {
                    self.changes
                        .push(Change::Session(BenchSession { until: session.from, ..session }));
                }
            }
            let at = scan.received_at.plus(before).plus(by);
            self.changes.push(Change::MoveScan(seq, at));
            moved.push(CardScan { at, ..scan });
        }
        self.flush()?;
        for scan in &moved {
            if own {
                self.stretches.push(Stretch::of(scan));
            }
            self.open_again(scan)?;
        }
        self.flush()
    }

    /// Whose a reading that came now is. By a clock that shows times which have been at its bench, no
    /// session tells: it waits until the clock is set.
    pub(super) fn whose(&mut self, reading: &Reading) -> Result<Whose, StoreError> {
        if self.doubted.is_some() && reading.remarks.person.is_none() {
            let device = self.desk.device(self.unit, &reading.device)?;
            let bench = bench_of(reading.bench.as_ref(), device);
            let span = (reading.measured.at.min(reading.received_at), reading.received_at);
            if let Some(bench) = bench
                && self.was_shown_before((&reading.site, &bench), span)?
            {
                return Ok(Whose::Nobody(QuarantineReason::UnprovenTime));
            }
        }
        attribute::attribute(self.desk, self.unit, reading)
    }

    /// Whether a clock that is doubted shows times at which cards were held to a bench's reader before it
    /// was, as after a second start without a battery: then nobody knows which card was before what.
    pub(super) fn was_shown_before(
        &mut self,
        (site, bench): (&SiteId, &BenchId),
        (from, to): (Timestamp, Timestamp),
    ) -> Result<bool, StoreError> {
        let Some(doubt) = self.doubted else { return Ok(false) };
        let limit = self.desk.session_limit(self.unit, site)?;
        let around = Millis(limit.0.saturating_mul(2));
        let span = (from.minus(around), to.plus(around));
        self.unit.had_scans((site, bench), span, doubt.since)
    }

    /// The session that a card began, now that it was held there at another time.
    fn open_again(&mut self, scan: &CardScan) -> Result<(), StoreError> {
        let (false, Some(person)) = (scan.out, &scan.person) else { return Ok(()) };
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
        Ok(())
    }
}

/// A person, and not the name under which an alert of nobody or of a silent site stands.
fn is_somebody(person: &PersonId) -> bool {
    !person.is_nobody() && person.silent_site().is_none()
}
