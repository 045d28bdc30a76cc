//! What the operator's own tools ask of a running gateway.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::Registered;

/// What became of rows for the registry.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct RegistryCounted {
    /// Rows that were new, or said something new.
    pub new_or_changed: usize,
    /// Rows that were in force already.
    pub unchanged: usize,
    /// In a dry run: how many of the new or changed supersede another row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<usize>,
    /// Where it was asked: the row in force under the name of each row that was sent, in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ours: Option<Vec<Option<Registered>>>,
    /// Rows that were not entered, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<RowNote>,
    /// Rows that were entered, and what in them contradicts something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warned: Vec<RowNote>,
}

/// Something about one row.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct RowNote {
    /// Which of the lines that were sent, from 1.
    pub line: usize,
    /// Which column.
    pub column: String,
    /// What it is, for programs.
    pub code: String,
    /// What it is, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// A token to make.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenAsked {
    /// Its role.
    pub role: String,
    /// The place it is bound to.
    #[serde(default)]
    pub scope: Option<String>,
    /// The doctor it speaks for.
    #[serde(default)]
    pub doctor: Option<String>,
    /// The device it speaks for.
    #[serde(default)]
    pub device: Option<String>,
}

/// A token that was made. It is shown once and kept nowhere.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenMade {
    /// Its text.
    pub token: String,
}

/// A copy of the store to make.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupAsked {
    /// Where to.
    pub to: PathBuf,
}

/// What a recount found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Checked {
    /// Every difference; empty: none.
    pub differences: Vec<String>,
}

/// What was counted since the store was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stats {
    /// This gateway's own name.
    pub gateway: String,
    /// Its epoch.
    pub epoch: u64,
    /// The last position.
    pub last: i64,
    /// Items received.
    pub received: u64,
    /// Of them stored.
    pub stored: u64,
    /// Stored, outside validity.
    pub rejected: u64,
    /// Known already.
    pub duplicate: u64,
    /// Waiting.
    pub quarantined: u64,
    /// Undecodable.
    pub refused: u64,
}

/// A one-time login link to make.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginLinkAsked {
    /// The role of the session it opens.
    pub role: String,
    /// The place it is bound to.
    #[serde(default)]
    pub scope: Option<String>,
    /// The doctor it speaks for.
    #[serde(default)]
    pub doctor: Option<String>,
}

/// A one-time login link.
#[derive(Debug, Serialize, Deserialize)]
pub struct LoginLinkMade {
    /// Its path at this gateway.
    pub path: String,
}

/// The key that checks what a gateway signs.
#[derive(Debug, Serialize, Deserialize)]
pub struct GatewayKeyTold {
    /// As others are told to trust it.
    pub key: String,
    /// In short, to compare over a telephone.
    pub fingerprint: String,
    /// The gateway's name, as others register it.
    pub gateway: String,
    /// One life of its log.
    pub epoch: u64,
}

/// A roster to make.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterAsked {
    /// Villages, townships, counties.
    pub places: Vec<String>,
    /// Sites that serve them from elsewhere.
    #[serde(default)]
    pub sites: Vec<String>,
    /// An earlier roster to go on from.
    #[serde(default)]
    pub after: Option<PathBuf>,
    /// The file to write.
    pub to: PathBuf,
}

/// A roster that was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct RosterMade {
    /// From which position it goes on; 0: it is whole.
    pub after: i64,
    /// To which one it goes.
    pub to: i64,
    /// Its rows.
    pub rows: u64,
}

/// A roster to take.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterOffered {
    /// The file.
    pub from: PathBuf,
    /// Keys of gateways that may have made it.
    pub trust: Vec<String>,
}

/// A roster that was taken.
#[derive(Debug, Serialize, Deserialize)]
pub struct RosterTaken {
    /// Who made it.
    pub issuer: String,
    /// Up to which position of its maker's log it goes.
    pub to: i64,
    /// Its rows.
    pub rows: u64,
    /// Those that were new here.
    pub new: u64,
}
