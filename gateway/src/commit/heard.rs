//! What the frames of a device tell of its clock, whatever that clock shows.
//!
//! A clock that runs keeps its distance from ours. So the lag of a frame (received, minus the time
//! that it states) is the same for every frame that came at once, and greater for one that was kept
//! back, by just as long as it was kept back. One frame alone cannot tell a wrong clock from a late
//! frame; several of a day can, whether the clock is minutes off, hours off, or was never set.
//!
//! Promises: what is told of a frame is a function of the frames of its device within
//! [`SAME_DAY`], whatever order they came in; where they leave it open, it is left open.
//!
//! Limits: a clock that is set anew proves itself anew; while it has not, its frames wait.

use std::collections::HashMap;

use crate::{
    admit::Stated,
    domain::{DeviceId, Millis, Reading, ReadingId, SiteId, Timestamp},
};

/// Frames further apart than this, by receipt or by lag, say nothing of one another: a working day
/// at a bench. Our choice.
pub(super) const SAME_DAY: Millis = Millis::hours(12);

/// Lags of frames that came at once differ by at most so much: some cuffs state when they began
/// and take 30 to 60 s (issue 4, part 3), bridges need a few seconds. Our choice.
pub(super) const STEADY: Millis = Millis::seconds(30);

/// A clock without seconds states the minute that has begun.
const MINUTE: Millis = Millis::minutes(1);

/// So many frames with one lag, received apart, prove that it is the lag of frames that come at
/// once: kept-back frames are kept back for different times. Our choice.
const PROOF: usize = 3;

/// So many are needed where the device was heard with a smaller lag on one side of them: then the
/// clock was set in between, or they were all kept back alike. Our choice.
const PROOF_OF_A_CHANGE: usize = 5;

/// Frames that come together (a queue that is emptied) count once. Our choice.
const APART: Millis = Millis::minutes(1);

/// Frames of one device kept in mind: one every 20 s of [`SAME_DAY`] and more.
const FRAMES_MAX: usize = 4096;

/// Sites whose frames are kept in mind. Full: all are forgotten, and read again.
const SITES_MAX: usize = 64;

/// What one frame states, as far as clocks are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    id: ReadingId,
    received_at: Timestamp,
    lag: Millis,
    whole_minute: bool,
}

impl Frame {
    /// `None` for a reading that states no time.
    pub(super) fn of(reading: &Reading) -> Option<Self> {
        let stated = reading.device_time.as_deref().and_then(Stated::read)?.instant();
        Some(Self {
            id: reading.id,
            received_at: reading.received_at,
            lag: reading.received_at.since(stated),
            whole_minute: stated.as_millis() % MINUTE.0 == 0,
        })
    }
}

/// What the other frames of its device tell of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It came at once; at most so much later than the quickest.
    AtOnce(Millis),
    /// It was kept back so long.
    KeptBack(Millis),
    /// They leave it open: nobody knows this clock.
    Open,
    /// They know this clock, and this frame does not fit.
    Odd,
}

/// What is told, and how much earlier than it seems a frame may have been taken because the clock
/// is coarse.
pub(super) type Hearing = (Told, Millis);

/// What was heard at the sites that have benches, around the time of what comes now.
#[derive(Debug, Default)]
pub(super) struct Hearings {
    sites: HashMap<SiteId, Around>,
}

/// What was heard at a site within two [`SAME_DAY`] of an instant.
#[derive(Debug)]
struct Around {
    centre: Timestamp,
    devices: HashMap<DeviceId, Heard>,
}

impl Hearings {
    pub(super) fn forget(&mut self) {
        self.sites.clear();
    }

    /// The span of receipts that has to be read before something received then can be judged.
    pub(super) fn wanted(&self, site: &SiteId, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let near = |around: &Around| apart(around.centre.since(at)) <= SAME_DAY;
        let span = (at.minus(SAME_DAY).minus(SAME_DAY), at.plus(SAME_DAY).plus(SAME_DAY));
        if self.sites.get(site).is_some_and(near) { None } else { Some(span) }
    }

