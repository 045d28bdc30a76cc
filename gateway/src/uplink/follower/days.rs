//! Which sites' days are to be asked about: those that changed since the gateway above last said what it
//! holds of them, those of which it said nothing, and those of which an earlier life of it spoke.
//!
//! What changed is told from the facts that were committed since; what cannot be told from them is found
//! at night, or when the gateway above is heard again after an absence: then every day is looked at.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::{Duration, Instant};

use super::pace::chance;
use crate::{
    domain::{Millis, ReadingId, SiteId, Timestamp},
    receipt::{Day, Part},
    store::{CommitSeq, Fact, Reader, StoreError, view::Scope},
    uplink::batch::{Found, PAGE, PartAsked, Told},
};

/// Days that are compared: what a van holds at least (DESIGN section 7), and two.
const WINDOW_DAYS: i64 = 92;

/// Of these so many are asked about whatever was said of them, at night, after an absence and after a
/// start: green is never older than a day, or than the van's last drive.
const ANYWAY_DAYS: i64 = 31;

/// Days of which any commit may have changed something; of others a fact that names a reading does.
const RECENT_DAYS: i64 = 2;

/// Changed days are asked about so soon again while more comes: a bench that measures every few seconds
/// costs one question a minute…
const EVERY: Duration = Duration::from_secs(60);

/// …and so soon once nothing came for as long.
const QUIET: Duration = Duration::from_secs(5);

/// A day that was not the same at both ends is asked about again after so long, whether or not anything
/// changes here: what was on its way then has come…
const RED_FIRST: Duration = Duration::from_secs(30);

/// …doubled each time that it still is not, up to this.
const RED_MOST: Duration = Duration::from_secs(3600);

/// Red days that are asked about again by themselves; more wait for the night.
const RED_MAX: usize = 1024;

/// A gateway above that was silent for so long is compared with once it is heard.
const ABSENCE: Duration = Duration::from_secs(3600);

/// Days that are counted at once.
const STEP: usize = 8;

/// Facts that are looked at once.
const FACTS: usize = 1024;

/// A site's day.
pub(super) type SiteDay = (Day, SiteId);

/// What is to be asked.
#[derive(Debug, Default)]
pub(super) struct Days {
    /// All of them are to be looked through.
    due: bool,
    /// For which life of the gateway above they were.
    epoch: Option<u64>,
    /// To be asked about now.
    pub(super) open: BTreeSet<SiteDay>,
    /// Still to be counted; the latest last.
    unchecked: Vec<SiteDay>,
    /// Up to where the log was looked at.
    followed: Option<CommitSeq>,
    /// When changed days were last looked for.
    looked: Option<Instant>,
    /// Where the log ended, and since when it did.
    grown: Option<(CommitSeq, Instant)>,
    /// Days that were not the same when each end last told the other, and when they are asked about again.
    red: BTreeMap<SiteDay, Red>,
    /// Days that differ are compared, record by record.
    pub(super) comparing: bool,
    /// The next question of each day that differs.
    pub(super) questions: BTreeMap<SiteDay, Part>,
    /// What was found, to be told above.
    pub(super) found: Vec<Found>,
    mute_until: Option<Instant>,
    night: Option<Timestamp>,
}

/// When a day that was not the same at both ends is asked about again.
#[derive(Debug, Clone, Copy)]
struct Red {
    asked: Instant,
    wait: Duration,
}

/// Which days there are to look at.
pub(super) struct Listed {
    /// Those of which nobody else has to say anything first.
    open: BTreeSet<SiteDay>,
    /// Spoken of by an earlier life of the gateway above.
    stale: bool,
    rest: Vec<SiteDay>,
    last: CommitSeq,
}

impl Days {
    /// The gateway above answered, and had before.
    pub(super) fn answered(&mut self, before: Option<Instant>) {
        self.due |= before.is_none_or(|at| at.elapsed() >= ABSENCE);
    }

    /// It holds less than it did: what it said of days is of the past.
    pub(super) const fn went_back(&mut self) {
        self.due = true;
    }

    /// It says no receipts for so long.
    pub(super) fn mute(&mut self, long: Duration) {
        self.mute_until = Some(Instant::now() + long);
    }

    pub(super) fn is_mute(&self) -> bool {
        self.mute_until.is_some_and(|until| until > Instant::now())
    }

    /// Whether all days are to be looked through now.
    pub(super) fn begins(&mut self, above: &Told, now: Timestamp) -> bool {
        let night = *self.night.get_or_insert_with(|| night_after(now, chance()));
        // A clock that was set back does not put it off for longer than two days.
        if now >= night || night.since(now).0 > Millis::days(2).0 {
            self.night = Some(night_after(now, chance()));
            self.due = true;
        }
        std::mem::take(&mut self.due) || self.epoch != Some(above.epoch)
    }

