//! What a case came to, beside what was expected.

use serde_json::{Value, json};

use super::{
    super::{
        Pack,
        episode::{Assessment, Episode, EpisodeState, Trigger},
    },
    file::{Case, Expected},
};
use crate::domain::{CareLevel, Level};

/// A case's result, as it is printed.
pub(super) struct Verdict {
    id: String,
    opened: Vec<Value>,
    escalations: Vec<Value>,
    missing: Vec<Value>,
    unexpected: Vec<Value>,
    different: Vec<Value>,
}

impl Verdict {
    pub(super) fn of(case: &Case, pack: &Pack, assessment: &Assessment) -> Self {
        let mut episodes: Vec<&Episode> = assessment.episodes.iter().collect();
        episodes.sort_by_key(|it| (it.at, it.concept.as_str(), it.trigger));
        let opened: Vec<Value> = episodes.iter().map(|episode| printed(episode)).collect();
        let mut told: Vec<_> = episodes
            .iter()
            .flat_map(|episode| {
                let steps = episode.escalations(pack, case.until);
                steps.into_iter().map(|(step, at)| (at, episode.concept.as_str(), step))
            })
            .collect();
        told.sort_unstable();
        let escalations: Vec<Value> = told
            .into_iter()
            .map(|(at, concept, step)| {
                json!({"concept": concept, "level": step_name(step), "at": at.to_string()})
            })
            .collect();
        let mut verdict = Self {
            id: case.id.clone(),
            opened,
            escalations,
            missing: Vec::new(),
            unexpected: Vec::new(),
            different: Vec::new(),
        };
        verdict.compare(&case.expect);
        verdict.compare_escalations(case.escalations.as_deref());
        verdict
    }

    /// A multiset on (concept, severity, trigger); further keys only where the case gives them.
    fn compare(&mut self, expect: &[Expected]) {
        let mut left: Vec<&Value> = self.opened.iter().collect();
        for expected in expect {
            let same = |got: &&Value| {
                got["concept"] == expected.concept.as_str()
                    && got["severity"] == expected.severity.as_str()
                    && got["trigger"] == expected.trigger
            };
            let exact = |got: &&Value| {
                same(got) && expected.further.iter().all(|(key, value)| &got[key] == value)
            };
            let found = left.iter().position(exact).or_else(|| left.iter().position(same));
            let Some(place) = found else {
                self.missing.push(json!({
                    "concept": expected.concept,
                    "severity": expected.severity,
                    "trigger": expected.trigger,
                }));
                continue;
            };
            let got = left.remove(place);
            for (key, value) in expected.further.iter().filter(|(key, value)| &got[key] != value) {
                self.different.push(json!({
                    "concept": expected.concept,
                    "trigger": expected.trigger,
                    "key": key,
                    "expected": value,
                    "got": got[key],
                }));
            }
        }
        self.unexpected = left
            .into_iter()
            .map(|got| {
                json!({
                    "concept": got["concept"],
                    "severity": got["severity"],
                    "trigger": got["trigger"],
                })
            })
            .collect();
    }

    /// Whole, where the case gives them.
    fn compare_escalations(&mut self, expect: Option<&[Value]>) {
        let Some(expect) = expect else { return };
        let sorted = |values: &[Value]| {
            let mut texts: Vec<String> = values.iter().map(Value::to_string).collect();
            texts.sort_unstable();
            texts
        };
        if sorted(expect) != sorted(&self.escalations) {
            self.different.push(json!({
                "key": "escalations",
                "expected": expect,
                "got": self.escalations,
            }));
        }
    }

    pub(super) fn ok(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.different.is_empty()
    }

    /// The case's line.
    pub(super) fn line(&self) -> String {
        let list = |values: &[Value]| Value::from(values.to_vec()).to_string();
        format!(
            "{{\"id\":{},\"ok\":{},\"opened\":{},\"escalations\":{},\"missing\":{},\
             \"unexpected\":{},\"different\":{}}}",
            Value::from(self.id.as_str()),
            self.ok(),
            list(&self.opened),
            list(&self.escalations),
            list(&self.missing),
            list(&self.unexpected),
            list(&self.different),
        )
    }
}

fn printed(episode: &Episode) -> Value {
    let state = episode.state();
    let always = [
        ("concept", episode.concept.as_str().into()),
        ("severity", level_name(episode.opened_level).into()),
        ("trigger", trigger(episode.trigger)),
        ("at", episode.at.to_string().into()),
        ("ack_minutes", episode.ack_minutes.into()),
        ("final", state.as_str().into()),
    ];
    let due = episode.followup_due_days.map(|days| ("followup_due_days", days.into()));
    let lowered = (state == EpisodeState::Downgraded)
        .then(|| ("final_severity", level_name(episode.level).into()));
    always.into_iter().chain(due).chain(lowered).collect()
}

fn trigger(trigger: Trigger) -> Value {
    match trigger {
        Trigger::Fact(id) => u64::try_from(id.place()).map_or(Value::Null, Value::from),
        Trigger::Timer(_) => "timer".into(),
    }
}

const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Blue => "blue",
        Level::Yellow => "yellow",
        Level::Orange => "orange",
        Level::Red => "red",
    }
}

/// L1 is the contracted doctor, who has it from the start.
const fn step_name(step: CareLevel) -> &'static str {
    match step {
        CareLevel::Village => "L1",
        CareLevel::Township => "L2",
        CareLevel::County => "L3",
        CareLevel::City => "L4",
    }
}