    /// Keeps in mind what the store holds of that span, beside what was heard since.
    pub(super) fn begin<'r>(
        &mut self,
        (site, at): (&SiteId, Timestamp),
        held: impl Iterator<Item = &'r Reading>,
    ) {
        let mut frames: HashMap<DeviceId, Vec<Frame>> = HashMap::new();
        for reading in held {
            let frame = Frame::of(reading);
            frames.entry(reading.device.clone()).or_default().extend(frame);
        }
        for (device, heard) in self.sites.remove(site).into_iter().flat_map(|old| old.devices) {
            let near =
                |frame: &Frame| apart(frame.received_at.since(at)) <= SAME_DAY.plus(SAME_DAY);
            frames.entry(device).or_default().extend(heard.frames().filter(near));
        }
        if self.sites.len() >= SITES_MAX {
            self.sites.clear();
        }
        let devices = frames.into_iter().map(|(device, it)| (device, Heard::new(it))).collect();
        self.sites.insert(site.clone(), Around { centre: at, devices });
    }

    /// Hears a reading, and names the earlier ones of which it tells something new.
    pub(super) fn hear(&mut self, reading: &Reading) -> Vec<ReadingId> {
        let around = self.sites.get_mut(&reading.site);
        let (Some(around), Some(frame)) = (around, Frame::of(reading)) else { return Vec::new() };
        match around.devices.get_mut(&reading.device) {
            Some(heard) => heard.hear(frame),
            None => {
                around.devices.insert(reading.device.clone(), Heard::new(vec![frame]));
                Vec::new()
            }
        }
    }

    /// What is told of a reading that was heard.
    pub(super) fn told(&self, reading: &Reading) -> Hearing {
        let around = self.sites.get(&reading.site);
        let heard = around.and_then(|around| around.devices.get(&reading.device));
        heard.map_or((Told::Open, Millis::ZERO), |heard| heard.told(&reading.id))
    }
}

/// The frames of one device that were heard within days, by (receipt, id).
#[derive(Debug, Default)]
pub(super) struct Heard {
    frames: Vec<(Frame, Hearing)>,
}

impl Heard {
    /// Frames already known, as after a start.
    pub(super) fn new(mut frames: Vec<Frame>) -> Self {
        frames.sort_by_key(|frame| (frame.received_at, frame.id));
        frames.dedup_by_key(|frame| frame.id);
        let open = (Told::Open, Millis::ZERO);
        let mut heard = Self { frames: frames.into_iter().map(|frame| (frame, open)).collect() };
        heard.listen(|_, _| true);
        heard
    }

    pub(super) fn frames(&self) -> impl Iterator<Item = Frame> {
        self.frames.iter().map(|(frame, _)| *frame)
    }

    /// Hears one more frame, and names the earlier ones of which it tells something new.
    pub(super) fn hear(&mut self, frame: Frame) -> Vec<ReadingId> {
        let key = (frame.received_at, frame.id);
        if self.frames.iter().any(|(known, _)| known.id == frame.id) {
            return Vec::new();
        }
        let at = self.frames.partition_point(|(known, _)| (known.received_at, known.id) < key);
        self.frames.insert(at, (frame, (Told::Open, Millis::ZERO)));
        self.forget_oldest();
        let least = self.frames().map(|frame| frame.lag).min().unwrap_or(frame.lag);
        // Of a frame that surely came at once only a quicker one tells more; of a clock without
        // seconds, every other one.
        let may_change = |other: &Frame, (told, _): Hearing| {
            let Told::AtOnce(behind) = told else { return true };
            frame.lag < other.lag.minus(behind)
                || least < other.lag.minus(STEADY)
                || other.whole_minute
        };
        let mut changed = self.listen(may_change);
        changed.retain(|id| *id != frame.id);
        changed
    }

    /// What is told of a frame that was heard.
    pub(super) fn told(&self, reading: &ReadingId) -> Hearing {
        let found = self.frames.iter().rev().find(|(frame, _)| frame.id == *reading);
        found.map_or((Told::Open, Millis::ZERO), |(_, told)| *told)
    }

    /// More than any bench device sends; beyond it the oldest say nothing any more.
    fn forget_oldest(&mut self) {
        if self.frames.len() > FRAMES_MAX {
            self.frames.drain(..FRAMES_MAX / 4);
        }
    }

