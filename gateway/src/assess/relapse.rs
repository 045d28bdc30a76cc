//! The poverty-relapse line (致贫预警线, PR-2): components of two kinds that reach two points
//! (LINES 6.3; all P).

use serde::{Deserialize, Serialize};

use super::{
    concept::Concept,
    ledger::{Bench, Moment},
    pack::{ComponentRule, Relapse},
    patient::Condition,
    state::State,
    words::Words,
};
use crate::domain::{Level, Timestamp};

/// What counts towards the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
    /// BP-C2 or GL-C2 opened.
    RepeatFailure,
    /// A doctor confirmed an emergency and referred.
    EmergencyReferred,
    /// Values rise, even in range.
    RisingTrend,
    /// Silence reached the doctor's day.
    MissedVisits,
    /// PR-1 opened.
    MoneyLine,
}

impl Component {
    const ALL: [Self; 5] = [
        Self::RepeatFailure,
        Self::EmergencyReferred,
        Self::RisingTrend,
        Self::MissedVisits,
        Self::MoneyLine,
    ];

    const fn rule(self, numbers: &Relapse) -> ComponentRule {
        match self {
            Self::RepeatFailure => numbers.repeat_failure,
            Self::EmergencyReferred => numbers.emergency_referred,
            Self::RisingTrend => numbers.rising_trend,
            Self::MissedVisits => numbers.missed_visits,
            Self::MoneyLine => numbers.money_line,
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::RepeatFailure => ("连续两次控制不满意", "second failure of control"),
            Self::EmergencyReferred => ("急症已确认并转诊", "emergency confirmed and referred"),
            Self::RisingTrend => ("数值持续上升", "values keep rising"),
            Self::MissedVisits => ("长期未测", "no measurement for long"),
            Self::MoneyLine => ("自付费用超线", "out-of-pocket cost over the line"),
        }
    }
}

/// Since when each component holds; a component counts once.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Components {
    repeat_failure: Option<Timestamp>,
    emergency_referred: Option<Timestamp>,
    rising_trend: Option<Timestamp>,
    missed_visits: Option<Timestamp>,
    money_line: Option<Timestamp>,
}

impl Components {
    const fn place(&mut self, component: Component) -> &mut Option<Timestamp> {
        match component {
            Component::RepeatFailure => &mut self.repeat_failure,
            Component::EmergencyReferred => &mut self.emergency_referred,
            Component::RisingTrend => &mut self.rising_trend,
            Component::MissedVisits => &mut self.missed_visits,
            Component::MoneyLine => &mut self.money_line,
        }
    }

    const fn since(mut self, component: Component) -> Option<Timestamp> {
        *self.place(component)
    }

    /// In force from its instant through its last day.
    fn in_force(self, component: Component, numbers: &Relapse, at: Timestamp) -> bool {
        let valid_days = component.rule(numbers).valid_days;
        self.since(component).is_some_and(|since| {
            at.shanghai_day().saturating_sub(since.shanghai_day()) <= valid_days
        })
    }
}

impl State {
    /// A component comes into force: the line is asked at this instant.
    pub(super) fn component(
        &mut self,
        bench: &mut Bench<'_>,
        component: Component,
        moment: Moment,
    ) {
        *self.components.place(component) = Some(moment.at);
        let numbers = &bench.pack.relapse;
        let has = |condition| bench.patient.has(condition, moment.at);
        let tracked = numbers.cohorts.iter().any(|cohort| has(Condition::Cohort(*cohort)));
        let poor_by_illness = numbers.or_cause_illness && bench.patient.cause_illness;
        if !tracked && !poor_by_illness {
            return;
        }
        let cohort = bench.patient.cohort(bench.pack, moment.at);
        let strong = *numbers.strong.of(cohort);
        let components = self.components;
        let holding = || {
            let all = Component::ALL.into_iter();
            all.filter(move |component| components.in_force(*component, numbers, moment.at))
        };
        let points = holding().fold(0_u32, |points, component| {
            let own = if component.rule(numbers).strong { strong } else { numbers.weak };
            points.saturating_add(own)
        });
        if points < numbers.threshold {
            return;
        }
        let line = (Concept::PovertyRelapseRisk, Level::Orange);
        self.raise(bench, line, moment, || {
            let zh: Vec<&str> = holding().map(|component| component.words().0).collect();
            let en: Vec<&str> = holding().map(|component| component.words().1).collect();
            Words {
                zh: format!("{}，共{points}分", zh.join("、")),
                en: format!("{}: {points} points", en.join(", ")),
            }
        });
    }

    /// "After PR-2 is closed, older components no longer count."
    pub(super) fn forget_components(&mut self) {
        self.components = Components::default();
    }
}
