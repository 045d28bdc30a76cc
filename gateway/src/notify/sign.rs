//! Standard Webhooks: the receiver can check that a message is ours, whole, and recent.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

use crate::domain::Timestamp;

/// Marks a secret that is written as base64 (Standard Webhooks, "Signature scheme").
const SECRET_PREFIX: &str = "whsec_";

/// A receiver's signing key. Never shown.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a registered secret cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing is registered.
    #[error("webhook_secret is empty")]
    Empty,
    /// What follows `whsec_` is not base64.
    #[error("webhook_secret after whsec_ is not base64")]
    NotBase64,
}

impl Secret {
    /// A secret as the registry has it: `whsec_` and base64, or any other text as it stands.
    ///
    /// # Errors
    /// [`SecretError`] when no key can be made of it.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = match text.strip_prefix(SECRET_PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_error| SecretError::NotBase64)?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature` over id, time of the attempt, and body.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id, ".", timestamp, ".", body] {
            context.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// The value of `webhook-timestamp`: whole seconds since 1970.
#[must_use]
pub fn timestamp(at: Timestamp) -> String {
    at.as_millis().div_euclid(1000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// python3 -c 'import hmac,hashlib,base64; k=BYTES
    ///   m=b"msg_1.1772406600."+"{\"level_zh\":\"红色\"}".encode()
    ///   print("v1,"+base64.b64encode(hmac.new(k,m,hashlib.sha256).digest()).decode())'
    #[track_caller]
    fn check(secret: &str, expected: Result<&str, SecretError>) {
        let signed = Secret::parse(secret)
            .map(|secret| secret.sign("msg_1", "1772406600", "{\"level_zh\":\"红色\"}"));
        assert_eq!(signed.as_deref().map_err(|error| *error), expected);
    }

    #[test]
    fn a_secret_in_base64_signs_with_its_bytes() {
        // BYTES = bytes(range(32)); the text is "whsec_" + base64.b64encode(BYTES).
        check(
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            Ok("v1,ciOypdcR4V9ej/ieFvErwqNSou7NCgse0eU9a5n54sQ="),
        );
    }

    #[test]
    fn any_other_text_signs_as_it_stands() {
        // BYTES = "村医 DR1".encode().
        check("村医 DR1", Ok("v1,RMsQEDjIJ5HN6ySXUYgBzEij7Qm6NUWeAn/b/YBe4IY="));
    }

    #[test]
    fn a_secret_that_cannot_sign_is_refused() {
        check("", Err(SecretError::Empty));
        check("whsec_", Err(SecretError::Empty));
        check("whsec_not base64!", Err(SecretError::NotBase64));
    }

    #[test]
    fn a_timestamp_is_whole_seconds() {
        assert_eq!(timestamp(Timestamp::from_millis(1_772_406_600_999)), "1772406600");
    }
}
