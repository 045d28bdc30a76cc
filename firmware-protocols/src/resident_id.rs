//! `resident-id`: readers of resident identity cards with a SAM module (UART; 115200 baud when new).
//!
//! `AA AA AA 96 69`, length of all that follows (big-endian), three state bytes, body, exclusive or
//! of everything from the length on. A card that was read has state `00 00 90` and as body the
//! lengths of text and picture (big-endian), 256 bytes of text in UTF-16LE with fixed columns, and
//! the picture. Of the text only the number is told: nobody here needs a name, an address or a face.
//! Sources: the public descriptions of the module's serial protocol.

use crate::bytes::xor8;
use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::deframe::{Framing, Scan};
use crate::error::DecodeError;
use crate::measurement::Meaning;

/// `resident-id`.
pub const FORMAT: Format = Format {
    name: "resident-id",
    models: &[],
    parts: &[Part::Frame],
    decode,
    framing: Some(|_model| Framing { scan, intact }),
};

const HEADER: [u8; 5] = [0xAA, 0xAA, 0xAA, 0x96, 0x69];
/// Header and length.
const BEFORE_BODY: usize = 7;
/// State and checksum.
const LENGTH_LEAST: usize = 4;
/// Longest frame, in bytes: text, picture of 1024 and fingerprints of 1024 with their lengths
/// reach 2,321.
pub const FRAME_MAX: usize = 2560;
const STATE_READ: [u8; 3] = [0x00, 0x00, 0x90];
const TEXT_LENGTH: usize = 256;
/// Where the number begins in the text: behind name (30), sex (2), nationality (4), birth date (16)
/// and address (70).
const NUMBER_AT: usize = 122;
const NUMBER_DIGITS: usize = 18;

fn length(bytes: &[u8]) -> Option<usize> {
    let (high, low) = (bytes.get(5)?, bytes.get(6)?);
    Some(usize::from(u16::from_be_bytes([*high, *low])))
}

fn scan(bytes: &[u8]) -> Scan {
    let begins = bytes.iter().zip(HEADER).all(|(byte, expected)| *byte == expected);
    match length(bytes) {
        _ if !begins => Scan::NotHere,
        None => Scan::More,
        Some(length) if length < LENGTH_LEAST => Scan::NotHere,
        Some(length) => match length.saturating_add(BEFORE_BODY) {
            total if total > FRAME_MAX => Scan::NotHere,
            total => Scan::Length(total),
        },
    }
}

fn intact(frame: &[u8]) -> bool {
    let Some((sum, rest)) = frame.split_last() else { return false };
    rest.get(HEADER.len()..).is_some_and(|rest| xor8(rest) == *sum)
}

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    if bytes.len() < BEFORE_BODY.saturating_add(LENGTH_LEAST) {
        return Err(DecodeError::TooShort);
    }
    if !bytes.starts_with(&HEADER) {
        return Err(DecodeError::BadHeader);
    }
    if length(bytes) != bytes.len().checked_sub(BEFORE_BODY) {
        return Err(DecodeError::BadLength);
    }
    if !intact(bytes) {
        return Err(DecodeError::BadChecksum);
    }
    let body = bytes.get(BEFORE_BODY..bytes.len().saturating_sub(1)).unwrap_or_default();
    let Some(said) = body.strip_prefix(&STATE_READ) else {
        return Ok(Meaning::Event("reader_state"));
    };
    if said.len() < TEXT_LENGTH {
        // Answers to other commands: the module's number, its state.
        return Ok(Meaning::Event("reader_state"));
    }
    let number = number(said)?;
    let number = core::str::from_utf8(&number).map_err(|_not_ascii| DecodeError::BadFormat)?;
    out.field("card", Value::Text(number));
    Ok(Meaning::Event("card"))
}

/// The number on the card, of a body that begins with the lengths of its parts.
fn number(said: &[u8]) -> Result<[u8; NUMBER_DIGITS], DecodeError> {
    let (text_length, rest) = said.split_first_chunk::<2>().ok_or(DecodeError::Truncated)?;
    if usize::from(u16::from_be_bytes(*text_length)) != TEXT_LENGTH {
        return Err(DecodeError::BadFormat);
    }
    // With fingerprints there are three lengths, else two; the parts fill the body.
    let (picture_length, rest) = rest.split_first_chunk::<2>().ok_or(DecodeError::Truncated)?;
    let parts = TEXT_LENGTH.saturating_add(usize::from(u16::from_be_bytes(*picture_length)));
    let text = match rest.split_first_chunk::<2>() {
        _ if rest.len() == parts => rest,
        Some((more, rest))
            if rest.len() == parts.saturating_add(usize::from(u16::from_be_bytes(*more))) =>
        {
            rest
        }
        Some(_) | None => return Err(DecodeError::BadLength),
    };
    let mut number = [0; NUMBER_DIGITS];
    let letters = text.get(NUMBER_AT..).unwrap_or_default().chunks_exact(2);
    for (place, letter) in number.iter_mut().zip(letters) {
        match letter {
            [digit @ (b'0'..=b'9' | b'X' | b'x'), 0] => *place = digit.to_ascii_uppercase(),
            _ => return Err(DecodeError::BadFormat),
        }
    }
    Ok(number)
}
