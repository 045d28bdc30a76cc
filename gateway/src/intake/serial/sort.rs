//! Bytes of a line become frames and kept refusals, in the order in which they came.

use firmware_protocols::{Deframer, Piece, Refusal, deframe::Framing, resident_id};
use tokio::time::{Duration, Instant};

/// Most refused bytes kept as one piece.
pub(super) const REFUSED_CHUNK: usize = 512;

/// On a line of noise refused bytes are kept in pieces, one in this time or at [`REFUSED_CHUNK`]
/// bytes. The first refusal after a quiet time is handed on at once. Our choice.
const REFUSED_EVERY: Duration = Duration::from_secs(2);

/// What a line's bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sorted {
    /// A frame whose checksum is right.
    Frame(Vec<u8>),
    /// Bytes that are in no frame, with the reasons.
    Refused { bytes: Vec<u8>, reason: String },
}

/// Refused bytes that wait to become one piece.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    reasons: Vec<Refusal>,
}

impl Held {
    fn take(&mut self) -> Sorted {
        let names: Vec<_> = self.reasons.drain(..).map(Refusal::name).collect();
        Sorted::Refused { bytes: std::mem::take(&mut self.bytes), reason: names.join(", ") }
    }
}

/// Most frames are short; those of identity card readers hold a picture.
#[derive(Debug)]
enum Cutter {
    Short(Box<Deframer<512>>),
    Long(Box<Deframer<{ resident_id::FRAME_MAX }>>),
}

impl Cutter {
    fn new(framing: Framing, long: bool) -> Self {
        if long {
            Self::Long(Box::new(Deframer::new(framing)))
        } else {
            Self::Short(Box::new(Deframer::new(framing)))
        }
    }

    fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(Piece<'_>)) {
        match self {
            Self::Short(deframer) => deframer.push(bytes, out),
            Self::Long(deframer) => deframer.push(bytes, out),
        }
    }

    fn idle(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        match self {
            Self::Short(deframer) => deframer.idle(out),
            Self::Long(deframer) => deframer.idle(out),
        }
    }

    fn waiting(&self) -> usize {
        match self {
            Self::Short(deframer) => deframer.waiting(),
            Self::Long(deframer) => deframer.waiting(),
        }
    }
}

/// Finds frames, keeps the rest.
#[derive(Debug)]
pub(super) struct Sorter {
    deframer: Cutter,
    idle_gap: Duration,
    last_byte: Option<Instant>,
    held: Held,
    /// Refused bytes go out at once from then on.
    release_from: Instant,
}

impl Sorter {
    pub(super) fn new((framing, long): (Framing, bool), idle_gap: Duration, now: Instant) -> Self {
        Self {
            deframer: Cutter::new(framing, long),
            idle_gap,
            last_byte: None,
            held: Held::default(),
            release_from: now,
        }
    }

    /// Takes bytes, and hands out what they complete.
    pub(super) fn push(&mut self, bytes: &[u8], now: Instant) -> Vec<Sorted> {
        let mut out = Vec::new();
        let Self { deframer, held, release_from, .. } = self;
        deframer.push(bytes, &mut |piece| take(piece, held, release_from, now, &mut out));
        self.last_byte = Some(now);
        self.release_if_due(now, &mut out);
        out
    }

    /// When [`Sorter::due`] has something to do.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let broken_off =
            self.last_byte.filter(|_| self.deframer.waiting() > 0).map(|last| last + self.idle_gap);
        let release = (!self.held.bytes.is_empty()).then_some(self.release_from);
        broken_off.into_iter().chain(release).min()
    }

    /// Hands out what silence or time has made ready.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Sorted> {
        let mut out = Vec::new();
        if self.last_byte.is_some_and(|last| last + self.idle_gap <= now) {
            self.end_frame(now, &mut out);
        }
        self.release_if_due(now, &mut out);
        out
    }

    /// Hands out everything: the line ends here.
    pub(super) fn finish(&mut self, now: Instant) -> Vec<Sorted> {
        let mut out = Vec::new();
        self.end_frame(now, &mut out);
        self.release(now, &mut out);
        out
    }

    fn end_frame(&mut self, now: Instant, out: &mut Vec<Sorted>) {
        let Self { deframer, held, release_from, .. } = self;
        deframer.idle(&mut |piece| take(piece, held, release_from, now, out));
    }

    fn release_if_due(&mut self, now: Instant, out: &mut Vec<Sorted>) {
        if self.release_from <= now {
            self.release(now, out);
        }
    }

    fn release(&mut self, now: Instant, out: &mut Vec<Sorted>) {
        if !self.held.bytes.is_empty() {
            out.push(self.held.take());
            self.release_from = now + REFUSED_EVERY;
        }
    }
}

fn take(
    piece: Piece<'_>,
    held: &mut Held,
    release_from: &mut Instant,
    now: Instant,
    out: &mut Vec<Sorted>,
) {
    match piece {
        Piece::Frame(frame) => {
            if !held.bytes.is_empty() {
                out.push(held.take());
            }
            out.push(Sorted::Frame(frame.to_vec()));
        }
        Piece::Refused { bytes, reason } => {
            let full = held.bytes.len().saturating_add(bytes.len()) > REFUSED_CHUNK;
            if full && !held.bytes.is_empty() {
                out.push(held.take());
                *release_from = now + REFUSED_EVERY;
            }
            held.bytes.extend_from_slice(bytes);
            if !held.reasons.contains(&reason) {
                held.reasons.push(reason);
            }
        }
    }
}
