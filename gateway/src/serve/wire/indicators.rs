//! Indicators of a place, month by month.

use serde::Serialize;
use utoipa::ToSchema;

/// What the place answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Indicators {
    /// When it was counted; `null`: the first count since the start is under way.
    pub as_of: Option<String>,
    /// The place; empty: everything that the reader reaches.
    pub place: String,
    /// The months asked for that are kept, oldest first.
    pub months: Vec<IndicatorMonth>,
}

/// One month: each share looks back over the year that ends with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IndicatorMonth {
    /// As `2026-11`.
    pub month: String,
    /// The last instant that is looked at.
    pub end: String,
    /// 签约率: people of households for which a doctor has signed, of all who are registered and
    /// alive; left out: the dead.
    pub contracted: Share,
    /// 高血压规范管理率: with four visits in the year, of hypertensives with any; left out: those
    /// without.
    pub hypertension_managed: Share,
    /// 糖尿病规范管理率: with four fasting values at visits, of diabetics with any visit; left out:
    /// those without.
    pub diabetes_managed: Share,
    /// 血压控制率: last pressure of the year under the national line of the age, of hypertensives
    /// with a visit; left out: those without.
    pub blood_pressure_controlled: Share,
    /// 血糖控制率: last fasting glucose of the year under the national line, of diabetics with a
    /// visit; left out: those without.
    pub glucose_controlled: Share,
    /// HEARTS: under 140/90 at the last visit of the quarter, of hypertensives registered before it
    /// and seen within the year; left out: the new, the lost, the dead, the unknown.
    pub hearts_controlled: Share,
    /// Hypertensives by category of HEARTS and Simple.
    pub hearts: Categories,
}

/// A share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Share {
    /// Who meets it.
    pub numerator: u64,
    /// Who should.
    pub denominator: u64,
    /// Who is left out.
    pub excluded: u64,
    /// Thousandths; `null` where nobody should.
    pub per_mille: Option<u64>,
}

/// Hypertensives by category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Categories {
    /// Last visit within the quarter, under 140/90.
    pub controlled: u64,
    /// The same, at or over.
    pub uncontrolled: u64,
    /// No visit within the quarter.
    pub no_visit: u64,
    /// No visit within the year.
    pub lost_to_follow_up: u64,
    /// Registered within the quarter.
    pub newly_registered: u64,
    /// Dead.
    pub dead: u64,
    /// Nobody knows since when they are registered.
    pub unknown: u64,
}
