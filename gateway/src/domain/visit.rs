//! A visit about an alert, as a doctor tells of it.

use serde::{Deserialize, Serialize};

use super::{DoctorId, ReadingId, Timestamp};

/// A visit. It counts for the doctor who was responsible when it took place, whoever sends it and
/// whenever it arrives; one that counts for nobody is kept with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// When it took place, by whoever tells of it.
    pub at: Timestamp,
    /// At the person's home.
    pub home: bool,
    /// The reading taken there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<ReadingId>,
    /// Why none was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who visited; whom it counts for, unless it is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doctor: Option<DoctorId>,
    /// Why it counts for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<VisitRejected>,
}

impl Visit {
    /// Whether both tell of one visit, whatever became of it.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let told = |visit: &Self| {
            (visit.at, visit.home, visit.reading, visit.reason.clone(), visit.doctor.clone())
        };
        told(self) == told(other)
    }
}

/// Why a visit counts for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitRejected {
    /// Another doctor was responsible then.
    NotResponsible,
    /// Nobody was.
    NobodyResponsible,
    /// It lies after its own receipt.
    InFuture,
}

impl VisitRejected {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotResponsible => "not_responsible",
            Self::NobodyResponsible => "nobody_responsible",
            Self::InFuture => "in_future",
        }
    }

    /// Why, in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::NotResponsible => "随访时该户由另一名医生负责",
            Self::NobodyResponsible => "随访时无人负责该户",
            Self::InFuture => "随访时间晚于收到时间",
        }
    }

    /// The same in English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::NotResponsible => "another doctor was responsible at the time of the visit",
            Self::NobodyResponsible => "nobody was responsible at the time of the visit",
            Self::InFuture => "the visit lies after its own receipt",
        }
    }
}
