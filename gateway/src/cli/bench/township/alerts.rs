//! Everybody's alerts and what is owed about them: care's steps, kept as the store would keep them,
//! and the rehearsal of what leaves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    assess::{Crossed, Episode, Pack},
    care::{self, Opening, Paging, Step, Team},
    domain::{AlertId, AlertState, DoctorId, NotificationKey, PersonId, Timestamp},
    notify::{Caps, Rehearsal, Turned},
    store::{AlertChange, Change, CommitSeq, Disposition, Fact, Owed, Timer, view::AlertHistory},
};

/// One alert, whole.
#[derive(Debug)]
pub(super) struct Case {
    /// As it stands, and every step.
    pub(super) history: AlertHistory,
    /// The deadline that stands.
    pub(super) timer: Option<Timer>,
    /// Whom it is about, by their place.
    pub(super) who: usize,
    /// When the first message about it left.
    pub(super) told_at: Option<Timestamp>,
}

/// The circumstances in which facts are judged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scene {
    /// Staff of a site are there.
    pub(super) staffed: bool,
    /// A value that never waits is among them.
    pub(super) grave: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Alerts {
    cases: Vec<Case>,
    keys: HashMap<AlertId, usize>,
    team_of: Vec<Team>,
    outbox: BTreeMap<(Timestamp, NotificationKey), Owed>,
    owed_ever: BTreeSet<NotificationKey>,
    rehearsal: Rehearsal,
    /// Deadlines that were set since they were last asked for: the alert's place, and when.
    pub(super) deadlines: Vec<(usize, Timestamp)>,
}

impl Alerts {
    /// `team_of`: the team of each village doctor.
    pub(super) fn new(team_of: Vec<Team>) -> Self {
        Self {
            cases: Vec::new(),
            keys: HashMap::new(),
            team_of,
            outbox: BTreeMap::new(),
            owed_ever: BTreeSet::new(),
            rehearsal: Rehearsal::new(Caps::default()),
            deadlines: Vec::new(),
        }
    }

    pub(super) fn cases(&self) -> &[Case] {
        &self.cases
    }

    pub(super) fn case(&self, place: usize) -> Option<&Case> {
        self.cases.get(place)
    }

    pub(super) fn place_of(&self, id: AlertId) -> Option<usize> {
        self.keys.get(&id).copied()
    }

    fn team(&self, doctor: usize) -> Team {
        self.team_of.get(doctor).cloned().unwrap_or_default()
    }

    /// Brings an alert to its episode, as the writer does. Gives its place if it was opened.
    pub(super) fn follow(
        &mut self,
        pack: &Pack,
        episode: &Episode,
        (person, who, doctor): (&PersonId, usize, usize),
        (scene, now): (Scene, Timestamp),
    ) -> Option<usize> {
        let team = self.team(doctor);
        let known = self.place_of(episode.id);
        if known.is_none() {
            let place = self.cases.len();
            let paging = Paging::of(pack, scene.staffed, scene.grave);
            let opening = Opening::of(pack, episode, person.clone(), key_of(place), paging);
            let step = care::open(opening, &team, now);
            let history = AlertHistory { alert: step.alert.clone(), events: Vec::new() };
            self.keys.insert(episode.id, place);
            self.cases.push(Case { history, timer: None, who, told_at: None });
            self.take(place, step);
        }
        let place = self.place_of(episode.id)?;
        let standing = self.cases.get(place).map(|case| case.history.alert.clone())?;
        if let Some(step) = care::follow(&standing, episode, &team, now) {
            self.take(place, step);
        }
        known.is_none().then_some(place)
    }

    /// A second reading confirms an alert: the page that waited leaves now.
    pub(super) fn confirm(&mut self, crossed: &Crossed, scene: Scene, now: Timestamp) {
        if crossed.disposition == Disposition::Joined
            && scene.staffed
            && let Some(place) = self.place_of(crossed.episode)
        {
            self.change(place, Change::Hasten { alert: key_of(place), due_at: now });
        }
    }

    /// A doctor takes an alert that waits for one.
    pub(super) fn acknowledge(&mut self, place: usize, by: &DoctorId, now: Timestamp) {
        let waits = |case: &&Case| case.history.alert.state == AlertState::Open;
        let Some(case) = self.cases.get(place).filter(waits) else { return };
        let step = care::acknowledge(&case.history.alert, &care::actor(by), None, now);
        self.take(place, step);
    }

