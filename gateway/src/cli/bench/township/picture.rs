//! What was counted, as a picture for people and as one object for programs.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::{Map, Value, json};
use simulators::township::{Class, DOCTORS, HOUSEHOLDS};

use super::{
    Load,
    count::{Count, LEVELS, Listed, Told},
};
use crate::{
    assess::{Concept, Pack},
    domain::Level,
};

/// Months of the year, by which alerts of a patient-month are counted.
const MONTHS: u32 = 12;
/// Doctor-level alerts of a patient-month at most, in thousandths: where visits are weekly, and
/// elsewhere (LINES 6.5; the issue of the lines, "Figures").
const GOAL_WEEKLY: u64 = 1000;
/// See [`GOAL_WEEKLY`].
const GOAL_MONTHLY: u64 = 350;
/// Characters of a whole bar.
const BAR: u64 = 40;

const fn goal(class: Class) -> u64 {
    match class {
        Class::C2 => GOAL_WEEKLY,
        Class::C0 | Class::C1 | Class::C3 => GOAL_MONTHLY,
    }
}

/// One of each thousand.
fn per_mille(part: u32, whole: u32) -> u64 {
    u64::from(part).saturating_mul(1000) / u64::from(whole.max(1))
}

/// Thousandths as a number with three places.
fn decimal(thousandths: u64) -> String {
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

fn number(thousandths: u64) -> Value {
    serde_json::from_str(&decimal(thousandths)).unwrap_or_default()
}

/// The value that so many of a hundred do not pass.
fn percentile<T: Copy>(sorted: &[T], of_hundred: usize) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last.saturating_mul(of_hundred).div_ceil(100)).copied()
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Red => "red",
        Level::Orange => "orange",
        Level::Yellow => "yellow",
        Level::Blue => "blue",
    }
}

/// Messages of village doctors: each week of each doctor.
struct Weeks {
    all: Vec<u32>,
    by_level: [u32; 4],
    nights: u32,
}

impl Weeks {
    fn of(told: &[Told]) -> Self {
        let mut all: Vec<u32> = told.iter().flat_map(Told::all).collect();
        all.sort_unstable();
        let mut by_level = [0_u32; 4];
        for week in told.iter().flat_map(|told| &told.weeks) {
            for (sum, count) in by_level.iter_mut().zip(week) {
                *sum = sum.saturating_add(*count);
            }
        }
        Self { all, by_level, nights: told.iter().map(|told| told.nights).sum() }
    }

    fn mean(&self) -> u64 {
        let count = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        per_mille(self.all.iter().sum(), count)
    }

    fn json(&self) -> Value {
        let by_level: Map<String, Value> = LEVELS
            .into_iter()
            .zip(self.by_level)
            .filter(|(level, _)| *level != Level::Blue)
            .map(|(level, count)| (level_name(level).to_owned(), count.into()))
            .collect();
        json!({
            "per_doctor_week": {
                "mean": number(self.mean()),
                "p50": percentile(&self.all, 50),
                "p95": percentile(&self.all, 95),
                "max": self.all.last(),
            },
            "in_the_year": by_level,
            "night_calls": self.nights,
        })
    }
}

impl Count {
    /// Alerts of a patient-month, in thousandths: each level, gravest first.
    fn rates(&self, group: (Class, bool)) -> [u64; 4] {
        let months = self.people.get(&group).copied().unwrap_or(0).saturating_mul(MONTHS);
        LEVELS.map(|level| {
            let of = self
                .opened
                .iter()
                .filter(|((whose, _, opened), _)| *whose == group && *opened == level);
            per_mille(of.map(|(_, count)| *count).sum(), months)
        })
    }

    /// Alerts that a doctor has to do something about: all but blue.
    fn doctor_level(&self, group: (Class, bool)) -> u64 {
        let [red, orange, yellow, _] = self.rates(group);
        red.saturating_add(orange).saturating_add(yellow)
    }

    fn by_line(&self, group: (Class, bool)) -> BTreeMap<(Concept, Level), u64> {
        let months = self.people.get(&group).copied().unwrap_or(0).saturating_mul(MONTHS);
        let of = self.opened.iter().filter(|((whose, ..), _)| *whose == group);
        of.map(|((_, concept, level), count)| ((*concept, *level), per_mille(*count, months)))
            .collect()
    }

    fn villages(&self) -> Weeks {
        Weeks::of(self.told.get(..village_doctors()).unwrap_or_default())
    }

    /// The township's doctor, or the county's.
    fn above(&self, step: usize) -> Weeks {
        let place = village_doctors().saturating_add(step);
        Weeks::of(self.told.get(place..=place).unwrap_or_default())
    }

