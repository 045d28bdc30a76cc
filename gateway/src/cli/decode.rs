//! `xunzhen decode`: frames of devices in words, and the check of a file of vectors.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use firmware_protocols::{
    DecodeError, Deframer, Format, Part, Piece, Selector, Value as Field, format, formats,
};
use serde_json::{Map, Value, json};

/// What to decode, and how.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Decode {
    /// The wire format; see --list
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// The model, where the format's bytes alone do not say
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Which part the bytes are: frame, record, time, `crc_input`, text
    #[arg(long, value_name = "PART", default_value = "frame")]
    part: String,
    /// The bytes, as hexadecimal digits
    #[arg(long, value_name = "BYTES", conflicts_with = "file")]
    hex: Option<String>,
    /// A file of bytes, or of hexadecimal lines
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A file of vectors to check
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "hex", "file"])]
    vectors: Option<PathBuf>,
    /// Name the formats and their models
    #[arg(long)]
    list: bool,
}

/// Why nothing could be decoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeFailure {
    /// The command line asks for nothing, or for something that is not there.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The vectors are no array of vectors.
    #[error("{} is no array of vectors", path.display())]
    Vectors {
        /// Which file.
        path: PathBuf,
        /// Where it stops being one.
        source: serde_json::Error,
    },
    /// The output is closed.
    #[error("cannot write the answer")]
    Write(#[from] io::Error),
}

/// Runs the command; `false` when something could not be decoded or did not match.
///
/// # Errors
/// [`DecodeFailure`].
pub(super) fn run(command: &Decode, out: &mut dyn Write) -> Result<bool, DecodeFailure> {
    if command.list {
        list(out)?;
        return Ok(true);
    }
    if let Some(path) = &command.vectors {
        return vectors(path, out);
    }
    let Some(name) = &command.format else {
        return Err(DecodeFailure::Usage("say --format, --vectors or --list".to_owned()));
    };
    let format = format(name).ok_or_else(|| {
        DecodeFailure::Usage(format!("unknown format {name:?}; decode --list names them"))
    })?;
    let part = part(&command.part)?;
    let selector = Selector { model: command.model.as_deref(), part };
    let mut good = true;
    for bytes in inputs(command)? {
        good &= decode_all(format, selector, &bytes, out)?;
    }
    Ok(good)
}

fn part(name: &str) -> Result<Part, DecodeFailure> {
    Part::from_name(name).ok_or_else(|| {
        let known = Part::ALL.map(Part::name).join(", ");
        DecodeFailure::Usage(format!("unknown part {name:?}; expected one of {known}"))
    })
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    for format in formats() {
        let parts: Vec<_> = format.parts.iter().map(|part| part.name()).collect();
        writeln!(
            out,
            "{}",
            json!({"format": format.name, "models": format.models, "parts": parts})
        )?;
    }
    Ok(())
}

/// The byte strings that were asked about.
fn inputs(command: &Decode) -> Result<Vec<Vec<u8>>, DecodeFailure> {
    if let Some(hex) = &command.hex {
        let bytes = unhex(hex).ok_or_else(|| {
            DecodeFailure::Usage(format!("{hex:?} is no even number of hexadecimal digits"))
        })?;
        return Ok(vec![bytes]);
    }
    let Some(path) = &command.file else {
        return Err(DecodeFailure::Usage("say --hex BYTES or --file FILE".to_owned()));
    };
    let content =
        std::fs::read(path).map_err(|source| DecodeFailure::Read { path: path.clone(), source })?;
    let lines = std::str::from_utf8(&content).ok().and_then(|text| {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(unhex).collect::<Option<Vec<_>>>()
    });
    Ok(lines.filter(|lines| !lines.is_empty()).unwrap_or_else(|| vec![content]))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        hexadecimal.then(|| u8::from_str_radix(text, 16).ok()).flatten()
    };
    digits.chunks(2).map(pair).collect()
}

