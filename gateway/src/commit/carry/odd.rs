//! Readings that came by a clock which cannot have been right: what is known here bounds when they came.
//!
//! Nothing was received after now, and nothing that follows the watermark up to which the sender was
//! heard was received before that instant (`served`). A receipt outside of that is moved by whole days,
//! so that hours stay hours and records keep their order, or to the bound itself where none fits; what
//! was received, and every id, stays. It is this gateway's own correction, with the grade of an order
//! alone, and stays here: what the sender finds of its clock later is another, and counts instead.
//! What was told (an event, an act about an alert) moves in the same way, from when it was told
//! (`store/told.rs`), until the sender says that its clock was set.
//! Whether it is fresh is said by the bounds alone: where they are further apart than the pack's
//! `stale_hours`, it wakes nobody.

use super::{Fate, Group, Load};
use crate::{
    commit::{nobody::Stands, served::Serving},
    domain::{BoxId, Grade, Measured, Millis, Standing, Timestamp},
    store::{
        CarryChange, Change, Fact, Retimed, Status, StoreError, StoredReading, Timing, ToldMoved,
    },
};

/// A clock that is off by less makes no day and no lateness of another one, and is left alone. Our choice.
const DAY: Millis = Millis::days(1);

impl Group<'_> {
    /// The times of a reading that came by a clock which cannot have been right; `None`: it can.
    pub(super) fn odd_times(
        &mut self,
        load: &Load<'_>,
        stored: &StoredReading,
    ) -> Result<Option<Timing>, StoreError> {
        let before = stored.timing();
        let since = self.not_before(load)?;
        let received_at = possible(before.received_at, (since, self.now));
        if received_at == before.received_at {
            return Ok(None);
        }
        let by = received_at.since(before.received_at);
        let grade = match before.measured.grade {
            Grade::D => Grade::D,
            Grade::A | Grade::B | Grade::C => Grade::C,
        };
        let measured = Measured { at: before.measured.at.plus(by), grade };
        let fresh = since.is_some_and(|since| self.now.since(since) <= self.pack.stale_after());
        Ok(Some(Timing { measured, received_at, late: before.late || !fresh }))
    }

    /// By how much later something that was told counts: by what its gateway found of the clock, which
    /// may have come before it, else by what is known here of when it can have been told. `told_at`: when,
    /// by that clock.
    pub(super) fn told_moved(
        &mut self,
        load: &Load<'_>,
        told_at: Timestamp,
    ) -> Result<Option<ToldMoved>, StoreError> {
        let by = self.unit.clock_moved(&load.came.id)?;
        if by != Millis::ZERO {
            return Ok(Some(ToldMoved { by, own: false, guess: false }));
        }
        if load.came.down {
            return Ok(None);
        }
        let since = self.not_before(load)?;
        let by = possible(told_at, (since, self.now)).since(told_at);
        Ok((by != Millis::ZERO).then_some(ToldMoved { by, own: false, guess: true }))
    }

    /// Nothing that comes was received before this, as far as is known.
    fn not_before(&mut self, load: &Load<'_>) -> Result<Option<Timestamp>, StoreError> {
        match (load.in_turn, load.came.id.gateway == load.came.by) {
            (true, true) => self.heard_of(&load.came.by),
            _ => Ok(None),
        }
    }

    fn heard_of(&mut self, sender: &BoxId) -> Result<Option<Timestamp>, StoreError> {
        let boxes = self.desk.served.boxes(self.unit)?;
        let sender = boxes.iter().find(|serving| serving.name == *sender);
        Ok(sender.and_then(Serving::heard))
    }

    /// Enters a reading as it came, and its correction beside it.
    pub(super) fn bring_odd(
        &mut self,
        mut stored: StoredReading,
        after: Timing,
    ) -> Result<Fate, StoreError> {
        let reading = stored.reading.id;
        self.facts.push(Fact::Reading(Box::new(stored.clone())));
        self.flush()?;
        let end = self.unit.last()?;
        let retimed = Retimed { reading, before: stored.timing(), after, at: self.now };
        self.facts.push(Fact::Retimed(Box::new(retimed)));
        self.changes.push(Change::Retime(reading, after));
        self.flush()?;
        let stay = CarryChange::Stay(end, self.unit.last()?);
        self.changes.push(Change::Carry(Box::new(stay)));
        stored.retime(&after);
        if stored.attribution.is_none() {
            self.mind_nobody(&stored, Stands::Waits, None)?;
            return Ok(Fate::Here);
        }
        let (status, why) = match stored.standing {
            Standing::Stored => (Status::Stored, None),
            Standing::Rejected => (Status::Rejected, Some("implausible")),
        };
        self.outcome(Some(reading), status, why);
        self.past_changed(stored);
        Ok(Fate::Here)
    }
}

/// The instant nearest to what a clock said that can have been.
fn possible(said: Timestamp, (since, now): (Option<Timestamp>, Timestamp)) -> Timestamp {
    let days = |length: Millis| {
        let whole = length.0.div_euclid(DAY.0).saturating_add(i64::from(length.0 % DAY.0 != 0));
        Millis(whole.saturating_mul(DAY.0))
    };
    if said.since(now) > DAY {
        let moved = said.minus(days(said.since(now)));
        return since.map_or(moved, |since| if moved < since { now } else { moved });
    }
    match since.filter(|since| since.since(said) > DAY) {
        Some(since) => {
            let moved = said.plus(days(since.since(said)));
            if moved > now { since.min(now) } else { moved }
        }
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, since: Option<&str>, expected: &str) {
        let at = |text: &str| Timestamp::parse(&format!("{text}:00+08:00")).unwrap();
        let now = at("2026-03-05T12:00");
        assert_eq!(possible(at(said), (since.map(at), now)), at(expected), "{said}");
    }

    #[test]
    fn what_can_have_been_stands() {
        check("2026-03-05T11:00", None, "2026-03-05T11:00");
        check("2026-03-05T12:01", None, "2026-03-05T12:01");
        check("2024-03-05T11:00", None, "2024-03-05T11:00");
        check("2026-03-03T11:00", Some("2026-03-03T11:01"), "2026-03-03T11:00");
    }

    #[test]
    fn nothing_was_received_in_time_to_come() {
        check("2028-03-05T11:00", None, "2026-03-05T11:00");
        check("2028-03-05T13:00", None, "2026-03-04T13:00");
        check("2028-03-05T13:00", Some("2026-03-05T10:00"), "2026-03-05T12:00");
    }

    #[test]
    fn nothing_new_was_received_before_its_gateway_was_heard() {
        check("2024-03-05T11:00", Some("2026-03-02T12:00"), "2026-03-03T11:00");
        check("2024-03-05T11:00", Some("2026-03-05T11:30"), "2026-03-05T11:30");
    }
}
