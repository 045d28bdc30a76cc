//! The counted numbers of a place.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Level, SiteRole};

/// The counted numbers of a place today.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Board {
    /// The position up to which everything is counted.
    pub cursor: i64,
    /// When it was counted.
    pub as_of: String,
    /// The place; empty: everything that the reader reaches.
    pub place: String,
    /// The data is made up.
    pub demo: bool,
    /// Whether messages leave.
    pub sending: SendingState,
    /// People of the place.
    pub people: u64,
    /// Readings measured today.
    pub readings_today: u64,
    /// People with a reading today.
    pub people_today: u64,
    /// Live alerts by level.
    pub open: Open,
    /// Live alerts past their deadline that nobody has taken.
    pub overdue: u64,
    /// Age of the oldest live alert that nobody has taken.
    pub unacknowledged_oldest_minutes: Option<i64>,
    /// Items waiting in quarantine.
    pub quarantined: u64,
    /// Deliveries refused.
    pub refused: u64,
    /// The sites of the place.
    pub sites: Vec<Site>,
    /// Its villages.
    pub villages: Vec<Village>,
    /// Readings and crossings by hour of the day.
    pub hourly: Vec<Hour>,
}

/// Whether messages leave for doctors, and if not, why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SendingState {
    /// They do.
    pub enabled: bool,
    /// Why not, in Chinese.
    pub why_zh: Option<String>,
    /// Why not, in English.
    pub why_en: Option<String>,
}

/// Live alerts by level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Open {
    /// Immediately.
    pub red: u64,
    /// The same day to two days.
    pub orange: u64,
    /// Within two weeks.
    pub yellow: u64,
    /// In the digest.
    pub blue: u64,
}

/// A site.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Site {
    /// Which.
    pub site: String,
    /// What people call it.
    pub name: String,
    /// `van`, `clinic`, `township` or `home`.
    #[schema(value_type = String)]
    pub kind: SiteRole,
    /// `online`, `offline` or `unknown`.
    pub state: &'static str,
    /// When it was last heard.
    pub last_seen: Option<String>,
    /// Readings received there today.
    pub readings_today: u64,
    /// People with a reading there today.
    pub people_today: u64,
    /// Items of it waiting in quarantine.
    pub quarantined: u64,
}

/// A village.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Village {
    /// Which.
    pub village: String,
    /// People who live there.
    pub people: u64,
    /// Of them, with a reading today.
    pub people_today: u64,
    /// Their gravest live alert; always `null` on a wall.
    #[schema(value_type = Option<String>)]
    pub worst: Option<Level>,
}

/// An hour of today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hour {
    /// 0 to 23, clocks of China.
    pub hour: u8,
    /// Readings measured in it.
    pub readings: u64,
    /// Crossings of readings measured in it.
    pub crossings: u64,
}
