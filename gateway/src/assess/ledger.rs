//! The open alerts of one person, and what is remembered of the ended ones.
//!
//! Every crossing goes through [`Ledger::raise`] and leaves with exactly one disposition: it opens
//! an alert, joins one, or is held under one (LINES 6.1, "Open and closed"). Bounded: at most one
//! live and one remembered alert for each concept (for `stale_emergency`: and family).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    concept::{Concept, Family},
    episode::{Change, Crossed, Ended, Ending, Episode, Transition, Trigger},
    facts::{Act, ActOutcome, Fact},
    pack::Pack,
    patient::Patient,
    snug,
    words::Words,
};
use crate::{
    domain::{AlertId, Level, Timestamp, alert_id},
    store::Disposition,
};

/// What a judgement is made with, and where its steps go.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub pack: &'a Pack,
    pub patient: &'a Patient,
    pub steps: &'a mut Vec<Transition>,
}

/// When a crossing happened, by all its clocks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Moment {
    /// What completed it.
    pub trigger: Trigger,
    /// Alert time.
    pub at: Timestamp,
    /// Alert clock.
    pub clock: Timestamp,
    /// It came late.
    pub late: bool,
}

impl Moment {
    /// The moment of a fact. "Alert clock = the later of effective time and `received_at`"; late is
    /// what the first gateway stored more than 24 h after its effective time (LINES 6.1).
    pub(super) fn of(pack: &Pack, fact: &Fact, effective: Timestamp) -> Self {
        Self {
            trigger: Trigger::Fact(fact.id),
            at: effective,
            clock: effective.max(fact.received_at),
            late: fact.received_at.since(effective) > pack.validity.stale,
        }
    }

    /// The moment of a timer.
    pub(super) const fn due(due: Timestamp) -> Self {
        Self { trigger: Trigger::Timer(due), at: due, clock: due, late: false }
    }
}

/// A condition that is met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crossing {
    pub concept: Concept,
    pub level: Level,
    /// The family; of `stale_emergency` that of the red it replaces.
    pub family: Option<Family>,
    pub moment: Moment,
    /// A glucose under 3.0, LO or HI.
    pub severe: bool,
    /// It comes from a formal follow-up, which quiet times do not silence.
    pub formal: bool,
    /// Only the person's own plan says so: the pack alone would not.
    pub own: bool,
}

/// What became of a crossing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raised {
    pub disposition: Disposition,
    pub episode: AlertId,
}

/// What is remembered of the last alert of a concept.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Past {
    concept: Concept,
    family: Option<Family>,
    id: AlertId,
    /// Its alert time.
    at: Timestamp,
    /// When an alert of the concept last ended without another in its place, and which.
    quiet: Option<Quiet>,
}

/// The end of an alert that keeps its line quiet for a time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Quiet {
    since: Timestamp,
    id: AlertId,
    /// It was there only by the person's own plan, and quiets nothing that the pack says.
    own: bool,
}

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    live: Vec<Episode>,
    past: Vec<Past>,
}

impl Ledger {
    pub(super) fn live(&self) -> impl Iterator<Item = &Episode> {
        self.live.iter()
    }

    /// The open alert of a concept.
    pub(super) fn open(&self, concept: Concept) -> Option<&Episode> {
        self.live.iter().find(|episode| episode.concept == concept)
    }

    pub(super) fn is_open(&self, concept: Concept) -> bool {
        self.open(concept).is_some()
    }

    /// Puts a crossing where it belongs. `None` where the pack has the line switched off.
    pub(super) fn raise(
        &mut self,
        bench: &mut Bench<'_>,
        crossing: Crossing,
        why: impl FnOnce() -> Words,
    ) -> Option<Raised> {
        let enabled = bench.pack.rule(crossing.concept).is_some_and(|rule| rule.enabled);
        if !enabled {
            return None;
        }
        let raised = match self.place(bench, &crossing) {
            Place::Joins(id) => self.join(bench, id, &crossing),
            Place::Held(id) => Raised { disposition: Disposition::Held, episode: id },
            Place::Opens => self.open_new(bench, &crossing, why()),
        };
        bench.steps.push(Transition::Crossed(Crossed {
            trigger: crossing.moment.trigger,
            at: crossing.moment.at,
            concept: crossing.concept,
            level: crossing.level,
            disposition: raised.disposition,
            episode: raised.episode,
        }));
        Some(raised)
    }

    fn place(&self, bench: &Bench<'_>, crossing: &Crossing) -> Place {
        let same = self.live.iter().find(|episode| same_line(episode, crossing));
        if let Some(open) = same
            && !begins_anew(bench.pack, open, crossing)
        {
            return Place::Joins(open.id);
        }
        let held = self
            .covered_by_family(bench.pack, crossing)
            .or_else(|| self.covered_by_second(crossing))
            .or_else(|| self.quieted(bench, crossing))
            .or_else(|| self.blue_again(bench.pack, crossing));
        held.map_or(Place::Opens, Place::Held)
    }

