//! What our own answer says, for whoever carries it in words of its own.

use super::{
    envelope::{Sealed, split},
    message::{Message, REFUSED},
    refused::Code,
};

/// The code of an answer that is a refusal. Nothing is checked: it is of our own making.
#[must_use]
pub fn refusal_of(answer: &[u8]) -> Option<Code> {
    let parts = split(answer).ok()?;
    let sealed = Sealed::read(parts.first()?).ok()?;
    // Only a refusal is opened: a batch would have to be unpacked.
    let opened = (sealed.kind == REFUSED).then(|| Message::open(&sealed).ok()).flatten()?;
    if let Message::Refused(refusal) = opened { Some(refusal.code) } else { None }
}
