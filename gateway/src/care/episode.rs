//! From what the lines say to what care does: an episode that opened, or that changed.

use smol_str::SmolStr;

use super::{Opening, Paging, Step, Team, revise};
use crate::{
    assess::{Ended, Ending, Episode, Pack, left_tracking},
    domain::{Alert, AlertState, PersonId, Reason, Timestamp},
    store::AlertChange,
};

impl Paging {
    /// Staff of a site see it at the bench, unless the value is so grave that it never waits.
    #[must_use]
    pub const fn of(pack: &Pack, staffed: bool, grave: bool) -> Self {
        if staffed && !grave { Self::Settle(pack.page_settle()) } else { Self::AtOnce }
    }
}

impl Opening {
    /// What care needs of an episode that opened, under this gateway's number for it.
    #[must_use]
    pub fn of(pack: &Pack, episode: &Episode, person: PersonId, key: i64, paging: Paging) -> Self {
        Self {
            key,
            id: episode.id,
            concept: SmolStr::new_static(episode.concept.as_str()),
            level: episode.opened_level,
            person,
            alert_at: episode.at,
            late: episode.late,
            reasons: episode.reasons.to_vec(),
            pack: episode.pack.clone(),
            ladder: pack.ladder(episode),
            paging,
        }
    }
}

/// The step that brings a standing alert to its episode; `None` where it is there.
#[must_use]
pub fn follow(standing: &Alert, episode: &Episode, team: &Team, now: Timestamp) -> Option<Step> {
    let mut after = standing.clone();
    let change = match episode.end {
        Some(_) if !standing.state.is_live() => return None,
        Some(Ending { how: Ended::Resolved, .. }) => {
            after.state = AlertState::Closed;
            AlertChange::Closed
        }
        Some(Ending { how: Ended::Superseded(_), .. }) => {
            after.state = AlertState::Superseded;
            AlertChange::Superseded
        }
        Some(Ending { how: Ended::Left, .. }) => {
            return Some(withdraw(standing, left_tracking(), team, now));
        }
        // Later facts bring back what earlier ones had ended.
        None if !standing.state.is_live() => {
            after.state = AlertState::Open;
            after.level = episode.level;
            // Why it had been taken back is history, and no reason for it.
            after.reasons = episode.reasons.to_vec();
            AlertChange::Revised
        }
        None if episode.level < standing.level => {
            after.level = episode.level;
            AlertChange::Lowered
        }
        None if episode.level > standing.level => {
            after.level = episode.level;
            AlertChange::Raised
        }
        None => return None,
    };
    Some(revise(standing, after, change, team, now))
}

/// The step by which an alert names the pack that judges its beginning now, says why in its words, and
/// when it began as far as the clocks are known now; `None` where it does. Rule packs of the gateway above may have come since, which judge the days
/// before too: the facts decide what an alert names, and not who opened it first.
#[must_use]
pub fn restate(standing: &Alert, episode: &Episode, team: &Team, now: Timestamp) -> Option<Step> {
    let gone = matches!(standing.state, AlertState::Withdrawn | AlertState::Merged);
    if gone || (standing.pack == episode.pack && standing.alert_at == episode.at) {
        return None;
    }
    let (pack, reasons) = (episode.pack.clone(), episode.reasons.to_vec());
    let after = Alert { pack, reasons, alert_at: episode.at, ..standing.clone() };
    Some(revise(standing, after, AlertChange::Revised, team, now))
}

/// The step that takes a standing alert back, with its reason: it stays in the alert's history, as
/// code and words of the step and as the last reason of the alert.
#[must_use]
pub fn withdraw(standing: &Alert, reason: Reason, team: &Team, now: Timestamp) -> Step {
    let note = format!("{}: {} / {}", reason.line, reason.zh, reason.en);
    let mut after = Alert { state: AlertState::Withdrawn, ..standing.clone() };
    after.reasons.push(reason);
    let mut step = revise(standing, after, AlertChange::Withdrawn, team, now);
    step.event.note = Some(note);
    step
}
