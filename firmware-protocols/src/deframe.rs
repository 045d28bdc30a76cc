//! Bytes of a serial line become frames; nothing is dropped on the way.
//!
//! Promises: every pushed byte comes out in exactly one [`Piece`], in order; the pieces do not
//! depend on how the bytes were split (calls of [`Deframer::idle`] apart); after a bad checksum the
//! search goes on one byte later, not one frame later (FORMATS §2.4); the tail of an over-long
//! frame is never decoded.
//!
//! Limit: Bluetooth characteristics that a bridge forwards unchanged have no header. Their length
//! follows from their flags, any byte can begin one, and only the silence between two frames
//! ([`Deframer::idle`]) brings the search back into step. Bytes beyond what the flags announce are
//! taken for the next frame.

/// What the first bytes of a candidate say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// No frame begins here.
    NotHere,
    /// A frame may begin here, its length is not known yet.
    More,
    /// A frame of so many bytes begins here.
    Length(usize),
}

/// How frames of one format are found.
#[derive(Debug, Clone, Copy)]
pub struct Framing {
    /// Looks at the first bytes (at least one).
    pub scan: fn(&[u8]) -> Scan,
    /// Looks at a candidate of full length: is its checksum right?
    pub intact: fn(&[u8]) -> bool,
}

/// Why bytes are in no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No frame begins in them.
    Noise,
    /// A frame of full length whose checksum is wrong.
    BadChecksum,
    /// A frame longer than the buffer.
    TooLong,
    /// A frame that the line broke off: silence came first.
    Partial,
}

impl Refusal {
    /// A stable name for logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::BadChecksum => "bad_checksum",
            Self::TooLong => "too_long",
            Self::Partial => "partial",
        }
    }
}

/// Consecutive bytes of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole frame with a right checksum.
    Frame(&'a [u8]),
    /// Bytes that are in no frame, and why.
    Refused {
        /// The bytes as they came.
        bytes: &'a [u8],
        /// Why no frame was made of them.
        reason: Refusal,
    },
}

impl<'a> Piece<'a> {
    /// The bytes, whatever became of them.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Frame(bytes) | Self::Refused { bytes, .. } => bytes,
        }
    }
}

/// Finds frames in a stream, in a fixed buffer of `N` bytes.
///
/// ```
/// use firmware_protocols::{Deframer, Piece, format};
///
/// let format = format("taidoc-51").expect("a format of this crate");
/// let framing = format.framing(None).expect("a format of serial lines");
/// let mut line: Deframer = Deframer::new(framing);
/// let mut frames = 0;
/// let mut count = |piece: Piece<'_>| frames += usize::from(matches!(piece, Piece::Frame(_)));
/// line.push(&[0x00, 0x51, 0x26, 0x72, 0x00], &mut count);
/// line.push(&[0x47, 0x4E, 0xA5, 0x23], &mut count);
/// line.idle(&mut count);
/// assert_eq!(frames, 1);
/// ```
///
/// With the default of 512 no frame of this crate's formats is over-long (their length byte reaches
/// 260 bytes at most), so a corrupted length byte costs nothing but waiting: either the bytes
/// arrive and their checksum fails, or [`Deframer::idle`] ends the wait, and the search goes on one
/// byte later. With a smaller buffer a longer frame is discarded to its announced end.
#[derive(Debug, Clone)]
pub struct Deframer<const N: usize = 512> {
    framing: Framing,
    buffer: [u8; N],
    len: usize,
    /// Bytes at the front that begin no frame and are not handed out yet.
    refused: usize,
    reason: Refusal,
    /// Where the frame with the bad checksum at the front ends.
    bad_frame_end: Option<usize>,
    /// Bytes of an over-long frame that are still to come.
    discarding: usize,
}

impl<const N: usize> Deframer<N> {
    /// An empty deframer.
    #[must_use]
    pub const fn new(framing: Framing) -> Self {
        const { assert!(N >= 8, "a buffer holds at least one short frame") };
        Self {
            framing,
            buffer: [0; N],
            len: 0,
            refused: 0,
            reason: Refusal::Noise,
            bad_frame_end: None,
            discarding: 0,
        }
    }