/// One object for a frame; for bytes that are no single frame, one for each that they hold.
fn decode_all(
    format: &Format,
    selector: Selector<'_>,
    bytes: &[u8],
    out: &mut dyn Write,
) -> io::Result<bool> {
    match decode(format, selector, bytes) {
        Ok(fields) => {
            writeln!(out, "{}", Value::Object(fields))?;
            Ok(true)
        }
        Err(error) => {
            let pieces = split(format, selector, bytes);
            if pieces.iter().any(Result::is_ok) {
                for piece in &pieces {
                    let line = match piece {
                        Ok(fields) => Value::Object(fields.clone()),
                        Err(reason) => json!({ "error": reason }),
                    };
                    writeln!(out, "{line}")?;
                }
                return Ok(pieces.iter().all(Result::is_ok));
            }
            writeln!(out, "{}", json!({ "error": error.name() }))?;
            Ok(false)
        }
    }
}

fn split(
    format: &Format,
    selector: Selector<'_>,
    bytes: &[u8],
) -> Vec<Result<Map<String, Value>, &'static str>> {
    let mut pieces = Vec::new();
    let Some(framing) = format.framing(selector.model).filter(|_| selector.part == Part::Frame)
    else {
        return pieces;
    };
    let mut deframer: Deframer = Deframer::new(framing);
    let mut take = |piece: Piece<'_>| {
        pieces.push(match piece {
            Piece::Frame(frame) => decode(format, selector, frame).map_err(DecodeError::name),
            Piece::Refused { reason, .. } => Err(reason.name()),
        });
    };
    deframer.push(bytes, &mut take);
    deframer.idle(&mut take);
    pieces
}

fn decode(
    format: &Format,
    selector: Selector<'_>,
    bytes: &[u8],
) -> Result<Map<String, Value>, DecodeError> {
    let mut fields = Map::new();
    format.decode(bytes, selector, &mut |name: &'static str, value: Field<'_>| {
        fields.insert(name.to_owned(), json_of(value));
    })?;
    Ok(fields)
}

fn json_of(field: Field<'_>) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => flag.into(),
        Field::Integer(number) => number.into(),
        Field::Decimal(number) => {
            // The digits are exact; JSON readers get them as they stand.
            serde_json::from_str(&number.to_string()).unwrap_or(Value::Null)
        }
        Field::Text(text) => text.into(),
        Field::DateTime(time) => time.to_string().into(),
        Field::Strings(list) => list.to_vec().into(),
    }
}

/// Checks a file of vectors: a line for each, and a last line with the counts.
fn vectors(path: &Path, out: &mut dyn Write) -> Result<bool, DecodeFailure> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| DecodeFailure::Read { path: path.to_owned(), source })?;
    let vectors: Vec<Map<String, Value>> = serde_json::from_str(&text)
        .map_err(|source| DecodeFailure::Vectors { path: path.to_owned(), source })?;
    let (mut passed, mut failed) = (0_u64, 0_u64);
    for vector in &vectors {
        let line = check(vector);
        if line.get("ok") == Some(&Value::Bool(true)) {
            passed = passed.saturating_add(1);
        } else {
            failed = failed.saturating_add(1);
        }
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{}", json!({ "passed": passed, "failed": failed }))?;
    Ok(failed == 0)
}

