//! The state of one person: what the lines remember, compact, and how a fact changes it.
//!
//! Facts are taken in the order (effective time, id); timers fire at their due instant, before the
//! facts of that instant. A fact in order is applied in place; one that belongs before something
//! already judged is refused as [`OutOfOrder`], and the caller folds all facts anew with [`fold`].
//! Both ways come to the same state. A reading that crosses nothing allocates nothing.

use serde::{Deserialize, Serialize};

use super::{
    concept::{Concept, Measure},
    control::Control,
    episode::{Assessment, Ended, Ending, Episode, Transition},
    facts::{Act, Body, Fact, FactId, distinct},
    glucose::PastSugars,
    ledger::{Bench, Crossing, Ledger, Moment, Raised},
    pack::Pack,
    patient::Patient,
    pulse::FastPulse,
    relapse::{Component, Components},
    session::{PastSessions, Rising, Session},
    sessions::Screening,
    silence::{Silence, Told, Upload, Uploads},
    sugars::Findings,
    words::{Words, in_minutes},
};
use crate::{
    domain::{AlertId, Level, Timestamp},
    store::Disposition,
};

/// How far the facts have been judged: everything up to and including this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Effective time of the last fact, or the instant of the last timer.
    pub at: Timestamp,
    /// The last fact; `None` after a timer, which stands before the facts of its instant.
    pub fact: Option<FactId>,
}

/// A fact belongs before something that has been judged: fold all facts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the fact belongs before facts that have been judged")]
pub struct OutOfOrder;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    position: Position,
    pub(super) ledger: Ledger,
    /// Open reds that wait for a second value of their measure (MM-3).
    pub(super) unrepeated: Vec<(AlertId, Measure)>,
    /// When a doubtful extreme becomes red, unless a reliable reading comes (BP-E0).
    pub(super) extreme_due: Option<Timestamp>,
    /// The open blood-pressure session: of few at a time.
    pub(super) session: Option<Box<Session>>,
    pub(super) sessions: PastSessions,
    pub(super) screening: Screening,
    pub(super) rising_home: Rising,
    pub(super) rising_clinic: Rising,
    pub(super) pressure_control: Control,
    pub(super) fast_pulse: FastPulse,
    pub(super) sugars: PastSugars,
    pub(super) findings: Findings,
    pub(super) rising_fasting: Rising,
    pub(super) glucose_control: Control,
    pub(super) silence: Silence,
    pub(super) components: Components,
}

/// What time alone does, in the order in which it does it at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    SessionCloses,
    ExtremeToRed,
    Silent(Told),
    LetGo(Told),
    Repeat(AlertId),
}

