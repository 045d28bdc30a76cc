//! Reads who signed a pack, and what was signed.

use serde_json::Value;
use smol_str::SmolStr;

use super::{
    super::{PackError, section::Section},
    Result,
};

/// Keys that say who signed what; they are no part of what is signed.
const SIGNATURE: [&str; 2] = ["signed_by", "signed_hash"];

/// BLAKE3 over the content of a pack in hexadecimal: all of it but the signature, keys sorted,
/// numbers as they are read, no spaces. Two texts that say the same have the same.
pub(super) fn content_hash(value: &Value) -> SmolStr {
    let mut content = value.clone();
    if let Some(keys) = content.as_object_mut() {
        keys.retain(|key, _| !SIGNATURE.contains(&key.as_str()));
    }
    SmolStr::new(blake3::hash(content.to_string().as_bytes()).to_hex().as_str())
}

pub(super) fn signature(top: &mut Section) -> Result<Option<SmolStr>> {
    match top.optional("signed_by") {
        None => Ok(None),
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(Some(SmolStr::new(name))),
        Some(other) => Err(PackError::wrong("/signed_by".to_owned(), "a doctor's name", &other)),
    }
}

pub(super) fn signed_hash(top: &mut Section) -> Result<Option<SmolStr>> {
    let hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match top.optional("signed_hash") {
        None => Ok(None),
        Some(Value::String(text)) if hash(&text) => Ok(Some(text.to_ascii_lowercase().into())),
        Some(other) => Err(PackError::wrong(
            "/signed_hash".to_owned(),
            "the hash that `rules sign` prints",
            &other,
        )),
    }
}
