//! Lays the keys of one pack over another.

use serde_json::{Value, map::Entry};

use super::{PackError, place};

/// The comparators of a sum of money: such an object is one value and replaced whole.
const COMPARATORS: [&str; 2] = ["gt", "ge"];

/// `base` with every key of `over` in place of its own. Keys that `base` lacks are added: whether
/// anybody reads them shows when the whole is read. Where the kinds of two values differ `base`
/// keeps its own, and a [`PackError::Wrong`] is added to `problems`.
pub(super) fn over(mut base: Value, over: &Value, problems: &mut Vec<PackError>) -> Value {
    lay(&mut base, over, "", problems);
    base
}

fn lay(base: &mut Value, over: &Value, path: &str, problems: &mut Vec<PackError>) {
    match (base, over) {
        (Value::Object(under), Value::Object(keys)) if !is_comparator(under) => {
            for (key, value) in keys {
                let place = place::within(path, key);
                match under.entry(key) {
                    Entry::Occupied(mut known) => lay(known.get_mut(), value, &place, problems),
                    Entry::Vacant(new) => {
                        new.insert(value.clone());
                    }
                }
            }
        }
        (under, value) if kind(under) == kind(value) => *under = value.clone(),
        (under, value) => problems.push(PackError::wrong(path.to_owned(), kind(under), value)),
    }
}

fn is_comparator(object: &serde_json::Map<String, Value>) -> bool {
    !object.is_empty() && object.keys().all(|key| COMPARATORS.contains(&key.as_str()))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object, with the unit as its key where it is a measure",
    }
}
