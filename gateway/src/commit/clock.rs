//! The gateway's own clock: whether it is believed, and how a setting of it is noticed.
//!
//! A van's machine may start without knowing the time. Its clock is believed unless something speaks
//! against it; while it is not, what comes is only in its order. Whenever somebody sets it, by the
//! network or by hand, the latest setting counts: whatever came since the start is moved with it. The
//! time since the machine's boot, which nobody sets, tells the setting from time that passed.

use std::path::Path;

use tracing::warn;

use crate::{
    admit::CLOCK_TOLERANCE,
    domain::{Clock, Millis, Timestamp},
    store::{ClockFound, CommitSeq, Fact, Reader, StoreError},
};

/// No gateway of this make ran before: a clock that shows less has lost its battery.
const NOT_BEFORE: Timestamp = Timestamp::from_millis(1_735_660_800_000); // 2025-01-01 in China

/// A clock that was believed for so long without being set has begun no session that a setting could
/// move: since when it was wrong, nobody knows. A van's day is shorter. Our choice.
const SESSION_MAX: Millis = Millis::hours(24);

/// How a clock comes to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Unless it shows a time that has been, or one before there were gateways.
    #[default]
    System,
    /// Whatever it shows: the machine's clock is known to be right, or set on purpose. When it is set,
    /// nothing moves.
    Always,
}

/// A clock that is not believed: it may show times that have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doubt {
    /// The newest time that is known to have been.
    pub(super) known: Timestamp,
    /// Since this position it is doubted.
    pub(super) since: CommitSeq,
}

/// What the clocks say at one moment.
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// The machine's clock.
    wall: Timestamp,
    /// Time since the machine's boot.
    elapsed: Millis,
    /// The system says that its clock was set by the network.
    synchronised: bool,
}

/// The clock by which the writer works, and what was found of it.
#[derive(Debug)]
pub(super) struct WatchedClock {
    clock: Clock,
    watch: ClockWatch,
    /// What was found and is not on disk yet.
    found: Option<Finding>,
}

impl WatchedClock {
    /// The clock of a process that starts where the log ends, beside the newest time there.
    pub(super) fn new(clock: Clock, trust: Trust, end: (CommitSeq, Option<Timestamp>)) -> Self {
        let watch = ClockWatch::new(trust, end, shown(&clock));
        Self { clock, watch, found: None }
    }

    /// The time, looked at where the log ends: what is new of the clock is found, unless what was
    /// found before is still to be told.
    pub(super) fn look(&mut self, last: CommitSeq) -> Timestamp {
        if self.found.is_none() {
            self.found = self.watch.look(last, shown(&self.clock));
            match self.found.map(|finding| finding.found) {
                Some(ClockFound::Doubted) => {
                    warn!("the clock cannot be right; what comes is kept in its order");
                }
                Some(ClockFound::Right { by, .. }) => {
                    warn!(moved_ms = by.0, "the clock was set; what came before moves with it");
                }
                None => {}
            }
        }
        self.now()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is to be told.
    pub(super) const fn found(&self) -> Option<Finding> {
        self.found
    }

    /// What was found is on disk; says whether there was anything.
    pub(super) fn is_told(&mut self) -> bool {
        self.found.take().is_some()
    }

    /// What is known while the clock, which shows this, is not believed.
    pub(super) fn doubted(&self, now: Timestamp) -> Option<Doubt> {
        let known = self.watch.newest.unwrap_or(now);
        self.watch.doubted.then_some(Doubt { known, since: self.watch.begun.0 })
    }
}

/// Watches the clock.
#[derive(Debug)]
struct ClockWatch {
    trust: Trust,
    /// The newest time in the store when the process started.
    newest: Option<Timestamp>,
    /// What the clock showed at the machine's boot, as it is set now.
    boot: Timestamp,
    /// Where the session began that a setting moves, and what the clock showed then.
    begun: (CommitSeq, Timestamp),
    /// When that was, as time passes.
    begun_after: Millis,
    doubted: bool,
    /// The network keeps it, or the operator answers for it: it was right before a setting, which
    /// tells of a machine that stood still.
    settled: bool,
}

/// A finding, and from when to when the clock, as it was, showed the times that it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) found: ClockFound,
    pub(super) span: (Timestamp, Timestamp),
}

