//! Sittings: who is measured, with what, and what the doctor does before going.

use firmware_protocols::Meal;
use simulators::township::Sitting;

use super::{
    super::{
        clock::Seen,
        doctors,
        resident::{Phase, Seat, Taken, cuff, day_of, meter},
        truth::{Lines, is_over},
    },
    Event, Year,
};
use crate::{
    assess::{ActOutcome, Concept},
    cli::Failure,
    domain::{Millis, Timestamp},
};

/// Between two readings of one sitting (LINES section 3: 30 to 60 s).
const NEXT_READING: Millis = Millis::minutes(1);
/// Two readings that differ by more want a third (LINES section 3, CN2), in mmHg.
const THIRD_IF_OVER: u16 = 10;
/// After a red once more, so long after the first reading (LINES 6.5).
const AGAIN_AFTER: Millis = Millis::minutes(8);
/// The household measures again so long after an emergency's first reading (LINES 6.4).
const AT_HOME_AGAIN: Millis = Millis::minutes(5);
/// After sugar (LINES 6.3, GL-E2: 15 min).
const AFTER_SUGAR: Millis = Millis::minutes(18);
/// The doctor goes so long after the first reading: the session is judged.
const LEAVE_AFTER: Millis = Millis::minutes(15);
/// The doctor measures an emergency again the same day; assumed.
const DOCTOR_COMES: Millis = Millis::hours(4);
/// Those without diabetes get the meter at check-ups (SEED2: two rounds a year).
const METER_EVERY: Millis = Millis::days(180);
/// A visit that finds the person in another sitting is put off.
const PUT_OFF: Millis = Millis::hours(1);

