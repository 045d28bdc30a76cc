//! Alerts: a crossing put before a doctor, followed until its outcome is recorded.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{AlertId, DoctorId, Millis, PersonId, Timestamp};

/// Urgency, by the four levels of the Emergency Response Law article 42 (LINES CN24), least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// IV: in the digest.
    Blue,
    /// III: within two weeks.
    Yellow,
    /// II: the same day to two days.
    Orange,
    /// I: immediately.
    Red,
}

/// Where an alert stands in its life (DESIGN section 9, HTTP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has taken it.
    Open,
    /// A doctor has taken it.
    Acknowledged,
    /// A visit is planned.
    Planned,
    /// A visit took place.
    Visited,
    /// An outcome is recorded, or the lines say that it resolved itself.
    Closed,
    /// Later facts show that it should not have been opened.
    Withdrawn,
    /// A graver alert of its concept took its place.
    Superseded,
    /// It proved to be the same episode as another alert.
    Merged,
}

impl AlertState {
    /// Whether somebody still has to do something.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged | Self::Planned | Self::Visited)
    }
}

/// Who is asked, in which order (1+3: village, township, county, city).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CareLevel {
    /// The contracted family or village doctor.
    Village,
    /// The township team lead.
    Township,
    /// The county specialist.
    County,
    /// The city hospital.
    City,
}

impl CareLevel {
    /// The next step, or `None` at the top.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Village => Some(Self::Township),
            Self::Township => Some(Self::County),
            Self::County => Some(Self::City),
            Self::City => None,
        }
    }
}

/// The concept of an alert about an emergency value of nobody (DESIGN section 2, attribution). No
/// line opens it: the writer does, and it ends when the reading is somebody's or put aside.
pub const UNATTRIBUTED_EMERGENCY: &str = "unattributed_emergency";

/// The concept of an alert about a site whose gateway has not uploaded for long (DESIGN section 6). No
/// line opens it: the writer does, and it ends when the gateway is heard or serves nobody any more.
pub const BOX_SILENT: &str = "box_silent";

/// One sentence of an alert's explanation, in both languages, with the numbers it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The line's name in the rule pack's document, as `BP-E1`.
    pub line: SmolStr,
    /// What crossed which number, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// An alert as it stands now. Owner, timers and acts belong to `key`; `id` may move when a late
/// fact moves the beginning of the episode, and the old id stays as an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// This gateway's own number for the alert; never changes.
    pub key: i64,
    /// The same at every gateway (DESIGN section 5).
    pub id: AlertId,
    /// What was crossed, by the rule pack's neutral name, as `bp_emergency`.
    pub concept: SmolStr,
    /// The level now.
    pub level: Level,
    /// Where it stands.
    pub state: AlertState,
    /// Whom it is about.
    pub person: PersonId,
    /// Who answers for it now; `None` until somebody is found.
    pub owner: Option<DoctorId>,
    /// Which step owns it now.
    pub step: CareLevel,
    /// When the gateway that owns the doctor first knew.
    pub opened_at: Timestamp,
    /// Alert time: the effective time of the fact that completed it.
    pub alert_at: Timestamp,
    /// When the present step must have acknowledged; `None` for blue.
    pub deadline: Option<Timestamp>,
    /// When each later step gets it, unless it is acknowledged before.
    pub ladder: Vec<Rung>,
    /// Its first reading was stored more than `stale_hours` after it was measured.
    pub late: bool,
    /// Why, in words.
    pub reasons: Vec<Reason>,
    /// Name and version of the rule pack that judges its beginning, as far as the packs in force then
    /// are known here: where those of the gateway above came later, it is theirs. What a reading of
    /// nobody or a silent gateway opened names the pack that was in force when this gateway opened it.
    pub pack: SmolStr,
}

/// One later step of an alert: who is asked when nobody has acknowledged for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// The step that gets the alert.
    pub step: CareLevel,
    /// Minutes after [`Alert::opened_at`].
    pub after_minutes: u32,
}

impl Alert {
    /// How long after its opening a step's time is over: the time of the first rung above it, or,
    /// above the last rung, that rung's time and as long again as the first step had.
    #[must_use]
    pub fn patience(&self, step: CareLevel) -> Option<Millis> {
        let minutes = |rung: &Rung| Millis::minutes(i64::from(rung.after_minutes));
        let above = self.ladder.iter().find(|rung| rung.step > step).map(minutes);
        let (first, last) = (self.ladder.first().map(minutes), self.ladder.last().map(minutes));
        above.or_else(|| Some(Millis(last?.0.saturating_add(first?.0))))
    }
}
