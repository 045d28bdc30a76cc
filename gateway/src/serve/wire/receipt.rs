//! Receipts of sites' days.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which receipts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReceiptsAsked {
    /// Of this site; absent: of every site that the caller reaches.
    pub site: Option<String>,
    /// Of this day, `2026-03-02`; absent: today.
    pub day: Option<String>,
    /// From this day, instead of one.
    pub from: Option<String>,
    /// To this day, at most 31 days; absent: today.
    pub to: Option<String>,
}

/// The same of an operator's own door.
#[derive(Debug, Deserialize)]
pub struct ReceiptAsked {
    /// The site.
    pub site: String,
    /// The day.
    pub day: String,
}

/// What is held of a site's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Receipt {
    /// Where it was received.
    pub site: String,
    /// On which day, by what the first gateway's clock showed.
    pub day: String,
    /// `equal`: the far end holds the same (green). `differs` (red). `unsaid`: it has not said yet.
    pub state: &'static str,
    /// People with a reading.
    pub people: u64,
    /// Readings.
    pub readings: u64,
    /// Alerts that they opened; `null` for readers without clinical rights.
    pub alerts: Option<u64>,
    /// Items of quarantine, whatever was decided about them.
    pub quarantined: u64,
    /// Over every record: equal where and only where the same is held.
    pub hash: String,
    /// By village; empty for what is of nobody.
    pub villages: Vec<ReceiptOfVillage>,
    /// What others say.
    pub said: Vec<ReceiptTold>,
}

/// What is held of a village in a site's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptOfVillage {
    /// The village, as the registry had it when the day began.
    pub village: String,
    /// As of the whole day.
    pub state: &'static str,
    /// People with a reading.
    pub people: u64,
    /// Readings.
    pub readings: u64,
    /// Alerts; `null` for readers without clinical rights.
    pub alerts: Option<u64>,
    /// Items of quarantine.
    pub quarantined: u64,
    /// Over every record of the village.
    pub hash: String,
}

/// What another gateway says of a site's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptTold {
    /// The gateway.
    pub by: String,
    /// The public key that signed it.
    pub key: String,
    /// When it counted.
    pub said_at: String,
    /// When we had it.
    pub at: String,
    /// People.
    pub people: u64,
    /// Readings.
    pub readings: u64,
    /// Alerts; `null` for readers without clinical rights.
    pub alerts: Option<u64>,
    /// Items of quarantine.
    pub quarantined: u64,
    /// Over every record.
    pub hash: String,
    /// Whether it is the same as ours now.
    pub equal: bool,
    /// The first record that differs, where the nightly comparison found one.
    pub first: Option<ReceiptFirst>,
}

/// The first record that two gateways do not hold alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptFirst {
    /// The village that it is counted in; empty for what is of nobody.
    pub village: String,
    /// `reading`, `alert` or `quarantined`.
    pub kind: &'static str,
    /// The id of the reading or the alert, or the digest of the item's content.
    pub record: String,
    /// `here`: it is missing here. `there`: at the far end. `neither`: both hold it, differently.
    pub lacks: &'static str,
    /// When that was found.
    pub found_at: String,
}