    /// Takes bytes and hands out what they complete. Noise waits for the next frame, for a full
    /// buffer or for [`Deframer::idle`].
    pub fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(Piece<'_>)) {
        for byte in bytes {
            self.append(*byte);
            if self.discarding > 0 {
                self.discard_one(out);
            } else {
                self.search(out);
            }
        }
    }

    /// The line was silent for longer than a frame allows: whatever is left comes out now. A frame
    /// that a false beginning had swallowed is found on the way.
    pub fn idle(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        while self.len > 0 {
            if self.discarding > 0 {
                self.discarding = 0;
                self.flush(self.len, Refusal::TooLong, out);
            } else if self.refused == self.len {
                self.flush(self.refused, self.reason, out);
            } else {
                self.begin_region(Refusal::Partial, None, out);
                self.refuse_one(out);
                self.search(out);
            }
        }
        self.discarding = 0;
    }

    /// How many bytes wait inside.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.len
    }

    /// There is always room: [`Deframer::search`] and [`Deframer::discard_one`] never leave the
    /// buffer full.
    fn append(&mut self, byte: u8) {
        debug_assert!(self.len < N, "a full buffer was left behind");
        if let Some(slot) = self.buffer.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
        }
    }

    fn discard_one(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        self.discarding = self.discarding.saturating_sub(1);
        if self.discarding == 0 || self.len == N {
            self.flush(self.len, Refusal::TooLong, out);
        }
    }

    /// Hands out every frame that is complete.
    fn search(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        while self.discarding == 0 && self.refused < self.len {
            let candidate = self.buffer.get(self.refused..self.len).unwrap_or_default();
            let available = candidate.len();
            match (self.framing.scan)(candidate) {
                Scan::NotHere | Scan::Length(0) => self.refuse_one(out),
                Scan::More if available == N => self.refuse_one(out),
                Scan::Length(total) if total > N => {
                    self.flush(self.refused, self.reason, out);
                    self.discarding = total.saturating_sub(available);
                }
                Scan::Length(total) if total <= available => {
                    let intact = candidate.get(..total).is_some_and(self.framing.intact);
                    if intact { self.yield_frame(total, out) } else { self.refuse_bad(total, out) }
                }
                Scan::More | Scan::Length(_) => break,
            }
        }
        if self.len == N && self.discarding > 0 {
            self.flush(self.len, Refusal::TooLong, out);
        } else if self.len == N {
            self.flush(self.refused, self.reason, out);
        }
    }

    fn yield_frame(&mut self, total: usize, out: &mut dyn FnMut(Piece<'_>)) {
        self.flush(self.refused, self.reason, out);
        out(Piece::Frame(self.buffer.get(..total).unwrap_or_default()));
        self.drop_front(total);
    }

    fn refuse_bad(&mut self, total: usize, out: &mut dyn FnMut(Piece<'_>)) {
        self.begin_region(Refusal::BadChecksum, Some(total), out);
        self.refuse_one(out);
    }

    /// Refused bytes of one reason are handed out together; another reason begins a new piece.
    fn begin_region(
        &mut self,
        reason: Refusal,
        end: Option<usize>,
        out: &mut dyn FnMut(Piece<'_>),
    ) {
        if self.reason != reason {
            self.flush(self.refused, self.reason, out);
        }
        if self.refused == 0 {
            self.reason = reason;
            self.bad_frame_end = end;
        }
    }

    fn refuse_one(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        self.refused = self.refused.saturating_add(1);
        if self.bad_frame_end == Some(self.refused) {
            self.flush(self.refused, self.reason, out);
        }
    }

    fn flush(&mut self, count: usize, reason: Refusal, out: &mut dyn FnMut(Piece<'_>)) {
        if let Some(bytes) = self.buffer.get(..count).filter(|bytes| !bytes.is_empty()) {
            out(Piece::Refused { bytes, reason });
        }
        self.drop_front(count);
    }

    fn drop_front(&mut self, count: usize) {
        let count = count.min(self.len);
        self.buffer.copy_within(count..self.len, 0);
        self.len = self.len.saturating_sub(count);
        self.refused = 0;
        self.reason = Refusal::Noise;
        self.bad_frame_end = None;
    }
}