impl State {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            position: Position { at: Timestamp::from_millis(i64::MIN), fact: None },
            ledger: Ledger::default(),
            unrepeated: Vec::new(),
            extreme_due: None,
            session: None,
            sessions: PastSessions::default(),
            screening: Screening::default(),
            rising_home: Rising::default(),
            rising_clinic: Rising::default(),
            pressure_control: Control::default(),
            fast_pulse: FastPulse::default(),
            sugars: PastSugars::default(),
            findings: Findings::default(),
            rising_fasting: Rising::default(),
            glucose_control: Control::default(),
            silence: Silence::default(),
            components: Components::default(),
        }
    }

    /// How far the facts have been judged.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The open alerts.
    pub fn live(&self) -> impl Iterator<Item = &Episode> {
        self.ledger.live()
    }

    /// When time alone may change the answer next.
    #[must_use]
    pub fn next_due(&self, pack: &Pack, patient: &Patient) -> Option<Timestamp> {
        self.next_timer(pack, patient).map(|(due, _)| due)
    }

    /// Judges one more fact. The steps that follow are added to `steps`.
    ///
    /// # Errors
    /// [`OutOfOrder`], and nothing is changed, where the fact's place has been passed.
    pub fn apply(
        &mut self,
        pack: &Pack,
        patient: &Patient,
        fact: &Fact,
        steps: &mut Vec<Transition>,
    ) -> Result<(), OutOfOrder> {
        let place = Position { at: fact.effective(pack), fact: Some(fact.id) };
        if matches!(fact.body, Body::Watermark) {
            let upload = upload(pack, fact);
            let fresh = self.position.at == Timestamp::from_millis(i64::MIN);
            if self.silence.uploads.would_revise(upload, fresh) {
                return Err(OutOfOrder);
            }
            self.silence.uploads.add(upload, self.position.at);
            if place <= self.position {
                return Ok(());
            }
        }
        if place <= self.position {
            return Err(OutOfOrder);
        }
        self.take(&mut Bench { pack, patient, steps }, fact, place);
        Ok(())
    }

    /// Lets time run to an instant: what is due by then happens.
    pub fn advance(
        &mut self,
        pack: &Pack,
        patient: &Patient,
        to: Timestamp,
        steps: &mut Vec<Transition>,
    ) {
        self.run(&mut Bench { pack, patient, steps }, to);
    }

    /// Nothing has happened yet, but the uploads among the facts to come are known: silence is judged
    /// in their light.
    pub(super) fn foreseeing(effective: impl Fn(&Fact) -> Timestamp, facts: &[Fact]) -> Self {
        let watermarks = facts.iter().filter(|fact| matches!(fact.body, Body::Watermark));
        let upload = |fact| Upload { until: effective(fact), known_at: fact.received_at };
        let mut state = Self::new();
        state.silence.uploads = Uploads::foreseen(watermarks.map(upload).collect());
        state
    }

    /// What all steps from nothing to here come to.
    pub(super) fn settle(
        mut self,
        steps: Vec<Transition>,
        due: Option<Timestamp>,
    ) -> (Self, Assessment) {
        self.silence.uploads.trim(self.position.at);
        let mut assessment = Assessment::default();
        assessment.follow(steps, due);
        (self, assessment)
    }

    pub(super) fn take(&mut self, bench: &mut Bench<'_>, fact: &Fact, place: Position) {
        self.run(bench, place.at);
        self.position = place;
        self.pass_uncovered(bench.pack, bench.patient, place.at);
        let moment = Moment::of(bench.pack, fact, place.at);
        if fact.is_reading() && fact.runs_ahead(bench.pack) {
            self.clock_ahead(bench, fact, moment);
        }
        match &fact.body {
            Body::BloodPressure(cuff) => self.judge_cuff(bench, moment, cuff),
            Body::Glucose(meter) => self.judge_meter(bench, moment, meter),
            Body::FollowUp(followup) => self.judge_followup(bench, moment, followup),
            Body::Act(act) => self.judge_act(bench, moment, *act),
            Body::Money(money) => self.judge_money(bench, moment, money),
            Body::Watermark | Body::Tick => {}
        }
    }

    fn run(&mut self, bench: &mut Bench<'_>, to: Timestamp) {
        while let Some((due, what)) = self.next_timer(bench.pack, bench.patient)
            && due <= to
        {
            self.pass_held(bench.pack, bench.patient, due);
            self.position = self.position.max(Position { at: due, fact: None });
            match what {
                Due::SessionCloses => self.close_session(bench),
                Due::ExtremeToRed => self.extreme_to_red(bench, due),
                Due::Silent(told) => self.silent(bench, due, told),
                Due::LetGo(told) => self.let_go(bench, told, due),
                Due::Repeat(red) => self.repeat_missed(bench, red, due),
            }
        }
    }

    fn next_timer(&self, pack: &Pack, patient: &Patient) -> Option<(Timestamp, Due)> {
        let session =
            self.session.as_ref().map(|session| (session.closes(pack), Due::SessionCloses));
        let extreme = self
            .extreme_due
            .filter(|_| self.ledger.is_open(Concept::BpExtremeUnreliable))
            .map(|due| (due, Due::ExtremeToRed));
        let let_go = Told::ALL.into_iter().filter_map(|told| {
            self.lets_go(pack, patient, told).map(|due| (due, Due::LetGo(told)))
        });
        let covered = self
            .uncertain(pack, patient)
            .filter(|(due, _)| self.silence.covers(patient, *due).is_some());
        session.into_iter().chain(extreme).chain(let_go).chain(covered).min()
    }

    /// What waits for a value, and is judged only up to the watermark.
    fn uncertain(&self, pack: &Pack, patient: &Patient) -> impl Iterator<Item = (Timestamp, Due)> {
        let silent = Told::ALL
            .map(|told| self.silence.due(pack, patient, told).map(|due| (due, Due::Silent(told))));
        let after_red = pack.timers.repeat_after_red;
        let repeats = self.unrepeated.iter().filter_map(move |(red, _)| {
            let open = self.ledger.live().find(|episode| episode.id == *red)?;
            let due = open.clock.plus(after_red);
            (open.level == Level::Red).then_some((due, Due::Repeat(*red)))
        });
        silent.into_iter().flatten().chain(repeats)
    }

    /// When it would be due.
    pub(super) fn uncertain_dues(
        &self,
        pack: &Pack,
        patient: &Patient,
    ) -> impl Iterator<Item = Timestamp> {
        self.uncertain(pack, patient).map(|(due, _)| due)
    }

    /// A doctor's act about the open alerts of a concept.
    fn judge_act(&mut self, bench: &mut Bench<'_>, moment: Moment, act: Act) {
        let at_risk = self.ledger.is_open(Concept::PovertyRelapseRisk);
        let confirmed = self.ledger.act(bench, act, moment.at);
        if at_risk && !self.ledger.is_open(Concept::PovertyRelapseRisk) {
            self.forget_components();
        }
        if confirmed {
            self.component(bench, Component::EmergencyReferred, moment);
        }
    }

    /// A value of a measure was taken: the reds before it have their repeat.
    pub(super) fn value_of(&mut self, measure: Measure) {
        self.unrepeated.retain(|(_, waiting)| *waiting != measure);
    }

    /// Raises a red. What came late opens `stale_emergency` in its place (ST-1).
    pub(super) fn raise_red(
        &mut self,
        bench: &mut Bench<'_>,
        red: Red,
        why: impl FnOnce() -> Words,
    ) -> Option<Raised> {
        let Red { concept, moment, severe } = red;
        let rule = bench.pack.rule(concept);
        let family = rule.and_then(|rule| rule.family);
        if moment.late {
            let concept = Concept::StaleEmergency;
            let crossing = Crossing {
                concept,
                level: Level::Orange,
                family,
                moment,
                severe: false,
                formal: false,
                own: false,
            };
            let (zh, en) = rule.map_or(("", ""), |rule| (rule.zh.as_str(), rule.en.as_str()));
            return self.ledger.raise(bench, crossing, || {
                let words = why();
                Words { zh: format!("{zh}:{}", words.zh), en: format!("{en}: {}", words.en) }
            });
        }
        let crossing = Crossing {
            concept,
            level: Level::Red,
            family,
            moment,
            severe,
            formal: false,
            own: false,
        };
        let raised = self.ledger.raise(bench, crossing, why)?;
        if raised.disposition == Disposition::Opened {
            let ledger = &self.ledger;
            self.unrepeated.retain(|(red, _)| ledger.live().any(|open| open.id == *red));
            self.unrepeated.push((raised.episode, concept.measure()));
        }
        Some(raised)
    }

    /// Raises a line of a lower level.
    pub(super) fn raise(
        &mut self,
        bench: &mut Bench<'_>,
        (concept, level): (Concept, Level),
        moment: Moment,
        why: impl FnOnce() -> Words,
    ) -> Option<Raised> {
        let family = bench.pack.rule(concept).and_then(|rule| rule.family);
        let crossing =
            Crossing { concept, level, family, moment, severe: false, formal: false, own: false };
        self.ledger.raise(bench, crossing, why)
    }

    /// "High side: becomes BP-E1 after 30 min without a reliable reading" (BP-E0).
    fn extreme_to_red(&mut self, bench: &mut Bench<'_>, due: Timestamp) {
        self.extreme_due = None;
        let minutes = in_minutes(bench.pack.timers.extreme_to_red);
        let red = Red { concept: Concept::BpEmergency, moment: Moment::due(due), severe: false };
        let raised = self.raise_red(bench, red, || Words {
            zh: format!("极端血压存疑，{minutes}分钟内没有可靠的复测"),
            en: format!("a doubtful extreme value, and no reliable reading for {minutes} min"),
        });
        if let Some(raised) = raised {
            let ending = Ending { at: due, how: Ended::Superseded(raised.episode) };
            self.ledger
                .end_all(bench, ending, |episode| episode.concept == Concept::BpExtremeUnreliable);
        }
    }
}

