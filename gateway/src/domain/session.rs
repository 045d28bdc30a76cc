//! The session of a bench: what opened it, and what a reading that came in it says of it.

use smol_str::SmolStr;

use super::{BenchId, DeviceId, Timestamp};

/// What opened a session of a bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedBy {
    /// A card that was held to a reader; its name, where the reader has one.
    Reader(Option<DeviceId>),
    /// Somebody who looked the person or the card up and pressed.
    Staff(SmolStr),
}

impl OpenedBy {
    /// The word for what opened it, on the wire and on disk.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Reader(_) => "reader",
            Self::Staff(_) => "staff",
        }
    }

    /// Which reader, or who.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Reader(reader) => reader.as_ref().map(DeviceId::as_str),
            Self::Staff(who) => Some(who),
        }
    }
}

/// The session by which a reading is somebody's. The bench and the beginning name it; the card is
/// the scan's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtBench {
    /// At which bench.
    pub bench: BenchId,
    /// When the session began.
    pub from: Timestamp,
    /// What opened it.
    pub opened_by: OpenedBy,
}
