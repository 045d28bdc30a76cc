//! The text of a file: UTF-8, with or without a mark, or GB18030, as Chinese spreadsheets save where
//! nobody asks for UTF-8. A file is read twice from disk and never held in memory: once to tell what
//! it is, once for its text. What is neither, or both, is refused with its line; nothing is guessed.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use encoding_rs::{Decoder, DecoderResult, GB18030};
use indicatif::ProgressBar;

use super::Failure;

/// Bytes of a file that are looked at in one go.
const BLOCK: usize = 64 * 1024;

/// The byte-order mark by which a file says that it is UTF-8.
const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Of so many lines in GB18030 one may look like UTF-8 by chance; where more do, the file is of both.
/// Three-byte letters of UTF-8 are rare pairs in GB18030, and a whole line of them rarer.
const BY_CHANCE: u64 = 1000;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Behind a mark of so many bytes.
    Utf8(u64),
    /// Two and four bytes a letter.
    Gb18030,
}

/// What one reading of a file tells.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) encoding: Encoding,
    /// BLAKE3 of its bytes.
    pub(super) digest: String,
}

/// Reads a file to its end.
pub(super) fn look(file: &mut File) -> Result<Looked, Failure> {
    let (mut hasher, mut lines, mut pairs) = (blake3::Hasher::new(), Lines::new(), Pairs::new());
    let (mut block, mut first) = (vec![0; BLOCK], true);
    let mut marked = false;
    loop {
        let read = file.read(&mut block)?;
        let bytes = block.get(..read).unwrap_or_default();
        if read == 0 {
            break;
        }
        if first {
            marked = bytes.starts_with(&MARK);
            first = false;
        }
        hasher.update(bytes);
        lines.see(bytes);
        pairs.see(bytes, false);
    }
    lines.end();
    pairs.see(&[], true);
    let encoding = judge(marked, &lines, &pairs)?;
    Ok(Looked { encoding, digest: hasher.finalize().to_hex().to_string() })
}

fn judge(marked: bool, lines: &Lines, pairs: &Pairs) -> Result<Encoding, Failure> {
    let mark = if marked { 3 } else { 0 };
    let Some(line) = lines.first_other else { return Ok(Encoding::Utf8(mark)) };
    let refused = |text: String| Err(Failure::Failed(text));
    if marked {
        return refused(format!(
            "line {line} is not UTF-8, although the file is marked as UTF-8: save it again as UTF-8 \
             / 文件标记为UTF-8，但第{line}行不是：请另存为UTF-8"
        ));
    }
    if let Some(wide) = lines.first_wide.filter(|_| lines.mixed()) {
        return refused(format!(
            "line {wide} is UTF-8 and line {line} is not: save the whole file as UTF-8 \
             / 第{wide}行是UTF-8，第{line}行不是：请将整个文件另存为UTF-8"
        ));
    }
    if let Some(line) = pairs.broken {
        return refused(format!(
            "the file is neither UTF-8 nor GB18030 in line {line}: save it as UTF-8 \
             / 第{line}行编码无法识别：请另存为UTF-8"
        ));
    }
    Ok(Encoding::Gb18030)
}

/// Which lines of a file are UTF-8.
#[derive(Debug)]
struct Lines {
    line: u64,
    /// The beginning of a letter at the end of the last block.
    begun: Vec<u8>,
    /// The line holds letters of three or four bytes.
    is_wide: bool,
    is_other: bool,
    wide: u64,
    other: u64,
    first_wide: Option<u64>,
    first_other: Option<u64>,
}

impl Lines {
    fn new() -> Self {
        Self {
            line: 1,
            begun: Vec::new(),
            is_wide: false,
            is_other: false,
            wide: 0,
            other: 0,
            first_wide: None,
            first_other: None,
        }
    }

    fn see(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.piece(piece);
            if piece.ends_with(b"\n") {
                self.end();
                self.line = self.line.saturating_add(1);
            }
        }
    }

    fn piece(&mut self, piece: &[u8]) {
        if self.is_other || (self.begun.is_empty() && piece.is_ascii()) {
            return;
        }
        let mut whole = std::mem::take(&mut self.begun);
        whole.extend_from_slice(piece);
        self.is_wide |= whole.iter().any(|byte| *byte >= 0xE0);
        match std::str::from_utf8(&whole) {
            Ok(_) => {}
            Err(error) if error.error_len().is_some() => self.is_other = true,
            Err(error) => self.begun = whole.split_off(error.valid_up_to()),
        }
    }

    fn end(&mut self) {
        self.is_other |= !self.begun.is_empty();
        self.begun.clear();
        if self.is_other {
            self.other = self.other.saturating_add(1);
            self.first_other.get_or_insert(self.line);
        } else if self.is_wide {
            self.wide = self.wide.saturating_add(1);
            self.first_wide.get_or_insert(self.line);
        }
        (self.is_other, self.is_wide) = (false, false);
    }

    const fn mixed(&self) -> bool {
        self.wide.saturating_mul(BY_CHANCE) >= self.other
    }
}

