//! What is counted while the year goes by, and what is made of it at its end.

use std::collections::BTreeMap;

use simulators::township::{Class, DAYS};

use super::{
    alerts::{Alerts, Case, ended_at},
    clock::{Clock, Seen, first_found, found_twice},
    resident::{Resident, Seat, day_of},
    truth::{Lines, day_begins, lists, lists_emergency, uncontrolled},
};
use crate::{
    assess::{Concept, Episode, Pack},
    care::{DAY_BEGINS_HOUR, DAY_ENDS_HOUR},
    domain::{Level, Millis, Timestamp},
    notify::Left,
};

/// Levels, gravest first, as they are shown.
pub(super) const LEVELS: [Level; 4] = [Level::Red, Level::Orange, Level::Yellow, Level::Blue];
/// Weeks of the year.
pub(super) const WEEKS: usize = 53;
/// After one cadence and so many days everybody who is truly over the line should be listed (issue
/// of the lines, "Figures").
pub(super) const GRACE_DAYS: i32 = 7;
/// An emergency that is listed at all is listed within a day.
const EMERGENCY_LISTED: Millis = Millis::hours(24);

/// People of one class, with or without a diagnosis.
pub(super) type Group = (Class, bool);

/// What one recipient was sent.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Messages in each week, by their gravest level.
    pub(super) weeks: Vec<[u32; 4]>,
    /// Red messages at night.
    pub(super) nights: u32,
}

impl Told {
    /// Messages of each week, whatever they tell of.
    pub(super) fn all(&self) -> Vec<u32> {
        self.weeks.iter().map(|week| week.iter().sum()).collect()
    }
}

/// How long it took until somebody was listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    /// Who should be.
    pub(super) people: u32,
    /// How long it took, for those who were, in order.
    pub(super) took: Vec<i64>,
    /// Of them, within one cadence and [`GRACE_DAYS`].
    pub(super) in_time: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Count {
    groups: Vec<Group>,
    /// People of each group.
    pub(super) people: BTreeMap<Group, u32>,
    /// Alerts that opened.
    pub(super) opened: BTreeMap<(Group, Concept, Level), u32>,
    /// By recipient: village doctors, then the township's, then the county's.
    pub(super) told: Vec<Told>,
    /// First messages about a red that had been calmed before they left: they tell of orange.
    pub(super) calmed: u32,
    /// Messages that a cap held.
    pub(super) capped: u32,
    /// Reds of a cuff, and of them those whose session's mean lies under the line.
    pub(super) reds: (u32, u32),
    /// True emergencies as they were measured.
    emergencies: Vec<(usize, Timestamp)>,
    /// The truly uncontrolled, by class, and from when their time counts.
    pub(super) uncontrolled: BTreeMap<(Class, Clock), Listed>,
    /// What each person's visits found.
    seen: Vec<Vec<Seen>>,
    /// Emergencies: until the alert, and until the first message, in seconds.
    pub(super) listed: [Listed; 2],
    /// Of those who were truly under the line all year, how many were put before a doctor.
    pub(super) controlled: (u32, u32),
}

impl Count {
    pub(super) fn new(residents: &[Resident], recipients: usize) -> Self {
        let group = |it: &Resident| (it.villager.class, it.villager.under_care());
        let groups: Vec<Group> = residents.iter().map(group).collect();
        let mut people = BTreeMap::new();
        for group in &groups {
            *people.entry(*group).or_default() += 1;
        }
        let told = Told { weeks: vec![[0; 4]; WEEKS], nights: 0 };
        let seen = vec![Vec::new(); residents.len()];
        Self {
            seen,
            groups,
            people,
            opened: BTreeMap::new(),
            told: vec![told; recipients],
            calmed: 0,
            capped: 0,
            reds: (0, 0),
            emergencies: Vec::new(),
            uncontrolled: BTreeMap::new(),
            listed: Default::default(),
            controlled: (0, 0),
        }
    }

    pub(super) fn opened(&mut self, who: usize, episode: &Episode) {
        if let Some(group) = self.groups.get(who) {
            let key = (*group, episode.concept, episode.opened_level);
            *self.opened.entry(key).or_default() += 1;
        }
    }

    pub(super) fn measured(&mut self, who: usize, at: Timestamp) {
        self.emergencies.push((who, at));
    }

    pub(super) fn is_true_emergency(&self, who: usize, at: Timestamp) -> bool {
        let near = |began: Timestamp| (0..=EMERGENCY_LISTED.0).contains(&at.since(began).0);
        self.emergencies.iter().any(|(whose, began)| *whose == who && near(*began))
    }

    /// A sitting ended: how do its reds stand to the mean of its session?
    pub(super) fn sitting(&mut self, pack: &Pack, lines: Lines, seat: &Seat) {
        let ends = seat.began.plus(pack.session_window());
        let session = seat.found.iter().filter(|(at, _)| *at < ends).map(|(_, found)| *found);
        if seat.reds > 0
            && let Some(red) = lines.mean_is_red(session)
        {
            self.reds.0 = self.reds.0.saturating_add(1);
            self.reds.1 = self.reds.1.saturating_add(u32::from(!red));
        }
    }

