//! The warning lines: a set of facts about one person in, crossings and alerts out.
//!
//! Which alerts exist is a pure function of the facts, the pack and the person: no clock, no I/O, no
//! order of arrival (DESIGN section 6). [`assess`] judges a set from nothing; [`State`] goes on from
//! where it stands, fact by fact, and comes to the same answer. Every alert explains itself. The
//! meaning of each line and its source stand in `clinical/LINES.md` of the design; every number
//! stands in the rule pack.

mod asked;
mod bands;
mod blood_pressure;
mod concept;
mod contradict;
mod control;
mod enrolment;
mod episode;
mod facts;
mod followup;
mod glucose;
mod in_force;
mod indicators;
mod keep;
mod ladder;
mod ledger;
mod money;
mod pack;
mod patient;
mod plan;
mod pulse;
mod quality;
mod quantity;
mod relapse;
mod revise;
mod scenarios;
mod session;
mod sessions;
mod silence;
mod snug;
mod state;
mod sugars;
mod symptoms;
mod tracking;
mod words;

pub use asked::NamedSymptom;
pub use bands::Band;
pub use concept::{Concept, Family, Measure, UnknownConcept};
pub use contradict::{Contradiction, births, contradictions, plan_contradictions};
pub use enrolment::{died, enrolled_at, taken_into_care};
pub use episode::{
    Assessment, Change, Crossed, Ended, Ending, Episode, EpisodeState, Transition, Trigger,
};
pub use facts::{
    Act, ActOutcome, Body, Cuff, Fact, FactId, FollowUp, Meter, Money, MoneyKind, Source,
    usual_setting,
};
pub use in_force::{InForce, Packs, Stretch};
pub use indicators::{
    Category, History, Indicators, Share, Visit, category, months_before, visits,
};
pub use keep::JudgedWith;
pub use pack::{Norm, Pack, PackError, Problem, Refusal, Rule};
pub use patient::{Cohort, Condition, Patient};
pub use plan::{
    Looser, LooserThan, begins, in_force as plan_in_force, looser, waits_for_diagnosis,
};
pub use quantity::{Glycaemia, Pressure};
pub use revise::{Revision, revise};
pub use scenarios::{Counts, Feed, ScenarioError, run_scenarios};
pub use state::{OutOfOrder, Position, State, assess, fold};
pub use symptoms::Symptoms;
pub use tracking::{LEFT_TRACKING, Tracking, facts_changed, files_merged, left_tracking, tracking};

#[cfg(test)]
mod tests;
