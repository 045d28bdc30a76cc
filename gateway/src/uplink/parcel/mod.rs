//! A primary fact as it travels from one gateway to another (DESIGN section 7).
//!
//! Only what somebody or something told a gateway travels; what follows from it (crossings, alerts,
//! timers, messages) every gateway judges for itself. A parcel is one JSON object in one line, with
//! the version of its shape in `v` and its kind in `t`. A later version may add fields, which are
//! passed over, and kinds, which are counted; nothing that this version wrote ever changes meaning.

use crate::store::CommitSeq;

/// One fact as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its position in the sender's log.
    pub seq: CommitSeq,
    /// One JSON object without a line break.
    pub line: Vec<u8>,
}
