//! Lines as the bytes of an ESC/POS printer, and what its status bytes say.
//!
//! Commands, as lists and drivers state them that quote Epson's ESC/POS reference (its pages dle_eot and fs_cw
//! among them); nobody has tried them on a printer yet. ESC @ 1B 40 (initialise), FS & 1C 26 (Chinese signs on), GS ! n
//! 1D 21 n (size: bits 4-6 width, bits 0-2 height), FS W n 1C 57 n (Chinese signs twice as large: older ones mind
//! GS ! for ASCII alone), ESC d n 1B 64 n (print and feed), DLE EOT n 10 04 n (status, answered at once: 12 where all is
//! well, 60 on top of it at the end of the roll).
//!
//! **Signs.** GB18030 is sent in its one-byte and two-byte forms alone. Its four-byte forms are in the fonts of few such
//! printers; one that does not know them takes them for two other signs, and a wrong sign in a name is
//! somebody else's name. Such a sign is printed as its reading in brackets, `[yan]`, as banks and hospitals fill it in, or by its
//! number, `[U+20BB7]`; the person's number stands beside the name. A raster would need a font of 20 MB on every van.

use std::fmt::Write as _;

use encoding_rs::GB18030;

use super::Line;
use crate::domain::reading_of;

const ESC: u8 = 0x1b;
const FS: u8 = 0x1c;
const GS: u8 = 0x1d;
const DLE: u8 = 0x10;
const EOT: u8 = 0x04;

/// Twice as wide and twice as high.
const LARGE: u8 = 0x11;

/// Lines fed at the end, so that the last one passes the edge to tear at: some 17 mm.
const FEED: u8 = 4;

/// Asks for the state of the roll of paper.
pub const ASK_PAPER: [u8; 3] = [DLE, EOT, 4];
/// Asks why the printer is off line.
pub const ASK_OFFLINE: [u8; 3] = [DLE, EOT, 2];

/// What a status says of the printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It can print.
    Ready,
    /// There is no paper.
    NoPaper,
    /// Its cover is open.
    CoverOpen,
    /// It reports an error.
    Fault,
}

/// Whether a byte can be a status: bits 0 and 7 are off, bits 1 and 4 on, in every answer to DLE EOT.
const fn is_status(byte: u8) -> bool {
    byte & 0b1001_0011 == 0b0001_0010
}

/// Reads an answer to [`ASK_PAPER`]: bits 5 and 6 tell of the end of the roll.
#[must_use]
pub const fn paper(byte: u8) -> Option<Status> {
    if !is_status(byte) {
        return None;
    }
    Some(if byte & 0b0110_0000 == 0 { Status::Ready } else { Status::NoPaper })
}

/// Reads an answer to [`ASK_OFFLINE`]: bit 2 the cover, bit 5 the end of paper, bit 6 an error.
#[must_use]
pub const fn offline(byte: u8) -> Option<Status> {
    if !is_status(byte) {
        return None;
    }
    Some(match byte {
        byte if byte & 0b0010_0000 != 0 => Status::NoPaper,
        byte if byte & 0b0000_0100 != 0 => Status::CoverOpen,
        byte if byte & 0b0100_0000 != 0 => Status::Fault,
        _ => Status::Ready,
    })
}

/// The text with everything that the printer's font may lack described; lines must be folded after this.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    for sign in text.chars() {
        if sign.is_control() {
            said.push(' ');
        } else if two_bytes(sign).is_some() || sign.is_ascii() {
            said.push(sign);
        } else {
            describe(sign, &mut said);
        }
    }
    said
}

fn describe(sign: char, said: &mut String) {
    let written = match reading_of(sign) {
        Some(reading) => write!(said, "[{reading}]"),
        None => write!(said, "[U+{:04X}]", u32::from(sign)),
    };
    debug_assert!(written.is_ok(), "a text took no more");
}

/// The two bytes of a sign that such printers have: in the two-byte part of GB18030, outside the areas
/// that everybody may fill as they like.
fn two_bytes(sign: char) -> Option<[u8; 2]> {
    if matches!(sign, '\u{e000}'..='\u{f8ff}') {
        return None;
    }
    let mut buffer = [0; 4];
    let (bytes, _, unmappable) = GB18030.encode(sign.encode_utf8(&mut buffer));
    if unmappable {
        return None;
    }
    <[u8; 2]>::try_from(bytes.as_ref()).ok()
}

