//! How an alert ended.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use utoipa::ToSchema;

/// Ending a visited alert: the outcome rests on a reading, or has a reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeAsked {
    /// `controlled`, `medicine_changed`, `confirmed_referred`, `closed`, `lost`, `declined` or
    /// `false_alarm`.
    #[schema(value_type = String)]
    pub code: SmolStr,
    /// The id of the person's reading that it rests on.
    #[serde(default)]
    pub reading: Option<String>,
    /// Why, where it rests on none.
    #[serde(default)]
    pub reason: Option<String>,
    /// With `confirmed_referred`: `township`, `county` or `city`, or the name of a place, a site or a
    /// doctor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub refer_to: Option<SmolStr>,
}

/// An outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OutcomeTold {
    /// What became of the alert.
    pub code: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
    /// The reading that it rests on.
    pub reading: Option<String>,
    /// Why, where it rests on none.
    pub reason: Option<String>,
    /// To whom the person was sent.
    pub refer_to: Option<String>,
}
