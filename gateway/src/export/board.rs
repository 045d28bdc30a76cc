//! What the operator sees of an exporter.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Counts since the start, and the last trouble.
#[derive(Debug, Default)]
pub struct ExportBoard {
    lines: AtomicU64,
    writes: AtomicU64,
    failures: AtomicU64,
    quarantined: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl ExportBoard {
    /// Lines that the sink accepted; a line sent again counts again.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Writes that the sink accepted.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Writes that failed and are repeated.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Readings that the sink refuses for good; each is in the log by its position.
    #[must_use]
    pub fn quarantined(&self) -> u64 {
        self.quarantined.load(Ordering::Relaxed)
    }

    /// Why the sink is not being written to; `None` while it is.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(super) fn written(&self, lines: usize) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.lines.fetch_add(u64::try_from(lines).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn passed_over(&self) {
        self.quarantined.fetch_add(1, Ordering::Relaxed);
    }
}