impl ClockWatch {
    /// The watch of a process that starts where the log ends.
    fn new(trust: Trust, (last, newest): (CommitSeq, Option<Timestamp>), shown: Shown) -> Self {
        let boot = shown.wall.minus(shown.elapsed);
        let settled = trust == Trust::Always;
        let begun = (last, shown.wall);
        let begun_after = shown.elapsed;
        Self { trust, newest, boot, begun, begun_after, doubted: false, settled }
    }

    /// Looks at the clock where the log ends; says what is new of it.
    fn look(&mut self, last: CommitSeq, shown: Shown) -> Option<Finding> {
        let by = shown.wall.minus(shown.elapsed).since(self.boot);
        let was_set = by.0.abs() > CLOCK_TOLERANCE.0;
        let span = (self.begun.1, if was_set { shown.wall.minus(by) } else { shown.wall });
        let believed = self.believes(shown);
        if was_set {
            self.boot = self.boot.plus(by);
        }
        let was_set = was_set && !self.settled;
        self.settled |= shown.synchronised;
        let ran = Millis(shown.elapsed.0.saturating_sub(self.begun_after.0));
        let since = if self.doubted || ran <= SESSION_MAX { self.begun.0 } else { last };
        match (believed, self.doubted) {
            (false, false) => {
                // What came before it was set so was received by a clock that was believed.
                (self.doubted, self.begun) = (true, (last, shown.wall));
                self.begun_after = shown.elapsed;
                Some(Finding { found: ClockFound::Doubted, span })
            }
            (true, _) if was_set => {
                self.doubted = false;
                self.begun.1 = self.begun.1.plus(by);
                Some(Finding { found: ClockFound::Right { since, by }, span })
            }
            (true, true) => {
                self.doubted = false;
                Some(Finding { found: ClockFound::Right { since, by: Millis::ZERO }, span })
            }
            (true, false) | (false, true) => None,
        }
    }

    fn believes(&self, shown: Shown) -> bool {
        let ran_back = self.newest.is_some_and(|newest| shown.wall < newest.minus(CLOCK_TOLERANCE));
        self.trust == Trust::Always || shown.synchronised || (shown.wall >= NOT_BEFORE && !ran_back)
    }
}

/// What the clocks say now.
fn shown(clock: &Clock) -> Shown {
    // Made by systemd's time service once it set the clock since the boot; other systems lack it,
    // and a setting of the clock tells there.
    const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
    let synchronised = Path::new(SYNCHRONISED).try_exists().unwrap_or_default();
    #[cfg(feature = "faults")]
    let synchronised = synchronised && !crate::fault::sets_clock();
    Shown { wall: clock.now(), elapsed: clock.elapsed(), synchronised }
}

/// The newest time at which something was stored, among the last facts of the log.
pub(super) fn newest(
    reader: &dyn Reader,
    last: CommitSeq,
) -> Result<Option<Timestamp>, StoreError> {
    const LAST_FACTS: i64 = 64;
    let from = CommitSeq(last.0.saturating_sub(LAST_FACTS).max(0));
    let facts = reader.feed(from, 64)?;
    // What other gateways had first tells of their clocks.
    let carried = reader.carried((from, last))?;
    let known =
        facts.into_iter().filter(|entry| entry.seq <= last && !carried.contains(&entry.seq));
    Ok(known.filter_map(|entry| stored_at(&entry.fact)).max())
}

