//! What a box and the gateway above say to each other when the box is enrolled: one request, one answer.
//!
//! Both are signed. The request proves that the box has the key; the answer, that the key whose mark the
//! code holds made it, for this very request.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::{Code, kept};
use crate::{
    domain::{BoxId, Timestamp},
    uplink::{Forged, GatewayKey, PublicKey},
};

/// What a request's signature is of, before its parts.
const ASKS: &str = "xunzhen enrolment request 1\n";

/// What an answer's signature is of, before its parts.
const ANSWERS: &str = "xunzhen enrolment answer 1\n";

/// A box asks to be let in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// The box.
    #[serde(rename = "box")]
    pub name: String,
    /// The secret part of its code.
    pub secret: String,
    /// Its public key, as `ed25519:…`.
    pub key: String,
    /// The life of its log.
    pub epoch: u64,
    /// The same for every attempt with the same code and key.
    pub nonce: String,
    /// Ed25519 by that key over all of it, with the hash of the secret in its place.
    pub signature: String,
}

/// Without the secret.
impl std::fmt::Debug for Asks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asks").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A request whose signature is its key's.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The box.
    pub name: BoxId,
    /// The hash of the code.
    pub code: blake3::Hash,
    /// The box's key.
    pub key: PublicKey,
    /// The life of its log.
    pub epoch: u64,
    /// The hash of the whole request: the same again is the same.
    pub hash: [u8; 32],
}

impl Asks {
    /// What a box says with its code. Said again it is the same, so that a lost answer is given again.
    #[must_use]
    pub fn of(code: &Code, key: &GatewayKey, epoch: u64) -> Self {
        let (name, secret) = (code.name.clone(), code.secret.expose());
        let hash = kept(&name, secret);
        let nonce = blake3::keyed_hash(hash.as_bytes(), key.public().as_bytes());
        let nonce: String = nonce.to_hex().chars().take(32).collect();
        let signed = asked(&name, &hash, &key.public(), (epoch, &nonce));
        Self {
            name: name.to_string(),
            secret: URL_SAFE_NO_PAD.encode(secret),
            key: key.public().to_string(),
            epoch,
            nonce,
            signature: URL_SAFE_NO_PAD.encode(key.sign(&signed)),
        }
    }

    /// Reads it; `None` where a part cannot be read or its signature is not its key's.
    #[must_use]
    pub fn read(&self) -> Option<Asked> {
        let name = BoxId::new(&self.name).ok()?;
        let key: PublicKey = self.key.parse().ok()?;
        let code = kept(&name, &URL_SAFE_NO_PAD.decode(&self.secret).ok()?);
        let signed = asked(&name, &code, &key, (self.epoch, &self.nonce));
        key.verify(&signed, &URL_SAFE_NO_PAD.decode(&self.signature).ok()?).ok()?;
        let hash = *blake3::hash(&signed).as_bytes();
        Some(Asked { name, code, key, epoch: self.epoch, hash })
    }
}

/// The gateway above lets a box in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Answers {
    /// The box.
    #[serde(rename = "box")]
    pub name: String,
    /// The name of the gateway above.
    pub parent: String,
    /// The key with which it signs, as `ed25519:…`.
    pub parent_key: String,
    /// Its authority's certificate, DER in base64.
    pub ca: String,
    /// The box's certificate, DER in base64.
    pub certificate: String,
    /// The certificate's number.
    pub serial: String,
    /// The certificate is good up to this instant.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// What time it is above.
    #[schema(value_type = String)]
    pub said_at: Timestamp,
    /// The box's token of role `device`.
    pub token: String,
    /// Ed25519 by `parent_key` over the request's hash and all of it.
    pub signature: String,
}

/// Without the token.
impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Answers {
    /// Signs it as the answer to a request.
    #[must_use]
    pub fn signed(mut self, request: &[u8; 32], key: &GatewayKey) -> Self {
        self.signature = URL_SAFE_NO_PAD.encode(key.sign(&self.content(request)));
        self
    }

    /// Whether the key that it names made it for this request.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn verify(&self, request: &[u8; 32]) -> Result<PublicKey, Forged> {
        let key: PublicKey = self.parent_key.parse().map_err(|_no_key| Forged)?;
        let signature = URL_SAFE_NO_PAD.decode(&self.signature).map_err(|_invalid| Forged)?;
        key.verify(&self.content(request), &signature)?;
        Ok(key)
    }

    /// Its two certificates: the authority's and the box's.
    #[must_use]
    pub fn certificates(&self) -> Option<(CertificateDer<'static>, CertificateDer<'static>)> {
        let der = |text: &String| URL_SAFE_NO_PAD.decode(text).ok().map(CertificateDer::from);
        Some((der(&self.ca)?, der(&self.certificate)?))
    }

    fn content(&self, request: &[u8; 32]) -> Vec<u8> {
        let (until, said_at) = (self.until.to_string(), self.said_at.to_string());
        let parts = [
            &self.name,
            &self.parent,
            &self.parent_key,
            &self.ca,
            &self.certificate,
            &self.serial,
            &until,
            &said_at,
            &self.token,
        ];
        let parts = parts.map(String::as_bytes);
        sized(ANSWERS, &[&[request.as_slice()], parts.as_slice()].concat())
    }
}

/// Bytes as the answer has them.
#[must_use]
pub fn encoded(certificate: &CertificateDer<'_>) -> String {
    URL_SAFE_NO_PAD.encode(certificate)
}

fn asked(
    name: &BoxId,
    code: &blake3::Hash,
    key: &PublicKey,
    (epoch, nonce): (u64, &str),
) -> Vec<u8> {
    let epoch = epoch.to_be_bytes();
    let parts: [&[u8]; 5] =
        [name.as_str().as_bytes(), code.as_bytes(), key.as_bytes(), &epoch, nonce.as_bytes()];
    sized(ASKS, &parts)
}

fn sized(context: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut all = context.as_bytes().to_vec();
    for part in parts {
        all.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        all.extend_from_slice(part);
    }
    all
}
