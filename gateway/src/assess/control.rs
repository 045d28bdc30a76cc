//! The control lines: over them often enough is the first failure, again later the second
//! (BP-C1, BP-C2, GL-C1, GL-C2; LINES 6.1 and 6.2).

use serde::{Deserialize, Serialize};

use super::{
    concept::{Concept, Measure},
    episode::{Ended, Ending},
    ledger::{Bench, Crossing, Moment},
    pack::{Pack, Repeats, Spaced},
    relapse::Component,
    state::State,
    words::Words,
};
use crate::{
    domain::{Level, Millis, Timestamp},
    store::Disposition,
};

/// What the control lines of one measure remember beside the values.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Control {
    /// The last formal follow-up was unsatisfactory.
    failed_followup: bool,
    /// Values under the line in a row since the first-line alert, and on how many days.
    under: u32,
    under_days: u32,
    last_under_day: Option<i64>,
}

impl Control {
    fn value_over(&mut self) {
        (self.under, self.under_days, self.last_under_day) = (0, 0, None);
    }

    fn value_under(&mut self, day: i64) {
        self.under = self.under.saturating_add(1);
        if self.last_under_day != Some(day) {
            self.under_days = self.under_days.saturating_add(1);
            self.last_under_day = Some(day);
        }
    }
}

/// A value as the control lines see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub measure: Measure,
    /// The value itself, or the first of its session.
    pub begun: Timestamp,
    pub moment: Moment,
    /// Over its line.
    pub over: bool,
    /// Over often enough (6.2).
    pub persistent: bool,
    /// Only by the person's own plan: the pack alone would not say so.
    pub persistent_own: bool,
    /// Over, or the mean of its week is, which decides about the second failure.
    pub decides_second: bool,
    /// Only by the person's own plan.
    pub decides_second_own: bool,
}

/// How a control line is raised.
#[derive(Debug, Clone, Copy)]
struct Raise {
    moment: Moment,
    /// It comes from a formal follow-up.
    formal: bool,
    /// Only the person's own plan says so.
    own: bool,
}

/// A formal follow-up's value against its control line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    pub measure: Measure,
    pub over: bool,
    /// Over it only by the person's own plan.
    pub own: bool,
}

impl State {
    const fn control_of(&mut self, measure: Measure) -> &mut Control {
        match measure {
            Measure::BloodPressure => &mut self.pressure_control,
            Measure::Glucose => &mut self.glucose_control,
        }
    }

    /// A session or a glucose value under, on or over its control line.
    pub(super) fn judge_control(
        &mut self,
        bench: &mut Bench<'_>,
        judged: Judged,
        why: &dyn Fn() -> Words,
    ) {
        let (first, second) = concepts(judged.measure);
        if judged.decides_second && self.first_is_old(bench.pack, first, judged.moment) {
            let own = judged.decides_second_own || self.is_own(first);
            let how = Raise { moment: judged.moment, formal: false, own };
            self.raise_second(bench, second, how, why);
        }
        if judged.persistent {
            let how = Raise { moment: judged.moment, formal: false, own: judged.persistent_own };
            let opened = self.raise_control(bench, (first, Level::Yellow), how, why);
            if opened == Some(Disposition::Opened) {
                self.control_of(judged.measure).value_over();
            }
        }
        self.settle_control(bench, judged, first);
    }

    /// "A yellow control-line alert [is ended] by two consecutive sessions (values) under the line
    /// on two days"; they lie after it.
    fn settle_control(&mut self, bench: &mut Bench<'_>, judged: Judged, first: Concept) {
        if judged.over {
            self.control_of(judged.measure).value_over();
            return;
        }
        let Some(open) = self.ledger.open(first) else { return };
        if judged.begun <= open.at {
            return;
        }
        let numbers = &bench.pack.auto_resolve;
        let control = self.control_of(judged.measure);
        control.value_under(judged.begun.shanghai_day());
        let calm = control.under >= numbers.consecutive_under
            && control.under_days >= numbers.on_days
            && numbers.concepts.contains(&first);
        if calm {
            self.ledger.resolve(bench, first, judged.moment.at);
        }
    }

    /// An emergency value is over the line, but is never the second in a row and enters no count.
    pub(super) fn control_broken(&mut self, measure: Measure) {
        self.control_of(measure).value_over();
    }