    /// One object for programs.
    pub(super) fn json(&self, pack: &Pack, command: &Load) -> Value {
        let mut cohorts = Map::new();
        for (group, people) in &self.people {
            let lines: Vec<Value> = self
                .by_line(*group)
                .into_iter()
                .map(|((concept, level), rate)| {
                    let (concept, level) = (concept.as_str(), level_name(level));
                    json!({"concept": concept, "level": level, "rate": number(rate)})
                })
                .collect();
            let [red, orange, yellow, blue] = self.rates(*group).map(number);
            let doctor = self.doctor_level(*group);
            let own = json!({
                "people": people, "cadence_days": group.0.cadence_days(group.1),
                "red": red, "orange": orange, "yellow": yellow, "blue": blue,
                "doctor_level": number(doctor), "goal": number(goal(group.0)),
                "met": doctor <= goal(group.0), "lines": lines,
            });
            cohorts.insert(group_name(*group), own);
        }
        let uncontrolled: Map<String, Value> = self
            .uncontrolled
            .iter()
            .map(|((class, clock), listed)| {
                (format!("{class:?} {}", clock.as_str()), listed_json(listed, "days"))
            })
            .collect();
        let [alert, message] = &self.listed;
        json!({
            "bench": "load", "seed": command.seed, "pack": pack.title().as_str(),
            "mean_systolic": command.mean.unwrap_or(147), "kept_per_mille": command.kept,
            "recheck_days": command.recheck_days, "households": HOUSEHOLDS, "doctors": DOCTORS,
            "alerts_per_patient_month": cohorts,
            "messages": {
                "village_doctors": self.villages().json(),
                "township": self.above(0).json(), "county": self.above(1).json(),
                "held_by_a_cap": self.capped, "calmed_before_they_left": self.calmed,
            },
            "reds": {
                "sittings": self.reds.0, "mean_under_the_line": self.reds.1,
                "share": number(per_mille(self.reds.1, self.reds.0)),
            },
            "truly_uncontrolled": uncontrolled,
            "truly_controlled": {"people": self.controlled.0, "listed": self.controlled.1},
            "emergencies": {
                "alert": listed_json(alert, "seconds"),
                "message": listed_json(message, "seconds"),
            },
        })
    }

    /// The picture.
    pub(super) fn draw(&self, pack: &Pack, command: &Load, out: &mut dyn Write) -> io::Result<()> {
        let people: u32 = self.people.values().sum();
        writeln!(
            out,
            "{HOUSEHOLDS} households, {people} people measured, {DOCTORS} village doctors, 12 months\n\
             pack {}, mean systolic {} mmHg, {} of 1000 visits kept, recheck {}, seed {}",
            pack.title(),
            command.mean.unwrap_or(147),
            command.kept,
            if command.recheck_days == 0 {
                "none".to_owned()
            } else {
                format!("within {} days", command.recheck_days)
            },
            command.seed,
        )?;
        self.draw_cohorts(out)?;
        self.draw_lines(out)?;
        self.draw_messages(out)?;
        self.draw_truth(out)
    }

    fn draw_cohorts(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\nDoctor-level alerts of a patient-month (| goal)")?;
        for group in self.people.keys().filter(|group| group.1) {
            let (rate, goal) = (self.doctor_level(*group), goal(group.0));
            let scale = GOAL_WEEKLY.saturating_mul(5) / 4;
            let verdict = if rate <= goal { "met" } else { "over" };
            let bar = bar_with_mark(rate, goal, scale);
            writeln!(out, "  {:<14} {bar} {}  {verdict}", group_name(*group), decimal(rate))?;
            let [red, orange, yellow, blue] = self.rates(*group).map(decimal);
            writeln!(
                out,
                "  {:<14} red {red}  orange {orange}  yellow {yellow}  (blue {blue})  {} people, \
                 every {} d",
                "",
                self.people.get(group).copied().unwrap_or(0),
                group.0.cadence_days(group.1),
            )?;
        }
        writeln!(out, "  without a diagnosis, of a person-month:")?;
        for group in self.people.keys().filter(|group| !group.1) {
            let rate = self.doctor_level(*group);
            let bar = bar(rate, GOAL_WEEKLY.saturating_mul(5) / 4);
            writeln!(out, "  {:<14} {bar} {}", group_name(*group), decimal(rate))?;
        }
        Ok(())
    }

    fn draw_lines(&self, out: &mut dyn Write) -> io::Result<()> {
        for group in self.people.keys().filter(|group| group.1) {
            writeln!(out, "\n{}: alerts of a patient-month by line", group_name(*group))?;
            let mut lines: Vec<_> = self.by_line(*group).into_iter().collect();
            lines.sort_by_key(|((concept, _), rate)| (std::cmp::Reverse(*rate), *concept));
            let scale = lines.first().map_or(1, |(_, rate)| *rate).max(1);
            for ((concept, level), rate) in lines.into_iter().filter(|(_, rate)| *rate > 0) {
                let (name, level) = (concept.as_str(), level_name(level));
                writeln!(out, "  {name:<24} {level:<7} {} {}", bar(rate, scale), decimal(rate))?;
            }
        }
        Ok(())
    }

