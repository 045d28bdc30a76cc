//! What the lines put before a doctor, and what became of every crossing.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    concept::{Concept, Family},
    facts::FactId,
    pack::Pack,
};
use crate::{
    domain::{AlertId, CareLevel, Level, Millis, Reason, Timestamp},
    store::Disposition,
};

/// What completed a condition: a fact, or time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Trigger {
    /// This fact; of an averaged session its last reading.
    Fact(FactId),
    /// The clock, at this due instant.
    Timer(Timestamp),
}

/// As it enters the alert's id (DESIGN section 5).
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fact(fact) => fmt::Display::fmt(fact, f),
            Self::Timer(due) => fmt::Display::fmt(due, f),
        }
    }
}

/// One alert that the lines opened, as far as facts and time alone decide about it. Owner, duty and
/// messages are care's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Hash of person, concept and beginning: the same at every level.
    pub id: AlertId,
    /// What was crossed.
    pub concept: Concept,
    /// The family in which it is silent or silences.
    pub family: Option<Family>,
    /// The level at which it opened.
    pub opened_level: Level,
    /// The level now.
    pub level: Level,
    /// What began it; the alert's id is made of it.
    pub trigger: Trigger,
    /// Alert time: effective time of the fact that completed it. Drives families, quiet times,
    /// episodes and the re-measure.
    pub at: Timestamp,
    /// Alert clock: when it could first be known. Drives acknowledgement and escalation.
    pub clock: Timestamp,
    /// The first gateway stored its trigger more than `stale_hours` after it was measured.
    pub late: bool,
    /// A glucose under 3.0, LO or HI: less time to acknowledge.
    pub severe: bool,
    /// Only the person's own plan says so: the pack alone would not. Such an alert quiets nothing
    /// that the pack says.
    pub own: bool,
    /// Minutes from the clock until somebody must have taken it; `None` for blue.
    pub ack_minutes: Option<u32>,
    /// Days until the follow-up that its task names.
    pub followup_due_days: Option<u16>,
    /// When a doctor took it.
    pub acknowledged_at: Option<Timestamp>,
    /// When a re-measure made it orange.
    pub downgraded_at: Option<Timestamp>,
    /// How and when it ended.
    pub end: Option<Ending>,
    /// Why it opened, in words a doctor reads.
    pub reasons: Arc<[Reason]>,
    /// Name and version of the pack that opened it.
    pub pack: SmolStr,
}

/// The end of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: Ended,
}

/// How an alert ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// A doctor closed it, or values did.
    Resolved,
    /// This one took its place.
    Superseded(AlertId),
    /// The person left the cured cohort, or is not to be watched any more: what it rested on is gone.
    Left,
}

/// Where an alert stands, as far as facts and time alone decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpisodeState {
    /// Somebody has to do something.
    Open,
    /// The same, at a lower level since a re-measure.
    Downgraded,
    /// A doctor closed it, or values did.
    Resolved,
    /// Another one took its place.
    Superseded,
    /// What it rested on ended: nobody is to be watched any more.
    Left,
}

impl EpisodeState {
    /// The state's name in scenarios.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Downgraded => "downgraded",
            Self::Resolved => "resolved",
            Self::Superseded => "superseded",
            Self::Left => "left",
        }
    }
}

impl Episode {
    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> EpisodeState {
        match (self.end, self.downgraded_at) {
            (Some(Ending { how: Ended::Resolved, .. }), _) => EpisodeState::Resolved,
            (Some(Ending { how: Ended::Superseded(_), .. }), _) => EpisodeState::Superseded,
            (Some(Ending { how: Ended::Left, .. }), _) => EpisodeState::Left,
            (None, Some(_)) => EpisodeState::Downgraded,
            (None, None) => EpisodeState::Open,
        }
    }