/// When a fact was stored, as far as it says so.
fn stored_at(fact: &Fact) -> Option<Timestamp> {
    match fact {
        Fact::Reading(stored) => Some(stored.server_at),
        Fact::CardScan(scan) => Some(scan.received_at),
        Fact::Presence(presence) => Some(presence.at),
        Fact::Refused(refused) => Some(refused.received_at),
        Fact::Quarantined(item) => Some(item.received_at),
        Fact::Context(context) => Some(context.received_at),
        Fact::Alert(event) => Some(event.at),
        Fact::Attempt(attempt) => Some(attempt.at),
        Fact::Clock(note) => Some(note.at),
        Fact::Decided(decided) => Some(decided.at),
        Fact::Merged(merged) => Some(merged.at),
        Fact::Attributed(_)
        | Fact::Retimed(_)
        | Fact::Event(_)
        | Fact::Registration(_)
        | Fact::Pack(_)
        | Fact::Crossing(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "2026-03-02T12:00:00+08:00";

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// What is found, step by step, of a clock that shows times while minutes pass.
    #[track_caller]
    fn check(trust: Trust, newest: Option<&str>, steps: &[(&str, i64, bool)], expected: &[&str]) {
        let shown = |(wall, minutes, synchronised): (&str, i64, bool)| Shown {
            wall: at(wall),
            elapsed: Millis::minutes(minutes),
            synchronised,
        };
        let mut watch = ClockWatch::new(trust, (CommitSeq(7), newest.map(at)), shown(steps[0]));
        let told: Vec<String> = (7..)
            .zip(steps)
            .map(|(last, step)| match watch.look(CommitSeq(last), shown(*step)) {
                None if watch.doubted => "doubted".to_owned(),
                None => "believed".to_owned(),
                Some(Finding { found: ClockFound::Doubted, .. }) => "doubt".to_owned(),
                Some(Finding { found: ClockFound::Right { since, by }, .. }) => {
                    format!("right by {} since {}", by.whole_minutes(), since.0)
                }
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_clock_that_runs_is_believed() {
        let steps = [(NOON, 5, false), ("2026-03-02T13:00:30+08:00", 65, false)];
        check(Trust::System, Some("2026-03-02T11:59:00+08:00"), &steps, &["believed"; 2]);
        check(Trust::System, None, &steps, &["believed"; 2]);
    }

    #[test]
    fn a_clock_without_a_battery_is_doubted_until_it_is_set() {
        let steps = [
            ("1970-01-01T08:00:10+08:00", 0, false),
            ("1970-01-01T08:10:10+08:00", 10, false),
            ("2026-03-02T12:11:00+08:00", 11, false),
            ("2026-03-02T12:12:00+08:00", 12, false),
        ];
        let year_2026 = at("2026-03-02T12:11:00+08:00").since(at("1970-01-01T08:11:10+08:00"));
        let right = format!("right by {} since 7", year_2026.whole_minutes());
        check(Trust::System, None, &steps, &["doubt", "doubted", &right, "believed"]);
    }

    #[test]
    fn a_clock_that_shows_less_than_the_store_is_doubted_until_the_system_says_otherwise() {
        let steps = [
            ("2026-03-01T12:00:00+08:00", 0, false),
            ("2026-03-01T12:01:00+08:00", 1, true),
            ("2026-03-01T12:02:00+08:00", 2, true),
        ];
        let found = ["doubt", "right by 0 since 7", "believed"];
        check(Trust::System, Some(NOON), &steps, &found);
        check(Trust::Always, Some(NOON), &steps, &["believed"; 3]);
    }

    #[test]
    fn a_clock_that_is_set_while_it_is_believed_moves_the_whole_session_each_time() {
        let steps = [
            (NOON, 0, false),
            ("2026-03-02T13:01:00+08:00", 1, false),
            ("2026-03-02T12:02:00+08:00", 2, false),
            ("2026-03-03T12:03:00+08:00", 3, false),
        ];
        let found =
            ["believed", "right by 60 since 7", "right by -60 since 7", "right by 1440 since 7"];
        check(Trust::System, None, &steps, &found);
    }

    #[test]
    fn what_came_by_a_clock_that_ran_for_days_does_not_move() {
        let steps = [
            (NOON, 0, false),
            ("2026-03-03T12:01:00+08:00", 24 * 60 + 1, false),
            ("2026-03-03T13:02:00+08:00", 24 * 60 + 2, false),
        ];
        check(Trust::System, None, &steps, &["believed", "believed", "right by 60 since 9"]);
    }

    #[test]
    fn a_clock_that_the_network_keeps_was_right_before_the_machine_stood_still() {
        let steps = [
            (NOON, 0, false),
            ("2026-03-02T12:01:00+08:00", 1, true),
            ("2026-03-02T13:02:00+08:00", 2, true),
        ];
        check(Trust::System, None, &steps, &["believed"; 3]);
        check(Trust::Always, None, &steps.map(|(wall, at, _)| (wall, at, false)), &["believed"; 3]);
    }

    #[test]
    fn a_clock_that_is_set_back_to_a_time_that_has_been_is_doubted_from_there() {
        let steps = [
            (NOON, 0, false),
            ("2026-03-01T12:01:00+08:00", 1, false),
            ("2026-03-02T12:02:00+08:00", 2, false),
        ];
        let found = ["believed", "doubt", "right by 1440 since 8"];
        check(Trust::System, Some("2026-03-02T11:00:00+08:00"), &steps, &found);
    }
}