    /// A formal follow-up: one that is unsatisfactory is the first failure, two in a row the second,
    /// as is one at least 14 days after an open first-line alert; a satisfactory one ends both.
    pub(super) fn judge_formal(
        &mut self,
        bench: &mut Bench<'_>,
        Written { measure, over, own }: Written,
        moment: Moment,
        why: &dyn Fn() -> Words,
    ) {
        let (first, second) = concepts(measure);
        let failed_before = std::mem::replace(&mut self.control_of(measure).failed_followup, over);
        if !over {
            let ending = Ending { at: moment.at, how: Ended::Resolved };
            self.ledger.end_all(bench, ending, |episode| {
                episode.concept == first || episode.concept == second
            });
            return;
        }
        let again = failed_before || self.first_is_old(bench.pack, first, moment);
        let how = Raise { moment, formal: true, own };
        if again && self.raise_second(bench, second, how, why) {
            return;
        }
        let opened = self.raise_control(bench, (first, Level::Yellow), how, why);
        if opened == Some(Disposition::Opened) {
            self.control_of(measure).value_over();
        }
    }

    /// At least 14 days after an open first-line alert.
    fn first_is_old(&self, pack: &Pack, first: Concept, moment: Moment) -> bool {
        let open = self.ledger.open(first);
        open.is_some_and(|open| moment.at.since(open.at) >= pack.repeat.after_first)
    }

    /// Raises the second failure; says whether it is open now.
    fn raise_second(
        &mut self,
        bench: &mut Bench<'_>,
        second: Concept,
        how: Raise,
        why: &dyn Fn() -> Words,
    ) -> bool {
        let raised = self.raise_control(bench, (second, Level::Orange), how, why);
        if raised == Some(Disposition::Opened) {
            self.component(bench, Component::RepeatFailure, how.moment);
        }
        matches!(raised, Some(Disposition::Opened | Disposition::Joined))
    }

    /// The open alert of a concept is there only by the person's own plan.
    fn is_own(&self, concept: Concept) -> bool {
        self.ledger.open(concept).is_some_and(|open| open.own)
    }

    fn raise_control(
        &mut self,
        bench: &mut Bench<'_>,
        (concept, level): (Concept, Level),
        Raise { moment, formal, own }: Raise,
        why: &dyn Fn() -> Words,
    ) -> Option<Disposition> {
        let family = bench.pack.rule(concept).and_then(|rule| rule.family);
        let crossing = Crossing { concept, level, family, moment, severe: false, formal, own };
        self.ledger.raise(bench, crossing, why).map(|raised| raised.disposition)
    }
}

const fn concepts(measure: Measure) -> (Concept, Concept) {
    match measure {
        Measure::BloodPressure => (Concept::BpUncontrolledFirst, Concept::BpUncontrolledRepeat),
        Measure::Glucose => (Concept::GluUncontrolledFirst, Concept::GluUncontrolledRepeat),
    }
}

/// Whether `k` of the last `m` are over, on at least so many days. Values come newest first, each
/// with its time and whether it is over; those beyond the window do not count.
pub(super) fn persists(
    repeats: Repeats,
    window: Millis,
    values: impl Iterator<Item = (Timestamp, bool)>,
) -> bool {
    let mut newest = None;
    let (mut over, mut days, mut last_day) = (0_usize, 0_usize, None);
    for (at, is_over) in values.take(repeats.m) {
        let newest = *newest.get_or_insert(at);
        if newest.since(at) > window {
            break;
        }
        if is_over {
            over = over.saturating_add(1);
            if last_day != Some(at.shanghai_day()) {
                days = days.saturating_add(1);
                last_day = Some(at.shanghai_day());
            }
        }
    }
    over >= repeats.k && days >= repeats.days
}

/// Whether `k` of the last `m` are over and span a time.
pub(super) fn spans(
    spaced: Spaced,
    window: Millis,
    values: impl Iterator<Item = (Timestamp, bool)>,
) -> bool {
    let mut newest = None;
    let (mut over, mut last_over, mut first_over) = (0_usize, None, None);
    for (at, is_over) in values.take(spaced.m) {
        let newest = *newest.get_or_insert(at);
        if newest.since(at) > window {
            break;
        }
        if is_over {
            over = over.saturating_add(1);
            last_over.get_or_insert(at);
            first_over = Some(at);
        }
    }
    let span = last_over.zip(first_over).map(|(last, first): (Timestamp, _)| last.since(first));
    over >= spaced.k && span.is_some_and(|span| span >= spaced.min_span)
}
