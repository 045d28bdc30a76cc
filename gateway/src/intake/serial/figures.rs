//! What a line does, for those who look on: counters and one state.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// The port is open.
    Connected,
    /// The port is gone or cannot be opened.
    Disconnected,
    /// The port is open, and the device has said nothing of use for too long.
    Silent,
    /// The device speaks again.
    Heard,
}

impl LineState {
    /// The state's name in presence details and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Silent => "silent",
            Self::Heard => "heard",
        }
    }
}

/// The counters of one line, as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineFigures {
    /// The port is open.
    pub connected: bool,
    /// The device has said nothing of use for too long.
    pub silent: bool,
    /// How often the port was opened.
    pub opened: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Frames with a right checksum.
    pub frames: u64,
    /// Bytes that were in no frame.
    pub refused_bytes: u64,
    /// Pieces of refused bytes that were kept.
    pub refused: u64,
    /// Items handed to the writer.
    pub delivered: u64,
    /// Items that the writer has, but not yet on disk.
    pub not_yet_saved: u64,
    /// Items that the writer gave back when it stopped: gone unless the device has a memory.
    pub lost: u64,
    /// How often the line was slowed to its own speed.
    pub slowed: u64,
    /// Times a meter's memory was read to its end.
    pub read_outs: u64,
    /// Times reading a meter's memory failed.
    pub read_outs_failed: u64,
}

/// The live counters of one line.
#[derive(Debug, Default)]
pub struct LineWatch {
    connected: AtomicBool,
    silent: AtomicBool,
    pub(super) opened: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) refused_bytes: AtomicU64,
    pub(super) refused: AtomicU64,
    delivered: AtomicU64,
    not_yet_saved: AtomicU64,
    lost: AtomicU64,
    pub(super) slowed: AtomicU64,
    pub(super) read_outs: AtomicU64,
    pub(super) read_outs_failed: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl LineWatch {
    /// The counters as they stand.
    #[must_use]
    pub fn figures(&self) -> LineFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LineFigures {
            connected: self.connected.load(Ordering::Relaxed),
            silent: self.silent.load(Ordering::Relaxed),
            opened: read(&self.opened),
            bytes: read(&self.bytes),
            frames: read(&self.frames),
            refused_bytes: read(&self.refused_bytes),
            refused: read(&self.refused),
            delivered: read(&self.delivered),
            not_yet_saved: read(&self.not_yet_saved),
            lost: read(&self.lost),
            slowed: read(&self.slowed),
            read_outs: read(&self.read_outs),
            read_outs_failed: read(&self.read_outs_failed),
        }
    }

    pub(super) fn set(&self, state: LineState) {
        match state {
            LineState::Connected => {
                count(&self.opened, 1);
                self.connected.store(true, Ordering::Relaxed);
            }
            LineState::Disconnected => self.connected.store(false, Ordering::Relaxed),
            LineState::Silent => self.silent.store(true, Ordering::Relaxed),
            LineState::Heard => self.silent.store(false, Ordering::Relaxed),
        }
    }

    pub(super) fn handed_over(&self, items: usize) {
        count(&self.delivered, items);
        count(&self.not_yet_saved, items);
    }

    pub(super) fn saved(&self, items: usize) {
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        self.not_yet_saved.fetch_sub(items, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, items: usize) {
        count(&self.lost, items);
    }
}