/// Whether a file is GB18030, and where it is not.
struct Pairs {
    decoder: Decoder,
    line: u64,
    broken: Option<u64>,
    text: Vec<u8>,
}

impl Pairs {
    fn new() -> Self {
        let decoder = GB18030.new_decoder_without_bom_handling();
        Self { decoder, line: 1, broken: None, text: Vec::new() }
    }

    fn see(&mut self, bytes: &[u8], last: bool) {
        if self.broken.is_some() {
            return;
        }
        self.text.clear();
        if decode(&mut self.decoder, bytes, last, &mut self.text) {
            let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
            self.line = self.line.saturating_add(u64::try_from(ends).unwrap_or(u64::MAX));
        } else {
            // What was decoded before the fault says in which line it stands.
            let ends = self.text.iter().filter(|byte| **byte == b'\n').count();
            let ends = u64::try_from(ends).unwrap_or(u64::MAX);
            self.broken = Some(self.line.saturating_add(ends));
        }
    }
}

/// Decodes bytes behind a text; says whether they are GB18030.
fn decode(decoder: &mut Decoder, bytes: &[u8], last: bool, text: &mut Vec<u8>) -> bool {
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let begin = text.len();
    text.resize(begin.saturating_add(room.unwrap_or_default()), 0);
    let free = text.get_mut(begin..).unwrap_or_default();
    let (result, _, written) = decoder.decode_to_utf8_without_replacement(bytes, free, last);
    text.truncate(begin.saturating_add(written));
    matches!(result, DecoderResult::InputEmpty)
}

/// The text of a file as UTF-8, from any place of it on. A place is counted in bytes of the text.
pub(super) struct Text {
    file: File,
    bar: ProgressBar,
    encoding: Encoding,
    decoder: Decoder,
    block: Vec<u8>,
    /// Text that was decoded, and how much of it was read.
    decoded: Vec<u8>,
    taken: usize,
    /// Where the next byte stands.
    at: u64,
    ended: bool,
}

impl Text {
    /// From the beginning.
    pub(super) fn new(file: File, encoding: Encoding, bar: ProgressBar) -> io::Result<Self> {
        let mut text = Self {
            file,
            bar,
            encoding,
            decoder: GB18030.new_decoder_without_bom_handling(),
            block: vec![0; BLOCK],
            decoded: Vec::new(),
            taken: 0,
            at: 0,
            ended: false,
        };
        text.rewind_to(0)?;
        Ok(text)
    }

    fn rewind_to(&mut self, bytes: u64) -> io::Result<()> {
        let mark = if let Encoding::Utf8(mark) = self.encoding { mark } else { 0 };
        let place = self.file.seek(SeekFrom::Start(mark.saturating_add(bytes)))?;
        self.bar.set_position(place);
        self.decoder = GB18030.new_decoder_without_bom_handling();
        self.decoded.clear();
        (self.taken, self.at, self.ended) = (0, bytes, false);
        Ok(())
    }

    fn refill(&mut self) -> io::Result<()> {
        self.decoded.clear();
        self.taken = 0;
        while self.decoded.is_empty() && !self.ended {
            let read = self.file.read(&mut self.block)?;
            self.bar.inc(u64::try_from(read).unwrap_or_default());
            self.ended = read == 0;
            let bytes = self.block.get(..read).unwrap_or_default();
            if !decode(&mut self.decoder, bytes, self.ended, &mut self.decoded) {
                let changed = "the file changed while it was read";
                return Err(io::Error::new(io::ErrorKind::InvalidData, changed));
            }
        }
        Ok(())
    }
}

impl Read for Text {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = if self.encoding == Encoding::Gb18030 {
            if self.taken >= self.decoded.len() {
                self.refill()?;
            }
            let mut rest = self.decoded.get(self.taken..).unwrap_or_default();
            let read = rest.read(to)?;
            self.taken = self.taken.saturating_add(read);
            read
        } else {
            let read = self.file.read(to)?;
            self.bar.inc(u64::try_from(read).unwrap_or_default());
            read
        };
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or_default());
        Ok(read)
    }
}

impl Seek for Text {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => place,
            SeekFrom::Current(0) => return Ok(self.at),
            SeekFrom::Current(_) | SeekFrom::End(_) => {
                return Err(io::ErrorKind::Unsupported.into());
            }
        };
        if self.encoding != Encoding::Gb18030 {
            self.rewind_to(place)?;
            return Ok(place);
        }
        if place < self.at {
            self.rewind_to(0)?;
        }
        let passed = place.saturating_sub(self.at);
        let passed = io::copy(&mut self.by_ref().take(passed), &mut io::sink())?;
        if self.at == place { Ok(place) } else { Err(short(passed)) }
    }
}

fn short(passed: u64) -> io::Error {
    let what = format!("the file ends {passed} bytes on");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}