    /// They are looked through from now on. Whether an earlier life of the gateway above spoke of some.
    pub(super) fn begin(&mut self, above: &Told, listed: Listed) -> bool {
        let Listed { open, stale, rest, last } = listed;
        self.open.extend(open);
        self.followed.get_or_insert(last);
        (self.unchecked, self.comparing, self.epoch) = (rest, true, Some(above.epoch));
        stale
    }

    /// The next days to count.
    pub(super) fn next_to_check(&mut self) -> Vec<SiteDay> {
        let left = self.unchecked.len().saturating_sub(STEP);
        self.unchecked.split_off(left)
    }

    /// From where the log, which ends there, is to be looked at, if it is time.
    pub(super) fn next_to_follow(&mut self, last: CommitSeq) -> Option<CommitSeq> {
        let (followed, now) = (self.followed.filter(|followed| *followed < last)?, Instant::now());
        let (seen, since) = *self.grown.get_or_insert((last, now));
        if seen != last {
            self.grown = Some((last, now));
        }
        let quiet = seen == last && since.elapsed() >= QUIET;
        let wait = if quiet { QUIET } else { EVERY };
        if self.looked.is_some_and(|at| at.elapsed() < wait) {
            return None;
        }
        self.looked = Some(now);
        Some(followed)
    }

    /// So far the log was looked at; whether there is more.
    pub(super) fn followed(&mut self, upto: CommitSeq, more: bool) {
        self.followed = Some(upto);
        if more {
            self.looked = None;
        }
    }

    /// Both ends told each other of a day.
    pub(super) fn told(&mut self, day: &SiteDay, equal: bool) {
        if equal {
            self.red.remove(day);
            return;
        }
        let known = self.red.get(day).map(|red| red.wait.saturating_mul(2).min(RED_MOST));
        if known.is_some() || self.red.len() < RED_MAX {
            let red = Red { asked: Instant::now(), wait: known.unwrap_or(RED_FIRST) };
            self.red.insert(day.clone(), red);
        }
    }

    /// Days that changed here. Of one that is red the other end must be told, even if it is now what that
    /// end said: there it is red by what we said.
    pub(super) fn changed(&mut self, days: &BTreeSet<SiteDay>) {
        self.open.extend(days.iter().filter(|day| self.red.contains_key(*day)).cloned());
    }

    /// Red days for which it is time.
    pub(super) fn open_red(&mut self) {
        let due = self.red.iter().filter(|(_, red)| red.asked.elapsed() >= red.wait);
        self.open.extend(due.map(|(day, _)| day.clone()));
    }

    /// The latest days to ask about: one page.
    pub(super) fn page(&self) -> Vec<SiteDay> {
        self.open.iter().rev().take(PAGE).cloned().collect()
    }

    /// The next questions about days that differ: one page.
    pub(super) fn parts(&self) -> Vec<PartAsked> {
        let all = self.questions.iter().rev().take(PAGE);
        let asked = |((day, site), part): (&SiteDay, &Part)| PartAsked {
            site: site.clone(),
            day: *day,
            part: part.clone(),
        };
        all.map(asked).collect()
    }

    /// How many days are still to be looked at.
    pub(super) fn left(&self) -> u64 {
        let left = self.open.len().saturating_add(self.unchecked.len());
        u64::try_from(left.saturating_add(self.questions.len())).unwrap_or(u64::MAX)
    }
}

/// An instant of the next night, between one and four o'clock in China: no two gateways agree on it.
fn night_after(now: Timestamp, chance: u64) -> Timestamp {
    let span = Millis::hours(3).0;
    let at = i64::try_from(chance % span.unsigned_abs()).unwrap_or(0);
    let into = Millis::hours(1).plus(Millis(at));
    let today = Day::of(now);
    let tonight = today.begin().plus(into);
    if tonight > now { tonight } else { today.plus(1).begin().plus(into) }
}

/// The days that there are to look at. Blocks.
pub(super) fn list(reader: &dyn Reader, above: &Told, today: Day) -> Result<Listed, StoreError> {
    let last = reader.last()?;
    let days = (today.plus(1 - WINDOW_DAYS), today.plus(1));
    let mut listed = Listed { open: BTreeSet::new(), stale: false, rest: Vec::new(), last };
    let mut lives: BTreeMap<SiteId, BTreeMap<Day, u64>> = BTreeMap::new();
    for (day, site) in reader.received_on(days)? {
        if !lives.contains_key(&site) {
            let said = reader.receipts_said(&site, days)?.into_iter();
            let said = said.filter(|said| said.by == above.by.as_str());
            lives.insert(site.clone(), said.map(|it| (it.receipt.day, it.epoch)).collect());
        }
        let life = lives.get(&site).and_then(|lives| lives.get(&day));
        let stale = life.is_some_and(|epoch| *epoch != above.epoch);
        listed.stale |= stale;
        if stale || today.since(day) < ANYWAY_DAYS {
            listed.open.insert((day, site));
        } else {
            listed.rest.push((day, site));
        }
    }
    Ok(listed)
}

