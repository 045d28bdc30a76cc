//! Sessions of a bench.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A card that is held to no reader: somebody was looked up, or a number typed.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardAsked {
    /// Who sits down: a person within the caller's scope. Instead of `card`.
    #[serde(default)]
    pub person: Option<String>,
    /// The number on their card. Instead of `person`.
    #[serde(default)]
    pub card: Option<String>,
    /// When, as `2026-03-02T07:10:00+08:00`; where absent, now. A late one decides about what was
    /// measured meanwhile, as a late card does.
    #[serde(default)]
    pub at: Option<String>,
    /// `true`: whoever sits there stands up; nobody has to be named.
    #[serde(default)]
    pub out: bool,
}

/// A session of a bench began or ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct CardTaken {
    /// Where.
    pub site: String,
    /// At which bench.
    pub bench: String,
    /// Who, where a person was named.
    pub person: Option<String>,
    /// When.
    pub at: String,
    /// It ended a session instead of beginning one.
    pub out: bool,
    /// Who did it.
    pub by: String,
}

/// The session of a bench by which a reading is somebody's.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SessionOf {
    /// At which bench.
    pub bench: String,
    /// When it began, which names it.
    pub from: String,
    /// `reader`: a card was held to one; `staff`: somebody looked the person up and pressed.
    pub opened_by: &'static str,
    /// Which reader, where it has a name, or who of the staff.
    pub name: Option<String>,
}

/// What a button of a bench's look-up sends.
#[derive(Debug, Default, Deserialize)]
pub struct CardForm {
    /// The session's token.
    #[serde(default)]
    pub csrf: String,
    /// Makes a second press of the same button the same act.
    #[serde(default)]
    pub key: String,
    /// Who sits down.
    #[serde(default)]
    pub person: String,
    /// `out`: whoever sits there stands up.
    #[serde(default)]
    pub out: String,
}

/// What the attributes of a reading say of whoever measured.
#[derive(Debug, Default, Deserialize)]
pub struct OperatorSaid {
    /// The sender's name for them.
    #[serde(default)]
    pub operator: Option<String>,
}
