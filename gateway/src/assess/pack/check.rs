//! Checks a pack and finds everything that is wrong with it, not only the first thing.
//!
//! The reader stops at the first problem. So it is asked again with the built-in value in that
//! place, until it reads the whole: each round mends one place, and the last one has none left. What
//! is refused is thus by construction what the reader refuses, whoever asks.

use serde_json::Value;

use super::{
    BUILT_IN, Pack, PackError, Problem, Refusal, floor, lay, place, place::Places, read, sense,
    sources,
};

/// What a pack is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It judges people, or stands beside the one that does.
    Force,
    /// It is tried out on cases or on the past: sources and a version may come later.
    Draft,
}

/// The built-in pack with the keys of a text laid over it.
///
/// # Errors
/// [`Refusal`] has everything that is wrong.
pub(super) fn laid_over(text: &str, purpose: Purpose) -> Result<Pack, Refusal> {
    let alone = |error| Refusal { problems: vec![error] };
    let base: Value = serde_json::from_str(BUILT_IN).map_err(json).map_err(alone)?;
    let over: Value = serde_json::from_str(text).map_err(json).map_err(alone)?;
    let places = Places::of(text);
    let twice = places.twice.iter().map(|path| PackError::Twice { path: path.clone() });
    let mut errors: Vec<PackError> = twice.collect();
    let laid = lay::over(base.clone(), &over, &mut errors);
    let (laid, pack) = mended(&base, laid, &mut errors);
    let Some(pack) = pack else { return Err(refusal(errors, &places)) };
    errors.extend(floor::check(&base, &laid));
    errors.extend(sense::check(&laid));
    let unsourced = sources::check(&base, &over);
    // A place that is wrong anyhow is told once.
    let told = |path: &str| errors.iter().any(|error| path.starts_with(error.path()));
    let unsourced: Vec<_> = unsourced.into_iter().filter(|error| !told(error.path())).collect();
    errors.extend(unsourced);
    errors.extend(unversioned(&base, &laid, &pack));
    errors.retain(|error| purpose == Purpose::Force || !error.is_of_force());
    if errors.is_empty() { Ok(pack) } else { Err(refusal(errors, &places)) }
}

fn json(source: serde_json::Error) -> Problem {
    Problem { line: Some(source.line()), error: PackError::Json { source } }
}

fn refusal(errors: Vec<PackError>, places: &Places) -> Refusal {
    let placed = |error: PackError| Problem { line: places.line(error.path()), error };
    let mut problems: Vec<_> = errors.into_iter().map(placed).collect();
    problems
        .sort_by(|one, other| (one.line, one.error.path()).cmp(&(other.line, other.error.path())));
    Refusal { problems }
}

/// Reads a pack, with the built-in values where it cannot be read. `None` only if the built-in pack
/// itself could not be read.
fn mended(base: &Value, mut laid: Value, errors: &mut Vec<PackError>) -> (Value, Option<Pack>) {
    loop {
        match read::pack(laid.clone()) {
            Ok(pack) => return (laid, Some(pack)),
            Err(error) => {
                let changed = restore(base, &mut laid, error.path());
                errors.push(error);
                if !changed {
                    return (laid, None);
                }
            }
        }
    }
}

/// Reads a pack that an earlier program may have written: a place that it lacks has the built-in
/// value.
///
/// # Errors
/// [`PackError`] names the place of the first thing that is wrong otherwise.
pub(super) fn of_the_past(text: &Value) -> Result<Pack, PackError> {
    let base: Value = serde_json::from_str(BUILT_IN)?;
    let mut whole = text.clone();
    loop {
        match read::pack(whole.clone()) {
            Err(PackError::Missing { path }) => {
                let known = base.pointer(&path).filter(|known| put(&mut whole, &path, known));
                if known.is_none() {
                    return Err(PackError::Missing { path });
                }
            }
            Ok(pack) => return Ok(pack.under_the_text_of(text)),
            Err(error) => return Err(error),
        }
    }
}

/// Puts a key where it was missing; says whether there was an object to put it in.
fn put(whole: &mut Value, path: &str, known: &Value) -> bool {
    let Some((around, key)) = path.rsplit_once('/') else { return false };
    let Some(Value::Object(keys)) = whole.pointer_mut(around) else { return false };
    let key = key.replace("~1", "/").replace("~0", "~");
    keys.insert(key, known.clone()).is_none()
}

/// Puts the built-in value back at a place, or at the nearest around it that differs. Says whether
/// anything changed: each change brings the pack nearer to the built-in one.
fn restore(base: &Value, laid: &mut Value, path: &str) -> bool {
    let mut place = Some(path);
    while let Some(at) = place {
        match (base.pointer(at), laid.pointer_mut(at)) {
            (Some(under), Some(over)) if under != over => {
                *over = under.clone();
                return true;
            }
            (Some(_), Some(_)) | (None, None) | (Some(_), None) => {}
            (None, Some(_)) => return take_out(laid, at),
        }
        place = place::around(at);
    }
    false
}

fn take_out(laid: &mut Value, path: &str) -> bool {
    let Some((around, key)) = path.rsplit_once('/') else { return false };
    let key = key.replace("~1", "/").replace("~0", "~");
    match laid.pointer_mut(around) {
        Some(Value::Object(keys)) => keys.remove(&key).is_some(),
        // An item of a list: the list is put back as a whole.
        _ => false,
    }
}

/// Top-level keys that only explain: they may be worded otherwise under the same version.
const WORDS: [&str; 6] = ["cohorts", "roles", "sources", "status", "signed_by", "signed_hash"];

/// Every alert names its pack by name and version, so no other lines may go by the built-in ones'.
fn unversioned(base: &Value, laid: &Value, pack: &Pack) -> Option<PackError> {
    let judging = |value: &Value| {
        let mut value = value.clone();
        if let Some(keys) = value.as_object_mut() {
            keys.retain(|key, _| !WORDS.contains(&key.as_str()));
        }
        value
    };
    let own = |key: &str| base.get(key).and_then(Value::as_str);
    let same_title = own("pack") == Some(pack.name()) && own("version") == Some(pack.version());
    (same_title && judging(base) != judging(laid)).then(|| PackError::Unversioned {
        path: "/version".to_owned(),
        title: pack.title().to_string(),
    })
}
