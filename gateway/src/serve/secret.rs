//! Random texts that open something. Only their hashes are kept.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};

/// So many random bytes.
///
/// The system's source of randomness fails only while a machine starts; a secret that is not random
/// must never exist, so the caller learns of it.
pub(super) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_unspecified| NoRandomness)?;
    Ok(bytes)
}

/// A random text of 256 bits.
pub(super) fn text() -> Result<String, NoRandomness> {
    random::<32>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// The system gives no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// What is kept of a secret.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}
