//! The year, event by event in the order of time: visits, emergencies, what time alone does,
//! messages, answers.

mod sittings;

use std::{cmp::Reverse, collections::BinaryHeap};

use simulators::township::{DAYS, DOCTORS, Draw, Visit};

use super::{
    Habits,
    alerts::{Alerts, Scene, place_of},
    count::Count,
    doctors,
    resident::Resident,
};
use crate::{
    assess::{ActOutcome, Change, Concept, Condition, Episode, Measure, Pack, Transition},
    care::Team,
    cli::Failure,
    domain::{Attributes, CareLevel, Doctor, DoctorId, Level, Millis, Timestamp},
    notify::Turned,
    store::{AlertChange, Owed},
};

/// The year begins on a Monday under the regime of 2026 (LINES section 2.4).
pub(super) fn start_of() -> Timestamp {
    // 2026-01-05T00:00:00+08:00.
    Timestamp::from_millis(1_767_542_400_000)
}

fn minute_of(minute: i32) -> Timestamp {
    start_of().plus(Millis::minutes(i64::from(minute)))
}

pub(super) fn end_of() -> Timestamp {
    start_of().plus(Millis::days(i64::from(DAYS)))
}

/// What happens to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A planned visit; the flag says whether it takes place.
    Visit(bool),
    /// A visit outside the calendar.
    Extra,
    /// An emergency, by its place, is measured for the first time.
    Emergency(usize),
    /// The sitting goes on.
    Sit,
    /// Time alone may change what the lines say.
    Instant,
    /// An alert, by its place, waits no longer.
    Deadline(usize),
    /// A doctor, by their place, takes an alert.
    Answer(usize, usize),
    /// A doctor closes an alert.
    Close(usize),
    /// Something may leave.
    Wake,
}

/// See the module.
struct Year<'a> {
    pack: &'a Pack,
    habits: Habits,
    people: Vec<Resident>,
    alerts: Alerts,
    doctors: Vec<Doctor>,
    queue: BinaryHeap<Reverse<(Timestamp, u64, usize, Event)>>,
    queued: u64,
    wake_at: Option<Timestamp>,
    count: Count,
}

/// Lives the year and counts.
pub(super) fn live(pack: &Pack, draw: Draw, habits: Habits) -> Result<Count, Failure> {
    let people = draw.people().into_iter().map(Resident::new).collect::<Result<Vec<_>, _>>()?;
    let doctors = staff()?;
    let above: Vec<Doctor> = doctors.iter().skip(village_doctors()).cloned().collect();
    let villages = doctors.iter().take(village_doctors());
    let teams = villages.map(|doctor| Team::new(Some(doctor.clone()), above.clone())).collect();
    let count = Count::new(&people, doctors.len());
    let mut year = Year {
        pack,
        habits,
        people,
        alerts: Alerts::new(teams),
        doctors,
        queue: BinaryHeap::new(),
        queued: 0,
        wake_at: None,
        count,
    };
    year.begin();
    year.run()?;
    let Year { people, alerts, mut count, .. } = year;
    count.finish(pack, &people, &alerts);
    Ok(count)
}

fn village_doctors() -> usize {
    usize::try_from(DOCTORS).unwrap_or(usize::MAX)
}

/// Village doctors, then the township's, then the county's.
fn staff() -> Result<Vec<Doctor>, Failure> {
    let villages = (0..DOCTORS).map(|number| (format!("DR{number:02}"), CareLevel::Village));
    let above = [("TOWNSHIP", CareLevel::Township), ("COUNTY", CareLevel::County)];
    let above = above.into_iter().map(|(name, level)| (name.to_owned(), level));
    villages.chain(above).map(|(name, level)| doctor(&name, level)).collect()
}

fn doctor(name: &str, level: CareLevel) -> Result<Doctor, Failure> {
    Ok(Doctor {
        doctor: DoctorId::new(name).map_err(|error| Failure::of(&error))?,
        name: String::new(),
        phone: String::new(),
        level,
        place: String::new(),
        // Somewhere, so that a message is owed; nothing is sent.
        webhook: "rehearsed".to_owned(),
        webhook_secret: String::new(),
        mqtt: false,
        attributes: Attributes::new(),
    })
}