    /// "No lower level in a family for 24 h under an open higher one (a downgraded red counts no
    /// more)"; exactly 24 h still counts.
    fn covered_by_family(&self, pack: &Pack, crossing: &Crossing) -> Option<AlertId> {
        let family = crossing.family?;
        let over = self.live.iter().find(|episode| {
            episode.family == Some(family)
                && episode.level > crossing.level
                && episode.downgraded_at.is_none()
                && crossing.moment.at.since(episode.at) <= pack.suppression.family
        });
        over.map(|episode| episode.id)
    }

    /// "While the second is open the first does not open."
    fn covered_by_second(&self, crossing: &Crossing) -> Option<AlertId> {
        let second = crossing.concept.second()?;
        self.open(second).map(|episode| episode.id)
    }

    /// "Quiet time after an alert has ended (closed or resolved, not superseded)." Reds and formal
    /// follow-ups are never silenced.
    fn quieted(&self, bench: &Bench<'_>, crossing: &Crossing) -> Option<AlertId> {
        let numbers = &bench.pack.suppression;
        if crossing.level == Level::Red || (crossing.formal && numbers.formal_bypasses) {
            return None;
        }
        let concept = crossing.concept;
        let at = crossing.moment.at;
        let fixed = numbers.quiet_fixed.iter().find(|(it, _)| *it == concept);
        let own = if numbers.quiet_concepts.contains(&concept) {
            Some(*numbers.quiet.of(bench.patient.cohort(bench.pack, at)))
        } else {
            fixed.map(|(_, quiet)| *quiet)
        };
        let of_second = concept.second().map(|second| (second, numbers.first_after_repeat));
        let spans = own.map(|quiet| (concept, quiet)).into_iter().chain(of_second);
        spans.into_iter().find_map(|(ended, quiet)| {
            let last = self.past(ended, None)?.quiet?;
            let counts = crossing.own || !last.own;
            (counts && at.since(last.since) < quiet).then_some(last.id)
        })
    }

    /// "Blue at most every 30 days", from the alert time of the last one, open or ended. `missed`
    /// opens once for each silence.
    fn blue_again(&self, pack: &Pack, crossing: &Crossing) -> Option<AlertId> {
        if crossing.level != Level::Blue || crossing.concept == Concept::Missed {
            return None;
        }
        let last = self.past(crossing.concept, crossing.family)?;
        let since = crossing.moment.at.since(last.at);
        (since <= pack.suppression.blue_repeat).then_some(last.id)
    }

    fn past(&self, concept: Concept, family: Option<Family>) -> Option<&Past> {
        self.past.iter().find(|past| {
            past.concept == concept && (concept != Concept::StaleEmergency || past.family == family)
        })
    }

    /// "A fact that joins an open alert and has an earlier clock moves the alert clock back to it."
    fn join(&mut self, bench: &mut Bench<'_>, id: AlertId, crossing: &Crossing) -> Raised {
        let clock = crossing.moment.clock;
        if let Some(episode) = self.live.iter_mut().find(|episode| episode.id == id) {
            episode.own &= crossing.own;
            if clock < episode.clock {
                episode.clock = clock;
                let moved = Box::new(episode.clone());
                bench.steps.push(Transition::Changed(Change::ClockMoved, moved));
            }
        }
        Raised { disposition: Disposition::Joined, episode: id }
    }

    fn open_new(&mut self, bench: &mut Bench<'_>, crossing: &Crossing, words: Words) -> Raised {
        let episode = open_episode(bench, crossing, words);
        let id = episode.id;
        let replaced = |open: &Episode| {
            same_line(open, crossing) || crossing.concept.first() == Some(open.concept)
        };
        let ending = Ending { at: crossing.moment.at, how: Ended::Superseded(id) };
        self.end_all(bench, ending, replaced);
        self.remember(crossing.concept, crossing.family, |past| {
            (past.id, past.at) = (id, crossing.moment.at);
        });
        bench.steps.push(Transition::Changed(Change::Opened, Box::new(episode.clone())));
        snug::push(&mut self.live, episode);
        Raised { disposition: Disposition::Opened, episode: id }
    }

    /// Ends every live alert that fits.
    pub(super) fn end_all(
        &mut self,
        bench: &mut Bench<'_>,
        ending: Ending,
        fits: impl Fn(&Episode) -> bool,
    ) {
        while let Some(place) = self.live.iter().position(&fits) {
            let mut episode = self.live.remove(place);
            episode.end = Some(ending);
            if ending.how == Ended::Resolved {
                self.remember(episode.concept, episode.family, |past| {
                    past.quiet = Some(Quiet { since: ending.at, id: episode.id, own: episode.own });
                });
            }
            bench.steps.push(Transition::Changed(Change::Ended, Box::new(episode)));
        }
    }

