//! What goes wrong between a device and the gateway, on purpose and counted.

use fastrand::Rng;

use crate::chance::happens;

/// How often each fault happens, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Knobs {
    /// A frame or message is never sent.
    pub drop: u16,
    /// It is sent twice.
    pub duplicate: u16,
    /// It is sent after the next one of its device.
    pub reorder: u16,
    /// A device's clock is wrong, by up to [`CLOCK_WRONG_MAX_MINUTES`] in either direction.
    pub wrong_clock: u16,
    /// Noise comes over a serial line before a frame.
    pub noise: u16,
    /// A frame comes over a serial line in pieces.
    pub split: u16,
}

/// How wrong a wrong clock is at most: a day, in minutes.
pub const CLOCK_WRONG_MAX_MINUTES: i32 = 1440;
/// The longest burst of noise, in bytes.
const NOISE_MAX: usize = 24;

impl Knobs {
    /// Nothing goes wrong.
    pub const NONE: Self =
        Self { drop: 0, duplicate: 0, reorder: 0, wrong_clock: 0, noise: 0, split: 0 };

    /// A bad day: every fault now and then.
    pub const ROUGH: Self =
        Self { drop: 20, duplicate: 60, reorder: 60, wrong_clock: 100, noise: 80, split: 300 };
}

/// How often each fault happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts {
    /// Never sent.
    pub dropped: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Sent after the next one.
    pub reordered: u64,
    /// Devices whose clock is wrong.
    pub wrong_clocks: u64,
    /// Bytes of noise.
    pub noise_bytes: u64,
    /// Frames sent in pieces.
    pub split: u64,
}

impl FaultCounts {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            dropped: self.dropped.saturating_add(other.dropped),
            duplicated: self.duplicated.saturating_add(other.duplicated),
            reordered: self.reordered.saturating_add(other.reordered),
            wrong_clocks: self.wrong_clocks.saturating_add(other.wrong_clocks),
            noise_bytes: self.noise_bytes.saturating_add(other.noise_bytes),
            split: self.split.saturating_add(other.split),
        }
    }
}

fn once_more(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// What becomes of things that a device sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed<T> {
    /// What is sent now, in order.
    pub send: Vec<T>,
    /// What is never sent.
    pub dropped: Option<T>,
}

/// The faults of one device's way.
#[derive(Debug, Clone)]
pub struct Faults<T> {
    knobs: Knobs,
    rng: Rng,
    counts: FaultCounts,
    /// Waits until the next one has gone before it.
    held_back: Option<T>,
}

impl<T: Clone> Faults<T> {
    /// The faults that this seed leads to.
    #[must_use]
    pub fn new(knobs: Knobs, seed: u64) -> Self {
        Self { knobs, rng: Rng::with_seed(seed), counts: FaultCounts::default(), held_back: None }
    }

    /// How often each fault happened so far.
    #[must_use]
    pub const fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// How wrong the clock of this device is, in minutes.
    pub fn clock_wrong_by_minutes(&mut self) -> i32 {
        if !happens(&mut self.rng, self.knobs.wrong_clock) {
            return 0;
        }
        once_more(&mut self.counts.wrong_clocks);
        let wrong = self.rng.i32(1..=CLOCK_WRONG_MAX_MINUTES);
        if self.rng.bool() { wrong } else { wrong.saturating_neg() }
    }

    /// Decides what becomes of the next thing.
    pub fn pass(&mut self, thing: T) -> Passed<T> {
        if happens(&mut self.rng, self.knobs.drop) {
            once_more(&mut self.counts.dropped);
            return Passed { send: Vec::new(), dropped: Some(thing) };
        }
        if self.held_back.is_none() && happens(&mut self.rng, self.knobs.reorder) {
            once_more(&mut self.counts.reordered);
            self.held_back = Some(thing);
            return Passed { send: Vec::new(), dropped: None };
        }
        let mut send = vec![thing];
        if happens(&mut self.rng, self.knobs.duplicate) {
            once_more(&mut self.counts.duplicated);
            send.extend(send.first().cloned());
        }
        send.extend(self.held_back.take());
        Passed { send, dropped: None }
    }

    /// What is still held back when the device ends.
    pub fn finish(&mut self) -> Option<T> {
        self.held_back.take()
    }

    /// What a frame becomes on a serial line: pieces that are written one after the other.
    pub fn on_wire(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        if happens(&mut self.rng, self.knobs.noise) {
            let length = self.rng.usize(1..=NOISE_MAX);
            let noise: Vec<u8> = (0..length).map(|_| self.rng.u8(..)).collect();
            let count = u64::try_from(length).unwrap_or(0);
            self.counts.noise_bytes = self.counts.noise_bytes.saturating_add(count);
            pieces.push(noise);
        }
        if frame.len() > 1 && happens(&mut self.rng, self.knobs.split) {
            once_more(&mut self.counts.split);
            let (head, tail) = frame.split_at(self.rng.usize(1..frame.len()));
            pieces.extend([head.to_vec(), tail.to_vec()]);
        } else {
            pieces.push(frame.to_vec());
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that goes in comes out sent or dropped, and the counts say how often what.
    #[track_caller]
    fn check(knobs: Knobs, seed: u64) -> FaultCounts {
        let mut faults = Faults::new(knobs, seed);
        let (mut sent, mut dropped) = (Vec::new(), Vec::new());
        for number in 0..2000_u32 {
            let passed = faults.pass(number);
            sent.extend(passed.send);
            dropped.extend(passed.dropped);
        }
        sent.extend(faults.finish());
        let counts = faults.counts();
        let dropped_count = u64::try_from(dropped.len()).unwrap();
        let sent_count = u64::try_from(sent.len()).unwrap();
        assert_eq!(counts.dropped, dropped_count, "seed {seed}");
        assert_eq!(sent_count, 2000 - dropped_count + counts.duplicated, "seed {seed}");
        let mut all: Vec<_> = sent.iter().chain(&dropped).copied().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2000, "seed {seed}");
        counts
    }

    #[test]
    fn without_faults_everything_goes_through_in_order() {
        assert_eq!(check(Knobs::NONE, 1), FaultCounts::default());
    }

    #[test]
    fn every_fault_is_counted_and_loses_nothing_that_is_not_counted() {
        for seed in 0..50 {
            let counts = check(Knobs::ROUGH, seed);
            assert!(counts.dropped > 0 && counts.duplicated > 0 && counts.reordered > 0);
        }
    }

    #[test]
    fn pieces_of_a_frame_make_the_frame() {
        let mut faults = Faults::<()>::new(Knobs { split: 1000, ..Knobs::NONE }, 3);
        for _ in 0..100 {
            let pieces = faults.on_wire(b"\xaa\x80\x02");
            assert_eq!((pieces.len(), pieces.concat()), (2, b"\xaa\x80\x02".to_vec()));
        }
        assert_eq!(faults.counts().split, 100);
        let mut noisy = Faults::<()>::new(Knobs { noise: 1000, ..Knobs::NONE }, 3);
        assert_eq!(noisy.on_wire(b"\xaa")[1], b"\xaa");
    }
}
