//! Every vector of this crate's formats, through one door.

use std::collections::BTreeMap;

use firmware_protocols::{DecodeError, Part, Selector, Value, format, formats};
use serde_json::Value as Json;

use crate::unhex;

const VECTORS: &str = include_str!("../../vectors/vectors.json");

fn to_json(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => flag.into(),
        Value::Integer(number) => number.into(),
        Value::Decimal(decimal) => serde_json::from_str(&decimal.to_string()).unwrap(),
        Value::Text(text) => text.into(),
        Value::DateTime(time) => time.to_string().into(),
        Value::Strings(list) => list.to_vec().into(),
    }
}

/// Numbers go by value: 11 and 11.0 are one.
fn canonical(json: &Json) -> Json {
    let Json::Number(number) = json else { return json.clone() };
    let decimal: firmware_protocols::Decimal = number.to_string().parse().unwrap();
    decimal.to_string().into()
}

#[track_caller]
fn check(vector: &Json) {
    let id = vector["id"].as_str().unwrap();
    let format = format(vector["format"].as_str().unwrap()).unwrap();
    let part = vector["part"].as_str().map_or(Part::Frame, |name| Part::from_name(name).unwrap());
    let selector = Selector { model: vector["model"].as_str(), part };
    let mut fields = BTreeMap::new();
    let mut sink = |name: &'static str, value: Value<'_>| {
        assert!(fields.insert(name, to_json(value)).is_none(), "{id}: {name} was told twice");
    };
    let result = format.decode(&unhex(vector["hex"].as_str().unwrap()), selector, &mut sink);
    if let Some(error) = vector["expected_error"].as_str() {
        assert_eq!(result.map_err(DecodeError::name), Err(error), "{id}");
        assert!(fields.is_empty(), "{id}: fields before an error");
        return;
    }
    assert!(result.is_ok(), "{id}: {result:?}");
    for (name, expected) in vector["expected"].as_object().unwrap() {
        let got = fields.get(name.as_str()).unwrap_or_else(|| panic!("{id}: no field {name}"));
        assert_eq!(canonical(got), canonical(expected), "{id}: {name}");
    }
}

/// All vectors, also of formats that other versions of this crate read.
pub(crate) fn vectors() -> Vec<Json> {
    serde_json::from_str(VECTORS).unwrap()
}

#[test]
fn every_vector_of_every_format_passes() {
    let mut passed = BTreeMap::<String, usize>::new();
    for vector in vectors() {
        let name = vector["format"].as_str().unwrap();
        if format(name).is_some() {
            check(&vector);
            *passed.entry(name.into()).or_default() += 1;
        }
    }
    for format in formats() {
        assert!(passed.contains_key(format.name), "no vector for {}", format.name);
    }
}
