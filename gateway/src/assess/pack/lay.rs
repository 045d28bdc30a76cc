//! Lays the keys of one pack over another.

use serde_json::{Value, map::Entry};

use super::PackError;

/// The comparators of a sum of money: such an object is one value and replaced whole.
const COMPARATORS: [&str; 2] = ["gt", "ge"];

/// `base` with every key of `over` in place of its own. Keys that `base` lacks are added: whether
/// anybody reads them shows when the whole is read.
///
/// # Errors
/// [`PackError::Wrong`] where the kinds of two values differ.
pub(super) fn over(mut base: Value, over: Value) -> Result<Value, PackError> {
    lay(&mut base, over, "")?;
    Ok(base)
}

fn lay(base: &mut Value, over: Value, path: &str) -> Result<(), PackError> {
    match (base, over) {
        (Value::Object(under), Value::Object(keys)) if !is_comparator(under) => {
            for (key, value) in keys {
                let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match under.entry(key) {
                    Entry::Occupied(mut known) => lay(known.get_mut(), value, &place)?,
                    Entry::Vacant(new) => {
                        new.insert(value);
                    }
                }
            }
            Ok(())
        }
        (under, value) if kind(under) == kind(&value) => {
            *under = value;
            Ok(())
        }
        (under, value) => {
            let place = if path.is_empty() { "the rule pack" } else { path };
            Err(PackError::wrong(place.to_owned(), kind(under), &value))
        }
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
