//! A comparison of two packs as a picture for people and as JSON for programs.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::{Value, json};

use super::diff::opening;
use crate::{
    assess::{Concept, Pack},
    domain::{DoctorId, Level, Timestamp},
    trial::{Changed, Split, Tally},
};

/// Columns of the longest bar.
const BAR: u64 = 24;
/// Doctors of the picture: those with the greatest change. JSON has all.
const DOCTORS: usize = 20;
/// Days of a month, in hundredths.
const MONTH_DAYS: u64 = 3044;

/// Names of levels, mildest first.
pub(super) const LEVELS: [(&str, &str); 4] =
    [("blue", "蓝"), ("yellow", "黄"), ("orange", "橙"), ("red", "红")];

/// What there is to show.
pub(super) struct Picture<'p> {
    pub(super) packs: [&'p Pack; 2],
    pub(super) tally: &'p Tally,
    pub(super) until: Timestamp,
    /// People to list.
    pub(super) first: usize,
}

impl Picture<'_> {
    /// Days from the first reading to the end, at least 1.
    fn days(&self) -> u64 {
        let first = self.tally.first.unwrap_or(self.until);
        let days = self.until.shanghai_day().saturating_sub(first.shanghai_day());
        u64::try_from(days).unwrap_or(0).max(1)
    }

    /// So many over the whole time, for each month, with two places.
    fn monthly(&self, count: u64) -> String {
        let hundredths = count.saturating_mul(MONTH_DAYS) / self.days();
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    }

    fn name_of(&self, concept: Concept) -> (&str, &str, &str) {
        let [a, b] = self.packs;
        let rule = a.rule(concept).or_else(|| b.rule(concept));
        rule.map_or((concept.as_str(), "", ""), |rule| (&rule.name, &rule.zh, &rule.en))
    }

    /// Both packs' counts of each doctor over all months.
    fn by_doctor(&self) -> Vec<(Option<&DoctorId>, [u64; 2])> {
        let mut sums: BTreeMap<Option<&DoctorId>, [u64; 2]> = BTreeMap::new();
        for ((doctor, _), counts) in &self.tally.doctors {
            let sum = sums.entry(doctor.as_ref()).or_default();
            for (sum, count) in sum.iter_mut().zip(counts) {
                *sum = sum.saturating_add(*count);
            }
        }
        let mut doctors: Vec<_> = sums.into_iter().collect();
        doctors.sort_by_key(|(doctor, [a, b])| (std::cmp::Reverse(a.abs_diff(*b)), *doctor));
        doctors
    }

    /// As one object.
    pub(super) fn json(&self) -> Value {
        let tally = self.tally;
        let pack = |pack: &Pack| {
            json!({ "pack": pack.name(), "version": pack.version(), "norm": pack.norm_profile(),
                "hash": pack.hash() })
        };
        let lines = tally.lines.iter().map(|(concept, split)| {
            json!({ "line": self.name_of(*concept).0, "concept": concept.as_str(),
                "a_only": split.a_only, "b_only": split.b_only, "both": split.both,
                "other_level": split.other_level })
        });
        let levels = LEVELS
            .iter()
            .zip(tally.levels)
            .map(|((level, _), [a, b])| ((*level).to_owned(), json!({ "a": a, "b": b })));
        let months = tally.doctors.iter().map(
            |((doctor, month), [a, b])| json!({ "doctor": doctor, "month": month, "a": a, "b": b }),
        );
        let people = tally.changed.iter().take(self.first).map(|one| {
            json!({ "person": one.person, "doctor": one.doctor,
                "a": one.a.iter().map(opening).collect::<Vec<_>>(),
                "b": one.b.iter().map(opening).collect::<Vec<_>>() })
        });
        json!({
            "a": pack(self.packs[0]), "b": pack(self.packs[1]), "until": self.until,
            "people": tally.people, "measured": tally.measured, "readings": tally.readings,
            "days": self.days(), "changed": tally.changed.len(),
            "first": people.collect::<Vec<_>>(), "lines": lines.collect::<Vec<_>>(),
            "levels": levels.collect::<serde_json::Map<_, _>>(),
            "doctor_months": months.collect::<Vec<_>>(),
        })
    }

    /// As a picture.
    pub(super) fn draw(&self, out: &mut dyn Write) -> io::Result<()> {
        let tally = self.tally;
        let changed = u64::try_from(tally.changed.len()).unwrap_or(u64::MAX);
        for (letter, pack) in ["A", "B"].iter().zip(self.packs) {
            writeln!(out, "{letter}  {} ({})", pack.title(), pack.norm_profile())?;
        }
        let tenths = changed.saturating_mul(1000).checked_div(tally.people).unwrap_or(0);
        writeln!(
            out,
            "{} people, {} with readings, {} readings over {} days\n\
             would change / 会变化: {changed} people ({}.{} %)",
            tally.people,
            tally.measured,
            tally.readings,
            self.days(),
            tenths / 10,
            tenths % 10
        )?;
        self.draw_lines(out)?;
        self.draw_levels(out)?;
        self.draw_doctors(out)?;
        self.draw_people(out)
    }

    fn draw_lines(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\nalerts opened by line / 各预警线开立的提醒 (- only A, + only B)")?;
        let lines = &self.tally.lines;
        let most = lines.values().flat_map(|split| [split.a_only, split.b_only]).max();
        for (concept, split) in lines {
            let Split { a_only, b_only, both, .. } = *split;
            let (name, zh, en) = self.name_of(*concept);
            let bars = [bar('-', a_only, most), bar('+', b_only, most)].concat();
            writeln!(out, "  {name:<6} -{a_only:<8} +{b_only:<8} ={both:<8} {bars} {zh} {en}")?;
        }
        Ok(())
    }

    fn draw_levels(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\nby level / 各级别, a month / 每月")?;
        let most = self.tally.levels.iter().flatten().copied().max();
        for ((en, zh), [a, b]) in LEVELS.iter().zip(self.tally.levels).rev() {
            for (letter, count) in [("A", a), ("B", b)] {
                let (month, bar) = (self.monthly(count), bar('█', count, most));
                writeln!(out, "  {zh} {en:<7} {letter} {count:>9} {month:>12} {bar}")?;
            }
        }
        Ok(())
    }

    fn draw_doctors(&self, out: &mut dyn Write) -> io::Result<()> {
        let doctors = self.by_doctor();
        writeln!(
            out,
            "\na doctor's alerts a month, yellow and above / 每位医生每月黄色及以上提醒 ({} of {})",
            doctors.len().min(DOCTORS),
            doctors.len()
        )?;
        let most = doctors.iter().flat_map(|(_, counts)| *counts).max();
        for (doctor, [a, b]) in doctors.iter().take(DOCTORS) {
            let name = doctor.map_or("(nobody / 无)", |doctor| doctor.as_str());
            for (name, letter, count) in [(name, "A", *a), ("", "B", *b)] {
                let (month, bar) = (self.monthly(count), bar('█', count, most));
                writeln!(out, "  {name:<16} {letter} {month:>9} {bar}")?;
            }
        }
        Ok(())
    }

    fn draw_people(&self, out: &mut dyn Write) -> io::Result<()> {
        let changed = &self.tally.changed;
        if changed.is_empty() {
            return Ok(());
        }
        let shown = changed.len().min(self.first);
        writeln!(out, "\npeople who would change / 会变化的人 ({shown} of {})", changed.len())?;
        for Changed { person, doctor, a, b } in changed.iter().take(self.first) {
            let doctor = doctor.as_ref().map_or("", |doctor| doctor.as_str());
            writeln!(out, "  {person} {doctor}")?;
            for (sign, opening) in a.iter().map(|it| ('-', it)).chain(b.iter().map(|it| ('+', it)))
            {
                let (name, zh, _) = self.name_of(opening.concept);
                let level = level_zh(opening.level);
                writeln!(out, "    {sign} {level} {name:<6} {} {zh}", opening.at)?;
            }
        }
        Ok(())
    }
}

const fn level_zh(level: Level) -> &'static str {
    match level {
        Level::Blue => "蓝",
        Level::Yellow => "黄",
        Level::Orange => "橙",
        Level::Red => "红",
    }
}

/// A bar as long as a count is of the greatest; whatever is not nothing is seen.
pub(super) fn bar(of: char, count: u64, most: Option<u64>) -> String {
    let most = most.unwrap_or(0).max(1);
    let columns = count.saturating_mul(BAR).div_ceil(most);
    of.to_string().repeat(usize::try_from(columns).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_what_is_not_nothing() {
        for (count, columns) in [(0, 0), (1, 1), (500, 12), (1000, 24)] {
            assert_eq!(bar('+', count, Some(1000)).len(), columns, "{count}");
        }
    }
}