/// The bytes of a slip. What no font has was described before (`printable`); what is left of it is a
/// question mark, never another sign.
#[must_use]
pub fn bytes(lines: &[Line]) -> Vec<u8> {
    let mut out = vec![ESC, b'@', FS, b'&'];
    let mut large = false;
    for line in lines {
        if line.large != large {
            large = line.large;
            let size = if large { LARGE } else { 0 };
            out.extend([GS, b'!', size, FS, b'W', u8::from(large)]);
        }
        for sign in line.text.chars() {
            match (u8::try_from(sign), two_bytes(sign)) {
                (Ok(ascii @ 0x20..=0x7e), _) => out.push(ascii),
                (_, Some(two)) => out.extend(two),
                _ => out.push(b'?'),
            }
        }
        out.push(b'\n');
    }
    out.extend([GS, b'!', 0, FS, b'W', 0, ESC, b'd', FEED]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(printable(text), expected);
        let line = Line { text: printable(text), large: false };
        let all = bytes(&[line]);
        let said = &all[4..all.len() - 10];
        let (back, _, wrong) = GB18030.decode(said);
        assert!(!wrong && back == expected, "{back} for {expected}");
        assert!(
            !said
                .windows(4)
                .any(|four| four[0] >= 0x81 && four[1].is_ascii_digit() && four[2] >= 0x81)
        );
    }

    #[test]
    fn common_signs_are_sent_and_rare_ones_are_described() {
        check("王桂芳 182/96", "王桂芳 182/96");
        check("朱镕基，陈囍", "朱镕基，陈囍");
        // U+20BB7 and U+3479 have four bytes; one of them has a reading.
        check("𠮷野家", &format!("{}野家", printable("𠮷")));
        assert!(printable("𠮷").starts_with('[') && printable("𠮷").is_ascii());
        // Whoever may fill an area as they like fills it with something else.
        check("\u{e863}\u{e000}", "[yan][U+E000]");
        check("😀", "[U+1F600]");
        check("é", "é");
        check("a\u{1b}@\u{7}b", "a @ b");
    }

    #[test]
    fn every_sign_is_sent_as_itself_or_described_and_none_in_four_bytes() {
        for number in 0x20..0x30000_u32 {
            let Some(sign) = char::from_u32(number) else { continue };
            let said = printable(&sign.to_string());
            let line = Line { text: said.clone(), large: false };
            let all = bytes(&[line]);
            let (back, _, _) = GB18030.decode(&all[4..all.len() - 10]);
            assert_eq!(back, said, "U+{number:04X}");
            assert!(said.is_ascii() || said.chars().eq([sign]), "U+{number:04X} is {said}");
        }
    }

    #[test]
    fn large_lines_begin_and_end_their_size() {
        let line = |text: &str, large| Line { text: text.to_owned(), large };
        let all = bytes(&[line("a", false), line("b", true), line("c", false)]);
        assert_eq!(
            all,
            [
                &[0x1b, 0x40, 0x1c, 0x26][..],
                b"a\n",
                &[0x1d, 0x21, 0x11, 0x1c, 0x57, 1],
                b"b\n",
                &[0x1d, 0x21, 0, 0x1c, 0x57, 0],
                b"c\n",
                &[0x1d, 0x21, 0, 0x1c, 0x57, 0, 0x1b, 0x64, 4],
            ]
            .concat()
        );
    }

    #[test]
    fn status_bytes_are_read_and_anything_else_is_no_status() {
        assert_eq!(paper(0x12), Some(Status::Ready));
        assert_eq!(paper(0x1e), Some(Status::Ready), "near the end");
        assert_eq!(paper(0x72), Some(Status::NoPaper));
        assert_eq!(offline(0x12), Some(Status::Ready));
        assert_eq!(offline(0x16), Some(Status::CoverOpen));
        assert_eq!(offline(0x32), Some(Status::NoPaper));
        assert_eq!(offline(0x52), Some(Status::Fault));
        for noise in [0x00, 0xff, 0x13, 0x92, b'A'] {
            assert_eq!((paper(noise), offline(noise)), (None, None), "{noise:#x}");
        }
    }
}
