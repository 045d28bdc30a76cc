//! What an answer says, once it is known to be the gateway above's, and an answer to this question.

use super::line::LineError;
use crate::{
    domain::BoxId,
    intake::NotCommitted,
    store::StoreError,
    uplink::{
        PublicKey,
        batch::{Code, EnvelopeError, Message, Nonce, Sealed, split},
    },
};

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The gateway above took nothing.
    #[error("the gateway above refuses: {code}")]
    Refused {
        /// Why.
        code: Code,
        /// When it wishes to be asked again, in seconds.
        wait: u32,
    },
    /// What came is not from the gateway above.
    #[error("an answer that is not believed: {0}")]
    Unbelieved(#[from] EnvelopeError),
    /// What came answers another question, or says nothing that was asked.
    #[error("an answer to another question")]
    Stale,
    /// It is this gateway itself, or speaks under its name.
    #[error("the gateway above has this gateway's own name")]
    OwnName,
    /// Our own store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our own disk.
    #[error("what was sent could not be kept")]
    File(#[from] std::io::Error),
    /// Our own writer takes nothing.
    #[error(transparent)]
    NotCommitted(#[from] NotCommitted),
}

impl Trouble {
    /// The refusal that somebody must look at.
    pub(super) const fn alarm(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } if code.alarms() => Some(*code),
            Self::Unbelieved(error) => Some(error.code),
            Self::OwnName => Some(Code::AnotherBox),
            Self::Line(LineError::Withdrawn) => Some(Code::Revoked),
            Self::Refused { .. }
            | Self::Line(_)
            | Self::Stale
            | Self::Store(_)
            | Self::File(_)
            | Self::NotCommitted(_) => None,
        }
    }
}

/// Reads an answer.
pub(super) fn read(
    train: &[u8],
    (above, us, nonce): (&PublicKey, &BoxId, Nonce),
) -> Result<Vec<Message>, Trouble> {
    let mut answers = Vec::new();
    for bytes in split(train)? {
        let sealed = Sealed::read(bytes)?;
        sealed.verify(above)?;
        let message = Message::open(&sealed)?;
        let told = message.told();
        if told.nonce != nonce || !is_for(&message, us) {
            return Err(Trouble::Stale);
        }
        if told.by == *us {
            return Err(Trouble::OwnName);
        }
        if let Message::Refused(refusal) = &message {
            return Err(Trouble::Refused { code: refusal.code, wait: refusal.wait });
        }
        answers.push(message);
    }
    if answers.is_empty() { Err(Trouble::Stale) } else { Ok(answers) }
}

fn is_for(message: &Message, us: &BoxId) -> bool {
    match message {
        Message::Watermark(stated) => stated.of == *us,
        Message::Refused(refusal) => refusal.of.as_ref().is_none_or(|of| of == us),
        Message::Roster(part) => part.of == *us,
        Message::Receipted(said) => said.of == *us,
        Message::Certified(answer) => answer.of == *us,
        // Whoever asked is told by the question that it answers.
        Message::Batch(_) => true,
        Message::Hello(_) | Message::Express(_) | Message::Receipts(_) | Message::Renew(_) => false,
    }
}