impl Year<'_> {
    pub(super) fn visit(&mut self, who: usize, kept: bool, now: Timestamp) {
        let Some(resident) = self.people.get_mut(who) else { return };
        if kept && resident.seat.is_some() {
            return self.push(now.plus(PUT_OFF), who, Event::Visit(true));
        }
        if kept {
            resident.visits = resident.visits.saturating_add(1);
            let sitting = resident.villager.visit(resident.visits, day_of(now));
            self.begin_sitting(who, (sitting, None), now);
            self.mark_planned(who);
        }
        self.plan_visit(who);
    }

    fn mark_planned(&mut self, who: usize) {
        let seat = self.people.get_mut(who).and_then(|resident| resident.seat.as_mut());
        if let Some(seat) = seat {
            seat.planned = true;
        }
    }

    pub(super) fn extra(&mut self, who: usize, now: Timestamp) {
        let Some(resident) = self.people.get_mut(who) else { return };
        resident.recheck = false;
        if resident.seat.is_none() {
            resident.visits = resident.visits.saturating_add(1);
            let sitting = resident.villager.visit(resident.visits, day_of(now));
            self.begin_sitting(who, (sitting, None), now);
        }
    }

    pub(super) fn emergency(&mut self, who: usize, place: usize, now: Timestamp) {
        let Some(resident) = self.people.get_mut(who) else { return };
        if resident.seat.is_some() {
            return self.push(now.plus(LEAVE_AFTER), who, Event::Emergency(place));
        }
        let Some(emergency) = resident.villager.emergencies.get(place) else { return };
        let sitting = resident.villager.emergency(emergency);
        self.count.measured(who, now);
        self.begin_sitting(who, (sitting, Some(place)), now);
        self.push(now.plus(DOCTOR_COMES), who, Event::Extra);
    }

    fn begin_sitting(
        &mut self,
        who: usize,
        (sitting, emergency): (Sitting, Option<usize>),
        now: Timestamp,
    ) {
        if let Some(resident) = self.people.get_mut(who) {
            resident.seat = Some(Seat {
                sitting,
                began: now,
                phase: Phase::First,
                emergency,
                planned: false,
                found: Vec::new(),
                sugar: None,
                reds: 0,
                meter_reds: 0,
            });
            self.push(now, who, Event::Sit);
        }
    }

    /// One step of a sitting.
    pub(super) fn sit(&mut self, who: usize, now: Timestamp) -> Result<(), Failure> {
        let Some(resident) = self.people.get_mut(who) else { return Ok(()) };
        let Some(seat) = &mut resident.seat else { return Ok(()) };
        let emergency = seat.emergency.and_then(|it| resident.villager.emergencies.get(it));
        let first = seat.phase == Phase::First;
        let taken = Taken {
            staffed: emergency.is_none(),
            doubtful: first && emergency.is_some_and(|it| it.doubtful),
            symptom: first && emergency.is_some_and(|it| it.symptom && !it.low_glucose),
        };
        let low = emergency.is_some_and(|it| it.low_glucose);
        let measurement = match seat.phase {
            Phase::Leave => return self.leave(who, now),
            Phase::Glucose | Phase::GlucoseAgain => {
                let tenths = seat.sitting.glucose();
                seat.sugar.get_or_insert(tenths);
                resident.meter_at = Some(now);
                meter(tenths, Meal::Fasting)
            }
            _ if low => meter(seat.sitting.glucose(), Meal::Random),
            Phase::First | Phase::Second | Phase::Third | Phase::Again => {
                let found = seat.sitting.pressure();
                if !taken.doubtful {
                    seat.found.push((now, found));
                }
                cuff(found, taken.doubtful)
            }
        };
        let (steps, scene) = resident.measure(self.pack, (measurement, taken), now)?;
        self.follow(who, &steps, (scene, now));
        self.go_on(who, low, now);
        Ok(())
    }

    /// What a sitting does next, and when.
    fn go_on(&mut self, who: usize, low: bool, now: Timestamp) {
        let Some(resident) = self.people.get_mut(who) else { return };
        let due = resident.meter_at.is_none_or(|at| now.since(at) >= METER_EVERY);
        let wants_meter = resident.villager.diabetic || due;
        let Some(seat) = &mut resident.seat else { return };
        let at_home = seat.emergency.is_some();
        let differ = match seat.found.as_slice() {
            [(_, one), (_, other)] => {
                one.systolic.abs_diff(other.systolic) > THIRD_IF_OVER
                    || one.diastolic.abs_diff(other.diastolic) > THIRD_IF_OVER
            }
            _ => false,
        };
        let leave = (Phase::Leave, seat.began.plus(LEAVE_AFTER).max(now.plus(NEXT_READING)));
        let rest =
            if at_home || !wants_meter { leave } else { (Phase::Glucose, now.plus(NEXT_READING)) };
        let (phase, at) = match seat.phase {
            Phase::First if low => (Phase::Second, now.plus(AFTER_SUGAR)),
            Phase::First if at_home => (Phase::Second, now.plus(AT_HOME_AGAIN)),
            Phase::First => (Phase::Second, now.plus(NEXT_READING)),
            Phase::Second | Phase::Third | Phase::Again if at_home => leave,
            Phase::Second if differ => (Phase::Third, now.plus(NEXT_READING)),
            Phase::Second | Phase::Third if seat.reds > 0 => {
                (Phase::Again, seat.began.plus(AGAIN_AFTER))
            }
            Phase::Second | Phase::Third | Phase::Again => rest,
            Phase::Glucose if seat.meter_reds > 0 => (Phase::GlucoseAgain, now.plus(AT_HOME_AGAIN)),
            Phase::Glucose | Phase::GlucoseAgain | Phase::Leave => leave,
        };
        seat.phase = phase;
        self.push(at, who, Event::Sit);
    }

    /// The session has been judged; the doctor closes what is back under the line, and may want to
    /// come again.
    fn leave(&mut self, who: usize, now: Timestamp) -> Result<(), Failure> {
        self.instant(who, now);
        let Some(resident) = self.people.get_mut(who) else { return Ok(()) };
        let Some(seat) = resident.seat.take() else { return Ok(()) };
        let lines = Lines::of(self.pack, &resident.patient, now);
        self.count.sitting(self.pack, lines, &seat);
        if seat.emergency.is_some() {
            return Ok(());
        }
        let over = lines.over(&seat);
        self.count.seen(who, Seen { at: seat.began, pressure: over.0, glucose: over.1 });
        let concepts: Vec<Concept> = resident
            .state
            .live()
            .filter(|episode| doctors::by_values(episode.concept))
            .map(|episode| episode.concept)
            .filter(|concept| !is_over(*concept, over))
            .collect();
        for concept in concepts {
            self.act(who, (concept, ActOutcome::Closed), now)?;
        }
        // A visit out of turn is followed by no other.
        let again = seat.planned && (over.0 == Some(true) || over.1 == Some(true));
        let days = i64::from(self.habits.recheck_days);
        let Some(resident) = self.people.get_mut(who) else { return Ok(()) };
        if again && days > 0 && !resident.recheck && days < i64::from(resident.calendar.cadence()) {
            resident.recheck = true;
            self.push(now.plus(Millis::days(days)), who, Event::Extra);
        }
        Ok(())
    }
}