impl Year<'_> {
    fn begin(&mut self) {
        for who in 0..self.people.len() {
            self.plan_visit(who);
            let Some(resident) = self.people.get(who) else { continue };
            let emergencies: Vec<i32> =
                resident.villager.emergencies.iter().map(|it| it.measured).collect();
            for (place, measured) in emergencies.into_iter().enumerate() {
                self.push(minute_of(measured), who, Event::Emergency(place));
            }
        }
    }

    fn run(&mut self) -> Result<(), Failure> {
        while let Some(Reverse((now, _, who, event))) = self.queue.pop() {
            if now >= end_of() {
                return Ok(());
            }
            self.handle(who, event, now)?;
            for (place, due_at) in std::mem::take(&mut self.alerts.deadlines) {
                let who = self.alerts.case(place).map_or(0, |case| case.who);
                self.push(due_at, who, Event::Deadline(place));
            }
            let wake = self.alerts.next_wake();
            if let Some(at) = wake.filter(|at| self.wake_at.is_none_or(|planned| *at < planned)) {
                self.wake_at = Some(at);
                self.push(at.max(now), 0, Event::Wake);
            }
        }
        Ok(())
    }

    fn push(&mut self, at: Timestamp, who: usize, event: Event) {
        self.queued = self.queued.saturating_add(1);
        self.queue.push(Reverse((at, self.queued, who, event)));
    }

    fn handle(&mut self, who: usize, event: Event, now: Timestamp) -> Result<(), Failure> {
        match event {
            Event::Visit(kept) => self.visit(who, kept, now),
            Event::Extra => self.extra(who, now),
            Event::Emergency(place) => self.emergency(who, place, now),
            Event::Sit => return self.sit(who, now),
            Event::Instant => self.instant(who, now),
            Event::Deadline(place) => {
                let doctor = self.doctor_of(who);
                self.alerts.deadline_passed(place, doctor, now);
            }
            Event::Answer(place, doctor) => {
                if let Some(doctor) = self.doctors.get(doctor) {
                    self.alerts.acknowledge(place, &doctor.doctor, now);
                }
            }
            Event::Close(place) => return self.close(who, place, now),
            Event::Wake => self.wake(now),
        }
        Ok(())
    }

    fn doctor_of(&self, who: usize) -> usize {
        self.people.get(who).map_or(0, |it| usize::try_from(it.villager.doctor).unwrap_or(0))
    }

    fn plan_visit(&mut self, who: usize) {
        let kept = self.habits.kept_per_mille;
        let Some(resident) = self.people.get_mut(who) else { return };
        let Visit { minute, kept } = resident.calendar.next_visit(kept);
        self.push(minute_of(minute), who, Event::Visit(kept));
    }

    fn instant(&mut self, who: usize, now: Timestamp) {
        let Some(resident) = self.people.get_mut(who) else { return };
        if resident.due_at.is_some_and(|due| due <= now) {
            resident.due_at = None;
            let steps = resident.wait(self.pack, now);
            self.follow(who, &steps, (Scene::default(), now));
        }
    }

    /// A doctor closes what nothing else ended. A true emergency was referred; a suspicion becomes a
    /// diagnosis.
    fn close(&mut self, who: usize, place: usize, now: Timestamp) -> Result<(), Failure> {
        let Some(case) = self.alerts.case(place) else { return Ok(()) };
        let id = case.history.alert.id;
        let Some(resident) = self.people.get(who) else { return Ok(()) };
        let Some(episode) = resident.state.live().find(|it| it.id == id) else { return Ok(()) };
        let (concept, at) = (episode.concept, episode.at);
        if episode.opened_level == Level::Red && self.count.is_true_emergency(who, at) {
            self.act(who, (concept, ActOutcome::ConfirmedReferred), now)?;
        }
        self.act(who, (concept, ActOutcome::Closed), now)?;
        let found = [
            (Concept::BpSuspectedHtn, Condition::Hypertension),
            (Concept::GluSuspectedDm, Condition::Diabetes),
        ];
        let found = found.into_iter().find(|(suspected, _)| *suspected == concept);
        if let (Some((_, condition)), Some(resident)) = (found, self.people.get_mut(who)) {
            // From tomorrow on, so that nothing that was judged is judged otherwise.
            let tomorrow = now.plus(Millis::days(1)).to_shanghai().map(jiff::civil::DateTime::date);
            resident.patient = resident.patient.clone().during(condition, tomorrow, None);
            resident.calendar.set_cadence(resident.villager.class.cadence_days(true));
        }
        Ok(())
    }

    fn act(
        &mut self,
        who: usize,
        act: (Concept, ActOutcome),
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some(resident) = self.people.get_mut(who) else { return Ok(()) };
        let steps = resident.act(self.pack, act, now)?;
        self.follow(who, &steps, (Scene::default(), now));
        Ok(())
    }

    /// What the lines did becomes what care does.
    fn follow(&mut self, who: usize, steps: &[Transition], at: (Scene, Timestamp)) {
        let doctor = self.doctor_of(who);
        let Some(resident) = self.people.get_mut(who) else { return };
        let mut opened = Vec::new();
        for step in steps {
            if let Transition::Changed(change, episode) = step {
                let whose = (&resident.id, who, doctor);
                let place = self.alerts.follow(self.pack, episode, whose, at);
                opened.extend(place.map(|place| (place, Episode::clone(episode))));
                let red = *change == Change::Opened && episode.level == Level::Red;
                if let Some(seat) = resident.seat.as_mut().filter(|_| red) {
                    let pressure = u32::from(episode.concept == Concept::BpEmergency);
                    let glucose = u32::from(episode.concept.measure() == Measure::Glucose);
                    seat.reds = seat.reds.saturating_add(pressure);
                    seat.meter_reds = seat.meter_reds.saturating_add(glucose);
                }
            }
        }
        for step in steps {
            if let Transition::Crossed(crossed) = step {
                self.alerts.confirm(crossed, at.0, at.1);
            }
        }
        let next = resident.state.next_due(self.pack, &resident.patient);
        if next != resident.due_at {
            resident.due_at = next;
            if let Some(due) = next {
                self.push(due.max(at.1), who, Event::Instant);
            }
        }
        for (place, episode) in opened {
            self.count.opened(who, &episode);
            if let Some(after) = doctors::closes_after(episode.concept, episode.opened_level) {
                self.push(at.1.plus(after), who, Event::Close(place));
            }
        }
    }

    /// Messages leave, and are answered or not.
    fn wake(&mut self, now: Timestamp) {
        self.wake_at = None;
        let people = &self.people;
        let doctor_of = |who: usize| {
            people.get(who).map_or(0, |it| usize::try_from(it.villager.doctor).unwrap_or(0))
        };
        for turned in self.alerts.send(now, doctor_of) {
            let left = match turned {
                Turned::Left(left) => left,
                Turned::Capped(..) => {
                    self.count.capped();
                    continue;
                }
            };
            let place = self.doctors.iter().position(|it| it.doctor == left.recipient);
            let Some(doctor) = place else { continue };
            let opened = |row: &Owed| {
                let case = self.alerts.case(place_of(row.alert));
                let first = case.and_then(|case| case.history.events.first());
                first.map_or(row.level, |(_, opened)| opened.alert.level)
            };
            let calmed = left
                .rows
                .iter()
                .any(|row| row.change == AlertChange::Opened && opened(row) > row.level);
            // A red that was calmed keeps its deadline (LINES 6.1), and the message names it.
            let level = left.rows.iter().map(opened).max().unwrap_or(left.level);
            self.count.left(doctor, &left, calmed);
            for row in &left.rows {
                let always = doctor >= village_doctors();
                let who = (&left.recipient, always);
                let after = doctors::answers_after(self.habits.seed, &row.alert_id, who, level);
                if let Some(after) = after {
                    let answer = Event::Answer(place_of(row.alert), doctor);
                    self.push(now.plus(after), 0, answer);
                }
            }
        }
    }
}