    /// When the first step should have acknowledged; `None` for blue.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.ack_minutes.map(|minutes| self.clock.plus(Millis::minutes(i64::from(minutes))))
    }

    /// The steps beyond the first and when each was told, up to and including `until`.
    ///
    /// A step is told at its instant if by then nobody has acknowledged and the alert has not
    /// ended; what happens at the very instant comes after it (LINES 6.1, "Escalation").
    #[must_use]
    pub fn escalations(&self, pack: &Pack, until: Timestamp) -> Vec<(CareLevel, Timestamp)> {
        let escalates = pack.rule(self.concept).is_some_and(|rule| rule.escalates);
        let Some(minutes) = self.ack_minutes.filter(|_| escalates) else { return Vec::new() };
        let before = |instant: Option<Timestamp>, due| instant.is_some_and(|it| it < due);
        let silent = |due: Timestamp| {
            due <= until
                && !before(self.acknowledged_at, due)
                && !before(self.end.map(|end| end.at), due)
        };
        let ack = Millis::minutes(i64::from(minutes));
        let township = self.clock.plus(ack);
        let fast = pack.escalation.fast.contains(&self.concept)
            || (self.concept == Concept::GluLowEmergency
                && self.severe
                && pack.escalation.fast_severe_low);
        let county =
            if fast { township.plus(ack) } else { self.clock.plus(pack.escalation.county) };
        let to_township = silent(township).then_some((CareLevel::Township, township));
        let red = self.opened_level == Level::Red && !before(self.downgraded_at, county);
        let to_county = (red && silent(county)).then_some((CareLevel::County, county));
        to_township.into_iter().chain(to_county).collect()
    }

    pub(super) const fn is_live(&self) -> bool {
        self.end.is_none()
    }
}

/// Facts beyond a line, and what became of it: exactly one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossed {
    /// What completed it.
    pub trigger: Trigger,
    /// Its alert time.
    pub at: Timestamp,
    /// What was crossed.
    pub concept: Concept,
    /// At which level.
    pub level: Level,
    /// What became of it.
    pub disposition: Disposition,
    /// The alert that it opened or joined, or that holds it: an open one above it, or one that has
    /// ended and keeps its line quiet.
    pub episode: AlertId,
}

/// What happened to an alert of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// It opened.
    Opened,
    /// A fact that joined it was known earlier: the clock moved back.
    ClockMoved,
    /// A doctor took it.
    Acknowledged,
    /// A re-measure made it orange.
    Downgraded,
    /// It ended.
    Ended,
}

/// One step of an assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// A line was crossed.
    Crossed(Crossed),
    /// An alert changed; the alert as it stands after the change.
    Changed(Change, Box<Episode>),
}

/// All that a set of facts comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assessment {
    /// Every alert that opened, live and ended, by (alert time, concept, id).
    pub episodes: Vec<Episode>,
    /// Every crossing, in the order of judgement.
    pub crossings: Vec<Crossed>,
    /// When time alone may change the answer next.
    pub next_due: Option<Timestamp>,
}

impl Assessment {
    /// Goes on by the steps of one fact, or of time.
    pub fn follow(&mut self, steps: Vec<Transition>, next_due: Option<Timestamp>) {
        for step in steps {
            match step {
                Transition::Crossed(crossed) => self.crossings.push(crossed),
                Transition::Changed(_, changed) => {
                    let known = self.episodes.iter_mut().find(|it| it.id == changed.id);
                    match known {
                        Some(known) => *known = *changed,
                        None => self.episodes.push(*changed),
                    }
                }
            }
        }
        self.episodes.sort_by_key(|episode| (episode.at, episode.concept, episode.id));
        self.next_due = next_due;
    }

    /// The alerts that somebody still has to do something about.
    pub fn live(&self) -> impl Iterator<Item = &Episode> {
        self.episodes.iter().filter(|episode| episode.is_live())
    }

    /// What opened or joined an alert.
    pub fn members(&self, episode: AlertId) -> impl Iterator<Item = &Crossed> {
        self.crossings.iter().filter(move |crossed| {
            crossed.episode == episode && crossed.disposition != Disposition::Held
        })
    }
}
