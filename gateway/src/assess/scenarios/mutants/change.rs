//! The changes of a pack that are tried: one place, one step.

use std::fmt;

use serde_json::{Number, Value, json};

use crate::{
    assess::{
        Concept, Pack, PackError,
        pack::{BUILT_IN, nudge},
    },
    domain::Millis,
};

/// Text for people, names, and what holds no number that judges.
const WORDS: [&str; 12] = [
    "pack",
    "version",
    "norm_profile",
    "status",
    "sources",
    "units",
    "cohorts",
    "roles",
    "cohort_classes",
    "prompts",
    "wire_defaults",
    "symptoms",
];

/// One change.
pub(super) struct Change {
    place: String,
    what: What,
}

enum What {
    /// Another value stands there.
    Put(Value, String),
    /// The key is taken out.
    Out,
    /// The key gets another name: the comparator of a sum of money.
    Named(&'static str),
    /// The time is longer or shorter by a millisecond: `>=` against `>`.
    Time(Millis),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.what {
            What::Put(_, how) => write!(f, "{place} {how}"),
            What::Out => write!(f, "{place} out"),
            What::Named(name) => write!(f, "{place} as {name}"),
            What::Time(by) => write!(f, "{place} {:+} ms", by.0),
        }
    }
}

impl Change {
    /// The changed pack; `None` where it cannot be read.
    pub(super) fn pack(&self) -> Option<Pack> {
        let mut pack: Value = serde_json::from_str(BUILT_IN).unwrap();
        match &self.what {
            What::Put(value, _) => *pack.pointer_mut(&self.place).unwrap() = value.clone(),
            What::Out => drop(taken(&mut pack, &self.place)),
            What::Named(name) => {
                let value = taken(&mut pack, &self.place);
                let (around, _) = self.place.rsplit_once('/').unwrap();
                pack.pointer_mut(around).unwrap()[*name] = value;
            }
            What::Time(by) => {
                return read(nudge::moved(&self.place, *by, || Pack::from_text(BUILT_IN)));
            }
        }
        read(Pack::from_text(&pack.to_string()))
    }
}

fn read(pack: Result<Pack, PackError>) -> Option<Pack> {
    pack.ok()
}

fn taken(pack: &mut Value, place: &str) -> Value {
    let (around, key) = place.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    pack.pointer_mut(around).unwrap().as_object_mut().unwrap().remove(&key).unwrap()
}

/// All changes, in the order of the pack.
pub(super) fn changes() -> Vec<Change> {
    let pack: Value = serde_json::from_str(BUILT_IN).unwrap();
    let mut all = Vec::new();
    for (key, value) in pack.as_object().unwrap() {
        if !WORDS.contains(&key.as_str()) {
            walk(&format!("/{key}"), value, &mut all);
        }
    }
    for place in nudge::times(|| Pack::from_text(BUILT_IN)) {
        let by = |millis| Change { place: place.clone(), what: What::Time(Millis(millis)) };
        all.extend([by(1), by(-1)]);
    }
    all
}

fn walk(place: &str, value: &Value, all: &mut Vec<Change>) {
    let key = place.rsplit('/').next().unwrap_or_default();
    let mut put = |value, how: &str| {
        all.push(Change { place: place.to_owned(), what: What::Put(value, how.to_owned()) });
    };
    match value {
        Value::Number(number) => {
            for by in [1, -1] {
                if let Some(moved) = stepped(number, by) {
                    let how = format!("{number} to {moved}");
                    put(Value::Number(moved), &how);
                }
            }
            match key {
                "gt" => all.push(Change { place: place.to_owned(), what: What::Named("ge") }),
                "ge" if place.starts_with("/oop_profiles") => {
                    all.push(Change { place: place.to_owned(), what: What::Named("gt") });
                }
                "followup_due_days" | "monthly_outpatient_ge" => {
                    all.push(Change { place: place.to_owned(), what: What::Out });
                }
                _ => {}
            }
        }
        Value::Bool(flag) => put((!flag).into(), &format!("{flag} to {}", !flag)),
        Value::String(text) => {
            let other = match (key, text.as_str()) {
                ("family", _) => {
                    all.push(Change { place: place.to_owned(), what: What::Out });
                    return;
                }
                ("kind", "weak") => "strong",
                ("kind", "strong") => "weak",
                _ => return,
            };
            put(other.into(), &format!("{text} to {other}"));
        }
        Value::Array(items) => list(place, items, all),
        Value::Object(keys) => {
            for (key, value) in keys {
                let key = key.replace('~', "~0").replace('/', "~1");
                walk(&format!("{place}/{key}"), value, all);
            }
            if keys.contains_key("or_spaced") {
                let place = format!("{place}/or_spaced");
                all.push(Change { place, what: What::Out });
            }
        }
        Value::Null => {}
    }
}

/// What opens red: the county has a step only of these.
const REDS: [Concept; 8] = [
    Concept::BpEmergency,
    Concept::BpSymptom,
    Concept::BpPregnancy,
    Concept::GluHighEmergency,
    Concept::GluLowEmergency,
    Concept::GluSymptom,
    Concept::GluPregnancy,
    Concept::DmTachycardia,
];

/// A list of numbers is walked; of a list of names each is taken out, each missing cohort or red
/// added, and each pair of a ranking exchanged.
fn list(place: &str, items: &[Value], all: &mut Vec<Change>) {
    if items.iter().any(|item| !item.is_string()) {
        for (at, item) in items.iter().enumerate() {
            walk(&format!("{place}/{at}"), item, all);
        }
        return;
    }
    let mut put = |items: Vec<Value>, how: String| {
        all.push(Change { place: place.to_owned(), what: What::Put(items.into(), how) });
    };
    for at in 1..items.len() {
        if place == "/cohort_precedence" {
            let mut other = items.to_vec();
            other.swap(at - 1, at);
            put(other, format!("{} before {}", items[at], items[at - 1]));
        }
    }
    if place == "/cohort_precedence" {
        return;
    }
    for (at, item) in items.iter().enumerate() {
        let mut fewer = items.to_vec();
        fewer.remove(at);
        put(fewer, format!("without {item}"));
    }
    let cohorts = ["C0", "C1", "C2", "C3"].map(|cohort| json!(cohort));
    let reds = REDS.map(|concept| json!(concept.as_str()));
    let known: &[Value] = if cohorts.contains(&items[0]) {
        &cohorts
    } else if place == "/escalation/red/fast/concepts" {
        &reds
    } else {
        &[]
    };
    for missing in known.iter().filter(|it| !items.contains(it)) {
        let mut more = items.to_vec();
        more.push(missing.clone());
        put(more, format!("with {missing}"));
    }
}

/// The number one step of its own granularity up or down.
fn stepped(number: &Number, by: i64) -> Option<Number> {
    let text = number.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let units: i64 = format!("{whole}{decimals}").parse().unwrap();
    let moved = units + by;
    let text = match decimals.len() {
        0 => moved.to_string(),
        places => {
            let scale = 10_i64.pow(u32::try_from(places).unwrap());
            format!("{}.{:0places$}", moved / scale, moved % scale)
        }
    };
    (moved >= 0).then(|| serde_json::from_str(&text).unwrap())
}
