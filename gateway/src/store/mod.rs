//! The store: what is true, on disk, and how to ask for it. Only this folder knows SQL.
//!
//! The port has two implementations that pass one conformance suite: SQLite, and a model in memory
//! that is the suite's oracle.

#[cfg(test)]
mod conformance;
mod error;
mod facts;
#[cfg(test)]
mod fixtures;
mod model;
mod paging;
mod port;
pub mod sqlite;
pub mod view;

pub use error::StoreError;
pub use facts::{
    AlertChange, AlertEvent, Answer, Attempt, BenchSession, CardScan, Channel, CommitSeq, Counts,
    Crossing, Disposition, Fact, Origin, Owed, Presence, QuarantineReason, Quarantined, Refused,
    Registration, Role, Sending, StoredReading, Timer, TimerKind, TokenRow,
};
pub use model::ModelStore;
pub use port::{ANSWER_KEPT, Change, Committed, Reader, RegistryKey, SESSION_MAX, Store, Unit};
pub use sqlite::{Options, SqliteStore, Verified, restore_backup, verify_backup};
