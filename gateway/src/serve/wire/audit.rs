//! The log of who looked at whom, as it leaves.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::audit::Kind;

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditAsked {
    /// That show or concern this person.
    pub person: Option<String>,
    /// Of this doctor, device or role.
    pub who: Option<String>,
    /// Of this kind.
    #[param(value_type = Option<String>)]
    pub kind: Option<Kind>,
    /// From this day or instant on.
    pub from: Option<String>,
    /// Before this day or instant.
    pub until: Option<String>,
    /// At most so many, 100 where absent, at most 1,000.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// One line: no name, no value.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLine {
    /// Which line since the log was begun.
    pub record: u64,
    /// When.
    pub at: String,
    /// `view`, `export`, `change`, `denied`, `log_in`, `log_out`, or what the gateway tells of itself.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// In which role.
    pub role: Option<String>,
    /// Who: a doctor or a device by id, else the role.
    pub who: Option<String>,
    /// By which token or session, in short.
    pub via: Option<String>,
    /// Method and route.
    pub act: Option<String>,
    /// What the route was asked for, by id.
    pub object: Option<String>,
    /// Whom it showed or concerned, by id.
    pub people: Vec<String>,
    /// How it was answered, as HTTP has it.
    pub outcome: Option<u16>,
}
