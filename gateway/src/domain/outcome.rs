//! How an alert ended, as a doctor says.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ActOutcome, ReadingId};

/// The outcome of an alert that was visited: a code, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertOutcome {
    /// What became of it.
    pub code: OutcomeCode,
    /// The reading that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<ReadingId>,
    /// Why, where it rests on no reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// To whom the person was sent: a step of care, a place, a site or a doctor of the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refer_to: Option<SmolStr>,
}

/// What became of an alert (UX section 5.5). Each one ends it; to the lines all are `closed`, and
/// `confirmed_referred` counts beside that for the poverty-relapse line (LINES 6.1, PR-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeCode {
    /// It was seen to; nothing more precise fits.
    Closed,
    /// It was real, and the person was sent on.
    ConfirmedReferred,
    /// The value is under the line again.
    Controlled,
    /// The medicines were changed.
    MedicineChanged,
    /// The person cannot be found.
    Lost,
    /// The person does not want care.
    Declined,
    /// There was nothing: a cuff, a mistake.
    FalseAlarm,
}

impl OutcomeCode {
    /// Every code, for decoding, forms and help texts.
    pub const ALL: [Self; 7] = [
        Self::Controlled,
        Self::MedicineChanged,
        Self::ConfirmedReferred,
        Self::Closed,
        Self::Lost,
        Self::Declined,
        Self::FalseAlarm,
    ];

    /// The code on the wire and on disk.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::ConfirmedReferred => "confirmed_referred",
            Self::Controlled => "controlled",
            Self::MedicineChanged => "medicine_changed",
            Self::Lost => "lost",
            Self::Declined => "declined",
            Self::FalseAlarm => "false_alarm",
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Closed => "已处理",
            Self::ConfirmedReferred => "情况属实，已转诊",
            Self::Controlled => "已控制",
            Self::MedicineChanged => "已调药",
            Self::Lost => "失访",
            Self::Declined => "拒绝",
            Self::FalseAlarm => "误报",
        }
    }

    /// The same in English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::Closed => "seen to",
            Self::ConfirmedReferred => "confirmed and referred",
            Self::Controlled => "under control",
            Self::MedicineChanged => "medicines changed",
            Self::Lost => "cannot be found",
            Self::Declined => "declines care",
            Self::FalseAlarm => "false alarm",
        }
    }

    /// What the lines are told of it, in order.
    #[must_use]
    pub const fn acts(self) -> &'static [ActOutcome] {
        match self {
            Self::ConfirmedReferred => &[ActOutcome::ConfirmedReferred, ActOutcome::Closed],
            Self::Closed
            | Self::Controlled
            | Self::MedicineChanged
            | Self::Lost
            | Self::Declined
            | Self::FalseAlarm => &[ActOutcome::Closed],
        }
    }
}