/// A red that is to be raised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Red {
    pub concept: Concept,
    pub moment: Moment,
    pub severe: bool,
}

/// Judges a set of facts from nothing and lets time run to `as_of`.
///
/// Pure: the order of the list, copies in it and the way the facts took change nothing.
#[must_use]
pub fn assess(pack: &Pack, patient: &Patient, facts: &[Fact], as_of: Timestamp) -> Assessment {
    fold(pack, patient, facts, as_of).1
}

/// [`assess`], and the state from which later facts go on.
#[must_use]
pub fn fold(
    pack: &Pack,
    patient: &Patient,
    facts: &[Fact],
    as_of: Timestamp,
) -> (State, Assessment) {
    let effective = |fact: &Fact| fact.effective(pack);
    let facts = distinct(effective, facts);
    let mut state = State::foreseeing(effective, &facts);
    let mut steps = Vec::new();
    let mut bench = Bench { pack, patient, steps: &mut steps };
    for fact in &facts {
        let place = Position { at: effective(fact), fact: Some(fact.id) };
        state.take(&mut bench, fact, place);
    }
    state.run(&mut bench, as_of);
    let due = state.next_due(pack, patient);
    state.settle(steps, due)
}

fn upload(pack: &Pack, fact: &Fact) -> Upload {
    Upload { until: fact.effective(pack), known_at: fact.received_at }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
