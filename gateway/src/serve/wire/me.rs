//! Who is asking.

use serde::Serialize;
use utoipa::ToSchema;

/// Who is asking, and what they may do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Me {
    /// The role.
    pub role: &'static str,
    /// The doctor it speaks for.
    pub doctor: Option<String>,
    /// The doctor's name.
    pub name: Option<String>,
    /// The place it is bound to.
    pub scope: Option<String>,
    /// What it may do.
    pub rights: Vec<&'static str>,
    /// The account that signed in.
    pub account: Option<String>,
    /// Until when they look beyond their own people, having said why.
    pub glass_until: Option<String>,
}
