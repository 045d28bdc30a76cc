//! Two files of one person, and who else something could be.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Into which file another one is merged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeAsked {
    /// The file that survives.
    pub into: String,
    /// Why.
    pub reason: String,
}

/// Two files that somebody said are one person's.
#[derive(Debug, Serialize, ToSchema)]
pub struct Merge {
    /// Its name: what `merges/{id}/undo` takes.
    pub id: String,
    /// The file that counts as the other's.
    pub person: String,
    /// The file that survives.
    pub into: String,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: String,
    /// What took it back; `null` while it stands.
    pub undone: Option<Undone>,
}

/// What took a merge back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Undone {
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: String,
}

/// Two files that may be one person's: nobody has said so.
#[derive(Debug, Serialize, ToSchema)]
pub struct MergeProposed {
    /// One file.
    pub person: String,
    /// The other.
    pub same_as: Suggestion,
}

/// Who something could be: never an answer, always a question to somebody entitled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suggestion {
    /// Who.
    pub person: String,
    /// What speaks for it, the strongest first.
    pub evidence: Vec<Evidence>,
}

/// What speaks for a suggestion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Evidence {
    /// Its code.
    pub code: &'static str,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// A merge in a timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct MergeTold {
    /// Its name.
    pub id: String,
    /// The file that counts as the other's.
    pub person: String,
    /// The file that survives.
    pub into: String,
}