    pub(super) fn left(&mut self, recipient: usize, left: &Left, calmed: bool) {
        let Some(told) = self.told.get_mut(recipient) else { return };
        let week = usize::try_from(day_of(left.at) / 7).unwrap_or(0);
        let place = LEVELS.iter().position(|level| *level == left.level);
        if let (Some(week), Some(place)) = (told.weeks.get_mut(week), place)
            && let Some(count) = week.get_mut(place)
        {
            *count = count.saturating_add(1);
        }
        if left.level == Level::Red {
            told.nights = told.nights.saturating_add(u32::from(is_night(left.at)));
        }
        self.calmed = self.calmed.saturating_add(u32::from(calmed));
    }

    /// A visit ended: what it found.
    pub(super) fn seen(&mut self, who: usize, seen: Seen) {
        if let Some(own) = self.seen.get_mut(who) {
            own.push(seen);
        }
    }

    pub(super) fn capped(&mut self) {
        self.capped = self.capped.saturating_add(1);
    }

    /// Holds what was listed against what was true.
    pub(super) fn finish(&mut self, pack: &Pack, residents: &[Resident], alerts: &Alerts) {
        let mut cases: Vec<Vec<&Case>> = vec![Vec::new(); residents.len()];
        for case in alerts.cases() {
            if let Some(own) = cases.get_mut(case.who) {
                own.push(case);
            }
        }
        let seen = std::mem::take(&mut self.seen);
        for ((resident, own), seen) in residents.iter().zip(&cases).zip(&seen) {
            self.list(pack, resident, (own, seen));
        }
        for (who, at) in std::mem::take(&mut self.emergencies) {
            let own = cases.get(who).map(Vec::as_slice).unwrap_or_default();
            self.list_emergency(own, at);
        }
        for listed in self.uncontrolled.values_mut().chain(&mut self.listed) {
            listed.took.sort_unstable();
        }
    }

    fn list(&mut self, pack: &Pack, resident: &Resident, (own, seen): (&[&Case], &[Seen])) {
        let concept = |case: &&Case| {
            case.history.alert.concept.parse::<Concept>().is_ok_and(lists)
                && case.history.alert.level > Level::Blue
        };
        let cadence = resident.villager.class.cadence_days(true);
        let Some(truth) = uncontrolled(pack, resident) else {
            if resident.villager.under_care() && resident.villager.rises_on().is_none() {
                self.controlled.0 = self.controlled.0.saturating_add(1);
                let listed = u32::from(own.iter().any(concept));
                self.controlled.1 = self.controlled.1.saturating_add(listed);
            }
            return;
        };
        let limit = Millis::days(i64::from(cadence.saturating_add(GRACE_DAYS)));
        let from = day_begins(truth.day);
        let villager = &resident.villager;
        let seen: Vec<Seen> =
            seen.iter().map(|it| it.of(villager.hypertensive, villager.diabetic)).collect();
        let opened: Vec<Timestamp> = own
            .iter()
            .filter(|case| concept(case))
            .filter(|case| {
                let stands = ended_at(case).is_none_or(|ended| ended >= from);
                case.history.alert.opened_at >= from || stands
            })
            .map(|case| case.history.alert.opened_at)
            .collect();
        let clocks = [
            (Clock::True, Some(from)),
            (Clock::Clearly, truth.clearly.then_some(from)),
            (Clock::Found, first_found(&seen, from)),
            (Clock::Twice, found_twice(&seen, from, limit)),
        ];
        for (clock, since) in clocks {
            // Too late in the year to tell.
            let Some(since) = since.filter(|since| since.plus(limit) <= day_begins(DAYS)) else {
                continue;
            };
            let listed = self.uncontrolled.entry((resident.villager.class, clock)).or_default();
            listed.people = listed.people.saturating_add(1);
            let took = opened.iter().map(|opened| opened.since(since).0.max(0)).min();
            let days = took.map(|millis| millis.div_euclid(Millis::days(1).0));
            listed.took.extend(days);
            let in_time = days.is_some_and(|days| Millis::days(days) <= limit);
            listed.in_time = listed.in_time.saturating_add(u32::from(in_time));
        }
    }

    fn list_emergency(&mut self, own: &[&Case], at: Timestamp) {
        let concept =
            |case: &&Case| case.history.alert.concept.parse::<Concept>().is_ok_and(lists_emergency);
        let near = own.iter().copied().filter(concept).filter(|case| {
            let after = case.history.alert.opened_at.since(at).0;
            let stood = after < 0 && ended_at(case).is_none_or(|ended| ended >= at);
            stood || (0..=EMERGENCY_LISTED.0).contains(&after)
        });
        let near: Vec<&Case> = near.collect();
        let opened = near.iter().map(|case| case.history.alert.opened_at).min();
        let told = near.iter().filter_map(|case| case.told_at).min();
        for (listed, when) in self.listed.iter_mut().zip([opened, told]) {
            listed.people = listed.people.saturating_add(1);
            let seconds = |when: Timestamp| when.since(at).0.max(0).div_euclid(1000);
            listed.took.extend(when.map(seconds));
        }
    }
}

/// Outside the hours in which a message that is not red may ring.
fn is_night(at: Timestamp) -> bool {
    let passed = at.plus(Timestamp::SHANGHAI_OFFSET).as_millis().rem_euclid(Millis::days(1).0);
    !(Millis::hours(DAY_BEGINS_HOUR).0..Millis::hours(DAY_ENDS_HOUR).0).contains(&passed)
}