    /// Ends the open alert of a concept: values did it.
    pub(super) fn resolve(&mut self, bench: &mut Bench<'_>, concept: Concept, at: Timestamp) {
        let ending = Ending { at, how: Ended::Resolved };
        self.end_all(bench, ending, |episode| episode.concept == concept);
    }

    fn remember(
        &mut self,
        concept: Concept,
        family: Option<Family>,
        change: impl FnOnce(&mut Past),
    ) {
        let known = self.past.iter().position(|past| {
            past.concept == concept && (concept != Concept::StaleEmergency || past.family == family)
        });
        match known.and_then(|place| self.past.get_mut(place)) {
            Some(past) => change(past),
            None => {
                let id = AlertId::from_bytes([0; 16]);
                let at = Timestamp::from_millis(i64::MIN);
                let mut past = Past { concept, family, id, at, quiet: None };
                change(&mut past);
                snug::push(&mut self.past, past);
            }
        }
    }

    /// "It makes it orange": a red that a re-measure calmed.
    pub(super) fn downgrade(&mut self, bench: &mut Bench<'_>, concept: Concept, at: Timestamp) {
        let red =
            |episode: &&mut Episode| episode.concept == concept && episode.level == Level::Red;
        if let Some(episode) = self.live.iter_mut().find(red) {
            episode.level = Level::Orange;
            episode.downgraded_at = Some(at);
            bench.steps.push(Transition::Changed(Change::Downgraded, Box::new(episode.clone())));
        }
    }

    /// A doctor's act: it counts for the open alerts of its concept whose clock had started. Says
    /// whether it confirmed an emergency (PR-2).
    pub(super) fn act(&mut self, bench: &mut Bench<'_>, act: Act, at: Timestamp) -> bool {
        let mut confirmed = false;
        for episode in &mut self.live {
            if episode.concept != act.concept || episode.clock > at {
                continue;
            }
            let emergency =
                episode.opened_level == Level::Red || episode.concept == Concept::StaleEmergency;
            confirmed |= emergency && act.outcome == ActOutcome::ConfirmedReferred;
            if episode.acknowledged_at.is_none() {
                episode.acknowledged_at = Some(at);
                let step = Transition::Changed(Change::Acknowledged, Box::new(episode.clone()));
                bench.steps.push(step);
            }
        }
        if act.outcome == ActOutcome::Closed {
            let ending = Ending { at, how: Ended::Resolved };
            self.end_all(bench, ending, |episode| {
                episode.concept == act.concept && episode.clock <= at
            });
        }
        confirmed
    }
}

/// Where a crossing belongs.
enum Place {
    Opens,
    Joins(AlertId),
    Held(AlertId),
}

/// "One open alert per concept"; `stale_emergency` is one per family.
fn same_line(episode: &Episode, crossing: &Crossing) -> bool {
    episode.concept == crossing.concept
        && (crossing.concept != Concept::StaleEmergency || episode.family == crossing.family)
}

/// Whether a crossing begins a new alert though one of its line is open: a higher level always
/// does, an emergency more than 24 h later is a new episode, and a blue after 30 days opens again.
fn begins_anew(pack: &Pack, open: &Episode, crossing: &Crossing) -> bool {
    let since = crossing.moment.at.since(open.at);
    crossing.level > open.level
        || (crossing.level == Level::Red && since > pack.suppression.episode)
        || (crossing.level == Level::Blue && since > pack.suppression.blue_repeat)
}

fn open_episode(bench: &Bench<'_>, crossing: &Crossing, words: Words) -> Episode {
    let Moment { trigger, at, clock, late } = crossing.moment;
    let concept = crossing.concept;
    let cohort = bench.patient.cohort(bench.pack, at);
    let rule = bench.pack.rule(concept);
    let reason = words.reason(bench.pack, rule, late);
    // Two families can each have a stale emergency of one fact: the family keeps their ids apart.
    let name = match crossing.family.filter(|_| concept == Concept::StaleEmergency) {
        Some(family) => format!("{concept}.{}", family.as_str()),
        None => concept.to_string(),
    };
    Episode {
        id: alert_id(bench.patient.person(), &name, &trigger.to_string()),
        concept,
        family: crossing.family,
        opened_level: crossing.level,
        level: crossing.level,
        trigger,
        at,
        clock,
        late,
        severe: crossing.severe,
        own: crossing.own,
        ack_minutes: bench.pack.ack_minutes(cohort, crossing.level, crossing.severe),
        followup_due_days: rule.and_then(|rule| rule.followup_due_days),
        acknowledged_at: None,
        downgraded_at: None,
        end: None,
        reasons: Arc::from([reason]),
        pack: bench.pack.title().clone(),
    }
}
