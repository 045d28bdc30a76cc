//! `card-line`: readers that type, one line a card: barcode and QR scanners, NFC readers in
//! keyboard-serial mode.
//!
//! A line is text and ends in carriage return, line feed or both. Control characters and blanks
//! around the text (STX and ETX of some NFC readers) belong to the reader and are left out; anything
//! between is the card's own, exactly as typed. There is no checksum.

use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::deframe::{Framing, Scan};
use crate::error::DecodeError;
use crate::measurement::Meaning;

/// `card-line`.
pub const FORMAT: Format = Format {
    name: "card-line",
    models: &[],
    parts: &[Part::Frame],
    decode,
    framing: Some(|_model| Framing { scan, intact }),
};

/// Longest line, its end included: a QR code of a health card has 300 characters at most. Ours.
const LINE_MAX: usize = 400;

const fn ends(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn scan(bytes: &[u8]) -> Scan {
    // Asked with every byte that comes: an end can only be the last one.
    match bytes.last() {
        Some(last) if ends(*last) => Scan::Length(bytes.len()),
        Some(_) | None if bytes.len() > LINE_MAX => Scan::NotHere,
        Some(_) | None => Scan::More,
    }
}

/// Nothing in a line proves it; [`decode`] says what is no text.
const fn intact(_line: &[u8]) -> bool {
    true
}

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let Some((last, text)) = bytes.split_last() else { return Err(DecodeError::TooShort) };
    if !ends(*last) {
        return Err(DecodeError::BadTerminator);
    }
    let text = core::str::from_utf8(text).map_err(|_not_utf8| DecodeError::BadFormat)?;
    let card = text.trim_matches(|letter: char| letter.is_control() || letter == ' ');
    if card.chars().any(char::is_control) {
        return Err(DecodeError::BadFormat);
    }
    if card.is_empty() {
        // The second character of an end of two.
        return Ok(Meaning::Event("line_end"));
    }
    out.field("card", Value::Text(card));
    Ok(Meaning::Event("card"))
}