    /// A deadline passed, if it still stands.
    pub(super) fn deadline_passed(&mut self, place: usize, doctor: usize, now: Timestamp) {
        let Some(case) = self.cases.get_mut(place) else { return };
        if case.timer.as_ref().is_none_or(|timer| timer.due_at != now) {
            return;
        }
        case.timer = None;
        let alert = case.history.alert.clone();
        match care::escalate(&alert, &self.team(doctor), now) {
            Some(step) => self.take(place, step),
            None => {
                if let Some(change) = care::ask_again(&alert, now) {
                    self.change(place, change);
                }
            }
        }
    }

    /// When something may leave next.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        let due = self.outbox.keys().next().map(|(due_at, _)| *due_at);
        [due, self.rehearsal.next_wake()].into_iter().flatten().min()
    }

    /// What leaves now. A cap sends its alerts to the next step at once.
    pub(super) fn send(
        &mut self,
        now: Timestamp,
        doctor_of: impl Fn(usize) -> usize,
    ) -> Vec<Turned> {
        while let Some(first) = self.outbox.first_entry().filter(|first| first.key().0 <= now) {
            self.rehearsal.add(first.remove(), now);
        }
        let cases = &self.cases;
        let history = |row: &Owed| cases.get(place_of(row.alert)).map(|case| &case.history);
        let turned = self.rehearsal.run(now, history);
        for turn in &turned {
            match turn {
                Turned::Left(left) => {
                    for row in &left.rows {
                        if let Some(case) = self.cases.get_mut(place_of(row.alert)) {
                            case.told_at.get_or_insert(now);
                        }
                    }
                }
                Turned::Capped(_, rows) => {
                    for row in rows {
                        self.move_on(place_of(row.alert), &doctor_of, now);
                    }
                }
            }
        }
        turned
    }

    fn move_on(&mut self, place: usize, doctor_of: impl Fn(usize) -> usize, now: Timestamp) {
        let Some(case) = self.cases.get(place) else { return };
        let team = self.team(doctor_of(case.who));
        let step = care::forward(&case.history.alert, None, &"cap".into(), &team, now);
        if let Some(step) = step {
            self.take(place, step);
        }
    }

    fn take(&mut self, place: usize, step: Step) {
        let (fact, changes) = step.into_parts();
        if let (Fact::Alert(event), Some(case)) = (fact, self.cases.get_mut(place)) {
            case.history.events.push((CommitSeq::default(), *event));
        }
        for change in changes {
            self.change(place, change);
        }
    }

    /// A change as the store makes it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "care makes no other change")]
    fn change(&mut self, place: usize, change: Change) {
        let Some(case) = self.cases.get_mut(place) else { return };
        match change {
            Change::Alert(alert) => {
                self.keys.insert(alert.id, place);
                case.history.alert = *alert;
            }
            Change::SetTimer(timer) => {
                self.deadlines.push((place, timer.due_at));
                case.timer = Some(timer);
            }
            Change::ClearTimer(_) => case.timer = None,
            Change::Owe(owed) if self.owed_ever.insert(owed.key) => {
                self.outbox.insert((owed.due_at, owed.key), *owed);
            }
            Change::Hasten { alert, due_at } => {
                let waits = |(at, row): (&(Timestamp, NotificationKey), &Owed)| {
                    (row.alert == alert && at.0 > due_at).then_some(*at)
                };
                let later: Vec<_> = self.outbox.iter().filter_map(waits).collect();
                for old in later {
                    if let Some(row) = self.outbox.remove(&old) {
                        self.outbox.insert((due_at, old.1), Owed { due_at, ..row });
                    }
                }
            }
            Change::Calm { alert, level, due_at } => {
                let (waiting, others) = std::mem::take(&mut self.outbox)
                    .into_iter()
                    .partition::<BTreeMap<_, _>, _>(|(_, row)| row.alert == alert);
                self.outbox = others;
                for ((_, key), row) in waiting {
                    self.outbox.insert((due_at, key), Owed { level, due_at, ..row });
                }
            }
            _ => {}
        }
    }
}

/// When an alert ended, and whether it stands.
pub(super) fn ended_at(case: &Case) -> Option<Timestamp> {
    let ends = |change| {
        matches!(change, AlertChange::Closed | AlertChange::Superseded | AlertChange::Withdrawn)
    };
    let last = case.history.events.iter().rev().find(|(_, event)| ends(event.change));
    last.map(|(_, event)| event.at).filter(|_| !case.history.alert.state.is_live())
}

fn key_of(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

pub(super) fn place_of(key: i64) -> usize {
    usize::try_from(key).unwrap_or(usize::MAX)
}
