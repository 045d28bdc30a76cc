//! The greeting from below.

use serde::{Deserialize, Serialize};

use super::message::{Dispute, Told, Wants};

/// A greeting: where the lower gateway stands, and what it wishes from above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Who asks.
    pub told: Told,
    /// The end of its log.
    pub last: i64,
    /// What is wished from above; nothing before the parent's name is known.
    pub wants: Option<Wants>,
    /// What the parent stated last is not of this gateway's chain.
    pub dispute: Option<Dispute>,
    /// The time that the parent's latest answer said, by the parent's clock: this was made after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<i64>,
    /// For how long, in milliseconds, a gateway below this one has not told everything that it has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lag: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(lag: &u64) -> bool {
    *lag == 0
}
