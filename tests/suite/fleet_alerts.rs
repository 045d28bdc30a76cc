//! The alerts of a gateway and of the one above it: the same ids, with the same end.

use std::{collections::BTreeMap, thread, time::Duration};

use end_to_end::{
    gateway::Gateway,
    patience::{PATIENCE, wait_at_most},
};
use serde_json::Value;

/// Time between two looks at a gateway.
const LOOK: Duration = Duration::from_millis(200);

/// Every alert by id: whose, what, its level, and where it stands.
fn all_alerts(gateway: &Gateway) -> BTreeMap<String, [Value; 4]> {
    let all = gateway.list("/api/v1/alerts?limit=1000");
    let of = |alert: &Value| {
        let about = ["person", "concept", "level", "state"].map(|name| alert[name].clone());
        (alert["id"].as_str().unwrap().to_owned(), about)
    };
    all.iter().map(of).collect()
}

/// Alerts that stand, by id, with what they are about. One that a graver one followed keeps the level at which
/// it ended.
pub(crate) fn alerts(gateway: &Gateway) -> BTreeMap<String, [Value; 3]> {
    let all = all_alerts(gateway).into_iter();
    let standing = all.filter(|(_, [.., state])| state != "withdrawn");
    standing
        .map(|(id, [person, concept, level, state])| {
            let level = if state == "superseded" { Value::Null } else { level };
            (id, [person, concept, level])
        })
        .collect()
}

/// Whether an alert may be at one end alone: a silence that was told when it was due, and taken back there when
/// a value came that had been measured before. It was told to somebody, so it is kept (DESIGN section 6,
/// "never silently"); the other end heard of that value before it judged the silence, and never said it.
/// Nothing that was opened by a reading is ever at one end alone.
fn was_taken_back([_, concept, _, state]: &[Value; 4]) -> bool {
    state == "withdrawn" && concept == "missed_repeat"
}

/// The same alerts at both, with the same end, once both have looked at everybody. Says how many.
#[track_caller]
pub(crate) fn check_alerts(van: &Gateway, centre: &Gateway) -> usize {
    let only = |of: &BTreeMap<String, [Value; 4]>, other: &BTreeMap<String, [Value; 4]>| {
        let only = of.iter().filter(|(id, about)| match other.get(*id) {
            Some(told) => told != *about,
            None => !was_taken_back(about),
        });
        only.map(|(id, about)| format!("{id} {about:?}")).collect::<Vec<_>>()
    };
    let mut last = (BTreeMap::new(), BTreeMap::new());
    let same = wait_at_most(PATIENCE, || {
        thread::park_timeout(LOOK);
        last = (all_alerts(van), all_alerts(centre));
        (only(&last.0, &last.1).is_empty() && only(&last.1, &last.0).is_empty()).then_some(())
    });
    let (warned, told) = last;
    let (here, there) = (only(&warned, &told), only(&told, &warned));
    if same.is_none() {
        for (gateway, ids) in [(van, &here), (centre, &there)] {
            for id in ids {
                let id = id.split(' ').next().unwrap();
                println!("{}", gateway.get(&format!("/api/v1/alerts/{id}")).body);
            }
        }
    }
    assert!(same.is_some(), "only the van has {here:#?}, only the centre has {there:#?}");
    let both = warned.keys().filter(|id| told.contains_key(*id)).count();
    assert!(both > 0, "grave values came");
    println!("taken back at one end alone: {}", warned.len() + told.len() - 2 * both);
    both
}
