//! How fast: the wait before a port is opened again, and the speed a line may have.

use std::{path::Path, time::Duration};

use tokio::time::Instant;

/// First and longest wait before a lost port is opened again (spikes/MQTT.md, part D).
const REOPEN_FIRST: Duration = Duration::from_millis(200);
const REOPEN_LONGEST: Duration = Duration::from_secs(5);

/// Bits on the wire for one byte: start, 8 data, stop.
const BITS_PER_BYTE: u32 = 10;
/// What a device may send at once above its speed: a USB converter's buffers.
const BURST_BYTES: f64 = 8192.0;
/// How far above its nominal speed a line may stay: clocks of real lines differ by up to 3 %.
const MARGIN: f64 = 1.1;

/// The wait before the port is opened for the `attempt`th time in vain, from 0: doubling, and
/// shortened by up to a fifth, differently for every port, so that the ports of one hub do not all
/// knock at once.
#[must_use]
pub fn reopen_delay(port: &Path, attempt: u32) -> Duration {
    let doubled = REOPEN_FIRST.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
    let mut hasher = blake3::Hasher::new();
    hasher.update(port.as_os_str().as_encoded_bytes());
    hasher.update(&attempt.to_be_bytes());
    let [first, ..] = *hasher.finalize().as_bytes();
    let longest = doubled.clamp(REOPEN_FIRST, REOPEN_LONGEST);
    longest.saturating_sub(longest.mul_f64(f64::from(first) / 255.0 / 5.0))
}

/// Bytes that a line may still bring: what its own speed allows. A USB device that ignores its
/// speed is not read any faster (ATTACKS A29), and what waits meanwhile waits in the kernel.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: f64,
    room: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new(baud: u32, now: Instant) -> Self {
        let bytes_per_second = f64::from(baud.max(300)) / f64::from(BITS_PER_BYTE) * MARGIN;
        Self { bytes_per_second, room: BURST_BYTES, at: now }
    }

    /// Takes note of bytes that were read.
    pub(super) fn took(&mut self, bytes: usize, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let refilled = self.room + passed * self.bytes_per_second;
        let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.room = refilled.min(BURST_BYTES) - bytes;
        self.at = now;
    }

    /// When the line may be read again; `None`: at once.
    pub(super) fn closed_until(&self, now: Instant) -> Option<Instant> {
        let open_at =
            self.at + Duration::from_secs_f64((-self.room).max(0.0) / self.bytes_per_second);
        (open_at > now).then_some(open_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_port_is_tried_soon_then_every_five_seconds() {
        let delay = |attempt| reopen_delay(Path::new("/dev/serial/by-id/cuff"), attempt);
        for (attempt, longest) in [(0, 0.2), (1, 0.4), (2, 0.8), (5, 5.0), (31, 5.0), (400, 5.0)] {
            let delay = delay(attempt).as_secs_f64();
            assert!(delay <= longest && delay >= longest * 0.8, "{attempt}: {delay}");
        }
        assert_ne!(delay(9), reopen_delay(Path::new("/dev/serial/by-id/meter"), 9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_is_slowed_to_its_own_speed_and_no_further() {
        let start = Instant::now();
        let mut pace = Pace::new(9600, start);
        pace.took(8192, start);
        assert_eq!(pace.closed_until(start), None);
        pace.took(1056, start);
        assert_eq!(pace.closed_until(start), Some(start + Duration::from_secs(1)));
        let later = start + Duration::from_secs(2);
        assert_eq!(pace.closed_until(later), None);
        pace.took(1056, later);
        assert_eq!(pace.closed_until(later), None);
    }
}