/// One vector: it passes when every expected field is equal, or the error's name is.
fn check(vector: &Map<String, Value>) -> Value {
    let text = |key: &str| vector.get(key).and_then(Value::as_str);
    let id = vector.get("id").cloned().unwrap_or(Value::Null);
    let decoded = text("format").and_then(format).ok_or("unknown_format").and_then(|format| {
        let part = Part::from_name(text("part").unwrap_or("frame")).ok_or("unknown_part")?;
        let bytes = text("hex").and_then(unhex).ok_or("bad_hex")?;
        let selector = Selector { model: text("model"), part };
        decode(format, selector, &bytes).map_err(DecodeError::name)
    });
    let expected_error = text("expected_error");
    match decoded {
        Err(error) => {
            let ok = expected_error == Some(error);
            let mut line = json!({ "id": id, "ok": ok, "error": error });
            if !ok && let Some(line) = line.as_object_mut() {
                let wanted = vector.get("expected_error").or_else(|| vector.get("expected"));
                line.insert("mismatch".to_owned(), json!({ "expected": wanted }));
            }
            line
        }
        Ok(fields) => {
            let empty = Map::new();
            let expected = vector.get("expected").and_then(Value::as_object).unwrap_or(&empty);
            let mut mismatch = Map::new();
            for (name, wanted) in expected {
                let got = fields.get(name).unwrap_or(&Value::Null);
                if !(equal(wanted, got) && fields.contains_key(name)) {
                    mismatch.insert(name.clone(), json!({ "expected": wanted, "got": got }));
                }
            }
            if let Some(error) = expected_error {
                mismatch.insert("error".to_owned(), json!({ "expected": error }));
            }
            let ok = mismatch.is_empty();
            let mut line = json!({ "id": id, "ok": ok, "decoded": fields });
            if !ok && let Some(line) = line.as_object_mut() {
                line.insert("mismatch".to_owned(), Value::Object(mismatch));
            }
            line
        }
    }
}

/// Equal in value: numbers to 1e-9 relative, arrays whole and in order (DESIGN section 9).
fn equal(wanted: &Value, got: &Value) -> bool {
    const RELATIVE: f64 = 1e-9;
    match (wanted, got) {
        (Value::Number(wanted), Value::Number(got)) => {
            let (Some(wanted), Some(got)) = (wanted.as_f64(), got.as_f64()) else { return false };
            (wanted - got).abs() <= RELATIVE * wanted.abs().max(got.abs())
        }
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len()
                && wanted.iter().zip(got).all(|(wanted, got)| equal(wanted, got))
        }
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.len() == got.len()
                && wanted
                    .iter()
                    .all(|(name, wanted)| got.get(name).is_some_and(|got| equal(wanted, got)))
        }
        _ => wanted == got,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(text: &str) -> Value {
        check(serde_json::from_str::<Value>(text).unwrap().as_object().unwrap())
    }

    #[track_caller]
    fn check_ok(text: &str, expected: bool) {
        assert_eq!(vector(text).get("ok"), Some(&Value::Bool(expected)), "{text}");
    }

    #[test]
    fn a_vector_passes_on_equal_fields_or_on_the_same_error() {
        let glucose = r#""format":"sinocare-sn","hex":"534E1000040411040B101B2400360000CD18A2""#;
        check_ok(&format!(r#"{{"id":1,{glucose},"expected":{{"glucose_mmol_L":5.4}}}}"#), true);
        check_ok(&format!(r#"{{"id":1,{glucose},"expected":{{"glucose_mmol_L":5.5}}}}"#), false);
        check_ok(&format!(r#"{{"id":1,{glucose},"expected":{{"absent":null}}}}"#), false);
        check_ok(&format!(r#"{{"id":1,{glucose},"expected_error":"bad_checksum"}}"#), false);
        let wrong = r#""format":"sinocare-sn","hex":"534E1000040411040B101B2400360000CD18A3""#;
        check_ok(&format!(r#"{{"id":1,{wrong},"expected_error":"bad_checksum"}}"#), true);
        check_ok(&format!(r#"{{"id":1,{wrong},"expected_error":"bad_length"}}"#), false);
        check_ok(r#"{"id":1,"format":"no-such","hex":"00","expected":{}}"#, false);
    }

    #[test]
    fn arrays_are_equal_whole_and_in_order() {
        assert!(equal(&json!([1, "a"]), &json!([1.0, "a"])));
        assert!(!equal(&json!(["a", "b"]), &json!(["b", "a"])));
        assert!(!equal(&json!(["a"]), &json!(["a", "b"])));
    }
}
