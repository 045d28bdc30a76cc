//! Where a number comes from: each number that a pack changes needs a source of its own.

use serde_json::Value;

use super::{PackError, place};

/// The section that names sources by place.
const SECTION: &str = "/sources";

/// Every number of `over` that differs from the built-in one and has no source in `over`: an entry
/// of `sources` for its place or one around it, or a `source` in an object around it.
pub(super) fn check(base: &Value, over: &Value) -> Vec<PackError> {
    let mut numbers = Vec::new();
    collect(over, "", &mut numbers);
    let changed = numbers.into_iter().filter(|(path, number)| {
        let under = base.pointer(path).and_then(Value::as_f64);
        under.map(f64::to_bits) != number.as_f64().map(f64::to_bits)
    });
    let unsourced = changed.filter(|(path, _)| !has_source(over, path));
    unsourced.map(|(path, got)| PackError::Unsourced { path, got: got.to_string() }).collect()
}

/// The built-in pack's numbers without a source.
#[cfg(test)]
pub(super) fn unsourced(pack: &Value) -> Vec<String> {
    let mut numbers = Vec::new();
    collect(pack, "", &mut numbers);
    let paths = numbers.into_iter().map(|(path, _)| path);
    paths.filter(|path| !has_source(pack, path)).collect()
}

fn collect(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                collect(value, &place::within(path, key), found);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                collect(item, &format!("{path}/{number}"), found);
            }
        }
        Value::Number(_) => found.push((path.to_owned(), value.clone())),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn has_source(pack: &Value, path: &str) -> bool {
    let said = |text: Option<&Value>| {
        text.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty())
    };
    let named = pack.pointer(SECTION);
    let mut place = Some(path);
    while let Some(at) = place {
        let own = pack.pointer(at).and_then(|around| around.get("source"));
        if said(named.and_then(|named| named.get(at))) || said(own) {
            return true;
        }
        place = place::around(at);
    }
    false
}
