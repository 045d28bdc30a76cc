//! A 58 mm printer on a pseudo terminal: it takes ESC/POS bytes, keeps what would be on paper as text,
//! and answers for its paper.
//!
//! Its font is that of a cheap one: ASCII and the two-byte signs. Four bytes of GB18030 are to it what
//! they are to such a printer: other signs.

use std::{
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use encoding_rs::GBK;

use crate::pty::PtyLine;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The roll is at its end.
    NoPaper,
    /// The roll ends after so many more lines.
    EndsAfter(usize),
    /// Its cover is open.
    CoverOpen,
    /// The line has no way back.
    Mute,
}

#[derive(Debug)]
struct State {
    fault: Fault,
    /// Bytes of a command or a sign that is not whole yet.
    rest: Vec<u8>,
    line: String,
    large: bool,
    paper: Vec<(String, bool)>,
}

/// A printer and its paper.
#[derive(Debug)]
pub struct PaperRoll {
    line: PtyLine,
    state: Mutex<State>,
}

/// What the first bytes are.
enum Piece {
    /// Not all of it is here.
    Part,
    /// A command of so many bytes.
    Command(usize),
    /// A sign of so many bytes.
    Sign(usize),
}

impl PaperRoll {
    /// A printer whose line is found under a path.
    ///
    /// # Errors
    /// What the system said.
    pub fn plug(link: &Path) -> io::Result<Self> {
        let (line, paper) = (String::new(), Vec::new());
        let state = State { fault: Fault::None, rest: Vec::new(), line, large: false, paper };
        Ok(Self { line: PtyLine::plug(link)?, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something goes wrong with it, or right again.
    pub fn become_(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// What is on paper, line by line, and whether it is large.
    #[must_use]
    pub fn lines(&self) -> Vec<(String, bool)> {
        self.state().paper.clone()
    }

    /// Prints and answers for as long as it is polled.
    ///
    /// # Errors
    /// What the system said of the line.
    pub async fn run(&self) -> io::Result<()> {
        let mut buffer = [0; 256];
        loop {
            let count = self.line.receive(&mut buffer).await?;
            let answers = self.state().take(buffer.get(..count).unwrap_or_default());
            if !answers.is_empty() {
                self.line.send(&answers).await?;
            }
        }
    }
}

impl State {
    /// Takes bytes; what it answers.
    fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.rest.extend(bytes);
        let mut answers = Vec::new();
        loop {
            let length = match piece(&self.rest) {
                Piece::Part => return answers,
                Piece::Command(length) | Piece::Sign(length) => length,
            };
            let command = matches!(piece(&self.rest), Piece::Command(_));
            let rest = self.rest.split_off(length);
            let piece = std::mem::replace(&mut self.rest, rest);
            if command {
                answers.extend(self.obey(&piece));
            } else {
                let (text, _, _) = GBK.decode(&piece);
                self.line.push_str(&text);
            }
        }
    }

    fn obey(&mut self, command: &[u8]) -> Option<u8> {
        match command {
            [0x1b, b'@'] => (self.large, self.line) = (false, String::new()),
            [0x1d, b'!', size] => self.large = *size != 0,
            [b'\n'] => self.feed(),
            [0x10, 0x04, what] if self.fault != Fault::Mute => return Some(self.status(*what)),
            _ => {}
        }
        None
    }

    fn feed(&mut self) {
        let text = std::mem::take(&mut self.line);
        match &mut self.fault {
            Fault::NoPaper | Fault::CoverOpen => return,
            Fault::EndsAfter(0) => {
                self.fault = Fault::NoPaper;
                return;
            }
            Fault::EndsAfter(left) => *left = left.saturating_sub(1),
            Fault::None | Fault::Mute => {}
        }
        self.paper.push((text, self.large));
    }

    fn status(&self, what: u8) -> u8 {
        const FIXED: u8 = 0x12;
        match (what, self.fault) {
            (4, Fault::NoPaper) => FIXED | 0x60,
            (2, Fault::NoPaper) => FIXED | 0x20,
            (2, Fault::CoverOpen) => FIXED | 0x04,
            _ => FIXED,
        }
    }
}

fn piece(bytes: &[u8]) -> Piece {
    let length = match bytes {
        [] | [0x1b..=0x1d] | [0x10] | [0x81..=0xfe] => return Piece::Part,
        [0x1b, b'@', ..] | [0x1c, b'&' | b'.', ..] => 2,
        [0x1b, b'd', ..] | [0x1d, b'!', ..] | [0x1c, b'W', ..] | [0x10, 0x04, ..] => 3,
        [b'\n' | 0x00..=0x1f, ..] => 1,
        [0x81..=0xfe, _, ..] => return Piece::Sign(2),
        [_, ..] => return Piece::Sign(1),
    };
    if bytes.len() < length { Piece::Part } else { Piece::Command(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &[(&str, bool)]) {
        for cut in 0..=bytes.len() {
            let folder = tempfile::tempdir().unwrap();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let printer =
                runtime.block_on(async { PaperRoll::plug(&folder.path().join("p")) }).unwrap();
            let (first, rest) = bytes.split_at(cut);
            printer.state().take(first);
            printer.state().take(rest);
            let lines = printer.lines();
            let told: Vec<_> = lines.iter().map(|(text, large)| (text.as_str(), *large)).collect();
            assert_eq!(told, expected, "cut at {cut}");
        }
    }

    #[test]
    fn commands_and_signs_may_be_cut_anywhere() {
        check(
            b"\x1b@\x1c&ab\n\x1d!\x11\xcd\xf5c\n\x1d!\x00d\n\x1bd\x04",
            &[("ab", false), ("王c", true), ("d", false)],
        );
    }

    #[test]
    fn four_bytes_are_other_signs_as_on_a_cheap_printer() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let printer =
            runtime.block_on(async { PaperRoll::plug(&folder.path().join("p")) }).unwrap();
        printer.state().take(b"\x95\x34\xb3\x37\n");
        assert_ne!(printer.lines(), [("𠮷".to_owned(), false)]);
    }
}