    fn listen(&mut self, may_change: impl Fn(&Frame, Hearing) -> bool) -> Vec<ReadingId> {
        let mut anew = Vec::new();
        for (frame, before) in &self.frames {
            anew.push(if may_change(frame, *before) { self.ask(frame) } else { *before });
        }
        let mut changed = Vec::new();
        for ((frame, told), now) in self.frames.iter_mut().zip(anew) {
            if *told != now {
                *told = now;
                changed.push(frame.id);
            }
        }
        changed
    }

    /// What all frames tell of one.
    fn ask(&self, of: &Frame) -> Hearing {
        let day: Vec<Frame> = self.frames().filter(|other| of_one_day(of, other)).collect();
        let minutes_only = day.iter().all(|frame| frame.whole_minute);
        let coarse = if minutes_only { MINUTE } else { Millis::ZERO };
        let day = Day { frames: &day, alike: STEADY.plus(coarse) };
        match day.ask(of) {
            told @ Told::AtOnce(_) => (told, coarse.minus(day.spread(of)).max(Millis::ZERO)),
            told @ (Told::KeptBack(_) | Told::Open | Told::Odd) => (told, coarse),
        }
    }
}

fn of_one_day(one: &Frame, other: &Frame) -> bool {
    apart(one.received_at.since(other.received_at)) <= SAME_DAY
        && apart(one.lag.minus(other.lag)) <= SAME_DAY
}

fn apart(span: Millis) -> Millis {
    Millis(span.0.saturating_abs())
}

/// The frames around one.
struct Day<'a> {
    frames: &'a [Frame],
    /// Lags that differ by no more are the same.
    alike: Millis,
}

impl Day<'_> {
    fn ask(&self, of: &Frame) -> Told {
        let quicker = self.quicker(of);
        if quicker.is_empty() {
            return if proven(self.like(of), PROOF) {
                Told::AtOnce(self.behind_quickest(of))
            } else if self.frames.iter().any(|frame| proven(self.like(frame), PROOF)) {
                Told::Odd
            } else {
                Told::Open
            };
        }
        if let Some(kept_back) = self.kept_back(of, &quicker) {
            return Told::KeptBack(kept_back);
        }
        self.after_a_change(of, &quicker)
    }

    /// Frames with the lag of one.
    fn like<'f>(&'f self, of: &'f Frame) -> impl Iterator<Item = &'f Frame> {
        self.frames.iter().filter(move |other| apart(of.lag.minus(other.lag)) <= self.alike)
    }

    /// Frames of proven lags that are smaller, smallest first.
    fn quicker(&self, of: &Frame) -> Vec<&Frame> {
        let smaller = of.lag.minus(self.alike);
        let quicker = |frame: &&Frame| frame.lag < smaller && proven(self.like(frame), PROOF);
        let mut found: Vec<_> = self.frames.iter().filter(quicker).collect();
        found.sort_by_key(|frame| frame.lag);
        found
    }

    fn behind_quickest(&self, of: &Frame) -> Millis {
        let least = self.like(of).map(|frame| frame.lag).min().unwrap_or(of.lag);
        of.lag.minus(least)
    }

    /// How far the middle lag lies above the least. Most frames come at once; so the seconds that
    /// the clock does not show were known this much better than by one frame alone.
    fn spread(&self, of: &Frame) -> Millis {
        let mut lags: Vec<Millis> = self.like(of).map(|frame| frame.lag).collect();
        lags.sort_unstable();
        let (least, middle) = (lags.first(), lags.get(lags.len() / 2));
        middle.zip(least).map_or(Millis::ZERO, |(middle, least)| middle.minus(*least))
    }

    /// By how much the frame lags behind those that came at once before it was taken and after it
    /// was received: all that time the clock was not set. A clock that was set back looks the same
    /// from one side.
    fn kept_back(&self, of: &Frame, quicker: &[&Frame]) -> Option<Millis> {
        let base = quicker.iter().find(|base| self.is_around(of, base))?;
        let lone = !self.frames.iter().any(|other| self.may_be_of(of, other, base));
        lone.then_some(of.lag.minus(base.lag))
    }

    /// Whether frames of a smaller lag came at once both before a frame was taken, if that lag was its
    /// clock's, and after it was received.
    fn is_around(&self, of: &Frame, base: &Frame) -> bool {
        let taken = of.received_at.minus(of.lag.minus(base.lag));
        let mut like = self.like(base).filter(|other| other.lag < of.lag.minus(self.alike));
        let (mut before, mut after) = (false, false);
        like.any(|other| {
            before |= other.received_at < taken;
            after |= other.received_at > of.received_at;
            before && after
        })
    }

    /// Whether a frame may as well have been taken while the clock showed another lag, by one of the
    /// frames that came next to that time: the clock was set in between, and nothing tells when. A
    /// frame that was itself kept back, from among those that came at once, shows no other clock: else
    /// it would have been set twice.
    fn may_be_of(&self, of: &Frame, other: &Frame, base: &Frame) -> bool {
        let like_base = apart(other.lag.minus(base.lag)) <= self.alike;
        if like_base || other.lag >= of.lag.minus(self.alike) {
            return false;
        }
        if other.lag > base.lag && self.is_around(other, base) {
            return false;
        }
        let taken = of.received_at.minus(of.lag.minus(other.lag));
        let others = || self.frames.iter().filter(|frame| frame.id != of.id);
        let before = others().filter(|frame| frame.received_at < taken);
        let after = others().filter(|frame| frame.received_at > taken);
        let next_to = [
            before.max_by_key(|frame| frame.received_at),
            after.min_by_key(|frame| frame.received_at),
        ];
        next_to.iter().flatten().any(|near| apart(near.lag.minus(other.lag)) <= self.alike)
    }

    /// Frames with a smaller lag stand on one side only. If most frames on this side have the lag
    /// of this one, the clock was set in between.
    fn after_a_change(&self, of: &Frame, quicker: &[&Frame]) -> Told {
        let received = || quicker.iter().map(|frame| frame.received_at);
        let from = received().filter(|at| *at <= of.received_at).max();
        let to = received().filter(|at| *at >= of.received_at).min();
        let here = |frame: &&Frame| {
            from.is_none_or(|from| frame.received_at > from)
                && to.is_none_or(|to| frame.received_at < to)
        };
        let all = self.frames.iter().filter(here).count();
        let own = self.like(of).filter(here).count();
        if proven(self.like(of).filter(here), PROOF_OF_A_CHANGE) && own.saturating_mul(2) > all {
            Told::AtOnce(self.behind_quickest(of))
        } else {
            Told::Odd
        }
    }
}

