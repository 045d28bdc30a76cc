//! Gateways that hand their facts to this one: which are trusted, by which key, and for which places.

use serde::{Deserialize, Serialize};

use super::{Attributes, BoxId, RowError, SiteId};

/// How a public key is written: this, and 43 letters, digits, `-` or `_`.
const KEY_PREFIX: &str = "ed25519:";
const KEY_LETTERS: usize = 43;

/// Whether a box is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxState {
    /// What its key signed is its own.
    #[default]
    Enabled,
    /// It was lost or withdrawn: nothing of it is taken from now on.
    Revoked,
}

impl BoxState {
    /// Every state by the word that a file has for it.
    pub const ALL: [(&'static str, Self); 2] =
        [("enabled", Self::Enabled), ("revoked", Self::Revoked)];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Revoked => "revoked",
        }
    }
}

/// A gateway below this one. The row in force decides; a later one with other words revokes it, or
/// gives it another key. It is a matter of this gateway alone: it is in no roster and travels nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The gateway's name, as `roster key` prints it there.
    #[serde(rename = "box")]
    pub name: BoxId,
    /// Its public key.
    pub key: String,
    /// The site that it stands at, as a van.
    #[serde(default)]
    pub site: Option<SiteId>,
    /// Places whose people it serves: it gets their roster and what happens to them.
    #[serde(default)]
    pub serves: Vec<String>,
    /// Whether it is believed.
    #[serde(default)]
    pub state: BoxState,
    /// A life of its log that an operator confirmed: after another disk, or a backup brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

impl Neighbour {
    /// Whether it can be a row.
    ///
    /// # Errors
    /// Its key is none.
    pub fn check(&self) -> Result<(), RowError> {
        let letters = self.key.strip_prefix(KEY_PREFIX).unwrap_or_default();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if letters.len() == KEY_LETTERS && letters.bytes().all(allowed) {
            return Ok(());
        }
        let words = (
            "应为 ed25519: 加 43 个字符，见该网关上 roster key 的输出",
            "expected ed25519: and 43 letters, as roster key prints it on that gateway",
        );
        Err(RowError::new("key", "no_key", words))
    }
}
