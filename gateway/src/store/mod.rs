//! The store: what is true, on disk, and how to ask for it. Only this folder knows SQL.
//!
//! The port has two implementations that pass one conformance suite: SQLite, and a model in memory
//! that is the suite's oracle.

mod access;
mod cargo;
mod carry;
mod change;
#[cfg(test)]
mod conformance;
mod enrol;
mod error;
mod facts;
#[cfg(test)]
pub(crate) mod fixtures;
mod held;
mod look;
mod merge;
mod model;
mod paging;
mod port;
mod proof;
mod reader;
mod receipt;
mod roster;
mod rows;
mod seals;
pub mod sqlite;
mod staff;
mod terms;
mod timing;
mod told;
pub mod view;

pub use access::{
    AccessChange, AccessReader, AccountKind, AccountName, AccountRow, BrokenGlass, Vouched,
};
pub use carry::{
    Came, Cargo, CarryChange, CarryReader, CarryUnit, FactId, First, Landed, Toward, Uploaded,
    Waiting, WaitingParcel, Watermark,
};
pub use change::Change;
pub use enrol::{BoxCertificate, BoxChange, BoxCode, BoxReader, CodeUsed};
pub use error::{KeyError, StoreError};
pub use facts::{
    AlertChange, AlertEvent, Attempt, CardScan, CommitSeq, Context, Crossing, Disposition, Fact,
    PackInForce, Presence, Registration, Sending, StoredReading, Told,
};
pub use held::{Attributed, Decided, Decision, Origin, QuarantineReason, Quarantined, Refused};
pub use look::{Awaiting, Concerned, Numbered, RegistryKey};
pub use merge::{FileReader, HeldClaim, HeldMerge, Merged};
pub use model::ModelStore;
pub use port::{ANSWER_KEPT, SESSION_MAX, Store, Unit};
pub use proof::Committed;
pub use reader::Reader;
pub use receipt::{KeptAlarm, NeighbourSaid, ReceiptDiffers, ReceiptReader, ReceiptSaid};
pub use roster::{RosterHeld, RosterReader};
pub use rows::{
    Answer, BenchSession, Channel, Counts, Done, KeptState, Outcome, Owed, Request, Resumed, Role,
    Status, Timer, TimerKind, TokenRow,
};
pub use seals::{KeyPlace, SealKey, SealReader, Seals};
pub use sqlite::{Options, SqliteStore, Verified, read_beside, restore_backup, verify_backup};
pub use staff::{Holders, Staff};
pub use timing::{ClockFound, ClockNote, Retimed, Timing};
pub use told::{ToldBy, ToldMoved, ToldSince, ToldUnit};
