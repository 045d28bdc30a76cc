//! Persistent fast pulse of a diabetic (GL-HR; CN1).

use std::collections::VecDeque;

use firmware_protocols::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    concept::Concept,
    ledger::{Bench, Moment},
    pack::Tachycardia,
    patient::Condition,
    snug,
    state::{Red, State},
    words::Words,
};
use crate::domain::{Millis, Timestamp};

/// When the pulse was fast, since it was last slower. Bounded: of three within the length of the
/// window that is asked for, the middle one can never decide and is forgotten.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct FastPulse(VecDeque<Timestamp>);

impl FastPulse {
    fn push(&mut self, numbers: Tachycardia, at: Timestamp) {
        let window = Millis(numbers.apart_max.0.saturating_sub(numbers.apart_min.0));
        while self.0.front().is_some_and(|first| at.since(*first) > numbers.apart_max) {
            self.0.pop_front();
        }
        let second_last = self.0.len().checked_sub(2).and_then(|place| self.0.get(place));
        if second_last.is_some_and(|before| at.since(*before) <= window) {
            self.0.pop_back();
        }
        snug::push_back(&mut self.0, at);
    }

    fn lasts(&self, numbers: Tachycardia, at: Timestamp) -> bool {
        self.0.iter().any(|earlier| {
            let apart = at.since(*earlier);
            apart >= numbers.apart_min && apart <= numbers.apart_max
        })
    }
}

impl State {
    /// GL-HR: over 100 twice, 10 to 60 minutes apart, none lower between. Only reliable accepted
    /// readings carry a pulse.
    pub(super) fn fast_pulse(
        &mut self,
        bench: &mut Bench<'_>,
        moment: Moment,
        pulse: Option<Decimal>,
    ) {
        let Some(pulse) = pulse else { return };
        let numbers = bench.pack.lines.tachycardia;
        if pulse <= Decimal::from(numbers.pulse_gt) {
            self.fast_pulse.0.clear();
            return;
        }
        let lasts = self.fast_pulse.lasts(numbers, moment.at);
        self.fast_pulse.push(numbers, moment.at);
        if lasts && bench.patient.has(Condition::Diabetes, moment.at) {
            let red = Red { concept: Concept::DmTachycardia, moment, severe: false };
            self.raise_red(bench, red, || Words {
                zh: format!("脉搏{pulse}次/分，持续超过{}", numbers.pulse_gt),
                en: format!("pulse {pulse}, persistently over {}", numbers.pulse_gt),
            });
        }
    }
}
