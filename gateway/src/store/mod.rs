//! The store: what is true, on disk, and how to ask for it. Only this folder knows SQL.
//!
//! The port has two implementations that pass one conformance suite: SQLite, and a model in memory
//! that is the suite's oracle.

mod error;
mod facts;
mod port;
pub mod view;

pub use error::StoreError;
pub use facts::{
    AlertChange, AlertEvent, Answer, Attempt, BenchSession, CardScan, Channel, CommitSeq, Counts,
    Crossing, Disposition, Fact, Origin, Owed, Presence, QuarantineReason, Quarantined, Refused,
    Registration, Role, Sending, StoredReading, Timer, TimerKind, TokenRow,
};
pub use port::{Change, Committed, Reader, RegistryKey, Store, Unit};