/// Whether so many of the frames, which are in order, were received apart.
fn proven<'f>(frames: impl Iterator<Item = &'f Frame>, enough: usize) -> bool {
    let mut last: Option<Timestamp> = None;
    let mut count = 0_usize;
    for frame in frames {
        if last.is_none_or(|last| frame.received_at.since(last) >= APART) {
            last = Some(frame.received_at);
            count = count.saturating_add(1);
            if count >= enough {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::{NOON, key};

    /// A frame received so many seconds after noon, of a clock that is so many seconds ahead, kept
    /// back for so many.
    fn frame((received, ahead, kept_back): (i64, i64, i64)) -> Frame {
        let received_at = NOON.plus(Millis::seconds(received));
        let stated = received_at.plus(Millis::seconds(ahead - kept_back));
        Frame {
            id: key(u64::try_from(received).unwrap()),
            received_at,
            lag: received_at.since(stated),
            whole_minute: stated.as_millis() % MINUTE.0 == 0,
        }
    }

    /// What is told of the last of some frames, in whatever order they are heard.
    #[track_caller]
    fn check(frames: &[(i64, i64, i64)], expected: Told) {
        let all: Vec<Frame> = frames.iter().copied().map(frame).collect();
        let asked = all.last().unwrap().id;
        for turn in 0..all.len() {
            let mut heard = Heard::default();
            for frame in all.iter().cycle().skip(turn).take(all.len()) {
                heard.hear(*frame);
            }
            assert_eq!(heard.told(&asked).0, expected, "heard from {turn} on: {frames:?}");
            assert_eq!(Heard::new(all.clone()).told(&asked).0, expected, "read: {frames:?}");
        }
    }

    const DECADE: i64 = 3652 * 86_400;

    #[test]
    fn three_frames_with_one_lag_prove_a_clock_however_wrong_it_is() {
        for ahead in [0, 7300, -7300, -DECADE] {
            check(&[(60, ahead, 0), (200, ahead, 0)], Told::Open);
            let frames = [(60, ahead, 0), (200, ahead, 2), (400, ahead, 1)];
            check(&frames, Told::AtOnce(Millis::seconds(1)));
        }
    }

    #[test]
    fn a_queue_that_is_emptied_proves_nothing() {
        check(&[(100, 7300, 0), (101, 7300, 1), (102, 7300, 2)], Told::Open);
    }

    #[test]
    fn a_frame_that_was_kept_back_tells_for_how_long() {
        for ahead in [0, 7300, -DECADE] {
            let live = [(60, ahead, 0), (200, ahead, 0), (400, ahead, 0), (3700, ahead, 0)];
            let with = |one| live.into_iter().chain([one]).collect::<Vec<_>>();
            check(&with((3600, ahead, 900)), Told::KeptBack(Millis::seconds(900)));
        }
    }

    #[test]
    fn a_queue_that_was_kept_back_is_each_kept_back_for_as_long_as_it_was() {
        let live: Vec<_> = (1..7).map(|number| (number * 100, 0, 0)).collect();
        let after: Vec<_> = (20..26).map(|number| (number * 100, 0, 0)).collect();
        let queue = [(1850, 0, 1000), (1851, 0, 800), (1852, 0, 600), (1853, 0, 400)];
        let with = |last| live.iter().chain(&after).chain(&queue).copied().chain([last]).collect();
        let all: Vec<_> = with((1854, 0, 200));
        check(&all, Told::KeptBack(Millis::seconds(200)));
        let all: Vec<_> = with((1849, 0, 1200));
        check(&all, Told::KeptBack(Millis::seconds(1200)));
    }

    #[test]
    fn a_frame_kept_back_beyond_what_was_heard_of_the_clock_is_odd() {
        let live = [(60, 0, 0), (200, 0, 0), (400, 0, 0)];
        let with = |one| live.into_iter().chain([one]).collect::<Vec<_>>();
        check(&with((3600, 0, 900)), Told::Odd);
        check(&with((3600, 500, 0)), Told::Odd);
    }

    #[test]
    fn a_clock_that_is_set_proves_itself_anew() {
        let before: Vec<_> = (1..6).map(|number| (number * 100, -300, 0)).collect();
        let after: Vec<_> = (10..15).map(|number| (number * 100, 0, 0)).collect();
        let all = |last| before.iter().chain(&after).copied().chain([last]).collect::<Vec<_>>();
        check(&all((50, -300, 0)), Told::AtOnce(Millis::ZERO));
        check(&all((1500, 0, 0)), Told::AtOnce(Millis::ZERO));
        // Taken before the clock was set, received after: nobody knows by which clock.
        check(&all((1350, -300, 1000)), Told::Odd);
        check(&all((1350, 0, 200)), Told::KeptBack(Millis::seconds(200)));
    }

    #[test]
    fn a_clock_that_is_set_back_is_no_frame_kept_back() {
        let before: Vec<_> = (1..40).map(|number| (number * 100, 2000, 0)).collect();
        let after = |count: i64| (41..41 + count).map(|number| (number * 100, 0, 0));
        let with = |count| before.iter().copied().chain(after(count)).collect::<Vec<_>>();
        check(&with(3), Told::Odd);
        check(&with(5), Told::AtOnce(Millis::ZERO));
    }

    #[test]
    fn a_frame_of_before_the_clock_was_set_is_not_taken_for_one_of_after() {
        // Twenty minutes ahead until it was set; one frame of then came at once, one much later.
        let set: Vec<_> = (2..14).map(|number| (number * 300, 0, 0)).collect();
        let before = [(100, 1200, 0)];
        let late = [(3310, 1200, 2910)];
        let all: Vec<_> = before.into_iter().chain(set.clone()).chain(late).collect();
        check(&all, Told::Odd);
        let unheard: Vec<_> = set.into_iter().chain([(3550, 0, 2900)]).collect();
        check(&unheard, Told::KeptBack(Millis::seconds(2900)));
    }
}