    fn draw_messages(&self, out: &mut dyn Write) -> io::Result<()> {
        let villages = self.villages();
        writeln!(out, "\nMessages to a village doctor in a week: how many weeks had so many")?;
        let mut weeks = BTreeMap::<u32, u32>::new();
        for week in &villages.all {
            *weeks.entry(*week).or_default() += 1;
        }
        let most = weeks.values().copied().max().map_or(1, u64::from);
        for (messages, count) in &weeks {
            writeln!(out, "  {messages:>3} {} {count}", bar(u64::from(*count), most))?;
        }
        for (name, weeks) in
            [("village doctors", villages), ("township", self.above(0)), ("county", self.above(1))]
        {
            let [red, orange, yellow, _] = weeks.by_level;
            writeln!(
                out,
                "  {name}: mean {} a week each, p95 {}, most {}; red {red}, orange {orange}, \
                 yellow {yellow} in the year; night calls {}",
                decimal(weeks.mean()),
                percentile(&weeks.all, 95).unwrap_or(0),
                weeks.all.last().unwrap_or(&0),
                weeks.nights,
            )?;
        }
        writeln!(
            out,
            "  messages about a red that had been calmed before they left, as orange: {}; held by a cap: {}",
            self.calmed, self.capped
        )
    }

    fn draw_truth(&self, out: &mut dyn Write) -> io::Result<()> {
        let (sittings, under) = self.reds;
        writeln!(
            out,
            "\nReds of a cuff: {sittings}; the session's mean lies under the line in {under} ({} %)",
            per_mille(under, sittings) / 10
        )?;
        writeln!(out, "\nTruly over their line: listed, and after how many days")?;
        for ((class, clock), listed) in &self.uncontrolled {
            let name = format!("{class:?} {}", clock.as_str());
            let share = per_mille(count(&listed.took), listed.people);
            let in_time = per_mille(listed.in_time, listed.people);
            writeln!(
                out,
                "  {name:<14} {} {} of {} listed; p50 {} p95 {} max {} d; within one cadence + 7 d \
                 {} %",
                bar(share, 1000),
                listed.took.len(),
                listed.people,
                shown(percentile(&listed.took, 50)),
                shown(percentile(&listed.took, 95)),
                shown(listed.took.last().copied()),
                in_time / 10,
            )?;
        }
        let (controlled, listed) = self.controlled;
        writeln!(
            out,
            "  truly under it all year: {listed} of {controlled} put before a doctor all the same"
        )?;
        writeln!(out, "\nTrue emergencies, from their first reading")?;
        for (name, listed) in ["alert", "message"].into_iter().zip(&self.listed) {
            writeln!(
                out,
                "  {name:<12} {} {} of {}; p50 {} p95 {} max {} s",
                bar(per_mille(count(&listed.took), listed.people), 1000),
                listed.took.len(),
                listed.people,
                shown(percentile(&listed.took, 50)),
                shown(percentile(&listed.took, 95)),
                shown(listed.took.last().copied()),
            )?;
        }
        Ok(())
    }
}

fn village_doctors() -> usize {
    usize::try_from(DOCTORS).unwrap_or(usize::MAX)
}

fn group_name((class, under_care): (Class, bool)) -> String {
    format!("{class:?}{}", if under_care { "" } else { " no diagnosis" })
}

fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn shown(value: Option<i64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn listed_json(listed: &Listed, unit: &str) -> Value {
    let mut object = json!({
        "people": listed.people,
        "listed": listed.took.len(),
        "p50": percentile(&listed.took, 50),
        "p95": percentile(&listed.took, 95),
        "max": listed.took.last(),
        "unit": unit,
    });
    if unit == "days"
        && let Some(object) = object.as_object_mut()
    {
        object.insert("within_one_cadence_and_7_days".to_owned(), listed.in_time.into());
    }
    object
}

fn bar(value: u64, whole: u64) -> String {
    bar_with_mark(value, u64::MAX, whole)
}

/// A bar of fixed width, with a mark where the goal lies.
fn bar_with_mark(value: u64, goal: u64, whole: u64) -> String {
    let place = |value: u64| value.min(whole).saturating_mul(BAR) / whole.max(1);
    let (filled, mark) = (place(value), (goal <= whole).then(|| place(goal)));
    let cell = |at: u64| match () {
        () if mark == Some(at) => '|',
        () if at < filled => '█',
        () => '·',
    };
    (0..BAR).map(cell).collect()
}
