//! The one-time code of a box, as it is printed above and said below.
//!
//! ```text
//! xz1 . the box . 22 letters: 128 random bits . 38 letters: what the gateway above is known by
//! ```
//!
//! The last part holds the pin of its TLS key and the mark of the key with which it signs, so that a box
//! needs neither a clock nor anybody else's word to know whom it talks to.

use std::{fmt, io, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};

use super::certificate::Pin;
use crate::{
    domain::{BoxId, Millis},
    secrets::Secret,
    uplink::PublicKey,
};

/// A code works so long, unless it is said otherwise (ATTACKS 2.3).
pub const CODE_HOURS: i64 = 24;

/// Longest time that a code may be made for: a delivery of boxes is on its way for a week.
pub const CODE_MAX: Millis = Millis::days(14);

/// The version of codes.
const VERSION: &str = "xz1";

/// Bytes of the random part: 128 bits, where 80 are asked for.
const SECRET_BYTES: usize = 16;

/// Bytes of the mark of the signing key: 96 bits.
const MARK_BYTES: usize = 12;

/// What is kept of a code; another version of it would be another code.
const CONTEXT: &str = "xunzhen enrolment code 1";

/// A one-time code.
#[derive(Clone)]
pub struct Code {
    /// The box that it opens.
    pub name: BoxId,
    /// What only the code says.
    pub secret: Secret<[u8; SECRET_BYTES]>,
    /// What the gateway above shows in TLS.
    pub pin: Pin,
    mark: [u8; MARK_BYTES],
}

/// Without the secret.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no code: expected xz1.BOX.…, as `enrol code` printed it / 注册码格式不正确")]
pub struct NoCode;

impl Code {
    /// A new code for a box.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn random(name: BoxId, pin: Pin, above: &PublicKey) -> io::Result<Self> {
        let mut secret = [0; SECRET_BYTES];
        let made = SystemRandom::new().fill(&mut secret);
        made.map_err(|_none| io::Error::other("the system gives no randomness"))?;
        Ok(Self { name, secret: Secret::new(secret), pin, mark: mark(above) })
    }

    /// As it is printed, once.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        let secret = URL_SAFE_NO_PAD.encode(self.secret.expose());
        let known = URL_SAFE_NO_PAD.encode([self.pin.as_bytes().as_slice(), &self.mark].concat());
        Secret::new(format!("{VERSION}.{}.{secret}.{known}", self.name))
    }

    /// Whether this key is the one with which the gateway above signs.
    #[must_use]
    pub fn is_of(&self, above: &PublicKey) -> bool {
        mark(above) == self.mark
    }
}

impl FromStr for Code {
    type Err = NoCode;

    fn from_str(text: &str) -> Result<Self, NoCode> {
        let rest = text.trim().strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('.'));
        // The name of a box may have dots.
        let (rest, known) = rest.and_then(|rest| rest.rsplit_once('.')).ok_or(NoCode)?;
        let (name, secret) = rest.rsplit_once('.').ok_or(NoCode)?;
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_invalid| NoCode);
        let secret = bytes(secret)?.try_into().map_err(|_other_length| NoCode)?;
        let known = bytes(known)?;
        let (pin, mark) = known.split_first_chunk().ok_or(NoCode)?;
        Ok(Self {
            name: BoxId::new(name).map_err(|_invalid| NoCode)?,
            secret: Secret::new(secret),
            pin: Pin::from_bytes(*pin),
            mark: mark.try_into().map_err(|_other_length| NoCode)?,
        })
    }
}

/// What is kept of a code.
#[must_use]
pub fn kept(name: &BoxId, secret: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(name.as_str().as_bytes()).update(b"\n").update(secret);
    hasher.finalize()
}

fn mark(key: &PublicKey) -> [u8; MARK_BYTES] {
    let hash = blake3::hash(key.as_bytes());
    let mut mark = [0; MARK_BYTES];
    for (to, from) in mark.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    mark
}