/// Those of these days that the gateway above did not say as they are. Blocks.
pub(super) fn not_equal(
    reader: &dyn Reader,
    above: &Told,
    days: impl IntoIterator<Item = SiteDay>,
) -> Result<Vec<SiteDay>, StoreError> {
    let mut open = Vec::new();
    for (day, site) in days {
        let said = reader.receipts_said(&site, (day, day))?;
        let said = said.iter().find(|said| said.by == above.by.as_str());
        let ours = reader.day_log(&site, day)?.receipt();
        let equal = said.is_some_and(|it| it.epoch == above.epoch && it.receipt.hash == ours.hash);
        if !equal {
            open.push((day, site));
        }
    }
    Ok(open)
}

/// The days that facts after a position changed, as far as facts tell; up to where was looked, and whether
/// there is more. Blocks.
pub(super) fn changed(
    reader: &dyn Reader,
    after: CommitSeq,
    today: Day,
) -> Result<(BTreeSet<SiteDay>, CommitSeq, bool), StoreError> {
    let entries = reader.feed(after, FACTS)?;
    let mut days = BTreeSet::new();
    let upto = entries.last().map_or(after, |entry| entry.seq);
    let more = entries.len() >= FACTS;
    for entry in &entries {
        days.extend(day_of(reader, &entry.fact)?);
    }
    if !entries.is_empty() {
        let recent = (today.plus(1 - RECENT_DAYS), today.plus(1));
        days.extend(reader.received_on(recent)?);
    }
    Ok((days, upto, more))
}

/// The site's day of which a fact is, or that it changes.
fn day_of(reader: &dyn Reader, fact: &Fact) -> Result<Option<SiteDay>, StoreError> {
    let of_reading = |id: &ReadingId| -> Result<Option<SiteDay>, StoreError> {
        let found = reader.reading(&Scope::Everything, id)?;
        Ok(found.map(|(_, it)| (Day::of(it.reading.received_at), it.reading.site)))
    };
    Ok(match fact {
        Fact::Reading(stored) => {
            Some((Day::of(stored.reading.received_at), stored.reading.site.clone()))
        }
        Fact::Quarantined(item) => {
            item.origin.site.clone().map(|site| (Day::of(item.received_at), site))
        }
        Fact::Decided(decided) => {
            let before = CommitSeq(decided.item.0.saturating_sub(1));
            match reader.feed(before, 1)?.pop().map(|entry| entry.fact) {
                Some(Fact::Quarantined(item)) => {
                    item.origin.site.clone().map(|site| (Day::of(item.received_at), site))
                }
                Some(_) | None => None,
            }
        }
        Fact::Attributed(moved) => of_reading(&moved.reading)?,
        Fact::Context(context) => context.reading.map_or(Ok(None), |id| of_reading(&id))?,
        Fact::Crossing(crossing) => crossing.reading.map_or(Ok(None), |id| of_reading(&id))?,
        Fact::Event(event) => event.what.told().map_or(Ok(None), |(id, _)| of_reading(id))?,
        Fact::Refused(_)
        | Fact::Merged(_)
        | Fact::Retimed(_)
        | Fact::Clock(_)
        | Fact::CardScan(_)
        | Fact::Presence(_)
        | Fact::Registration(_)
        | Fact::Pack(_)
        | Fact::Alert(_)
        | Fact::Attempt(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_looked_at_after_a_start_in_the_night_and_in_another_life() {
        let told = |epoch| Told {
            by: "centre".parse().unwrap(),
            epoch,
            nonce: crate::uplink::batch::Nonce(0),
        };
        let nothing =
            || Listed { open: BTreeSet::new(), stale: false, rest: Vec::new(), last: CommitSeq(0) };
        let mut days = Days::default();
        let mut now = Timestamp::parse("2026-03-02T08:00:00+08:00").unwrap();
        let mut begins = |hours: i64, epoch: u64| {
            now = now.plus(Millis::hours(hours));
            let begins = days.begins(&told(epoch), now);
            if begins {
                days.begin(&told(epoch), nothing());
            }
            begins
        };
        assert!(begins(0, 1), "a start");
        assert!(!begins(8, 1), "an afternoon");
        assert!(begins(12, 1), "the night is over");
        assert!(!begins(1, 1));
        assert!(begins(1, 2), "it began anew");
        assert!(!begins(10, 2));
        assert!(begins(-240, 2), "a clock that was set back ten days");
        assert!(!begins(1, 2));
    }

    #[test]
    fn nights_lie_between_one_and_four_and_no_two_gateways_agree_on_them() {
        let now = Timestamp::parse("2026-03-02T02:30:00+08:00").unwrap();
        let mut seen = BTreeSet::new();
        for number in 0..200_u64 {
            let chance = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let night = night_after(now, chance);
            let into = night.since(Day::of(night).begin()).0;
            assert!((Millis::hours(1).0..Millis::hours(4).0).contains(&into), "{night}");
            assert!(night > now && night.since(now).0 <= Millis::hours(26).0, "{night}");
            seen.insert(into);
        }
        assert!(seen.len() > 190);
    }
}
