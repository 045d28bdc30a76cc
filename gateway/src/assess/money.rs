//! Out-of-pocket money against the local line (PR-1; CN15, CN16).

use smol_str::SmolStr;

use super::{
    concept::Concept,
    facts::{Money, MoneyKind},
    ledger::{Bench, Moment},
    pack::{MoneyLine, Pack},
    patient::{Cohort, Condition},
    relapse::Component,
    state::State,
    words::Words,
};
use crate::{domain::Level, store::Disposition};

impl Pack {
    /// The names of the local profiles that have a line, by name.
    pub fn money_profiles(&self) -> impl Iterator<Item = &str> {
        self.money.keys().map(SmolStr::as_str)
    }
}

impl State {
    /// The low-income line where any cohort is C1 or C2, else the general one; the comparator is the
    /// locality's own. A profile that the pack lacks has no line.
    pub(super) fn judge_money(&mut self, bench: &mut Bench<'_>, moment: Moment, money: &Money) {
        let Some(profile) = bench.pack.money.get(&money.profile) else { return };
        let poor = [Cohort::C1, Cohort::C2]
            .into_iter()
            .any(|cohort| bench.patient.has(Condition::Cohort(cohort), moment.at));
        let line = match money.kind {
            MoneyKind::YearToDate if poor => Some(profile.low_income),
            MoneyKind::YearToDate => Some(profile.general),
            MoneyKind::OutpatientMonth => profile.outpatient_month_ge.map(MoneyLine::From),
        };
        let Some(line) = line.filter(|line| line.reached_by(money.yuan)) else { return };
        let yuan = money.yuan;
        let raised = self.raise(bench, (Concept::OopLine, Level::Orange), moment, || {
            let (zh, en, sum) = match line {
                MoneyLine::Over(sum) => ("超过", "over", sum),
                MoneyLine::From(sum) => ("达到", "at or over", sum),
            };
            Words {
                zh: format!("自付{yuan}元，{zh}本地线{sum}元"),
                en: format!("{yuan} yuan out of pocket, {en} the local line of {sum}"),
            }
        });
        if raised.is_some_and(|raised| raised.disposition == Disposition::Opened) {
            self.component(bench, Component::MoneyLine, moment);
        }
    }
}
